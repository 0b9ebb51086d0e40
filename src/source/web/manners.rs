//! When which host may be asked: one request at a time for each, with a pause that grows with its trouble.
//!
//! Pure logic: the caller passes the time, so a test can live through a day in a millisecond. The caller adds hosts as it
//! finds work for them, asks [`next`](Manners::next) whom it may ask now, and tells the outcome. What is asked for, and in
//! what order within a host, is its own business.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant, SystemTime};

use super::fetch::Response;
use super::{Reason, Refusal};

/// How hosts are treated.
#[derive(Clone, Debug)]
pub struct Options {
    /// The least pause between the end of one request and the start of the next. The default is one second.
    pub delay: Duration,
    /// The longest Crawl-delay that is kept. The default is 60 seconds.
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
            max_crawl_delay: minute,
            response_times: 2,
            max_response_pause: minute,
            max_retry_after: 60 * minute,
            back_off: Duration::from_secs(5),
            max_back_off: 10 * minute,
            max_failures: 8,
        }
    }
}

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
    /// Given up for this run: it failed too often in a row, or asked for more time than is kept.
    GivenUp,
}

#[derive(Clone, Debug)]
struct State {
    /// Not before this time.
    ready: Instant,
    crawl_delay: Duration,
    failures: u32,
    in_flight: bool,
    has_work: bool,
    given_up: bool,
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
        let crawl_delay = Duration::ZERO;
        let new = || State { ready: now, crawl_delay, failures: 0, in_flight: false, has_work: false, given_up: false };
        let state = self.hosts.entry(host.to_owned()).or_insert_with(new);
        if state.given_up {
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

    /// Sets the Crawl-delay of a host that is known.
    pub fn set_crawl_delay(&mut self, host: &str, delay: Duration) {
        if let Some(state) = self.hosts.get_mut(host) {
            state.crawl_delay = delay.min(self.options.max_crawl_delay);
        }
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
        let pause = match outcome {
            Outcome::Answered { elapsed } => {
                state.failures = 0;
                let response = elapsed.saturating_mul(options.response_times).min(options.max_response_pause);
                least.max(response)
            }
            Outcome::Failed { retry_after } => {
                state.failures = state.failures.saturating_add(1);
                let doublings = (state.failures - 1).min(20);
                let back_off = options.back_off.saturating_mul(1 << doublings).min(options.max_back_off);
                let asked = retry_after.unwrap_or_default();
                state.given_up = state.failures >= options.max_failures || asked > options.max_retry_after;
                least.max(back_off).max(asked)
            }
            Outcome::Unasked => Duration::ZERO,
        };
        state.in_flight = false;
        // A pause that ends after the end of time does not end.
        match now.checked_add(pause) {
            Some(ready) if outcome != Outcome::Unasked => state.ready = ready,
            Some(_) => {}
            None => state.given_up = true,
        }
        state.has_work = more && !state.given_up;
        if state.has_work {
            self.queue.push(Reverse((state.ready, host.to_owned())));
        }
        if state.given_up { Standing::GivenUp } else { Standing::Good }
    }

    /// Gives back what is kept of hosts without work that could be asked at `now` and have no failure to be remembered:
    /// to begin anew with them is no less polite. Call it now and then in crawls of many hosts.
    pub fn forget(&mut self, now: Instant) {
        self.hosts.retain(|_, state| {
            let fresh = state.failures == 0 && !state.given_up && state.crawl_delay.is_zero() && state.ready <= now;
            state.has_work || state.in_flight || !fresh
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

    /// Whether the host was given up.
    pub fn is_given_up(&self, host: &str) -> bool {
        self.hosts.get(host).is_some_and(|state| state.given_up)
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
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const QUICK: Outcome = Outcome::Answered { elapsed: Duration::ZERO };
    const FAILED: Outcome = Outcome::Failed { retry_after: None };

    fn manners(hosts: &[&str], now: Instant) -> Manners {
        let mut manners = Manners::new(Options::default());
        for host in hosts {
            assert!(manners.add(host, now));
        }
        manners
    }

    fn ready(manners: &mut Manners, now: Instant) -> Host {
        match manners.next(now) {
            Next::Ready(host) => host,
            other => panic!("{other:?}"),
        }
    }

    /// The pause after a request with this outcome.
    fn pause(manners: &mut Manners, outcome: Outcome, now: Instant) -> Duration {
        let host = ready(manners, now);
        manners.finished(&host, outcome, true, now);
        match manners.next(now) {
            Next::Wait(until) => until - now,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_host_is_asked_once_at_a_time_and_others_meanwhile() {
        let now = Instant::now();
        let mut manners = manners(&["a", "b"], now);
        let first = ready(&mut manners, now);
        let second = ready(&mut manners, now);
        assert_eq!((first.as_str(), second.as_str(), manners.next(now)), ("a", "b", Next::Idle));
        assert!(manners.add("a", now), "more work for a host under way changes nothing");
        assert_eq!((manners.next(now), manners.in_flight()), (Next::Idle, 2));
        manners.finished("a", QUICK, true, now);
        assert_eq!((manners.next(now), manners.waiting(now)), (Next::Wait(now + SECOND), 1));
        assert_eq!(ready(&mut manners, now + SECOND), "a");
    }

    #[test]
    fn work_added_while_a_host_is_asked_or_rests_waits_for_the_pause() {
        let now = Instant::now();
        let mut manners = manners(&["a"], now);
        ready(&mut manners, now);
        manners.finished("a", QUICK, false, now);
        assert_eq!(manners.next(now + 10 * SECOND), Next::Idle);
        assert!(manners.add("a", now) && manners.add("a", now));
        assert_eq!(manners.next(now), Next::Wait(now + SECOND));
        ready(&mut manners, now + SECOND);
        assert_eq!(manners.next(now + 2 * SECOND), Next::Idle, "added twice, asked once");
    }

    #[test]
    fn the_pause_is_the_longest_of_delay_crawl_delay_and_twice_the_response() {
        let now = Instant::now();
        let answered = |seconds| Outcome::Answered { elapsed: Duration::from_secs(seconds) };
        for (crawl_delay, elapsed, expected) in
            [(0, 0, 1), (7, 0, 7), (7, 10, 20), (0, 4, 8), (3_600, 0, 60), (0, 500, 60)]
        {
            let mut manners = manners(&["a"], now);
            manners.set_crawl_delay("a", Duration::from_secs(crawl_delay));
            assert_eq!(pause(&mut manners, answered(elapsed), now), expected * SECOND, "{crawl_delay} {elapsed}");
        }
    }

    #[test]
    fn failures_in_a_row_double_the_pause_until_the_host_is_given_up() {
        let mut now = Instant::now();
        let mut manners = manners(&["a"], now);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let pause = pause(&mut manners, FAILED, now);
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320]);
        ready(&mut manners, now);
        assert_eq!(manners.finished("a", FAILED, true, now), Standing::GivenUp);
        assert_eq!((manners.next(now + 3_600 * SECOND), manners.is_given_up("a")), (Next::Idle, true));
        assert!(!manners.add("a", now), "its work has no prospect");
    }

    #[test]
    fn an_answer_ends_the_row_of_failures() {
        let mut now = Instant::now();
        let mut manners = manners(&["a"], now);
        for (outcome, expected) in [(FAILED, 5), (FAILED, 10), (QUICK, 1), (FAILED, 5)] {
            let pause = pause(&mut manners, outcome, now);
            now += pause;
            assert_eq!(pause, expected * SECOND);
        }
        assert_eq!(pause(&mut manners, FAILED, now), 10 * SECOND);
    }

    #[test]
    fn a_host_that_asks_for_time_is_given_it_or_given_up() {
        let now = Instant::now();
        let asks = |seconds| Outcome::Failed { retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(pause(&mut manners(&["a"], now), asks(120), now), 120 * SECOND);
        assert_eq!(pause(&mut manners(&["a"], now), asks(1), now), 5 * SECOND);
        assert_eq!(pause(&mut manners(&["a"], now), asks(3_600), now), 3_600 * SECOND);
        for seconds in [3_601, u64::MAX] {
            let mut manners = manners(&["a"], now);
            ready(&mut manners, now);
            assert_eq!(manners.finished("a", asks(seconds), true, now), Standing::GivenUp, "{seconds}");
        }
    }

    #[test]
    fn work_that_needed_no_request_costs_no_pause_and_saves_none() {
        let now = Instant::now();
        let mut manners = manners(&["a"], now);
        ready(&mut manners, now);
        manners.finished("a", Outcome::Unasked, true, now);
        assert_eq!(ready(&mut manners, now), "a");
        manners.finished("a", QUICK, true, now);
        ready(&mut manners, now + SECOND);
        manners.finished("a", Outcome::Unasked, true, now + SECOND);
        assert_eq!(ready(&mut manners, now + SECOND), "a");
    }

    #[test]
    fn whoever_waited_longest_comes_first() {
        let now = Instant::now();
        let mut manners = manners(&["a", "b", "c"], now);
        for host in ["a", "b", "c"] {
            assert_eq!(ready(&mut manners, now), host);
        }
        for (host, at) in [("b", 1), ("c", 2), ("a", 3)] {
            manners.finished(host, QUICK, true, now + at * SECOND);
        }
        let order: Vec<_> = (0..3).map(|_| ready(&mut manners, now + 60 * SECOND)).collect();
        assert_eq!(order, ["b", "c", "a"]);
    }

    #[test]
    fn hosts_that_are_done_with_are_forgotten_and_others_are_not() {
        let now = Instant::now();
        let mut manners = Manners::new(Options::default());
        for n in 0..10_000 {
            let host = format!("h{n}");
            manners.add(&host, now);
            ready(&mut manners, now);
            let outcome = if n == 7 { FAILED } else { QUICK };
            manners.finished(&host, outcome, n == 8, now);
        }
        manners.forget(now);
        assert_eq!(manners.hosts.len(), 10_000, "their pause is not over");
        manners.forget(now + SECOND);
        assert_eq!(manners.hosts.len(), 2);
        assert!(manners.queue.len() <= 2);
    }

    #[test]
    fn answers_and_refusals_are_the_host_s_trouble_or_not() {
        let now = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let answered = Outcome::Answered { elapsed: SECOND };
        let failed = |seconds: Option<u64>| Outcome::Failed { retry_after: seconds.map(Duration::from_secs) };
        let retry = Some("Sun, 06 Nov 1994 08:51:37 GMT".to_owned());
        for (status, expected) in
            [(200, answered), (304, answered), (404, answered), (429, failed(Some(120))), (503, failed(Some(120)))]
        {
            let answer = Ok(Response { retry_after: retry.clone(), ..crate::source::web::fetch::answer(status) });
            assert_eq!(Outcome::of(&answer, SECOND, now), expected, "{status}");
        }
        for (reason, expected) in [
            (Reason::Time, failed(None)),
            (Reason::Slow, failed(None)),
            (Reason::Connection, failed(None)),
            (Reason::Tls, failed(None)),
            (Reason::Size, answered),
            (Reason::Encoding, answered),
            (Reason::Private, Outcome::Unasked),
            (Reason::Robots, Outcome::Unasked),
        ] {
            assert_eq!(Outcome::of(&Err(Refusal::new(reason, "no")), SECOND, now), expected, "{reason:?}");
        }
    }

    #[test]
    fn a_time_to_retry_is_seconds_or_a_date() {
        let now = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), 784_111_777);
        let cases = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 25:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 99999999999 08:49:37 GMT", None),
        ];
        for (field, expected) in cases {
            assert_eq!(retry_after(field, now), expected.map(Duration::from_secs), "{field}");
        }
    }
}
