//! Everything that an index holds, one after the other.

use tantivy::DocAddress;

use super::PictureId;
use super::reader::{Known, Reader, picture_id};
use super::schema::name;
use crate::describe::hash::PerceptualHash;
use crate::error::Result;

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

    /// Calls `visit` with every described picture, its perceptual hash and PDQ's quality of it.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_hash(&self, mut visit: impl FnMut(PictureId, PerceptualHash, u8) -> Result<()>) -> Result<()> {
        for segment in self.searcher.segment_readers() {
            let mut columns = Vec::with_capacity(6);
            for field in [name::ID, name::QUALITY].into_iter().chain(name::HASH) {
                columns.extend(self.column(segment, field)?);
            }
            let [ids, qualities, words @ ..] = columns.as_slice() else { continue };
            for doc in segment.doc_ids_alive() {
                let Some(id) = ids.first(doc).and_then(picture_id) else { continue };
                let mut hash = PerceptualHash::default();
                for (word, column) in hash.0.iter_mut().zip(words) {
                    *word = column.first(doc).unwrap_or_default();
                }
                visit(id, hash, qualities.first(doc).unwrap_or_default().min(100) as u8)?;
            }
        }
        Ok(())
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

    /// The pictures of which there are local features, in no order; one that was forgotten may be among them.
    pub(super) fn described(&self) -> impl Iterator<Item = u32> {
        self.features.iter().flat_map(|postings| postings.sources()).map(|source| source.picture)
    }
}
