//! What a later crawl of the same site makes of what an earlier one left, found or has not met again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::crawl::paths;
use crate::setup::{Place, fixtures};
use crate::site::{Reply, Site, crawl_of as crawl};

#[test]
fn every_page_that_shows_a_picture_is_told_and_after_the_next_crawl_those_that_still_do() {
    let changed = Arc::new(AtomicU32::new(0));
    let (place, flag) = (Place::new(), changed.clone());
    let page = |title: &str, alt: &str| {
        let rest = "<a href='/one'>1</a><a href='/two/'>2</a><a href='/moved'>3</a>";
        Reply::ok(format!("<title>{title}</title><img src='/pictures/pond.jpg' alt='{alt}'>{rest}"))
    };
    let site = Site::made(Arc::new(move |path| {
        let is_changed = flag.load(Ordering::SeqCst) > 0;
        match path {
            "/start" => Some(page("start", "")),
            "/one" if is_changed => Some(Reply::ok("<title>one</title>")),
            "/one" => Some(page("one", "a pond")),
            "/two/" if is_changed => Some(page("two", "a lake")),
            "/two/" => Some(page("two", "")),
            "/moved" => Some(Reply::ok("<title>three</title><img src='/old.jpg' alt='seen from the gate'>")),
            "/old.jpg" => Some(Reply::status(301).with("Location", "/pictures/pond.jpg")),
            _ => None,
        }
    }));
    place.copy("library/garden/pond.jpg", "query.jpg");
    let shown_on = || {
        let answer = place.run(["search", "query.jpg", "--index", "idx", "--json"]).object();
        let found = &answer["matches"][0];
        assert_eq!(found["page"], found["shown_on"][0]["page"], "{answer}");
        let pages = found["shown_on"].as_array().unwrap().iter();
        let text = |page: &serde_json::Value, name: &str| page[name].as_str().unwrap_or_default().to_owned();
        pages.map(|page| [text(page, "title"), text(page, "alt")].join(": ")).collect::<Vec<_>>()
    };
    assert_eq!(crawl(&place, &site.url("/start"), &[]).status, 0);
    assert_eq!(shown_on(), ["one: a pond", "three: seen from the gate", "two: ", "start: "]);
    let with = |filter: &str| place.run(["search", "query.jpg", "--index", "idx", "--where", filter]).status;
    assert_eq!((with("alt:gate"), with("title:two"), with("alt:lake")), (0, 0, 1));
    let text = place.run(["search", "query.jpg", "--index", "idx"]).stdout;
    assert!(text.contains("/moved") && text.contains("on 1 other"), "{text}");
    changed.store(1, Ordering::SeqCst);
    assert_eq!(crawl(&place, &site.url("/start"), &[]).status, 0);
    assert_eq!(shown_on(), ["two: a lake", "three: seen from the gate", "start: "]);
    assert_eq!((with("alt:pond"), with("alt:lake")), (1, 0));
}

#[test]
fn an_unchanged_site_costs_answers_of_304_and_no_bytes_of_pictures() {
    let (place, site) = (Place::new(), Site::new());
    assert_eq!(crawl(&place, &site.url("/"), &[]).status, 0);
    let first = site.take_log();
    let again = crawl(&place, &site.url("/"), &[]);
    let told = again.object();
    let log = site.take_log();
    assert_eq!(
        (&told["indexed"], &told["unchanged"], &told["decoded"]),
        (&0.into(), &7.into(), &0.into()),
        "{again:?}"
    );
    assert_eq!(paths(&log), paths(&first), "the same is asked for");
    for asked in log
        .iter()
        .filter(|asked| asked.path != "/robots.txt" && first.iter().any(|f| f.path == asked.path && f.status == 200))
    {
        assert_eq!((asked.status, asked.bytes), (304, 0), "{asked:?}");
    }
    assert!(log.iter().filter(|asked| asked.status == 304).count() >= 9);
}

