//! What zstd packed, by `ruzstd`.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    const MAGIC: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];
    if bytes.starts_with(MAGIC) {
        return one::archive(bytes);
    }
    // Blocks, in a window of 1 MiB.
    one::archive(&[MAGIC, &[0, 0x50], bytes].concat());
});
