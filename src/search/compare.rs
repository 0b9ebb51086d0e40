//! Two pictures -> how one came from the other, by the same evidence as a search.

use super::geometry::{Homography, Point};
use super::{Aligned, Found, Match, Options, Relation, align, as_query};
use crate::decode::metadata::Metadata;
use crate::decode::{self, Picture};
use crate::describe::{describe, probe};
use crate::error::{Error, Result};
use crate::index::Digest;
use crate::index::local::{Candidate, Postings, Query, Record, Sketch, write};
use crate::locator::{Locator, Stamp};

/// A picture file that is compared.
#[derive(Clone, Debug)]
pub struct Side {
    /// The file's content.
    pub bytes: Vec<u8>,
    /// Where it stands.
    pub locator: Locator,
    /// Its size and time.
    pub stamp: Stamp,
}

/// What two pictures have to do with each other.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The second picture as a match of the first; its score is low where they are different pictures.
    pub found: Match,
    /// Whether that score reaches `min_score`.
    pub same: bool,
    /// The first has too little detail to be recognised, so that only the same bytes would have told.
    pub too_plain: bool,
    /// Both as they were compared: upright luminance, at most 512 pixels a side.
    pub pictures: [Picture; 2],
    /// What they share, as corners in the pixels of each of `pictures`; empty where no geometry was found.
    pub outlines: [Vec<Point>; 2],
    /// Places that agree, in the pixels of each of `pictures`.
    pub inliers: Vec<[Point; 2]>,
}

/// Compares two pictures.
///
/// # Errors
/// Those of [`decode::decode`], about the file that can't be read.
pub fn compare(query: &Side, source: &Side, options: &Options) -> Result<Comparison> {
    let decoded = |side: &Side| {
        let about = |error: Error| match side.locator.path() {
            Some(path) => as_query(error, &side.bytes).about(path),
            None => error,
        };
        decode::decode(&side.bytes, &options.decode).map_err(about)
    };
    let (first, second) = (decoded(query)?, decoded(source)?);
    let asked = probe(&first);
    let kept = describe(&second);
    let mut found = Found::default();
    found.evidence.identical = Digest::of(&query.bytes) == Digest::of(&source.bytes);
    let least = options.calibration.min_quality;
    if asked.quality >= least && kept.quality >= least {
        let nearest =
            asked.forms.iter().map(|(form, hash)| (hash.distance(kept.hash), *form)).min_by_key(|near| near.0);
        if let Some((distance, form)) = nearest.filter(|near| near.0 <= options.calibration.max_distance) {
            (found.evidence.distance, found.form) = (Some(distance), Some(form));
        }
    }
    let mut file = Vec::new();
    let sketch = Sketch::of(&kept.features, second.reduced_width, second.reduced_height);
    write(&mut file, &[Record { sketch, ..Record::default() }])?;
    let size = (first.reduced_width as f32, first.reduced_height as f32);
    let candidates = Query::new(&asked.features, size.0, &options.local).candidates(
        &[Postings::from_bytes(file)?],
        &options.local,
        &|_| true,
    )?;
    let full = (second.width, second.height);
    let mut best: Option<(Drawn, usize)> = None;
    for candidate in &candidates {
        let Some((_, evidence, alignment, form, reduced)) = align(candidate, size, options) else { continue };
        found.align(evidence, Aligned::of(&alignment, form, &first, reduced, full), form);
        if best.as_ref().is_none_or(|(_, inliers)| *inliers < evidence.inliers) {
            best = Some((Drawn::of(candidate, &alignment.map(), &alignment.inliers, size), evidence.inliers));
        }
    }
    let Relation { score, kind, transform, overlaps } = found.relation(&first, full, options);
    let same = score >= options.min_score;
    let Drawn { outlines, inliers } = best.filter(|_| same).map(|(drawn, _)| drawn).unwrap_or_default();
    let told = same.then_some(transform);
    let found = Match {
        source: source.locator.clone(),
        score,
        kind,
        transform: told,
        query_overlap: told.map(|_| overlaps.0),
        source_overlap: told.map(|_| overlaps.1),
        evidence: found.evidence,
        width: second.width,
        height: second.height,
        format: second.format.name(),
        partial_data: second.partial_data,
        metadata: Metadata::of(&source.bytes),
        shown: None,
        stamp: source.stamp,
        offline: false,
        pair: None,
    };
    let too_plain = !same && options.calibration.too_plain(&asked);
    Ok(Comparison { found, same, too_plain, pictures: [first, second], outlines, inliers })
}

/// What of an alignment can be drawn.
#[derive(Default)]
struct Drawn {
    outlines: [Vec<Point>; 2],
    inliers: Vec<[Point; 2]>,
}

impl Drawn {
    /// Of an alignment by `map` between reduced pictures, the query `size` pixels and maybe mirrored.
    fn of(candidate: &Candidate, map: &Homography, inliers: &[u32], size: (f32, f32)) -> Self {
        let upright = |(x, y): Point| (if candidate.form.mirrored { f64::from(size.0) - x } else { x }, y);
        let wide = |(width, height): (f32, f32)| (f64::from(width), f64::from(height));
        let outline = map.overlap(wide(size), wide(candidate.size)).outline;
        let there = outline.iter().filter_map(|&corner| map.apply(corner)).collect();
        let pair = |&i: &u32| {
            let hit = candidate.hits.get(i as usize)?;
            let query = (f64::from(hit.query.x), f64::from(hit.query.y));
            Some([upright(query), (f64::from(hit.source.x), f64::from(hit.source.y))])
        };
        Self {
            outlines: [outline.into_iter().map(upright).collect(), there],
            inliers: inliers.iter().filter_map(pair).collect(),
        }
    }
}
