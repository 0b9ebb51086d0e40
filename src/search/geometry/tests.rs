//! Maps that are undone, chained and rescaled as their points are; overlaps against counting points.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

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
        assert!((whole.stretch() - 1.0).abs() < 1e-9);
        let overlap = whole.overlap((40.0, 30.0), (right, bottom));
        assert!(overlap.query > 0.999_999 && overlap.source > 0.999_999, "{form:?}: {overlap:?}");
        let clockwise = -whole.rotation_deg().round() as i32;
        assert_eq!(clockwise.rem_euclid(360), 90 * i32::from(form.quarter_turns), "{form:?}");
        seen += 1;
    }
    assert_eq!(seen, 8);
}

#[test]
fn overlaps_of_plain_edits_are_what_one_draws_on_paper() {
    let map = |a: f64, b: f64, x: f64, y: f64| Transform { matrix: [[a, -b, x], [b, a, y]] };
    // (map, query, source, share of the query, share of the source)
    let cases = [
        ("a quarter crop", map(0.5, 0.0, 100.0, 50.0), (400.0, 300.0), (400.0, 300.0), 1.0, 0.25),
        ("a quarter of a collage", map(2.0, 0.0, -400.0, 0.0), (400.0, 300.0), (400.0, 300.0), 0.25, 1.0),
        ("half beside the picture", map(1.0, 0.0, 200.0, 0.0), (400.0, 300.0), (400.0, 300.0), 0.5, 0.5),
        ("far away", map(1.0, 0.0, 401.0, 0.0), (400.0, 300.0), (400.0, 300.0), 0.0, 0.0),
        ("flat", map(0.0, 0.0, 10.0, 10.0), (400.0, 300.0), (400.0, 300.0), 0.0, 0.0),
        // A square turned by 45 degrees about its middle: what is left is an octagon.
        (
            "turned, corners cut",
            map(0.5f64.sqrt(), 0.5f64.sqrt(), 50.0, 50.0 - 100.0 * 0.5f64.sqrt()),
            (100.0, 100.0),
            (100.0, 100.0),
            2.0 * (2.0f64.sqrt() - 1.0),
            2.0 * (2.0f64.sqrt() - 1.0),
        ),
    ];
    for (name, map, query, source, of_query, of_source) in cases {
        let overlap = map.overlap(query, source);
        assert!((overlap.query - of_query).abs() < 1e-9, "{name}: {overlap:?}");
        assert!((overlap.source - of_source).abs() < 1e-9, "{name}: {overlap:?}");
    }
}

#[test]
fn a_map_of_no_numbers_shares_nothing_and_has_no_inverse() {
    let mut seen = 0;
    for value in [f64::NAN, f64::INFINITY, 0.0, 1e300] {
        let homography = Homography { matrix: [[value; 3]; 3] };
        let affine = Transform { matrix: [[value; 3]; 2] };
        assert_eq!(homography.overlap((4.0, 3.0), (4.0, 3.0)), Overlap::default(), "{value}");
        assert_eq!(affine.overlap((4.0, 3.0), (4.0, 3.0)), Overlap::default(), "{value}");
        assert!(homography.inverse().is_none() && affine.inverse().is_none(), "{value}");
        seen += 1;
    }
    assert_eq!(seen, 4);
    let plain = Homography::from(Transform { matrix: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] });
    for size in [(0.0, 0.0), (f64::NAN, 3.0), (-4.0, 3.0)] {
        assert_eq!(plain.overlap(size, (4.0, 3.0)), Overlap::default(), "{size:?}");
        assert_eq!(plain.overlap((4.0, 3.0), size), Overlap::default(), "{size:?}");
    }
}

fn affine() -> impl Strategy<Value = Transform> {
    let parts = (-3.1..3.1f64, -1.5..1.5f64, 0.6..1.7f64, -0.5..0.5f64, -400.0..400.0f64, -400.0..400.0f64);
    parts.prop_map(|(turn, scale, stretch, shear, x, y)| {
        let (sin, cos) = turn.sin_cos();
        let (along, across) = (scale.exp() * stretch, scale.exp() / stretch);
        let [a, b, c, d] = [cos * along, shear * cos - sin * across, sin * along, shear * sin + cos * across];
        Transform { matrix: [[a, b, x], [c, d, y]] }
    })
}

/// Horizons from far away to through the middle of the query.
fn homography() -> impl Strategy<Value = Homography> {
    (affine(), -4e-3..4e-3f64, -4e-3..4e-3f64)
        .prop_map(|(Transform { matrix: [a, b] }, x, y)| Homography { matrix: [a, b, [x, y, 1.0]] })
}

fn size() -> impl Strategy<Value = Size> {
    (20.0..600.0f64, 20.0..600.0f64)
}

fn near(a: Point, b: Point) -> bool {
    (a.0 - b.0).hypot(a.1 - b.1) < 1e-6 * (1.0 + a.0.hypot(a.1))
}

