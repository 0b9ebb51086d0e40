//! The scale space: the picture blurred ever more, in octaves of half the size each.
//!
//! Octaves are halved by averaging 2x2 pixels, not by dropping every second one: a pixel of any octave
//! then lies in the middle of those it came from, and the pyramid of the mirrored picture is the mirrored
//! pyramid.

use std::cell::RefCell;

use super::Options;
use super::simd::{BLOCK, dispatched};

/// Scales an octave, Lowe's choice.
pub const SCALES: usize = 3;
/// Blurred pictures an octave: extrema of `SCALES` differences need one more difference on each side.
pub const LEVELS: usize = SCALES + 3;
/// Octaves end where a side would fall below this, in pixels: nothing fits between the borders.
pub const SIDE_MIN: usize = 16;
/// Blur that a picture has by itself, in pixels (Lowe's assumption).
const CAMERA: f32 = 0.5;
/// Kernels end at this many standard deviations, where the Gaussian has fallen to 1 % of its height.
const REACH: f32 = 3.0;

thread_local! {
    /// The memory of planes that are gone. Fresh memory comes page by page from the system, which takes a
    /// fifth of the time of describing a picture; a thread that describes many pays for it once.
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}
/// Planes whose memory a thread keeps: about as many as a picture has at once.
const SPARE_MAX: usize = 16;

/// Values in rows, row-major, each row filled up to whole blocks with its last value.
#[derive(Debug)]
pub struct Plane {
    /// Values a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Values from one row to the next: a multiple of [`BLOCK`].
    pub stride: usize,
    /// `stride * height` values, and as many more as let a block start at the last of them.
    pub data: Vec<f32>,
}

impl Plane {
    /// A plane of values that mean nothing yet.
    fn new(width: usize, height: usize) -> Self {
        // An odd number of blocks: rows a power of two apart would compete for the same lines of the cache.
        let stride = (width.div_ceil(BLOCK) | 1) * BLOCK;
        let length = stride * height + BLOCK;
        let mut data = SPARE.try_with(|spare| smallest_of(&mut spare.borrow_mut(), length)).unwrap_or_default();
        data.resize(length, 0.0);
        Self { width, height, stride, data }
    }

    /// The values of row `y`.
    pub fn row(&self, y: usize) -> &[f32] {
        &self.data[y * self.stride..][..self.width]
    }

    /// The block of values from column `x` of row `y`; beyond the row's end they mean nothing.
    #[inline(always)]
    pub fn block(&self, x: usize, y: usize) -> &[f32; BLOCK] {
        // Callers ask for what is there; the constant stands for the impossible.
        self.data[y * self.stride + x..].first_chunk().unwrap_or(&[0.0; BLOCK])
    }

    /// A plane whose rows are written by `fill`.
    fn filled(width: usize, height: usize, mut fill: impl FnMut(usize, &mut [f32])) -> Self {
        let mut plane = Self::new(width, height);
        for (y, row) in plane.data.chunks_exact_mut(plane.stride).take(height).enumerate() {
            let (row, rest) = row.split_at_mut(width);
            fill(y, row);
            rest.fill(row[width - 1]);
        }
        plane
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        // Where the thread is ending, and its spare memory with it, this goes too.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            spare.push(data);
            if spare.len() > SPARE_MAX {
                smallest_of(&mut spare, 0);
            }
        });
    }
}

/// Takes out the smallest that holds `length` values, if any does.
fn smallest_of(spare: &mut Vec<Vec<f32>>, length: usize) -> Vec<f32> {
    let fitting = spare.iter().enumerate().filter(|(_, data)| data.capacity() >= length);
    match fitting.min_by_key(|(_, data)| data.capacity()) {
        Some((i, _)) => spare.swap_remove(i),
        None => Vec::new(),
    }
}

/// One size of the picture at [`LEVELS`] blurs.
pub struct Octave {
    /// Side of one of its pixels in pixels of the picture.
    pub pixel: f32,
    /// The picture blurred, level `i` by `sigma * 2^(i / SCALES)` pixels of this octave. Those above `SCALES`
    /// serve the search for blobs alone.
    pub levels: Vec<Plane>,
}

