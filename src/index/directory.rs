//! The index's folder as tantivy sees it: for readers one that can only be read and takes no lock, for the writer one
//! whose files all have the same permissions; for both one whose files are [checked](super::checked).
//!
//! tantivy opens a lock file for writing before it opens its segments, so that no writer removes them
//! meanwhile. A search must be able to run from read-only media and may not write at all, so here the
//! lock is a no-op, and a reader that loses the race against a writer's clean-up just opens again
//! (see [`Reader::open`](super::Reader::open)).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, DirectoryLock, FileHandle, Lock, MmapDirectory, TerminatingWrite, WatchCallback, WatchHandle,
    WritePtr,
};

use super::checked::{Reading, sealed, unsealed, writing};

/// What tantivy commits with.
pub(super) const META: &str = "meta.json";
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
    pub refused: Refused,
}

/// The first error of the disk while something was written. tantivy's threads hand on that there was one, not which.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused(Arc<OnceLock<(io::ErrorKind, String)>>);

impl Refused {
    fn note(&self, error: &io::Error) {
        let _ = self.0.set((error.kind(), error.to_string()));
    }

    fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| self.note(error))
    }

    /// What it was.
    pub fn told(&self) -> Option<io::Error> {
        self.0.get().map(|(kind, text)| io::Error::new(*kind, text.as_str()))
    }
}

/// Notes why it can't be written on.
struct Noting {
    out: WritePtr,
    refused: Refused,
}

impl Write for Noting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.refused.noted(self.out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.refused.noted(self.out.flush())
    }
}

impl TerminatingWrite for Noting {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        self.refused.noted(self.out.terminate_ref(token))
    }
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
        let opened = match self.files.open_write(path) {
            // Left by a run that lost power before its commit and before the list of files that names this one: of a
            // commit, names never come again.
            Err(OpenWriteError::FileAlreadyExists(_)) => {
                let _ = self.files.delete(path);
                self.files.open_write(path)
            }
            opened => opened,
        };
        let opened = opened.inspect_err(|error| {
            if let OpenWriteError::IoError { io_error, .. } = error {
                self.refused.note(io_error);
            }
        });
        let noting = |out| Noting { out, refused: self.refused.clone() };
        // It has a buffer below it and one above.
        opened.map(|out| writing(io::BufWriter::with_capacity(0, Box::new(noting(out)))))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        checked_whole(&self.files, path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.refused.noted(self.files.atomic_write(path, &sealed(data)))?;
        // What file systems without permissions refuse is not missed.
        let _ =
            fs::metadata(&self.like).and_then(|like| fs::set_permissions(self.folder.join(path), like.permissions()));
        // tantivy goes on to remove what the last commit named, and we tell that this one is in. Neither is true on a
        // disk that lost power until the folder says which is the last.
        if path == Path::new(META) { self.sync_directory() } else { Ok(()) }
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.refused.noted(self.files.sync_directory())
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.files.acquire_lock(lock).inspect_err(|error| {
            if let LockError::IoError(error) = error {
                self.refused.note(error);
            }
        })
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
        checked(&self.0, path).map_err(|error| match error {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_without_a_commit_left_gives_way_to_the_file_that_gets_its_name() {
        let place = tempfile::tempdir().unwrap();
        let (folder, like) = (place.path().to_owned(), place.path().join("like"));
        let files = MmapDirectory::open(&folder).unwrap();
        let directory = WritableDirectory { files, folder, like, refused: Refused::default() };
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
