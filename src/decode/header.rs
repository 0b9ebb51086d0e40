//! What decoders keep of a header, besides the pixels: texts, attributes, profiles, places of strips.
//!
//! Some keep whatever stands there, each line or attribute in structures many times its size. So it is counted before a
//! decoder is opened, by walking each container here. Sizes are those of the decoders' own structures while their lists
//! grow: measured, with files of the shortest lines and attributes that there can be.

use std::io::{Read, copy, sink};

use super::tiff::Tiff;
use super::{Format, chunks};

/// The most that a PNG's profile and texts may take; the largest profiles of printers have 4 MB.
pub(super) const PNG_MAX: u64 = 16 << 20;

/// Bytes of a text of a PNG, of a segment of a JPEG, of a line of a Radiance header, of an attribute of OpenEXR, of a
/// number in an array of TIFF.
const PNG_TEXT: u64 = 256;
const JPEG_SEGMENT: u64 = 128;
const HDR_LINE: u64 = 192;
const EXR_ATTRIBUTE: u64 = 1600;
const TIFF_NUMBER: u64 = 32;
/// Bytes for each in the list of channels, or of strings, that an attribute of OpenEXR can be.
const EXR_LISTED: u64 = 20;
/// How often lines and texts are held, at most, while they grow.
const COPIES: u64 = 4;

/// The most bytes that are kept of a file's header.
pub(super) fn kept(bytes: &[u8], format: Format) -> u64 {
    match format {
        Format::Png => png(bytes),
        Format::Jpeg => of_jpeg(bytes),
        Format::Hdr => hdr(bytes),
        Format::Exr => exr(bytes).unwrap_or_default(),
        // The only one with lines; each is held for itself.
        Format::Pnm if bytes.starts_with(b"P7") => COPIES * until(bytes, b"ENDHDR") as u64,
        Format::WebP => {
            let exif = chunks::of_webp(bytes).filter(|(name, _)| *name == b"EXIF");
            exif.map(|(_, content)| content.len() as u64).fold(0, u64::saturating_add)
        }
        // The entry that is shown is copied.
        Format::Ico => bytes.len() as u64,
        _ => 0,
    }
}

/// Where something first stands, or the end.
fn until(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).unwrap_or(bytes.len())
}

fn png(bytes: &[u8]) -> u64 {
    let each = chunks::of_png(bytes).map(|(name, content)| {
        let length = content.len() as u64;
        match name {
            b"tEXt" | b"zTXt" | b"iTXt" => COPIES * length + PNG_TEXT,
            b"iCCP" => {
                // A name and a method stand before it.
                let packed = content.split(|&byte| byte == 0).next().map_or(0, <[u8]>::len).saturating_add(2);
                let unpacked = flate2::read::ZlibDecoder::new(content.get(packed..).unwrap_or_default());
                COPIES * length + 2 * copy(&mut unpacked.take(PNG_MAX), &mut sink()).unwrap_or(PNG_MAX)
            }
            b"IDAT" | b"fdAT" => 0,
            _ => 2 * length,
        }
    });
    each.fold(0, u64::saturating_add)
}

fn of_jpeg(bytes: &[u8]) -> u64 {
    let mut kept = 0u64;
    let mut rest = bytes.get(2..);
    while let Some((marker, content, after)) = rest.and_then(segment) {
        match marker {
            0xDA => break,
            0xE0..=0xEF => kept = kept.saturating_add(2 * content.len() as u64 + JPEG_SEGMENT),
            _ => {}
        }
        rest = Some(after);
    }
    kept
}

fn hdr(bytes: &[u8]) -> u64 {
    let header = bytes.get(..until(bytes, b"\n\n")).unwrap_or(bytes);
    let lines = header.iter().filter(|&&byte| byte == b'\n').count() as u64;
    lines * HDR_LINE + COPIES * header.len() as u64
}