#[test]
fn pictures_that_are_shown_no_more_are_missing_and_prune_forgets_them() {
    let gone = Arc::new(AtomicU32::new(0));
    let (place, flag) = (Place::new(), gone.clone());
    let site = Site::made(Arc::new(move |path| {
        (path == "/gallery.html" && flag.load(Ordering::SeqCst) > 0).then(|| Reply::ok("<title>closed</title>"))
    }));
    assert_eq!(crawl(&place, &site.url("/"), &[]).object()["indexed"], 7);
    gone.store(1, Ordering::SeqCst);
    let told = crawl(&place, &site.url("/"), &[]).object();
    assert_eq!((&told["missing"], &told["pictures"]), (&5.into(), &7.into()));
    let pruned = place.run(["prune", "--index", "idx", "--json"]).object();
    assert_eq!(pruned["forgotten"].as_array().unwrap().len(), 5, "{pruned}");
    assert_eq!(crawl(&place, &site.url("/"), &[]).object()["pictures"], 2);
}

#[test]
fn a_site_that_is_down_for_a_while_loses_nothing() {
    let down = Arc::new(AtomicU32::new(0));
    let (place, flag) = (Place::new(), down.clone());
    let site = Site::made(Arc::new(move |_| match flag.load(Ordering::SeqCst) {
        0 => None,
        status => Some(Reply::status(u16::try_from(status).unwrap())),
    }));
    assert_eq!(crawl(&place, &site.url("/"), &[]).object()["indexed"], 7);
    for status in [500, 403] {
        down.store(status, Ordering::SeqCst);
        let ran = crawl(&place, &site.url("/"), &[]);
        let told = ran.object();
        assert_eq!((ran.status, &told["missing"], &told["sources"]), (2, &0.into(), &7.into()), "{status}: {ran:?}");
    }
    down.store(0, Ordering::SeqCst);
    let told = crawl(&place, &site.url("/"), &[]).object();
    assert_eq!((&told["unchanged"], &told["decoded"], &told["web"]["pending"]), (&7.into(), &0.into(), &0.into()));
}

#[test]
fn limits_leave_the_rest_for_the_next_run_and_status_tells_how_much() {
    let (place, site) = (Place::new(), Site::new());
    let told = crawl(&place, &site.url("/"), &["--max-images", "2"]).object();
    // Five pictures, and two that are not there.
    assert_eq!((&told["indexed"], &told["web"]["pending"]), (&2.into(), &7.into()), "{told}");
    assert_eq!(place.run(["status", "--index", "idx", "--json"]).object()["pending"], 7);
    site.take_log();
    let told = crawl(&place, &site.url("/"), &[]).object();
    assert_eq!((&told["indexed"], &told["pictures"], &told["web"]["pending"]), (&5.into(), &7.into(), &0.into()));
    let log = site.take_log();
    assert!(
        log.iter().all(|asked| asked.path.starts_with("/pictures/") || asked.path == "/robots.txt"),
        "{:?}",
        paths(&log)
    );
    let told = crawl(&Place::new(), &site.url("/"), &["--depth", "0"]).object();
    assert_eq!((&told["indexed"], &told["web"]["pages"]), (&2.into(), &1.into()), "{told}");
    let told = crawl(&Place::new(), &site.url("/"), &["-E", "*gallery*"]).object();
    assert_eq!(told["indexed"], 2, "{told}");
}

/// A start that leads to `/a`, which shows three pictures, and to `/junk/1` and `/junk/2`.
fn small() -> Site {
    Site::made(Arc::new(|path| {
        let shows = |names: &[&str]| names.iter().map(|n| format!("<img src='/pictures/{n}.jpg'>")).collect::<String>();
        match path {
            "/start" => Some(Reply::ok("<a href='/a'>a</a><a href='/junk/1'>1</a><a href='/junk/2'>2</a>")),
            "/a" => Some(Reply::ok(shows(&["pond", "gate", "roses"]))),
            "/junk/1" | "/junk/2" => Some(Reply::ok("<title>junk</title>")),
            _ => None,
        }
    }))
}

