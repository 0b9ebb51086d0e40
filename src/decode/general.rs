//! Every format but JPEG, and the JPEGs that the fast path does not read, by the `image` crate.
//!
//! These decode whole. Memory is therefore judged from the header: the pixels as the decoder gives
//! them, times what decoders of the format hold beside them.

use std::io::Cursor;

use image::codecs::{bmp, gif, hdr, ico, jpeg, openexr, png, pnm, qoi, tga, tiff, webp};
use image::error::{ImageError, ImageFormatHint, LimitErrorKind};
use image::{ImageDecoder, ImageResult, Limits};

use super::{Decoded, Format, Options, Raster, color, malformed, orientation, too_large};
use crate::error::{Error, ErrorKind, Result};

/// What a decoder holds at its peak, in units of its output: the pixels and a copy of them in the
/// making. Progressive JPEG keeps two bytes a coefficient, so three.
const PEAK: u64 = 2;
const PEAK_JPEG: u64 = 3;

/// Decodes all of a picture.
pub(super) fn decode(bytes: &[u8], format: Format, options: &Options) -> Result<Decoded> {
    let limits = limits(options);
    let error = |error| describe(error, format);
    let mut decoder = open(bytes, format, &limits).map_err(error)?;
    let (width, height) = decoder.dimensions();
    let peak = if format == Format::Jpeg { PEAK_JPEG } else { PEAK };
    let length = decoder.total_bytes();
    if length.saturating_mul(peak) > options.max_memory {
        return Err(too_large(width, height, options));
    }
    if width == 0 || height == 0 {
        return Err(malformed(format, "it has no pixels"));
    }
    decoder.set_limits(limits).map_err(error)?;
    let orientation = match format {
        Format::Png => orientation::png_exif(bytes).map(orientation::of_exif),
        Format::Tiff => decoder.orientation().ok(),
        _ => decoder.exif_metadata().ok().flatten().map(|exif| orientation::of_exif(&exif)),
    };
    let color = decoder.color_type();
    let mut samples = vec![0; usize::try_from(length).map_err(|_| too_large(width, height, options))?];
    decoder.read_image(&mut samples).map_err(error)?;
    color::to_luma(&mut samples, color)
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("{color:?} pixels are not read by this build")))?;
    Ok(Decoded {
        full_width: width,
        full_height: height,
        scale: 1.0,
        orientation: orientation.unwrap_or(image::metadata::Orientation::NoTransforms),
        raster: Raster { width, height, luma: samples },
    })
}

fn limits(options: &Options) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(options.max_memory);
    limits
}

/// Reads the header.
fn open<'a>(bytes: &'a [u8], format: Format, limits: &Limits) -> ImageResult<Box<dyn ImageDecoder + 'a>> {
    let reader = Cursor::new(bytes);
    Ok(match format {
        Format::Jpeg => Box::new(jpeg::JpegDecoder::new(reader)?),
        Format::Png => Box::new(png::PngDecoder::with_limits(reader, limits.clone())?),
        Format::Gif => Box::new(gif::GifDecoder::new(reader)?),
        Format::WebP => Box::new(webp::WebPDecoder::new(reader)?),
        Format::Tiff => Box::new(tiff::TiffDecoder::new(reader)?),
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
fn describe(error: ImageError, format: Format) -> Error {
    let name = format.name();
    match &error {
        ImageError::Limits(limit) if !matches!(limit.kind(), LimitErrorKind::Unsupported { .. }) => {
            Error::new(ErrorKind::TooLarge, format!("this {name} takes more memory than is allowed for one picture"))
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
