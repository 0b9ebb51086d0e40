//! Maps hidden among chance correspondences are found again, and chance alone finds next to nothing.

use std::f32::consts::PI;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::geometry::Point;
use super::*;

const QUERY: (f32, f32) = (512.0, 384.0);
const SOURCE: (f32, f32) = (400.0, 512.0);

/// Uniform numbers from a seed (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn unit(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f32 / (1u64 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + self.unit() * (high - low)
    }

    /// Anywhere in a picture, with few large scales and many small ones, as detectors find them.
    fn keypoint(&mut self, (width, height): (f32, f32)) -> Keypoint {
        let scale = 1.6 / self.between(0.1, 1.0);
        Keypoint { x: self.between(0.0, width), y: self.between(0.0, height), scale, angle: self.between(-PI, PI) }
    }

    fn chance(&mut self, query: (f32, f32), source: (f32, f32)) -> Correspondence {
        Correspondence { query: self.keypoint(query), source: self.keypoint(source), weight: self.between(0.2, 1.0) }
    }

    /// A query keypoint and where the map shows it, as roughly as the index keeps it; `None` outside the source.
    fn right(&mut self, map: &Homography) -> Option<Correspondence> {
        let query = self.keypoint(QUERY);
        let at = (f64::from(query.x), f64::from(query.y));
        let (affine, (x, y)) = (map.affine_at(at)?, map.apply(at)?);
        let scale = query.scale * affine.scale() as f32;
        let inside = (0.0..f64::from(SOURCE.0)).contains(&x) && (0.0..f64::from(SOURCE.1)).contains(&y);
        let [[a, b, _], [c, d, _]] = affine.matrix.map(|row| row.map(|value| value as f32));
        let (sin, cos) = query.angle.sin_cos();
        let turned = (c * cos + d * sin).atan2(a * cos + b * sin);
        let off = 0.5 * affine.scale().max(1.0) as f32;
        let source = Keypoint {
            x: x as f32 + self.between(-off, off),
            y: y as f32 + self.between(-off, off),
            scale: scale * self.between(0.9, 1.1),
            angle: turned + self.between(-0.1, 0.1),
        };
        (inside && scale > 0.5).then_some(Correspondence { query, source, weight: self.between(0.5, 1.0) })
    }

    /// `right` correspondences of the map and `chance` others, mixed.
    fn mixed(&mut self, map: &Homography, right: usize, chance: usize) -> Vec<Correspondence> {
        let mut all = Vec::new();
        for _ in 0..100_000 {
            if all.len() < right {
                all.extend(self.right(map));
            }
        }
        all.extend((0..chance).map(|_| self.chance(QUERY, SOURCE)));
        for i in (1..all.len()).rev() {
            all.swap(i, (self.unit() * (i + 1) as f32) as usize);
        }
        all
    }
}

fn wide((width, height): (f32, f32)) -> Size {
    (f64::from(width), f64::from(height))
}

/// The largest distance in source pixels between where two maps take points of the query that show in the source.
fn farthest(found: &Alignment, map: &Homography) -> f64 {
    let found = found.homography.unwrap_or(found.transform.into());
    let off = |corner: &Point| {
        let at = map.apply(*corner).zip(found.apply(*corner));
        at.map_or(f64::INFINITY, |(a, b)| (a.0 - b.0).hypot(a.1 - b.1))
    };
    map.overlap(wide(QUERY), wide(SOURCE)).outline.iter().map(off).fold(0.0, f64::max)
}

/// Maps of the middle of the query to the middle of the source or near it.
fn centred(turn: f64, scale: f64, stretch: f64, shift: Point) -> Transform {
    let (sin, cos) = turn.sin_cos();
    let (along, across) = (scale * stretch.sqrt(), scale / stretch.sqrt());
    let linear = Transform { matrix: [[cos * along, -sin * across, 0.0], [sin * along, cos * across, 0.0]] };
    let middle = linear.apply((256.0, 192.0));
    linear.then(&Transform { matrix: [[1.0, 0.0, 200.0 - middle.0 + shift.0], [0.0, 1.0, 256.0 - middle.1 + shift.1]] })
}

