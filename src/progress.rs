//! What a long run tells while it runs, and how it is asked to stop. The library never draws.

use crate::error::Error;

/// Something happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// So many files, with so many bytes, are known to lie ahead, all told so far.
    Found {
        /// Files.
        files: u64,
        /// Their size in bytes.
        bytes: u64,
    },
    /// All that lies ahead has been found.
    FoundAll,
    /// One file was dealt with.
    Done {
        /// Its size in bytes.
        bytes: u64,
    },
    /// A crawl got an answer; all counts are of this run.
    Crawled {
        /// Pages fetched.
        pages: u64,
        /// Pictures fetched.
        images: u64,
        /// Bytes received.
        bytes: u64,
        /// Hosts that must be left alone for a while.
        waiting: u64,
        /// Addresses that are still to be fetched.
        queued: u64,
    },
    /// An index of an earlier format is rewritten in today's; told at the start, too, with none.
    TakenOver {
        /// Pictures that are done.
        pictures: u64,
        /// All that there are.
        of: u64,
    },
    /// One file is damaged and was dealt with as far as it goes.
    Warned(&'a Error),
    /// One file could not be; the run goes on.
    Failed(&'a Error),
}

/// Hears of events, from any thread.
pub trait Progress: Sync {
    /// Hears of one event.
    fn event(&self, event: Event<'_>);

    /// Whether the totals of [`Event::Found`] are wanted: they cost a second walk.
    fn wants_totals(&self) -> bool {
        false
    }

    /// Whether the run is to stop: what is done is committed, what isn't is left for the next run.
    fn stop(&self) -> bool {
        false
    }
}

/// Hears nothing, never stops.
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _event: Event<'_>) {}
}
