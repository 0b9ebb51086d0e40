//! Whatever the bytes: a picture or an error, within the limits.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use ris::decode::{Options, decode};

fuzz_target!(|bytes: &[u8]| {
    let options = Options { max_memory: 64 << 20, max_time: Duration::from_secs(2), ..Options::default() };
    if let Ok(picture) = decode(bytes, &options) {
        assert_eq!(picture.luma.len(), (picture.reduced_width * picture.reduced_height) as usize);
        assert!(picture.reduced_width.max(picture.reduced_height) <= options.longest_side);
    }
});
