//! What a crawl has to fetch and when it may: the queue of each host, its manners, and what is made of its answers.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::url::Url;

use super::super::look::Look;
use super::super::run::Run;
use super::fetching::{Answer, Fetched, Job};
use super::hosts::{HOSTS, Hosts};
use super::inherited::Inherited;
use super::recording::Recording;
use super::{Crawl, Crawled, Found, Planned, host_of};
use crate::error::{Error, ErrorKind, Result};
use crate::index::State;
use crate::index::ledger::{Done, Kind, Queued};
use crate::locator::Locator;
use crate::progress::{Event, Progress};
use crate::source::web::manners::{Next, Outcome, Standing, Why};
use crate::source::web::scope::Scope;
use crate::source::web::traps::{Traps, without_session};
use crate::source::web::{Reason, Refusal, url};

/// A commit after so many answers, or so long after the last one: what a crash makes a crawl ask for again. It takes some
/// 30 ms, which at the fastest is a tenth of the time in which so many answers come.
const BATCH: u32 = 200;
const INTERVAL: Duration = Duration::from_secs(5);
/// How often a passing trouble is met at one address before it is given up for this round.
const ATTEMPTS: u8 = 2;
/// How long the loop sleeps at most, so that it hears when it is to stop.
const TICK: Duration = Duration::from_millis(100);
/// How long after the wish to stop answers are waited for.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// What is to be fetched, whom it may be asked of, and when.
pub(super) struct Frontier<'a, 'f> {
    pub scope: Scope,
    pub crawl: &'a Crawl,
    pub look: &'a Look<'a>,
    /// Of a dry run: hears of what would be fetched.
    pub found: Option<&'a mut Found<'f>>,
    pub hosts: Hosts,
    /// Crawls whose start could not be had, or that met a page which was not read to its end: what they did not meet is
    /// not gone.
    pub troubled: BTreeSet<u32>,
    /// Crawls that leave out what an earlier one fetched: likewise.
    pub narrower: BTreeSet<u32>,
    /// What the ledger alone says is to be asked for, and nothing of this run yet.
    pub inherited: Inherited,
    /// Of each crawl the sitemaps that the robots.txt of its start's host names, until the start has answered.
    pub sitemaps: HashMap<u32, Vec<String>>,
    /// Hosts that are left alone in this run, since an earlier one was asked to, and nobody was told of yet.
    pub resting: HashMap<String, Why>,
    pub traps: Traps,
    /// How often an address met a passing trouble.
    pub attempts: HashMap<u64, u8>,
    pub in_flight: usize,
    /// Pages and pictures asked for.
    pub asked: (u64, u64),
    pub crawled: Crawled,
}

impl<'a, 'f> Frontier<'a, 'f> {
    /// With nothing to fetch yet.
    pub fn new(scope: Scope, crawl: &'a Crawl, look: &'a Look<'a>, found: Option<&'a mut Found<'f>>) -> Self {
        Self {
            scope,
            crawl,
            look,
            found,
            hosts: Hosts::new(crawl.manners.clone()),
            troubled: BTreeSet::new(),
            narrower: BTreeSet::new(),
            inherited: Inherited::default(),
            sitemaps: HashMap::new(),
            resting: HashMap::new(),
            traps: Traps::new(crawl.traps.clone()),
            attempts: HashMap::new(),
            in_flight: 0,
            asked: (0, 0),
            crawled: Crawled::default(),
        }
    }

    pub(super) fn refuse(&mut self, reason: Reason) {
        *self.crawled.refused.entry(reason.name()).or_default() += 1;
    }

    /// Takes up what an earlier run has left.
    pub fn resume(&mut self, run: &mut Run<'_>, starts: &[u32]) -> Result<()> {
        for at in run.writer.ledger()?.pending_of(starts)? {
            if let Some(queued) = run.writer.ledger()?.queued(at)?
                && let Ok(url) = url::parse(&queued.url)
            {
                if !self.believes(queued.kind, &url) {
                    self.inherited.hold(at);
                    continue;
                }
                self.take_up(run, &queued, &url, at);
            }
        }
        Ok(())
    }

