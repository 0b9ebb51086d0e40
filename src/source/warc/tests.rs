//! What is written is read again, whatever it is.

use std::io::Read;

use proptest::prelude::*;

use super::super::stream::Streamed;
use super::*;

type Record = (Head, Vec<u8>);

fn records(bytes: &[u8]) -> std::io::Result<Vec<Record>> {
    let mut stream = Streamed(bytes);
    let mut reader = Reader::new(&mut stream);
    let mut all = Vec::new();
    while let Some(head) = reader.next()? {
        let mut block = Vec::new();
        reader.read_to_end(&mut block)?;
        all.push((head, block));
    }
    Ok(all)
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut all).unwrap();
    all
}

fn field<'a>(record: &'a Record, name: &str) -> &'a str {
    std::str::from_utf8(record.0.field(name).unwrap_or_default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_again(
        answers in prop::collection::vec(("[!-~]{1,80}", any::<u32>(), prop::collection::vec(any::<u8>(), 0..500)), 0..6),
        is_packed in any::<bool>(),
    ) {
        let mut writer = if is_packed { Writer::packed(Vec::new()) } else { Writer::new(Vec::new()) };
        writer.info(&[("software", "a test")], 0).unwrap();
        let head = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
        let mut ids = Vec::new();
        for (url, seconds, body) in &answers {
            let date = i64::from(*seconds) * 1_000_000_000;
            let asked = writer.request(url, date, b"GET / HTTP/1.1\r\n\r\n").unwrap();
            ids.push((writer.response(url, date, head, body, Some(&asked)).unwrap(), asked));
        }
        let written = writer.finish().unwrap();
        let read = records(&if is_packed { unpacked(&written) } else { written }).unwrap();
        prop_assert_eq!(read.len(), 1 + 2 * answers.len());
        prop_assert_eq!(&read[0].1, b"software: a test\r\n");
        for (((url, seconds, body), (response, request)), pair) in answers.iter().zip(&ids).zip(read[1..].chunks(2)) {
            let date = nanoseconds(field(&pair[1], "WARC-Date").as_bytes());
            prop_assert_eq!(date, Some(i64::from(*seconds) * 1_000_000_000));
            prop_assert_eq!([field(&pair[0], "WARC-Target-URI"), field(&pair[1], "WARC-Target-URI")], [url, url]);
            prop_assert_eq!([field(&pair[0], "WARC-Type"), field(&pair[1], "WARC-Type")], ["request", "response"]);
            prop_assert_eq!(field(&pair[0], "WARC-Record-ID"), request.to_string());
            prop_assert_eq!(field(&pair[1], "WARC-Record-ID"), response.to_string());
            prop_assert_eq!(field(&pair[1], "WARC-Concurrent-To"), request.to_string());
            prop_assert_eq!(&pair[1].1, &[head.as_slice(), body].concat());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_run_on(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = records(&bytes);
        let _ = records(&[b"WARC/1.0\r\nContent-Length: 30\r\n\r\n".as_slice(), &bytes].concat());
    }
}

#[test]
fn each_packed_record_is_a_member_of_its_own() {
    let mut writer = Writer::packed(Vec::new());
    writer.info(&[], 0).unwrap();
    writer.request("http://a/", 0, b"GET").unwrap();
    let written = writer.finish().unwrap();
    let mut first = flate2::bufread::GzDecoder::new(written.as_slice());
    let mut record = String::new();
    first.read_to_string(&mut record).unwrap();
    assert!(record.starts_with("WARC/1.1\r\n") && record.ends_with("\r\n\r\n"), "{record}");
    let rest = first.into_inner();
    assert!(rest.len() < written.len() && unpacked(rest).starts_with(b"WARC/1.1\r\n"));
}

#[test]
fn a_head_says_of_a_body_what_is_so() {
    let given = b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\nX: y\r\n";
    for (body, coding) in
        [(b"\xFF\xD8".as_slice(), "X-Archive-Orig-Content-Encoding: gzip"), (b"\x1F\x8B", "Content-Encoding: gzip")]
    {
        let mut writer = Writer::new(Vec::new());
        writer.response("http://a/", 0, given, body, None).unwrap();
        let read = records(&writer.finish().unwrap()).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nX-Archive-Orig-Transfer-Encoding: chunked\r\n{coding}\r\nX: y\r\n\r\n");
        assert_eq!(read[0].1, [head.as_bytes(), body].concat());
    }
}

#[test]
fn an_address_with_the_end_of_a_line_is_refused_and_nothing_is_written() {
    let mut writer = Writer::new(Vec::new());
    for url in ["http://a/\r\nWARC-Type: x", "http://a/\n", "a\0"] {
        assert_eq!(writer.response(url, 0, b"", b"", None).unwrap_err().kind(), crate::ErrorKind::Usage);
        assert!(writer.request(url, 0, b"").is_err() && writer.info(&[("a", url)], 0).is_err());
    }
    assert!(writer.finish().unwrap().is_empty());
}

#[test]
fn records_of_other_programs_are_read_and_what_is_none_is_told() {
    let text =
        b"WARC/0.18\nWARC-Type: resource\nContent-Length: 3\n\nabcWARC/1.0\r\nContent-Length:0\r\n\r\n\r\n\r\n\r\n\r\n";
    let read = records(text).unwrap();
    assert_eq!((read.len(), read[0].1.as_slice()), (2, b"abc".as_slice()));
    for (text, what) in [
        (b"WARC/1.0\r\nContent-Length: 5\r\n\r\nabc".as_slice(), "it ends within a record"),
        (b"WARC/1.0\r\nContent-Length: 99999999999999999999\r\n\r\nabc", "a record does not say how long it is"),
        (b"WARC/1.0\r\nContent-Length: -1\r\n\r\n", "a record does not say how long it is"),
        (b"WARC/1.0\r\nContent-Len", "the head of a record does not end"),
        (b"WARC/1.0\r\nContent-Length: 1\r\n\r\nabc\r\n\r\n", "a record makes no sense"),
        (b"<html>\r\n\r\n", "a record makes no sense"),
    ] {
        assert_eq!(records(text).unwrap_err().to_string(), what);
    }
}
