//! Directories of zip archives, by `rawzip`, and what they name.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| one::archive(&one::with(bytes, 0, b"PK\x03\x04")));
