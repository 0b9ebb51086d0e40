//! Photoshop documents (PSD and PSB): the composite, which is the whole picture as it was last seen.
//!
//! Layers are not composed here. Photoshop puts a composite behind them unless its user forbids it; then there is
//! white, and a note that it is none. What is transparent is blended with white in it already, so alpha is left out.
//! Channels lie one after the other, so each is decoded into its place among the pixels, at 8 bits.

use image::ColorType;
use image::metadata::Orientation;

use super::limits::Limits;
use super::{Decoded, Format, Raster, color, malformed, orientation};
use crate::error::{Error, ErrorKind, Result};

/// Photoshop's own limit for a side of a PSB.
const SIDE_MAX: u32 = 300_000;

/// Image resources: whether the composite is one, EXIF and XMP.
const VERSION_INFO: u16 = 1057;
const EXIF: u16 = 1058;
const XMP: u16 = 1060;

/// How the composite's numbers become luminance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One channel of luminance, or of lightness.
    Grey,
    Rgb,
    /// Ink, 255 for none.
    Cmyk,
    /// A palette: 256 reds, then greens, then blues.
    Indexed,
}

impl Mode {
    fn channels(self) -> usize {
        match self {
            Self::Grey | Self::Indexed => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

/// Reads big-endian numbers and sections from the front.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.bytes(2)?.first_chunk()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.bytes(4)?.first_chunk()?))
    }

    /// A section behind its length, which is of 4 bytes, or of 8.
    fn section(&mut self, long: bool) -> Option<&'a [u8]> {
        let length = if long { u64::from_be_bytes(*self.bytes(8)?.first_chunk()?) } else { self.u32()?.into() };
        self.bytes(usize::try_from(length).ok()?)
    }
}

/// What stands before the composite.
struct Header<'a> {
    is_psb: bool,
    width: u32,
    height: u32,
    depth: u16,
    channels: usize,
    mode: u16,
    palette: &'a [u8],
    resources: &'a [u8],
}

fn header<'a>(reader: &mut Reader<'a>) -> Option<Header<'a>> {
    reader.bytes(4)?;
    let is_psb = reader.u16()? == 2;
    reader.bytes(6)?;
    let channels = reader.u16()?.into();
    let (height, width) = (reader.u32()?, reader.u32()?);
    let (depth, mode) = (reader.u16()?, reader.u16()?);
    let (palette, resources) = (reader.section(false)?, reader.section(false)?);
    // The layers.
    reader.section(is_psb)?;
    Some(Header { is_psb, width, height, depth, channels, mode, palette, resources })
}

/// Decodes the composite.
pub(super) fn decode(bytes: &[u8], limits: &Limits<'_>) -> Result<Decoded> {
    let ends = || malformed(Format::Psd, "the file ends too early");
    let mut reader = Reader { rest: bytes };
    let header = header(&mut reader).ok_or_else(ends)?;
    let Header { width, height, depth, .. } = header;
    if !(1..=SIDE_MAX).contains(&width) || !(1..=SIDE_MAX).contains(&height) {
        return Err(malformed(Format::Psd, format_args!("{width}x{height} is no size")));
    }
    let mode = match (header.mode, depth) {
        // Duotone's one channel is its grey; Lab's first is lightness, near enough to luminance.
        (1 | 8 | 9, 8 | 16) => Mode::Grey,
        (3, 8 | 16) => Mode::Rgb,
        (4, 8 | 16) => Mode::Cmyk,
        (2, 8) => Mode::Indexed,
        (mode, depth) => return Err(unsupported(format_args!("colour mode {mode} of {depth} bits"))),
    };
    if resource(header.resources, VERSION_INFO).is_some_and(|content| content.get(4) == Some(&0)) {
        return Err(unsupported("it was saved without its composite"));
    }
    let channels = mode.channels();
    if header.channels < channels {
        return Err(malformed(Format::Psd, "it lacks a channel"));
    }
    let pixels = u64::from(width) * u64::from(height);
    let samples = pixels.saturating_mul(channels as u64);
    limits.admit(width, height, samples)?;
    // A run of RLE gives at most 128 bytes for 2: a size that the file can't fill takes no memory.
    if samples / 64 > reader.rest.len() as u64 {
        return Err(ends());
    }
    let mut luma = vec![0; usize::try_from(samples).map_err(|_| limits.too_large(width, height))?];
    match reader.u16() {
        Some(0) => raw(&mut reader, &header, channels, &mut luma).ok_or_else(ends)?,
        Some(1) => rle(&mut reader, &header, channels, &mut luma).ok_or_else(ends)?,
        Some(other) => return Err(unsupported(format_args!("compression {other} of the composite"))),
        None => return Err(ends()),
    }
    match mode {
        Mode::Grey => {}
        Mode::Rgb => {
            let _known = color::to_luma(&mut luma, ColorType::Rgb8);
        }
        Mode::Cmyk => {
            luma.iter_mut().for_each(|ink| *ink = 255 - *ink);
            color::cmyk_to_luma(&mut luma);
        }
        Mode::Indexed => {
            let mut palette: Vec<u8> = (0..256)
                .flat_map(|i| [i, i + 256, i + 512].map(|at| header.palette.get(at).copied().unwrap_or_default()))
                .collect();
            let _known = color::to_luma(&mut palette, ColorType::Rgb8);
            luma.iter_mut().for_each(|index| *index = palette.get(usize::from(*index)).copied().unwrap_or_default());
        }
    }
    Ok(Decoded {
        full_width: width,
        full_height: height,
        scale: 1.0,
        orientation: resource(header.resources, EXIF).map_or(Orientation::NoTransforms, orientation::of_exif),
        raster: Raster { width, height, luma },
        partial: false,
    })
}

