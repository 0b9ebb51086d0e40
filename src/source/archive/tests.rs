//! Archives made here, whole and broken in every way, and what is seen of them.

use std::io::{Cursor, Write};

use ::zip::write::SimpleFileOptions;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::error::ErrorKind;

/// What the pictures of these tests begin with.
const JPEG: &[u8] = b"\xFF\xD8";

/// Keeps what it is shown: names as text, contents or what is wrong.
#[derive(Default)]
struct Collected {
    entries: Vec<(String, std::result::Result<Vec<u8>, String>)>,
    left_out: Vec<String>,
    captures: Vec<Capture>,
    held: u64,
    most_held: u64,
}

fn joined(names: &[Vec<u8>]) -> String {
    names.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join("!/")
}

impl Visit for Collected {
    fn entry(&mut self, entry: Entry<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        let read = entry.content.take(1 << 20).read_to_end(&mut bytes);
        self.entries.push((joined(&entry.names), read.map(|_| bytes).map_err(|error| error.to_string())));
        self.captures.extend(entry.capture);
        Ok(())
    }

    fn left_out(&mut self, entry: Entry<'_>, _reason: &'static str) -> Result<()> {
        self.left_out.push(joined(&entry.names));
        Ok(())
    }

    fn hold(&mut self, bytes: u64) -> Result<bool> {
        if bytes > 100 << 20 {
            return Ok(false);
        }
        self.held += bytes;
        self.most_held = self.most_held.max(self.held);
        Ok(true)
    }

    fn release(&mut self, bytes: u64) {
        self.held = self.held.checked_sub(bytes).unwrap();
    }

    fn begins_as_a_picture(&self, start: &[u8]) -> bool {
        start.starts_with(JPEG)
    }

    fn claims_to_matter(&self, name: &[u8]) -> bool {
        name.ends_with(b".jpg")
    }
}

fn collect_within(archive: &[u8], limits: &Limits) -> (Collected, Account) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(archive).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut collected = Collected::default();
    let account = read(file, archive.len() as u64, limits, &mut collected).unwrap();
    let mut of_memory = Collected::default();
    let other = read_bytes(archive, limits, &mut of_memory).unwrap();
    assert_eq!((&collected.entries, account.trouble()), (&of_memory.entries, other.trouble()));
    assert_eq!(collected.held, 0, "what was held is given back");
    (collected, account)
}

fn collect(archive: &[u8]) -> (Collected, Account) {
    collect_within(archive, &Limits::default())
}

type Files<'a> = [(&'a str, &'a [u8])];

fn zip_of(files: &Files<'_>) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (at, (name, bytes)) in files.iter().enumerate() {
        let method = [::zip::CompressionMethod::Stored, ::zip::CompressionMethod::Deflated][at % 2];
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar_of(files: &Files<'_>) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mtime(1_000_000_000);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip_of(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz_of(bytes: &[u8], window: u32) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(1);
    options.lzma_options.dict_size = window;
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Some thousand bytes that hardly pack.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8)
    };
    std::iter::repeat_n((), length).scan(seed, |state, ()| step(state)).collect()
}

fn contents(files: &Files<'_>) -> Vec<(String, std::result::Result<Vec<u8>, String>)> {
    files.iter().map(|(name, bytes)| (name.to_string(), Ok(bytes.to_vec()))).collect()
}

#[test]
fn every_kind_of_archive_gives_what_was_put_into_it_in_order() {
    let (a, b) = (noise(1, 5000), noise(2, 70_000));
    let long = format!("{}/c.jpg", "deep/".repeat(60));
    let files: &Files<'_> = &[("a.jpg", &a), ("x/b é.jpg", &b), (&long, b"short"), ("empty", b"")];
    let tar = tar_of(files);
    for (kind, archive) in [
        ("zip", zip_of(files)),
        ("tar.gz", gzip_of(&tar)),
        ("tar.xz", xz_of(&tar, 1 << 20)),
        ("tar.zst", zstd_of(&tar)),
        ("tar", tar),
    ] {
        let (collected, account) = collect(&archive);
        assert_eq!(collected.entries, contents(files), "{kind}");
        assert_eq!((account.trouble(), account.entries), (None, 4), "{kind}");
    }
}

