//! The feature files of an index: written before a commit, named by it, removed once no commit names them.
//!
//! New pictures gather in memory, become small files, and small files become large ones (a log-structured
//! merge tree: O'Neil et al., 1996), so that each entry is written a handful of times and a search opens few
//! files. A file never changes. What a crash leaves behind is named by no commit, and the next writer
//! removes it.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use super::{FeatureFile, FirstFile, PICTURES_MAX, Record, merge, write};
use crate::error::{Error, ErrorKind, Result};
use crate::index::beneath::{self, Folder};
use crate::index::committed::{Committed, EXCHANGED, Fingerprint};
use crate::progress::{Event, Progress};

/// Where the files are, below the index's folder.
pub const FOLDER: &str = "features";
/// Pictures that gather in memory: 60 MB with their sorting.
const GATHERED: usize = 4096;
/// Neighbouring files are merged once so many of them are of a size.
const OF_A_SIZE: usize = 4;

/// Pictures that a merged file holds at most: a search asks each file for as much.
const MERGED: usize = PICTURES_MAX;

/// The writer's side.
pub(in crate::index) struct Store {
    folder: Folder,
    committed: Committed,
    pending: Vec<Record>,
    /// Names and pictures of the files of the commit in the making, oldest first.
    files: Vec<(String, usize)>,
    next: u64,
}

