//! The query's features -> candidates: the pictures that most entries with near signatures speak for.
//!
//! Words alone are coarse; an entry votes only where its signature is near the query's (Jégou, Douze and
//! Schmid, 2008), and the nearer the more. Votes of one picture count together where they agree on one turn
//! and one scale (weak geometric consistency, same paper). Four forms of the query vote in one pass: as it
//! is, mirrored, inverted, and both; the gallery is described once.

use rayon::prelude::*;

use super::postings::{Buffer, Lists, damaged};
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

/// Votes that a form of a query casts in one file, at least, and more for each picture. One that is a pattern all over
/// would cast thousands for each picture of the index.
const VOTES_MAX: usize = 1 << 18;
const VOTES_OF_PICTURE: usize = 4;
/// Votes of which a candidate's hits are made. A copy has a thousand or so; two patterns have one for each two places, and
/// all of them say the same.
const HITS_MAX: usize = 1 << 15;

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
    /// In the order of their words.
    lookups: Vec<Lookup>,
}

/// A word in which a keypoint's entries may stand, and the signature that they would have there.
struct Lookup {
    keypoint: u16,
    word: u32,
    signature: u64,
}

/// A query, ready to be looked up in any number of files.
pub struct Query(Vec<Asked>);

/// Whether a picture of this number is to be found.
type Wanted<'a> = &'a (dyn Fn(u32) -> bool + Sync);

/// A vote as it is cast.
#[derive(Clone, Copy)]
struct Vote {
    picture: u32,
    keypoint: u16,
    geometry: u32,
    weight: f32,
}

impl Query {
    /// Quantises the features of a query that is `width` pixels wide.
    pub fn new(features: &Features, width: f32, options: &Options) -> Self {
        let vocabulary = Vocabulary::built_in();
        let words: Vec<_> = features.descriptors.par_iter().map(|d| vocabulary.words(d, options.words)).collect();
        let mut of_form = Form::ALL.map(|_| Vec::with_capacity(options.words * words.len()));
        for (keypoint, words) in (0..u16::MAX).zip(words) {
            for ((lookups, form), words) in of_form.iter_mut().zip(Form::ALL).zip(words) {
                let count = if form.negated { options.words_negated } else { options.words };
                let lookup = |(word, signature)| Lookup { keypoint, word, signature };
                lookups.extend(words.into_iter().take(count).map(lookup));
            }
        }
        let asked = Form::ALL.into_iter().zip(of_form).map(|(form, mut lookups)| {
            lookups.sort_unstable_by_key(|lookup| lookup.word);
            let turned = if form.mirrored { features.mirrored(width) } else { features.clone() };
            let turned = if form.negated { turned.negated() } else { turned };
            Asked { form, keypoints: turned.keypoints, lookups }
        });
        Self(asked.collect())
    }

    /// The best candidates of several files among the pictures that are `wanted`, best first.
    ///
    /// # Errors
    /// `Damaged` where a block that is read is.
    pub fn candidates(&self, files: &[Postings], options: &Options, wanted: Wanted<'_>) -> Result<Vec<Candidate>> {
        let found: Result<Vec<_>> = files.par_iter().map(|file| self.of_file(file, options, wanted)).collect();
        let mut all: Vec<_> = found?.into_iter().flatten().collect();
        all.sort_by(|a, b| b.votes.total_cmp(&a.votes).then(a.picture.cmp(&b.picture)));
        all.truncate(options.candidates);
        Ok(all)
    }

    fn of_file(&self, file: &Postings, options: &Options, wanted: Wanted<'_>) -> Result<Vec<Candidate>> {
        let lists = file.lists()?;
        let of_form = |asked: &Asked| asked.candidates(file, &lists, options, wanted);
        let found: Result<Vec<_>> = self.0.par_iter().map(of_form).collect();
        Ok(found?.into_iter().flatten().collect())
    }
}

impl Asked {
    /// The lookups of each word.
    fn words(&self) -> impl Iterator<Item = &[Lookup]> {
        self.lookups.chunk_by(|a, b| a.word == b.word)
    }

    fn candidates(
        &self,
        file: &Postings,
        lists: &Lists,
        options: &Options,
        wanted: Wanted<'_>,
    ) -> Result<Vec<Candidate>> {
        let mut votes = backed(self.votes(file, lists, options)?, file.pictures(), options.min_votes);
        votes.sort_unstable_by_key(|vote| (vote.picture, vote.keypoint));
        let groups = votes.chunk_by(|a, b| a.picture == b.picture);
        let mut scored: Vec<_> = groups.filter_map(|group| Some((self.agreement(group, options)?, group))).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut candidates = Vec::new();
        for (votes, group) in scored {
            if candidates.len() == options.candidates {
                break;
            }
            candidates.extend(self.candidate(file, votes, group, wanted)?);
        }
        Ok(candidates)
    }

