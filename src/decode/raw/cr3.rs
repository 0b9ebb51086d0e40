//! Canon's CR3: an ISO base media file with a thumbnail, a preview and a track whose one sample is a JPEG of full size.

use super::{Found, pages};
use crate::decode::boxes::{boxes, find as find_box};

/// Canon's own boxes: the one of the metadata, inside `moov`, and the one of the preview.
const METADATA: [u8; 16] = *b"\x85\xC0\xB6\x87\x82\x0F\x11\xE0\x81\x11\xF4\xCE\x46\x2B\x6A\x48";
const PREVIEW: [u8; 16] = *b"\xEA\xF4\x2B\x5E\x1C\x98\x4B\x88\xB9\xFB\xB7\xDC\x40\x6E\x4D\x16";

/// The bytes within which the header of a box of a JPEG ends; versions differ in its length.
const HEADER_LIMIT: usize = 32;

/// Searches all three places.
pub(super) fn find(bytes: &[u8]) -> Found<'_> {
    let mut found = Found::default();
    let mut has_metadata = false;
    for (name, content) in boxes(bytes) {
        match (&name, content.split_first_chunk()) {
            (b"moov", _) => {
                has_metadata = true;
                movie(bytes, content, &mut found);
            }
            // A count stands before the boxes.
            (b"uuid", Some((&PREVIEW, content))) => pictures(content.get(8..).unwrap_or_default(), &mut found),
            _ => {}
        }
    }
    found.outside |= !has_metadata;
    found
}

fn movie<'a>(bytes: &'a [u8], content: &'a [u8], found: &mut Found<'a>) {
    for (name, content) in boxes(content) {
        match (&name, content.split_first_chunk()) {
            (b"uuid", Some((&METADATA, content))) => pictures(content, found),
            (b"trak", _) => {
                if let Some((start, length)) = first_sample(content) {
                    found.add(bytes, start, length);
                }
            }
            _ => {}
        }
    }
}

/// Takes boxes of JPEGs, and the orientation from that of the first page of EXIF.
fn pictures<'a>(content: &'a [u8], found: &mut Found<'a>) {
    for (name, content) in boxes(content) {
        match &name {
            b"CMT1" => found.orientation = pages::orientation(content),
            b"THMB" | b"PRVW" => {
                let header = content.get(..HEADER_LIMIT).unwrap_or(content);
                let start = header.windows(3).position(|word| word == [0xFF, 0xD8, 0xFF]);
                if let Some(jpeg) = start.and_then(|start| content.get(start..)) {
                    found.add_content(jpeg);
                }
            }
            _ => {}
        }
    }
}

/// The blocks of EXIF.
pub(super) fn exif(bytes: &[u8]) -> Vec<&[u8]> {
    let own = find_box(bytes, &[b"moov"]).into_iter().flat_map(boxes).find_map(|(name, content)| {
        let content = (&name == b"uuid").then_some(content)?;
        content.strip_prefix(METADATA.as_slice())
    });
    let blocks = own.into_iter().flat_map(boxes);
    blocks.filter(|(name, _)| [b"CMT1", b"CMT2", b"CMT4"].contains(&name)).map(|(_, content)| content).collect()
}

/// Where the first sample of a track lies in the file.
fn first_sample(track: &[u8]) -> Option<(usize, usize)> {
    let table = find_box(track, &[b"mdia", b"minf", b"stbl"])?;
    let u32_at = |content: &[u8], at: usize| Some(u32::from_be_bytes(*content.get(at..)?.first_chunk()?));
    let sizes = find_box(table, &[b"stsz"])?;
    // One size for all, or 0 and a list.
    let length = u32_at(sizes, 4).filter(|&size| size != 0).or_else(|| u32_at(sizes, 12))?;
    let start = match find_box(table, &[b"co64"]) {
        Some(places) => u64::from_be_bytes(*places.get(8..)?.first_chunk()?),
        None => u32_at(find_box(table, &[b"stco"])?, 8)?.into(),
    };
    Some((usize::try_from(start).ok()?, length as usize))
}
