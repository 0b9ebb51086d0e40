//! Evidence -> one probability, and the order in which matches are told.

use std::collections::HashSet;

use super::{Match, Options, pairs};
use crate::describe::Probe;

/// What speaks for a picture of the index.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The same bytes.
    pub identical: bool,
    /// Bits in which the perceptual hashes differ, of 256, where that was near enough to look at.
    pub distance: Option<u32>,
    /// The map lays all of one picture upright on all of the other, and yet their hashes are not near.
    pub contradicted: bool,
    /// Local features that agree on one map; 0: none was found.
    pub inliers: usize,
    /// The inliers, each counted by how few others name its places: repeated patterns agree by chance.
    pub distinct: f64,
    /// Share of places in what the pictures would share that have an inlier near, 0 to 1.
    pub spread: f64,
}

impl Evidence {
    /// What the log odds of a match are linear in, each 0 where it says nothing:
    ///
    /// - distinct inliers up to a bound, fewer where they leave alone most of what the pictures would share:
    ///   different pictures share captions, logos and frames, in which all agrees and around which nothing does;
    /// - tens of bits by which the hashes are nearer than those of different pictures, below 0 where they should
    ///   be near and are not: rooms, shops and products are arranged alike.
    pub fn terms(&self) -> [f64; 2] {
        let agreeing = self.distinct * (self.spread / SPREAD_OF_COPIES).min(1.0).powi(2);
        let nearer = match self.distance {
            Some(distance) => (DISTANCE_OF_OTHERS - f64::from(distance)).max(0.0),
            None if self.contradicted => CONTRADICTED,
            None => 0.0,
        };
        [agreeing.min(ENOUGH), nearer / 10.0]
    }
}

/// More say no more: none of a thousand wrong pictures had a fifth as many.
const ENOUGH: f64 = 15.0;
/// Spread of inliers that nine of ten copies reach; of pictures that only share a caption one in twenty has
/// more than 0.64.
const SPREAD_OF_COPIES: f64 = 0.85;
/// Distance of perceptual hashes, in bits, at which different pictures of like things are as often as copies.
const DISTANCE_OF_OTHERS: f64 = 64.0;

/// What a contradiction counts for, in bits: two distinct inliers more outweigh it, as an edit that changes the
/// hash so much leaves a copy.
const CONTRADICTED: f64 = -10.0;

/// What evidence is worth.
///
/// `cargo bench --bench recall -- --fit` fits the bias and the weights to edited and unrelated photos. Two are kept
/// below what it says, for collections of look-alikes, of which photos have few: clothes drawn on plain grounds
/// came as near as 24 bits of hash, and repeated motifs agree on 8 distinct inliers now and then.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Pictures whose PDQ quality is lower are too plain to be told from others by their hash.
    pub min_quality: u8,
    /// A query with fewer local features, and such a quality, is too plain to be recognised at all.
    pub min_features: usize,
    /// Larger distances of perceptual hashes are no evidence; of 256.
    pub max_distance: u32,
    /// Log odds of a match that nothing speaks for.
    pub bias: f64,
    /// Log odds that each of [`Evidence::terms`] adds by its unit.
    pub weights: [f64; 2],
    /// The score at which 99 of 100 matches that are told are right.
    pub min_score: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { min_quality: 10, min_features: 12, max_distance: 90, bias: -8.5, weights: [1.6, 2.45], min_score: 0.9 }
    }
}

impl Calibration {
    /// The probability that two pictures show the same.
    pub fn score(&self, evidence: &Evidence) -> f64 {
        if evidence.identical {
            return 1.0;
        }
        let odds: f64 =
            self.bias + evidence.terms().iter().zip(self.weights).map(|(term, weight)| term * weight).sum::<f64>();
        1.0 / (1.0 + (-odds).exp())
    }

    /// Whether the alignment alone makes the match likelier than not.
    pub(super) fn believes(&self, evidence: &Evidence) -> bool {
        evidence.inliers > 0 && self.score(&Evidence { identical: false, distance: None, ..*evidence }) > 0.5
    }

    /// Whether a query has too little detail to be recognised by anything but its bytes.
    pub(super) fn too_plain(&self, probe: &Probe) -> bool {
        probe.quality < self.min_quality && probe.features.keypoints.len() < self.min_features
    }
}

/// Best first, each place once, no more than asked for.
pub(super) fn order(matches: &mut Vec<Match>, options: &Options) {
    matches.retain(|found| found.score >= options.min_score);
    matches.sort_by(|a, b| {
        let more = b.evidence.inliers.cmp(&a.evidence.inliers);
        b.score.total_cmp(&a.score).then(more).then_with(|| a.source.cmp(&b.source))
    });
    // Two indexes may know a place.
    let mut told = HashSet::new();
    matches.retain(|found| told.insert(found.source.clone()));
    if options.raw_pairs {
        pairs::join(matches);
    }
    if options.top > 0 {
        matches.truncate(options.top);
    }
}
