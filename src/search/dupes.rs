//! An index -> the groups of its pictures that are copies of each other.
//!
//! Two pictures are copies where a search for one would tell the other, as a whole copy, by their perceptual hashes
//! alone. Pairs are found by their hashes' bands (multi-index hashing: Norouzi, Punjani and Fleet, 2012): hashes
//! that differ in fewer than 24 bits agree in one of 12 bands up to one bit. Memory: 16 MB and 100 bytes a picture.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use super::{Evidence, Kind, Options};
use crate::describe::hash::PerceptualHash;
use crate::error::Result;
use crate::index::{Facts, PictureId, Reader, SourceRecord, State};
use crate::locator::{Locator, Stamp};

/// Pictures that are copies of each other.
#[derive(Clone, Debug)]
pub struct Group {
    /// Identical where all have the same bytes.
    pub kind: Kind,
    /// Each place where one of them stands, in order.
    pub sources: Vec<(SourceRecord, Facts)>,
}

/// Bands of a hash, and bits of each: wide, so that of a million hashes one in two million agrees by chance.
const BANDS: usize = 12;
const BAND_BITS: usize = 21;
/// Hashes that differ in more bits may differ in two of every band.
const EXACT: u32 = 2 * BANDS as u32 - 1;

/// Calls `found` with each group of at least two places below one of `within` (empty: everywhere), by their oldest
/// pictures. Returns how many places were left out, since they are not there now as they were indexed: whoever keeps one
/// place of a group and deletes the others must be left with the picture. What stands on the web counts as there.
///
/// # Errors
/// `Damaged`, and what `found` returns.
pub fn dupes<E: From<crate::error::Error>>(
    reader: &Reader,
    within: &[PathBuf],
    options: &Options,
    mut found: impl FnMut(Group) -> std::result::Result<(), E>,
) -> std::result::Result<u64, E> {
    let members = members(reader, options)?;
    // Most pictures have no copy and one place: they are not even looked up.
    let (mut once, mut several) = (HashSet::new(), HashSet::new());
    reader.each_source(|known| {
        several.extend(known.picture.filter(|&id| !once.insert(id)));
        Ok(())
    })?;
    drop(once);
    let mut left_out = 0;
    for group in members.chunk_by(|a, b| a.0 == b.0) {
        if matches!(group, [(_, id)] if !several.contains(id)) {
            continue;
        }
        let mut sources = Vec::new();
        for (_, id) in group {
            let Some(facts) = reader.facts(*id)? else { continue };
            let is_within = |source: &SourceRecord| {
                within.is_empty() || within.iter().any(|folder| source.locator.file().starts_with(folder))
            };
            let of_picture = reader.sources_of(*id)?.into_iter();
            sources.extend(
                of_picture
                    .filter(|source| source.state == State::Present && is_within(source))
                    .map(|source| (source, facts.clone())),
            );
        }
        if sources.len() > 1 {
            left_out += keep_standing(reader, &mut sources)?;
        }
        if sources.len() > 1 {
            sources.sort_by(|a, b| a.0.locator.cmp(&b.0.locator));
            let pictures: HashSet<_> = sources.iter().map(|(source, _)| source.picture).collect();
            found(Group { kind: if pictures.len() == 1 { Kind::Identical } else { Kind::Copy }, sources })?;
        }
    }
    Ok(left_out)
}

/// All pictures, each with the oldest picture of its group, in order.
fn members(reader: &Reader, options: &Options) -> crate::error::Result<Vec<(u32, PictureId)>> {
    let mut pictures = Vec::new();
    reader.each_hash(|id, hash, quality| {
        pictures.push((hash.0, id, quality));
        Ok(())
    })?;
    pictures.sort_unstable();
    let mut groups = Groups::new(pictures.len());
    let mut distinct: Vec<u32> = Vec::new();
    for (row, (hash, _, quality)) in (0u32..).zip(&pictures) {
        if *quality < options.calibration.min_quality {
            continue;
        }
        // Equal hashes are neighbours: only one of them goes on.
        match distinct.last().filter(|&&last| pictures.get(last as usize).is_some_and(|last| last.0 == *hash)) {
            Some(&last) => groups.join(last, row),
            None => distinct.push(row),
        }
    }
    let hashes: Vec<PerceptualHash> = distinct
        .iter()
        .filter_map(|&row| pictures.get(row as usize))
        .map(|picture| PerceptualHash(picture.0))
        .collect();
    each_near_pair(&hashes, farthest(options), |a, b| {
        if let (Some(&a), Some(&b)) = (distinct.get(a as usize), distinct.get(b as usize)) {
            groups.join(a, b);
        }
    });
    drop((hashes, distinct));
    let mut members: Vec<(u32, PictureId)> =
        (0u32..).zip(&pictures).map(|(row, picture)| (groups.first(row), picture.1)).collect();
    drop((pictures, groups));
    members.sort_unstable();
    // Each group is named by its oldest picture.
    for group in members.chunk_by_mut(|a, b| a.0 == b.0) {
        let oldest = group.first().map_or(0, |member| member.1.0);
        group.iter_mut().for_each(|member| member.0 = oldest);
    }
    members.sort_unstable();
    Ok(members)
}

