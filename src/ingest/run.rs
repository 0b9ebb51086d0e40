//! The writing side: what came of each place, counted and written to the index.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::look::Examined;
use super::seen::Seen;
use super::{Outcome, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Offline, PictureId, Reader, Shown, SourceRecord, State, Writer};
use crate::locator::{Locator, Stamp};
use crate::progress::{Event, Progress};
use crate::source::archive::is_file_named_so;
use crate::source::folder::{self, FoundFile};

/// The writing side.
pub(super) struct Run<'a> {
    pub writer: &'a mut Writer,
    before: &'a Reader,
    offline: Offline,
    /// The roots that are walked, in order, none below another.
    roots: &'a [PathBuf],
    /// The device of the root that the last file stood below.
    device: Option<(&'a Path, Option<u64>)>,
    /// Folders below them on which disks are mounted.
    mounts: Vec<PathBuf>,
    progress: &'a dyn Progress,
    pub summary: Summary,
    /// What was found at files that have several names, by inode.
    by_inode: HashMap<(u64, u64), SourceRecord>,
    links: Vec<(FoundFile, (u64, u64))>,
    /// Sources of `before` that were forgotten because their picture stands elsewhere now.
    forgotten: HashSet<Locator>,
    /// Pictures of `before` that lost a source.
    bereft: Vec<PictureId>,
    /// Files that were archives or had pages, or are archives, and were read: what the index knew in them and was not seen is gone.
    reread: HashSet<PathBuf>,
    /// Files of which a page that can't be read was reported.
    reported: HashSet<Locator>,
}

