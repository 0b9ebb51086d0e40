//! PDQ, the perceptual hash of a whole picture: 256 bits and a quality.
//!
//! Whole-picture copies (recompressed, resized, recoloured, blurred) keep nearly all of these bits, so
//! one comparison of 32 bytes finds them. The algorithm is the one that its authors published
//! (Davis and Rosen, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019):
//! luminance, a two-pass Jarosz filter, 64x64 samples, the 16x16 lowest DCT terms without the constant
//! one, each bit saying whether its term is above their median.
//!
//! Mirrored and turned pictures have DCT terms that differ in sign and order alone, so the eight
//! dihedral forms of a query come from one transform ([`Dct::dihedral`]) and the index keeps one hash.

use std::fmt;

/// Side of the sample grid that the DCT reads.
const GRID: usize = 64;
/// Terms along each axis that make the hash.
const TERMS: usize = 16;
/// Passes of the box filter; two make the tent that Jarosz's paper asks for.
const PASSES: usize = 2;

/// 256 perceptual bits. Printed as the 64 hex digits of the published format, highest bit first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PerceptualHash(pub [u64; 4]);

impl PerceptualHash {
    /// Number of bits in a hash.
    pub const BITS: u32 = 256;

    /// The hash as 32 bytes, in the order in which its hex digits are printed.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0.iter().rev()) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// The hash whose printed digits are these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().rev().zip(bytes.chunks_exact(8)) {
            *word = chunk.iter().fold(0, |acc, &b| acc << 8 | u64::from(b));
        }
        Self(words)
    }

    /// Number of bits in which two hashes differ, 0 to 256.
    #[inline(always)]
    pub fn distance(self, other: Self) -> u32 {
        self.0.iter().zip(other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

impl fmt::Display for PerceptualHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

impl fmt::Debug for PerceptualHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The eight ways in which a picture can be laid on itself: turned by quarters, mirrored or not.
///
/// Named by what was done to the picture: first mirrored left to right where `mirrored`, then turned
/// clockwise by `quarter_turns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Dihedral {
    /// Mirrored left to right, before turning.
    pub mirrored: bool,
    /// Clockwise turns by 90 degrees, 0 to 3.
    pub quarter_turns: u8,
}

impl Dihedral {
    /// All eight, the identity first.
    pub fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(|mirrored| (0..4).map(move |quarter_turns| Self { mirrored, quarter_turns }))
    }
}

/// The 16x16 lowest DCT terms of a picture (row-major, terms 1 to 16 of each axis) and its quality.
pub struct Dct {
    terms: [f32; TERMS * TERMS],
    quality: u8,
}

impl Dct {
    /// Transforms a grey picture of `width` x `height` luminances (0 to 255), row-major, that shows one of
    /// `full_width` x `full_height` pixels at its own size or reduced by averaging.
    ///
    /// `None` where a side is 0 or `luma` does not hold `width * height` values.
    pub fn of_luma(
        luma: &[u8],
        (width, height): (usize, usize),
        (full_width, full_height): (usize, usize),
    ) -> Option<Self> {
        if width == 0 || height == 0 || luma.len() != width.checked_mul(height)? {
            return None;
        }
        let (columns, rows) = (samples(full_width, width), samples(full_height, height));
        let mut grid = [[0.0f32; GRID]; GRID];
        for (grid_row, sample) in grid.iter_mut().zip(&rows) {
            // The rows under the sample in one, then its columns.
            let mut line = vec![0.0f32; width];
            for (row, &weight) in luma.chunks_exact(width).skip(sample.start).zip(&sample.weights) {
                line.iter_mut().zip(row).for_each(|(sum, &value)| *sum += weight * f32::from(value));
            }
            for (value, sample) in grid_row.iter_mut().zip(&columns) {
                let under = line.iter().skip(sample.start);
                *value = under.zip(&sample.weights).map(|(value, weight)| value * weight).sum();
            }
        }
        Some(Self { terms: transform(&grid), quality: quality(&grid) })
    }

    /// How much detail the picture has, 0 to 100: the published measure, a sum of quantised gradients.
    /// Its authors advise against trusting hashes below 50.
    pub fn quality(&self) -> u8 {
        self.quality
    }

    /// The hash of the picture itself.
    pub fn hash(&self) -> PerceptualHash {
        self.dihedral(Dihedral::default())
    }

