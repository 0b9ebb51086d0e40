//! Descriptions kept on disk and found again.
//!
//! An index is a folder: `format.json` (which format, which recipe of description), `documents/` (a
//! tantivy index), `features/` (files of local features that tantivy's commit names), `crawls/` (what crawls have fetched),
//! `copies/` (of what a repair can't do without) and a lock. tantivy's commit is the one commit point: what a commit names
//! is the index, whatever else lies in the folder.
//!
//! Pictures and their sources are separate documents. A picture is what its bytes are (a BLAKE3
//! digest), described once; a source is a place where these bytes stand. So a moved, touched or copied
//! file costs one small document and no decoding, and hard links are one picture with several sources.

#[allow(unsafe_code, reason = "files as memory, wider instructions")]
pub mod local;

mod alike;
mod base;
mod beneath;
mod checked;
mod committed;
mod directory;
mod documents;
mod each;
pub mod filter;
mod format;
mod formats;
pub mod ledger;
mod merge;
mod merging;
mod opened;
mod reader;
mod repair;
mod roots;
mod schema;
mod segments;
mod select;
mod stored;
mod verify;
mod writer;

use std::fmt;

pub use format::FORMAT;
pub use merge::{Merged, merge};
pub use reader::{Candidate, Facts, Known, Reader, Totals};
pub use repair::{Repaired, repair};
pub use roots::Offline;
pub use select::Selection;
pub use verify::{Checked, Damage, verify};
pub use writer::{Options, Writer};

use crate::decode::metadata::Metadata;
use crate::describe::hash::PerceptualHash;
use crate::locator::{Locator, Stamp};

/// BLAKE3 of a picture file's bytes: two files with the same digest are the same picture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of page `number` of the file that has this one.
    pub fn page(&self, number: u32) -> Self {
        Self::of(&[&self.0[..], &number.to_le_bytes()].concat())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Number of a picture within one index; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PictureId(pub u32);

/// A picture as the index keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureRecord {
    /// Digest of its file.
    pub digest: Digest,
    /// PDQ of the whole picture.
    pub hash: PerceptualHash,
    /// PDQ's quality, 0 to 100.
    pub quality: u8,
    /// Its local features.
    pub sketch: local::Sketch,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// Name of the file format, as [`Format::name`](crate::decode::Format::name) gives it.
    pub format: &'static str,
    /// Size of its file in bytes.
    pub bytes: u64,
    /// Whether its file is damaged and these are only the rows that could be read.
    pub partial_data: bool,
    /// What its file says of how it came about.
    pub metadata: Metadata,
}

/// What the last look at a source found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// A picture that is described in the index.
    Present,
    /// The picture was there once and is gone; its description is kept.
    Missing,
    /// It claims to be a picture and can't be read; the note says why.
    Failed,
    /// It is no picture that this build reads; the note says what it is.
    Skipped,
    /// It is an archive and was read to its end; what it holds are places of their own.
    Archive,
}

/// One place and what was found there.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRecord {
    /// Where.
    pub locator: Locator,
    /// Size and time when it was last read.
    pub stamp: Stamp,
    /// What was found.
    pub state: State,
    /// The picture that stands there; `None` unless present or missing.
    pub picture: Option<PictureId>,
    /// Why it failed or was skipped; empty for a picture.
    pub note: String,
    /// How many pictures at most were looked for in this file, which may hold several, or in each of an archive; else 1.
    pub pages: u32,
    /// Where it was shown, if it comes from the web.
    pub shown: Option<Box<Shown>>,
}

/// Where a picture from the web was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The pages that show it, at most [`MAX_PAGES`](ledger::MAX_PAGES); none where nobody said.
    pub on: Vec<Page>,
    /// When it was fetched, in seconds since 1970.
    pub fetched_s: i64,
}

/// A page that shows a picture, and what it says of it. What it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Page {
    /// The page's URL.
    pub url: String,
    /// The page's title.
    pub title: String,
    /// The picture's text for those who can't see it.
    pub alt: String,
    /// The text below it.
    pub caption: String,
}
