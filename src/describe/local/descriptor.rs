//! What a blob's surroundings look like: 4x4 cells of gradient directions in 8 bins.
//!
//! The blurred picture is sampled on a fixed grid laid turned and scaled over the blob, and gradients are
//! taken between the samples. All weights are then constants, the inner loops run over whole rows without
//! branches, and the grid is symmetric, so that mirroring reorders the bins exactly.

use std::f32::consts::TAU;
use std::sync::LazyLock;

use super::DESCRIPTOR;
use super::detector::Blob;
use super::pyramid::Plane;
use super::simd::{angle, dispatched};

/// Cells along a side.
const CELLS: usize = 4;
/// Orientations a cell.
const BINS: usize = 8;
/// Gradients along a side of the grid. It reaches half a cell beyond the outer cells' edges, as far as they
/// take part in the interpolation.
const GRID: usize = 16;
/// Samples along a side: the grid and one place around it.
const SAMPLES: usize = GRID + 2;
/// The middle of the samples.
const MIDDLE: f32 = 0.5 * (SAMPLES - 1) as f32;
/// Cells that the grid spans.
const SPAN: f32 = CELLS as f32 + 1.0;
/// Standard deviation of the window that fades the outer gradients, in cells: half the descriptor's side (Lowe).
const WINDOW: f32 = 0.5 * CELLS as f32;
/// The greatest share of one bin before the square root is taken, against single strong edges (Lowe).
const CLAMP: f32 = 0.2;
/// Length of a descriptor: the largest values just fit into a byte.
const LENGTH: f32 = 512.0;

/// How much each row (or column) of the grid counts for each row (or column) of cells.
static WEIGHTS: LazyLock<[[f32; GRID]; CELLS]> = LazyLock::new(|| {
    std::array::from_fn(|cell| {
        std::array::from_fn(|i| {
            let place = (i as f32 + 0.5) * SPAN / GRID as f32 - 0.5 * SPAN;
            let middle = cell as f32 + 0.5 - 0.5 * CELLS as f32;
            (1.0 - (place - middle).abs()).max(0.0) * (-0.5 * (place / WINDOW).powi(2)).exp()
        })
    })
});

dispatched! {
    /// The descriptor of a blob of `plane`, its frame turned by `turn`, with cells of `cell` scales a side.
    pub fn describe(plane: &Plane<'_>, blob: &Blob, turn: f32, cell: f32) -> [u8; DESCRIPTOR] = describe_plain
}

#[inline(always)]
fn describe_plain(plane: &Plane<'_>, blob: &Blob, turn: f32, cell: f32) -> [u8; DESCRIPTOR] {
    let samples = sampled(plane, blob, turn, cell * blob.sigma * SPAN / GRID as f32);
    let weights = &*WEIGHTS;
    let mut rows = [[[0.0f32; GRID]; BINS]; CELLS];
    for y in 0..GRID {
        let mut magnitude = [0.0f32; GRID];
        let mut place = [0.0f32; GRID];
        for x in 0..GRID {
            let dx = samples[y + 1][x + 2] - samples[y + 1][x];
            let dy = samples[y + 2][x + 1] - samples[y][x + 1];
            magnitude[x] = (dx * dx + dy * dy).sqrt();
            place[x] = angle(dy, dx) * (BINS as f32 / TAU);
        }
        for bin in 0..BINS {
            let mut share = [0.0f32; GRID];
            for x in 0..GRID {
                let apart = (place[x] - bin as f32).abs();
                let other_way = (BINS as f32 - apart).abs();
                let near = 1.0 - if other_way < apart { other_way } else { apart };
                share[x] = if near > 0.0 { near * magnitude[x] } else { 0.0 };
            }
            for (row, weights) in rows.iter_mut().zip(weights) {
                if weights[y] > 0.0 {
                    row[bin].iter_mut().zip(&share).for_each(|(sum, share)| *sum += weights[y] * share);
                }
            }
        }
    }
    // From here on the eight bins are what is reckoned at once: a sum across a register takes longer than the turn.
    let mut histogram = [0.0; DESCRIPTOR];
    for (row, cells) in rows.iter().zip(histogram.as_chunks_mut::<{ CELLS * BINS }>().0) {
        let mut columns = [[0.0f32; BINS]; GRID];
        for (bin, row) in row.iter().enumerate() {
            columns.iter_mut().zip(row).for_each(|(column, value)| column[bin] = *value);
        }
        for (cell, weights) in cells.as_chunks_mut::<BINS>().0.iter_mut().zip(weights) {
            let mut sums = [0.0f32; BINS];
            for (column, weight) in columns.iter().zip(weights) {
                for bin in 0..BINS {
                    sums[bin] += weight * column[bin];
                }
            }
            *cell = sums;
        }
    }
    quantised(histogram)
}

/// The blurred picture on the grid and one place around it, interpolated; its border values continue outwards.
#[inline(always)]
fn sampled(plane: &Plane<'_>, blob: &Blob, turn: f32, spacing: f32) -> [[f32; SAMPLES]; SAMPLES] {
    let (sin, cos) = turn.sin_cos();
    let (sin, cos) = (sin * spacing, cos * spacing);
    let (right, bottom) = ((plane.width - 1) as f32, (plane.height - 1) as f32);
    let (left_most, top_most) = ((plane.width - 2) as i32, (plane.height - 2) as i32);
    let stride = plane.stride;
    let mut samples = [[0.0; SAMPLES]; SAMPLES];
    for (j, row) in samples.iter_mut().enumerate() {
        let v = j as f32 - MIDDLE;
        let (mut starts, mut across, mut down) = ([0i32; SAMPLES], [0.0f32; SAMPLES], [0.0f32; SAMPLES]);
        for i in 0..SAMPLES {
            let u = i as f32 - MIDDLE;
            let x = within(blob.x + (u * cos - v * sin), right);
            let y = within(blob.y + (u * sin + v * cos), bottom);
            let (left, top) = ((x as i32).min(left_most), (y as i32).min(top_most));
            (across[i], down[i]) = (x - left as f32, y - top as f32);
            starts[i] = top * stride as i32 + left;
        }
        for i in 0..SAMPLES {
            let four = &plane.data[starts[i] as usize..][..stride + 2];
            let above = four[0] + across[i] * (four[1] - four[0]);
            let below = four[stride] + across[i] * (four[stride + 1] - four[stride]);
            row[i] = above + down[i] * (below - above);
        }
    }
    samples
}

/// `value` moved between 0 and `most`.
#[inline(always)]
fn within(value: f32, most: f32) -> f32 {
    let value = if value > 0.0 { value } else { 0.0 };
    if value < most { value } else { most }
}

/// Square roots of the shares of the bins, as bytes.
fn quantised(mut histogram: [f32; DESCRIPTOR]) -> [u8; DESCRIPTOR] {
    let length = histogram.iter().map(|value| value * value).sum::<f32>().sqrt();
    histogram.iter_mut().for_each(|value| *value = value.min(CLAMP * length));
    let sum = histogram.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    histogram.map(|value| (LENGTH * (value / sum).sqrt() + 0.5) as u8)
}
