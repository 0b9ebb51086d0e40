//! Camera raw files, read through the largest JPEG that the camera put beside the sensor's data.
//!
//! Every camera adds such a preview, most of them as large as the picture, and it shows what the camera's screen
//! showed. Developing the sensor's data would give another rendering for much more work, and each model needs its own.
//! The preview lies as the sensor did: the container says how to turn it. Where the container says nothing (RAF), the
//! preview's own EXIF does; what it repeats of the container's word is not applied again.

mod cr3;
mod pages;

use std::cmp::Reverse;

use image::metadata::Orientation;

use super::limits::Limits;
use super::{Decoded, Format, jpeg, malformed};
use crate::error::{Error, ErrorKind, Result};

pub(super) use pages::of_tiff;

/// Pixels of the longest side from which on a preview is taken: a smaller one describes too little.
const SIDE_MIN: u16 = 160;

/// Whether a format is one of those read here.
pub(super) fn is_raw(format: Format) -> bool {
    use Format::{Arw, Cr2, Cr3, Dng, Nef, Orf, Pef, Raf, Rw2, Srw};
    matches!(format, Cr2 | Cr3 | Nef | Arw | Dng | Rw2 | Orf | Raf | Pef | Srw)
}

/// A JPEG inside a raw file.
struct Preview<'a> {
    jpeg: &'a [u8],
    pixels: u32,
}

/// What the container of a raw file tells.
#[derive(Default)]
struct Found<'a> {
    previews: Vec<Preview<'a>>,
    orientation: Option<Orientation>,
    /// Whether something that should hold a preview lies outside of the file.
    outside: bool,
}

impl<'a> Found<'a> {
    /// Takes what lies there in the file, if it is a JPEG of the size wanted.
    fn add(&mut self, bytes: &'a [u8], start: usize, length: usize) {
        match start.checked_add(length).and_then(|end| bytes.get(start..end)) {
            Some(content) => self.add_content(content),
            None => self.outside = true,
        }
    }

    fn add_content(&mut self, content: &'a [u8]) {
        if let Some((width, height)) = jpeg_size(content).filter(|&(width, height)| width.max(height) >= SIDE_MIN) {
            self.previews.push(Preview { jpeg: content, pixels: u32::from(width) * u32::from(height) });
        }
    }
}

/// Decodes the largest preview that is whole.
pub(super) fn decode(bytes: &[u8], format: Format, limits: &Limits<'_>) -> Result<Decoded> {
    let mut found = match format {
        Format::Cr3 => cr3::find(bytes),
        Format::Raf => raf(bytes),
        _ => pages::find(bytes),
    };
    found.previews.sort_by_key(|preview| Reverse(preview.pixels));
    let (mut failure, mut cut_off) = (None, None);
    let upright = |decoded: Decoded| {
        let orientation = found.orientation.unwrap_or(decoded.orientation);
        Decoded { orientation, ..decoded }
    };
    for preview in found.previews {
        match jpeg::decode(preview.jpeg, limits) {
            // A smaller one may be whole.
            Ok(decoded) if decoded.partial => cut_off = cut_off.or(Some(decoded)),
            Ok(decoded) => return Ok(upright(decoded)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if let Some(decoded) = cut_off {
        return Ok(upright(decoded));
    }
    Err(match failure {
        Some(error) if error.kind() == ErrorKind::TooLarge => error,
        Some(error) => malformed(format, format_args!("its preview: {error}")),
        None if found.outside => malformed(format, "its preview lies outside of it; does the file end too early?"),
        None => {
            let name = format.name();
            let message = format!("this {name} holds no preview of {SIDE_MIN} pixels; convert it to jpeg or png");
            Error::new(ErrorKind::Unsupported, message)
        }
    })
}

/// Fujifilm's RAF: its header says where the JPEG lies.
fn raf(bytes: &[u8]) -> Found<'_> {
    let mut found = Found::default();
    match raf_preview(bytes) {
        Some(preview) => found.add_content(preview),
        None => found.outside = true,
    }
    found
}

/// The JPEG in a RAF, which also has the camera's EXIF.
pub(super) fn raf_preview(bytes: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
    let (start, length) = (number(84)?, number(88)?);
    bytes.get(start..start.checked_add(length)?)
}

/// The pages of EXIF in a CR3: the camera's, the exposure's and that of GPS, each a block of its own.
pub(super) fn cr3_exif(bytes: &[u8]) -> Vec<&[u8]> {
    cr3::exif(bytes)
}

/// Width and height of a JPEG that viewers show: a frame of 8 bits, not the lossless one that sensor data come in.
fn jpeg_size(bytes: &[u8]) -> Option<(u16, u16)> {
    let mut rest = bytes.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        let start = rest.iter().position(|&byte| byte != 0xFF).filter(|&fill| fill > 0)?;
        let (&marker, after) = rest.get(start..)?.split_first()?;
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        match (marker, after.get(2..length)?) {
            (0xC0..=0xC2, &[8, h0, h1, w0, w1, 1 | 3, ..]) => {
                return Some((u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1])));
            }
            (0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xD9 | 0xDA, _) => return None,
            _ => rest = after.get(length..)?,
        }
    }
}

#[cfg(test)]
mod tests;
