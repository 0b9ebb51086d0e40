//! Which format bytes are of, told by the content alone.
//!
//! Names lie, and a folder of photos also holds pictures without any extension. Signatures are those
//! of the formats' specifications. Where a signature is weak (BMP's two letters, PNM's digit, ICO's
//! zeros, TGA's none at all) the header behind it must make sense too.

use std::io::Read;
use std::path::Path;

use super::raw;

/// Formats of pictures. Builds without a feature do not read the format of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG: baseline, extended sequential and progressive.
    Jpeg,
    /// PNG; of an animated one the default image.
    Png,
    /// GIF, the first frame.
    Gif,
    /// WebP, lossy or lossless; of an animated one the first frame.
    WebP,
    /// TIFF and BigTIFF, the first page.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// Windows icon: its largest entry.
    Ico,
    /// Portable anymap: PBM, PGM, PPM, PAM.
    Pnm,
    /// Truevision TGA.
    Tga,
    /// Quite OK Image.
    Qoi,
    /// Radiance HDR.
    Hdr,
    /// OpenEXR.
    Exr,
    /// Canon's raw format up to 2018. Of all raw formats the largest preview is read.
    Cr2,
    /// Canon's raw format since 2018.
    Cr3,
    /// Nikon's raw format, with that of its compact cameras (NRW).
    Nef,
    /// Sony's raw format.
    Arw,
    /// Adobe's Digital Negative, which many cameras and phones write.
    Dng,
    /// Panasonic's raw format, with Leica's like it (RWL).
    Rw2,
    /// Olympus' raw format.
    Orf,
    /// Fujifilm's raw format.
    Raf,
    /// Pentax' raw format.
    Pef,
    /// Samsung's raw format.
    Srw,
    /// Photoshop document, PSD or PSB: its composite.
    Psd,
    /// JPEG XL, the first frame; read with the feature `jxl`.
    Jxl,
    /// AVIF; read with the feature `avif`.
    Avif,
    /// HEIC: HEIF with HEVC, what iPhones write; read with the feature `heic`.
    Heic,
    /// SVG, plain or gzipped: its shapes; read with the feature `svg`.
    Svg,
}

impl Format {
    /// Every format, in the order of their declaration.
    pub const ALL: [Self; 27] = [
        Self::Jpeg,
        Self::Png,
        Self::Gif,
        Self::WebP,
        Self::Tiff,
        Self::Bmp,
        Self::Ico,
        Self::Pnm,
        Self::Tga,
        Self::Qoi,
        Self::Hdr,
        Self::Exr,
        Self::Cr2,
        Self::Cr3,
        Self::Nef,
        Self::Arw,
        Self::Dng,
        Self::Rw2,
        Self::Orf,
        Self::Raf,
        Self::Pef,
        Self::Srw,
        Self::Psd,
        Self::Jxl,
        Self::Avif,
        Self::Heic,
        Self::Svg,
    ];

    /// The format's name as it stands in the index and in JSON: lower case, no spaces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Ico => "ico",
            Self::Pnm => "pnm",
            Self::Tga => "tga",
            Self::Qoi => "qoi",
            Self::Hdr => "hdr",
            Self::Exr => "exr",
            Self::Cr2 => "cr2",
            Self::Cr3 => "cr3",
            Self::Nef => "nef",
            Self::Arw => "arw",
            Self::Dng => "dng",
            Self::Rw2 => "rw2",
            Self::Orf => "orf",
            Self::Raf => "raf",
            Self::Pef => "pef",
            Self::Srw => "srw",
            Self::Psd => "psd",
            Self::Jxl => "jxl",
            Self::Avif => "avif",
            Self::Heic => "heic",
            Self::Svg => "svg",
        }
    }

    /// Whether this build reads the format.
    pub fn is_read(self) -> bool {
        let optional = [
            (Self::Jxl, cfg!(feature = "jxl")),
            (Self::Avif, cfg!(feature = "avif")),
            (Self::Heic, cfg!(feature = "heic")),
            (Self::Svg, cfg!(feature = "svg")),
        ];
        !optional.contains(&(self, false))
    }

    /// Whether it is a camera's raw format, of which a preview is read.
    pub fn is_raw(self) -> bool {
        raw::is_raw(self)
    }

    /// The format of this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// What the content of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniff {
    /// A picture of a format that [`decode`](super::decode) reads.
    Readable(Format),
    /// A picture that this build does not read, by the name of its format.
    Unsupported(&'static str),
    /// Nothing that is known to be a picture.
    Unknown,
}

