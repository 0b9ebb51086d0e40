//! JPEG, decoded to a scale, by `rusty_jpeg`.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;
use ris::decode::Format;

fuzz_target!(|bytes: &[u8]| one::picture(&one::with(bytes, 0, &[0xFF, 0xD8, 0xFF]), Format::Jpeg));
