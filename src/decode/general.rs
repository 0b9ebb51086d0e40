//! Every format but JPEG, and the JPEGs that the fast path does not read, by the `image` crate.
//!
//! These decode whole. Memory is therefore judged from the header: the pixels as the decoder gives
//! them, times what decoders of the format hold beside them.

use std::io::Cursor;

use image::codecs::{bmp, gif, hdr, ico, jpeg, openexr, png, pnm, qoi, tga, tiff, webp};
use image::error::{ImageError, ImageFormatHint, LimitErrorKind};
use image::{ImageDecoder, ImageResult};

use super::limits::{Limits, Timed};
use super::tiff_pages::TiffPage;
use super::{Decoded, Format, Raster, color, header, malformed, orientation, partial};
use crate::error::{Error, ErrorKind, Result};

/// What a decoder holds at its peak, in units of its output: the pixels and a copy of them in the
/// making. Progressive JPEG keeps two bytes a coefficient, so three.
const PEAK: u64 = 2;
const PEAK_JPEG: u64 = 3;
/// What a decoder may take of itself beyond that: strips of a small picture, a profile.
pub(super) const SPARE: u64 = 4 << 20;

/// Decodes all of a picture, or the rows of it that can be read.
pub(super) fn decode(bytes: &[u8], format: Format, limits: &Limits<'_>) -> Result<Decoded> {
    decode_page(bytes, format, 1, limits)
}

/// The same of a page, which only TIFF has.
pub(super) fn decode_page(bytes: &[u8], format: Format, number: u32, limits: &Limits<'_>) -> Result<Decoded> {
    let error = |error| describe(error, format);
    let no_page = || malformed(format, format_args!("it has no page {number}"));
    if format == Format::Jpeg {
        // This decoder copies the file.
        limits.keep(2 * bytes.len() as u64)?;
    }
    let mut decoder = match format {
        Format::Tiff => {
            let page = TiffPage::of(bytes, number).ok_or_else(no_page)?;
            limits.keep(page.kept())?;
            Box::new(tiff::TiffDecoder::new(limits.timed(page)).map_err(error)?)
        }
        _ => open(bytes, format, limits).map_err(error)?,
    };
    let (width, height) = decoder.dimensions();
    let peak = if format == Format::Jpeg { PEAK_JPEG } else { PEAK };
    let length = decoder.total_bytes();
    let most = length.saturating_mul(peak);
    limits.admit(width, height, most)?;
    if width == 0 || height == 0 {
        return Err(malformed(format, "it has no pixels"));
    }
    decoder.set_limits(allowed(most.saturating_add(SPARE))).map_err(error)?;
    let orientation = match format {
        Format::Png => orientation::png_exif(bytes).map(orientation::of_exif),
        Format::Tiff => decoder.orientation().ok(),
        _ => decoder.exif_metadata().ok().flatten().map(|exif| orientation::of_exif(&exif)),
    };
    let color = decoder.color_type();
    let mut samples = vec![0; usize::try_from(length).map_err(|_| limits.too_large(width, height))?];
    let failure = decoder.read_image(&mut samples).map_err(error).err();
    match failure {
        Some(error) if error.kind() != ErrorKind::Malformed || !partial::is_kept(bytes, format) => return Err(error),
        _ => {}
    }
    color::to_luma(&mut samples, color)
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("{color:?} pixels are not read by this build")))?;
    let decoded = Decoded {
        full_width: width,
        full_height: height,
        scale: 1.0,
        orientation: orientation.unwrap_or(image::metadata::Orientation::NoTransforms),
        raster: Raster { width, height, luma: samples },
        partial: false,
    };
    match failure {
        Some(error) => partial::readable(decoded, format).map(|rows| Decoded { partial: true, ..rows }).ok_or(error),
        // This decoder makes up what is missing, and says nothing.
        None if format == Format::Jpeg => {
            partial::readable(decoded, format).ok_or_else(|| malformed(format, "the file ends too early"))
        }
        None => Ok(decoded),
    }
}

pub(super) fn allowed(bytes: u64) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}

/// Reads the header.
fn open<'a>(bytes: &'a [u8], format: Format, limits: &'a Limits<'a>) -> ImageResult<Box<dyn ImageDecoder + 'a>> {
    let reader: Timed<'a, Cursor<&'a [u8]>> = limits.timed(Cursor::new(bytes));
    Ok(match format {
        Format::Jpeg => Box::new(jpeg::JpegDecoder::new(reader)?),
        Format::Png => Box::new(png::PngDecoder::with_limits(reader, allowed(header::PNG_MAX))?),
        Format::Gif => Box::new(gif::GifDecoder::new(reader)?),
        Format::WebP => Box::new(webp::WebPDecoder::new(reader)?),
        Format::Bmp => Box::new(bmp::BmpDecoder::new(reader)?),
        Format::Ico => Box::new(ico::IcoDecoder::new(reader)?),
        Format::Pnm => Box::new(pnm::PnmDecoder::new(reader)?),
        Format::Tga => Box::new(tga::TgaDecoder::new(reader)?),
        Format::Qoi => Box::new(qoi::QoiDecoder::new(reader)?),
        Format::Hdr => Box::new(hdr::HdrDecoder::new(reader)?),
        Format::Exr => Box::new(openexr::OpenExrDecoder::new(reader)?),
        other => {
            let hint = ImageFormatHint::Name(other.name().to_owned());
            return Err(ImageError::Unsupported(hint.into()));
        }
    })
}

/// A decoder's error, sorted by who must act.
pub(super) fn describe(error: ImageError, format: Format) -> Error {
    let name = format.name();
    match &error {
        ImageError::Limits(limit) if !matches!(limit.kind(), LimitErrorKind::Unsupported { .. }) => {
            Error::new(ErrorKind::TooLarge, format!("too large: this {name} takes more memory than is allowed"))
        }
        ImageError::Unsupported(_) => {
            let message = format!("this kind of {name} is not read by this build; convert it to jpeg or png: {error}");
            Error::new(ErrorKind::Unsupported, message)
        }
        ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            malformed(format, "the file ends too early")
        }
        _ => malformed(format, error.to_string().lines().next().unwrap_or_default()),
    }
}
