//! AVIF: AV1 stills, single or in tiles, by the `rusty_av1d` crate; of what they hold, the plane of luminance.
//!
//! A stream can hold frames that are never shown, and each may be kept for the next. So the stream is walked here: its
//! frames count as memory, and each is given to the decoder by itself, if there is time for one of its size.

use std::time::Duration;

use rusty_av1d::{Decoder, Picture, PlanarImageComponent, Rav1dError, Settings, pixel};

use super::heif::Container;
use super::limits::Limits;
use super::{Decoded, Format, Raster, color, malformed};
use crate::error::{Error, ErrorKind, Result};

/// Bytes that decoding takes per pixel: three planes of 16 bits at most, and once more while they are filtered.
const PEAK: u64 = 12;

/// The most frames that the decoder keeps besides the one in the making.
const KEPT_MAX: u64 = 8;
/// How often the decoder is asked to take a part of a stream.
const TRIES: usize = 16;
/// Nanoseconds that a pixel takes at least, and a byte.
const PIXEL_TIME: u64 = 5;
const BYTE_TIME: u64 = 50;

/// Decodes the primary picture.
pub(super) fn decode(bytes: &[u8], limits: &Limits<'_>) -> Result<Decoded> {
    let broken = || malformed(Format::Avif, "its picture can't be found");
    let container = Container::open(bytes).ok_or_else(broken)?;
    let item = container.primary().ok_or_else(broken)?;
    let (width, height) = container.size(item).ok_or_else(broken)?;
    limits.admit(width, height, (u64::from(width) * u64::from(height)).saturating_mul(PEAK))?;
    let mut raster = item_luma(&container, item, limits)?;
    if let Some(alpha) = container.alpha(item) {
        let other_size = || malformed(Format::Avif, "its opacity is of another size");
        if container.size(alpha) != Some((width, height)) {
            return Err(other_size());
        }
        limits.keep(raster.luma.len() as u64)?;
        let alpha = item_luma(&container, alpha, limits)?;
        if (alpha.width, alpha.height) != (raster.width, raster.height) {
            return Err(other_size());
        }
        raster.luma.iter_mut().zip(alpha.luma).for_each(|(luma, alpha)| *luma = color::on_white(*luma, alpha));
    }
    Ok(Decoded {
        full_width: raster.width,
        full_height: raster.height,
        scale: 1.0,
        orientation: container.orientation(item),
        raster,
        partial: false,
    })
}

