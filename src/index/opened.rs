//! The files that tantivy opens for reading, looked at before it does: counts that it would believe must fit what is there.
//!
//! Checksums say that a file is as it was written, not that whoever wrote it meant well. What tantivy would loop over or
//! take memory for is bounded here and in [`segments`](super::segments) by the sizes of files; what else makes no sense
//! it panics on, which is contained there.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{DirectoryLock, FileHandle, Lock, WatchCallback, WatchHandle, WritePtr};

use super::stored::{self, Stored, nonsense};

/// The names of a segment's columns take a few hundred bytes, and each look at a column reads them.
const COLUMN_NAMES_MAX: usize = 64 << 10;
/// The version of tantivy's tables of strings that ris has always had.
const TABLE: u32 = 3;

/// What was seen of a segment's files.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes of the file that has one at least for each document.
    pub postings: u64,
    /// Documents that its columns have.
    pub rows: u32,
    /// What is stored of its documents.
    pub stored: Option<Arc<Stored>>,
}

/// A folder whose files are looked at when they are opened.
#[derive(Clone)]
pub(super) struct Opened<D> {
    files: D,
    /// By the part of their name that a segment's files share.
    seen: Arc<Mutex<HashMap<String, Seen>>>,
}

impl<D> Opened<D> {
    pub fn new(files: D) -> Self {
        Self { files, seen: Arc::default() }
    }

    /// What was seen of the files that are named so.
    pub fn seen(&self, name: &str) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default()
    }

    fn look(&self, path: &Path, file: &Arc<dyn FileHandle>) -> io::Result<()> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (segment, kind) = name.split_once('.').unwrap_or((name, ""));
        let of_kind = match kind {
            "store" => Seen { stored: Some(Arc::new(Stored::open(file.clone())?)), ..Seen::default() },
            "fast" => Seen { rows: rows(&**file)?, ..Seen::default() },
            "idx" => Seen { postings: file.len() as u64, ..Seen::default() },
            _ => Seen::default(),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(segment.to_owned()).or_default();
        seen.bytes += file.len() as u64;
        seen.postings = seen.postings.max(of_kind.postings);
        seen.rows = seen.rows.max(of_kind.rows);
        seen.stored = of_kind.stored.or(seen.stored.take());
        Ok(())
    }
}

/// How many rows the columns in a file have, once their names are few.
fn rows(file: &dyn FileHandle) -> io::Result<u32> {
    // Length of the table of names (u64), rows (u32), version and magic.
    let end = stored::end_of_content(file)?.checked_sub(20).ok_or_else(nonsense)?;
    let footer = file.read_bytes(end..end + 20)?;
    let mut rest = footer.as_slice();
    let (names, rows) = stored::u64(&mut rest).zip(stored::u32(&mut rest)).ok_or_else(nonsense)?;
    let names = usize::try_from(names).ok().filter(|&names| names <= COLUMN_NAMES_MAX).ok_or_else(nonsense)?;
    let table = file.read_bytes(end.checked_sub(names).ok_or_else(nonsense)?..end)?;
    // Where the addresses of blocks begin in the table's index (u64), where that begins (u64), names (u64), version.
    let mut rest = table.as_slice().last_chunk::<28>().ok_or_else(nonsense)?.as_slice();
    let [addresses, _, _] = [(); 3].map(|()| stored::u64(&mut rest));
    // So few names are one block, without an index to walk through.
    if addresses == Some(0) && stored::u32(&mut rest) == Some(TABLE) { Ok(rows) } else { Err(nonsense()) }
}

impl<D: Directory + Clone> Directory for Opened<D> {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let file = self.files.get_file_handle(path)?;
        self.look(path, &file).map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
        Ok(file)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.files.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.files.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.files.open_write(path)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.files.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.files.atomic_write(path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.files.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.files.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.files.watch(callback)
    }
}

impl<D: fmt::Debug> fmt::Debug for Opened<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}
