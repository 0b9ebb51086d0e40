//! The order in which a Linux process shuts its doors behind itself.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use super::{Layer, Policy, descriptor, landlock, seccomp};

/// Hardens the process, then lets the kernel refuse by path, then by call.
pub fn confine(policy: &Policy) -> Vec<Layer> {
    // Read while /sys and /proc can be: a container's share of the processors stands there.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut layers = vec![process(policy), descriptors(policy)];
    layers.push(layer("landlock", landlock::restrict(policy)));
    layers.push(layer("seccomp", seccomp::filter(policy)));
    if !policy.decodes {
        // Fails where a pool stands already: then its threads are those of the caller's choice.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(processors).build_global();
    }
    layers
}

/// Does the work of a child that was just forked, and ends it at once: neither a panic nor its return leads back into what
/// the parent was about, and the parent's buffers are not written a second time.
pub fn as_child(work: impl FnOnce() -> i32) -> ! {
    let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(1);
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Makes sure that one thread runs: no other holds a lock that a child would wait for, or goes on unconfined.
///
/// # Errors
/// Where there are others. A system that does not tell is believed.
pub fn alone() -> io::Result<()> {
    match std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count) {
        0 | 1 => Ok(()),
        threads => {
            Err(io::Error::other(format!("{threads} threads run: a process is forked or confined while there is one")))
        }
    }
}

fn layer(name: &'static str, outcome: Result<String, String>) -> Layer {
    let (enforced, note) = match outcome {
        Ok(note) => (true, note),
        Err(note) => (false, note),
    };
    Layer { name, enforced, note }
}

/// What a process says as it ends where memory or the stack ran out: Rust can do nothing but abort then.
extern "C" fn aborted(_signal: libc::c_int) {
    const MESSAGE: &[u8] = b"ris: out of memory\n";
    // SAFETY: both calls may be made from a signal handler.
    unsafe {
        libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
        libc::_exit(2)
    }
}

/// No core dump holds the query, and no other process of the user reads its memory.
fn process(policy: &Policy) -> Layer {
    if !policy.decodes {
        // SAFETY: the handler does what handlers may.
        unsafe { libc::signal(libc::SIGABRT, aborted as *const () as libc::sighandler_t) };
    }
    let outcome = if unobserved() { Ok("no core dumps, no debugger".into()) } else { Err("the system refused".into()) };
    layer("process", outcome)
}

/// From now on this process leaves no core dump and is read by no debugger of the same user; whether that could be done.
pub(super) fn unobserved() -> bool {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take plain numbers and a pointer to a struct that outlives the call.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none) == 0 && libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    }
}

/// Closes what the process was started with besides its output: files and sockets of its parent, and stdin, unless it is
/// to be read.
fn descriptors(policy: &Policy) -> Layer {
    let mut kept: Vec<RawFd> = policy.files.iter().filter_map(|path| descriptor(path)).collect();
    kept.extend(policy.writable.iter().chain(&policy.open));
    let emptied = kept.contains(&libc::STDIN_FILENO) || empty_stdin().is_ok();
    let outcome = if emptied && close_all_but(kept) {
        Ok("inherited files and sockets are closed".into())
    } else {
        Err("not closed: Linux 5.9 is needed".into())
    };
    layer("descriptors", outcome)
}

/// Puts a pipe that is at its end in the place of stdin.
fn empty_stdin() -> io::Result<()> {
    let (empty, _) = io::pipe()?;
    // SAFETY: plain numbers. What std keeps of stdin is its number alone, and this process reads it no more.
    if unsafe { libc::dup2(empty.as_raw_fd(), libc::STDIN_FILENO) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Closes all descriptors but the three streams and these; whether that could be done.
pub(super) fn close_all_but(mut kept: Vec<RawFd>) -> bool {
    kept.retain(|&fd| fd > libc::STDERR_FILENO);
    kept.sort_unstable();
    let mut first = libc::STDERR_FILENO + 1;
    let mut done = true;
    for fd in kept.into_iter().chain([RawFd::MAX]) {
        if first < fd {
            let last = if fd == RawFd::MAX { u32::MAX } else { (fd - 1).unsigned_abs() };
            // SAFETY: closes numbers alone. What owns one is never used or dropped again: it belongs to the parent that
            // this process was forked from, and this process ends by `_exit`; or nobody in it owns it.
            done &= unsafe { libc::syscall(libc::SYS_close_range, first.unsigned_abs(), last, 0) } == 0;
        }
        first = fd.saturating_add(1);
    }
    done
}

/// Opens the file behind a descriptor once more, for reading alone, where it can be written by this one.
///
/// Where the file may not be opened, it stays: the filter refuses every call that could write to it.
pub(super) fn read_only(fd: RawFd) {
    // SAFETY: plain numbers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    let path = path_of(fd);
    // A pipe, a socket or a terminal has no memory to map, and may be one that can't be opened again.
    if flags == -1 || flags & libc::O_ACCMODE == libc::O_RDONLY || !std::path::Path::new(&path).is_file() {
        return;
    }
    let Ok(file) = File::open(path) else { return };
    // SAFETY: plain numbers. The descriptor is inherited and nobody in this process owns it.
    unsafe {
        let at = libc::lseek(fd, 0, libc::SEEK_CUR);
        if libc::lseek(file.as_raw_fd(), at, libc::SEEK_SET) == at {
            libc::dup2(file.as_raw_fd(), fd);
        }
    }
}

/// The name of a descriptor of this process.
pub(super) fn path_of(fd: RawFd) -> String {
    format!("/proc/self/fd/{fd}")
}