#[test]
fn an_archive_in_an_archive_is_entered_and_one_deeper_is_left_alone() {
    let inner: &Files<'_> = &[("p.jpg", b"pp"), ("deeper.zip", &zip_of(&[("q.jpg", b"q")]))];
    let (zipped, tarred) = (zip_of(inner), gzip_of(&tar_of(inner)));
    let (xzed, zstded) = (xz_of(&tar_of(inner), 1 << 20), zstd_of(&tar_of(inner)));
    let outer: &Files<'_> = &[
        ("i.cbz", &zipped),
        ("i.tgz", &tarred),
        ("i.txz", &xzed),
        ("i.tzst", &zstded),
        ("fake.zip", b"text"),
        ("book.epub", &zipped),
    ];
    for archive in [zip_of(outer), tar_of(outer), gzip_of(&tar_of(outer))] {
        let (collected, account) = collect(&archive);
        let names: Vec<_> = collected.entries.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["i.cbz!/p.jpg", "i.tgz!/p.jpg", "i.txz!/p.jpg", "i.tzst!/p.jpg", "fake.zip", "book.epub"]);
        let deeper = ["i.cbz!/deeper.zip", "i.tgz!/deeper.zip", "i.txz!/deeper.zip", "i.tzst!/deeper.zip"];
        assert_eq!(collected.left_out, deeper);
        assert_eq!(account.trouble(), None);
        assert_eq!(collected.most_held, zipped.len() as u64);
        assert_eq!(collected.entries[4].1, Ok(b"text".to_vec()), "what looked at its start gives it back");
    }
}

#[test]
fn names_that_point_out_of_the_archive_are_names_as_any_other_and_twins_are_told_apart() {
    let files: &Files<'_> = &[("../../up.jpg", b"1"), ("/etc/abs.jpg", b"2"), ("same.jpg", b"3"), ("c:\\w.jpg", b"4")];
    let mut twins = zip_of(files);
    let at = twins.windows(8).position(|window| window == b"same.jpg").unwrap();
    twins[at..at + 8].copy_from_slice(b"c:\\w.jpg");
    let directory = twins.windows(8).rposition(|window| window == b"same.jpg").unwrap();
    twins[directory..directory + 8].copy_from_slice(b"c:\\w.jpg");
    let names: Vec<_> = collect(&twins).0.entries.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["../../up.jpg", "/etc/abs.jpg", "c:\\w.jpg", "c:\\w.jpg#2"]);

    let mut with_nul = zip_of(&[("a?b.jpg", b"1"), ("c.jpg", b"2")]);
    for at in 0..with_nul.len() - 7 {
        if &with_nul[at..at + 7] == b"a?b.jpg" {
            with_nul[at + 1] = 0;
        }
    }
    let (collected, account) = collect(&with_nul);
    assert_eq!(collected.entries, contents(&[("c.jpg", b"2")]));
    assert_eq!(account.trouble().unwrap(), "1 of 2 entries have no name that can be kept");
}

#[test]
fn what_is_encrypted_or_packed_in_an_unknown_way_is_told_once_for_the_archive() {
    let mut archive = zip_of(&[("a.jpg", b"1"), ("b.jpg", b"22"), ("c.jpg", b"3"), ("d.txt", b"4"), ("e.jpg", b"5")]);
    let of_directory: Vec<_> = (0..archive.len() - 4).filter(|at| &archive[*at..at + 4] == b"PK\x01\x02").collect();
    for (entry, (flags, method)) in [(0, (1, 0)), (1, (1, 8)), (2, (0, 12)), (3, (1, 0))] {
        archive[of_directory[entry] + 8] |= flags;
        archive[of_directory[entry] + 10] = method;
    }
    let (collected, account) = collect(&archive);
    assert_eq!(collected.entries, contents(&[("e.jpg", b"5")]));
    let trouble = account.trouble().unwrap();
    assert!(
        trouble.starts_with("2 of 5 entries are encrypted: unpack it first; 1 of 5 entries are packed by"),
        "{trouble}"
    );
}

#[test]
fn an_archive_cut_anywhere_gives_what_came_before_and_says_that_it_was_cut() {
    let (a, b) = (noise(1, 3000), noise(2, 2000));
    let files: &Files<'_> = &[("a.jpg", &a), ("b.jpg", &b)];
    let mut zips_with_the_first = 0;
    let tar = tar_of(files);
    for (kind, archive) in [
        ("zip", zip_of(files)),
        ("tgz", gzip_of(&tar)),
        ("txz", xz_of(&tar, 1 << 20)),
        ("tzst", zstd_of(&tar)),
        ("tar", tar),
    ] {
        for length in (0..archive.len()).step_by(if cfg!(debug_assertions) { 7 } else { 1 }) {
            let (collected, account) = collect(&archive[..length]);
            let whole = collected.entries.iter().filter(|(_, content)| content.is_ok());
            for (entry, file) in whole.zip(contents(files)) {
                assert!(entry.0 == file.0 && file.1.unwrap().starts_with(entry.1.as_ref().unwrap()), "{kind} {length}");
            }
            // A tar may end without its end mark, and then nothing tells.
            let told = account.trouble().is_some()
                || (kind != "zip" && collected.entries.len() == 2)
                || (kind == "tar" && length % 512 == 0);
            assert!(told, "{kind} {length}: {account:?}");
            zips_with_the_first += usize::from(kind == "zip" && collected.entries.first() == contents(files).first());
        }
    }
    assert!(zips_with_the_first > 100, "only {zips_with_the_first} cut zips gave their first entry");
}

