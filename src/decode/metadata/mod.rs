//! What a picture's file says of how the picture came about: EXIF and XMP.
//!
//! Blocks are found by walking each container (`blocks`), and read where they lie. EXIF is the camera's word and comes
//! first; XMP is what people and their programs add, so it comes first for the rating and fills in the rest. What can't
//! be read is left out: cameras write odd EXIF, and that is no damage.

mod blocks;
mod exif;
mod xmp;

use serde::{Deserialize, Serialize};

use super::{Format, Sniff, sniff};
use crate::panics;

/// Longer names of cameras and lenses are cut: EXIF has no limit, and none is that long.
const NAME_MAX: usize = 100;

/// What is kept of a picture's EXIF and XMP.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// When it was taken, in seconds since 1970, by the clock on the wall: cameras seldom know their time zone.
    pub taken: Option<i64>,
    /// Maker and model of the camera, the maker named once: `Canon EOS 5D`.
    pub camera: Option<String>,
    /// Model of the lens.
    pub lens: Option<String>,
    /// Latitude and longitude in degrees (WGS 84), north and east positive.
    pub position: Option<(f64, f64)>,
    /// Stars that somebody gave it, 0 to 5.
    pub rating: Option<u8>,
}

impl Metadata {
    /// Reads what the file in `bytes` says. Never an error: of a file without any, or with a broken one, it is empty.
    pub fn of(bytes: &[u8]) -> Self {
        let Sniff::Readable(format) = sniff(bytes) else { return Self::default() };
        panics::contained(|| Self::read(bytes, format)).unwrap_or_default()
    }

    fn read(bytes: &[u8], format: Format) -> Self {
        let blocks = blocks::find(bytes, format);
        let mut metadata = Self::default();
        for block in &blocks.exif {
            metadata.fill(exif::read(block));
        }
        if let Some(block) = &blocks.xmp {
            let mut said = xmp::read(block);
            metadata.rating = said.rating.take().or(metadata.rating);
            metadata.fill(said);
        }
        metadata
    }

    /// Takes over what is not known yet.
    fn fill(&mut self, other: Self) {
        self.taken = self.taken.or(other.taken);
        self.camera = self.camera.take().or(other.camera);
        self.lens = self.lens.take().or(other.lens);
        self.position = self.position.or(other.position);
        self.rating = self.rating.or(other.rating);
    }
}

/// A name as it is kept: printable, single spaces, `None` where nothing is left.
fn name(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let text: String = words.collect::<Vec<_>>().join(" ").chars().take(NAME_MAX).collect();
    (!text.is_empty()).then_some(text)
}

/// Maker and model as one name. Most models repeat their maker.
fn camera(maker: Option<&str>, model: Option<&str>) -> Option<String> {
    let maker = maker.and_then(name);
    let Some(model) = model.and_then(name) else { return maker };
    let Some(maker) = maker else { return Some(model) };
    let first = maker.split(' ').next().unwrap_or_default();
    let repeats = model.get(..first.len()).is_some_and(|start| start.eq_ignore_ascii_case(first));
    Some(if repeats { model } else { name(&format!("{maker} {model}"))? })
}

/// A date and time of numbers in the usual order, whatever stands between them, as seconds since 1970.
fn seconds(text: &str) -> Option<i64> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let mut next = || numbers.next().and_then(|digits| digits.parse::<u32>().ok());
    let (year, month, day) = (next()?, next()?, next()?);
    // A date alone is its first second.
    let (hour, minute, second) = (next().unwrap_or(0), next().unwrap_or(0), next().unwrap_or(0));
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = time::Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let byte = |number: u32| u8::try_from(number).ok();
    let clock = time::Time::from_hms(byte(hour)?, byte(minute)?, byte(second.min(59))?).ok()?;
    // Cameras whose clock was never set say 0000:00:00 or 1970-01-01.
    let seconds = time::PrimitiveDateTime::new(date, clock).assume_utc().unix_timestamp();
    (year >= 1826 && seconds != 0).then_some(seconds)
}

/// A place on earth; null island is what devices without a fix write.
fn position(latitude: f64, longitude: f64) -> Option<(f64, f64)> {
    let is_on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude, longitude) != (0.0, 0.0);
    is_on_earth.then_some((latitude, longitude))
}

#[cfg(test)]
pub(super) mod tests;
