//! SVG: its XML by `roxmltree`, its rules by `simplecss`, its shapes by `resvg`, and what they would take by us.

#![no_main]

mod one;

use libfuzzer_sys::fuzz_target;
use ris::decode::{Format, Sniff, sniff};

fuzz_target!(|bytes: &[u8]| {
    if sniff(bytes) == Sniff::Readable(Format::Svg) {
        return one::picture(bytes, Format::Svg);
    }
    let start =
        b"<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' viewBox='0 0 9 9'>";
    one::picture(&[start, bytes, b"</svg>"].concat(), Format::Svg);
});
