//! The life of an index: disks that come and go, files that are gone, copies, and damage repaired.

use std::fs;
#[cfg(target_os = "linux")]
use std::path::Path;

use serde_json::Value;

use crate::setup::{Place, Ran, names};

const POND: &str = "garden/pond.jpg";
const PHOTOS: [&str; 3] = [POND, "garden/roses.jpg", "street/crossing.jpg"];

fn indexed() -> Place {
    let place = Place::with_photos(&PHOTOS);
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    place.copy("library/garden/roses.jpg", "query.jpg");
    place
}

fn found(place: &Place) -> Value {
    place.run(["search", "query.jpg", "--index", "idx", "--json"]).object()
}

#[test]
fn pictures_of_a_disk_that_is_unplugged_stay_and_are_found_as_offline() {
    let place = indexed();
    assert_eq!(found(&place)["matches"][0].get("offline"), None, "what is there is not marked");
    // Unplugged with its mount point, then without.
    for empty in [false, true] {
        fs::rename(place.path("photos"), place.path("unplugged")).unwrap();
        if empty {
            fs::create_dir(place.path("photos")).unwrap();
        }
        let ran = place.run(["index", "photos", "--index", "idx", "--json"]);
        let told = ran.object();
        assert_eq!(
            (ran.status, &told["offline"], &told["missing"], &told["sources"]),
            (0, &1.into(), &0.into(), &3.into())
        );
        assert!(ran.stderr.contains("photos: offline"), "{ran:?}");
        let answer = found(&place);
        assert_eq!((names(&answer), &answer["matches"][0]["offline"]), (vec!["roses.jpg".into()], &true.into()));
        let text = place.run(["search", "query.jpg", "--index", "idx"]);
        assert!(text.stdout.ends_with("roses.jpg  offline\n"), "{text:?}");
        let status = place.run(["status", "--index", "idx", "--json"]).object();
        assert_eq!((&status["offline"], &status["roots"][0]["offline"]), (&3.into(), &true.into()));
        let pruned = place.run(["prune", "--index", "idx", "--json"]).object();
        assert_eq!((pruned["forgotten"].as_array().unwrap().len(), &pruned["offline"]), (0, &3.into()));
        if empty {
            fs::remove_dir(place.path("photos")).unwrap();
        }
        fs::rename(place.path("unplugged"), place.path("photos")).unwrap();
        let again = place.run(["index", "photos", "--index", "idx", "--json"]).object();
        assert_eq!((&again["unchanged"], &again["decoded"], &again["offline"]), (&3.into(), &0.into(), &0.into()));
    }
}

