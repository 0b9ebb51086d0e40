//! Queries, each read, decoded and described by a process of its own that may open nothing else.
//!
//! The process that searches gets descriptions and never sees a query's bytes. A query on which a decoder aborts,
//! overflows its stack or does not end costs itself alone. While one is searched for, the next is described.
//!
//! Where there is no Linux, or `--no-sandbox` is given, this process does it all.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ris::sandbox::Posture;
use ris::search::{Query, Side};
use ris::{decode, ingest};

use super::args::Confine;
use super::files;

/// What a process can make of a picture's bytes and hand on.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub trait Described: Sized {
    fn of(bytes: Vec<u8>, options: &decode::Options) -> ris::Result<Self>;
    fn to_bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Described for Query {
    fn of(bytes: Vec<u8>, options: &decode::Options) -> ris::Result<Self> {
        Self::of(bytes, options)
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes)
    }
}

impl Described for Side {
    fn of(bytes: Vec<u8>, options: &decode::Options) -> ris::Result<Self> {
        Self::of(bytes, options)
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes)
    }
}

/// Queries by their names; `-` is stdin.
pub struct Queries<'a> {
    names: &'a [PathBuf],
    options: &'a decode::Options,
    #[cfg(target_os = "linux")]
    apart: Option<apart::Apart>,
}

impl<'a> Queries<'a> {
    /// Forks what the processes come from; nothing is read yet. To be called while this process has one thread.
    pub fn start<T: Described>(names: &'a [PathBuf], options: &'a decode::Options, confine: &Confine) -> Result<Self> {
        #[cfg(not(target_os = "linux"))]
        let _ = confine;
        Ok(Self {
            names,
            options,
            #[cfg(target_os = "linux")]
            apart: apart::Apart::start::<T>(names, options, confine)?,
        })
    }

    /// The descriptors that are needed for it: those that are written, and those that are read.
    #[cfg(unix)]
    pub fn descriptors(&self) -> (Vec<i32>, Vec<i32>) {
        #[cfg(target_os = "linux")]
        if let Some(apart) = &self.apart {
            return apart.descriptors();
        }
        Default::default()
    }

    /// Lets the first be read and described while this process does other things. To be called once it is confined.
    pub fn begin(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(apart) = &mut self.apart {
            apart.ask(0);
        }
    }

    /// What is known of a query, or why nothing is, and how far the process was confined that read it.
    pub fn get<T: Described>(&mut self, number: usize) -> (ris::Result<T>, Posture) {
        #[cfg(target_os = "linux")]
        if let Some(apart) = &mut self.apart {
            let got = apart.get(number);
            if number + 1 < self.names.len() {
                apart.ask(number + 1);
            }
            return got;
        }
        let name = self.names.get(number).map_or(Path::new(""), PathBuf::as_path);
        (read(name, self.options).and_then(|bytes| T::of(bytes, self.options)), Posture::None)
    }
}

/// A query's bytes. They and the pixels share the memory, so a file that is larger can't be decoded.
fn read(name: &Path, options: &decode::Options) -> ris::Result<Vec<u8>> {
    files::query(name, ingest::Options::default().max_file_bytes.min(options.max_memory))
}

#[cfg(target_os = "linux")]
mod apart {
    use std::path::{Path, PathBuf};

    use anyhow::{Context, Result};
    use ris::sandbox::worker::{Bench, Bounds, Failure, Message, SPARE, Worker};
    use ris::sandbox::{self, Posture};
    use ris::{Error, ErrorKind, decode};

    use super::super::args::Confine;
    use super::super::confine;
    use super::{Described, read};

    /// Tags of messages to a process ...
    const DESCRIBE: u8 = 0;
    /// ... and from one: all is read, in this posture.
    const READ: u8 = 1;
    const DESCRIBED: u8 = 2;
    const FAILED: u8 = 3;

    /// A longer answer is none of ours: the longest, a reduced picture, takes 256 KiB and some.
    const ANSWER_MAX: usize = 1 << 20;
    /// Processor time that one may take is given it so many times by the clock, since others need the processor, too.
    const PATIENCE: f64 = 1.8;

    /// The processes, and which query was asked for last.
    pub struct Apart {
        worker: Worker,
        asked: Option<usize>,
        options: decode::Options,
    }

