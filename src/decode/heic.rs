//! HEIC, what phones of Apple and others write, by the `heic-rs` crate: HEVC stills, single or in tiles.
//!
//! That crate checks the declared size against a limit, but takes memory by the size in the stream's own parameters. So
//! these are read here first. Nor can it be stopped: what would take too long by its size is not begun.

use std::time::Duration;

use heic_rs::{DecodeOptions, Error as HeicError, PixelLayout};
use image::ColorType;
use image::metadata::Orientation;

use super::heif::{Container, Reader};
use super::limits::Limits;
use super::{Decoded, Format, Raster, color, malformed};
use crate::error::{Error, ErrorKind, Result};

/// Bytes that decoding takes per pixel of the coded picture: three planes of 16 bits at most, once more while they are
/// filtered, and the state of the blocks.
const PEAK: u64 = 16;
/// Nanoseconds that a pixel of the coded picture takes at least, and a byte.
const PIXEL_TIME: u64 = 5;
const BYTE_TIME: u64 = 40;

/// Decodes the primary picture, upright.
pub(super) fn decode(bytes: &[u8], limits: &Limits<'_>) -> Result<Decoded> {
    let broken = || malformed(Format::Heic, "its picture can't be found");
    let container = Container::open(bytes).ok_or_else(broken)?;
    let item = container.primary().ok_or_else(broken)?;
    let alpha = container.alpha(item);
    let (width, height) = container.size(item).ok_or_else(broken)?;
    let tiles = |item: u32| container.tiles(item).len().max(1) as u64;
    let coded = container.all_properties().filter(|(name, _)| name == b"hvcC").map(|(_, content)| area(content));
    let area = coded.max().unwrap_or_default().saturating_mul(tiles(item) + alpha.map_or(0, tiles));
    limits.admit(width, height, area.max(u64::from(width) * u64::from(height)).saturating_mul(PEAK))?;
    // The decoder takes what is left of a stream for all of it.
    let parts = [Some(item), alpha].into_iter().flatten().flat_map(|item| {
        let tiles = container.tiles(item);
        if tiles.is_empty() { vec![item] } else { tiles }
    });
    let mut least = area.saturating_mul(PIXEL_TIME);
    for part in parts {
        let data = container.data(part).ok_or_else(|| malformed(Format::Heic, "its content lies outside of it"))?;
        least = least.saturating_add(BYTE_TIME * data.len() as u64);
    }
    limits.has(Duration::from_nanos(least))?;
    let layout = if alpha.is_some() { PixelLayout::Rgba8 } else { PixelLayout::Gray8 };
    let wanted = DecodeOptions::default()
        .with_layout(layout)
        .with_max_pixels(Some(limits.options.max_memory / PEAK))
        .with_threads(Some(1));
    let image = heic_rs::decode(bytes, &wanted).map_err(describe)?;
    let mut luma = image.data;
    if layout == PixelLayout::Rgba8 {
        let _known = color::to_luma(&mut luma, ColorType::Rgba8);
    }
    Ok(Decoded {
        full_width: image.width,
        full_height: image.height,
        scale: 1.0,
        // It is upright already.
        orientation: Orientation::NoTransforms,
        raster: Raster { width: image.width, height: image.height, luma },
        partial: false,
    })
}

fn describe(error: HeicError) -> Error {
    match error {
        HeicError::Unsupported(what) => {
            let message = format!("this kind of heic is not read by this build; convert it to jpeg or png: {what}");
            Error::new(ErrorKind::Unsupported, message)
        }
        HeicError::PixelLimit { .. } => {
            Error::new(ErrorKind::TooLarge, "this heic takes more memory than is allowed for one picture")
        }
        error => malformed(Format::Heic, error),
    }
}

/// Pixels of the largest picture that the parameter sets in a configuration (ISO/IEC 14496-15, 8.3.3.1) allow.
fn area(configuration: &[u8]) -> u64 {
    let mut reader = Reader { rest: configuration.get(22..).unwrap_or_default() };
    let mut largest = 0;
    let mut walk = || {
        for _ in 0..reader.u8()? {
            reader.u8()?;
            for _ in 0..reader.u32(2)? {
                let length = reader.u32(2)? as usize;
                largest = largest.max(sequence_area(reader.bytes(length)?).unwrap_or_default());
            }
        }
        Some(())
    };
    // What is cut short ends it; the decoder will say so.
    let _whole = walk();
    largest
}

