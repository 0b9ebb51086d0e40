//! Hostile work in a process of its own: confined, bounded in time and memory, and replaced when it dies.
//!
//! A panic can be caught; a failed allocation, a stack that overflows and a loop without end can't. So what
//! strangers wrote is looked at by workers, each watched by a supervisor that says so when one has died and starts
//! the next. Both are forked, while this process has one thread: no program is started. Frames of a
//! fixed size go through two pipes, so that each arrives whole whoever writes it; the bytes to look at stand in
//! memory that both sides map.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use memmap2::{Mmap, MmapMut};

use super::{Policy, linux};

/// No more than PIPE_BUF, so that the kernel writes a frame whole or not at all.
const FRAME: usize = 4096;
/// Tag and length of the content stand before it.
const HEADER: usize = 3;
/// The most that one frame carries, in bytes.
pub const CONTENT: usize = FRAME - HEADER;
/// The supervisor's: the worker died of the signal in the content.
const DIED: u8 = u8::MAX;

/// What is sent, either way: a tag of the two sides' choice, below 255, and up to [`CONTENT`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub tag: u8,
    /// What it carries.
    pub content: Vec<u8>,
}

impl Frame {
    fn write(&self, mut out: impl Write) -> io::Result<()> {
        let length = self.content.len().min(CONTENT);
        let mut frame = [0; FRAME];
        let [low, high] = (length as u16).to_le_bytes();
        frame[..HEADER].copy_from_slice(&[self.tag, low, high]);
        for (place, byte) in frame[HEADER..].iter_mut().zip(&self.content) {
            *place = *byte;
        }
        out.write_all(&frame)
    }

    fn read(mut from: impl Read) -> io::Result<Self> {
        let mut frame = [0; FRAME];
        from.read_exact(&mut frame)?;
        let [tag, low, high, content @ ..] = &frame;
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        Ok(Self { tag: *tag, content: content.get(..length).unwrap_or_default().to_vec() })
    }
}

/// What a worker may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Address space, in bytes, beyond what the process has when it is forked: a larger allocation fails.
    pub memory: u64,
    /// Processor time of one task.
    pub time: Duration,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The task took longer than its bound.
    TooSlow,
    /// The worker died of this signal.
    Died(i32),
    /// There is no worker, and there will be none.
    Gone(io::Error),
}

/// A worker, seen from the process that has work.
pub struct Worker {
    /// Closed to say that there is nothing more to do.
    requests: Option<PipeWriter>,
    answers: PipeReader,
    memory: File,
    supervisor: libc::pid_t,
}

/// A worker's side: takes tasks, gives answers.
pub struct Bench {
    requests: PipeReader,
    answers: PipeWriter,
    memory: File,
    time: Duration,
}

