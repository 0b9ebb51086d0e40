//! An EXIF block (CIPA DC-008, Exif 2.32): a TIFF file without pixels.

use super::Metadata;
use crate::decode::tiff::{Entry, Tiff};

const RATING: u16 = 0x4746;
const MAKE: u16 = 0x10F;
const MODEL: u16 = 0x110;
const DATE_TIME: u16 = 0x132;
const EXIF_PAGE: u16 = 0x8769;
const GPS_PAGE: u16 = 0x8825;
const ORIGINAL: u16 = 0x9003;
const DIGITIZED: u16 = 0x9004;
const LENS_MODEL: u16 = 0xA434;
/// Within the page of GPS.
const LATITUDE_REF: u16 = 1;
const LATITUDE: u16 = 2;
const LONGITUDE_REF: u16 = 3;
const LONGITUDE: u16 = 4;
/// Padding that names come with, and that is cut off before they are kept.
const PADDING: usize = 64;

/// Reads the first page of a block and the two that hang on it. In CR3 each of them is a block of its own, so the tags
/// of all three are looked for in whichever page is first; those of GPS are small numbers that no other page has.
pub(super) fn read(block: &[u8]) -> Metadata {
    let mut said = Said::default();
    let Some(tiff) = Tiff::open(block, 0) else { return Metadata::default() };
    if let Some(first) = tiff.first() {
        said.page(tiff, first, true);
    }
    let text = |text: &Option<String>| text.as_deref().and_then(super::seconds);
    let degrees = |values: Option<f64>, west_or_south: bool| values.map(|v| if west_or_south { -v } else { v });
    let latitude = degrees(said.latitude, said.south);
    let position = latitude.zip(degrees(said.longitude, said.west)).and_then(|(lat, long)| super::position(lat, long));
    Metadata {
        taken: text(&said.original).or_else(|| text(&said.digitized)).or_else(|| text(&said.changed)),
        camera: super::camera(said.maker.as_deref(), said.model.as_deref()),
        lens: said.lens.as_deref().and_then(super::name),
        position,
        rating: said.rating,
    }
}

#[derive(Default)]
struct Said {
    maker: Option<String>,
    model: Option<String>,
    lens: Option<String>,
    original: Option<String>,
    digitized: Option<String>,
    changed: Option<String>,
    rating: Option<u8>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    south: bool,
    west: bool,
}

impl Said {
    fn page(&mut self, tiff: Tiff<'_>, at: usize, is_first: bool) {
        let mut below = Vec::new();
        for entry in tiff.entries(at) {
            match entry.tag {
                MAKE => self.maker = text(tiff, &entry),
                MODEL => self.model = text(tiff, &entry),
                DATE_TIME => self.changed = text(tiff, &entry),
                ORIGINAL => self.original = text(tiff, &entry),
                DIGITIZED => self.digitized = text(tiff, &entry),
                LENS_MODEL => self.lens = text(tiff, &entry),
                RATING => {
                    self.rating = tiff.number(&entry).and_then(|stars| u8::try_from(stars).ok()).filter(|s| *s <= 5)
                }
                LATITUDE_REF => self.south = text(tiff, &entry).is_some_and(|side| side.starts_with(['S', 's'])),
                LONGITUDE_REF => self.west = text(tiff, &entry).is_some_and(|side| side.starts_with(['W', 'w'])),
                LATITUDE => self.latitude = degrees(tiff, &entry),
                LONGITUDE => self.longitude = degrees(tiff, &entry),
                EXIF_PAGE | GPS_PAGE if is_first => below.extend(tiff.number(&entry)),
                _ => {}
            }
        }
        for page in below {
            self.page(tiff, page, false);
        }
    }
}

/// The text of an entry, up to its NUL.
fn text(tiff: Tiff<'_>, entry: &Entry) -> Option<String> {
    let bytes = (entry.kind == 2).then(|| tiff.text(entry))??;
    let bytes = bytes.split(|&byte| byte == 0).next()?;
    let bytes = bytes.get(..super::NAME_MAX + PADDING).unwrap_or(bytes);
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// Degrees, minutes and seconds, each a fraction.
fn degrees(tiff: Tiff<'_>, entry: &Entry) -> Option<f64> {
    if (entry.kind, entry.count) != (5, 3) {
        return None;
    }
    let start = tiff.place(entry.at)?;
    let part = |i: usize| {
        let (numerator, denominator) = (tiff.u32(start.checked_add(8 * i)?)?, tiff.u32(start.checked_add(8 * i + 4)?)?);
        // Some write 0/0 for seconds that they do not have.
        Some(if denominator == 0 { 0.0 } else { numerator as f64 / denominator as f64 })
    };
    Some(part(0)? + part(1)? / 60.0 + part(2)? / 3600.0)
}
