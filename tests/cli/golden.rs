//! Indexes as released versions wrote them: they are opened, searched, checked and gone on with for ever.

use std::fs;
use std::path::Path;

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

#[test]
fn an_index_of_format_1_is_searched_checked_and_gone_on_with() {
    let place = Place::new();
    assert!(copy(&fixtures().join("index-v1"), &place, "disk/.ris") > 8);
    PICTURES.iter().for_each(|(fixture, name)| place.copy(fixture, &format!("disk/{name}")));
    let look = || {
        for (fixture, name) in PICTURES {
            let query = fixtures().join(fixture);
            let answer = place.run(["search", query.to_str().unwrap(), "--index", "disk/.ris", "--json"]).object();
            let found = &answer["matches"][0];
            assert_eq!((names(&answer)[0].as_str(), &found["kind"]), (name, &"identical".into()), "{answer}");
        }
        let crop = fixtures().join("queries/collage.jpg");
        let answer = place.run(["search", crop.to_str().unwrap(), "--index", "disk/.ris", "--json"]).object();
        assert_eq!((names(&answer), &answer["matches"][0]["kind"]), (vec!["bay.jpg".into()], &"partial".into()));
        let verified = place.run(["verify", "--index", "disk/.ris"]);
        assert_eq!(verified.status, 0, "{verified:?}");
    };
    look();
    let status = place.run(["status", "--index", "disk/.ris", "--json"]).object();
    assert_eq!((&status["format"], &status["pictures"], &status["portable"]), (&1.into(), &7.into(), &true.into()));
    place.copy("library/garden/gate.jpg", "disk/gate.jpg");
    let told = place.run(["index", "--here", "disk", "--json"]).object();
    assert_eq!((&told["decoded"], &told["indexed"], &told["missing"]), (&1.into(), &1.into(), &0.into()), "{told}");
    assert_eq!((&told["unchanged"], &told["pictures"]), (&7.into(), &8.into()), "{told}");
    look();
}
