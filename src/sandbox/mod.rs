//! The process without a way out: no network, no writing, no other programs, enforced by the kernel.
//!
//! A search enters it before the first byte of a query is read and never leaves; so does the process that reads the
//! query (`worker`). On Linux two layers stand behind each other: Landlock refuses by what a path leads to, seccomp by
//! system call. On systems that have neither, ris says so.

#![allow(unsafe_code, reason = "system calls")]

#[cfg(target_os = "linux")]
mod apart;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod linux;
mod probes;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
pub mod worker;

use std::io;
use std::path::PathBuf;

#[cfg(target_os = "linux")]
pub use apart::{apart, apart_writing};
#[cfg(target_os = "linux")]
pub use probes::Decoding;
pub use probes::{Probe, probe};

/// Runs `work` and gives what it returned: here threads that it leaves are no gap, since nothing is enforced.
///
/// # Errors
/// None here.
#[cfg(not(target_os = "linux"))]
pub fn apart(work: impl FnOnce() -> u8) -> io::Result<u8> {
    Ok(work())
}

/// The same, and what it wrote.
///
/// # Errors
/// None here.
#[cfg(not(target_os = "linux"))]
pub fn apart_writing(work: impl FnOnce(&mut Vec<u8>) -> u8) -> io::Result<(u8, Vec<u8>)> {
    let mut written = Vec::new();
    Ok((work(&mut written), written))
}

/// What a confined process may still do.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Folders all of which may be read: the indexes.
    pub folders: Vec<PathBuf>,
    /// Files that may be read: a query. What does not exist or is a folder is left out. One that names a
    /// [descriptor] keeps that open; stdin, too, is closed unless it is named here.
    pub files: Vec<PathBuf>,
    /// Open descriptors, besides stdout and stderr, that may be written.
    #[cfg(unix)]
    pub writable: Vec<std::os::fd::RawFd>,
    /// Open descriptors that are kept to be read.
    #[cfg(unix)]
    pub open: Vec<std::os::fd::RawFd>,
    /// It decodes what a stranger wrote: no threads are wanted, and no memory that is shared with a file.
    pub decodes: bool,
}

/// The descriptor that a path such as /dev/fd/63, a shell's `<(command)`, stands for.
#[cfg(unix)]
pub fn descriptor(path: &std::path::Path) -> Option<std::os::fd::RawFd> {
    use std::path::Path;
    if path == Path::new(STDIN) {
        return Some(0);
    }
    let is_one = ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.parent() == Some(Path::new(folder)));
    is_one.then(|| path.file_name()?.to_str()?.parse().ok().filter(|&fd| fd >= 0))?
}

/// The path of stdin.
#[cfg(unix)]
pub const STDIN: &str = "/dev/stdin";

/// How much of the sandbox stands, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Posture {
    /// All layers stand: the kernel refuses network, writing and other programs by two of them.
    Enforced,
    /// One of the layers is missing on this system.
    Partial,
    /// Nothing is enforced.
    None,
}

impl Posture {
    /// The weaker of two: what is true of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }

    /// The posture that is this number; none where that is another's.
    pub fn from_number(number: u8) -> Self {
        [Self::Enforced, Self::Partial].into_iter().find(|posture| *posture as u8 == number).unwrap_or(Self::None)
    }

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Partial => "partial",
            Self::None => "none",
        }
    }
}

/// What was enforced, layer by layer.
#[derive(Clone, Debug)]
pub struct Report {
    /// In one word.
    pub posture: Posture,
    /// Each layer's name, whether it stands, and what it does or why it does not stand.
    pub layers: Vec<Layer>,
}

/// One means of confinement.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its name.
    pub name: &'static str,
    /// Whether it stands.
    pub enforced: bool,
    /// What it does, or why it does not stand.
    pub note: String,
}

/// Confines this process for good, as far as the system can.
///
/// To be called while the process has one thread: those started later are confined as it is. Descriptors that the policy
/// does not name are closed, whoever owns them.
///
/// # Errors
/// Where other threads run, which Landlock would not confine.
pub fn enter(policy: &Policy) -> io::Result<Report> {
    #[cfg(target_os = "linux")]
    let layers = {
        linux::alone()?;
        linux::confine(policy)
    };
    #[cfg(not(target_os = "linux"))]
    let layers = {
        let _ = policy;
        let note = "this system has no means that ris knows: run it where there is no network, or on Linux";
        vec![Layer { name: "kernel", enforced: false, note: note.into() }]
    };
    let walls = layers.iter().filter(|layer| ["landlock", "seccomp"].contains(&layer.name) && layer.enforced).count();
    let posture = match walls {
        0 => Posture::None,
        _ if layers.iter().all(|layer| layer.enforced) => Posture::Enforced,
        _ => Posture::Partial,
    };
    Ok(Report { posture, layers })
}
