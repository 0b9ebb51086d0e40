//! Files of features, whole and broken, and what is found in them.

use std::f32::consts::{PI, TAU};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::layout::Layout;
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
    let record =
        |picture: u32| Record { picture, hash: hash(picture), quality: (picture % 101) as u8, sketch: sketch(picture) };
    pictures.map(record).collect()
}

fn sketch(picture: u32) -> Sketch {
    let thumbnail = if picture.is_multiple_of(3) { Vec::new() } else { vec![picture as u8; THUMBNAIL] };
    Sketch { thumbnail, ..Sketch::of_features(&features(picture.into(), 60), 512, 384) }
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
fn what_is_kept_of_a_picture_is_what_was_described_and_its_lists_hold_it() {
    let pictures = records(10..50);
    let file = FeatureFile::from_bytes(file(&pictures)).unwrap();
    assert_eq!((file.pictures(), file.features()), (40, 2400));
    let cut = file.layout().cut();
    for (number, Record { sketch, picture, .. }) in (0..).zip(&pictures) {
        let mut expected = sketch.clone();
        expected.entries.sort_unstable();
        assert_eq!(file.sketch(number).unwrap(), expected, "{picture}");
        for entry in &sketch.entries {
            let own = cut.number(lists::cell(entry), number);
            let place_of = |bucket: &lists::Bucket<'_>| bucket.place(&(own..own + 1));
            let bucket = cut.bucket_of(own);
            let (place, mut numbers) = (file.bucket(bucket, place_of).unwrap(), Vec::new());
            file.numbers(bucket, &place, u64::MAX, &mut numbers).unwrap();
            assert!(numbers.contains(&own), "{picture} {entry:?}");
        }
    }
}

#[test]
fn a_picture_is_found_by_its_own_features_in_each_form() {
    let file = FeatureFile::from_bytes(file(&records(10..50))).unwrap();
    let options = Options::default();
    let mut found_in = 0;
    for picture in 10..50 {
        let own = features(picture.into(), 60);
        for (form, asked) in
            [(Form::ALL[0], own.clone()), (Form::ALL[1], own.mirrored(512.0)), (Form::ALL[2], own.negated())]
        {
            let query = Query::new(&asked, 512.0);
            let found = query.candidates(std::slice::from_ref(&file), &options, None).unwrap();
            assert_eq!((found[0].picture, found[0].form), (picture, form));
            assert!(found[0].hits.len() >= 40, "{} of 60 features", found[0].hits.len());
            let wanted = |id: u32| id.is_multiple_of(2);
            let found = query.candidates(std::slice::from_ref(&file), &options, Some(&wanted)).unwrap();
            assert!(found.iter().all(|candidate| wanted(candidate.picture)));
            assert_eq!(found.first().is_some_and(|first| first.picture == picture), wanted(picture));
            found_in += 1;
        }
    }
    assert_eq!(found_in, 120);
}

#[test]
fn a_picture_that_stands_in_a_gallery_hundreds_of_times_is_found_each_time() {
    let mut pictures = records(0..600);
    let copy = pictures[5].sketch.clone();
    pictures.iter_mut().filter(|record| record.picture % 4 == 1).for_each(|record| record.sketch = copy.clone());
    let file = FeatureFile::from_bytes(file(&pictures)).unwrap();
    let query = Query::new(&features(5, 60), 512.0);
    let found = query.candidates(&[file], &Options::default().wider(), None).unwrap();
    let plain: Vec<_> = found.iter().filter(|candidate| candidate.form == Form::default()).collect();
    let copies = plain.iter().filter(|candidate| candidate.picture % 4 == 1 && candidate.hits.len() >= 60).count();
    assert_eq!(copies, 150);
}

#[test]
fn a_query_that_is_a_pattern_all_over_has_no_more_pairs_than_are_bounded_and_still_finds() {
    let alike = |seed: u64, count: usize| {
        let of_chance = features(seed, count);
        Features { descriptors: vec![features(7, 1).descriptors[0]; count], ..of_chance }
    };
    let pattern = |picture: u32| Record {
        picture,
        hash: hash(picture),
        quality: 80,
        sketch: Sketch::of_features(&alike(picture.into(), 350), 512, 384),
    };
    let mut pictures: Vec<_> = (100..160).map(pattern).collect();
    pictures.extend(records(200..220));
    let file = FeatureFile::from_bytes(file(&pictures)).unwrap();
    let find = |features: &Features| {
        let files = std::slice::from_ref(&file);
        Query::new(features, 512.0).candidates(files, &Options::default().wider(), None).unwrap()
    };
    // One place alone has all that look like it.
    let few = find(&alike(100, 4));
    let plain: Vec<_> = few.iter().filter(|candidate| candidate.form == Form::default()).collect();
    let lengths: Vec<_> = plain.iter().map(|candidate| candidate.hits.len()).collect();
    assert!(lengths.iter().filter(|&&length| length == 4 * 350).count() == 60, "{lengths:?}");
    let many = find(&alike(100, 1500));
    assert!(many.iter().all(|candidate| candidate.hits.len() <= 4096));
    let patterns = many.iter().filter(|candidate| candidate.picture < 160 && candidate.form == Form::default());
    assert_eq!(patterns.filter(|candidate| candidate.hits.len() >= 2000).count(), 60);
    let own = find(&features(205, 60));
    assert_eq!((own[0].picture, own[0].form), (205, Form::ALL[0]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, rng_seed: RngSeed::Fixed(5), ..ProptestConfig::default() })]

    #[test]
    fn numbers_of_a_bucket_come_back_all_together_and_range_by_range(
        bucket_bits in 0u32..=20, picture_bits in 0u32..=20, count in 0usize..3000, near in any::<bool>(), seed in any::<u64>()
    ) {
        let cut = lists::Cut { bucket_bits, picture_bits };
        let (mut seed, rest) = (seed, 32 - bucket_bits + picture_bits);
        let number = (1 << bucket_bits) - 1;
        let base = (number as u64) << rest;
        // Evenly, or most of them in a small part.
        let end = if near { 1 << (rest - rest / 3) } else { 1 << rest };
        let mut numbers: Vec<u64> = (0..count).map(|_| base + random(&mut seed) % end).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let packed = cut.pack(&numbers);
        let read = |from: usize, to: usize| packed.get(from..to);
        let bucket = lists::Bucket::of(cut, number, packed.len(), count, &read).unwrap();
        prop_assert!(bucket.is_sound());
        let mut all = Vec::new();
        bucket.numbers(&bucket.whole().unwrap(), u64::MAX, &mut all).unwrap();
        prop_assert_eq!(&all, &numbers);
        for _ in 0..20 {
            let bits = bucket_bits.max(20) + (random(&mut seed) % 13) as u32;
            let range = cut.numbers_of((base + random(&mut seed) % end) >> (32 + picture_bits - bits.min(32)), bits.min(32));
            let expected: Vec<u64> = numbers.iter().copied().filter(|number| range.contains(number)).collect();
            all.clear();
            bucket.numbers(&bucket.place(&range).unwrap(), range.end, &mut all).unwrap();
            all.retain(|number| range.contains(number));
            prop_assert_eq!(&all, &expected);
        }
    }

    #[test]
    fn any_bytes_are_some_numbers_of_a_bucket_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300), bits in 0u32..=20) {
        let cut = lists::Cut { bucket_bits: bits, picture_bits: 8 };
        let read = |from: usize, to: usize| bytes.get(from..to);
        if let Some(bucket) = lists::Bucket::of(cut, 0, bytes.len(), 64, &read) {
            let mut numbers = Vec::new();
            let read = bucket.whole().and_then(|place| bucket.numbers(&place, u64::MAX, &mut numbers));
            prop_assert!(numbers.len() <= 8 * bytes.len());
            prop_assert!(read.is_none() || numbers.is_sorted());
        }
    }
}

