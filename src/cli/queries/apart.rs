//! A process that reads, decodes and describes queries, one after the other.

use std::path::Path;

use anyhow::{Context, Result};
use ris::sandbox::worker::{Bench, Bounds, Failure, Message, SPARE, Worker};
use ris::sandbox::{self, Posture};
use ris::{Error, ErrorKind, decode};

use super::super::args::Confine;
use super::super::confine;
use super::{Described, Got, List, read, within};

/// Tags of messages to a process ...
const DESCRIBE: u8 = 0;
const GRANTED: u8 = 4;
/// ... and from one: all is read, in this posture.
const READ: u8 = 1;
const DESCRIBED: u8 = 2;
const FAILED: u8 = 3;
/// It wants memory to decode in: at first its share, then all that there is.
const NEEDS: u8 = 5;

/// A longer answer is none of ours: the longest, a reduced picture, takes 256 KiB and some.
const ANSWER_MAX: usize = 1 << 20;
/// Its share, and all: more there is not to be asked for.
const ASKED_MAX: usize = 2;
/// Processor time that one may take is given it so many times by the clock, since others need the processor, too.
const PATIENCE: f64 = 1.8;

/// The process, and which query was asked for last.
pub struct Apart {
    worker: Worker,
    asked: Option<usize>,
}

impl Apart {
    pub fn start<T: Described>(list: &List, args: &Confine) -> Result<Option<Self>> {
        if args.no_sandbox {
            return Ok(None);
        }
        let required = confine::is_required(args)?;
        let options = &list.options;
        let bounds = Bounds {
            memory: options.max_memory.saturating_add(SPARE),
            time: options.max_time,
            single: true,
            open: list.names.iter().filter_map(|name| sandbox::descriptor(opened(name))).collect(),
        };
        let named = |request: &[u8]| {
            let number = request.first_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes));
            list.names.get(number as usize)
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
        Ok(Some(Self { worker, asked: None }))
    }

    pub fn descriptors(&self) -> (Vec<i32>, Vec<i32>) {
        self.worker.descriptors()
    }

    /// Lets a query be read. What goes wrong with that is said when it is waited for.
    pub fn ask(&mut self, number: usize) {
        let request = u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        self.asked = self.worker.ask(DESCRIBE, &request).ok().map(|()| number);
    }

    pub fn get<T: Described>(&mut self, number: usize, list: &List) -> Got<T> {
        if self.asked != Some(number) {
            self.ask(number);
        }
        let mut posture = Posture::None;
        let outcome = self.answer(&mut posture, list).unwrap_or_else(|failure| {
            let kind = if matches!(failure, Failure::Gone(_)) { ErrorKind::Io } else { ErrorKind::Malformed };
            Err(Error::new(kind, failure.to_string()))
        });
        Got { outcome, posture }
    }

    /// What the process says; the inner error is the query's.
    fn answer<T: Described>(
        &mut self,
        posture: &mut Posture,
        list: &List,
    ) -> std::result::Result<ris::Result<T>, Failure> {
        let mut has_read = false;
        let mut room = list.room();
        loop {
            let Message { tag, content } = self.worker.receive(ANSWER_MAX)?;
            let told = match tag {
                // Until then it has looked at nothing that a stranger wrote, and may wait for a slow pipe.
                READ if !std::mem::replace(&mut has_read, true) => {
                    *posture = content.first().copied().map_or(Posture::None, Posture::from_number);
                    self.worker.allow(list.options.max_time.mul_f64(PATIENCE));
                    continue;
                }
                NEEDS if has_read && room.asked < ASKED_MAX => {
                    // For memory it may have to wait; its time is given anew.
                    self.worker.send(GRANTED, &room.next().to_le_bytes())?;
                    self.worker.allow(list.options.max_time.mul_f64(PATIENCE));
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
    within(&bytes?, options, || {
        let granted = bench.send(NEEDS, &[]).and_then(|()| bench.receive()).map_err(Error::io)?;
        Ok(granted.content.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    })
}