#[test]
fn a_crawl_that_leaves_out_what_an_earlier_one_fetched_marks_nothing_as_missing() {
    let (place, site) = (Place::new(), small());
    assert_eq!(crawl(&place, &site.url("/start"), &[]).object()["indexed"], 3);
    let narrower: [&[&str]; 4] =
        [&["--depth", "0"], &["--exclude", "*/a"], &["--include", "*junk*"], &["--exclude", "*.jpg"]];
    for more in narrower {
        let told = crawl(&place, &site.url("/start"), more).object();
        assert_eq!((&told["missing"], &told["sources"]), (&0.into(), &3.into()), "{more:?}: {told}");
    }
    let told = crawl(&place, &site.url("/start"), &[]).object();
    assert_eq!((&told["missing"], &told["unchanged"], &told["decoded"]), (&0.into(), &3.into(), &0.into()), "{told}");
}

#[test]
fn a_site_that_shows_nothing_any_more_is_offline_and_what_is_known_of_it_stays() {
    let turned = Arc::new(AtomicU32::new(0));
    let (place, flag) = (Place::new(), turned.clone());
    let site = Site::made(Arc::new(move |path| match (flag.load(Ordering::SeqCst), path) {
        (0, _) | (_, "/robots.txt") => None,
        (1, "/login") | (2, _) => Some(Reply::ok("<title>who are you?</title>")),
        (1, _) => Some(Reply::status(302).with("Location", "/login")),
        _ => Some(Reply::status(404)),
    }));
    assert_eq!(crawl(&place, &site.url("/"), &[]).object()["indexed"], 7);
    for (state, status, offline, lines) in [(1, 0, 0, 0), (2, 0, 1, 1), (3, 2, 0, 1)] {
        turned.store(state, Ordering::SeqCst);
        let ran = crawl(&place, &site.url("/"), &[]);
        let told = ran.object();
        assert_eq!(
            (ran.status, &told["missing"], &told["sources"]),
            (status, &0.into(), &7.into()),
            "{state}: {ran:?}"
        );
        assert_eq!((ran.stderr.lines().count(), &told["offline"]), (lines, &offline.into()), "{state}: {ran:?}");
    }
    let pruned = place.run(["prune", "--index", "idx", "--json"]).object();
    assert_eq!(pruned["forgotten"], Value::Array(Vec::new()), "{pruned}");
}

#[test]
fn what_an_earlier_run_queued_is_fetched_by_the_rules_of_the_run_that_goes_on() {
    for more in [&["--exclude", "*/junk/*"][..], &["--depth", "0"], &["--include", "*/nothing"]] {
        let (place, site) = (Place::new(), small());
        assert_eq!(crawl(&place, &site.url("/start"), &["--max-pages", "1"]).object()["web"]["pending"], 3);
        site.take_log();
        let told = crawl(&place, &site.url("/start"), more).object();
        assert_eq!(told["web"]["pending"], 0, "{more:?}: {told}");
        let log = site.take_log();
        assert!(log.iter().all(|asked| !asked.path.starts_with("/junk")), "{more:?}: {:?}", paths(&log));
        assert_eq!(crawl(&place, &site.url("/start"), &[]).object()["pictures"], 3, "{more:?}: all is found later");
    }
}

#[test]
fn a_run_receives_hardly_more_than_it_may_and_the_next_one_gets_the_rest() {
    let site = Site::made(Arc::new(|path| match path {
        "/start" => Some(Reply::ok("<img src='/large.bmp'><img src='/pictures/pond.jpg'>")),
        "/large.bmp" => Some(Reply::ok([b"BM".as_slice(), &vec![0; 5_000_000]].concat())),
        _ => None,
    }));
    let place = Place::new();
    let told = crawl(&place, &site.url("/start"), &["--max-bytes", "1M"]).object();
    let received = told["web"]["received"].as_u64().unwrap();
    assert!((1_000..1_200_000).contains(&received), "{told}");
    assert!(told["web"]["pending"].as_u64().unwrap() >= 1, "{told}");
    let told = crawl(&place, &site.url("/start"), &[]).object();
    assert_eq!((&told["web"]["pending"], &told["pictures"]), (&0.into(), &1.into()), "{told}");
    assert!(told["web"]["received"].as_u64().unwrap() > 5_000_000, "{told}");
}

