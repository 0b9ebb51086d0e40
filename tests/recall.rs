//! The recall benchmark's own parts: scores by hand-computed examples, and edits that do what they are called.
//!
//! A benchmark without the test harness runs no tests of its own, so its files are included here.

#[path = "../benches/recall/edits/mod.rs"]
mod edits;
#[path = "../benches/recall/fit.rs"]
mod fit;
#[path = "../benches/recall/score.rs"]
mod score;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use edits::{Edit, Group, Random, Scene};
use image::{Rgb, RgbImage};
use score::{Answer, Query};

fn query(edit: Option<usize>, sources: usize, answers: &[(f64, bool)]) -> Query {
    let answers = answers.iter().map(|&(score, right)| Answer { score, right }).collect();
    Query { edit, sources, answers }
}

/// Four pairs, of which three are found, the third behind a wrong answer; and an unrelated query with an answer.
fn example() -> Vec<Query> {
    vec![
        query(Some(0), 1, &[(0.9, true), (0.2, false)]),
        query(Some(0), 1, &[]),
        query(Some(1), 2, &[(0.8, true), (0.5, false), (0.4, true)]),
        query(None, 0, &[(0.6, false)]),
    ]
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-12
}

#[test]
fn recall_counts_pairs_and_only_wrong_answers_push_a_right_one_back() {
    let recall = score::recall(example().iter(), 0.5);
    assert_eq!(recall.pairs, 4);
    assert!(
        near(recall.at_1, 2.0 / 4.0) && near(recall.at_10, 3.0 / 4.0) && near(recall.told, 2.0 / 4.0),
        "{recall:?}"
    );
    let collage = score::recall([query(Some(0), 4, &[(0.9, true), (0.8, true), (0.7, true)])].iter(), 0.0);
    assert!(near(collage.at_1, 3.0 / 4.0), "{collage:?}");
}

#[test]
fn average_precision_is_the_area_that_a_hand_computes() {
    let ranking = score::ranking(&example());
    // Right at ranks 1, 2 and 5 of 6 answers, four to be found.
    assert!(near(ranking.average_precision, (1.0 + 1.0 + 3.0 / 5.0) / 4.0), "{ranking:?}");
    assert!(near(ranking.recall_at_precision_90, 2.0 / 4.0) && near(ranking.recall_at_precision_99, 2.0 / 4.0));
    assert_eq!(ranking.score_at_precision_99, Some(0.8));
}

#[test]
fn equal_scores_are_one_threshold_in_whatever_order_they_come() {
    let wrong_first = [query(None, 0, &[(0.5, false)]), query(Some(0), 1, &[(0.5, true)])];
    let right_first = [wrong_first[1].clone(), wrong_first[0].clone()];
    for queries in [wrong_first, right_first] {
        let ranking = score::ranking(&queries);
        assert!(near(ranking.average_precision, 0.5) && ranking.recall_at_precision_90 == 0.0, "{ranking:?}");
    }
}

#[test]
fn a_perfect_finder_scores_1_and_one_that_finds_nothing_0() {
    let perfect = score::ranking(&[query(Some(0), 2, &[(0.7, true), (0.6, true)]), query(None, 0, &[])]);
    assert!(near(perfect.average_precision, 1.0) && near(perfect.recall_at_precision_99, 1.0));
    let silent = [query(Some(0), 2, &[]), query(None, 0, &[])];
    assert!(near(score::ranking(&silent).average_precision, 0.0));
    let told = score::told(&silent, 0.5);
    assert!(told.answers == 0 && near(told.precision, 1.0) && near(told.unrelated_answered, 0.0), "{told:?}");
}

#[test]
fn what_is_told_counts_answers_from_the_minimum_score_on() {
    let told = score::told(&example(), 0.5);
    assert_eq!((told.answers, told.unrelated), (4, 1));
    assert!(near(told.precision, 0.5) && near(told.unrelated_answered, 1.0), "{told:?}");
    assert!(near(score::told(&example(), 0.61).unrelated_answered, 0.0));
}

