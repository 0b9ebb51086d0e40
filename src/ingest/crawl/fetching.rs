//! The fetching threads' side: a request, and what its answer is.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use ::url::Url;
use rayon::ThreadPool;

use super::super::budget::Share;
use super::super::look::Way;
use super::super::look::{DESCRIBING, Examined, Look, picture_of, refuse};
use super::super::pages::{self, Laid, Step};
use super::super::{self as ingest};
use super::described::{Claim, Described};
use super::recording::Recording;
use super::stamp_of;
use crate::decode::{self, Several, Sniff};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Digest;
use crate::index::ledger::{Done, Kind, Queued};
use crate::locator::{Locator, Stamp};
use crate::source::web::fetch::{self, Fetcher, Request, Response};
use crate::source::web::manners::Outcome;
use crate::source::web::page::{self, Directives};
use crate::source::web::robots::Verdict;
use crate::source::web::{Reason, Refusal, sitemap};

/// The largest picture that is fetched, in bytes, where the budget allows it.
const PICTURE_MAX: u64 = 100 << 20;

/// A request to make.
pub(super) enum Job {
    /// The robots.txt of the host of `url`.
    Robots { host: String, url: Url },
    /// An address, and what came of it the last time.
    /// At most `room` bytes of it may be received.
    Fetch { host: String, at: u64, queued: Queued, url: Url, last: Option<Box<Done>>, room: Option<u64> },
}

/// What came of one.
pub(super) enum Fetched {
    /// With why it could not be had, where it could not.
    Robots { host: String, verdict: Verdict, refusal: Option<Refusal>, outcome: Outcome, received: u64 },
    /// A request has ended: its host may be asked for something else, while what it answered is still looked at.
    Ended { host: String, outcome: Outcome, received: u64 },
    /// `passes`: it may go well another time.
    Answer { host: String, at: u64, queued: Queued, answer: Answer, passes: bool },
}

/// What an answer is.
pub(super) enum Answer {
    Refused(Refusal),
    /// The run was stopped before it was looked at to its end: the next one asks for it again.
    Stopped,
    /// The index, or what decodes, is broken: the run ends.
    Broken(Error),
    /// Larger than the room there was for it.
    Unread,
    /// A picture that its server forbids to index.
    Forbidden,
    /// Not there (any more).
    Gone(u16),
    Redirect(Url),
    /// As the last time.
    Same(Box<Done>),
    Page {
        done: Box<Done>,
        named: Named,
    },
    Picture {
        done: Box<Done>,
        looked: Box<Looked>,
        stamp: Stamp,
    },
}

/// What a fetched file holds.
pub(super) struct Looked {
    /// Its first picture, and how many were looked for.
    pub first: (Examined, u32),
    /// The pages or frames behind it.
    pub rest: Vec<(Locator, Examined)>,
}

/// What a page or sitemap names.
pub(super) struct Named {
    pub links: Vec<String>,
    pub sitemaps: Vec<String>,
    /// Address, page, alternative text, caption.
    pub pictures: Vec<(String, String, String, String)>,
    /// Pictures that the page forbids to keep.
    pub forbidden: u64,
    /// Addresses beyond what is kept of one page or sitemap; of a sitemap that was cut, one.
    pub left_out: u64,
    /// Addresses that are too long, or in a sitemap none of the web.
    pub unfit: u64,
    pub is_sitemap: bool,
}

impl Named {
    /// What it named the last time.
    pub fn of(done: &Done) -> Self {
        Self {
            links: done.links.clone(),
            sitemaps: done.sitemaps.clone(),
            pictures: done.pictures.clone(),
            forbidden: 0,
            left_out: 0,
            unfit: 0,
            is_sitemap: done.sitemap,
        }
    }
}

/// What the fetching threads share.
pub(super) struct Fetching<'a> {
    fetcher: &'a Fetcher,
    look: &'a Look<'a>,
    pool: &'a ThreadPool,
    noai: bool,
    recording: Option<&'a Recording>,
    described: Described,
    /// Whether the run is to stop.
    stop: &'a (dyn Fn() -> bool + Sync),
    /// Held by the one that waits for the whole of what a picture takes while it holds its bytes.
    large: Mutex<()>,
}

impl<'a> Fetching<'a> {
    pub fn new(
        fetcher: &'a Fetcher,
        look: &'a Look<'a>,
        pool: &'a ThreadPool,
        noai: bool,
        recording: Option<&'a Recording>,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self { fetcher, look, pool, noai, recording, described: Described::default(), stop, large: Mutex::new(()) }
    }

