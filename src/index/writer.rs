//! Adds to an index; what is added shows to readers at the next commit, all of it or nothing.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tantivy::{Index, IndexWriter, TantivyDocument, TantivyError, Term};

use super::base::Base;
use super::beneath::{self, Folder};
use super::committed::Committed;
use super::directory::{Refused, WritableDirectory};
use super::format::{self, COPIES, DOCUMENTS, FORMAT, WriteLock};
use super::ledger::{self, Ledger};
use super::local::{self, store::Store};
use super::merging::Merging;
use super::reader::{Payload, Reader, damaged};
use super::schema::{Fields, name};
use super::segments::guarded;
use super::{Digest, PictureId, PictureRecord, SourceRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::locator::Locator;
use crate::progress::{Progress, Silent};

/// When a writer commits by itself, and what it may hold until then.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of documents held in memory; tantivy asks for 15 MB at least.
    pub memory: usize,
    /// Commit after so many pictures and sources: what a crash can cost. A commit takes some 20 ms.
    pub batch: usize,
    /// Commit after so long, if anything was added.
    pub interval: Duration,
    /// A new index keeps its places relative to the folder that it stands in, so that both can be moved together.
    pub portable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory: 32 << 20, batch: 10_000, interval: Duration::from_secs(30), portable: false }
    }
}

/// What a writer that was refused by tantivy says: what the disk said, if it was that.
fn failed(folder: &Path, refused: &Refused, error: TantivyError) -> Error {
    match refused.told() {
        Some(told) => Error::io(told).about(folder).with_source(error),
        None => damaged(folder, error),
    }
}

/// The one writer of an index.
pub struct Writer {
    folder: PathBuf,
    fields: Arc<Fields>,
    documents: IndexWriter<TantivyDocument>,
    refused: Refused,
    payload: Payload,
    base: Base,
    features: Store,
    /// What is known of crawls, once somebody asked.
    ledger: Option<Ledger>,
    /// Pictures added since `snapshot` was opened, which it does not know.
    added: HashMap<Digest, PictureId>,
    /// Hashes of the places that were set since then.
    set: HashSet<u64>,
    snapshot: Reader,
    merging: Merging,
    /// What can't be deleted, since the snapshot is damaged there.
    damage: Option<Error>,
    /// Files of features become as few as there can be at the next commit.
    compact: bool,
    pending: usize,
    committed: Instant,
    options: Options,
    // Released last, after tantivy's threads have ended.
    _lock: WriteLock,
}

impl Writer {
    /// Opens the index in `folder` for writing; creates it where the folder is empty or not there.
    ///
    /// # Errors
    /// `Busy` where another process writes; `ForeignIndex`, `Damaged`, `Io`.
    pub fn open(folder: &Path, options: Options) -> Result<Self> {
        Self::open_telling(folder, options, &Silent)
    }

