//! `format.json`: says that a folder is an index, which format it has and which recipe described it.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::beneath::{self, Folder, sync_folder};
use super::checked::{sealed, unsealed};
use crate::describe::RECIPE;
use crate::error::{Error, ErrorKind, Result};

/// Version of the index format that this build reads and writes.
pub const FORMAT: u32 = 2;

/// The earliest format that this build reads, and takes over when it writes.
pub const FORMAT_FIRST: u32 = 1;

/// Where tantivy keeps its files.
pub(super) const DOCUMENTS: &str = "documents";
pub(super) const FORMAT_FILE: &str = "format.json";
/// Where a second copy of `format.json` and of the last commit is: what a repair can't do without.
pub(super) const COPIES: &str = "copies";
const LOCK_FILE: &str = "lock";
const CACHE_TAG: &str = "CACHEDIR.TAG";
/// The text that <https://bford.info/cachedir/> fixes, so that backups can leave the index out.
const CACHE_TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# An index of pictures, made by ris.\n";
/// More than any `format.json` that ris wrote.
const FORMAT_FILE_LIMIT: u64 = 64 << 10;

#[derive(Serialize, Deserialize)]
struct Stated {
    ris_index: u32,
    recipe: String,
    created_by: String,
    /// CRC-32 of the above, so that damage is not taken for another format or recipe. Early versions wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crc32: Option<u32>,
}

impl Stated {
    fn sum(&self) -> u32 {
        crc32fast::hash(format!("{}\n{}\n{}", self.ris_index, self.recipe, self.created_by).as_bytes())
    }
}

/// Checks that `folder` is an index that this build can read.
///
/// # Errors
/// `NoIndex` where there is none, `ForeignIndex` where the folder is something else or has another
/// format or recipe, `Damaged` where its format file can't be understood, `Io`.
pub(super) fn check(folder: &Path) -> Result<()> {
    let beneath = Folder::of_index(folder);
    let damaged = |remedy: &str| {
        let message = format!("its format.json can't be read: {remedy}");
        Error::new(ErrorKind::Damaged, message).about(folder)
    };
    let remedy = || match copy(&beneath) {
        Some(_) => "`ris verify --repair` restores it from its copy",
        None => "make a new index elsewhere",
    };
    let read = || {
        let mut text = String::new();
        beneath.open(FORMAT_FILE)?.take(FORMAT_FILE_LIMIT).read_to_string(&mut text).map(|_| text)
    };
    let (mut text, mut others) = (read(), false);
    if text.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        others = holds_other_things(folder);
        // What is there may be of another process that made the index just now: then this file is there, too.
        text = read();
    }
    let text = match text {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && copy(&beneath).is_some() => {
            return Err(damaged(remedy()).with_source(error));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(if others {
                Error::new(ErrorKind::ForeignIndex, "this folder is not an index: choose another with --index")
            } else {
                Error::new(ErrorKind::NoIndex, "no index here yet: make one with `ris index FOLDER`")
            }
            .about(folder));
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(damaged(remedy()).with_source(error)),
        Err(error) => return Err(Error::io(error).about(folder)),
    };
    let damaged = || damaged(remedy());
    let stated: Stated = serde_json::from_str(&text).map_err(|error| damaged().with_source(error))?;
    // How a newer ris sums up is not known here.
    if stated.ris_index <= FORMAT && stated.crc32.is_some_and(|sum| sum != stated.sum()) {
        return Err(damaged());
    }
    let foreign = |message: String| Err(Error::new(ErrorKind::ForeignIndex, message).about(folder));
    let Stated { ris_index, recipe, created_by, .. } = stated;
    if ris_index > FORMAT {
        return foreign(format!(
            "written by a newer ris ({created_by:.40}, format {ris_index}): update ris, or choose another index"
        ));
    }
    if ris_index < FORMAT_FIRST {
        return foreign(format!(
            "written by an older ris (format {ris_index}, this one reads {FORMAT_FIRST} and later): index again, into another folder"
        ));
    }
    if recipe != RECIPE {
        return foreign(format!(
            "its pictures are described by another recipe ({recipe:.40}, this ris uses {RECIPE}): index again, into another folder"
        ));
    }
    Ok(())
}

/// Whether `folder` holds anything but what an index holds before its format file is written.
fn holds_other_things(folder: &Path) -> bool {
    let temporary = beneath::temporary(FORMAT_FILE);
    let is_ours = |name: &OsStr| [LOCK_FILE, CACHE_TAG, &temporary].iter().any(|ours| name == *ours);
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.any(|entry| !entry.is_ok_and(|entry| is_ours(&entry.file_name()))),
        Err(error) => error.kind() == io::ErrorKind::NotADirectory,
    }
}

/// The copy of `format.json`, where it is whole.
pub(super) fn copy(index: &Folder) -> Option<Vec<u8>> {
    let copies = index.below(COPIES).ok()??;
    copies.read(FORMAT_FILE).and_then(unsealed).ok()
}

