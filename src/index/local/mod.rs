//! Local features kept and found again: visual words, signatures and geometry in files of our own.
//!
//! A feature of the gallery becomes 14 bytes under one visual word: whose it is, a 64-bit signature that
//! says where in the word's cell its descriptor lies (Hamming embedding: Jégou, Douze and Schmid, 2008), and
//! where in the picture it was. Searching reads the lists of the query's words and lets the entries whose
//! signatures are near vote for their pictures; what voting has read is what verification needs.

mod geometry;
mod postings;
pub(super) mod store;
mod vocabulary;
mod votes;

#[cfg(test)]
mod tests;

pub use postings::{PICTURES_MAX, Postings, Source, merge, write};
pub use vocabulary::{Vocabulary, train};
pub use votes::{Candidate, Form, Hit, Options, Query};

use serde::{Deserialize, Serialize};

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
