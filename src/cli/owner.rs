//! Whose an index is: one that nobody named is taken only where it is the user's own.
//!
//! An index is data from whoever made it, and what is indexed into it can be read by them. The rule is that of git's
//! `safe.directory`: the folder must belong to the effective user; to root also what belongs to the user who called
//! sudo. Git looks at the folder alone. Here each file in it counts, too, since others may be allowed to write there;
//! those of root are taken, since sudo leaves some. Modes are not looked at: disks without permissions show all as open
//! to everyone. Where there are no owners (Windows), nothing is checked.

use std::path::Path;

use ris::Result;

#[cfg(not(unix))]
pub fn check(_folder: &Path) -> Result<()> {
    Ok(())
}

/// Refuses the index in `folder`, if there is one, where it or a file in it belongs to somebody else.
///
/// # Errors
/// `Usage`, with the remedy.
#[cfg(unix)]
pub fn check(folder: &Path) -> Result<()> {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use ris::{Error, ErrorKind};

    const REMEDY: &str = "if you trust it, name it with --index";

    let user = rustix::process::geteuid().as_raw();
    let caller = std::env::var("SUDO_UID").ok().filter(|_| user == ROOT).and_then(|uid| uid.parse().ok());
    let is_own = |uid: u32| uid == user || Some(uid) == caller;
    // The link and what it leads to. What is not there is nobody's; what can't be seen, its reader will say.
    for metadata in [fs::symlink_metadata(folder), fs::metadata(folder)].into_iter().flatten() {
        if !is_own(metadata.uid()) {
            let message = format!("this index belongs to another user (uid {}): {REMEDY}", metadata.uid());
            return Err(Error::new(ErrorKind::Usage, message).about(folder));
        }
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if !is_own(metadata.uid()) && metadata.uid() != ROOT {
                let message =
                    format!("a file in this index belongs to another user (uid {}): {REMEDY}", metadata.uid());
                return Err(Error::new(ErrorKind::Usage, message).about(entry.path()));
            }
            // An index has one level of folders; deeper ones are not its own.
            if metadata.is_dir() && below == folder {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
const ROOT: u32 = 0;
