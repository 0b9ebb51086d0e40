//! `ris search`: what is found, how it is told, and what a script may rely on.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::setup::{Place, Ran, fixtures, names};

/// A place whose index holds the whole library.
fn library() -> Place {
    let place = Place::new();
    let library = fixtures().join("library");
    let ran = Ran::of(place.ris().args(["index", "--index", "idx"]).arg(library).output().unwrap());
    assert_eq!(ran.status, 0, "{ran:?}");
    place
}

fn search(place: &Place, query: &Path) -> Ran {
    Ran::of(place.ris().args(["search", "--json", "--index", "idx"]).arg(query).output().unwrap())
}

/// The edited copies of the library's pictures: file, edit, and the names of their sources.
fn queries() -> Vec<(String, String, Vec<String>)> {
    let truth = fs::read_to_string(fixtures().join("queries/truth.csv")).unwrap();
    let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    truth
        .lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split(',').collect();
            let sources = columns[2].split('|').filter(|source| !source.is_empty()).map(name).collect();
            (columns[0].to_owned(), columns[1].to_owned(), sources)
        })
        .collect()
}

#[test]
fn the_same_bytes_are_identical_with_score_1_wherever_they_stand() {
    let place = library();
    let answer = search(&place, &fixtures().join("library/garden/pond.jpg")).object();
    assert_eq!(answer["status"], "ok");
    let matches = answer["matches"].as_array().unwrap();
    assert_eq!(names(&answer)[..2], ["pond (copy).jpg", "pond.jpg"]);
    for found in &matches[..2] {
        assert_eq!((&found["kind"], &found["score"]), (&"identical".into(), &1.0.into()), "{found}");
        assert_eq!(found["transform"]["rotation_deg"], 0.0);
        assert_eq!((&found["query_overlap"], &found["source_overlap"]), (&1.0.into(), &1.0.into()));
    }
}

#[test]
fn every_field_that_scripts_rely_on_is_there() {
    let place = library();
    let answer = search(&place, &fixtures().join("queries/mirrored.jpg")).object();
    let keys = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for key in ["schema", "query", "status", "elapsed_ms", "searched", "matches"] {
        assert!(keys(&answer).contains(&key.to_owned()), "{key}: {answer}");
    }
    let found = &answer["matches"][0];
    let expected = [
        "rank",
        "source",
        "score",
        "kind",
        "transform",
        "query_overlap",
        "source_overlap",
        "width",
        "height",
        "format",
        "bytes",
        "modified",
    ];
    for key in expected {
        assert!(keys(found).contains(&key.to_owned()), "{key}: {found}");
    }
    assert_eq!((&answer["schema"], &found["rank"], &found["kind"]), (&1.into(), &1.into(), &"copy".into()));
    assert_eq!(found["transform"]["mirrored"], true);
    let modified = found["modified"].as_str().unwrap();
    assert!(modified.len() == 20 && modified.ends_with('Z'), "{modified}");
}

#[test]
fn an_unrelated_picture_matches_nothing_and_a_plain_one_is_said_to_be_too_plain() {
    let place = library();
    let mut seen = 0;
    for (file, _, _) in queries().into_iter().filter(|(_, _, sources)| sources.is_empty()) {
        let ran = search(&place, &fixtures().join("queries").join(&file));
        let plain = file.starts_with("plain");
        assert_eq!(ran.status, 1, "{file}: {ran:?}");
        assert_eq!(ran.object()["status"], if plain { "too_plain" } else { "ok" }, "{file}");
        assert!(ran.object()["matches"].as_array().unwrap().is_empty());
        assert_eq!(ran.stderr.contains("too plain"), plain, "{file}: {ran:?}");
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} unrelated queries");
}

#[test]
fn a_picture_on_stdin_is_searched_like_a_file() {
    let place = library();
    let query = fixtures().join("queries/mirrored.jpg");
    let args = ["search", "-", "--json", "--index", "idx"];
    let output = place.ris().args(args).write_stdin(fs::read(&query).unwrap()).output().unwrap();
    let piped = Ran::of(output).object();
    assert_eq!(piped["query"], "-");
    assert_eq!(piped["matches"], search(&place, &query).object()["matches"]);
    let empty = Ran::of(place.ris().args(args).write_stdin("").output().unwrap());
    assert_eq!((empty.status, &empty.object()["status"]), (2, &"error".into()));
}

