//! The index's folder as tantivy sees it: for readers one that can only be read and takes no lock, for the writer one
//! whose files all have the same permissions; for both one whose files are [checked](super::checked).
//!
//! tantivy opens a lock file for writing before it opens its segments, so that no writer removes them
//! meanwhile. A search must be able to run from read-only media and may not write at all, so here the
//! lock is a no-op, and a reader that loses the race against a writer's clean-up just opens again
//! (see [`Reader::open`](super::Reader::open)).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{DirectoryLock, FileHandle, Lock, MmapDirectory, WatchCallback, WatchHandle, WritePtr};

use super::checked::{Reading, sealed, unsealed, writing};

/// What tantivy's garbage collection remembers; a reader has no use for it.
pub(super) const MANAGED: &str = ".managed.json";

/// Maps the files below one folder; refuses to change them.
#[derive(Clone, Debug)]
pub(super) struct ReadOnlyDirectory(pub(super) MmapDirectory);

/// Maps and writes the files below one folder. tantivy makes those that it replaces in one step readable by their
/// owner alone: here they become as readable as `like` is.
#[derive(Clone, Debug)]
pub(super) struct WritableDirectory {
    pub files: MmapDirectory,
    pub folder: PathBuf,
    pub like: PathBuf,
}

impl Directory for WritableDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        checked(&self.files, path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.files.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.files.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.files.open_write(path).map(writing)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        checked_whole(&self.files, path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.files.atomic_write(path, &sealed(data))?;
        // What file systems without permissions refuse is not missed.
        let _ =
            fs::metadata(&self.like).and_then(|like| fs::set_permissions(self.folder.join(path), like.permissions()));
        Ok(())
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

/// Opens a file whose blocks are checked as they are read.
fn checked(files: &MmapDirectory, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
    let file = files.get_file_handle(path)?;
    let reading = Reading::of(&*file).map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
    Ok(Arc::new(reading))
}

/// Reads a file that was written in one step.
fn checked_whole(files: &MmapDirectory, path: &Path) -> Result<Vec<u8>, OpenReadError> {
    let sealed = files.atomic_read(path)?;
    unsealed(sealed).map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the index is open for reading only")
}

impl Directory for ReadOnlyDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        checked(&self.0, path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(refused()), filepath: path.to_owned() })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.0.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(refused(), path.to_owned()))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        if path == Path::new(MANAGED) {
            return Err(OpenReadError::FileDoesNotExist(path.to_owned()));
        }
        checked_whole(&self.0, path)
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
