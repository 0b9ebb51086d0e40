//! Every checksum of an index, read, and each file compared with what the commit says that it is.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tantivy::Index;

use super::beneath::{self, Folder};
use super::checked::unsealed;
use super::committed::{Committed, FILES};
use super::directory::{META, ReadOnlyDirectory, STALE, stamp_of_copy};
use super::format::{self, COPIES, DOCUMENTS, FORMAT_FILE};
use super::ledger;
use super::local::store;
use super::opened::Opened;
use super::reader::Payload;
use super::schema::Fields;
use super::segments::{self, Segment};
use crate::error::{Error, ErrorKind, Result};

/// How often the check starts again because a writer has committed and removed what was being read.
const ATTEMPTS: u32 = 20;

/// A file of an index that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, below the index's folder.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// What a check of all files found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that are damaged or gone.
    pub damaged: Vec<Damage>,
    /// A repair was begun and not ended.
    pub repair_begun: bool,
    /// The copies that are there.
    copies: Vec<PathBuf>,
}

impl Checked {
    /// Whether all is as it was written.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && !self.repair_begun
    }

    /// Whether [`repair`](super::repair) can help: it can't where the files that say what the index is are damaged, and
    /// their copies, too.
    pub fn is_repairable(&self) -> bool {
        let is_lost = |file: &Path| {
            let copy = Path::new(COPIES).join(file.file_name().unwrap_or_default());
            self.is_damaged(file) && (self.is_damaged(&copy) || !self.copies.contains(&copy))
        };
        let documents = Path::new(DOCUMENTS);
        !self.is_damaged(documents) && !is_lost(Path::new(FORMAT_FILE)) && !is_lost(&documents.join(META))
    }

    pub(super) fn is_damaged(&self, file: &Path) -> bool {
        self.damaged.iter().any(|damage| damage.file == file)
    }

    fn read(&mut self, file: PathBuf, read: Result<u64>) {
        self.files += 1;
        match read {
            Ok(bytes) => self.bytes += bytes,
            Err(error) => self.damaged.push(Damage { file, what: error.message().to_owned() }),
        }
    }
}

/// Reads every file of the index in `folder`. Nothing is locked; a writer may run beside.
///
/// # Errors
/// `NoIndex`, `ForeignIndex`, `Io`. Damage is not an error here.
pub fn verify(folder: &Path) -> Result<Checked> {
    let stated = match format::check(folder) {
        Err(error) if error.kind() == ErrorKind::Damaged => Err(error),
        other => Ok(other?),
    };
    let copy = || Folder::of_index(folder).below(COPIES).ok()??.read(META).ok();
    let commit = || (meta(folder).ok().map(|(bytes, _)| bytes), copy());
    for _ in 1..ATTEMPTS {
        let before = commit();
        let checked = verify_commit(folder, stated.as_ref().err())?;
        if checked.damaged.is_empty() || before == commit() {
            return Ok(checked);
        }
    }
    verify_commit(folder, stated.as_ref().err())
}

fn verify_commit(folder: &Path, stated: Option<&Error>) -> Result<Checked> {
    let (mut checked, index) = (Checked::default(), Folder::of_index(folder));
    let length = || index.open(FORMAT_FILE).and_then(|file| file.metadata()).map(|metadata| metadata.len());
    checked.read(
        FORMAT_FILE.into(),
        match stated {
            Some(error) => Err(Error::new(ErrorKind::Damaged, error.message().to_owned())),
            None => length().map_err(beneath::found),
        },
    );
    copies(folder, &index, &mut checked);
    let documents = match index.below(DOCUMENTS) {
        Ok(documents) => documents.filter(|documents| documents.holds(META)),
        Err(error) => {
            checked.read(DOCUMENTS.into(), Err(beneath::found(error)));
            return Ok(checked);
        }
    };
    let Some(documents) = documents else {
        if !matches!(index.below(store::FOLDER), Ok(None)) {
            let gone = Err(Error::new(ErrorKind::Damaged, "it is gone"));
            checked.read(Path::new(DOCUMENTS).join(META), gone);
        }
        return Ok(checked);
    };
    // A copy that is none says nothing of the commit.
    let stamp = stamp_of_copy(&index).filter(|_| !checked.is_damaged(&Path::new(COPIES).join(META)));
    let read = meta(folder).and_then(|(bytes, commit)| {
        let is_stale = stamp.is_some_and(|stamp| commit.get("opstamp").and_then(Value::as_u64) < Some(stamp));
        if is_stale { Err(Error::new(ErrorKind::Damaged, STALE)) } else { Ok((bytes, payload_of(&commit)?)) }
    });
    let payload = match read {
        Ok((bytes, payload)) => {
            checked.read(Path::new(DOCUMENTS).join(META), Ok(bytes.len() as u64));
            payload
        }
        Err(error) => {
            checked.read(Path::new(DOCUMENTS).join(META), Err(error));
            return Ok(checked);
        }
    };
    let committed = Committed::default();
    let directory = ReadOnlyDirectory { folder: documents, committed: committed.clone() };
    verify_documents(folder, &directory, &mut checked);
    checked.repair_begun = payload.repairing;
    for name in &payload.features {
        let read = store::verify(folder, name, &committed).map_err(|error| match error.kind() {
            ErrorKind::Damaged if error.message().starts_with("a file of features") => {
                Error::new(ErrorKind::Damaged, "it is cut short, or a block of it does not agree with its checksum")
            }
            _ => error,
        });
        checked.read(Path::new(store::FOLDER).join(name), read);
    }
    if let Some(crawls) = &payload.crawls {
        let read = ledger::verify(folder, crawls).map_err(|error| match error.kind() {
            ErrorKind::Damaged => Error::new(ErrorKind::Damaged, "it does not agree with its checksums"),
            _ => error,
        });
        checked.read(Path::new(ledger::FOLDER).join(&crawls.name), read);
    }
    Ok(checked)
}

