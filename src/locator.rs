//! Where a picture stands ([`Locator`]) and how to see cheaply that it changed ([`Stamp`]).

use std::fmt;
use std::path::{Path, PathBuf};

/// The place of a picture, as the user would name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Locator {
    /// A file on this machine.
    Path(PathBuf),
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
            Self::Inside { .. } | Self::Page { .. } => None,
        }
    }

    /// The file that holds the picture: itself, the archive, or that of which it is a page.
    pub fn file(&self) -> &Path {
        match self {
            Self::Path(path) | Self::Inside { archive: path, .. } => path,
            Self::Page { of, .. } => of.file(),
        }
    }

    /// Page or frame `number` of what stands here, 2 at least.
    pub fn page(&self, number: u32) -> Self {
        Self::Page { of: Box::new(self.clone()), number }
    }

    /// What follows the file's path where the picture is inside: `!/inner/name.jpg`, `#2`.
    pub fn inside(&self) -> Vec<u8> {
        match self {
            Self::Path(_) => Vec::new(),
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
