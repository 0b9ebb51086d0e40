//! The process between: it has the doors open that a worker has shut, and never sees what a stranger wrote.
//!
//! It forks workers and says of which one what it ended of. It reads frames of its parent alone.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;

use super::frame::{Frame, Key};
use super::{Bench, Bounds, ENDED, Message, QUIT, STOP, linux, readable};
use crate::sandbox::{self, Policy};

/// The ends of the pipes that are the supervisor's, and its workers'.
pub(super) struct Side {
    pub control: PipeReader,
    pub requests: PipeReader,
    pub answers: PipeWriter,
    pub memory: File,
}

/// A worker that was not waited for yet.
struct Running {
    process: libc::pid_t,
    key: Key,
    /// At its end when the worker has ended.
    life: PipeReader,
}

/// Starts workers until the parent has nothing more to do.
pub(super) fn run(
    mut side: Side,
    bounds: &Bounds,
    files: &impl Fn(&[u8]) -> Vec<PathBuf>,
    serve: &impl Fn(&Bench<'_>, Message),
) -> i32 {
    if settle(&mut side, bounds).is_err() {
        return 1;
    }
    let mut running: Option<Running> = None;
    loop {
        let life = running.as_ref().map_or(-1, |running| running.life.as_raw_fd());
        let Ok([controlled, ended]) = readable([side.control.as_raw_fd(), life], None) else { return 1 };
        if controlled {
            let frame = Frame::read(&side.control);
            running.take().map(Running::end);
            match frame {
                Ok(Some(frame)) if frame.tag == STOP => {}
                Ok(Some(frame)) if frame.tag == QUIT => return 0,
                Ok(Some(frame)) => {
                    let key = frame.key;
                    match fork(&side, frame, bounds, files, serve) {
                        Ok(started) => running = Some(started),
                        Err(_) if ended_with(&side, key, 0).is_err() => return 1,
                        Err(_) => {}
                    }
                }
                // The parent has nothing more to do, or is no more.
                _ => return 0,
            }
        } else if ended && let Some(running) = running.take() {
            let key = running.key;
            if ended_with(&side, key, running.end()).is_err() {
                return 1;
            }
        }
    }
}

/// Says of a worker how it ended.
fn ended_with(side: &Side, key: Key, status: libc::c_int) -> io::Result<()> {
    Frame { key, tag: ENDED, more: false, content: status.to_le_bytes().to_vec() }.write(&side.answers)
}

impl Running {
    /// Waits for the worker, killing it where it goes on; gives its wait status.
    fn end(self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: plain numbers: the process is a child that was not waited for yet, so nobody else has its number. One
        // that has ended is not changed by it.
        unsafe { libc::kill(self.process, libc::SIGKILL) };
        loop {
            // SAFETY: the pointer is to an integer that outlives the call.
            let waited = unsafe { libc::waitpid(self.process, &raw mut status, 0) };
            if waited == self.process || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return status;
            }
        }
    }
}

/// Lets go of what the parent had open, and of its terminal.
fn settle(side: &mut Side, bounds: &Bounds) -> io::Result<()> {
    let done = |code: libc::c_int| if code == -1 { Err(io::Error::last_os_error()) } else { Ok(()) };
    let null = File::options().read(true).write(true).open("/dev/null")?;
    // What a dying worker would say is told by its death.
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        if !bounds.open.contains(&stream) {
            // SAFETY: plain numbers; the streams are not read or written in this process.
            done(unsafe { libc::dup2(null.as_raw_fd(), stream) })?;
        }
    }
    bounds.open.iter().for_each(|&open| linux::read_only(open));
    // The worker's own can't be written; where /proc is not there to be asked, the filter alone sees to that.
    if let Ok(memory) = File::open(linux::path_of(side.memory.as_raw_fd())) {
        side.memory = memory;
    }
    // Its owners in this process are never dropped, since it ends by `_exit`; `null` is closed here.
    std::mem::forget(null);
    let kept = [side.control.as_raw_fd(), side.requests.as_raw_fd(), side.answers.as_raw_fd(), side.memory.as_raw_fd()];
    linux::close_all_but(kept.into_iter().chain(bounds.open.iter().copied()).collect());
    linux::unobserved();
    // SAFETY: plain numbers. Ctrl-C is for the parent, which ends this process; and so does its death.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_IGN);
        done(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))
    }
}

/// Forks a worker for a task.
fn fork(
    side: &Side,
    frame: Frame,
    bounds: &Bounds,
    files: &impl Fn(&[u8]) -> Vec<PathBuf>,
    serve: &impl Fn(&Bench<'_>, Message),
) -> io::Result<Running> {
    let (life, alive) = io::pipe()?;
    // SAFETY: plain numbers, and this process has one thread from its start.
    let (own, process) = unsafe { (libc::getpid(), libc::fork()) };
    match process {
        -1 => Err(io::Error::last_os_error()),
        0 => linux::as_child(|| work(side, &alive, own, frame, bounds, files, serve).is_err().into()),
        process => Ok(Running { process, key: frame.key, life }),
    }
}

/// The worker: bounded, confined, then at work.
fn work(
    side: &Side,
    alive: &PipeWriter,
    supervisor: libc::pid_t,
    frame: Frame,
    bounds: &Bounds,
    files: &impl Fn(&[u8]) -> Vec<PathBuf>,
    serve: &impl Fn(&Bench<'_>, Message),
) -> io::Result<()> {
    // SAFETY: plain numbers. Who died before this call sends no signal.
    let orphaned = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        libc::getppid() != supervisor
    };
    if orphaned {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    limit(bounds.memory)?;
    let open: [RawFd; 3] = [side.requests.as_raw_fd(), side.memory.as_raw_fd(), alive.as_raw_fd()];
    let report = sandbox::enter(&Policy {
        files: files(&frame.content),
        writable: vec![side.answers.as_raw_fd()],
        open: open.to_vec(),
        decodes: true,
        ..Policy::default()
    })?;
    let bench = Bench { side, time: bounds.time, key: frame.key, posture: report.posture };
    serve(&bench, Message { tag: frame.tag, content: frame.content });
    Ok(())
}

/// Bounds the address space: to what is mapped now, and so much more.
fn limit(memory: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the pointers are to a struct that outlives the calls.
    let done = unsafe {
        libc::getrlimit(libc::RLIMIT_AS, &raw mut limit);
        // Never more than the user's own limit: who is root could raise it.
        let space = limit.rlim_cur.min(address_space().saturating_add(memory));
        limit = libc::rlimit { rlim_cur: space, rlim_max: space };
        libc::setrlimit(libc::RLIMIT_AS, &raw const limit)
    };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What this process has mapped, in bytes; 64 MiB where the system does not tell.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    // SAFETY: a plain number.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    pages.map_or(64 << 20, |pages| pages.saturating_mul(page))
}
