//! Several indexes: searched together, and joined.

use std::fs;

use serde_json::Value;

use crate::setup::{Place, Ran, fixtures, names};

const POND: &str = "library/garden/pond.jpg";
const ROSES: &str = "library/garden/roses.jpg";
const CROSSING: &str = "library/street/crossing.jpg";

/// Two folders, each with an index of its own; the second also holds `first`'s pond.
fn two() -> Place {
    let place = Place::new();
    place.copy(POND, "first/pond.jpg");
    place.copy(CROSSING, "first/crossing.jpg");
    place.copy(POND, "second/copy.jpg");
    place.copy(ROSES, "second/roses.jpg");
    place.copy("queries/mirrored.jpg", "query.jpg");
    for (folder, index) in [("first", "a"), ("second", "b")] {
        assert_eq!(place.run(["index", folder, "--index", index]).status, 0);
    }
    place
}

fn run(place: &Place, args: &[&str]) -> Ran {
    Ran::of(place.ris().args(args).output().unwrap())
}

#[test]
fn several_indexes_are_searched_together_and_a_place_that_two_of_them_know_is_told_once() {
    let place = two();
    let ran = run(&place, &["search", "first/pond.jpg", "--index", "a", "--index", "b", "--json"]);
    let answer = ran.object();
    assert_eq!((ran.status, &answer["searched"]), (0, &4.into()), "{ran:?}");
    assert_eq!(names(&answer), ["pond.jpg", "copy.jpg"]);
    let ranks: Vec<_> = answer["matches"].as_array().unwrap().iter().map(|found| &found["rank"]).collect();
    assert_eq!(ranks, [&Value::from(1), &Value::from(2)]);
    // The same index under two names is one.
    let path = place.path("a").display().to_string();
    let once = run(&place, &["search", "first/pond.jpg", "--index", "a", "--index", &path, "--json"]).object();
    assert_eq!((names(&once), &once["searched"]), (vec!["pond.jpg".to_owned()], &2.into()));
    // Both know both folders.
    assert_eq!(place.run(["index", "first", "--index", "b"]).status, 0);
    let again = run(&place, &["search", "first/pond.jpg", "--index", "a", "--index", "b", "--json"]).object();
    assert_eq!((names(&again), &again["searched"]), (names(&answer), &5.into()), "{again}");
    let top = run(&place, &["search", "first/pond.jpg", "--index", "b", "--index", "a", "-n", "1", "-l"]);
    assert_eq!(top.stdout.lines().count(), 1, "{top:?}");
}

#[test]
fn what_is_offline_is_so_for_the_index_that_knows_it() {
    let place = two();
    fs::rename(place.path("first"), place.path("unplugged")).unwrap();
    let ran = run(&place, &["search", "second/copy.jpg", "--index", "a", "--index", "b", "--json"]);
    let answer = ran.object();
    let offline: Vec<_> = answer["matches"].as_array().unwrap().iter().map(|found| found.get("offline")).collect();
    assert_eq!((names(&answer), offline), (vec!["pond.jpg".into(), "copy.jpg".into()], vec![Some(&true.into()), None]));
}

#[test]
fn an_index_that_can_t_be_opened_is_an_error_and_what_the_others_hold_is_told() {
    let place = two();
    fs::create_dir(place.path("empty")).unwrap();
    for bad in ["empty", "gone", "first"] {
        let ran = run(&place, &["search", "second/copy.jpg", "--index", bad, "--index", "b", "--json"]);
        assert_eq!((ran.status, names(&ran.object())), (2, vec!["copy.jpg".to_owned()]), "{ran:?}");
        assert!(ran.stderr.lines().count() == 1 && ran.stderr.contains(bad), "{ran:?}");
        let alone = run(&place, &["search", "second/copy.jpg", "--index", bad]);
        assert!(alone.status == 2 && alone.stdout.is_empty() && alone.stderr.lines().count() == 1, "{alone:?}");
    }
    // Damage shows when it is read.
    let features = fs::read_dir(place.path("a/features")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&features).unwrap();
    bytes[70] ^= 1;
    fs::write(&features, bytes).unwrap();
    let ran = run(&place, &["search", "second/copy.jpg", "--index", "a", "--index", "b", "--json"]);
    assert_eq!((ran.status, names(&ran.object())), (2, vec!["copy.jpg".to_owned()]), "{ran:?}");
    assert!(ran.stderr.contains("ris verify"), "{ran:?}");
}

