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
    /// Transforms a grey picture of `width` x `height` luminances (0 to 255), row-major.
    ///
    /// `None` where a side is 0 or `luma` does not hold `width * height` values.
    pub fn of_luma(mut luma: Vec<f32>, width: usize, height: usize) -> Option<Self> {
        if width == 0 || height == 0 || luma.len() != width.checked_mul(height)? {
            return None;
        }
        let mut scratch = vec![0.0; luma.len()];
        for _ in 0..PASSES {
            for (line, out) in luma.chunks_exact(width).zip(scratch.chunks_exact_mut(width)) {
                box_filter(line, out, 1, width, window(width));
            }
            for column in 0..width {
                box_filter(&scratch[column..], &mut luma[column..], width, height, window(height));
            }
        }
        let sample = |i: usize, side: usize| (2 * i + 1) * side / (2 * GRID);
        let mut grid = [[0.0f32; GRID]; GRID];
        for (i, row) in grid.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value = luma[sample(i, height) * width + sample(j, width)];
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

/// Window of the box filter that brings `side` down to the grid, as published.
fn window(side: usize) -> usize {
    side.div_ceil(2 * GRID)
}

/// Running mean over `window` values of a strided line; at both ends the window shrinks.
fn box_filter(input: &[f32], output: &mut [f32], stride: usize, length: usize, window: usize) {
    let window = window.min(length);
    let ahead = (window + 2) / 2 - 1;
    let (mut sum, mut count) = (0.0f32, 0.0f32);
    for &value in input.iter().step_by(stride).take(ahead.min(length)) {
        sum += value;
        count += 1.0;
    }
    for i in 0..length {
        if i + ahead < length {
            sum += input[(i + ahead) * stride];
            count += 1.0;
        }
        if i + ahead >= window {
            sum -= input[(i + ahead - window) * stride];
            count -= 1.0;
        }
        output[i * stride] = sum / count;
    }
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
    fn scene(width: usize, height: usize, seed: u32) -> Vec<f32> {
        let s = seed as f32;
        (0..width * height)
            .map(|k| {
                let (x, y) = ((k % width) as f32 / width as f32, (k / width) as f32 / height as f32);
                let disc = |cx: f32, cy: f32, r: f32| if (x - cx).hypot(y - cy) < r { 70.0 } else { 0.0 };
                60.0 * (1.0 + (x * (9.0 + s) + y * y * 17.0).sin())
                    + disc(0.3, 0.2 + 0.03 * s, 0.15)
                    + disc(0.75, 0.6, 0.2)
                    + disc(0.45, 0.85, 0.1)
            })
            .collect()
    }

    fn dct(luma: Vec<f32>, width: usize, height: usize) -> Dct {
        Dct::of_luma(luma, width, height).expect("the sides fit the data")
    }

    #[test]
    fn the_bytes_of_a_hash_give_the_hash_back_and_print_as_its_digits() {
        let hash = dct(scene(160, 120, 3), 160, 120).hash();
        assert_eq!(PerceptualHash::from_bytes(hash.to_bytes()), hash);
        let digits: String = hash.to_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hash.to_string(), digits);
    }

    #[test]
    fn half_of_the_bits_are_set() {
        let hash = dct(scene(160, 120, 1), 160, 120).hash();
        let ones: u32 = hash.0.iter().map(|w| w.count_ones()).sum();
        assert!((120..=128).contains(&ones), "{ones}");
    }

    #[test]
    fn the_eight_forms_are_the_hashes_of_the_picture_mirrored_and_turned() {
        // At this side the filter's window (3) and the samples (every fifth pixel) are symmetric, so only
        // rounding can differ.
        let side = 320;
        let picture = scene(side, side, 5);
        let original = dct(picture.clone(), side, side);
        for form in Dihedral::all() {
            let mut moved = picture.clone();
            if form.mirrored {
                moved.chunks_exact_mut(side).for_each(<[f32]>::reverse);
            }
            for _ in 0..form.quarter_turns {
                moved = (0..side * side).map(|k| moved[(side - 1 - k % side) * side + k / side]).collect();
            }
            let distance = original.dihedral(form).distance(dct(moved, side, side).hash());
            assert!(distance <= 2, "{form:?}: {distance} bits");
        }
    }

    #[test]
    fn different_scenes_are_far_apart_and_resized_ones_near() {
        let a = dct(scene(200, 150, 1), 200, 150).hash();
        assert!(a.distance(dct(scene(320, 240, 1), 320, 240).hash()) <= 20);
        assert!(a.distance(dct(scene(200, 150, 8), 200, 150).hash()) > 60);
    }

    #[test]
    fn a_plain_picture_has_no_quality_and_odd_sizes_are_answered() {
        assert_eq!(dct(vec![128.0; 64 * 64], 64, 64).quality(), 0);
        for (width, height) in [(1, 1), (1, 1000), (1000, 1), (3, 2), (65, 63)] {
            dct(vec![9.0; width * height], width, height);
        }
        assert!(Dct::of_luma(Vec::new(), 0, 5).is_none());
        assert!(Dct::of_luma(vec![1.0; 5], 2, 3).is_none());
    }
}
