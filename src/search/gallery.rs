//! Several indexes, searched as if they were one.

use std::time::Instant;

use super::{Answer, Options, Query, searched, selection};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Offline, Reader, Selection};

/// An index that is searched, and what needs to be asked of it only once.
pub struct Gallery {
    reader: Reader,
    /// Its roots that can't be reached now.
    offline: Offline,
    selected: Option<Selection>,
    searched: u64,
}

impl Gallery {
    /// Asks an index which of its pictures `options` limit a search to, and which of its roots are offline.
    ///
    /// # Errors
    /// `Damaged`; `Usage` for what can't be asked of a field.
    pub fn of(reader: Reader, options: &Options) -> Result<Self> {
        let selected = selection(&reader, options)?;
        let searched = searched(&reader, selected.as_ref())?;
        Ok(Self { offline: Offline::of(&reader)?, reader, selected, searched })
    }
}

/// Finds where a query's picture stands in several indexes, and ranks what they hold
/// together; a place that two of them know is told once. Returns with it what went wrong with single indexes: what the
/// others hold is told. What `options` say of `offline`, `within` and `filter` was
/// asked when a gallery was made.
///
/// One index is searched after the other, so that it takes the memory of one.
///
/// # Errors
/// `Damaged` where none of the indexes could be searched.
pub fn search_all(galleries: &[Gallery], query: &Query, options: &Options) -> Result<(Answer, Vec<Error>)> {
    let started = Instant::now();
    let (mut matches, mut searched, mut errors) = (Vec::new(), 0, Vec::new());
    for gallery in galleries {
        let options = Options { offline: gallery.offline.clone(), ..options.clone() };
        match query.matches(&gallery.reader, gallery.selected.as_ref(), &options) {
            Ok(found) => {
                matches.extend(found);
                searched += gallery.searched;
            }
            Err(error) if error.kind() == ErrorKind::Damaged => errors.push(error.about(gallery.reader.folder())),
            Err(error) => errors.push(error),
        }
    }
    match errors.pop() {
        Some(error) if errors.len() + 1 == galleries.len() => Err(error),
        error => {
            errors.extend(error);
            Ok((query.answer(matches, searched, started, options), errors))
        }
    }
}
