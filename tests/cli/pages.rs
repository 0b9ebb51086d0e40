//! Pages and frames as pictures of their own: what is found, what is not read again, and what of a bad page is told.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use zip::write::SimpleFileOptions;

use crate::setup::{Place, Ran, fixtures};

/// The pictures of the library that the pages and frames of `fixtures/several` are small copies of.
const PICTURES: [&str; 4] = ["garden/pond.jpg", "garden/roses.jpg", "street/crossing.jpg", "sea/harbour.jpg"];

fn bytes(fixture: &str) -> Vec<u8> {
    fs::read(fixtures().join("several").join(fixture)).unwrap()
}

fn index(place: &Place, flags: &[&str]) -> Ran {
    let mut command = place.ris();
    command.args(["index", "photos", "--index", "idx", "--json"]).args(flags);
    Ran::of(command.output().unwrap())
}

fn counts(ran: &Ran) -> [u64; 6] {
    let object = ran.object();
    ["indexed", "unchanged", "moved", "missing", "failed", "decoded"].map(|key| object[key].as_u64().unwrap())
}

/// The places where a picture of the library is found, below `photos/`.
fn places(place: &Place, picture: &str) -> Vec<String> {
    let query = fixtures().join("library").join(picture);
    let answer = place.run(["search", query.to_str().unwrap(), "--index", "idx", "--json", "-n", "0"]).object();
    let source = |found: &Value| found["source"].as_str().unwrap().rsplit("photos/").next().unwrap().to_owned();
    let mut found: Vec<_> = answer["matches"].as_array().unwrap().iter().map(source).collect();
    found.sort();
    found
}

fn zip_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, SimpleFileOptions::default()).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn each_page_of_a_tiff_is_found_at_its_number_and_thumbnails_are_none() {
    for fixture in ["pages.tif", "pages-big-endian.tif"] {
        let place = Place::new();
        place.write("photos/scan.tif", bytes(fixture));
        let first = index(&place, &[]);
        assert_eq!((first.status, counts(&first)), (0, [4, 0, 0, 0, 0, 4]), "{first:?}");
        for (picture, expected) in PICTURES.into_iter().zip(["scan.tif", "scan.tif#2", "scan.tif#3", "scan.tif#4"]) {
            assert_eq!(places(&place, picture), [expected], "{fixture}: {picture}");
        }
        let second = index(&place, &[]);
        assert_eq!((second.status, counts(&second)), (0, [0, 4, 0, 0, 0, 0]), "{second:?}");
    }
}

#[test]
fn moved_copied_and_touched_files_keep_their_pages_and_lost_ones_lose_them() {
    let place = Place::new();
    place.write("photos/scan.tif", bytes("pages.tif"));
    place.write("photos/notes.txt", "words");
    index(&place, &[]);
    fs::rename(place.path("photos/scan.tif"), place.path("photos/b.tif")).unwrap();
    assert_eq!(counts(&index(&place, &[])), [0, 0, 4, 0, 0, 0]);
    assert_eq!(places(&place, PICTURES[2]), ["b.tif#3"]);
    let touched = File::options().write(true).open(place.path("photos/b.tif")).unwrap();
    touched.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
    assert_eq!(counts(&index(&place, &[])), [0, 4, 0, 0, 0, 0]);
    fs::copy(place.path("photos/b.tif"), place.path("photos/c.tif")).unwrap();
    assert_eq!(counts(&index(&place, &[])), [4, 4, 0, 0, 0, 0]);
    assert_eq!(places(&place, PICTURES[3]), ["b.tif#4", "c.tif#4"]);
    let dupes = place.run(["dupes", "--index", "idx", "--json"]);
    assert_eq!(dupes.json().len(), 4, "{dupes:?}");

    fs::remove_file(place.path("photos/c.tif")).unwrap();
    assert_eq!(counts(&index(&place, &[])), [0, 4, 0, 4, 0, 0]);
    // A file of one page in its place.
    place.copy("library/sea/bay.jpg", "photos/b.tif");
    let ran = index(&place, &[]);
    assert_eq!((ran.status, counts(&ran)), (0, [1, 0, 0, 3, 0, 1]), "{ran:?}");
    assert_eq!(places(&place, PICTURES[3]), Vec::<String>::new());
    let pruned = place.run(["prune", "--index", "idx", "--json"]).object();
    assert_eq!(pruned["forgotten"].as_array().unwrap().len(), 7, "{pruned}");
    let status = place.run(["status", "--index", "idx", "--json"]).object();
    assert_eq!((&status["pictures"], &status["sources"], &status["missing"]), (&1.into(), &1.into(), &0.into()));
}