#[test]
fn commands_that_take_one_index_say_so_where_there_are_several() {
    let place = two();
    let mut cases = 0;
    for command in [
        &["index", "first"][..],
        &["search", "query.jpg", "--in", "first"],
        &["dupes"],
        &["status"],
        &["verify"],
        &["prune"],
    ] {
        let ran = run(&place, &[command, &["--index", "a", "--index", "b"]].concat());
        assert!(ran.status == 2 && ran.stderr.contains("several --index"), "{command:?}: {ran:?}");
        cases += 1;
    }
    assert_eq!(cases, 6);
}

#[test]
fn a_search_in_a_folder_counts_what_stands_there_and_one_that_is_not_there_is_an_error() {
    let place = two();
    assert_eq!(place.run(["index", "first", "--index", "b"]).status, 0);
    let ran = run(&place, &["search", "second/roses.jpg", "--in", "second", "--index", "b", "--json"]);
    assert_eq!((ran.status, &ran.object()["searched"]), (0, &2.into()), "{ran:?}");
    for args in [&["--in", "nowhere"][..], &["--in", "second", "--in", "nowhere"]] {
        let ran = run(&place, &[&["search", "second/roses.jpg", "--index", "b"][..], args].concat());
        assert!(ran.status == 2 && ran.stdout.is_empty() && ran.stderr.lines().count() == 1, "{ran:?}");
        assert!(ran.stderr.contains("nowhere"), "{ran:?}");
    }
}

/// The pictures of the library, in no order of theirs.
fn library() -> Vec<String> {
    let mut names = Vec::new();
    for folder in fs::read_dir(fixtures().join("library")).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            names.push(file.strip_prefix(fixtures()).unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort();
    assert!(names.len() > 30, "{names:?}");
    names
}

fn queries() -> Vec<String> {
    let files = fs::read_dir(fixtures().join("queries")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e != "csv")).collect();
    files.sort();
    assert!(files.len() > 25, "{files:?}");
    files.iter().map(|path| path.display().to_string()).collect()
}

/// All that an index answers: matches with their scores, of every query.
fn answers(place: &Place, index: &str, queries: &[String]) -> Vec<Value> {
    let args = ["search", "--json", "--index", index, "-n", "0", "--min-score", "0.5"];
    let output = place.ris().args(args).args(queries).output().unwrap();
    let told = Ran::of(output).json();
    assert_eq!(told.len(), queries.len());
    told.into_iter()
        .map(|answer| serde_json::json!([answer["status"], answer["searched"], answer["matches"]]))
        .collect()
}

#[test]
fn shards_that_are_merged_give_the_same_answers_as_one_build_however_they_were_split() {
    let place = Place::new();
    let names = library();
    names.iter().for_each(|name| place.copy(name, name));
    assert_eq!(place.run(["index", "library", "--index", "whole"]).status, 0);
    let queries = queries();
    let whole = answers(&place, "whole", &queries);
    assert!(whole.iter().filter(|answer| !answer[2].as_array().unwrap().is_empty()).count() > 20, "{whole:?}");
    for seed in 0u64..4 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let shards = 2 + seed % 2;
        let mut lists = vec![String::new(); shards as usize];
        for name in &names {
            // One in five is known to two of them.
            for _ in 0..if random(5) == 0 { 2 } else { 1 } {
                lists[random(shards) as usize].push_str(&format!("{name}\n"));
            }
        }
        let mut args = vec!["merge".to_owned(), format!("merged{seed}")];
        for (n, list) in lists.iter().enumerate() {
            let shard = format!("shard{seed}-{n}");
            place.write("list", list);
            let ran = place.run(["index", "--files-from", "list", "--index", &shard, "--json"]);
            assert!(ran.object()["pictures"].as_u64().unwrap() > 3, "{ran:?}");
            args.push(shard);
        }
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let ran = run(&place, &[&args[..], &["--json"]].concat());
        assert_eq!((ran.status, &ran.object()["shards"]), (0, &shards.into()), "{ran:?}");
        let merged = answers(&place, args[1], &queries);
        for ((query, whole), merged) in queries.iter().zip(&whole).zip(&merged) {
            assert_eq!(whole, merged, "{seed}: {query}");
        }
        assert_eq!(place.run(["verify", "--index", args[1]]).status, 0);
        // What is in already is not taken over again.
        let again = run(&place, &[&args[..], &["--json"]].concat()).object();
        assert_eq!((&again["added"], &again["places"]), (&0.into(), &0.into()), "{again}");
        // Nothing is decoded by a run over the same files, and nothing is gone.
        let ran = place.run(["index", "library", "--index", args[1], "--json"]);
        let told = ran.object();
        let counts = ["decoded", "indexed", "missing", "moved"].map(|key| told[key].as_u64().unwrap());
        assert_eq!(counts, [0; 4], "{told}");
    }
}

