//! Where pictures are decoded: in this process, or in workers that a hostile file may kill.
//!
//! A request is a frame; the answer comes in as many as it needs. In between the worker says how much memory the
//! header asks for, and is told whether it may have it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::draft::Draft;
use crate::decode;
use crate::error::{Error, ErrorKind, Result};

#[cfg(target_os = "linux")]
use apart::Worker;

/// What decoding a picture came to.
pub(super) enum Outcome {
    Described(Draft),
    /// It can't be read.
    Failed(Error),
    /// It takes so many bytes, and these were not granted.
    Refused(u64),
}

/// Processes in which pictures are decoded, apart from this one and from each other.
#[derive(Clone, Default)]
pub struct Workers {
    #[cfg(target_os = "linux")]
    started: Arc<Vec<std::sync::Mutex<Worker>>>,
    #[cfg(not(target_os = "linux"))]
    started: Arc<Vec<()>>,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} workers", self.started.len())
    }
}

/// A file's bytes, where whoever decodes them finds them.
pub(super) enum Bytes {
    Here(Vec<u8>),
    #[cfg(target_os = "linux")]
    Shared(memmap2::MmapMut),
}

impl Bytes {
    /// The bytes, to be filled.
    pub fn as_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Here(bytes) => bytes,
            #[cfg(target_os = "linux")]
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Here(bytes) => bytes,
            #[cfg(target_os = "linux")]
            Self::Shared(bytes) => bytes,
        }
    }
}

