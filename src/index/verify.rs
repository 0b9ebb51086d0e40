//! Every checksum of an index, read; and what is damaged, dropped.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tantivy::directory::MmapDirectory;
use tantivy::{Directory, Index};

use super::checked::{Reading, sealed, unsealed};
use super::directory::{MANAGED, META, ReadOnlyDirectory};
use super::format::{self, DOCUMENTS, FORMAT_FILE};
use super::ledger;
use super::local::{self, Postings};
use super::opened::Opened;
use super::reader::Payload;
use super::schema::Fields;
use super::segments::{self, Segment};
use super::{Options, PictureId, State, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::locator::Locator;

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
}

impl Checked {
    /// Whether all is as it was written.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && !self.repair_begun
    }

    /// Whether [`repair`] can help: it can't where the files are damaged that say what the index is.
    pub fn is_repairable(&self) -> bool {
        let documents = Path::new(DOCUMENTS);
        let vital = [PathBuf::from(FORMAT_FILE), documents.to_owned(), documents.join(META)];
        !self.damaged.iter().any(|damage| vital.contains(&damage.file))
    }

    fn read(&mut self, file: PathBuf, read: Result<u64>) {
        self.files += 1;
        match read {
            Ok(bytes) => self.bytes += bytes,
            Err(error) => self.damaged.push(Damage { file, what: error.message().to_owned() }),
        }
    }
}

/// What a repair dropped.
#[derive(Clone, Debug, Default)]
pub struct Repaired {
    /// What was found before.
    pub found: Checked,
    /// Documents, one for each picture and each of its places, that stood in what is damaged.
    pub documents: u64,
    /// Pictures whose local features stood in what is damaged, and that are forgotten.
    pub pictures: u64,
    /// Places that are forgotten with them and that can still be named.
    pub sources: Vec<Locator>,
    /// What to index again: all that was ever named to be indexed.
    pub roots: Vec<String>,
}

/// Reads every file of the index in `folder`. Nothing is locked; a writer may run beside.
///
/// # Errors
/// `NoIndex`, `ForeignIndex`, `Io`. Damage is not an error here.
pub fn verify(folder: &Path) -> Result<Checked> {
    match format::check(folder) {
        Err(error) if error.kind() == ErrorKind::Damaged => {
            let mut checked = Checked::default();
            checked.read(FORMAT_FILE.into(), Err(error));
            return Ok(checked);
        }
        other => other?,
    }
    let commit = || fs::read(folder.join(DOCUMENTS).join(META)).ok();
    for _ in 1..ATTEMPTS {
        let before = commit();
        let checked = verify_commit(folder)?;
        if checked.damaged.is_empty() || before == commit() {
            return Ok(checked);
        }
    }
    verify_commit(folder)
}