#[test]
fn no_flipped_bit_and_no_noise_makes_it_panic_or_run_on() {
    let archives = [
        zip_of(&[("a.jpg", &noise(1, 200)), ("b.zip", &zip_of(&[("c.jpg", b"c")]))]),
        tar_of(&[("a.jpg", &noise(1, 200)), ("b.zip", &zip_of(&[("c.jpg", b"c")]))]),
        gzip_of(&tar_of(&[("a.jpg", &noise(1, 200))])),
        xz_of(&tar_of(&[("a.jpg", &noise(1, 200))]), 1 << 16),
        zstd_of(&tar_of(&[("a.jpg", &noise(1, 200))])),
    ];
    for archive in &archives {
        for bit in (0..archive.len() * 8).step_by(5) {
            let mut flipped = archive.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            collect(&flipped);
        }
    }
    for seed in 0..200 {
        let mut random = noise(seed, 2000);
        let magics: [&[u8]; 4] = [b"PK\x03\x04", b"\x1f\x8b\x08\0", b"\x28\xB5\x2F\xFD", b"\xFD7zXZ\0"];
        for magic in magics {
            random[..magic.len()].copy_from_slice(magic);
            collect(&random);
        }
    }
}

#[test]
fn a_damaged_entry_costs_itself_alone() {
    let (a, b) = (noise(1, 3000), noise(2, 2000));
    let mut archive = zip_of(&[("a.jpg", &a), ("b.jpg", &b)]);
    archive[1000] ^= 1;
    let (collected, account) = collect(&archive);
    assert!(collected.entries[0].1.is_err() && collected.entries[1].1 == Ok(b), "{:?}", account);
}

#[test]
fn bombs_of_every_kind_end_at_the_limits() {
    let zeros = vec![0; 3_000_000];
    let limits = Limits { always: 1_000_000, ..Limits::default() };
    let inner = zip_of(&[("x", b""), ("zeros.jpg", &zeros)]);
    for (kind, archive) in [
        ("zip", zip_of(&[("x", b""), ("zeros.jpg", &zeros)])),
        ("tgz", gzip_of(&tar_of(&[("zeros.jpg", &zeros)]))),
        ("txz", xz_of(&tar_of(&[("zeros.jpg", &zeros)]), 1 << 20)),
        ("tzst", zstd_of(&tar_of(&[("zeros.jpg", &zeros)]))),
        ("zip in tar", gzip_of(&tar_of(&[("bomb.zip", &inner)]))),
    ] {
        let (_, account) = collect_within(&archive, &limits);
        assert!(account.trouble().unwrap().contains("more than 200 times its size"), "{kind}: {account:?}");
        assert_eq!(collect(&archive).1.trouble(), None, "{kind}: the control");
    }
    let many: Vec<_> = (0..50).map(|n| format!("{n}.jpg")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), b"x".as_slice())).collect();
    let limits = Limits { entries: 20, ..Limits::default() };
    for archive in [zip_of(&many), tar_of(&many)] {
        let (collected, account) = collect_within(&archive, &limits);
        assert_eq!(collected.entries.len(), 20);
        assert!(account.trouble().unwrap().contains("more than 20 entries"), "{account:?}");
    }
}

#[test]
fn sizes_that_are_lies_take_no_memory() {
    // A tar whose entry is said to have eight exabytes, by itself and as an archive within.
    for name in ["a.jpg", "a.zip"] {
        let mut header = ::tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_size(u64::MAX >> 1);
        header.set_cksum();
        let mut archive = header.as_bytes().to_vec();
        archive.extend(b"PK\x03\x04 and little more");
        let (_, account) = collect(&archive);
        assert!(account.trouble().is_some(), "{name}: {account:?}");
    }
    // A name of a gigabyte, packed to a few kilobytes.
    let mut header = ::tar::Header::new_gnu();
    header.set_entry_type(::tar::EntryType::GNULongName);
    header.set_size(1 << 30);
    header.set_cksum();
    let (collected, account) = collect(&gzip_of(&[header.as_bytes().as_slice(), &[b'x'; 100_000]].concat()));
    assert!(collected.entries.is_empty() && account.trouble().is_some());
}

#[test]
fn only_names_that_say_so_make_an_archive_and_a_missing_file_is_no_damage() {
    for name in
        ["a.zip", "A.CBZ", "b.tar", "b.Tar.Gz", "c.tgz", ".zip", "d.tar.ZST", "d.txz", "e.warc", "e.warc.gz", "e.wacz"]
    {
        assert!(is_named_so(name.as_bytes()), "{name}");
    }
    for name in ["a.docx", "a.jar", "a.apk", "a.epub", "a.gz", "zip", "a.zip.txt", "a.zst", "a.xz", ""] {
        assert!(!is_named_so(name.as_bytes()), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let opened = File::open(folder.path()).unwrap();
    let failed = read(opened, 100, &Limits::default(), &mut Collected::default());
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Io);
}

mod packed;
mod web;
