//! Whom to ask when, over days that take no time.

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
        [(0, 0, 1), (7, 0, 7), (7, 10, 20), (0, 4, 8), (3_600, 0, 3_600), (0, 500, 60)]
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
    assert_eq!(manners.finished("a", FAILED, true, now), Standing::GivenUp(Why::Fails(8)));
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
        let given_up = Standing::GivenUp(Why::Rests(Duration::from_secs(seconds).min(FOR_EVER)));
        assert_eq!(manners.finished("a", asks(seconds), true, now), given_up, "{seconds}");
    }
}

#[test]
fn how_long_a_host_has_asked_to_be_left_alone_is_told_until_it_answers() {
    let now = Instant::now();
    let asks = |seconds| Outcome::Failed { retry_after: Some(Duration::from_secs(seconds)) };
    let mut known = manners(&["a"], now);
    assert_eq!((known.asked_rest("a"), known.asked_rest("b")), (None, None));
    pause(&mut known, asks(120), now);
    assert_eq!(known.asked_rest("a"), Some(now + 120 * SECOND));
    pause(&mut known, FAILED, now + 120 * SECOND);
    assert_eq!(known.asked_rest("a"), Some(now + 120 * SECOND), "who fails without a word has not asked anew");
    pause(&mut known, QUICK, now + 150 * SECOND);
    assert_eq!(known.asked_rest("a"), None);
    for (seconds, expected) in [(7_200, 7_200 * SECOND), (u64::MAX, FOR_EVER)] {
        let mut known = manners(&["a"], now);
        ready(&mut known, now);
        known.finished("a", asks(seconds), false, now);
        assert_eq!(known.asked_rest("a"), Some(now + expected), "also of one that was given up");
    }
}

#[test]
fn a_host_that_asked_an_earlier_run_for_rest_is_left_alone_or_given_up() {
    let now = Instant::now();
    let mut known = Manners::new(Options::default());
    assert_eq!(known.rest("a", now + 90 * SECOND, now), Standing::Good);
    assert!(known.add("a", now));
    assert_eq!((known.next(now), known.asked_rest("a")), (Next::Wait(now + 90 * SECOND), Some(now + 90 * SECOND)));
    assert_eq!(ready(&mut known, now + 90 * SECOND), "a");
    // With work already, and for one that is over.
    let mut known = manners(&["a", "b"], now);
    assert_eq!(known.rest("a", now + 90 * SECOND, now), Standing::Good);
    assert_eq!(known.rest("b", now, now), Standing::Good);
    assert_eq!((ready(&mut known, now), known.next(now)), ("b".to_owned(), Next::Wait(now + 90 * SECOND)));
    assert_eq!(known.asked_rest("b"), None);
    for is_added_before in [false, true] {
        let mut known = manners(if is_added_before { &["a"] } else { &[] }, now);
        let rest = 3_601 * SECOND;
        assert_eq!(known.rest("a", now + rest, now), Standing::GivenUp(Why::Rests(rest)));
        assert_eq!((known.add("a", now), known.next(now + rest)), (false, Next::Idle));
    }
}

#[test]
fn three_errors_in_a_row_are_those_of_addresses_and_more_are_the_host_s() {
    const ERRED: Outcome = Outcome::Erred { elapsed: Duration::ZERO };
    let mut now = Instant::now();
    let mut known = manners(&["a"], now);
    let mut pauses = |outcomes: &[Outcome]| -> Vec<u64> {
        let mut pauses = Vec::new();
        for outcome in outcomes {
            let pause = pause(&mut known, *outcome, now);
            now += pause;
            pauses.push(pause.as_secs());
        }
        pauses
    };
    assert_eq!(pauses(&[ERRED; 3]), [1, 1, 1]);
    assert_eq!(pauses(&[ERRED, ERRED, QUICK]), [5, 10, 1]);
    assert_eq!(pauses(&[ERRED; 10]), [1, 1, 1, 5, 10, 20, 40, 80, 160, 320], "a good answer begins the count anew");
    ready(&mut known, now);
    assert_eq!(known.finished("a", ERRED, true, now), Standing::GivenUp(Why::Fails(8)));
}

#[test]
fn a_crawl_delay_counts_from_the_answer_that_told_of_it_and_gives_up_a_host_that_wants_too_much() {
    let now = Instant::now();
    let mut known = manners(&["a"], now);
    ready(&mut known, now);
    known.set_crawl_delay("a", 120 * SECOND);
    assert_eq!(known.finished("a", QUICK, true, now), Standing::Good);
    assert_eq!(known.next(now), Next::Wait(now + 120 * SECOND));
    let mut known = manners(&["a"], now);
    ready(&mut known, now);
    known.set_crawl_delay("a", 3_601 * SECOND);
    let given_up = known.finished("a", QUICK, true, now);
    assert_eq!((given_up, known.is_given_up("a")), (Standing::GivenUp(Why::Delays(3_601 * SECOND)), true));
    assert_eq!((known.next(now + 7_200 * SECOND), known.add("a", now)), (Next::Idle, false));
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
