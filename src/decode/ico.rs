//! Windows icons: the largest entry, which is a PNG or a bitmap without its file header.
//!
//! The general decoder takes the deepest entry and no PNG but RGBA ones. So the entry is chosen here: a
//! PNG is decoded as one, a bitmap is handed on as the only entry of an icon.

use super::limits::Limits;
use super::{Decoded, Format, general, malformed};
use crate::error::Result;

/// Bytes of the header and of one entry of the directory.
const HEADER: usize = 6;
const ENTRY: usize = 16;

/// Decodes the largest entry; of equally large ones the deepest.
pub(super) fn decode(bytes: &[u8], limits: &Limits<'_>) -> Result<Decoded> {
    let (entry, content) = largest(bytes).ok_or_else(|| malformed(Format::Ico, "its entries lie outside of it"))?;
    if content.starts_with(b"\x89PNG") {
        return general::decode(content, Format::Png, limits);
    }
    let mut single = vec![0, 0, 1, 0, 1, 0];
    single.extend(entry.iter().take(12));
    single.extend(((HEADER + ENTRY) as u32).to_le_bytes());
    single.extend(content);
    general::decode(&single, Format::Ico, limits)
}

/// The entry to show, as it stands in the directory, and its content.
fn largest(bytes: &[u8]) -> Option<(&[u8; ENTRY], &[u8])> {
    let count = usize::from(u16::from_le_bytes(*bytes.get(4..)?.first_chunk()?));
    let entries = bytes.get(HEADER..)?.as_chunks::<ENTRY>().0.iter().take(count);
    let found = entries.filter_map(|entry| {
        let [width, height, _, _, _, _, depth, _, l0, l1, l2, l3, o0, o1, o2, o3] = *entry;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let start = u32::from_le_bytes([o0, o1, o2, o3]) as usize;
        let content = bytes.get(start..start.checked_add(length)?)?;
        // 0 stands for 256.
        let side = |side: u8| if side == 0 { 256 } else { u32::from(side) };
        Some((side(width) * side(height), depth, entry, content))
    });
    let (_, _, entry, content) = found.max_by_key(|&(area, depth, _, _)| (area, depth))?;
    Some((entry, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_entry_is_chosen_and_what_lies_outside_is_not() {
        let entry = |side: u8, depth: u8, length: u8, offset: u8| {
            [side, side, 0, 0, 1, 0, depth, 0, length, 0, 0, 0, offset, 0, 0, 0]
        };
        let mut icon = vec![0, 0, 1, 0, 4, 0];
        for entry in [entry(16, 32, 4, 70), entry(32, 8, 4, 74), entry(32, 32, 4, 78), entry(0, 32, 4, 79)] {
            icon.extend(entry);
        }
        icon.extend(b"smallpalebestx");
        assert_eq!(largest(&icon[..82]).unwrap().1, &icon[78..82]);
        for end in 0..icon.len() {
            let _ = largest(&icon[..end]);
        }
        assert!(largest(&icon[..70]).is_none());
    }
}
