//! A picture's bytes -> what the index keeps of it: all that is done with what a stranger wrote.

use serde::{Deserialize, Serialize};

use crate::decode::metadata::Metadata;
use crate::decode::{self, Format, Gate};
use crate::describe::hash::PerceptualHash;
use crate::describe::{Description, describe};
use crate::error::Result;
use crate::index::local::Sketch;
use crate::index::{Digest, PictureRecord};

/// What the longest name of a camera takes: 100 characters.
#[cfg(target_os = "linux")]
const NAME_BYTES: usize = 400;

/// A picture that was decoded and described.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Draft {
    hash: [u64; 4],
    quality: u8,
    sketch: Sketch,
    width: u32,
    height: u32,
    format: String,
    partial_data: bool,
    metadata: Metadata,
}

impl Draft {
    /// Decodes and describes a picture: page or frame `number` of its file.
    ///
    /// # Errors
    /// Those of [`decode::decode_page`].
    pub fn of(bytes: &[u8], number: u32, options: &decode::Options, gate: Gate<'_>) -> Result<Self> {
        let picture = decode::decode_page(bytes, number, options, gate)?;
        let Description { hash, quality, features } = describe(&picture);
        Ok(Self {
            hash: hash.0,
            quality,
            sketch: Sketch::of(&features, &picture),
            width: picture.width,
            height: picture.height,
            format: picture.format.name().to_owned(),
            partial_data: picture.partial_data,
            metadata: Metadata::of(bytes),
        })
    }

    /// Whether this can be what [`Draft::of`] makes: whoever sent it may be in a stranger's hands, and what is out of bounds
    /// would spoil the index.
    #[cfg(target_os = "linux")]
    pub fn is_sound(&self) -> bool {
        let Self { quality, sketch, width, height, format, metadata, .. } = self;
        let Metadata { taken: _, camera, lens, position, rating } = metadata;
        let is_short = |name: &Option<String>| name.as_ref().is_none_or(|name| name.len() <= NAME_BYTES);
        let is_on_earth = |(latitude, longitude): &(f64, f64)| latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        *quality <= 100
            && *width > 0
            && *height > 0
            && Format::from_name(format).is_some()
            && sketch.is_sound()
            && is_short(camera)
            && is_short(lens)
            && position.as_ref().is_none_or(is_on_earth)
            && rating.is_none_or(|rating| rating <= 5)
    }

    /// The record of the picture whose file is `bytes` long and has this digest.
    pub fn record(self, digest: Digest, bytes: u64) -> PictureRecord {
        PictureRecord {
            digest,
            hash: PerceptualHash(self.hash),
            quality: self.quality,
            sketch: self.sketch,
            width: self.width,
            height: self.height,
            format: Format::from_name(&self.format).map_or("unknown", Format::name),
            bytes,
            partial_data: self.partial_data,
            metadata: self.metadata,
        }
    }
}
