//! How widely the inliers are spread over what they claim to be common.
//!
//! Different pictures may share a caption, a logo or the frame of a screenshot: there are many inliers then,
//! all right, but in a strip or a corner of the overlap that the map claims. How much of its area they reach
//! is a weak sign, since a real copy has none in its sky either. What tells is the keypoints that were left
//! alone: if the pictures were the same where those are, some among them would agree.

use crate::search::geometry::{Overlap, Point};

/// Cells a side of the grid over the overlap.
const GRID: usize = 8;

/// Share of the cells of a grid over the overlap that hold one of the places, 0 to 1. In the query's pixels.
pub(super) fn cells(overlap: &Overlap, places: &[Point]) -> f32 {
    let fold = |pick: fn(f64, f64) -> f64, start: f64| {
        overlap.outline.iter().fold((start, start), |(x, y), corner| (pick(x, corner.0), pick(y, corner.1)))
    };
    let (corner, far) = (fold(f64::min, f64::INFINITY), fold(f64::max, f64::NEG_INFINITY));
    let (width, height) = ((far.0 - corner.0) / GRID as f64, (far.1 - corner.1) / GRID as f64);
    // Cells that the overlap leaves out do not count, unless an inlier stands in them after all.
    let middle = |i: usize| {
        let (column, row) = ((i % GRID) as f64 + 0.5, (i / GRID) as f64 + 0.5);
        (corner.0 + column * width, corner.1 + row * height)
    };
    let mut counts: [bool; GRID * GRID] = std::array::from_fn(|i| overlap.contains(middle(i)));
    let mut held = [false; GRID * GRID];
    for place in places {
        let at = |offset: f64, cell: f64| ((offset / cell) as usize).min(GRID - 1);
        let i = at(place.1 - corner.1, height) * GRID + at(place.0 - corner.0, width);
        (counts[i], held[i]) = (true, true);
    }
    let count = |cells: &[bool]| cells.iter().filter(|&&cell| cell).count() as f32;
    count(&held) / count(&counts).max(1.0)
}

/// Share of the places that have one of the inliers about as near as there would be one if inliers were spread
/// evenly over an area, 0 to 1; 1 where there is no place. All in the pixels of one picture.
pub(super) fn share(inliers: &[Point], area: f64, places: impl Iterator<Item = Point>) -> f32 {
    let reach = area / inliers.len().max(1) as f64;
    let (mut all, mut covered) = (0u32, 0u32);
    for (x, y) in places {
        let near = |(a, b): &Point| (a - x) * (a - x) + (b - y) * (b - y) <= reach;
        all += 1;
        // Without a way out before the end: it is faster to look at all than to decide each time.
        covered += u32::from(inliers.iter().fold(false, |any, inlier| any | near(inlier)));
    }
    if all == 0 { 1.0 } else { covered as f32 / all as f32 }
}
