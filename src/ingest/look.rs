//! What looking at a file takes, and what it comes to, be the file in a folder, an archive or on the web.

use std::path::Path;

use super::budget::Budget;
use super::reading::Turns;
use super::seen::Seen;
use super::{Options, Outcome};
use crate::decode;
use crate::error::{Error, ErrorKind};
use crate::index::{Known, PictureId, PictureRecord, Reader};
use crate::locator::Stamp;

/// What a file is.
pub(super) enum Examined {
    /// As the index knows it, with its note.
    Unchanged(Known, String),
    /// A picture that the index has; `touched` where it stood in this very place, with another time.
    Picture { stamp: Stamp, id: PictureId, touched: bool, replaces: Option<PictureId> },
    /// A picture that the index does not have.
    Described { stamp: Stamp, picture: Box<PictureRecord>, replaces: Option<PictureId> },
    /// A picture whose bytes were described in this run already, at another place.
    #[cfg(feature = "crawl")]
    Twin { stamp: Stamp, digest: crate::index::Digest, replaces: Option<PictureId> },
    /// An archive that was read to its end.
    Archive { stamp: Stamp, replaces: Option<PictureId> },
    /// It claims to be a picture and can't be read.
    Failed { stamp: Stamp, error: Error, replaces: Option<PictureId> },
    /// It is no picture that this build reads.
    Skipped { stamp: Stamp, reason: String, replaces: Option<PictureId> },
}

/// What looking at files takes.
pub(super) struct Look<'a> {
    pub before: &'a Reader,
    pub seen: &'a Seen,
    pub options: &'a Options,
    pub budget: &'a Budget,
    pub turns: &'a Turns,
}

/// What a worker holds besides a file and its pixels while it describes: measured, 9 MB.
pub(super) const DESCRIBING: u64 = 16 << 20;

/// What a run goes by while it reads archives.
pub(super) struct Way<'a> {
    /// Takes what came of an entry; an error where the run has ended.
    pub send: &'a (dyn Fn(Outcome) -> std::result::Result<(), ()> + Sync),
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

pub(super) fn stopped() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped")
}

pub(super) fn picture_of(known: Option<Known>) -> Option<PictureId> {
    known.and_then(|known| known.picture)
}

/// No picture that this build reads: skipped, unless the file or its user claims otherwise.
pub(super) fn refuse(name: &Path, named: bool, stamp: Stamp, reason: String, known: Option<Known>) -> Examined {
    let replaces = picture_of(known);
    if named || decode::claims_to_be_a_picture(name) {
        let reason = if stamp.bytes == 0 { "the file is empty".to_owned() } else { reason };
        return Examined::Failed { stamp, error: Error::new(ErrorKind::Malformed, reason), replaces };
    }
    Examined::Skipped { stamp, reason, replaces }
}
