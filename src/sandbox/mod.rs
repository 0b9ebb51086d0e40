//! The process without a way out: no network, no writing, no other programs, enforced by the kernel.
//!
//! A search enters it before the first byte of a query is read and never leaves. On Linux two layers stand
//! behind each other: Landlock refuses by what a path leads to, seccomp by system call. On systems that have
//! neither, ris says so.

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

use std::path::PathBuf;

#[cfg(target_os = "linux")]
pub use apart::{apart, apart_writing};
pub use probes::{Probe, probe};

/// Runs `work` and gives what it returned: here threads that it leaves are no gap, since nothing is enforced.
///
/// # Errors
/// None here.
#[cfg(not(target_os = "linux"))]
pub fn apart(work: impl FnOnce() -> u8) -> std::io::Result<u8> {
    Ok(work())
}

/// The same, and what it wrote.
///
/// # Errors
/// None here.
#[cfg(not(target_os = "linux"))]
pub fn apart_writing(work: impl FnOnce(&mut Vec<u8>) -> u8) -> std::io::Result<(u8, Vec<u8>)> {
    let mut written = Vec::new();
    Ok((work(&mut written), written))
}

/// What a confined process may still do.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Folders all of which may be read: the indexes.
    pub folders: Vec<PathBuf>,
    /// Files that may be read: the queries. What does not exist or is a folder is left out.
    pub files: Vec<PathBuf>,
    /// Open descriptors, besides stdout and stderr, that may be written.
    #[cfg(unix)]
    pub writable: Vec<std::os::fd::RawFd>,
    /// Open descriptors, besides stdin, that are kept to be read.
    #[cfg(unix)]
    pub open: Vec<std::os::fd::RawFd>,
    /// No threads are wanted.
    pub alone: bool,
}

/// How much of the sandbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posture {
    /// The kernel refuses network, writing and other programs by two layers.
    Enforced,
    /// One of the layers is missing on this system.
    Partial,
    /// Nothing is enforced.
    None,
}

impl Posture {
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
/// To be called while the process has one thread: those started later are confined as it is, those started earlier
/// are not by Landlock, and then the posture is [`Posture::Partial`].
pub fn enter(policy: &Policy) -> Report {
    #[cfg(target_os = "linux")]
    let layers = linux::confine(policy);
    #[cfg(not(target_os = "linux"))]
    let layers = {
        let _ = policy;
        let note = "this system has no means that ris knows: run it where there is no network, or on Linux";
        vec![Layer { name: "kernel", enforced: false, note: note.into() }]
    };
    let walls: Vec<_> = layers.iter().filter(|layer| ["landlock", "seccomp"].contains(&layer.name)).collect();
    let standing = walls.iter().filter(|layer| layer.enforced).count();
    let posture = match standing {
        0 => Posture::None,
        _ if standing == walls.len() => Posture::Enforced,
        _ => Posture::Partial,
    };
    Report { posture, layers }
}