/// Drops the places whose file is not there now as it was indexed, and returns how many those are. Of several names of one
/// file (a link to it, a disk that is mounted twice) one stays, its own if that is among them.
fn keep_standing(reader: &Reader, sources: &mut Vec<(SourceRecord, Facts)>) -> Result<u64> {
    let (mut standing, mut left_out) = (Vec::new(), 0);
    for (source, facts) in std::mem::take(sources) {
        if source.locator.url().is_some() {
            sources.push((source, facts));
        } else if let Some((file, is_its_own_name)) = file_of(reader, &source)? {
            standing.push((!is_its_own_name, file, source, facts));
        } else {
            left_out += 1;
        }
    }
    standing.sort_by_key(|(is_other_name, ..)| *is_other_name);
    let mut files = HashSet::new();
    for (_, file, source, facts) in standing {
        if files.insert((file, source.locator.inside())) {
            sources.push((source, facts));
        }
    }
    Ok(left_out)
}

/// A file, whatever it is called.
#[derive(PartialEq, Eq, Hash)]
enum FileId {
    /// By its path without links.
    Path(PathBuf),
    /// By its device and inode, where it has one name: two paths to it, then, are no hard links.
    #[cfg(unix)]
    Inode(u64, u64),
}

/// The file of a place, and whether the place has the file's own name; `None` where the file is not there as it was
/// indexed, or nothing can be said of it.
fn file_of(reader: &Reader, source: &SourceRecord) -> Result<Option<(FileId, bool)>> {
    let path = source.locator.file();
    let stamp = if is_in_archive(&source.locator) {
        // None where a run was stopped before the archive's end: the next one reads it again.
        reader.known(&Locator::from(path))?.map(|archive| archive.stamp)
    } else {
        Some(source.stamp)
    };
    // Links are followed, as by the run that found it.
    let (Ok(metadata), Ok(own_name)) = (fs::metadata(path), fs::canonicalize(path)) else { return Ok(None) };
    if !metadata.is_file() || stamp != Some(Stamp::of(&metadata)) {
        return Ok(None);
    }
    let is_its_own_name = own_name == path;
    Ok(Some((id(&metadata, own_name), is_its_own_name)))
}

fn is_in_archive(locator: &Locator) -> bool {
    match locator {
        Locator::Inside { .. } => true,
        Locator::Page { of, .. } => is_in_archive(of),
        Locator::Path(_) | Locator::Url(_) => false,
    }
}

#[cfg(unix)]
fn id(metadata: &fs::Metadata, own_name: PathBuf) -> FileId {
    use std::os::unix::fs::MetadataExt;
    if metadata.nlink() == 1 { FileId::Inode(metadata.dev(), metadata.ino()) } else { FileId::Path(own_name) }
}

#[cfg(not(unix))]
fn id(_metadata: &fs::Metadata, own_name: PathBuf) -> FileId {
    FileId::Path(own_name)
}

/// The largest distance of hashes that makes a match by itself.
fn farthest(options: &Options) -> u32 {
    let tells = |distance: &u32| {
        let evidence = Evidence { distance: Some(*distance), ..Evidence::default() };
        options.calibration.score(&evidence) >= options.min_score
    };
    (0..=options.calibration.max_distance.min(EXACT)).rev().find(tells).unwrap_or_default()
}

fn band(hash: &PerceptualHash, band: usize) -> usize {
    let (word, shift) = (band * BAND_BITS / 64, band * BAND_BITS % 64);
    let at = |word: usize| u128::from(hash.0.get(word).copied().unwrap_or_default());
    ((at(word) | at(word + 1) << 64) >> shift) as usize & ((1 << BAND_BITS) - 1)
}

