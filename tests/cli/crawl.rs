//! `ris index https://…` against a real server on loopback, whose log is the judge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::setup::{Place, fixtures, names};
use crate::site::{Asked, Reply, Site, crawl_of as crawl};

pub fn paths(log: &[Asked]) -> Vec<&str> {
    let mut paths: Vec<_> = log.iter().map(|asked| asked.path.as_str()).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn a_site_is_crawled_and_a_search_names_the_page_the_picture_and_its_text() {
    let (place, site) = (Place::new(), Site::new());
    let ran = crawl(&place, &site.url("/"), &[]);
    let told = ran.object();
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(
        (&told["indexed"], &told["web"]["pictures"], &told["web"]["pending"]),
        (&7.into(), &7.into(), &0.into())
    );
    let log = site.take_log();
    let asked = paths(&log);
    for path in ["/private/members.html", "/pictures/scree.jpg", "/pictures/ridge.jpg"] {
        assert!(!asked.contains(&path), "{path} must not be fetched: {asked:?}");
    }
    for name in ["pond", "gate", "roses", "orchard", "spring", "crossing", "harbour"] {
        let path = format!("/pictures/{name}.jpg");
        assert_eq!(asked.iter().filter(|asked| **asked == path).count(), 1, "{path} once: {asked:?}");
    }
    assert_eq!(asked.iter().filter(|path| **path == "/robots.txt").count(), 1);
    assert!(log.iter().all(|asked| asked.telltale.is_empty() && asked.agent.starts_with("ris/")), "{log:?}");
    assert_eq!(site.most_at_once(), 1, "one request at a time");

    place.copy("library/garden/pond.jpg", "query.jpg");
    let answer = place.run(["search", "query.jpg", "--index", "idx", "--json"]).object();
    let found = &answer["matches"][0];
    assert_eq!(found["source"], site.url("/pictures/pond.jpg"));
    assert_eq!((&found["page"], &found["title"]), (&site.url("/").into(), &"The garden society".into()));
    assert_eq!((&found["alt"], &found["caption"]), (&"A pond with lilies".into(), &"The pond in May".into()));
    assert_eq!(found["modified"], "2019-05-04T10:11:12Z");
    assert!(found["fetched"].as_str().unwrap().ends_with('Z'));
    let text = place.run(["search", "query.jpg", "--index", "idx"]);
    assert!(text.stdout.contains("“A pond with lilies”") && text.stdout.contains(&site.url("/")), "{text:?}");
    let with = |filter: &str| {
        names(&place.run(["search", "query.jpg", "--index", "idx", "--json", "--where", filter]).object()).len()
    };
    assert_eq!(with("alt:\"with lilies\" page:127.0.0.1"), 1);
    assert_eq!((with("alt:roses"), with("caption:may -title:gallery")), (0, 1));
}

#[test]
fn pages_and_frames_of_a_picture_on_the_web_are_places_of_their_own_as_in_a_folder() {
    let cut = Arc::new(AtomicU32::new(0));
    let (place, flag) = (Place::new(), cut.clone());
    let read = |name: &str| std::fs::read(fixtures().join(name)).unwrap();
    let (scan, one, clip) = (read("several/pages.tif"), read("formats/colour.tif"), read("several/frames.gif"));
    let whole = scan.clone();
    let page = "<title>scans</title><img src='/scan.tif' alt='a letter'><img src='/clip.gif'><img src='/same.tif'>";
    let site = Site::made(Arc::new(move |path| {
        let scan = if flag.load(Ordering::SeqCst) == 0 { ("\"whole\"", &scan) } else { ("\"cut\"", &one) };
        match path {
            "/start" => Some(Reply::ok(page)),
            "/scan.tif" => Some(Reply::ok(scan.1.clone()).with("ETag", scan.0)),
            "/same.tif" => Some(Reply::ok(whole.clone()).with("ETag", "\"same\"")),
            "/clip.gif" => Some(Reply::ok(clip.clone()).with("ETag", "\"clip\"")),
            _ => None,
        }
    }));
    place.copy("several/pages.tif", "files/scan.tif");
    place.copy("several/pages.tif", "files/same.tif");
    place.copy("several/frames.gif", "files/clip.gif");
    let pages = place.run(["index", "files", "--index", "folder", "--json"]).object()["indexed"].as_u64().unwrap();
    let frames = place.run(["index", "files", "--index", "folder", "--json", "--frames", "3"]).object();
    assert!(pages > 2 && frames["indexed"] == 2, "{frames}");
    let start = site.url("/start");
    assert_eq!(crawl(&place, &start, &[]).object()["indexed"], pages);
    let told = crawl(&place, &start, &[]).object();
    assert_eq!((&told["unchanged"], &told["indexed"]), (&pages.into(), &0.into()), "{told}");
    assert_eq!(crawl(&place, &start, &["--frames", "3"]).object()["indexed"], 2);
    let found = |name: &str| {
        let answer = place.run(["search", "files/scan.tif", "--index", "idx", "--json", "--top", "0"]).object();
        let found = answer["matches"].as_array().unwrap().iter().find(|found| found["source"] == site.url(name));
        found.map(|found| found["alt"].clone())
    };
    assert_eq!(found("/scan.tif"), Some("a letter".into()));
    cut.store(1, Ordering::SeqCst);
    let told = crawl(&place, &start, &["--frames", "3"]).object();
    let of_scan = (pages - 1) / 2;
    assert_eq!((&told["missing"], &told["indexed"]), (&(of_scan - 1).into(), &1.into()), "{told}");
}

#[test]
fn sitemaps_single_pictures_and_lists_are_sources_too() {
    let (place, site) = (Place::new(), Site::new());
    let told = crawl(&place, &site.url("/sitemap.xml"), &["--depth", "1"]).object();
    assert_eq!(told["indexed"], 8, "{told}");
    let place = Place::new();
    let told = crawl(&place, &site.url("/pictures/pond.jpg"), &[]).object();
    assert_eq!((&told["indexed"], &told["web"]["pages"]), (&1.into(), &0.into()), "{told}");
    place.write("list", format!("{}\n{}\n", site.url("/pictures/bay.jpg"), site.url("/pictures/gate.jpg")));
    let told = crawl(&place, &site.url("/pictures/pond.jpg"), &["--files-from", "list"]).object();
    assert_eq!((&told["indexed"], &told["unchanged"], &told["pictures"]), (&2.into(), &1.into(), &3.into()), "{told}");
}

#[test]
fn a_dry_run_lists_what_would_be_fetched_and_makes_no_index() {
    let (place, site) = (Place::new(), Site::new());
    let args = ["index", &site.url("/"), "--index", "idx", "--allow-private", "--dry-run"];
    let ran = place.run(args);
    assert_eq!(ran.status, 0, "{ran:?}");
    let line = |kind: &str, path: &str| format!("{kind:<8}{}", site.url(path));
    let lines: Vec<_> = ran.stdout.lines().collect();
    for expected in [line("picture", "/pictures/pond.jpg"), line("page", "/gallery.html")] {
        assert!(lines.contains(&expected.as_str()), "{expected}: {ran:?}");
    }
    assert!(!ran.stdout.contains("/private/") && !ran.stdout.contains("elsewhere"), "{ran:?}");
    let dry = site.take_log();
    assert!(dry.iter().all(|asked| !asked.path.starts_with("/pictures/")), "{:?}", paths(&dry));
    assert!(!place.path("idx").exists());
    // It is what a crawl then fetches, but for what is not there.
    assert_eq!(crawl(&place, &site.url("/"), &[]).status, 0);
    let log = site.take_log();
    let mut fetched: Vec<_> = log.iter().filter(|asked| asked.status == 200).map(|asked| asked.path.as_str()).collect();
    let listed = |path: &str| lines.iter().any(|line| line.ends_with(&site.url(path)));
    fetched.retain(|path| !listed(path));
    assert_eq!(fetched, ["/robots.txt"], "all else is listed: {lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("page")).count(), 4, "{lines:?}");
    assert_eq!(
        lines.len(),
        log.iter().filter(|asked| asked.status == 200).count() - 1 + 2,
        "and two that are not there"
    );
}

#[test]
fn addresses_that_are_not_public_are_refused_unless_asked_for() {
    let (place, site) = (Place::new(), Site::new());
    for url in [
        site.url("/"),
        "http://localhost:1/".into(),
        "http://169.254.169.254/latest/".into(),
        "http://2130706433/".into(),
    ] {
        let ran = place.run(["index", &url, "--index", "idx", "--json"]);
        assert_eq!((ran.status, ran.stderr.lines().count()), (2, 1), "{url}: {ran:?}");
        assert_eq!(ran.object()["web"]["refused"]["private"], 1, "{ran:?}");
    }
    assert!(site.take_log().is_empty(), "no connection was made");
    for (url, hint) in [("ftp://example.org/", "http"), ("http://user:secret@127.0.0.1/", "password")] {
        let ran = place.run(["index", url, "--index", "idx"]);
        assert_eq!(ran.status, 2);
        assert!(ran.stderr.contains(hint) && !ran.stderr.contains("panicked"), "{ran:?}");
    }
}

#[test]
fn a_host_is_left_alone_for_as_long_as_it_asks() {
    let busy = Arc::new(AtomicU32::new(0));
    let count = busy.clone();
    let site = Site::made(Arc::new(move |path| {
        let first = path == "/gallery.html" && count.fetch_add(1, Ordering::SeqCst) == 0;
        first.then(|| Reply::status(503).with("Retry-After", "2"))
    }));
    let place = Place::new();
    let args = ["index", &site.url("/"), "--index", "idx", "--json", "--allow-private", "--delay", "0.2"];
    let told = place.run(args).object();
    assert_eq!(told["indexed"], 7, "{told}");
    let log = site.take_log();
    let pause = |pair: &[Asked]| pair[1].begun.duration_since(pair[0].ended);
    let pauses: Vec<_> = log.windows(2).map(|pair| (pair[0].status, pause(pair))).collect();
    assert!(pauses.len() > 10);
    for (status, pause) in pauses {
        let least = if status == 503 { Duration::from_secs(2) } else { Duration::from_millis(200) };
        assert!(pause >= least, "{pause:?} after {status}");
    }
}

#[test]
fn a_robots_txt_that_can_not_be_had_forbids_all_and_one_that_is_not_there_nothing() {
    for (status, indexed) in [(500, 0), (404, 8)] {
        let site = Site::made(Arc::new(move |path| (path == "/robots.txt").then(|| Reply::status(status))));
        let told = crawl(&Place::new(), &site.url("/"), &[]).object();
        assert_eq!(told["indexed"], indexed, "{status}: {told}");
    }
}

#[test]
fn a_broken_picture_is_one_warning_and_what_only_claims_to_be_one_is_counted() {
    let broken = std::fs::read(fixtures().join("malformed/tenth.jpg")).unwrap();
    let site = Site::made(Arc::new(move |path| match path {
        "/pictures/pond.jpg" => Some(Reply::ok(broken[..40].to_vec())),
        "/pictures/gate.jpg" => Some(Reply::ok("<html>no picture</html>").with("Content-Type", "image/jpeg")),
        _ => None,
    }));
    let place = Place::new();
    let ran = crawl(&place, &site.url("/"), &[]);
    let told = ran.object();
    assert_eq!((ran.status, &told["indexed"], &told["failed"]), (2, &5.into(), &1.into()), "{ran:?}");
    assert_eq!(told["web"]["refused"]["type"], 1, "{told}");
    assert_eq!(ran.stderr.lines().filter(|line| line.contains("pond.jpg")).count(), 1, "{ran:?}");
}

#[test]
fn a_start_that_can_not_be_had_is_one_line_and_a_crawl_that_can_not_begin_makes_no_index() {
    let site = Site::made(Arc::new(|path| match path {
        "/round" => Some(Reply::status(302).with("Location", "/about")),
        "/about" => Some(Reply::status(302).with("Location", "/round")),
        "/broken" => Some(Reply::status(500)),
        _ => None,
    }));
    let place = Place::new();
    for path in ["/round", "/broken", "/no-such-page", "/private/members.html"] {
        let ran = crawl(&place, &site.url(path), &[]);
        assert_eq!((ran.status, ran.stderr.lines().count()), (2, 1), "{path}: {ran:?}");
        assert!(ran.stderr.contains(path), "{ran:?}");
    }
    for more in
        [&["--include", "*["][..], &["--user-agent", "two\nlines"], &["--proxy", "socks5://here:1"], &["--warc", "-"]]
    {
        let place = Place::new();
        let ran = crawl(&place, &site.url("/"), more);
        assert_eq!((ran.status, ran.stderr.lines().count()), (2, 1), "{more:?}: {ran:?}");
        assert!(!place.path("idx").exists() && !place.path("-").exists(), "{more:?}");
    }
}

#[test]
fn errors_of_single_pictures_hold_nobody_up_and_what_a_page_forbids_is_counted() {
    let site = Site::made(Arc::new(|path| match path {
        "/many.html" => Some(
            Reply::ok(
                ["pond", "gate", "roses", "orchard"]
                    .iter()
                    .map(|name| {
                        let bad: String = (0..3).map(|i| format!("<img src='/bad/{name}/{i}.jpg'>")).collect();
                        format!("{bad}<img src='/pictures/{name}.jpg'>")
                    })
                    .collect::<String>()
                    + "<a href='/unlisted.html'>notes</a>",
            )
            .with("Content-Type", "text/html"),
        ),
        path if path.starts_with("/bad/") => Some(Reply::status(500)),
        _ => None,
    }));
    let told = crawl(&Place::new(), &site.url("/many.html"), &[]).object();
    assert_eq!((&told["indexed"], &told["web"]["refused"]["status"]), (&4.into(), &12.into()), "{told}");
    assert_eq!((&told["web"]["refused"]["robots"], &told["web"]["pending"]), (&1.into(), &0.into()), "{told}");
}

#[test]
fn hosts_are_asked_side_by_side_and_each_by_one_request_at_a_time() {
    let slow = || {
        Site::made(Arc::new(|path: &str| {
            let name = path.strip_prefix("/pictures/").filter(|name| !name.contains("missing"))?;
            let bytes = std::fs::read(fixtures().join("library/garden").join(name)).ok()?;
            Some(Reply { after: Duration::from_millis(150), ..Reply::ok(bytes) })
        }))
    };
    let (a, b) = (slow(), slow());
    let ran = crawl(&Place::new(), &a.url("/"), &[&b.url("/")]);
    assert_eq!((ran.status, &ran.object()["sources"]), (0, &14.into()), "{ran:?}");
    let (of_a, of_b) = (a.take_log(), b.take_log());
    let overlap = |x: &Asked, y: &Asked| x.begun < y.ended && y.begun < x.ended;
    assert!(of_a.iter().any(|x| of_b.iter().any(|y| overlap(x, y))), "one after the other");
    for log in [&of_a, &of_b] {
        assert!(log.len() > 10 && log.windows(2).all(|pair| pair[1].begun >= pair[0].ended), "{log:?}");
    }
}

#[test]
fn bytes_that_were_dropped_count_and_addresses_are_places_for_the_other_commands() {
    let site = Site::made(Arc::new(|path| match path {
        "/huge.html" => Some(Reply::ok(vec![b' '; 12 << 20]).with("Content-Type", "text/html")),
        "/start.html" => {
            Some(Reply::ok("<a href=/huge.html>huge</a><a href=/gallery.html>g</a>").with("Content-Type", "text/html"))
        }
        _ => None,
    }));
    let place = Place::new();
    let told = crawl(&place, &site.url("/start.html"), &["--max-bytes", "1M"]).object();
    assert!(
        told["web"]["received"].as_u64().unwrap() >= 1 << 20 && told["web"]["pending"].as_u64().unwrap() > 0,
        "{told}"
    );
    assert_eq!(crawl(&place, &site.url("/start.html"), &[]).object()["web"]["pending"], 0);
    let status = place.run(["status", "--index", "idx", "--json"]).object();
    assert_eq!(status["roots"][0]["sources"], status["sources"]);
    let elsewhere = ["prune", "http://elsewhere.invalid/", "--dry-run", "--index", "idx", "--json"];
    assert_eq!(place.run(elsewhere).object()["forgotten"].as_array().unwrap().len(), 0);
    drop(site);
}

#[test]
fn the_same_bytes_under_several_addresses_are_described_once() {
    let pond = std::fs::read(fixtures().join("library/garden/pond.jpg")).unwrap();
    let site = Site::made(Arc::new(move |path| match path {
        "/many.html" => Some(
            Reply::ok((0..5).map(|i| format!("<img src='/copy/{i}.jpg'>")).collect::<String>())
                .with("Content-Type", "text/html"),
        ),
        path if path.starts_with("/copy/") => Some(Reply::ok(pond.clone())),
        _ => None,
    }));
    let place = Place::new();
    let told = crawl(&place, &site.url("/many.html"), &[]).object();
    assert_eq!((&told["pictures"], &told["sources"], &told["decoded"]), (&1.into(), &5.into(), &1.into()), "{told}");
}

#[test]
fn what_was_fetched_can_be_kept_as_a_web_archive_which_holds_the_same_pictures() {
    let (place, site) = (Place::new(), Site::new());
    for name in ["kept.warc", "kept.warc.gz"] {
        assert_eq!(crawl(&Place::new(), &site.url("/"), &["--warc", place.path(name).to_str().unwrap()]).status, 0);
        let told = place.run(["index", name, "--index", name.trim_end_matches(".gz"), "--json"]);
        assert!(told.status != 0, "an index never takes the place of a file");
        let told = place.run(["index", name, "--index", "from", "--json"]).object();
        assert_eq!((&told["pictures"], &told["failed"]), (&7.into(), &0.into()), "{name}: {told}");
        place.copy("library/garden/pond.jpg", "query.jpg");
        let answer = place.run(["search", "query.jpg", "--index", "from", "--json"]).object();
        let inside = format!("{name}!/{}", site.url("/pictures/pond.jpg"));
        let matches = answer["matches"].as_array().unwrap();
        assert!(matches.iter().any(|found| found["source"].as_str().unwrap().ends_with(&inside)), "{answer}");
    }
    let again = crawl(&place, &site.url("/"), &["--warc", "kept.warc"]);
    assert_eq!((again.status, again.stderr.lines().count()), (2, 1), "{again:?}");
    assert!(again.stderr.contains("there already"), "{again:?}");
}

/// A site of `pages` pages, each with its own picture, in a ring of links.
fn large(pages: usize) -> Site {
    let bytes = std::fs::read(fixtures().join("queries/plain.png")).unwrap();
    Site::made(Arc::new(move |path| {
        if let Some(number) = path.strip_prefix("/p/").and_then(|number| number.parse::<usize>().ok()) {
            let links = (1..=7).map(|step| format!("<a href='/p/{}'>on</a>", (number * 3 + step) % pages));
            let body = format!(
                "<title>{number}</title><img src='/i/{number}.png' alt='n{number}'>{}",
                links.collect::<String>()
            );
            return Some(Reply::ok(body).with("Content-Type", "text/html"));
        }
        let number = path.strip_prefix("/i/")?.strip_suffix(".png")?;
        // Bytes behind the end of a PNG make it another file.
        Some(Reply::ok([&bytes, number.as_bytes()].concat()))
    }))
}

#[cfg(unix)]
#[test]
fn a_crawl_that_is_killed_goes_on_and_asks_for_nothing_that_was_committed() {
    use std::collections::HashSet;

    use ris::index::Writer;

    let rounds: usize = std::env::var("RIS_TESTS_CRAWL_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let pages = (rounds * 150).max(500);
    let site = large(pages);
    let whole = Place::new();
    let told = crawl(&whole, &site.url("/p/0"), &[]).object();
    assert_eq!((&told["sources"], &told["web"]["pending"]), (&pages.into(), &0.into()), "{told}");
    site.take_log();
    let place = Place::new();
    let args = ["index", &site.url("/p/0"), "--index", "idx", "--json", "--allow-private", "--delay", "0", "-q"];
    let (mut committed, mut kills, mut resumed) = (HashSet::new(), 0, 0);
    for round in 0..rounds {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ris"));
        command.current_dir(place.path("")).env_clear().env("HOME", place.path("home")).args(args);
        let mut child = command.spawn().unwrap();
        // In the midst of a batch, behind none, one or two commits.
        let enough = site.answers() + 90 + 170 * (round * 7 % 3);
        while site.answers() < enough && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        kills += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let verified = place.run(["verify", "--index", "idx"]);
        assert!(verified.status == 0 || verified.stderr.contains("no index"), "{verified:?}");
        let log = site.take_log();
        for asked in log.iter().filter(|asked| asked.path != "/robots.txt") {
            assert!(!committed.contains(&asked.path), "{} was committed and asked for again", asked.path);
        }
        let mut writer = Writer::open(&place.path("idx"), ris::index::Options::default()).unwrap();
        let ledger = writer.ledger().unwrap();
        let met = log.into_iter().map(|asked| asked.path);
        committed.extend(met.filter(|path| ledger.last(&site.url(path)).unwrap().is_some()));
        resumed += usize::from(!committed.is_empty());
    }
    assert!(resumed > 0, "no run was killed behind a commit");
    assert!(kills > 0, "no run was killed");
    let told = crawl(&place, &site.url("/p/0"), &[]).object();
    assert_eq!(
        (&told["sources"], &told["pictures"], &told["web"]["pending"]),
        (&pages.into(), &pages.into(), &0.into())
    );
    // Each place, what stands there and which pages show it.
    let [held, expected] = [&place, &whole].map(|place| {
        let reader = ris::index::Reader::open(&place.path("idx")).unwrap();
        let (mut known, mut held) = (Vec::new(), std::collections::BTreeMap::new());
        reader.each_source(|source| {
            known.push(source);
            Ok(())
        })?;
        for source in known {
            let record = reader.source(&source)?;
            let facts = record.picture.map(|id| reader.facts(id)).transpose()?.flatten().map(|facts| facts.bytes);
            let on = record.shown.unwrap().on;
            assert!(!on.is_empty());
            held.insert(record.locator.to_string(), (record.state, record.stamp, facts, on));
        }
        ris::Result::Ok(held)
    });
    let (held, expected) = (held.unwrap(), expected.unwrap());
    assert_eq!(held.len(), pages);
    for (place, what) in &held {
        assert_eq!(expected.get(place), Some(what), "{place}");
    }
    eprintln!("{kills} kills, {} addresses committed before them", committed.len());
}

/// A second server, of other people's making, where there is one.
#[cfg(unix)]
#[test]
fn a_site_that_nginx_serves_is_crawled_and_costs_nothing_the_second_time() {
    use std::process::{Command, Stdio};
    let Some(nginx) =
        ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| std::path::Path::new(path).exists())
    else {
        eprintln!("no nginx here: left out");
        return;
    };
    let place = Place::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    place.copy("site/index.html", "www/index.html");
    place.copy("site/gallery.html", "www/gallery.html");
    place.write("www/robots.txt", "User-agent: *\nDisallow: /private/\n");
    for (folder, name) in [("garden", "pond"), ("garden", "gate"), ("garden", "roses"), ("street", "crossing")] {
        place.copy(&format!("library/{folder}/{name}.jpg"), &format!("www/pictures/{name}.jpg"));
    }
    let folder = place.path("");
    let folder = folder.display();
    // Its workers may run as somebody else.
    std::fs::set_permissions(place.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let paths =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {folder}/{name};"));
    let text = format!(
        "daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}} http {{ access_log {folder}/access.log; \
         types {{ text/html html; image/jpeg jpg; text/plain txt; }} {} \
         server {{ listen 127.0.0.1:{port}; root {folder}/www; gzip on; gzip_types text/html text/plain; gzip_min_length 1; }} }}",
        paths.concat()
    );
    place.write("nginx.conf", text);
    let mut server = Command::new(nginx).arg("-c").arg(place.path("nginx.conf")).stderr(Stdio::null()).spawn().unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    let up = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let (first, second) = (crawl(&place, &url, &[]), crawl(&place, &url, &[]));
    let _ = Command::new("kill").arg(server.id().to_string()).status();
    let _ = server.wait();
    assert!(up, "nginx did not start: {:?}", std::fs::read_to_string(place.path("error.log")));
    assert_eq!(first.object()["indexed"], 4, "{first:?}");
    assert_eq!((&second.object()["unchanged"], &second.object()["decoded"]), (&4.into(), &0.into()), "{second:?}");
    let log = std::fs::read_to_string(place.path("access.log")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains("\" 304 ")).count(), 7, "{log}");
}
