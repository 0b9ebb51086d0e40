//! Files of features, whole and broken, and what is found in them.

use std::f32::consts::{PI, TAU};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::describe::local::{Features, Keypoint};

/// Numbers of chance, the same each time.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 16
}

fn keypoint(seed: &mut u64) -> Keypoint {
    let mut part = |high: f32| (random(seed) % 10_000) as f32 / 10_000.0 * high;
    Keypoint { x: part(512.0), y: part(384.0), scale: 1.5 + part(20.0), angle: part(TAU) - PI }
}

/// Features of a picture that never was.
fn features(seed: u64, count: usize) -> Features {
    let mut seed = seed.wrapping_mul(977) + 5;
    let keypoints = (0..count).map(|_| keypoint(&mut seed)).collect();
    let descriptor = |seed: &mut u64| std::array::from_fn(|_| (random(seed) % 120) as u8);
    let descriptors = (0..count).map(|_| descriptor(&mut seed)).collect();
    Features { keypoints, descriptors }
}

fn sketches(pictures: std::ops::Range<u32>) -> Vec<(u32, Sketch)> {
    pictures.map(|picture| (picture, Sketch::of(&features(picture.into(), 60), 512, 384))).collect()
}

fn file(pictures: &[(u32, Sketch)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, pictures).unwrap();
    bytes
}

#[test]
fn another_vocabulary_is_another_recipe() {
    let sum = crc32fast::hash(include_bytes!("vocabulary.bin"));
    let known = (crate::describe::RECIPE, sum) == ("pdq-512+local-2", 0xc192_76dc);
    assert!(known, "indexes made with another vocabulary must be refused: number the recipe anew, then note {sum:#x}");
}

#[test]
fn a_packed_keypoint_comes_back_within_the_stated_steps() {
    let mut seed = 3;
    for _ in 0..10_000 {
        let before = keypoint(&mut seed);
        let packed = geometry::pack(&before);
        let after = geometry::unpack(packed);
        assert!(packed >> geometry::BITS == 0);
        assert!((before.x - after.x).abs() <= 0.501 && (before.y - after.y).abs() <= 0.501, "{before:?} {after:?}");
        assert!((before.scale / after.scale).log2().abs() < 0.201, "{before:?} {after:?}");
        let turn = (before.angle - after.angle).rem_euclid(std::f32::consts::TAU);
        assert!(turn.min(std::f32::consts::TAU - turn) < 0.0983, "{before:?} {after:?}");
    }
}

#[test]
fn every_entry_is_found_under_its_word_and_a_picture_is_found_by_its_own_features() {
    let pictures = sketches(10..50);
    let postings = Postings::from_bytes(file(&pictures)).unwrap();
    assert_eq!((postings.sources().len(), postings.entries()), (40, 2400));
    for (number, (_, sketch)) in pictures.iter().enumerate() {
        for entry in &sketch.entries {
            let mut found = false;
            let is_it = |f: postings::Found| {
                found |=
                    usize::from(f.picture) == number && (f.geometry, f.signature) == (entry.geometry, entry.signature);
            };
            postings.of_word(entry.word, is_it).unwrap();
            assert!(found, "{number} {entry:?}");
        }
    }
    let options = Options::default();
    for picture in 10..50 {
        let own = features(picture.into(), 60);
        for (form, asked) in
            [(Form::ALL[0], own.clone()), (Form::ALL[1], own.mirrored(512.0)), (Form::ALL[2], own.negated())]
        {
            let query = Query::new(&asked, 512.0, &options);
            let found = query.candidates(std::slice::from_ref(&postings), &options).unwrap();
            assert_eq!((found[0].picture, found[0].form), (picture, form));
            assert!(found[0].hits.len() >= 40, "{} of 60 features", found[0].hits.len());
        }
    }
}

#[test]
fn merged_files_are_as_if_written_at_once_and_lack_what_is_forgotten() {
    let open = |range| Postings::from_bytes(file(&sketches(range))).unwrap();
    let (a, b, c) = (open(0..30), open(30..31), open(31..60));
    let mut merged = Vec::new();
    assert_eq!(merge(&mut merged, &[&a, &b, &c], &|_| true).unwrap(), 60);
    assert!(merged == file(&sketches(0..60)));
    let mut fewer = Vec::new();
    assert_eq!(merge(&mut fewer, &[&a, &b, &c], &|picture| picture % 2 == 0).unwrap(), 30);
    let even: Vec<_> = sketches(0..60).into_iter().filter(|(picture, _)| picture % 2 == 0).collect();
    assert!(fewer == file(&even));
}

#[test]
fn a_file_that_is_cut_or_lengthened_is_refused() {
    let bytes = file(&sketches(0..3));
    let mut cut = 0;
    for end in (0..bytes.len()).step_by(997) {
        assert!(Postings::from_bytes(bytes[..end].to_vec()).is_err(), "{end}");
        cut += 1;
    }
    assert!(cut > 100);
    assert!(Postings::from_bytes([bytes.as_slice(), &[0]].concat()).is_err());
    assert!(Postings::from_bytes(bytes).is_ok_and(|postings| postings.verify().is_ok()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn any_byte_that_is_changed_is_noticed(place: prop::sample::Index, flip in 1u8..) {
        let mut bytes = file(&sketches(0..3));
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        let noticed = match Postings::from_bytes(bytes) {
            Err(_) => true,
            Ok(postings) => postings.verify().is_err(),
        };
        prop_assert!(noticed, "byte {place}");
    }
}
