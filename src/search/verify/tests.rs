//! Maps hidden among chance correspondences are found again, and chance alone finds next to nothing.

use std::f32::consts::PI;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

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

/// The largest distance in source pixels between where two maps take points of the query that show in the source.
fn farthest(found: &Alignment, map: &Homography) -> f64 {
    let found = found.map();
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
    // In pixels of the picture that shows it smaller, as tolerances are.
    let off = off * found.transform.scale().max(1.0);
    prop_assert!(farthest(&found, map) < off, "off by {} pixels", farthest(&found, map));
    prop_assert!((f64::from(found.query_overlap) - true_overlap.query).abs() < 0.03);
    prop_assert!((f64::from(found.source_overlap) - true_overlap.source).abs() < 0.03);
    prop_assert!(found.inliers.is_sorted());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::with_cases(250) })]

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
        let map = bent(x, y, map);
        let all = Random::new(seed).mixed(&map, 80, 240);
        let found = align(&all, QUERY, SOURCE, &Options::default());
        check(found, &map, 50, 25.0)?;
    }

    #[test]
    fn no_numbers_whatever_are_fatal(numbers in prop::collection::vec(any::<[f32; 9]>(), 0..60), sizes: [f32; 4]) {
        let keypoint = |x, y, scale, angle| Keypoint { x, y, scale, angle };
        let pair = |&[a, b, c, d, e, f, g, h, weight]: &[f32; 9]| {
            Correspondence { query: keypoint(a, b, c, d), source: keypoint(e, f, g, h), weight }
        };
        let all: Vec<_> = numbers.iter().map(pair).collect();
        if let Some(found) = align(&all, (sizes[0], sizes[1]), (sizes[2], sizes[3]), &Options::default()) {
            prop_assert!(found.inliers.len() <= all.len());
        }
    }
}

/// A map seen in perspective: to the right and downwards it gets deeper by so much a query pixel.
fn bent(x: f64, y: f64, map: Transform) -> Homography {
    let to_middle = Transform { matrix: [[1.0, 0.0, -256.0], [0.0, 1.0, -192.0]] };
    let back = Transform { matrix: [[1.0, 0.0, 256.0], [0.0, 1.0, 192.0]] };
    let depth = Homography { matrix: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [x, y, 1.0]] };
    Homography::from(to_middle).then(&depth).then(&back.into()).then(&map.into())
}

fn aligned(all: &[Correspondence]) -> Option<Alignment> {
    align(all, QUERY, SOURCE, &Options::default())
}

#[test]
fn chance_alone_agrees_on_six_at_most() {
    let mut histogram = [0; 20];
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let many = 5 + (random.unit().powi(2) * 395.0) as usize;
        let all: Vec<_> = (0..many).map(|_| random.chance(QUERY, SOURCE)).collect();
        histogram[aligned(&all).map_or(0, |found| found.inliers.len()).min(19)] += 1;
    }
    assert_eq!(histogram.iter().sum::<i32>(), 2000);
    assert_eq!(histogram[7..].iter().sum::<i32>(), 0, "{histogram:?}");
}

#[test]
fn chance_among_few_keypoints_that_each_look_like_many_agrees_on_six_at_most() {
    let mut worst = 0;
    let mut seen = 0;
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let queries: Vec<_> = (0..40).map(|_| random.keypoint(QUERY)).collect();
        let sources: Vec<_> = (0..40).map(|_| random.keypoint(SOURCE)).collect();
        let mut pick = |from: &[Keypoint]| from[(random.unit() * 40.0) as usize];
        let all: Vec<_> =
            (0..400).map(|_| Correspondence { query: pick(&queries), source: pick(&sources), weight: 1.0 }).collect();
        worst = worst.max(aligned(&all).map_or(0, |found| found.inliers.len()));
        seen += 1;
    }
    assert_eq!(seen, 500);
    assert!(worst <= 6, "{worst}");
}

#[test]
fn a_mirrored_copy_is_no_copy_until_its_query_is_mirrored() {
    let mut seen = 0;
    for seed in 0..50 {
        let map = Homography::from(centred(0.3, 0.9, 1.0, (5.0, -5.0)));
        let upright = Random::new(seed).mixed(&map, 60, 60);
        let mirrored: Vec<_> = upright
            .iter()
            .map(|one| {
                let query = Keypoint { x: QUERY.0 - one.query.x, angle: PI - one.query.angle, ..one.query };
                Correspondence { query, ..*one }
            })
            .collect();
        assert!(aligned(&upright).is_some_and(|found| found.inliers.len() >= 50));
        assert!(aligned(&mirrored).is_none_or(|found| found.inliers.len() <= 6));
        seen += 1;
    }
    assert_eq!(seen, 50);
}

