//! Any bytes read as a robots.txt, its last line as a path to ask about: no panic, and nobody is let in by a file that
//! also forbids all to everybody.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ris::source::web::robots::{MAX_DELAY, Robots};

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().rposition(|&b| b == b'\n').unwrap_or(0);
    let (file, path) = bytes.split_at(at);
    let path = String::from_utf8_lossy(path).trim().to_owned();
    let robots = Robots::parse(file, "ris");
    let allowed = robots.allows(&path);
    assert_eq!(allowed, robots.allows(&path));
    assert!(robots.delay().is_none_or(|delay| delay <= MAX_DELAY));
    // One more rule that forbids can't allow, one more that allows can't forbid.
    let more = |line: &str| Robots::parse(&[b"user-agent: ris\n", line.as_bytes(), b"\n", file].concat(), "ris");
    let forbids = more("disallow: /");
    let own = more("allow: /never/asked/for$");
    assert!(!forbids.allows(&path) || own.allows(&path));
});
