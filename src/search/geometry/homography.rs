//! The map between two views of a plane: a picture and a photograph of its print.

use super::{Overlap, Point, Size, Transform, overlap};

/// A projective map from query pixels to source pixels; origin top left, x right, y down, both pictures upright.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Homography {
    /// Row-major: `x' = (m[0] . p) / (m[2] . p)`, `y' = (m[1] . p) / (m[2] . p)` with `p = (x, y, 1)`. The
    /// denominator is above 0 on the side of the horizon where the picture is.
    pub matrix: [[f64; 3]; 3],
}

impl From<Transform> for Homography {
    fn from(Transform { matrix: [x, y] }: Transform) -> Self {
        Self { matrix: [x, y, [0.0, 0.0, 1.0]] }
    }
}

impl Homography {
    /// Where the query's point shows in the source; `None` on the horizon and beyond it.
    pub fn apply(&self, point: Point) -> Option<Point> {
        let [x, y, w] = self.matrix.map(|row| dot(row, point));
        (w > 0.0).then(|| (x / w, y / w)).filter(|(x, y)| x.is_finite() && y.is_finite())
    }

    /// The affine map that touches this one at a query point; `None` on the horizon and beyond it.
    pub fn affine_at(&self, point: Point) -> Option<Transform> {
        let (x, y) = self.apply(point)?;
        let [first, second, third] = self.matrix;
        let w = dot(third, point);
        let row = |row: [f64; 3], value: f64| {
            let [a, b] = [0, 1].map(|i| (row[i] - value * third[i]) / w);
            [a, b, value - a * point.0 - b * point.1]
        };
        Some(Transform { matrix: [row(first, x), row(second, y)] })
    }

    /// From source to query; `None` where the map flattens the picture.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c] = self.matrix;
        let (bc, ca, ab) = (cross(b, c), cross(c, a), cross(a, b));
        let determinant = a[0] * bc[0] + a[1] * bc[1] + a[2] * bc[2];
        // Divided by the determinant, not only the adjugate: its sign keeps the picture before the horizon.
        let matrix = [0, 1, 2].map(|i| [bc[i], ca[i], ab[i]].map(|value| value / determinant));
        matrix.iter().flatten().all(|value| value.is_finite()).then_some(Self { matrix })
    }

    /// This map, followed by `next`.
    pub fn then(&self, next: &Self) -> Self {
        let [a, b, c] = self.matrix;
        let row = |[x, y, w]: [f64; 3]| [0, 1, 2].map(|i| x * a[i] + y * b[i] + w * c[i]);
        Self { matrix: next.matrix.map(row) }
    }

    /// For the query as it came, where this map is for the query mirrored left to right. Width in pixels.
    pub fn mirror_query(&self, width: f64) -> Self {
        Self { matrix: [[-1.0, 0.0, width], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] }.then(self)
    }

    /// The same map between pictures of other sizes: `query` and `source` are the new width and height over
    /// the old ones.
    pub fn rescaled(&self, query: Size, source: Size) -> Self {
        let row = |[a, b, c]: [f64; 3], factor: f64| [a * factor / query.0, b * factor / query.1, c * factor];
        let [x, y, w] = self.matrix;
        Self { matrix: [row(x, source.0), row(y, source.1), row(w, 1.0)] }
    }

    /// What a query and a source of these sizes in pixels have in common.
    pub fn overlap(&self, query: Size, source: Size) -> Overlap {
        overlap::of(self, query, source)
    }
}

/// A row times `(x, y, 1)`.
pub(super) fn dot(row: [f64; 3], (x, y): Point) -> f64 {
    row[0] * x + row[1] * y + row[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