fn unsupported(what: impl std::fmt::Display) -> Error {
    let message = format!("this kind of psd is not read by this build; convert it to jpeg or png: {what}");
    Error::new(ErrorKind::Unsupported, message)
}

/// What the file says of its origin as EXIF.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    resource(header(&mut Reader { rest: bytes })?.resources, EXIF)
}

/// What it says as XMP.
pub(super) fn xmp(bytes: &[u8]) -> Option<&[u8]> {
    resource(header(&mut Reader { rest: bytes })?.resources, XMP)
}

/// The content of an image resource.
fn resource(resources: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut reader = Reader { rest: resources };
    while reader.bytes(4)? == b"8BIM" {
        let id = reader.u16()?;
        // A name behind its length, both together of even length.
        let name = usize::from(*reader.bytes(1)?.first()?);
        reader.bytes(name | 1)?;
        let content = reader.section(false)?;
        if id == wanted {
            return Some(content);
        }
        reader.bytes(content.len() % 2)?;
    }
    None
}

/// Spreads a row of one channel over the pixels: of 16 bits the upper 8, rounded.
fn spread(row: &[u8], depth: u16, pixels: &mut [u8], channels: usize) {
    let places = pixels.iter_mut().step_by(channels);
    if depth == 16 {
        for (place, &[high, low]) in places.zip(row.as_chunks::<2>().0) {
            *place = ((u32::from(u16::from_be_bytes([high, low])) + 128) / 257) as u8;
        }
    } else {
        for (place, &sample) in places.zip(row) {
            *place = sample;
        }
    }
}

/// The pixels of a row from a channel's first on.
fn row_of(samples: &mut [u8], row: usize, width: usize, channel: usize, channels: usize) -> Option<&mut [u8]> {
    let start = row * width * channels;
    samples.get_mut(start + channel..start + width * channels)
}

fn raw(reader: &mut Reader<'_>, header: &Header<'_>, channels: usize, samples: &mut [u8]) -> Option<()> {
    let (width, height) = (header.width as usize, header.height as usize);
    let length = width * usize::from(header.depth / 8);
    for channel in 0..channels {
        for row in 0..height {
            spread(reader.bytes(length)?, header.depth, row_of(samples, row, width, channel, channels)?, channels);
        }
    }
    Some(())
}

/// PackBits (TIFF 6.0, section 9), each row for itself, behind the lengths of all rows of all channels.
fn rle(reader: &mut Reader<'_>, header: &Header<'_>, channels: usize, samples: &mut [u8]) -> Option<()> {
    let (width, height) = (header.width as usize, header.height as usize);
    let size = if header.is_psb { 4 } else { 2 };
    let mut lengths = Reader { rest: reader.bytes(height.checked_mul(header.channels)?.checked_mul(size)?)? };
    let mut unpacked = vec![0; width * usize::from(header.depth / 8)];
    for channel in 0..channels {
        for row in 0..height {
            let length = if header.is_psb { lengths.u32()? as usize } else { lengths.u16()?.into() };
            unpack(reader.bytes(length)?, &mut unpacked)?;
            spread(&unpacked, header.depth, row_of(samples, row, width, channel, channels)?, channels);
        }
    }
    Some(())
}