fn similarity() -> impl Strategy<Value = Transform> {
    let parts = (-3.1..3.1f64, -1.0..1.0f64, -60.0..60.0f64, -60.0..60.0f64);
    parts.prop_map(|(turn, scale, x, y)| centred(turn, scale.exp(), 1.0, (x, y)))
}

fn affine() -> impl Strategy<Value = Transform> {
    let parts = (-3.1..3.1f64, -0.7..0.7f64, 0.5..2.0f64, -60.0..60.0f64, -60.0..60.0f64);
    parts.prop_map(|(turn, scale, stretch, x, y)| centred(turn, scale.exp(), stretch, (x, y)))
}

fn check(found: Option<Alignment>, map: &Homography, least: usize, off: f64) -> Result<(), TestCaseError> {
    let found = found.ok_or(TestCaseError::fail("nothing found"))?;
    let true_overlap = map.overlap(wide(QUERY), wide(SOURCE));
    prop_assert!(found.inliers.len() >= least, "{} inliers", found.inliers.len());
    // In pixels of the picture that is shown larger, as tolerances are.
    let off = off * found.transform.scale().max(1.0);
    prop_assert!(farthest(&found, map) < off, "off by {} pixels", farthest(&found, map));
    prop_assert!((f64::from(found.query_overlap) - true_overlap.query).abs() < 0.03);
    prop_assert!((f64::from(found.source_overlap) - true_overlap.source).abs() < 0.03);
    prop_assert!(found.inliers.is_sorted());
    Ok(())
}

proptest! {
    // Of random cases one in some thousand has chances that agree on as many: the same cases each time.
    #![proptest_config(ProptestConfig { cases: 200, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn a_similarity_is_found_among_nineteen_times_as_many_chances(map in similarity(), seed: u64) {
        let all = Random::new(seed).mixed(&map.into(), 15, 285);
        check(align(&all, QUERY, SOURCE, &Options::default()), &map.into(), 10, 12.0)?;
    }

    #[test]
    fn an_affine_map_is_found_among_nine_times_as_many_chances(map in affine(), seed: u64) {
        let all = Random::new(seed).mixed(&map.into(), 30, 270);
        check(align(&all, QUERY, SOURCE, &Options::default()), &map.into(), 20, 12.0)?;
    }

    #[test]
    fn a_homography_is_found_and_told_from_an_affine_map(x in -1e-3..1e-3f64, y in -1e-3..1e-3f64, map in similarity(), seed: u64) {
        let middle = Transform { matrix: [[1.0, 0.0, -256.0], [0.0, 1.0, -192.0]] };
        let bent = Homography { matrix: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [x, y, 1.0]] };
        let map = Homography::from(middle).then(&bent).then(&middle.inverse().unwrap().into()).then(&map.into());
        let all = Random::new(seed).mixed(&map, 80, 240);
        let found = align(&all, QUERY, SOURCE, &Options::default());
        check(found, &map, 50, 25.0)?;
    }
}

#[test]
fn chance_alone_agrees_on_six_at_most() {
    let mut histogram = [0; 20];
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let many = 5 + (random.unit().powi(2) * 395.0) as usize;
        let all: Vec<_> = (0..many).map(|_| random.chance(QUERY, SOURCE)).collect();
        let inliers = align(&all, QUERY, SOURCE, &Options::default()).map_or(0, |found| found.inliers.len());
        histogram[inliers.min(19)] += 1;
    }
    println!("{histogram:?}");
    assert_eq!(histogram.iter().sum::<i32>(), 400);
    assert_eq!(histogram[7..].iter().sum::<i32>(), 0, "{histogram:?}");
}
