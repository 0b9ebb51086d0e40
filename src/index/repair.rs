//! What is damaged in an index, dropped; what can't be done without, restored from its copy.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use super::beneath::{self, Folder};
use super::checked::sealed;
use super::directory::META;
use super::format::{self, COPIES, DOCUMENTS, FORMAT_FILE};
use super::local::store;
use super::verify::{Checked, Damage, meta, not_understood, payload_of, sealed_file, verify};
use super::{Options, PictureId, Reader, State, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::locator::Locator;

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
    pub roots: Vec<Locator>,
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
    restore(folder, &found)?;
    let left = verify(folder)?;
    if left.is_whole() {
        let roots = Reader::open(folder)?.roots().to_vec();
        return Ok(Repaired { found, roots, ..Repaired::default() });
    }
    let Begun { lost_features, documents } = begin(folder, &left)?;
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

/// Writes anew from its copy what can't be done without, and is damaged; and copies from what they are of. The copy of a
/// commit may be of the one before: what it names and is gone is found by the next check.
fn restore(folder: &Path, found: &Checked) -> Result<()> {
    let _lock = format::lock(folder)?;
    let index = Folder::of_index(folder);
    let about = |error| beneath::failed(error).about(folder);
    let Some(copies) = index.below(COPIES).map_err(about)? else { return Ok(()) };
    let is_damaged = |folder: &str, name: &str| found.is_damaged(&Path::new(folder).join(name));
    if is_damaged("", FORMAT_FILE) {
        let (stated, _) = sealed_file(&copies, FORMAT_FILE)?;
        index.replace(FORMAT_FILE, &stated).map_err(about)?;
    } else if is_damaged(COPIES, FORMAT_FILE) {
        let stated = index.read(FORMAT_FILE).map_err(about)?;
        copies.replace(FORMAT_FILE, &sealed(&stated)).map_err(about)?;
    }
    if is_damaged(DOCUMENTS, META) {
        let (commit, _) = sealed_file(&copies, META)?;
        let documents = index.make_below(DOCUMENTS).map_err(about)?;
        documents.replace(META, &sealed(&commit)).map_err(about)?;
    } else if is_damaged(COPIES, META) {
        let (commit, _) = meta(folder)?;
        copies.replace(META, &commit).map_err(about)?;
    }
    Ok(())
}

/// What a repair has taken out of the commit.
struct Begun {
    lost_features: bool,
    documents: u64,
}

/// Takes what is damaged out of the commit, in one step.
fn begin(folder: &Path, found: &Checked) -> Result<Begun> {
    let _lock = format::lock(folder)?;
    let path = folder.join(DOCUMENTS);
    let about = |error| beneath::failed(error).about(path.as_path());
    let documents_folder = Folder::of_index(folder).make_below(DOCUMENTS).map_err(about)?;
    let is_damaged = |file: &Path| found.is_damaged(file);
    let (_, mut commit) = meta(folder)?;
    let mut payload = payload_of(&commit)?;
    let features = payload.features.len();
    payload.features.retain(|name| !is_damaged(&Path::new(store::FOLDER).join(name)));
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
    let commit = serde_json::to_vec(&commit).map_err(|error| not_understood(&error))?;
    documents_folder.replace(META, &sealed(&commit)).map_err(about)?;
    Ok(Begun { lost_features, documents })
}
