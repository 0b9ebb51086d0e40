//! The scan for extremes: pixels of the scale space that none of their 26 neighbours exceeds.
//!
//! It reads every pixel of every level, so it runs over blocks without branches and leaves the few that
//! pass to [`super::detector`]. Differences are formed here from the blurred pictures: a subtraction costs
//! less than writing and reading another plane.

use super::pyramid::{LEVELS, Octave, Plane, SCALES};
use super::simd::wide;

/// Pixels along the border in which nothing is looked for: there is too little around to describe.
pub const BORDER: usize = 5;
/// Differences of neighbouring levels.
const DIFFERENCES: usize = LEVELS - 1;

/// A pixel of an octave's difference `level`: level `level + 1` minus level `level`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Which difference, 1 to `SCALES`.
    pub level: usize,
    /// Column.
    pub x: usize,
    /// Row.
    pub y: usize,
}

wide! {
    /// Appends the pixels that differ from 0 by at least `least` and by no less than all around them.
    pub fn find(octave: &Octave<'_>, least: f32, peaks: &mut Vec<Peak>) = find_plain
}

#[inline(always)]
fn find_plain(octave: &Octave<'_>, least: f32, peaks: &mut Vec<Peak>) {
    let (width, height) = (octave.levels[0].width, octave.levels[0].height);
    let mut columns: [Extremes; DIFFERENCES] = std::array::from_fn(|_| Extremes::new(width));
    let mut around = Extremes::new(width);
    let mut marks = vec![0u8; width.next_multiple_of(8)];
    for y in BORDER..height - BORDER {
        for (columns, levels) in columns.iter_mut().zip(octave.levels.windows(2)) {
            let (fine, coarse) = (three_rows(&levels[0], y), three_rows(&levels[1], y));
            of_differences(fine, coarse, &mut columns.greatest, &mut columns.least);
        }
        for level in 1..=SCALES {
            of_three(&columns[level - 1..level + 2], &mut around.greatest, &mut around.least);
            let (fine, coarse) = (octave.levels[level].row(y), octave.levels[level + 1].row(y));
            mark(fine, coarse, &around, least, &mut marks[1..width - 1]);
            for (group, eight) in marks.as_chunks::<8>().0.iter().enumerate() {
                if u64::from_ne_bytes(*eight) != 0 {
                    let marked = (8 * group..).zip(eight).filter(|&(_, &mark)| mark != 0).map(|(x, _)| x);
                    let inside = marked.filter(|&x| x >= BORDER && x < width - BORDER);
                    peaks.extend(inside.map(|x| Peak { level, x, y }));
                }
            }
        }
    }
}

fn three_rows<'a>(plane: &'a Plane<'_>, y: usize) -> [&'a [f32]; 3] {
    [plane.row(y - 1), plane.row(y), plane.row(y + 1)]
}

/// The greatest and the least of what lies above each other, along a row.
struct Extremes {
    greatest: Vec<f32>,
    least: Vec<f32>,
}

impl Extremes {
    fn new(length: usize) -> Self {
        Self { greatest: vec![0.0; length], least: vec![0.0; length] }
    }
}

// Results are arguments of their own, so that the compiler knows them apart from what is read.

/// The extremes of three rows of `coarse` minus `fine`.
#[inline(always)]
fn of_differences(fine: [&[f32]; 3], coarse: [&[f32]; 3], greatest: &mut [f32], least: &mut [f32]) {
    let length = greatest.len();
    let least = &mut least[..length];
    let (a, b, c) = (&fine[0][..length], &fine[1][..length], &fine[2][..length]);
    let (d, e, f) = (&coarse[0][..length], &coarse[1][..length], &coarse[2][..length]);
    for x in 0..length {
        let (above, here, below) = (d[x] - a[x], e[x] - b[x], f[x] - c[x]);
        greatest[x] = greater(greater(above, here), below);
        least[x] = less(less(above, here), below);
    }
}

/// The extremes of those of three differences.
#[inline(always)]
fn of_three(columns: &[Extremes], greatest: &mut [f32], least: &mut [f32]) {
    let length = greatest.len();
    let least = &mut least[..length];
    let (a, b, c) = (&columns[0].greatest[..length], &columns[1].greatest[..length], &columns[2].greatest[..length]);
    let (d, e, f) = (&columns[0].least[..length], &columns[1].least[..length], &columns[2].least[..length]);
    for x in 0..length {
        greatest[x] = greater(greater(a[x], b[x]), c[x]);
        least[x] = less(less(d[x], e[x]), f[x]);
    }
}

/// Marks the pixels of a row of `coarse` minus `fine`, from the second to the last but one, that are extremes.
#[inline(always)]
fn mark(fine: &[f32], coarse: &[f32], around: &Extremes, contrast: f32, marks: &mut [u8]) {
    let length = marks.len();
    let (fine, coarse) = (&fine[1..][..length], &coarse[1..][..length]);
    let (high, low) = (&around.greatest[..length + 2], &around.least[..length + 2]);
    for x in 0..length {
        let value = coarse[x] - fine[x];
        let greatest = greater(greater(high[x], high[x + 1]), high[x + 2]);
        let least = less(less(low[x], low[x + 1]), low[x + 2]);
        let bright = (value >= greatest) & (value >= contrast);
        let dark = (value <= least) & (value <= -contrast);
        marks[x] = u8::from(bright | dark);
    }
}

// Comparisons rather than f32::max and f32::min, whose rules for what is not a number cost three instructions.
#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn less(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}
