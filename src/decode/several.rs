//! Files that hold several pictures: the pages of a TIFF, the frames of a GIF, WebP or PNG.
//!
//! How many there are is told by the containers alone, nothing is unpacked for it.

use std::io::Cursor;

use image::codecs::{gif, png, webp};
use image::metadata::Orientation;
use image::{AnimationDecoder, ColorType, Frames, ImageDecoder};

use super::limits::Limits;
use super::tiff_pages::tiff_pages;
use super::{Decoded, Format, Raster, Sniff, chunks, color, general, header, malformed, orientation, sniff};
use crate::error::Result;

/// The most pages of a TIFF that are read, and the most frames of a moving picture, wherever in it these stand.
pub const PAGES_MAX: u32 = 1000;

/// How many pictures a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Several {
    /// One, of a format that holds no more.
    One,
    /// So many pages, each a picture of its own; one more than [`PAGES_MAX`] where there are more.
    Pages(u32),
    /// So many frames of one moving picture.
    Frames(u32),
}

/// Tells how many pictures a file holds; of a damaged one, as many as can be told.
pub fn several(bytes: &[u8]) -> Several {
    match sniff(bytes) {
        Sniff::Readable(Format::Tiff) => {
            let pages = tiff_pages(bytes, PAGES_MAX as usize + 1).len();
            Several::Pages(u32::try_from(pages.max(1)).unwrap_or(u32::MAX))
        }
        Sniff::Readable(Format::Gif) => Several::Frames(gif_frames(bytes).unwrap_or_default().max(1)),
        Sniff::Readable(Format::WebP) => Several::Frames(webp_frames(bytes).max(1)),
        Sniff::Readable(Format::Png) => Several::Frames(png_frames(bytes).max(1)),
        _ => Several::One,
    }
}

/// Decodes frame `number`, 2 at least: all those before it, since each is drawn over the last.
pub(super) fn frame(bytes: &[u8], format: Format, number: u32, limits: &Limits<'_>) -> Result<Decoded> {
    /// The picture so far, the frame, their sum, and a copy that is handed out.
    const COPIES: u64 = 4;
    let error = |error| general::describe(error, format);
    let reader = limits.timed(Cursor::new(bytes));
    let admitted = |decoder: &mut dyn ImageDecoder| {
        let (width, height) = decoder.dimensions();
        let bytes = u64::from(width) * u64::from(height) * u64::from(ColorType::Rgba8.bytes_per_pixel());
        let most = bytes.saturating_mul(COPIES);
        limits.admit(width, height, most)?;
        decoder.set_limits(general::allowed(most.saturating_add(general::SPARE))).map_err(error)
    };
    let mut turned = Orientation::NoTransforms;
    let frames: Frames<'_> = match format {
        Format::Gif => {
            let mut decoder = gif::GifDecoder::new(reader).map_err(error)?;
            admitted(&mut decoder)?;
            decoder.into_frames()
        }
        Format::WebP => {
            let mut decoder = webp::WebPDecoder::new(reader).map_err(error)?;
            admitted(&mut decoder)?;
            let exif = decoder.exif_metadata().ok().flatten();
            turned = exif.map_or(turned, |exif| orientation::of_exif(&exif));
            decoder.into_frames()
        }
        Format::Png => {
            let mut decoder = png::PngDecoder::with_limits(reader, general::allowed(header::PNG_MAX)).map_err(error)?;
            admitted(&mut decoder)?;
            turned = orientation::png_exif(bytes).map_or(turned, orientation::of_exif);
            decoder.apng().map_err(error)?.into_frames()
        }
        _ => return Err(malformed(format, format_args!("it has no frame {number}"))),
    };
    for (count, frame) in (1..=number).zip(frames) {
        let frame = frame.map_err(error)?;
        if count == number {
            let (width, height) = frame.buffer().dimensions();
            let mut samples = frame.into_buffer().into_raw();
            color::to_luma(&mut samples, ColorType::Rgba8).ok_or_else(|| malformed(format, "it has no pixels"))?;
            return Ok(Decoded {
                full_width: width,
                full_height: height,
                scale: 1.0,
                orientation: turned,
                raster: Raster { width, height, luma: samples },
                partial: false,
            });
        }
    }
    Err(malformed(format, format_args!("it has no frame {number}")))
}

/// The whole frames of a GIF.
fn gif_frames(bytes: &[u8]) -> Option<u32> {
    const HEADER: usize = 13;
    // Bytes of a table of colours, by the flags that announce it.
    let table = |flags: u8| if flags & 0x80 != 0 { 3usize << ((flags & 7) + 1) } else { 0 };
    let mut frames = 0;
    let mut rest = bytes.get(HEADER + table(*bytes.get(10)?)..)?;
    loop {
        let after = match rest {
            [0x21, _, after @ ..] => blocks(after),
            [0x2C, _, _, _, _, _, _, _, _, flags, after @ ..] => after.get(table(*flags) + 1..).and_then(blocks),
            _ => return Some(frames),
        };
        match after {
            Some(after) => {
                frames += u32::from(rest.first() == Some(&0x2C));
                rest = after;
            }
            None => return Some(frames),
        }
    }
}

