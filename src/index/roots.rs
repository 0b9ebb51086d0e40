//! The folders and files that were named to be indexed, and whether they can be reached now.
//!
//! A disk that is unplugged takes its mount point with it, or leaves it behind, empty. A root that is not there, or
//! empty where the index knew pictures, is *offline*: nothing is known of what stands on it, least of all that it is
//! gone. The same goes for a folder below a root on which a disk was mounted. Roots are asked for, never single pictures: in a search that would tell a network disk what was found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::schema::{path_from_key, path_key};
use super::{Reader, State};
use crate::error::{Error, ErrorKind, Result};
use crate::locator::Locator;

/// Where a folder may not be listed (in the sandbox), so many of its known places are looked for instead.
const SAMPLE: usize = 16;

/// How a commit keeps the folders, files and addresses that were named to be indexed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Roots {
    roots: Vec<String>,
    /// Those whose names are not UTF-8: their bytes in base64. Earlier versions kept a text with replacements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roots_bytes: Vec<String>,
}

/// The same for the folders on which disks are mounted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Mounts {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mounts_bytes: Vec<String>,
}

impl Roots {
    /// Adds one; whether it is new.
    pub fn add(&mut self, place: &Locator) -> bool {
        add(&mut self.roots, &mut self.roots_bytes, place)
    }

    /// All of them, as they are kept.
    pub fn places(&self) -> Vec<Locator> {
        places(&self.roots, &self.roots_bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.roots.is_empty() && self.roots_bytes.is_empty()
    }

    /// Whether each can be read.
    pub fn are_sound(&self) -> bool {
        self.roots_bytes.iter().all(|bytes| from_base64(bytes).is_some())
    }
}

impl Mounts {
    /// Adds one; whether it is new.
    pub fn add(&mut self, place: &Locator) -> bool {
        add(&mut self.mounts, &mut self.mounts_bytes, place)
    }

    /// All of them, as they are kept.
    pub fn places(&self) -> Vec<Locator> {
        places(&self.mounts, &self.mounts_bytes)
    }

    /// Whether each can be read.
    pub fn are_sound(&self) -> bool {
        self.mounts_bytes.iter().all(|bytes| from_base64(bytes).is_some())
    }
}

fn add(texts: &mut Vec<String>, bytes: &mut Vec<String>, place: &Locator) -> bool {
    let text = place.to_string();
    let in_bytes =
        place.path().filter(|path| path.to_str().is_none()).map(|path| BASE64_STANDARD.encode(path_key(path)));
    // Where the system has no bytes of paths to go back to, the text is what there is.
    let in_bytes = in_bytes.filter(|bytes| from_base64(bytes).as_deref() == place.path());
    let (list, kept) = match in_bytes {
        Some(kept) => {
            // By which an earlier version kept it.
            texts.retain(|old| *old != text);
            (bytes, kept)
        }
        None => (texts, text),
    };
    let is_new = !list.contains(&kept);
    if is_new {
        list.push(kept);
    }
    is_new
}

fn places(texts: &[String], bytes: &[String]) -> Vec<Locator> {
    let texts = texts.iter().map(|text| Locator::of_root(text));
    texts.chain(bytes.iter().filter_map(|bytes| from_base64(bytes)).map(Locator::Path)).collect()
}

fn from_base64(bytes: &str) -> Option<PathBuf> {
    path_from_key(&BASE64_STANDARD.decode(bytes).ok()?)
}

/// The roots of an index that can't be reached.
#[derive(Clone, Debug, Default)]
pub struct Offline(BTreeSet<PathBuf>);

impl Offline {
    /// Looks at each root of `reader`, and at each folder below one on which a disk was mounted.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn of(reader: &Reader) -> Result<Self> {
        // Whether an address can be reached is asked by who crawls it.
        let paths = reader.roots().iter().chain(reader.mounts()).filter_map(Locator::path);
        let mut roots = BTreeSet::new();
        for root in spelt(reader, paths)? {
            if is_offline(reader, &root)? {
                roots.insert(root);
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

/// Roots by the names that they may have. Earlier versions kept one that is not UTF-8 with replacements: what it is called
/// shows in what stands below it. All places are looked at for that, once, until a run of indexing keeps its bytes.
fn spelt<'a>(reader: &Reader, roots: impl Iterator<Item = &'a Path>) -> Result<BTreeSet<PathBuf>> {
    let is_odd = |path: &Path| path.to_str().is_none_or(|text| text.contains(char::REPLACEMENT_CHARACTER));
    let (mut texts, mut names) = (BTreeSet::new(), BTreeSet::new());
    for root in roots {
        match root.to_str().filter(|_| is_odd(root)) {
            Some(text) => drop(texts.insert(text)),
            None => drop(names.insert(root.to_owned())),
        }
    }
    if texts.is_empty() {
        return Ok(names);
    }
    let mut found = BTreeSet::new();
    reader.each_source(|known| {
        let place = reader.source(&known)?.locator;
        for above in place.file().ancestors().take_while(|above| is_odd(above)) {
            if let Some(&text) = texts.get(above.to_string_lossy().as_ref()) {
                names.insert(above.to_owned());
                found.insert(text);
            }
        }
        Ok(())
    })?;
    names.extend(texts.difference(&found).map(PathBuf::from));
    Ok(names)
}

fn is_offline(reader: &Reader, root: &Path) -> Result<bool> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_earlier_versions_are_read_and_nothing_more_is_written_for_names_that_are_text() {
        let old = r#"{"roots":["/photos","https://example.org/"]}"#;
        let mut roots: Roots = serde_json::from_str(old).unwrap();
        assert_eq!(roots.places(), [Locator::Path("/photos".into()), Locator::Url("https://example.org/".into())]);
        assert!(!roots.add(&Locator::Path("/photos".into())) && roots.are_sound());
        assert_eq!(serde_json::to_string(&roots).unwrap(), old);
        let hostile: Roots = serde_json::from_str(r#"{"roots":[],"roots_bytes":["?"]}"#).unwrap();
        assert!(!hostile.are_sound() && hostile.places().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_is_kept_in_bytes_and_takes_the_place_of_its_text() {
        use std::os::unix::ffi::OsStrExt;
        let odd = Locator::Path(std::ffi::OsStr::from_bytes(b"/a\xFFb").into());
        let mut roots = Roots { roots: vec![odd.to_string(), "/c".into()], roots_bytes: Vec::new() };
        assert!(roots.add(&odd) && !roots.add(&odd));
        assert_eq!(roots.places(), [Locator::Path("/c".into()), odd.clone()]);
        let again: Roots = serde_json::from_str(&serde_json::to_string(&roots).unwrap()).unwrap();
        assert_eq!(again.places(), roots.places());
    }
}
