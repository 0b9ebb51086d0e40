//! What the places of an index are relative to: nothing, or the folder that a portable index stands in.
//!
//! A portable index travels with its disk. It keeps `./photos/a.jpg` for what stands below the folder that holds it,
//! wherever that is mounted today. Outside of the index all places are absolute: they are translated where they go in
//! and come out, so that nobody else need know.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::locator::Locator;

/// What stands for the folder itself: a path that is never absolute, so that what stands below it is a range of keys.
const HERE: &str = ".";

/// The folder that places are kept relative to; none where they are kept as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Base(Option<PathBuf>);

impl Base {
    /// That of the index in `folder`.
    ///
    /// # Errors
    /// `Io` where the index is portable and it can't be told where it stands.
    pub fn of(folder: &Path, portable: bool) -> Result<Self> {
        if !portable {
            return Ok(Self(None));
        }
        let absolute = folder.canonicalize().map_err(|error| Error::io(error).about(folder))?;
        let message = "a portable index stands in a folder: it can't be the root of a disk";
        let above = absolute.parent().ok_or_else(|| Error::new(ErrorKind::Usage, message).about(folder))?;
        Ok(Self(Some(above.to_owned())))
    }

    /// The place as the index keeps it.
    ///
    /// # Errors
    /// `Usage` where it can't be kept: it is not below the folder.
    pub fn kept<'a>(&self, locator: &'a Locator) -> Result<Cow<'a, Locator>> {
        // An address on the web is the same everywhere.
        let Some(base) = self.0.as_ref().filter(|_| locator.url().is_none()) else { return Ok(Cow::Borrowed(locator)) };
        match locator.file().strip_prefix(base) {
            Ok(below) if below.as_os_str().is_empty() => Ok(Cow::Owned(locator.clone().in_file(HERE.into()))),
            Ok(below) => Ok(Cow::Owned(locator.clone().in_file(Path::new(HERE).join(below)))),
            Err(_) => {
                let message = format!(
                    "a portable index holds what is below its own folder alone, {}: name another with --index",
                    base.display()
                );
                Err(Error::new(ErrorKind::Usage, message).about(locator.clone()))
            }
        }
    }

    /// The same for a place below which, or inside which, others are looked for: all that are kept are below what is
    /// above the folder. `None`: nothing is below it.
    pub fn kept_above<'a>(&self, locator: &'a Locator) -> Option<Cow<'a, Locator>> {
        match &self.0 {
            Some(base) if base.starts_with(locator.file()) => Some(Cow::Owned(locator.clone().in_file(HERE.into()))),
            _ => self.kept(locator).ok(),
        }
    }

    /// Where a place that is kept stands today.
    pub fn told(&self, kept: Locator) -> Locator {
        match &self.0 {
            Some(base) => {
                let path = self.path(kept.file(), base);
                kept.in_file(path)
            }
            None => kept,
        }
    }

    fn path(&self, kept: &Path, base: &Path) -> PathBuf {
        match kept.strip_prefix(HERE) {
            Ok(below) if below.as_os_str().is_empty() => base.to_owned(),
            Ok(below) => base.join(below),
            Err(_) => kept.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::schema::keys_below;

    fn path(path: &str) -> Locator {
        Locator::from(Path::new(path))
    }

    #[test]
    fn a_place_that_is_kept_relative_is_told_for_where_its_folder_stands_now() {
        let (before, after) = (Base(Some("/mnt/disk".into())), Base(Some("/media/x".into())));
        for (place, moved) in [("/mnt/disk", "/media/x"), ("/mnt/disk/a.jpg", "/media/x/a.jpg")] {
            let kept = before.kept(&path(place)).unwrap().into_owned();
            assert_eq!((before.told(kept.clone()), after.told(kept)), (path(place), path(moved)));
        }
        let inside = Locator::Inside { archive: "/mnt/disk/b/a.zip".into(), names: vec![b"x.jpg".to_vec()] };
        let moved = Locator::Inside { archive: "/media/x/b/a.zip".into(), names: vec![b"x.jpg".to_vec()] };
        assert_eq!(after.told(before.kept(&inside).unwrap().into_owned()), moved);
        for outside in ["/mnt", "/mnt/disk2/a.jpg", "/", "relative.jpg"] {
            assert_eq!(before.kept(&path(outside)).unwrap_err().kind(), ErrorKind::Usage, "{outside}");
        }
        assert_eq!(Base(None).kept(&path("/mnt/a")).unwrap().as_ref(), &path("/mnt/a"));
    }

    #[test]
    fn all_that_is_kept_is_below_the_folder_and_what_is_above_it_and_nothing_below_its_neighbours() {
        let base = Base(Some("/mnt/disk".into()));
        let kept = base.kept(&path("/mnt/disk/a/b.jpg")).unwrap().into_owned();
        let key = kept.file().to_str().unwrap().as_bytes().to_vec();
        let below = |place: &str| {
            let ranges = base.kept_above(&path(place)).map(|place| keys_below(&place));
            ranges.is_some_and(|ranges| ranges.iter().any(|(from, to)| *from <= key && key < *to))
        };
        for place in ["/", "/mnt", "/mnt/disk", "/mnt/disk/", "/mnt/disk/a"] {
            assert!(below(place), "{place}");
        }
        for place in ["/mnt/disk/b", "/mnt/disk/a/b", "/media", "/mnt/dis"] {
            assert!(!below(place), "{place}");
        }
    }
}
