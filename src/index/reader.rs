//! One commit of an index, read. Nothing is locked and nothing written; later commits don't show.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tantivy::columnar::Column;
use tantivy::directory::error::{OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::postings::Postings;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocSet, Index, ReloadPolicy, Searcher, SegmentReader, TERMINATED, TantivyDocument, Term};

use super::base::Base;
use super::beneath::{self, Folder};
use super::committed::Committed;
use super::directory::{META, ReadOnlyDirectory, STALE, stamp_of_copy};
use super::format::{self, COPIES, DOCUMENTS};
use super::schema::{self, Fields, name};
use super::{Digest, PictureId, Selection, SourceRecord, State, ledger, local};
use crate::decode::metadata::Metadata;
use crate::describe::Probe;
use crate::describe::hash::Dihedral;
use crate::error::{Error, ErrorKind, Result};
use crate::locator::{Locator, Stamp};

/// A writer's clean-up between our reading of the commit and our opening of its files takes
/// milliseconds, and each commit can race once; a writer commits every few seconds at most.
const OPEN_ATTEMPTS: u32 = 20;
const OPEN_PAUSE: Duration = Duration::from_millis(10);

/// What every commit says besides its documents.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Payload {
    /// The number that the next new picture gets.
    pub next_picture: u32,
    /// The folders and files that were named to be indexed.
    pub roots: Vec<String>,
    /// Folders below a root on which a disk was mounted when they were walked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<String>,
    /// Files of local features, oldest first.
    #[serde(default)]
    pub features: Vec<String>,
    /// Damaged files were taken out, and what they held is not yet forgotten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repairing: bool,
    /// What is known of crawls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crawls: Option<ledger::Committed>,
    /// Places are relative to the folder that the index stands in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub portable: bool,
}

impl Payload {
    /// What a commit says. Each name in it is that of a file in its folder.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let payload: Self = serde_json::from_str(text).map_err(|error| format!("it can't be understood: {error}"))?;
        let crawls = payload.crawls.as_ref().map(|crawls| &crawls.name);
        match payload.features.iter().chain(crawls).find(|name| local::store::number(name).is_none()) {
            Some(name) => Err(format!("it names a file {name:.40?}, which can't be one of an index")),
            None => Ok(payload),
        }
    }
}

/// A picture of the index that may be the query's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which picture.
    pub picture: PictureId,
    /// What is done to the query to lay it on this picture.
    pub form: Dihedral,
    /// Bits in which the perceptual hashes differ, 0 to 256.
    pub distance: u32,
    /// PDQ's quality of the picture in the index, 0 to 100.
    pub quality: u8,
}

/// A picture's facts that answers print.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// Name of the file format.
    pub format: &'static str,
    /// Size of its file in bytes.
    pub bytes: u64,
    /// Whether its file is damaged and these are only the rows that could be read.
    pub partial_data: bool,
    /// What its file says of how it came about.
    pub metadata: Metadata,
}

/// How much an index holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Described pictures.
    pub pictures: u64,
    /// Places where a picture stands.
    pub sources: u64,
    /// Places where a picture stood when it was last seen, and stands no more.
    pub missing: u64,
    /// Places that claim to hold a picture and can't be read.
    pub failed: u64,
    /// Places that hold something else.
    pub skipped: u64,
    /// Archives that were read to their end.
    pub archives: u64,
}

/// What the index last knew of a place.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Size and time when it was last read.
    pub stamp: Stamp,
    /// What was found.
    pub state: State,
    /// The picture that stands or stood there.
    pub picture: Option<PictureId>,
    /// How many pictures at most were looked for in it.
    pub pages: u32,
    address: DocAddress,
}

impl Known {
    /// Segment and document number in the [`Reader`] that told of it.
    pub fn address(&self) -> (u32, u32) {
        (self.address.segment_ord, self.address.doc_id)
    }
}

/// An index at one commit.
pub struct Reader {
    folder: PathBuf,
    pub(super) fields: Arc<Fields>,
    pub(super) searcher: Searcher,
    payload: Payload,
    base: Base,
    /// Where the roots stand today.
    roots: Vec<String>,
    mounts: Vec<String>,
    pub(super) features: Vec<local::Postings>,
}

