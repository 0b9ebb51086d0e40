//! The indexing flow from the web: frontier -> fetch -> page or picture -> describe -> index.
//!
//! One thread (the caller's) keeps the queue, the manners and the index; some fetch, each for one host at a time. What is
//! to be fetched stands in the index's ledger, on disk, and is noted there in the same commit as what came of it: a crawl
//! that is killed goes on where its last commit was, and asks for nothing again that a commit holds.
//!
//! In memory there are a few bytes for each address that waits, and what the fetching threads hold: a body each, within
//! the budget that all pictures share.

mod fetching;
mod plan;
mod recording;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::url::Url;

use super::budget::Budget;
use super::examine::{Examined, Look};
use super::run::Run;
use super::seen::Seen;
use super::{Options, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::index::ledger::{Done, Kind, Queued};
use crate::index::{Offline, Reader, Shown, SourceRecord, State, Writer};
use crate::locator::{Locator, Stamp};
use crate::progress::{Event, Progress};
use crate::source::web::fetch::{self, Fetcher, MAX_HOPS};
use crate::source::web::manners::{self, Manners, Next, Outcome, Standing};
use crate::source::web::robots::Verdict;
use crate::source::web::scope::{Reach, Scope};
use crate::source::web::traps::{self, Traps};
use crate::source::web::{Reason, Refusal, url};

pub use plan::{Planned, plan};

use fetching::{Answer, Fetched, Fetching, Job, Named};
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

/// A commit after so many answers, or so long after the last one: what a crash makes a crawl ask for again. It takes some
/// 30 ms, which at the fastest is a tenth of the time in which so many answers come.
const BATCH: u32 = 200;
const INTERVAL: Duration = Duration::from_secs(5);
/// How often a passing trouble is met at one address before it is given up for this round.
const ATTEMPTS: u8 = 3;
/// How long the loop sleeps at most, so that it hears when it is to stop.
const TICK: Duration = Duration::from_millis(100);
/// How long after the wish to stop answers are waited for.
const PATIENCE: Duration = Duration::from_secs(3);

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
    let begun = Instant::now();
    let scope = Scope::new(crawl.reach, starts.to_vec(), &crawl.include, &crawl.exclude)?;
    let fetcher = Fetcher::new(crawl.fetch.clone())?;
    let before = Reader::open(writer.snapshot().folder())?;
    let seen = Seen::of(&before);
    let budget = Budget::new(options.max_memory);
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(options.jobs.get()).thread_name(|n| format!("decode-{n}")).build();
    let pool = pool.map_err(|error| Error::new(ErrorKind::Io, format!("no threads: {error}")))?;
    let look = Look { before: &before, seen: &seen, options, budget: &budget };
    let recording = crawl.warc.as_deref().map(Recording::new).transpose()?;
    let fetching = Fetching::new(&fetcher, look, &pool, crawl.noai, recording.as_ref());
    let mut numbers = Vec::new();
    let ledger = writer.ledger()?;
    ledger.compact()?;
    for start in starts {
        numbers.push(ledger.begin(start.as_str())?);
    }
    for start in starts {
        writer.add_root(&Locator::Url(start.to_string()))?;
    }
    let mut run = Run::new(writer, &before, Offline::default(), &[], progress);
    let mut frontier = Frontier {
        scope,
        crawl,
        queues: HashMap::new(),
        verdicts: HashMap::new(),
        troubled: BTreeSet::new(),
        manners: Manners::new(crawl.manners.clone()),
        traps: Traps::new(crawl.traps.clone()),
        attempts: HashMap::new(),
        in_flight: 0,
        asked: (0, 0),
        crawled: Crawled::default(),
    };
    frontier.resume(&mut run, &numbers)?;
    for (start, &number) in starts.iter().zip(&numbers) {
        let queued =
            Queued { url: start.to_string(), kind: Kind::Start, depth: 0, hops: 0, start: number, shown: None };
        frontier.queue(&mut run, queued)?;
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
        frontier.drive(&mut run, jobs, &answers, progress, recording.as_ref())
    })?;
    recording.as_ref().map_or(Ok(()), Recording::finish)?;
    run.summary.interrupted = progress.stop();
    let pending = run.writer.ledger()?.pending_of(&numbers)?.len() as u64;
    if pending == 0 && !run.summary.interrupted {
        for number in numbers.iter().filter(|number| !frontier.troubled.contains(number)) {
            mark_missing(&mut run, *number)?;
        }
    }
    run.drop_orphans()?;
    let mut summary = run.summary;
    frontier.crawled.pending = pending;
    summary.crawled = Some(frontier.crawled);
    writer.commit()?;
    summary.elapsed = begun.elapsed();
    Ok(summary)
}

