//! `ris merge`.

use std::time::Instant;

use anyhow::Result;
use indicatif::HumanCount;
use ris::index::{self, Merged, Options, Reader};
use ris::progress::{Event, Progress};
use ris::report::upkeep;
use ris::{Error, ErrorKind};

use super::args::{Global, Merge};
use super::exit::{self, Exit};
use super::messages;
use super::progress::{self, Bar};

pub fn run(args: &Merge, global: &Global) -> Result<Exit> {
    if !global.index.is_empty() {
        let message = "merge takes no --index: the first folder is the index, the others are merged into it";
        return Err(Error::new(ErrorKind::Usage, message).into());
    }
    let started = Instant::now();
    progress::stop_on_interrupt();
    let bar = Bar::new(global.quiet);
    if bar.wants_totals() {
        for shard in &args.shards {
            bar.event(Event::Found { files: Reader::open(shard)?.pictures()?, bytes: 0 });
        }
        bar.event(Event::FoundAll);
    }
    let merged = index::merge(&args.out, &args.shards, Options::default(), &mut |pictures| {
        (0..pictures).for_each(|_| bar.event(Event::Done { bytes: 0 }));
        !bar.stop()
    });
    bar.clear();
    let merged = merged?;
    let reader = Reader::open(&args.out)?;
    let (totals, bytes) = (reader.totals()?, reader.disk_bytes()?);
    match (global.quiet, args.json) {
        (true, _) => {}
        (false, true) => {
            let mut line = Vec::new();
            upkeep::merge_json(&mut line, args.shards.len(), &merged, &totals, bytes, started.elapsed())?;
            exit::print(&line)?;
        }
        (false, false) => messages::block(&text(&merged, totals.pictures, &args.out.display().to_string())),
    }
    Ok(if merged.interrupted { Exit::Interrupted } else { Exit::Success })
}

/// The summary for people.
fn text(merged: &Merged, pictures: u64, folder: &str) -> String {
    let mut text = format!("added {} pictures and {} places", HumanCount(merged.added), HumanCount(merged.places));
    for (count, what) in
        [(merged.shared, "pictures were there already"), (merged.older, "places were known from a later time")]
    {
        if count > 0 {
            text.push_str(&format!(", {} {what}", HumanCount(count)));
        }
    }
    let plural = if pictures == 1 { "" } else { "s" };
    text.push_str(&format!("\nthe index holds {} picture{plural} at {folder}", HumanCount(pictures)));
    if merged.interrupted {
        text.push_str("\nstopped: what was done is kept, run again to go on");
    }
    text
}
