//! Where a picture stands ([`Locator`]) and how to see cheaply that it changed ([`Stamp`]).

use std::fmt;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The place of a picture, as the user would name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Locator {
    /// A file on this machine.
    Path(PathBuf),
    /// An address on the web, http or https.
    Url(String),
    /// A place inside an archive.
    Inside {
        /// The archive's file.
        archive: PathBuf,
        /// The name of the entry as the archive has it; before it the name of the archive that holds it, where that
        /// stands in the first. No name holds a NUL, and none is ever used as a path.
        names: Vec<Vec<u8>>,
    },
    /// A page or frame of a file that holds several pictures; the first is the file itself.
    Page {
        /// The file: a path, or a place inside an archive.
        of: Box<Locator>,
        /// Which, counted from 1: 2 at least.
        number: u32,
    },
}

impl Locator {
    /// The path, where the picture is a file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Inside { .. } | Self::Page { .. } | Self::Url(_) => None,
        }
    }

    /// The file that holds the picture: itself, the archive, or that of which it is a page. Of an address on the web what
    /// reads like one, and is never the name of any, since it is not absolute.
    pub fn file(&self) -> &Path {
        match self {
            Self::Path(path) | Self::Inside { archive: path, .. } => path,
            Self::Page { of, .. } => of.file(),
            Self::Url(url) => Path::new(url),
        }
    }

    /// The address, where the picture is on the web.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Url(url) => Some(url),
            Self::Page { of, .. } => of.url(),
            _ => None,
        }
    }

    /// The same place in another file.
    pub fn in_file(self, path: PathBuf) -> Self {
        match self {
            Self::Path(_) => Self::Path(path),
            Self::Inside { names, .. } => Self::Inside { archive: path, names },
            Self::Page { of, number } => of.in_file(path).page(number),
            Self::Url(url) => Self::Url(url),
        }
    }

    /// Page or frame `number` of what stands here, 2 at least.
    pub fn page(&self, number: u32) -> Self {
        Self::Page { of: Box::new(self.clone()), number }
    }

    /// The place of a root, from the text by which it is kept.
    pub fn of_root(root: &str) -> Self {
        if root.contains("://") { Self::Url(root.to_owned()) } else { Self::Path(root.into()) }
    }

    /// What follows the file's path where the picture is inside: `!/inner/name.jpg`, `#2`.
    pub fn inside(&self) -> Vec<u8> {
        match self {
            Self::Path(_) | Self::Url(_) => Vec::new(),
            Self::Inside { names, .. } => {
                names.iter().flat_map(|name| [b"!/", name.as_slice()]).flatten().copied().collect()
            }
            Self::Page { of, number } => [of.inside(), format!("#{number}").into_bytes()].concat(),
        }
    }
}

impl From<PathBuf> for Locator {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for Locator {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

/// As text; bytes that are not UTF-8 are replaced.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
            Self::Inside { .. } | Self::Page { .. } => {
                write!(f, "{}{}", self.file().display(), String::from_utf8_lossy(&self.inside()))
            }
        }
    }
}

/// What a file system tells of a file without reading it. Equal stamps: taken as unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Size in bytes.
    pub bytes: u64,
    /// Last modification, in nanoseconds since 1970.
    pub modified_ns: i64,
}

impl Stamp {
    /// Size and time of a file.
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let modified_ns = modified.map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
        });
        Self { bytes: metadata.len(), modified_ns }
    }
}
