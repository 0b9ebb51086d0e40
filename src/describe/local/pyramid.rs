//! The scale space: the picture blurred ever more, in octaves of half the size each.
//!
//! Octaves are halved by averaging 2x2 pixels, not by dropping every second one: a pixel of any octave
//! then lies in the middle of those it came from, and the pyramid of the mirrored picture is the mirrored
//! pyramid.

use super::Options;

/// Scales an octave, Lowe's choice.
pub const SCALES: usize = 3;
/// Blurred pictures an octave: extrema of `SCALES` differences need one more on each side.
pub const LEVELS: usize = SCALES + 3;
/// Octaves end where a side would fall below this, in pixels: nothing fits between the borders.
pub const SIDE_MIN: usize = 16;
/// Blur that a picture has by itself, in pixels (Lowe's assumption).
const CAMERA: f32 = 0.5;
/// Kernels end where the Gaussian has fallen to 1 % of its height.
const REACH: f32 = 3.0;

/// Values in rows, row-major.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Values a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` values.
    pub data: Vec<f32>,
}

impl Plane {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, data: vec![0.0; width * height] }
    }

    /// The values of row `y`.
    pub fn row(&self, y: usize) -> &[f32] {
        &self.data[y * self.width..(y + 1) * self.width]
    }
}

/// One size of the picture at [`LEVELS`] blurs.
pub struct Octave {
    /// Side of one of its pixels in pixels of the picture.
    pub pixel: f32,
    /// The picture blurred, level `i` by `sigma * 2^(i / SCALES)` pixels of this octave.
    pub levels: Vec<Plane>,
    /// Level `i + 1` minus level `i`.
    pub differences: Vec<Plane>,
}

/// All octaves of a picture of `width` x `height` luminances, the finest first.
pub fn build(luma: &[u8], width: usize, height: usize, options: &Options) -> Vec<Octave> {
    let picture = Plane { width, height, data: luma.iter().map(|&value| f32::from(value)).collect() };
    let (base, mut pixel, mut blur) =
        if options.upsample { (doubled(&picture), 0.5, 2.0 * CAMERA) } else { (picture, 1.0, CAMERA) };
    let mut octaves = Vec::new();
    let mut base = blurred(&base, missing(blur, options.sigma));
    blur = options.sigma;
    loop {
        let octave = octave(base, pixel, blur, options.sigma);
        let half = halved(&octave.levels[SCALES]);
        octaves.push(octave);
        if half.width.min(half.height) < SIDE_MIN {
            return octaves;
        }
        // Averaging 2x2 pixels adds a variance of a quarter of a pixel of the finer octave.
        blur = (options.sigma.powi(2) + 0.25 / 4.0).sqrt();
        (base, pixel) = (half, 2.0 * pixel);
    }
}

fn octave(base: Plane, pixel: f32, mut blur: f32, sigma: f32) -> Octave {
    let mut levels = vec![base];
    let mut differences = Vec::with_capacity(LEVELS - 1);
    for level in 1..LEVELS {
        let wanted = sigma * 2f32.powf(level as f32 / SCALES as f32);
        let next = blurred(&levels[level - 1], missing(blur, wanted));
        let mut difference = next.clone();
        difference.data.iter_mut().zip(&levels[level - 1].data).for_each(|(value, before)| *value -= before);
        differences.push(difference);
        levels.push(next);
        blur = wanted;
    }
    Octave { pixel, levels, differences }
}

/// The blur that takes a picture blurred by `from` to `to`.
fn missing(from: f32, to: f32) -> f32 {
    (to * to - from * from).max(0.01).sqrt()
}

/// Half of a Gaussian's kernel, the middle first; with its mirror image it sums to 1.
fn kernel(sigma: f32) -> Vec<f32> {
    let radius = (REACH * sigma).ceil() as usize;
    let mut kernel: Vec<f32> = (0..=radius).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let sum = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    kernel.iter_mut().for_each(|value| *value /= sum);
    kernel
}

/// The plane under a Gaussian, its border values continued outwards.
fn blurred(source: &Plane, sigma: f32) -> Plane {
    let kernel = kernel(sigma);
    let (width, height, radius) = (source.width, source.height, kernel.len() - 1);
    let mut result = Plane::new(width, height);
    let mut line = vec![0.0; width + 2 * radius];
    for (y, out) in result.data.chunks_exact_mut(width).enumerate() {
        let middle = &mut line[radius..radius + width];
        middle.iter_mut().zip(source.row(y)).for_each(|(sum, value)| *sum = kernel[0] * value);
        for (i, weight) in kernel.iter().enumerate().skip(1) {
            let above = source.row(y.saturating_sub(i));
            let below = source.row((y + i).min(height - 1));
            for ((sum, a), b) in middle.iter_mut().zip(above).zip(below) {
                *sum += weight * (a + b);
            }
        }
        let (first, last) = (middle[0], middle[width - 1]);
        line[..radius].fill(first);
        line[radius + width..].fill(last);
        out.iter_mut().zip(&line[radius..]).for_each(|(sum, value)| *sum = kernel[0] * value);
        for (i, weight) in kernel.iter().enumerate().skip(1) {
            for ((sum, a), b) in out.iter_mut().zip(&line[radius - i..]).zip(&line[radius + i..]) {
                *sum += weight * (a + b);
            }
        }
    }
    result
}

/// Half the size, each pixel the mean of 2x2; an odd last row or column is dropped.
fn halved(source: &Plane) -> Plane {
    let (width, height) = (source.width / 2, source.height / 2);
    let mut result = Plane::new(width, height);
    for (y, out) in result.data.chunks_exact_mut(width.max(1)).enumerate() {
        let (upper, lower) = (source.row(2 * y), source.row(2 * y + 1));
        for ((value, a), b) in out.iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2)) {
            *value = 0.25 * ((a[0] + a[1]) + (b[0] + b[1]));
        }
    }
    result
}

/// Twice the size, linearly interpolated: new pixel centres lie a quarter of a pixel off the old ones.
fn doubled(source: &Plane) -> Plane {
    let (width, height) = (source.width, source.height);
    let mut result = Plane::new(2 * width, 2 * height);
    let mut line = vec![0.0; width];
    for (y, out) in result.data.chunks_exact_mut(2 * width).enumerate() {
        let near = source.row(y / 2);
        let far = source.row(if y % 2 == 0 { (y / 2).saturating_sub(1) } else { (y / 2 + 1).min(height - 1) });
        line.iter_mut().zip(near).zip(far).for_each(|((value, near), far)| *value = 0.75 * near + 0.25 * far);
        for (x, pair) in out.chunks_exact_mut(2).enumerate() {
            pair[0] = 0.75 * line[x] + 0.25 * line[x.saturating_sub(1)];
            pair[1] = 0.75 * line[x] + 0.25 * line[(x + 1).min(width - 1)];
        }
    }
    result
}
