//! Files of features, whole and broken, and what is found in them.

use std::f32::consts::{PI, TAU};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::layout::Layout;
use super::postings::Buffer;
use super::*;
use crate::describe::Probe;
use crate::describe::hash::Dihedral;
use crate::describe::local::Keypoint;
use crate::index::{Candidate, PictureId};

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

fn records(pictures: std::ops::Range<u32>) -> Vec<Record> {
    let record = |picture: u32| Record {
        picture,
        hash: hash(picture),
        quality: (picture % 101) as u8,
        sketch: Sketch::of(&features(picture.into(), 60), 512, 384),
    };
    pictures.map(record).collect()
}

/// A hash of chance.
fn hash(picture: u32) -> PerceptualHash {
    let mut seed = u64::from(picture) * 31 + 7;
    PerceptualHash(std::array::from_fn(|_| random(&mut seed) << 32 ^ random(&mut seed)))
}

fn file(pictures: &[Record]) -> Vec<u8> {
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
    let pictures = records(10..50);
    let postings = Postings::from_bytes(file(&pictures)).unwrap();
    assert_eq!((postings.pictures(), postings.entries()), (40, 2400));
    let lists = postings.lists().unwrap();
    for (number, Record { sketch, .. }) in (0..).zip(&pictures) {
        for entry in &sketch.entries {
            let mut found = false;
            let is_it = |f: Found| {
                found |= (f.picture, f.geometry, f.signature) == (number, entry.geometry, entry.signature);
            };
            lists.of_word(entry.word, &mut Buffer::new(), is_it).unwrap();
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
            let found = query.candidates(std::slice::from_ref(&postings), &options, &|_| true).unwrap();
            assert_eq!((found[0].picture, found[0].form), (picture, form));
            assert!(found[0].hits.len() >= 40, "{} of 60 features", found[0].hits.len());
        }
    }
}

#[test]
fn a_query_that_is_a_pattern_all_over_casts_no_more_votes_than_are_bounded_and_still_finds() {
    let alike = |seed: u64, count: usize| {
        let of_chance = features(seed, count);
        Features { descriptors: vec![features(7, 1).descriptors[0]; count], ..of_chance }
    };
    let pattern = |picture: u32| Record {
        picture,
        hash: hash(picture),
        quality: 80,
        sketch: Sketch::of(&alike(picture.into(), 350), 512, 384),
    };
    let mut pictures: Vec<_> = (100..160).map(pattern).collect();
    pictures.extend(records(200..220));
    let postings = Postings::from_bytes(file(&pictures)).unwrap();
    let options = Options::default();
    let find = |features: &Features| {
        let query = Query::new(features, 512.0, &options);
        query.candidates(std::slice::from_ref(&postings), &options, &|_| true).unwrap()
    };
    let hits = |found: &[votes::Candidate]| found.iter().map(|candidate| candidate.hits.len()).sum::<usize>();
    // One place alone is named by all entries that look like it, and 1,500 would be by 1,500 times as many.
    let few = find(&alike(100, 4));
    assert!(hits(&few) >= 4 * 60 * 350, "{}", hits(&few));
    let many = find(&alike(100, 1500));
    assert!(many.len() >= 60 && hits(&many) > 60 * 350, "{} of {}", hits(&many), many.len());
    assert!(hits(&many) <= Form::ALL.len() * (1 << 19), "{}", hits(&many));
    assert!(many.iter().all(|candidate| candidate.hits.len() <= 1 << 15));
    // A pattern of which the index has a single picture.
    let postings = Postings::from_bytes(file(&[pattern(100)])).unwrap();
    for (count, expected) in [(60, 60 * 350..=60 * 350), (200, 1 << 12..=1 << 15), (1500, 1 << 12..=1 << 15)] {
        let query = Query::new(&alike(100, count), 512.0, &options);
        let found = query.candidates(std::slice::from_ref(&postings), &options, &|_| true).unwrap();
        assert!(expected.contains(&found[0].hits.len()), "{count}: {}", found[0].hits.len());
    }
    let own = find(&features(205, 60));
    assert_eq!((own[0].picture, own[0].form), (205, Form::ALL[0]));
}

