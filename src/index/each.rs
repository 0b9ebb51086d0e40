//! Everything that an index holds, one after the other.

use std::collections::HashSet;
use std::path::PathBuf;

use tantivy::DocAddress;
use tantivy::schema::IndexRecordOption;

use super::local::Source;
use super::reader::{Known, Reader, damaged, next_alive, picture_id};
use super::schema::name;
use super::{Digest, PictureId, SourceRecord, State};
use crate::describe::hash::PerceptualHash;
use crate::error::Result;
use crate::locator::Locator;

impl Reader {
    /// Calls `visit` with every described picture.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_picture(&self, mut visit: impl FnMut(PictureId) -> Result<()>) -> Result<()> {
        for segment in self.searcher.segment_readers() {
            let Some(ids) = self.column(segment, name::ID)? else { continue };
            for id in segment.doc_ids_alive().filter_map(|doc| ids.first(doc)).filter_map(picture_id) {
                visit(id)?;
            }
        }
        Ok(())
    }

    /// Calls `visit` with every described picture and the digest of its file, in the order of these within a segment.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub(super) fn each_digest(&self, mut visit: impl FnMut(PictureId, Digest) -> Result<()>) -> Result<()> {
        for segment in self.searcher.segment_readers() {
            let Some(ids) = self.column(segment, name::ID)? else { continue };
            let inverted = segment.inverted_index(self.fields.digest).map_err(|error| damaged(self.folder(), error))?;
            let mut digests = inverted.terms().stream().map_err(|error| damaged(self.folder(), error.into()))?;
            while digests.advance() {
                let Some(digest) = digests.key().first_chunk().map(|bytes| Digest(*bytes)) else { continue };
                let postings = inverted.read_postings_from_terminfo(digests.value(), IndexRecordOption::Basic);
                let mut postings = postings.map_err(|error| damaged(self.folder(), error.into()))?;
                if let Some(id) = next_alive(segment, &mut postings).and_then(|doc| ids.first(doc)).and_then(picture_id)
                {
                    visit(id, digest)?;
                }
            }
        }
        Ok(())
    }

    /// Calls `visit` with every described picture, its perceptual hash and PDQ's quality of it.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_hash(&self, mut visit: impl FnMut(PictureId, PerceptualHash, u8) -> Result<()>) -> Result<()> {
        let mut alive = HashSet::new();
        self.each_picture(|id| {
            alive.insert(id.0);
            Ok(())
        })?;
        for file in &self.features {
            for number in 0..u32::try_from(file.pictures()).unwrap_or(u32::MAX) {
                let Source { picture, hash, quality, .. } = file.source(number)?;
                // One that was forgotten stays in its file until that is merged.
                if alive.remove(&picture) {
                    visit(PictureId(picture), hash, quality)?;
                }
            }
        }
        Ok(())
    }

    /// The number of pictures that stand below one of these folders.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn pictures_below(&self, folders: &[PathBuf]) -> Result<u64> {
        let mut pictures = HashSet::new();
        for folder in folders {
            self.each_below(&Locator::from(folder.as_path()), |known| {
                pictures.extend(known.picture.filter(|_| known.state == State::Present));
                Ok(())
            })?;
        }
        Ok(pictures.len() as u64)
    }

    /// Calls `visit` with every place whose last look found `state`.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_in(&self, state: State, mut visit: impl FnMut(SourceRecord) -> Result<()>) -> Result<()> {
        self.each_source(|known| if known.state == state { visit(self.source(&known)?) } else { Ok(()) })
    }

    /// Calls `visit` with every known place.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_source(&self, mut visit: impl FnMut(Known) -> Result<()>) -> Result<()> {
        for (ordinal, segment) in (0..).zip(self.searcher.segment_readers()) {
            let Some(states) = self.column(segment, name::STATE)? else { continue };
            for doc in segment.doc_ids_alive().filter(|&doc| states.first(doc).is_some()) {
                visit(self.known_at(DocAddress::new(ordinal, doc))?)?;
            }
        }
        Ok(())
    }

    /// The pictures that stand in feature files; one that was forgotten may be among them.
    ///
    /// # Errors
    /// `Damaged`.
    pub(super) fn described(&self) -> Result<HashSet<u32>> {
        let mut described = HashSet::new();
        for file in &self.features {
            for number in 0..u32::try_from(file.pictures()).unwrap_or(u32::MAX) {
                described.insert(file.source(number)?.picture);
            }
        }
        Ok(described)
    }
}