    /// The hash that the picture would have after `form` was done to it.
    pub fn dihedral(&self, form: Dihedral) -> PerceptualHash {
        let Dihedral { mirrored, quarter_turns } = form;
        let mut terms = [0.0; TERMS * TERMS];
        // Mirroring an axis negates its odd terms; a quarter turn transposes and mirrors.
        let sign = |odd_negates: bool, term: usize| if odd_negates && term.is_multiple_of(2) { -1.0 } else { 1.0 };
        for i in 0..TERMS {
            for j in 0..TERMS {
                // (u, v): where the term stood before the turn, as (row, column).
                let (u, v, flip_u, flip_v) = match quarter_turns % 4 {
                    0 => (i, j, false, false),
                    1 => (j, i, true, false),
                    2 => (i, j, true, true),
                    _ => (j, i, false, true),
                };
                let value = self.terms[u * TERMS + v] * sign(flip_u, u) * sign(flip_v, v);
                terms[i * TERMS + j] = value * sign(mirrored, v);
            }
        }
        threshold(&terms)
    }
}

/// One sample of the grid along one axis: the weights of the pixels from `start` on.
struct Sample {
    start: usize,
    weights: Vec<f32>,
}

/// Sides beyond this are filtered as if they were this long: their windows are 64 pixels and more, and
/// no decoder reads a picture of that many pixels along both sides in time.
const LONGEST: usize = 8192;

/// The samples along a side of `full` pixels that is kept as `reduced` ones.
///
/// The published filter runs over all pixels of the full picture, then 64 of them are read. Filtering
/// and reading are linear, so each sample is one weighted sum; a kept pixel is the mean of those it
/// stands for, so it weighs what they weigh together. Filtering the reduced picture with its own window
/// instead is off by up to half a window: it moved 10 of 138 reference hashes by more than 10 bits.
fn samples(full: usize, reduced: usize) -> Vec<Sample> {
    let full = full.min(LONGEST).max(reduced);
    let window = full.div_ceil(2 * GRID);
    let per_pixel = reduced as f64 / full as f64;
    let sample = |i: usize| {
        let (first, mut weights) = ((2 * i + 1) * full / (2 * GRID), vec![1.0]);
        let mut first = first;
        for _ in 0..PASSES {
            (first, weights) = spread(first, &weights, window, full);
        }
        let start = (first as f64 * per_pixel) as usize;
        let mut kept = vec![0.0f32; ((first + weights.len()) as f64 * per_pixel).ceil() as usize - start];
        for (pixel, weight) in (first..).zip(weights) {
            let (from, to) = (pixel as f64 * per_pixel, (pixel + 1) as f64 * per_pixel);
            // A pixel is no longer than a kept one: it lies in one or across two.
            let (left, right) = (from as usize, to as usize);
            let crossing = if right > left { (right as f64 - from) / per_pixel } else { 1.0 };
            for (at, share) in [(left, crossing), (right, 1.0 - crossing)] {
                if let Some(sum) = kept.get_mut(at - start) {
                    *sum += (weight * share) as f32;
                }
            }
        }
        Sample { start, weights: kept }
    };
    (0..GRID).map(sample).collect()
}

/// The weights of the pixels that went into a weighted sum of box means: pixels from `first` on, each the
/// mean of `window` around it, as the published code lays an even window. At both ends it shrinks.
fn spread(first: usize, weights: &[f64], window: usize, length: usize) -> (usize, Vec<f64>) {
    let ahead = (window + 2) / 2 - 1;
    let span = |pixel: usize| ((pixel + ahead + 1).saturating_sub(window), (pixel + ahead + 1).min(length));
    let (start, end) = (span(first).0, span(first + weights.len() - 1).1);
    // What begins and ends to count at each pixel; the running sum is the weight.
    let mut steps = vec![0.0; end - start + 1];
    for (pixel, weight) in (first..).zip(weights) {
        let (from, to) = span(pixel);
        let mean = weight / (to - from) as f64;
        steps[from - start] += mean;
        steps[to - start] -= mean;
    }
    let mut sum = 0.0;
    let running = steps.iter().take(end - start).map(|step| {
        sum += step;
        sum
    });
    (start, running.collect())
}

