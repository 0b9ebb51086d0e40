//! What was named to be indexed -> what is there, and what is offline.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::index::Offline;
use crate::source::folder;

/// A root that was named.
pub(super) enum Reached {
    Root(PathBuf),
    /// Known to the index, and offline.
    Not(PathBuf),
}

impl Reached {
    pub fn path(&self) -> &Path {
        let (Self::Root(path) | Self::Not(path)) = self;
        path
    }
}

/// Tells a root that is there from one that is offline.
///
/// # Errors
/// `Io` where it is neither.
pub(super) fn reached(root: &Path, offline: &Offline) -> Result<Reached> {
    match folder::resolve(root) {
        Ok(path) if offline.root_of(&path).is_none() => Ok(Reached::Root(path)),
        Ok(path) => Ok(Reached::Not(path)),
        Err(error) => {
            let lost = folder::resolve_lost(root);
            if offline.root_of(&lost).is_some() { Ok(Reached::Not(lost)) } else { Err(error) }
        }
    }
}