    /// Takes up an address that waits in the ledger.
    pub(super) fn take_up(&mut self, run: &mut Run<'_>, queued: &Queued, url: &Url, at: u64) {
        if queued.kind != Kind::Picture && !queued.listed {
            let _counted = self.traps.enter(url);
        }
        self.enqueue(run, url, at);
    }

    /// Takes up which hosts have asked an earlier run to be left alone.
    pub fn heed(&mut self, run: &mut Run<'_>) -> Result<()> {
        let (now, now_s) = (Instant::now(), now_s());
        for (host, until_s) in run.writer.ledger()?.rests(now_s) {
            let until = now.checked_add(Duration::from_secs(until_s - now_s)).unwrap_or(now);
            if let Standing::GivenUp(why) = self.hosts.manners.rest(host, until, now) {
                self.resting.insert(host.to_owned(), why);
            }
        }
        Ok(())
    }

    pub(super) fn enqueue(&mut self, run: &mut Run<'_>, url: &Url, at: u64) {
        let host = host_of(url);
        if !self.hosts.manners.add(&host, Instant::now())
            && let Some(why) = self.resting.remove(&host)
        {
            let message = format!("left alone in this run, since it {why}");
            run.fail(&Error::new(ErrorKind::Io, message).about(Locator::Url(host.clone())));
        }
        self.hosts.queues.entry(host).or_default().push_back(at);
    }

    /// Queues an address that something named, if it may be asked for and was not met yet.
    pub fn queue(&mut self, run: &mut Run<'_>, mut queued: Queued) -> Result<()> {
        let Ok(mut url) = url::parse(&queued.url) else {
            self.refuse(Reason::Url);
            return Ok(());
        };
        if queued.kind == Kind::Page {
            url = without_session(url);
            queued.url = url.to_string();
        }
        if run.writer.ledger()?.is_met(&queued.url, queued.start) {
            return self.confirm(run, queued, &url);
        }
        let is_made_up = queued.kind == Kind::Page && !queued.listed;
        let allowed =
            self.allows(&queued, &url).and_then(|()| if is_made_up { self.traps.enter(&url) } else { Ok(()) });
        if let Err(refusal) = allowed {
            self.leave_out(run, &queued, refusal.reason())?;
            return Ok(());
        }
        if let Some(at) = run.writer.ledger()?.queue(queued)? {
            self.enqueue(run, &url, at);
        }
        Ok(())
    }

    /// Whether the rules of this run let an address be fetched.
    fn allows(&self, queued: &Queued, url: &Url) -> std::result::Result<(), Refusal> {
        match queued.kind {
            Kind::Picture => self.scope.picture(url),
            Kind::Sitemap if queued.by_robots => self.scope.sitemap(url),
            Kind::Start | Kind::Sitemap => Ok(()),
            Kind::Page => self.scope.page(url),
        }
    }

    /// Drops an address that waits in the ledger and that this run's rules leave out.
    pub(super) fn drop_waiting(&mut self, run: &mut Run<'_>, queued: &Queued, reason: Reason) -> Result<()> {
        self.leave_out(run, queued, reason)?;
        match run.writer.ledger()?.last(&queued.url)? {
            Some(last) => self.finish(run, queued, last),
            None => run.writer.ledger()?.forget(&queued.url),
        }
    }

    /// Counts an address that this run's rules leave out.
    pub(super) fn leave_out(&mut self, run: &mut Run<'_>, queued: &Queued, reason: Reason) -> Result<()> {
        self.refuse(reason);
        if run.writer.ledger()?.is_known(&queued.url) {
            self.narrower.insert(queued.start);
        }
        Ok(())
    }

