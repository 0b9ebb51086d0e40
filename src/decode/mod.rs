//! Bytes -> picture: the luminance, upright, alpha flattened, small enough to describe.
//!
//! Describing reads no more than about 512 pixels a side, so decoding stops there: a JPEG is decoded
//! straight to an eighth, a quarter or a half of its size (most of the time that a big photo takes is
//! saved so), everything else is decoded whole and reduced. Orientation is applied last, to the few
//! pixels that are left, and exactly once.
//!
//! Luminance is all that any descriptor here reads, and a JPEG holds it as a plane of its own: so no
//! colour is decoded, kept or reduced. Colours are taken as sRGB whatever profile the file carries:
//! between common profiles that is a shift of a few grey levels, which the descriptors are built to
//! bear. Transparent pixels show white, as they do on most pages.
//!
//! What is read was written by strangers. Sizes are checked against [`Options::max_memory`] from the
//! header alone, time against [`Options::max_time`], and a decoder that panics has met a malformed file. Of
//! a damaged picture the rows that can be read are a picture, where the decoder leaves them.

#[cfg(feature = "avif")]
mod avif;
mod boxes;
mod chunks;
mod color;
mod format;
mod general;
mod header;
#[cfg(feature = "heic")]
mod heic;
mod heif;
mod ico;
mod jpeg;
#[cfg(feature = "jxl")]
mod jxl;
mod limits;
pub mod metadata;
mod orientation;
mod partial;
mod psd;
mod raw;
mod reduce;
mod several;
#[cfg(feature = "svg")]
mod svg;
mod tiff;
mod tiff_pages;

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::panics;
use limits::Limits;

pub use format::{Format, Sniff, claims_to_be_a_picture, sniff};
pub use limits::Gate;
pub use several::{PAGES_MAX, Several, several};

/// How far a picture is reduced and how much memory it may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// Pictures are reduced until their longest side has at most this many pixels. 512 by default, the
    /// size at which the descriptors were tuned.
    pub longest_side: u32,
    /// A JPEG is decoded at the smallest of 1/8, 1/4, 1/2 and 1 of its size whose longest side has at
    /// least this many pixels, so a big one may end a little below `longest_side`. 480 by default: that
    /// takes the common 4000 x 3000 to 500 x 375, which needs only the constant term of each block.
    pub longest_side_min: u32,
    /// The most memory, in bytes, that decoding one picture may take. 1 GiB by default: enough for
    /// pictures of 170 megapixels.
    pub max_memory: u64,
    /// The most time that decoding one picture may take. 5 s by default: ten times what the largest
    /// picture that fits in `max_memory` takes.
    pub max_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { longest_side: 512, longest_side_min: 480, max_memory: 1 << 30, max_time: Duration::from_secs(5) }
    }
}

/// A decoded picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The format of the bytes it was decoded from.
    pub format: Format,
    /// Width of the whole picture in pixels, upright.
    pub width: u32,
    /// Height of the whole picture in pixels, upright.
    pub height: u32,
    /// Width of `luma` in pixels.
    pub reduced_width: u32,
    /// Height of `luma` in pixels.
    pub reduced_height: u32,
    /// The luminance of the reduced picture, row-major: `reduced_width * reduced_height` values of
    /// 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, full range).
    pub luma: Vec<u8>,
    /// Whether the file is damaged and these are only the rows that could be read: all sizes are theirs.
    pub partial_data: bool,
}

/// Luminance as a decoder left it: row-major, not yet upright.
struct Raster {
    width: u32,
    height: u32,
    /// `width * height` bytes.
    luma: Vec<u8>,
}

/// What a decoder found: the pixels, perhaps fewer than the file has, and how they lie.
struct Decoded {
    full_width: u32,
    full_height: u32,
    /// Pixels of `raster` per pixel of the picture, along each axis. The raster may reach over the
    /// picture's right and lower edge by less than one of its pixels.
    scale: f64,
    orientation: image::metadata::Orientation,
    raster: Raster,
    /// Only some of the rows could be read, and the sizes are theirs.
    partial: bool,
}

