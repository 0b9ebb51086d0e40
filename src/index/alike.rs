//! Which pictures of an index are like another: by their hashes, and by their local features.

use std::collections::HashSet;

use super::format::{FORMAT, FORMAT_FIRST};
use super::local::{self, FeatureFile, FirstFile, Form, Near, Source};
use super::reader::{Candidate, Reader};
use super::{PictureId, Selection};
use crate::describe::Probe;
use crate::error::{Error, ErrorKind, Result};

/// Pictures of an index of the first format that are taken over in memory for a search: 160 MB, half a second.
const IN_MEMORY: usize = 1 << 13;

impl Reader {
    /// The pictures whose hash differs from one of the probe's forms in at most `max_distance` bits,
    /// each with its nearest form; nearest first, then by number. Some may have been forgotten since:
    /// [`facts`](Self::facts) knows.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn candidates(&self, probe: &Probe, max_distance: u32) -> Result<Vec<Candidate>> {
        Ok(self.near(probe, max_distance)?.into_iter().map(|(candidate, _)| candidate).collect())
    }

    /// The same, each with where its features are: for [`local_candidates_at`](Self::local_candidates_at).
    ///
    /// # Errors
    /// `Damaged`.
    pub fn near(&self, probe: &Probe, max_distance: u32) -> Result<Vec<Near>> {
        let mut near = local::hashes::near(self.searched()?, probe, max_distance)?;
        near.sort_by_key(|(candidate, _)| (candidate.distance, candidate.picture));
        Ok(near)
    }

    /// What local features have in common with pictures that are near by their hashes, in the form in which they are.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn local_candidates_at(
        &self,
        query: &local::Query,
        near: &[Near],
        options: &local::Options,
    ) -> Result<Vec<local::Candidate>> {
        query.candidates_at(self.searched()?, near, options)
    }

    /// What a search for local features reads of lists.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn local_cost(&self, query: &local::Query, options: &local::Options) -> Result<local::Cost> {
        query.cost(self.searched()?, options)
    }

    /// The pictures that most local features of the query speak for, best first, of all or of those `selected`. Some may
    /// have been forgotten since, as above.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn local_candidates(
        &self,
        query: &local::Query,
        options: &local::Options,
        selected: Option<&Selection>,
    ) -> Result<Vec<local::Candidate>> {
        self.more_local_candidates(query, options, selected, &HashSet::new())
    }

    /// The same without those that are known already.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn more_local_candidates(
        &self,
        query: &local::Query,
        options: &local::Options,
        selected: Option<&Selection>,
        known: &HashSet<(u32, Form)>,
    ) -> Result<Vec<local::Candidate>> {
        let files = self.searched()?;
        match selected {
            Some(selected) => query.more_candidates(files, options, Some(&|id| selected.holds(PictureId(id))), known),
            None => query.more_candidates(files, options, None, known),
        }
    }

    /// The format of its files: [`FORMAT`](super::FORMAT), or an earlier one that the next writer takes over.
    pub fn format(&self) -> u32 {
        if self.first.is_empty() { FORMAT } else { FORMAT_FIRST }
    }

    /// The files that are searched. A small index of the first format is taken over in memory each time.
    fn searched(&self) -> Result<&[FeatureFile]> {
        if self.first.is_empty() {
            return Ok(&self.features);
        }
        let pictures: usize = self.first.iter().map(FirstFile::pictures).sum();
        if pictures > IN_MEMORY {
            let message = "written by an older ris: run `ris index` once, which takes it over and reads no picture again, or \
                           `ris merge NEW OLD` where it can't be written to";
            return Err(Error::new(ErrorKind::ForeignIndex, message).about(self.folder()));
        }
        if self.taken.get().is_none() {
            let whole = |file: &FirstFile| file.part(0, file.pictures() as u32);
            let taken: Result<Vec<_>> = self.first.iter().map(whole).collect();
            // Of two that did it the first one's counts; both are the same.
            let _ = self.taken.set(taken?);
        }
        Ok(self.taken.get().map_or(&[], Vec::as_slice))
    }

    /// What files of features of either format hold of their pictures, file by file.
    pub(super) fn each_described(&self, mut visit: impl FnMut(Source) -> Result<()>) -> Result<()> {
        for file in &self.features {
            for number in 0..u32::try_from(file.pictures()).unwrap_or(u32::MAX) {
                visit(file.source(number)?)?;
            }
        }
        for file in &self.first {
            for number in 0..u32::try_from(file.pictures()).unwrap_or(u32::MAX) {
                visit(file.source(number)?)?;
            }
        }
        Ok(())
    }
}
