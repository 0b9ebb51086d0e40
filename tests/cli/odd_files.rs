//! Folders as they are: formats by content, orientations, broken files and hostile names.

use std::fs;

use crate::setup::{Place, Ran, fixtures, names};

#[test]
fn every_good_picture_of_an_odd_folder_is_found_and_every_bad_one_is_one_line() {
    let place = Place::new();
    let pond = fs::read(fixtures().join("library/garden/pond.jpg")).unwrap();
    let png = fs::read(fixtures().join("formats/misnamed/png-named.jpg")).unwrap();
    place.write("odd/name with spaces.jpg", &pond);
    place.write("odd/new\nline.jpg", &pond);
    place.write("odd/esc\x1b[31m.jpg", &pond);
    place.write("odd/no extension", &pond);
    place.write("odd/really a png.jpg", &png);
    place.write("odd/truncated.jpg", &pond[..pond.len() / 2]);
    place.write("odd/text.png", "only words");
    place.write("odd/notes.txt", "only words");
    place.write("odd/empty.jpg", "");
    fs::create_dir_all(place.path("odd/a.jpg")).unwrap();
    let mut good = 4;
    #[cfg(unix)]
    {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        use std::path::Path;
        place.write(Path::new("odd").join(OsStr::from_bytes(b"not\xFFutf8.jpg")), &pond);
        nix::unistd::mkfifo(&place.path("odd/pipe.jpg"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        good += 1;
    }
    let ran = place.run(["index", "odd", "--index", "idx", "--json"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    let mut bad: Vec<&str> = ran.stderr.lines().collect();
    bad.sort();
    assert_eq!(bad.len(), 3, "{ran:?}");
    for (line, name) in bad.iter().zip(["empty.jpg", "text.png", "truncated.jpg"]) {
        assert!(line.starts_with("ris: ") && line.contains(name), "{line}");
    }
    let summary = ran.object();
    assert_eq!((&summary["failed"], &summary["partial_data"]), (&2.into(), &1.into()), "{ran:?}");
    assert!(bad[2].contains("rows could be read"), "{ran:?}");

    place.write("query.jpg", &pond);
    let ran = place.run(["search", "query.jpg", "--index", "idx", "--json", "-n", "0"]);
    // And the upper part of the one that is cut off.
    assert_eq!(ran.object()["matches"].as_array().unwrap().len(), good + 1, "{ran:?}");
    let cut = ran.object()["matches"].as_array().unwrap().iter().filter(|found| found["partial_data"] == true).count();
    assert_eq!(cut, 1, "{ran:?}");
    #[cfg(unix)]
    {
        let answer = ran.object();
        let matches = answer["matches"].as_array().unwrap();
        let raw = matches.iter().filter_map(|found| found["source_bytes"].as_str()).collect::<Vec<_>>();
        assert_eq!(raw.len(), 1, "one name is not UTF-8: {answer}");
    }
    assert!(names(&ran.object()).contains(&"new\nline.jpg".to_owned()));
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_a_warning_and_the_run_goes_on() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_photos(&["garden/pond.jpg", "garden/roses.jpg"]);
    let locked = place.path("photos/roses.jpg");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&locked).is_ok() {
        eprintln!("not tested: this user may read everything");
        return;
    }
    let ran = place.run(["index", "photos", "--index", "idx", "--json"]);
    assert_eq!((ran.status, &ran.object()["indexed"], &ran.object()["failed"]), (2, &1.into(), &1.into()), "{ran:?}");
    assert!(ran.stderr.contains("roses.jpg"), "{ran:?}");
}

#[test]
fn every_format_is_read_by_its_content() {
    let place = Place::new();
    let formats = fixtures().join("formats");
    let ran = Ran::of(place.ris().args(["index", "--index", "idx", "--json"]).arg(&formats).output().unwrap());
    assert!(ran.object()["indexed"].as_u64().unwrap() >= 40, "{ran:?}");
    #[cfg(feature = "svg")]
    drawings_are_found(&place);
    let formats = ["jpeg", "png", "gif", "webp", "tiff", "bmp", "ico", "pnm", "tga", "qoi", "hdr", "exr"];
    let query = fixtures().join("formats/misnamed/png-named.jpg");
    let args = ["search", "--index", "idx", "--json", "-n", "0", "--min-score", "0.5"];
    let answer = Ran::of(place.ris().args(args).arg(&query).output().unwrap()).object();
    let found: Vec<&str> =
        answer["matches"].as_array().unwrap().iter().map(|m| m["format"].as_str().unwrap()).collect();
    for format in formats {
        assert!(found.contains(&format), "{format}: {found:?}");
    }
}

/// A drawing is a query as any picture, packed or not; one that no stack would hold is an error.
#[cfg(feature = "svg")]
fn drawings_are_found(place: &Place) {
    let query = fixtures().join("formats/drawing.svgz");
    let args = ["search", "--index", "idx", "--json", "-n", "0"];
    let answer = Ran::of(place.ris().args(args).arg(&query).output().unwrap()).object();
    assert_eq!(names(&answer), ["drawing.svgz", "drawing.svg"], "{answer}");
    let found = &answer["matches"][1];
    assert_eq!((&found["format"], &found["width"], &found["height"]), (&"svg".into(), &320.into(), &240.into()));
    place.write("deep.svg", format!("<svg>{}", "<g>".repeat(200_000)));
    let deep = Ran::of(place.ris().args(args).arg("deep.svg").output().unwrap());
    assert_eq!((deep.status, deep.stderr.lines().count()), (2, 1), "{deep:?}");
}

#[test]
fn all_orientations_of_a_picture_are_one_upright_picture() {
    let place = Place::new();
    let folder = fixtures().join("orientations");
    let ran = Ran::of(place.ris().args(["index", "--index", "idx", "--json"]).arg(&folder).output().unwrap());
    assert_eq!((ran.status, &ran.object()["indexed"]), (0, &32.into()), "{ran:?}");
    let args = ["search", "--index", "idx", "--json", "-n", "0"];
    let answer = Ran::of(place.ris().args(args).arg(folder.join("6.jpg")).output().unwrap()).object();
    let matches = answer["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 32);
    for found in matches {
        assert_eq!((&found["width"], &found["height"]), (&matches[0]["width"], &matches[0]["height"]), "{found}");
        let turned = found["transform"]["rotation_deg"].as_f64().unwrap();
        assert!(turned.abs() < 1.0 && found["transform"]["mirrored"] == false, "{found}");
    }
}

#[test]
fn no_malformed_file_stops_a_run_and_each_is_one_line_at_most() {
    let place = Place::with_photos(&["garden/pond.jpg"]);
    let mut files = 0;
    for entry in fs::read_dir(fixtures().join("malformed")).unwrap() {
        let path = entry.unwrap().path();
        place.write(format!("photos/{}", path.file_name().unwrap().to_str().unwrap()), fs::read(&path).unwrap());
        files += 1;
    }
    assert!(files >= 20, "only {files} malformed files");
    let ran = place.run(["index", "photos", "--index", "idx", "--json"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    let summary = ran.object();
    let told = summary["failed"].as_u64().unwrap() + summary["partial_data"].as_u64().unwrap();
    assert_eq!(told as usize, ran.stderr.lines().count(), "{ran:?}");
    assert!(summary["failed"].as_u64().unwrap() >= 15 && summary["indexed"].as_u64().unwrap() >= 1, "{summary}");
    place.copy("library/garden/pond.jpg", "query.jpg");
    let answer = place.run(["search", "query.jpg", "--index", "idx", "--json"]).object();
    assert_eq!(names(&answer)[0], "pond.jpg");
}