/// Decodes a picture: the luminance, upright and on white, its longest side at most `options.longest_side` pixels. A
/// smaller picture keeps its size. Of an animation the first frame, of an icon the largest entry.
///
/// # Errors
/// - `NotAPicture`: the content is that of no known format.
/// - `Unsupported`: the content is a picture that this build does not read.
/// - `Malformed`: the picture is damaged and too little of it can be read, or it takes longer than `options.max_time`.
/// - `TooLarge`: decoding it would take more than `options.max_memory`, told by its header.
pub fn decode(bytes: &[u8], options: &Options) -> Result<Picture> {
    decode_gated(bytes, options, &|_| Ok(()))
}

/// The same, asking `gate` before memory is allocated: several decoders can share what there is.
///
/// # Errors
/// Those of [`decode`], and those of `gate`.
pub fn decode_gated(bytes: &[u8], options: &Options, gate: Gate<'_>) -> Result<Picture> {
    decode_page(bytes, 1, options, gate)
}

/// The same of page or frame `number` of a file that holds [`several`] pictures; 1 is the one that [`decode`] shows.
///
/// # Errors
/// Those of [`decode_gated`]; `Malformed` where there is no such page.
pub fn decode_page(bytes: &[u8], number: u32, options: &Options, gate: Gate<'_>) -> Result<Picture> {
    let format = match sniff(bytes) {
        Sniff::Readable(format) => format,
        Sniff::Unsupported(name) => return Err(Error::new(ErrorKind::Unsupported, unsupported(name))),
        Sniff::Unknown => return Err(not_a_picture()),
    };
    let limits = Limits::new(options, gate);
    let decoded = panics::contained(|| {
        limits.keep(header::kept(bytes, format))?;
        let decoded = match format {
            Format::Tiff => general::decode_page(bytes, format, number.max(1), &limits)?,
            _ if number > 1 => several::frame(bytes, format, number, &limits)?,
            Format::Jpeg => jpeg::decode(bytes, &limits)?,
            Format::Ico => ico::decode(bytes, &limits)?,
            Format::Psd => psd::decode(bytes, &limits)?,
            #[cfg(feature = "jxl")]
            Format::Jxl => jxl::decode(bytes, &limits)?,
            #[cfg(feature = "avif")]
            Format::Avif => avif::decode(bytes, &limits)?,
            #[cfg(feature = "heic")]
            Format::Heic => heic::decode(bytes, &limits)?,
            #[cfg(feature = "svg")]
            Format::Svg => svg::decode(bytes, &limits)?,
            _ if raw::is_raw(format) => raw::decode(bytes, format, &limits)?,
            _ => general::decode(bytes, format, &limits)?,
        };
        finish(decoded, format, options)
    })
    .unwrap_or_else(|| Err(malformed(format, "its decoder gave up")));
    decoded.map_err(|error| limits.explain(error)).map_err(|error| match error.kind() {
        // What only looked like a TGA by its numbers was none.
        ErrorKind::Malformed | ErrorKind::TooLarge | ErrorKind::Unsupported if format::is_guess(bytes, format) => {
            not_a_picture().with_source(error)
        }
        _ => error,
    })
}

/// Reduces and turns what a decoder found.
fn finish(decoded: Decoded, format: Format, options: &Options) -> Result<Picture> {
    let Decoded { full_width, full_height, scale, orientation, raster, partial } = decoded;
    let reduced = reduce::to_longest_side(raster, (full_width, full_height), scale, options.longest_side.max(1))
        .ok_or_else(|| malformed(format, "its size and its content disagree"))?;
    let upright = orientation::apply(orientation, reduced);
    let (width, height) = orientation::upright_size(orientation, full_width, full_height);
    Ok(Picture {
        format,
        width,
        height,
        reduced_width: upright.width,
        reduced_height: upright.height,
        luma: upright.luma,
        partial_data: partial,
    })
}

/// What is said of a picture whose format this build does not read.
pub fn unsupported(name: &str) -> String {
    format!("{name} pictures are not read by this build; convert it to jpeg or png")
}

fn not_a_picture() -> Error {
    Error::new(ErrorKind::NotAPicture, "not a picture")
}

/// The error for a damaged file; `what` says what was found, in the decoder's words.
fn malformed(format: Format, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Malformed, format!("damaged {}: {what}", format.name()))
}

#[cfg(test)]
mod tests;
