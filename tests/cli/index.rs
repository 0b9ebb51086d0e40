//! `ris index`: what is decoded again and what is not, and what a folder's odd corners do.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::setup::{Place, names};

const POND: &str = "garden/pond.jpg";
const PHOTOS: [&str; 3] = [POND, "garden/roses.jpg", "street/crossing.jpg"];

fn index(place: &Place) -> Value {
    let ran = place.run(["index", "photos", "--index", "idx", "--json"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.object()
}

#[test]
fn a_second_run_decodes_nothing_and_a_third_only_what_is_new_changed_or_gone() {
    let place = Place::with_photos(&PHOTOS);
    let first = index(&place);
    assert_eq!((&first["indexed"], &first["unchanged"], &first["pictures"]), (&3.into(), &0.into(), &3.into()));
    let second = index(&place);
    assert_eq!((&second["indexed"], &second["unchanged"]), (&0.into(), &3.into()));

    place.copy("library/garden/gate.jpg", "photos/new.jpg");
    place.copy("library/street/bridge.jpg", "photos/crossing.jpg");
    fs::remove_file(place.path("photos/roses.jpg")).unwrap();
    let third = index(&place);
    let counts = ["indexed", "unchanged", "missing"].map(|key| third[key].as_u64().unwrap());
    assert_eq!(counts, [2, 1, 1], "{third}");
    let found = place.run(["search", "photos/new.jpg", "--index", "idx", "--json"]).object();
    assert_eq!(names(&found), ["new.jpg"]);
}

#[test]
fn a_touched_or_moved_picture_is_not_decoded_again() {
    let place = Place::with_photos(&PHOTOS);
    index(&place);
    let touched = File::options().write(true).open(place.path("photos/pond.jpg")).unwrap();
    touched.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
    fs::rename(place.path("photos/roses.jpg"), place.path("photos/renamed.jpg")).unwrap();
    let again = index(&place);
    assert_eq!((&again["indexed"], &again["moved"], &again["pictures"]), (&0.into(), &1.into(), &3.into()), "{again}");
    let found = place.run(["search", "photos/renamed.jpg", "--index", "idx", "--json"]).object();
    assert_eq!(names(&found), ["renamed.jpg"]);
}

#[test]
fn a_picture_that_was_overwritten_is_found_no_more() {
    let place = Place::with_photos(&PHOTOS);
    index(&place);
    let query = place.path("photos/pond.jpg");
    fs::copy(&query, place.path("query.jpg")).unwrap();
    let search = || place.run(["search", "query.jpg", "--index", "idx", "--json", "--min-score", "0.5"]).object();
    assert_eq!(names(&search()), ["pond.jpg"]);
    fs::copy(place.path("photos/roses.jpg"), &query).unwrap();
    assert_eq!(index(&place)["pictures"], 2);
    assert_eq!(names(&search()), [""; 0]);
}

#[test]
fn hidden_system_and_excluded_files_are_left_out_until_asked_for() {
    let place = Place::new();
    let pictures = [
        ("photos/seen.jpg", POND),
        ("photos/.hidden/a.jpg", "garden/roses.jpg"),
        ("photos/@eaDir/thumb.jpg", "street/crossing.jpg"),
        ("photos/._seen.jpg", "garden/gate.jpg"),
        ("photos/drafts/b.jpg", "street/bridge.jpg"),
        ("photos/ignored/c.jpg", "sea/harbour.jpg"),
    ];
    for (name, picture) in pictures {
        place.copy(&format!("library/{picture}"), name);
    }
    place.write("photos/.risignore", "ignored/\n");
    let count = |args: &[&str]| -> u64 {
        let index = format!("idx{}", args.len());
        let output = place.ris().args(["index", "photos", "--json", "--index", &index]).args(args).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["indexed"].as_u64().unwrap()
    };
    assert_eq!(count(&[]), 2);
    assert_eq!(count(&["--exclude", "drafts"]), 1);
    // AppleDouble files and thumbnail folders are no pictures of anyone's.
    assert_eq!(count(&["--hidden"]), 3);
}

#[cfg(unix)]
#[test]
fn links_are_followed_only_on_request_and_each_file_is_read_once() {
    use std::os::unix::fs::symlink;
    let place = Place::with_photos(&[POND]);
    place.copy("library/garden/roses.jpg", "elsewhere/roses.jpg");
    symlink(place.path("elsewhere"), place.path("photos/link")).unwrap();
    symlink(place.path("photos"), place.path("photos/loop")).unwrap();
    fs::hard_link(place.path("photos/pond.jpg"), place.path("photos/hard.jpg")).unwrap();
    let plain = index(&place);
    assert_eq!(
        (&plain["decoded"], &plain["pictures"], &plain["sources"]),
        (&1.into(), &1.into(), &2.into()),
        "{plain}"
    );
    let ran = place.run(["index", "photos", "--follow", "--index", "idx2", "--json"]);
    assert_eq!(ran.object()["pictures"], 2, "{ran:?}");
    let found = place.run(["search", "photos/pond.jpg", "--index", "idx", "--json"]).object();
    assert_eq!(names(&found), ["hard.jpg", "pond.jpg"], "both names of one file are told");
}

#[test]
fn a_foreign_or_newer_index_is_refused_and_left_as_it_is() {
    let place = Place::with_photos(&[POND]);
    index(&place);
    let format = fs::read_to_string(place.path("idx/format.json")).unwrap();
    let mut newer: Value = serde_json::from_str(&format).unwrap();
    newer["ris_index"] = (newer["ris_index"].as_u64().unwrap() + 1).into();
    let mut other_recipe: Value = serde_json::from_str(&format).unwrap();
    other_recipe["recipe"] = "another".into();
    let mut cases = 0;
    for text in [newer.to_string(), other_recipe.to_string(), "{}".into(), "not json".into(), String::new()] {
        place.write("idx/format.json", &text);
        for args in [["index", "photos"], ["search", "photos/pond.jpg"]] {
            let ran = crate::setup::Ran::of(place.ris().args(args).args(["--index", "idx"]).output().unwrap());
            assert_eq!(ran.status, 2, "{text}: {ran:?}");
            assert_eq!(ran.stderr.lines().count(), 1, "{text}: {ran:?}");
            assert!(ran.stderr.contains("idx"), "{text}: {ran:?}");
            assert_eq!(fs::read_to_string(place.path("idx/format.json")).unwrap(), text);
            cases += 1;
        }
    }
    assert_eq!(cases, 10);
    // A folder that holds something else is not taken for an index.
    place.write("other/letters.txt", "dear");
    let ran = place.run(["index", "photos", "--index", "other"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert_eq!(fs::read_dir(place.path("other")).unwrap().count(), 1);
}

#[test]
fn sources_come_from_lists_too() {
    let place = Place::with_photos(&PHOTOS);
    place.write("list", "photos/pond.jpg\0photos/roses.jpg\0");
    let ran = place.run(["index", "--files-from", "list", "-z", "--index", "idx", "--json"]);
    assert_eq!((ran.status, &ran.object()["indexed"]), (0, &2.into()), "{ran:?}");
    let output = place.ris().args(["index", "-", "--index", "idx", "--json"]).write_stdin("photos\n").output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["indexed"], &summary["unchanged"]), (&1.into(), &2.into()), "{summary}");
}

#[test]
fn the_status_tells_what_the_index_holds_and_what_failed() {
    let place = Place::with_photos(&PHOTOS);
    place.write("photos/broken.jpg", b"\xFF\xD8\xFF\xE0 and no more");
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 2);
    let status = place.run(["status", "--json", "--index", "idx"]);
    let object = status.object();
    let counts = ["schema", "pictures", "failed", "offline", "pending"].map(|key| object[key].as_u64());
    assert_eq!(counts, [Some(1), Some(3), Some(1), Some(0), Some(0)], "{object}");
    assert!(object["bytes"].as_u64().unwrap() > 1000 && object["roots"].as_array().unwrap().len() == 1, "{object}");
    let text = place.run(["status", "--index", "idx"]);
    assert!(text.status == 0 && !text.stdout.contains("broken.jpg"), "{text:?}");
    assert!(text.stdout.contains("1 file failed: `ris status --errors`"), "{text:?}");
}

#[test]
fn the_status_lists_what_failed_and_what_is_not_read_with_the_reason_and_no_other_files() {
    let place = Place::with_photos(&PHOTOS);
    place.write("photos/broken.jpg", b"\xFF\xD8\xFF\xE0 and no more");
    place.write("photos/drawing.xcf", [&b"gimp xcf v011\0"[..], &[0; 64]].concat());
    place.write("photos/letter.txt", "dear");
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 2);
    let ran = place.run(["status", "--errors", "--index", "idx"]);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!((ran.status, lines.len()), (0, 2), "{ran:?}");
    for (line, name) in lines.iter().zip(["broken.jpg", "drawing.xcf"]) {
        let path = place.path("photos").join(name).display().to_string();
        let reason = line.strip_prefix(&format!("{path}: ")).unwrap_or_else(|| panic!("{line}"));
        assert!(reason.len() > 10, "{line}");
    }
    let object = place.run(["status", "--errors", "--json", "--index", "idx"]).object();
    assert!(object["failures"][0]["source"].as_str().unwrap().ends_with("broken.jpg"), "{object}");
    assert!(object["unsupported"][0]["error"].as_str().unwrap().contains("xcf"), "{object}");
    assert_eq!((&object["failed"], object["unsupported"].as_array().unwrap().len()), (&1.into(), 1));
    let plain = place.run(["status", "--json", "--index", "idx"]).object();
    assert_eq!((&plain["failures"], plain.get("unsupported")), (&object["failures"], None));
}