/// What a crawl that came to its end has not met again is shown nowhere any more.
fn mark_missing(run: &mut Run<'_>, start: u32) -> Result<()> {
    for url in run.writer.ledger()?.unmet_pictures(start)? {
        lose(run, &Locator::Url(url.clone()))?;
        run.writer.ledger()?.forget(&url)?;
    }
    Ok(())
}

/// Marks a picture that was known as missing.
fn lose(run: &mut Run<'_>, locator: &Locator) -> Result<()> {
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

/// What is to be fetched, whom it may be asked of, and when.
struct Frontier<'a> {
    scope: Scope,
    crawl: &'a Crawl,
    /// Of each host the places of its addresses in the ledger.
    queues: HashMap<String, VecDeque<u64>>,
    /// What each host's robots.txt says, or why it can't be had: then nothing is asked of the host in this run.
    verdicts: HashMap<String, std::result::Result<Verdict, Refusal>>,
    /// Crawls of which something could not be had that may be there: what they did not meet is not gone.
    troubled: BTreeSet<u32>,
    manners: Manners,
    traps: Traps,
    /// How often an address met a passing trouble.
    attempts: HashMap<u64, u8>,
    in_flight: usize,
    /// Pages and pictures asked for.
    asked: (u64, u64),
    crawled: Crawled,
}

