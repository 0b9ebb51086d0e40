//! Records written, each in one piece, so that a run that is ended leaves at most the last one cut.

use std::fmt;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use uuid::Uuid;

use super::date;
use super::head::without_end;
use crate::error::{Error, ErrorKind, Result};

const VERSION: &str = "WARC/1.1\r\n";

/// The name of a record, which others may refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordId(Uuid);

/// As in the record's head: `<urn:uuid:...>`.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<urn:uuid:{}>", self.0)
    }
}

/// Writes WARC 1.1 (ISO 28500:2017).
///
/// ```
/// use ris::source::warc::Writer;
///
/// let mut warc = Writer::packed(Vec::new());
/// warc.info(&[("software", "ris")], 0)?;
/// let (url, date_ns) = ("https://example.org/barn.jpg", 1_474_305_624_000_000_000);
/// let asked = warc.request(url, date_ns, b"GET /barn.jpg HTTP/1.1\r\nHost: example.org\r\n\r\n")?;
/// warc.response(url, date_ns, b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", b"\xFF\xD8", Some(&asked))?;
/// # ris::Result::Ok(())
/// ```
pub struct Writer<W> {
    out: W,
    is_packed: bool,
}

impl<W: Write> Writer<W> {
    /// A `.warc`.
    pub fn new(out: W) -> Self {
        Self { out, is_packed: false }
    }

    /// A `.warc.gz`: each record a gzip member, so that it can be read from the middle.
    pub fn packed(out: W) -> Self {
        Self { out, is_packed: true }
    }

    /// Writes what is known of the file itself: the first record, with fields such as `software`.
    ///
    /// # Errors
    /// As of [`Writer::response`].
    pub fn info(&mut self, fields: &[(&str, &str)], date_ns: i64) -> Result<RecordId> {
        let mut block = Vec::new();
        for (name, value) in fields {
            one_line(name)?;
            one_line(value)?;
            block.extend(format!("{name}: {value}\r\n").bytes());
        }
        let head = [("WARC-Type", "warcinfo"), ("Content-Type", "application/warc-fields")];
        self.record(&head, date_ns, &[&block])
    }

    /// Writes the head of a request, with the empty line that ends it.
    ///
    /// # Errors
    /// As of [`Writer::response`].
    pub fn request(&mut self, url: &str, date_ns: i64, http_head: &[u8]) -> Result<RecordId> {
        one_line(url)?;
        let kind = "application/http;msgtype=request";
        let head = [("WARC-Type", "request"), ("WARC-Target-URI", url), ("Content-Type", kind)];
        self.record(&head, date_ns, &[http_head])
    }

    /// Writes a response: its head, with the empty line that ends it, and its body, got at `date_ns` (nanoseconds since
    /// 1970, kept to the microsecond); `request` is the record of what was asked.
    ///
    /// Of a body that was unpacked or put together from chunks meanwhile, the fields that say so are kept under the names
    /// that begin with `X-Archive-Orig-`, as other web archives do.
    ///
    /// # Errors
    /// `Io` where it can't be written; `Usage` where `url` holds the end of a line.
    pub fn response(
        &mut self,
        url: &str,
        date_ns: i64,
        http_head: &[u8],
        body: &[u8],
        request: Option<&RecordId>,
    ) -> Result<RecordId> {
        one_line(url)?;
        let request = request.map(RecordId::to_string);
        let kind = "application/http;msgtype=response";
        let mut head = vec![("WARC-Type", "response"), ("WARC-Target-URI", url), ("Content-Type", kind)];
        head.extend(request.as_deref().map(|request| ("WARC-Concurrent-To", request)));
        self.record(&head, date_ns, &[&truthful(http_head, body), body])
    }

    /// The stream that was written to, flushed.
    ///
    /// # Errors
    /// `Io` where it can't be.
    pub fn finish(mut self) -> Result<W> {
        self.out.flush().map_err(Error::io)?;
        Ok(self.out)
    }

    fn record(&mut self, fields: &[(&str, &str)], date_ns: i64, block: &[&[u8]]) -> Result<RecordId> {
        let id = RecordId(Uuid::new_v4());
        let mut head = VERSION.to_owned();
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let length: usize = block.iter().map(|part| part.len()).sum();
        let date = date::written(date_ns);
        head.push_str(&format!("WARC-Record-ID: {id}\r\nWARC-Date: {date}\r\nContent-Length: {length}\r\n\r\n"));
        let parts = [head.as_bytes()].into_iter().chain(block.iter().copied()).chain([b"\r\n\r\n".as_slice()]);
        let bytes = if self.is_packed {
            let mut member = GzEncoder::new(Vec::new(), Compression::default());
            parts.into_iter().try_for_each(|part| member.write_all(part)).map_err(Error::io)?;
            member.finish().map_err(Error::io)?
        } else {
            parts.collect::<Vec<_>>().concat()
        };
        self.out.write_all(&bytes).map_err(Error::io)?;
        Ok(id)
    }
}

/// Refuses what would end the line that it is written to.
fn one_line(value: &str) -> Result<()> {
    if value.contains(|c: char| c.is_control()) {
        return Err(Error::new(ErrorKind::Usage, "a line ends within what is to stand in one"));
    }
    Ok(())
}

/// A head that says of the body what is so, and the empty line behind it.
fn truthful(http_head: &[u8], body: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for line in http_head.trim_ascii_end().split(|byte| *byte == b'\n').map(without_end) {
        let mut parts = line.splitn(2, |byte| *byte == b':').map(|part| part.trim_ascii().to_ascii_lowercase());
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_gone = match name.as_slice() {
            b"transfer-encoding" => true,
            b"content-encoding" => value.ends_with(b"gzip") && !body.starts_with(&[0x1F, 0x8B]),
            _ => false,
        };
        if is_gone {
            head.extend(b"X-Archive-Orig-");
        }
        head.extend(line);
        head.extend(b"\r\n");
    }
    head.extend(b"\r\n");
    head
}