#[test]
fn the_index_is_the_nearest_above_else_the_user_s() {
    let place = Place::with_photos(&[POND]);
    assert_eq!(place.run(["index", "photos"]).status, 0);
    assert!(place.path("home/.local/share/ris/format.json").exists());
    fs::create_dir(place.path(".ris")).unwrap();
    let ran = place.run(["search", "photos/pond.jpg"]);
    assert_eq!(ran.status, 2, "the folder's own index is empty: {ran:?}");
    assert_eq!(place.run(["index", "photos"]).status, 0);
    assert!(place.path(".ris/format.json").exists());
    let deep = place.ris().current_dir(place.path("photos")).args(["search", "pond.jpg"]).output().unwrap();
    assert_eq!(deep.status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn what_is_gone_is_missing_be_it_one_of_many_or_nearly_all_and_only_where_the_run_has_looked() {
    let place = Place::new();
    let name = |folder: &str, number: u32| format!("{folder}/{number}.png");
    for folder in ["here", "there"] {
        (0..40).for_each(|number| place.write(name(folder, number), crate::held::drawn(number)));
    }
    assert_eq!(place.run(["index", "here", "there", "--index", "idx"]).status, 0);
    let unlink = |folder, number| fs::remove_file(place.path(name(folder, number))).unwrap();
    let run = || {
        let told = place.run(["index", "here", "--index", "idx", "--json"]).object();
        ["unchanged", "missing", "decoded"].map(|key| told[key].as_u64().unwrap())
    };
    assert_eq!(run(), [40, 0, 0]);
    unlink("here", 7);
    unlink("there", 7);
    assert_eq!(run(), [39, 1, 0]);
    assert_eq!(run(), [39, 0, 0], "it was said once");
    (10..40).for_each(|number| unlink("here", number));
    assert_eq!(run(), [9, 30, 0]);
    // A file that changed is decoded though all around it are settled at once.
    place.write(name("here", 3), crate::held::drawn(77));
    assert_eq!(run(), [8, 0, 1]);
    let whole = place.run(["index", "here", "there", "--index", "idx", "--json"]).object();
    assert_eq!((&whole["unchanged"], &whole["missing"]), (&48.into(), &1.into()), "{whole}");
}
