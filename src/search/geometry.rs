//! Which pixel of the source shows what a pixel of the query shows.

use crate::describe::hash::Dihedral;

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

    /// Source pixels a query pixel: the root of the ratio of areas.
    pub fn scale(&self) -> f64 {
        self.determinant().abs().sqrt()
    }

    /// Where the query's point shows in the source.
    pub fn apply(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let [[a, b, c], [d, e, f]] = self.matrix;
        (a * x + b * y + c, d * x + e * y + f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_laying_a_picture_on_itself_takes_corners_to_corners_and_turns_as_it_says() {
        let mut seen = 0;
        for form in Dihedral::all() {
            let source = if form.quarter_turns % 2 == 0 { (80, 60) } else { (60, 80) };
            let whole = Transform::whole(form, (40, 30), source);
            let (right, bottom) = (f64::from(source.0), f64::from(source.1));
            let corners = [(0.0, 0.0), (40.0, 0.0), (0.0, 30.0), (40.0, 30.0)].map(|corner| whole.apply(corner));
            for corner in [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom)] {
                assert!(corners.contains(&corner), "{form:?}: {corner:?} in {corners:?}");
            }
            assert_eq!(whole.mirrored(), form.mirrored, "{form:?}");
            assert!((whole.scale() - 2.0).abs() < 1e-9);
            let clockwise = -whole.rotation_deg().round() as i32;
            assert_eq!(clockwise.rem_euclid(360), 90 * i32::from(form.quarter_turns), "{form:?}");
            seen += 1;
        }
        assert_eq!(seen, 8);
    }
}
