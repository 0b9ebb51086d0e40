//! Work done by a child process, so that this one keeps its doors as they are.
//!
//! Landlock restricts the threads of the future, not those that run already. Bringing an index up to date
//! starts some; in a child they are gone, and nothing of them is left, when the search begins. The other way round, a
//! confined child can hand out bytes which its parent, that never saw a query, writes to a file.

use std::io::{self, PipeWriter, Read, Write};
use std::sync::atomic::{AtomicI32, Ordering};

use super::linux;

/// Runs `work` in a child and gives what it returned; the first 8 bits of its memory are all that comes back.
///
/// To be called while the process has one thread.
///
/// # Errors
/// Where other threads run, no child can be started, or a signal ended it.
pub fn apart(work: impl FnOnce() -> u8) -> io::Result<u8> {
    wait(fork(work)?)
}

/// The same, and what it wrote. As that is made of what nobody else may see, this process is observed by nobody either.
///
/// # Errors
/// As [`apart`].
pub fn apart_writing(work: impl FnOnce(&mut PipeWriter) -> u8) -> io::Result<(u8, Vec<u8>)> {
    let (mut read, mut write) = io::pipe()?;
    linux::unobserved();
    let child = fork(|| work(&mut write))?;
    drop(write);
    let mut written = Vec::new();
    let read = read.read_to_end(&mut written);
    let code = wait(child)?;
    read.map(|_| (code, written))
}

fn fork(work: impl FnOnce() -> u8) -> io::Result<libc::pid_t> {
    linux::alone()?;
    io::stdout().flush()?;
    // SAFETY: one thread runs, so no lock is held that the child would wait for.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: a plain number. Without its parent the work is of no use: it is asked to stop, as by Ctrl-C.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT, 0, 0, 0) };
            linux::as_child(|| work().into())
        }
        child => Ok(child),
    }
}

/// The child that signals are handed on to.
static CHILD: AtomicI32 = AtomicI32::new(0);

extern "C" fn hand_on(signal: libc::c_int) {
    // SAFETY: may be called from a signal handler.
    unsafe { libc::kill(CHILD.load(Ordering::Relaxed), signal) };
}

/// Waits for the child to end. One that is asked to stop does so in order, and says so; until then this process waits.
fn wait(child: libc::pid_t) -> io::Result<u8> {
    const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
    let mut status = 0;
    CHILD.store(child, Ordering::Relaxed);
    // SAFETY: sets how signals are taken, and back again; the handler does what handlers may.
    let before = SIGNALS.map(|signal| unsafe { libc::signal(signal, hand_on as *const () as libc::sighandler_t) });
    let outcome = loop {
        // SAFETY: the pointer is to an integer that outlives the call.
        if unsafe { libc::waitpid(child, &raw mut status, 0) } == child {
            break Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            break Err(error);
        }
    };
    for (signal, handler) in SIGNALS.into_iter().zip(before) {
        // SAFETY: as above.
        unsafe { libc::signal(signal, handler) };
    }
    outcome?;
    if libc::WIFEXITED(status) {
        Ok(libc::WEXITSTATUS(status) as u8)
    } else {
        Err(io::Error::other(format!("the work ended with signal {}", libc::WTERMSIG(status))))
    }
}