#[test]
fn answers_come_in_the_order_of_the_queries_and_a_bad_one_is_an_object_too() {
    let place = library();
    place.copy("queries/mirrored.jpg", "q one.jpg");
    place.write("text.png", "no picture");
    let ran = place.run(["search", "q one.jpg", "text.png", "gone.jpg", "q one.jpg", "--json", "--index", "idx"]);
    assert_eq!(ran.status, 2);
    let answers = ran.json();
    let told: Vec<_> = answers.iter().map(|answer| (&answer["query"], &answer["status"])).collect();
    let (q, ok, error) = (Value::from("q one.jpg"), Value::from("ok"), Value::from("error"));
    let (text, gone) = (Value::from("text.png"), Value::from("gone.jpg"));
    assert_eq!(told, [(&q, &ok), (&text, &error), (&gone, &error), (&q, &ok)]);
    assert!(answers[1]["error"].as_str().unwrap().contains("not a picture"));
    assert_eq!(ran.stderr.lines().count(), 2, "{ran:?}");
}

#[test]
fn paths_alone_are_told_on_lines_or_ending_in_nul() {
    let place = library();
    let query = fixtures().join("library/garden/pond.jpg");
    let run = |flag: &str| {
        let args = ["search", flag, "-n", "2", "--index", "idx"];
        Ran::of(place.ris().args(args).arg(&query).output().unwrap()).stdout
    };
    let library = fixtures().join("library").canonicalize().unwrap();
    let paths = ["copies/pond (copy).jpg", "garden/pond.jpg"].map(|name| library.join(name).display().to_string());
    assert_eq!(run("-l"), format!("{}\n{}\n", paths[0], paths[1]));
    assert_eq!(run("-0"), format!("{}\0{}\0", paths[0], paths[1]));
}

#[test]
fn a_search_in_a_folder_brings_its_index_up_to_date_and_stays_there() {
    let place = Place::with_photos(&["garden/pond.jpg", "garden/roses.jpg"]);
    place.copy("library/garden/pond.jpg", "other/pond.jpg");
    place.copy("library/garden/pond.jpg", "query.jpg");
    assert_eq!(place.run(["index", "other", "--index", "idx"]).status, 0);
    let ran = place.run(["search", "query.jpg", "--in", "photos", "--index", "idx", "--json"]);
    assert_eq!(names(&ran.object()), ["pond.jpg"], "{ran:?}");
    assert!(ran.object()["matches"][0]["source"].as_str().unwrap().contains("/photos/"));
    let everywhere = place.run(["search", "query.jpg", "--index", "idx", "-l"]);
    assert_eq!(everywhere.stdout.lines().count(), 2);
    let nowhere = place.run(["search", "query.jpg", "--in", "query.jpg", "--index", "idx"]);
    assert!(nowhere.status == 2 && nowhere.stderr.contains("not a folder"), "{nowhere:?}");
}

