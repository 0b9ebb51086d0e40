//! A crawl into an index whose ledger somebody else wrote: it may not lead anywhere that the command does not name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ris::index::Writer;
use ris::index::ledger::{Done, Kind, Ledger, Queued};

use crate::crawl::paths;
use crate::setup::Place;
use crate::site::{Reply, Site, crawl_of as crawl};
use crate::small::writer;

/// What the pages of the site that is named show.
const PAGE: &str = "<title>a page</title><img src='/pictures/pond.jpg'>";

/// A site whose every page is the same, with the tag that the ledger knows it by.
fn named(other: &Site) -> Site {
    let to = other.url("/");
    Site::made(Arc::new(move |path| match path {
        "/" | "/a" => Some(Reply::ok(PAGE).with("ETag", "\"known\"").with("Content-Type", "text/html")),
        "/forbidden" => Some(Reply::status(403)),
        // As there are on many sites, to count who leaves.
        "/leave" => Some(Reply::status(302).with("Location", &to)),
        _ => None,
    }))
}

fn queued(url: String, kind: Kind, start: u32) -> Queued {
    Queued { url, kind, depth: 1, hops: 0, start, listed: false, by_robots: false, shown: None }
}

/// Writes a ledger into the index of a place.
fn craft(place: &Place, start: &str, write: impl FnOnce(&mut Ledger, u32)) {
    let mut writer: Writer = writer(&place.path("idx")).unwrap();
    let ledger = writer.ledger().unwrap();
    let start = ledger.begin(start).unwrap();
    write(ledger, start);
    writer.finish().unwrap();
}

type Craft = fn(&mut Ledger, u32, &Site, &Site);

const CRAFTED: [(&str, Craft); 9] = [
    ("a start that waits", |ledger, start, _, other| {
        ledger.queue(queued(other.url("/"), Kind::Start, start)).unwrap();
    }),
    ("a sitemap that waits", |ledger, start, _, other| {
        ledger.queue(queued(other.url("/sitemap.xml"), Kind::Sitemap, start)).unwrap();
    }),
    ("a picture that waits", |ledger, start, _, other| {
        ledger.queue(queued(other.url("/pictures/gate.jpg"), Kind::Picture, start)).unwrap();
    }),
    ("a picture that waits, of a page that does not show it", |ledger, start, site, other| {
        let shown = Some((site.url("/a"), String::new(), String::new(), String::new()));
        let picture = queued(other.url("/pictures/gate.jpg"), Kind::Picture, start);
        ledger.queue(Queued { shown, ..picture }).unwrap();
    }),
    ("a start that led elsewhere, and a page there", |ledger, start, site, other| {
        let redirect = Some(other.url("/"));
        ledger.finish(Done { url: site.url("/"), start, redirect, ..Done::default() }).unwrap();
        ledger.queue(queued(other.url("/"), Kind::Page, start)).unwrap();
    }),
    ("a page here that is said to be a start, and leads there", |ledger, start, site, _| {
        ledger.queue(queued(site.url("/leave"), Kind::Start, start)).unwrap();
    }),
    ("a page that has not changed, and what it is said to name", |ledger, _, site, other| {
        let mut done = of_page(site.url("/"), other);
        done.etag = Some("\"known\"".into());
        ledger.finish(done).unwrap();
        // This crawl has met nothing yet.
        ledger.begin(&site.url("/")).unwrap();
    }),
    ("a page that can't be read any more, and what it is said to name", |ledger, start, site, other| {
        ledger.finish(of_page(site.url("/forbidden"), other)).unwrap();
        ledger.begin(&site.url("/")).unwrap();
        ledger.queue(queued(site.url("/forbidden"), Kind::Page, start)).unwrap();
    }),
    ("starts that lead from one to another and then elsewhere", |ledger, start, site, other| {
        for (from, to) in [(site.url("/"), site.url("/a")), (site.url("/a"), other.url("/"))] {
            ledger.finish(Done { url: from, start, redirect: Some(to), ..Done::default() }).unwrap();
        }
        ledger.begin(&site.url("/")).unwrap();
        ledger.queue(queued(other.url("/"), Kind::Start, start)).unwrap();
    }),
];

fn of_page(url: String, other: &Site) -> Done {
    let nothing = String::new;
    Done {
        links: vec![other.url("/")],
        sitemaps: vec![other.url("/sitemap.xml")],
        pictures: vec![(other.url("/pictures/gate.jpg"), url.clone(), nothing(), nothing())],
        url,
        ..Done::default()
    }
}

