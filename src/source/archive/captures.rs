//! Web archives: of all that a crawler got, the pictures, under the addresses they came from.
//!
//! Most records are pages, scripts and requests. What a body begins with says whether it may be a picture, never what
//! its server says of it; all others are passed over and not counted.

use std::io::{self, Read};

use super::super::stream::Skip;
use super::super::warc::{self, Head, http};
use super::walk::{Halt, Walk};
use super::{Capture, SIGNATURE_BYTES};

/// Enough to tell every format of pictures from its content.
const SNIFF_BYTES: u64 = 8 * SIGNATURE_BYTES;
/// A body whose length shows only when it is unpacked may take so much without being asked for: part of what reading an
/// archive takes.
const UNPACKED_FREE: u64 = 1 << 20;

pub(super) fn read(walk: &mut Walk<'_>, stream: &mut dyn Skip) -> Result<(), Halt> {
    let mut records = warc::Reader::new(stream);
    let mut asked: Option<Asked> = None;
    while let Some(head) = records.next()? {
        match head.field("WARC-Type").unwrap_or_default() {
            b"request" => asked = Asked::of(&head, Head::read(&mut records)?),
            b"response" => response(walk, &head, asked.take(), &mut records)?,
            b"resource" => {
                let whole = records.left();
                shown(walk, &head, None, Body { content: &mut records, length: Some(whole) })?;
            }
            // Of `revisit` the content stands in another record.
            _ => {}
        }
    }
    Ok(())
}

/// The request that was met last.
struct Asked {
    url: Vec<u8>,
    page: Option<String>,
}

impl Asked {
    fn of(head: &Head, http: Option<Head>) -> Option<Self> {
        let page = http?.field("Referer").filter(|page| !page.is_empty()).map(text);
        Some(Self { url: address(head)?.to_owned(), page })
    }
}

/// The content of a record.
struct Body<'a> {
    content: &'a mut dyn Read,
    /// Where it stands as it is: in bytes.
    length: Option<u64>,
}

fn response(
    walk: &mut Walk<'_>,
    head: &Head,
    asked: Option<Asked>,
    records: &mut warc::Reader<'_>,
) -> Result<(), Halt> {
    let Some(message) = Head::read(records)? else { return Ok(()) };
    let page = asked.filter(|asked| Some(asked.url.as_slice()) == address(head)).and_then(|asked| asked.page);
    match http::Response::of(&message) {
        Ok(response) => {
            let left = records.left();
            let (mut content, was_coded) = response.body(records)?;
            let length = (!was_coded).then_some(left);
            shown(walk, head, page, Body { content: &mut content, length })
        }
        Err((http::Closed::Coding, true)) => {
            let Some(named) = named(head, page) else { return Ok(()) };
            let reason = "sent by a content coding other than gzip and deflate";
            walk.capture(named, 0, &mut io::empty(), Some(reason))
        }
        Err(_) => Ok(()),
    }
}

fn shown(walk: &mut Walk<'_>, head: &Head, page: Option<String>, body: Body<'_>) -> Result<(), Halt> {
    let Body { content, length } = body;
    let mut start = Vec::new();
    // An error after some bytes shows once they are used.
    let failed = content.take(SNIFF_BYTES).read_to_end(&mut start).err();
    let failed = match failed {
        Some(error) if error.raw_os_error().is_some() => return Err(error.into()),
        failed => failed,
    };
    if !walk.visitor().begins_as_a_picture(&start) {
        return Ok(());
    }
    let Some(named) = named(head, page) else { return Ok(()) };
    let mut rest = Rest { content, failed };
    match length {
        Some(length) => walk.capture(named, length, &mut start.as_slice().chain(&mut rest), None),
        None => unpacked(walk, named, start, &mut rest),
    }
}

/// A body whose length nobody knows: unpacked into memory, within what may be held.
fn unpacked(walk: &mut Walk<'_>, named: (&[u8], Capture), start: Vec<u8>, rest: &mut Rest<'_>) -> Result<(), Halt> {
    let mut bytes = start;
    let mut held = 0;
    let done = loop {
        let room = (UNPACKED_FREE + held).saturating_sub(bytes.len() as u64);
        bytes.reserve_exact(usize::try_from(room).unwrap_or(usize::MAX));
        let meter = walk.meter();
        match meter.of(&mut *rest).take(room).read_to_end(&mut bytes) {
            Ok(read) if (read as u64) < room => {
                break walk.capture(named, bytes.len() as u64, &mut bytes.as_slice(), None);
            }
            Ok(_) => {}
            Err(error) if error.raw_os_error().is_some() => break Err(error.into()),
            Err(error) => {
                let mut failing = Rest { content: &mut io::empty(), failed: Some(error) };
                let length = bytes.len() as u64;
                break walk.capture(named, length, &mut bytes.as_slice().chain(&mut failing), None);
            }
        }
        let more = UNPACKED_FREE + held;
        match walk.hold(more) {
            Ok(true) => held += more,
            Ok(false) => break walk.capture(named, 0, &mut io::empty(), Some("too large to be unpacked in memory")),
            Err(halt) => break Err(halt),
        }
    };
    walk.release(held);
    done
}

/// What follows the start, or the error that ended it.
struct Rest<'a> {
    content: &'a mut dyn Read,
    failed: Option<io::Error>,
}

impl Read for Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.content.read(buffer),
        }
    }
}

/// The name of an entry, and what is known of it; `None` where it has none.
fn named(head: &Head, page: Option<String>) -> Option<(&[u8], Capture)> {
    let address = address(head)?;
    let date_ns = head.field("WARC-Date").and_then(warc::nanoseconds).unwrap_or_default();
    Some((address, Capture { url: text(address), date_ns, page }))
}

/// The address of a record. Some programs put it between angle brackets.
fn address(head: &Head) -> Option<&[u8]> {
    let address = head.field("WARC-Target-URI")?;
    let bare = address.strip_prefix(b"<").and_then(|address| address.strip_suffix(b">"));
    Some(bare.unwrap_or(address)).filter(|address| !address.is_empty())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