/// The luminance of an item: one frame, or tiles put together.
fn item_luma(container: &Container<'_>, item: u32, limits: &Limits<'_>) -> Result<Raster> {
    match container.kind(item).as_ref() {
        Some(b"av01") => frame_luma(container, item, limits),
        Some(b"grid") => grid_luma(container, item, limits),
        _ => {
            let message = "this kind of avif is not read by this build; convert it to jpeg or png";
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

fn grid_luma(container: &Container<'_>, item: u32, limits: &Limits<'_>) -> Result<Raster> {
    let broken = || malformed(Format::Avif, "its tiles don't fit");
    let grid = container.grid(item).ok_or_else(broken)?;
    let (tiles, width, height) = (container.tiles(item), grid.width as usize, grid.height as usize);
    if tiles.len() != grid.columns as usize * grid.rows as usize || width == 0 || height == 0 {
        return Err(broken());
    }
    let pixels = u64::from(grid.width) * u64::from(grid.height);
    limits.admit(grid.width, grid.height, pixels.saturating_mul(PEAK))?;
    let mut luma = vec![0; usize::try_from(pixels).map_err(|_| broken())?];
    let mut size = None;
    for (index, tile) in tiles.into_iter().enumerate() {
        let tile = frame_luma(container, tile, limits)?;
        let (tile_width, tile_height) = (tile.width as usize, tile.height as usize);
        let covers = |tile: usize, count: u32, side: usize| tile * count as usize >= side && tile < side.max(2) * 2;
        if *size.get_or_insert((tile_width, tile_height)) != (tile_width, tile_height)
            || !covers(tile_width, grid.columns, width)
            || !covers(tile_height, grid.rows, height)
        {
            return Err(broken());
        }
        let (left, top) = (index % grid.columns as usize * tile_width, index / grid.columns as usize * tile_height);
        for (y, row) in tile.luma.chunks_exact(tile_width).enumerate().take(height.saturating_sub(top)) {
            let start = (top + y) * width + left;
            let length = tile_width.min(width.saturating_sub(left));
            if let (Some(place), Some(row)) = (luma.get_mut(start..start + length), row.get(..length)) {
                place.copy_from_slice(row);
            }
        }
    }
    Ok(Raster { width: grid.width, height: grid.height, luma })
}

fn frame_luma(container: &Container<'_>, item: u32, limits: &Limits<'_>) -> Result<Raster> {
    let data = container.data(item).ok_or_else(|| malformed(Format::Avif, "its content lies outside of it"))?;
    let (width, height) = container.size(item).ok_or_else(|| malformed(Format::Avif, "it has no size"))?;
    let pixels = u64::from(width) * u64::from(height);
    let frames = units(&data).filter(|unit| unit.is_frame).count() as u64;
    limits.admit(width, height, pixels.saturating_mul(PEAK * frames.clamp(1, KEPT_MAX)))?;
    let error = |error: Rav1dError| malformed(Format::Avif, format_args!("its frame can't be decoded: {error:?}"));
    let mut settings = Settings::new();
    // The sandbox allows no further threads, and pictures are decoded in parallel already.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_apply_grain(false);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(u32::try_from(pixels).unwrap_or(u32::MAX).max(1));
    let mut decoder = Decoder::with_settings(&settings).map_err(error)?;
    let shown = |picture: &Picture| luma(picture).ok_or_else(|| malformed(Format::Avif, "its frame lacks rows"));
    for unit in units(&data) {
        let pixels = if unit.is_frame { pixels } else { 0 };
        let least = pixels.saturating_mul(PIXEL_TIME).saturating_add(BYTE_TIME * unit.bytes.len() as u64);
        limits.has(Duration::from_nanos(least))?;
        let sent = decoder.send_data(unit.bytes.to_vec().into_boxed_slice(), None, None, None);
        if let Some(picture) = next_picture(&mut decoder, sent).map_err(error)? {
            return shown(&picture);
        }
    }
    // There is nothing to come that it would have to wait for.
    match next_picture(&mut decoder, Ok(())).map_err(error)? {
        Some(picture) => shown(&picture),
        None => Err(malformed(Format::Avif, "it holds no frame")),
    }
}

/// The picture that is ready once the decoder has taken what was sent, if there is one.
fn next_picture(
    decoder: &mut Decoder,
    mut sent: std::result::Result<(), Rav1dError>,
) -> std::result::Result<Option<Picture>, Rav1dError> {
    let again = |failure| if failure == Rav1dError::TryAgain { Ok(()) } else { Err(failure) };
    for _ in 0..TRIES {
        let is_taken = sent.is_ok();
        sent.or_else(again)?;
        match decoder.get_picture() {
            Ok(picture) => return Ok(Some(picture)),
            Err(failure) => again(failure)?,
        }
        if is_taken {
            return Ok(None);
        }
        sent = decoder.send_pending_data();
    }
    Err(Rav1dError::TryAgain)
}

/// A part of a stream (an open bitstream unit, AV1 specification, 5.3).
struct Unit<'a> {
    bytes: &'a [u8],
    is_frame: bool,
}

/// The parts of a stream; from one on whose length is not told, all that is left.
fn units(stream: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    const FRAME_HEADER: u8 = 3;
    const FRAME: u8 = 6;
    let mut rest = stream;
    std::iter::from_fn(move || {
        let header = *rest.first()?;
        let length = unit_length(rest).filter(|&length| length <= rest.len()).unwrap_or(rest.len());
        let (bytes, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(Unit { bytes, is_frame: matches!(header >> 3 & 15, FRAME_HEADER | FRAME) })
    })
}

/// The bytes of the unit at the start of a stream: a header, perhaps a byte more of it, a length and so much.
fn unit_length(stream: &[u8]) -> Option<usize> {
    let (&header, rest) = stream.split_first()?;
    let extension = usize::from(header >> 2 & 1);
    if header & 2 == 0 {
        return None;
    }
    let mut length = 0u64;
    // Seven bits a byte, the lowest first (4.10.5).
    for (index, &byte) in rest.get(extension..)?.iter().take(8).enumerate() {
        length |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return usize::try_from(length).ok()?.checked_add(2 + extension + index);
        }
    }
    None
}

/// The luminance of a frame, at 8 bits and in full range.
fn luma(picture: &Picture) -> Option<Raster> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let plane = |component| samples(picture, component, width, height);
    let mut luma = plane(PlanarImageComponent::Y)?;
    // These planes are green, blue and red.
    if picture.matrix_coefficients() == pixel::MatrixCoefficients::Identity
        && picture.pixel_layout() == rusty_av1d::PixelLayout::I444
    {
        let (blue, red) = (plane(PlanarImageComponent::U)?, plane(PlanarImageComponent::V)?);
        for ((green, blue), red) in luma.iter_mut().zip(blue).zip(red) {
            *green = color::luma([red, *green, blue]);
        }
    }
    if picture.color_range() == pixel::YUVRange::Limited {
        luma.iter_mut().for_each(|value| *value = ((value.saturating_sub(16).min(219) as u32 * 255 + 109) / 219) as u8);
    }
    Some(Raster { width: picture.width(), height: picture.height(), luma })
}

/// The samples of a plane of full size, at 8 bits.
fn samples(picture: &Picture, component: PlanarImageComponent, width: usize, height: usize) -> Option<Vec<u8>> {
    let stride = picture.stride(component) as usize;
    let plane = picture.plane(component);
    let depth = picture.bit_depth();
    let mut samples = Vec::with_capacity(width * height);
    for y in 0..height {
        let row = plane.get(y * stride..)?;
        if depth == 8 {
            samples.extend(row.get(..width)?);
        } else {
            let words = row.get(..2 * width)?.as_chunks::<2>().0;
            samples.extend(words.iter().map(|&word| (u16::from_ne_bytes(word) >> (depth - 8)).min(255) as u8));
        }
    }
    Some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Options;
    use crate::decode::tests::{cut_and_changed, difference, encoded_by_others, half_of_scene, scene};
    use crate::decode::{Sniff, decode as decode_picture, sniff};

    const NAMES: [&str; 7] =
        ["colour.avif", "deep.avif", "lossless.avif", "alpha.avif", "turned.avif", "mirrored.avif", "tiles.avif"];

    #[test]
    fn every_kind_is_read_and_turned_once() {
        for name in NAMES {
            let bytes = encoded_by_others(name);
            assert_eq!(sniff(&bytes), Sniff::Readable(Format::Avif));
            let picture = decode_picture(&bytes, &Options::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
            let expected = match name {
                "alpha.avif" => half_of_scene(),
                "tiles.avif" => scene(192, 128),
                _ => scene(96, 64),
            };
            assert_eq!(
                (picture.format, picture.width, picture.height),
                (Format::Avif, expected.width(), expected.height())
            );
            let difference = difference(&picture, &expected);
            // Luminance is that of the file's own coefficients.
            assert!(difference < 4.0, "{name}: {difference}");
        }
    }

    #[test]
    fn a_picture_larger_than_the_memory_allowed_is_refused() {
        let options = Options { max_memory: 96 * 64 * PEAK - 1, ..Options::default() };
        let error = decode_picture(&encoded_by_others("colour.avif"), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    }

    #[test]
    fn a_broken_picture_is_an_error() {
        for name in ["colour.avif", "alpha.avif"] {
            cut_and_changed(&encoded_by_others(name), Format::Avif);
        }
    }
}
