//! The folders and files that were named to be indexed, and whether they can be reached now.
//!
//! A disk that is unplugged takes its mount point with it, or leaves it behind, empty. A root that is not there, or
//! empty where the index knew pictures, is *offline*: nothing is known of what stands on it, least of all that it is
//! gone. The same goes for a folder below a root on which a disk was mounted. Roots are asked for, never single pictures: in a search that would tell a network disk what was found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Reader, State};
use crate::error::{Error, ErrorKind, Result};
use crate::locator::Locator;

/// Where a folder may not be listed (in the sandbox), so many of its known places are looked for instead.
const SAMPLE: usize = 16;

/// The roots of an index that can't be reached.
#[derive(Clone, Debug, Default)]
pub struct Offline(BTreeSet<PathBuf>);

impl Offline {
    /// Looks at each root of `reader`, and at each folder below one on which a disk was mounted.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn of(reader: &Reader) -> Result<Self> {
        let mut roots = BTreeSet::new();
        for root in reader.roots().iter().chain(reader.mounts()) {
            // Whether an address can be reached is asked by who crawls it.
            if !root.contains("://") && is_offline(reader, Path::new(root))? {
                roots.insert(PathBuf::from(root));
            }
        }
        Ok(Self(roots))
    }

    /// Whether a place is one of these roots or stands below one.
    pub fn holds(&self, locator: &Locator) -> bool {
        self.root_of(locator.file()).is_some()
    }

    /// Those of them that stand below a folder, and not below another.
    pub fn below(&self, folder: &Path) -> impl Iterator<Item = &Path> {
        let nested = |path: &Path| path.parent().is_some_and(|above| self.root_of(above).is_some());
        self.0
            .iter()
            .map(PathBuf::as_path)
            .filter(move |path| path.starts_with(folder) && *path != folder && !nested(path))
    }

    /// The nearest of these roots that `path` is or stands below.
    pub fn root_of(&self, path: &Path) -> Option<&Path> {
        path.ancestors().find_map(|above| self.0.get(above)).map(PathBuf::as_path)
    }
}

fn is_offline(reader: &Reader, root: &Path) -> Result<bool> {
    // Names that are not UTF-8 are kept with replacements: nothing can be said of them.
    if root.to_string_lossy().contains(char::REPLACEMENT_CHARACTER) {
        return Ok(false);
    }
    let there = root.metadata().is_ok();
    if reader.known(&Locator::from(root))?.is_some() {
        // A file that was named by itself is gone where its folder is there and holds other things.
        return Ok(!there && root.parent().is_none_or(|folder| is_empty(folder).unwrap_or(true)));
    }
    if !there {
        return Ok(true);
    }
    let listed = is_empty(root);
    if matches!(listed, Some(false)) {
        return Ok(false);
    }
    let mut sample = Vec::new();
    let visited = reader.each_below(&Locator::from(root), |known| {
        if known.state == State::Present {
            sample.push(reader.source(&known)?.locator);
        }
        if sample.len() < SAMPLE { Ok(()) } else { Err(Error::new(ErrorKind::Interrupted, "enough")) }
    });
    match visited {
        Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
        _ => {}
    }
    let is_there = |locator: &Locator| locator.file().symlink_metadata().is_ok();
    Ok(!sample.is_empty() && !sample.iter().any(is_there))
}

/// Whether a folder holds nothing; `None` where it can't be listed.
fn is_empty(folder: &Path) -> Option<bool> {
    fs::read_dir(folder).ok().map(|mut entries| entries.next().is_none())
}
