//! What a search reads of all pictures, in files of our own: perceptual hashes, lists that propose pictures by their
//! local features, and these features themselves, by which what is proposed is verified.
//!
//! A feature of the gallery is a visual word, a 46-bit signature that says where in the word's part of the space its
//! descriptor lies (Hamming embedding: Jégou, Douze and Schmid, 2008), and where in the picture it was. Lists hold
//! pictures' numbers alone, one for each word and the first bits of a signature. A search asks for its few thousand
//! likeliest lists, counts, and reads the features of those pictures that are most often in them, picture by picture.

mod bits;
mod cells;
mod file;
mod first;
mod geometry;
pub(super) mod hashes;
mod layout;
mod lists;
mod nearest;
mod packed;
mod propose;
pub(super) mod store;
mod vocabulary;
mod write;

#[cfg(test)]
mod tests;

pub use file::FeatureFile;
pub(super) use first::FirstFile;
pub use hashes::Near;
pub use layout::{PICTURES_MAX, Source};
pub use propose::{Candidate, Cost, Form, Hit, Options, Query};
pub use vocabulary::{Vocabulary, train};
pub use write::{merge, write};

use serde::{Deserialize, Serialize};

use crate::decode::Picture;
use crate::describe::hash::PerceptualHash;
use crate::describe::local::Features;

/// What is kept of one feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Its visual word, 20 bits.
    pub word: u32,
    /// Place, scale and angle, 27 bits: see `geometry`.
    pub geometry: u32,
    /// Where in the word's part of the space its descriptor lies, 46 bits.
    pub signature: u64,
}

/// What is kept of the features of one picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// Width of the picture that was described, in pixels, at most 512.
    pub width: u16,
    /// Its height.
    pub height: u16,
    /// In the order of the features, or of their words where they come from a file.
    pub entries: Vec<Entry>,
    /// The whole picture as [`thumbnail`] makes it; empty where nobody has seen it since there are any.
    pub thumbnail: Vec<u8>,
}

/// Bytes of a thumbnail.
pub const THUMBNAIL: usize = 128;
/// Its pixels across and down.
const THUMBNAIL_SIDE: usize = 16;

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
    /// Quantises the features of a picture.
    pub fn of(features: &Features, picture: &Picture) -> Self {
        let (width, height) = (picture.reduced_width, picture.reduced_height);
        let thumbnail = thumbnail(&picture.luma, width as usize, height as usize);
        Self { thumbnail, ..Self::of_features(features, width, height) }
    }

    /// The same of a picture of which nothing else is known than its width and height.
    pub fn of_features(features: &Features, width: u32, height: u32) -> Self {
        let vocabulary = Vocabulary::built_in();
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        let entries = features.keypoints.iter().zip(&features.descriptors).map(|(keypoint, descriptor)| {
            let (word, signature) = vocabulary.word(descriptor);
            Entry { word, geometry: geometry::pack(keypoint), signature }
        });
        Self { width: side(width), height: side(height), entries: entries.collect(), thumbnail: Vec::new() }
    }

    /// Whether it can be what is made of a picture.
    pub fn is_sound(&self) -> bool {
        let is_sound = |entry: &Entry| {
            let Entry { word, geometry, signature } = *entry;
            word >> vocabulary::WORD_BITS == 0
                && geometry >> geometry::BITS == 0
                && signature >> vocabulary::SIGNATURE_BITS == 0
        };
        self.entries.len() <= crate::describe::local::Options::gallery().keypoints
            && self.entries.iter().all(is_sound)
            && [0, THUMBNAIL].contains(&self.thumbnail.len())
    }
}

/// 16 x 16 means of a grey picture's luminances, row by row, two to a byte, the first in the lower half: 0 is the darkest and 15
/// the brightest of them. Empty where there are no pixels.
///
/// It is there for a found map to be checked against, by correlation: that does not mind how bright and how rich in
/// contrast a picture is.
pub fn thumbnail(luma: &[u8], width: usize, height: usize) -> Vec<u8> {
    if width == 0 || height == 0 || width.checked_mul(height) != Some(luma.len()) {
        return Vec::new();
    }
    // Each pixel counts by how much of it lies in a cell, which is as many parts wide as the picture has pixels; a pixel is
    // as many parts wide as there are cells.
    let shares = |length: usize| {
        let of_pixel = move |at: usize| {
            let (from, to) = (at * THUMBNAIL_SIDE, (at + 1) * THUMBNAIL_SIDE);
            let parts = move |cell: usize| to.min((cell + 1) * length) - from.max(cell * length);
            (from / length..to.div_ceil(length)).map(move |cell| (at, cell, parts(cell) as u64))
        };
        (0..length).flat_map(of_pixel).collect::<Vec<_>>()
    };
    let (across, mut sums) = (shares(width), [[0u64; THUMBNAIL_SIDE]; THUMBNAIL_SIDE]);
    for (row, cell, tall) in shares(height) {
        let row = luma.get(row * width..(row + 1) * width).unwrap_or_default();
        let Some(sums) = sums.get_mut(cell) else { continue };
        for &(pixel, cell, wide) in &across {
            if let (Some(sum), Some(&pixel)) = (sums.get_mut(cell), row.get(pixel)) {
                *sum += u64::from(pixel) * wide * tall;
            }
        }
    }
    let area = (width * height) as f32;
    let means: Vec<_> = sums.as_flattened().iter().map(|&sum| sum as f32 / area).collect();
    let (low, high) = means.iter().fold((f32::MAX, f32::MIN), |(low, high), &mean| (low.min(mean), high.max(mean)));
    let level = |mean: f32| ((mean - low) / (high - low).max(1.0) * 15.0 + 0.5) as u8;
    means.as_chunks::<2>().0.iter().map(|[first, second]| level(*first) | level(*second) << 4).collect()
}
