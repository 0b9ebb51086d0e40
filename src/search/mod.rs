//! The query flow: query -> decode -> describe -> candidates -> verify -> rank.
//!
//! The query lives in memory only: nothing here writes, and what is returned holds none of it. It comes as a [`Query`], which
//! is its description: whoever decoded it may be another process.

mod compare;
mod dupes;
mod gallery;
pub mod geometry;
mod pairs;
mod query;
mod rank;
pub mod verify;
mod wire;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use compare::{Comparison, Side, compare};
pub use dupes::{Group, dupes};
pub use gallery::{Gallery, search_all};
pub use geometry::Transform;
pub use query::Query;
pub use rank::{Calibration, Evidence};

use rayon::prelude::*;
use verify::Correspondence;

use crate::decode::metadata::Metadata;
use crate::describe::hash::Dihedral;
use crate::error::Result;
use crate::index::filter::Filter;
use crate::index::local::{self, Candidate, Form, Hit};
use crate::index::{Offline, PictureId, Reader, Selection, Shown, State};
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
    /// Only what passes this; by default everything does.
    pub filter: Filter,
    /// How candidates are chosen by their local features.
    pub local: local::Options,
    /// What counts as an alignment of two pictures.
    pub verify: verify::Options,
    /// What evidence is worth.
    pub calibration: Calibration,
    /// Roots of the index that can't be reached now: what stands there is found and marked.
    pub offline: Offline,
    /// A raw file and the JPEG or HEIC of the same shot are told as one match.
    pub raw_pairs: bool,
}

