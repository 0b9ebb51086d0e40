//! Everything that an index holds, one after the other.

use std::collections::HashSet;

use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocId, SegmentReader};

use super::local::Source;
use super::reader::{Known, Reader, damaged, next_alive, picture_id};
use super::schema::{self, name};
use super::{Digest, PictureId, SourceRecord, State};
use crate::decode::metadata::Metadata;
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

    /// Calls `visit` with the key and the document of each place of a segment in these half-open ranges of keys.
    pub(super) fn each_key_between(
        &self,
        segment: &SegmentReader,
        ranges: &[(Vec<u8>, Vec<u8>)],
        mut visit: impl FnMut(&[u8], DocId),
    ) -> Result<()> {
        let inverted = segment.inverted_index(self.fields().locator).map_err(|error| self.damaged(error))?;
        for (from, to) in ranges {
            let range = inverted.terms().range().ge(from).lt(to).into_stream();
            let mut range = range.map_err(|error| self.damaged(error))?;
            while range.advance() {
                let postings = inverted.read_postings_from_terminfo(range.value(), IndexRecordOption::Basic);
                let mut postings = postings.map_err(|error| self.damaged(error))?;
                if let Some(document) = next_alive(segment, &mut postings) {
                    visit(range.key(), document);
                }
            }
        }
        Ok(())
    }

    /// Calls `visit` with the documents of a segment that are `place`, stand below it or inside it.
    pub(super) fn each_key(
        &self,
        segment: &SegmentReader,
        place: &Locator,
        visit: impl FnMut(&[u8], DocId),
    ) -> Result<()> {
        let Some(place) = self.base().kept_above(place) else { return Ok(()) };
        let own = schema::locator_key(&place);
        let after = [own.as_slice(), &[0]].concat();
        let [inside, below] = schema::keys_below(&place);
        self.each_key_between(segment, &[(own, after), inside, below], visit)
    }

    /// Calls `visit` with every place of a segment and its document.
    pub(super) fn each_place(&self, segment: &SegmentReader, mut visit: impl FnMut(Locator, DocId)) -> Result<()> {
        self.each_key_between(segment, &[(Vec::new(), vec![u8::MAX; 8])], |key, document| {
            if let Some(place) = schema::locator_from_key(key) {
                visit(self.base().told(place), document);
            }
        })
    }

    /// What a picture's document says of how it came about.
    pub(super) fn metadata(&self, at: DocAddress) -> Result<Metadata> {
        let segment = self.segment(at)?;
        let columns = segment.fast_fields();
        let taken = columns.column_opt::<i64>(name::TAKEN).map_err(|error| self.damaged(error))?;
        let rating = self.column(segment, name::RATING)?.and_then(|column| column.first(at.doc_id));
        Ok(Metadata {
            taken: taken.and_then(|column| column.first(at.doc_id)),
            camera: self.name(segment, name::CAMERA, at.doc_id)?,
            lens: self.name(segment, name::LENS, at.doc_id)?,
            position: self.position(segment, at.doc_id)?,
            rating: rating.and_then(|rating| u8::try_from(rating).ok()),
        })
    }

    fn name(&self, segment: &SegmentReader, field: &str, document: DocId) -> Result<Option<String>> {
        let Some(column) = segment.fast_fields().str(field).map_err(|error| self.damaged(error))? else {
            return Ok(None);
        };
        let Some(ordinal) = column.term_ords(document).next() else { return Ok(None) };
        let mut text = String::new();
        let is_known = column.ord_to_str(ordinal, &mut text);
        let is_known = is_known.map_err(|error| self.damaged(tantivy::TantivyError::from(error)))?;
        Ok(is_known.then_some(text))
    }

    /// Where a picture was taken.
    pub(super) fn position(&self, segment: &SegmentReader, document: DocId) -> Result<Option<(f64, f64)>> {
        let value = |field| -> Result<Option<f64>> {
            let column = segment.fast_fields().column_opt::<f64>(field).map_err(|error| self.damaged(error))?;
            Ok(column.and_then(|column| column.first(document)))
        };
        Ok(value(name::LATITUDE)?.zip(value(name::LONGITUDE)?))
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