impl Reader {
    /// Opens the last commit of the index in `folder`.
    ///
    /// # Errors
    /// `NoIndex`, `ForeignIndex`, `Damaged` or `Io`.
    pub fn open(folder: &Path) -> Result<Self> {
        let reader = Self::open_to_repair(folder)?;
        if reader.payload.repairing {
            let message = "its repair was stopped half-way: run `ris verify --repair` again";
            return Err(Error::new(ErrorKind::Damaged, message).about(folder));
        }
        Ok(reader)
    }

    /// As [`open`](Self::open), be a repair begun or not.
    pub(super) fn open_to_repair(folder: &Path) -> Result<Self> {
        format::check(folder)?;
        let damaged = |error: tantivy::TantivyError| damaged(folder, error);
        let fields = Arc::new(Fields::new());
        let index = Folder::of_index(folder);
        let below = |name: &str| index.below(name).map_err(|error| beneath::failed(error).about(folder.join(name)));
        let documents = below(DOCUMENTS)?.filter(|documents| documents.holds(META));
        let Some(documents) = documents else {
            // Created, and stopped before its first commit. Features are written after that.
            if below(local::store::FOLDER)?.is_some() {
                let remedy = match below(COPIES)?.is_some_and(|copies| copies.holds(META)) {
                    true => "run `ris verify --repair`, which has a copy of what names them",
                    false => "restore them from a backup, or index again, into another folder",
                };
                let message = format!("its documents are gone: {remedy}");
                return Err(Error::new(ErrorKind::Damaged, message).about(folder));
            }
            let index = Index::create_in_ram(fields.schema.clone());
            let searcher = index.reader().map_err(damaged)?.searcher();
            let (folder, payload) = (folder.to_owned(), Payload::default());
            let (base, roots, mounts, features) = (Base::default(), Vec::new(), Vec::new(), Vec::new());
            return Ok(Self { folder, fields, searcher, payload, base, roots, mounts, features });
        };
        let mut attempt = 0;
        loop {
            let directory = ReadOnlyDirectory { folder: documents.clone(), committed: Committed::default() };
            let committed = directory.committed.clone();
            let stamp = stamp_of_copy(&index);
            let opened = Self::open_commit(directory, &fields, stamp).map_err(damaged);
            let opened = opened.and_then(|(searcher, payload)| {
                let features = local::store::open(folder, &payload.features, &committed)?;
                Ok((searcher, payload, features))
            });
            match opened {
                Ok((searcher, payload, features)) => {
                    let base = Base::of(folder, payload.portable)?;
                    let today = |kept: &[String]| kept.iter().map(|root| base.root(root)).collect();
                    let (roots, mounts) = (today(&payload.roots), today(&payload.mounts));
                    let folder = folder.to_owned();
                    return Ok(Self { folder, fields, searcher, payload, base, roots, mounts, features });
                }
                // A file that was there a moment ago: a writer has cleaned up. What is damaged stays so.
                Err(error) if !is_of_a_lost_file(&error) => return Err(error),
                Err(error) if attempt == OPEN_ATTEMPTS => {
                    let message = "one of its files is gone: `ris verify` says which and what to do";
                    return Err(Error::new(ErrorKind::Damaged, message).about(folder).with_source(error));
                }
                Err(_) => attempt += 1,
            }
            std::thread::sleep(OPEN_PAUSE);
        }
    }

    /// Opens the last commit, which is of no earlier `stamp`.
    fn open_commit(
        directory: ReadOnlyDirectory,
        fields: &Fields,
        stamp: Option<u64>,
    ) -> tantivy::Result<(Searcher, Payload)> {
        let index = Index::open(directory)?;
        if index.schema() != fields.schema {
            return Err(tantivy::TantivyError::SchemaError(
                "its documents have other fields than this version writes".into(),
            ));
        }
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        // No payload: created, and stopped before its first commit.
        let metas = index.load_metas()?;
        if stamp.is_some_and(|stamp| metas.opstamp < stamp) {
            return Err(tantivy::TantivyError::InternalError(format!("{META}: {STALE}")));
        }
        let payload = metas.payload.map_or(Ok(Payload::default()), |text| Payload::parse(&text));
        let payload = payload
            .map_err(|what| tantivy::TantivyError::InternalError(format!("its commit is none of ris's: {what}")))?;
        Ok((reader.searcher(), payload))
    }

