//! One commit of an index, read. Nothing is locked and nothing written; later commits don't show.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tantivy::directory::error::{OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::{DocAddress, Index, Term};

use super::base::Base;
use super::beneath::{self, Folder};
use super::committed::Committed;
use super::directory::{META, ReadOnlyDirectory, STALE, stamp_of_copy};
use super::documents::{known_at, metadata, number, picture_id};
use super::format::{self, COPIES, DOCUMENTS};
use super::local::store::OneFile;
use super::opened::Opened;
use super::roots::{Mounts, Roots};
use super::schema::{self, Fields, name};
use super::segments::{self, Segment, Segments};
use super::{Digest, PictureId, Selection, SourceRecord, State, formats, ledger, local};
use crate::decode::metadata::Metadata;
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
    #[serde(flatten)]
    pub roots: Roots,
    /// Folders below a root on which a disk was mounted when they were walked.
    #[serde(flatten)]
    pub mounts: Mounts,
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
    /// What a commit says; without a text it was stopped before its first. Each name in it is that of a file in its folder.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: Option<&str>) -> std::result::Result<Self, String> {
        let payload: Self =
            text.map_or(Ok(Self::default()), serde_json::from_str).map_err(|error| error.to_string())?;
        let crawls = payload.crawls.as_ref().map(|crawls| &crawls.name);
        if let Some(name) = payload.features.iter().chain(crawls).find(|name| local::store::number(name).is_none()) {
            return Err(format!("it names a file {name:.40?}, which can't be one of an index"));
        }
        if !payload.roots.are_sound() || !payload.mounts.are_sound() {
            return Err("it names a root that can't be read".into());
        }
        // Each is opened and searched.
        let distinct: HashSet<_> = payload.features.iter().collect();
        if distinct.len() < payload.features.len() {
            return Err("a file is named twice".into());
        }
        Ok(payload)
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
    pub(super) address: DocAddress,
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
    pub(super) segments: Arc<Segments>,
    payload: Payload,
    base: Base,
    /// Where the roots stand today.
    roots: Vec<Locator>,
    mounts: Vec<Locator>,
    pub(super) features: Vec<local::FeatureFile>,
    /// Files of an index of the first format, which a writer takes over, ...
    pub(super) first: Vec<local::FirstFile>,
    /// ... and what was made of them in memory, once somebody searched.
    pub(super) taken: OnceLock<Vec<local::FeatureFile>>,
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
            let segments = Segments::none(folder, &index)?;
            return Self::of_commit(folder, fields, segments, Payload::default(), Vec::new());
        };
        let mut attempt = 0;
        loop {
            let directory = ReadOnlyDirectory { folder: documents.clone(), committed: Committed::default() };
            let committed = directory.committed.clone();
            let stamp = stamp_of_copy(&index);
            let opened = segments::guarded(folder, || Self::open_commit(folder, directory, &fields, stamp));
            let opened = opened.and_then(|(segments, payload)| {
                let files = local::store::open(folder, &payload.features, &committed)?;
                Ok((segments, payload, files))
            });
            match opened {
                Ok((segments, payload, files)) => return Self::of_commit(folder, fields, segments, payload, files),
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

    /// The reader of a commit whose files are open.
    fn of_commit(
        folder: &Path,
        fields: Arc<Fields>,
        segments: Segments,
        payload: Payload,
        files: Vec<OneFile>,
    ) -> Result<Self> {
        let base = Base::of(folder, payload.portable)?;
        // Each is looked at, and what stands below it is counted.
        let today = |kept: Vec<Locator>| {
            let mut told = BTreeSet::new();
            let roots = kept.into_iter().map(|root| base.told(root));
            roots.filter(|root| told.insert(root.clone())).collect()
        };
        let (roots, mounts) = (today(payload.roots.places()), today(payload.mounts.places()));
        let (folder, segments) = (folder.to_owned(), Arc::new(segments));
        let (mut features, mut first) = (Vec::new(), Vec::new());
        for file in files {
            match file {
                OneFile::Today(file) => features.push(file),
                OneFile::First(file) => first.push(file),
            }
        }
        let taken = OnceLock::new();
        Ok(Self { folder, fields, segments, payload, base, roots, mounts, features, first, taken })
    }

    /// Opens the last commit, which is of no earlier `stamp`.
    fn open_commit(
        folder: &Path,
        directory: ReadOnlyDirectory,
        fields: &Fields,
        stamp: Option<u64>,
    ) -> Result<(Segments, Payload)> {
        let damaged = |error| damaged(folder, error);
        let opened = Opened::new(directory);
        let index = Index::open(opened.clone()).map_err(damaged)?;
        if index.schema() != fields.schema {
            let error = "its documents have other fields than this version writes".into();
            return Err(damaged(tantivy::TantivyError::SchemaError(error)));
        }
        if stamp.is_some_and(|stamp| index.load_metas().is_ok_and(|metas| metas.opstamp < stamp)) {
            return Err(damaged(tantivy::TantivyError::InternalError(format!("{META}: {STALE}"))));
        }
        let (segments, payload) = Segments::open(folder, &index, &opened)?;
        let payload = Payload::read(payload.as_deref()).map_err(|error| {
            damaged(tantivy::TantivyError::InternalError(format!("its commit can't be understood: {error}")))
        })?;
        Ok((segments, payload))
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

    /// The folders, files and addresses that were named to be indexed.
    pub fn roots(&self) -> &[Locator] {
        &self.roots
    }

    /// Folders below a root on which a disk was mounted when they were walked.
    pub fn mounts(&self) -> &[Locator] {
        &self.mounts
    }

    /// Whether its places are kept relative to the folder that it stands in, so that both can be moved together.
    pub fn is_portable(&self) -> bool {
        self.payload.portable
    }

    /// The first live document that holds `term`, and its segment.
    fn document_with<'a>(&self, segments: &'a [Segment], term: &Term) -> Result<Option<(&'a Segment, DocAddress)>> {
        for (ordinal, segment) in (0..).zip(segments) {
            if let Some(document) = segment.with(term)?.next()? {
                return Ok(Some((segment, DocAddress::new(ordinal, document))));
            }
        }
        Ok(None)
    }

    /// That a document of a segment says something else than the list in which it stands.
    fn contradicted(&self) -> Error {
        let message =
            "the index is damaged (its documents contradict its lists): `ris verify` says what and what to do";
        Error::new(ErrorKind::Damaged, message).about(self.folder.as_path())
    }

    /// The picture whose file has this digest.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn picture_with(&self, digest: &Digest) -> Result<Option<PictureId>> {
        let term = Term::from_field_bytes(self.fields.digest, &digest.0);
        self.segments.read(|segments| {
            let Some((segment, at)) = self.document_with(segments, &term)? else { return Ok(None) };
            Ok(number(segment, name::ID, at.doc_id)?.and_then(picture_id))
        })
    }

    /// A picture's size, format and length.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn facts(&self, picture: PictureId) -> Result<Option<Facts>> {
        let term = Term::from_field_u64(self.fields.id, picture.0.into());
        self.segments.read(|segments| {
            let Some((segment, at)) = self.document_with(segments, &term)? else { return Ok(None) };
            let number = |field| number(segment, field, at.doc_id);
            if number(name::ID)? != Some(picture.0.into()) {
                return Err(self.contradicted());
            }
            let number = |field| Ok(number(field)?.unwrap_or_default());
            Ok(Some(Facts {
                width: number(name::WIDTH)?.try_into().unwrap_or(u32::MAX),
                height: number(name::HEIGHT)?.try_into().unwrap_or(u32::MAX),
                format: formats::format_name(number(name::FORMAT)?),
                bytes: number(name::FILE_BYTES)?,
                partial_data: number(name::PARTIAL_DATA)? != 0,
                metadata: metadata(segment, at.doc_id)?,
            }))
        })
    }

    /// The places where `picture` stands or stood.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn sources_of(&self, picture: PictureId) -> Result<Vec<SourceRecord>> {
        self.sources_with(&self.picture_term(picture), None, |known| known.picture == Some(picture))
    }

    /// Of the places where `picture` stands or stood those that are `selected`.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn selected_sources_of(&self, picture: PictureId, selected: &Selection) -> Result<Vec<SourceRecord>> {
        self.sources_with(&self.picture_term(picture), Some(selected), |known| known.picture == Some(picture))
    }

    /// The places whose last look found `state`.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn sources_in(&self, state: State) -> Result<Vec<SourceRecord>> {
        let term = Term::from_field_u64(self.fields.state, schema::state_code(state));
        self.sources_with(&term, None, |known| known.state == state)
    }

    fn picture_term(&self, picture: PictureId) -> Term {
        Term::from_field_u64(self.fields.picture, picture.0.into())
    }

    /// The places in the lists of a term. Of each it must be true what the term says: a place is in one such list, so that
    /// all lists together are no longer than there are places.
    fn sources_with(
        &self,
        term: &Term,
        selected: Option<&Selection>,
        is_true: impl Fn(&Known) -> bool,
    ) -> Result<Vec<SourceRecord>> {
        let mut sources = self.segments.read(|segments| {
            let mut sources = Vec::new();
            for (ordinal, segment) in (0..).zip(segments) {
                let mut found = segment.with(term)?;
                while let Some(document) = found.next()? {
                    if selected.is_none_or(|selected| selected.holds_source((ordinal, document))) {
                        let known = known_at(segment, DocAddress::new(ordinal, document))?;
                        if !is_true(&known) {
                            return Err(self.contradicted());
                        }
                        sources.push(self.source_at(segment, known)?);
                    }
                }
            }
            Ok(sources)
        })?;
        sources.sort_by(|a: &SourceRecord, b| a.locator.cmp(&b.locator));
        Ok(sources)
    }

    /// What was last known of `locator`.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn known(&self, locator: &Locator) -> Result<Option<Known>> {
        let Ok(kept) = self.base.kept(locator) else { return Ok(None) };
        let term = self.fields.locator_term(&kept);
        self.segments.read(|segments| match self.document_with(segments, &term)? {
            Some((segment, at)) => known_at(segment, at).map(Some),
            None => Ok(None),
        })
    }

    pub(super) fn source_at(&self, segment: &Segment, known: Known) -> Result<SourceRecord> {
        let Known { stamp, state, picture, pages, address } = known;
        let (locator, note, shown) = segment.stored(address.doc_id, |bytes| self.fields.stored(bytes))?;
        Ok(SourceRecord { locator: self.base.told(locator), stamp, state, picture, note, pages, shown })
    }

    /// All that is kept of a known place.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn source(&self, known: &Known) -> Result<SourceRecord> {
        self.segments.read(|segments| match segments.get(known.address.segment_ord as usize) {
            Some(segment) => self.source_at(segment, *known),
            None => Err(self.contradicted()),
        })
    }

    /// How many documents each segment has: what [`Known::address`] counts.
    pub fn segment_sizes(&self) -> impl Iterator<Item = u32> {
        self.segments.sizes()
    }

    /// Calls `visit` with every known place below a folder or inside a file (an entry of an archive, a page), which is not
    /// among them.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_below(&self, place: &Locator, mut visit: impl FnMut(Known) -> Result<()>) -> Result<()> {
        let Some(place) = self.base.kept_above(place) else { return Ok(()) };
        self.segments.read(|segments| {
            for (ordinal, segment) in (0..).zip(segments) {
                segment.each_key(self.fields.locator, &schema::keys_below(&place), |_, document| {
                    visit(known_at(segment, DocAddress::new(ordinal, document))?)
                })?;
            }
            Ok(())
        })
    }

    /// The number of described pictures.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn pictures(&self) -> Result<u64> {
        self.segments.read(|segments| {
            let mut pictures = 0;
            for segment in segments {
                if let Some(column) = segment.column::<u64>(name::ID)? {
                    pictures += match segment.has_deleted() {
                        false => u64::from(column.values.num_vals()),
                        true => segment.alive().filter(|&document| column.index.has_value(document)).count() as u64,
                    };
                }
            }
            Ok(pictures)
        })
    }

    /// Counts everything: one pass over two columns.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn totals(&self) -> Result<Totals> {
        let mut totals = Totals { pictures: self.pictures()?, ..Totals::default() };
        self.segments.read(|segments| {
            for segment in segments {
                let Some(states) = segment.column::<u64>(name::STATE)? else { continue };
                for state in segment.alive().filter_map(|document| states.first(document)) {
                    match schema::state_of(state) {
                        Some(State::Present) => totals.sources += 1,
                        Some(State::Missing) => totals.missing += 1,
                        Some(State::Failed) => totals.failed += 1,
                        Some(State::Archive) => totals.archives += 1,
                        Some(State::Skipped) | None => totals.skipped += 1,
                    }
                }
            }
            Ok(())
        })?;
        Ok(totals)
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

/// Whether an error says that a file which the commit names is not there.
fn is_of_a_lost_file(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    let tantivy = cause.and_then(|cause| cause.downcast_ref::<tantivy::TantivyError>());
    let io = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let io = io.or(match tantivy {
        Some(
            tantivy::TantivyError::IoError(io_error)
            | tantivy::TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }),
        ) => Some(io_error.as_ref()),
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
    // These say something of the content, not of the medium; and so does what no system said.
    let of_content = [std::io::ErrorKind::NotFound, std::io::ErrorKind::InvalidData, std::io::ErrorKind::UnexpectedEof];
    let is_of_medium = |io: &std::io::Error| {
        !of_content.contains(&io.kind()) && (io.raw_os_error().is_some() || io.kind() != std::io::ErrorKind::Other)
    };
    if let Some(io) = io.filter(|io| is_of_medium(io)) {
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
