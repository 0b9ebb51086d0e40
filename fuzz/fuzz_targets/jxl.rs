//! JPEG XL, in boxes or without, by `jxl`.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;
use ris::decode::Format;

fuzz_target!(|bytes: &[u8]| {
    const BOXED: &[u8] = b"\0\0\0\x0CJXL \r\n\x87\n";
    let is_boxed = bytes.starts_with(BOXED);
    one::picture(&one::with(bytes, 0, if is_boxed { BOXED } else { &[0xFF, 0x0A] }), Format::Jxl);
});
