//! What a commit says of the files that it names: how long each is and what its checksums come to.
//!
//! A checksum says that a file is whole, not that it is the one that was committed: an older copy, or a file of another
//! index that was laid over it, has checksums that agree. So the commit keeps a digest over them, and whoever opens a
//! file compares. It stands in `meta.json` beside what tantivy writes there, and is added when that is written: tantivy
//! commits by itself, too, when it has merged segments.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The field of `meta.json` that holds them.
pub const FILES: &str = "files";

/// What tells a file from every other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Bytes, all in.
    pub length: u64,
    /// Of the checksums of all blocks, and of what else tells the file: the first 16 bytes of BLAKE3, in hexadecimal.
    pub digest: String,
    /// Of a long file: the same of the first and last checksums. What opens the file compares these, to read no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
}

/// What [`Fingerprint`] keeps of some bytes.
pub fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let text = hasher.finalize().to_hex();
    text.get(..32).unwrap_or_default().to_owned()
}

/// What is wrong with a file that is whole and is not the one that the commit names.
pub const EXCHANGED: &str =
    "it is whole, but not the file that was committed: one of another time or index is in its place";

/// The fingerprints of files, by their names.
pub type Files = BTreeMap<String, Fingerprint>;

/// The files of the commits that were read or are in the making. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Committed(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    files: Files,
    /// A commit was read that says of all its files what they are. Those of early versions do not.
    is_complete: bool,
}

impl Committed {
    /// Takes in what a commit says, as it stands in `meta.json`.
    ///
    /// # Errors
    /// `InvalidData` where it can't be understood.
    pub fn learn(&self, meta: &[u8]) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Meta {
            files: Option<Files>,
        }
        let meta: Meta = serde_json::from_slice(meta)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("it can't be understood: {error}")))?;
        if let Some(files) = meta.files {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.files.extend(files);
            known.is_complete = true;
        }
        Ok(())
    }

    /// Notes what a new file is.
    pub fn note(&self, name: &str, fingerprint: Fingerprint) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.files.insert(name.to_owned(), fingerprint);
    }

    /// A file is gone; of a commit, names never come again.
    pub fn forget(&self, name: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).files.remove(name);
    }

    /// What a file must be, where that is known.
    pub fn of(&self, name: &str) -> Option<Fingerprint> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).files.get(name).cloned()
    }

    /// Compares what a file is, which `found` is asked for, with what it must be.
    ///
    /// # Errors
    /// `InvalidData` where they differ, or the commit names no such file.
    pub fn check(&self, name: &str, found: impl FnOnce(&Fingerprint) -> bool) -> io::Result<()> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_so = match known.files.get(name) {
            Some(expected) => found(expected),
            None => !known.is_complete,
        };
        if is_so { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, EXCHANGED)) }
    }

    /// What tantivy writes as `meta.json`, with the fingerprints of the files that it names. `measure` is asked for those
    /// that are not known: of an index that an early version has written.
    ///
    /// # Errors
    /// `InvalidData` where it can't be understood; those of `measure`.
    pub fn add_to(
        &self,
        meta: &[u8],
        measure: impl Fn(&str) -> io::Result<Option<Fingerprint>>,
    ) -> io::Result<Vec<u8>> {
        let of_json = |error: serde_json::Error| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        let mut meta: Value = serde_json::from_slice(meta).map_err(of_json)?;
        let mut files = Files::new();
        for name in named(&meta) {
            let known = self.of(&name);
            if let Some(fingerprint) = known.map_or_else(|| measure(&name), |known| Ok(Some(known)))? {
                files.insert(name, fingerprint);
            }
        }
        let Some(fields) = meta.as_object_mut() else { return Err(io::ErrorKind::InvalidData.into()) };
        fields.insert(FILES.to_owned(), serde_json::to_value(&files).map_err(of_json)?);
        let written = serde_json::to_vec(&meta).map_err(of_json)?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.files.extend(files);
        known.is_complete = true;
        Ok(written)
    }
}

/// The files that a commit names: those of its segments, which need not all be there, and of the features in its payload.
fn named(meta: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for segment in meta.get("segments").and_then(Value::as_array).into_iter().flatten() {
        let Some(id) = segment.get("segment_id").and_then(Value::as_str) else { continue };
        let id = id.replace('-', "");
        names.extend(["term", "idx", "pos", "store", "fast", "fieldnorm"].map(|part| format!("{id}.{part}")));
        let deleted = segment.pointer("/deletes/opstamp").and_then(Value::as_u64);
        names.extend(deleted.map(|opstamp| format!("{id}.{opstamp}.del")));
    }
    let payload = meta.get("payload").and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let features = payload.as_ref().and_then(|payload| payload.get("features")).and_then(Value::as_array);
    names.extend(features.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    names
}
