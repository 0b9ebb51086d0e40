//! Any bytes read as a page: no panic, and no more kept than the limits say.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ris::source::web::page::{MAX_LINKS, MAX_PICTURES, MAX_TEXT, MAX_URL_BYTES, read};
use ris::source::web::url::{MAX_LENGTH, parse};

fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses what the header says of the encoding.
    let (first, bytes) = bytes.split_first().unwrap_or((&0, bytes));
    let fields = [None, Some("text/html; charset=utf-8"), Some("text/html; charset=shift_jis"), Some("charset=utf-16le")];
    let field = fields[usize::from(*first) % fields.len()];
    let robots = vec![String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned()];
    let url = parse("https://example.org/a/b.html").unwrap();
    let page = read(bytes, field, &robots, &url, "ris");
    assert!(page.pictures.len() <= MAX_PICTURES && page.links.len() <= MAX_LINKS);
    assert!(page.title.chars().count() <= MAX_TEXT);
    for shown in &page.pictures {
        assert!(shown.alt.chars().count() <= MAX_TEXT && shown.caption.chars().count() <= MAX_TEXT);
        assert!(!shown.alt.contains(char::is_control) && !shown.caption.contains(char::is_control));
    }
    let urls = || page.links.iter().chain(page.pictures.iter().map(|shown| &shown.url));
    assert!(urls().map(|url| url.as_str().len()).sum::<usize>() <= MAX_URL_BYTES);
    for url in urls() {
        assert!(matches!(url.scheme(), "http" | "https") && url.as_str().len() <= MAX_LENGTH);
        assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none());
        assert_eq!(&parse(url.as_str()).unwrap(), url, "the one spelling is its own");
    }
});
