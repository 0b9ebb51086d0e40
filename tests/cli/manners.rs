//! What a crawl does where a host has had enough, or says nothing at all.

use std::sync::Arc;
use std::time::Duration;

use crate::setup::{Place, Ran, fixtures};
use crate::site::{Reply, Site};

/// The arguments of a crawl on loopback without pauses of its own.
fn args(url: &str) -> [&str; 8] {
    ["index", url, "--index", "idx", "--json", "--allow-private", "--delay", "0"]
}

#[cfg(unix)]
#[test]
fn ctrl_c_waits_for_no_server_that_hangs_and_keeps_what_was_fetched() {
    use std::net::TcpListener;
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use crate::setup::names;
    // Connections are taken up by the system, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let never = silent.local_addr().unwrap();
    let site = Site::made(Arc::new(move |path| {
        let shown = format!("<img src='http://{never}/never.jpg'><img src='/pictures/pond.jpg'>");
        (path == "/start").then(|| Reply::ok(shown))
    }));
    let (place, url) = (Place::new(), site.url("/start"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
    command.current_dir(place.path("")).env_clear().env("HOME", place.path("home")).args(args(&url));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // robots.txt, the page, its picture; then nothing is left but the other host.
    while site.answers() < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let told = ran.object();
    assert_eq!((ran.status, &told["indexed"], &told["web"]["pending"]), (130, &1.into(), &1.into()), "{ran:?}");
    place.copy("library/garden/pond.jpg", "query.jpg");
    assert_eq!(names(&place.run(["search", "query.jpg", "--index", "idx", "--json"]).object()), ["pond.jpg"]);
}

/// The paths that a site was asked for, in order.
fn asked(site: &Site) -> Vec<String> {
    site.take_log().into_iter().map(|asked| asked.path).collect()
}

#[test]
fn a_host_that_asks_for_more_time_than_is_kept_is_left_and_told_of_even_for_its_last_address() {
    let site = Site::made(Arc::new(|path| match path {
        "/start" => Some(Reply::ok("<img src='/pictures/pond.jpg'><img src='/busy.jpg'>")),
        "/busy.jpg" => Some(Reply::status(503).with("Retry-After", "7200")),
        _ => None,
    }));
    let place = Place::new();
    let ran = Ran::of(place.ris().args(args(&site.url("/start"))).output().unwrap());
    let told = ran.object();
    assert_eq!((ran.status, &told["indexed"], &told["web"]["pending"]), (2, &1.into(), &1.into()), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    assert!(ran.stderr.contains("7200 seconds") && ran.stderr.contains("for the next run: 1"), "{ran:?}");
    assert_eq!(asked(&site), ["/robots.txt", "/start", "/pictures/pond.jpg", "/busy.jpg"]);
    // And the next run does not ask at all.
    let ran = Ran::of(place.ris().args(args(&site.url("/start"))).output().unwrap());
    assert_eq!((ran.status, &ran.object()["web"]["pending"]), (2, &1.into()), "{ran:?}");
    assert!(ran.stderr.lines().count() == 1 && ran.stderr.contains("asks to be left alone for 7"), "{ran:?}");
    assert_eq!(asked(&site), Vec::<String>::new());
}

/// A site whose robots.txt asks for this pause.
fn delaying(seconds: &'static str) -> Site {
    Site::made(Arc::new(move |path| match path {
        "/robots.txt" => Some(Reply::ok(format!("User-agent: *\nCrawl-delay: {seconds}\n"))),
        _ => None,
    }))
}

#[test]
fn a_crawl_delay_is_kept_from_robots_txt_on() {
    let site = delaying("1.5");
    let place = Place::new();
    let ran = Ran::of(place.ris().args(args(&site.url("/pictures/pond.jpg"))).output().unwrap());
    assert_eq!((ran.status, &ran.object()["indexed"]), (0, &1.into()), "{ran:?}");
    let log = site.take_log();
    assert_eq!(log.len(), 2, "{log:?}");
    let pause = log[1].begun.duration_since(log[0].ended);
    assert!(pause >= Duration::from_millis(1_450), "{pause:?}");
}

#[test]
fn a_host_that_wants_more_than_an_hour_between_requests_is_left_alone_with_a_line() {
    let site = delaying("7200");
    let place = Place::new();
    let ran = Ran::of(place.ris().args(args(&site.url("/pictures/pond.jpg"))).output().unwrap());
    assert_eq!((ran.status, ran.stderr.lines().count()), (2, 1), "{ran:?}");
    assert!(ran.stderr.contains("7200 seconds") && ran.stderr.contains("Crawl-delay"), "{ran:?}");
    assert_eq!((&ran.object()["indexed"], &ran.object()["web"]["pending"]), (&0.into(), &1.into()), "{ran:?}");
    assert_eq!(asked(&site), ["/robots.txt"]);
}

#[test]
fn a_site_means_us_by_the_name_that_is_sent() {
    let site = Site::made(Arc::new(|path| match path {
        "/robots.txt" => {
            Some(Reply::ok("User-agent: mybot\nDisallow: /pictures/pond.jpg\n\nUser-agent: ris\nDisallow: /\n"))
        }
        "/start" => Some(Reply::ok(
            "<img src='/pictures/pond.jpg'><img src='/pictures/gate.jpg'><a href='/own'>1</a><a href='/ris'>2</a>",
        )),
        "/own" => Some(Reply::ok("<meta name='MyBot' content='noindex'><img src='/pictures/roses.jpg'>")),
        "/ris" => Some(
            Reply::ok("<meta name='ris' content='noindex'><img src='/pictures/orchard.jpg'>")
                .with("X-Robots-Tag", "ris: noindex"),
        ),
        _ => None,
    }));
    for (agent, expected) in
        [("MyBot/2.0", 2), ("Mozilla/5.0 (compatible; MyBot/2.0; +https://example.org)", 2), ("ris/9", 0)]
    {
        let place = Place::new();
        let command = place.ris().args(args(&site.url("/start"))).args(["--user-agent", agent]).output().unwrap();
        let told = Ran::of(command).object();
        assert_eq!(told["indexed"], expected, "{agent}: {told}");
        let asked = asked(&site);
        assert_eq!(asked.iter().any(|path| path == "/pictures/gate.jpg"), expected > 0, "{agent}: {asked:?}");
        assert!(!asked.iter().any(|path| path == "/pictures/pond.jpg"), "{agent}: {asked:?}");
    }
}

#[test]
fn a_web_archive_holds_the_robots_txt_that_was_kept() {
    let (place, site) = (Place::new(), Site::new());
    let url = site.url("/pictures/pond.jpg");
    let ran = Ran::of(place.ris().args(args(&url)).args(["--warc", "kept.warc"]).output().unwrap());
    assert_eq!(ran.status, 0, "{ran:?}");
    let kept = String::from_utf8_lossy(&std::fs::read(place.path("kept.warc")).unwrap()).into_owned();
    let told = |path: &str| kept.matches(&format!("WARC-Target-URI: {}\r\n", site.url(path))).count();
    assert_eq!((told("/robots.txt"), told("/pictures/pond.jpg")), (1, 1));
    assert!(kept.contains("Disallow: /private/"));
}

#[test]
fn a_long_chain_of_redirects_is_not_called_a_circle() {
    let site = Site::made(Arc::new(|path| {
        let step: u32 = path.strip_prefix("/step/")?.parse().ok()?;
        Some(Reply::status(302).with("Location", &format!("/step/{}", step + 1)))
    }));
    let place = Place::new();
    let ran = Ran::of(place.ris().args(args(&site.url("/step/0"))).output().unwrap());
    assert_eq!((ran.status, ran.stderr.lines().count()), (2, 1), "{ran:?}");
    assert!(ran.stderr.contains("more than 5 redirects"), "{ran:?}");
}

#[test]
fn what_was_to_be_available_until_a_day_that_is_past_is_not_kept() {
    let until = |day: &str| format!("unavailable_after: {day}");
    let site = Site::made(Arc::new(move |path| match path {
        "/start" => Some(Reply::ok("<img src='/old.jpg'><img src='/new.jpg'><a href='/page'>1</a>")),
        "/old.jpg" | "/new.jpg" => {
            let name = if path == "/old.jpg" { "pond" } else { "gate" };
            let bytes = std::fs::read(fixtures().join(format!("library/garden/{name}.jpg"))).ok()?;
            let day = if path == "/old.jpg" { "Wednesday, 01-Jan-20 00:00:00 GMT" } else { "2999-01-01" };
            Some(Reply::ok(bytes).with("X-Robots-Tag", &until(day)))
        }
        "/page" => {
            let tag = until("2020-01-01");
            Some(Reply::ok(format!("<meta name='robots' content='{tag}'><img src='/pictures/roses.jpg'>")))
        }
        _ => None,
    }));
    let place = Place::new();
    let ran = Ran::of(place.ris().args(args(&site.url("/start"))).output().unwrap());
    let told = ran.object();
    assert_eq!((ran.status, &told["indexed"], &told["web"]["refused"]["robots"]), (0, &1.into(), &2.into()), "{ran:?}");
    assert!(!asked(&site).iter().any(|path| path == "/pictures/roses.jpg"));
}
