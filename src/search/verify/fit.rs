//! Maps fitted to pairs by least squares, and the pairs that agree with a map.

use super::Options;
use super::pairs::Pair;
use crate::search::geometry::{Homography, Point, Transform};

/// A pair and how much it counts.
pub(super) type Member<'a> = (&'a Pair, f32);

/// How much a pair's scale and angle say about the map, as a distance in query pixels: where pairs lie
/// nearer together than this, their frames decide, else their places. A frame is good to about a tenth
/// (6 degrees, 10 %), a place to a pixel or less.
const FRAME: f64 = 6.0;

fn point([x, y]: [f32; 2]) -> Point {
    (f64::from(x), f64::from(y))
}

/// Weighted means of the places in the query and in the source, and the sum of weights.
fn middle(members: &[Member]) -> (Point, Point, f64) {
    let mut sums = [0.0; 5];
    for (pair, weight) in members {
        let (weight, (qx, qy), (sx, sy)) = (f64::from(*weight), point(pair.query), point(pair.source));
        for (sum, value) in sums.iter_mut().zip([qx, qy, sx, sy, 1.0]) {
            *sum += weight * value;
        }
    }
    let [qx, qy, sx, sy, total] = sums;
    ((qx / total, qy / total), (sx / total, sy / total), total)
}

/// The mean of the similarity transforms that the members propose, without its shift.
pub(super) fn frame(members: &[Member]) -> Option<Transform> {
    let (mut cos, mut sin, mut total) = (0.0, 0.0, 0.0);
    for (pair, weight) in members {
        let (weight, (along, across)) = (f64::from(*weight), point(pair.turn));
        cos += weight * f64::from(pair.ratio) * along;
        sin += weight * f64::from(pair.ratio) * across;
        total += weight;
    }
    let (cos, sin) = (cos / total, sin / total);
    (cos.is_finite() && sin.is_finite()).then_some(Transform { matrix: [[cos, -sin, 0.0], [sin, cos, 0.0]] })
}

/// The affine map that takes the members' query places nearest to their source places; where those leave it
/// open (too few, on a line), it stays near `before`.
pub(super) fn affine(members: &[Member], before: Option<Transform>) -> Option<Transform> {
    let (query, source, total) = middle(members);
    let hold = if before.is_some() { total * FRAME * FRAME } else { 0.0 };
    let [[a, b, _], [c, d, _]] = before.map_or([[0.0; 3]; 2], |before| before.matrix);
    let mut spread = [hold, 0.0, hold];
    let mut moved = [[hold * a, hold * b], [hold * c, hold * d]];
    for (pair, weight) in members {
        let (weight, (qx, qy), (sx, sy)) = (f64::from(*weight), point(pair.query), point(pair.source));
        let (x, y) = (qx - query.0, qy - query.1);
        let (wx, wy) = (weight * x, weight * y);
        spread[0] += wx * x;
        spread[1] += wx * y;
        spread[2] += wy * y;
        for (row, off) in moved.iter_mut().zip([sx - source.0, sy - source.1]) {
            row[0] += wx * off;
            row[1] += wy * off;
        }
    }
    let [xx, xy, yy] = spread;
    let determinant = xx * yy - xy * xy;
    let row = |[x, y]: [f64; 2], to: f64| {
        let (a, b) = ((x * yy - y * xy) / determinant, (y * xx - x * xy) / determinant);
        [a, b, to - a * query.0 - b * query.1]
    };
    let matrix = [row(moved[0], source.0), row(moved[1], source.1)];
    matrix.iter().flatten().all(|value| value.is_finite()).then_some(Transform { matrix })
}

