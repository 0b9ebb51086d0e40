//! From bytes to text: the byte order mark counts most, then the header, then the page's own word for it.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// As far into a page as its own word is looked for, in bytes; the standard asks for 1,024.
const PRESCAN: usize = 4_096;

/// The text of a page. Where nothing is said, and it is no UTF-8, it is what browsers take the old web for.
pub(super) fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>) -> Cow<'a, str> {
    let said = content_type.and_then(|field| label(field.as_bytes())).or_else(|| from_meta(bytes));
    let encoding = said.unwrap_or_else(|| if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 });
    // A byte order mark overrules it.
    encoding.decode(bytes).0
}

/// The encoding that follows the first `charset=`.
fn label(text: &[u8]) -> Option<&'static Encoding> {
    let lower = text.to_ascii_lowercase();
    let at = lower.windows(7).position(|word| word == b"charset")?;
    let mut rest = lower.get(at + 7..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    if let Some(unquoted) = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")) {
        rest = unquoted;
    }
    let end = rest.iter().position(|b| b"\"' ;>/\t\r\n".contains(b)).unwrap_or(rest.len());
    Encoding::for_label(rest.get(..end)?)
}

fn from_meta(bytes: &[u8]) -> Option<&'static Encoding> {
    let mut rest = bytes.get(..PRESCAN).unwrap_or(bytes);
    while let Some(at) = rest.windows(5).position(|word| word.eq_ignore_ascii_case(b"<meta")) {
        rest = rest.get(at + 5..)?;
        let end = rest.iter().position(|&b| b == b'>').unwrap_or(rest.len());
        if let Some(found) = rest.get(..end).and_then(label) {
            // Who could read this word has not read UTF-16.
            return Some(if found == UTF_16LE || found == UTF_16BE { UTF_8 } else { found });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_counts_before_the_header_and_that_before_the_page() {
        let meta = |label: &str| [format!("<meta charset={label}>").as_bytes(), b"\xe9"].concat();
        let end = |bytes: &[u8], header| decode(bytes, header).chars().last().unwrap();
        assert_eq!(end(&meta("iso-8859-1"), None), 'é');
        assert_eq!(end(&meta("'windows-1251'"), None), 'й');
        assert_eq!(end(&meta("iso-8859-1"), Some("text/html; charset=\"windows-1251\"")), 'й');
        assert_eq!(end(&[b"\xef\xbb\xbf", "é".as_bytes()].concat(), Some("text/html;charset=windows-1251")), 'é');
        assert_eq!(decode(b"\xff\xfeh\0i\0", None), "hi");
        assert_eq!(decode(b"\xfe\xff\0h\0i", Some("text/html; charset=utf-8")), "hi");
    }

    #[test]
    fn other_ways_to_say_it_are_understood() {
        let http = b"<META HTTP-EQUIV=Content-Type CONTENT=\"text/html; charset = Shift_JIS\"><p>\x83\x65";
        assert!(decode(http, None).ends_with('テ'));
        assert_eq!(decode(b"<meta name=a content=b><meta charset=gbk>\xc4\xe3", None).chars().last(), Some('你'));
        assert_eq!(decode("<meta charset=utf-16>é".as_bytes(), None).chars().last(), Some('é'));
    }

    #[test]
    fn where_nothing_is_said_it_is_utf_8_if_it_can_be() {
        assert_eq!(decode("é".as_bytes(), None), "é");
        assert_eq!(decode(b"\xe9", None), "é");
        assert_eq!(decode(b"\xe9", Some("text/html; charset=nonsense")), "é");
        assert_eq!(decode(b"\xe9", Some("text/html; charset=utf-8")), "\u{fffd}");
        assert_eq!(decode(b"", Some("charset")), "");
    }
}