#[test]
fn frames_are_described_when_asked_for_and_a_larger_number_adds_to_them() {
    for fixture in ["frames.gif", "frames.webp", "frames.png"] {
        let place = Place::new();
        let name = format!("photos/{fixture}");
        place.write(&name, bytes(fixture));
        let first = index(&place, &[]);
        assert_eq!((first.status, counts(&first)), (0, [1, 0, 0, 0, 0, 1]), "{fixture}: {first:?}");
        // The second of two spread frames is the third of four.
        assert_eq!(counts(&index(&place, &["--frames", "2"])), [1, 1, 0, 0, 0, 1], "{fixture}");
        assert_eq!(places(&place, PICTURES[2]), [format!("{fixture}#3")]);
        for flags in [&["--frames", "2"][..], &[]] {
            assert_eq!(counts(&index(&place, flags)), [0, 2, 0, 0, 0, 0], "{fixture} {flags:?}");
        }
        assert_eq!(counts(&index(&place, &["--frames", "9"])), [2, 2, 0, 0, 0, 2], "{fixture}");
        for (picture, number) in PICTURES.into_iter().zip(1..) {
            let expected = if number == 1 { fixture.to_owned() } else { format!("{fixture}#{number}") };
            assert_eq!(places(&place, picture), [expected]);
        }
        fs::rename(place.path(&name), place.path("photos/moved")).unwrap();
        assert_eq!(counts(&index(&place, &[])), [0, 0, 4, 0, 0, 0], "{fixture}");
        assert_eq!(places(&place, PICTURES[1]), ["moved#2"], "{fixture}");
    }
}

#[test]
fn pages_in_an_archive_are_places_within_it() {
    let place = Place::new();
    place.write("photos/a.zip", zip_of("x/scan.tif", &bytes("pages.tif")));
    place.write("photos/b.zip", zip_of("frames.gif", &bytes("frames.gif")));
    let first = index(&place, &[]);
    assert_eq!((first.status, counts(&first)), (0, [5, 0, 0, 0, 0, 5]), "{first:?}");
    assert_eq!(counts(&index(&place, &["--frames", "4"])), [3, 5, 0, 0, 0, 3]);
    for flags in [&["--frames", "4"][..], &[]] {
        assert_eq!(counts(&index(&place, flags)), [0, 8, 0, 0, 0, 0], "{flags:?}");
    }
    assert_eq!(places(&place, PICTURES[1]), ["a.zip!/x/scan.tif#2", "b.zip!/frames.gif#2"]);
    let query = fixtures().join("library").join(PICTURES[1]);
    let paths = place.run(["search", query.to_str().unwrap(), "--index", "idx", "-l"]);
    assert!(paths.stdout.lines().any(|line| line.ends_with("photos/a.zip!/x/scan.tif#2")), "{paths:?}");
    place.write("photos/a.zip", zip_of("y/scan.tif", &bytes("pages.tif")));
    let ran = index(&place, &[]);
    assert_eq!(counts(&ran)[4..], [0, 0], "{ran:?}");
    assert_eq!(places(&place, PICTURES[3]), ["a.zip!/y/scan.tif#4", "b.zip!/frames.gif#4"]);
}

#[test]
fn a_bad_page_is_one_warning_every_time_and_the_others_stand() {
    let place = Place::new();
    let mut broken = bytes("pages.tif");
    // The width of the second page: entry 256 behind its kind, 2; of the thumbnail's kind is 1.
    let starts: Vec<_> =
        (0..broken.len() - 12).filter(|&at| broken[at..at + 12] == *b"\xFE\0\x04\0\x01\0\0\0\x02\0\0\0").collect();
    assert_eq!(starts.len(), 4);
    let width = starts[1] + 12 + 8;
    broken[width..width + 4].copy_from_slice(&[0; 4]);
    place.write("photos/scan.tif", broken);
    for run in 0..2 {
        let ran = index(&place, &[]);
        let lines: Vec<_> = ran.stderr.lines().filter(|line| line.contains("scan.tif")).collect();
        assert_eq!((ran.status, lines.len(), counts(&ran)[4]), (2, 1, 1), "run {run}: {ran:?}");
        assert!(lines[0].contains("photos/scan.tif#2: "), "{lines:?}");
    }
    assert_eq!(places(&place, PICTURES[2]), ["scan.tif#3"]);
    assert_eq!(places(&place, PICTURES[1]), Vec::<String>::new());
}

#[test]
fn of_a_file_with_many_bad_pages_one_is_reported_and_all_are_counted() {
    let place = Place::new();
    let mut broken = bytes("pages.tif");
    let starts: Vec<_> =
        (0..broken.len() - 12).filter(|&at| broken[at..at + 12] == *b"\xFE\0\x04\0\x01\0\0\0\x02\0\0\0").collect();
    for start in &starts[1..] {
        let width = start + 12 + 8;
        broken[width..width + 4].copy_from_slice(&[0; 4]);
    }
    place.write("photos/scan.tif", &broken);
    place.write("photos/b.zip", zip_of("scan.tif", &broken));
    for run in 0..2 {
        let ran = index(&place, &[]);
        let lines: Vec<_> = ran.stderr.lines().filter(|line| line.contains("scan.tif#2: ")).collect();
        assert_eq!((ran.status, lines.len(), ran.stderr.lines().count()), (2, 2, 2), "run {run}: {ran:?}");
        assert_eq!(counts(&ran)[4], 6, "run {run}: {ran:?}");
    }
    let all = place.run(["status", "--errors", "--index", "idx"]);
    assert_eq!(all.stdout.lines().filter(|line| line.contains("scan.tif#")).count(), 6, "{all:?}");
}

