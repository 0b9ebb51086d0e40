//! Everything that an index holds, one after the other.

use std::collections::HashSet;

use tantivy::{DocAddress, DocId};

use super::documents::{known_at, picture_id};
use super::local::Source;
use super::reader::{Known, Reader};
use super::schema::{self, name};
use super::segments::Segment;
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
        self.segments.read(|segments| {
            for segment in segments {
                let Some(ids) = segment.column::<u64>(name::ID)? else { continue };
                for id in segment.alive().filter_map(|document| ids.first(document)).filter_map(picture_id) {
                    visit(id)?;
                }
            }
            Ok(())
        })
    }

    /// Calls `visit` with every described picture and the digest of its file, in the order of these within a segment.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub(super) fn each_digest(&self, mut visit: impl FnMut(PictureId, Digest) -> Result<()>) -> Result<()> {
        self.segments.read(|segments| {
            for segment in segments {
                let Some(ids) = segment.column::<u64>(name::ID)? else { continue };
                // All keys: none is as long.
                let all = (Vec::new(), vec![u8::MAX; size_of::<Digest>() + 1]);
                segment.each_key(self.fields.digest, &[all], |key, document| {
                    let Some(digest) = key.first_chunk().map(|bytes| Digest(*bytes)) else { return Ok(()) };
                    match ids.first(document).and_then(picture_id) {
                        Some(id) => visit(id, digest),
                        None => Ok(()),
                    }
                })?;
            }
            Ok(())
        })
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
        // One that was forgotten stays in its file until that is merged.
        self.each_described(|Source { picture, hash, quality, .. }| match alive.remove(&picture) {
            true => visit(PictureId(picture), hash, quality),
            false => Ok(()),
        })
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
        self.segments.read(|segments| {
            for (ordinal, segment) in (0..).zip(segments) {
                let Some(states) = segment.column::<u64>(name::STATE)? else { continue };
                for document in segment.alive().filter(|&document| states.first(document).is_some()) {
                    visit(known_at(segment, DocAddress::new(ordinal, document))?)?;
                }
            }
            Ok(())
        })
    }

    /// Calls `visit` with every place below one of these folders, or inside one of these files, that is not among those
    /// `seen`, by its [address](Known::address), and was not missing before.
    ///
    /// Most often nearly all were seen. So documents are asked for which ones were not, and only where these are many, the
    /// keys for what stands there.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_unseen_below(
        &self,
        roots: &[Locator],
        seen: impl Fn((u32, u32)) -> bool,
        mut visit: impl FnMut(SourceRecord) -> Result<()>,
    ) -> Result<()> {
        let roots = roots.iter().filter_map(|root| self.base().kept_above(root));
        let ranges: Vec<_> = roots.flat_map(|root| schema::keys_below(&root)).collect();
        self.segments.read(|segments| {
            for (ordinal, segment) in (0..).zip(segments) {
                let mut look = |document| {
                    let known = known_at(segment, DocAddress::new(ordinal, document))?;
                    visit(self.source_at(segment, known)?)
                };
                let is_unseen = |document| {
                    let state = segment.places()?.state(document);
                    Ok(state.is_some_and(|state| state != State::Missing) && !seen((ordinal, document)))
                };
                match unseen(segment, &is_unseen)? {
                    Some(few) => {
                        for document in few {
                            let (place, ..) = segment.stored(document, |bytes| self.fields().stored(bytes))?;
                            let key = schema::locator_key(&place);
                            if ranges.iter().any(|(from, to)| *from <= key && key < *to) {
                                look(document)?;
                            }
                        }
                    }
                    None => {
                        segment.each_key(self.fields().locator, &ranges, |_, document| match is_unseen(document)? {
                            true => look(document),
                            false => Ok(()),
                        })?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Calls `visit` with the documents of a segment that are `place`, stand below it or inside it. To be called within
    /// [`read`](super::segments::Segments::read).
    pub(super) fn each_key(&self, segment: &Segment, place: &Locator, mut visit: impl FnMut(DocId)) -> Result<()> {
        let Some(place) = self.base().kept_above(place) else { return Ok(()) };
        let own = schema::locator_key(&place);
        let after = [own.as_slice(), &[0]].concat();
        let [inside, below] = schema::keys_below(&place);
        segment.each_key(self.fields().locator, &[(own, after), inside, below], |_, document| {
            visit(document);
            Ok(())
        })
    }

    /// Calls `visit` with every place of a segment and its document. To be called as above.
    pub(super) fn each_place(&self, segment: &Segment, mut visit: impl FnMut(Locator, DocId)) -> Result<()> {
        segment.each_key(self.fields().locator, &[(Vec::new(), vec![u8::MAX; 8])], |key, document| {
            if let Some(place) = schema::locator_from_key(key) {
                visit(self.base().told(place), document);
            }
            Ok(())
        })
    }

    /// The pictures that stand in feature files; one that was forgotten may be among them.
    ///
    /// # Errors
    /// `Damaged`.
    pub(super) fn described(&self) -> Result<HashSet<u32>> {
        let mut described = HashSet::new();
        self.each_described(|source| {
            described.insert(source.picture);
            Ok(())
        })?;
        Ok(described)
    }
}

/// To look up the key of a document takes so many times what it takes to come by it on a walk over all keys, measured.
const LOOKUP: u32 = 16;

/// The documents of a segment for which `is_unseen` says so; `None` where they are too many to be looked up one by one.
fn unseen(segment: &Segment, is_unseen: &impl Fn(DocId) -> Result<bool>) -> Result<Option<Vec<DocId>>> {
    let most = segment.documents() / LOOKUP;
    let mut found = Vec::new();
    for document in segment.alive() {
        if is_unseen(document)? {
            found.push(document);
            if found.len() > most as usize {
                return Ok(None);
            }
        }
    }
    Ok(Some(found))
}
