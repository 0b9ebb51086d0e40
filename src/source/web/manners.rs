//! When which host may be asked: one request at a time for each, with a pause that grows with its trouble.
//!
//! Pure logic: the caller passes the time, so a test can live through a day in a millisecond. The caller adds hosts as it
//! finds work for them, asks [`next`](Manners::next) whom it may ask now, and tells the outcome. What is asked for, and in
//! what order within a host, is its own business.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use super::fetch::Response;
use super::{Reason, Refusal};

/// How hosts are treated.
#[derive(Clone, Debug)]
pub struct Options {
    /// The least pause between the end of one request and the start of the next. The default is one second.
    pub delay: Duration,
    /// The longest Crawl-delay that is kept; a host that asks for more is given up for this run. The default is an hour.
    pub max_crawl_delay: Duration,
    /// How many times the last response's time the pause is at least. The default is 2.
    pub response_times: u32,
    /// The longest pause that a slow response leads to. The default is 60 seconds.
    pub max_response_pause: Duration,
    /// The longest Retry-After that is kept; a host that asks for more is given up for this run. The default is an hour.
    pub max_retry_after: Duration,
    /// The pause after a first failure; it doubles with each in a row. The default is 5 seconds.
    pub back_off: Duration,
    /// The longest such pause. The default is 10 minutes.
    pub max_back_off: Duration,
    /// After how many failures in a row a host is given up for this run. The default is 8, which is some 20 minutes.
    pub max_failures: u32,
}

impl Default for Options {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            delay: Duration::from_secs(1),
            max_crawl_delay: 60 * minute,
            response_times: 2,
            max_response_pause: minute,
            max_retry_after: 60 * minute,
            back_off: Duration::from_secs(5),
            max_back_off: 10 * minute,
            max_failures: 8,
        }
    }
}

/// How many errors in a row are taken for those of single addresses.
const ERRORS: u32 = 3;
/// The longest rest that is remembered: long enough to be for ever, short enough to be added to any time.
const FOR_EVER: Duration = Duration::from_secs(366 * 86_400);

/// What a host is: its name and port as they stand in a URL. Its http and https count as one where the caller says so.
pub type Host = String;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, good or bad, that is not the host's trouble (100 to 499 but for 429).
    Answered {
        /// From the request to the last byte.
        elapsed: Duration,
    },
    /// An error of the server that may be this one address's (500, for one). More than three in a row are the host's.
    Erred {
        /// From the request to the last byte.
        elapsed: Duration,
    },
    /// The host's trouble: 429, 500 to 599, no connection, no end in time.
    Failed {
        /// How long the host asks to be left alone, from [`retry_after`].
        retry_after: Option<Duration>,
    },
    /// There was no request after all: the work was refused before, or is gone.
    Unasked,
}

impl Outcome {
    /// The outcome of a request that took `elapsed`; `now` is what a Retry-After with a date is seen from.
    pub fn of(answer: &Result<Response, Refusal>, elapsed: Duration, now: SystemTime) -> Self {
        match answer {
            Ok(response) if response.status == 429 || response.status >= 500 => {
                let field = response.retry_after.as_deref();
                Self::Failed { retry_after: field.and_then(|field| retry_after(field, now)) }
            }
            Ok(_) => Self::Answered { elapsed },
            Err(refusal) => match refusal.reason() {
                Reason::Url | Reason::Scope | Reason::Trap | Reason::Robots | Reason::Private => Self::Unasked,
                // A certificate that does not hold will not for the host's other pages either.
                reason if reason.passes() || reason == Reason::Tls => Self::Failed { retry_after: None },
                _ => Self::Answered { elapsed },
            },
        }
    }
}

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This host, now. The caller must tell the end by [`finished`](Manners::finished).
    Ready(Host),
    /// Nobody before this time, unless a request that is under way ends earlier.
    Wait(Instant),
    /// Nobody has work, or all that have are being asked.
    Idle,
}

/// What became of a host after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be asked again after the pause.
    Good,
    /// Given up for this run.
    GivenUp(Why),
}

/// Why a host was given up. As text it goes on from "since it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It failed so often in a row.
    Fails(u32),
    /// It asked to be left alone for longer than is waited for.
    Rests(Duration),
    /// Its Crawl-delay is longer than is kept.
    Delays(Duration),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(times) => write!(f, "failed {times} times in a row"),
            Self::Rests(time) if *time >= FOR_EVER => write!(f, "asks to be left alone for a year or more"),
            Self::Rests(time) => write!(f, "asks to be left alone for {} seconds", time.as_secs()),
            Self::Delays(time) => {
                write!(f, "asks for {} seconds between two requests (Crawl-delay)", time.as_secs())
            }
        }
    }
}