/// What follows GIF's blocks of data, the last of which is empty.
fn blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (&length, after) = rest.split_first()?;
        rest = after.get(usize::from(length)..)?;
        if length == 0 {
            return Some(rest);
        }
    }
}

/// The frames of an animated WebP.
fn webp_frames(bytes: &[u8]) -> u32 {
    let frames = chunks::of_webp(bytes).filter(|(name, _)| *name == b"ANMF").count();
    u32::try_from(frames).unwrap_or(u32::MAX)
}

/// The frames of an animated PNG.
fn png_frames(bytes: &[u8]) -> u32 {
    let (mut frames, mut is_animated) = (0, false);
    for (name, _) in chunks::of_png(bytes) {
        match name {
            b"acTL" => is_animated = true,
            b"fcTL" => frames += 1,
            // What says that a PNG moves stands before its pixels.
            b"IDAT" if !is_animated => return 0,
            _ => {}
        }
    }
    if is_animated { frames } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tiff::Tiff;
    use crate::decode::{Options, decode_page};
    use crate::error::ErrorKind;

    const FILES: [&str; 5] = ["pages.tif", "pages-big-endian.tif", "frames.gif", "frames.webp", "frames.png"];

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/several").join(name)).unwrap()
    }

    fn page(bytes: &[u8], number: u32) -> Result<crate::decode::Picture> {
        decode_page(bytes, number, &Options::default(), &|_| Ok(()))
    }

    #[test]
    fn every_picture_of_a_file_is_decoded_by_its_number_and_there_is_none_behind_the_last() {
        let all = FILES.map(|name| {
            let bytes = fixture(name);
            let expected = if name.ends_with("tif") { Several::Pages(4) } else { Several::Frames(4) };
            assert_eq!(several(&bytes), expected, "{name}");
            assert_eq!(page(&bytes, 5).unwrap_err().kind(), ErrorKind::Malformed, "{name}");
            [1, 2, 3, 4].map(|number| page(&bytes, number).unwrap())
        });
        for (name, pictures) in FILES.iter().zip(&all) {
            for (picture, expected) in pictures.iter().zip(&all[0]) {
                assert_eq!((picture.width, picture.height), (200, 150), "{name}");
                let apart =
                    picture.luma.iter().zip(&expected.luma).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
                // A palette of 256 colours is coarse.
                assert!(apart < 6 * 200 * 150, "{name}: {apart}");
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_or_changed_has_no_more_pictures_than_it_can_and_never_panics() {
        let mut seen = 0;
        for name in FILES {
            let whole = fixture(name);
            for at in (0..whole.len()).step_by(1 + whole.len() / 400) {
                let mut changed = whole.clone();
                changed[at] ^= 0x41;
                for bytes in [&whole[..at], &changed] {
                    let count = match several(bytes) {
                        Several::One => 0,
                        Several::Pages(count) | Several::Frames(count) => count,
                    };
                    assert!(count <= 5, "{name} {at}: {count}");
                    seen += 1;
                }
            }
            for at in (0..whole.len()).step_by(1 + whole.len() / 20) {
                let mut changed = whole.clone();
                changed[at] ^= 0x80;
                let _ = page(&changed, 3);
                let _ = page(&whole[..at], 4);
            }
        }
        assert!(seen > 3000, "{seen}");
    }

    #[test]
    fn pages_that_lead_back_to_themselves_are_counted_once() {
        let mut bytes = fixture("pages.tif");
        let tiff = Tiff::open(&bytes, 0).unwrap();
        let last = tiff_pages(&bytes, 9)[3];
        let (first, entries) = (tiff.first().unwrap() as u32, usize::from(tiff.u16(last).unwrap()));
        let next = last + 2 + 12 * entries;
        bytes[next..next + 4].copy_from_slice(&first.to_le_bytes());
        assert_eq!(several(&bytes), Several::Pages(4));
    }

    #[test]
    fn what_holds_one_picture_is_told() {
        let formats = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats");
        let of = |name: &str| several(&std::fs::read(formats.join(name)).unwrap());
        let cases = [
            ("baseline.jpg", Several::One),
            ("colour.tif", Several::Pages(1)),
            ("still.gif", Several::Frames(1)),
            ("animated.gif", Several::Frames(3)),
            ("colour.webp", Several::Frames(1)),
            ("colour.png", Several::Frames(1)),
        ];
        for (name, expected) in cases {
            assert_eq!(of(name), expected, "{name}");
        }
    }
}
