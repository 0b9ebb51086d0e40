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

/// Decodes a picture.
///
/// # Errors
/// `NotAPicture`, `Unsupported`, `Malformed` or `TooLarge`.
pub fn decode(bytes: &[u8], options: &Options) -> Result<Picture> {
    let _ = (bytes, options);
    Err(Error::new(ErrorKind::NotAPicture, "not a picture"))
}
