//! A crawl that is stopped while a picture is looked at has not done with that picture.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ris::index::Reader;
use ris::ingest::crawl::{Crawl, crawl};
use ris::ingest::{Options, Summary};
use ris::progress::{Event, Progress};
use ris::source::web::{fetch, manners};

use crate::setup::{Place, fixtures};
use crate::site::{Reply, Site};
use crate::small::writer;

/// Stops the run once that is set.
struct Stop(Arc<AtomicBool>);

impl Progress for Stop {
    fn event(&self, _event: Event<'_>) {}

    fn stop(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_picture_whose_pages_were_not_all_looked_at_is_fetched_again_by_the_next_run() {
    let stop = Arc::new(AtomicBool::new(true));
    let served = stop.clone();
    stop.store(false, Ordering::SeqCst);
    let scan = std::fs::read(fixtures().join("several/pages.tif")).unwrap();
    let is_first = AtomicBool::new(true);
    let site = Site::made(Arc::new(move |path| match path {
        "/start" => Some(Reply::ok("<img src='/scan.tif'>").with("Content-Type", "text/html")),
        "/scan.tif" => {
            // From here on the run is to stop: the answer is on its way.
            served.fetch_or(is_first.swap(false, Ordering::SeqCst), Ordering::SeqCst);
            Some(Reply::ok(scan.clone()))
        }
        _ => None,
    }));
    let place = Place::new();
    let fetch = fetch::Options { allow_private: true, ..fetch::Options::default() };
    let manners =
        manners::Options { delay: std::time::Duration::ZERO, response_times: 0, ..manners::Options::default() };
    let how = Crawl { fetch, manners, ..Crawl::default() };
    let start = ris::source::web::url::parse(&site.url("/start")).unwrap();
    let run = || -> Summary {
        let mut writer = writer(&place.path("idx")).unwrap();
        let summary =
            crawl(&mut writer, std::slice::from_ref(&start), &how, &Options::default(), &Stop(stop.clone())).unwrap();
        writer.finish().unwrap();
        summary
    };
    let summary = run();
    let crawled = summary.crawled.unwrap();
    assert!(summary.interrupted && summary.failed == 0 && crawled.refused.is_empty(), "{crawled:?}");
    assert_eq!((summary.indexed, crawled.pending), (0, 1), "the picture waits");
    stop.store(false, Ordering::SeqCst);
    let summary = run();
    assert!(!summary.interrupted && summary.indexed > 2, "all pages: {summary:?}");
    assert_eq!(Reader::open(&place.path("idx")).unwrap().pending(), 0);
}