/// Checks the copies of what a repair can't do without, and that they are copies.
fn copies(folder: &Path, index: &Folder, checked: &mut Checked) {
    let copies = match index.below(COPIES) {
        // An early version made none.
        Ok(None) => return,
        Ok(Some(copies)) => copies,
        Err(error) => return checked.read(COPIES.into(), Err(beneath::found(error))),
    };
    for name in [FORMAT_FILE, META].into_iter().filter(|name| copies.holds(name)) {
        let file = Path::new(COPIES).join(name);
        let read = sealed_file(&copies, name).and_then(|(content, length)| {
            // What the original is can't be said where it is damaged itself.
            let is_copy = match name {
                META => meta(folder).map_or(Ok(true), |(_, commit)| may_be_copy_of(index, &commit, &content))?,
                _ => {
                    checked.is_damaged(Path::new(name)) || {
                        // A takeover that was stopped before its last step left the copy as it was; the next writer makes it anew.
                        index.read(name).is_ok_and(|original| original == content) || format::is_earlier(&content)
                    }
                }
            };
            let what = "it is whole, but no copy of what it should be one of";
            if is_copy { Ok(length) } else { Err(Error::new(ErrorKind::Damaged, what)) }
        });
        checked.read(file.clone(), read);
        checked.copies.push(file);
    }
}

/// Whether a copy is of this commit, or of another one of this index: what that names is there. After a loss of power it
/// may be that of the commit before; and where a backup was restored in part, of a later one.
fn may_be_copy_of(index: &Folder, commit: &Value, copy: &[u8]) -> Result<bool> {
    let copy: Value = serde_json::from_slice(copy).map_err(|error| not_understood(&error))?;
    payload_of(&copy)?;
    let names = copy.get(FILES).and_then(Value::as_object).into_iter().flat_map(|files| files.keys());
    let folders = [DOCUMENTS, store::FOLDER].map(|name| index.below(name).ok().flatten());
    let mut is_there = names.map(|name| folders.iter().flatten().any(|folder| folder.holds(name)));
    Ok(copy == *commit || (copy.get("opstamp").is_some() && is_there.all(|is_there| is_there)))
}

/// Checks the files of all segments, and what tantivy reads of them.
fn verify_documents(folder: &Path, directory: &ReadOnlyDirectory, checked: &mut Checked) {
    let documents = &directory.folder;
    let opened = Opened::new(directory.clone());
    let damaged = |error| super::reader::damaged(folder, error);
    let open = || Index::open(opened.clone()).and_then(|index| Ok((index.load_metas()?, index))).map_err(damaged);
    let fields = Fields::new();
    let (metas, index) = match segments::guarded(folder, open) {
        Ok((metas, _)) if !segments::is_usual(&metas) || metas.schema != fields.schema => {
            let error = Error::new(ErrorKind::Damaged, "it makes no sense");
            return checked.read(Path::new(DOCUMENTS).join(META), Err(error));
        }
        Ok(opened) => opened,
        Err(error) => return checked.read(DOCUMENTS.into(), Err(error)),
    };
    let names = metas.list_segment_files();
    for meta in &metas.segments {
        let damaged = checked.damaged.len();
        let id = meta.id().uuid_string();
        let mut of_segment: Vec<_> = names.iter().filter_map(|name| name.to_str()).collect();
        of_segment.retain(|name| name.starts_with(&id) && documents.holds(name));
        of_segment.sort_unstable();
        for name in of_segment {
            let read = directory.whole(name).map_err(beneath::found);
            checked.read(Path::new(DOCUMENTS).join(name), read);
        }
        // What is left to find: a file that is gone, or what somebody wrote who was not ris.
        let walk = || Segment::open(folder, &index.segment(meta.clone()), &opened)?.walk(&fields);
        if checked.damaged.len() == damaged
            && let Err(error) = segments::guarded(folder, walk)
        {
            let what = match error.kind() {
                ErrorKind::Io => error.message().to_owned(),
                _ => "one of these files is gone, or not what it should be".to_owned(),
            };
            checked.damaged.push(Damage { file: Path::new(DOCUMENTS).join(format!("{id}.*")), what });
        }
    }
}

/// A file that is replaced in one step: its content, and its length on disk.
pub(super) fn sealed_file(folder: &Folder, name: &str) -> Result<(Vec<u8>, u64)> {
    let bytes = folder.read(name).map_err(beneath::found)?;
    let length = bytes.len() as u64;
    Ok((unsealed(bytes).map_err(beneath::found)?, length))
}

pub(super) fn not_understood(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Damaged, format!("it can't be understood: {error}"))
}

/// The last commit, as it is on disk and as tantivy wrote it.
pub(super) fn meta(folder: &Path) -> Result<(Vec<u8>, Value)> {
    let documents = Folder::of_index(folder).below(DOCUMENTS);
    let documents = documents.and_then(|documents| documents.ok_or(io::ErrorKind::NotFound.into()));
    let bytes = documents.and_then(|documents| documents.read(META)).map_err(beneath::found)?;
    let text = unsealed(bytes.clone()).map_err(beneath::found)?;
    Ok((bytes, serde_json::from_slice(&text).map_err(|error| not_understood(&error))?))
}

pub(super) fn payload_of(commit: &Value) -> Result<Payload> {
    Payload::read(commit.get("payload").and_then(Value::as_str)).map_err(|error| not_understood(&error))
}