#[test]
fn every_near_hash_is_found_with_its_form_and_none_else() {
    let plain = |picture| Record { picture, hash: hash(picture), quality: (picture % 101) as u8, ..Record::default() };
    let files = [0..1500u32, 1500..1503].map(|range| range.map(plain).collect::<Vec<_>>());
    let opened: Vec<_> = files.iter().map(|records| FeatureFile::from_bytes(file(records)).unwrap()).collect();
    let mut forms = [(Dihedral::default(), PerceptualHash::default()); 8];
    for ((slot, form), asked) in forms.iter_mut().zip(Dihedral::all()).zip([3, 700, 1501, 9003, 9004, 9005, 9006, 9007])
    {
        let PerceptualHash([a, b, c, d]) = hash(asked);
        *slot = (form, PerceptualHash([a ^ 0x0101, b, c, d]));
    }
    let probe = Probe { forms, quality: 100, features: Features::default() };
    for limit in [1, 2, 105] {
        let found = hashes::near(&opened, &probe, limit).unwrap();
        for (candidate, (file, number)) in &found {
            assert_eq!(opened[*file].source(*number).unwrap().picture, candidate.picture.0);
        }
        let mut found: Vec<_> = found.into_iter().map(|(candidate, _)| candidate).collect();
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
    let open = |range| FeatureFile::from_bytes(file(&records(range))).unwrap();
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
fn a_bucket_that_says_of_each_bit_that_it_is_a_number_is_none_beyond_what_its_file_has() {
    let cut = lists::Cut { bucket_bits: 0, picture_bits: 20 };
    // Two runs of which the first has 4,000 numbers, one behind the other.
    let numbers: Vec<u64> = (0..4000).chain([1 << 51]).collect();
    let packed = cut.pack(&numbers);
    let read = |from: usize, to: usize| packed.get(from..to);
    let mut seen = 0;
    for (most, expected) in [(4001, true), (4000, false)] {
        let (bucket, mut all) = (lists::Bucket::of(cut, 0, packed.len(), most, &read).unwrap(), Vec::new());
        let unpacked = bucket.numbers(&bucket.whole().unwrap(), u64::MAX, &mut all);
        assert_eq!((unpacked.is_some(), all == numbers), (expected, expected), "{most}");
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn a_thumbnail_is_the_picture_in_sixteen_rows_of_sixteen_means() {
    // Darker from left to right, and in its lower half again from the start.
    let (width, height) = (50, 37);
    let luma: Vec<u8> = (0..width * height).map(|i| 250 - 4 * (i % width) as u8 - (i / width) as u8).collect();
    let kept = thumbnail(&luma, width, height);
    let level = |x: usize, y: usize| kept[(y * 16 + x) / 2] >> (4 * (x % 2)) & 15;
    assert_eq!((kept.len(), level(0, 0), level(15, 15)), (THUMBNAIL, 15, 0));
    for y in 0..16 {
        for x in 0..16 {
            let mean = 250.0 - 4.0 * ((x as f32 + 0.5) * 50.0 / 16.0 - 0.5) - ((y as f32 + 0.5) * 37.0 / 16.0 - 0.5);
            let (low, high) = (250.0 - 4.0 * 47.94 - 35.34, 250.0 - 4.0 * 1.06 - 0.66);
            let expected = (mean - low) / (high - low) * 15.0;
            assert!((f32::from(level(x, y)) - expected).abs() < 0.7, "{x} {y}: {} {expected}", level(x, y));
        }
    }
    assert_eq!(thumbnail(&[7; 12], 4, 3), vec![0; THUMBNAIL]);
    assert!(thumbnail(&[], 0, 3).is_empty() && thumbnail(&[1, 2], 1, 1).is_empty());
}

#[test]
fn a_file_that_is_cut_or_lengthened_is_refused() {
    let bytes = file(&records(0..3));
    let mut cut = 0;
    for end in (0..bytes.len()).step_by(29) {
        assert!(FeatureFile::from_bytes(bytes[..end].to_vec()).is_err(), "{end}");
        cut += 1;
    }
    assert!(cut > 100);
    assert!(FeatureFile::from_bytes([bytes.as_slice(), &[0]].concat()).is_err());
    assert!(FeatureFile::from_bytes(bytes).is_ok_and(|postings| postings.verify().is_ok()));
}

#[test]
fn a_file_whose_buckets_are_out_of_order_is_damaged() {
    let bytes = file(&records(0..30));
    let layout = Layout::read(&bytes).unwrap();
    let mut content = bytes[..layout.checksums()].to_vec();
    let buckets = layout.cut().buckets();
    for bucket in 0..=buckets {
        let end = if bucket % 2 == 0 { 0 } else { (layout.sources - layout.lists) as u32 };
        content[layout.directory() + 4 * bucket..][..4].copy_from_slice(&end.to_le_bytes());
    }
    let sums: Vec<u8> = content.chunks(layout::BLOCK).flat_map(|block| crc32fast::hash(block).to_le_bytes()).collect();
    let file = FeatureFile::from_bytes([content, sums].concat()).unwrap();
    assert!(buckets > 30 && file.verify().is_err());
    assert!(Query::new(&features(0, 60), 512.0).candidates(&[file], &Options::default(), None).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn any_byte_that_is_changed_is_noticed(place: prop::sample::Index, flip in 1u8..) {
        let mut bytes = file(&records(0..3));
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        let noticed = match FeatureFile::from_bytes(bytes) {
            Err(_) => true,
            Ok(postings) => postings.verify().is_err(),
        };
        prop_assert!(noticed, "byte {place}");
    }
}