impl Worker {
    /// Forks a supervisor, which forks the worker that runs `serve`; when `serve` returns, both end.
    ///
    /// To be called while the process has one thread.
    ///
    /// # Errors
    /// Where the system has no memory, pipe or process left.
    pub fn start(bounds: Bounds, serve: impl Fn(&Bench)) -> io::Result<Self> {
        let (taken, requests) = io::pipe()?;
        let (answers, given) = io::pipe()?;
        let memory = memory()?;
        // SAFETY: one thread runs, so no lock is held that the child would wait for.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                let bench = Bench { requests: taken, answers: given, memory, time: bounds.time };
                let code = supervise(&bench, bounds, &serve);
                // SAFETY: ends the child at once: the parent's buffers are not written a second time.
                unsafe { libc::_exit(code) }
            }
            supervisor => Ok(Self { requests: Some(requests), answers, memory, supervisor }),
        }
    }

    /// Memory of `length` bytes that the worker will see; the last one must have been dropped.
    ///
    /// # Errors
    /// Where there is no memory left.
    pub fn memory(&self, length: usize) -> io::Result<MmapMut> {
        self.memory.set_len(length as u64)?;
        // SAFETY: the file has no name; the worker only reads it, and only between a request and its answer.
        unsafe { MmapMut::map_mut(&self.memory) }
    }

    /// Gives the memory of the last task back to the system.
    pub fn forget(&self) {
        // Fails where nothing is left to be done about it.
        let _ = self.memory.set_len(0);
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// `Gone`.
    pub fn send(&mut self, frame: &Frame) -> Result<(), Failure> {
        let requests = self.requests.as_mut().ok_or_else(|| Failure::Gone(io::ErrorKind::BrokenPipe.into()))?;
        frame.write(requests).map_err(Failure::Gone)
    }

    /// Waits for a frame.
    ///
    /// # Errors
    /// The reason why none will come of this task. Unless that is `Gone`, the next task finds a new worker.
    pub fn receive(&mut self) -> Result<Frame, Failure> {
        let frame = Frame::read(&mut self.answers).map_err(Failure::Gone)?;
        if frame.tag != DIED {
            return Ok(frame);
        }
        let signal = frame.content.first().copied().map_or(0, i32::from);
        Err(if signal == libc::SIGPROF { Failure::TooSlow } else { Failure::Died(signal) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The worker finds its requests at an end, and its supervisor waits for it: so what they took is counted as
        // this process's own.
        self.requests = None;
        // SAFETY: plain numbers; the process is this one's child and not yet waited for, so nobody else has its number.
        unsafe { libc::waitpid(self.supervisor, std::ptr::null_mut(), 0) };
    }
}

impl Bench {
    /// Waits for a frame; an error where there will be none, since the other side has ended.
    ///
    /// # Errors
    /// As said.
    pub fn receive(&self) -> io::Result<Frame> {
        Frame::read(&self.requests)
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// Where the other side has ended.
    pub fn send(&self, frame: &Frame) -> io::Result<()> {
        frame.write(&self.answers)
    }

    /// What the other side has laid into [`Worker::memory`].
    ///
    /// # Errors
    /// Where it can't be mapped.
    pub fn memory(&self) -> io::Result<Mmap> {
        // SAFETY: the other side neither writes nor shortens it between a request and its answer.
        unsafe { Mmap::map(&self.memory) }
    }

    /// From now on the task's time runs; at its end the worker dies.
    pub fn begin(&self) {
        set_timer(self.time);
    }

    /// The task is done.
    pub fn end(&self) {
        set_timer(Duration::ZERO);
    }
}

/// Signals SIGPROF after so much processor time, never after zero.
fn set_timer(after: Duration) {
    let none = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let value = libc::timeval {
        tv_sec: after.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_usec: after.subsec_micros().into(),
    };
    let timer = libc::itimerval { it_interval: none, it_value: value };
    // SAFETY: the pointer is to a struct that outlives the call.
    unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut()) };
}

/// A file without a name, in memory.
fn memory() -> io::Result<File> {
    // SAFETY: the name is a C string that outlives the call.
    match unsafe { libc::memfd_create(c"ris".as_ptr(), libc::MFD_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the descriptor was just made and is nobody else's.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into()),
    }
}

/// Starts a worker, and another when one dies, until one ends in order.
fn supervise(bench: &Bench, bounds: Bounds, serve: &impl Fn(&Bench)) -> i32 {
    if settle(bench).is_err() {
        return 1;
    }
    loop {
        // SAFETY: this process has one thread from its start.
        let worker = match unsafe { libc::fork() } {
            -1 => return 1,
            0 => {
                labour(bench, bounds, serve);
                // SAFETY: as above.
                unsafe { libc::_exit(0) }
            }
            worker => worker,
        };
        let mut status = 0;
        // SAFETY: the pointer is to an integer that outlives the call.
        while unsafe { libc::waitpid(worker, &raw mut status, 0) } != worker {
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return 1;
            }
        }
        if libc::WIFEXITED(status) {
            return libc::WEXITSTATUS(status);
        }
        let died = Frame { tag: DIED, content: vec![libc::WTERMSIG(status) as u8] };
        if bench.send(&died).is_err() {
            return 1;
        }
    }
}

/// Lets go of what the parent had open, and of its terminal.
fn settle(bench: &Bench) -> io::Result<()> {
    let done = |code: libc::c_int| if code == -1 { Err(io::Error::last_os_error()) } else { Ok(()) };
    let null = File::options().read(true).write(true).open("/dev/null")?;
    // What a dying worker would say is told by its death.
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: plain numbers; the streams are not read or written in this process.
        done(unsafe { libc::dup2(null.as_raw_fd(), stream) })?;
    }
    // Its owners in this process are never dropped, since it ends by `_exit`; `null` is closed here.
    std::mem::forget(null);
    linux::close_all_but(vec![bench.requests.as_raw_fd(), bench.answers.as_raw_fd(), bench.memory.as_raw_fd()]);
    // SAFETY: plain numbers. Ctrl-C is for the parent, which ends this process; and so does its death.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_IGN);
        done(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))
    }
}

/// The worker: bounded, confined, then at work.
fn labour(bench: &Bench, bounds: Bounds, serve: &impl Fn(&Bench)) {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: plain numbers, and pointers to a struct that outlives the calls.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        libc::getrlimit(libc::RLIMIT_AS, &raw mut limit);
        // Never more than the user's own limit: who is root could raise it.
        let space = limit.rlim_cur.min(address_space().saturating_add(bounds.memory));
        limit = libc::rlimit { rlim_cur: space, rlim_max: space };
        libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
    }
    super::enter(&Policy {
        writable: vec![bench.answers.as_raw_fd()],
        open: vec![bench.requests.as_raw_fd(), bench.memory.as_raw_fd()],
        alone: true,
        ..Policy::default()
    });
    serve(bench);
}

/// What this process has mapped, in bytes; 1 GiB where the system does not tell.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    // SAFETY: a plain number.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    pages.map_or(1 << 30, |pages| pages.saturating_mul(page))
}
