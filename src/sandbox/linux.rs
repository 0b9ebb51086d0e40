//! The order in which a Linux process shuts its doors behind itself.

use std::os::fd::RawFd;

use super::{Layer, Policy, landlock, seccomp};

/// Hardens the process, then lets the kernel refuse by path, then by call.
pub fn confine(policy: &Policy) -> Vec<Layer> {
    // Read while /sys and /proc can be: a container's share of the processors stands there.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut layers = vec![process(policy), descriptors(policy)];
    layers.push(layer("landlock", landlock::restrict(policy)));
    layers.push(layer("seccomp", seccomp::filter(&policy.writable)));
    if !policy.alone {
        // Fails where a pool stands already: then its threads are those of the caller's choice.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(processors).build_global();
    }
    layers
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
    const MESSAGE: &[u8] = b"ris: a decoder ran out of memory on this picture: convert it to jpeg or png\n";
    // SAFETY: both calls may be made from a signal handler.
    unsafe {
        libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
        libc::_exit(2)
    }
}

/// No core dump holds the query, and no other process of the user reads its memory.
fn process(policy: &Policy) -> Layer {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    if !policy.alone {
        // SAFETY: the handler does what handlers may.
        unsafe { libc::signal(libc::SIGABRT, aborted as *const () as libc::sighandler_t) };
    }
    // SAFETY: both calls take plain numbers and a pointer to a struct that outlives the call.
    let done = unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &none) == 0 && libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    };
    let outcome = if done { Ok("no core dumps, no debugger".into()) } else { Err("the system refused".into()) };
    layer("process", outcome)
}

/// Closes what the process was started with besides the three streams: files and sockets of its parent.
fn descriptors(policy: &Policy) -> Layer {
    let mut kept: Vec<RawFd> = policy.files.iter().filter_map(|path| named(path)).collect();
    kept.extend(policy.writable.iter().chain(&policy.open));
    let done = close_all_but(kept);
    let outcome = if done {
        Ok("inherited files and sockets are closed".into())
    } else {
        Err("not closed: Linux 5.9 is needed".into())
    };
    layer("descriptors", outcome)
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
            // SAFETY: closes numbers alone; whoever owned them is gone or, by the callers' promise, never comes back to them.
            done &= unsafe { libc::syscall(libc::SYS_close_range, first.unsigned_abs(), last, 0) } == 0;
        }
        first = fd.saturating_add(1);
    }
    done
}

/// The descriptor that a path such as /dev/fd/63, a shell's `<(command)`, stands for.
fn named(path: &std::path::Path) -> Option<RawFd> {
    let folder = path.parent()?;
    let is_fd = ["/dev/fd", "/proc/self/fd"].iter().any(|fd| folder == std::path::Path::new(fd));
    is_fd.then(|| path.file_name()?.to_str()?.parse().ok())?
}
