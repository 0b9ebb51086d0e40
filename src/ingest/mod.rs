//! The indexing flow: files -> decode -> describe -> index.
//!
//! One thread walks, a pool looks at the files (most need one `stat`, some are read, few are decoded),
//! the caller's thread writes. Channels between them are bounded, and files and pixels of all threads share one
//! budget, so memory does not grow with the collection or with the threads.
//!
//! What strangers wrote is decoded by [`Workers`], where there are any: processes that it may kill.

mod budget;
mod draft;
mod examine;
pub mod prune;
mod roots;
mod seen;
mod workers;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::time::{Duration, Instant};

use rayon::iter::{ParallelBridge, ParallelIterator};

use crate::decode;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Offline, PictureId, Reader, SourceRecord, State, Writer};
use crate::locator::Locator;
use crate::progress::{Event, Progress};
use crate::source::folder::{self, FoundFile};
pub use workers::Workers;

use budget::Budget;
use examine::{Examined, Look};
use roots::{Reached, reached};
use seen::Seen;

/// Outcomes that may wait for the writer, each a few hundred bytes.
const QUEUE: usize = 1024;

/// How a collection is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which files are looked at.
    pub walk: folder::Options,
    /// How pictures are decoded, save for those that workers decode: these have their own.
    pub decode: decode::Options,
    /// Who decodes them. By default this process.
    pub workers: Workers,
    /// The most memory, in bytes, that the files being looked at and their pixels take together. 1 GiB by default:
    /// enough for one picture of 170 megapixels at a time, or for as many as there are threads of those that people have.
    pub max_memory: u64,
    /// Files decoded at the same time; by default as many as there are processors.
    pub jobs: NonZero<usize>,
    /// Larger files are not read. No camera writes a picture of 1 GiB.
    pub max_file_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            walk: folder::Options::default(),
            decode: decode::Options::default(),
            workers: Workers::none(),
            max_memory: 1 << 30,
            jobs: std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN),
            max_file_bytes: 1 << 30,
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Files newly described, or described anew because they changed.
    pub indexed: u64,
    /// Files that are as the index knows them.
    pub unchanged: u64,
    /// Files that the index knew under a name that is gone.
    pub moved: u64,
    /// Files that the index knew here and that are gone.
    pub missing: u64,
    /// Roots that can't be reached now: nothing of what is known of them was changed.
    pub offline: u64,
    /// Files that are no picture, or of a format that this build does not read, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Files that could not be read or decoded, and folders that could not be listed.
    pub failed: u64,
    /// Files that were decoded.
    pub decoded: u64,
    /// Damaged files of which the rows that could be read were described.
    pub partial_data: u64,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// Brings what `writer` holds of `roots` (folders and picture files) up to date and commits it.