#[test]
fn a_ledger_of_a_strangers_leads_to_no_host_that_the_command_does_not_name() {
    let other = Site::new();
    let site = named(&other);
    let mut led = Vec::new();
    for (what, write) in CRAFTED {
        let place = Place::new();
        craft(&place, &site.url("/"), |ledger, start| write(ledger, start, &site, &other));
        let ran = crawl(&place, &site.url("/"), &[]);
        let asked = other.take_log();
        if !asked.is_empty() {
            led.push(format!("{what}: {:?}: {ran:?}", paths(&asked)));
            continue;
        }
        // Whatever it says, the site that is named is crawled, and in the next run at the latest nothing is left.
        crawl(&place, &site.url("/"), &[]);
        let told = crawl(&place, &site.url("/"), &[]).object();
        assert_eq!((&told["pictures"], &told["web"]["pending"]), (&1.into(), &0.into()), "{what}: {told}");
        assert!(other.take_log().is_empty(), "{what}, later");
        site.take_log();
    }
    assert!(led.is_empty(), "{led:#?}");
}

#[test]
fn what_a_page_or_a_start_of_this_run_names_elsewhere_is_asked_for_also_where_an_earlier_run_left_it() {
    let other = Site::new();
    let pictures = ["pond", "gate", "roses", "orchard"].map(|name| other.url(&format!("/pictures/{name}.jpg")));
    let home = other.url("/gallery.html");
    let state = Arc::new(AtomicU32::new(0));
    let flag = state.clone();
    let site = Site::made(Arc::new(move |path| match path {
        "/" => {
            let shown = pictures.iter().map(|url| format!("<img src='{url}'>")).collect::<String>();
            Some(Reply::ok(shown).with("ETag", "\"same\"").with("Content-Type", "text/html"))
        }
        "/moved" => Some(Reply::status(301).with("Location", "/moved/again")),
        "/moved/again" => Some(Reply::status(301).with("Location", &home)),
        "/shut" if flag.load(Ordering::SeqCst) == 1 => Some(Reply::status(403)),
        "/shut" => Some(Reply::ok(pictures.iter().map(|url| format!("<img src='{url}'>")).collect::<String>())),
        "/way" => Some(Reply::ok("<a href='/shut'>in</a><img src='/pictures/bay.jpg'>")),
        _ => None,
    }));
    let place = Place::new();
    for (most, indexed, pending) in [("1", 1, 3), ("2", 2, 1), ("0", 0, 1), ("9", 1, 0)] {
        let told = crawl(&place, &site.url("/"), &["--max-images", most]).object();
        assert_eq!((&told["indexed"], &told["web"]["pending"]), (&indexed.into(), &pending.into()), "{most}: {told}");
    }
    // All is known, and nothing has changed.
    let told = crawl(&place, &site.url("/"), &[]).object();
    assert_eq!((&told["unchanged"], &told["missing"], &told["indexed"]), (&4.into(), &0.into(), &0.into()), "{told}");

    let (place, whole) = (Place::new(), Place::new());
    let all = crawl(&whole, &site.url("/moved"), &[]).object();
    assert!(all["pictures"].as_u64().unwrap() > 2, "{all}");
    let first = crawl(&place, &site.url("/moved"), &["--max-images", "1"]).object();
    assert!(first["web"]["pending"].as_u64().unwrap() > 0, "{first}");
    crawl(&place, &site.url("/moved"), &["--max-pages", "1"]);
    let told = crawl(&place, &site.url("/moved"), &[]).object();
    assert_eq!((&told["pictures"], &told["web"]["pending"]), (&all["pictures"], &0.into()), "{told}");

    // What a page named elsewhere that can't be read now is not asked for, and not gone.
    let place = Place::new();
    assert_eq!(crawl(&place, &site.url("/way"), &[]).object()["indexed"], 5);
    state.store(1, Ordering::SeqCst);
    other.take_log();
    let told = crawl(&place, &site.url("/way"), &[]).object();
    assert_eq!((&told["missing"], &told["sources"]), (&0.into(), &5.into()), "{told}");
    assert!(other.take_log().is_empty());
    state.store(0, Ordering::SeqCst);
    let told = crawl(&place, &site.url("/way"), &[]).object();
    assert_eq!((&told["unchanged"], &told["missing"]), (&5.into(), &0.into()), "{told}");
}
