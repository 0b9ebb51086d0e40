//! A ledger of a crawl that never was, for indexes that are crafted: also the fuzz target's.

use ris::index::Writer;
use ris::index::ledger::{Done, Kind, Queued};

/// Fills it: twelve pages, of which nine were fetched, each with a picture.
pub fn crawled(writer: &mut Writer) -> ris::Result<()> {
    let ledger = writer.ledger()?;
    let start = ledger.begin("https://example.org/")?;
    for n in 0..12 {
        let url = format!("https://example.org/{n}");
        ledger.queue(Queued {
            url: url.clone(),
            kind: Kind::Page,
            depth: 1,
            hops: 0,
            start,
            listed: false,
            by_robots: false,
            shown: None,
        })?;
        let pictures = vec![(format!("https://example.org/{n}.jpg"), url.clone(), "a barn".into(), String::new())];
        if n < 9 {
            let (title, picture) = ("a title".into(), n % 3 == 0);
            ledger.finish(Done { url, start, title, pictures, picture, ..Done::default() })?;
        }
    }
    Ok(())
}
