//! `ris index`.

use std::fmt::Write as _;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use anyhow::Result;
use indicatif::{DecimalBytes, HumanCount};
use ris::index::{self, Offline, Reader, Writer};
use ris::ingest::{self, Summary, Workers};
use ris::progress::Progress;
use ris::source::folder;
use ris::{Error, ErrorKind, decode, report};

use super::args::{Global, Index, Load, Walk};
use super::exit::{self, Exit};
use super::progress::{self, Bar};
#[cfg(feature = "crawl")]
use super::web;
use super::{files, location, messages, watch};

pub fn run(args: &Index, global: &Global) -> Result<Exit> {
    let mut sources = Vec::new();
    for source in &args.sources {
        if source.as_os_str() == "-" {
            sources.extend(files::names(io::stdin().lock(), &args.lists)?);
        } else {
            sources.push(source.clone());
        }
    }
    sources.extend(files::listed(&args.lists)?);
    let folder = match &args.here {
        Some(here) => {
            sources.push(here.clone());
            location::here(here, global)?
        }
        None => location::index(global)?,
    };
    #[cfg(feature = "crawl")]
    let (starts, sources, wrong) = web::split(sources);
    #[cfg(not(feature = "crawl"))]
    let wrong = 0;
    #[cfg(feature = "crawl")]
    if args.web.dry_run && !starts.is_empty() {
        let options = options(&args.walk, &args.load)?;
        progress::stop_on_interrupt();
        let exit = web::list(&starts, args, &options, global.quiet)?;
        return Ok(if wrong > 0 && exit == Exit::Success { Exit::Error } else { exit });
    }
    #[cfg(feature = "crawl")]
    if args.web.dry_run || (args.watch && !starts.is_empty()) {
        let message = if args.watch { "--watch is for folders alone" } else { "--dry-run is for addresses on the web" };
        return Err(Error::new(ErrorKind::Usage, message).into());
    }
    #[cfg(feature = "crawl")]
    let has_starts = !starts.is_empty();
    #[cfg(not(feature = "crawl"))]
    let has_starts = false;
    let (sources, missing) = existing(sources, &folder);
    let missing = missing + wrong;
    if sources.is_empty() && !has_starts && missing > 0 {
        // Nothing to index makes no index.
        return Ok(Exit::Error);
    }
    let options = options(&args.walk, &args.load)?;
    progress::stop_on_interrupt();
    if args.watch {
        let job = Job { folder: &folder, sources: &sources, options: &options, portable: args.here.is_some() };
        return watch::run(&job, args, global);
    }
    let bar = Bar::new(global.quiet);
    let mut summary = None;
    let rounds = || -> ris::Result<()> {
        if !sources.is_empty() || !has_starts {
            summary = Some(round(&folder, &sources, &options, args.here.is_some(), &bar)?);
        }
        #[cfg(feature = "crawl")]
        if has_starts && !bar.stop() {
            summary = Some(web::round(&folder, &starts, args, &options, &bar, summary.take())?);
        }
        Ok(())
    };
    let ended = { rounds }();
    bar.clear();
    ended?;
    let mut summary = summary.unwrap_or_default();
    summary.failed += missing;
    tell(&summary, &folder, args.json, global.quiet)?;
    Ok(exit_of(&summary))
}

/// What is indexed, where to and how.
#[cfg_attr(not(feature = "watch"), allow(dead_code))]
pub struct Job<'a> {
    pub folder: &'a Path,
    pub sources: &'a [PathBuf],
    pub options: &'a ingest::Options,
    pub portable: bool,
}

/// How an update of the index ends the command.
pub fn exit_of(summary: &Summary) -> Exit {
    match summary {
        Summary { interrupted: true, .. } => Exit::Interrupted,
        Summary { failed: 1.., .. } | Summary { partial_data: 1.., .. } => Exit::Error,
        _ => Exit::Success,
    }
}

/// The sources that can be resolved or are known to be offline, and how many are neither: each of those is one warning.
fn existing(sources: Vec<PathBuf>, index: &Path) -> (Vec<PathBuf>, u64) {
    let mut missing = 0;
    // Where there is no index, nothing is known; what is wrong with it is said by who writes to it.
    let offline = Reader::open(index).and_then(|reader| Offline::of(&reader)).unwrap_or_default();
    let existing = sources.into_iter().filter(|source| match diagnose(source) {
        Ok(()) => true,
        Err(_) if offline.root_of(&folder::resolve_lost(source)).is_some() => true,
        Err(error) => {
            messages::warning(&error);
            missing += 1;
            false
        }
    });
    (existing.collect(), missing)
}

fn diagnose(source: &Path) -> ris::Result<()> {
    let resolved = folder::resolve(source);
    if resolved.is_err() && location::is_address(source) {
        let message = "this build opens no connection: it needs the feature crawl";
        return Err(Error::new(ErrorKind::Unsupported, message).about(source));
    }
    resolved.map(drop)
}

/// More than that keep no disk and no processor busier.
const JOBS_MAX: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(63);

