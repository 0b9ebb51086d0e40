//! A first line and named fields up to an empty line: how WARC records and HTTP messages both begin.

use std::io::{self, Read};

/// The longest head. HTTP servers refuse far shorter ones, and of a WARC record a head has some hundred bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The head of a record or a message.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct Head {
    /// Lines without their ends, continued ones joined.
    lines: Vec<Vec<u8>>,
}

impl Head {
    /// Reads a head and the empty line behind it; `None` where the stream ends before, or the head is too long.
    ///
    /// # Errors
    /// The stream's.
    pub fn read(stream: &mut dyn Read) -> io::Result<Option<Self>> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut left = HEAD_BYTES_MAX;
        loop {
            let Some(line) = line(stream, left)? else { return Ok(None) };
            left -= line.len();
            let line = without_end(&line);
            match (line, lines.last_mut()) {
                ([], Some(_)) => return Ok(Some(Self { lines })),
                ([b' ' | b'\t', rest @ ..], Some(before)) => {
                    before.push(b' ');
                    before.extend(rest.trim_ascii_start());
                }
                _ => lines.push(line.to_vec()),
            }
        }
    }

    /// The first line.
    pub fn first(&self) -> &[u8] {
        self.lines.first().map(Vec::as_slice).unwrap_or_default()
    }

    /// The value of a field by its name, whatever the case, without space around it; the first of several.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.lines.iter().skip(1).find_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let is_it = line.get(..colon)?.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes());
            if is_it { Some(line.get(colon + 1..)?.trim_ascii()) } else { None }
        })
    }
}

/// A line with its end, read a byte at a time; `None` where it does not end within `most` bytes or the stream ends before.
pub(super) fn line(stream: &mut dyn Read, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        if line.len() >= most || !one(stream, &mut byte)? {
            return Ok(None);
        }
        line.extend(byte);
    }
    Ok(Some(line))
}

/// The next byte; whether there was one.
pub(super) fn one(stream: &mut dyn Read, byte: &mut [u8; 1]) -> io::Result<bool> {
    loop {
        match stream.read(byte) {
            Ok(read) => return Ok(read == 1),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Some programs end lines by a line feed alone.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_their_case_and_continued_lines_are_joined() {
        let text = b"WARC/1.1\r\nA-Field :  one\r\n\t two\nb:\r\na-field: second\r\n\r\nrest";
        let mut stream = text.as_slice();
        let head = Head::read(&mut stream).unwrap().unwrap();
        assert_eq!((head.first(), stream), (b"WARC/1.1".as_slice(), b"rest".as_slice()));
        assert_eq!(head.field("a-FIELD"), Some(b"one two".as_slice()));
        assert_eq!((head.field("B"), head.field("c"), head.field("WARC/1.1")), (Some(b"".as_slice()), None, None));
    }

    #[test]
    fn a_head_without_an_end_or_without_measure_is_none() {
        for text in [b"".as_slice(), b"a", b"a\r\n", b"a\r\nb: c\r\n"] {
            assert_eq!(Head::read(&mut &*text).unwrap(), None);
        }
        let long = [b"a\r\nb: ".as_slice(), &vec![b'x'; HEAD_BYTES_MAX], b"\r\n\r\n"].concat();
        assert_eq!(Head::read(&mut long.as_slice()).unwrap(), None);
        assert_eq!(Head::read(&mut b"a\r\nb: ".chain(std::io::repeat(b'x'))).unwrap(), None);
    }
}