/// A GIF of so many frames of 8 x 8 pixels, each of which draws another one of them.
fn gif_of(frames: u32, broken: Option<u32>) -> Vec<u8> {
    let mut gif = b"GIF89a\x08\0\x08\0\x80\0\0\0\0\0\xFF\xFF\xFF".to_vec();
    for frame in 1..=frames {
        gif.extend(b"\x21\xF9\x04\x04\x01\0\0\0\x2C");
        let at = [(frame % 8) as u8, 0, (frame / 8 % 8) as u8, 0];
        // One pixel: LZW's clear, 1 and end, of three bits each.
        let codes = if broken == Some(frame) { [0xFF, 0xFF] } else { [0b01_001_100, 0b1] };
        gif.extend([&at[..], b"\x01\0\x01\0\0\x02\x02", &codes, b"\0"].concat());
    }
    gif.push(0x3B);
    gif
}

#[test]
fn frames_behind_the_thousandth_are_frames_and_behind_one_that_can_t_be_read_there_is_none() {
    let place = Place::new();
    place.write("photos/long.gif", gif_of(3000, None));
    let ran = index(&place, &["--frames", "8"]);
    assert_eq!((ran.status, counts(&ran)), (0, [8, 0, 0, 0, 0, 8]), "{ran:?}");
    assert!(!ran.stderr.contains("long.gif"), "{ran:?}");
    for broken in [1, 3, 1500] {
        let place = Place::new();
        place.write("photos/long.gif", gif_of(3000, Some(broken)));
        for run in 0..2 {
            let ran = index(&place, &["--frames", if broken == 1500 { "30" } else { "1000" }]);
            let lines = ran.stderr.lines().filter(|line| line.contains("long.gif")).count();
            assert_eq!((ran.status, lines, counts(&ran)[4]), (2, 1, 1), "frame {broken}, run {run}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_tiff_of_very_many_pages_is_read_to_a_limit_which_is_told() {
    // One picture of a few pixels, and directories that all show it.
    let mut many = b"II*\0\x18\0\0\0\xFF\0\xFF\0\xFF\0\xFF\0\xFF\0\xFF\0\xFF\0\xFF\0".to_vec();
    for page in 1..=1500u32 {
        let entries: [(u16, u16, u32); 8] =
            [(256, 4, 4), (257, 4, 4), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, 4), (279, 4, 16)];
        many.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, value) in entries {
            many.extend(
                [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &1u32.to_le_bytes(), &value.to_le_bytes()].concat(),
            );
        }
        let next = if page == 1500 { 0 } else { many.len() as u32 + 4 };
        many.extend(next.to_le_bytes());
    }
    let place = Place::new();
    place.write("photos/many.tif", many);
    let ran = index(&place, &[]);
    assert_eq!((ran.status, counts(&ran)), (2, [1000, 0, 0, 0, 1, 1000]), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().filter(|line| line.contains("many.tif#1001: more than 1000 pages")).count(), 1);
}

#[test]
fn pages_that_have_to_wait_for_memory_are_each_read_once() {
    let place = Place::new();
    for file in 0..4u8 {
        let side = 3000u32;
        let mut large = b"II*\0".to_vec();
        large.extend((8 + side * side).to_le_bytes());
        large.extend((0..side * side).map(|at| ((at % side * (at / side)) >> 7) as u8 ^ file));
        for page in 1..=3 {
            let (long, short) = (4u16, 3u16);
            let entries: [(u16, u16, u32); 8] = [
                (256, long, side),
                (257, long, side),
                (258, short, 8),
                (259, short, 1),
                (262, short, 1),
                (273, long, 8),
                (278, long, side),
                (279, long, side * side),
            ];
            large.extend((entries.len() as u16).to_le_bytes());
            for (tag, kind, value) in entries {
                large.extend(
                    [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &[1, 0, 0, 0], &value.to_le_bytes()].concat(),
                );
            }
            let next = if page == 3 { 0 } else { large.len() as u32 + 4 };
            large.extend(next.to_le_bytes());
        }
        let (name, large) =
            if file == 3 { ("a.zip".into(), zip_of("x.tif", &large)) } else { (format!("{file}.tif"), large) };
        place.write(format!("photos/{name}"), large);
    }
    // Each file and its pixels take more than half of it.
    let ran = index(&place, &["--max-memory", "80M", "--jobs", "4"]);
    assert_eq!((ran.status, counts(&ran)), (0, [12, 0, 0, 0, 0, 12]), "{ran:?}");
}