    /// The same; `progress` hears of an index that is taken over from an earlier format, which may take minutes.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_telling(folder: &Path, options: Options, progress: &dyn Progress) -> Result<Self> {
        let mut writer = Self::open_with(folder, options, Reader::open, progress)?;
        // One of the first format is of today's from here on.
        writer.commit()?;
        Ok(writer)
    }

    /// As [`open`](Self::open), be a repair begun or not.
    pub(super) fn open_to_repair(folder: &Path, options: Options) -> Result<Self> {
        Self::open_with(folder, options, Reader::open_to_repair, &Silent)
    }

    fn open_with(
        folder: &Path,
        options: Options,
        read: impl Fn(&Path) -> Result<Reader>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let lock = format::create(folder)?;
        let refused = Refused::default();
        let failed = |error: TantivyError| failed(folder, &refused, error);
        let fields = Arc::new(Fields::new());
        let documents = Folder::of_index(folder).make_below(DOCUMENTS);
        let documents = documents.map_err(|error| beneath::failed(error).about(folder.join(DOCUMENTS)))?;
        let committed = Committed::default();
        let directory = WritableDirectory {
            folder: documents,
            copies: format::copies(folder)?,
            committed: committed.clone(),
            refused: refused.clone(),
        };
        let open = || Index::open_or_create(directory.clone(), fields.schema.clone()).map_err(failed);
        let index = guarded(folder, open)?;
        let snapshot = read(folder)?;
        directory.copy_commit().map_err(|error| beneath::failed(error).about(folder.join(COPIES)))?;
        let mut payload = snapshot.payload().clone();
        // Whatever the commit says: no number is given twice.
        if let Some(last) = snapshot.segments.largest(name::ID)? {
            let next = u32::try_from(last.saturating_add(1)).unwrap_or(u32::MAX);
            payload.next_picture = payload.next_picture.max(next);
        }
        if options.portable && !payload.portable {
            payload = portable(folder, payload)?;
        }
        // One thread: describing pictures is a hundred times the work of indexing their documents.
        let write = || index.writer_with_num_threads(1, options.memory).map_err(failed);
        let documents = guarded(folder, write)?;
        let merging = Merging::on(snapshot.segments.clone(), fields.clone());
        let is_of_earlier_format = snapshot.format() < FORMAT;
        if is_of_earlier_format {
            payload.features = local::store::take_over(folder, &payload.features, &committed, progress)?;
        }
        let mut features = Store::open(folder, &payload.features, &committed)?;
        if !is_of_earlier_format {
            // What a run left that was stopped. Of one that is taken over, the commit still names the files of before.
            features.clean();
        }
        documents.set_merge_policy(Box::new(merging.clone()));
        Ok(Self {
            folder: folder.to_owned(),
            fields,
            documents,
            refused,
            base: Base::of(folder, payload.portable)?,
            features,
            payload,
            ledger: None,
            added: HashMap::new(),
            set: HashSet::new(),
            snapshot,
            merging,
            damage: None,
            compact: false,
            pending: usize::from(is_of_earlier_format),
            committed: Instant::now(),
            options,
            _lock: lock,
        })
    }

    fn failed(&self, error: TantivyError) -> Error {
        failed(&self.folder, &self.refused, error)
    }

    /// Notes that `root` was named to be indexed.
    ///
    /// # Errors
    /// `Usage` where the index is portable and does not stand beside or above it.
    pub fn add_root(&mut self, root: &Locator) -> Result<()> {
        let root = self.base.kept(root)?;
        self.pending += usize::from(self.payload.roots.add(&root));
        Ok(())
    }

    /// Notes that a disk is mounted at a folder below a root: without it, what stands there is offline, not gone.
    ///
    /// # Errors
    /// As [`add_root`](Self::add_root).
    pub fn add_mount(&mut self, mount: &Locator) -> Result<()> {
        let mount = self.base.kept(mount)?;
        self.pending += usize::from(self.payload.mounts.add(&mount));
        Ok(())
    }

    /// The picture whose file has this digest, committed or not.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn picture_with(&self, digest: &Digest) -> Result<Option<PictureId>> {
        match self.added.get(digest) {
            Some(id) => Ok(Some(*id)),
            None => self.snapshot.picture_with(digest),
        }
    }

    /// The commit that this writer builds on.
    pub fn snapshot(&self) -> &Reader {
        &self.snapshot
    }

    /// Adds a picture unless one with its digest is there; returns its number either way.
    ///
    /// # Errors
    /// `Damaged`, `Io`; `Usage` once four billion pictures were added.
    pub fn add_picture(&mut self, record: &PictureRecord) -> Result<PictureId> {
        if let Some(id) = self.picture_with(&record.digest)? {
            return Ok(id);
        }
        let id = self.add_described(record)?;
        let PictureRecord { hash, quality, sketch, .. } = record;
        self.features.add(local::Record { picture: id.0, hash: *hash, quality: *quality, sketch: sketch.clone() })?;
        Ok(id)
    }

    /// Adds a picture that is not there, without its features: they must be [adopted](Self::adopt) before the next
    /// commit.
    pub(super) fn add_described(&mut self, record: &PictureRecord) -> Result<PictureId> {
        let id = PictureId(self.payload.next_picture);
        let next = id.0.checked_add(1);
        self.payload.next_picture =
            next.ok_or_else(|| Error::new(ErrorKind::Usage, "an index holds 4,294,967,295 pictures: start another"))?;
        self.documents.add_document(self.fields.picture_document(id, record)).map_err(|error| self.failed(error))?;
        self.added.insert(record.digest, id);
        self.pending += 1;
        Ok(id)
    }

    /// Takes in the features that a file of another index has of pictures, by the numbers that these have here.
    pub(super) fn adopt(&mut self, file: &local::FeatureFile, number: &dyn Fn(u32) -> Option<u32>) -> Result<()> {
        self.features.adopt(file, number)
    }

    /// From the next commit on a search opens as few files as there can be.
    pub(super) fn compact(&mut self) {
        self.compact = true;
        self.pending += usize::from(self.payload.features.len() > 1);
    }

    /// Says what stands at a place, replacing what was known of it.
    ///
    /// # Errors
    /// `Damaged`, `Io`; `Usage` where the index is portable and does not stand above the place.
    pub fn set_source(&mut self, record: &SourceRecord) -> Result<()> {
        let locator = self.base.kept(&record.locator)?.into_owned();
        self.forget_source(&record.locator);
        self.set.insert(hash_of(&locator));
        let record = SourceRecord { locator, ..record.clone() };
        self.documents.add_document(self.fields.source_document(&record)).map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// Forgets a place.
    pub fn forget_source(&mut self, locator: &Locator) {
        // What can't be kept is not there.
        let Ok(kept) = self.base.kept(locator) else { return };
        // tantivy keeps a kilobyte for each deletion until the next commit: a gigabyte where a million places are merged, all of
        // which are new.
        if !self.set.contains(&hash_of(&kept)) && matches!(self.snapshot.known(locator), Ok(None)) {
            self.pending += 1;
            return;
        }
        self.delete(self.fields.locator_term(&kept));
    }

    fn delete(&mut self, term: Term) {
        match self.snapshot.segments.check_term(&term) {
            Ok(()) => drop(self.documents.delete_term(term)),
            Err(error) => self.damage = Some(error),
        }
        self.pending += 1;
    }

    /// Forgets a picture. Its sources must be forgotten or given another picture, too.
    pub fn forget_picture(&mut self, picture: PictureId) {
        self.delete(Term::from_field_u64(self.fields.id, picture.0.into()));
    }

    /// What is known of crawls; what is noted there counts from the next commit on.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn ledger(&mut self) -> Result<&mut Ledger> {
        // Whoever asks will write, much or little: what is due is for him to say.
        self.pending = self.pending.max(1);
        let ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => {
                ledger::clean(&self.folder, self.payload.crawls.as_ref());
                Ledger::open(&self.folder, self.payload.crawls.as_ref())?
            }
        };
        Ok(self.ledger.insert(ledger))
    }

    /// From the next commit on the index is whole again.
    pub(super) fn end_repair(&mut self) {
        self.payload.repairing = false;
        self.pending += 1;
    }

    /// Commits where enough was added, or long enough ago.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_if_due(&mut self) -> Result<()> {
        let due = self.pending >= self.options.batch || self.committed.elapsed() >= self.options.interval;
        if due { self.commit() } else { Ok(()) }
    }

    /// Makes all that was added durable and visible, in one step.
    ///
    /// # Errors
    /// `Io` (a full disk, say), `Damaged`. The index then is as the last commit left it.
    pub fn commit(&mut self) -> Result<()> {
        self.committed = Instant::now();
        if self.pending == 0 {
            return Ok(());
        }
        if let Some(error) = self.damage.take() {
            return Err(error);
        }
        let snapshot = &self.snapshot;
        // Pictures are forgotten one by one; their features go when their file is merged.
        let forgotten =
            |id: u32| id < snapshot.payload().next_picture && matches!(snapshot.facts(PictureId(id)), Ok(None));
        if std::mem::take(&mut self.compact) {
            self.features.compact(&|id| !forgotten(id))?;
        }
        self.payload.features = self.features.prepare(&|id| !forgotten(id))?;
        if let Some(ledger) = &mut self.ledger {
            self.payload.crawls = Some(ledger.sync()?);
        }
        let payload =
            serde_json::to_string(&self.payload).map_err(|error| Error::new(ErrorKind::Damaged, error.to_string()))?;
        let folder = self.folder.as_path();
        let failed = |error: TantivyError| failed(folder, &self.refused, error);
        let mut prepared = self.documents.prepare_commit().map_err(failed)?;
        prepared.set_payload(&payload);
        prepared.commit().map_err(failed)?;
        format::renew(folder)?;
        self.snapshot = Reader::open(folder)?;
        self.features.clean();
        ledger::clean(&self.folder, self.payload.crawls.as_ref());
        self.added.clear();
        self.set.clear();
        self.pending = 0;
        Ok(())
    }

    /// Commits and waits until merging is done.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn finish(mut self) -> Result<Reader> {
        self.commit()?;
        let Self { folder, documents, refused, merging, _lock, .. } = self;
        documents.wait_merging_threads().map_err(|error| failed(&folder, &refused, error))?;
        let reader = Reader::open(&folder)?;
        // Where the disk refused, segments are merged another time.
        if refused.told().is_none() {
            merging.outcome(&reader.segments)?;
        }
        Ok(reader)
    }
}

/// Of places with the same hash both are looked for, which only takes time.
fn hash_of(locator: &Locator) -> u64 {
    let mut hasher = DefaultHasher::new();
    locator.hash(&mut hasher);
    hasher.finish()
}

/// What the first commit of a portable index says.
fn portable(folder: &Path, payload: Payload) -> Result<Payload> {
    if payload.next_picture > 0 || !payload.roots.is_empty() {
        let message = "this index is not portable, and it is not empty: remove it first, or go on without --here";
        return Err(Error::new(ErrorKind::Usage, message).about(folder));
    }
    Ok(Payload { portable: true, ..payload })
}
