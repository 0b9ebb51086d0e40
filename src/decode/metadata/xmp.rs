//! An XMP packet (ISO 16684-1): RDF in XML, of which a handful of properties are read.
//!
//! A property is an attribute or an element of its prefix's usual name: the prefixes of the namespaces read here are the
//! same in every program that writes them. No entity is expanded and nothing is nested but the parser's own stack.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Metadata;

/// Packets of cameras and editors take some kilobytes; those that hold a whole history are cut off here.
const PACKET_MAX: usize = 4 << 20;
const EVENTS_MAX: usize = 200_000;
const DEPTH_MAX: usize = 64;

#[derive(Default)]
struct Said {
    /// By how much they mean the moment of the exposure.
    dates: [Option<i64>; 4],
    maker: Option<String>,
    model: Option<String>,
    lens: Option<String>,
    rating: Option<u8>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// Reads a packet as far as it can be read.
pub(super) fn read(packet: &[u8]) -> Metadata {
    let mut said = Said::default();
    let packet = String::from_utf8_lossy(packet.get(..PACKET_MAX).unwrap_or(packet));
    let mut reader = Reader::from_str(&packet);
    reader.config_mut().check_end_names = false;
    let mut open: Vec<String> = Vec::new();
    for _ in 0..EVENTS_MAX {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                said.attributes(&element);
                if open.len() >= DEPTH_MAX {
                    break;
                }
                open.push(element.name().as_ref().to_owned());
            }
            Ok(Event::Empty(element)) => said.attributes(&element),
            Ok(Event::End(_)) => drop(open.pop()),
            Ok(Event::Text(text)) => {
                let Some(name) = open.last() else { continue };
                said.take(name, text.trim());
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let position = said.latitude.zip(said.longitude).and_then(|(lat, long)| super::position(lat, long));
    Metadata {
        taken: said.dates.into_iter().flatten().next(),
        camera: super::camera(said.maker.as_deref(), said.model.as_deref()),
        lens: said.lens.as_deref().and_then(super::name),
        position,
        rating: said.rating,
    }
}

impl Said {
    fn attributes(&mut self, element: &BytesStart<'_>) {
        for attribute in element.attributes().with_checks(false).flatten() {
            self.take(attribute.key.as_ref(), attribute.value.trim());
        }
    }

    fn take(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let own = || Some(value.replace("&amp;", "&").replace("&quot;", "\"").replace("&#34;", "\""));
        let [original, created, shown, digitized] = &mut self.dates;
        match name {
            "exif:DateTimeOriginal" => *original = super::seconds(value),
            "photoshop:DateCreated" => *created = super::seconds(value),
            "exif:DateTimeDigitized" => *digitized = super::seconds(value),
            "xmp:CreateDate" => *shown = super::seconds(value),
            "tiff:Make" => self.maker = own(),
            "tiff:Model" => self.model = own(),
            "exifEX:LensModel" => self.lens = own(),
            "aux:Lens" if self.lens.is_none() => self.lens = own(),
            // -1 stands for rejected.
            "xmp:Rating" => {
                self.rating =
                    value.parse::<f64>().ok().filter(|stars| (0.0..=5.0).contains(stars)).map(|stars| stars as u8);
            }
            "exif:GPSLatitude" => self.latitude = degrees(value),
            "exif:GPSLongitude" => self.longitude = degrees(value),
            _ => {}
        }
    }
}

/// `52,30.5N` or `52,30,30N`.
fn degrees(text: &str) -> Option<f64> {
    let (numbers, side) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let sign = match side {
        "N" | "E" => 1.0,
        "S" | "W" => -1.0,
        _ => return None,
    };
    let mut parts = numbers.split(',').map(|part| part.trim().parse::<f64>());
    let (degrees, minutes) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let seconds = parts.next().map_or(Some(0.0), Result::ok)?;
    let value = sign * (degrees + minutes / 60.0 + seconds / 3600.0);
    value.is_finite().then_some(value)
}
