//! Any bytes read as a sitemap: no panic, and no more kept than the limits say.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ris::source::web::sitemap::{MAX_ENTRIES, MAX_PICTURES, check, read};
use ris::source::web::url::parse;

fuzz_target!(|bytes: &[u8]| {
    let _ = check(bytes);
    let Ok(sitemap) = read(bytes) else { return };
    assert!(sitemap.pages.len() + sitemap.sitemaps.len() <= MAX_ENTRIES);
    let entries = || sitemap.pages.iter().chain(&sitemap.sitemaps);
    assert!(entries().map(|entry| entry.pictures.len()).sum::<usize>() <= MAX_PICTURES);
    let pictures = entries().flat_map(|entry| entry.pictures.iter().map(|picture| &picture.url));
    for url in entries().map(|entry| &entry.url).chain(pictures) {
        assert_eq!(&parse(url.as_str()).unwrap(), url, "the one spelling is its own");
    }
});