/// Width times height of a sequence parameter set (ITU-T H.265, 7.3.2.2); `None` for any other unit.
fn sequence_area(unit: &[u8]) -> Option<u64> {
    let (&[header, _], content) = unit.split_first_chunk()?;
    if header >> 1 & 63 != 33 {
        return None;
    }
    let mut bits = Bits::new(content);
    bits.fixed(4)?;
    let layers = bits.fixed(3)?;
    // A flag, the general profile and its level.
    bits.fixed(1 + 88 + 8)?;
    if layers > 0 {
        let present: Vec<u64> = (0..8).map_while(|_| bits.fixed(2)).collect();
        for flags in present.into_iter().take(usize::try_from(layers).ok()?) {
            bits.fixed(if flags & 2 == 2 { 88 } else { 0 })?;
            bits.fixed(if flags & 1 == 1 { 8 } else { 0 })?;
        }
    }
    bits.variable()?;
    if bits.variable()? == 3 {
        bits.fixed(1)?;
    }
    Some(bits.variable()?.saturating_mul(bits.variable()?))
}

/// Reads bits from the front of a unit's content.
struct Bits {
    bits: std::vec::IntoIter<u8>,
    left: u32,
    byte: u8,
}

impl Bits {
    fn new(content: &[u8]) -> Self {
        // Within a unit, two zeros and a three stand for two zeros.
        let mut zeros = 0;
        let plain = content.iter().copied().filter(|&byte| {
            let is_guard = zeros >= 2 && byte == 3;
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            !is_guard
        });
        Self { bits: plain.collect::<Vec<u8>>().into_iter(), left: 0, byte: 0 }
    }

    fn bit(&mut self) -> Option<u64> {
        if self.left == 0 {
            (self.byte, self.left) = (self.bits.next()?, 8);
        }
        self.left -= 1;
        Some(u64::from(self.byte >> self.left & 1))
    }

    /// A number of so many bits, the last 64 of them.
    fn fixed(&mut self, length: u32) -> Option<u64> {
        (0..length).try_fold(0, |value, _| Some(value << 1 | self.bit()?))
    }

    /// An unsigned Exp-Golomb code (9.2).
    fn variable(&mut self) -> Option<u64> {
        let mut length = 0;
        while self.bit()? == 0 {
            length += 1;
        }
        // No size is longer.
        (length <= 32).then(|| Some((1 << length) - 1 + self.fixed(length)?))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Options;
    use crate::decode::tests::{cut_and_changed, difference, encoded_by_others, half_of_scene, scene};
    use crate::decode::{Sniff, decode as decode_picture, sniff};

    #[test]
    fn opaque_and_transparent_pictures_are_read() {
        for (name, expected) in [("colour.heic", scene(96, 64)), ("alpha.heic", half_of_scene())] {
            let bytes = encoded_by_others(name);
            assert_eq!(sniff(&bytes), Sniff::Readable(Format::Heic));
            let picture = decode_picture(&bytes, &Options::default()).unwrap();
            assert_eq!((picture.format, picture.width, picture.height), (Format::Heic, 96, 64));
            let difference = difference(&picture, &expected);
            // The encoder told the range of the samples in the stream alone, where the crate does not look for it: it
            // stretches them by a sixth.
            assert!(difference < 8.0, "{name}: {difference}");
        }
    }

    #[test]
    fn the_size_in_the_stream_is_read_before_memory_is_taken() {
        let bytes = encoded_by_others("colour.heic");
        let container = Container::open(&bytes).unwrap();
        let areas: Vec<u64> =
            container.all_properties().filter(|(name, _)| name == b"hvcC").map(|(_, content)| area(content)).collect();
        assert!(!areas.is_empty() && areas.iter().all(|area| (96 * 64..=96 * 64 * 2).contains(area)), "{areas:?}");
        let options = Options { max_memory: 96 * 64 * PEAK - 1, ..Options::default() };
        assert_eq!(decode_picture(&bytes, &options).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn a_broken_picture_is_an_error() {
        for name in ["colour.heic", "alpha.heic"] {
            cut_and_changed(&encoded_by_others(name), Format::Heic);
        }
    }
}