    /// The index's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn base(&self) -> &Base {
        &self.base
    }

    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    pub(super) fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Addresses that crawls have still to fetch.
    pub fn pending(&self) -> u64 {
        self.payload.crawls.as_ref().map_or(0, |crawls| crawls.pending)
    }

    /// The folders and files that were named to be indexed, as text.
    pub fn roots(&self) -> &[String] {
        &self.roots
    }

    /// Folders below a root on which a disk was mounted when they were walked, as text.
    pub fn mounts(&self) -> &[String] {
        &self.mounts
    }

    /// Whether its places are kept relative to the folder that it stands in, so that both can be moved together.
    pub fn is_portable(&self) -> bool {
        self.payload.portable
    }

    pub(super) fn damaged(&self, error: impl Into<tantivy::TantivyError>) -> Error {
        damaged(&self.folder, error.into())
    }

    /// The first live document that holds `term`.
    fn document_with(&self, term: &Term) -> Result<Option<DocAddress>> {
        for (ordinal, segment) in (0..).zip(self.searcher.segment_readers()) {
            let found = self.postings(segment, term)?.and_then(|mut postings| next_alive(segment, &mut postings));
            if let Some(doc) = found {
                return Ok(Some(DocAddress::new(ordinal, doc)));
            }
        }
        Ok(None)
    }

    fn postings(&self, segment: &SegmentReader, term: &Term) -> Result<Option<impl Postings + use<>>> {
        let inverted = segment.inverted_index(term.field()).map_err(|error| self.damaged(error))?;
        inverted.read_postings(term, IndexRecordOption::Basic).map_err(|error| self.damaged(error))
    }

    fn number(&self, at: DocAddress, field: &str) -> Result<Option<u64>> {
        Ok(self.column(self.segment(at)?, field)?.and_then(|column| column.first(at.doc_id)))
    }

    pub(super) fn column(&self, segment: &SegmentReader, field: &str) -> Result<Option<Column<u64>>> {
        segment.fast_fields().column_opt::<u64>(field).map_err(|error| self.damaged(error))
    }

    pub(super) fn segment(&self, at: DocAddress) -> Result<&SegmentReader> {
        let segment = self.searcher.segment_readers().get(at.segment_ord as usize);
        segment.ok_or_else(|| Error::new(ErrorKind::Damaged, "a document of no segment").about(self.folder.as_path()))
    }

    /// The picture whose file has this digest.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn picture_with(&self, digest: &Digest) -> Result<Option<PictureId>> {
        let Some(at) = self.document_with(&Term::from_field_bytes(self.fields.digest, &digest.0))? else {
            return Ok(None);
        };
        Ok(self.number(at, name::ID)?.and_then(picture_id))
    }

    /// A picture's size, format and length.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn facts(&self, picture: PictureId) -> Result<Option<Facts>> {
        let term = Term::from_field_u64(self.fields.id, picture.0.into());
        let Some(at) = self.document_with(&term)? else { return Ok(None) };
        let number = |field| Ok(self.number(at, field)?.unwrap_or_default());
        Ok(Some(Facts {
            width: number(name::WIDTH)?.try_into().unwrap_or(u32::MAX),
            height: number(name::HEIGHT)?.try_into().unwrap_or(u32::MAX),
            format: schema::format_name(number(name::FORMAT)?),
            bytes: number(name::FILE_BYTES)?,
            partial_data: number(name::PARTIAL_DATA)? != 0,
            metadata: self.metadata(at)?,
        }))
    }

    /// The places where `picture` stands or stood.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn sources_of(&self, picture: PictureId) -> Result<Vec<SourceRecord>> {
        self.sources_with(&Term::from_field_u64(self.fields.picture, picture.0.into()), None)
    }

    /// Of the places where `picture` stands or stood those that are `selected`.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn selected_sources_of(&self, picture: PictureId, selected: &Selection) -> Result<Vec<SourceRecord>> {
        self.sources_with(&Term::from_field_u64(self.fields.picture, picture.0.into()), Some(selected))
    }

    /// The places whose last look found `state`.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn sources_in(&self, state: State) -> Result<Vec<SourceRecord>> {
        self.sources_with(&Term::from_field_u64(self.fields.state, schema::state_code(state)), None)
    }

    fn sources_with(&self, term: &Term, selected: Option<&Selection>) -> Result<Vec<SourceRecord>> {
        let mut sources = Vec::new();
        for (ordinal, segment) in (0..).zip(self.searcher.segment_readers()) {
            let Some(mut postings) = self.postings(segment, term)? else { continue };
            while let Some(doc) = next_alive(segment, &mut postings) {
                if selected.is_none_or(|selected| selected.holds_source((ordinal, doc))) {
                    sources.push(self.source_at(DocAddress::new(ordinal, doc))?);
                }
                postings.advance();
            }
        }
        sources.sort_by(|a: &SourceRecord, b| a.locator.cmp(&b.locator));
        Ok(sources)
    }

    /// What was last known of `locator`.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn known(&self, locator: &Locator) -> Result<Option<Known>> {
        let Ok(kept) = self.base.kept(locator) else { return Ok(None) };
        let Some(at) = self.document_with(&self.fields.locator_term(&kept))? else { return Ok(None) };
        self.known_at(at).map(Some)
    }

    pub(super) fn known_at(&self, address: DocAddress) -> Result<Known> {
        let modified = self.segment(address)?.fast_fields().column_opt::<i64>(name::MODIFIED);
        let modified = modified.map_err(|error| self.damaged(error))?.and_then(|column| column.first(address.doc_id));
        let bytes = self.number(address, name::BYTES)?.unwrap_or_default();
        Ok(Known {
            stamp: schema::stamp(bytes, modified.unwrap_or_default()),
            state: self.number(address, name::STATE)?.and_then(schema::state_of).unwrap_or(State::Missing),
            picture: self.number(address, name::PICTURE)?.and_then(picture_id),
            pages: self.number(address, name::PAGES)?.and_then(|pages| u32::try_from(pages).ok()).unwrap_or(1),
            address,
        })
    }

    fn source_at(&self, address: DocAddress) -> Result<SourceRecord> {
        let Known { stamp, state, picture, pages, .. } = self.known_at(address)?;
        let document: TantivyDocument = self.searcher.doc(address).map_err(|error| self.damaged(error))?;
        let (locator, note, shown) = self.fields.stored(&document).ok_or_else(|| {
            Error::new(ErrorKind::Damaged, "a source without its place: index again, into another folder")
                .about(self.folder.as_path())
        })?;
        Ok(SourceRecord { locator: self.base.told(locator), stamp, state, picture, note, pages, shown })
    }

    /// All that is kept of a known place.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn source(&self, known: &Known) -> Result<SourceRecord> {
        self.source_at(known.address)
    }

    /// How many documents each segment has: what [`Known::address`] counts.
    pub fn segment_sizes(&self) -> impl Iterator<Item = u32> {
        self.searcher.segment_readers().iter().map(SegmentReader::max_doc)
    }

    /// Calls `visit` with every known place below a folder or inside a file (an entry of an archive, a page), which is not
    /// among them.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_below(&self, place: &Locator, mut visit: impl FnMut(Known) -> Result<()>) -> Result<()> {
        let Some(place) = self.base.kept_above(place) else { return Ok(()) };
        for (ordinal, segment) in (0..).zip(self.searcher.segment_readers()) {
            let mut documents = Vec::new();
            self.each_key_between(segment, &schema::keys_below(&place), |_, document| documents.push(document))?;
            for document in documents {
                visit(self.known_at(DocAddress::new(ordinal, document))?)?;
            }
        }
        Ok(())
    }

    /// The number of described pictures.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn pictures(&self) -> Result<u64> {
        let mut pictures = 0;
        for segment in self.searcher.segment_readers() {
            if let Some(column) = self.column(segment, name::ID)? {
                pictures += match segment.alive_bitset() {
                    None => u64::from(column.values.num_vals()),
                    Some(_) => segment.doc_ids_alive().filter(|&doc| column.index.has_value(doc)).count() as u64,
                };
            }
        }
        Ok(pictures)
    }

    /// Counts everything: one pass over two columns.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn totals(&self) -> Result<Totals> {
        let mut totals = Totals { pictures: self.pictures()?, ..Totals::default() };
        for segment in self.searcher.segment_readers() {
            let Some(states) = self.column(segment, name::STATE)? else { continue };
            for state in segment.doc_ids_alive().filter_map(|doc| states.first(doc)) {
                match schema::state_of(state) {
                    Some(State::Present) => totals.sources += 1,
                    Some(State::Missing) => totals.missing += 1,
                    Some(State::Failed) => totals.failed += 1,
                    Some(State::Archive) => totals.archives += 1,
                    Some(State::Skipped) | None => totals.skipped += 1,
                }
            }
        }
        Ok(totals)
    }

    /// The pictures whose hash differs from one of the probe's forms in at most `max_distance` bits,
    /// each with its nearest form; nearest first, then by number. Some may have been forgotten since:
    /// [`facts`](Self::facts) knows.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn candidates(&self, probe: &Probe, max_distance: u32) -> Result<Vec<Candidate>> {
        let mut candidates = local::hashes::near(&self.features, probe, max_distance)?;
        candidates.sort_by_key(|candidate| (candidate.distance, candidate.picture));
        Ok(candidates)
    }

    /// The pictures that most local features of the query speak for, best first, of all or of those `selected`. Some may have been forgotten
    /// since, as above.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn local_candidates(
        &self,
        query: &local::Query,
        options: &local::Options,
        selected: Option<&Selection>,
    ) -> Result<Vec<local::Candidate>> {
        let wanted = |picture| selected.is_none_or(|selected| selected.holds(PictureId(picture)));
        query.candidates(&self.features, options, &wanted)
    }

    /// Bytes that the index takes on disk, all in.
    ///
    /// # Errors
    /// `Io`.
    pub fn disk_bytes(&self) -> Result<u64> {
        let bytes = Folder::of_index(&self.folder).bytes(&[DOCUMENTS, local::store::FOLDER, ledger::FOLDER, COPIES]);
        bytes.map_err(|error| beneath::failed(error).about(self.folder.as_path()))
    }
}

