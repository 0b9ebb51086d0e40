//! Archives as folders: what is found in them, what is read again and what is not, and what of a bad one is told.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::time::{Duration, SystemTime};

use ris::source::warc::Writer;
use serde_json::Value;
use zip::write::SimpleFileOptions;

use crate::setup::{Place, Ran, fixtures};

const POND: &str = "library/garden/pond.jpg";
const ROSES: &str = "library/garden/roses.jpg";
const CROSSING: &str = "library/street/crossing.jpg";

fn bytes(fixture: &str) -> Vec<u8> {
    fs::read(fixtures().join(fixture)).unwrap()
}

fn zip_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mtime(1_000_000_000);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip_of(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz_of(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A page that shows the files, and the files, as a crawler gets them.
fn warc_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::packed(Vec::new());
    writer.info(&[("software", "a test")], MOMENT).unwrap();
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n";
    writer.response("https://example.org/", MOMENT, head, b"<html>", None).unwrap();
    for (name, bytes) in files {
        let url = format!("https://example.org/{name}");
        let asked = b"GET / HTTP/1.1\r\nReferer: https://example.org/\r\n\r\n";
        let asked = writer.request(&url, MOMENT, asked).unwrap();
        writer.response(&url, MOMENT, head, bytes, Some(&asked)).unwrap();
    }
    writer.finish().unwrap()
}

/// 2001-09-09T01:46:40Z in nanoseconds.
const MOMENT: i64 = 1_000_000_000_000_000_000;

fn three() -> [(&'static str, Vec<u8>); 4] {
    [
        ("garden/pond.jpg", bytes(POND)),
        ("roses.jpg", bytes(ROSES)),
        ("street/crossing.jpg", bytes(CROSSING)),
        ("read me.txt", b"text".to_vec()),
    ]
}

fn index(place: &Place, source: &str) -> Ran {
    place.run(["index", source, "--index", "idx", "--json"])
}

fn counts(ran: &Ran) -> [u64; 6] {
    let object = ran.object();
    ["indexed", "unchanged", "moved", "missing", "failed", "decoded"].map(|key| object[key].as_u64().unwrap())
}

fn sources(answer: &Value) -> Vec<String> {
    let matches = answer["matches"].as_array().unwrap();
    matches.iter().map(|found| found["source"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn archives_are_searched_as_folders_are_and_an_unchanged_one_is_not_read_again() {
    for (name, archive) in [
        ("a.zip", zip_of(&three())),
        ("a.cbz", zip_of(&three())),
        ("a.tar", tar_of(&three())),
        ("a.tar.gz", gzip_of(&tar_of(&three()))),
        ("a.tar.zst", zstd_of(&tar_of(&three()))),
        ("a.txz", xz_of(&tar_of(&three()))),
    ] {
        let place = Place::new();
        place.write(format!("photos/{name}"), archive);
        let first = index(&place, "photos");
        assert_eq!((first.status, counts(&first)), (0, [3, 0, 0, 0, 0, 3]), "{name}: {first:?}");
        assert_eq!(first.object()["skipped"]["not a picture"], 1);
        let second = index(&place, "photos");
        assert_eq!((second.status, counts(&second)), (0, [0, 3, 0, 0, 0, 0]), "{name}: {second:?}");
        assert_eq!(second.object()["skipped"]["not a picture"], 1);
        let query = fixtures().join(ROSES);
        let query = query.to_str().unwrap();
        let answer = place.run(["search", query, "--in", "photos", "--index", "idx", "--json"]).object();
        let expected = format!("{}!/roses.jpg", place.path("photos").join(name).display());
        assert_eq!(sources(&answer), [expected], "{name}");
        assert_eq!(answer["matches"][0]["bytes"], bytes(ROSES).len() as u64);
        if name.starts_with("a.t") {
            assert_eq!(answer["matches"][0]["modified"], "2001-09-09T01:46:40Z");
        }
        let status = place.run(["status", "--index", "idx", "--json"]).object();
        let held = ["pictures", "sources", "missing", "archives", "failed"].map(|key| status[key].as_u64().unwrap());
        assert_eq!((held, &status["roots"][0]["sources"]), ([3, 3, 0, 1, 0], &3.into()), "{name}: {status}");
        // Not a byte of it is read: it is not even one any more, and nobody sees.
        #[cfg(unix)]
        {
            let path = place.path("photos").join(name);
            let (length, modified) =
                (fs::metadata(&path).unwrap().len(), fs::metadata(&path).unwrap().modified().unwrap());
            fs::write(&path, vec![b'x'; length as usize]).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
            assert_eq!(counts(&index(&place, "photos")), [0, 3, 0, 0, 0, 0], "{name}");
        }
    }
}

#[test]
fn an_archive_answers_as_the_same_files_unpacked_do() {
    let unpacked = Place::new();
    let packed = Place::new();
    let mut files = Vec::new();
    for folder in ["garden", "street", "sea", "market"] {
        for entry in fs::read_dir(fixtures().join("library").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
            unpacked.write(format!("photos/{name}"), fs::read(&path).unwrap());
            files.push((name, fs::read(&path).unwrap()));
        }
    }
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let [zip, tgz, zst, xz, warc, wacz, gzipped] =
        &std::array::from_fn(|part| files.iter().skip(part).step_by(7).cloned().collect::<Vec<_>>());
    packed.write("photos/a.zip", zip_of(zip));
    packed.write("photos/b.tgz", gzip_of(&tar_of(&[("more.cbz", zip_of(tgz))])));
    packed.write("photos/c.tar.zst", zstd_of(&tar_of(zst)));
    packed.write("photos/d.tar.xz", xz_of(&tar_of(xz)));
    packed.write("photos/e.warc.gz", warc_of(warc));
    packed.write("photos/f.wacz", zip_of(&[("archive/data.warc.gz", warc_of(wacz))]));
    packed.write("photos/g.warc", served_gzipped(gzipped));
    assert_eq!(index(&unpacked, "photos").status, 0);
    let ran = index(&packed, "photos");
    assert_eq!((ran.status, counts(&ran)[0]), (0, files.len() as u64), "{ran:?}");
    let mut found = 0;
    let mut queries: Vec<_> = fs::read_dir(fixtures().join("queries")).unwrap().map(|q| q.unwrap().path()).collect();
    queries.sort();
    for query in queries {
        let answers = [&unpacked, &packed].map(|place| {
            let answer = place.run(["search", query.to_str().unwrap(), "--index", "idx", "--json", "-n", "0"]).object();
            let matches = answer["matches"].as_array().unwrap().iter().map(|found| {
                let mut found = found.clone();
                let name = found["source"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                let map = found.as_object_mut().unwrap();
                // Equal scores are in the order of names.
                map.retain(|key, _| !["source", "modified", "rank", "page", "fetched"].contains(&key.as_str()));
                (name, found.to_string())
            });
            let mut matches: Vec<_> = matches.collect();
            matches.sort();
            matches
        });
        found += answers[0].len();
        assert_eq!(answers[0], answers[1], "{}", query.display());
    }
    assert!(found > 10, "only {found} matches seen");
}

/// A WARC of another program, whose bodies are packed by the server and of no stated length.
fn served_gzipped(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut records = Vec::new();
    for (name, bytes) in files {
        let body = gzip_of(bytes);
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
        let http = [format!("{head}{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
        let length = http.len();
        let fields = format!("WARC-Target-URI: http://h/{name}\r\nContent-Length: {length}\r\n\r\n");
        records.extend(format!("WARC/1.0\r\nWARC-Type: response\r\n{fields}").bytes().chain(http).chain(*b"\r\n\r\n"));
    }
    records
}

#[test]
fn a_web_archive_is_searched_by_address_and_its_pages_are_not_counted() {
    let place = Place::new();
    let [pond, roses, crossing, _] = three();
    place.write("web/a.warc.gz", warc_of(&[pond.clone(), roses.clone(), (pond.0, crossing.1)]));
    place.write("web/b.wacz", zip_of(&[("archive/data.warc.gz", warc_of(&[roses]))]));
    let first = index(&place, "web");
    assert_eq!((first.status, counts(&first)), (0, [4, 0, 0, 0, 0, 4]), "{first:?}");
    assert_eq!(first.object()["skipped"], serde_json::json!({}));
    assert_eq!(counts(&index(&place, "web")), [0, 4, 0, 0, 0, 0]);
    let url = "a.warc.gz!/https://example.org/garden/pond.jpg";
    for (fixture, expected) in [
        (POND, vec![url.to_owned()]),
        (CROSSING, vec![format!("{url}#2")]),
        (
            ROSES,
            vec![
                "a.warc.gz!/https://example.org/roses.jpg".to_owned(),
                "b.wacz!/archive/data.warc.gz!/https://example.org/roses.jpg".to_owned(),
            ],
        ),
    ] {
        let query = fixtures().join(fixture);
        let answer = place.run(["search", query.to_str().unwrap(), "--index", "idx", "--json"]).object();
        let expected: Vec<_> = expected.iter().map(|name| place.path("web").join(name).display().to_string()).collect();
        assert_eq!(sources(&answer), expected);
        assert_eq!(answer["matches"][0]["modified"], "2001-09-09T01:46:40Z");
    }
}

#[test]
fn packed_archives_that_ask_for_too_much_or_are_cut_are_one_line_and_the_run_goes_on() {
    let place = Place::new();
    let tar = tar_of(&three());
    let frame = |window: u8| {
        let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0, window << 3];
        for chunk in tar.chunks(1 << 16) {
            frame.extend_from_slice(&((chunk.len() as u32) << 3).to_le_bytes()[..3]);
            frame.extend(chunk);
        }
        [frame.as_slice(), &[1, 0, 0]].concat()
    };
    // Windows of two to the power of 10 and so many more.
    place.write("photos/huge.tar.zst", frame(18));
    place.write("photos/large.tar.zst", frame(16));
    place.write("photos/fits.tar.zst", frame(14));
    place.write("photos/cut.txz", &xz_of(&tar)[..80_000]);
    let mut warc = warc_of(&three());
    warc.truncate(warc.len() - 1000);
    place.write("photos/cut.warc.gz", warc);
    let ran = place.run(["index", "photos", "--index", "idx", "--json", "--max-memory", "64M"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    for line in [
        "huge.tar.zst: damaged: unpacking it takes a window of 256 MiB, more than 128: unpack it first",
        "large.tar.zst: damaged: unpacking it takes 64 MiB, more than there is: raise --max-memory",
        "cut.txz: damaged: its xz data ends too early",
        "cut.warc.gz: damaged: ",
    ] {
        assert_eq!(ran.stderr.matches(line).count(), 1, "{line}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("fits.tar.zst"), "{}", ran.stderr);
    assert_eq!(place.run(["status", "--index", "idx", "--json"]).object()["pictures"], 3);
}

#[test]
fn a_changed_archive_decodes_only_what_is_new_and_a_moved_one_nothing() {
    let place = Place::new();
    place.write("photos/a.zip", zip_of(&three()));
    index(&place, "photos");
    let mut changed = three().to_vec();
    changed.remove(1);
    changed.push(("gate.jpg", bytes("library/garden/gate.jpg")));
    place.write("photos/a.zip", zip_of(&changed));
    let ran = index(&place, "photos");
    assert_eq!(counts(&ran), [1, 2, 0, 1, 0, 1], "{ran:?}");

    fs::rename(place.path("photos/a.zip"), place.path("photos/b.zip")).unwrap();
    let ran = index(&place, "photos");
    assert_eq!(counts(&ran), [0, 0, 3, 0, 0, 0], "{ran:?}");
    let touched = File::options().write(true).open(place.path("photos/b.zip")).unwrap();
    touched.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
    let ran = index(&place, "photos");
    assert_eq!(counts(&ran), [0, 3, 0, 0, 0, 0], "{ran:?}");

    fs::remove_file(place.path("photos/b.zip")).unwrap();
    // A folder with nothing left in it would be taken for one that is unplugged.
    place.write("photos/notes.txt", "words");
    let ran = index(&place, "photos");
    assert_eq!((ran.status, counts(&ran)), (0, [0, 0, 0, 3, 0, 0]), "{ran:?}");
    let status = place.run(["status", "--index", "idx", "--json"]).object();
    assert_eq!((&status["sources"], &status["archives"], &status["missing"]), (&0.into(), &0.into(), &4.into()));
    assert_eq!(place.run(["search", "--index", "idx", fixtures().join(POND).to_str().unwrap()]).status, 1);
}

#[test]
fn an_archive_that_is_packed_or_unpacked_keeps_its_descriptions() {
    let place = Place::new();
    place.write("photos/pond.jpg", bytes(POND));
    index(&place, "photos");
    place.write("photos/a.zip", zip_of(&[("pond.jpg", bytes(POND))]));
    fs::remove_file(place.path("photos/pond.jpg")).unwrap();
    assert_eq!(counts(&index(&place, "photos")), [0, 0, 1, 0, 0, 0]);
    place.write("photos/pond.jpg", bytes(POND));
    fs::remove_file(place.path("photos/a.zip")).unwrap();
    assert_eq!(counts(&index(&place, "photos")), [0, 0, 1, 0, 0, 0]);
}

#[test]
fn an_archive_may_be_named_and_a_book_is_looked_into_only_then() {
    let place = Place::new();
    place.write("photos/a.zip", zip_of(&three()));
    place.write("photos/book.epub", zip_of(&[("cover.jpg", bytes("library/garden/gate.jpg"))]));
    assert_eq!(counts(&index(&place, "photos"))[0], 3);
    let named = index(&place, "photos/book.epub");
    assert_eq!((named.status, counts(&named)[0]), (0, 1), "{named:?}");
    let again = index(&place, "photos");
    assert_eq!(counts(&again), [0, 4, 0, 0, 0, 0], "{again:?}");
    let own = Place::new();
    own.write("a.cbz", zip_of(&three()));
    assert_eq!(counts(&index(&own, "a.cbz"))[0], 3);
    assert_eq!(own.run(["status", "--index", "idx", "--json"]).object()["roots"][0]["sources"], 3);
    fs::remove_file(own.path("a.cbz")).unwrap();
    let status = own.run(["status", "--index", "idx", "--json"]).object();
    // Its folder is there and holds other things: it is gone, not unplugged.
    assert_eq!((&status["roots"][0]["offline"], &status["offline"]), (&false.into(), &0.into()), "{status}");
}

#[test]
fn a_bad_archive_is_one_warning_every_time_and_keeps_what_could_be_read() {
    let place = Place::new();
    let mut cut = tar_of(&three());
    cut.truncate(bytes(POND).len() + 2048);
    place.write("photos/cut.tar", cut);
    let mut encrypted = zip_of(&three());
    let directory: Vec<_> = (0..encrypted.len() - 4).filter(|at| &encrypted[*at..at + 4] == b"PK\x01\x02").collect();
    for at in &directory[..2] {
        encrypted[at + 8] |= 1;
    }
    place.write("photos/secret.zip", encrypted);
    place.write("photos/lie.zip", b"no zip at all");
    for run in 0..2 {
        let ran = index(&place, "photos");
        assert_eq!(ran.status, 2, "{ran:?}");
        let lines: Vec<_> = ran.stderr.lines().collect();
        let of = |name: &str| lines.iter().filter(|line| line.contains(&format!("photos/{name}: "))).count();
        assert_eq!((of("cut.tar"), of("secret.zip"), of("lie.zip")), (1, 1, 1), "run {run}: {lines:#?}");
        assert!(ran.stderr.contains("2 of 4 entries are encrypted: unpack it first"), "{lines:#?}");
        assert!(ran.stderr.contains("lie.zip: no archive, though its name says so"), "{lines:#?}");
    }
    for (fixture, archive) in [(POND, "cut.tar!/garden/pond.jpg"), (CROSSING, "secret.zip!/street/crossing.jpg")] {
        let answer = place.run(["search", "--json", "--index", "idx", fixtures().join(fixture).to_str().unwrap()]);
        assert!(sources(&answer.object())[0].ends_with(archive), "{answer:?}");
    }
}

#[test]
fn pictures_that_need_the_whole_budget_are_read_and_those_that_need_more_are_told() {
    let place = Place::new();
    let mut large = Vec::new();
    image::GrayImage::from_fn(3000, 3000, |x, y| image::Luma([((x * y) >> 7) as u8]))
        .write_to(&mut Cursor::new(&mut large), image::ImageFormat::Png)
        .unwrap();
    let mut huge = b"BM".to_vec();
    for number in [54, 0, 54, 40, 8000, 8000, 24 << 16 | 1, 0, 0, 0, 0, 0, 0u32] {
        huge.extend(number.to_le_bytes());
    }
    let files = [
        three().to_vec(),
        vec![("large.png", large), ("huge.bmp", huge)],
        three()[..1].iter().map(|(_, b)| ("z.jpg", b.clone())).collect(),
    ];
    place.write("photos/a.tar", tar_of(&files.concat()));
    place.write("photos/b.zip", zip_of(&[("in.zip", zip_of(&three()))]));
    // Two archives hold the half of it each from the start, so that the large picture has to wait for the whole.
    let ran = place.run(["index", "photos", "--index", "idx", "--json", "--max-memory", "64M", "--jobs", "4"]);
    assert_eq!((ran.status, counts(&ran)[4]), (2, 1), "{ran:?}");
    assert!(ran.stderr.contains("a.tar!/huge.bmp: too large"), "{ran:?}");
    let status = place.run(["status", "--index", "idx", "--json"]).object();
    assert_eq!(status["sources"], 8, "all others: {status}");
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_kept_as_bytes_and_links_go_to_the_archive() {
    let place = Place::new();
    let mut archive = zip_of(&[("po?d.jpg", bytes(POND))]);
    for at in 0..archive.len() - 8 {
        if &archive[at..at + 8] == b"po?d.jpg" {
            archive[at + 2] = 0xFF;
        }
    }
    place.write("photos/a b.zip", archive);
    assert_eq!(index(&place, "photos").status, 0);
    let query = fixtures().join(POND);
    let query = query.to_str().unwrap();
    let answer = place.run(["search", query, "--index", "idx", "--json"]).object();
    let found = &answer["matches"][0];
    let path = place.path("photos/a b.zip");
    assert_eq!(found["source"], format!("{}!/po\u{FFFD}d.jpg", path.display()));
    use base64::Engine;
    let raw = base64::prelude::BASE64_STANDARD.decode(found["source_bytes"].as_str().unwrap()).unwrap();
    assert_eq!(raw, [path.to_str().unwrap().as_bytes(), b"!/po\xFFd.jpg"].concat());
    let linked = place.ris().args(["search", query, "--index", "idx", "--hyperlink", "always"]).output().unwrap();
    let text = String::from_utf8_lossy(&linked.stdout);
    assert!(text.contains("/photos/a%20b.zip\x1b\\photos/a b.zip!/po"), "{text}");
}
