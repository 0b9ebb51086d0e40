//! Names on the command line and in lists, and the bytes of queries.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ris::source::folder;
use ris::{Error, ErrorKind};

use super::args::Lists;
use super::location;

/// More than any file system takes.
const NAME_LIMIT: usize = 64 << 10;

/// Names from the list that `--files-from` names, if any.
pub fn listed(lists: &Lists) -> Result<Vec<PathBuf>> {
    match &lists.files_from {
        None => Ok(Vec::new()),
        Some(file) if file.as_os_str() == "-" => names(io::stdin().lock(), lists).context("stdin"),
        Some(file) => {
            let list = File::open(file).map_err(|error| Error::io(error).about(file.as_path()))?;
            names(BufReader::new(list), lists).with_context(|| file.display().to_string())
        }
    }
}

/// Names that end in a newline, or in NUL where `lists` says so. Empty ones are left out.
pub fn names(list: impl io::BufRead, lists: &Lists) -> Result<Vec<PathBuf>> {
    let end = if lists.null_data { 0 } else { b'\n' };
    let mut names = Vec::new();
    for name in list.split(end) {
        let mut name = name.map_err(Error::io)?;
        if end == b'\n' && name.last() == Some(&b'\r') {
            name.pop();
        }
        anyhow::ensure!(name.len() <= NAME_LIMIT, "a name of {} bytes: is this a list of files?", name.len());
        anyhow::ensure!(end == 0 || !name.contains(&0), "a list whose names end in NUL: say so with -z");
        if !name.is_empty() {
            names.push(path(name)?);
        }
    }
    Ok(names)
}

#[cfg(unix)]
fn path(name: Vec<u8>) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::OsString::from_vec(name).into())
}

#[cfg(not(unix))]
fn path(name: Vec<u8>) -> Result<PathBuf> {
    Ok(String::from_utf8(name).context("a name that is not UTF-8")?.into())
}

/// Which file a query is; `-` is stdin.
pub fn identity(query: &Path) -> Option<folder::Identity> {
    #[cfg(unix)]
    if query.as_os_str() == "-" {
        return folder::identity(Path::new(ris::sandbox::STDIN));
    }
    folder::identity(query)
}

/// The bytes of a query; `-` is stdin.
pub fn query(name: &Path, limit: u64) -> ris::Result<Vec<u8>> {
    if name.as_os_str() == "-" {
        return read(io::stdin().lock(), 0, limit);
    }
    let about = |error: Error| error.about(name);
    // Asked before it is opened: a folder may not even be opened in the sandbox.
    if name.is_dir() {
        return Err(about(Error::new(ErrorKind::Usage, "a folder: name a picture file, or search in it with --in")));
    }
    if !is_descriptor(name) && name.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        let message = "not a file: give the bytes of a pipe or a device on stdin, and \"-\" as their name";
        return Err(about(Error::new(ErrorKind::Usage, message)));
    }
    if location::is_address(name) {
        return Err(about(Error::new(ErrorKind::Usage, "a search opens no connection: save the picture first")));
    }
    let file = File::open(name).map_err(|error| about(Error::io(error)))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    read(file, length, limit).map_err(about)
}

/// Whether a pipe that the shell made is named so: its descriptor is left open by the sandbox.
fn is_descriptor(name: &Path) -> bool {
    #[cfg(unix)]
    return ris::sandbox::descriptor(name).is_some();
    #[cfg(not(unix))]
    {
        let _ = name;
        false
    }
}

/// All of it, which is `length` bytes as far as the system tells.
fn read(source: impl Read, length: u64, limit: u64) -> ris::Result<Vec<u8>> {
    let too_large = || Error::new(ErrorKind::TooLarge, format!("too large: more than {} MiB", limit >> 20));
    let mut bytes = Vec::new();
    let expected = usize::try_from(length.min(limit)).map_err(|_| too_large())?;
    bytes.try_reserve_exact(expected.saturating_add(1)).map_err(|_| too_large())?;
    source.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::OutOfMemory => too_large(),
        _ => Error::io(error),
    })?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    // A pipe's length shows at its end: what was reserved beyond it is wanted for the pixels.
    bytes.shrink_to_fit();
    Ok(bytes)
}
