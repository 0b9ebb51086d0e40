//! The direction in which a blob is described, so that turned pictures give the same descriptor.

use std::f32::consts::{PI, TAU};

use super::Options;
use super::detector::Blob;
use super::pyramid::Plane;
use super::simd::{BLOCK, angle, dispatched};

/// Bins of the histogram of directions, 10 degrees each (Lowe's figure), the first centred on +x.
const BINS: usize = 36;
/// Standard deviation of the window over which directions are counted, in scales of the blob (Lowe's figure).
const WINDOW: f32 = 1.5;
/// The window ends at this many of its standard deviations.
const REACH: f32 = 3.0;
/// Times that the histogram is smoothed.
const SMOOTHINGS: usize = 2;

/// The main direction of the gradients around a blob and a second one that is nearly as strong, in radians
/// above -pi and up to pi; empty where there is no gradient.
pub fn angles(plane: &Plane<'_>, blob: &Blob, options: &Options) -> impl Iterator<Item = f32> {
    let histogram = smoothed(histogram(plane, blob));
    let mut peaks: Vec<(f32, f32)> = Vec::with_capacity(4);
    for bin in 0..BINS {
        let [left, here, right] = [bin + BINS - 1, bin, bin + 1].map(|i| histogram[i % BINS]);
        if here > left && here >= right {
            let offset = 0.5 * (left - right) / (left - 2.0 * here + right);
            let angle = (bin as f32 + offset) * (TAU / BINS as f32);
            peaks.push((here, if angle > PI { angle - TAU } else { angle }));
        }
    }
    peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
    let least = peaks.first().map_or(0.0, |main| main.0 * options.second_angle);
    let kept = peaks.iter().enumerate().take_while(|&(i, peak)| i == 0 || i < 2 && peak.0 >= least).count();
    peaks.truncate(kept);
    peaks.into_iter().map(|(_, angle)| angle)
}

/// Histograms that take turns: neighbours often have the same direction, and a sum in memory has to wait for the last one.
const TURNS: usize = 4;
/// Gradients in one row of the window.
const ROW_MAX: usize = BLOCK;

dispatched! {
    /// How much gradient there is in each direction around a blob.
    fn histogram(plane: &Plane<'_>, blob: &Blob) -> [f32; BINS] = histogram_plain
}

#[inline(always)]
fn histogram_plain(plane: &Plane<'_>, blob: &Blob) -> [f32; BINS] {
    let mut histograms = [[0.0; BINS + 1]; TURNS];
    let sigma = WINDOW * blob.sigma;
    let reach = (REACH * sigma).min(0.5 * (ROW_MAX - 1) as f32);
    let range = |middle: f32, side: usize| {
        let first = (middle - reach).ceil().max(1.0) as usize;
        first..((middle + reach).floor() as usize).min(side - 2) + 1
    };
    let fade = |offset: f32| (-0.5 * (offset / sigma).powi(2)).exp();
    let columns = range(blob.x, plane.width);
    let fades: [f32; ROW_MAX] = std::array::from_fn(|i| fade((columns.start + i) as f32 - blob.x));
    for y in range(blob.y, plane.height) {
        let (left, right) = (plane.block(columns.start - 1, y), plane.block(columns.start + 1, y));
        let (above, below) = (plane.block(columns.start, y - 1), plane.block(columns.start, y + 1));
        let row_fade = fade(y as f32 - blob.y);
        let (mut weights, mut places) = ([0.0; ROW_MAX], [0.0; ROW_MAX]);
        for i in 0..ROW_MAX {
            let (dx, dy) = (right[i] - left[i], below[i] - above[i]);
            weights[i] = row_fade * fades[i] * (dx * dx + dy * dy).sqrt();
            let place = angle(dy, dx) * (BINS as f32 / TAU);
            places[i] = if place < 0.0 { place + BINS as f32 } else { place };
        }
        // Shared between the two nearest bins: otherwise a plain slope gets its direction to 5 degrees only.
        // What lies beyond the window weighs nothing, and is there to fill up the turns.
        weights.iter_mut().skip(columns.len()).for_each(|weight| *weight = 0.0);
        let turns = columns.len().div_ceil(TURNS);
        let pixels = weights.as_chunks::<TURNS>().0.iter().zip(places.as_chunks::<TURNS>().0);
        for (weights, places) in pixels.take(turns) {
            for (histogram, (&weight, &place)) in histograms.iter_mut().zip(weights.iter().zip(places)) {
                let bin = (place as usize).min(BINS - 1);
                let part = place - bin as f32;
                histogram[bin] += (1.0 - part) * weight;
                histogram[bin + 1] += part * weight;
            }
        }
    }
    let sum = |bin: usize| histograms.iter().map(|histogram| histogram[bin]).sum::<f32>();
    std::array::from_fn(|bin| if bin == 0 { sum(0) + sum(BINS) } else { sum(bin) })
}

fn smoothed(mut histogram: [f32; BINS]) -> [f32; BINS] {
    for _ in 0..SMOOTHINGS {
        let at = |i: usize| histogram[i % BINS];
        histogram = std::array::from_fn(|i| {
            0.375 * at(i) + 0.25 * (at(i + 1) + at(i + BINS - 1)) + 0.0625 * (at(i + 2) + at(i + BINS - 2))
        });
    }
    histogram
}