impl Store {
    /// Opens files that a commit names, or is to name; the folder is made if need be. What new files are is noted in
    /// `committed`.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn open(index: &Path, names: &[String], committed: &Committed) -> Result<Self> {
        let folder = Folder::of_index(index).make_below(FOLDER);
        let folder = folder.map_err(|error| beneath::failed(error).about(index.join(FOLDER)))?;
        let mut files = Vec::new();
        for name in names {
            let file = open_today(&folder, name, committed).map_err(beneath::advised)?;
            // Of an index that an early version has written.
            if committed.of(name).is_none() {
                committed.note(name, file.fingerprint()?);
            }
            files.push((name.clone(), file.pictures()));
        }
        let next = names.iter().filter_map(|name| number(name)).max().map_or(0, |last| last + 1);
        Ok(Self { folder, committed: committed.clone(), pending: Vec::new(), files, next })
    }

    /// Adds a picture.
    ///
    /// # Errors
    /// `Io`.
    pub fn add(&mut self, picture: Record) -> Result<()> {
        self.pending.push(picture);
        if self.pending.len() < GATHERED { Ok(()) } else { self.flush() }
    }

    /// Takes in the pictures of a file of another index, under the numbers that `number` gives for theirs there; those
    /// without one are left out.
    ///
    /// # Errors
    /// `Io`; `Damaged` where that file is.
    pub fn adopt(&mut self, file: &FeatureFile, number: &dyn Fn(u32) -> Option<u32>) -> Result<()> {
        self.flush()?;
        let mut pictures = 0;
        let name = self.create(|out| {
            pictures = merge(out, &[file], number)?;
            Ok(())
        })?;
        self.files.push((name, pictures));
        Ok(())
    }

    /// Makes as few files as there can be. Pictures that `keep` does not want are dropped on the way.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn compact(&mut self, keep: &dyn Fn(u32) -> bool) -> Result<()> {
        self.flush()?;
        let files = std::mem::take(&mut self.files);
        let (mut kept, mut run, mut sum) = (Vec::new(), Vec::new(), 0);
        for file in files.iter().cloned().chain([(String::new(), MERGED)]) {
            if sum + file.1 > MERGED && !run.is_empty() {
                match run.len() {
                    1 => kept.append(&mut run),
                    _ => match self.merged(&run, keep) {
                        Ok(merged) => kept.push(merged),
                        Err(error) => {
                            self.files = files;
                            return Err(error);
                        }
                    },
                }
                run.clear();
                sum = 0;
            }
            sum += file.1;
            run.push(file);
        }
        self.files = kept;
        Ok(())
    }

    /// Writes all that was added and merges what has become many; the files are durable once this returns.
    /// Pictures that `keep` does not want are dropped on the way. Returns the names for the commit.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn prepare(&mut self, keep: &dyn Fn(u32) -> bool) -> Result<Vec<String>> {
        self.flush()?;
        while let Some(first) = self.due() {
            self.merge_from(first, keep)?;
        }
        Ok(self.files.iter().map(|(name, _)| name.clone()).collect())
    }

    /// Removes every file but these: to be called once the last commit names them. A reader that maps one keeps it.
    pub fn clean(&mut self) {
        for name in self.folder.names() {
            if number(&name).is_some() && !self.files.iter().any(|(file, _)| *file == name) {
                self.committed.forget(&name);
                // One that can't be removed now (a reader on Windows) is removed another time.
                let _ = self.folder.remove(&name);
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let name = self.create(|out| write(out, &pending))?;
        self.files.push((name, pending.len()));
        Ok(())
    }

    fn create(&mut self, fill: impl FnOnce(BufWriter<&File>) -> Result<()>) -> Result<String> {
        let name = format!("{:08}.ris", self.next);
        self.next += 1;
        create(&self.folder, &name, &self.committed, fill)?;
        Ok(name)
    }

    /// Where the newest files begin that are to become one.
    fn due(&self) -> Option<usize> {
        let size = |i: usize| self.files.get(i).map_or(0, |file| file.1);
        let (mut first, mut sum) = (self.files.len().checked_sub(1)?, 0);
        sum += size(first);
        while first > 0 && size(first - 1) <= 2 * sum && sum + size(first - 1) <= MERGED {
            first -= 1;
            sum += size(first);
        }
        (self.files.len() - first >= OF_A_SIZE).then_some(first)
    }

    fn merge_from(&mut self, first: usize, keep: &dyn Fn(u32) -> bool) -> Result<()> {
        let names = self.files.split_off(first);
        match self.merged(&names, keep) {
            Ok(merged) => self.files.push(merged),
            Err(error) => {
                self.files.extend(names);
                return Err(error);
            }
        }
        Ok(())
    }

    /// The name of one file that holds what several do, and its pictures.
    fn merged(&mut self, files: &[(String, usize)], keep: &dyn Fn(u32) -> bool) -> Result<(String, usize)> {
        let opened =
            files.iter().map(|(name, _)| open_today(&self.folder, name, &self.committed).map_err(beneath::advised));
        let opened = opened.collect::<Result<Vec<_>>>()?;
        let mut pictures = 0;
        let name = self.create(|out| {
            pictures = merge(out, &opened.iter().collect::<Vec<_>>(), &|id| keep(id).then_some(id))?;
            Ok(())
        })?;
        Ok((name, pictures))
    }
}

/// A file of features of either format.
pub(in crate::index) enum OneFile {
    First(FirstFile),
    Today(FeatureFile),
}

impl OneFile {
    fn fingerprint(&self) -> Result<Fingerprint> {
        match self {
            Self::First(file) => file.fingerprint(),
            Self::Today(file) => file.fingerprint(),
        }
    }

    fn is(&self, expected: &Fingerprint) -> bool {
        match self {
            Self::First(file) => file.is(expected),
            Self::Today(file) => file.is(expected),
        }
    }

    fn verify(&self) -> Result<()> {
        match self {
            Self::First(file) => file.verify(),
            Self::Today(file) => file.verify(),
        }
    }
}

/// Opens the files that a commit names.
///
/// # Errors
/// `Io`, `Damaged`.
pub(in crate::index) fn open(index: &Path, names: &[String], committed: &Committed) -> Result<Vec<OneFile>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let folder = Folder::of_index(index).below(FOLDER).and_then(|folder| folder.ok_or(io::ErrorKind::NotFound.into()));
    let folder = folder.map_err(|error| beneath::failed(error).about(index.join(FOLDER)))?;
    names.iter().map(|name| open_file(&folder, name, committed).map_err(beneath::advised)).collect()
}

/// Opens a file that is the one that was committed.
fn open_file(folder: &Folder, name: &str, committed: &Committed) -> Result<OneFile> {
    let open = || {
        let file = folder.open(name).map_err(beneath::found)?;
        let file = match FirstFile::is_one(&file) {
            true => OneFile::First(FirstFile::of_file(&file)?),
            false => OneFile::Today(FeatureFile::of_file(&file)?),
        };
        committed.check(name, |expected| file.is(expected)).map_err(beneath::found).map(|()| file)
    };
    open().map_err(|error: Error| error.about(folder.as_path().join(name)))
}

/// The same of one that must be of today's format.
fn open_today(folder: &Folder, name: &str, committed: &Committed) -> Result<FeatureFile> {
    match open_file(folder, name, committed)? {
        OneFile::Today(file) => Ok(file),
        OneFile::First(_) => {
            let message = "it is of the first format, where others are not";
            Err(Error::new(ErrorKind::Damaged, message).about(folder.as_path().join(name)))
        }
    }
}