#[test]
fn every_answer_falls_into_one_bin_of_reliability() {
    let scores: Vec<_> = (0..=1000).map(|score| (f64::from(score) / 1000.0, score % 2 == 0)).collect();
    let bins = score::reliability(&[query(Some(0), 501, &scores)]);
    assert_eq!(bins.iter().map(|bin| bin.answers).sum::<usize>(), 1001);
    assert!(bins.windows(2).all(|pair| pair[0].to == pair[1].from));
    assert!(bins.iter().all(|bin| bin.from <= bin.mean_score && bin.mean_score <= bin.to), "{bins:?}");
    let last = bins.last().unwrap();
    assert_eq!((last.to, last.answers, last.right), (1.0, 2, 0.5));
}

#[test]
fn quantiles_are_values_that_were_measured() {
    let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
    let quantile = |share| score::quantile(&mut values.clone(), share);
    assert_eq!((quantile(0.5), quantile(0.95), quantile(1.0), quantile(0.0)), (10.0, 19.0, 20.0, 1.0));
    assert_eq!((score::quantile(&mut [], 0.5), score::quantile(&mut [7.0], 0.95)), (0.0, 7.0));
}

/// How many edits there are.
const EDITS: usize = 76;

/// Four unlike pictures with detail of every size, and no pure black.
fn pictures() -> Vec<RgbImage> {
    let picture = |number: usize| {
        let mut random = Random::of(number as u64, &["picture"]);
        let mut picture = RgbImage::from_pixel(240, 180, Rgb([120, 110, 100]));
        for _ in 0..60 {
            let (x, y) = (random.below(220) as u32, random.below(160) as u32);
            let (width, height) = (4 + random.below(40) as u32, 4 + random.below(30) as u32);
            let colour = Rgb([(); 3].map(|()| 30 + random.below(220) as u8));
            for y in y..(y + height).min(180) {
                (x..(x + width).min(240)).for_each(|x| picture.put_pixel(x, y, colour));
            }
        }
        picture
    };
    (0..4).map(picture).collect()
}

fn make(edit: &Edit, sources: &[RgbImage], seed: u64) -> Vec<u8> {
    static STRANGERS: LazyLock<Vec<RgbImage>> = LazyLock::new(|| pictures().split_off(3));
    edit.make(&Scene { sources, strangers: &STRANGERS }, seed, "a.jpg").unwrap()
}

fn edited(name: &str, picture: &RgbImage) -> RgbImage {
    let edit = edits::all().find(|edit| edit.name == name).unwrap();
    image::load_from_memory(&make(edit, std::slice::from_ref(picture), 1)).unwrap().into_rgb8()
}

/// Mean difference of values.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn every_edit_has_its_own_name_and_stands_with_its_group() {
    let names: Vec<_> = edits::all().map(|edit| edit.name).collect();
    assert_eq!(names.len(), EDITS);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let mut groups: Vec<_> = edits::all().map(|edit| edit.group.name()).collect();
    groups.dedup();
    assert_eq!((groups.len(), groups[0]), (9, Group::Easy.name()));
}

#[test]
fn every_edit_changes_the_picture_and_makes_the_same_file_each_time() {
    let sources = pictures();
    let (mut seen, mut moved) = (0, 0);
    for edit in edits::all() {
        let file = make(edit, &sources, 1);
        assert_eq!(file, make(edit, &sources, 1), "{}", edit.name);
        moved += usize::from(file != make(edit, &sources, 2));
        let edited = image::load_from_memory(&file).unwrap().into_rgb8();
        let same_size = edited.dimensions() == sources[0].dimensions();
        assert!(!same_size || difference(&edited, &sources[0]) > 1.0, "{}", edit.name);
        seen += 1;
    }
    assert_eq!(seen, EDITS);
    assert!(moved > 25, "the seed moves {moved} edits only");
}

#[test]
fn every_edit_bears_a_tiny_picture_and_too_little_company() {
    let mut seen = 0;
    for (width, height) in [(1, 1), (3, 200), (200, 3)] {
        let tiny = RgbImage::from_pixel(width, height, Rgb([90, 120, 150]));
        for edit in edits::all() {
            assert!(!make(edit, std::slice::from_ref(&tiny), 1).is_empty());
            seen += 1;
        }
    }
    assert_eq!(seen, 3 * EDITS);
}

