//! The indexing flow from the web: frontier -> fetch -> page or picture -> describe -> index.
//!
//! One thread (the caller's) keeps the queue, the manners and the index; some fetch, each for one host at a time. What is
//! to be fetched stands in the index's ledger, on disk, and is noted there in the same commit as what came of it: a crawl
//! that is killed goes on where its last commit was, and asks for nothing again that a commit holds.
//!
//! In memory there are a few bytes for each address that waits, and what the fetching threads hold: a body each, within
//! the budget that all pictures share.

mod answers;
mod described;
mod fetching;
mod frontier;
mod hosts;
mod inherited;
mod plan;
mod recording;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{self};
use std::time::{Instant, UNIX_EPOCH};

use ::url::Url;

use super::budget::Budget;
use super::look::Look;
use super::reading::Turns;
use super::run::Run;
use super::seen::Seen;
use super::{Options, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::index::ledger::Queued;
use crate::index::{Offline, Reader, Shown, SourceRecord, State, Writer};
use crate::locator::{Locator, Stamp};
use crate::progress::Progress;
use crate::source::web::fetch::{self, Fetcher};
use crate::source::web::manners;
use crate::source::web::scope::{Reach, Scope};
use crate::source::web::traps;

pub use plan::{Found, Planned, plan};

use fetching::{Fetching, Job};
use frontier::Frontier;
use recording::Recording;

/// How a crawl goes about.
#[derive(Clone, Debug)]
pub struct Crawl {
    /// How far from its starts it goes.
    pub reach: Reach,
    /// Globs of which one must match each address; empty: all do.
    pub include: Vec<String>,
    /// Globs of addresses that are left out.
    pub exclude: Vec<String>,
    /// The most links between a start and a page. No limit by default.
    pub depth: Option<u16>,
    /// The most pages fetched in this run; what is left waits for the next. No limit by default.
    pub max_pages: Option<u64>,
    /// The most pictures fetched in this run. No limit by default.
    pub max_images: Option<u64>,
    /// The most bytes received in this run. No limit by default.
    pub max_bytes: Option<u64>,
    /// Heed `noai` and `noimageai` as if they were `noimageindex`. By default not: ris trains nothing.
    pub noai: bool,
    /// How hosts are treated.
    pub manners: manners::Options,
    /// How requests are made.
    pub fetch: fetch::Options,
    /// Write what is fetched to this new file as WARC 1.1, packed where its name ends in `.gz`. By default nothing is kept
    /// of what was fetched but what the index holds.
    pub warc: Option<PathBuf>,
    /// What is taken for a trap.
    pub traps: traps::Options,
    /// Hosts that are asked at the same time. 16 by default.
    pub hosts: usize,
}

impl Default for Crawl {
    fn default() -> Self {
        Self {
            reach: Reach::default(),
            include: Vec::new(),
            exclude: Vec::new(),
            depth: None,
            max_pages: None,
            max_images: None,
            max_bytes: None,
            noai: false,
            manners: manners::Options::default(),
            fetch: fetch::Options::default(),
            warc: None,
            traps: traps::Options::default(),
            hosts: 16,
        }
    }
}

/// What a crawl did.
#[derive(Clone, Debug, Default)]
pub struct Crawled {
    /// Pages and sitemaps fetched.
    pub pages: u64,
    /// Pictures fetched.
    pub images: u64,
    /// Pages and pictures that the server said had not changed.
    pub not_modified: u64,
    /// Bytes received.
    pub received: u64,
    /// Addresses that were not fetched, or whose answers were not used, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Addresses left for the next run.
    pub pending: u64,
}

/// Whether a crawl can be begun so.
///
/// # Errors
/// `Usage` for a pattern, proxy or user agent.
pub fn check(starts: &[Url], crawl: &Crawl) -> Result<()> {
    Scope::new(crawl.reach, starts.to_vec(), &crawl.include, &crawl.exclude)?;
    Fetcher::new(crawl.fetch.clone()).map(drop)
}

/// Crawls from `starts` and commits what was found.
///
/// # Errors
/// `Usage` for a pattern, proxy or user agent; `Io` where the index can't be written; `Damaged`.
pub fn crawl(
    writer: &mut Writer,
    starts: &[Url],
    crawl: &Crawl,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Summary> {
    run_of(writer, starts, crawl, options, progress, None)
}

/// With `found`, pictures are told to it and not fetched.
fn run_of(
    writer: &mut Writer,
    starts: &[Url],
    crawl: &Crawl,
    options: &Options,
    progress: &dyn Progress,
    found: Option<&mut Found<'_>>,
) -> Result<Summary> {
    let begun = Instant::now();
    let scope = Scope::new(crawl.reach, starts.to_vec(), &crawl.include, &crawl.exclude)?;
    let fetcher = Fetcher::new(crawl.fetch.clone())?;
    let before = Reader::open(writer.snapshot().folder())?;
    let seen = Seen::of(&before);
    let budget = Budget::new(options.max_memory);
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(options.jobs.get()).thread_name(|n| format!("decode-{n}")).build();
    let pool = pool.map_err(|error| Error::new(ErrorKind::Io, format!("no threads: {error}")))?;
    let turns = Turns::new(None);
    let look = Look { before: &before, seen: &seen, options, budget: &budget, turns: &turns };
    let recording = crawl.warc.as_deref().map(Recording::new).transpose()?;
    let stop = || progress.stop();
    let fetching = Fetching::new(&fetcher, &look, &pool, crawl.noai, recording.as_ref(), &stop);
    let numbers = begin(writer, starts)?;
    let mut run = Run::new(writer, &before, Offline::default(), &[], progress);
    let mut frontier = Frontier::new(scope, crawl, &look, found);
    frontier.heed(&mut run)?;
    frontier.resume(&mut run, &numbers)?;
    for (start, &number) in starts.iter().zip(&numbers) {
        frontier.queue(&mut run, Queued::of_start(start.to_string(), number))?;
    }
    let (jobs, waiting) = mpsc::channel::<Job>();
    let waiting = Mutex::new(waiting);
    std::thread::scope(|scope| {
        let (sender, answers) = mpsc::channel();
        for _ in 0..crawl.hosts.max(1) {
            let (waiting, sender, fetching) = (&waiting, sender.clone(), &fetching);
            scope.spawn(move || fetching.work(waiting, &sender));
        }
        drop(sender);
        // Once this ends, `jobs` is dropped and the threads go home.
        let driven = frontier.drive(&mut run, jobs, &answers, progress, recording.as_ref());
        // Nobody hears any more what those that are still asking are told.
        fetcher.stop();
        driven
    })?;
    recording.as_ref().map_or(Ok(()), Recording::finish)?;
    frontier.keep_unasked(&mut run)?;
    run.summary.interrupted = progress.stop();
    conclude(&mut run, &mut frontier, starts, &numbers)?;
    let mut summary = run.summary;
    summary.crawled = Some(frontier.crawled);
    writer.commit()?;
    summary.elapsed = begun.elapsed();
    Ok(summary)
}

/// Notes where crawls start, and gives the numbers of these.
fn begin(writer: &mut Writer, starts: &[Url]) -> Result<Vec<u32>> {
    let ledger = writer.ledger()?;
    ledger.compact()?;
    let numbers = starts.iter().map(|start| ledger.begin(start.as_str())).collect::<Result<_>>()?;
    for start in starts {
        writer.add_root(&Locator::Url(start.to_string()))?;
    }
    Ok(numbers)
}

/// Marks what crawls that came to their end have not met again.
fn conclude(run: &mut Run<'_>, frontier: &mut Frontier<'_, '_>, starts: &[Url], numbers: &[u32]) -> Result<()> {
    let pending = run.writer.ledger()?.pending_of(numbers)?.len() as u64;
    let mut ended = Vec::new();
    if pending == 0 && !run.summary.interrupted {
        let is_whole = |number: &u32| !frontier.troubled.contains(number) && !frontier.narrower.contains(number);
        ended.extend(numbers.iter().copied().filter(is_whole));
    }
    let mut unmet = BTreeSet::new();
    for (start, number) in starts.iter().zip(numbers).filter(|(_, number)| ended.contains(number)) {
        unmet.extend(unmet_of(run, start, *number)?);
    }
    tell_pages(run, &ended, &mut unmet)?;
    for url in unmet {
        lose(run, &Locator::Url(url.clone()))?;
        run.writer.ledger()?.forget(&url)?;
    }
    run.drop_orphans()?;
    frontier.crawled.pending = pending;
    Ok(())
}

/// The pictures that a crawl which came to its end has not met again, unless it met none at all.
fn unmet_of(run: &mut Run<'_>, start: &Url, number: u32) -> Result<Vec<String>> {
    let pictures = run.writer.ledger()?.pictures_of(number)?;
    if pictures.met > 0 || pictures.unmet.is_empty() {
        return Ok(pictures.unmet);
    }
    // A page to log in, say: as with a folder that is empty where pictures were known.
    run.summary.offline += 1;
    let message = "offline: it shows no picture any more; what is known of it stays";
    run.warn(&Error::new(ErrorKind::Io, message).about(Locator::Url(start.to_string())));
    Ok(Vec::new())
}

/// Writes to each picture the pages that show it, where they are others than it knew: it was got when the first of them
/// was read, or in an earlier crawl. What a page shows, be it another crawl's, is taken out of `unmet`.
fn tell_pages(run: &mut Run<'_>, ended: &[u32], unmet: &mut BTreeSet<String>) -> Result<()> {
    run.writer.commit()?;
    for round in 0..run.writer.ledger()?.rounds() {
        for (url, on) in run.writer.ledger()?.shows(ended, round)? {
            unmet.remove(&url);
            for place in places(run.writer.snapshot(), &Locator::Url(url))? {
                let Some(known) = run.writer.snapshot().known(&place)? else { continue };
                let record = run.writer.snapshot().source(&known)?;
                if let Some(shown) = record.shown.as_deref().filter(|shown| shown.on != on)
                    && record.state == State::Present
                {
                    let shown = Some(Box::new(Shown { on: on.clone(), fetched_s: shown.fetched_s }));
                    run.writer.set_source(&SourceRecord { shown, ..record })?;
                }
            }
        }
    }
    Ok(())
}

/// An address and the pages of what stands there, as far as they are known.
fn places(reader: &Reader, locator: &Locator) -> Result<Vec<Locator>> {
    let mut places = vec![locator.clone()];
    reader.each_below(locator, |known| {
        places.push(reader.source(&known)?.locator);
        Ok(())
    })?;
    // Below an address others may stand.
    places.retain(|place| place.url() == locator.url());
    Ok(places)
}

/// Marks what was known at an address as missing.
fn lose(run: &mut Run<'_>, locator: &Locator) -> Result<()> {
    places(run.before(), locator)?.iter().try_for_each(|place| lose_place(run, place))
}

/// Marks a picture that was known as missing.
fn lose_place(run: &mut Run<'_>, locator: &Locator) -> Result<()> {
    let Some(known) = run.before().known(locator)? else { return Ok(()) };
    let record = run.before().source(&known)?;
    match record.state {
        State::Present => {
            run.summary.missing += 1;
            run.writer.set_source(&SourceRecord { state: State::Missing, ..record })
        }
        State::Missing => Ok(()),
        _ => {
            run.writer.forget_source(locator);
            Ok(())
        }
    }
}

/// The host of an address as manners and robots.txt know it: its name, and its port where that is not the scheme's own.
fn host_of(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// Size and time of an answer: what Last-Modified says, or 0.
fn stamp_of(bytes: usize, last_modified: Option<&str>) -> Stamp {
    let time = last_modified.and_then(manners::http_date).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified_ns = time.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
    Stamp { bytes: bytes as u64, modified_ns }
}
