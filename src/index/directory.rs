//! The folder of documents as tantivy sees it: for readers one that can only be read, for the writer one that notes what
//! went wrong; for both one whose files are in [their folder](super::beneath), [whole](super::checked), and
//! [the committed ones](super::committed).
//!
//! tantivy opens a lock file for writing before it opens its segments, so that no writer removes them
//! meanwhile. A search must be able to run from read-only media and may not write at all, so here the
//! lock is a no-op, and a reader that loses the race against a writer's clean-up just opens again
//! (see [`Reader::open`](super::Reader::open)). A writer has the [lock](super::format::lock) of the whole index.
//!
//! tantivy keeps a list of the files that it wrote, to remove those that no commit names. Here that list is what is in
//! the folder: nothing that the disk says can make it remove anything else.

#![allow(unsafe_code, reason = "a file as memory")]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use memmap2::Mmap;
use serde::Deserialize;
use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, DirectoryLock, FileHandle, Lock, OwnedBytes, TerminatingWrite, WatchCallback, WatchHandle, WritePtr,
};

use super::beneath::Folder;
use super::checked::{Reading, Writing, sealed, unsealed};
use super::committed::{Committed, Fingerprint};
use super::format::COPIES;

/// What tantivy commits with.
pub(super) const META: &str = "meta.json";
/// Where tantivy would keep its list of files.
const MANAGED: &str = ".managed.json";

/// Maps the files of one folder; refuses to change them.
#[derive(Clone, Debug)]
pub(super) struct ReadOnlyDirectory {
    pub folder: Folder,
    pub committed: Committed,
}

/// Maps and writes the files of one folder.
#[derive(Clone, Debug)]
pub(super) struct WritableDirectory {
    pub folder: Folder,
    /// Where the copy of the last commit is.
    pub copies: Folder,
    pub committed: Committed,
    pub refused: Refused,
}

/// The first error of the disk while something was written. tantivy's threads hand on that there was one, not which.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused(Arc<OnceLock<(io::ErrorKind, String)>>);

impl Refused {
    fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            let _ = self.0.set((error.kind(), error.to_string()));
        })
    }

    /// What it was.
    pub fn told(&self) -> Option<io::Error> {
        self.0.get().map(|(kind, text)| io::Error::new(*kind, text.as_str()))
    }
}

/// A file that is written, with its checksums. Notes why it can't be written on, and in the end what it is.
struct Out {
    file: Writing<BufWriter<File>>,
    name: String,
    committed: Committed,
    refused: Refused,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.refused.noted(self.file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.refused.noted(self.file.flush())
    }
}

impl TerminatingWrite for Out {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        let finished = self.file.finish();
        let synced = finished.and_then(|is| self.file.inner().get_ref().sync_data().map(|()| is));
        self.committed.note(&self.name, self.refused.noted(synced)?);
        Ok(())
    }
}

/// A path that tantivy asks for, as the name of a file in its folder.
fn name(path: &Path) -> &str {
    // What is not UTF-8 is no plain name either.
    path.to_str().unwrap_or_default()
}

/// Opens a file whose blocks are checked as they are read, and maps it.
fn reading(folder: &Folder, name: &str) -> io::Result<Reading> {
    let file = folder.open(name)?;
    if file.metadata()?.len() == 0 {
        return Reading::of(OwnedBytes::empty());
    }
    // SAFETY: files of an index are never changed once written. A file that someone else shortens ends the process, as
    // with every mapped file.
    let map = unsafe { Mmap::map(&file) }?;
    Reading::of(OwnedBytes::new(map))
}

