//! An index that travels with its disk.

use std::fs;

use serde_json::Value;

use crate::setup::{Place, Ran, names};

const POND: &str = "garden/pond.jpg";
const PHOTOS: [&str; 3] = [POND, "garden/roses.jpg", "street/crossing.jpg"];

/// A disk with three pictures and its index.
fn disk() -> Place {
    let place = Place::with_photos(&PHOTOS);
    fs::create_dir(place.path("mnt")).unwrap();
    fs::rename(place.path("photos"), place.path("mnt/disk")).unwrap();
    place.copy("library/garden/roses.jpg", "query.jpg");
    let told = place.run(["index", "--here", "mnt/disk", "--json"]).object();
    assert_eq!((&told["indexed"], &told["pictures"]), (&3.into(), &3.into()), "{told}");
    place
}

fn run(place: &Place, args: &[&str]) -> Ran {
    Ran::of(place.ris().args(args).output().unwrap())
}

fn sources(answer: &Value) -> Vec<String> {
    let matches = answer["matches"].as_array().unwrap().iter();
    matches.map(|found| found["source"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_index_that_is_moved_with_its_disk_finds_what_stands_there_and_knows_it() {
    let place = disk();
    let mut disk = place.path("mnt/disk");
    // Elsewhere, deeper, and with its parent.
    for (from, to) in [("mnt/disk", "media"), ("media", "mnt/x/y"), ("mnt", "other")] {
        fs::create_dir_all(place.path(to).parent().unwrap()).unwrap();
        fs::rename(place.path(from), place.path(to)).unwrap();
        disk = if from == "mnt" { place.path("other/x/y") } else { place.path(to) };
        let index = disk.join(".ris").display().to_string();
        let roses = disk.join("roses.jpg").display().to_string();
        let by_name = run(&place, &["search", "query.jpg", "--index", &index, "--json"]);
        assert_eq!((by_name.status, sources(&by_name.object())), (0, vec![roses.clone()]), "{by_name:?}");
        assert_eq!(by_name.object()["matches"][0].get("offline"), None);
        let search = place.ris().current_dir(&disk).args(["search", "roses.jpg", "--json"]).output().unwrap();
        assert_eq!(sources(&Ran::of(search).object()), [roses]);
        let again = run(&place, &["index", "--here", disk.to_str().unwrap(), "--json"]).object();
        let counts = ["unchanged", "indexed", "decoded", "moved", "missing", "offline", "sources"];
        assert_eq!(counts.map(|key| again[key].as_u64().unwrap()), [3, 0, 0, 0, 0, 0, 3], "{again}");
        let status = run(&place, &["status", "--index", &index, "--json"]).object();
        assert_eq!((&status["portable"], &status["offline"]), (&true.into(), &0.into()));
        let roots: Vec<_> = status["roots"].as_array().unwrap().iter().map(|root| &root["source"]).collect();
        assert_eq!(roots, [&Value::from(disk.display().to_string())], "one root, where it stands now");
        assert_eq!(status["roots"][0]["sources"], 3);
    }
    assert!(!place.path("home").exists(), "nothing but the disk was written to");
    // What is known can be asked for, forgotten and joined by where it stands.
    fs::remove_file(disk.join("pond.jpg")).unwrap();
    fs::copy(disk.join("roses.jpg"), disk.join("copy.jpg")).unwrap();
    let told =
        run(&place, &["index", disk.to_str().unwrap(), "--index", disk.join(".ris").to_str().unwrap(), "--json"]);
    let told = told.object();
    assert_eq!((&told["missing"], &told["indexed"], &told["decoded"]), (&1.into(), &1.into(), &0.into()), "{told}");
    let dupes = run(&place, &["dupes", "-0", disk.to_str().unwrap(), "--index", disk.join(".ris").to_str().unwrap()]);
    assert!(dupes.stdout.contains(&format!("{}\0", disk.join("copy.jpg").display())), "{dupes:?}");
    let prune =
        run(&place, &["prune", disk.to_str().unwrap(), "--index", disk.join(".ris").to_str().unwrap(), "--json"]);
    let forgotten = &prune.object()["forgotten"];
    assert_eq!(forgotten[0]["source"], disk.join("pond.jpg").display().to_string(), "{forgotten}");
    let joined = run(&place, &["merge", "joined", disk.join(".ris").to_str().unwrap(), "--json"]).object();
    assert_eq!((&joined["pictures"], &joined["sources"]), (&2.into(), &3.into()), "{joined}");
    let found = run(&place, &["search", "query.jpg", "--index", "joined", "--json"]).object();
    assert_eq!(
        (names(&found), found["matches"][0].get("offline")),
        (vec!["copy.jpg".into(), "roses.jpg".into()], None)
    );
}

#[test]
fn what_stands_outside_of_a_portable_index_s_folder_is_refused_and_an_ordinary_one_stays_as_it_is() {
    let place = disk();
    place.copy("library/garden/gate.jpg", "elsewhere/gate.jpg");
    let ran = run(&place, &["index", "elsewhere", "--index", "mnt/disk/.ris"]);
    assert!(ran.status == 2 && ran.stderr.contains("portable") && ran.stderr.lines().count() == 1, "{ran:?}");
    assert!(ran.stderr.contains("elsewhere"), "{ran:?}");
    let above = run(&place, &["index", "mnt", "--index", "mnt/disk/.ris"]);
    assert!(above.status == 2 && above.stderr.contains("portable"), "{above:?}");
    let merged = {
        assert_eq!(place.run(["index", "elsewhere", "--index", "idx"]).status, 0);
        run(&place, &["merge", "mnt/disk/.ris", "idx"])
    };
    assert!(merged.status == 2 && merged.stderr.contains("portable"), "{merged:?}");
    let status = run(&place, &["status", "--index", "mnt/disk/.ris", "--json"]).object();
    assert_eq!((&status["sources"], status["roots"].as_array().unwrap().len()), (&3.into(), 1), "{status}");

    // One that was made without the flag keeps where its pictures are.
    fs::create_dir(place.path("elsewhere/.ris")).unwrap();
    assert_eq!(run(&place, &["index", "elsewhere", "--index", "elsewhere/.ris"]).status, 0);
    let ran = run(&place, &["index", "--here", "elsewhere"]);
    assert!(ran.status == 2 && ran.stderr.contains("--here"), "{ran:?}");
    fs::rename(place.path("elsewhere"), place.path("moved")).unwrap();
    let told = run(&place, &["search", "moved/gate.jpg", "--index", "moved/.ris", "--json"]).object();
    assert_eq!(sources(&told), [place.path("elsewhere/gate.jpg").display().to_string()]);
    for args in [&["--here", "gone"][..], &["--here", "query.jpg"], &["--here", "moved", "--index", "idx"]] {
        let ran = run(&place, &[&["index"], args].concat());
        assert!(ran.status == 2 && ran.stderr.lines().count() == 1, "{ran:?}");
    }
}
