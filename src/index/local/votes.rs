//! The query's features -> candidates: the pictures that most entries with near signatures speak for.
//!
//! Words alone are coarse; an entry votes only where its signature is near the query's (Jégou, Douze and
//! Schmid, 2008), and the nearer the more. Votes of one picture count together where they agree on one turn
//! and one scale (weak geometric consistency, same paper). Four forms of the query vote in one pass: as it
//! is, mirrored, inverted, and both; the gallery is described once.

use rayon::prelude::*;

use super::{Found, Postings, Vocabulary, geometry};
use crate::describe::local::simd::dispatched;
use crate::describe::local::{Features, Keypoint};
use crate::error::Result;

/// How candidates are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Words that are looked up for each feature of the query. 3: the descriptor of a copy has shifted, and
    /// a fourth found no copy more, for a quarter of the time in a large index.
    pub words: usize,
    /// The same for its inverted forms. 2: whoever inverts a picture seldom does more to it.
    pub words_negated: usize,
    /// Bits of 64 in which signatures differ at most. 22: of two entries of chance 8 in 1,000 are as near.
    pub max_distance: u32,
    /// Candidates that are given at most. 200.
    pub candidates: usize,
    /// Votes that a candidate has at least, in agreement. 3: verification needs four inliers, and finds some
    /// that agree only roughly.
    pub min_votes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { words: 3, words_negated: 2, max_distance: 22, candidates: 200, min_votes: 3 }
    }
}

/// What was done to the query before its features were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Form {
    /// Mirrored left to right.
    pub mirrored: bool,
    /// Inverted: light for dark.
    pub negated: bool,
}

impl Form {
    /// All four, the identity first.
    pub const ALL: [Self; 4] = [
        Self { mirrored: false, negated: false },
        Self { mirrored: true, negated: false },
        Self { mirrored: false, negated: true },
        Self { mirrored: true, negated: true },
    ];
}

/// A feature of the query and one of a picture that look alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// In the query, in the candidate's form.
    pub query: Keypoint,
    /// In the picture, to the precision in which it is kept.
    pub source: Keypoint,
    /// How much it says.
    pub weight: f32,
}

/// A picture that may show what the query shows.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its number in the index.
    pub picture: u32,
    /// The size of what was described, in pixels.
    pub size: (f32, f32),
    /// The form of the query that it resembles.
    pub form: Form,
    /// Sum of its votes that agree; only comparisons within one search matter.
    pub votes: f32,
    /// All its votes.
    pub hits: Vec<Hit>,
}

/// A query's features in one of its forms, ready to be looked up.
struct Asked {
    form: Form,
    keypoints: Vec<Keypoint>,
    /// The words of each, and its signature in each.
    words: Vec<Vec<(u32, u64)>>,
}

/// A query, ready to be looked up in any number of files.
pub struct Query(Vec<Asked>);

/// A vote as it is cast.
#[derive(Clone, Copy)]
struct Vote {
    picture: u32,
    form: u8,
    keypoint: u16,
    geometry: u32,
    weight: f32,
}

impl Query {
    /// Quantises the features of a query that is `width` pixels wide.
    pub fn new(features: &Features, width: f32, options: &Options) -> Self {
        let vocabulary = Vocabulary::built_in();
        let words: Vec<_> = features.descriptors.par_iter().map(|d| vocabulary.words(d, options.words)).collect();
        let mut of_form = Form::ALL.map(|_| Vec::with_capacity(words.len()));
        for words in words {
            for ((all, form), mut words) in of_form.iter_mut().zip(Form::ALL).zip(words) {
                words.truncate(if form.negated { options.words_negated } else { options.words });
                all.push(words);
            }
        }
        let asked = Form::ALL.into_iter().zip(of_form).map(|(form, words)| {
            let turned = if form.mirrored { features.mirrored(width) } else { features.clone() };
            let turned = if form.negated { turned.negated() } else { turned };
            Asked { form, keypoints: turned.keypoints, words }
        });
        Self(asked.collect())
    }

    /// The best candidates of several files, best first.
    ///
    /// # Errors
    /// `Damaged` where a block that is read is.
    pub fn candidates(&self, files: &[Postings], options: &Options) -> Result<Vec<Candidate>> {
        let found: Result<Vec<_>> = files.par_iter().map(|file| self.of_file(file, options)).collect();
        let mut all: Vec<_> = found?.into_iter().flatten().collect();
        all.sort_by(|a, b| b.votes.total_cmp(&a.votes).then(a.picture.cmp(&b.picture)));
        all.truncate(options.candidates);
        Ok(all)
    }

