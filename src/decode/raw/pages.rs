//! Raw files that are TIFF files, or nearly so: told from TIFF pictures, and searched for previews.
//!
//! Pages (TIFF calls them image file directories) form a chain and a tree, and the notes of some makers are pages of
//! their own. All are walked alike: what the tags of a preview point to is taken if it is a JPEG.

use std::collections::BTreeSet;

use image::metadata::Orientation;

use super::Found;
use crate::decode::Format;
use crate::decode::tiff::Tiff;

/// Tag numbers of TIFF 6.0, TIFF/EP, EXIF, DNG and, for `JPG_FROM_RAW`, of Panasonic.
const JPG_FROM_RAW: u16 = 0x2E;
const COMPRESSION: u16 = 0x103;
const PHOTOMETRIC: u16 = 0x106;
const MAKE: u16 = 0x10F;
const STRIP_OFFSETS: u16 = 0x111;
const STRIP_LENGTHS: u16 = 0x117;
const SUB_PAGES: u16 = 0x14A;
const JPEG_OFFSET: u16 = 0x201;
const JPEG_LENGTH: u16 = 0x202;
const EXIF: u16 = 0x8769;
const MAKER_NOTE: u16 = 0x927C;
const DNG_VERSION: u16 = 0xC612;

/// Start and length of a preview in a page of the file, and in a maker's note: Olympus' settings, its older notes (two
/// ways), and Pentax.
const PREVIEW: [(u16, u16); 2] = [(JPEG_OFFSET, JPEG_LENGTH), (STRIP_OFFSETS, STRIP_LENGTHS)];
const NOTE_PREVIEW: [(u16, u16); 5] =
    [(JPEG_OFFSET, JPEG_LENGTH), (0x101, 0x102), (0x88, 0x89), (0x1036, 0x1037), (4, 3)];
/// Pages below a maker's note: Nikon's preview and Olympus' settings.
const NOTE_PAGES: [u16; 2] = [0x11, 0x2020];

/// The most pages of a file that are looked at.
const PAGE_LIMIT: usize = 64;

/// The photometric interpretation of a colour filter array, and what Nikon, Pentax, Samsung and Sony put for their own
/// ways of packing it: the page with these is the sensor's.
const COLOR_FILTER_ARRAY: u32 = 32_803;
const SENSOR_COMPRESSIONS: [u32; 5] = [32_767, 32_769, 32_770, 34_713, 65_535];

/// The orientation that a whole TIFF file inside another one tells of.
pub(super) fn orientation(bytes: &[u8]) -> Option<Orientation> {
    Tiff::open(bytes, 0)?.orientation()
}

/// The raw format that a TIFF file is, `None` for a TIFF picture.
///
/// The first page of most is a thumbnail, so reading them as TIFF would index a stamp, or fail. CR2 says what it is
/// behind the header, and DNG has a version tag. The others are told by the maker of the camera, together with
/// sub-pages or sensor data, which no scanner writes.
pub(in crate::decode) fn of_tiff(bytes: &[u8]) -> Option<Format> {
    if bytes.get(8..10) == Some(b"CR") {
        return Some(Format::Cr2);
    }
    let tiff = Tiff::open(bytes, 0).filter(|tiff| tiff.u16(2) == Some(42))?;
    let mut maker: Option<&[u8]> = None;
    let mut has_sensor_data = false;
    for entry in tiff.entries(tiff.first()?) {
        let value = || tiff.number(&entry).and_then(|value| u32::try_from(value).ok());
        match entry.tag {
            DNG_VERSION => return Some(Format::Dng),
            MAKE => maker = tiff.text(&entry),
            SUB_PAGES => has_sensor_data = true,
            PHOTOMETRIC => has_sensor_data |= value() == Some(COLOR_FILTER_ARRAY),
            COMPRESSION => has_sensor_data |= value().is_some_and(|value| SENSOR_COMPRESSIONS.contains(&value)),
            _ => {}
        }
    }
    let maker = maker.filter(|_| has_sensor_data)?;
    let makers: [(&[u8], Format); 6] = [
        (b"NIKON", Format::Nef),
        (b"SONY", Format::Arw),
        (b"PENTAX", Format::Pef),
        (b"RICOH", Format::Pef),
        (b"Asahi", Format::Pef),
        (b"SAMSUNG", Format::Srw),
    ];
    makers.iter().find(|(name, _)| maker.starts_with(name)).map(|&(_, format)| format)
}

