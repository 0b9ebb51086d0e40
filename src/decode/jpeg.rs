//! JPEG, decoded straight to about the size that is wanted.
//!
//! The inverse DCT can give 1, 2 or 4 pixels a side for each block of 8, for a fraction of the work and
//! with the averaging of a good filter: at 1/8 a pixel is the mean of its 64. What then remains of the
//! time is entropy decoding. Files that this decoder does not read go to the general one.

use std::cell::Cell;
use std::io::{self, Read};

use rusty_jpeg::decode::{CodingProcess, Decoder, Error as JpegError, ImageInfo, PixelFormat};

use super::header::segment;
use super::limits::Limits;
use super::{Decoded, Format, Options, Raster, color, general, malformed, orientation};
use crate::error::{Error, ErrorKind, Result};

/// What is read behind the last byte of a file: 12 bytes of ones and an end-of-image marker.
///
/// Files that lack nothing but the marker are common and every viewer shows them. No Huffman code is
/// all ones (ITU T.81, annex C), so entropy decoding that runs out of data fails within these bytes;
/// where it is complete they are skipped as padding, and the marker is found.
const END: [u8; 26] = {
    let mut end = [0; 26];
    let mut i = 0;
    while i < 26 {
        end[i] = 0xFF;
        i += 2;
    }
    end[25] = 0xD9;
    end
};

/// The file's bytes and then [`END`], noting when the latter are asked for.
struct Padded<'a> {
    bytes: &'a [u8],
    end: &'a [u8],
    ran_out: &'a Cell<bool>,
}

impl Read for Padded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.bytes.is_empty() {
            return self.bytes.read(buffer);
        }
        self.ran_out.set(true);
        self.end.read(buffer)
    }
}

/// Decodes a JPEG at the smallest scale that is large enough; one that breaks off, as far as it goes.
pub(super) fn decode(bytes: &[u8], limits: &Limits<'_>) -> Result<Decoded> {
    if !has_enough(bytes) {
        return cut_off(bytes, limits);
    }
    let ran_out = Cell::new(false);
    let mut decoder = Decoder::new(limits.timed(Padded { bytes, end: &END, ran_out: &ran_out }));
    let error = match at_scale(&mut decoder, has_luminance_plane(bytes), limits) {
        Ok(decoded) => return Ok(decoded),
        Err(Failure::Refused(error)) => return Err(error),
        Err(Failure::Decoder(error)) => error,
    };
    if ran_out.get() || !has_end(bytes) {
        return cut_off(bytes, limits);
    }
    general::decode(bytes, Format::Jpeg, limits).map_err(|second| match error {
        JpegError::Unsupported(feature) if second.kind() == ErrorKind::Malformed => {
            let message = format!("this kind of jpeg is not read by this build; convert it: {feature:?}");
            Error::new(ErrorKind::Unsupported, message)
        }
        _ => second,
    })
}

/// What the general decoder, which goes as far as it can, reads of a file that breaks off.
fn cut_off(bytes: &[u8], limits: &Limits<'_>) -> Result<Decoded> {
    let rows = general::decode(bytes, Format::Jpeg, limits);
    rows.map(|rows| Decoded { partial: true, ..rows }).map_err(|error| match error.kind() {
        ErrorKind::Malformed => malformed(Format::Jpeg, "the file ends too early"),
        _ => error,
    })
}

/// Whether the file is long enough for the size that it states: every block of the first component has a code of at
/// least one bit. A decoder would fill a billion pixels from a few bytes and an end marker.
fn has_enough(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..);
    while let Some((marker, content, after)) = rest.and_then(segment) {
        // Frames, but not the tables that share their range (ITU T.81, table B.1).
        if let (0xC0..=0xC2, [_, h0, h1, w0, w1, ..]) = (marker, content) {
            let blocks = |side: [u8; 2]| u64::from(u16::from_be_bytes(side)).div_ceil(8);
            return blocks([*h0, *h1]) * blocks([*w0, *w1]) <= 8 * bytes.len() as u64;
        }
        if marker == 0xDA {
            break;
        }
        rest = Some(after);
    }
    true
}

/// Whether an end-of-image marker follows the last scan. Neither marker occurs within a scan's data.
fn has_end(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|word| word == marker);
    last([0xFF, 0xD9]) > last([0xFF, 0xDA])
}

