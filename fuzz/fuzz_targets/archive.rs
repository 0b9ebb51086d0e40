//! Whatever the bytes: entries and an account of them, within the limits.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| one::archive(bytes));