    /// Works until there are no more jobs.
    pub fn work(&'a self, jobs: &Mutex<Receiver<Job>>, sender: &Sender<Fetched>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            // Held until what was described is on its way.
            let mut claim = None;
            let fetched = match job {
                Err(_) => return,
                Ok(Job::Robots { host, url }) => {
                    let begun = Instant::now();
                    let (verdict, answer) = Verdict::fetch(self.fetcher, &url);
                    if let (Some(recording), Ok(response)) = (self.recording, &answer) {
                        recording.response(response);
                    }
                    let outcome = Outcome::of(&answer, begun.elapsed(), SystemTime::now());
                    let received =
                        answer.as_ref().map_or_else(|_| fetch::received_in_vain(), |response| response.received);
                    let refusal = match (&verdict, answer) {
                        (Verdict::Nothing, Err(refusal)) => Some(refusal),
                        (Verdict::Nothing, Ok(response)) => {
                            let message = format!("the server answers {} when asked for robots.txt", response.status);
                            Some(Refusal::new(Reason::Robots, message))
                        }
                        _ => None,
                    };
                    Fetched::Robots { host, verdict, refusal, outcome, received }
                }
                Ok(Job::Fetch { host, at, queued, url, last, room }) => {
                    let mut passes = false;
                    let answer = self.fetch(&queued, &url, last, room, &mut claim, |outcome, received| {
                        passes = matches!(outcome, Outcome::Failed { .. });
                        // Where nobody hears it, nobody will hear the answer.
                        let _ = sender.send(Fetched::Ended { host: host.clone(), outcome, received });
                    });
                    Fetched::Answer { host, at, queued, answer, passes }
                }
            };
            if sender.send(fetched).is_err() {
                return;
            }
        }
    }

    /// Asks, tells when that has `ended`, and looks at the answer.
    fn fetch(
        &'a self,
        queued: &Queued,
        url: &Url,
        last: Option<Box<Done>>,
        room: Option<u64>,
        claim: &mut Option<Claim<'a>>,
        mut ended: impl FnMut(Outcome, u64),
    ) -> Answer {
        let total = self.look.budget.total();
        let is_picture = queued.kind == Kind::Picture;
        let request = if is_picture { Request::picture(url.clone()) } else { Request::page(url.clone()) };
        // A start may be a picture or a sitemap.
        let most = match queued.kind {
            Kind::Page => request.max_bytes,
            Kind::Sitemap => sitemap::MAX_BYTES,
            Kind::Start | Kind::Picture => PICTURE_MAX,
        };
        let most = most.min(total / 2).min(self.look.options.max_file_bytes);
        let (most, is_short) = match room {
            Some(room) if room < most => (room, true),
            _ => (most, false),
        };
        let validators = last.as_ref().map(|last| (last.etag.clone(), last.last_modified.clone()));
        let (etag, last_modified) = validators.unwrap_or_default();
        let Some(mut share) = self.look.budget.take(most) else {
            ended(Outcome::Unasked, 0);
            return Answer::Refused(Refusal::new(Reason::Size, "no memory for it"));
        };
        let begun = Instant::now();
        let answer = self.fetcher.get(&Request { etag, last_modified, max_bytes: most, ..request });
        let outcome = match &answer {
            // An error of this one address, unless there are many; what says that the host has had enough is another.
            Ok(Response { status: 500 | 501 | 505.., elapsed, .. }) => Outcome::Erred { elapsed: *elapsed },
            answer => Outcome::of(answer, begun.elapsed(), SystemTime::now()),
        };
        let received = match &answer {
            // It was read up to there, and dropped.
            Err(_) => fetch::received_in_vain(),
            Ok(response) => response.received,
        };
        ended(outcome, received);
        match answer {
            Err(refusal) if is_short && refusal.reason() == Reason::Size => Answer::Unread,
            Err(refusal) => Answer::Refused(refusal),
            Ok(response) => {
                share.shrink_to(response.body.len() as u64);
                if let Some(recording) = self.recording {
                    recording.response(&response);
                }
                self.understand(queued, url, last, response, share, claim)
            }
        }
    }

    fn understand(
        &'a self,
        queued: &Queued,
        url: &Url,
        last: Option<Box<Done>>,
        response: Response,
        share: Share<'_>,
        claim: &mut Option<Claim<'a>>,
    ) -> Answer {
        if let Some(to) = response.redirect {
            return Answer::Redirect(to);
        }
        match (response.status, last) {
            (304, Some(last)) => return Answer::Same(last),
            (404 | 410, _) => return Answer::Gone(response.status),
            _ if response.is_success() => {}
            (status, _) => {
                return Answer::Refused(Refusal::new(Reason::Status, format!("the server answers {status}")));
            }
        }
        let validators =
            Done { etag: response.etag.clone(), last_modified: response.last_modified.clone(), ..Done::default() };
        if !matches!(decode::sniff(&response.body), Sniff::Unknown) {
            let directives = Directives::of(&response.robots, self.fetcher.product());
            if !self.may_keep(directives) {
                return Answer::Forbidden;
            }
            let stamp = stamp_of(response.body.len(), response.last_modified.as_deref());
            return match self.picture(queued, url, response.body, stamp, share, claim) {
                Ok(looked) => Answer::Picture { done: Box::new(validators), looked: Box::new(looked), stamp },
                Err(error) => trouble(error),
            };
        }
        if queued.kind == Kind::Picture {
            return Answer::Refused(Refusal::new(Reason::Type, "no picture"));
        }
        let is_sitemap =
            queued.kind == Kind::Sitemap || (queued.kind == Kind::Start && looks_like_sitemap(&response, url));
        if is_sitemap {
            return match sitemap::check(&response.body).and_then(|()| sitemap::read(&response.body)) {
                Ok(sitemap) => of_sitemap(sitemap, validators),
                Err(refusal) => Answer::Refused(refusal),
            };
        }
        let content_type = response.content_type.as_deref();
        if content_type.is_some_and(|kind| !is_page(kind)) {
            return Answer::Refused(Refusal::new(Reason::Type, "neither a page nor a picture"));
        }
        let page = page::read(&response.body, content_type, &response.robots, url, self.fetcher.product());
        let forbidden = if self.may_keep(page.directives) { 0 } else { page.pictures.len() as u64 };
        let pictures = if forbidden == 0 { page.pictures } else { Vec::new() };
        let shown = |shown: page::Shown| (shown.url.to_string(), url.to_string(), shown.alt, shown.caption);
        let named = Named {
            links: page.links.iter().map(Url::to_string).collect(),
            sitemaps: Vec::new(),
            pictures: pictures.into_iter().map(shown).collect(),
            forbidden,
            left_out: page.left_out,
            unfit: page.too_long,
            is_sitemap: false,
        };
        page_of(named, Done { title: page.title, ..validators })
    }

    fn may_keep(&self, directives: Directives) -> bool {
        let directives = directives.at(SystemTime::now());
        directives.allow_pictures() && !(self.noai && directives.noai)
    }

    /// Looks at a picture as at a file.
    fn picture(
        &'a self,
        queued: &Queued,
        url: &Url,
        body: Vec<u8>,
        stamp: Stamp,
        share: Share<'_>,
        claim: &mut Option<Claim<'a>>,
    ) -> Result<Looked> {
        let Look { before, options, budget, .. } = self.look;
        let locator = Locator::Url(queued.url.clone());
        let known = before.known(&locator)?;
        let taken = stamp.bytes.saturating_add(DESCRIBING);
        let most = budget.total().saturating_sub(taken);
        let rest = Mutex::new(Vec::new());
        let take = |outcome| {
            if let ingest::Outcome::Entry(locator, _, examined, ..) = outcome {
                rest.lock().unwrap_or_else(PoisonError::into_inner).push((locator, examined));
            }
            Ok(())
        };
        let way = Way { send: &take, stop: self.stop };
        let mut done = pages::Done::default();
        let mut attempt = |share: &mut Share<'_>| {
            self.pool.install(|| {
                let mut place = options.workers.place(&options.decode);
                let mut bytes = place.bytes(body.len())?;
                bytes.as_mut().copy_from_slice(&body);
                let name = std::path::Path::new(url.path());
                let refuse = |reason| refuse(name, false, stamp, reason, known);
                let laid = Laid { locator: &locator, bytes: &bytes, stamp, known, refuse: &refuse, most };
                let mut grant = |needed: u64| share.grow_to(taken.saturating_add(needed));
                self.look.pictures(&laid, &mut place, &mut done, &way, &mut grant)
            })
        };
        let mut share = Some(share);
        let is_one = match decode::several(&body) {
            Several::One | Several::Pages(0 | 1) => true,
            Several::Pages(_) => false,
            Several::Frames(_) => options.frames <= 1,
        };
        let digest = Digest::of(&body);
        if is_one && before.picture_with(&digest)?.is_none() {
            *claim = self.described.claim(digest, || drop(share.take()));
            if claim.is_none() {
                let first = Examined::Twin { stamp, digest, replaces: picture_of(known) };
                return Ok(Looked { first: (first, 1), rest: Vec::new() });
            }
        }
        let step = match share.as_mut() {
            Some(share) => attempt(share)?,
            None => Step::Takes(0),
        };
        drop(share);
        let step = self.with_more(step, taken, &mut attempt)?;
        let first = match step {
            Step::All(first, asked) => (first, asked),
            Step::Takes(_) => {
                (Examined::Failed { stamp, error: self.look.too_large(), replaces: picture_of(known) }, 1)
            }
        };
        if let Some(claim) = claim.as_mut() {
            claim.is_described = matches!(first.0, Examined::Described { .. });
        }
        Ok(Looked { first, rest: rest.into_inner().unwrap_or_else(PoisonError::into_inner) })
    }

    /// Goes on where memory was short: waits for as much as is asked for, alone.
    fn with_more(
        &self,
        mut step: Step,
        taken: u64,
        attempt: &mut dyn FnMut(&mut Share<'_>) -> Result<Step>,
    ) -> Result<Step> {
        let mut granted = None;
        while let Step::Takes(needed) = step {
            // Another page may take more than the one for which memory was waited for; none is waited for twice.
            if granted.is_some_and(|granted| granted >= needed) {
                break;
            }
            granted = Some(needed);
            let _alone = self.large.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(mut share) = self.look.budget.take(taken.saturating_add(needed)) else { break };
            step = attempt(&mut share)?;
        }
        Ok(step)
    }
}