fn verify_commit(folder: &Path) -> Result<Checked> {
    let mut checked = Checked::default();
    checked.read(FORMAT_FILE.into(), length(&folder.join(FORMAT_FILE)));
    let documents = folder.join(DOCUMENTS);
    if !documents.join(META).exists() {
        if folder.join(local::store::FOLDER).is_dir() {
            let gone = Err(Error::new(ErrorKind::Damaged, "it is gone"));
            checked.read(Path::new(DOCUMENTS).join(META), gone);
        }
        return Ok(checked);
    }
    let files = MmapDirectory::open(&documents).map_err(|error| super::reader::damaged(folder, error.into()))?;
    let directory = ReadOnlyDirectory(files);
    checked.read(Path::new(DOCUMENTS).join(META), read_meta(folder).map(|(_, bytes)| bytes));
    if documents.join(MANAGED).exists() {
        let managed = read_sealed(&documents.join(MANAGED)).and_then(|(text, bytes)| {
            let names: Vec<PathBuf> = serde_json::from_slice(&text).map_err(|error| not_understood(&error))?;
            drop(names);
            Ok(bytes)
        });
        checked.read(Path::new(DOCUMENTS).join(MANAGED), managed);
    }
    if !checked.is_repairable() {
        return Ok(checked);
    }
    let opened = Opened::new(directory.clone());
    let damaged = |error| super::reader::damaged(folder, error);
    let open = || Index::open(opened.clone()).and_then(|index| Ok((index.load_metas()?, index))).map_err(damaged);
    match segments::guarded(folder, open) {
        Ok((metas, _)) if !segments::is_usual(&metas) || metas.schema != Fields::new().schema => {
            checked.read(Path::new(DOCUMENTS).join(META), Err(Error::new(ErrorKind::Damaged, "it makes no sense")));
        }
        Ok((metas, index)) => {
            let fields = Fields::new();
            let names = metas.list_segment_files();
            for meta in &metas.segments {
                let damaged = checked.damaged.len();
                let id = meta.id().uuid_string();
                let mut of_segment: Vec<_> =
                    names.iter().filter(|name| name.to_string_lossy().starts_with(&id)).collect();
                of_segment.sort();
                for name in of_segment.into_iter().filter(|name| documents.join(name).exists()) {
                    checked.read(Path::new(DOCUMENTS).join(name), read_segment_file(&directory, name));
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
        Err(error) => checked.read(DOCUMENTS.into(), Err(error)),
    }
    let (commit, _) = read_meta(folder)?;
    let payload = payload_of(&commit)?;
    checked.repair_begun = payload.repairing;
    for name in &payload.features {
        let file = Path::new(local::store::FOLDER).join(name);
        let path = folder.join(&file);
        let read = Postings::open(&path).and_then(|postings| postings.verify()).and_then(|()| length(&path));
        let read = read.map_err(|error| match error.kind() {
            ErrorKind::Damaged => {
                Error::new(ErrorKind::Damaged, "it is cut short, or a block of it does not agree with its checksum")
            }
            _ => error,
        });
        checked.read(file, read);
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

fn length(path: &Path) -> Result<u64> {
    fs::metadata(path).map(|metadata| metadata.len()).map_err(Error::io)
}

fn of_content(error: &io::Error) -> Error {
    Error::new(ErrorKind::Damaged, error.to_string())
}

fn read_segment_file(directory: &ReadOnlyDirectory, name: &Path) -> Result<u64> {
    let file = directory.0.get_file_handle(name).map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
    let length = Reading::of(&*file).and_then(|reading| reading.verify()).map_err(|error| of_content(&error))?;
    Ok(length as u64)
}

fn read_sealed(path: &Path) -> Result<(Vec<u8>, u64)> {
    let bytes = fs::read(path).map_err(Error::io)?;
    let length = bytes.len() as u64;
    Ok((unsealed(bytes).map_err(|error| of_content(&error))?, length))
}

fn not_understood(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Damaged, format!("it can't be understood: {error}"))
}

/// The last commit, as tantivy wrote it.
fn read_meta(folder: &Path) -> Result<(Value, u64)> {
    let (text, length) = read_sealed(&folder.join(DOCUMENTS).join(META))?;
    let commit: Value = serde_json::from_slice(&text).map_err(|error| not_understood(&error))?;
    payload_of(&commit)?;
    Ok((commit, length))
}

fn payload_of(commit: &Value) -> Result<Payload> {
    Payload::read(commit.get("payload").and_then(Value::as_str)).map_err(|error| not_understood(&error))
}

/// Drops what is damaged from the index in `folder`: afterwards it is whole, and the next run of
/// [`ingest`](crate::ingest) over `roots` describes again what was lost.
///
/// # Errors
/// `Damaged` where the files are damaged that say what the index is; `Busy`, `NoIndex`, `ForeignIndex`, `Io`.
pub fn repair(folder: &Path) -> Result<Repaired> {
    let found = verify(folder)?;
    if found.is_whole() {
        return Ok(Repaired { found, ..Repaired::default() });
    }
    if !found.is_repairable() {
        let message =
            "what is damaged says what the index is: restore it from a backup, or index again, into another folder";
        return Err(Error::new(ErrorKind::Damaged, message).about(folder));
    }
    let Begun { lost_features, documents } = begin(folder, &found)?;
    // The lock is free for a moment. Nobody else opens an index whose repair was begun.
    let mut writer = Writer::open_to_repair(folder, Options::default())?;
    let roots = writer.snapshot().roots().to_vec();
    let mut repaired = Repaired { roots, found, documents, ..Repaired::default() };
    let described: HashSet<u32> = writer.snapshot().described()?;
    let mut kept = HashSet::new();
    let mut dropped = Vec::new();
    writer.snapshot().each_picture(|id| {
        if !lost_features || described.contains(&id.0) {
            kept.insert(id);
        } else {
            dropped.push(id);
        }
        Ok(())
    })?;
    repaired.pictures = dropped.len() as u64;
    dropped.into_iter().for_each(|id| writer.forget_picture(id));
    let is_lossy = documents > 0 || repaired.pictures > 0;
    let mut sources = Vec::new();
    writer.snapshot().each_source(|known| {
        // What a file holds may be lost where the file itself is not: that is read again, and what is known is not decoded.
        let holds = is_lossy && (known.state == State::Archive || known.pages > 1);
        if holds || known.picture.is_some_and(|id: PictureId| !kept.contains(&id)) {
            sources.push(writer.snapshot().source(&known)?.locator);
        }
        Ok(())
    })?;
    sources.iter().for_each(|locator| writer.forget_source(locator));
    sources.sort();
    repaired.sources = sources;
    writer.end_repair();
    writer.finish()?;
    Ok(repaired)
}

/// What a repair has taken out of the commit.
struct Begun {
    lost_features: bool,
    documents: u64,
}

/// Takes what is damaged out of the commit, in one step.
fn begin(folder: &Path, found: &Checked) -> Result<Begun> {
    let _lock = format::lock(folder)?;
    let documents = folder.join(DOCUMENTS);
    let files = MmapDirectory::open(&documents).map_err(|error| super::reader::damaged(folder, error.into()))?;
    let write = |name: &str, content: &[u8]| {
        let written = files.atomic_write(Path::new(name), &sealed(content)).and_then(|()| files.sync_directory());
        written.map_err(|error| Error::io(error).about(documents.join(name)))
    };
    let is_damaged = |file: &Path| found.damaged.iter().any(|damage| damage.file == file);
    if is_damaged(&Path::new(DOCUMENTS).join(MANAGED)) {
        let entries = fs::read_dir(&documents).map_err(|error| Error::io(error).about(documents.as_path()))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let managed: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        write(MANAGED, &serde_json::to_vec(&managed).map_err(|error| not_understood(&error))?)?;
    }
    let (mut commit, _) = read_meta(folder)?;
    let mut payload = payload_of(&commit)?;
    let features = payload.features.len();
    payload.features.retain(|name| !is_damaged(&Path::new(local::store::FOLDER).join(name)));
    let lost_features = payload.repairing || payload.features.len() < features;
    payload.repairing = true;
    let mut documents = 0;
    if let Some(segments) = commit.get_mut("segments").and_then(Value::as_array_mut) {
        segments.retain(|segment| {
            let id = segment.get("segment_id").and_then(Value::as_str).unwrap_or_default().replace('-', "");
            let of_segment = |damage: &Damage| {
                damage.file.parent() == Some(Path::new(DOCUMENTS))
                    && damage.file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&id))
            };
            let kept = !found.damaged.iter().any(of_segment);
            let count = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or_default();
            if !kept {
                let deleted = count(segment.pointer("/deletes/num_deleted_docs"));
                documents += count(segment.get("max_doc")).saturating_sub(deleted);
            }
            kept
        });
    }
    // A crawl that goes on would never ask for pictures again that it had: it begins anew.
    payload.crawls = None;
    let payload = serde_json::to_string(&payload).map_err(|error| not_understood(&error))?;
    if let Some(commit) = commit.as_object_mut() {
        commit.insert("payload".into(), payload.into());
    }
    write(META, &serde_json::to_vec(&commit).map_err(|error| not_understood(&error))?)?;
    Ok(Begun { lost_features, documents })
}