/// A place to decode one file after the other.
pub(super) enum Place<'a> {
    Here(&'a decode::Options),
    #[cfg(target_os = "linux")]
    Apart(std::sync::MutexGuard<'a, Worker>),
}

impl Workers {
    /// Decoding in this process: the only way where there is no Linux. A file on which a decoder aborts ends the run.
    pub fn none() -> Self {
        Self::default()
    }

    /// The worker of the calling thread of a pool, or this process where there is none.
    pub(super) fn place<'a>(&'a self, options: &'a decode::Options) -> Place<'a> {
        #[cfg(target_os = "linux")]
        if let Some(worker) = self.started.get(rayon::current_thread_index().unwrap_or_default()) {
            return Place::Apart(worker.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        }
        Place::Here(options)
    }
}

impl Place<'_> {
    /// Room for a file of `length` bytes.
    pub fn bytes(&self, length: usize) -> Result<Bytes> {
        match self {
            #[cfg(target_os = "linux")]
            // Nothing can be mapped to no bytes.
            Self::Apart(worker) if length > 0 => worker.memory(length).map(Bytes::Shared).map_err(Error::io),
            _ => Ok(Bytes::Here(vec![0; length])),
        }
    }

    /// Decodes and describes page `number` of a file; `grant` is asked for the bytes that it takes in all.
    pub fn draft(&mut self, bytes: &[u8], number: u32, grant: &mut dyn FnMut(u64) -> bool) -> Outcome {
        match self {
            Self::Here(options) => here(bytes, number, options, grant),
            #[cfg(target_os = "linux")]
            Self::Apart(worker) => apart::draft(worker, number, grant),
        }
    }
}

fn here(bytes: &[u8], number: u32, options: &decode::Options, grant: &mut dyn FnMut(u64) -> bool) -> Outcome {
    let refused = std::cell::Cell::new(None);
    let grant = std::cell::RefCell::new(grant);
    let gate = |needed: u64| {
        if (*grant.borrow_mut())(needed) {
            return Ok(());
        }
        refused.set(Some(needed));
        Err(not_granted())
    };
    match (Draft::of(bytes, number, options, &gate), refused.get()) {
        (Ok(draft), _) => Outcome::Described(draft),
        (Err(_), Some(needed)) => Outcome::Refused(needed),
        (Err(error), None) => Outcome::Failed(error),
    }
}

fn not_granted() -> Error {
    Error::new(ErrorKind::TooLarge, "not granted")
}

#[cfg(target_os = "linux")]
mod apart {
    use std::num::NonZero;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use serde::{Deserialize, Serialize};

    use super::{Draft, Outcome, Workers, not_granted};
    use crate::decode;
    use crate::error::{Error, ErrorKind, Result};
    use crate::index::local::Vocabulary;
    use crate::sandbox::worker::{Bench, Bounds, Failure, Message, SPARE};

    pub use crate::sandbox::worker::Worker;

    /// Tags of messages to a worker ...
    const DECODE: u8 = 0;
    const GRANTED: u8 = 1;
    const REFUSED: u8 = 2;
    /// ... and from one.
    const NEEDS: u8 = 3;
    const ANSWER: u8 = 4;

    /// A longer answer is none of ours: a description takes some 20 kB.
    const ANSWER_MAX: usize = 1 << 20;
    /// By the clock, what one picture may take: far more than its processor time, since workers may share a processor with
    /// many others.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[derive(Serialize, Deserialize)]
    enum Answer {
        Described(Draft),
        Failed(ErrorKind, String),
    }

    impl Workers {
        /// Starts a worker a job, in which `options` hold: the memory is for a file and its pixels together.
        ///
        /// To be called while the process has one thread, since it forks.
        ///
        /// # Errors
        /// `Io` where other threads run, or the system has no memory, pipe or process left.
        pub fn start(jobs: NonZero<usize>, options: &decode::Options) -> Result<Self> {
            // Unpacked once, before the memory is shared.
            let _ = Vocabulary::built_in();
            let memory = options.max_memory.saturating_add(SPARE);
            let bounds = Bounds { memory, time: options.max_time, single: false, open: Vec::new() };
            let start = |_| {
                let serve = |bench: &Bench<'_>, first| serve(bench, first, options);
                Worker::start(bounds.clone(), |_| Vec::new(), serve).map(Mutex::new)
            };
            let started: std::io::Result<Vec<_>> = (0..jobs.get()).map(start).collect();
            let failed = |error| Error::new(ErrorKind::Io, format!("no processes to decode in: {error}"));
            Ok(Self { started: Arc::new(started.map_err(failed)?) })
        }
    }

    /// The worker's side: until there is nothing more to do.
    fn serve(bench: &Bench<'_>, first: Message, options: &decode::Options) {
        let mut next = Ok(first);
        while let Ok(Message { tag: DECODE, content }) = next {
            let number = content.first_chunk().map_or(1, |bytes| u32::from_le_bytes(*bytes));
            let Ok(bytes) = bench.memory() else { return };
            bench.begin();
            let gate = |needed: u64| match bench.send(NEEDS, &needed.to_le_bytes()).and_then(|()| bench.receive()) {
                Ok(Message { tag: GRANTED, .. }) => Ok(()),
                _ => Err(not_granted()),
            };
            let answer = match Draft::of(&bytes, number, options, &gate) {
                Ok(draft) => Answer::Described(draft),
                Err(error) => Answer::Failed(error.kind(), error.message().to_owned()),
            };
            bench.end();
            drop(bytes);
            let Ok(answer) = serde_json::to_vec(&answer) else { return };
            if bench.send(ANSWER, &answer).is_err() {
                return;
            }
            next = bench.receive();
        }
    }

    /// Decodes and describes page `number` of what stands in the worker's memory.
    pub fn draft(worker: &mut Worker, number: u32, grant: &mut dyn FnMut(u64) -> bool) -> Outcome {
        let used = worker.is_used();
        let asked = match ask(worker, number, grant) {
            // It may have died of what others left behind.
            Err(Failure::Died(_)) if used => ask(worker, number, grant),
            asked => asked,
        };
        asked.unwrap_or_else(|failure| {
            let gone = matches!(failure, Failure::Gone(_));
            let kind = if gone { ErrorKind::Io } else { ErrorKind::Malformed };
            Outcome::Failed(Error::new(kind, failure.to_string()))
        })
    }

    fn ask(
        worker: &mut Worker,
        number: u32,
        grant: &mut dyn FnMut(u64) -> bool,
    ) -> std::result::Result<Outcome, Failure> {
        worker.ask(DECODE, &number.to_le_bytes())?;
        worker.allow(PATIENCE);
        let mut refused = None;
        let answer = loop {
            let Message { tag, content } = worker.receive(ANSWER_MAX)?;
            match tag {
                NEEDS => {
                    let needed = content.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
                    let granted = grant(needed);
                    refused = (!granted).then_some(needed);
                    worker.send(if granted { GRANTED } else { REFUSED }, &[])?;
                }
                ANSWER => break serde_json::from_slice(&content).ok(),
                _ => break None,
            }
        };
        match (answer, refused) {
            (Some(Answer::Described(draft)), _) if draft.is_sound() => Ok(Outcome::Described(draft)),
            (Some(Answer::Failed(..)), Some(needed)) => Ok(Outcome::Refused(needed)),
            (Some(Answer::Failed(kind, message)), None) => Ok(Outcome::Failed(Error::new(kind, message))),
            _ => {
                worker.dismiss();
                Err(Failure::Senseless)
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Workers {
    /// None here: pictures are decoded in this process.
    ///
    /// # Errors
    /// None here.
    pub fn start(_jobs: std::num::NonZero<usize>, _options: &decode::Options) -> Result<Self> {
        Ok(Self::none())
    }
}