#[test]
fn a_place_counts_once_however_many_correspondences_it_has() {
    let map = Homography::from(centred(0.5, 0.8, 1.0, (0.0, 0.0)));
    let ten = Random::new(1).mixed(&map, 10, 0);
    assert_eq!(aligned(&ten).map(|found| found.inliers.len()), Some(10));
    // The same ten again, and each with a second angle or a little beside itself.
    let mut many = ten.clone();
    for one in &ten {
        for (off, turn) in [(0.0, 0.0), (0.0, 0.2), (0.7, 0.0)] {
            let moved = |keypoint: Keypoint| Keypoint { x: keypoint.x + off, angle: keypoint.angle + turn, ..keypoint };
            many.push(Correspondence { query: moved(one.query), source: moved(one.source), weight: 1.0 });
        }
    }
    assert_eq!(aligned(&many).map(|found| found.inliers.len()), Some(10));
}

#[test]
fn the_order_of_the_correspondences_makes_no_difference() {
    let mut seen = 0;
    for seed in 0..20 {
        let map = bent(5e-4, -5e-4, centred(-1.0, 1.2, 1.0, (20.0, 10.0)));
        let all = Random::new(seed).mixed(&map, 60, 200);
        let reversed: Vec<_> = all.iter().rev().copied().collect();
        let (one, other) = (aligned(&all).unwrap(), aligned(&reversed).unwrap());
        assert_eq!((one.transform, one.homography), (other.transform, other.homography));
        let last = all.len() as u32 - 1;
        let back: Vec<_> = other.inliers.iter().rev().map(|i| last - i).collect();
        assert_eq!(one.inliers, back);
        seen += 1;
    }
    assert_eq!(seen, 20);
}

#[test]
fn a_shared_caption_is_told_from_a_shared_picture_by_what_it_leaves_uncovered() {
    let whole = Transform { matrix: [[0.78, 0.0, 0.0], [0.0, 1.3, 0.0]] };
    let mut seen = 0;
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let all = random.mixed(&whole.into(), 250, 0);
        let caption: Vec<_> = all.iter().filter(|one| one.query.y < 60.0).copied().collect();
        let mut shared = caption.clone();
        shared.extend((0..150).map(|_| random.chance(QUERY, SOURCE)));
        let mut copy: Vec<_> = all.iter().take(caption.len()).copied().collect();
        copy.extend((0..150).map(|_| random.chance(QUERY, SOURCE)));
        let (shared_found, copy_found) = (aligned(&shared).unwrap(), aligned(&copy).unwrap());
        let (of_shared, of_copy) = (shared_found.spread, copy_found.spread);
        assert!(of_shared < of_copy - 0.1, "seed {seed}: {of_shared} {of_copy}");
        assert!(copy_found.spread > 0.85);
        seen += 1;
    }
    assert_eq!(seen, 50);
}

#[test]
fn degenerate_correspondences_are_refused_or_aligned_but_never_fatal() {
    let plain = Keypoint { x: 10.0, y: 20.0, scale: 2.0, angle: 0.5 };
    let at = |x: f32, y: f32| Keypoint { x, y, ..plain };
    let pair = |query: Keypoint, source: Keypoint| Correspondence { query, source, weight: 1.0 };
    let line = |i: u8| at(10.0 * f32::from(i), 5.0 * f32::from(i));
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE, 0.0, -1.0, 1e30];
    let mut cases: Vec<(usize, Vec<Correspondence>)> = vec![
        (0, vec![]),
        (0, vec![pair(plain, plain)]),
        (0, vec![pair(plain, plain); 500]),
        (0, (0..30).map(|i| pair(line(i), plain)).collect()),
        (0, (0..30).map(|i| pair(plain, line(i))).collect()),
        (30, (0..30).map(|i| pair(line(i), line(i))).collect()),
    ];
    for value in bad {
        let weird = [
            Keypoint { x: value, ..plain },
            Keypoint { y: value, ..plain },
            Keypoint { scale: value, ..plain },
            Keypoint { angle: value, ..plain },
        ];
        for keypoint in weird {
            cases.push((usize::MAX, (0..20).map(|i| pair(keypoint, line(i))).collect()));
            cases.push((usize::MAX, (0..20).map(|i| pair(line(i), keypoint)).collect()));
            cases.push((
                usize::MAX,
                (0..20).map(|i| pair(keypoint, if i % 2 == 0 { keypoint } else { plain })).collect(),
            ));
        }
        cases.push((usize::MAX, (0..20).map(|i| Correspondence { weight: value, ..pair(line(i), line(i)) }).collect()));
    }
    let seen = cases.len();
    for (most, case) in cases {
        let found = aligned(&case).map_or(0, |found| found.inliers.len());
        assert!(most == usize::MAX || found == most, "{found} of {case:?}");
    }
    assert_eq!(seen, 6 + 8 * 13);
    let line: Vec<_> = (0..30).map(|i| pair(line(i), line(i))).collect();
    for size in bad.into_iter().filter(|size| !(*size > 1.0 && *size < 1e20)) {
        assert!(align(&line, (size, 100.0), SOURCE, &Options::default()).is_none_or(|found| found.query_overlap > 0.0));
        assert!(align(&line, QUERY, (100.0, size), &Options::default()).is_none_or(|found| found.query_overlap > 0.0));
    }
}
