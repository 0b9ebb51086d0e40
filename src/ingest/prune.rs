//! Forgets what is really gone.

use std::collections::HashSet;
use std::path::PathBuf;

use super::run::is_gone;
use crate::error::Result;
use crate::index::{Known, Offline, PictureId, Reader, State, Writer};
use crate::locator::Locator;

/// What is to be forgotten.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only what stands below one of these folders, absolute; empty: everywhere.
    pub within: Vec<PathBuf>,
    /// Only what an earlier run of indexing found missing, and what still is.
    pub missing: bool,
    /// Below roots that can't be reached, too.
    pub offline: bool,
}

/// What is gone.
#[derive(Clone, Debug, Default)]
pub struct Gone {
    /// Places at which there is nothing any more, in order.
    pub sources: Vec<Locator>,
    /// Pictures that stand nowhere else.
    pub pictures: Vec<PictureId>,
    /// Places that may be gone and are kept, since their root can't be reached.
    pub offline: u64,
}

/// Looks for what is gone. Nothing is changed.
///
/// # Errors
/// `Damaged`.
pub fn gone(reader: &Reader, selection: &Selection) -> Result<Gone> {
    let offline = Offline::of(reader)?;
    let mut gone = Gone::default();
    let mut kept: HashSet<PictureId> = HashSet::new();
    let is_selected = |locator: &Locator| {
        selection.within.is_empty() || selection.within.iter().any(|folder| locator.file().starts_with(folder))
    };
    reader.each_source(|known: Known| {
        let mut forget = false;
        if !selection.missing || known.state == State::Missing {
            let locator = reader.source(&known)?.locator;
            if is_selected(&locator) {
                let unreachable = offline.holds(&locator);
                gone.offline += u64::from(unreachable && !selection.offline);
                // Of an archive, of pages in a file that is there, and of the web, the last look tells.
                let lost = locator.path().is_none() && known.state == State::Missing;
                forget = if unreachable { selection.offline } else { lost || is_gone(&locator) };
            }
            if forget {
                gone.sources.push(locator);
            }
        }
        kept.extend(known.picture.filter(|_| !forget));
        Ok(())
    })?;
    reader.each_picture(|id| {
        if !kept.contains(&id) {
            gone.pictures.push(id);
        }
        Ok(())
    })?;
    gone.sources.sort();
    Ok(gone)
}

/// Forgets what is gone, in one commit.
///
/// # Errors
/// `Io`, `Damaged`.
pub fn forget(writer: &mut Writer, gone: &Gone) -> Result<()> {
    for locator in &gone.sources {
        writer.forget_source(locator);
    }
    for id in &gone.pictures {
        writer.forget_picture(*id);
    }
    writer.commit()
}