impl<'a> Run<'a> {
    pub fn new(
        writer: &'a mut Writer,
        before: &'a Reader,
        offline: Offline,
        roots: &'a [PathBuf],
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            writer,
            before,
            offline,
            roots,
            device: None,
            mounts: Vec::new(),
            progress,
            summary: Summary::default(),
            by_inode: HashMap::new(),
            links: Vec::new(),
            forgotten: HashSet::new(),
            bereft: Vec::new(),
            reread: HashSet::new(),
            reported: HashSet::new(),
        }
    }

    pub fn take(&mut self, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Unchanged(files) => {
                for file in files {
                    self.note_mount(&file)?;
                    self.summary.unchanged += 1;
                    self.progress.event(Event::Done { bytes: file.stamp.bytes });
                }
            }
            Outcome::Link(file, inode) => self.links.push((file, inode)),
            Outcome::Standing(pictures) => self.summary.unchanged += pictures,
            Outcome::Entry(locator, stamp, examined, pages, shown) => {
                self.apply_shown(locator, stamp, examined, pages, shown)?;
            }
            Outcome::Reread(path) => drop(self.reread.insert(path)),
            Outcome::Failed(error) if error.kind() == ErrorKind::Damaged => return Err(error),
            Outcome::Failed(error) => self.fail(&error),
            Outcome::Examined(file, examined, pages) => {
                self.note_mount(&file)?;
                let FoundFile { path, stamp: Stamp { bytes, .. }, inode, .. } = file;
                let is_new = !matches!(examined, Examined::Unchanged(..));
                if is_new && (matches!(examined, Examined::Archive { .. }) || is_file_named_so(&path)) {
                    self.reread.insert(path.clone());
                }
                let record = self.apply(Locator::Path(path), file.stamp, examined, pages)?;
                if let Some(inode) = inode {
                    self.by_inode.insert(inode, record);
                }
                self.progress.event(Event::Done { bytes });
            }
        }
        self.writer.commit_if_due()
    }

    /// Notes where the disk of a file is mounted, if that is below a root.
    fn note_mount(&mut self, file: &FoundFile) -> Result<()> {
        let next = self.roots.partition_point(|root| *root <= file.path);
        let Some(root) = next.checked_sub(1).and_then(|last| self.roots.get(last)) else { return Ok(()) };
        if *root == file.path || !file.path.starts_with(root) {
            return Ok(());
        }
        let device = match self.device {
            Some((of, device)) if of == root => device,
            _ => folder::device_of(root),
        };
        self.device = Some((root, device));
        if device == file.device || self.mounts.iter().any(|mount| file.path.starts_with(mount)) {
            return Ok(());
        }
        let Some(mount) = folder::mount_of(file, root) else { return Ok(()) };
        self.writer.add_mount(&Locator::from(mount.as_path()))?;
        self.mounts.push(mount);
        Ok(())
    }

    fn is_gone(&self, locator: &Locator) -> bool {
        !self.offline.holds(locator) && is_gone(locator)
    }

    #[cfg(feature = "crawl")]
    pub fn before(&self) -> &'a Reader {
        self.before
    }

    #[cfg(feature = "crawl")]
    pub fn warn(&self, error: &Error) {
        self.progress.event(Event::Warned(error));
    }

    pub fn fail(&mut self, error: &Error) {
        self.summary.failed += 1;
        self.progress.event(Event::Failed(error));
    }

    /// Writes what was found at one place, and returns it.
    fn apply(&mut self, locator: Locator, stamp: Stamp, examined: Examined, pages: u32) -> Result<SourceRecord> {
        self.apply_shown(locator, stamp, examined, pages, None)
    }

    /// The same for a place on the web.
    pub fn apply_shown(
        &mut self,
        locator: Locator,
        stamp: Stamp,
        examined: Examined,
        pages: u32,
        shown: Option<Box<Shown>>,
    ) -> Result<SourceRecord> {
        let (state, picture, note) = (State::Present, None, String::new());
        let mut record = SourceRecord { locator, stamp, state, picture, note, pages, shown };
        match examined {
            Examined::Unchanged(known, note) => {
                (record.stamp, record.state, record.picture, record.note) =
                    (known.stamp, known.state, known.picture, note);
                self.tally(&record);
                return Ok(record);
            }
            Examined::Picture { stamp, id, touched, replaces } => {
                self.bereft.extend(replaces.filter(|old| *old != id));
                (record.stamp, record.picture) = (stamp, Some(id));
                self.settle(&record, touched)?;
            }
            Examined::Described { stamp, picture, replaces } => {
                self.summary.decoded += 1;
                if picture.partial_data {
                    self.summary.partial_data += 1;
                    let message = format!("damaged: only {} of its rows could be read", picture.height);
                    if self.is_news(&record.locator) {
                        let error = Error::new(ErrorKind::Malformed, message).about(record.locator.clone());
                        self.progress.event(Event::Warned(&error));
                    }
                }
                self.bereft.extend(replaces);
                (record.stamp, record.picture) = (stamp, Some(self.writer.add_picture(&picture)?));
                self.settle(&record, false)?;
            }
            #[cfg(feature = "crawl")]
            Examined::Twin { stamp, digest, replaces } => {
                let missing = || Error::new(ErrorKind::Io, "changed while it was read: run again");
                let id = self.writer.picture_with(&digest)?.ok_or_else(missing)?;
                self.bereft.extend(replaces.filter(|old| *old != id));
                (record.stamp, record.picture) = (stamp, Some(id));
                self.settle(&record, false)?;
            }
            Examined::Failed { stamp, error, replaces } => {
                self.bereft.extend(replaces);
                (record.stamp, record.state, record.note) = (stamp, State::Failed, error.message().to_owned());
                self.tally(&record);
                self.writer.set_source(&record)?;
            }
            Examined::Archive { stamp, replaces } => {
                self.bereft.extend(replaces);
                (record.stamp, record.state) = (stamp, State::Archive);
                self.writer.set_source(&record)?;
            }
            Examined::Skipped { stamp, reason, replaces } => {
                self.bereft.extend(replaces);
                (record.stamp, record.state, record.note) = (stamp, State::Skipped, reason);
                self.tally(&record);
                self.writer.set_source(&record)?;
            }
        }
        Ok(record)
    }

    /// Counts a place that holds no new picture.
    fn tally(&mut self, record: &SourceRecord) {
        match record.state {
            State::Present | State::Missing => self.summary.unchanged += 1,
            State::Archive => {}
            State::Skipped => *self.summary.skipped.entry(record.note.clone()).or_default() += 1,
            State::Failed if self.is_news(&record.locator) => {
                let error = Error::new(ErrorKind::Malformed, record.note.clone()).about(record.locator.clone());
                self.fail(&error);
            }
            State::Failed => self.summary.failed += 1,
        }
    }

    /// Whether trouble with this place is to be reported: of a file with bad pages the first that is met is, and the
    /// others, the file's own included, are counted alone.
    fn is_news(&mut self, locator: &Locator) -> bool {
        match locator {
            Locator::Page { of, .. } => self.reported.insert((**of).clone()),
            file => !self.reported.contains(file),
        }
    }

    /// Writes a place where a picture stands, and counts it as unchanged (`touched`: only its time
    /// changed), moved (the picture stood somewhere that is gone) or indexed.
    fn settle(&mut self, record: &SourceRecord, touched: bool) -> Result<()> {
        self.writer.set_source(record)?;
        if touched {
            self.summary.unchanged += 1;
            return Ok(());
        }
        let Some(id) = record.picture else { return Ok(()) };
        for old in self.before.sources_of(id)? {
            let moved =
                old.locator != record.locator && self.is_gone(&old.locator) && !self.forgotten.contains(&old.locator);
            if moved {
                self.writer.forget_source(&old.locator);
                self.forgotten.insert(old.locator);
                self.summary.moved += 1;
                return Ok(());
            }
        }
        self.summary.indexed += 1;
        Ok(())
    }

    /// Gives the other names of a file what was found under its first.
    pub fn resolve_links(&mut self) -> Result<()> {
        for (file, inode) in std::mem::take(&mut self.links) {
            let locator = Locator::Path(file.path);
            let bytes = file.stamp.bytes;
            if let Some(first) = self.by_inode.get(&inode) {
                // Of a file that is named like one with pages each name is looked at.
                let record = SourceRecord { locator, pages: 1, ..first.clone() };
                let known = self.before.known(&record.locator)?;
                let unchanged = known.is_some_and(|known| {
                    (known.state, known.picture, known.stamp) == (record.state, record.picture, record.stamp)
                });
                if unchanged || record.state != State::Present {
                    self.tally(&record);
                    if !unchanged {
                        self.writer.set_source(&record)?;
                    }
                } else {
                    self.bereft
                        .extend(known.and_then(|known| known.picture).filter(|old| Some(*old) != record.picture));
                    self.settle(&record, false)?;
                }
            }
            self.progress.event(Event::Done { bytes });
        }
        Ok(())
    }

    /// Marks what the index knew below `roots`, the walk did not see and the file system does not have.
    pub fn mark_missing(&mut self, roots: &[PathBuf], seen: &Seen) -> Result<()> {
        let mut gone = Vec::new();
        let roots: Vec<_> = roots.iter().map(|root| Locator::from(root.as_path())).collect();
        let is_seen = |address| seen.contains(address);
        self.before.each_unseen_below(&roots, is_seen, |record| {
            let inside = record.locator.path().is_none();
            let is_gone = self.is_gone(&record.locator) || (inside && self.reread.contains(record.locator.file()));
            if is_gone && !self.forgotten.contains(&record.locator) {
                gone.push(record);
            }
            Ok(())
        })?;
        for record in gone {
            if record.state == State::Present {
                self.summary.missing += 1;
                self.writer.set_source(&SourceRecord { state: State::Missing, ..record })?;
            } else {
                self.writer.forget_source(&record.locator);
            }
        }
        Ok(())
    }

    /// Forgets pictures whose last place was overwritten by another.
    pub fn drop_orphans(&mut self) -> Result<()> {
        if self.bereft.is_empty() {
            return Ok(());
        }
        self.writer.commit()?;
        for id in std::mem::take(&mut self.bereft) {
            if self.writer.snapshot().sources_of(id)?.is_empty() {
                self.writer.forget_picture(id);
            }
        }
        Ok(())
    }
}

/// Whether the file system says for sure that no file is there: a place that can't be reached is not gone, and where a link is
/// now, what it leads to may come back.
pub(super) fn is_gone(locator: &Locator) -> bool {
    // Of an address on the web the crawl tells.
    if locator.url().is_some() {
        return false;
    }
    let gone = [std::io::ErrorKind::NotFound, std::io::ErrorKind::NotADirectory];
    match locator.file().symlink_metadata() {
        Ok(metadata) => !metadata.is_file() && !metadata.is_symlink(),
        Err(error) => gone.contains(&error.kind()),
    }
}
