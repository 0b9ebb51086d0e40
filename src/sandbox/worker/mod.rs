//! Hostile work in a process of its own: confined, bounded in time and memory, and replaced when it dies.
//!
//! A panic can be caught; a failed allocation, a stack that overflows and a loop without end can't. So what
//! strangers wrote is looked at by workers. A supervisor, forked while this process has one thread, forks each worker,
//! says so when one has ended and kills those that are to be replaced: no program is started. Messages go through
//! pipes; the bytes to look at stand in memory that both sides map, or the worker opens them itself.

mod frame;
mod supervisor;

use std::fmt;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use memmap2::{Mmap, MmapMut, MmapOptions};

use super::{Posture, linux};
use frame::{CONTENT, Frame, Key, frames};

/// The supervisor's: the worker ended, with the wait status in the content.
const ENDED: u8 = u8::MAX;
/// To the supervisor: the worker is to be killed. Every other frame asks for a new one, which gets it.
const STOP: u8 = u8::MAX - 1;
/// To the supervisor: there is nothing more to do.
const QUIT: u8 = u8::MAX - 2;

/// Address space that a worker takes besides the file and its pixels, in bytes: for describing (14 MiB of a picture, 24 MiB
/// of a query, measured), and for what its heap wastes. With the program itself, of 31 MiB, that is less than 64 MiB.
pub const SPARE: u64 = 32 << 20;

/// What is sent, either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is: of the two sides' choice, below 250.
    pub tag: u8,
    /// What it carries.
    pub content: Vec<u8>,
}

/// What a worker may take, and how long it lives.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Address space, in bytes, beyond what the process has when it is forked: a larger allocation fails.
    pub memory: u64,
    /// Processor time of one task.
    pub time: Duration,
    /// A worker gets one task and ends: none meets what another left behind. Else it takes one after the other.
    pub single: bool,
    /// Open descriptors of this process that a task may name to be read; all others are closed.
    pub open: Vec<RawFd>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The task took longer than its bound.
    TooSlow,
    /// The worker died of this signal.
    Died(i32),
    /// The worker ended, or what it said makes no sense.
    Senseless,
    /// There is no worker, and there will be none.
    Gone(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow => f.write_str("too slow: its decoder was stopped"),
            Self::Died(signal) => {
                write!(f, "its decoder crashed or ran out of memory (signal {signal}): convert it to jpeg or png")
            }
            Self::Senseless => f.write_str("its decoder gave no answer that makes sense"),
            Self::Gone(error) => write!(f, "no process to decode in: {error}"),
        }
    }
}

/// A worker, seen from the process that has work.
pub struct Worker {
    /// Closed to say that there is nothing more to do.
    pipes: Option<Pipes>,
    memory: File,
    supervisor: libc::pid_t,
    single: bool,
    /// The worker that has a task, or can get the next.
    living: Option<Key>,
    /// When the task must be done.
    until: Option<Instant>,
}

struct Pipes {
    /// To the supervisor, and to the worker.
    control: PipeWriter,
    requests: PipeWriter,
    /// From both.
    answers: PipeReader,
}

