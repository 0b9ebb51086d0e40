//! What a crawl would ask for: pages are crawled, into an index that is thrown away, and pictures are named, not fetched.

use ::url::Url;

use super::{Crawl, run_of};
use crate::error::{Error, Result};
use crate::index::{self, Writer};
use crate::ingest::{Options, Summary};
use crate::progress::Progress;

/// An address that a crawl would ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// `page`, `sitemap` or `picture`.
    pub kind: &'static str,
    /// The address.
    pub url: String,
}

/// Hears of each address.
pub type Found<'a> = dyn FnMut(Planned) -> Result<()> + 'a;

/// Goes through all pages that a crawl would, by the same rules and with the same manners, and tells each address that is
/// fetched or would be, once it is certain that it would. What earlier crawls left or know is not considered.
///
/// # Errors
/// As [`crawl`](super::crawl), and those of `found`; `Io` where there is no room for what is to be remembered meanwhile.
pub fn plan(
    starts: &[Url],
    crawl: &Crawl,
    options: &Options,
    progress: &dyn Progress,
    found: &mut Found<'_>,
) -> Result<Summary> {
    let folder = tempfile::tempdir().map_err(|error| Error::io(error).about(std::env::temp_dir()))?;
    let mut writer = Writer::open(folder.path(), index::Options::default())?;
    let crawl = Crawl { warc: None, ..crawl.clone() };
    run_of(&mut writer, starts, &crawl, options, progress, Some(found))
}