enum Failure {
    /// The decoder could not read it.
    Decoder(JpegError),
    /// It was not tried.
    Refused(Error),
}

impl From<JpegError> for Failure {
    fn from(error: JpegError) -> Self {
        Self::Decoder(error)
    }
}

/// Decodes at a scale; only the first plane where that is the luminance.
fn at_scale<R: Read>(
    decoder: &mut Decoder<R>,
    luminance_plane: bool,
    limits: &Limits<'_>,
) -> std::result::Result<Decoded, Failure> {
    decoder.set_single_threaded(true);
    decoder.read_info()?;
    let no_frame = || Failure::Decoder(JpegError::Format("no frame".to_owned()));
    let full = decoder.info().ok_or_else(no_frame)?;
    if full.pixel_format == PixelFormat::L16 || full.coding_process == CodingProcess::Lossless {
        return Err(Failure::Decoder(JpegError::Format("lossless process".to_owned())));
    }
    let eighths = eighths(full.width.max(full.height), limits.options);
    let wanted = scaled(full.width.max(full.height), eighths);
    // The decoder takes a scale as soon as one side suffices: only the longest may.
    let (width, height) = if full.width >= full.height { (wanted, u16::MAX) } else { (u16::MAX, wanted) };
    decoder.scale(width, height)?;
    let reduced = decoder.info().ok_or_else(no_frame)?;
    limits.admit(full.width.into(), full.height.into(), memory(full, reduced)).map_err(Failure::Refused)?;
    let luma = if luminance_plane { first_plane(decoder)? } else { all_planes(decoder, reduced.pixel_format)? };
    Ok(Decoded {
        full_width: full.width.into(),
        full_height: full.height.into(),
        scale: f64::from(eighths) / 8.0,
        orientation: decoder.exif_data().map_or(image::metadata::Orientation::NoTransforms, orientation::of_exif),
        raster: Raster { width: reduced.width.into(), height: reduced.height.into(), luma },
        partial: false,
    })
}

fn first_plane<R: Read>(decoder: &mut Decoder<R>) -> std::result::Result<Vec<u8>, JpegError> {
    let planes = decoder.decode_planar()?;
    let (width, height) = (usize::from(planes.width), usize::from(planes.height));
    let Some(plane) = planes.components.into_iter().next() else { return Ok(Vec::new()) };
    let mut luma = plane.data;
    // A row is a whole number of blocks.
    for row in 0..height {
        let start = row * plane.stride;
        if plane.stride > width && start + width <= luma.len() {
            luma.copy_within(start..start + width, row * width);
        }
    }
    luma.truncate(width * height);
    Ok(luma)
}

fn all_planes<R: Read>(decoder: &mut Decoder<R>, format: PixelFormat) -> std::result::Result<Vec<u8>, JpegError> {
    let mut samples = decoder.decode()?;
    match format {
        PixelFormat::L8 => {}
        PixelFormat::CMYK32 => color::cmyk_to_luma(&mut samples),
        _ => {
            let _known = color::to_luma(&mut samples, image::ColorType::Rgb8);
        }
    }
    Ok(samples)
}