    fn of_file(&self, file: &Postings, options: &Options) -> Result<Vec<Candidate>> {
        let cast: Result<Vec<_>> = self.0.par_iter().map(|asked| cast(asked, file, options)).collect();
        let cast = cast?;
        // In a large file nearly all votes are chance and alone: they are left out before the rest is sorted.
        let mut counts = vec![0u8; Form::ALL.len() * file.pictures()];
        let cell = |vote: &Vote| Form::ALL.len() * vote.picture as usize + usize::from(vote.form);
        for vote in cast.iter().flatten() {
            if let Some(count) = counts.get_mut(cell(vote)) {
                *count = count.saturating_add(1);
            }
        }
        let least = u8::try_from(options.min_votes).unwrap_or(u8::MAX);
        let backed = |vote: &Vote| counts.get(cell(vote)).is_some_and(|&count| count >= least);
        let mut votes: Vec<Vote> = cast.into_iter().flatten().filter(backed).collect();
        votes.sort_unstable_by_key(|vote| {
            u64::from(vote.picture) << 32 | u64::from(vote.form) << 16 | u64::from(vote.keypoint)
        });
        let groups = votes.chunk_by(|a, b| (a.picture, a.form) == (b.picture, b.form));
        let mut scored: Vec<_> = groups
            .filter(|group| group.len() >= options.min_votes)
            .filter_map(|group| Some((self.agreement(group, options)?, group)))
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(options.candidates);
        scored.into_iter().filter_map(|(votes, group)| self.candidate(file, votes, group).transpose()).collect()
    }

    fn candidate(&self, file: &Postings, votes: f32, group: &[Vote]) -> Result<Option<Candidate>> {
        let Some(first) = group.first() else { return Ok(None) };
        let Some(asked) = self.0.get(usize::from(first.form)) else { return Ok(None) };
        let source = file.source(first.picture)?;
        let hit = |vote: &Vote| {
            let query = *asked.keypoints.get(usize::from(vote.keypoint))?;
            Some(Hit { query, source: geometry::unpack(vote.geometry), weight: vote.weight })
        };
        Ok(Some(Candidate {
            picture: source.picture,
            size: (source.width.into(), source.height.into()),
            form: asked.form,
            votes,
            hits: group.iter().filter_map(hit).collect(),
        }))
    }

    /// The heaviest sum of votes that agree on a turn and a scale; each feature of the query counts once there.
    fn agreement(&self, group: &[Vote], options: &Options) -> Option<f32> {
        const TURNS: usize = 16;
        const SCALES: usize = 12;
        let asked = self.0.get(usize::from(group.first()?.form))?;
        let mut bins = [[(0.0f32, 0u16, u16::MAX); SCALES]; TURNS];
        for vote in group {
            let query = asked.keypoints.get(usize::from(vote.keypoint))?;
            let source = geometry::unpack(vote.geometry);
            let turn = (source.angle - query.angle) / std::f32::consts::TAU + 2.0;
            let scale = (source.scale / query.scale).log2() + SCALES as f32 / 2.0;
            // Into the two nearest bins of each, so that nothing is lost at their borders.
            let (turn, scale) = (turn * TURNS as f32 - 0.5, scale - 0.5);
            for (dt, ds) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let (t, s) = ((turn as usize + dt) % TURNS, scale.max(0.0) as usize + ds);
                if let Some((sum, count, last)) = bins.get_mut(t).and_then(|row| row.get_mut(s))
                    && *last != vote.keypoint
                {
                    (*sum, *count, *last) = (*sum + vote.weight, *count + 1, vote.keypoint);
                }
            }
        }
        let enough = bins.iter().flatten().filter(|bin| usize::from(bin.1) >= options.min_votes);
        enough.map(|bin| bin.0).max_by(f32::total_cmp)
    }
}

dispatched! {
    /// Looks up the words of one form of the query.
    fn cast(asked: &Asked, file: &Postings, options: &Options) -> Result<Vec<Vote>> = cast_plain
}

#[inline(always)]
fn cast_plain(asked: &Asked, file: &Postings, options: &Options) -> Result<Vec<Vote>> {
    let form = Form::ALL.iter().position(|form| *form == asked.form).unwrap_or_default() as u8;
    let worth: [f32; 65] = std::array::from_fn(|distance| nearness(distance as u32));
    let mut votes = Vec::new();
    for (keypoint, words) in (0..u16::MAX).zip(&asked.words) {
        for &(word, signature) in words {
            let before = votes.len();
            let length = file.of_word(word, |found| {
                let distance = (found.signature ^ signature).count_ones();
                if distance <= options.max_distance {
                    let Found { picture, geometry, .. } = found;
                    let weight = worth.get(distance as usize).copied().unwrap_or_default();
                    votes.push(Vote { picture, form, keypoint, geometry, weight });
                }
            })?;
            if let Some(cast) = votes.get_mut(before..).filter(|cast| !cast.is_empty()) {
                let rarity = (file.entries().max(1) as f32 / length.max(1) as f32).ln();
                cast.iter_mut().for_each(|vote| vote.weight *= rarity);
            }
        }
    }
    Ok(votes)
}

/// What a vote is worth by the distance of its signature: a Gaussian of a standard deviation of 12 bits.
fn nearness(distance: u32) -> f32 {
    (-((distance * distance) as f32) / (2.0 * 12.0 * 12.0)).exp()
}