/// The homography that takes the members' query places nearest to their source places, one step from `before`.
///
/// Linear least squares (the direct linear transform) in coordinates about the members' middle; errors are
/// divided by the depth that `before` gives each member, so that they are distances in source pixels.
pub(super) fn homography(members: &[Member], before: &Homography) -> Option<Homography> {
    let (query, source, total) = middle(members);
    let mut squares = (0.0, 0.0);
    for (pair, weight) in members {
        let (weight, (qx, qy), (sx, sy)) = (f64::from(*weight), point(pair.query), point(pair.source));
        squares.0 += weight * ((qx - query.0).powi(2) + (qy - query.1).powi(2));
        squares.1 += weight * ((sx - source.0).powi(2) + (sy - source.1).powi(2));
    }
    let (query_unit, source_unit) = ((squares.0 / total).sqrt(), (squares.1 / total).sqrt());
    let depth_of = |(x, y): Point| before.matrix[2][0] * x + before.matrix[2][1] * y + before.matrix[2][2];
    let mut normal = [[0.0; 9]; 8];
    for (pair, weight) in members {
        let ((qx, qy), (sx, sy)) = (point(pair.query), point(pair.source));
        let depth = depth_of((qx, qy)) / depth_of(query);
        let weight = f64::from(*weight) / (depth * depth);
        let (x, y) = ((qx - query.0) / query_unit, (qy - query.1) / query_unit);
        let (u, v) = ((sx - source.0) / source_unit, (sy - source.1) / source_unit);
        for row in [[x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u], [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v]] {
            for (i, line) in normal.iter_mut().enumerate() {
                let left = weight * row[i];
                for (cell, right) in line[i..].iter_mut().zip(&row[i..]) {
                    *cell += left * right;
                }
            }
        }
    }
    let [a, b, c, d, e, f, g, h] = solve(normal)?;
    let from_query = Transform { matrix: [[1.0, 0.0, -query.0], [0.0, 1.0, -query.1]] };
    let from_query = from_query.rescaled((1.0, 1.0), (1.0 / query_unit, 1.0 / query_unit));
    let to_source = Transform { matrix: [[source_unit, 0.0, source.0], [0.0, source_unit, source.1]] };
    let inner = Homography { matrix: [[a, b, c], [d, e, f], [g, h, 1.0]] };
    let map = Homography::from(from_query).then(&inner).then(&to_source.into());
    map.matrix.iter().flatten().all(|value| value.is_finite()).then_some(map)
}

/// Solves eight linear equations whose matrix is symmetric and positive definite, given from the diagonal
/// to the right, the right side being the last column (elimination without pivoting, which such matrices
/// allow).
fn solve(mut rows: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for i in 0..8 {
        let pivot = rows[i];
        if pivot[i].is_nan() || pivot[i] < 1e-12 {
            return None;
        }
        for k in i + 1..8 {
            let factor = pivot[k] / pivot[i];
            for (value, above) in rows[k][k..].iter_mut().zip(&pivot[k..]) {
                *value -= factor * above;
            }
        }
    }
    let mut solved = [0.0; 8];
    for i in (0..8).rev() {
        let known: f64 = (i + 1..8).map(|k| rows[i][k] * solved[k]).sum();
        solved[i] = (rows[i][8] - known) / rows[i][i];
    }
    Some(solved)
}

/// A pair that agrees with a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreeing {
    /// Its place in the list of pairs.
    pub pair: usize,
    /// Square of its distance from where the map takes it over that of its tolerance: 0 to 1.
    pub off: f32,
}

impl Agreeing {
    /// As a member of the next fit: the nearer and the more precise, the heavier.
    pub fn member<'a>(&self, pairs: &'a [Pair]) -> Member<'a> {
        let pair = &pairs[self.pair];
        (pair, (1.0 - 0.9 * self.off) / (pair.tolerance * pair.tolerance))
    }
}

/// The pairs within `step` times their tolerance of where the map takes them, turned and sized as it says.
pub(super) fn agreeing(pairs: &[Pair], map: &Homography, step: f32, options: &Options) -> Vec<Agreeing> {
    let [first, second, third] = map.matrix.map(|row| row.map(|value| value as f32));
    let (cos_least, scale_most) = (options.angle.cos(), options.scale * options.scale);
    let mut found = Vec::new();
    for (i, pair) in pairs.iter().enumerate() {
        let ([x, y], [u, v]) = (pair.query, pair.source);
        let depth = third[0] * x + third[1] * y + third[2];
        let (to_x, to_y) =
            ((first[0] * x + first[1] * y + first[2]) / depth, (second[0] * x + second[1] * y + second[2]) / depth);
        let (off_x, off_y) = (to_x - u, to_y - v);
        let off = (off_x * off_x + off_y * off_y) / (step * step * pair.tolerance * pair.tolerance);
        if !(depth > 0.0 && off <= 1.0) {
            continue;
        }
        // The affine map that touches the homography here says how the keypoint's frame is turned and sized.
        let (a, b) = ((first[0] - to_x * third[0]) / depth, (first[1] - to_x * third[1]) / depth);
        let (c, d) = ((second[0] - to_y * third[0]) / depth, (second[1] - to_y * third[1]) / depth);
        let [ux, uy] = pair.query_axis;
        let (along_x, along_y) = (a * ux + b * uy, c * ux + d * uy);
        let turn = along_x * pair.source_axis[0] + along_y * pair.source_axis[1];
        let turned_alike = turn >= cos_least * (along_x * along_x + along_y * along_y).sqrt();
        let (area, proposed) = (a * d - b * c, pair.ratio * pair.ratio);
        if turned_alike && proposed <= area * scale_most && area <= proposed * scale_most {
            found.push(Agreeing { pair: i, off });
        }
    }
    found
}