/// Whether the first of three components is the luminance, in full resolution: what every viewer takes
/// for Y'CbCr by the rules of libjpeg, from the headers before the first scan.
fn has_luminance_plane(bytes: &[u8]) -> bool {
    let (mut jfif, mut adobe, mut components) = (false, None, None);
    let mut rest = bytes.get(2..);
    while let Some((marker, content, after)) = rest.and_then(segment) {
        match (marker, content) {
            (0xE0, [b'J', b'F', b'I', b'F', 0, ..]) => jfif = true,
            (0xEE, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => adobe = Some(*transform),
            (0xC0..=0xC3, [_, _, _, _, _, 3, three @ ..]) => components = Some(three.as_chunks::<3>().0),
            (0xDA, _) => break,
            _ => {}
        }
        rest = Some(after);
    }
    let Some(&[[r, y_sampling, _], [g, cb_sampling, _], [b, cr_sampling, _]]) = components else { return false };
    let luminance = match adobe {
        _ if jfif => true,
        Some(transform) => transform != 0,
        None => [r, g, b] != *b"RGB",
    };
    let full = |chroma: u8| chroma >> 4 <= y_sampling >> 4 && chroma & 15 <= y_sampling & 15;
    luminance && full(cb_sampling) && full(cr_sampling)
}

/// The smallest scale, in eighths, that leaves a longest side of the pixels wanted.
fn eighths(longest: u16, options: &Options) -> u16 {
    let wanted = options.longest_side.min(options.longest_side_min);
    // A picture that is small enough as it is stays as it is.
    let scales = if u32::from(longest) <= wanted { &[][..] } else { &[1, 2, 4] };
    scales.iter().copied().find(|&eighths| u32::from(scaled(longest, eighths)) >= wanted).unwrap_or(8)
}

/// A side's pixels at a scale: the last block counts whole.
fn scaled(side: u16, eighths: u16) -> u16 {
    let pixels = (u32::from(side) * u32::from(eighths)).div_ceil(8);
    u16::try_from(pixels).unwrap_or(u16::MAX)
}

/// The most bytes that decoding takes: the components, the pixels made of them, and, where the picture
/// comes in several passes, every coefficient.
fn memory(full: ImageInfo, reduced: ImageInfo) -> u64 {
    let channels = reduced.pixel_format.pixel_bytes() as u64;
    // Blocks at the edges are whole: up to 31 pixels more a side.
    let area = |width: u16, height: u16| (u64::from(width) + 31) * (u64::from(height) + 31);
    let pixels = 2 * channels * area(reduced.width, reduced.height);
    let coefficients = match full.coding_process {
        CodingProcess::DctProgressive => 2 * channels * area(full.width, full.height),
        _ => 0,
    };
    pixels + coefficients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_before_the_last_scan_is_that_of_a_thumbnail() {
        assert!(has_end(b"\xFF\xD8\xFF\xDAscan\xFF\xD9 and a tail"));
        assert!(!has_end(b"\xFF\xD8\xFF\xDAthumbnail\xFF\xD9\xFF\xDAscan"));
        assert!(!has_end(b""));
    }

    /// The headers of a JPEG of three components.
    fn headers(before: &[&[u8]], ids: &[u8; 3], samplings: [u8; 3]) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8];
        before.iter().for_each(|segment| bytes.extend(*segment));
        bytes.extend([0xFF, 0xFF, 0xC2, 0, 17, 8, 0, 9, 0, 9, 3]);
        ids.iter().zip(samplings).for_each(|(id, sampling)| bytes.extend([*id, sampling, 0]));
        bytes.extend([0xFF, 0xDA, 0, 2]);
        bytes
    }

    #[test]
    fn the_first_plane_is_the_luminance_where_viewers_take_it_so_and_it_is_not_subsampled() {
        let jfif: &[u8] = b"\xFF\xE0\0\x09JFIF\0\x01\x01";
        let adobe = |transform: u8| [b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat();
        let plain = [0x11; 3];
        let cases = [
            (headers(&[jfif], &[1, 2, 3], [0x22, 0x11, 0x11]), true),
            (headers(&[], &[1, 2, 3], plain), true),
            (headers(&[jfif], b"RGB", plain), true),
            (headers(&[], b"RGB", plain), false),
            (headers(&[&adobe(1)], b"RGB", plain), true),
            (headers(&[&adobe(0)], &[1, 2, 3], plain), false),
            (headers(&[], &[1, 2, 3], [0x11, 0x21, 0x11]), false),
            (headers(&[], &[1, 2, 3], [0x21, 0x11, 0x12]), false),
            (b"\xFF\xD8\xFF".to_vec(), false),
            (Vec::new(), false),
        ];
        for (index, (bytes, expected)) in cases.iter().enumerate() {
            assert_eq!(has_luminance_plane(bytes), *expected, "case {index}");
        }
    }

    #[test]
    fn the_scale_is_the_smallest_that_leaves_enough() {
        let options = Options { longest_side: 512, longest_side_min: 480, ..Options::default() };
        let cases = [(4000, 1), (3840, 1), (3832, 2), (2048, 2), (1000, 4), (900, 8), (512, 8), (1, 8)];
        for (longest, expected) in cases {
            assert_eq!(eighths(longest, &options), expected, "{longest}");
        }
        assert_eq!(eighths(u16::MAX, &Options { longest_side_min: u32::MAX, ..options.clone() }), 1);
        assert_eq!(eighths(4000, &Options { longest_side_min: 512, ..options }), 2);
        assert_eq!((scaled(4000, 1), scaled(4001, 1), scaled(1, 1), scaled(u16::MAX, 8)), (500, 501, 1, u16::MAX));
    }
}