/// All octaves of a picture of `width` x `height` luminances, the finest first.
///
/// `search` is shown each as soon as it is whole; the levels above `SCALES` are given up after that.
pub fn build(
    luma: &[u8],
    width: usize,
    height: usize,
    options: &Options,
    mut search: impl FnMut(usize, &Octave),
) -> Vec<Octave> {
    let picture = Plane::filled(width, height, |y, row| {
        row.iter_mut().zip(&luma[y * width..]).for_each(|(value, &luma)| *value = f32::from(luma));
    });
    let (picture, mut pixel, blur) =
        if options.upsample { (doubled(&picture), 0.5, 2.0 * CAMERA) } else { (picture, 1.0, CAMERA) };
    let mut base = blurred(&picture, missing(blur, options.sigma));
    let mut blur = options.sigma;
    let mut octaves = Vec::new();
    loop {
        let mut octave = octave(base, pixel, blur, options.sigma);
        search(octaves.len(), &octave);
        octave.levels.truncate(SCALES + 1);
        let (width, height) = (octave.levels[0].width / 2, octave.levels[0].height / 2);
        if width.min(height) < SIDE_MIN {
            octaves.push(octave);
            return octaves;
        }
        base = halved(&octave.levels[SCALES]);
        pixel *= 2.0;
        // Averaging 2x2 pixels adds a variance of a quarter of a pixel of the finer octave.
        blur = (options.sigma.powi(2) + 0.25 / 4.0).sqrt();
        octaves.push(octave);
    }
}

fn octave(base: Plane, pixel: f32, mut blur: f32, sigma: f32) -> Octave {
    let mut levels = vec![base];
    for level in 1..LEVELS {
        let wanted = sigma * 2f32.powf(level as f32 / SCALES as f32);
        levels.push(blurred(&levels[level - 1], missing(blur, wanted)));
        blur = wanted;
    }
    Octave { pixel, levels }
}

/// The blur that takes a picture blurred by `from` to `to`.
fn missing(from: f32, to: f32) -> f32 {
    (to * to - from * from).max(0.01).sqrt()
}

/// Half of a Gaussian's kernel, the middle first; with its mirror image it sums to 1. Its reach is even.
fn kernel(sigma: f32) -> Vec<f32> {
    let radius = (REACH * sigma).ceil() as usize;
    let radius = radius.next_multiple_of(2);
    let mut kernel: Vec<f32> = (0..=radius).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let sum = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    kernel.iter_mut().for_each(|value| *value /= sum);
    kernel
}

/// The plane under a Gaussian, its border values continued outwards.
fn blurred(source: &Plane, sigma: f32) -> Plane {
    let mut result = Plane::new(source.width, source.height);
    blur(source, &kernel(sigma), &mut result);
    result
}

dispatched! {
    /// Writes `source` under a symmetric kernel into `result`, a plane of the same size.
    fn blur(source: &Plane, kernel: &[f32], result: &mut Plane) = blur_plain
}

#[inline(always)]
fn blur_plain(source: &Plane, kernel: &[f32], result: &mut Plane) {
    let (width, stride, radius) = (source.width, source.stride, kernel.len() - 1);
    // One row, blurred from the top down, with room for the kernel on both sides.
    let mut line = vec![0.0; stride + 2 * radius];
    for (y, out) in result.data.chunks_exact_mut(stride).take(source.height).enumerate() {
        let row = |y: usize| &source.data[y * stride..][..stride];
        weighted(kernel, row(y), &mut line[radius..][..stride], |i| {
            (row(y.saturating_sub(i)), row((y + i).min(source.height - 1)))
        });
        let (first, last) = (line[radius], line[radius + width - 1]);
        line[..radius].fill(first);
        line[radius + width..].fill(last);
        let line = |start: usize| &line[start..][..stride];
        weighted(kernel, line(radius), out, |i| (line(radius - i), line(radius + i)));
    }
}

