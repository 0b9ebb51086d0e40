//! Indexes as released versions wrote them: they are opened, searched, checked and gone on with for ever.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::setup::{Place, fixtures, names};

/// What the index holds, below the folder that it stands in: pictures of the library, and a TIFF of three pages.
const PICTURES: [(&str, &str); 4] = [
    ("library/garden/pond.jpg", "pond.jpg"),
    ("library/garden/roses.jpg", "roses.jpg"),
    ("library/sea/bay.jpg", "bay.jpg"),
    ("several/pages.tif", "pages.tif"),
];

fn copy(from: &Path, place: &Place, to: &str) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = format!("{to}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            files += copy(&entry.path(), place, &name);
        } else {
            place.write(&name, fs::read(entry.path()).unwrap());
            files += 1;
        }
    }
    files
}

/// The index of format 1 with the pictures that it holds.
fn first(place: &Place) {
    with_pictures(place, "index-v1");
}

fn with_pictures(place: &Place, index: &str) {
    assert!(copy(&fixtures().join(index), place, "disk/.ris") > 8);
    PICTURES.iter().for_each(|(fixture, name)| place.copy(fixture, &format!("disk/{name}")));
}

/// Searches for everything, checks everything, and says what was told of the crops.
fn look(place: &Place, index: &str) -> Value {
    for (fixture, name) in PICTURES {
        let query = fixtures().join(fixture);
        let answer = place.run(["search", query.to_str().unwrap(), "--index", index, "--json"]).object();
        let found = &answer["matches"][0];
        assert_eq!((names(&answer)[0].as_str(), &found["kind"]), (name, &"identical".into()), "{answer}");
    }
    whole(place, index)
}

/// Checks everything, and says what is told of a collage.
fn whole(place: &Place, index: &str) -> Value {
    let collage = fixtures().join("queries/collage.jpg");
    let mut answer = place.run(["search", collage.to_str().unwrap(), "--index", index, "--json"]).object();
    assert_eq!((names(&answer), &answer["matches"][0]["kind"]), (vec!["bay.jpg".into()], &"partial".into()));
    let verified = place.run(["verify", "--index", index]);
    assert_eq!(verified.status, 0, "{verified:?}");
    // Of the copy of a file, not of what is known of it.
    answer["matches"][0]["modified"].take();
    answer["matches"][0].take()
}

/// The format that an index says it has, and the one that its files have: these come first.
fn format(place: &Place, index: &str) -> (Value, Value) {
    let stated = fs::read_to_string(place.path(index).join("format.json")).unwrap();
    let stated: Value = serde_json::from_str(&stated).unwrap();
    let status = place.run(["status", "--index", index, "--json"]).object();
    (stated["ris_index"].clone(), status["format"].clone())
}

#[test]
fn an_index_of_format_1_is_searched_checked_and_taken_over_by_who_goes_on_with_it() {
    let place = Place::new();
    first(&place);
    let before = look(&place, "disk/.ris");
    assert_eq!(format(&place, "disk/.ris"), (1.into(), 1.into()));
    let status = place.run(["status", "--index", "disk/.ris", "--json"]).object();
    assert_eq!((&status["pictures"], &status["portable"]), (&7.into(), &true.into()));
    place.copy("library/garden/gate.jpg", "disk/gate.jpg");
    let told = place.run(["index", "--here", "disk", "--json"]).object();
    assert_eq!((&told["decoded"], &told["indexed"], &told["missing"]), (&1.into(), &1.into(), &0.into()), "{told}");
    assert_eq!((&told["unchanged"], &told["pictures"]), (&7.into(), &8.into()), "{told}");
    assert_eq!((look(&place, "disk/.ris"), format(&place, "disk/.ris")), (before, (2.into(), 2.into())));
}