/// How many pictures are decoded at the same time.
pub fn jobs(load: &Load) -> NonZero<usize> {
    load.jobs.unwrap_or(ingest::Options::default().jobs).min(JOBS_MAX)
}

/// Brings the index of `sources` up to date, with progress and warnings on stderr.
///
/// The files of `except` are left out of it: they are not even opened.
pub fn update(
    folder: &Path,
    sources: &[PathBuf],
    except: Vec<folder::Identity>,
    (walk, load): (&Walk, &Load),
    quiet: bool,
) -> Result<Summary> {
    let mut options = options(walk, load)?;
    options.walk.except = except;
    progress::stop_on_interrupt();
    let bar = Bar::new(quiet);
    let summary = round(folder, sources, &options, false, &bar);
    bar.clear();
    Ok(summary?)
}

/// How sources are indexed, and the processes in which pictures are decoded: to be asked for while this one has one
/// thread.
fn options(walk: &Walk, load: &Load) -> Result<ingest::Options> {
    let defaults = ingest::Options::default();
    let max_memory = load.max_memory.unwrap_or(defaults.max_memory);
    let jobs = jobs(load);
    let decode = decode::Options { max_memory, ..defaults.decode.clone() };
    let workers = Workers::start(jobs, &decode)?;
    let (hidden, follow, exclude) = (walk.hidden, walk.follow, walk.exclude.clone());
    let walk_options = folder::Options { hidden, follow, exclude, ..folder::Options::default() };
    Ok(ingest::Options {
        walk: walk_options,
        jobs,
        decode,
        workers,
        max_memory,
        frames: walk.frames,
        io_threads: walk.io_threads,
        ..defaults
    })
}

/// One run over `sources`; a new index is `portable` or not.
pub fn round(
    folder: &Path,
    sources: &[PathBuf],
    options: &ingest::Options,
    portable: bool,
    progress: &dyn Progress,
) -> ris::Result<Summary> {
    let kept = index::Options { portable, ..index::Options::default() };
    let mut writer = Writer::open_telling(folder, kept, progress)?;
    let summary = ingest::run(&mut writer, sources, options, progress)?;
    writer.finish()?;
    Ok(summary)
}

/// Tells what a run did: on stdout as JSON, on stderr as text.
pub fn tell(summary: &Summary, folder: &Path, json: bool, quiet: bool) -> Result<()> {
    if quiet {
        return Ok(());
    }
    let reader = Reader::open(folder)?;
    let totals = reader.totals()?;
    if json {
        let mut line = Vec::new();
        report::json::summary(&mut line, summary, &totals, reader.disk_bytes()?)?;
        exit::print(&line)?;
    } else {
        messages::block(&text(summary, totals.pictures, reader.disk_bytes()?, folder));
    }
    Ok(())
}

/// The summary for people.
fn text(summary: &Summary, pictures: u64, bytes: u64, folder: &Path) -> String {
    let mut text = format!("indexed {}, unchanged {}", HumanCount(summary.indexed), HumanCount(summary.unchanged));
    let counts = [
        (summary.moved, "moved"),
        (summary.missing, "missing"),
        (summary.offline, "offline"),
        (summary.partial_data, "damaged"),
        (summary.failed, "failed"),
    ];
    for (count, name) in counts {
        if count > 0 {
            let _ = write!(text, ", {name} {}", HumanCount(count));
        }
    }
    let skipped: u64 = summary.skipped.values().sum();
    if skipped > 0 {
        let reasons: Vec<_> =
            summary.skipped.iter().map(|(reason, count)| format!("{reason}: {}", HumanCount(*count))).collect();
        let _ = write!(text, ", skipped {} ({})", HumanCount(skipped), reasons.join("; "));
    }
    #[cfg(feature = "crawl")]
    if let Some(crawled) = &summary.crawled {
        let (pages, images) = (HumanCount(crawled.pages), HumanCount(crawled.images));
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let (of_pages, of_images) = (plural(crawled.pages), plural(crawled.images));
        let received = DecimalBytes(crawled.received);
        let _ = write!(text, "\nfetched {pages} page{of_pages} and {images} picture{of_images}, {received}");
        if crawled.not_modified > 0 {
            let _ = write!(text, "; {} had not changed", HumanCount(crawled.not_modified));
        }
        text.push_str(&web::refusals(crawled));
        if crawled.pending > 0 {
            let _ = write!(text, "; addresses left: {}, run again to go on", HumanCount(crawled.pending));
        }
    }
    let seconds = summary.elapsed.as_secs_f64();
    let _ = write!(text, "\n{seconds:.1} s");
    if summary.decoded > 0 && seconds > 0.0 {
        let rate = summary.decoded as f64 / seconds;
        let digits = usize::from(rate < 10.0);
        let _ = write!(text, ", {rate:.digits$} pictures a second");
    }
    let plural = if pictures == 1 { "" } else { "s" };
    let _ = write!(
        text,
        "; the index holds {} picture{plural} in {} at {}",
        HumanCount(pictures),
        DecimalBytes(bytes),
        folder.display()
    );
    if summary.interrupted {
        text.push_str("\nstopped: what was done is kept, run again to go on");
    }
    text
}
