//! Web archives: the pictures in them, by address, and what of the rest is passed over, left out or told.

use proptest::prelude::*;

use super::super::super::warc::Writer;
use super::*;

const DATE: &str = "2016-09-19T17:20:24Z";
const DATE_NS: i64 = 1_474_305_624_000_000_000;

/// A record with these fields.
fn record(kind: &str, url: &str, fields: &str, block: &[u8]) -> Vec<u8> {
    let length = block.len();
    let head = format!(
        "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {DATE}\r\n{fields}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

fn response(url: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    record("response", url, "", &[format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), body].concat())
}

fn picture(seed: u32, length: usize) -> Vec<u8> {
    [JPEG, &noise(seed, length)].concat()
}

fn names(collected: &Collected) -> Vec<&str> {
    collected.entries.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn pictures_that_were_got_are_entries_and_all_else_is_passed_over() {
    let (a, b) = (picture(1, 20_000), picture(2, 300));
    let chunked = [format!("{:x}\r\n", b.len()).as_bytes(), &b, b"\r\n0\r\n\r\n"].concat();
    let records = [
        record("warcinfo", "", "", b"software: x\r\n"),
        record("request", "http://h/a.jpg", "", b"GET /a.jpg HTTP/1.1\r\nReferer: http://h/page\r\n\r\n"),
        // What its server says of it is not asked.
        response("http://h/a.jpg", "Content-Type: text/plain\r\n", &a),
        response("http://h/page", "Content-Type: image/jpeg\r\n", b"<html>"),
        response("http://h/a.jpg", "", &b),
        response("http://h/b?x=../../y", "Transfer-Encoding: chunked\r\n", &chunked),
        response("http://h/c.jpg", "Content-Encoding: gzip\r\n", &gzip_of(&a)),
        response("http://h/d.svg", "Content-Encoding: br\r\nContent-Type: image/svg+xml\r\n", b"\x8B\x02"),
        response("http://h/page2", "Content-Encoding: br\r\nContent-Type: text/html\r\n", b"\x8B\x02"),
        record("response", "http://h/gone.jpg", "", &[b"HTTP/1.1 404 Not Found\r\n\r\n", b.as_slice()].concat()),
        record("response", "dns:h", "Content-Type: text/dns\r\n", b"h. 60 IN A 1.2.3.4"),
        record("revisit", "http://h/a.jpg", "", b"HTTP/1.1 200 OK\r\n\r\n"),
        record("resource", "<file:///etc/e.jpg>", "Content-Type: image/jpeg\r\n", &b),
        record("metadata", "http://h/a.jpg", "", &b),
        record("resource", "http://h/archive.zip", "", &zip_of(&[("z.jpg", &b)])),
    ];
    let plain = records.concat();
    let members: Vec<_> = records.iter().flat_map(|record| gzip_of(record)).collect();
    let urls = ["http://h/a.jpg", "http://h/a.jpg#2", "http://h/b?x=../../y", "http://h/c.jpg", "file:///etc/e.jpg"];
    let wacz = zip_of(&[("archive/data.warc.gz", &members), ("pages/pages.jsonl", b"{}")]);
    for (kind, archive, within) in [
        ("warc", &plain, ""),
        ("warc.gz", &members, ""),
        ("warc.zst", &zstd_of(&plain), ""),
        ("wacz", &wacz, "archive/data.warc.gz!/"),
    ] {
        let (mut collected, account) = collect(archive);
        assert_eq!(account.trouble(), None, "{kind}");
        assert_eq!(collected.left_out, [format!("{within}http://h/d.svg")], "{kind}");
        collected.entries.retain(|(name, _)| name != "pages/pages.jsonl");
        let expected = urls.iter().zip([&a, &b, &b, &a, &b]);
        let expected: Vec<_> = expected.map(|(url, bytes)| (format!("{within}{url}"), Ok(bytes.clone()))).collect();
        assert_eq!(collected.entries, expected, "{kind}");
        let first = Capture { url: urls[0].into(), date_ns: DATE_NS, page: Some("http://h/page".into()) };
        let second = Capture { page: None, ..first.clone() };
        assert_eq!(collected.captures[..2], [first, second], "{kind}: the request was that of the first");
        assert_eq!(collected.captures.len(), 5);
    }
}

#[test]
fn a_body_of_unknown_length_is_held_while_it_is_unpacked_and_a_damaged_one_costs_itself() {
    let large = picture(1, 5 << 20);
    let mut damaged = gzip_of(&picture(2, 50_000));
    damaged[20_000] ^= 0xFF;
    let archive = [
        response("http://h/large.jpg", "Content-Encoding: gzip\r\n", &gzip_of(&large)),
        response("http://h/damaged.jpg", "Content-Encoding: gzip\r\n", &damaged),
        response("http://h/last.jpg", "", &picture(3, 10)),
    ]
    .concat();
    let (collected, account) = collect(&archive);
    assert_eq!(names(&collected), ["http://h/large.jpg", "http://h/damaged.jpg", "http://h/last.jpg"]);
    // The tests' visitor looks at the first mebibyte.
    assert_eq!(collected.entries[0].1.as_deref(), Ok(&large[..1 << 20]));
    assert!(collected.entries[1].1.is_err() && collected.entries[2].1 == Ok(picture(3, 10)));
    assert_eq!((collected.most_held, account.trouble()), (7 << 20, None));
}

#[test]
fn bombs_in_bodies_end_at_the_limits_and_what_is_too_large_is_left_out() {
    let zeros = [JPEG, &vec![0; 150 << 20]].concat();
    let bomb = response("http://h/bomb.jpg", "Content-Encoding: gzip\r\n", &gzip_of(&zeros));
    let archive = [bomb.as_slice(), &response("http://h/last.jpg", "", &picture(3, 10))].concat();
    let limits = Limits { always: 1 << 20, ratio: 10, ..Limits::default() };
    let mut collected = Collected::default();
    let account = read_bytes(&archive, &limits, &mut collected).unwrap();
    assert!(account.trouble().unwrap().contains("more than 10 times its size"), "{account:?}");
    let mut collected = Collected::default();
    let account = read_bytes(&archive, &Limits::default(), &mut collected).unwrap();
    assert_eq!((collected.left_out, account.trouble()), (vec!["http://h/bomb.jpg".to_owned()], None));
    assert_eq!((collected.entries.len(), collected.held), (1, 0));
}

#[test]
fn a_web_archive_cut_anywhere_gives_what_came_before_and_says_that_it_was_cut() {
    let records = [1, 2, 3].map(|n| response(&format!("http://h/{n}.jpg"), "", &picture(n, 500)));
    let ends: Vec<_> = (1..=3).map(|n| records[..n].concat().len()).collect();
    let plain = records.concat();
    for length in 1..plain.len() {
        let (collected, account) = collect(&plain[..length]);
        let whole = collected.entries.iter().filter(|(_, content)| content.is_ok()).count();
        // The two empty lines behind a record may be missing.
        assert_eq!(whole, ends.iter().filter(|end| length + 4 >= **end).count(), "{length}");
        let is_at_end = ends.iter().any(|end| (*end - 4..=*end).contains(&length));
        assert_eq!(account.trouble().is_none(), is_at_end, "{length}: {account:?}");
    }
    let members: Vec<_> = records.iter().flat_map(|record| gzip_of(record)).collect();
    let mut told = 0;
    for length in (0..members.len()).step_by(3) {
        told += usize::from(collect(&members[..length]).1.trouble().is_some());
    }
    assert!(told >= members.len() / 3 - 3, "{told}");
    for bit in (0..plain.len() * 8).step_by(13) {
        let mut flipped = plain.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        collect(&flipped);
    }
}

#[test]
fn records_that_lie_about_their_length_take_no_memory() {
    let lie = format!("WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: a\r\nContent-Length: {}\r\n\r\n", u64::MAX);
    let archive = [lie.as_bytes(), &picture(1, 100)].concat();
    let (collected, account) = collect(&archive);
    assert!(collected.entries[0].1.as_ref().is_err_and(|error| error.contains("within a record")));
    assert!(account.trouble().is_some());
    let endless = [b"WARC/1.0\r\nA: ".as_slice(), &vec![b'x'; 1 << 20]].concat();
    assert!(collect(&endless).1.trouble().unwrap().contains("the head of a record does not end"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_the_writer_wrote_is_found_in_it(
        answers in prop::collection::vec(("http://h/[a-z/?=.%]{0,30}", any::<u32>(), any::<bool>(), 0..3000_usize), 0..8),
        is_packed in any::<bool>(),
    ) {
        let mut writer = if is_packed { Writer::packed(Vec::new()) } else { Writer::new(Vec::new()) };
        let mut expected = Vec::new();
        for (at, (url, seconds, is_picture, length)) in answers.iter().enumerate() {
            let body = if *is_picture { picture(at as u32, *length) } else { noise(0, *length) };
            let date_ns = i64::from(*seconds) * 1_000_000_000;
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let asked = format!("GET / HTTP/1.1\r\nReferer: http://h/{at}\r\n\r\n");
            let asked = writer.request(url, date_ns, asked.as_bytes()).unwrap();
            writer.response(url, date_ns, head.as_bytes(), &body, Some(&asked)).unwrap();
            if *is_picture {
                expected.push((body, Capture { url: url.clone(), date_ns, page: Some(format!("http://h/{at}")) }));
            }
        }
        let written = writer.finish().unwrap();
        prop_assume!(!written.is_empty());
        let (collected, account) = collect(&written);
        prop_assert_eq!(account.trouble(), None);
        let found = collected.entries.into_iter().map(|(_, bytes)| bytes.unwrap()).zip(collected.captures);
        prop_assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}