/// Tells what a file holds by its content. The first 4 KiB are enough; fewer do for most formats.
pub fn sniff(bytes: &[u8]) -> Sniff {
    if let Some(name) = unsupported(bytes) {
        return Sniff::Unsupported(name);
    }
    let format = match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Format::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Format::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Format::Gif,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Format::WebP,
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => raw::of_tiff(bytes).unwrap_or(Format::Tiff),
        [b'I', b'I', b'R', b'O' | b'S', ..] | [b'M', b'M', b'O', b'R', ..] => Format::Orf,
        [b'I', b'I', b'U', 0, ..] => Format::Rw2,
        _ if bytes.starts_with(b"FUJIFILMCCD-RAW") => Format::Raf,
        [0xFF, 0x0A, ..] => Format::Jxl,
        [0, 0, 0, 12, b'J', b'X', b'L', b' ', b'\r', b'\n', 0x87, b'\n', ..] => Format::Jxl,
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => match iso_media(bytes) {
            Some(format) => format,
            None => return Sniff::Unknown,
        },
        [b'8', b'B', b'P', b'S', 0, 1 | 2, ..] => Format::Psd,
        [b'q', b'o', b'i', b'f', ..] => Format::Qoi,
        [0x76, 0x2F, 0x31, 0x01, ..] => Format::Exr,
        _ if bytes.starts_with(b"#?RADIANCE") || bytes.starts_with(b"#?RGBE") => Format::Hdr,
        [b'B', b'M', ..] if is_bmp(bytes) => Format::Bmp,
        [b'P', b'1'..=b'7', ..] if is_pnm(bytes) => Format::Pnm,
        [0, 0, 1, 0, ..] if is_ico(bytes) => Format::Ico,
        _ if is_svg(bytes) || is_svgz(bytes) => Format::Svg,
        _ if is_tga(bytes) || has_tga_footer(bytes) => Format::Tga,
        _ => return Sniff::Unknown,
    };
    if format.is_read() { Sniff::Readable(format) } else { Sniff::Unsupported(format.name()) }
}

/// Whether a format was told by plausible numbers alone, so that a failure to decode says that the
/// guess was wrong, not that a picture is damaged.
pub(super) fn is_guess(bytes: &[u8], format: Format) -> bool {
    format == Format::Tga && !has_tga_footer(bytes)
}

/// Extensions of the formats that are read.
const EXTENSIONS: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "jif", "png", "apng", "gif", "webp", "tif", "tiff", "bmp", "dib", "ico", "pnm",
    "pbm", "pgm", "ppm", "pam", "tga", "icb", "vda", "vst", "qoi", "hdr", "exr", "cr2", "cr3", "nef", "nrw", "arw",
    "sr2", "dng", "rw2", "rwl", "orf", "raf", "pef", "srw", "psd", "psb",
];

/// Whether a file's name says that it is a picture which [`decode`](super::decode) reads, so that its
/// failing to decode is worth a word.
pub fn claims_to_be_a_picture(file_name: impl AsRef<Path>) -> bool {
    let extension = file_name.as_ref().extension().and_then(|extension| extension.to_str());
    let features = [
        (Format::Jxl, "jxl"),
        (Format::Avif, "avif"),
        (Format::Heic, "heic"),
        (Format::Svg, "svg"),
        (Format::Svg, "svgz"),
    ];
    let of_features = features.into_iter().filter(|(format, _)| format.is_read()).map(|(_, name)| name);
    let known = EXTENSIONS.iter().copied().chain(of_features);
    extension.is_some_and(|extension| known.clone().any(|known| known.eq_ignore_ascii_case(extension)))
}