#[test]
fn turns_and_mirrors_undone_give_the_picture_again() {
    let picture = &pictures()[0];
    type Undo = fn(&RgbImage) -> RgbImage;
    let undo: [(&str, Undo); 5] = [
        ("mirror", |edited| image::imageops::flip_horizontal(edited)),
        ("flip", |edited| image::imageops::flip_vertical(edited)),
        ("turn-90", |edited| image::imageops::rotate270(edited)),
        ("turn-180", |edited| image::imageops::rotate180(edited)),
        ("turn-270", |edited| image::imageops::rotate90(edited)),
    ];
    for (name, undo) in undo {
        let edited = edited(name, picture);
        assert!(difference(&edited, picture) > 10.0 || edited.dimensions() != picture.dimensions(), "{name}");
        let undone = undo(&edited);
        assert_eq!(undone.dimensions(), picture.dimensions(), "{name}");
        assert!(difference(&undone, picture) < 6.0, "{name}");
    }
}

#[test]
fn a_turned_picture_that_is_cropped_shows_none_of_the_filled_corners() {
    let white = RgbImage::from_pixel(240, 180, Rgb([255; 3]));
    let darkest = |picture: &RgbImage| picture.as_raw().iter().copied().min();
    for name in ["turn-10-cropped", "turn-30-cropped"] {
        assert!(darkest(&edited(name, &white)) > Some(245), "{name}");
    }
    assert!(darkest(&edited("turn-5-filled", &white)) < Some(10));
}

#[test]
fn crops_and_insets_are_of_the_area_that_their_names_say() {
    let picture = &pictures()[0];
    let area = |picture: &RgbImage| f64::from(picture.width() * picture.height());
    for (name, share) in [("crop-90", 0.9), ("crop-75", 0.75), ("crop-50", 0.5), ("crop-25", 0.25)] {
        let found = area(&edited(name, picture)) / area(picture);
        assert!((found - share).abs() < 0.02, "{name}: {found}");
    }
    // A white picture on a stranger that has no white.
    let white = RgbImage::from_pixel(240, 180, Rgb([255; 3]));
    for (name, share) in [("inset-50", 0.5), ("inset-25", 0.25)] {
        let edited = edited(name, &white);
        let found = edited.pixels().filter(|pixel| pixel.0.iter().all(|&value| value > 251)).count();
        assert!((found as f64 / area(&edited) - share).abs() < 0.04, "{name}: {found}");
    }
}

#[test]
fn a_collage_shows_each_of_its_sources() {
    let colours = [Rgb([200, 30, 30]), Rgb([30, 200, 30]), Rgb([30, 30, 200]), Rgb([200, 200, 30])];
    let sources = colours.map(|colour| RgbImage::from_pixel(240, 180, colour));
    let mut seen = 0;
    for edit in edits::all().filter(|edit| edit.shows > 1) {
        let collage = image::load_from_memory(&make(edit, &sources, 1)).unwrap().into_rgb8();
        let close = |pixel: &Rgb<u8>, colour: &Rgb<u8>| pixel.0.iter().zip(colour.0).all(|(a, b)| a.abs_diff(b) < 12);
        for colour in &colours[..edit.shows] {
            let share = collage.pixels().filter(|pixel| close(pixel, colour)).count() * 100 / collage.pixels().count();
            assert!(share >= 90 / edit.shows, "{}: {share} %", edit.name);
            seen += 1;
        }
    }
    assert_eq!(seen, 2 + 4);
}

#[test]
fn a_fit_finds_the_weights_that_answers_were_drawn_from() {
    let (bias, weights) = (-2.0, [0.7, -0.4]);
    let mut random = Random::of(1, &["fit"]);
    let mut unit = || random.below(1 << 20) as f64 / f64::from(1 << 20);
    let answers: Vec<_> = (0..40_000)
        .map(|_| {
            let terms = [8.0 * unit(), 6.0 * unit()];
            let odds: f64 = bias + weights[0] * terms[0] + weights[1] * terms[1];
            (terms, unit() < 1.0 / (1.0 + (-odds).exp()))
        })
        .collect();
    let [found_bias, first, second] = fit::logistic(&answers);
    assert!((found_bias - bias).abs() < 0.15, "{found_bias}");
    assert!((first - weights[0]).abs() < 0.05 && (second - weights[1]).abs() < 0.05, "{first} {second}");
}
