//! JPEG XL, by the `jxl` crate, which browsers use.
//!
//! Its input is given in parts, so that the clock is looked at between them.

use image::ColorType;
use image::metadata::Orientation;
use jxl::api::{
    AlphaMode, Event, ExtraChannel, JxlColorType, JxlDataFormat, JxlDecoder, JxlDecoderOptions, JxlOutputBuffer,
    JxlPixelFormat, ProfileLevel,
};
use jxl::error::Error as JxlError;

use std::time::Duration;

use super::limits::Limits;
use super::{Decoded, Format, Raster, color, malformed};
use crate::error::Result;

/// Bytes that decoding takes for each sample: a float or an integer of 4 in the making, and once more between stages.
const PEAK: u64 = 8;

/// Bytes of a part: some milliseconds.
const PART: usize = 64 << 10;

/// Decodes the first frame, upright.
pub(super) fn decode(bytes: &[u8], limits: &Limits<'_>) -> Result<Decoded> {
    let error = |error| match error {
        JxlError::ImageSizeTooLarge(width, height) => {
            let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
            limits.too_large(side(width), side(height))
        }
        error => malformed(Format::Jxl, error),
    };
    let ends = || malformed(Format::Jxl, "the file ends too early");
    let mut wanted = JxlDecoderOptions::default();
    let limit = limits.options.max_memory / PEAK;
    wanted.sample_limit = Some(usize::try_from(limit).unwrap_or(usize::MAX));
    wanted.alpha_mode = AlphaMode::Unpremultiplied;
    wanted.max_profile_level = ProfileLevel::Main10;
    let mut decoder = JxlDecoder::new(wanted);
    let (mut start, mut end) = (0, PART);
    let mut step = |decoder: &mut JxlDecoder, buffers: Option<&mut [JxlOutputBuffer<'_>]>| {
        limits.has(Duration::ZERO)?;
        let part = bytes.get(start..end.min(bytes.len())).unwrap_or_default();
        let mut rest = part;
        let event = decoder.process(&mut rest, buffers, None).map_err(error)?;
        start += part.len() - rest.len();
        match event {
            Event::NeedMoreInput { .. } if end < bytes.len() => end += PART,
            Event::NeedMoreInput { .. } | Event::Complete => return Err(ends()),
            _ => {}
        }
        Ok(event)
    };
    while decoder.basic_info().is_none() {
        step(&mut decoder, None)?;
    }
    let info = decoder.basic_info().ok_or_else(ends)?;
    let ((width, height), extra) = (info.size, info.extra_channels.len());
    let has_alpha = info.extra_channels.iter().any(|channel| channel.ec_type == ExtraChannel::Alpha);
    let side = |side: usize| u32::try_from(side).ok().filter(|&side| side > 0);
    let (Some(full_width), Some(full_height)) = (side(width), side(height)) else {
        return Err(malformed(Format::Jxl, format_args!("{width}x{height} is no size")));
    };
    let samples = u64::from(full_width).saturating_mul(full_height.into()).saturating_mul(3 + extra as u64);
    limits.admit(full_width, full_height, samples.saturating_mul(PEAK))?;
    let is_grey = decoder.current_pixel_format().is_some_and(|format| format.color_type.is_grayscale());
    let (format, color) = wanted_pixels(is_grey, has_alpha, extra);
    decoder.set_pixel_format(format).map_err(error)?;
    let row = width * usize::from(color.channel_count());
    let mut luma = vec![0; row * height];
    loop {
        let mut buffers = [JxlOutputBuffer::new(&mut luma, height, row)];
        if matches!(step(&mut decoder, Some(&mut buffers))?, Event::FrameComplete { .. }) {
            break;
        }
    }
    let _known = color::to_luma(&mut luma, color);
    Ok(Decoded {
        full_width,
        full_height,
        scale: 1.0,
        // It is upright already.
        orientation: Orientation::NoTransforms,
        raster: Raster { width: full_width, height: full_height, luma },
        partial: false,
    })
}

/// The samples that are asked for: 8 bits of luminance or colours, and of alpha, interleaved.
fn wanted_pixels(is_grey: bool, has_alpha: bool, extra: usize) -> (JxlPixelFormat, ColorType) {
    let (layout, color) = match (is_grey, has_alpha) {
        (true, false) => (JxlColorType::Grayscale, ColorType::L8),
        (true, true) => (JxlColorType::GrayscaleAlpha, ColorType::La8),
        (false, false) => (JxlColorType::Rgb, ColorType::Rgb8),
        (false, true) => (JxlColorType::Rgba, ColorType::Rgba8),
    };
    let format = JxlPixelFormat {
        color_type: layout,
        color_data_format: Some(JxlDataFormat::U8 { bit_depth: 8 }),
        extra_channel_format: vec![None; extra],
    };
    (format, color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Options;
    use crate::decode::tests::{cut_and_changed, difference, encoded_by_others, half_of_scene, scene};
    use crate::decode::{Sniff, decode as decode_picture, sniff};
    use crate::error::ErrorKind;

    #[test]
    fn lossy_boxed_and_transparent_pictures_are_read() {
        let cases = [("colour.jxl", scene(96, 64)), ("boxed.jxl", scene(96, 64)), ("alpha.jxl", half_of_scene())];
        for (name, expected) in cases {
            let bytes = encoded_by_others(name);
            assert_eq!(sniff(&bytes), Sniff::Readable(Format::Jxl));
            let picture = decode_picture(&bytes, &Options::default()).unwrap();
            assert_eq!((picture.format, picture.width, picture.height), (Format::Jxl, 96, 64));
            let difference = difference(&picture, &expected);
            assert!(difference < 3.0, "{name}: {difference}");
        }
    }

    #[test]
    fn a_picture_larger_than_the_memory_allowed_is_refused() {
        let options = Options { max_memory: 96 * 64 * 8, ..Options::default() };
        let error = decode_picture(&encoded_by_others("colour.jxl"), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    }

    #[test]
    fn a_broken_picture_is_an_error() {
        for name in ["colour.jxl", "boxed.jxl", "alpha.jxl"] {
            cut_and_changed(&encoded_by_others(name), Format::Jxl);
        }
    }
}