/// The name of a picture format that is recognised and not read.
fn unsupported(bytes: &[u8]) -> Option<&'static str> {
    /// Signatures at the start of the file.
    const SIGNATURES: &[(&[u8], &str)] = &[
        (&[0, 0, 0, 12, b'j', b'P', b' ', b' ', b'\r', b'\n', 0x87, b'\n'], "jpeg2000"),
        (&[0xFF, 0x4F, 0xFF, 0x51], "jpeg2000"),
        (&[0xFF, 0xD8, 0xFF, 0xF7], "jpeg-ls"),
        (&[b'I', b'I', 0xBC, 0x01], "jpegxr"),
        (&[0x97, b'J', b'B', b'2', b'\r', b'\n', 0x1A, b'\n'], "jbig2"),
        (b"\x89PNG\r\n\x1A\n\0\0\0\x04CgBI", "png (iPhone build)"),
        (b"\x8AMNG\r\n\x1A\n", "mng"),
        (b"gimp xcf ", "xcf"),
        (b"DDS \x7C\0\0\0", "dds"),
        (b"farbfeld", "farbfeld"),
        (b"FLIF", "flif"),
        (b"BPG\xFB", "bpg"),
        (b"icns", "icns"),
        (b"AT&TFORM", "djvu"),
        (&[0x59, 0xA6, 0x6A, 0x95], "sun raster"),
        (b"/* XPM */", "xpm"),
        (b"FOVb", "raw (x3f)"),
        (b"\0MRM", "raw (mrw)"),
    ];
    if let Some((_, name)) = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)) {
        return Some(name);
    }
    // HEIF says by its items what it holds; a file of the general brand alone is of a rare kind.
    if bytes.get(4..8) == Some(b"ftyp") && iso_media(bytes).is_none() {
        let is_heif = brands(bytes).iter().any(|brand| matches!(brand, b"mif1" | b"msf1"));
        return is_heif.then_some("heif");
    }
    None
}

/// The picture format of an ISO base media file (ISO 14496-12), by its brands; Canon's raw format is one too.
fn iso_media(bytes: &[u8]) -> Option<Format> {
    brands(bytes).iter().find_map(|brand| match brand {
        b"crx " => Some(Format::Cr3),
        b"avif" | b"avis" => Some(Format::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Format::Heic),
        _ => None,
    })
}

/// The major brand, the version and the compatible brands of an ISO base media file.
fn brands(bytes: &[u8]) -> &[[u8; 4]] {
    let length = bytes.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let end = length.clamp(8, 256).min(bytes.len());
    bytes.get(8..end).unwrap_or_default().as_chunks::<4>().0
}

/// Whether the first element is `svg`, with a prefix or not, behind what may stand before it.
fn is_svg(bytes: &[u8]) -> bool {
    let mut text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    loop {
        let end: &[u8] = match text {
            [b'<', b'?', ..] => b"?>",
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            _ if text.starts_with(b"<!DOCTYPE") => b">",
            _ => break,
        };
        let Some(at) = text.windows(end.len()).position(|bytes| bytes == end) else { return false };
        let (before, mut after) = text.split_at(at + end.len());
        // A document type may declare things in brackets.
        if end == b">" && before.contains(&b'[') {
            let Some(at) = text.windows(2).position(|bytes| bytes == b"]>") else { return false };
            after = text.get(at + 2..).unwrap_or_default();
        }
        text = after.trim_ascii_start();
    }
    let Some(element) = text.strip_prefix(b"<") else { return false };
    let name = element.split(|&c| c.is_ascii_whitespace() || matches!(c, b'>' | b'/')).next().unwrap_or_default();
    name == b"svg" || name.ends_with(b":svg")
}

/// The same of what is packed by gzip, as far as its beginning tells.
fn is_svgz(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&[0x1F, 0x8B, 8]) {
        return false;
    }
    let mut text = vec![0; 4096];
    let (mut unpacked, mut length) = (flate2::read::GzDecoder::new(bytes), 0);
    // It ends, or fails, where the bytes at hand do.
    while let Some(Ok(read @ 1..)) = text.get_mut(length..).map(|rest| unpacked.read(rest)) {
        length += read;
    }
    is_svg(text.get(..length).unwrap_or_default())
}

