//! The files of an index are in its folder: each is opened by a plain name, never through a link.
//!
//! An index may come from anyone (an archive, a repository, a disk), and its files name other files. A name that leads
//! out of the folder, a link, a pipe or a device in place of a file is damage: it is neither read, nor written, nor
//! removed. All files of an index are opened here and nowhere else.
//!
//! This is about what is there when ris comes. Who may change the folder while ris runs is the owner of the index.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};

/// Longer names are none of ours: tantivy's have some 60 bytes.
const NAME_MAX: usize = 128;
/// No file that is read whole is longer: a commit has some 100 bytes a file, and a root its path.
const WHOLE_MAX: u64 = 64 << 20;

/// A folder of an index that is no link: files in it have plain names.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

/// What is in the place of a file or a folder of an index is something else.
fn misplaced(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What is wrong with a file that can't be read or written: what is in a wrong place is damage.
pub(super) fn found(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData => Error::new(ErrorKind::Damaged, error.to_string()).with_source(error),
        _ => Error::io(error),
    }
}

/// The same, for whoever can't go on: with what to do.
pub(super) fn failed(error: io::Error) -> Error {
    advised(found(error))
}

/// Damage with what to do about it, where it does not say so yet.
pub(super) fn advised(error: Error) -> Error {
    if error.kind() != ErrorKind::Damaged || error.message().contains("`ris ") {
        return error;
    }
    let advised = Error::new(ErrorKind::Damaged, format!("{}: `ris verify` says what to do", error.message()));
    match error.subject().cloned() {
        Some(subject) => advised.about(subject),
        None => advised,
    }
}

/// Whether a name can only be that of a file in the folder where it is looked for.
pub(super) fn is_plain(name: &str) -> bool {
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= NAME_MAX && !name.starts_with('.') && name.bytes().all(is_ours)
}

impl Folder {
    /// The folder of an index itself. Links that lead there are the user's own.
    pub fn of_index(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A folder in it; `None` where there is nothing of this name.
    ///
    /// # Errors
    /// `InvalidData` where it is a link or no folder; those of the system.
    pub fn below(&self, name: &str) -> io::Result<Option<Self>> {
        let path = self.path(OsStr::new(name))?;
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => Ok(Some(Self(path))),
            Ok(_) => Err(misplaced("it is a link, or no folder")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same, made where it is missing; its name is durable then.
    ///
    /// # Errors
    /// As [`below`](Self::below).
    pub fn make_below(&self, name: &str) -> io::Result<Self> {
        if let Some(folder) = self.below(name)? {
            return Ok(folder);
        }
        let path = self.path(OsStr::new(name))?;
        fs::create_dir(&path)?;
        self.sync()?;
        Ok(Self(path))
    }

    /// Where the folder is.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// Where a file of this name is.
    ///
    /// # Errors
    /// `InvalidData` where the name is not plain.
    pub fn path(&self, name: &OsStr) -> io::Result<PathBuf> {
        let plain = name.to_str().filter(|name| is_plain(name));
        plain.map(|name| self.0.join(name)).ok_or_else(|| misplaced("it is named by no name of an index's file"))
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// `NotFound`; `InvalidData` where it is a link or no regular file; those of the system.
    pub fn open(&self, name: &str) -> io::Result<File> {
        self.regular(name, OpenOptions::new().read(true))
    }

    /// Reads a whole file, one of those that are replaced in one step.
    ///
    /// # Errors
    /// As [`open`](Self::open); `InvalidData` for one of more than 64 MiB.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open(name)?.take(WHOLE_MAX + 1).read_to_end(&mut content)?;
        if content.len() as u64 > WHOLE_MAX { Err(misplaced("it is too long")) } else { Ok(content) }
    }

    /// Opens a file for reading and writing, made where it is missing. It may have other names (hard links), under which
    /// what is written would show: [`has_other_names`] tells.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_to_write(&self, name: &str) -> io::Result<File> {
        self.regular(name, OpenOptions::new().read(true).write(true).create(true))
    }

    /// Makes a new file for reading and writing. What is left of an earlier run by this name is removed before: the name,
    /// never what it leads to.
    ///
    /// # Errors
    /// Those of the system.
    pub fn create(&self, name: &str) -> io::Result<File> {
        let path = self.path(OsStr::new(name))?;
        let create = || OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        match create() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&path)?;
                create()
            }
            created => created,
        }
    }

    /// Gives a file this content, whole or not at all; both it and its name are durable then.
    ///
    /// # Errors
    /// Those of the system.
    pub fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = temporary(name);
        let written = self.create(&new).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        let path = self.path(OsStr::new(name))?;
        let replaced = written.and_then(|()| fs::rename(self.0.join(&new), path));
        replaced.inspect_err(|_| {
            // Whatever is left of it is of no use.
            let _ = fs::remove_file(self.0.join(&new));
        })?;
        self.sync()
    }

    /// Whether there is anything of this name.
    pub fn holds(&self, name: &str) -> bool {
        self.path(OsStr::new(name)).is_ok_and(|path| path.symlink_metadata().is_ok())
    }

    /// The names of all files that can be ours; of a folder that can't be listed none.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_plain(name))
    }

    /// Removes a name, never what it leads to.
    ///
    /// # Errors
    /// Those of the system; `InvalidData` where the name is not plain.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(OsStr::new(name))?)
    }

    /// Makes new names in it durable, where the platform can.
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&self) -> io::Result<()> {
        sync_folder(&self.0)
    }

    /// Bytes of the regular files in it, and of those in the folders that `below` names.
    ///
    /// # Errors
    /// Those of the system.
    pub fn bytes(&self, below: &[&str]) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(&self.0)? {
            // A writer may remove a file between the two calls.
            let Ok(metadata) = entry.and_then(|entry| entry.metadata()) else { continue };
            bytes += if metadata.is_file() { metadata.len() } else { 0 };
        }
        for name in below {
            if let Some(folder) = self.below(name)? {
                bytes += folder.bytes(&[])?;
            }
        }
        Ok(bytes)
    }

    fn regular(&self, name: &str, options: &mut OpenOptions) -> io::Result<File> {
        const WRONG: &str = "it is a link, or no regular file";
        let path = self.path(OsStr::new(name))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // A pipe that nobody writes to would be waited for.
            options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        }
        #[cfg(not(unix))]
        if path.symlink_metadata()?.is_symlink() {
            return Err(misplaced(WRONG));
        }
        // A link, a folder, a socket, a pipe without a reader: each has an error of its own.
        let is_wrong = || path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file());
        let file = options.open(&path).map_err(|error| if is_wrong() { misplaced(WRONG) } else { error })?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(misplaced(WRONG)) }
    }
}

