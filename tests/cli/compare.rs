//! `ris compare`: what it says of two pictures, and what it draws.

use serde_json::Value;

use crate::setup::{Place, Ran, fixtures};

fn compared(place: &Place, first: &str, second: &str, flags: &[&str]) -> Ran {
    let paths = [first, second].map(|name| fixtures().join(name));
    Ran::of(place.ris().arg("compare").args(paths).args(flags).output().unwrap())
}

#[test]
fn a_crop_is_told_with_its_place_and_its_share_and_drawn_beside_its_source() {
    let place = Place::new();
    let files = ("queries/crop-quarter.jpg", "library/street/old town.jpg");
    let ran = compared(&place, files.0, files.1, &["--json", "--picture", "out.png"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let told = ran.object();
    assert_eq!((&told["same"], &told["kind"], &told["schema"]), (&true.into(), &"partial".into(), &1.into()));
    assert!((told["source_overlap"].as_f64().unwrap() - 0.25).abs() < 0.03, "{told}");
    let drawn = image::open(place.path("out.png")).unwrap().to_rgb8();
    assert_eq!(drawn.dimensions(), (240 + 8 + 480, 360));
    let red = drawn.pixels().filter(|pixel| pixel.0 == [255, 64, 64]).count();
    // Both outlines have the size of the crop, 240x180; lines are three pixels wide.
    assert!((3000..6000).contains(&red), "{red} pixels of outline");
    let text = compared(&place, files.1, files.0, &[]);
    assert!(text.status == 0 && text.stdout.contains("shared     25 % of the first, 100 % of the second"), "{text:?}");
}

#[test]
fn different_pictures_are_told_apart_with_status_1_and_errors_name_their_file() {
    let place = Place::new();
    let ran = compared(&place, "queries/unrelated-1.jpg", "library/garden/pond.jpg", &["--json"]);
    assert_eq!((ran.status, &ran.object()["same"]), (1, &Value::from(false)), "{ran:?}");
    assert!(ran.object().get("transform").is_none());
    let plain = compared(&place, "queries/plain.png", "library/garden/pond.jpg", &[]);
    assert!(plain.status == 1 && plain.stderr.contains("too plain"), "{plain:?}");
    let text = compared(&place, "library/garden/pond.jpg", "queries/truth.csv", &[]);
    assert!(text.status == 2 && text.stderr.contains("truth.csv") && text.stderr.lines().count() == 1, "{text:?}");
    let gone = place.run(["compare", "gone.jpg", "-"]);
    assert!(gone.status == 2 && gone.stderr.contains("gone.jpg"), "{gone:?}");
    assert_eq!(place.run(["compare", "-", "-"]).status, 2);
    let nowhere = compared(&place, "queries/half.jpg", "queries/half.jpg", &["--picture", "no/such/out.png"]);
    assert!(nowhere.status == 2 && nowhere.stderr.contains("out.png"), "{nowhere:?}");
}

#[test]
fn the_score_of_a_comparison_is_that_of_a_search() {
    let place = Place::with_photos(&["street/shops.jpg"]);
    place.copy("queries/turned-30.jpg", "query.jpg");
    let found = place.run(["search", "query.jpg", "--in", "photos", "--json"]).object()["matches"][0].clone();
    let told = place.run(["compare", "query.jpg", "photos/shops.jpg", "--json"]).object();
    for key in ["score", "kind", "transform", "query_overlap", "source_overlap", "evidence", "width", "modified"] {
        assert_eq!(found[key], told[key], "{key}");
    }
}

#[test]
fn a_drawing_never_costs_a_picture() {
    let place = Place::with_photos(&["garden/pond.jpg", "garden/roses.jpg"]);
    let pond = std::fs::read(place.path("photos/pond.jpg")).unwrap();
    let mut names = vec!["photos/pond.jpg"];
    #[cfg(unix)]
    {
        std::fs::hard_link(place.path("photos/pond.jpg"), place.path("hard.jpg")).unwrap();
        std::os::unix::fs::symlink(place.path("photos/pond.jpg"), place.path("soft.jpg")).unwrap();
        names.extend(["hard.jpg", "soft.jpg"]);
    }
    for name in names {
        let ran = place.run(["compare", "photos/pond.jpg", "photos/roses.jpg", "--picture", name]);
        assert!(ran.status == 2 && ran.stderr.contains("would overwrite"), "{ran:?}");
        assert_eq!(std::fs::read(place.path(name)).unwrap(), pond, "{name}");
    }
    place.write("kept.png", "precious");
    let failed = place.run(["compare", "photos/pond.jpg", "gone.jpg", "--picture", "kept.png"]);
    assert_eq!(failed.status, 2, "{failed:?}");
    assert_eq!(std::fs::read(place.path("kept.png")).unwrap(), b"precious");
    let drawn = place.run(["compare", "photos/pond.jpg", "photos/roses.jpg", "--picture", "kept.png"]);
    assert_eq!(drawn.status, 1, "{drawn:?}");
    assert!(image::open(place.path("kept.png")).is_ok());
    let left = std::fs::read_dir(place.path(""))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".new"));
    assert_eq!(left.count(), 0);
    let same = place.run(["compare", "photos/pond.jpg", "photos/pond.jpg"]);
    assert!(
        same.status == 0 && same.stdout.contains("the same bytes") && same.stdout.contains("turned by 0.0"),
        "{same:?}"
    );
}