    /// The votes of all lists. Where places of the query that look alike would cast too many, fewer of them vote.
    fn votes(&self, file: &Postings, lists: &Lists, options: &Options) -> Result<Vec<Vote>> {
        let most = VOTES_MAX.saturating_add(file.pictures().saturating_mul(VOTES_OF_PICTURE));
        let alike = self.words().map(<[Lookup]>::len).max().unwrap_or_default();
        let mut step = 1;
        while step < alike {
            if let Some(votes) = cast(self, lists, options, step, most)? {
                return Ok(votes);
            }
            step *= 4;
        }
        // Of each word one place votes: not more often than there are entries.
        Ok(cast(self, lists, options, alike.max(1), usize::MAX)?.unwrap_or_default())
    }

    fn candidate(&self, file: &Postings, votes: f32, group: &[Vote], wanted: Wanted<'_>) -> Result<Option<Candidate>> {
        let Some(first) = group.first() else { return Ok(None) };
        let source = file.source(first.picture)?;
        if !wanted(source.picture) {
            return Ok(None);
        }
        let hit = |vote: &Vote| {
            let query = *self.keypoints.get(usize::from(vote.keypoint))?;
            Some(Hit { query, source: geometry::unpack(vote.geometry), weight: vote.weight })
        };
        Ok(Some(Candidate {
            picture: source.picture,
            size: (source.width.into(), source.height.into()),
            form: self.form,
            votes,
            hits: group.iter().step_by(group.len().div_ceil(HITS_MAX).max(1)).filter_map(hit).collect(),
        }))
    }

    /// The heaviest sum of votes that agree on a turn and a scale; each feature of the query counts once there.
    fn agreement(&self, group: &[Vote], options: &Options) -> Option<f32> {
        const TURNS: usize = 16;
        const SCALES: usize = 12;
        let mut bins = [[(0.0f32, 0u16, u16::MAX); SCALES]; TURNS];
        for vote in group {
            let query = self.keypoints.get(usize::from(vote.keypoint))?;
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
    /// The votes of all lists, where of each word every `step`th place of the query votes; `None` where they are more than
    /// `most`.
    fn cast(asked: &Asked, lists: &Lists, options: &Options, step: usize, most: usize) -> Result<Option<Vec<Vote>>> =
        cast_plain
}

#[inline(always)]
fn cast_plain(asked: &Asked, lists: &Lists, options: &Options, step: usize, most: usize) -> Result<Option<Vec<Vote>>> {
    let worth: [f32; 65] = std::array::from_fn(|distance| nearness(distance as u32));
    let (mut buffer, mut votes) = (Buffer::new(), Vec::new());
    let mut last = None;
    for same in asked.words() {
        let Some(&Lookup { word, .. }) = same.first() else { continue };
        if let Some(last) = last.replace(word)
            && !lists.follows(last, word)?
        {
            return Err(damaged());
        }
        let before = votes.len();
        let length = lists.of_word(word, &mut buffer, |Found { picture, geometry, signature, .. }| {
            // Nobody will look at what is too many.
            if votes.len() > most {
                return;
            }
            for lookup in same.iter().step_by(step) {
                let distance = (signature ^ lookup.signature).count_ones();
                if distance <= options.max_distance {
                    let weight = worth.get(distance as usize).copied().unwrap_or_default();
                    votes.push(Vote { picture, keypoint: lookup.keypoint, geometry, weight });
                }
            }
        })?;
        if votes.len() > most {
            return Ok(None);
        }
        if let Some(cast) = votes.get_mut(before..).filter(|cast| !cast.is_empty()) {
            let rarity = (lists.entries().max(1) as f32 / length.max(1) as f32).ln();
            cast.iter_mut().for_each(|vote| vote.weight *= rarity);
        }
    }
    Ok(Some(votes))
}

/// Those votes whose pictures have enough of them: in a large file nearly all are chance and alone.
fn backed(mut votes: Vec<Vote>, pictures: usize, least: usize) -> Vec<Vote> {
    let least = u8::try_from(least).unwrap_or(u8::MAX);
    let mut counts = vec![0u8; pictures];
    for vote in &votes {
        if let Some(count) = counts.get_mut(vote.picture as usize) {
            *count = count.saturating_add(1);
        }
    }
    votes.retain(|vote| counts.get(vote.picture as usize).is_some_and(|&count| count >= least));
    votes
}

/// What a vote is worth by the distance of its signature: a Gaussian of a standard deviation of 12 bits.
fn nearness(distance: u32) -> f32 {
    (-((distance * distance) as f32) / (2.0 * 12.0 * 12.0)).exp()
}