/// What a file is that is on the disk; `None` where there is none.
fn measured(folder: &Folder, name: &str) -> io::Result<Option<Fingerprint>> {
    match reading(folder, name) {
        Ok(reading) => Ok(Some(reading.fingerprint())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn not_read(error: io::Error, path: &Path) -> OpenReadError {
    match error.kind() {
        io::ErrorKind::NotFound => OpenReadError::FileDoesNotExist(path.to_owned()),
        _ => OpenReadError::wrap_io_error(error, path.to_owned()),
    }
}

/// Opens a file that is the one that was committed.
fn checked(folder: &Folder, committed: &Committed, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
    let opened = reading(folder, name(path)).and_then(|reading| {
        committed.check(name(path), |expected| *expected == reading.fingerprint())?;
        Ok(reading)
    });
    Ok(Arc::new(opened.map_err(|error| not_read(error, path))?))
}

/// Reads the commit, and what it says of its files.
fn read_meta(folder: &Folder, committed: &Committed, path: &Path) -> Result<Vec<u8>, OpenReadError> {
    let content = folder.read(name(path)).and_then(unsealed).and_then(|content| {
        committed.learn(&content)?;
        Ok(content)
    });
    content.map_err(|error| not_read(error, path))
}

/// tantivy's stamp of the commit that the copy is of, where there is one. It is written after the commit itself, so a commit
/// with an earlier stamp was laid there later: a backup restored in part. To be asked before the commit is read.
pub(super) fn stamp_of_copy(index: &Folder) -> Option<u64> {
    #[derive(Deserialize)]
    struct Meta {
        opstamp: u64,
    }
    let copy = index.below(COPIES).ok()??.read(META).and_then(unsealed).ok()?;
    serde_json::from_slice(&copy).map(|meta: Meta| meta.opstamp).ok()
}

/// What is wrong with a commit that has an earlier stamp.
pub(super) const STALE: &str = "it is of an earlier time than its copy: a backup restored in part?";

impl ReadOnlyDirectory {
    /// Checks every block of a file, and that it is the one that was committed; returns the length of its content.
    ///
    /// # Errors
    /// `InvalidData`; those of the system.
    pub fn whole(&self, name: &str) -> io::Result<u64> {
        let reading = reading(&self.folder, name)?;
        self.committed.check(name, |expected| *expected == reading.fingerprint())?;
        reading.verify().map(|length| length as u64)
    }
}

impl WritableDirectory {
    /// Makes the copy of the commit one of the last, be it that power was lost before it was: to be asked before anything
    /// is removed that the last commit does not name.
    ///
    /// # Errors
    /// Those of the system.
    pub fn copy_commit(&self) -> io::Result<()> {
        match self.folder.read(META) {
            Ok(commit) if self.copies.read(META).is_ok_and(|copy| copy == commit) => Ok(()),
            Ok(commit) => self.refused.noted(self.copies.replace(META, &commit)),
            Err(_) => Ok(()),
        }
    }
}

impl Directory for WritableDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        checked(&self.folder, &self.committed, path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.committed.forget(name(path));
        self.folder.remove(name(path)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DeleteError::FileDoesNotExist(path.to_owned()),
            _ => DeleteError::IoError { io_error: Arc::new(error), filepath: path.to_owned() },
        })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.folder.holds(name(path)))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let opened = self.refused.noted(self.folder.create(name(path)));
        let file = opened.map_err(|error| OpenWriteError::wrap_io_error(error, path.to_owned()))?;
        Ok(BufWriter::new(Box::new(Out {
            file: Writing::to(BufWriter::new(file)),
            name: name(path).to_owned(),
            committed: self.committed.clone(),
            refused: self.refused.clone(),
        })))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        if path == Path::new(MANAGED) {
            let names: Vec<String> = self.folder.names().collect();
            return serde_json::to_vec(&names).map_err(|error| not_read(error.into(), path));
        }
        read_meta(&self.folder, &self.committed, path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        if path != Path::new(META) {
            return Ok(());
        }
        let content = sealed(&self.committed.add_to(data, |name| measured(&self.folder, name))?);
        // tantivy goes on to remove what the last commit named, and we tell that this one is in. Neither is true on a
        // disk that lost power until the folder says which is the last. The copy comes after: it is of this commit or of
        // the last, whose files are still there.
        self.refused.noted(self.folder.replace(META, &content).and_then(|()| self.copies.replace(META, &content)))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.refused.noted(self.folder.sync())
    }

    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the index is open for reading only")
}

impl Directory for ReadOnlyDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        checked(&self.folder, &self.committed, path).map_err(|error| match error {
            // tantivy takes a segment that lost its positions, be it to a writer's clean-up, for one without any, and
            // says later that they are damaged.
            OpenReadError::FileDoesNotExist(path) => OpenReadError::wrap_io_error(io::ErrorKind::NotFound.into(), path),
            error => error,
        })
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(refused()), filepath: path.to_owned() })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.folder.holds(name(path)))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(refused(), path.to_owned()))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        if path == Path::new(MANAGED) {
            return Err(OpenReadError::FileDoesNotExist(path.to_owned()));
        }
        read_meta(&self.folder, &self.committed, path)
    }

    fn atomic_write(&self, _path: &Path, _data: &[u8]) -> io::Result<()> {
        Err(refused())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_without_a_commit_left_gives_way_to_the_file_that_gets_its_name() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::of_index(place.path());
        let copies = folder.make_below("copies").unwrap();
        let (committed, refused) = (Committed::default(), Refused::default());
        let directory = WritableDirectory { folder, copies, committed, refused };
        for content in ["torn, and longer than what follows", "whole"] {
            let mut out = directory.open_write(Path::new("segment.25.del")).unwrap();
            out.write_all(content.as_bytes()).unwrap();
            out.terminate().unwrap();
            let read = directory.get_file_handle(Path::new("segment.25.del")).unwrap();
            assert_eq!(read.read_bytes(0..read.len()).unwrap().as_slice(), content.as_bytes());
        }
        assert!(directory.refused.told().is_none());
    }
}