/// Middles of the cells of a grid of `side` x `side` laid over a picture.
fn grid((width, height): Size, side: usize) -> impl Iterator<Item = Point> {
    let middle = move |i: usize, length: f64| (i as f64 + 0.5) / side as f64 * length;
    (0..side * side).map(move |i| (middle(i % side, width), middle(i / side, height)))
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Default::default() })]

    #[test]
    fn going_there_and_back_ends_where_it_began(map in homography(), x in 0.0..500.0f64, y in 0.0..500.0f64) {
        let back = map.inverse().ok_or(TestCaseError::reject("flat"))?;
        if let Some(there) = map.apply((x, y)).filter(|there| there.0.hypot(there.1) < 1e4) {
            let again = back.apply(there);
            prop_assert!(again.is_some_and(|again| near((x, y), again)), "{:?}", again);
        }
        let Homography { matrix: [a, b, _] } = map;
        let map = Transform { matrix: [a, b] };
        let back = map.inverse().ok_or(TestCaseError::reject("flat"))?;
        prop_assert!(near((x, y), back.apply(map.apply((x, y)))));
    }

    #[test]
    fn two_maps_in_one_are_the_second_after_the_first(first in homography(), second in homography(), x in 0.0..500.0f64, y in 0.0..500.0f64) {
        let step = first.apply((x, y)).and_then(|point| second.apply(point));
        if let Some(expected) = step.filter(|point| point.0.hypot(point.1) < 1e4) {
            let both = first.then(&second).apply((x, y));
            prop_assert!(both.is_some_and(|both| near(expected, both)), "{:?} {:?}", expected, both);
        }
    }

    #[test]
    fn chains_mirrors_and_rescaling_mean_the_same_to_affine_maps_as_to_homographies(
        map in affine(), next in affine(), query in size(), source in size(), x in 0.0..500.0f64, y in 0.0..500.0f64,
    ) {
        let projective = Homography::from(map);
        prop_assert!(near(map.then(&next).apply((x, y)), next.apply(map.apply((x, y)))));
        let mirrored = map.mirror_query(query.0);
        prop_assert!(near(mirrored.apply((x, y)), map.apply((query.0 - x, y))));
        prop_assert_eq!(projective.mirror_query(query.0), mirrored.into());
        prop_assert!(mirrored.mirrored() != map.mirrored());
        let (wide, tall) = ((query.0 / 100.0, query.1 / 100.0), (source.0 / 100.0, source.1 / 100.0));
        let larger = map.rescaled(wide, tall);
        let expected = map.apply((x, y));
        prop_assert!(near(larger.apply((x * wide.0, y * wide.1)), (expected.0 * tall.0, expected.1 * tall.1)));
        prop_assert_eq!(projective.rescaled(wide, tall), larger.into());
        prop_assert_eq!(map.overlap(query, source), projective.overlap(query, source));
    }

    #[test]
    fn a_homography_is_touched_by_its_affine_map(map in homography(), x in 0.0..500.0f64, y in 0.0..500.0f64) {
        if let Some(touching) = map.affine_at((x, y)).filter(|_| map.apply((x, y)).is_some_and(|at| at.0.hypot(at.1) < 1e4)) {
            for (dx, dy) in [(0.0, 0.0), (1e-4, 0.0), (0.0, 1e-4)] {
                let (expected, touched) = (map.apply((x + dx, y + dy)), touching.apply((x + dx, y + dy)));
                prop_assert!(expected.is_some_and(|expected| (expected.0 - touched.0).hypot(expected.1 - touched.1) < 1e-3));
            }
        }
    }

    #[test]
    fn overlaps_are_the_shares_of_points_that_land_in_the_other_picture(map in homography(), query in size(), source in size()) {
        let overlap = map.overlap(query, source);
        let inside = |(x, y): Point, size: Size| (0.0..size.0).contains(&x) && (0.0..size.1).contains(&y);
        let shown = |point: &Point| map.apply(*point).is_some_and(|point| inside(point, source));
        let of_query = grid(query, 100).filter(shown).count() as f64 / 1e4;
        prop_assert!((overlap.query - of_query).abs() < 0.02, "{} {}", overlap.query, of_query);
        let in_outline = grid(query, 100).filter(|point| overlap.contains(*point)).count() as f64 / 1e4;
        prop_assert!((in_outline - of_query).abs() < 0.005, "{} {}", in_outline, of_query);
        let back = map.inverse().ok_or(TestCaseError::reject("flat"))?;
        let from_query = |point: &Point| back.apply(*point).is_some_and(|point| inside(point, query));
        let of_source = grid(source, 100).filter(from_query).count() as f64 / 1e4;
        prop_assert!((overlap.source - of_source).abs() < 0.02, "{} {}", overlap.source, of_source);
    }

    #[test]
    fn the_stretch_is_the_longest_over_the_shortest_step(map in affine()) {
        let Transform { matrix: [[a, b, _], [c, d, _]] } = map;
        let steps = (0..3600).map(|i| (f64::from(i) * std::f64::consts::PI / 3600.0).sin_cos());
        let lengths: Vec<_> = steps.map(|(y, x)| (a * x + b * y).hypot(c * x + d * y)).collect();
        let (longest, shortest) = (lengths.iter().copied().fold(0.0, f64::max), lengths.iter().copied().fold(f64::MAX, f64::min));
        prop_assert!((map.stretch() / (longest / shortest) - 1.0).abs() < 1e-3);
    }
}