/// Writes the sum of `middle` and of the pairs of lines at each distance, as the kernel weighs them, into `sums`.
///
/// Two pairs a pass: the sums then stay in the nearest cache and are read and written half as often.
#[inline(always)]
fn weighted<'a>(kernel: &[f32], middle: &[f32], sums: &mut [f32], pair: impl Fn(usize) -> (&'a [f32], &'a [f32])) {
    let length = middle.len();
    let sums = &mut sums[..length];
    for i in 0..length {
        sums[i] = kernel[0] * middle[i];
    }
    for first in (1..kernel.len() - 1).step_by(2) {
        let ((a, b), (c, d)) = (pair(first), pair(first + 1));
        let (a, b, c, d) = (&a[..length], &b[..length], &c[..length], &d[..length]);
        let (near, far) = (kernel[first], kernel[first + 1]);
        for i in 0..length {
            sums[i] += near * (a[i] + b[i]) + far * (c[i] + d[i]);
        }
    }
}

/// Half the size, each pixel the mean of 2x2; an odd last row or column is dropped.
fn halved(source: &Plane) -> Plane {
    Plane::filled(source.width / 2, source.height / 2, |y, row| {
        let (upper, lower) = (source.row(2 * y), source.row(2 * y + 1));
        for ((value, a), b) in row.iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2)) {
            *value = 0.25 * ((a[0] + a[1]) + (b[0] + b[1]));
        }
    })
}

/// Twice the size, linearly interpolated: new pixel centres lie a quarter of a pixel off the old ones.
fn doubled(source: &Plane) -> Plane {
    let (width, height) = (source.width, source.height);
    let mut line = vec![0.0; width + 2];
    Plane::filled(2 * width, 2 * height, |y, row| {
        let near = source.row(y / 2);
        let far = source.row(if y % 2 == 0 { (y / 2).saturating_sub(1) } else { (y / 2 + 1).min(height - 1) });
        let middle = line[1..=width].iter_mut();
        middle.zip(near).zip(far).for_each(|((value, near), far)| *value = 0.75 * near + 0.25 * far);
        (line[0], line[width + 1]) = (line[1], line[width]);
        for (pair, values) in row.as_chunks_mut::<2>().0.iter_mut().zip(line.windows(3)) {
            *pair = [0.75 * values[1] + 0.25 * values[0], 0.75 * values[1] + 0.25 * values[2]];
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(width: usize, height: usize) -> Plane {
        Plane::filled(width, height, |y, row| {
            let value = |x: usize| (((y * width + x) as u32).wrapping_mul(2_654_435_761) >> 24) as f32;
            row.iter_mut().enumerate().for_each(|(x, slot)| *slot = value(x));
        })
    }

    #[test]
    fn blurring_is_the_same_to_the_bit_with_and_without_wide_instructions() {
        for (width, height) in [(1, 1), (31, 5), (64, 64), (131, 40)] {
            let source = noise(width, height);
            for sigma in [0.5, 1.5, 3.1] {
                let mut plain = Plane::new(width, height);
                blur_plain(&source, &kernel(sigma), &mut plain);
                assert_eq!(plain.data, blurred(&source, sigma).data);
            }
        }
    }

    #[test]
    fn blurring_is_what_its_definition_says() {
        let source = noise(50, 20);
        let half = kernel(1.7);
        let weight = |i: i32| f64::from(half[i.unsigned_abs() as usize]);
        let reach = half.len() as i32 - 1;
        let result = blurred(&source, 1.7);
        for (x, y) in [(0, 0), (25, 10), (49, 19), (48, 3)] {
            let mut sum = 0.0;
            for (i, j) in (-reach..=reach).flat_map(|i| (-reach..=reach).map(move |j| (i, j))) {
                let value = source.row((y + j).clamp(0, 19) as usize)[(x + i).clamp(0, 49) as usize];
                sum += weight(i) * weight(j) * f64::from(value);
            }
            assert!((f64::from(result.row(y as usize)[x as usize]) - sum).abs() < 1e-3);
        }
    }
}