    /// Gives out work and takes answers until there is neither.
    pub fn drive(
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
                if stopped.is_none() {
                    // Who asks twice ends the process, and loses what is not committed.
                    run.writer.commit()?;
                }
                let since = *stopped.get_or_insert(now);
                if self.in_flight == 0 || now.duration_since(since) > PATIENCE {
                    return Ok(());
                }
            }
            let mut pause = TICK;
            while stopped.is_none() && self.in_flight < self.crawl.hosts.max(1) {
                match self.hosts.manners.next(now) {
                    Next::Ready(host) => self.give_out(run, &host, &jobs, now)?,
                    Next::Wait(until) => {
                        pause = pause.min(until.saturating_duration_since(now));
                        break;
                    }
                    Next::Idle if self.in_flight == 0 => {
                        if !self.settle(run)? {
                            return Ok(());
                        }
                    }
                    Next::Idle => break,
                }
            }
            match answers.recv_timeout(pause.max(Duration::from_millis(1))) {
                Ok(fetched) => {
                    recording.map_or(Ok(()), Recording::check)?;
                    let is_answer = matches!(fetched, Fetched::Answer { .. });
                    self.take(run, fetched)?;
                    let (queued, waiting) = (run.writer.ledger()?.pending(), self.hosts.manners.waiting(now) as u64);
                    let Crawled { pages, images, received, .. } = self.crawled;
                    progress.event(Event::Crawled { pages, images, bytes: received, waiting, queued });
                    answers_since += u32::from(is_answer);
                    if answers_since >= BATCH || committed.elapsed() >= INTERVAL {
                        run.writer.commit()?;
                        (answers_since, committed) = (0, Instant::now());
                        self.hosts.forget(HOSTS, Instant::now());
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
        while let Some((at, queued, address)) = self.next_of(run, host)? {
            match self.hosts.verdicts.get(host) {
                None => {
                    self.hosts.queues.entry(host.to_owned()).or_default().push_front(at);
                    self.in_flight += 1;
                    return jobs.send(Job::Robots { host: host.to_owned(), url: address }).map_err(|_| gone());
                }
                Some(Ok(verdict)) if verdict.allows(&address) => {
                    if queued.kind == Kind::Start {
                        self.sitemaps.insert(queued.start, verdict.sitemaps().to_vec());
                    }
                }
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
            if queued.kind == Kind::Picture && self.found.is_some() {
                self.asked.1 += 1;
                self.crawled.images += 1;
                self.tell_planned("picture", &queued.url)?;
                self.finish(run, &queued, Done::default())?;
                continue;
            }
            return jobs.send(self.job(run, host, at, queued, address)?).map_err(|_| gone());
        }
        self.hosts.queues.remove(host);
        self.hosts.manners.finished(host, Outcome::Unasked, false, now);
        Ok(())
    }

    /// The next address of a host that the rules and limits of this run let be fetched, with its place in the ledger.
    fn next_of(&mut self, run: &mut Run<'_>, host: &str) -> Result<Option<(u64, Queued, Url)>> {
        while let Some(at) = self.hosts.queues.get_mut(host).and_then(VecDeque::pop_front) {
            let Some(queued) = run.writer.ledger()?.queued(at)? else { continue };
            let Ok(address) = url::parse(&queued.url) else { continue };
            // An earlier run queued it by rules of its own.
            let is_too_deep = self.crawl.depth.is_some_and(|most| queued.kind == Kind::Page && queued.depth > most);
            if is_too_deep || self.allows(&queued, &address).is_err() {
                self.drop_waiting(run, &queued, if is_too_deep { Reason::Depth } else { Reason::Scope })?;
                continue;
            }
            let (asked, most) = match queued.kind {
                Kind::Picture => (self.asked.1, self.crawl.max_images),
                _ => (self.asked.0, self.crawl.max_pages),
            };
            // What is beyond stays in the ledger, for the next run.
            if most.is_none_or(|most| asked < most) {
                return Ok(Some((at, queued, address)));
            }
        }
        Ok(None)
    }

    /// The request for an address; it counts as asked for.
    fn job(&mut self, run: &mut Run<'_>, host: &str, at: u64, queued: Queued, url: Url) -> Result<Job> {
        let last = run.writer.ledger()?.last(&queued.url)?;
        let last = match last {
            Some(done) if done.picture && !self.is_kept(run, &queued.url)? => None,
            last => last.map(|last| Box::new(self.without_validators(last))),
        };
        match queued.kind {
            Kind::Picture => self.asked.1 += 1,
            _ => self.asked.0 += 1,
        }
        self.in_flight += 1;
        let room = self.crawl.max_bytes.map(|most| most.saturating_sub(self.crawled.received));
        Ok(Job::Fetch { host: host.to_owned(), at, queued, url, last, room })
    }

    pub(super) fn tell_planned(&mut self, kind: &'static str, url: &str) -> Result<()> {
        self.found.as_mut().map_or(Ok(()), |found| found(Planned { kind, url: url.to_owned() }))
    }

    /// Whether a picture is in the index. One that it lost, never could read, or wants more frames of, is asked for whole.
    fn is_kept(&self, run: &Run<'_>, url: &str) -> Result<bool> {
        let Some(known) = run.before().known(&Locator::Url(url.to_owned()))? else { return Ok(false) };
        Ok(known.state == State::Present && !self.look.wants_frames(&known)?)
    }

    pub(super) fn finish(&mut self, run: &mut Run<'_>, queued: &Queued, done: Done) -> Result<()> {
        run.writer.ledger()?.finish(Done { url: queued.url.clone(), start: queued.start, ..done })
    }

    /// Takes what came of a request.
    fn take(&mut self, run: &mut Run<'_>, fetched: Fetched) -> Result<()> {
        let now = Instant::now();
        match fetched {
            Fetched::Robots { host, verdict, refusal, outcome, received } => {
                self.in_flight -= 1;
                self.crawled.received += received;
                if let Some(delay) = verdict.delay() {
                    self.hosts.manners.set_crawl_delay(&host, delay);
                }
                self.hosts.verdicts.insert(host.clone(), refusal.map_or(Ok(verdict), Err));
                self.ended(run, &host, outcome, 0, now)?;
            }
            Fetched::Ended { host, outcome, received } => {
                self.crawled.received += received;
                // What failed waits for another time, beside what its host still has.
                let own = usize::from(matches!(outcome, Outcome::Failed { .. }));
                self.ended(run, &host, outcome, own, now)?;
            }
            Fetched::Answer { host, at, queued, answer, passes } => {
                self.in_flight -= 1;
                let attempts = self.attempts.entry(at).or_default();
                *attempts += 1;
                if passes && *attempts < ATTEMPTS {
                    self.hosts.manners.add(&host, now);
                    self.hosts.queues.entry(host).or_default().push_back(at);
                } else {
                    self.attempts.remove(&at);
                    if passes {
                        self.left(run, &queued, &answer);
                    } else {
                        self.answered(run, queued, answer)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells manners how a request ended, and gives a host up that has had enough. What is left is in its queue, and `own`
    /// more.
    fn ended(&mut self, run: &mut Run<'_>, host: &str, outcome: Outcome, own: usize, now: Instant) -> Result<()> {
        let more = self.hosts.queues.get(host).is_some_and(|queue| !queue.is_empty());
        let standing = self.hosts.manners.finished(host, outcome, more, now);
        if let Outcome::Failed { retry_after: Some(_) } = outcome
            && let Some(until) = self.hosts.manners.asked_rest(host)
        {
            run.writer.ledger()?.rest(host, now_s() + until.saturating_duration_since(now).as_secs())?;
        }
        if let Standing::GivenUp(why) = standing {
            let left = own + self.hosts.queues.remove(host).map_or(0, |queue| queue.len());
            if left > 0 {
                let message = format!("given up for now, since it {why}; left for the next run: {left}");
                run.fail(&Error::new(ErrorKind::Io, message).about(Locator::Url(host.to_owned())));
            }
        }
        Ok(())
    }
}