/// Calls `found` with the places of each two hashes that differ in `distance` bits at most, some of them repeatedly.
fn each_near_pair(hashes: &[PerceptualHash], distance: u32, mut found: impl FnMut(u32, u32)) {
    let mut starts = vec![0u32; (1 << BAND_BITS) + 1];
    let mut by_value = vec![0u32; hashes.len()];
    for number in 0..BANDS {
        // A counting sort of the hashes by this band.
        starts.fill(0);
        let value = |hash| band(hash, number);
        for hash in hashes {
            if let Some(start) = starts.get_mut(value(hash) + 1) {
                *start += 1;
            }
        }
        let mut sum = 0;
        starts.iter_mut().for_each(|start| {
            sum += *start;
            *start = sum;
        });
        let mut next = starts.clone();
        for (row, hash) in (0u32..).zip(hashes) {
            if let Some(next) = next.get_mut(value(hash)) {
                if let Some(place) = by_value.get_mut(*next as usize) {
                    *place = row;
                }
                *next += 1;
            }
        }
        let with = |value: usize| {
            let (from, to) = (starts.get(value), starts.get(value + 1));
            from.zip(to).and_then(|(&from, &to)| by_value.get(from as usize..to as usize)).unwrap_or_default()
        };
        for (row, hash) in (0u32..).zip(hashes) {
            let value = band(hash, number);
            let near = std::iter::once(value).chain((0..BAND_BITS).map(|bit| value ^ 1 << bit));
            for &other in near.flat_map(with) {
                if row < other && hashes.get(other as usize).is_some_and(|other| other.distance(*hash) <= distance) {
                    found(row, other);
                }
            }
        }
    }
}

/// Sets that are joined (union-find with path halving).
struct Groups(Vec<u32>);

impl Groups {
    fn new(count: usize) -> Self {
        Self((0u32..).take(count).collect())
    }

    fn parent(&self, row: u32) -> u32 {
        self.0.get(row as usize).copied().unwrap_or(row)
    }

    fn first(&mut self, mut row: u32) -> u32 {
        while self.parent(row) != row {
            let above = self.parent(self.parent(row));
            if let Some(parent) = self.0.get_mut(row as usize) {
                *parent = above;
            }
            row = above;
        }
        row
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.first(a), self.first(b));
        if let Some(parent) = self.0.get_mut(a.max(b) as usize) {
            *parent = a.min(b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: &mut u64) -> u64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed ^ *seed >> 31
    }

    #[test]
    fn every_near_pair_is_found_and_no_far_one() {
        let mut seed = 7;
        let mut hashes = Vec::new();
        for _ in 0..60 {
            let original = PerceptualHash([(); 4].map(|()| random(&mut seed)));
            hashes.push(original);
            for flips in [1, 8, 19, 20, 21, 22, 23, 24, 60] {
                let mut copy = original;
                while copy.distance(original) < flips {
                    let bit = random(&mut seed) as usize % 256;
                    copy.0[bit / 64] |= !original.0[bit / 64] & 1 << (bit % 64);
                    copy.0[bit / 64] &= !(original.0[bit / 64] & 1 << (bit % 64));
                }
                hashes.push(copy);
            }
        }
        for distance in [0, 20, EXACT] {
            let mut found = Vec::new();
            each_near_pair(&hashes, distance, |a, b| found.push((a, b)));
            found.sort_unstable();
            found.dedup();
            let mut near = Vec::new();
            for a in 0..hashes.len() {
                near.extend(
                    (a + 1..hashes.len())
                        .filter(|&b| hashes[a].distance(hashes[b]) <= distance)
                        .map(|b| (a as u32, b as u32)),
                );
            }
            assert_eq!(found, near);
            assert_eq!(near.is_empty(), distance == 0);
        }
    }

    #[test]
    fn the_distance_is_the_one_that_the_default_score_asks_for_and_bands_find_it_whole() {
        let options = Options::default();
        let farthest = farthest(&options);
        let score = |distance| options.calibration.score(&Evidence { distance: Some(distance), ..Evidence::default() });
        assert!(score(farthest) >= options.min_score && score(farthest + 1) < options.min_score && farthest < EXACT);
    }

    #[test]
    fn joined_sets_have_one_first() {
        let mut groups = Groups::new(6);
        for (a, b) in [(4, 5), (0, 1), (5, 1)] {
            groups.join(a, b);
        }
        assert_eq!([0, 1, 2, 3, 4, 5].map(|row| groups.first(row)), [0, 0, 2, 3, 0, 0]);
    }
}
