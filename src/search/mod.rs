//! The query flow: query -> decode -> describe -> candidates -> rank.
//!
//! The query lives in memory only: nothing here writes, and what is returned holds none of it.

pub mod geometry;
mod rank;
pub mod verify;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use geometry::Transform;
pub use rank::Calibration;

use crate::decode::{self, Picture};
use crate::describe::{Probe, probe};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Digest, PictureId, Reader, State};
use crate::locator::{Locator, Stamp};

/// What is searched for and how much of it is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// At most so many matches; 0: all.
    pub top: usize,
    /// Matches with a lower score are not told.
    pub min_score: f64,
    /// Only what stands below one of these folders, absolute; empty: everywhere.
    pub within: Vec<PathBuf>,
    /// How the query is decoded: as the pictures in the index were.
    pub decode: decode::Options,
    /// What evidence is worth.
    pub calibration: Calibration,
}

impl Default for Options {
    fn default() -> Self {
        let calibration = Calibration::default();
        Self {
            top: 10,
            min_score: calibration.min_score,
            within: Vec::new(),
            decode: decode::Options::default(),
            calibration,
        }
    }
}

/// How a match and the query are related.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The same bytes.
    Identical,
    /// The whole picture: recompressed, resized, recoloured, mirrored, turned.
    Copy,
}

impl Kind {
    /// Its name in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Copy => "copy",
        }
    }
}

/// A place where the query's picture stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Where.
    pub source: Locator,
    /// Probability that it shows the same picture, 0 to 1.
    pub score: f64,
    /// How it and the query are related.
    pub kind: Kind,
    /// Takes query pixels to source pixels, where geometry was found.
    pub transform: Option<Transform>,
    /// Share of the query's area that the two have in common, 0 to 1.
    pub query_overlap: Option<f64>,
    /// Share of the source's area that the two have in common, 0 to 1.
    pub source_overlap: Option<f64>,
    /// Width of the source in pixels, upright.
    pub width: u32,
    /// Height of the source in pixels, upright.
    pub height: u32,
    /// Name of its file format.
    pub format: &'static str,
    /// Its size and time.
    pub stamp: Stamp,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Too little detail to be recognised, so that only the same bytes were searched for.
    pub too_plain: bool,
    /// Pictures searched.
    pub searched: u64,
    /// Best first; equal scores in the order of their places.
    pub matches: Vec<Match>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Finds where the picture in `bytes`, a picture file's content, stands in the index.
///
/// # Errors
/// Those of [`decode::decode`] for the query; `Damaged` for the index.
pub fn search(reader: &Reader, bytes: &[u8], options: &Options) -> Result<Answer> {
    let started = Instant::now();
    let picture = decode::decode(bytes, &options.decode).map_err(|error| as_query(error, bytes))?;
    let probe = probe(&picture);
    let searched = reader.pictures()?;
    let found = candidates(reader, &Digest::of(bytes), &probe, options)?;
    let mut matches = Vec::new();
    for (id, found) in found {
        matches.extend(matches_of(reader, id, &found, &picture, options)?);
    }
    rank::order(&mut matches, options);
    let too_plain = matches.is_empty() && probe.quality < options.calibration.min_quality;
    Ok(Answer { too_plain, searched, matches, elapsed: started.elapsed() })
}

/// A file that is no picture can't be a query, and an empty one is most often a pipe that brought nothing.
fn as_query(error: Error, bytes: &[u8]) -> Error {
    if bytes.is_empty() { Error::new(ErrorKind::NotAPicture, "empty: a picture file was expected") } else { error }
}

/// What speaks for a picture of the index.
struct Found {
    kind: Kind,
    form: crate::describe::hash::Dihedral,
    score: f64,
}

/// The pictures that may be the query's, each once, with a score of `min_score` at least.
fn candidates(reader: &Reader, digest: &Digest, probe: &Probe, options: &Options) -> Result<Vec<(PictureId, Found)>> {
    let calibration = &options.calibration;
    let identical = reader.picture_with(digest)?;
    let mut found: Vec<_> = identical
        .map(|id| (id, Found { kind: Kind::Identical, form: Default::default(), score: 1.0 }))
        .into_iter()
        .collect();
    if probe.quality >= calibration.min_quality {
        for candidate in reader.candidates(probe, calibration.max_distance)? {
            let score = calibration.score(candidate.distance);
            let plain = candidate.quality < calibration.min_quality;
            if Some(candidate.picture) != identical && !plain && score >= options.min_score {
                found.push((candidate.picture, Found { kind: Kind::Copy, form: candidate.form, score }));
            }
        }
    }
    Ok(found)
}

/// The places of one picture, as matches.
fn matches_of(reader: &Reader, id: PictureId, found: &Found, query: &Picture, options: &Options) -> Result<Vec<Match>> {
    let Some(facts) = reader.facts(id)? else { return Ok(Vec::new()) };
    let transform = Transform::whole(found.form, (query.width, query.height), (facts.width, facts.height));
    let within = |source: &Locator| {
        options.within.is_empty()
            || source.path().is_some_and(|path| options.within.iter().any(|folder| path.starts_with(folder)))
    };
    let sources =
        reader.sources_of(id)?.into_iter().filter(|source| source.state == State::Present && within(&source.locator));
    Ok(sources
        .map(|source| Match {
            source: source.locator,
            score: found.score,
            kind: found.kind,
            transform: Some(transform),
            query_overlap: Some(1.0),
            source_overlap: Some(1.0),
            width: facts.width,
            height: facts.height,
            format: facts.format,
            stamp: source.stamp,
        })
        .collect())
}
