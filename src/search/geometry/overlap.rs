//! What two pictures have in common: a convex polygon, found by clipping.
//!
//! The source's borders are pulled back into the query, where each is a straight line even under a
//! homography: so nothing is ever projected from near the horizon, where numbers explode.

use super::homography::dot;
use super::{Homography, Point, Size};

/// The part of the query that shows in the source.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Overlap {
    /// Its corners in query pixels, in order; a convex polygon, empty where nothing is shared.
    pub outline: Vec<Point>,
    /// Share of the query's area that the source shows, 0 to 1.
    pub query: f64,
    /// Share of the source's area that the query shows, 0 to 1.
    pub source: f64,
}

/// Points nearer to the horizon than this share of the query's farthest corner are taken to lie beyond it.
/// 1e-6: a picture is never seen at a millionth of its scale; only division by zero has to be kept away.
const HORIZON: f64 = 1e-6;

impl Overlap {
    /// Whether a query point lies in it; points on its border do.
    pub fn contains(&self, (x, y): Point) -> bool {
        let Some(&(mut before)) = self.outline.last() else { return false };
        let (mut left, mut right) = (false, false);
        for &corner in &self.outline {
            let side = (corner.0 - before.0) * (y - before.1) - (corner.1 - before.1) * (x - before.0);
            left |= side < 0.0;
            right |= side > 0.0;
            before = corner;
        }
        left != right
    }
}

pub(super) fn of(map: &Homography, query: Size, source: Size) -> Overlap {
    let corners = [(0.0, 0.0), (query.0, 0.0), query, (0.0, query.1)];
    let [x, y, w] = map.matrix;
    let farthest = corners.iter().map(|&corner| dot(w, corner)).fold(0.0, f64::max);
    let beyond = |row: [f64; 3], side: f64| [0, 1, 2].map(|i| side * w[i] - row[i]);
    let horizon = [w[0], w[1], w[2] - HORIZON * farthest];
    let borders = [horizon, x, y, beyond(x, source.0), beyond(y, source.1)];
    let outline = borders.iter().fold(corners.to_vec(), |polygon, &border| clip(&polygon, border));
    let shown: Vec<_> = outline.iter().filter_map(|&corner| map.apply(corner)).collect();
    let share = |polygon: &[Point], (width, height): Size| {
        let share = area(polygon) / (width * height);
        if share.is_finite() { share.min(1.0) } else { 0.0 }
    };
    let (query, source) = (share(&outline, query), share(&shown, source));
    if query > 0.0 && source > 0.0 { Overlap { outline, query, source } } else { Overlap::default() }
}

/// The part of a convex polygon where `border . (x, y, 1)` is not below 0 (Sutherland and Hodgman, 1974).
fn clip(polygon: &[Point], border: [f64; 3]) -> Vec<Point> {
    let mut kept = Vec::with_capacity(polygon.len() + 1);
    let Some(&last) = polygon.last() else { return kept };
    let (mut before, mut depth_before) = (last, dot(border, last));
    for &corner in polygon {
        let depth = dot(border, corner);
        if (depth >= 0.0) != (depth_before >= 0.0) {
            let share = depth_before / (depth_before - depth);
            kept.push((before.0 + share * (corner.0 - before.0), before.1 + share * (corner.1 - before.1)));
        }
        if depth >= 0.0 {
            kept.push(corner);
        }
        (before, depth_before) = (corner, depth);
    }
    kept
}

/// Area of a polygon in square pixels, whichever way round its corners run.
fn area(polygon: &[Point]) -> f64 {
    let Some(&(mut before)) = polygon.last() else { return 0.0 };
    let mut twice = 0.0;
    for &corner in polygon {
        twice += before.0 * corner.1 - before.1 * corner.0;
        before = corner;
    }
    twice.abs() / 2.0
}
