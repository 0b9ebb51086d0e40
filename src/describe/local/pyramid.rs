//! The scale space: the picture blurred ever more, in octaves of half the size each.
//!
//! Octaves are halved by averaging 2x2 pixels, not by dropping every second one: a pixel of any octave
//! then lies in the middle of those it came from, and the pyramid of the mirrored picture is the mirrored
//! pyramid.

use super::Options;
use super::memory::Arena;
use super::simd::{BLOCK, wide};

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

/// Values in rows, row-major, each row filled up to whole blocks with its last value.
#[derive(Debug)]
pub struct Plane<'a> {
    /// Values a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Values from one row to the next: a multiple of [`BLOCK`].
    pub stride: usize,
    /// `stride * height` values, and as many more as let a block start at the last of them.
    pub data: &'a mut [f32],
}

/// Values from one row to the next of a plane whose rows have `width`. An odd number of blocks: rows a power of two apart would
/// compete for the same lines of the cache.
fn stride(width: usize) -> usize {
    (width.div_ceil(BLOCK) | 1) * BLOCK
}

/// Values that a plane of this size takes.
fn length(width: usize, height: usize) -> usize {
    stride(width) * height + BLOCK
}

impl<'a> Plane<'a> {
    /// A plane of values that mean nothing yet.
    fn new(arena: &mut Arena<'a>, width: usize, height: usize) -> Self {
        Self { width, height, stride: stride(width), data: arena.take(length(width, height)) }
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

    /// The plane with its rows written by `fill`.
    fn filled(self, mut fill: impl FnMut(usize, &mut [f32])) -> Self {
        for (y, row) in self.data.chunks_exact_mut(self.stride).take(self.height).enumerate() {
            let (row, rest) = row.split_at_mut(self.width);
            fill(y, row);
            rest.fill(row[self.width - 1]);
        }
        self
    }
}

/// One size of the picture at [`LEVELS`] blurs.
pub struct Octave<'a> {
    /// Side of one of its pixels in pixels of the picture.
    pub pixel: f32,
    /// The picture blurred, level `i` by `sigma * 2^(i / SCALES)` pixels of this octave. Those above `SCALES`
    /// serve the search for blobs alone.
    pub levels: Vec<Plane<'a>>,
}

/// Values that [`build`] takes at most.
pub fn room(width: usize, height: usize, options: &Options) -> usize {
    let finest = if options.upsample { (2 * width, 2 * height) } else { (width, height) };
    let halves = std::iter::successors(Some(finest), |&(width, height)| Some((width / 2, height / 2)));
    let octaves = halves.take_while(|&(width, height)| width.min(height) >= SIDE_MIN);
    let levels = octaves.map(|(width, height)| LEVELS * length(width, height)).sum::<usize>();
    // The picture, twice its size, two at half of that from which levels are doubled, and a line with its margins for each
    // level: no blur reaches further than four times the first.
    let line = stride(finest.0) + 2 * reach(4.0 * options.sigma).next_multiple_of(BLOCK);
    let passing = length(width, height) + length(finest.0, finest.1) + 2 * length(finest.0 / 2, finest.1 / 2);
    levels + passing + LEVELS * line
}

/// All octaves of a picture of `width` x `height` luminances, the finest first.
///
/// `search` is shown each as soon as it is whole; the levels above `SCALES` are given up after that.
pub fn build<'a>(
    luma: &[u8],
    width: usize,
    height: usize,
    options: &Options,
    arena: &mut Arena<'a>,
    mut search: impl FnMut(usize, &Octave<'a>),
) -> Vec<Octave<'a>> {
    let mut picture = Plane::new(arena, width, height).filled(|y, row| {
        row.iter_mut().zip(&luma[y * width..]).for_each(|(value, &luma)| *value = f32::from(luma));
    });
    let (mut pixel, mut blur) = (1.0, CAMERA);
    if options.upsample {
        let twice = doubled(arena, &picture, 2 * width, 2 * height);
        arena.give(std::mem::replace(&mut picture, twice).data);
        (pixel, blur) = (0.5, 2.0 * CAMERA);
    }
    let mut base = blurred(arena, &picture, missing(blur, options.sigma));
    arena.give(picture.data);
    let mut blur = options.sigma;
    let mut octaves = Vec::new();
    loop {
        let (mut octave, next) = octave(arena, base, pixel, blur, options.sigma);
        search(octaves.len(), &octave);
        octave.levels.drain(SCALES + 1..).for_each(|level| arena.give(level.data));
        octaves.push(octave);
        let Some(next) = next else { return octaves };
        base = next;
        pixel *= 2.0;
        blur = halved_blur(options.sigma);
    }
}

