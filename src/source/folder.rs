//! Files below folders: which are looked at, and what the file system says of them.
//!
//! The rules are those of ripgrep and fd where they fit pictures: hidden files are left out, ignore files
//! (here `.risignore` alone: a picture that git ignores is still a picture) are heeded, links are
//! not followed. Folders that programs fill for themselves are left out too.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};

use crate::error::{Error, ErrorKind, Result};
use crate::locator::Stamp;

/// Folders in which programs keep thumbnails and previews of pictures that stand elsewhere.
const FOREIGN_FOLDERS: [&str; 6] =
    ["@eaDir", ".Spotlight-V100", ".fseventsd", ".Trashes", ".thumbnails", "$RECYCLE.BIN"];
/// What macOS puts beside each file on a foreign disk: metadata under the picture's name.
const APPLE_DOUBLE: &[u8] = b"._";
const IGNORE_FILE: &str = ".risignore";
/// The signature of <https://bford.info/cachedir/>: what lies there can be made again from elsewhere.
const CACHE_TAG: (&str, &[u8]) = ("CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");

/// Which files are looked at.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Hidden files and folders too.
    pub hidden: bool,
    /// Follow symbolic links.
    pub follow: bool,
    /// Globs of files and folders to leave out, in the syntax of ignore files.
    pub exclude: Vec<String>,
    /// Files to leave out, under whatever names they are met; they are never opened.
    pub except: Vec<Identity>,
}

/// What makes a file this one, whatever names it has: device and inode; where there are none, its path without links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] PathBuf);

/// Which file this name leads to; `None` where it leads nowhere.
pub fn identity(path: &Path) -> Option<Identity> {
    #[cfg(unix)]
    let same = path.metadata().ok().map(|metadata| inode_of(&metadata));
    #[cfg(not(unix))]
    let same = path.canonicalize().ok();
    same.map(Identity)
}

/// A regular file.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// Where, absolute.
    pub path: PathBuf,
    /// Its size and time.
    pub stamp: Stamp,
    /// Device and inode, where the same file may be reached under another name too.
    pub inode: Option<(u64, u64)>,
    /// Its inode's number, in the order of which files lie on most disks; 0 where there is none.
    pub order: u64,
    /// The device that it stands on, where the system tells.
    pub device: Option<u64>,
}

/// The path of `root` with its links resolved: what the index keeps.
///
/// # Errors
/// `Io` where it is not there or can't be read.
pub fn resolve(root: &Path) -> Result<PathBuf> {
    root.canonicalize().map_err(|error| Error::io(error).about(root))
}

/// The path that [`resolve`] would have given for a `root` that is not there now: the links of what is there resolved.
pub fn resolve_lost(root: &Path) -> PathBuf {
    let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    for above in absolute.ancestors().skip(1) {
        if let (Ok(there), Ok(rest)) = (above.canonicalize(), absolute.strip_prefix(above)) {
            return there.join(rest);
        }
    }
    absolute
}

/// Walks `root`, which is absolute, in the order of names. Errors are of single folders or files.
///
/// # Errors
/// `Usage` where a glob can't be understood.
pub fn walk(root: &Path, options: &Options) -> Result<impl Iterator<Item = Result<FoundFile>> + Send + use<>> {
    let follow = options.follow;
    let mut builder = WalkBuilder::new(root);
    builder
        .standard_filters(false)
        .parents(true)
        .hidden(!options.hidden)
        .follow_links(follow)
        .add_custom_ignore_filename(IGNORE_FILE)
        .overrides(exclusions(root, &options.exclude)?)
        .sort_by_file_name(OsStr::cmp)
        .filter_entry(|entry| entry.depth() == 0 || !is_foreign(entry));
    let (root, except) = (root.to_owned(), options.except.clone());
    Ok(builder.build().filter_map(move |entry| match entry {
        Ok(entry) => found(&entry, follow, &except).transpose(),
        Err(error) => Some(Err(walk_error(error, &root))),
    }))
}

fn exclusions(root: &Path, globs: &[String]) -> Result<Override> {
    let mut builder = OverrideBuilder::new(root);
    let usage = |glob: &str, error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Usage, format!("--exclude {glob:.100}: {error:.150}"))
    };
    for glob in globs {
        builder.add(&format!("!{glob}")).map_err(|error| usage(glob, &error))?;
    }
    builder.build().map_err(|error| usage("", &error))
}

fn is_foreign(entry: &DirEntry) -> bool {
    if entry.file_type().is_some_and(|kind| kind.is_dir()) {
        FOREIGN_FOLDERS.iter().any(|name| entry.file_name() == *name) || is_cache(entry.path())
    } else {
        entry.file_name().as_encoded_bytes().starts_with(APPLE_DOUBLE)
    }
}

fn is_cache(folder: &Path) -> bool {
    let (name, signature) = CACHE_TAG;
    let mut start = [0; CACHE_TAG.1.len()];
    std::fs::File::open(folder.join(name)).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == signature
}