/// Checks every block of a file that a commit names, and that it is the committed one; returns its length in bytes.
///
/// # Errors
/// `Io`, `Damaged`.
pub(in crate::index) fn verify(index: &Path, name: &str, committed: &Committed) -> Result<u64> {
    let folder = Folder::of_index(index).below(FOLDER).map_err(beneath::found)?;
    let folder = folder.ok_or_else(|| Error::new(ErrorKind::Damaged, "it is gone"))?;
    let file = open_file(&folder, name, committed)?;
    file.verify()?;
    let found = file.fingerprint()?;
    match committed.of(name) {
        Some(expected) if expected != found => Err(Error::new(ErrorKind::Damaged, EXCHANGED)),
        _ => Ok(found.length),
    }
}

/// Pictures of a file of the first format that are taken over together: 130 MB.
const TAKEN_OVER: u32 = 1 << 14;

/// Where the numbers of files begin that were taken over, so that a run that was stopped finds them again: no index of the
/// first format has so many others.
const TAKEN_OVER_NAMES: u64 = 1_000_000_000;

/// Writes what files of the first format hold into files of today's, beside them. What an earlier run has written is kept.
/// Returns the names for the commit; until that is made, the old files are the index.
///
/// # Errors
/// `Io`, `Damaged`.
pub(in crate::index) fn take_over(
    index: &Path,
    names: &[String],
    committed: &Committed,
    progress: &dyn Progress,
) -> Result<Vec<String>> {
    let folder = Folder::of_index(index).make_below(FOLDER);
    let folder = folder.map_err(|error| beneath::failed(error).about(index.join(FOLDER)))?;
    let open = |name: &String| open_file(&folder, name, committed).map_err(beneath::advised);
    let files = names.iter().map(open).collect::<Result<Vec<_>>>()?;
    let count = |file: &OneFile| if let OneFile::First(file) = file { file.pictures() as u64 } else { 0 };
    let (mut done, of) = (0, files.iter().map(count).sum());
    progress.event(Event::TakenOver { pictures: 0, of });
    let mut taken = Vec::new();
    for (name, file) in names.iter().zip(files) {
        let OneFile::First(file) = file else {
            taken.push(name.clone());
            continue;
        };
        let pictures = u32::try_from(file.pictures()).unwrap_or(u32::MAX);
        for (part, from) in (0u64..).zip((0..pictures).step_by(TAKEN_OVER as usize)) {
            let to = pictures.min(from.saturating_add(TAKEN_OVER));
            let of_file = number(name).unwrap_or_default() % TAKEN_OVER_NAMES;
            let new = format!("{:08}.ris", TAKEN_OVER_NAMES + of_file * 128 + part);
            if !is_taken_over(&folder, &new, &file, from, to, committed)? {
                create(&folder, &new, committed, |out| write(out, &file.records(from, to)?))?;
            }
            taken.push(new);
            done += u64::from(to - from);
            progress.event(Event::TakenOver { pictures: done, of });
        }
    }
    Ok(taken)
}

/// Whether a part of a file was taken over by an earlier run, which was stopped.
fn is_taken_over(
    folder: &Folder,
    new: &str,
    first: &FirstFile,
    from: u32,
    to: u32,
    committed: &Committed,
) -> Result<bool> {
    let Ok(file) = folder.open(new) else { return Ok(false) };
    let Ok(file) = FeatureFile::of_file(&file) else { return Ok(false) };
    if file.pictures() != (to - from) as usize || file.verify().is_err() {
        return Ok(false);
    }
    for number in from..to {
        if file.source(number - from)? != first.source(number)? {
            return Ok(false);
        }
    }
    // Whoever wrote it may have been stopped before it was durable.
    let durable = || folder.open(new)?.sync_all().and_then(|()| folder.sync());
    durable().map_err(|error| Error::io(error).about(folder.as_path().join(new)))?;
    committed.note(new, file.fingerprint()?);
    Ok(true)
}

/// Writes a file, durable once this returns, and notes what it is.
fn create(
    folder: &Folder,
    name: &str,
    committed: &Committed,
    fill: impl FnOnce(BufWriter<&File>) -> Result<()>,
) -> Result<()> {
    let durable = || -> Result<()> {
        let file = folder.create(name).map_err(Error::io)?;
        fill(BufWriter::with_capacity(1 << 20, &file))?;
        file.sync_all().and_then(|()| folder.sync()).map_err(Error::io)?;
        committed.note(name, FeatureFile::of_file(&file)?.fingerprint()?);
        Ok(())
    };
    durable().map_err(|error| {
        let _ = folder.remove(name);
        error.about(folder.as_path().join(name))
    })
}

/// The number that a file of features has for its name.
pub(in crate::index) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".ris")?;
    if digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}