/// A page still to be walked.
struct Page<'a> {
    tiff: Tiff<'a>,
    at: usize,
    is_note: bool,
}

/// Searches every page of the file.
pub(super) fn find(bytes: &[u8]) -> Found<'_> {
    let mut found = Found::default();
    let Some(tiff) = Tiff::open(bytes, 0) else { return found };
    found.orientation = tiff.orientation();
    let first = tiff.first().map(|at| Page { tiff, at, is_note: false });
    let (mut waiting, mut seen) = (Vec::from_iter(first), BTreeSet::new());
    while let Some(page) = waiting.pop() {
        let place = (page.tiff.base.saturating_add(page.at), page.tiff.base);
        if seen.len() < PAGE_LIMIT && seen.insert(place) {
            walk(&page, &mut found, &mut waiting);
        }
    }
    found
}

/// Takes a page's previews and notes the pages that it leads to.
fn walk<'a>(page: &Page<'a>, found: &mut Found<'a>, waiting: &mut Vec<Page<'a>>) {
    let Page { tiff, at, is_note } = *page;
    if tiff.u16(at).is_none() {
        found.outside = true;
    }
    let pairs = if is_note { &NOTE_PREVIEW[..] } else { &PREVIEW };
    let mut places = vec![(None, None); pairs.len()];
    let next = tiff.next(at).filter(|_| !is_note);
    waiting.extend(next.map(|at| Page { tiff, at, is_note }));
    for entry in tiff.entries(at) {
        for (&(start, length), place) in pairs.iter().zip(&mut places) {
            if entry.tag == start {
                place.0 = tiff.number(&entry);
            } else if entry.tag == length {
                place.1 = tiff.number(&entry);
            }
        }
        match entry.tag {
            tag if is_note && NOTE_PAGES.contains(&tag) => {
                waiting.extend(tiff.place(entry.at).map(|at| Page { tiff, at, is_note: true }));
            }
            _ if is_note => {}
            SUB_PAGES | EXIF => {
                waiting.extend(tiff.numbers(&entry).into_iter().map(|at| Page { tiff, at, is_note: false }));
            }
            JPG_FROM_RAW => {
                if let Some(start) = tiff.place(entry.at) {
                    found.add(tiff.bytes, start, entry.count);
                }
            }
            MAKER_NOTE => waiting.extend(tiff.place(entry.at).and_then(|start| note(tiff, start))),
            _ => {}
        }
    }
    for place in places {
        let (Some(start), Some(length)) = place else { continue };
        found.add(tiff.bytes, tiff.base.saturating_add(start), length);
        // Makers differ, and their own models too, in what a note counts from.
        if is_note && tiff.base != 0 {
            found.add(tiff.bytes, start, length);
        }
    }
}

/// The page that a maker's note is, where the maker is one whose notes hold a preview.
fn note(tiff: Tiff<'_>, start: usize) -> Option<Page<'_>> {
    let content = tiff.bytes.get(start..)?;
    let page = |order: Option<usize>, base: usize, at: usize| {
        let big_endian = match order.and_then(|at| content.get(at..)?.first_chunk()) {
            Some(b"II") => false,
            Some(b"MM") => true,
            _ => tiff.big_endian,
        };
        Page { tiff: Tiff { bytes: tiff.bytes, base, big_endian, is_big: false }, at, is_note: true }
    };
    Some(match content {
        [b'N', b'i', b'k', b'o', b'n', 0, ..] => {
            let inner = Tiff::open(tiff.bytes, start.checked_add(10)?)?;
            Page { tiff: inner, at: inner.first()?, is_note: true }
        }
        _ if content.starts_with(b"OLYMPUS\0") => page(Some(8), start, 12),
        _ if content.starts_with(b"OM SYSTEM\0") => page(Some(12), start, 16),
        _ if content.starts_with(b"OLYMP\0") => page(None, 0, start.checked_add(8)?),
        _ if content.starts_with(b"AOC\0") => page(Some(4), 0, start.checked_add(6)?),
        _ if content.starts_with(b"PENTAX \0") => page(Some(8), start, 10),
        _ => return None,
    })
}