/// The published measure: absolute differences of neighbours in whole hundredths, over 90, at most 100.
fn quality(grid: &[[f32; GRID]; GRID]) -> u8 {
    let step = |a: f32, b: f32| ((a - b) * 100.0 / 255.0).trunc().abs() as u32;
    let down: u32 = grid.windows(2).flat_map(|rows| (0..GRID).map(|j| step(rows[0][j], rows[1][j]))).sum();
    let across: u32 = grid.iter().flat_map(|row| row.windows(2).map(|pair| step(pair[0], pair[1]))).sum();
    ((down + across) / 90).min(100) as u8
}

/// D x grid x D', where D is the 16x64 matrix of the DCT without its constant row.
fn transform(grid: &[[f32; GRID]; GRID]) -> [f32; TERMS * TERMS] {
    let scale = (2.0 / GRID as f32).sqrt();
    let mut basis = [[0.0f32; GRID]; TERMS];
    for (i, row) in basis.iter_mut().enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            let angle = std::f64::consts::PI / (2 * GRID) as f64 * (i + 1) as f64 * (2 * j + 1) as f64;
            *value = scale * angle.cos() as f32;
        }
    }
    let mut half = [[0.0f32; GRID]; TERMS];
    for (row, basis_row) in half.iter_mut().zip(&basis) {
        for (grid_row, &weight) in grid.iter().zip(basis_row) {
            row.iter_mut().zip(grid_row).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    let mut terms = [0.0; TERMS * TERMS];
    for (i, half_row) in half.iter().enumerate() {
        for (j, basis_row) in basis.iter().enumerate() {
            terms[i * TERMS + j] = half_row.iter().zip(basis_row).map(|(a, b)| a * b).sum();
        }
    }
    terms
}

/// One bit a term: above the median (the lower of the two middle values, as published) or not.
fn threshold(terms: &[f32; TERMS * TERMS]) -> PerceptualHash {
    let mut sorted = *terms;
    let (_, &mut median, _) = sorted.select_nth_unstable_by(TERMS * TERMS / 2 - 1, f32::total_cmp);
    let mut words = [0u64; 4];
    for (bit, &term) in terms.iter().enumerate() {
        words[bit / 64] |= u64::from(term > median) << (bit % 64);
    }
    PerceptualHash(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drawn scene of overlapping discs and stripes, different for each seed.
    fn scene(width: usize, height: usize, seed: u32) -> Vec<u8> {
        let s = seed as f32;
        (0..width * height)
            .map(|k| {
                let (x, y) = ((k % width) as f32 / width as f32, (k / width) as f32 / height as f32);
                let disc = |cx: f32, cy: f32, r: f32| if (x - cx).hypot(y - cy) < r { 70.0 } else { 0.0 };
                let waves = 50.0 * (1.0 + (x * (9.0 + s) + y * y * 17.0).sin());
                (waves + disc(0.3, 0.2 + 0.03 * s, 0.15) + disc(0.75, 0.6, 0.2) + disc(0.45, 0.85, 0.1)) as u8
            })
            .collect()
    }

    fn dct(luma: &[u8], width: usize, height: usize) -> Dct {
        Dct::of_luma(luma, (width, height), (width, height)).expect("the sides fit the data")
    }

    #[test]
    fn the_bytes_of_a_hash_give_the_hash_back_and_print_as_its_digits() {
        let hash = dct(&scene(160, 120, 3), 160, 120).hash();
        assert_eq!(PerceptualHash::from_bytes(hash.to_bytes()), hash);
        let digits: String = hash.to_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hash.to_string(), digits);
    }

    #[test]
    fn half_of_the_bits_are_set() {
        let hash = dct(&scene(160, 120, 1), 160, 120).hash();
        let ones: u32 = hash.0.iter().map(|w| w.count_ones()).sum();
        assert!((120..=128).contains(&ones), "{ones}");
    }

    #[test]
    fn the_eight_forms_are_the_hashes_of_the_picture_mirrored_and_turned() {
        // At this side the filter's window (3) and the samples (every fifth pixel) are symmetric, so only
        // rounding can differ.
        let side = 320;
        let picture = scene(side, side, 5);
        let original = dct(&picture, side, side);
        for form in Dihedral::all() {
            let mut moved = picture.clone();
            if form.mirrored {
                moved.chunks_exact_mut(side).for_each(<[u8]>::reverse);
            }
            for _ in 0..form.quarter_turns {
                moved = (0..side * side).map(|k| moved[(side - 1 - k % side) * side + k / side]).collect();
            }
            let distance = original.dihedral(form).distance(dct(&moved, side, side).hash());
            assert!(distance <= 2, "{form:?}: {distance} bits");
        }
    }

    #[test]
    fn different_scenes_are_far_apart_and_resized_ones_near() {
        let a = dct(&scene(200, 150, 1), 200, 150).hash();
        assert!(a.distance(dct(&scene(320, 240, 1), 320, 240).hash()) <= 20);
        assert!(a.distance(dct(&scene(200, 150, 8), 200, 150).hash()) > 60);
    }

    /// The published filter as published: running means over whole lines, rows then columns, twice.
    fn filtered(luma: &[u8], width: usize, height: usize) -> Vec<f64> {
        let mut values: Vec<f64> = luma.iter().map(|&value| f64::from(value)).collect();
        let mean = |values: &[f64], at: usize, length: usize, value: &dyn Fn(usize) -> usize| {
            let window = length.div_ceil(2 * GRID);
            let ahead = (window + 2) / 2 - 1;
            let (from, to) = ((at + ahead + 1).saturating_sub(window), (at + ahead + 1).min(length));
            (from..to).map(|i| values[value(i)]).sum::<f64>() / (to - from) as f64
        };
        for _ in 0..PASSES {
            let rows = &values;
            values = (0..width * height).map(|k| mean(rows, k % width, width, &|x| k / width * width + x)).collect();
            let columns = &values;
            values =
                (0..width * height).map(|k| mean(columns, k / width, height, &|y| y * width + k % width)).collect();
        }
        values
    }

    #[test]
    fn at_full_size_a_sample_is_what_filtering_the_whole_picture_gives_there() {
        for (width, height) in [(300, 64), (257, 511), (40, 129), (1, 700), (128, 5)] {
            let picture = scene(width, height, 2);
            let expected = filtered(&picture, width, height);
            let (columns, rows) = (samples(width, width), samples(height, height));
            let read = |row: &Sample, column: &Sample| -> f64 {
                let line = |y: usize| -> f64 {
                    let pixels = picture[y * width..][..width].iter().skip(column.start);
                    pixels.zip(&column.weights).map(|(&value, &weight)| f64::from(value) * f64::from(weight)).sum()
                };
                (row.start..).zip(&row.weights).filter(|(y, _)| *y < height).map(|(y, &w)| line(y) * f64::from(w)).sum()
            };
            for (i, row) in rows.iter().enumerate() {
                for (j, column) in columns.iter().enumerate() {
                    let at = (2 * i + 1) * height / 128 * width + (2 * j + 1) * width / 128;
                    let difference = (read(row, column) - expected[at]).abs();
                    assert!(difference < 0.01, "{width}x{height} sample {i} {j}: {difference}");
                }
            }
        }
    }

    #[test]
    fn a_reduced_picture_hashes_as_the_full_one() {
        let (width, height, factor) = (1200, 800, 4);
        let full = scene(width, height, 4);
        let (small_width, small_height) = (width / factor, height / factor);
        let mean = |k: usize| {
            let (x, y) = (k % small_width * factor, k / small_width * factor);
            let block = (0..factor * factor).map(|i| u32::from(full[(y + i / factor) * width + x + i % factor]));
            ((block.sum::<u32>() + 8) / 16) as u8
        };
        let small: Vec<u8> = (0..small_width * small_height).map(mean).collect();
        let reduced = Dct::of_luma(&small, (small_width, small_height), (width, height)).expect("the sides fit");
        let distance = reduced.hash().distance(dct(&full, width, height).hash());
        assert!(distance <= 4, "{distance} bits");
    }

    #[test]
    fn a_plain_picture_has_no_quality_and_odd_sizes_are_answered() {
        assert_eq!(dct(&vec![128; 64 * 64], 64, 64).quality(), 0);
        let mut sizes = 0;
        for (width, height) in [(1, 1), (1, 1000), (1000, 1), (3, 2), (65, 63)] {
            for full in [(width, height), (0, 0), (usize::MAX, 1), (4001, 4001)] {
                let dct =
                    Dct::of_luma(&vec![9; width * height], (width, height), full).expect("the sides fit the data");
                assert_eq!(dct.quality(), 0, "{width}x{height} of {full:?}");
                sizes += 1;
            }
        }
        assert_eq!(sizes, 20);
        assert!(Dct::of_luma(&[], (0, 5), (0, 5)).is_none());
        assert!(Dct::of_luma(&[1; 5], (2, 3), (2, 3)).is_none());
    }
}
