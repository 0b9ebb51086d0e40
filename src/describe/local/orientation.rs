//! The direction in which a blob is described, so that turned pictures give the same descriptor.

use std::f32::consts::{PI, TAU};

use super::Options;
use super::detector::Blob;
use super::pyramid::Plane;

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
pub fn angles(plane: &Plane, blob: &Blob, options: &Options) -> impl Iterator<Item = f32> {
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

fn histogram(plane: &Plane, blob: &Blob) -> [f32; BINS] {
    let mut histogram = [0.0; BINS];
    let sigma = WINDOW * blob.sigma;
    let reach = REACH * sigma;
    let range = |middle: f32, side: usize| {
        let first = (middle - reach).ceil().max(1.0) as usize;
        first..=((middle + reach).floor() as usize).min(side - 2)
    };
    for y in range(blob.y, plane.height) {
        let (above, row, below) = (plane.row(y - 1), plane.row(y), plane.row(y + 1));
        for x in range(blob.x, plane.width) {
            let (dx, dy) = (row[x + 1] - row[x - 1], below[x] - above[x]);
            let distance = (x as f32 - blob.x).powi(2) + (y as f32 - blob.y).powi(2);
            let weight = (-0.5 * distance / (sigma * sigma)).exp() * (dx * dx + dy * dy).sqrt();
            // Shared between the two nearest bins: otherwise a plain slope gets its direction to 5 degrees only.
            let place = (dy.atan2(dx) / TAU + 1.0) * BINS as f32;
            let (bin, part) = (place as usize, place.fract());
            histogram[bin % BINS] += (1.0 - part) * weight;
            histogram[(bin + 1) % BINS] += part * weight;
        }
    }
    histogram
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