/// BMP: the size of the information header is one of those that exist.
fn is_bmp(bytes: &[u8]) -> bool {
    matches!(little_u32(bytes, 14), Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// PNM: whitespace behind the digit and then a size (or a comment), or PAM's named fields.
fn is_pnm(bytes: &[u8]) -> bool {
    let Some((&[_, digit, space], rest)) = bytes.split_first_chunk::<3>() else { return false };
    if !space.is_ascii_whitespace() {
        return false;
    }
    let next = rest.trim_ascii_start();
    match digit {
        b'7' => {
            [&b"WIDTH"[..], b"HEIGHT", b"DEPTH", b"MAXVAL", b"TUPLTYPE", b"#"].iter().any(|name| next.starts_with(name))
        }
        _ => next.first().is_some_and(|&c| c == b'#') || two_numbers(next),
    }
}

/// Whether text starts with two numbers, the second of which has an end.
fn two_numbers(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|c| c.is_ascii_digit()).count();
    let first = digits(text);
    let rest = text.get(first..).unwrap_or_default();
    let second = rest.trim_ascii_start();
    let followed_by_space = second.len() < rest.len();
    first > 0 && followed_by_space && (second.first() == Some(&b'#') || digits(second) > 0)
}

/// ICO: every entry of the directory makes sense, and a picture starts where the first one says.
fn is_ico(bytes: &[u8]) -> bool {
    let Some(count) = little_u16(bytes, 4).filter(|count| (1..=256).contains(count)) else { return false };
    let end = 6 + 16 * usize::from(count);
    let directory = bytes.get(6..end.min(bytes.len())).unwrap_or_default();
    let entries = directory.as_chunks::<16>().0;
    let sensible = |entry: &[u8; 16]| {
        let [_, _, _, reserved, planes, 0, depth, 0, l0, l1, l2, l3, o0, o1, o2, o3] = *entry else { return false };
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let offset = u32::from_le_bytes([o0, o1, o2, o3]);
        matches!(reserved, 0 | 255)
            && planes <= 1
            && matches!(depth, 0 | 1 | 4 | 8 | 16 | 24 | 32)
            && length > 0
            && offset as usize >= end
    };
    let starts = |entry: &[u8; 16]| {
        let offset = little_u32(entry, 12).map_or(0, |offset| offset as usize);
        // Behind the bytes at hand nothing can be told.
        bytes
            .get(offset..)
            .is_none_or(|start| start.len() < 4 || start.starts_with(b"\x89PNG") || start.starts_with(&[40, 0, 0, 0]))
    };
    !entries.is_empty() && entries.iter().all(sensible) && entries.first().is_some_and(starts)
}

/// TGA: it has no signature at its start, so every field must be one that the specification allows.
fn is_tga(bytes: &[u8]) -> bool {
    let Some(&[_, map_type, image_type, f0, f1, l0, l1, map_depth, _, _, _, _, w0, w1, h0, h1, depth, flags]) =
        bytes.first_chunk::<18>()
    else {
        return false;
    };
    let (map_first, map_length) = (u16::from_le_bytes([f0, f1]), u16::from_le_bytes([l0, l1]));
    let mapped = map_type == 1 && map_length > 0 && map_first < map_length && matches!(map_depth, 15 | 16 | 24 | 32);
    let unmapped = map_type == 0 && map_first == 0 && map_length == 0 && map_depth == 0;
    let colors = match image_type {
        1 | 9 => mapped && matches!(depth, 8 | 16),
        2 | 10 => unmapped && matches!(depth, 15 | 16 | 24 | 32),
        3 | 11 => unmapped && matches!(depth, 8 | 16),
        _ => false,
    };
    let alpha_bits = match depth {
        15 | 24 => flags & 15 == 0,
        16 => matches!(flags & 15, 0 | 1 | 8),
        _ => matches!(flags & 15, 0 | 8),
    };
    colors && alpha_bits && flags & 0b1100_0000 == 0 && [w0, w1] != [0, 0] && [h0, h1] != [0, 0]
}

/// The signature that TGA 2.0 has at its end.
fn has_tga_footer(bytes: &[u8]) -> bool {
    bytes.len() > 18 + 26 && bytes.ends_with(b"TRUEVISION-XFILE.\0")
}

fn little_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn little_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(format));
        }
        assert_eq!(Format::from_name("JPEG"), None);
    }

    #[test]
    fn names_claim_what_is_read_and_nothing_else() {
        for name in ["a.jpg", "a.JPEG", "dir/a.b.Tif", "x.pam", "a.jfif", ".hidden.png", "a.CR2", "a.dng"] {
            assert!(claims_to_be_a_picture(name), "{name}");
        }
        for name in ["a.txt", "jpg", ".jpg", "a.x3f", "a.jpg.part", "", "a.svgx"] {
            assert!(!claims_to_be_a_picture(name), "{name}");
        }
    }

    #[test]
    fn formats_that_are_not_read_are_called_by_their_names() {
        let cases: &[(&[u8], &str)] = &[
            (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", "heif"),
            (b"\0\0\0\x0CjP  \r\n\x87\n", "jpeg2000"),
            (b"FOVb\0\0\x02\0", "raw (x3f)"),
        ];
        for (bytes, name) in cases {
            assert_eq!(sniff(bytes), Sniff::Unsupported(name), "{name}");
        }
    }

    #[test]
    fn camera_formats_are_told_by_their_content() {
        let cases: &[(&[u8], Format)] = &[
            (b"II*\0\x10\0\0\0CR\x02\0", Format::Cr2),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", Format::Cr3),
            (b"FUJIFILMCCD-RAW 0201", Format::Raf),
            (b"IIRO\x08\0\0\0", Format::Orf),
            (b"IIRS\x08\0\0\0", Format::Orf),
            (b"MMOR\0\0\0\x08", Format::Orf),
            (b"IIU\0\x18\0\0\0", Format::Rw2),
        ];
        for (bytes, format) in cases {
            assert_eq!(sniff(bytes), Sniff::Readable(*format), "{format:?}");
        }
    }

    #[test]
    fn formats_of_features_are_told_with_and_without_them() {
        let cases: &[(&[u8], Format)] = &[
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Format::Heic),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Format::Heic),
            (b"\0\0\0\x1Cftypmif1\0\0\0\0mif1avifmiaf", Format::Avif),
            (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B", Format::Avif),
            (&[0xFF, 0x0A, 0xFA], Format::Jxl),
            (b"\0\0\0\x0CJXL \r\n\x87\n", Format::Jxl),
            (b"\xEF\xBB\xBF <?xml version=\"1.0\"?>\n<!-- made by hand -->\n<svg xmlns=\"\">", Format::Svg),
            (b"<svg/>", Format::Svg),
            (b"<!DOCTYPE svg [<!ENTITY a '<b>'> ]><s:svg xmlns:s='x'>", Format::Svg),
        ];
        for (bytes, format) in cases {
            let name = format.name();
            let expected = if format.is_read() { Sniff::Readable(*format) } else { Sniff::Unsupported(name) };
            assert_eq!(sniff(bytes), expected, "{name}");
            assert_eq!(claims_to_be_a_picture(format!("a.{name}")), format.is_read(), "{name}");
        }
    }

    #[test]
    fn what_is_no_picture_is_unknown() {
        let cases: &[&[u8]] = &[
            b"",
            b"\0",
            b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
            b"BMW is a maker of cars and motorcycles",
            b"P1 is the first of seven points",
            b"P5\n",
            b"<?xml version=\"1.0\"?><svgish/>",
            b"<?xml version=\"1.0\"?><html><svg/></html>",
            b"<!-- <svg> -->",
            b"\x1F\x8B\x08\0\0\0\0\0\0\xFF",
            b"GIF88a",
            b"RIFF\0\0\0\0WAVEfmt ",
            &[0, 0, 1, 0, 0, 0, 0, 0],
            &[0, 0, 1, 0, 1, 0, 16, 16, 0, 7, 1, 0, 32, 0, 0, 1, 0, 0, 22, 0, 0, 0],
            &[0; 4096],
            &[0xFF; 4096],
            b"%PDF-1.7",
            b"PK\x03\x04",
            b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3E\0",
        ];
        for bytes in cases {
            assert_eq!(sniff(bytes), Sniff::Unknown, "{bytes:?}");
        }
    }
}
