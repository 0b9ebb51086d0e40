//! A picture's bytes -> what the index keeps of it: all that is done with what a stranger wrote.

use serde::{Deserialize, Serialize};

use crate::decode::metadata::Metadata;
use crate::decode::{self, Format, Gate};
use crate::describe::hash::PerceptualHash;
use crate::describe::{Description, describe};
use crate::error::Result;
use crate::index::local::Sketch;
use crate::index::{Digest, PictureRecord};

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
            sketch: Sketch::of(&features, picture.reduced_width, picture.reduced_height),
            width: picture.width,
            height: picture.height,
            format: picture.format.name().to_owned(),
            partial_data: picture.partial_data,
            metadata: Metadata::of(bytes),
        })
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
