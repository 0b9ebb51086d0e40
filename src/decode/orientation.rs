//! Which way up a picture is: read from EXIF, applied to the reduced pixels, exactly once.
//!
//! No decoder that is used here turns pictures by itself; `ImageDecoder::orientation` only reports. An
//! orientation that can't be read is the normal one: cameras write odd EXIF, and that is no damage.

use image::metadata::Orientation;

use super::{Raster, chunks};

/// The orientation that a raw EXIF block tells of: a TIFF header, perhaps after the `Exif\0\0` that
/// belongs to JPEG and that some writers also put into PNG and WebP.
pub(super) fn of_exif(exif: &[u8]) -> Orientation {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(tiff).unwrap_or(Orientation::NoTransforms)
}

/// The content of a PNG's eXIf chunk. It may stand behind the pixels, where the decoder does not look.
pub(super) fn png_exif(png: &[u8]) -> Option<&[u8]> {
    chunks::of_png(png).find(|(name, _)| *name == b"eXIf").map(|(_, content)| content)
}

/// Whether the orientation swaps width and height.
fn transposes(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// Width and height of the upright picture.
pub(super) fn upright_size(orientation: Orientation, width: u32, height: u32) -> (u32, u32) {
    if transposes(orientation) { (height, width) } else { (width, height) }
}

/// Turns a raster upright.
pub(super) fn apply(orientation: Orientation, raster: Raster) -> Raster {
    if orientation == Orientation::NoTransforms {
        return raster;
    }
    let (old_width, old_height) = (raster.width as usize, raster.height as usize);
    let (width, height) = upright_size(orientation, raster.width, raster.height);
    // Where the upright pixel at column x, row y stood in the file: EXIF 2.32, tag 274.
    let source = |x: usize, y: usize| match orientation {
        Orientation::NoTransforms => (x, y),
        Orientation::FlipHorizontal => (old_width - 1 - x, y),
        Orientation::Rotate180 => (old_width - 1 - x, old_height - 1 - y),
        Orientation::FlipVertical => (x, old_height - 1 - y),
        Orientation::Rotate90FlipH => (y, x),
        Orientation::Rotate90 => (y, old_height - 1 - x),
        Orientation::Rotate270FlipH => (old_width - 1 - y, old_height - 1 - x),
        Orientation::Rotate270 => (old_width - 1 - y, x),
    };
    let mut luma = Vec::with_capacity(raster.luma.len());
    for y in 0..height as usize {
        for x in 0..width as usize {
            let (column, row) = source(x, y);
            luma.push(raster.luma.get(row * old_width + column).copied().unwrap_or_default());
        }
    }
    Raster { width, height, luma }
}
