//! Work that needs the doors open, done by a child process before this one shuts its own.
//!
//! Landlock restricts the threads of the future, not those that run already. Bringing an index up to date
//! starts some; in a child they are gone, and nothing of them is left, when the search begins.

use std::io;

/// Runs `work` in a child and gives what it returned; the first 8 bits of its memory are all that comes back.
///
/// To be called while the process has one thread.
///
/// # Errors
/// Where no child can be started, or a signal ended it.
pub fn apart(work: impl FnOnce() -> u8) -> io::Result<u8> {
    // SAFETY: one thread runs, so no lock is held that the child would wait for.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = work();
            // SAFETY: ends the child at once: the parent's buffers are not written a second time.
            unsafe { libc::_exit(code.into()) }
        }
        child => wait(child),
    }
}

/// Ctrl-C reaches both: the child stops in order and says so, and until then this process waits.
fn wait(child: libc::pid_t) -> io::Result<u8> {
    let mut status = 0;
    // SAFETY: sets how a signal is taken, and back again; no handler is called.
    let before = unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
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
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGINT, before) };
    outcome?;
    if libc::WIFEXITED(status) {
        Ok(libc::WEXITSTATUS(status) as u8)
    } else {
        Err(io::Error::other(format!("bringing the index up to date ended with signal {}", libc::WTERMSIG(status))))
    }
}
