//! An index of which a byte is flipped, or a file cut or gone: what a search reads of it is whole, or it says so.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ris::ErrorKind;
use ris::index::{Reader, verify};

use crate::setup::Place;
use crate::small::{Answers, add, answers, writer};

const PICTURES: u32 = 6;

/// An index of two commits, with places that were replaced.
fn small() -> (Place, PathBuf) {
    let place = Place::new();
    let folder = place.path("idx");
    let mut writer = writer(&folder).unwrap();
    (0..4).for_each(|n| add(&mut writer, n).unwrap());
    writer.commit().unwrap();
    writer.forget_source(&crate::small::place(3));
    writer.commit().unwrap();
    (3..PICTURES).for_each(|n| add(&mut writer, n).unwrap());
    writer.finish().unwrap();
    (place, folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

fn asked(folder: &Path, pictures: u32) -> ris::Result<Answers> {
    let asked = catch_unwind(AssertUnwindSafe(|| answers(&Reader::open(folder)?, pictures)));
    asked.unwrap_or_else(|_| panic!("a search panicked"))
}

/// Whether a damaged index said so. It may also give the same answers as before.
fn is_told(folder: &Path, pictures: u32, whole: &Answers, case: &str) -> bool {
    match asked(folder, pictures) {
        Ok(answers) => {
            assert!(answers == *whole, "{case}: silently wrong");
            false
        }
        Err(error) => {
            let kinds = [ErrorKind::Damaged, ErrorKind::ForeignIndex, ErrorKind::NoIndex];
            assert!(kinds.contains(&error.kind()) && !error.message().is_empty(), "{case}: {error:?}");
            true
        }
    }
}

/// Files that say nothing that an answer is made of.
fn is_aside(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "lock" || name == "CACHEDIR.TAG" || name == "format.json")
        || path.extension().is_some_and(|extension| extension == "lock")
}

#[test]
fn a_flipped_byte_is_told_by_the_search_or_does_not_matter_to_it_and_is_always_seen_by_verify() {
    let (_place, folder) = small();
    let whole = asked(&folder, PICTURES).unwrap();
    assert!(verify(&folder).unwrap().is_whole());
    // Each byte costs some 5 ms: every one on demand.
    let every = std::env::var_os("RIS_TESTS_EVERY_BYTE").is_some();
    let (mut told, mut same) = (0, 0);
    for path in files(&folder) {
        let bytes = fs::read(&path).unwrap();
        let large = bytes.len() > 50_000;
        for i in 0..bytes.len() {
            let edge = i < 300 || i + 300 > bytes.len();
            if !every && i % if large && !edge { 307 } else { 7 } != 0 {
                continue;
            }
            let mut flipped = bytes.clone();
            flipped[i] ^= 1 << ((i + i / 7) % 8);
            fs::write(&path, &flipped).unwrap();
            let case = format!("byte {i} of {}", path.display());
            if is_told(&folder, PICTURES, &whole, &case) {
                told += 1
            } else {
                same += 1
            }
            if !is_aside(&path) {
                assert!(!verify(&folder).unwrap().is_whole(), "{case}: not seen by verify");
            }
        }
        fs::write(&path, &bytes).unwrap();
    }
    assert!(told > 1000 && same > 50, "{told} told, {same} the same");
    assert!(asked(&folder, PICTURES).unwrap() == whole && verify(&folder).unwrap().is_whole());
}

#[test]
fn flips_anywhere_in_a_larger_index_are_told_or_do_not_matter() {
    // 2,000 flips on demand: a minute or two.
    let flips: usize = std::env::var("RIS_TESTS_FLIPS").map_or(60, |flips| flips.parse().unwrap());
    let pictures = if flips > 60 { 1_000 } else { 200 };
    let place = Place::new();
    let folder = place.path("idx");
    let mut writer = writer(&folder).unwrap();
    for n in 0..pictures {
        add(&mut writer, n).unwrap();
        if n % 97 == 0 {
            writer.commit().unwrap();
        }
    }
    writer.finish().unwrap();
    let whole = asked(&folder, pictures).unwrap();
    let files: Vec<_> = files(&folder).into_iter().filter(|path| !is_aside(path)).collect();
    let sizes: Vec<_> = files.iter().map(|path| fs::metadata(path).unwrap().len() as usize).collect();
    let (mut seed, mut told, mut same) = (0x9E37_79B9_7F4A_7C15u64, 0, 0);
    for flip in 0..flips {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Half of them anywhere, half in a file that each has the same chance: most bytes are keypoints.
        let mut at = (seed >> 16) as usize % sizes.iter().sum::<usize>();
        let mut file = if flip % 2 == 0 { 0 } else { flip / 2 % files.len() };
        if flip % 2 == 0 {
            while at >= sizes[file] {
                at -= sizes[file];
                file += 1;
            }
        }
        if sizes[file] == 0 {
            continue;
        }
        let at = at % sizes[file];
        let bytes = fs::read(&files[file]).unwrap();
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (seed >> 61);
        fs::write(&files[file], &flipped).unwrap();
        let case = format!("byte {at} of {}", files[file].display());
        if is_told(&folder, pictures, &whole, &case) {
            told += 1
        } else {
            same += 1
        }
        assert!(!verify(&folder).unwrap().is_whole(), "{case}: not seen by verify");
        fs::write(&files[file], &bytes).unwrap();
    }
    println!("{told} told, {same} the same answers, of {flips} flips in an index of {pictures} pictures");
    assert!(told > flips / 4, "{told} told, {same} the same");
}

#[test]
fn a_file_that_is_cut_empty_or_gone_is_told() {
    let (_place, folder) = small();
    let whole = asked(&folder, PICTURES).unwrap();
    let mut told = 0;
    for path in files(&folder) {
        let bytes = fs::read(&path).unwrap();
        for length in [Some(bytes.len() / 2), Some(0), None] {
            match length {
                Some(length) => fs::write(&path, &bytes[..length]).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let case = format!("{length:?} of {}", path.display());
            told += usize::from(is_told(&folder, PICTURES, &whole, &case));
            // An index of an early version has no copies, so one that is gone is not missed; the next commit makes it.
            let is_copy = path.parent().is_some_and(|folder| folder.ends_with("copies"));
            if !is_aside(&path) && (length.is_some() || !is_copy) {
                assert!(!verify(&folder).unwrap().is_whole(), "{case}: not seen by verify");
            }
            fs::write(&path, &bytes).unwrap();
        }
    }
    assert!(told > 20, "{told}");
    assert!(asked(&folder, PICTURES).unwrap() == whole);
}

#[test]
fn a_repair_that_was_stopped_half_way_is_never_searched_and_ends_when_it_is_run_again() {
    let (_place, folder) = small();
    let features = files(&folder.join("features"));
    let meta = folder.join("documents/meta.json");
    let damage = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[100] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    damage(&features[0]);
    // As the first step of a repair leaves it: the lock of the second is held by another.
    let text = fs::read_to_string(&meta).unwrap();
    let (content, _) = text.rsplit_once("\ncrc32 ").unwrap();
    let name = features[0].file_name().unwrap().to_str().unwrap();
    let mut commit: serde_json::Value = serde_json::from_str(content).unwrap();
    let mut payload: serde_json::Value = serde_json::from_str(commit["payload"].as_str().unwrap()).unwrap();
    payload["features"].as_array_mut().unwrap().retain(|file| file != name);
    payload["repairing"] = true.into();
    commit["payload"] = payload.to_string().into();
    let content = commit.to_string();
    let sum = crc32(content.as_bytes());
    fs::write(&meta, format!("{content}\ncrc32 {sum:08x}\n")).unwrap();

    let error = Reader::open(&folder).err().unwrap();
    assert!(error.kind() == ErrorKind::Damaged && error.message().contains("verify --repair"), "{error}");
    let repaired = ris::index::repair(&folder).unwrap();
    assert!(repaired.found.repair_begun && repaired.pictures > 0, "{repaired:?}");
    assert!(verify(&folder).unwrap().is_whole());
    let left = asked(&folder, PICTURES).unwrap().standing.iter().flatten().count();
    assert_eq!(left as u64 + repaired.pictures, u64::from(PICTURES));
}

/// CRC-32 of ISO 3309, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// What a repair must give back where nothing but `path` is damaged.
fn is_restored(folder: &Path, path: &Path, whole: &Answers) {
    let bytes = fs::read(path).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    for damaged in [Some(&flipped[..]), Some(&bytes[..bytes.len() / 2]), Some(&[]), None] {
        match damaged {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let case = format!("{} as {:?}", path.display(), damaged.map(<[u8]>::len));
        assert!(!verify(folder).unwrap().is_whole(), "{case}");
        let repaired = ris::index::repair(folder).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!((repaired.pictures, repaired.documents), (0, 0), "{case}");
        assert!(verify(folder).unwrap().is_whole(), "{case}");
        assert!(asked(folder, PICTURES).unwrap() == *whole, "{case}");
    }
}

#[test]
fn what_says_what_the_index_is_is_restored_from_its_copy_and_without_one_it_is_said_that_nothing_can_be_done() {
    let (_place, folder) = small();
    let whole = asked(&folder, PICTURES).unwrap();
    for name in ["format.json", "documents/meta.json"] {
        is_restored(&folder, &folder.join(name), &whole);
    }
    fs::remove_dir_all(folder.join("copies")).unwrap();
    fs::write(folder.join("documents/meta.json"), "torn").unwrap();
    assert_eq!(ris::index::repair(&folder).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn a_commit_of_an_earlier_time_laid_over_the_last_is_told_and_the_last_restored() {
    let (_place, folder) = small();
    let whole = asked(&folder, PICTURES).unwrap();
    let meta = folder.join("documents/meta.json");
    let earlier = fs::read(&meta).unwrap();
    let mut writer = writer(&folder).unwrap();
    add(&mut writer, PICTURES).unwrap();
    writer.finish().unwrap();
    let later = asked(&folder, PICTURES + 1).unwrap();
    assert!(later.standing.len() > whole.standing.len());
    // All that it names is still there, so nothing else tells.
    fs::write(&meta, earlier).unwrap();
    assert_eq!(asked(&folder, PICTURES).err().unwrap().kind(), ErrorKind::Damaged);
    assert!(!verify(&folder).unwrap().is_whole());
    ris::index::repair(&folder).unwrap();
    assert!(asked(&folder, PICTURES + 1).unwrap() == later);
}