#[test]
fn every_near_hash_is_found_with_its_form_and_none_else() {
    let plain = |picture| Record { picture, hash: hash(picture), quality: (picture % 101) as u8, ..Record::default() };
    let files = [0..1500u32, 1500..1503].map(|range| range.map(plain).collect::<Vec<_>>());
    let opened: Vec<_> = files.iter().map(|records| Postings::from_bytes(file(records)).unwrap()).collect();
    let mut forms = [(Dihedral::default(), PerceptualHash::default()); 8];
    for ((slot, form), asked) in forms.iter_mut().zip(Dihedral::all()).zip([3, 700, 1501, 9003, 9004, 9005, 9006, 9007])
    {
        let PerceptualHash([a, b, c, d]) = hash(asked);
        *slot = (form, PerceptualHash([a ^ 0x0101, b, c, d]));
    }
    let probe = Probe { forms, quality: 100, features: Features::default() };
    for limit in [1, 2, 105] {
        let mut found = hashes::near(&opened, &probe, limit).unwrap();
        found.sort_by_key(|candidate| candidate.picture);
        let near = |record: &Record| {
            let distances = forms.iter().map(|(form, hash)| (hash.distance(record.hash), *form));
            let (distance, form) = distances.min_by_key(|near| near.0).filter(|near| near.0 <= limit)?;
            Some(Candidate { picture: PictureId(record.picture), form, distance, quality: record.quality })
        };
        let expected: Vec<_> = files.iter().flatten().filter_map(near).collect();
        assert_eq!(found, expected);
        assert!(found.len() >= if limit == 105 { 20 } else { 3 * (limit as usize - 1) }, "{}", found.len());
    }
}

#[test]
fn merged_files_are_as_if_written_at_once_and_lack_what_is_forgotten() {
    let open = |range| Postings::from_bytes(file(&records(range))).unwrap();
    let (a, b, c) = (open(0..30), open(30..31), open(31..60));
    let mut merged = Vec::new();
    assert_eq!(merge(&mut merged, &[&a, &b, &c], &Some).unwrap(), 60);
    assert!(merged == file(&records(0..60)));
    let mut fewer = Vec::new();
    assert_eq!(merge(&mut fewer, &[&a, &b, &c], &|picture| (picture % 2 == 0).then_some(picture)).unwrap(), 30);
    let even: Vec<_> = records(0..60).into_iter().filter(|record| record.picture % 2 == 0).collect();
    assert!(fewer == file(&even));
}

#[test]
fn an_entry_of_any_word_and_picture_is_unpacked_as_it_was_packed() {
    let mut seed = 11;
    for (pictures, entries) in [(1, 0), (1, 300), (4096, 1 << 20), (65_537, 9), (1 << 20, 300 << 20), (PICTURES_MAX, 1)]
    {
        let layout = Layout::of(pictures, entries);
        for number in [0, pictures / 2, pictures - 1] {
            let [word, geometry, signature] =
                [1 << 20, 1 << geometry::BITS, u64::MAX].map(|end| random(&mut seed) % end);
            let entry = Entry { word: word as u32, geometry: geometry as u32, signature };
            let found = layout.unpack(&layout.pack(&entry, number as u32));
            let word = layout.word_of(layout.bucket_of(entry.word), found.rest);
            assert_eq!(
                (Entry { word, geometry: found.geometry, signature: found.signature }, found.picture),
                (entry, number as u32)
            );
        }
    }
}

#[test]
fn a_file_that_is_cut_or_lengthened_is_refused() {
    let bytes = file(&records(0..3));
    let mut cut = 0;
    for end in (0..bytes.len()).step_by(997) {
        assert!(Postings::from_bytes(bytes[..end].to_vec()).is_err(), "{end}");
        cut += 1;
    }
    assert!(cut > 100);
    assert!(Postings::from_bytes([bytes.as_slice(), &[0]].concat()).is_err());
    assert!(Postings::from_bytes(bytes).is_ok_and(|postings| postings.verify().is_ok()));
}

#[test]
fn a_file_in_which_words_share_their_entries_is_damaged() {
    let pictures = records(0..3);
    let bytes = file(&pictures);
    let layout = Layout::read(&bytes).unwrap();
    let mut content = bytes[..layout.checksums()].to_vec();
    for bucket in 0..=layout.buckets() {
        let end = if bucket % 2 == 0 { 0 } else { layout.entries as u32 };
        content[layout.directory() + 4 * bucket..][..4].copy_from_slice(&end.to_le_bytes());
    }
    let sums: Vec<u8> = content.chunks(layout::BLOCK).flat_map(|block| crc32fast::hash(block).to_le_bytes()).collect();
    let postings = Postings::from_bytes([content, sums].concat()).unwrap();
    // The list of every other word is all of the file.
    let lists = postings.lists().unwrap();
    let whole =
        (0..1 << 20).step_by(1 << 10).filter(|&word| lists.list(word).is_ok_and(|list| list.len() == layout.entries));
    assert!(whole.count() > 100);
    assert!(postings.verify().is_err());
    let options = Options::default();
    let query = Query::new(&features(0, 60), 512.0, &options);
    assert!(query.candidates(&[postings], &options, &|_| true).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn any_byte_that_is_changed_is_noticed(place: prop::sample::Index, flip in 1u8..) {
        let mut bytes = file(&records(0..3));
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        let noticed = match Postings::from_bytes(bytes) {
            Err(_) => true,
            Ok(postings) => postings.verify().is_err(),
        };
        prop_assert!(noticed, "byte {place}");
    }
}
