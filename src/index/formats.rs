//! The names of formats and their codes in the index.

/// The formats in the order of their codes in the index: new ones go to the end.
const FORMATS: [&str; 27] = [
    "jpeg", "png", "gif", "webp", "tiff", "bmp", "ico", "pnm", "tga", "qoi", "hdr", "exr", "cr2", "cr3", "nef", "arw",
    "dng", "rw2", "orf", "raf", "pef", "srw", "psd", "jxl", "avif", "heic", "svg",
];

pub(super) fn format_code(format: &str) -> u64 {
    FORMATS.iter().position(|name| *name == format).unwrap_or(FORMATS.len()) as u64
}

/// The code of a format's name.
pub(super) fn format_code_of(name: &str) -> Option<i64> {
    let name = if name == "jpg" { "jpeg" } else { name };
    FORMATS.iter().position(|known| *known == name).and_then(|code| i64::try_from(code).ok())
}

/// All of them, for people.
pub(super) fn format_names() -> String {
    FORMATS.join(", ")
}

pub(super) fn format_name(code: u64) -> &'static str {
    usize::try_from(code).ok().and_then(|code| FORMATS.get(code)).copied().unwrap_or("unknown")
}