///
/// One bad file is an [`Event::Failed`] and the run goes on. A root that the index knows and that can't be reached
/// as a whole is an [`Event::Warned`], and what is known of it stays.
///
/// # Errors
/// `Io` where a root is not there and never was, or the index can't be written; `Usage` for a glob; `Damaged`.
pub fn run(writer: &mut Writer, roots: &[PathBuf], options: &Options, progress: &dyn Progress) -> Result<Summary> {
    let started = Instant::now();
    let before = Reader::open(writer.snapshot().folder())?;
    let offline = Offline::of(&before)?;
    let mut roots = roots.iter().map(|root| reached(root, &offline)).collect::<Result<Vec<_>>>()?;
    roots.sort_by(|a, b| a.path().cmp(b.path()));
    // A root below another is walked with it.
    roots.dedup_by(|below, above| below.path().starts_with(above.path()));
    let lost: Vec<_> = roots.extract_if(.., |root| matches!(root, Reached::Not(_))).collect();
    let roots: Vec<_> = roots.into_iter().map(|root| root.path().to_owned()).collect();
    let seen = Seen::of(&before);
    let mut run = Run::new(writer, &before, offline, progress);
    for root in &lost {
        run.summary.offline += 1;
        let message = "offline: unplugged, unmounted or gone as a whole; what is known of it stays";
        progress.event(Event::Warned(&Error::new(ErrorKind::Io, message).about(root.path())));
    }
    for root in &roots {
        run.writer.add_root(&Locator::from(root.as_path()));
    }
    let walks = roots.iter().map(|root| folder::walk(root, &options.walk)).collect::<Result<Vec<_>>>()?;
    let halted = AtomicBool::new(false);
    let budget = Budget::new(options.max_memory);
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(options.jobs.get()).thread_name(|n| format!("decode-{n}")).build();
    let pool = pool.map_err(|error| Error::new(ErrorKind::Io, format!("no threads: {error}")))?;
    std::thread::scope(|scope| {
        let (sender, outcomes) = mpsc::sync_channel(QUEUE);
        if progress.wants_totals() {
            scope.spawn(|| count(&roots, options, progress, &halted));
        }
        let work = Work { look: Look { before: &before, seen: &seen, options, budget: &budget }, roots: &roots };
        let (halted, pool) = (&halted, &pool);
        scope.spawn(move || {
            pool.install(|| look(walks, &work, &sender, &|| progress.stop() || halted.load(Ordering::Relaxed)))
        });
        let written = outcomes.iter().try_for_each(|outcome| run.take(outcome));
        halted.store(true, Ordering::Relaxed);
        // With the receiver gone, threads that wait to send go home.
        drop(outcomes);
        written
    })?;
    run.resolve_links()?;
    run.summary.interrupted = progress.stop();
    if !run.summary.interrupted {
        run.mark_missing(&roots, &seen)?;
    }
    run.drop_orphans()?;
    let mut summary = run.summary;
    writer.commit()?;
    summary.elapsed = started.elapsed();
    Ok(summary)
}

/// What the looking threads share.
struct Work<'a> {
    look: Look<'a>,
    roots: &'a [PathBuf],
}

/// What came of one file.
enum Outcome {
    Examined(FoundFile, Examined),
    /// Another name of a file that is looked at under its first name.
    Link(FoundFile, (u64, u64)),
    Failed(Error),
}

fn look(
    walks: Vec<impl Iterator<Item = Result<FoundFile>> + Send>,
    work: &Work<'_>,
    sender: &SyncSender<Outcome>,
    stop: &(impl Fn() -> bool + Sync),
) {
    let mut inodes = HashSet::new();
    let files = walks.into_iter().flatten().take_while(|_| !stop());
    let files = files.map(|file| file.map(|file| (file.inode.filter(|inode| !inodes.insert(*inode)), file)));
    // An error means that the receiver is gone: the run ends.
    let _ = files.par_bridge().try_for_each(|file| {
        let outcome = file.and_then(|(first, file)| match first {
            Some(inode) => {
                work.look.seen.known(work.look.before, &Locator::from(file.path.as_path()))?;
                Ok(Outcome::Link(file, inode))
            }
            None => {
                let named = work.roots.binary_search(&file.path).is_ok();
                let examined = work.look.examine(&file, named)?;
                Ok(Outcome::Examined(file, examined))
            }
        });
        sender.send(outcome.unwrap_or_else(Outcome::Failed)).map_err(drop)
    });
}

/// Walks once more, only to say how much there is.
fn count(roots: &[PathBuf], options: &Options, progress: &dyn Progress, halted: &AtomicBool) {
    for file in roots.iter().filter_map(|root| folder::walk(root, &options.walk).ok()).flatten().flatten() {
        if progress.stop() || halted.load(Ordering::Relaxed) {
            return;
        }
        progress.event(Event::Found { files: 1, bytes: file.stamp.bytes });
    }
    progress.event(Event::FoundAll);
}

/// The writing side.
struct Run<'a> {
    writer: &'a mut Writer,
    before: &'a Reader,
    offline: Offline,
    progress: &'a dyn Progress,
    summary: Summary,
    /// What was found at files that have several names, by inode.
    by_inode: HashMap<(u64, u64), SourceRecord>,
    links: Vec<(FoundFile, (u64, u64))>,
    /// Sources of `before` that were forgotten because their picture stands elsewhere now.
    forgotten: HashSet<Locator>,
    /// Pictures of `before` that lost a source.
    bereft: Vec<PictureId>,
}