impl Frontier<'_> {
    fn refuse(&mut self, reason: Reason) {
        *self.crawled.refused.entry(reason.name()).or_default() += 1;
    }

    /// Takes up what an earlier run has left.
    fn resume(&mut self, run: &mut Run<'_>, starts: &[u32]) -> Result<()> {
        for at in run.writer.ledger()?.pending_of(starts)? {
            if let Some(queued) = run.writer.ledger()?.queued(at)?
                && let Ok(url) = url::parse(&queued.url)
            {
                if queued.kind != Kind::Picture {
                    let _counted = self.traps.enter(&url);
                }
                self.enqueue(&url, at);
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, url: &Url, at: u64) {
        let host = host_of(url);
        self.manners.add(&host, Instant::now());
        self.queues.entry(host).or_default().push_back(at);
    }

    /// Queues an address that something named, if it may be asked for and was not met yet.
    fn queue(&mut self, run: &mut Run<'_>, queued: Queued) -> Result<()> {
        let Ok(url) = url::parse(&queued.url) else {
            self.refuse(Reason::Url);
            return Ok(());
        };
        if run.writer.ledger()?.is_met(&queued.url, queued.start) {
            return Ok(());
        }
        let allowed = match queued.kind {
            Kind::Picture => self.scope.picture(&url),
            Kind::Start | Kind::Sitemap => Ok(()),
            Kind::Page => self.scope.page(&url).and_then(|()| self.traps.enter(&url)),
        };
        if let Err(refusal) = allowed {
            self.refuse(refusal.reason());
            return Ok(());
        }
        if let Some(at) = run.writer.ledger()?.queue(queued)? {
            self.enqueue(&url, at);
        }
        Ok(())
    }

    /// Gives out work and takes answers until there is neither.
    fn drive(
        &mut self,
        run: &mut Run<'_>,
        jobs: Sender<Job>,
        answers: &Receiver<Fetched>,
        progress: &dyn Progress,
        recording: Option<&Recording>,
    ) -> Result<()> {
        let mut stopped = None;
        let (mut answers_since, mut committed) = (0, Instant::now());
        loop {
            let now = Instant::now();
            if progress.stop() || self.crawl.max_bytes.is_some_and(|most| self.crawled.received >= most) {
                let since = *stopped.get_or_insert(now);
                if self.in_flight == 0 || now.duration_since(since) > PATIENCE {
                    return Ok(());
                }
            }
            let mut pause = TICK;
            while stopped.is_none() && self.in_flight < self.crawl.hosts.max(1) {
                match self.manners.next(now) {
                    Next::Ready(host) => self.give_out(run, &host, &jobs, now)?,
                    Next::Wait(until) => {
                        pause = pause.min(until.saturating_duration_since(now));
                        break;
                    }
                    Next::Idle if self.in_flight == 0 => return Ok(()),
                    Next::Idle => break,
                }
            }
            match answers.recv_timeout(pause.max(Duration::from_millis(1))) {
                Ok(fetched) => {
                    recording.map_or(Ok(()), Recording::check)?;
                    self.in_flight -= 1;
                    self.take(run, fetched)?;
                    let (queued, waiting) = (run.writer.ledger()?.pending(), self.manners.waiting(now) as u64);
                    let Crawled { pages, images, received, .. } = self.crawled;
                    progress.event(Event::Crawled { pages, images, bytes: received, waiting, queued });
                    answers_since += 1;
                    if answers_since >= BATCH || committed.elapsed() >= INTERVAL {
                        run.writer.commit()?;
                        (answers_since, committed) = (0, Instant::now());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(ErrorKind::Io, "the fetching threads are gone"));
                }
            }
        }
    }

    /// Gives out the next request to a host that is ready: its robots.txt first.
    fn give_out(&mut self, run: &mut Run<'_>, host: &str, jobs: &Sender<Job>, now: Instant) -> Result<()> {
        let gone = || Error::new(ErrorKind::Io, "the fetching threads are gone");
        loop {
            let Some(at) = self.queues.get_mut(host).and_then(VecDeque::pop_front) else {
                self.queues.remove(host);
                self.manners.finished(host, Outcome::Unasked, false, now);
                return Ok(());
            };
            let Some(queued) = run.writer.ledger()?.queued(at)? else { continue };
            let Ok(address) = url::parse(&queued.url) else { continue };
            let is_picture = queued.kind == Kind::Picture;
            let (asked, most) = match is_picture {
                true => (self.asked.1, self.crawl.max_images),
                false => (self.asked.0, self.crawl.max_pages),
            };
            if most.is_some_and(|most| asked >= most) {
                // It stays in the ledger, for the next run.
                continue;
            }
            match self.verdicts.get(host) {
                None => {
                    self.queues.entry(host.to_owned()).or_default().push_front(at);
                    self.in_flight += 1;
                    return jobs.send(Job::Robots { host: host.to_owned(), url: address }).map_err(|_| gone());
                }
                Some(Ok(verdict)) if verdict.allows(&address) => {}
                Some(Ok(_)) => {
                    let refusal = Refusal::new(Reason::Robots, "the host's robots.txt forbids it");
                    self.answered(run, queued, Answer::Refused(refusal))?;
                    continue;
                }
                Some(Err(refusal)) => {
                    let answer = Answer::Refused(refusal.clone());
                    // A private address stays one; a robots.txt that can't be had now may be there tomorrow.
                    if matches!(refusal.reason(), Reason::Private | Reason::Url) {
                        self.answered(run, queued, answer)?;
                    } else {
                        self.left(run, &queued, &answer);
                    }
                    continue;
                }
            }
            let last = run.writer.ledger()?.last(&queued.url)?;
            // A picture that the index lost, or never could read, is asked for whole.
            let is_kept = |locator: &Locator| {
                run.before().known(locator).map(|known| known.is_some_and(|known| known.state == State::Present))
            };
            let last = match last {
                Some(done) if done.picture && !is_kept(&Locator::Url(queued.url.clone()))? => None,
                last => last,
            };
            if is_picture {
                self.asked.1 += 1
            } else {
                self.asked.0 += 1
            }
            self.in_flight += 1;
            let job = Job::Fetch { host: host.to_owned(), at, queued, url: address, last: last.map(Box::new) };
            return jobs.send(job).map_err(|_| gone());
        }
    }

    fn finish(&mut self, run: &mut Run<'_>, queued: &Queued, done: Done) -> Result<()> {
        run.writer.ledger()?.finish(Done { url: queued.url.clone(), start: queued.start, ..done })
    }

    /// Takes what came of a request.
    fn take(&mut self, run: &mut Run<'_>, fetched: Fetched) -> Result<()> {
        let now = Instant::now();
        match fetched {
            Fetched::Robots { host, verdict, refusal, outcome, received } => {
                self.crawled.received += received;
                let delay = verdict.delay();
                self.verdicts.insert(host.clone(), refusal.map_or(Ok(verdict), Err));
                self.ended(run, &host, outcome, now)?;
                if let Some(delay) = delay {
                    self.manners.set_crawl_delay(&host, delay);
                }
            }
            Fetched::Answer { host, at, queued, answer, outcome, received } => {
                self.crawled.received += received;
                let passes = matches!(&answer, Answer::Refused(refusal) if refusal.reason().passes())
                    || matches!(outcome, Outcome::Failed { .. });
                let attempts = self.attempts.entry(at).or_default();
                *attempts += 1;
                if passes && *attempts < ATTEMPTS {
                    self.queues.entry(host.clone()).or_default().push_back(at);
                } else {
                    self.attempts.remove(&at);
                    if passes {
                        self.left(run, &queued, &answer);
                    } else {
                        self.answered(run, queued, answer)?;
                    }
                }
                self.ended(run, &host, outcome, now)?;
            }
        }
        Ok(())
    }

    /// Tells manners how a request ended, and gives a host up that has had enough.
    fn ended(&mut self, run: &mut Run<'_>, host: &str, outcome: Outcome, now: Instant) -> Result<()> {
        let more = self.queues.get(host).is_some_and(|queue| !queue.is_empty());
        if self.manners.finished(host, outcome, more, now) == Standing::GivenUp {
            let left = self.queues.remove(host).map_or(0, |queue| queue.len());
            if left > 0 {
                let message = format!("given up for now, {left} addresses are left for the next run");
                run.fail(&Error::new(ErrorKind::Io, message).about(Locator::Url(host.to_owned())));
            }
        }
        Ok(())
    }

    /// Leaves an address that may be had another time in the ledger, for the next run.
    fn left(&mut self, run: &mut Run<'_>, queued: &Queued, answer: &Answer) {
        self.troubled.insert(queued.start);
        if let Answer::Refused(refusal) = answer {
            self.refuse(refusal.reason());
            if queued.kind == Kind::Start {
                let error = Error::new(ErrorKind::Io, refusal.message().to_owned());
                run.fail(&error.about(Locator::Url(queued.url.clone())));
            }
        }
    }

    /// Uses an answer.
    fn answered(&mut self, run: &mut Run<'_>, queued: Queued, answer: Answer) -> Result<()> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        match answer {
            Answer::Refused(refusal) => {
                self.refuse(refusal.reason());
                if queued.kind == Kind::Start {
                    let error = Error::new(ErrorKind::Io, refusal.message().to_owned());
                    run.fail(&error.about(Locator::Url(queued.url.clone())));
                }
                let is_settled = matches!(refusal.reason(), Reason::Scope | Reason::Trap | Reason::Url | Reason::Type);
                let is_forbidden = refusal.reason() == Reason::Robots;
                if queued.kind == Kind::Start || !(is_settled || is_forbidden) {
                    self.troubled.insert(queued.start);
                }
                self.finish(run, &queued, Done::default())
            }
            Answer::Gone(status) => {
                self.refuse(Reason::Status);
                if queued.kind == Kind::Start {
                    let error = Error::new(ErrorKind::Io, format!("the server answers {status}"));
                    run.fail(&error.about(Locator::Url(queued.url.clone())));
                }
                lose(run, &Locator::Url(queued.url.clone()))?;
                self.finish(run, &queued, Done::default())
            }
            Answer::Redirect(to) => {
                self.finish(run, &queued, Done::default())?;
                if usize::from(queued.hops) >= MAX_HOPS {
                    self.refuse(Reason::Redirects);
                    return Ok(());
                }
                // Where a start leads to is a start, too: that is how sites say what they are called.
                self.queue(run, Queued { url: to.to_string(), hops: queued.hops + 1, ..queued })
            }
            Answer::Same(last) => {
                self.crawled.not_modified += 1;
                if last.picture {
                    let locator = Locator::Url(queued.url.clone());
                    if let Some(known) = run.before().known(&locator)? {
                        run.apply_shown(locator, known.stamp, Examined::Unchanged(known, String::new()), 1, None)?;
                    }
                } else {
                    self.name(run, &queued, &last.title, Named::of(&last))?;
                }
                self.finish(run, &queued, *last)
            }
            Answer::Page { done, named } => {
                self.crawled.pages += 1;
                self.name(run, &queued, &done.title, named)?;
                self.finish(run, &queued, *done)
            }
            Answer::Picture { done, examined, stamp } => {
                self.crawled.images += 1;
                let shown = queued.shown.clone().unwrap_or_default();
                let (page, title, alt, caption) = shown;
                let shown = Shown { page, title, alt, caption, fetched_s: i64::try_from(now_s).unwrap_or_default() };
                let locator = Locator::Url(queued.url.clone());
                let record = run.apply_shown(locator, stamp, *examined, 1, Some(Box::new(shown)))?;
                let picture = record.state == State::Present;
                self.finish(run, &queued, Done { picture, ..*done })
            }
        }
    }

    /// Queues what a page or a sitemap names.
    fn name(&mut self, run: &mut Run<'_>, from: &Queued, title: &str, named: Named) -> Result<()> {
        let next = |url: String, kind| Queued { url, kind, depth: from.depth, hops: 0, start: from.start, shown: None };
        for (url, page, alt, caption) in named.pictures {
            let title = if page == from.url { title.to_owned() } else { String::new() };
            let shown = Some((page, title, alt, caption));
            self.queue(run, Queued { shown, ..next(url, Kind::Picture) })?;
        }
        for url in named.sitemaps {
            // One that names another which names another is no site's.
            if from.depth < 3 {
                self.queue(run, Queued { depth: from.depth + 1, ..next(url, Kind::Sitemap) })?;
            }
        }
        let deeper = from.depth.saturating_add(1);
        let is_too_deep = self.crawl.depth.is_some_and(|most| deeper > most);
        for url in named.links {
            if is_too_deep {
                if !run.writer.ledger()?.is_met(&url, from.start) {
                    *self.crawled.refused.entry("depth").or_default() += 1;
                }
            } else {
                self.queue(run, Queued { depth: deeper, ..next(url, Kind::Page) })?;
            }
        }
        Ok(())
    }
}

/// Size and time of an answer: what Last-Modified says, or 0.
fn stamp_of(bytes: usize, last_modified: Option<&str>) -> Stamp {
    let time = last_modified.and_then(manners::http_date).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified_ns = time.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
    Stamp { bytes: bytes as u64, modified_ns }
}