/// The octave that begins with `base`, and the base of the next one, if there is one.
fn octave<'a>(
    arena: &mut Arena<'a>,
    base: Plane<'a>,
    pixel: f32,
    mut blur: f32,
    sigma: f32,
) -> (Octave<'a>, Option<Plane<'a>>) {
    let (width, height) = (base.width, base.height);
    let wanted = |level: usize| sigma * 2f32.powf(level as f32 / SCALES as f32);
    let has_next = (width / 2).min(height / 2) >= SIDE_MIN;
    let mut levels = vec![base];
    for level in 1..if has_next { SCALES + 1 } else { LEVELS } {
        levels.push(blurred(arena, &levels[level - 1], missing(blur, wanted(level))));
        blur = wanted(level);
    }
    if !has_next {
        return (Octave { pixel, levels }, None);
    }
    // What is above is so blurred that half the size holds all of it: a quarter of the pixels, and kernels half as long.
    let next = halved(arena, &levels[SCALES]);
    let (mut half, mut blur) = (None, halved_blur(sigma));
    for level in SCALES + 1..LEVELS {
        let wanted = (0.25 * wanted(level).powi(2) - DOUBLED).sqrt();
        let finer = blurred(arena, half.as_ref().unwrap_or(&next), missing(blur, wanted));
        levels.push(doubled(arena, &finer, width, height));
        half.replace(finer).into_iter().for_each(|plane: Plane<'_>| arena.give(plane.data));
        blur = wanted;
    }
    half.into_iter().for_each(|plane| arena.give(plane.data));
    (Octave { pixel, levels }, Some(next))
}

/// Variance that [`doubled`] adds, in squared pixels of what it doubles: weights of 3/4 and 1/4 at distances of 1/4 and 3/4.
const DOUBLED: f32 = 0.1875;

/// Blur of the base of an octave, in its pixels, where the finer octave's level was blurred by twice `sigma` of its own.
/// Averaging 2x2 pixels adds a variance of a quarter of a pixel of the finer octave.
fn halved_blur(sigma: f32) -> f32 {
    (sigma.powi(2) + 0.25 / 4.0).sqrt()
}

/// The blur that takes a picture blurred by `from` to `to`.
fn missing(from: f32, to: f32) -> f32 {
    (to * to - from * from).max(0.01).sqrt()
}

/// How far a kernel reaches, in pixels: an even number.
fn reach(sigma: f32) -> usize {
    ((REACH * sigma).ceil() as usize).next_multiple_of(2)
}

/// Half of a Gaussian's kernel, the middle first; with its mirror image it sums to 1.
fn kernel(sigma: f32) -> Vec<f32> {
    let mut kernel: Vec<f32> = (0..=reach(sigma)).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let sum = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    kernel.iter_mut().for_each(|value| *value /= sum);
    kernel
}

/// The plane under a Gaussian, its border values continued outwards.
fn blurred<'a>(arena: &mut Arena<'a>, source: &Plane<'_>, sigma: f32) -> Plane<'a> {
    let kernel = kernel(sigma);
    let margin = (kernel.len() - 1).next_multiple_of(BLOCK);
    let line = arena.take(source.stride + 2 * margin);
    let result = Plane::new(arena, source.width, source.height);
    blur(source, &kernel, line, result.data);
    arena.give(line);
    result
}

wide! {
    /// Writes `source` under a symmetric kernel into `result`, a plane of the same size. `line` is room for one row, and
    /// for the kernel on both sides.
    fn blur(source: &Plane<'_>, kernel: &[f32], line: &mut [f32], result: &mut [f32]) = blur_plain
}

#[inline(always)]
fn blur_plain(source: &Plane<'_>, kernel: &[f32], line: &mut [f32], result: &mut [f32]) {
    let (width, stride, height) = (source.width, source.stride, source.height);
    let margin = (line.len() - stride) / 2;
    for (y, out) in result.chunks_exact_mut(stride).take(height).enumerate() {
        let row = |y: usize| &source.data[y * stride..][..stride];
        weighted(kernel, row(y), &mut line[margin..][..stride], |i| {
            (row(y.saturating_sub(i)), row((y + i).min(height - 1)))
        });
        let (first, last) = (line[margin], line[margin + width - 1]);
        line[..margin].fill(first);
        line[margin + width..].fill(last);
        let line = |start: usize| &line[start..][..stride];
        weighted(kernel, line(margin), out, |i| (line(margin - i), line(margin + i)));
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
fn halved<'a>(arena: &mut Arena<'a>, source: &Plane<'_>) -> Plane<'a> {
    Plane::new(arena, source.width / 2, source.height / 2).filled(|y, row| {
        let (upper, lower) = (source.row(2 * y), source.row(2 * y + 1));
        for ((value, a), b) in row.iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2)) {
            *value = 0.25 * ((a[0] + a[1]) + (b[0] + b[1]));
        }
    })
}

/// Twice the size, or a row and a column more, linearly interpolated: new pixel centres lie a quarter of a pixel off the old
/// ones.
fn doubled<'a>(arena: &mut Arena<'a>, source: &Plane<'_>, width: usize, height: usize) -> Plane<'a> {
    let line = arena.take(source.stride + 2 * BLOCK);
    let result = Plane::new(arena, width, height);
    double(source, line, width, result.data);
    arena.give(line);
    result
}

wide! {
    /// Writes `source` at twice its size into `result`, whose rows have `width` values. `line` is room for one row and margins.
    fn double(source: &Plane<'_>, line: &mut [f32], width: usize, result: &mut [f32]) = double_plain
}

#[inline(always)]
fn double_plain(source: &Plane<'_>, line: &mut [f32], width: usize, result: &mut [f32]) {
    let last = source.height - 1;
    let stride = stride(width);
    for (y, row) in result.chunks_exact_mut(stride).enumerate() {
        let near = source.row((y / 2).min(last));
        let far = source.row(if y % 2 == 0 { (y / 2).saturating_sub(1) } else { y / 2 + 1 }.min(last));
        let line = &mut line[..near.len() + 2];
        for (i, value) in line[1..=near.len()].iter_mut().enumerate() {
            *value = 0.75 * near[i] + 0.25 * far[i];
        }
        (line[0], line[near.len() + 1]) = (line[1], line[near.len()]);
        let pairs = row.as_chunks_mut::<2>().0;
        let (before, here, after) = (&line[..near.len()], &line[1..], &line[2..]);
        for i in 0..near.len().min(pairs.len()) {
            pairs[i] = [0.75 * here[i] + 0.25 * before[i], 0.75 * here[i] + 0.25 * after[i]];
        }
        let filled = width.min(2 * near.len());
        let value = row[filled - 1];
        row[filled..].fill(value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory;
    use super::*;

    fn noise<'a>(arena: &mut Arena<'a>, width: usize, height: usize) -> Plane<'a> {
        Plane::new(arena, width, height).filled(|y, row| {
            let value = |x: usize| (((y * width + x) as u32).wrapping_mul(2_654_435_761) >> 24) as f32;
            row.iter_mut().enumerate().for_each(|(x, slot)| *slot = value(x));
        })
    }

    #[test]
    fn blurring_and_doubling_are_the_same_to_the_bit_with_and_without_wide_instructions() {
        for (width, height) in [(1, 1), (31, 5), (64, 64), (131, 40)] {
            memory::with(1 << 20, |mut arena| {
                let source = noise(&mut arena, width, height);
                for sigma in [0.5, 1.5, 3.1] {
                    let (mut line, mut plain) = (vec![0.0; source.stride + 2 * BLOCK], vec![0.0; source.data.len()]);
                    blur_plain(&source, &kernel(sigma), &mut line, &mut plain);
                    let blurred = blurred(&mut arena, &source, sigma);
                    (0..height).for_each(|y| assert_eq!(plain[y * source.stride..][..width], *blurred.row(y)));
                }
                let twice = doubled(&mut arena, &source, 2 * width + 1, 2 * height + 1);
                let (mut line, mut plain) = (vec![0.0; source.stride + 2 * BLOCK], vec![0.0; twice.data.len()]);
                double_plain(&source, &mut line, twice.width, &mut plain);
                (0..twice.height).for_each(|y| assert_eq!(plain[y * twice.stride..][..twice.width], *twice.row(y)));
            });
        }
    }

    #[test]
    fn levels_at_half_the_size_are_those_at_the_whole() {
        memory::with(1 << 22, |mut arena| {
            // As blurred as all that is made into octaves.
            let rough = noise(&mut arena, 301, 207);
            let base = blurred(&mut arena, &rough, 1.6);
            let mut level = Plane { data: arena.take(base.data.len()), ..base };
            level.data.copy_from_slice(base.data);
            let (octave, next) = octave(&mut arena, base, 1.0, 1.6, 1.6);
            assert!(next.is_some() && octave.levels.len() == LEVELS);
            let blur = |level: usize| 1.6 * 2f32.powf(level as f32 / SCALES as f32);
            let mut most = [0.0f32; LEVELS];
            for (number, most) in most.iter_mut().enumerate().skip(1) {
                level = blurred(&mut arena, &level, missing(blur(number - 1), blur(number)));
                let rows = (8..level.height - 8).map(|y| (level.row(y), octave.levels[number].row(y)));
                let apart = rows.flat_map(|(a, b)| (8..level.width - 8).map(move |x| (a[x] - b[x]).abs()));
                *most = apart.fold(0.0, f32::max);
            }
            // Grey levels, of noise that fills all 256; a blob counts from 0.4.
            assert!(most[..=SCALES].iter().all(|&apart| apart == 0.0), "{most:?}");
            assert!(most[SCALES + 1..].iter().all(|&apart| apart < 0.2), "{most:?}");
        });
    }

    #[test]
    fn blurring_is_what_its_definition_says() {
        memory::with(1 << 20, |mut arena| {
            let source = noise(&mut arena, 50, 20);
            let half = kernel(1.7);
            let weight = |i: i32| f64::from(half[i.unsigned_abs() as usize]);
            let reach = half.len() as i32 - 1;
            let result = blurred(&mut arena, &source, 1.7);
            for (x, y) in [(0, 0), (25, 10), (49, 19), (48, 3)] {
                let mut sum = 0.0;
                for (i, j) in (-reach..=reach).flat_map(|i| (-reach..=reach).map(move |j| (i, j))) {
                    let value = source.row((y + j).clamp(0, 19) as usize)[(x + i).clamp(0, 49) as usize];
                    sum += weight(i) * weight(j) * f64::from(value);
                }
                assert!((f64::from(result.row(y as usize)[x as usize]) - sum).abs() < 1e-3);
            }
        });
    }
}
