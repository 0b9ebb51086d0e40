//! Evidence -> one probability, and the order in which matches are told.

use super::{Match, Options};

/// What evidence is worth.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Pictures whose PDQ quality is lower are too plain to be told from others by their hash.
    pub min_quality: u8,
    /// Larger distances of perceptual hashes are no evidence; of 256.
    pub max_distance: u32,
    /// The distance, of 256 bits, at which a match is as likely right as wrong.
    pub even_distance: f64,
    /// Bits by which the odds change e-fold.
    pub distance_scale: f64,
    /// The score at which 99 of 100 matches that are told are right.
    pub min_score: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { min_quality: 10, max_distance: 90, even_distance: 70.0, distance_scale: 5.0, min_score: 0.9 }
    }
}

impl Calibration {
    /// The probability that two pictures are the same whose hashes differ in `distance` bits.
    pub fn score(&self, distance: u32) -> f64 {
        1.0 / (1.0 + ((f64::from(distance) - self.even_distance) / self.distance_scale).exp())
    }
}

/// Best first, no more than asked for.
pub(super) fn order(matches: &mut Vec<Match>, options: &Options) {
    matches.retain(|found| found.score >= options.min_score);
    matches.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.source.cmp(&b.source)));
    if options.top > 0 {
        matches.truncate(options.top);
    }
}
