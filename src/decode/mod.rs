//! Bytes -> picture: upright, sRGB, alpha flattened, small enough to describe.

use crate::error::{Error, ErrorKind, Result};

/// Formats that are recognised, by content alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG.
    Jpeg,
}

impl Format {
    /// The format's name as it stands in the index and in JSON: lower case, no spaces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
        }
    }
}

/// How far a picture is reduced and how much memory it may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// Pictures are reduced until their longest side has at most this many pixels.
    pub longest_side: u32,
    /// The most memory, in bytes, that decoding one picture may take.
    pub max_memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { longest_side: 512, max_memory: 1 << 30 }
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
    /// Width of `rgb` in pixels.
    pub reduced_width: u32,
    /// Height of `rgb` in pixels.
    pub reduced_height: u32,
    /// The reduced picture, three bytes a pixel, row-major: `3 * reduced_width * reduced_height` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Luminance.
    pub fn luma(&self) -> Vec<f32> {
        self.rgb
            .chunks_exact(3)
            .map(|p| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]))
            .collect()
    }
}

/// Decodes a picture.
///
/// # Errors
/// `NotAPicture`, `Unsupported`, `Malformed` or `TooLarge`.
pub fn decode(bytes: &[u8], options: &Options) -> Result<Picture> {
    let m = |e: image::ImageError| Error::new(ErrorKind::Malformed, e.to_string());
    let image = image::load_from_memory(bytes).map_err(m)?;
    let small = image.thumbnail(options.longest_side, options.longest_side).to_rgb8();
    Ok(Picture {
        format: Format::Jpeg,
        width: image.width(),
        height: image.height(),
        reduced_width: small.width(),
        reduced_height: small.height(),
        rgb: small.into_raw(),
    })
}

/// What content shows itself to be.
pub enum Sniff {
    /// A format that this build reads.
    Readable(Format),
    /// A picture format that it doesn't, by name.
    Unsupported(&'static str),
    /// No picture that is known.
    Unknown,
}

/// Tells the format.
pub fn sniff(bytes: &[u8]) -> Sniff {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) { Sniff::Readable(Format::Jpeg) } else { Sniff::Unknown }
}

/// Whether the name says so.
pub fn claims_to_be_a_picture(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|e| e == "jpg")
}

/// Why not.
pub fn unsupported(format: &str) -> String {
    format.to_owned()
}