impl Worker {
    /// Forks a supervisor. For each task that finds no worker it forks one, which may open the files that `files` gives
    /// for the request and nothing else, and runs `serve`; when that returns, it ends.
    ///
    /// To be called while the process has one thread.
    ///
    /// # Errors
    /// Where other threads run, or the system has no memory, pipe or process left.
    pub fn start(
        bounds: Bounds,
        files: impl Fn(&[u8]) -> Vec<PathBuf>,
        serve: impl Fn(&Bench<'_>, Message),
    ) -> io::Result<Self> {
        linux::alone()?;
        let (controlled, control) = frame::pipe()?;
        let (taken, requests) = frame::pipe()?;
        let (answers, given) = frame::pipe()?;
        let (memory, single) = (memory()?, bounds.single);
        // SAFETY: one thread runs, so no lock is held that the child would wait for.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                drop((control, requests, answers));
                let side = supervisor::Side { control: controlled, requests: taken, answers: given, memory };
                linux::as_child(|| supervisor::run(side, &bounds, &files, &serve))
            }
            supervisor => {
                let pipes = Some(Pipes { control, requests, answers });
                Ok(Self { pipes, memory, supervisor, single, living: None, until: None })
            }
        }
    }

    /// The descriptors by which this process and the worker talk: those that are written, and those that are read.
    pub fn descriptors(&self) -> (Vec<RawFd>, Vec<RawFd>) {
        let pipes = self.pipes.iter();
        let written = pipes.clone().flat_map(|pipes| [pipes.control.as_raw_fd(), pipes.requests.as_raw_fd()]);
        let read = pipes.map(|pipes| pipes.answers.as_raw_fd()).chain([self.memory.as_raw_fd()]);
        (written.collect(), read.collect())
    }

    /// Memory of `length` bytes that the worker will see; the last one must have been dropped.
    ///
    /// # Errors
    /// Where there is no memory left.
    pub fn memory(&self, length: usize) -> io::Result<MmapMut> {
        self.memory.set_len(length as u64)?;
        // SAFETY: the file has no name, and no process but this one can write to it: what the worker has is a descriptor
        // that is read only, and a filter that lets it write to none but its answers.
        unsafe { MmapMut::map_mut(&self.memory) }
    }

    /// Whether the next task goes to a worker that had others before.
    pub fn is_used(&self) -> bool {
        !self.single && self.living.is_some()
    }

    /// Begins a task, which may take what time it wants.
    ///
    /// # Errors
    /// `Gone`.
    pub fn ask(&mut self, tag: u8, request: &[u8]) -> Result<(), Failure> {
        self.until = None;
        if self.is_used() {
            return self.send(tag, request);
        }
        let key = Key::new().map_err(Failure::Gone)?;
        self.living = Some(key);
        self.written(|pipes| &pipes.control, Frame { key, tag, more: false, content: request.to_vec() })
    }

    /// Says something to the worker that has the task.
    ///
    /// # Errors
    /// `Gone`.
    pub fn send(&mut self, tag: u8, content: &[u8]) -> Result<(), Failure> {
        let Some(key) = self.living else { return Err(Failure::Senseless) };
        self.written(|pipes| &pipes.requests, Frame { key, tag, more: false, content: content.to_vec() })
    }

    fn written(&self, pipe: impl Fn(&Pipes) -> &PipeWriter, frame: Frame) -> Result<(), Failure> {
        let written = match &self.pipes {
            Some(pipes) if frame.content.len() <= CONTENT => frame.write(pipe(pipes)),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        written.map_err(Failure::Gone)
    }

    /// From now on the task is given so much time by the clock, whatever its worker does.
    pub fn allow(&mut self, time: Duration) {
        self.until = Instant::now().checked_add(time);
    }

    /// Waits for a message of at most `most` bytes.
    ///
    /// # Errors
    /// The reason why none will come of this task. Unless that is `Gone`, the next task finds a new worker.
    pub fn receive(&mut self, most: usize) -> Result<Message, Failure> {
        let received = self.message(most);
        if received.is_err() {
            self.dismiss();
        }
        received
    }

    fn message(&self, most: usize) -> Result<Message, Failure> {
        let mut message: Option<Message> = None;
        loop {
            let Frame { tag, more, content, .. } = self.frame()?;
            if tag == ENDED {
                let status = content.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes));
                return Err(match libc::WTERMSIG(status) {
                    _ if !libc::WIFSIGNALED(status) => Failure::Senseless,
                    libc::SIGPROF => Failure::TooSlow,
                    signal => Failure::Died(signal),
                });
            }
            let whole = message.get_or_insert_with(|| Message { tag, content: Vec::new() });
            if whole.tag != tag || whole.content.len() + content.len() > most {
                return Err(Failure::Senseless);
            }
            whole.content.extend(content);
            if !more && let Some(message) = message {
                return Ok(message);
            }
        }
    }

    /// The next frame of the worker that has the task, or about it.
    fn frame(&self) -> Result<Frame, Failure> {
        let pipes = self.pipes.as_ref().ok_or_else(|| Failure::Gone(io::ErrorKind::BrokenPipe.into()))?;
        loop {
            let ready = readable([pipes.answers.as_raw_fd()], self.until).map_err(Failure::Gone)?;
            // One that never stops talking is slow, too.
            if ready == [false] || self.until.is_some_and(|until| Instant::now() >= until) {
                return Err(Failure::TooSlow);
            }
            match Frame::read(&pipes.answers).map_err(Failure::Gone)? {
                Some(frame) if Some(frame.key) == self.living => return Ok(frame),
                _ => {}
            }
        }
    }

    /// Ends the worker that has the task: what it says makes no sense, or is of no interest. The next task finds another.
    pub fn dismiss(&mut self) {
        if let Some(key) = self.living.take() {
            // Fails where the supervisor has ended, and the worker with it.
            let _ = self.written(|pipes| &pipes.control, Frame { key, tag: STOP, more: false, content: Vec::new() });
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The supervisor ends its worker, and is waited for, so that what both took is counted as this process's own. It is
        // told so: where the system can't close what was inherited, other supervisors hold this end of its pipes.
        if let Ok(key) = Key::new() {
            let _ = self.written(|pipes| &pipes.control, Frame { key, tag: QUIT, more: false, content: Vec::new() });
        }
        self.pipes = None;
        // SAFETY: plain numbers; the process is this one's child and not yet waited for, so nobody else has its number.
        unsafe { libc::waitpid(self.supervisor, std::ptr::null_mut(), 0) };
    }
}