/// The file of an entry; `None` for folders, pipes, devices, links that are not followed, and what is left out.
fn found(entry: &DirEntry, follow: bool, except: &[Identity]) -> Result<Option<FoundFile>> {
    let kind = entry.file_type();
    if !kind.is_some_and(|kind| kind.is_file()) {
        if entry.depth() == 0 && kind.is_some_and(|kind| !kind.is_dir()) {
            return Err(Error::new(ErrorKind::Usage, "neither a folder nor a file").about(entry.path()));
        }
        return Ok(None);
    }
    let metadata = entry.metadata().map_err(|error| walk_error(error, entry.path()))?;
    #[cfg(unix)]
    let same = || Some(Identity(inode_of(&metadata)));
    #[cfg(not(unix))]
    let same = || identity(entry.path());
    if !except.is_empty() && same().is_some_and(|same| except.contains(&same)) {
        return Ok(None);
    }
    let (inode, device) = (inode(&metadata, follow), device(&metadata));
    Ok(Some(FoundFile {
        path: entry.path().to_owned(),
        stamp: Stamp::of(&metadata),
        inode,
        device,
        order: order(&metadata),
    }))
}

#[cfg(unix)]
fn order(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn order(_metadata: &std::fs::Metadata) -> u64 {
    0
}

#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata, follow: bool) -> Option<(u64, u64)> {
    (follow || std::os::unix::fs::MetadataExt::nlink(metadata) > 1).then(|| inode_of(metadata))
}

#[cfg(unix)]
fn inode_of(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn inode(_metadata: &std::fs::Metadata, _follow: bool) -> Option<(u64, u64)> {
    None
}

#[cfg(unix)]
fn device(metadata: &std::fs::Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::dev(metadata))
}

#[cfg(not(unix))]
fn device(_metadata: &std::fs::Metadata) -> Option<u64> {
    None
}

/// The device that a folder or file stands on, where the system tells.
pub fn device_of(path: &Path) -> Option<u64> {
    path.metadata().ok().and_then(|metadata| device(&metadata))
}

/// The topmost folder above a file, and below `root`, that is on the same device as the file: where a disk is
/// mounted, if that is not the root's.
pub fn mount_of(file: &FoundFile, root: &Path) -> Option<PathBuf> {
    let device = file.device?;
    let folders = file.path.ancestors().skip(1).take_while(|folder| *folder != root && folder.starts_with(root));
    folders.take_while(|folder| device_of(folder) == Some(device)).last().map(Path::to_owned)
}

/// The walker's error without its own mention of the path, and about that path.
fn walk_error(error: ignore::Error, fallback: &Path) -> Error {
    fn path_of(error: &ignore::Error) -> Option<&Path> {
        match error {
            ignore::Error::WithPath { path, .. } => Some(path),
            ignore::Error::Loop { child, .. } => Some(child),
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
            _ => None,
        }
    }
    let path = path_of(&error).unwrap_or(fallback).to_owned();
    match &error {
        _ if error.io_error().is_some() => {
            // The walker wraps the system's error in a text of its own, which names the path once more.
            let kind = error.io_error().map_or(std::io::ErrorKind::Other, std::io::Error::kind);
            match error.into_io_error() {
                Some(io) if io.raw_os_error().is_some() => Error::io(io),
                _ => Error::io(std::io::Error::from(kind)),
            }
        }
        ignore::Error::WithDepth { .. } | ignore::Error::Loop { .. } if path_of(&error).is_some() => {
            Error::new(ErrorKind::Usage, "a link to a folder above it: not followed")
        }
        _ if error.is_io() => Error::new(ErrorKind::Io, error.to_string()),
        _ => Error::new(ErrorKind::Usage, error.to_string()),
    }
    .about(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(root: &Path, options: &Options) -> Vec<String> {
        let files = walk(root, options).unwrap().map(|file| file.unwrap().path);
        files.map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn what_programs_keep_for_themselves_is_left_out_and_hidden_files_are_a_choice() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for name in [
            "b.jpg",
            "a.jpg",
            ".hidden.jpg",
            "._a.jpg",
            "@eaDir/a.jpg",
            "deep/er/c.jpg",
            ".dot/d.jpg",
            "cache/e.jpg",
            "skip/f.jpg",
        ] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), name).unwrap();
        }
        fs::write(root.join("cache/CACHEDIR.TAG"), CACHE_TAG.1).unwrap();
        fs::write(root.join(".risignore"), "skip/\n").unwrap();
        assert_eq!(names(&root, &Options::default()), ["a.jpg", "b.jpg", "deep/er/c.jpg"]);
        let hidden = Options { hidden: true, ..Options::default() };
        assert_eq!(
            names(&root, &hidden),
            [".dot/d.jpg", ".hidden.jpg", ".risignore", "a.jpg", "b.jpg", "deep/er/c.jpg"]
        );
        let exclude = Options { exclude: vec!["er".into(), "b.*".into()], ..Options::default() };
        assert_eq!(names(&root, &exclude), ["a.jpg"]);
    }

    #[test]
    fn an_unreadable_glob_and_a_root_that_is_gone_are_errors() {
        let options = Options { exclude: vec!["[".into()], ..Options::default() };
        assert_eq!(walk(Path::new("/"), &options).err().unwrap().kind(), ErrorKind::Usage);
        assert_eq!(resolve(Path::new("/no/such/folder")).unwrap_err().kind(), ErrorKind::Io);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_on_demand_and_hard_links_show_their_inode() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::write(root.join("a.jpg"), "a").unwrap();
        fs::hard_link(root.join("a.jpg"), root.join("b.jpg")).unwrap();
        std::os::unix::fs::symlink("a.jpg", root.join("c.jpg")).unwrap();
        let files: Vec<_> = walk(&root, &Options::default()).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 2);
        assert!(files[0].inode.is_some() && files[0].inode == files[1].inode);
        assert_eq!(names(&root, &Options { follow: true, ..Options::default() }), ["a.jpg", "b.jpg", "c.jpg"]);
    }
}
