//! OpenEXR, by `exr`.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;
use ris::decode::Format;

fuzz_target!(|bytes: &[u8]| one::picture(&one::with(bytes, 0, &[0x76, 0x2F, 0x31, 0x01, 2]), Format::Exr));
