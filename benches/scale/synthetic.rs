//! Descriptions of pictures that never were, with the statistics of real ones.
//!
//! What a search costs hangs on how unevenly features fall to visual words (two features of different photos
//! share a word fourteen times as often as evenly spread ones), on how near the signatures within a word
//! are (a tenth of such pairs is near enough to vote, of random bits one in a hundred), and on features of one
//! picture being alike. No formula says all that, so the features of real pictures are drawn anew: each
//! comes in several variants, their descriptors disturbed and quantised again, and a synthetic picture takes its
//! features from a few real ones. `--statistics` compares the
//! two, and is how the constants below were chosen.

use anyhow::{Result, ensure};
use rayon::prelude::*;
use ris::describe::hash::PerceptualHash;
use ris::describe::local::{DESCRIPTOR, Features};
use ris::index::local::{Entry, Sketch, THUMBNAIL};
use ris::index::{Digest, PictureRecord};

use crate::queries::Described;

/// Variants of each feature. More of them are needed only where there are few pictures.
const VARIANTS: usize = 8;
/// A descriptor's values, whose root mean square is 45, are moved by so much at most: the words of unrelated pictures
/// then agree as often as before, where undisturbed features would agree too often with themselves.
const DISTURBANCE: i16 = 8;
/// Real pictures that a synthetic one takes its features from.
const PARENTS: usize = 2;

/// Numbers that look like chance and are the same in every run (SplitMix64: Steele, Lea and Flood, 2014).
pub struct Random(u64);

impl Random {
    /// The sequence of a seed and a place in it.
    pub fn of(seed: u64, place: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ place);
        Self(random.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// What synthetic pictures are made of.
pub struct Pool {
    /// The sketches of each real picture's variants.
    parents: Vec<Vec<Sketch>>,
    seed: u64,
}

impl Pool {
    pub fn of(pictures: &[Described], seed: u64) -> Result<Self> {
        let parent = |(place, picture): (usize, &Described)| variants(picture, Random::of(seed, place as u64));
        let parents: Vec<Vec<Sketch>> = pictures.par_iter().enumerate().map(parent).collect();
        let parents: Vec<_> =
            parents.into_iter().filter(|variants| variants.iter().all(|v| !v.entries.is_empty())).collect();
        ensure!(parents.len() >= PARENTS, "too few pictures to learn from: {} with features", parents.len());
        Ok(Self { parents, seed })
    }

    /// A synthetic picture: always the same for the same number.
    pub fn sketch(&self, number: u64) -> Sketch {
        let mut random = Random::of(self.seed ^ 0x5CE7_C4ED, number);
        let parents: [&Vec<Sketch>; PARENTS] = std::array::from_fn(|_| &self.parents[random.below(self.parents.len())]);
        let frame = &parents[0][0];
        // Each place of the list once: no picture has the same feature twice.
        let mut entry = |place: usize| -> Entry {
            let parent = parents[random.below(PARENTS)];
            let entries = &parent[random.below(VARIANTS)].entries;
            entries[place % entries.len()]
        };
        let entries = (0..frame.entries.len()).map(&mut entry).collect();
        let thumbnail = (0..THUMBNAIL).map(|_| random.next() as u8).collect();
        Sketch { width: frame.width, height: frame.height, entries, thumbnail }
    }

    /// The same with all else that the index keeps. Its hash is any with as many ones as zeros.
    pub fn record(&self, number: u64) -> PictureRecord {
        let mut random = Random::of(self.seed ^ 0xD16E_57ED, number);
        let mut hash = [0u64; 4];
        for (i, bit) in shuffled(&mut random).into_iter().enumerate() {
            hash[i / 64] |= u64::from(bit) << (i % 64);
        }
        let digest = std::array::from_fn(|_| random.next() as u8);
        PictureRecord {
            digest: Digest(digest),
            hash: PerceptualHash(hash),
            quality: 100,
            sketch: self.sketch(number),
            width: 4032,
            height: 3024,
            format: "jpeg",
            partial_data: false,
            metadata: Default::default(),
            bytes: 2_000_000 + random.below(4_000_000) as u64,
        }
    }
}

/// 128 ones among 256 bits.
fn shuffled(random: &mut Random) -> [bool; 256] {
    let mut bits = std::array::from_fn(|i| i % 2 == 0);
    for i in (1..bits.len()).rev() {
        bits.swap(i, random.below(i + 1));
    }
    bits
}

fn variants(picture: &Described, mut random: Random) -> Vec<Sketch> {
    let mut disturbed = |descriptor: &[u8; DESCRIPTOR]| {
        descriptor.map(|value| {
            let moved = i16::from(value) + random.below(2 * DISTURBANCE as usize + 1) as i16 - DISTURBANCE;
            moved.clamp(0, 255) as u8
        })
    };
    let variant = |_| {
        let descriptors = picture.features.descriptors.iter().map(&mut disturbed).collect();
        let features = Features { keypoints: picture.features.keypoints.clone(), descriptors };
        Sketch::of_features(&features, picture.width, picture.height)
    };
    (0..VARIANTS).map(variant).collect()
}