/// A worker's side: takes tasks, gives answers.
pub struct Bench<'a> {
    side: &'a supervisor::Side,
    time: Duration,
    key: Key,
    posture: Posture,
}

impl Bench<'_> {
    /// How far this process is confined.
    pub fn posture(&self) -> Posture {
        self.posture
    }

    /// Waits for a message; an error where there will be none, since the other side has ended.
    ///
    /// # Errors
    /// As said.
    pub fn receive(&self) -> io::Result<Message> {
        loop {
            match Frame::read(&self.side.requests)? {
                Some(Frame { key, tag, content, .. }) if key == self.key => return Ok(Message { tag, content }),
                _ => {}
            }
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// Where the other side has ended.
    pub fn send(&self, tag: u8, content: &[u8]) -> io::Result<()> {
        frames(self.key, tag, content).try_for_each(|frame| frame.write(&self.side.answers))
    }

    /// What the other side has laid into [`Worker::memory`].
    ///
    /// # Errors
    /// Where it can't be mapped.
    pub fn memory(&self) -> io::Result<Mmap> {
        // SAFETY: the other side, which alone can write to the file or shorten it, does neither between a request and its
        // answer, nor before this process has ended where it waits for none. The mapping is private: a shared one is refused.
        unsafe { MmapOptions::new().map_copy_read_only(&self.side.memory) }
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

/// Waits until one of the descriptors can be read or is at its end, for each whether it is; none is once the time is up.
fn readable<const N: usize>(descriptors: [RawFd; N], until: Option<Instant>) -> io::Result<[bool; N]> {
    let mut polled = descriptors.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // A millisecond more, so that none are left when it returns.
        let left = left.map_or(-1, |left| left.as_millis().saturating_add(1).try_into().unwrap_or(libc::c_int::MAX));
        // SAFETY: the pointer and the length are those of an array that outlives the call.
        if unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, left) } != -1 {
            return Ok(polled.map(|polled| polled.revents != 0));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