#[test]
fn a_session_in_the_addresses_is_no_new_site_and_what_a_sitemap_lists_is_no_trap() {
    let visits = Arc::new(AtomicU32::new(0));
    let own = Arc::new(std::sync::OnceLock::<String>::new());
    let host = own.clone();
    let site = Site::made(Arc::new(move |path| {
        let visit = visits.fetch_add(1, Ordering::SeqCst);
        let page = path.split(['?', ';']).next().unwrap();
        match page {
            "/a" | "/b" | "/c" => {
                let to = |name| {
                    format!("<a href='/{name}?PHPSESSID={visit:032x}'>x</a><a href='/{name};jsessionid={visit}'>y</a>")
                };
                Some(Reply::ok(["a", "b", "c"].map(to).concat()))
            }
            "/list.xml" => {
                let entries =
                    (0..2_500).map(|n| format!("<url><loc>http://{}/photo/{n}</loc></url>", host.get().unwrap()));
                Some(Reply::ok(format!("<urlset>{}</urlset>", entries.collect::<String>())).with("ETag", "\"list\""))
            }
            _ => page.starts_with("/photo/").then(|| Reply::ok("<title>a photo</title>")),
        }
    }));
    own.set(site.host.clone()).unwrap();
    let told = crawl(&Place::new(), &site.url("/a"), &[]).object();
    assert_eq!(told["web"]["pages"], 3, "{told}");
    let told = crawl(&Place::new(), &site.url("/list.xml"), &["--dry-run"]);
    assert_eq!(told.stdout.lines().count(), 2_501, "{}", told.stderr);
    let place = Place::new();
    for pages in [2_501, 2_500] {
        let told = crawl(&place, &site.url("/list.xml"), &[]).object();
        assert_eq!((&told["web"]["pages"], &told["web"]["refused"]), (&pages.into(), &serde_json::json!({})), "{told}");
    }
}

#[test]
fn a_picture_that_a_link_leads_to_and_a_start_that_moved_to_another_host_are_followed() {
    let pond = std::fs::read(fixtures().join("library/garden/pond.jpg")).unwrap();
    let other = Site::made(Arc::new(move |path| match path {
        "/home" => Some(Reply::ok("<title>Home</title><a href='/raw?id=44'>a pond</a>")),
        "/raw?id=44" => Some(Reply::ok(pond.clone())),
        _ => None,
    }));
    let home = other.url("/home");
    let to = home.clone();
    let site = Site::made(Arc::new(move |path| (path == "/").then(|| Reply::status(301).with("Location", &to))));
    let place = Place::new();
    for round in 0..2 {
        let ran = crawl(&place, &site.url("/"), &[]);
        assert_eq!((ran.status, &ran.object()["pictures"]), (0, &1.into()), "{round}: {ran:?}");
    }
    place.copy("library/garden/pond.jpg", "query.jpg");
    let found = place.run(["search", "query.jpg", "--index", "idx", "--json"]).object()["matches"][0].clone();
    assert_eq!((&found["page"], &found["title"]), (&home.into(), &"Home".into()), "{found}");
}

#[test]
fn what_a_page_showed_that_can_not_be_read_any_more_is_asked_for_itself() {
    let state = Arc::new(AtomicU32::new(0));
    let flag = state.clone();
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let words = (0..2_000).map(|n| format!("{n} ")).collect::<String>();
        std::io::Write::write_all(&mut encoder, format!("<p>{words}<img src='/pictures/gate.jpg'>").as_bytes())
            .unwrap();
        let whole = encoder.finish().unwrap();
        whole[..whole.len() / 2].to_vec()
    };
    let gate = std::fs::read(fixtures().join("library/garden/gate.jpg")).unwrap();
    let site = Site::made(Arc::new(move |path| match (path, flag.load(Ordering::SeqCst)) {
        ("/robots.txt", 1) => Some(Reply::ok("User-agent: *\nDisallow: /a\n")),
        ("/start", _) => Some(Reply::ok("<img src='/pictures/pond.jpg'><a href='/a'>a</a>")),
        ("/a", 2) => Some(Reply::status(302).with("Location", "/login")),
        ("/a", 3) => Some(Reply::status(302).with("Location", "http://elsewhere.invalid/")),
        ("/a", 4) => Some(Reply::ok([1, 2, 3]).with("Content-Type", "application/octet-stream")),
        ("/a", 5) => Some(Reply::ok(packed.clone()).with("Content-Encoding", "gzip")),
        ("/a", 6) => Some(Reply::status(403)),
        ("/a", 7) => Some(Reply::status(500)),
        ("/a", 8) => Some(Reply::ok("<title>closed</title>")),
        ("/a", 9) => Some(Reply::ok("<meta name=robots content=noimageindex><img src='/pictures/gate.jpg'>")),
        ("/pictures/gate.jpg", 10) => Some(Reply::ok(gate.clone()).with("X-Robots-Tag", "noindex")),
        ("/a", _) => Some(Reply::ok("<img src='/pictures/gate.jpg'>")),
        ("/login", _) => Some(Reply::ok("<title>who are you?</title>")),
        _ => None,
    }));
    for now in 1..=10 {
        let place = Place::new();
        state.store(0, Ordering::SeqCst);
        assert_eq!(crawl(&place, &site.url("/start"), &[]).object()["indexed"], 2);
        state.store(now, Ordering::SeqCst);
        for round in 0..2 {
            let told = crawl(&place, &site.url("/start"), &[]).object();
            // Only what a page, or its own server, says that it is no more to be kept.
            let missing = u64::from(now >= 8 && round == 0);
            let sources = 2 - u64::from(now >= 8);
            assert_eq!(
                (&told["missing"], &told["sources"]),
                (&missing.into(), &sources.into()),
                "{now}, {round}: {told}"
            );
        }
    }
}