impl Default for Options {
    fn default() -> Self {
        let calibration = Calibration::default();
        Self {
            top: 10,
            min_score: calibration.min_score,
            within: Vec::new(),
            filter: Filter::default(),
            local: local::Options::default(),
            verify: verify::Options::default(),
            calibration,
            offline: Offline::default(),
            raw_pairs: false,
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
    /// One contains a part of the other: a crop, a collage, a picture in a picture, a screenshot.
    Partial,
}

impl Kind {
    /// Its name in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Copy => "copy",
            Self::Partial => "partial",
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
    /// What speaks for it.
    pub evidence: Evidence,
    /// Width of the source in pixels, upright.
    pub width: u32,
    /// Height of the source in pixels, upright.
    pub height: u32,
    /// Name of its file format.
    pub format: &'static str,
    /// Whether its file is damaged and what was matched are only the rows that could be read.
    pub partial_data: bool,
    /// What its file says of how it came about.
    pub metadata: Metadata,
    /// The page that showed it, if it comes from the web.
    pub shown: Option<Box<Shown>>,
    /// Its size and time.
    pub stamp: Stamp,
    /// It can't be reached now: the folder that was indexed is unplugged, unmounted or gone as a whole.
    pub offline: bool,
    /// The raw file, or the JPEG or HEIC, of the same shot, where that was asked for and was found too.
    pub pair: Option<Locator>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Too little detail to be recognised, so that only the same bytes were searched for.
    pub too_plain: bool,
    /// The query's file is damaged, and what was searched for are only the rows that could be read.
    pub partial_data: bool,
    /// Pictures searched.
    pub searched: u64,
    /// Best first; equal scores in the order of their places.
    pub matches: Vec<Match>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Finds where a query's picture stands in the index.
///
/// # Errors
/// `Damaged` for the index.
pub fn search(reader: &Reader, query: &Query, options: &Options) -> Result<Answer> {
    let started = Instant::now();
    let selected = selection(reader, options)?;
    let matches = query.matches(reader, selected.as_ref(), options)?;
    Ok(query.answer(matches, searched(reader, selected.as_ref())?, started, options))
}

impl Query {
    /// The places of an index that show it, in any order.
    fn matches(&self, reader: &Reader, selected: Option<&Selection>, options: &Options) -> Result<Vec<Match>> {
        let mut matches = Vec::new();
        for (id, found) in gather(reader, self, selected, options)? {
            matches.extend(matches_of(reader, id, &found, self, selected, options)?);
        }
        Ok(matches)
    }

    fn answer(&self, mut matches: Vec<Match>, searched: u64, started: Instant, options: &Options) -> Answer {
        rank::order(&mut matches, options);
        let too_plain = matches.is_empty() && options.calibration.too_plain(&self.probe);
        Answer { too_plain, partial_data: self.partial_data, searched, matches, elapsed: started.elapsed() }
    }
}

/// How many pictures are searched.
fn searched(reader: &Reader, selected: Option<&Selection>) -> Result<u64> {
    selected.map_or_else(|| reader.pictures(), |selected| Ok(selected.pictures()))
}

/// What the search is limited to; `None` where it is not.
fn selection(reader: &Reader, options: &Options) -> Result<Option<Selection>> {
    if options.filter.is_empty() && options.within.is_empty() {
        return Ok(None);
    }
    let within: Vec<_> = options.within.iter().map(|folder| Locator::from(folder.as_path())).collect();
    reader.select(&options.filter, &within).map(Some)
}

/// What speaks for a picture of the index.
#[derive(Clone, Debug, Default)]
struct Found {
    evidence: Evidence,
    /// Full-size query pixels to full-size source pixels and what the two share, by local features.
    aligned: Option<Aligned>,
    /// How the whole query lies on the whole picture, by perceptual hash.
    form: Option<Dihedral>,
}

impl Found {
    /// Takes an alignment in. A picture may resemble the query in two forms; the one that more agree on counts.
    fn align(&mut self, evidence: Evidence, aligned: Aligned, form: Form) {
        let Evidence { identical, distance, inliers, .. } = self.evidence;
        if inliers < evidence.inliers {
            // Hashes of light for dark say nothing.
            let contradicted = !form.negated && aligned.whole && aligned.transform.is_upright();
            self.evidence = Evidence { identical, distance, contradicted, ..evidence };
            self.aligned = Some(aligned);
        }
    }

    /// What is told of it, where the query has `query` and the picture `source` pixels.
    fn relation(&self, query: (u32, u32), source: (u32, u32), options: &Options) -> Relation {
        let score = options.calibration.score(&self.evidence);
        let whole = |form| Transform::whole(form, query, source);
        let (kind, transform, overlaps) = match (&self.aligned, self.form) {
            _ if self.evidence.identical => (Kind::Identical, whole(Dihedral::default()), (1.0, 1.0)),
            (Some(aligned), form) if form.is_none() || options.calibration.believes(&self.evidence) => {
                let kind = if aligned.whole { Kind::Copy } else { Kind::Partial };
                let transform = aligned.transform.rescaled((1.0, 1.0), factor(wide(source), aligned.source));
                (kind, transform, (aligned.query_overlap, aligned.source_overlap))
            }
            (_, form) => (Kind::Copy, whole(form.unwrap_or_default()), (1.0, 1.0)),
        };
        Relation { score, kind, transform, overlaps }
    }
}

/// How a picture and the query are related.
struct Relation {
    score: f64,
    kind: Kind,
    transform: Transform,
    /// Shares of the query and of the picture.
    overlaps: (f64, f64),
}

/// An alignment between the full-size query and the reduced source.
#[derive(Clone, Debug)]
struct Aligned {
    transform: Transform,
    /// Size of the reduced source.
    source: geometry::Size,
    query_overlap: f64,
    source_overlap: f64,
    whole: bool,
}

/// Everything that speaks for some picture, by the picture.
fn gather(
    reader: &Reader,
    query: &Query,
    selected: Option<&Selection>,
    options: &Options,
) -> Result<Vec<(PictureId, Found)>> {
    let Query { digest, full, reduced, probe, .. } = query;
    let mut found: BTreeMap<PictureId, Found> = BTreeMap::new();
    let wanted = |id: PictureId| selected.is_none_or(|selected| selected.holds(id));
    if let Some(id) = reader.picture_with(digest)?.filter(|&id| wanted(id)) {
        let same = found.entry(id).or_default();
        (same.evidence.identical, same.form) = (true, Some(Dihedral::default()));
    }
    let size = (reduced.0 as f32, reduced.1 as f32);
    let calibration = &options.calibration;
    let (near, (query, candidates)) = rayon::join(
        || match probe.quality >= calibration.min_quality {
            true => reader.near(probe, calibration.max_distance),
            false => Ok(Vec::new()),
        },
        || {
            let query = local::Query::new(&probe.features, size.0);
            let candidates = reader.local_candidates(&query, &options.local, selected);
            (query, candidates)
        },
    );
    let is_near =
        |(candidate, _): &local::Near| candidate.quality >= calibration.min_quality && wanted(candidate.picture);
    let near: Vec<_> = near?.into_iter().filter(is_near).collect();
    for (candidate, _) in &near {
        let near = found.entry(candidate.picture).or_default();
        near.evidence.distance = Some(candidate.distance);
        near.form.get_or_insert(candidate.form);
    }
    let sizes = (*full, *reduced);
    let mut candidates = candidates?;
    // Of the nearest, nearly all are copies, and features say how they lie.
    let proposed: HashSet<_> = candidates.iter().map(|candidate| candidate.picture).collect();
    let near: Vec<_> = near.into_iter().filter(|(near, _)| !proposed.contains(&near.picture.0)).collect();
    let nearest = near.get(..options.local.candidates).unwrap_or(&near);
    candidates.extend(reader.local_candidates_at(&query, nearest, &options.local)?);
    verify_all(&candidates, sizes, &mut found, options);
    // Most queries are settled by now. Where none of the candidates is told for sure, copies may stand at less likely places;
    // where many are, more may follow.
    let is_settled = |found: &&Found| calibration.score(&found.evidence) >= calibration.min_score;
    let settled = found.values().filter(is_settled).count();
    if settled == 0 || 2 * settled >= options.local.candidates {
        let known = candidates.iter().map(|candidate| (candidate.picture, candidate.form)).collect();
        let candidates = reader.more_local_candidates(&query, &options.local.wider(), selected, &known)?;
        verify_all(&candidates, sizes, &mut found, options);
    }
    Ok(found.into_iter().collect())
}

/// Finds how candidates lie on the query, of which both sizes are given, and notes the evidence.
fn verify_all(
    candidates: &[Candidate],
    (full, reduced): ((u32, u32), (u32, u32)),
    found: &mut BTreeMap<PictureId, Found>,
    options: &Options,
) {
    let size = (reduced.0 as f32, reduced.1 as f32);
    let aligned: Vec<_> = candidates.par_iter().filter_map(|candidate| align(candidate, size, options)).collect();
    for (picture_id, evidence, alignment, form, source) in aligned {
        let entry = found.entry(picture_id).or_default();
        if entry.evidence.inliers < evidence.inliers {
            entry.align(evidence, Aligned::of(&alignment, form, (full, reduced), source), form);
        }
    }
}

type Verified = (PictureId, Evidence, verify::Alignment, Form, (f32, f32));

fn align(candidate: &Candidate, query: (f32, f32), options: &Options) -> Option<Verified> {
    let pair = |hit: &Hit| Correspondence { query: hit.query, source: hit.source, weight: hit.weight };
    let pairs: Vec<_> = candidate.hits.iter().map(pair).collect();
    let alignment = verify::align(&pairs, query, candidate.size, &options.verify)?;
    let evidence = Evidence {
        inliers: alignment.inliers.len(),
        spread: alignment.spread.into(),
        distinct: alignment.distinct.into(),
        ..Evidence::default()
    };
    Some((PictureId(candidate.picture), evidence, alignment, candidate.form, candidate.size))
}

impl Aligned {
    /// From the reduced query to the full one, of which both sizes are given, the full one first, and from the form that was
    /// compared to the query as it came.
    fn of(alignment: &verify::Alignment, form: Form, query: ((u32, u32), (u32, u32)), source: (f32, f32)) -> Self {
        let (reduced, source) = (wide(query.1), (source.0.into(), source.1.into()));
        let upright = if form.mirrored { alignment.transform.mirror_query(reduced.0) } else { alignment.transform };
        let map = alignment.homography.unwrap_or_else(|| alignment.transform.into());
        let overlap = map.overlap(reduced, source);
        // The overlap's box, not its area: a picture turned within its frame is whole.
        let span = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
            (high - low).max(0.0)
        };
        let across = span(&mut overlap.outline.iter().map(|point| point.0)) / reduced.0.max(1.0);
        let down = span(&mut overlap.outline.iter().map(|point| point.1)) / reduced.1.max(1.0);
        Self {
            transform: upright.rescaled(factor(wide(query.0), reduced), (1.0, 1.0)),
            source,
            query_overlap: overlap.query,
            source_overlap: overlap.source,
            whole: overlap.source >= WHOLE && across.min(down) >= WHOLE,
        }
    }
}

fn wide((width, height): (u32, u32)) -> geometry::Size {
    (f64::from(width), f64::from(height))
}

/// How much larger one size is than another, across and down.
fn factor(full: geometry::Size, reduced: geometry::Size) -> geometry::Size {
    (full.0 / reduced.0.max(1.0), full.1 / reduced.1.max(1.0))
}

/// Share of both pictures from which a match is of the whole: a frame of 3 % may be lost on each side.
const WHOLE: f64 = 0.88;

/// The places of one picture, as matches.
fn matches_of(
    reader: &Reader,
    id: PictureId,
    found: &Found,
    query: &Query,
    selected: Option<&Selection>,
    options: &Options,
) -> Result<Vec<Match>> {
    let Some(facts) = reader.facts(id)? else { return Ok(Vec::new()) };
    let Relation { score, kind, transform, overlaps } =
        found.relation(query.full, (facts.width, facts.height), options);
    if score < options.min_score {
        return Ok(Vec::new());
    }
    let sources = match selected {
        Some(selected) => reader.selected_sources_of(id, selected)?,
        None => reader.sources_of(id)?,
    };
    let sources = sources.into_iter().filter(|source| source.state == State::Present);
    Ok(sources
        .map(|source| Match {
            offline: options.offline.holds(&source.locator),
            source: source.locator,
            score,
            kind,
            transform: Some(transform),
            query_overlap: Some(overlaps.0),
            source_overlap: Some(overlaps.1),
            evidence: found.evidence,
            width: facts.width,
            height: facts.height,
            format: facts.format,
            partial_data: facts.partial_data,
            metadata: facts.metadata.clone(),
            shown: source.shown,
            stamp: source.stamp,
            pair: None,
        })
        .collect())
}
