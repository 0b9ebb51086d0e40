//! A JPEG that is the strip of a TIFF, by `zune-jpeg`.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;
use ris::decode::Format;

fuzz_target!(|bytes: &[u8]| {
    const ENTRIES: u16 = 9;
    let colours = if bytes.last().is_some_and(|byte| byte % 2 == 1) { 3 } else { 1 };
    let side = 64;
    // Behind the header, the page and where the next would be.
    let strip = 8 + 2 + 12 * u32::from(ENTRIES) + 4;
    let entries = [
        (256u16, side),
        (257, side),
        (258, 8),
        (259, 7),
        // Grey, or as the JPEG has its colours.
        (262, if colours == 1 { 1 } else { 6 }),
        (273, strip),
        (277, colours),
        (278, side),
        (279, bytes.len() as u32),
    ];
    assert_eq!(entries.len(), usize::from(ENTRIES));
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    tiff.extend(ENTRIES.to_le_bytes());
    for (tag, value) in entries {
        tiff.extend([&tag.to_le_bytes()[..], &4u16.to_le_bytes(), &1u32.to_le_bytes(), &value.to_le_bytes()].concat());
    }
    tiff.extend([0; 4]);
    tiff.extend(bytes);
    one::picture(&tiff, Format::Tiff);
});
