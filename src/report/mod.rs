//! Answers -> bytes, in the forms that people and scripts read.

pub mod drawing;
pub mod escape;
pub mod json;
pub mod paths;
pub mod text;
pub mod upkeep;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Result;
use crate::index::{Offline, Reader, SourceRecord, State, Totals};
use crate::ingest::NOT_A_PICTURE;
use crate::locator::Locator;
use crate::sandbox::Posture;
use crate::search::Answer;

/// One query and what came of it.
#[derive(Debug)]
pub struct Told<'a> {
    /// The query's name as the user gave it.
    pub query: &'a Path,
    /// What was found, or why nothing could be searched for.
    pub outcome: Result<Answer>,
    /// How long it took, reading the query included.
    pub elapsed: Duration,
    /// How much of the sandbox stood meanwhile.
    pub sandbox: Posture,
}

/// How text for people looks.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Paths are OSC 8 links to their files.
    pub hyperlink: bool,
    /// For a terminal: control and bidirectional characters in names are escaped.
    pub escape: bool,
    /// Each answer stands below its query's name.
    pub headings: bool,
    /// Paths below this folder are shown relative to it.
    pub here: Option<PathBuf>,
}

/// What an index is and holds.
#[derive(Clone, Debug)]
pub struct IndexState {
    /// Its folder.
    pub folder: PathBuf,
    /// Its places are relative to the folder that it stands in.
    pub portable: bool,
    /// Its format version.
    pub format: u32,
    /// What it holds.
    pub totals: Totals,
    /// Its size on disk in bytes.
    pub bytes: u64,
    /// What was named to be indexed, and whether it can be reached now.
    pub roots: Vec<Root>,
    /// Folders below these on which a disk was mounted when they were walked.
    pub mounts: Vec<Root>,
    /// Places that claim to hold a picture and can't be read, with the reason.
    pub failures: Vec<SourceRecord>,
    /// Places of pictures that this build does not read, with the reason; `None`: not asked for.
    pub unsupported: Option<Vec<SourceRecord>>,
    /// Addresses that crawls have still to fetch.
    pub pending: u64,
}

/// A folder or file that was named to be indexed.
#[derive(Clone, Debug)]
pub struct Root {
    /// Where.
    pub source: Locator,
    /// It can't be reached now: unplugged, unmounted or gone.
    pub offline: bool,
    /// Places below it where a picture stood when it was last seen.
    pub sources: u64,
}

impl IndexState {
    /// Looks at the index and at its roots.
    ///
    /// # Errors
    /// `Damaged`, `Io`.
    pub fn of(reader: &Reader) -> Result<Self> {
        let offline = Offline::of(reader)?;
        let mut counted = HashMap::new();
        let mut of = |root: &Locator| Root::of(reader, root, &offline, &mut counted);
        let roots = reader.roots().iter().map(&mut of).collect::<Result<_>>()?;
        let mounts = reader.mounts().iter().map(&mut of).collect::<Result<_>>()?;
        Ok(Self {
            folder: reader.folder().canonicalize().unwrap_or_else(|_| reader.folder().to_owned()),
            portable: reader.is_portable(),
            format: reader.format(),
            totals: reader.totals()?,
            bytes: reader.disk_bytes()?,
            roots,
            mounts,
            failures: reader.sources_in(State::Failed)?,
            unsupported: None,
            pending: reader.pending(),
        })
    }

    /// Looks for pictures that were left out since they can't be read, too; files that are none are not told.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn with_unsupported(mut self, reader: &Reader) -> Result<Self> {
        let mut unsupported = Vec::new();
        reader.each_in(State::Skipped, |record| {
            if record.note != NOT_A_PICTURE {
                unsupported.push(record);
            }
            Ok(())
        })?;
        unsupported.sort_by(|a, b| a.locator.cmp(&b.locator));
        self.unsupported = Some(unsupported);
        Ok(self)
    }

    /// Places of pictures below roots, or below what was mounted there, that can't be reached now.
    pub fn offline(&self) -> u64 {
        let of_roots: u64 = self.roots.iter().filter(|root| root.offline).map(|root| root.sources).sum();
        let counted = |mount: &Root| {
            self.roots.iter().any(|root| root.offline && mount.source.file().starts_with(root.source.file()))
        };
        let mounts = self.mounts.iter().filter(|mount| mount.offline && !counted(mount));
        of_roots + mounts.map(|mount| mount.sources).sum::<u64>()
    }
}

impl Root {
    /// Places that were `counted` below the same one are not counted again.
    fn of(reader: &Reader, root: &Locator, offline: &Offline, counted: &mut HashMap<Locator, u64>) -> Result<Self> {
        let offline = offline.holds(root);
        let locator = match root.url() {
            // Of a crawl, all that its host holds.
            Some(url) => {
                let end = url.match_indices('/').nth(2).map_or(url.len(), |(end, _)| end);
                Locator::Url(url.get(..end).unwrap_or(url).to_owned())
            }
            None => root.clone(),
        };
        if let Some(&sources) = counted.get(&locator) {
            return Ok(Self { source: root.clone(), offline, sources });
        }
        let mut sources = 0;
        let mut count = |state| sources += u64::from(state == State::Present);
        if let Some(known) = reader.known(&locator)? {
            count(known.state);
        }
        reader.each_below(&locator, |known| {
            count(known.state);
            Ok(())
        })?;
        counted.insert(locator, sources);
        Ok(Self { source: root.clone(), offline, sources })
    }
}

/// A path's own bytes where the platform has them.
#[cfg(unix)]
fn path_bytes(path: &Path) -> std::borrow::Cow<'_, [u8]> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().into()
}

#[cfg(not(unix))]
fn path_bytes(path: &Path) -> std::borrow::Cow<'_, [u8]> {
    path.to_string_lossy().into_owned().into_bytes().into()
}

/// A source's own bytes.
fn source_bytes(source: &Locator) -> std::borrow::Cow<'_, [u8]> {
    named(source.file(), source)
}

/// The bytes of a source, its file named by `path`.
fn named<'a>(path: &'a Path, source: &Locator) -> std::borrow::Cow<'a, [u8]> {
    let mut bytes = path_bytes(path);
    let inside = source.inside();
    if !inside.is_empty() {
        bytes.to_mut().extend(inside);
    }
    bytes
}
