//! How widely the inliers are spread over what they claim to be common.
//!
//! Different pictures may share a caption, a logo or the frame of a screenshot: there are many inliers then,
//! all right, but in a strip or a corner of the overlap that the map claims.

use super::fit::Member;
use crate::search::geometry::{Overlap, Point, area};

/// Cells a side of the grid over the overlap.
const GRID: usize = 8;

/// Area of the convex hull of the members' query places over the overlap's, and share of the cells that hold
/// one, both 0 to 1.
pub(super) fn of(overlap: &Overlap, members: &[Member]) -> (f32, f32) {
    let places: Vec<Point> =
        members.iter().map(|(pair, _)| (f64::from(pair.query[0]), f64::from(pair.query[1]))).collect();
    let hull = area(&hull(places.clone())) / area(&overlap.outline);
    let spread = if hull.is_finite() { hull.min(1.0) as f32 } else { 0.0 };
    let mut cells = Cells::over(overlap);
    for &place in &places {
        cells.mark(place);
    }
    (spread, cells.share())
}

/// A grid over the box around the overlap.
struct Cells {
    corner: Point,
    cell: Point,
    /// Whether a cell counts, and whether it holds an inlier.
    cells: [(bool, bool); GRID * GRID],
}

impl Cells {
    fn over(overlap: &Overlap) -> Self {
        let fold = |pick: fn(f64, f64) -> f64, start: f64| {
            overlap.outline.iter().fold((start, start), |(x, y), corner| (pick(x, corner.0), pick(y, corner.1)))
        };
        let (corner, far) = (fold(f64::min, f64::INFINITY), fold(f64::max, f64::NEG_INFINITY));
        let cell = ((far.0 - corner.0) / GRID as f64, (far.1 - corner.1) / GRID as f64);
        let counts = |i: usize| {
            let (column, row) = ((i % GRID) as f64 + 0.5, (i / GRID) as f64 + 0.5);
            overlap.contains((corner.0 + column * cell.0, corner.1 + row * cell.1))
        };
        Self { corner, cell, cells: std::array::from_fn(|i| (counts(i), false)) }
    }

    fn mark(&mut self, place: Point) {
        let at = |value: f64, corner: f64, cell: f64| (((value - corner) / cell) as usize).min(GRID - 1);
        let i = at(place.1, self.corner.1, self.cell.1) * GRID + at(place.0, self.corner.0, self.cell.0);
        if let Some(cell) = self.cells.get_mut(i) {
            *cell = (true, true);
        }
    }

    fn share(&self) -> f32 {
        let count = |which: fn(&(bool, bool)) -> bool| self.cells.iter().filter(|cell| which(cell)).count();
        count(|cell| cell.1) as f32 / count(|cell| cell.0).max(1) as f32
    }
}

/// The convex hull of points, corner by corner (Andrew's monotone chain, 1979).
fn hull(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut corners: Vec<Point> = Vec::with_capacity(points.len() + 1);
    for pass in 0..2 {
        let start = corners.len();
        for &point in &points {
            while let [.., a, b] = corners[start..]
                && (b.0 - a.0) * (point.1 - a.1) <= (b.1 - a.1) * (point.0 - a.0)
            {
                corners.pop();
            }
            corners.push(point);
        }
        corners.pop();
        if pass == 0 {
            points.reverse();
        }
    }
    corners
}
