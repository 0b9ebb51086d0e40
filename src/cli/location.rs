//! Where the index is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ris::source::folder;
use ris::{Error, ErrorKind};

use super::args::Global;
use super::owner;

/// An index that travels with its folder.
const LOCAL: &str = ".ris";

/// The indexes that `--index` names, each once, or the one that is there without it.
pub fn indexes(global: &Global) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in global.index.iter().filter(|folder| !folder.as_os_str().is_empty()) {
        let same = |other: &PathBuf| {
            other == folder
                || other
                    .canonicalize()
                    .ok()
                    .is_some_and(|other| folder.canonicalize().is_ok_and(|folder| folder == other))
        };
        if !folders.iter().any(same) {
            folders.push(folder.clone());
        }
    }
    Ok(if folders.is_empty() { vec![unnamed()?] } else { folders })
}

/// The index of a command that takes one.
pub fn index(global: &Global) -> Result<PathBuf> {
    let mut folders = indexes(global)?;
    match folders.pop() {
        Some(folder) if folders.is_empty() => Ok(folder),
        _ => {
            Err(Error::new(ErrorKind::Usage, "several --index: only a search without --in takes more than one").into())
        }
    }
}

/// The index that `--here` makes in a folder.
pub fn here(folder: &Path, global: &Global) -> Result<PathBuf> {
    if !global.index.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "--here says where the index is: leave out --index").into());
    }
    if !folder.is_dir() {
        return Err(Error::new(ErrorKind::Usage, "not a folder: --here takes one").about(folder).into());
    }
    let folder = folder.join(LOCAL);
    check_local(&folder)?;
    Ok(folder)
}

/// `$RIS_INDEX`, else the nearest `.ris/` here or above, else the user's data folder; these two must be the user's own.
fn unnamed() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("RIS_INDEX").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    // A working folder that was deleted has no `.ris` above it either.
    let here = std::env::current_dir().unwrap_or_default();
    if let Some(local) = here.ancestors().map(|folder| folder.join(LOCAL)).find(|local| local.is_dir()) {
        check_local(&local)?;
        return Ok(local);
    }
    let data = dirs::data_local_dir().context("no place for the index: HOME is not set; name one with --index DIR")?;
    let folder = data.join("ris");
    owner::check(&folder)?;
    Ok(folder)
}

/// Refuses a `.ris` that is somebody else's, or leads elsewhere: a link comes along when an archive is unpacked, as a
/// folder does, and would have an index made or changed in any folder of the user's.
fn check_local(local: &Path) -> ris::Result<()> {
    if local.is_symlink() {
        let message = "a symbolic link to an index: name what it leads to with --index";
        return Err(Error::new(ErrorKind::Usage, message).about(local));
    }
    owner::check(local)
}

/// Whether a source, a place or a query reads like an address on the web.
pub fn is_address(named: &Path) -> bool {
    named.to_str().is_some_and(|text| text.starts_with("http://") || text.starts_with("https://"))
}

/// A folder that is named to limit what is done, wherever it may be now; an address on the web as it is.
pub fn place(named: &Path) -> PathBuf {
    if is_address(named) { named.to_owned() } else { folder::resolve_lost(named) }
}