impl<'a> Run<'a> {
    fn new(writer: &'a mut Writer, before: &'a Reader, offline: Offline, progress: &'a dyn Progress) -> Self {
        Self {
            writer,
            before,
            offline,
            progress,
            summary: Summary::default(),
            by_inode: HashMap::new(),
            links: Vec::new(),
            forgotten: HashSet::new(),
            bereft: Vec::new(),
        }
    }

    fn take(&mut self, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Link(file, inode) => self.links.push((file, inode)),
            Outcome::Failed(error) if error.kind() == ErrorKind::Damaged => return Err(error),
            Outcome::Failed(error) => self.fail(&error),
            Outcome::Examined(file, examined) => {
                let bytes = file.stamp.bytes;
                let inode = file.inode;
                let record = self.apply(file, examined)?;
                if let Some(inode) = inode {
                    self.by_inode.insert(inode, record);
                }
                self.progress.event(Event::Done { bytes });
            }
        }
        self.writer.commit_if_due()
    }

    fn is_gone(&self, locator: &Locator) -> bool {
        !self.offline.holds(locator) && is_gone(locator)
    }

    fn fail(&mut self, error: &Error) {
        self.summary.failed += 1;
        self.progress.event(Event::Failed(error));
    }

    /// Writes what was found at one place, and returns it.
    fn apply(&mut self, file: FoundFile, examined: Examined) -> Result<SourceRecord> {
        let locator = Locator::Path(file.path);
        let mut record =
            SourceRecord { locator, stamp: file.stamp, state: State::Present, picture: None, note: String::new() };
        match examined {
            Examined::Unchanged(known, note) => {
                (record.stamp, record.state, record.picture, record.note) =
                    (known.stamp, known.state, known.picture, note);
                self.tally(&record);
                return Ok(record);
            }
            Examined::Picture { stamp, id, touched } => {
                (record.stamp, record.picture) = (stamp, Some(id));
                self.settle(&record, touched)?;
            }
            Examined::Described { stamp, picture, replaces } => {
                self.summary.decoded += 1;
                if picture.partial_data {
                    self.summary.partial_data += 1;
                    let message = format!("damaged: only {} of its rows could be read", picture.height);
                    let error = Error::new(ErrorKind::Malformed, message).about(record.locator.clone());
                    self.progress.event(Event::Warned(&error));
                }
                self.bereft.extend(replaces);
                (record.stamp, record.picture) = (stamp, Some(self.writer.add_picture(&picture)?));
                self.settle(&record, false)?;
            }
            Examined::Failed { stamp, error, replaces } => {
                self.bereft.extend(replaces);
                (record.stamp, record.state, record.note) = (stamp, State::Failed, error.message().to_owned());
                self.tally(&record);
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
            State::Skipped => *self.summary.skipped.entry(record.note.clone()).or_default() += 1,
            State::Failed => {
                let error = Error::new(ErrorKind::Malformed, record.note.clone()).about(record.locator.clone());
                self.fail(&error);
            }
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
    fn resolve_links(&mut self) -> Result<()> {
        for (file, inode) in std::mem::take(&mut self.links) {
            let locator = Locator::Path(file.path);
            let bytes = file.stamp.bytes;
            if let Some(first) = self.by_inode.get(&inode) {
                let record = SourceRecord { locator, ..first.clone() };
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
    fn mark_missing(&mut self, roots: &[PathBuf], seen: &Seen) -> Result<()> {
        let mut gone = Vec::new();
        for root in roots {
            self.before.each_below(&Locator::from(root.as_path()), |known| {
                if known.state != State::Missing && !seen.contains(known.address()) {
                    let record = self.before.source(&known)?;
                    if self.is_gone(&record.locator) && !self.forgotten.contains(&record.locator) {
                        gone.push(record);
                    }
                }
                Ok(())
            })?;
        }
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
    fn drop_orphans(&mut self) -> Result<()> {
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

/// Whether the file system says for sure that nothing is there: a place that can't be reached is not gone.
fn is_gone(locator: &Locator) -> bool {
    let Some(path) = locator.path() else { return false };
    let gone = [std::io::ErrorKind::NotFound, std::io::ErrorKind::NotADirectory];
    path.symlink_metadata().is_err_and(|error| gone.contains(&error.kind()))
}
