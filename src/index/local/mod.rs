//! What a search reads of all pictures, in files of our own: perceptual hashes, and the inverted file of local
//! features (visual words, signatures and geometry).
//!
//! A feature of the gallery becomes 14 bytes under one visual word: whose it is, a 64-bit signature that
//! says where in the word's cell its descriptor lies (Hamming embedding: Jégou, Douze and Schmid, 2008), and
//! where in the picture it was. Searching reads the lists of the query's words and lets the entries whose
//! signatures are near vote for their pictures; what voting has read is what verification needs.

mod geometry;
pub(super) mod hashes;
mod layout;
mod postings;
pub(super) mod store;
mod vocabulary;
mod votes;
mod write;

#[cfg(test)]
mod tests;

pub use layout::{Found, PICTURES_MAX, Source};
pub use postings::Postings;
pub use vocabulary::{Vocabulary, train};
pub use votes::{Candidate, Form, Hit, Options, Query};
pub use write::{merge, write};

use serde::{Deserialize, Serialize};

use crate::describe::hash::PerceptualHash;
use crate::describe::local::Features;

/// What is kept of one feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Its visual word, 20 bits.
    pub word: u32,
    /// Place, scale and angle, 27 bits: see `geometry`.
    pub geometry: u32,
    /// Where in the word's cell its descriptor lies.
    pub signature: u64,
}

/// What is kept of the features of one picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// Width of the picture that was described, in pixels, at most 512.
    pub width: u16,
    /// Its height.
    pub height: u16,
    /// In the order of the features.
    pub entries: Vec<Entry>,
}

/// All that a file keeps of one picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its number in the index.
    pub picture: u32,
    /// PDQ of the whole picture.
    pub hash: PerceptualHash,
    /// PDQ's quality, 0 to 100.
    pub quality: u8,
    /// Its local features.
    pub sketch: Sketch,
}

impl Record {
    fn source(&self) -> Source {
        let Self { picture, hash, quality, sketch: Sketch { width, height, .. } } = *self;
        Source { picture, width, height, quality, hash }
    }
}

impl Sketch {
    /// Quantises the features of a picture of `width` x `height` pixels.
    pub fn of(features: &Features, width: u32, height: u32) -> Self {
        let vocabulary = Vocabulary::built_in();
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        let entries = features.keypoints.iter().zip(&features.descriptors).map(|(keypoint, descriptor)| {
            let (word, signature) = vocabulary.word(descriptor);
            Entry { word, geometry: geometry::pack(keypoint), signature }
        });
        Self { width: side(width), height: side(height), entries: entries.collect() }
    }
}
