//! Two pictures -> how one came from the other, by the same evidence as a search.

use super::geometry::{Homography, Point};
use super::query::decoded;
use super::wire::Parts;
use super::{Aligned, Found, Match, Options, Relation, align};
use crate::decode::metadata::Metadata;
use crate::decode::{self, Format, Gate, Picture};
use crate::describe::{describe, probe};
use crate::error::Result;
use crate::index::Digest;
use crate::index::local::{Candidate, FeatureFile, Query, Record, Sketch, write};
use crate::locator::{Locator, Stamp};

/// A picture that is compared.
#[derive(Clone, Debug)]
pub struct Side {
    digest: Digest,
    bytes: u64,
    picture: Picture,
    metadata: Metadata,
}

impl Side {
    /// Decodes the picture in `bytes`, a picture file's content. It and its pixels together take no more than
    /// `options.max_memory`.
    ///
    /// # Errors
    /// Those of [`decode::decode`].
    pub fn of(bytes: impl AsRef<[u8]>, options: &decode::Options) -> Result<Self> {
        Self::of_gated(bytes.as_ref(), options, &|_| Ok(()))
    }

    /// The same, asking `gate` for what the picture and its pixels take together.
    ///
    /// # Errors
    /// Those of [`Side::of`], and those of `gate`.
    pub fn of_gated(bytes: &[u8], options: &decode::Options, gate: Gate<'_>) -> Result<Self> {
        let picture = decoded(bytes, options, gate)?;
        Ok(Self { digest: Digest::of(bytes), bytes: bytes.len() as u64, picture, metadata: Metadata::of(bytes) })
    }

    /// The size of its file in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The side as bytes, some 200 kB, for [`Side::from_bytes`] of the same build.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Picture { format, width, height, reduced_width, reduced_height, luma, partial_data } = &self.picture;
        let sizes = [*width, *height, *reduced_width, *reduced_height].map(u32::to_le_bytes);
        let format = Format::ALL.iter().position(|other| other == format).unwrap_or_default() as u8;
        let own = [&self.digest.0[..], &self.bytes.to_le_bytes(), &[format, (*partial_data).into()]].concat();
        // What the file says of itself comes last: it alone has no length of its own.
        let metadata = serde_json::to_vec(&self.metadata).unwrap_or_default();
        [&own, sizes.as_flattened(), luma, &metadata].concat()
    }

    /// The side that these bytes are of; `None` where no picture can be decoded so.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        let digest = Digest(*parts.array()?);
        let bytes = u64::from_le_bytes(*parts.array()?);
        let (format, partial_data) = (*Format::ALL.get(usize::from(parts.byte()?))?, parts.flag()?);
        let ((width, height), (reduced_width, reduced_height)) = parts.sizes()?;
        let luma = parts.take((reduced_width as usize).checked_mul(reduced_height as usize)?)?.to_vec();
        let picture = Picture { format, width, height, reduced_width, reduced_height, luma, partial_data };
        let metadata = serde_json::from_slice(parts.0).ok()?;
        Some(Self { digest, bytes, picture, metadata })
    }
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

/// Compares two pictures, of which the second stands in a file at `locator`.
///
/// # Errors
/// `Damaged` is possible in name alone: what is written in memory is read again.
pub fn compare(
    query: &Side,
    source: &Side,
    (locator, stamp): (Locator, Stamp),
    options: &Options,
) -> Result<Comparison> {
    let (first, second) = (&query.picture, &source.picture);
    let asked = probe(first);
    let kept = describe(second);
    let mut found = Found::default();
    found.evidence.identical = query.digest == source.digest;
    let least = options.calibration.min_quality;
    if asked.quality >= least && kept.quality >= least {
        let nearest =
            asked.forms.iter().map(|(form, hash)| (hash.distance(kept.hash), *form)).min_by_key(|near| near.0);
        if let Some((distance, form)) = nearest.filter(|near| near.0 <= options.calibration.max_distance) {
            (found.evidence.distance, found.form) = (Some(distance), Some(form));
        }
    }
    let mut file = Vec::new();
    let sketch = Sketch::of(&kept.features, second);
    write(&mut file, &[Record { sketch, ..Record::default() }])?;
    let size = (first.reduced_width as f32, first.reduced_height as f32);
    let gallery = [FeatureFile::from_bytes(file)?];
    let candidates = Query::new(&asked.features, size.0).candidates(&gallery, &options.local, None)?;
    let sizes = ((first.width, first.height), (first.reduced_width, first.reduced_height));
    let full = (second.width, second.height);
    let mut best: Option<(Drawn, usize)> = None;
    for candidate in &candidates {
        let Some((_, evidence, alignment, form, reduced)) = align(candidate, size, options) else { continue };
        found.align(evidence, Aligned::of(&alignment, form, sizes, reduced), form);
        if best.as_ref().is_none_or(|(_, inliers)| *inliers < evidence.inliers) {
            best = Some((Drawn::of(candidate, &alignment.map(), &alignment.inliers, size), evidence.inliers));
        }
    }
    let Relation { score, kind, transform, overlaps } = found.relation(sizes.0, full, options);
    let same = score >= options.min_score;
    let Drawn { outlines, inliers } = best.filter(|_| same).map(|(drawn, _)| drawn).unwrap_or_default();
    let told = same.then_some(transform);
    let found = Match {
        source: locator,
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
        metadata: source.metadata.clone(),
        shown: None,
        stamp,
        offline: false,
        pair: None,
    };
    let too_plain = !same && options.calibration.too_plain(&asked);
    Ok(Comparison { found, same, too_plain, pictures: [first.clone(), second.clone()], outlines, inliers })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_comes_out_of_its_bytes_as_it_went_in_and_nothing_else_does() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/queries/half.jpg");
        let side = Side::of(std::fs::read(path).unwrap(), &decode::Options::default()).unwrap();
        let whole = side.to_bytes();
        let same = Side::from_bytes(&whole).unwrap();
        assert_eq!((same.digest, same.bytes, &same.picture.luma), (side.digest, side.bytes, &side.picture.luma));
        assert_eq!((same.picture.format, &same.metadata), (Format::Jpeg, &side.metadata));
        for length in (0..whole.len()).step_by(89).chain([whole.len() - 1]) {
            assert!(Side::from_bytes(&whole[..length]).is_none(), "{length}");
        }
        let wrongs: [(&str, usize, &[u8]); 4] = [
            ("no such format", 40, &[0xff]),
            ("neither whole nor partial", 41, &[2]),
            ("no width", 42, &[0; 4]),
            ("more pixels than there are", 50, &[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]),
        ];
        for (name, at, bytes) in wrongs {
            let mut wrong = whole.clone();
            wrong[at..at + bytes.len()].copy_from_slice(bytes);
            assert!(Side::from_bytes(&wrong).is_none(), "{name}");
        }
    }
}
