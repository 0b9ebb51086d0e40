//! QOI, by `qoi`.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;
use ris::decode::Format;

fuzz_target!(|bytes: &[u8]| one::picture(&one::with(bytes, 0, b"qoif"), Format::Qoi));