#[test]
fn a_picture_that_a_page_of_another_crawl_shows_is_not_missing() {
    let gone = Arc::new(AtomicU32::new(0));
    let (place, flag) = (Place::new(), gone.clone());
    let site = Site::made(Arc::new(move |path| match (path, flag.load(Ordering::SeqCst)) {
        ("/start", _) => Some(Reply::ok("<a href='/a/'>a</a><a href='/c'>c</a>")),
        ("/a/", 0) => Some(Reply::ok("<img src='/pictures/pond.jpg'><img src='/pictures/gate.jpg'>")),
        ("/a/", _) => Some(Reply::ok("<img src='/pictures/gate.jpg'>")),
        ("/c", _) => Some(Reply::ok("<img src='/pictures/pond.jpg'>")),
        _ => None,
    }));
    for start in ["/start", "/a/"] {
        assert_eq!(crawl(&place, &site.url(start), &[]).status, 0);
    }
    gone.store(1, Ordering::SeqCst);
    let told = crawl(&place, &site.url("/a/"), &[]).object();
    assert_eq!((&told["missing"], &told["sources"]), (&0.into(), &2.into()), "{told}");
}

#[test]
fn a_run_that_goes_on_says_nothing_of_a_start_that_is_fine_and_links_count_as_pictures_where_they_are_some() {
    let pond = std::fs::read(fixtures().join("library/garden/pond.jpg")).unwrap();
    let site = Site::made(Arc::new(move |path| match path {
        "/start" => Some(Reply::ok("<img src='/pictures/gate.jpg'><img src='/gone.jpg'>")),
        "/links" => Some(Reply::ok((0..9).map(|n| format!("<a href='/raw?id={n}'>x</a>")).collect::<String>())),
        path => path.strip_prefix("/raw?id=").map(|id| Reply::ok([&pond, id.as_bytes()].concat())),
    }));
    let place = Place::new();
    crawl(&place, &site.url("/start"), &["--max-images", "1"]);
    let ran = crawl(&place, &site.url("/start"), &[]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let (place, links) = (Place::new(), site.url("/links"));
    let told = crawl(&place, &links, &["--max-images", "4"]).object();
    assert_eq!((&told["indexed"], &told["web"]["pending"]), (&4.into(), &5.into()), "{told}");
    assert_eq!(crawl(&place, &links, &[]).object()["pictures"], 9);
    // Starts of which one leads to another, and two to the same.
    let place = Place::new();
    let site = Site::made(Arc::new(|path| match path {
        "/a" | "/b" => Some(Reply::status(301).with("Location", "/home")),
        "/home" => Some(Reply::status(301).with("Location", "/")),
        _ => None,
    }));
    let ran = crawl(&place, &site.url("/a"), &[&site.url("/b"), &site.url("/")]);
    assert_eq!((ran.status, &ran.object()["pictures"]), (0, &7.into()), "{ran:?}");
}
