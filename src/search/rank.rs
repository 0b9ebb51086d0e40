//! Evidence -> one probability, and the order in which matches are told.

use super::{Match, Options};
use crate::describe::Probe;

/// What speaks for a picture of the index.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The same bytes.
    pub identical: bool,
    /// Bits in which the perceptual hashes differ, of 256, where that was near enough to look at.
    pub distance: Option<u32>,
    /// Local features that agree on one map; 0: none was found.
    pub inliers: usize,
    /// Area of the inliers' hull over that of what the pictures share, 0 to 1.
    pub spread: f64,
    /// Share of the cells of an 8x8 grid over what they share that hold an inlier, 0 to 1.
    pub support: f64,
}

/// What evidence is worth.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Pictures whose PDQ quality is lower are too plain to be told from others by their hash.
    pub min_quality: u8,
    /// A query with fewer local features, and such a quality, is too plain to be recognised at all.
    pub min_features: usize,
    /// Larger distances of perceptual hashes are no evidence; of 256.
    pub max_distance: u32,
    /// The distance, of 256 bits, at which a match is as likely right as wrong.
    pub even_distance: f64,
    /// Bits by which the odds change e-fold.
    pub distance_scale: f64,
    /// The inliers, discounted where they are bunched, at which a match is as likely right as wrong.
    pub even_inliers: f64,
    /// Inliers by which the odds change e-fold.
    pub inliers_scale: f64,
    /// The score at which 99 of 100 matches that are told are right.
    pub min_score: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            min_quality: 10,
            min_features: 12,
            max_distance: 90,
            even_distance: 70.0,
            distance_scale: 5.0,
            even_inliers: 7.0,
            inliers_scale: 0.9,
            min_score: 0.9,
        }
    }
}

impl Calibration {
    /// The probability that two pictures show the same.
    pub fn score(&self, evidence: &Evidence) -> f64 {
        if evidence.identical {
            return 1.0;
        }
        let by_hash =
            evidence.distance.map(|distance| (self.even_distance - f64::from(distance)) / self.distance_scale);
        let by_features = (evidence.inliers > 0).then(|| self.odds(evidence));
        // Log odds: each alone where the other says nothing, else the better of the two and part of the other.
        let odds = match (by_hash, by_features) {
            (Some(a), Some(b)) => a.max(b) + 0.5 * a.min(b).clamp(-2.0, 4.0),
            (Some(a), None) => a,
            (None, Some(b)) => b,
            (None, None) => return 0.0,
        };
        1.0 / (1.0 + (-odds).exp())
    }

    /// Log odds by local features.
    fn odds(&self, evidence: &Evidence) -> f64 {
        (discounted(evidence) - self.even_inliers) / self.inliers_scale
    }

    /// Whether the alignment alone makes the match likelier than not.
    pub(super) fn believes(&self, evidence: &Evidence) -> bool {
        evidence.inliers > 0 && self.odds(evidence) > 0.0
    }

    /// Whether a query has too little detail to be recognised by anything but its bytes.
    pub(super) fn too_plain(&self, probe: &Probe) -> bool {
        probe.quality < self.min_quality && probe.features.keypoints.len() < self.min_features
    }
}

/// Inliers, fewer where they are bunched: different pictures share captions, logos and frames.
fn discounted(evidence: &Evidence) -> f64 {
    let inliers = evidence.inliers as f64;
    inliers.min(4.0 + 96.0 * evidence.spread.min(evidence.support * 2.0)).min(inliers)
}

/// Best first, no more than asked for.
pub(super) fn order(matches: &mut Vec<Match>, options: &Options) {
    matches.retain(|found| found.score >= options.min_score);
    matches.sort_by(|a, b| {
        let more = b.evidence.inliers.cmp(&a.evidence.inliers);
        b.score.total_cmp(&a.score).then(more).then_with(|| a.source.cmp(&b.source))
    });
    if options.top > 0 {
        matches.truncate(options.top);
    }
}