/// What an error of looking at a picture means for the run. Errors of the picture itself are none: it counts as failed.
fn trouble(error: Error) -> Answer {
    if error.kind() == ErrorKind::Interrupted { Answer::Stopped } else { Answer::Broken(error) }
}

fn page_of(named: Named, done: Done) -> Answer {
    let Named { links, sitemaps, pictures, is_sitemap, .. } = &named;
    let (links, sitemaps, pictures) = (links.clone(), sitemaps.clone(), pictures.clone());
    let done = Done { links, sitemaps, pictures, sitemap: *is_sitemap, ..done };
    Answer::Page { done: Box::new(done), named }
}

fn of_sitemap(sitemap: sitemap::Sitemap, validators: Done) -> Answer {
    let pictures = sitemap.pages.iter().flat_map(|entry| {
        let page = entry.url.to_string();
        entry
            .pictures
            .iter()
            .map(move |picture| (picture.url.to_string(), page.clone(), picture.alt.clone(), picture.caption.clone()))
    });
    let named = Named {
        pictures: pictures.collect(),
        links: sitemap.pages.iter().map(|entry| entry.url.to_string()).collect(),
        sitemaps: sitemap.sitemaps.iter().map(|entry| entry.url.to_string()).collect(),
        forbidden: 0,
        left_out: u64::from(sitemap.cut),
        unfit: sitemap.unfit,
        is_sitemap: true,
    };
    page_of(named, validators)
}

/// Whether what a user named is a sitemap: XML with its root, packed, or a text of that name.
fn looks_like_sitemap(response: &Response, url: &Url) -> bool {
    let body = &response.body;
    let start = String::from_utf8_lossy(body.get(..1024).unwrap_or(body)).to_ascii_lowercase();
    sitemap::has_root(&start)
        || body.starts_with(&[0x1F, 0x8B])
        || (url.path().ends_with(".txt") && start.starts_with("http"))
}

/// Whether a Content-Type may be that of a page.
fn is_page(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.is_empty() || kind.contains("html") || kind.contains("xml") || kind == "text/plain"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_stopped_asks_again_and_what_is_broken_ends_the_run() {
        assert!(matches!(trouble(Error::new(ErrorKind::Interrupted, "stopped")), Answer::Stopped));
        for kind in [ErrorKind::Io, ErrorKind::Damaged] {
            let Answer::Broken(error) = trouble(Error::new(kind, "gone")) else { panic!("{kind:?} is passed over") };
            assert_eq!(error.kind(), kind);
        }
    }
}
