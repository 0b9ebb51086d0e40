//! An HTTP message as a WARC keeps it: its body with the transfer coding and the content coding off.
//!
//! Many programs keep the head as it came and the body unpacked. So what a head says of codings holds only where the
//! body begins like it.

use std::io::{self, BufReader, Cursor, Read};

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};

use super::head::{Head, line, without_end};

/// Digits and extensions of a chunk's size.
const SIZE_BYTES_MAX: usize = 4 << 10;

/// What a body is packed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    None,
    Gzip,
    Deflate,
}

/// What the head of a response says.
pub(in crate::source) struct Response {
    is_chunked: bool,
    coding: Coding,
}

/// Why a response's body is not read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) enum Closed {
    /// It is no page or picture, but an error, a redirection or a part.
    Status,
    /// Its coding is not known here.
    Coding,
}

impl Response {
    /// Looks at the head of a response.
    ///
    /// # Errors
    /// [`Closed`] where its body can't be had or is none of the address it came from. `Coding` comes with whether the
    /// head says that the body is a picture.
    pub fn of(head: &Head) -> Result<Self, (Closed, bool)> {
        let says_picture = head
            .field("Content-Type")
            .and_then(|kind| kind.get(..6))
            .is_some_and(|kind| kind.eq_ignore_ascii_case(b"image/"));
        let mut words = head.first().split(|byte| *byte == b' ');
        let is_http = words.next().is_some_and(|word| word.starts_with(b"HTTP/"));
        if !is_http || words.next() != Some(b"200") {
            return Err((Closed::Status, says_picture));
        }
        let is = |value: &[u8], names: &[&str]| names.iter().any(|name| value.eq_ignore_ascii_case(name.as_bytes()));
        let coding = match head.field("Content-Encoding").unwrap_or_default() {
            value if is(value, &["", "identity", "none"]) => Coding::None,
            value if is(value, &["gzip", "x-gzip"]) => Coding::Gzip,
            value if is(value, &["deflate"]) => Coding::Deflate,
            _ => return Err((Closed::Coding, says_picture)),
        };
        let is_chunked = match head.field("Transfer-Encoding").unwrap_or_default() {
            value if is(value, &["", "identity"]) => false,
            value if is(value, &["chunked"]) => true,
            _ => return Err((Closed::Coding, says_picture)),
        };
        Ok(Self { is_chunked, coding })
    }

    /// The body without its codings, and whether it had one: else it is as long as what is left of the message.
    ///
    /// # Errors
    /// The stream's.
    pub fn body<'a>(&self, message: &'a mut dyn Read) -> io::Result<(Box<dyn Read + 'a>, bool)> {
        let (body, was_chunked) = if self.is_chunked { unchunked(message)? } else { (Box::new(message) as _, false) };
        if self.coding == Coding::None {
            return Ok((body, was_chunked));
        }
        let mut body: Box<dyn Read + 'a> = body;
        let mut start = Vec::new();
        body.by_ref().take(2).read_to_end(&mut start)?;
        let whole = BufReader::new(Cursor::new(start.clone()).chain(body));
        Ok(match (self.coding, start.as_slice()) {
            (Coding::Gzip, [0x1F, 0x8B]) => (Box::new(MultiGzDecoder::new(whole)), true),
            // Zlib's two bytes are a multiple of 31.
            (Coding::Deflate, [first, second])
                if first & 15 == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0 =>
            {
                (Box::new(ZlibDecoder::new(whole)), true)
            }
            _ => (Box::new(whole), was_chunked),
        })
    }
}

/// A body out of its chunks, and whether it was in some.
fn unchunked<'a>(message: &'a mut dyn Read) -> io::Result<(Box<dyn Read + 'a>, bool)> {
    let mut seen = Seen { stream: message, bytes: Vec::new() };
    let size = line(&mut seen, SIZE_BYTES_MAX)?.as_deref().and_then(size);
    let Seen { stream, bytes } = seen;
    Ok(match size {
        Some(size) => (Box::new(Chunked { stream, left: size, ended: size == 0 }), true),
        None => (Box::new(Cursor::new(bytes).chain(stream)), false),
    })
}

/// Gives what its stream gives, and keeps it.
struct Seen<'a> {
    stream: &'a mut dyn Read,
    bytes: Vec<u8>,
}

impl Read for Seen<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.bytes.extend(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// The size of a chunk, by the line before it.
fn size(line: &[u8]) -> Option<u64> {
    let digits = without_end(line).split(|byte| *byte == b';').next()?.trim_ascii();
    let is_plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    is_plain.then(|| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())?
}

/// A body that comes in chunks, from within the first. Where it is cut, it ends there.
struct Chunked<'a> {
    stream: &'a mut dyn Read,
    left: u64,
    ended: bool,
}