    impl Apart {
        pub fn start<T: Described>(
            names: &[PathBuf],
            options: &decode::Options,
            args: &Confine,
        ) -> Result<Option<Self>> {
            if args.no_sandbox {
                return Ok(None);
            }
            let required = confine::is_required(args)?;
            let bounds = Bounds {
                memory: options.max_memory.saturating_add(SPARE),
                time: options.max_time,
                single: true,
                open: names.iter().filter_map(|name| sandbox::descriptor(opened(name))).collect(),
            };
            let named = |request: &[u8]| {
                let number = request.first_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes));
                names.get(number as usize).map(PathBuf::as_path)
            };
            let files = |request: &[u8]| named(request).into_iter().map(|name| opened(name).to_owned()).collect();
            let serve = |bench: &Bench<'_>, message: Message| {
                let Some(name) = named(&message.content) else { return };
                let told = described::<T>(bench, name, options, required);
                // Fails where nobody waits for it any more.
                let _ = match told {
                    Ok(told) => bench.send(DESCRIBED, &told.to_bytes()),
                    Err(error) => serde_json::to_vec(&(error.kind(), error.message()))
                        .map_err(std::io::Error::from)
                        .and_then(|told| bench.send(FAILED, &told)),
                };
            };
            let worker = Worker::start(bounds, files, serve).context("no process to read queries in")?;
            Ok(Some(Self { worker, asked: None, options: options.clone() }))
        }

        pub fn descriptors(&self) -> (Vec<i32>, Vec<i32>) {
            self.worker.descriptors()
        }

        /// Lets a query be read. What goes wrong with that is said when it is waited for.
        pub fn ask(&mut self, number: usize) {
            let request = u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
            self.asked = self.worker.ask(DESCRIBE, &request).ok().map(|()| number);
        }

        pub fn get<T: Described>(&mut self, number: usize) -> (ris::Result<T>, Posture) {
            if self.asked != Some(number) {
                self.ask(number);
            }
            let mut posture = Posture::None;
            let got = self.answer(&mut posture).unwrap_or_else(|failure| {
                let kind = if matches!(failure, Failure::Gone(_)) { ErrorKind::Io } else { ErrorKind::Malformed };
                Err(Error::new(kind, failure.to_string()))
            });
            (got, posture)
        }

        /// What the process says; the inner error is the query's.
        fn answer<T: Described>(&mut self, posture: &mut Posture) -> std::result::Result<ris::Result<T>, Failure> {
            let mut has_read = false;
            loop {
                let Message { tag, content } = self.worker.receive(ANSWER_MAX)?;
                let told = match tag {
                    // Until then it has looked at nothing that a stranger wrote, and may wait for a slow pipe.
                    READ if !std::mem::replace(&mut has_read, true) => {
                        *posture = content.first().copied().map_or(Posture::None, Posture::from_number);
                        self.worker.allow(self.options.max_time.mul_f64(PATIENCE));
                        continue;
                    }
                    DESCRIBED => T::from_bytes(&content).map(Ok),
                    FAILED => {
                        let told: Option<(ErrorKind, String)> = serde_json::from_slice(&content).ok();
                        told.map(|(kind, message)| Err(Error::new(kind, message)))
                    }
                    _ => None,
                };
                return told.ok_or_else(|| {
                    self.worker.dismiss();
                    Failure::Senseless
                });
            }
        }
    }

    /// The path by which a query is opened: that of a descriptor, too.
    fn opened(name: &Path) -> &Path {
        if name.as_os_str() == "-" { Path::new(sandbox::STDIN) } else { name }
    }

    /// The process's side. It is confined already, and reads only now.
    fn described<T: Described>(
        bench: &Bench<'_>,
        name: &Path,
        options: &decode::Options,
        required: bool,
    ) -> ris::Result<T> {
        if required && bench.posture() != Posture::Enforced {
            return Err(Error::new(ErrorKind::Unsupported, confine::NOT_WHOLE));
        }
        let bytes = read(name, options);
        bench.send(READ, &[bench.posture() as u8]).map_err(Error::io)?;
        bench.begin();
        T::of(bytes?, options)
    }
}