#[test]
fn queries_come_from_lists_too_and_top_and_min_score_bound_what_is_told() {
    let place = library();
    place.copy("library/garden/pond.jpg", "a\nb.jpg");
    place.write("list", b"a\nb.jpg\0a\nb.jpg\0");
    let ran = place.run(["search", "--files-from", "list", "-z", "--json", "-n", "1", "--index", "idx"]);
    assert_eq!(ran.json().len(), 2, "{ran:?}");
    assert!(ran.json().iter().all(|answer| answer["matches"].as_array().unwrap().len() == 1));
    let all = place.run(["search", "a\nb.jpg", "--json", "-n", "0", "--min-score", "0", "--index", "idx"]).object();
    let scores: Vec<f64> = all["matches"].as_array().unwrap().iter().map(|m| m["score"].as_f64().unwrap()).collect();
    assert!(scores.len() >= 2 && scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
}

#[test]
fn every_edited_copy_is_found_first_and_every_part_of_a_collage_is_found() {
    let place = library();
    let mut seen = 0;
    for (file, edit, sources) in queries().into_iter().filter(|(_, _, sources)| !sources.is_empty()) {
        let answer = search(&place, &fixtures().join("queries").join(&file)).object();
        // The same bytes stand in two places.
        let found: Vec<_> = names(&answer).iter().map(|name| name.replace(" (copy)", "")).collect();
        assert!(found.first().is_some_and(|name| sources.contains(name)), "{file} ({edit}): {answer}");
        assert!(found.iter().all(|name| sources.contains(name)), "{file} ({edit}): {answer}");
        assert!(sources.iter().all(|source| found.contains(source)), "{file} ({edit}): {answer}");
        seen += 1;
    }
    assert!(seen >= 27, "only {seen} edits seen");
}

#[test]
fn a_match_says_how_the_query_came_about() {
    let place = library();
    let found = |file: &str| search(&place, &fixtures().join("queries").join(file)).object()["matches"][0].clone();
    let near = |found: &Value, key: &str, expected: f64, by: f64| {
        let value = found.pointer(key).and_then(Value::as_f64).unwrap();
        assert!((value - expected).abs() < by, "{key}: {value}, not {expected}: {found}");
    };
    let crop = found("crop-quarter.jpg");
    assert_eq!(crop["kind"], "partial");
    near(&crop, "/query_overlap", 1.0, 0.03);
    near(&crop, "/source_overlap", 0.25, 0.03);
    near(&crop, "/transform/scale", 1.0, 0.03);
    near(&crop, "/transform/matrix/0/2", 0.3 * 480.0, 4.0);
    near(&crop, "/transform/matrix/1/2", 0.35 * 360.0, 4.0);
    let pasted = found("picture-in-picture.jpg");
    assert_eq!(pasted["kind"], "partial");
    near(&pasted, "/query_overlap", 0.25, 0.03);
    near(&pasted, "/source_overlap", 1.0, 0.03);
    near(&pasted, "/transform/scale", 2.0, 0.06);
    let turned = found("turned-30.jpg");
    assert_eq!(turned["kind"], "copy", "all of it, turned in its frame");
    near(&turned, "/transform/rotation_deg", 30.0, 1.5);
    let mirrored = found("mirrored.jpg");
    assert_eq!((&mirrored["kind"], &mirrored["transform"]["mirrored"]), (&"copy".into(), &true.into()));
    near(&mirrored, "/query_overlap", 1.0, 0.03);
    assert_eq!(found("negative.jpg")["kind"], "copy");
}

/// Fujifilm's container around a JPEG.
fn raf(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = b"FUJIFILMCCD-RAW 0201FF383501".to_vec();
    bytes.resize(84, 0);
    bytes.extend(160u32.to_be_bytes());
    bytes.extend((jpeg.len() as u32).to_be_bytes());
    bytes.resize(160, 0);
    bytes.extend(jpeg);
    bytes
}

#[test]
fn the_raw_file_and_the_jpeg_of_one_shot_are_one_match_where_that_is_asked_for() {
    let place = Place::with_photos(&["garden/pond.jpg", "garden/roses.jpg"]);
    let jpeg = fs::read(place.path("photos/pond.jpg")).unwrap();
    place.write("photos/pond.RAF", raf(&jpeg));
    place.write("other/pond.RAF", raf(&jpeg));
    place.copy("queries/recompressed.jpg", "query.jpg");
    let ran = place.run(["index", "photos", "other", "--index", "idx", "--json"]);
    assert_eq!((ran.status, &ran.object()["indexed"]), (0, &4.into()), "{ran:?}");
    let search = |args: &[&str]| {
        Ran::of(place.ris().args(["search", "query.jpg", "--index", "idx"]).args(args).output().unwrap())
    };
    let plain = search(&["--json"]).object();
    assert_eq!(names(&plain), ["pond.RAF", "pond.RAF", "pond.jpg"]);
    assert!(plain["matches"].as_array().unwrap().iter().all(|found| found.get("pair").is_none()), "{plain}");
    let paired = search(&["--json", "--raw-pairs"]).object();
    let told: Vec<_> = paired["matches"].as_array().unwrap().iter().map(|found| found.get("pair").cloned()).collect();
    let jpeg = place.path("photos/pond.jpg").display().to_string();
    assert_eq!((names(&paired), told), (vec!["pond.RAF".into(); 2], vec![None, Some(jpeg.into())]), "{paired}");
    let text = search(&["--raw-pairs"]).stdout;
    assert!(text.lines().nth(1).unwrap().ends_with("photos/pond.RAF  (+ .jpg)") && text.lines().count() == 2, "{text}");
    assert_eq!(search(&["--raw-pairs", "-n", "2", "-l"]).stdout.lines().count(), 2, "a pair counts once");
}