/// Where copies are, with one of `format.json`: it is made where it is missing or another.
///
/// # Errors
/// `Damaged`, `Io`.
pub(super) fn copies(folder: &Path) -> Result<Folder> {
    let index = Folder::of_index(folder);
    let made = || {
        let (copies, stated) = (index.make_below(COPIES)?, index.read(FORMAT_FILE)?);
        if copy(&index).is_none_or(|copy| copy != stated) {
            copies.replace(FORMAT_FILE, &sealed(&stated))?;
        }
        Ok(copies)
    };
    made().map_err(|error| beneath::failed(error).about(folder.join(COPIES)))
}

/// Takes the writer's lock of the index in `folder`, which is made one unless it is: created, and its format file written.
///
/// # Errors
/// As [`check`], save `NoIndex`, and [`lock`]; a folder that holds other things is never made an index.
pub(super) fn create(folder: &Path) -> Result<WriteLock> {
    let is_index = || match check(folder) {
        Err(error) if error.kind() == ErrorKind::NoIndex => Ok(false),
        other => other.map(|()| true),
    };
    if !is_index()? {
        create_folder(folder).map_err(|error| Error::io(error).about(folder))?;
    }
    let lock = lock(folder)?;
    // Of two that make it at the same time the second finds it made.
    if is_index()? {
        return Ok(lock);
    }
    let tagged = || Folder::of_index(folder).create(CACHE_TAG)?.write_all(CACHE_TAG_TEXT.as_bytes());
    tagged().map_err(|error| beneath::failed(error).about(folder))?;
    state(folder)?;
    Ok(lock)
}

/// Says that the index is of today's format and made by this build.
fn state(folder: &Path) -> Result<()> {
    let write = || {
        let created_by = concat!("ris ", env!("CARGO_PKG_VERSION")).into();
        let mut stated = Stated { ris_index: FORMAT, recipe: RECIPE.into(), created_by, crc32: None };
        stated.crc32 = Some(stated.sum());
        Folder::of_index(folder).replace(FORMAT_FILE, &serde_json::to_vec(&stated)?)
    };
    write().map_err(|error| beneath::failed(error).about(folder))
}

/// Whether this is a `format.json`, whole, of an earlier format with the same recipe.
pub(super) fn is_earlier(stated: &[u8]) -> bool {
    let stated: Option<Stated> = serde_json::from_slice(stated).ok();
    stated.is_some_and(|stated| {
        let is_whole = stated.crc32.is_none_or(|sum| sum == stated.sum());
        is_whole && stated.ris_index < FORMAT && stated.recipe == RECIPE
    })
}

/// The same of one that was of an earlier format and was taken over. Its copy follows.
///
/// # Errors
/// `Io`, `Damaged`.
pub(super) fn renew(folder: &Path) -> Result<()> {
    let stated = Folder::of_index(folder).read(FORMAT_FILE).map_err(|error| beneath::failed(error).about(folder))?;
    let stated: Option<Stated> = serde_json::from_slice(&stated).ok();
    if stated.is_some_and(|stated| stated.ris_index < FORMAT) {
        state(folder)?;
        copies(folder)?;
    }
    Ok(())
}

/// Makes a folder and those above it, and their names durable.
fn create_folder(folder: &Path) -> std::io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let made = folder.ancestors().take_while(|above| !above.exists()).count();
    fs::create_dir_all(&folder)?;
    // One at least: a run that was stopped may have made the folder, and come no further.
    for above in folder.ancestors().skip(1).take(made.max(1)) {
        match sync_folder(above) {
            // Who may not list a folder can't sync it either.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
            other => other?,
        }
    }
    Ok(())
}

/// Held while one process writes; the system releases it however the process ends.
pub(super) struct WriteLock {
    _file: File,
}

/// Takes the writer's lock of the index.
///
/// # Errors
/// `Busy`, naming the holder, where another writer has it; `Io`.
pub(super) fn lock(folder: &Path) -> Result<WriteLock> {
    let (index, path) = (Folder::of_index(folder), folder.join(LOCK_FILE));
    let failed = |error| beneath::failed(error).about(path.as_path());
    let mut file = index.open_to_write(LOCK_FILE).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.take(20).read_to_string(&mut holder);
            let holder = holder.lines().next().filter(|pid| pid.chars().all(|c| c.is_ascii_digit()) && !pid.is_empty());
            let holder = holder.map_or("another process".into(), |pid| format!("process {pid}"));
            return Err(Error::new(
                ErrorKind::Busy,
                format!("{holder} is writing to this index: wait until it has ended"),
            )
            .about(folder));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // Only for the message above; a failure to write it costs nothing else. Where the file has another name, too, what is
    // there may be somebody's.
    if matches!(beneath::has_other_names(&file), Ok(false)) {
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    }
    Ok(WriteLock { _file: file })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn of_several_that_make_the_same_index_at_once_one_writes_and_the_others_are_told_that_it_does() {
        let mut refused = 0;
        for _ in 0..50 {
            let place = tempfile::tempdir().unwrap();
            let folder = place.path().join("idx");
            let barrier = Barrier::new(4);
            let locks: Vec<_> = std::thread::scope(|scope| {
                let making = || {
                    barrier.wait();
                    create(&folder)
                };
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(making)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(locks.iter().filter(|lock| lock.is_ok()).count(), 1);
            for error in locks.iter().filter_map(|lock| lock.as_ref().err()) {
                assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
                refused += 1;
            }
            assert!(check(&folder).is_ok());
        }
        assert_eq!(refused, 150);
    }
}