/// Fills a row. `None` where the packed one is too short.
fn unpack(mut packed: &[u8], row: &mut [u8]) -> Option<()> {
    let mut filled = 0;
    while filled < row.len() {
        let (&control, rest) = packed.split_first()?;
        let place = row.get_mut(filled..)?;
        match control {
            0..=127 => {
                let length = usize::from(control) + 1;
                let (literal, rest) = rest.split_at_checked(length)?;
                place.iter_mut().zip(literal).for_each(|(place, &value)| *place = value);
                (filled, packed) = (filled + length, rest);
            }
            128 => packed = rest,
            129.. => {
                let length = 257 - usize::from(control);
                let (&value, rest) = rest.split_first()?;
                place.iter_mut().take(length).for_each(|place| *place = value);
                (filled, packed) = (filled + length, rest);
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Options;
    use crate::decode::{Picture, Sniff, decode as decode_picture, sniff};

    /// A small document: its mode, channels as bytes row by row, and how they are packed.
    struct Document<'a> {
        psb: bool,
        mode: u16,
        depth: u16,
        packed: bool,
        size: (u32, u32),
        channels: &'a [Vec<u8>],
        palette: &'a [u8],
        resources: &'a [u8],
    }

    impl Document<'_> {
        fn bytes(&self) -> Vec<u8> {
            let (width, height) = self.size;
            let mut bytes = b"8BPS\0\x01\0\0\0\0\0\0".to_vec();
            bytes[5] += u8::from(self.psb);
            bytes.extend((self.channels.len() as u16).to_be_bytes());
            bytes.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
            bytes.extend([self.depth.to_be_bytes(), self.mode.to_be_bytes()].concat());
            for section in [self.palette, self.resources] {
                bytes.extend((section.len() as u32).to_be_bytes());
                bytes.extend(section);
            }
            bytes.extend(if self.psb { &[0; 8][..] } else { &[0; 4] });
            bytes.extend(u16::from(self.packed).to_be_bytes());
            let row = (width * u32::from(self.depth) / 8).max(1) as usize;
            let rows: Vec<Vec<u8>> = self.channels.iter().flat_map(|c| c.chunks(row).map(<[u8]>::to_vec)).collect();
            if !self.packed {
                bytes.extend(rows.concat());
                return bytes;
            }
            let packed: Vec<Vec<u8>> = rows.iter().map(|row| pack(row)).collect();
            for row in &packed {
                let length = (row.len() as u32).to_be_bytes();
                bytes.extend(if self.psb { &length[..] } else { &length[2..] });
            }
            bytes.extend(packed.concat());
            bytes
        }
    }

    /// PackBits of literals and runs, with an idle byte now and then.
    fn pack(row: &[u8]) -> Vec<u8> {
        let mut packed = vec![128];
        for run in row.chunk_by(|a, b| a == b) {
            for part in run.chunks(128) {
                match part {
                    [single] => packed.extend([0, *single]),
                    [value, ..] => packed.extend([(257 - part.len()) as u8, *value]),
                    [] => {}
                }
            }
        }
        packed
    }

    fn grey(index: usize) -> u8 {
        (index / 7 * 20) as u8
    }

    fn open(bytes: &[u8]) -> Result<Picture> {
        decode_picture(bytes, &Options::default())
    }

    /// One document of each mode, depth and packing; every one shows the same greys.
    fn one_of_each() -> Vec<Vec<u8>> {
        let plane: Vec<u8> = (0..12 * 5).map(grey).collect();
        let inverted: Vec<u8> = plane.iter().map(|value| 255 - value).collect();
        let alpha = vec![9; plane.len()];
        let none = vec![255; plane.len()];
        let palette: Vec<u8> = (0..768).map(|i| 255 - (i % 256) as u8).collect();
        let deep = |plane: &[u8]| plane.iter().flat_map(|&value| [value, value]).collect::<Vec<u8>>();
        let mut documents = Vec::new();
        for psb in [false, true] {
            for packed in [false, true] {
                for depth in [8, 16] {
                    let modes: [(u16, Vec<&[u8]>); 5] = [
                        (1, vec![&plane, &alpha]),
                        (9, vec![&plane, &alpha, &alpha]),
                        (3, vec![&plane, &plane, &plane, &alpha]),
                        (4, vec![&plane, &plane, &plane, &none]),
                        (2, vec![&inverted]),
                    ];
                    for (mode, channels) in modes.into_iter().filter(|&(mode, _)| mode != 2 || depth == 8) {
                        let deep = |plane: &[u8]| if depth == 16 { deep(plane) } else { plane.to_vec() };
                        let channels: Vec<Vec<u8>> = channels.into_iter().map(deep).collect();
                        let palette = if mode == 2 { &palette[..] } else { &[] };
                        let size = (12, 5);
                        let resources = b"8BIM\x04\x21\0\0\0\0\0\x05\0\0\0\x01\x01\0";
                        let document =
                            Document { psb, mode, depth, packed, size, channels: &channels, palette, resources };
                        documents.push(document.bytes());
                    }
                }
            }
        }
        documents
    }

    #[test]
    fn composites_of_every_mode_depth_and_packing_are_read() {
        let documents = one_of_each();
        assert_eq!(documents.len(), 36);
        for (index, bytes) in documents.iter().enumerate() {
            assert_eq!(sniff(bytes), Sniff::Readable(Format::Psd));
            let picture = open(bytes).unwrap_or_else(|error| panic!("{index}: {error}"));
            assert_eq!((picture.format, picture.width, picture.height), (Format::Psd, 12, 5));
            let expected: Vec<u8> = (0..12 * 5).map(grey).collect();
            assert_eq!(picture.luma, expected, "{index}");
        }
    }

    #[test]
    fn a_document_cut_anywhere_is_malformed_or_whole_and_a_changed_one_never_a_panic() {
        let expected: Vec<u8> = (0..12 * 5).map(grey).collect();
        let mut cut = 0;
        for bytes in one_of_each() {
            for end in 0..bytes.len() {
                let options = Options::default();
                match decode(&bytes[..end], &Limits::new(&options, &|_| Ok(()))) {
                    // What was cut is alpha.
                    Ok(decoded) => assert_eq!(decoded.raster.luma, expected, "{end} of {}", bytes.len()),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Malformed, "{end} of {}", bytes.len()),
                }
                let mut changed = bytes.clone();
                changed[end] ^= 0xFF;
                let _ = decode_picture(&changed, &Options { max_memory: 1 << 22, ..Options::default() });
                cut += 1;
            }
        }
        assert!(cut > 5000, "{cut}");
    }

    fn plain(mode: u16, depth: u16, size: (u32, u32), resources: &[u8]) -> Vec<u8> {
        let channels = [vec![200; 64], vec![200; 64], vec![200; 64], vec![200; 64]];
        Document { psb: false, mode, depth, packed: false, size, channels: &channels, palette: &[], resources }.bytes()
    }

    #[test]
    fn what_is_no_composite_is_refused_with_the_remedy() {
        let without = b"8BIM\x04\x21\0\0\0\0\0\x05\0\0\0\x01\0\0";
        for bytes in [plain(3, 8, (8, 8), without), plain(0, 1, (8, 8), b""), plain(3, 32, (4, 4), b"")] {
            let error = open(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains("psd") && error.message().contains("convert"), "{error}");
        }
    }

    #[test]
    fn sizes_are_checked_before_memory_is_taken() {
        assert_eq!(open(&plain(3, 8, (200_000, 200_000), b"")).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(open(&plain(3, 8, (10_000, 10_000), b"")).unwrap_err().kind(), ErrorKind::Malformed);
        assert_eq!(open(&plain(3, 8, (0, 8), b"")).unwrap_err().kind(), ErrorKind::Malformed);
        assert_eq!(open(&plain(3, 8, (8, 300_001), b"")).unwrap_err().kind(), ErrorKind::Malformed);
    }

    #[test]
    fn exif_turns_the_composite() {
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let mut resources = b"8BIM\x04\x22\x03odd\0\0\0\x1A".to_vec();
        resources.extend(exif);
        let picture = open(&plain(3, 8, (16, 4), &resources)).unwrap();
        assert_eq!((picture.width, picture.height), (4, 16));
    }
}
