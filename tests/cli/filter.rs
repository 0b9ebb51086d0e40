//! `ris search --where`: what a picture's file says of its making, kept and asked for.

use std::fs;

use crate::setup::{Place, fixtures, names};

/// A JPEG of the library with a packet of XMP that has these properties.
fn with_xmp(fixture: &str, properties: &str) -> Vec<u8> {
    let jpeg = fs::read(fixtures().join(fixture)).unwrap();
    let packet = format!(
        "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:RDF><rdf:Description {properties}/></rdf:RDF></x:xmpmeta>"
    );
    let length = u16::try_from(packet.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, packet.as_bytes(), &jpeg[2..]].concat()
}

/// Four files of one picture, which differ in what is said of them.
fn indexed() -> Place {
    let place = Place::new();
    let pond = "library/garden/pond.jpg";
    let canon =
        "exif:DateTimeOriginal='2019-05-04T10:11:12' tiff:Make='Canon' tiff:Model='Canon EOS 5D' xmp:Rating='4'";
    let nikon = "exif:DateTimeOriginal='2021-12-31T23:59:59' tiff:Make='NIKON CORPORATION' tiff:Model='NIKON D90' \
                 exif:GPSLatitude='52,31.2N' exif:GPSLongitude='13,24.3E' aux:Lens='50mm f/1.8'";
    place.write("photos/canon.jpg", with_xmp(pond, canon));
    place.write("photos/scans/nikon.jpg", with_xmp(pond, nikon));
    place.write("photos/scans/old/late.jpg", with_xmp(pond, "xmp:CreateDate='2022-01-01'"));
    place.copy(pond, "photos/bare.jpg");
    place.copy(pond, "query.jpg");
    let ran = place.run(["index", "photos", "--index", "idx", "--json"]);
    assert_eq!((ran.status, &ran.object()["indexed"]), (0, &4.into()), "{ran:?}");
    place
}

#[test]
fn what_files_say_of_their_making_is_kept_and_printed() {
    let place = indexed();
    let answer = place.run(["search", "query.jpg", "--index", "idx", "--json"]).object();
    let of = |name: &str| {
        let matches = answer["matches"].as_array().unwrap();
        matches.iter().find(|found| found["source"].as_str().unwrap().ends_with(name)).unwrap().clone()
    };
    let (canon, nikon, bare) = (of("canon.jpg"), of("nikon.jpg"), of("bare.jpg"));
    assert_eq!((&canon["taken"], &canon["camera"]), (&"2019-05-04T10:11:12".into(), &"Canon EOS 5D".into()));
    assert_eq!(canon["rating"], 4);
    assert_eq!((&nikon["gps"], &nikon["lens"]), (&serde_json::json!([52.52, 13.405]), &"50mm f/1.8".into()));
    assert_eq!(["taken", "camera", "lens", "gps", "rating"].map(|field| bare.get(field).is_some()), [false; 5]);
}

#[test]
fn a_filter_finds_what_meets_it_and_nothing_else() {
    let place = indexed();
    let cases: [(&str, &[&str]); 24] = [
        ("taken:2019..2021", &["canon.jpg", "nikon.jpg"]),
        ("taken:2022-01-01", &["late.jpg"]),
        ("taken:>2021", &["late.jpg"]),
        ("taken:none", &["bare.jpg"]),
        ("-taken:none", &["canon.jpg", "late.jpg", "nikon.jpg"]),
        ("camera:canon", &["canon.jpg"]),
        ("camera:nikon,canon", &["canon.jpg", "nikon.jpg"]),
        ("camera:\"eos 5d\"", &["canon.jpg"]),
        ("camera:\"5d eos\"", &[]),
        ("-camera:canon", &["bare.jpg", "late.jpg", "nikon.jpg"]),
        ("lens:50mm", &["nikon.jpg"]),
        ("rating:>=3", &["canon.jpg"]),
        ("rating:5", &[]),
        ("gps:52.5,13.4,5km", &["nikon.jpg"]),
        ("gps:52.5,13.4,1km", &[]),
        ("-gps:52.5,13.4,5km", &["bare.jpg", "canon.jpg", "late.jpg"]),
        ("path:scans/**", &["late.jpg", "nikon.jpg"]),
        ("path:scans/*.jpg", &["nikon.jpg"]),
        ("-path:scans", &["bare.jpg", "canon.jpg"]),
        ("taken:2019..2021 camera:canon size:>1 path:photos/**", &["canon.jpg"]),
        ("size:>2MP", &[]),
        ("format:jpeg bytes:..1G", &["bare.jpg", "canon.jpg", "late.jpg", "nikon.jpg"]),
        ("format:png", &[]),
        ("modified:2000..", &["bare.jpg", "canon.jpg", "late.jpg", "nikon.jpg"]),
    ];
    for (filter, expected) in cases {
        let ran = place.run(["search", "query.jpg", "--index", "idx", "--json", "--where", filter]);
        let answer = ran.object();
        let mut found = names(&answer);
        found.sort();
        assert_eq!(found, expected, "{filter}: {}", ran.stderr);
        assert_eq!(answer["searched"], expected.len(), "{filter}");
        assert_eq!(ran.status, i32::from(expected.is_empty()), "{filter}");
    }
    let both = ["search", "query.jpg", "--index", "idx", "-l", "--where", "taken:any", "--where", "-camera:any"];
    assert_eq!(place.run(both).stdout.lines().count(), 1);
}

#[test]
fn a_filter_that_is_wrong_is_one_line_before_any_query_is_read() {
    let place = indexed();
    for (filter, hint) in [("camra:canon", "did you mean `camera`?"), ("taken:lately", "a date is 2019")] {
        let ran = place.run(["search", "no-such.jpg", "--index", "idx", "--where", filter]);
        assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.lines().count()), (2, "", 1), "{ran:?}");
        assert!(ran.stderr.contains(hint), "{ran:?}");
    }
}

#[test]
fn in_a_folder_only_what_is_there_is_counted_as_searched() {
    let place = indexed();
    let answer = place.run(["search", "query.jpg", "--index", "idx", "--json", "--in", "photos/scans"]).object();
    assert_eq!((&answer["searched"], names(&answer).len()), (&2.into(), 2));
}