pub(super) fn picture_id(number: u64) -> Option<PictureId> {
    u32::try_from(number).ok().map(PictureId)
}

pub(super) fn next_alive(segment: &SegmentReader, postings: &mut impl Postings) -> Option<u32> {
    while postings.doc() != TERMINATED {
        if !segment.is_deleted(postings.doc()) {
            return Some(postings.doc());
        }
        postings.advance();
    }
    None
}

/// Whether an error says that a file which the commit names is not there.
fn is_of_a_lost_file(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    let tantivy = cause.and_then(|cause| cause.downcast_ref::<tantivy::TantivyError>());
    let io = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let io = io.or(match tantivy {
        Some(tantivy::TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. })) => Some(io_error.as_ref()),
        _ => None,
    });
    matches!(tantivy, Some(tantivy::TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_))))
        || io.is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound)
}

pub(super) fn damaged(folder: &Path, error: tantivy::TantivyError) -> Error {
    use tantivy::TantivyError as Tantivy;
    let io = match &error {
        Tantivy::IoError(io)
        | Tantivy::OpenReadError(OpenReadError::IoError { io_error: io, .. })
        | Tantivy::OpenWriteError(OpenWriteError::IoError { io_error: io, .. })
        | Tantivy::OpenDirectoryError(OpenDirectoryError::IoError { io_error: io, .. }) => Some(io),
        _ => None,
    };
    // These say something of the content, not of the medium.
    let of_content = [std::io::ErrorKind::NotFound, std::io::ErrorKind::InvalidData, std::io::ErrorKind::UnexpectedEof];
    if let Some(io) = io.filter(|io| !of_content.contains(&io.kind())) {
        let said = Error::io(std::io::Error::from(io.kind()));
        let message = format!("the index can't be used: {}", said.message());
        return Error::new(ErrorKind::Io, message).about(folder).with_source(error);
    }
    let text = match &error {
        Tantivy::OpenReadError(OpenReadError::IoError { io_error, filepath }) => {
            format!("{}: {io_error}", filepath.display())
        }
        Tantivy::IoError(io) => io.to_string(),
        _ => error.to_string(),
    };
    let text = text.lines().next().unwrap_or_default();
    Error::new(ErrorKind::Damaged, format!("the index is damaged ({text:.120}): `ris verify` says what and what to do"))
        .about(folder)
        .with_source(error)
}
