//! Which pixel of the source shows what a pixel of the query shows, and how much of each the two share.
//!
//! Affine maps are what people are told and what most edits are; a homography is needed for pictures of
//! pictures. Everything that is asked of both is answered once, by [`Homography`].

mod homography;
mod overlap;

#[cfg(test)]
mod tests;

pub use homography::Homography;
pub use overlap::Overlap;

use crate::describe::hash::Dihedral;

/// A position in pixels: x to the right, y downwards.
pub type Point = (f64, f64);

/// Width and height in pixels.
pub type Size = (f64, f64);

/// An affine map from query pixels to source pixels; origin top left, x right, y down, both pictures upright.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// Row-major: `x' = m[0][0] x + m[0][1] y + m[0][2]`, `y' = m[1][0] x + m[1][1] y + m[1][2]`.
    pub matrix: [[f64; 3]; 2],
}

impl Transform {
    /// The map that lays the whole query, done `form` to, on the whole source. Sizes in pixels.
    pub fn whole(form: Dihedral, query: (u32, u32), source: (u32, u32)) -> Self {
        let (w, h) = (f64::from(query.0.max(1)), f64::from(query.1.max(1)));
        let (x, y) = if form.mirrored { ([-1.0, 0.0, w], [0.0, 1.0, 0.0]) } else { ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]) };
        let minus = |side: f64, [a, b, c]: [f64; 3]| [-a, -b, side - c];
        // A clockwise quarter turn takes (x, y) to (height - y, x).
        let ((x, width), (y, height)) = match form.quarter_turns % 4 {
            0 => ((x, w), (y, h)),
            1 => ((minus(h, y), h), (x, w)),
            2 => ((minus(w, x), w), (minus(h, y), h)),
            _ => ((y, h), (minus(w, x), w)),
        };
        let scaled = |factor: f64, row: [f64; 3]| row.map(|value| value * factor + 0.0);
        Self { matrix: [scaled(f64::from(source.0) / width, x), scaled(f64::from(source.1) / height, y)] }
    }

    fn determinant(&self) -> f64 {
        let [[a, b, _], [c, d, _]] = self.matrix;
        a * d - b * c
    }

    /// Whether the source is a mirror image of the query.
    pub fn mirrored(&self) -> bool {
        self.determinant() < 0.0
    }

    /// The turn from query to source in degrees, counterclockwise, -180 to 180; of a mirrored pair, after
    /// the query was mirrored left to right.
    pub fn rotation_deg(&self) -> f64 {
        let [[a, b, _], [c, d, _]] = self.matrix;
        let (a, c) = if self.mirrored() { (-a, -c) } else { (a, c) };
        // The nearest rotation to the matrix. Adding 0 makes -0 plain.
        (-(c - b).atan2(a + d)).to_degrees() + 0.0
    }

    /// Whether it turns by a quarter, a half or not at all, as nearly as a perceptual hash forgives.
    pub fn is_upright(&self) -> bool {
        const FORGIVEN_DEG: f64 = 2.0;
        let beyond = self.rotation_deg().rem_euclid(90.0);
        beyond.min(90.0 - beyond) <= FORGIVEN_DEG
    }

    /// Source pixels a query pixel: the root of the ratio of areas.
    pub fn scale(&self) -> f64 {
        self.determinant().abs().sqrt()
    }

    /// Where the query's point shows in the source.
    pub fn apply(&self, (x, y): Point) -> Point {
        let [[a, b, c], [d, e, f]] = self.matrix;
        (a * x + b * y + c, d * x + e * y + f)
    }

    /// The larger of the two scales at right angles that the map is made of, over the smaller: 1 for a
    /// similarity, 2 for a picture stretched to twice its width, infinite where the map is flat.
    pub fn stretch(&self) -> f64 {
        let [[a, b, _], [c, d, _]] = self.matrix;
        // The singular values of a 2x2 matrix are the sum and the difference of these two radii.
        let (similar, opposed) = ((a + d).hypot(c - b) / 2.0, (a - d).hypot(b + c) / 2.0);
        let smaller = (similar - opposed).abs();
        if smaller > 0.0 { (similar + opposed) / smaller } else { f64::INFINITY }
    }

    /// From source to query; `None` where the map flattens the picture.
    pub fn inverse(&self) -> Option<Self> {
        let [[a, b, x], [c, d, y]] = self.matrix;
        let determinant = self.determinant();
        let [a, b, c, d] = [d, -b, -c, a].map(|value| value / determinant);
        let matrix = [[a, b, -(a * x + b * y)], [c, d, -(c * x + d * y)]];
        matrix.iter().flatten().all(|value| value.is_finite()).then_some(Self { matrix })
    }

    /// This map, followed by `next`.
    pub fn then(&self, next: &Self) -> Self {
        let row = |[a, b, c]: [f64; 3]| {
            let [first, second] = self.matrix;
            let sum = |i: usize| a * first[i] + b * second[i];
            [sum(0), sum(1), sum(2) + c]
        };
        Self { matrix: next.matrix.map(row) }
    }

    /// For the query as it came, where this map is for the query mirrored left to right. Width in pixels.
    pub fn mirror_query(&self, width: f64) -> Self {
        Self { matrix: [[-1.0, 0.0, width], [0.0, 1.0, 0.0]] }.then(self)
    }

    /// The same map between pictures of other sizes: `query` and `source` are the new width and height over
    /// the old ones, for example of the full picture over those of the reduced one.
    pub fn rescaled(&self, query: Size, source: Size) -> Self {
        let row = |[a, b, c]: [f64; 3], factor: f64| [a * factor / query.0, b * factor / query.1, c * factor];
        let [x, y] = self.matrix;
        Self { matrix: [row(x, source.0), row(y, source.1)] }
    }

    /// What a query and a source of these sizes in pixels have in common.
    pub fn overlap(&self, query: Size, source: Size) -> Overlap {
        Homography::from(*self).overlap(query, source)
    }
}