#[cfg(unix)]
#[test]
fn a_file_in_whose_place_is_a_folder_or_a_pipe_now_is_missing() {
    type Make = fn(&std::path::Path);
    let make: [(&str, Make); 2] = [
        ("folder", |path| fs::create_dir(path).unwrap()),
        ("pipe", |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap()),
    ];
    for (name, make) in make {
        let place = indexed();
        let photo = place.path("photos/roses.jpg");
        fs::remove_file(&photo).unwrap();
        make(&photo);
        let told = place.run(["index", "photos", "--index", "idx", "--json"]).object();
        assert_eq!((&told["missing"], &told["unchanged"]), (&1.into(), &2.into()), "{name}");
        assert_eq!(names(&found(&place)), Vec::<String>::new(), "{name}");
        let pruned = place.run(["prune", "--index", "idx", "--json"]).object();
        assert_eq!(pruned["forgotten"].as_array().unwrap().len(), 1, "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_whose_name_is_not_utf_8_is_offline_like_any_other_and_prune_forgets_nothing_of_it() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = indexed();
    let odd = place.path("").join(OsStr::from_bytes(b"ph\xFFtos"));
    fs::rename(place.path("photos"), &odd).unwrap();
    let index = |source: &Path| {
        let mut command = place.ris();
        Ran::of(command.args(["index", "--index", "odd", "--json"]).arg(source).output().unwrap())
    };
    assert_eq!(index(&odd).object()["indexed"], 3);
    let root = || place.run(["status", "--index", "odd", "--json"]).object()["roots"][0].clone();
    assert_eq!((&root()["sources"], &root()["offline"]), (&3.into(), &false.into()), "{}", root());
    assert!(root()["source_bytes"].is_string(), "{}", root());
    fs::rename(&odd, place.path("unplugged")).unwrap();
    assert_eq!(root()["offline"], true);
    let pruned = || {
        let told = place.run(["prune", "--index", "odd", "--json"]).object();
        (told["forgotten"].as_array().unwrap().len(), told["offline"].as_u64().unwrap())
    };
    assert_eq!(pruned(), (0, 3));
    let told = index(&odd).object();
    assert_eq!((&told["offline"], &told["missing"], &told["sources"]), (&1.into(), &0.into(), &3.into()), "{told}");
    fs::rename(place.path("unplugged"), &odd).unwrap();
    fs::remove_file(odd.join("roses.jpg")).unwrap();
    assert_eq!(pruned(), (1, 0), "what is gone from a folder that is there is forgotten");
}

#[cfg(target_os = "linux")]
#[test]
fn a_root_that_an_earlier_version_kept_with_replacements_is_told_by_what_stands_below_it() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = indexed();
    let odd = place.path("").join(OsStr::from_bytes(b"ph\xFFtos"));
    fs::rename(place.path("photos"), &odd).unwrap();
    let ran = Ran::of(place.ris().args(["index", "--index", "odd"]).arg(odd.join("pond.jpg")).output().unwrap());
    assert_eq!(ran.status, 0, "{ran:?}");
    let mut writer = crate::small::writer(&place.path("odd")).unwrap();
    writer.add_root(&ris::locator::Locator::of_root(&odd.to_string_lossy())).unwrap();
    writer.finish().unwrap();
    fs::rename(&odd, place.path("unplugged")).unwrap();
    let told = place.run(["prune", "--index", "odd", "--json"]).object();
    assert_eq!((told["forgotten"].as_array().unwrap().len(), &told["offline"]), (0, &1.into()), "{told}");
}

#[test]
fn a_copy_elsewhere_does_not_take_the_place_of_one_that_is_offline() {
    let place = indexed();
    fs::rename(place.path("photos"), place.path("unplugged")).unwrap();
    place.copy("library/garden/roses.jpg", "other/copy.jpg");
    let told = place.run(["index", "other", "--index", "idx", "--json"]).object();
    assert_eq!((&told["indexed"], &told["moved"]), (&1.into(), &0.into()), "{told}");
    assert_eq!(names(&found(&place)), ["copy.jpg", "roses.jpg"]);
}

#[test]
fn a_folder_that_never_was_is_an_error_and_not_offline() {
    let place = indexed();
    let ran = place.run(["index", "phots", "--index", "idx"]);
    assert!(ran.status == 2 && !ran.stderr.contains("offline"), "{ran:?}");
    // One that is there and lost some files is not offline either.
    fs::remove_file(place.path("photos/pond.jpg")).unwrap();
    let told = place.run(["index", "photos", "--index", "idx", "--json"]).object();
    assert_eq!((&told["missing"], &told["offline"]), (&1.into(), &0.into()));
}

#[test]
fn prune_forgets_what_is_gone_and_says_before_what_it_would() {
    let place = indexed();
    fs::remove_file(place.path("photos/roses.jpg")).unwrap();
    let prune = |args: &[&str]| -> (usize, u64) {
        let ran = Ran::of(place.ris().args(["prune", "--json", "--index", "idx"]).args(args).output().unwrap());
        assert_eq!(ran.status, 0, "{ran:?}");
        let told = ran.object();
        (told["forgotten"].as_array().unwrap().len(), told["pictures"].as_u64().unwrap())
    };
    assert_eq!(prune(&["--missing"]), (0, 0), "nothing was found missing yet");
    assert_eq!(prune(&["--dry-run"]), (1, 1));
    assert_eq!(prune(&["elsewhere"]), (0, 0));
    assert_eq!(names(&found(&place)), ["roses.jpg"], "until now nothing was forgotten");
    assert_eq!(prune(&["photos"]), (1, 1));
    assert_eq!((names(&found(&place)), prune(&[])), (vec![], (0, 0)));

    fs::remove_file(place.path("photos/pond.jpg")).unwrap();
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    assert_eq!(prune(&["--missing"]), (1, 1));
    let status = place.run(["status", "--index", "idx", "--json"]).object();
    assert_eq!((&status["pictures"], &status["missing"]), (&1.into(), &0.into()));
}

#[test]
fn a_root_that_is_gone_for_good_is_forgotten_by_its_name_alone() {
    let place = indexed();
    fs::remove_dir_all(place.path("photos")).unwrap();
    assert_eq!(place.run(["prune", "--offline", "--index", "idx"]).status, 2, "it must be named");
    let pruned = place.run(["prune", "--offline", "photos", "--index", "idx", "--json"]).object();
    assert_eq!((pruned["forgotten"].as_array().unwrap().len(), &pruned["pictures"]), (3, &3.into()));
}

#[test]
fn copies_are_grouped_and_pictures_without_one_are_not_told() {
    let place = Place::with_photos(&PHOTOS);
    let groups = |args: &[&str]| {
        let ran = Ran::of(place.ris().args(["dupes", "--json", "--index", "idx"]).args(args).output().unwrap());
        let sources = |group: &Value| -> Vec<String> {
            let sources = group["sources"].as_array().unwrap().iter();
            sources.map(|source| source["source"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
        };
        let groups: Vec<_> =
            ran.json().iter().map(|group| (group["kind"].as_str().unwrap().to_owned(), sources(group))).collect();
        (ran.status, groups)
    };
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    assert_eq!(groups(&[]), (1, vec![]));
    place.copy("library/garden/roses.jpg", "photos/same.jpg");
    place.copy("queries/recompressed.jpg", "more/saved.jpg");
    place.copy("queries/crop-quarter.jpg", "more/crop.jpg");
    assert_eq!(place.run(["index", "photos", "more", "--index", "idx"]).status, 0);
    let (status, told) = groups(&[]);
    let identical = ("identical".to_owned(), vec!["roses.jpg".to_owned(), "same.jpg".to_owned()]);
    let copy = ("copy".to_owned(), vec!["saved.jpg".to_owned(), "pond.jpg".to_owned()]);
    assert!(status == 0 && told.len() == 2 && told.contains(&identical) && told.contains(&copy), "{told:?}");
    assert_eq!(groups(&["photos"]).1, [identical], "of the other group only one stands there");
    let text = place.run(["dupes", "photos", "--index", "idx"]);
    assert_eq!(text.stdout, "photos/roses.jpg\nphotos/same.jpg\n");
    let null = place.run(["dupes", "-0", "--index", "idx"]);
    assert_eq!(null.stdout.split("\0\0").filter(|group| !group.is_empty()).count(), 2, "{null:?}");
}

/// The places of each group of copies, in each form that they are printed in, and the status; all forms say the same.
fn copies(place: &Place) -> (i32, Vec<Vec<String>>) {
    let below = |path: &str| path.strip_prefix(place.path("").to_str().unwrap()).unwrap_or(path).to_owned();
    let ran = place.run(["dupes", "--index", "idx", "--json"]);
    let of = |group: &Value| -> Vec<String> {
        let sources = group["sources"].as_array().unwrap().iter();
        sources.map(|source| below(source["source"].as_str().unwrap())).collect()
    };
    let groups: Vec<_> = ran.json().iter().map(of).collect();
    let text = place.run(["dupes", "--index", "idx"]);
    let paragraphs = text.stdout.split("\n\n").filter(|group| !group.is_empty());
    assert_eq!(paragraphs.map(|group| group.lines().map(below).collect()).collect::<Vec<Vec<_>>>(), groups);
    let null = place.run(["dupes", "--index", "idx", "-0"]);
    let ended = null.stdout.split("\0\0").filter(|group| !group.is_empty());
    assert_eq!(ended.map(|group| group.split('\0').map(below).collect()).collect::<Vec<Vec<_>>>(), groups);
    assert_eq!((text.status, null.status), (ran.status, ran.status));
    (ran.status, groups)
}

fn index_all(place: &Place, folders: &[&str]) {
    let ran = Ran::of(place.ris().args(["index", "--index", "idx", "--follow"]).args(folders).output().unwrap());
    assert_eq!(ran.status, 0, "{ran:?}");
}

#[test]
fn a_place_that_is_gone_is_no_copy_of_the_one_that_is_left() {
    let place = indexed();
    fs::rename(place.path("photos"), place.path("moved")).unwrap();
    index_all(&place, &["moved"]);
    let status = place.run(["status", "--index", "idx", "--json"]).object();
    assert_eq!(status["sources"], 6, "the index knows both: {status}");
    assert_eq!(copies(&place), (1, vec![]));
    let ran = place.run(["dupes", "--index", "idx"]);
    assert!(ran.stderr.starts_with("ris: left out 3 places") && ran.stderr.lines().count() == 1, "{ran:?}");
    assert_eq!(place.run(["dupes", "-q", "--index", "idx"]).stderr, "");
    // A real copy, and then one of three.
    place.copy("library/garden/roses.jpg", "moved/same.jpg");
    index_all(&place, &["moved"]);
    assert_eq!(copies(&place), (0, vec![vec!["moved/roses.jpg".into(), "moved/same.jpg".into()]]));
    place.copy("library/garden/roses.jpg", "moved/third.jpg");
    index_all(&place, &["moved"]);
    fs::remove_file(place.path("moved/roses.jpg")).unwrap();
    assert_eq!(copies(&place), (0, vec![vec!["moved/same.jpg".into(), "moved/third.jpg".into()]]));
}

#[test]
fn a_place_at_which_something_else_stands_now_is_no_copy() {
    for change in ["another picture", "a folder", "nothing readable"] {
        let place = indexed();
        place.copy("library/garden/roses.jpg", "photos/same.jpg");
        index_all(&place, &["photos"]);
        assert_eq!(copies(&place), (0, vec![vec!["photos/roses.jpg".into(), "photos/same.jpg".into()]]));
        let file = place.path("photos/same.jpg");
        match change {
            "another picture" => place.copy(&format!("library/{POND}"), "photos/same.jpg"),
            "a folder" => {
                fs::remove_file(&file).unwrap();
                fs::create_dir(&file).unwrap();
            }
            _ => {
                fs::remove_file(&file).unwrap();
                #[cfg(unix)]
                std::os::unix::fs::symlink("same.jpg", &file).unwrap();
            }
        }
        assert_eq!(copies(&place), (1, vec![]), "{change}");
    }
}

#[test]
fn a_picture_in_an_archive_is_there_while_the_archive_is_as_it_was() {
    let place = indexed();
    let pack = |names: &[&str]| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for name in names {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut writer, &fs::read(place.path("query.jpg")).unwrap()).unwrap();
        }
        place.write("photos/a.zip", writer.finish().unwrap().into_inner());
    };
    pack(&["x.jpg", "y.jpg"]);
    index_all(&place, &["photos"]);
    let three = ["photos/roses.jpg", "photos/a.zip!/x.jpg", "photos/a.zip!/y.jpg"].map(str::to_owned).to_vec();
    assert_eq!(copies(&place), (0, vec![three]));
    fs::remove_file(place.path("photos/roses.jpg")).unwrap();
    let two = ["photos/a.zip!/x.jpg", "photos/a.zip!/y.jpg"].map(str::to_owned).to_vec();
    assert_eq!(copies(&place), (0, vec![two]));
    pack(&["x.jpg"]);
    assert_eq!(copies(&place), (1, vec![]), "another archive of the same name");
    index_all(&place, &["photos"]);
    place.copy("library/garden/roses.jpg", "photos/roses.jpg");
    index_all(&place, &["photos"]);
    assert_eq!(copies(&place).1[0].len(), 2);
    fs::remove_file(place.path("photos/a.zip")).unwrap();
    assert_eq!(copies(&place), (1, vec![]));
}

/// Whoever deletes the file has nothing left at a link to it; of hard links the others stay.
#[cfg(unix)]
#[test]
fn a_link_to_a_file_is_no_copy_of_it_and_a_hard_link_is() {
    let place = indexed();
    std::os::unix::fs::symlink("roses.jpg", place.path("photos/a-link.jpg")).unwrap();
    std::os::unix::fs::symlink("photos", place.path("linked")).unwrap();
    fs::create_dir(place.path("more")).unwrap();
    std::os::unix::fs::symlink("../photos", place.path("more/photos")).unwrap();
    index_all(&place, &["photos", "more"]);
    let status = place.run(["status", "--index", "idx", "--json"]).object();
    assert!(status["sources"].as_u64().unwrap() > 4, "links are places: {status}");
    assert_eq!(copies(&place), (1, vec![]));
    fs::hard_link(place.path("photos/roses.jpg"), place.path("photos/hard.jpg")).unwrap();
    index_all(&place, &["photos", "more"]);
    assert_eq!(copies(&place), (0, vec![vec!["photos/hard.jpg".into(), "photos/roses.jpg".into()]]));
}

#[test]
fn damage_is_named_with_its_remedy_and_repaired_by_indexing_again() {
    for part in ["features", "documents"] {
        let place = indexed();
        let whole = place.run(["verify", "--index", "idx"]);
        assert!(whole.status == 0 && whole.stdout.contains("whole"), "{whole:?}");
        let files = fs::read_dir(place.path("idx").join(part)).unwrap().map(|entry| entry.unwrap().path());
        let file = files.filter(|path| path.extension().is_some_and(|e| e == "ris" || e == "store")).min().unwrap();
        let mut bytes = fs::read(&file).unwrap();
        bytes[50] ^= 1;
        fs::write(&file, bytes).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let ran = place.run(["verify", "--index", "idx"]);
        assert!(ran.status == 1 && ran.stdout.contains(name) && ran.stdout.contains("--repair"), "{ran:?}");
        let told = place.run(["verify", "--index", "idx", "--json"]).object();
        assert_eq!((&told["whole"], told["damaged"].as_array().unwrap().len()), (&false.into(), 1), "{told}");
        let search = place.run(["search", "query.jpg", "--index", "idx"]);
        assert!(search.status == 2 && search.stderr.contains("ris verify"), "{search:?}");

        let ran = place.run(["verify", "--repair", "--index", "idx"]);
        let root = format!("ris index {}", place.path("photos").display());
        assert!(ran.status == 1 && ran.stdout.contains(&root), "{ran:?}");
        assert_eq!(place.run(["verify", "--index", "idx"]).status, 0);
        let again = place.run(["index", "photos", "--index", "idx", "--json"]).object();
        assert_eq!((&again["pictures"], &again["sources"], &again["decoded"]), (&3.into(), &3.into(), &3.into()));
        assert_eq!(names(&found(&place)), ["roses.jpg"]);
    }
}

/// Marks a folder as one on which a disk is mounted, as a walk over it does.
fn mounted(place: &Place, folder: &str) {
    let mut writer = ris::index::Writer::open(&place.path("idx"), ris::index::Options::default()).unwrap();
    writer.add_mount(&ris::locator::Locator::from(place.path(folder).as_path())).unwrap();
    writer.finish().unwrap();
}

#[test]
fn a_disk_that_was_mounted_below_a_root_and_is_not_now_is_offline_and_not_missing() {
    let place = Place::with_photos(&[POND]);
    place.copy("library/garden/roses.jpg", "photos/disk/roses.jpg");
    place.copy("library/street/crossing.jpg", "photos/folder/crossing.jpg");
    place.copy("library/garden/roses.jpg", "query.jpg");
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    mounted(&place, "photos/disk");
    fs::remove_file(place.path("photos/folder/crossing.jpg")).unwrap();
    for empty in [true, false] {
        fs::rename(place.path("photos/disk"), place.path("unplugged")).unwrap();
        if empty {
            fs::create_dir(place.path("photos/disk")).unwrap();
        }
        let ran = place.run(["index", "photos", "--index", "idx", "--json"]);
        let told = ran.object();
        // What is gone from the root itself is missing, once.
        let missing = u64::from(empty);
        assert_eq!((&told["missing"], &told["offline"]), (&missing.into(), &1.into()), "{empty}: {ran:?}");
        assert!(ran.stderr.contains("photos/disk: offline"), "{ran:?}");
        let answer = found(&place);
        assert_eq!((names(&answer), &answer["matches"][0]["offline"]), (vec!["roses.jpg".into()], &true.into()));
        let status = place.run(["status", "--index", "idx", "--json"]).object();
        let mount = &status["mounts"][0];
        assert_eq!((&mount["offline"], &mount["sources"], &status["offline"]), (&true.into(), &1.into(), &1.into()));
        let kept = place.run(["prune", "--dry-run", "--index", "idx", "--json"]).object();
        assert_eq!((kept["forgotten"].as_array().unwrap().len(), &kept["offline"]), (1, &1.into()), "{kept}");
        if empty {
            fs::remove_dir(place.path("photos/disk")).unwrap();
        }
        fs::rename(place.path("unplugged"), place.path("photos/disk")).unwrap();
        let again = place.run(["index", "photos", "--index", "idx", "--json"]).object();
        assert_eq!((&again["unchanged"], &again["offline"], &again["decoded"]), (&2.into(), &0.into(), &0.into()));
    }
}

/// In a namespace of mounts of its own, where this system lets one be made.
#[cfg(target_os = "linux")]
#[test]
fn a_walk_notes_where_a_disk_is_mounted_below_its_root() {
    let place = Place::with_photos(&[POND]);
    place.copy("library/garden/roses.jpg", "query.jpg");
    fs::create_dir(place.path("photos/disk")).unwrap();
    let script = "set -e; mount -t tmpfs tmpfs photos/disk || exit 9; mkdir photos/disk/deep; cp query.jpg photos/disk/deep/roses.jpg
        \"$RIS\" index photos --index idx; umount photos/disk; \"$RIS\" index photos --index idx";
    let mut command = std::process::Command::new("unshare");
    command.args(["-rm", "sh", "-c", script]).current_dir(place.path("")).env("RIS", env!("CARGO_BIN_EXE_ris"));
    let output = command.env("HOME", place.path("home")).output();
    let told = output.as_ref().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    if output.as_ref().map_or(true, |output| output.status.code() == Some(9) || told.contains("unshare: ")) {
        println!("left out, since nothing can be mounted here: {told}");
        return;
    }
    assert!(output.unwrap().status.success() && told.contains("photos/disk: offline"), "{told}");
    let status = place.run(["status", "--index", "idx", "--json"]).object();
    let mount = place.path("photos/disk").display().to_string();
    assert_eq!((&status["mounts"][0]["source"], &status["missing"]), (&mount.into(), &0.into()), "{status}");
}
