//! What xz packed, by `lzma-rust2`.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    const MAGIC: &[u8] = &[0xFD, b'7', b'z', b'X', b'Z', 0];
    if bytes.starts_with(MAGIC) {
        return one::archive(bytes);
    }
    // Chunks of LZMA2, in a window of 256 KiB; heads are whole, so that these are reached.
    let flags = [0, 0];
    let block = [2, 0, 0x21, 1, 12, 0, 0, 0];
    let (of_flags, of_block) = (one::crc32(&flags).to_le_bytes(), one::crc32(&block).to_le_bytes());
    one::archive(&[MAGIC, &flags, &of_flags, &block, &of_block, bytes].concat());
});