#[derive(Clone, Debug)]
struct State {
    /// Not before this time.
    ready: Instant,
    crawl_delay: Duration,
    failures: u32,
    /// Errors in a row.
    errors: u32,
    /// Until when it has asked to be left alone.
    rest: Option<Instant>,
    in_flight: bool,
    has_work: bool,
    given_up: Option<Why>,
}

impl State {
    fn new(now: Instant) -> Self {
        Self {
            ready: now,
            crawl_delay: Duration::ZERO,
            failures: 0,
            errors: 0,
            rest: None,
            in_flight: false,
            has_work: false,
            given_up: None,
        }
    }

    fn standing(&self) -> Standing {
        self.given_up.map_or(Standing::Good, Standing::GivenUp)
    }
}

/// The manners towards all hosts of a crawl. It takes some 200 bytes a host; [`forget`](Self::forget) gives back those of
/// hosts that are done with.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    options: Options,
    hosts: HashMap<Host, State>,
    /// When which host is ready, the first first. Entries that no longer hold are passed over.
    queue: BinaryHeap<Reverse<(Instant, Host)>>,
}

impl Manners {
    /// No host known yet.
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// Says that there is work for `host`. False where it was given up, so that the work has no prospect in this run.
    pub fn add(&mut self, host: &str, now: Instant) -> bool {
        let state = self.hosts.entry(host.to_owned()).or_insert_with(|| State::new(now));
        if state.given_up.is_some() {
            return false;
        }
        if !state.has_work {
            state.has_work = true;
            if !state.in_flight {
                self.queue.push(Reverse((state.ready, host.to_owned())));
            }
        }
        true
    }

    /// Sets the Crawl-delay of a host that is known, before the request that told of it is [`finished`](Self::finished):
    /// so it is kept from the next one on. The host is given up where it is longer than is kept.
    pub fn set_crawl_delay(&mut self, host: &str, delay: Duration) {
        if let Some(state) = self.hosts.get_mut(host) {
            state.crawl_delay = delay;
            if delay > self.options.max_crawl_delay {
                state.given_up = Some(Why::Delays(delay));
            }
        }
    }

    /// Leaves a host alone `until` then, as it has asked an earlier run. It is given up at once where that is longer than is
    /// waited for.
    pub fn rest(&mut self, host: &str, until: Instant, now: Instant) -> Standing {
        let state = self.hosts.entry(host.to_owned()).or_insert_with(|| State::new(now));
        let rest = until.saturating_duration_since(now);
        if rest.is_zero() {
            return state.standing();
        }
        state.rest = Some(until);
        if rest > self.options.max_retry_after {
            state.given_up = Some(Why::Rests(rest));
            state.has_work = false;
        } else if state.ready < until {
            state.ready = until;
            if state.has_work && !state.in_flight {
                self.queue.push(Reverse((until, host.to_owned())));
            }
        }
        state.standing()
    }

    /// Until when a host has asked to be left alone, by [`rest`](Self::rest) or a Retry-After, at most a year. None where
    /// it has not, or has answered well since.
    pub fn asked_rest(&self, host: &str) -> Option<Instant> {
        self.hosts.get(host).and_then(|state| state.rest)
    }

    /// Whom to ask now. Of hosts that are ready the one that has waited longest.
    pub fn next(&mut self, now: Instant) -> Next {
        while let Some(Reverse((ready, host))) = self.queue.peek() {
            let state = self.hosts.get_mut(host);
            let Some(state) = state.filter(|state| state.has_work && !state.in_flight && state.ready == *ready) else {
                self.queue.pop();
                continue;
            };
            if *ready > now {
                return Next::Wait(*ready);
            }
            state.in_flight = true;
            return match self.queue.pop() {
                Some(Reverse((_, host))) => Next::Ready(host),
                None => Next::Idle,
            };
        }
        Next::Idle
    }