#[test]
fn of_a_place_that_two_shards_know_differently_what_was_seen_at_the_later_time_counts() {
    let place = Place::new();
    place.copy(POND, "photos/a.jpg");
    assert_eq!(place.run(["index", "photos", "--index", "old"]).status, 0);
    place.copy(ROSES, "photos/a.jpg");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    fs::File::options().write(true).open(place.path("photos/a.jpg")).unwrap().set_modified(later).unwrap();
    assert_eq!(place.run(["index", "photos", "--index", "new"]).status, 0);
    for (out, shards) in [("x", ["old", "new"]), ("y", ["new", "old"])] {
        let ran = run(&place, &["merge", out, shards[0], shards[1], "--json"]);
        let told = ran.object();
        assert_eq!((ran.status, &told["pictures"], &told["sources"]), (0, &1.into(), &1.into()), "{ran:?}");
        let found = |query: &str| {
            let query = fixtures().join(query).display().to_string();
            names(&run(&place, &["search", &query, "--index", out, "--json"]).object())
        };
        assert_eq!((found(ROSES), found(POND)), (vec!["a.jpg".to_owned()], vec![]), "{out}");
    }
}

#[test]
fn a_merge_refuses_what_it_can_t_join_before_it_writes_and_names_a_damaged_shard() {
    let place = two();
    place.write("other/letters.txt", "dear");
    let format = fs::read_to_string(place.path("a/format.json")).unwrap();
    let mut foreign: Value = serde_json::from_str(&format).unwrap();
    foreign["recipe"] = "another".into();
    foreign.as_object_mut().unwrap().remove("crc32").unwrap();
    for (name, text) in
        [("recipe", foreign.to_string()), ("newer", format.replace("\"ris_index\":", "\"ris_index\":9"))]
    {
        place.write(format!("{name}/format.json"), text);
    }
    for (args, said) in [
        (["out", "a", "recipe"], "another recipe"),
        (["out", "a", "newer"], "newer ris"),
        (["out", "a", "gone"], "no index here"),
        (["out", "a", "other"], "not an index"),
        (["a", "b", "a"], "both"),
        (["other", "a", "b"], "not an index"),
    ] {
        let ran = run(&place, &[&["merge"], &args[..]].concat());
        assert!(ran.status == 2 && ran.stderr.contains(said) && ran.stderr.lines().count() == 1, "{args:?}: {ran:?}");
        assert!(!place.path("out").exists());
    }
    assert_eq!(run(&place, &["merge", "out", "a", "--index", "b"]).status, 2);
    let file = fs::read_dir(place.path("b/features")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    for at in [70, whole.len() / 2] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();
        let ran = run(&place, &["merge", "out", "a", "b"]);
        assert!(ran.status == 2 && ran.stderr.contains("b: ") && ran.stderr.contains("ris verify"), "{ran:?}");
        assert_eq!(place.run(["verify", "--index", "out"]).status, 0);
        fs::write(&file, &whole).unwrap();
    }
    let ran = run(&place, &["merge", "out", "a", "b", "--json"]);
    assert_eq!((ran.status, &ran.object()["pictures"]), (0, &3.into()), "{ran:?}");
}