impl Chunked<'_> {
    /// Goes on to the next chunk.
    fn turn(&mut self) -> io::Result<()> {
        // Behind a chunk stands the end of its line.
        let end = line(self.stream, 2)?;
        let next = line(self.stream, SIZE_BYTES_MAX)?;
        match (end, next) {
            (Some(end), Some(next)) if without_end(&end).is_empty() => {
                let makes_no_sense = || io::Error::new(io::ErrorKind::InvalidData, "a chunk of it makes no sense");
                self.left = size(&next).ok_or_else(makes_no_sense)?;
                self.ended = self.left == 0;
            }
            _ => self.ended = true,
        }
        Ok(())
    }
}

impl Read for Chunked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.ended && !buffer.is_empty() {
            self.turn()?;
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.stream.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.saturating_sub(read as u64);
        if read == 0 && most > 0 {
            (self.left, self.ended) = (0, true);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a body under a head, and whether it had a coding.
    fn body(fields: &str, bytes: &[u8]) -> io::Result<(Vec<u8>, bool)> {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        let head = Head::read(&mut head.as_bytes()).unwrap().unwrap();
        let response = Response::of(&head).unwrap_or_else(|closed| panic!("{closed:?}"));
        let mut bytes = bytes;
        let (mut body, was_coded) = response.body(&mut bytes)?;
        let mut all = Vec::new();
        body.read_to_end(&mut all)?;
        Ok((all, was_coded))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        flate2::read::GzEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut all).unwrap();
        all
    }

    const CHUNKED: &str = "Transfer-Encoding: Chunked\r\n";

    #[test]
    fn codings_come_off_in_their_order_and_what_is_unpacked_already_stays_as_it_is() {
        let chunks = |bytes: &[u8]| {
            let mut all = Vec::new();
            for chunk in bytes.chunks(7) {
                all.extend(format!("{:X}; x=y\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
            }
            [all.as_slice(), b"0\r\nTrailer: t\r\n\r\n"].concat()
        };
        let mut zlib = Vec::new();
        flate2::read::ZlibEncoder::new(&b"a picture"[..], flate2::Compression::fast()).read_to_end(&mut zlib).unwrap();
        let both = format!("{CHUNKED}content-encoding: x-gzip\r\n");
        let expected = |was_coded| (b"a picture".to_vec(), was_coded);
        assert_eq!(body("", b"a picture").unwrap(), expected(false));
        assert_eq!(body(CHUNKED, &chunks(b"a picture")).unwrap(), expected(true));
        assert_eq!(body(&both, &chunks(&gzip(b"a picture"))).unwrap(), expected(true));
        assert_eq!(body("Content-Encoding: GZIP\r\n", &gzip(b"a picture")).unwrap(), expected(true));
        assert_eq!(body("Content-Encoding: deflate\r\n", &zlib).unwrap(), expected(true));
        for fields in [CHUNKED, &both, "Content-Encoding: deflate\r\n"] {
            assert_eq!(body(fields, b"a picture").unwrap(), expected(false), "{fields}");
        }
        assert_eq!(body(&both, &gzip(b"a picture")).unwrap(), expected(true));
    }

    #[test]
    fn a_cut_body_ends_where_it_is_cut_and_a_broken_chunk_is_an_error() {
        assert_eq!(body(CHUNKED, b"9\r\na pic").unwrap().0, b"a pic");
        assert_eq!(body(CHUNKED, b"3\r\na p\r\n").unwrap().0, b"a p");
        assert_eq!(body(CHUNKED, b"3\r\na p").unwrap().0, b"a p");
        assert_eq!(body(CHUNKED, b"0\r\n\r\nmore").unwrap(), (Vec::new(), true));
        assert!(body(CHUNKED, b"3\r\na p\r\nzz\r\n").is_err());
        let long = [b"3".as_slice(), &vec![b'0'; 100_000]].concat();
        assert_eq!(body(CHUNKED, &long).unwrap(), (long, false), "no line goes on for ever");
    }

    #[test]
    fn errors_redirections_and_unknown_codings_are_closed() {
        let of = |head: &str| Response::of(&Head::read(&mut head.as_bytes()).unwrap().unwrap()).map(|r| r.coding);
        assert_eq!(of("HTTP/1.0 200\r\n\r\n"), Ok(Coding::None));
        for first in ["HTTP/1.1 404 Not Found", "HTTP/1.1 301 x", "HTTP/1.1 206 Partial", "dns:x", "", "200 OK"] {
            assert_eq!(
                of(&format!("{first}\r\nContent-Type: IMAGE/jpeg\r\n\r\n")),
                Err((Closed::Status, true)),
                "{first}"
            );
        }
        for field in ["Content-Encoding: br", "Content-Encoding: gzip, gzip", "Transfer-Encoding: gzip, chunked"] {
            assert_eq!(of(&format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n")), Err((Closed::Coding, false)), "{field}");
        }
    }
}
