//! From bytes to text: the byte order mark counts most, then the header, then the page's own word for it; where there is
//! none of these and it is no UTF-8, a guess from the letters.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// As far into a page as its own word is looked for, in bytes; the standard asks for 1,024.
const PRESCAN: usize = 4_096;

/// As much of a page as is guessed from, in bytes, from a little before the first that is no ASCII.
const GUESSED: usize = 256 << 10;

/// The text of a page on a host of this name.
pub(super) fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>, host: Option<&str>) -> Cow<'a, str> {
    let said = content_type.and_then(|field| label(field.as_bytes())).or_else(|| from_meta(bytes));
    let encoding = said.unwrap_or_else(|| if is_utf_8(bytes) { UTF_8 } else { guess(bytes, host) });
    // A byte order mark overrules it.
    encoding.decode(bytes).0
}

/// Whether it is UTF-8; its last character may be cut.
fn is_utf_8(bytes: &[u8]) -> bool {
    let is_cut = |whole: &[u8]| !whole.is_ascii();
    std::str::from_utf8(bytes).map_or_else(
        |error| error.error_len().is_none() && bytes.get(..error.valid_up_to()).is_some_and(is_cut),
        |_| true,
    )
}

fn guess(bytes: &[u8], host: Option<&str>) -> &'static Encoding {
    let start = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or_default().saturating_sub(1_024);
    let rest = bytes.get(start..).unwrap_or_default();
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(rest.get(..GUESSED).unwrap_or(rest), rest.len() <= GUESSED);
    let domain = host.and_then(|host| host.rsplit('.').next()).filter(|domain| is_domain(domain));
    detector.guess(domain.map(str::as_bytes), Utf8Detection::Deny)
}

/// Whether a host's last part is that of a name, which says where it is.
fn is_domain(part: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    part.bytes().all(is_letter) && part.bytes().any(|byte| byte.is_ascii_lowercase())
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
        let end = |bytes: &[u8], header| decode(bytes, header, None).chars().last().unwrap();
        assert_eq!(end(&meta("iso-8859-1"), None), 'é');
        assert_eq!(end(&meta("'windows-1251'"), None), 'й');
        assert_eq!(end(&meta("iso-8859-1"), Some("text/html; charset=\"windows-1251\"")), 'й');
        assert_eq!(end(&[b"\xef\xbb\xbf", "é".as_bytes()].concat(), Some("text/html;charset=windows-1251")), 'é');
        assert_eq!(decode(b"\xff\xfeh\0i\0", None, None), "hi");
        assert_eq!(decode(b"\xfe\xff\0h\0i", Some("text/html; charset=utf-8"), None), "hi");
    }

    #[test]
    fn other_ways_to_say_it_are_understood() {
        let http = b"<META HTTP-EQUIV=Content-Type CONTENT=\"text/html; charset = Shift_JIS\"><p>\x83\x65";
        assert!(decode(http, None, None).ends_with('テ'));
        assert_eq!(decode(b"<meta name=a content=b><meta charset=gbk>\xc4\xe3", None, None).chars().last(), Some('你'));
        assert_eq!(decode("<meta charset=utf-16>é".as_bytes(), None, None).chars().last(), Some('é'));
    }

    #[test]
    fn where_nothing_is_said_it_is_utf_8_if_it_can_be() {
        assert_eq!(decode("é".as_bytes(), None, None), "é");
        assert_eq!(decode(b"\xe9", None, None), "é");
        assert_eq!(decode(b"\xe9", Some("text/html; charset=nonsense"), None), "é");
        assert_eq!(decode(b"\xe9", Some("text/html; charset=utf-8"), None), "\u{fffd}");
        assert_eq!(decode(b"", Some("charset"), None), "");
    }

    #[test]
    fn where_nothing_is_said_old_encodings_are_told_by_their_letters() {
        let texts = [
            ("windows-1251", "Красный сарай у пруда, фотография сделана в мае прошлого года"),
            ("koi8-r", "Красный сарай у пруда, фотография сделана в мае прошлого года"),
            ("shift_jis", "池のほとりの赤い納屋。去年の五月に撮った写真です。"),
            ("euc-jp", "池のほとりの赤い納屋。去年の五月に撮った写真です。"),
            ("euc-kr", "연못가의 붉은 헛간, 지난해 오월에 찍은 사진입니다"),
            ("gbk", "池塘边的红色谷仓，这张照片是去年五月拍的"),
            ("big5", "池塘邊的紅色穀倉，這張照片是去年五月拍的"),
            ("windows-1253", "Ο κόκκινος αχυρώνας δίπλα στη λίμνη, φωτογραφία του Μαΐου"),
            ("windows-1252", "Une grange rouge près de l'étang, photographiée en été à l'aube"),
        ];
        for (label, text) in texts {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let page = ["<title>".as_bytes(), &encoding.encode(text).0, b"</title>"].concat();
            assert_eq!(decode(&page, None, None), format!("<title>{text}</title>"), "{label}");
        }
        assert_eq!(texts.len(), 9);
        let behind =
            [&b"<p>".repeat(200_000)[..], &Encoding::for_label(b"windows-1251").unwrap().encode(texts[0].1).0].concat();
        assert!(decode(&behind, None, None).ends_with(texts[0].1));
        assert_eq!(decode(b"<p>\xcd\xe5\xf2", None, Some("example.ru")), "<p>Нет");
        assert_eq!(decode("<p>été \u{e9}".as_bytes().split_last().unwrap().1, None, None), "<p>été \u{fffd}");
    }
}
