//! The rows of a damaged picture that could be read.
//!
//! Decoders write rows as they read them. What they did not get to is as it was before, or, of a JPEG, plain
//! grey: in either case rows of one value at an end of the picture.

use super::{Decoded, Format};

/// With fewer rows there is nothing to recognise a picture by.
const ROWS_MIN: u32 = 16;
/// Share of a picture's rows that must be left.
const SHARE_MIN: u32 = 10;
/// What the JPEG decoder fills in.
const JPEG_GREY: std::ops::RangeInclusive<u8> = 127..=129;

/// Whether a decoder of this format leaves the rows that it had read when it failed.
pub(super) fn is_kept(bytes: &[u8], format: Format) -> bool {
    /// Where PNG's header says whether its rows come one after the other.
    const INTERLACE: usize = 28;
    match format {
        Format::Png => bytes.get(INTERLACE) == Some(&0),
        _ => matches!(format, Format::Jpeg | Format::Bmp | Format::Tga | Format::Pnm | Format::Qoi | Format::Hdr),
    }
}

/// Cuts off what was not read; `None` where too little is left. `Some` of the same where nothing is missing.
pub(super) fn readable(decoded: Decoded, format: Format) -> Option<Decoded> {
    let Decoded { full_width, full_height, orientation, mut raster, .. } = decoded;
    let width = raster.width as usize;
    let is_fill = |value: u8| format != Format::Jpeg || JPEG_GREY.contains(&value);
    let missing = |rows: &mut dyn Iterator<Item = &[u8]>| {
        let mut fill = None;
        let plain = |row: &&[u8]| {
            let fill = *fill.get_or_insert(row.first().copied().unwrap_or_default());
            is_fill(fill) && row.iter().all(|&value| value == fill)
        };
        rows.take_while(plain).count()
    };
    let below = missing(&mut raster.luma.rchunks_exact(width.max(1)));
    // Bitmaps are stored from the bottom up.
    let above = match format {
        Format::Bmp | Format::Tga if below == 0 => missing(&mut raster.luma.chunks_exact(width.max(1))),
        _ => 0,
    };
    if below == 0 && above == 0 {
        return Some(Decoded { full_width, full_height, scale: 1.0, orientation, raster, partial: false });
    }
    // The blocks in which the data ended are made up in part.
    let margin = if format == Format::Jpeg { 16 } else { 1 };
    let (below, above) = (below + if below > 0 { margin } else { 0 }, above + usize::from(above > 0));
    let rows = raster.height.checked_sub(u32::try_from(below + above).ok()?)?;
    if rows < ROWS_MIN || rows < raster.height / SHARE_MIN {
        return None;
    }
    raster.luma.truncate(raster.luma.len().checked_sub(below * width)?);
    raster.luma.drain(..above * width);
    raster.height = rows;
    Some(Decoded { full_width, full_height: rows, scale: 1.0, orientation, raster, partial: true })
}