/// The name under which a file is written before it replaces another.
pub(super) fn temporary(name: &str) -> String {
    format!("{name}.new")
}

/// Makes new names in a folder durable, where the platform can.
///
/// # Errors
/// Those of the system.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Whether a file has hard links; unknown, and so `false`, on systems other than Unix.
pub(super) fn has_other_names(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    return Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 1);
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_or_refused() {
        for name in ["meta.json", "00000000.ris", "0123456789abcdef0123456789abcdef.25.del", "a"] {
            assert!(is_plain(name), "{name}");
        }
        let long = "a".repeat(NAME_MAX + 1);
        for name in ["", ".", "..", ".hidden", "../a", "a/b", "/a", "a\\b", "a\0b", "a\nb", "C:a", "é", long.as_str()]
        {
            assert!(!is_plain(name), "{name:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_pipes_and_folders_are_neither_read_nor_written_and_what_replaces_them_leaves_their_targets_alone() {
        use std::os::unix::fs::symlink;

        let place = tempfile::tempdir().unwrap();
        let (folder, victim) = (place.path().join("idx"), place.path().join("victim"));
        fs::create_dir(&folder).unwrap();
        fs::write(&victim, "kept").unwrap();
        symlink(&victim, folder.join("link")).unwrap();
        symlink(place.path().join("nothing"), folder.join("dangling")).unwrap();
        symlink(place.path(), folder.join("folder-link")).unwrap();
        fs::create_dir(folder.join("folder")).unwrap();
        nix::unistd::mkfifo(&folder.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::hard_link(&victim, folder.join("hard")).unwrap();
        fs::write(folder.join("file"), "content").unwrap();
        let folder = Folder::of_index(&folder);
        for name in ["link", "dangling", "folder-link", "folder", "pipe"] {
            assert_eq!(folder.open(name).unwrap_err().kind(), io::ErrorKind::InvalidData, "{name}");
            assert_eq!(folder.open_to_write(name).unwrap_err().kind(), io::ErrorKind::InvalidData, "{name}");
        }
        assert!(has_other_names(&folder.open_to_write("hard").unwrap()).unwrap());
        assert!(!has_other_names(&folder.open_to_write("file").unwrap()).unwrap());
        for name in ["link", "folder-link", "pipe", "file"] {
            assert_eq!(folder.below(name).unwrap_err().kind(), io::ErrorKind::InvalidData, "{name}");
        }
        assert!(folder.below("folder").unwrap().is_some() && folder.below("none").unwrap().is_none());
        for name in ["link", "dangling", "pipe", "hard", "file"] {
            folder.create(name).unwrap().write_all(b"new").unwrap();
            assert_eq!(folder.read(name).unwrap(), b"new", "{name}");
        }
        symlink(&victim, folder.as_path().join("replaced.new")).unwrap();
        symlink(&victim, folder.as_path().join("replaced")).unwrap();
        folder.replace("replaced", b"content").unwrap();
        folder.remove("link").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"kept");
        assert!(!place.path().join("nothing").exists());
    }
}
