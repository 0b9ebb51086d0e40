//! The indexing flow: files -> decode -> describe -> index.
//!
//! One thread walks, a pool looks at the files (most need one `stat`, some are read, few are decoded),
//! the caller's thread writes. Channels between them are bounded, and files and pixels of all threads share one
//! budget, so memory does not grow with the collection or with the threads.
//!
//! What strangers wrote is decoded by [`Workers`], where there are any: processes that it may kill.

mod archive;
mod budget;
#[cfg(feature = "crawl")]
pub mod crawl;
mod draft;
mod examine;
mod look;
mod pages;
pub mod prune;
mod reading;
mod roots;
mod run;
mod seen;
mod workers;

use std::collections::{BTreeMap, HashSet};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::time::{Duration, Instant};

use rayon::iter::{ParallelBridge, ParallelIterator};

use crate::decode;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Offline, Reader, Shown, Writer};
use crate::locator::{Locator, Stamp};
use crate::progress::{Event, Progress};
use crate::source::archive::{Limits, is_file_named_so};
use crate::source::folder::{self, FoundFile};
pub use budget::{Budget, Share};
pub use examine::NOT_A_PICTURE;
pub use workers::Workers;

use archive::Reading;
use look::{Examined, Look, Way};
use reading::Turns;
use roots::{Reached, reached};
use run::Run;
use seen::Seen;

/// Outcomes that may wait for the writer, each a few hundred bytes.
const QUEUE: usize = 1024;

/// How a collection is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which files are looked at.
    pub walk: folder::Options,
    /// What one archive may hold.
    pub archive: Limits,
    /// How pictures are decoded, save for those that workers decode: these have their own.
    pub decode: decode::Options,
    /// Who decodes them. By default this process.
    pub workers: Workers,
    /// The most memory, in bytes, that the files being looked at and their pixels take together. 1 GiB by default:
    /// enough for one picture of 170 megapixels at a time, or for as many as there are threads of those that people have.
    pub max_memory: u64,
    /// How many frames of a moving picture (GIF, WebP, PNG) are described, spread over it; 1 by default, the first.
    pub frames: u32,
    /// Files decoded at the same time; by default as many as there are processors.
    pub jobs: NonZero<usize>,
    /// Files read at the same time; by default as many as there are jobs. One spares the head of a spinning disk.
    pub io_threads: Option<NonZero<usize>>,
    /// Larger files are not read. No camera writes a picture of 1 GiB.
    pub max_file_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            walk: folder::Options::default(),
            archive: Limits::default(),
            decode: decode::Options::default(),
            workers: Workers::none(),
            max_memory: 1 << 30,
            frames: 1,
            jobs: std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN),
            io_threads: None,
            max_file_bytes: 1 << 30,
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Pictures newly described, or described anew because they changed: files, entries of archives, pages.
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
    /// What was fetched, where sources are on the web.
    #[cfg(feature = "crawl")]
    pub crawled: Option<crawl::Crawled>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Summary {
    /// Adds what another run did.
    pub fn add(&mut self, other: Self) {
        self.indexed += other.indexed;
        self.unchanged += other.unchanged;
        self.moved += other.moved;
        self.missing += other.missing;
        self.offline += other.offline;
        self.failed += other.failed;
        self.decoded += other.decoded;
        self.partial_data += other.partial_data;
        self.interrupted |= other.interrupted;
        self.elapsed += other.elapsed;
        for (reason, count) in other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
    }
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
    let nested = roots.iter().flat_map(|root| offline.below(root));
    let lost: Vec<_> = lost.iter().map(Reached::path).chain(nested).map(Path::to_owned).collect();
    let mut run = Run::new(writer, &before, offline, &roots, progress);
    for root in &lost {
        run.summary.offline += 1;
        let message = "offline: unplugged, unmounted or gone as a whole; what is known of it stays";
        progress.event(Event::Warned(&Error::new(ErrorKind::Io, message).about(root.as_path())));
    }
    for root in &roots {
        run.writer.add_root(&Locator::from(root.as_path()))?;
    }
    let walks = roots.iter().map(|root| folder::walk(root, &options.walk)).collect::<Result<Vec<_>>>()?;
    let halted = AtomicBool::new(false);
    let budget = Budget::new(options.max_memory);
    let turns = Turns::new(options.io_threads);
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(options.jobs.get()).thread_name(|n| format!("decode-{n}")).build();
    let pool = pool.map_err(|error| Error::new(ErrorKind::Io, format!("no threads: {error}")))?;
    std::thread::scope(|scope| {
        let (sender, outcomes) = mpsc::sync_channel(QUEUE);
        if progress.wants_totals() {
            scope.spawn(|| count(&roots, options, progress, &halted));
        }
        let look_at = Look { before: &before, seen: &seen, options, budget: &budget, turns: &turns };
        let work = Work { look: look_at, roots: &roots };
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
    /// With how many pictures were looked for in it.
    Examined(FoundFile, Examined, u32),
    /// What stands in an archive, or is a page.
    Entry(Locator, Stamp, Examined, u32, Option<Box<Shown>>),
    /// These hold the pictures that the index knows there.
    Unchanged(Vec<FoundFile>),
    /// So many pictures stand in a file that did not change.
    Standing(u64),
    /// This file had pages and was read: those that were not come by are gone.
    Reread(PathBuf),
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
    // A pool and a message for each file would cost a run over what did not change more than the walk.
    let sift = |files: &mut Vec<Result<FoundFile>>| {
        let is_settled = |file: &mut Result<FoundFile>| file.as_ref().is_ok_and(|file| work.look.is_settled(file));
        let settled: Vec<_> = files.extract_if(.., is_settled).flatten().collect();
        if !settled.is_empty() {
            // Where the receiver is gone, so it is for what comes next.
            let _ = sender.send(Outcome::Unchanged(settled));
        }
    };
    let files = reading::in_order(walks.into_iter().flatten(), sift).take_while(|_| !stop());
    let files = files.map(|file| {
        file.map(|mut file| {
            // What a file holds is looked at under each of its names.
            let holds = is_file_named_so(&file.path) || work.look.may_hold_several(&file.path);
            file.inode = file.inode.filter(|_| !holds);
            (file.inode.filter(|inode| !inodes.insert(*inode)), file)
        })
    });
    let send = |outcome| sender.send(outcome).map_err(drop);
    let way = Way { send: &send, stop };
    // An error means that the receiver is gone: the run ends.
    let _ = files.par_bridge().try_for_each(|file| {
        let outcome = file.and_then(|(first, file)| match first {
            Some(inode) => {
                work.look.seen.known(work.look.before, &Locator::from(file.path.as_path()))?;
                Ok(Some(Outcome::Link(file, inode)))
            }
            None => {
                let named = work.roots.binary_search(&file.path).is_ok();
                let (examined, pages) = match work.look.archive(&file, named, &way)? {
                    Reading::Stopped => return Ok(None),
                    Reading::Examined(examined) => (examined, work.look.options.frames),
                    Reading::NoArchive => match work.look.examine(&file, named, &way) {
                        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(None),
                        examined => examined?,
                    },
                };
                Ok(Some(Outcome::Examined(file, examined, pages)))
            }
        });
        outcome.unwrap_or_else(|error| Some(Outcome::Failed(error))).map_or(Ok(()), &send)
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