/// OpenEXR: the attributes of all its parts, and a block of pixels, which is as wide as a part's data, whatever of it is
/// shown (openexr.com, "OpenEXR File Layout").
fn exr(bytes: &[u8]) -> Option<u64> {
    /// Blocks are held as they are packed, unpacked, sorted and as numbers.
    const BLOCK_COPIES: u64 = 4;
    let (&[_, flags, _, _], mut rest) = bytes.get(4..)?.split_first_chunk()?;
    let has_parts = flags & 0x10 != 0;
    let (mut attributes, mut listed, mut largest) = (0u64, 0u64, 0u64);
    let (mut width, mut lines, mut pixel) = (0u64, 1u64, 0u64);
    while let Some((name, after)) = text(rest) {
        if name.is_empty() {
            largest = largest.max(width.saturating_mul(lines).saturating_mul(pixel));
            (width, lines, pixel) = (0, 1, 0);
            // One more ends the parts of a file of several.
            if !has_parts || after.first() == Some(&0) {
                break;
            }
            rest = after;
            continue;
        }
        let Some((_, after)) = text(after) else { break };
        let Some((length, after)) = after.split_first_chunk::<4>() else { break };
        let length = u32::from_le_bytes(*length) as usize;
        let content = after.get(..length).unwrap_or(after);
        attributes += 1;
        listed = listed.saturating_add(content.len() as u64);
        let number = |at: usize| Some(i32::from_le_bytes(*content.get(at..)?.first_chunk()?));
        match name {
            b"channels" => pixel = channels(content),
            b"compression" => lines = lines.max(block_lines(content.first().copied().unwrap_or_default())),
            b"dataWindow" => {
                let (left, right) = (number(0).unwrap_or_default(), number(8).unwrap_or_default());
                width = u64::from(right.abs_diff(left)) + 1;
            }
            b"tiles" => lines = lines.max(number(4).map_or(1, |height| height.unsigned_abs().into())),
            _ => {}
        }
        rest = after.get(length..).unwrap_or_default();
    }
    largest = largest.max(width.saturating_mul(lines).saturating_mul(pixel));
    let header = attributes.saturating_mul(EXR_ATTRIBUTE).saturating_add(listed.saturating_mul(EXR_LISTED));
    Some(header.saturating_add(largest.saturating_mul(BLOCK_COPIES)))
}

/// What stands before a NUL, and what behind it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// Bytes of a pixel in all channels of a list: each is a name and 16 bytes, the first of them its kind.
fn channels(mut list: &[u8]) -> u64 {
    let mut pixel = 0;
    while let Some((_, after)) = text(list).filter(|(name, _)| !name.is_empty()) {
        pixel += 4;
        list = after.get(16..).unwrap_or_default();
    }
    pixel
}

/// Lines of a block, by the way it is packed.
fn block_lines(compression: u8) -> u64 {
    match compression {
        0..=2 => 1,
        3 | 5 => 16,
        4 | 6..=8 => 32,
        _ => 256,
    }
}

/// The places and lengths of a TIFF's strips or tiles, of which there are as many as the page says.
pub(super) fn of_tiff_page(tiff: Tiff<'_>, page: usize) -> u64 {
    const LISTS: [u16; 4] = [273, 279, 324, 325];
    let lists = tiff.entries(page).filter(|entry| LISTS.contains(&entry.tag));
    // No list is longer than what follows.
    let numbers = lists.map(|entry| entry.count.min(tiff.bytes.len()) as u64);
    numbers.fold(0, u64::saturating_add).saturating_mul(TIFF_NUMBER)
}

/// The next segment of a JPEG: its marker and content, and what follows it.
pub(super) fn segment(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let start = bytes.iter().position(|&byte| byte != 0xFF).filter(|&fill| fill > 0)?;
    let (&marker, rest) = bytes.get(start..)?.split_first()?;
    let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
    Some((marker, rest.get(2..length)?, rest.get(length..)?))
}