    /// Tells how a request to `host` ended, and whether there is `more` work for it.
    pub fn finished(&mut self, host: &str, outcome: Outcome, more: bool, now: Instant) -> Standing {
        let options = &self.options;
        let Some(state) = self.hosts.get_mut(host) else { return Standing::Good };
        let least = options.delay.max(state.crawl_delay);
        let after = |elapsed: Duration| {
            least.max(elapsed.saturating_mul(options.response_times).min(options.max_response_pause))
        };
        let failed = |state: &mut State, asked: Duration| {
            state.failures = state.failures.saturating_add(1);
            let doublings = (state.failures - 1).min(20);
            let back_off = options.back_off.saturating_mul(1 << doublings).min(options.max_back_off);
            if asked > options.max_retry_after {
                state.given_up = Some(Why::Rests(asked));
            } else if state.failures >= options.max_failures {
                state.given_up = Some(Why::Fails(state.failures));
            }
            least.max(back_off).max(asked)
        };
        let pause = match outcome {
            Outcome::Answered { elapsed } => {
                (state.failures, state.errors, state.rest) = (0, 0, None);
                after(elapsed)
            }
            Outcome::Erred { elapsed } => {
                state.errors = state.errors.saturating_add(1);
                if state.errors > ERRORS { after(elapsed).max(failed(state, Duration::ZERO)) } else { after(elapsed) }
            }
            Outcome::Failed { retry_after } => {
                let asked = retry_after.map(|asked| asked.min(FOR_EVER));
                state.rest = asked.and_then(|asked| now.checked_add(asked)).or(state.rest);
                failed(state, asked.unwrap_or_default())
            }
            Outcome::Unasked => Duration::ZERO,
        };
        state.in_flight = false;
        // A pause that ends after the end of time does not end.
        match now.checked_add(pause) {
            Some(ready) if outcome != Outcome::Unasked => state.ready = ready,
            Some(_) => {}
            None => state.given_up = state.given_up.or(Some(Why::Rests(pause))),
        }
        state.has_work = more && state.given_up.is_none();
        if state.has_work {
            self.queue.push(Reverse((state.ready, host.to_owned())));
        }
        state.standing()
    }

    /// Gives back what is kept of hosts without work that could be asked at `now` and have no failure to be remembered.
    /// To begin anew with them is no less polite where their robots.txt is asked for again, which tells their Crawl-delay.
    /// Call it now and then in crawls of many hosts.
    pub fn forget(&mut self, now: Instant) {
        self.hosts.retain(|_, state| {
            let is_well = state.failures == 0 && state.errors == 0 && state.given_up.is_none();
            state.has_work || state.in_flight || !is_well || state.ready > now
        });
        // Of hosts that are gone, or were asked for again, nothing waits.
        let hosts = &self.hosts;
        self.queue.retain(|Reverse((ready, host))| {
            hosts.get(host).is_some_and(|state| state.has_work && !state.in_flight && state.ready == *ready)
        });
    }

    /// How many hosts have work and must wait for their pause's end.
    pub fn waiting(&self, now: Instant) -> usize {
        self.hosts.values().filter(|state| state.has_work && !state.in_flight && state.ready > now).count()
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> usize {
        self.hosts.values().filter(|state| state.in_flight).count()
    }

    /// Whether a request to the host is under way.
    pub fn is_asked(&self, host: &str) -> bool {
        self.hosts.get(host).is_some_and(|state| state.in_flight)
    }

    /// Whether the host was given up.
    pub fn is_given_up(&self, host: &str) -> bool {
        self.hosts.get(host).is_some_and(|state| state.given_up.is_some())
    }
}

/// The time that a field Retry-After asks for: seconds, or an HTTP date seen from `now`. A date that is past asks for none.
pub fn retry_after(field: &str, now: SystemTime) -> Option<Duration> {
    let field = field.trim();
    if !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit()) {
        // More than fits is for ever.
        return Some(Duration::from_secs(field.parse().unwrap_or(u64::MAX)));
    }
    let date = http_date(field)?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// A date of HTTP, in the one form that is written today (`Sun, 06 Nov 1994 08:49:37 GMT`).
pub fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split_ascii_whitespace();
    let day: u8 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = time::Month::January.nth_next(u8::try_from(month).ok()?);
    let year: i32 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u8>().ok());
    let mut part = || clock.next().flatten();
    let (hour, minute, second) = (part()?, part()?, part()?);
    if words.next() != Some("GMT") {
        return None;
    }
    // A leap second is the one before it, long enough.
    let date = time::Date::from_calendar_date(year, month, day).ok()?;
    let date = date.with_hms(hour, minute, second.min(59)).ok()?.assume_utc();
    let seconds = u64::try_from(date.unix_timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