#[test]
fn an_index_of_format_2_is_searched_checked_and_gone_on_with() {
    let place = Place::new();
    with_pictures(&place, "index-v2");
    let before = look(&place, "disk/.ris");
    let features = |place: &Place| fs::read(place.path("disk/.ris/features/00000000.ris")).unwrap();
    let kept = features(&place);
    place.copy("library/garden/gate.jpg", "disk/gate.jpg");
    let told = place.run(["index", "--here", "disk", "--json"]).object();
    assert_eq!((&told["decoded"], &told["unchanged"], &told["pictures"]), (&1.into(), &7.into(), &8.into()), "{told}");
    assert_eq!((look(&place, "disk/.ris"), format(&place, "disk/.ris")), (before, (2.into(), 2.into())));
    assert!(kept == features(&place));
}

#[test]
fn a_takeover_that_is_stopped_leaves_the_index_as_it_was_and_goes_on_with_what_it_has() {
    let place = Place::new();
    first(&place);
    let before = look(&place, "disk/.ris");
    let (mut stopped, mut seen) = (0, Vec::new());
    for pause_ms in 0..24 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
        command.args(["index", "--here", "disk", "--quiet"]).current_dir(place.path(""));
        let mut child = command.env_clear().env("HOME", place.path("home")).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause_ms));
        let ended = child.try_wait().unwrap().is_some();
        let _ = child.kill();
        child.wait().unwrap();
        let (stated, format) = format(&place, "disk/.ris");
        assert!(stated == format || (stated == 1 && format == 2), "{stated} {format}");
        if format == 1 && !ended {
            stopped += 1;
        }
        seen.push(format);
        assert_eq!(whole(&place, "disk/.ris"), before, "{pause_ms}");
        if pause_ms % 8 == 7 {
            // Again from the start.
            fs::remove_dir_all(place.path("disk/.ris")).unwrap();
            copy(&fixtures().join("index-v1"), &place, "disk/.ris");
        }
    }
    assert!(stopped > 3, "{seen:?}");
    assert_eq!(place.run(["index", "--here", "disk"]).status, 0);
    assert_eq!((look(&place, "disk/.ris"), format(&place, "disk/.ris")), (before, (2.into(), 2.into())));
}

#[test]
fn an_index_of_format_1_that_can_not_be_written_to_is_merged_into_a_new_one() {
    let place = Place::new();
    first(&place);
    let before = look(&place, "disk/.ris");
    let files = |folder: &str| {
        let entries = fs::read_dir(place.path(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect::<BTreeMap<_, _>>()
    };
    let old = ["disk/.ris", "disk/.ris/features", "disk/.ris/documents"].map(files);
    let told = place.run(["merge", "new", "disk/.ris"]);
    assert_eq!(told.status, 0, "{told:?}");
    assert_eq!((look(&place, "new"), format(&place, "new")), (before, (2.into(), 2.into())));
    assert_eq!(old, ["disk/.ris", "disk/.ris/features", "disk/.ris/documents"].map(files));
}

#[test]
fn a_damaged_index_of_format_1_is_repaired_and_what_was_lost_is_described_again() {
    let place = Place::new();
    first(&place);
    let before = look(&place, "disk/.ris");
    let features = place.path("disk/.ris/features/00000000.ris");
    let mut bytes = fs::read(&features).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&features, bytes).unwrap();
    let verified = place.run(["verify", "--index", "disk/.ris"]);
    assert!(verified.status == 1 && verified.stdout.contains("00000000.ris"), "{verified:?}");
    // It can't be taken over, and says so.
    let refused = place.run(["index", "--here", "disk"]);
    assert!(refused.status == 2 && refused.stderr.contains("ris verify"), "{refused:?}");
    place.run(["verify", "--repair", "--index", "disk/.ris"]);
    assert_eq!(place.run(["verify", "--index", "disk/.ris"]).status, 0);
    let told = place.run(["index", "--here", "disk", "--json"]).object();
    assert_eq!((&told["decoded"], &told["pictures"]), (&7.into(), &7.into()), "{told}");
    assert_eq!(format(&place, "disk/.ris"), (2.into(), 2.into()));
    // Described by today's ris: what agrees may be a keypoint more or less, and says the same.
    let after = look(&place, "disk/.ris");
    for field in ["source", "score", "kind", "width", "height", "format", "bytes"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    let inliers = |found: &Value| found["evidence"]["inliers"].as_u64().unwrap();
    assert!(inliers(&after).abs_diff(inliers(&before)) <= 10, "{after} {before}");
}
