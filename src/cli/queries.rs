//! Queries, each read, decoded and described by a process of its own that may open nothing else.
//!
//! The process that searches gets descriptions and never sees a query's bytes. A query on which a decoder aborts,
//! overflows its stack or does not end costs itself alone. Several are described at the same time, and while one is
//! searched for, the next is described.
//!
//! Where there is no Linux, or `--no-sandbox` is given, threads of this process do it all.

#[cfg(target_os = "linux")]
mod apart;
mod order;

use std::cell::Cell;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ris::decode::{self, Gate};
use ris::ingest::{self, Budget, Share};
use ris::sandbox::Posture;
use ris::search::{Query, Side};
use ris::{Error, ErrorKind};

use super::args::Confine;
use super::files;
use order::Order;

/// What a process can make of a picture's bytes and hand on.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub trait Described: Sized + Send + 'static {
    fn of(bytes: &[u8], options: &decode::Options, gate: Gate<'_>) -> ris::Result<Self>;
    fn to_bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Described for Query {
    fn of(bytes: &[u8], options: &decode::Options, gate: Gate<'_>) -> ris::Result<Self> {
        Self::of_gated(bytes, options, gate)
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes)
    }
}

impl Described for Side {
    fn of(bytes: &[u8], options: &decode::Options, gate: Gate<'_>) -> ris::Result<Self> {
        Self::of_gated(bytes, options, gate)
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes)
    }
}

/// Queries by their names; `-` is stdin.
pub struct Queries {
    list: Arc<List>,
    describers: Vec<Describer>,
}

struct List {
    names: Vec<PathBuf>,
    options: decode::Options,
    /// Memory that is shared by those which are decoded at the same time ...
    budget: Budget,
    /// ... and what of it each is given at first.
    share: u64,
}

/// Describes one query after the other.
struct Describer {
    list: Arc<List>,
    #[cfg(target_os = "linux")]
    apart: Option<apart::Apart>,
}

/// What is known of a query, or why nothing is.
pub struct Got<T> {
    pub outcome: ris::Result<T>,
    /// How far the process was confined that read it.
    pub posture: Posture,
}

/// What came of a query.
pub struct Done<R> {
    pub answer: R,
    /// How long its description was waited for, and how long it was worked with. What was done before anybody waited is not
    /// in it, nor how long the answer waited for those of earlier queries.
    pub elapsed: Duration,
}

/// Queries that were begun and not yet answered are so many times those that are described at the same time: while one
/// is searched for, the next is described.
const UNDER_WAY: usize = 2;

impl Queries {
    /// Forks what the processes come from, `jobs` of them, but none that would have no query; nothing is read yet. To be
    /// called while this process has one thread.
    pub fn start<T: Described>(
        names: &[PathBuf],
        options: &decode::Options,
        confine: &Confine,
        jobs: NonZero<usize>,
    ) -> Result<Self> {
        #[cfg(not(target_os = "linux"))]
        let _ = confine;
        let jobs = jobs.get().min(names.len()).max(1);
        let budget = Budget::new(options.max_memory);
        let share = options.max_memory / jobs as u64;
        let list = Arc::new(List { names: names.to_vec(), options: options.clone(), budget, share });
        let describer = |_| {
            Ok(Describer {
                list: Arc::clone(&list),
                #[cfg(target_os = "linux")]
                apart: apart::Apart::start::<T>(&list, confine)?,
            })
        };
        let describers = (0..jobs).map(describer).collect::<Result<_>>()?;
        Ok(Self { list, describers })
    }

    /// The descriptors that are needed for it: those that are written, and those that are read.
    #[cfg(unix)]
    pub fn descriptors(&self) -> (Vec<i32>, Vec<i32>) {
        #[cfg(target_os = "linux")]
        return {
            let all = self.describers.iter().filter_map(|describer| describer.apart.as_ref());
            let (written, read): (Vec<_>, Vec<_>) = all.map(apart::Apart::descriptors).unzip();
            (written.concat(), read.concat())
        };
        #[cfg(not(target_os = "linux"))]
        Default::default()
    }

    /// Lets the first be read and described while this process does other things. To be called once it is confined.
    pub fn begin(&mut self) {
        for (number, describer) in self.describers.iter_mut().enumerate().take(self.list.names.len()) {
            describer.ask(number);
        }
    }

    /// What is known of all queries, in their order, up to the first of which nothing is.
    pub fn all<T: Described>(self) -> Result<Vec<Got<T>>> {
        let mut all = Vec::new();
        self.each(
            |_, got| got,
            |_, done| {
                let goes_on = done.answer.outcome.is_ok();
                all.push(done.answer);
                Ok(goes_on)
            },
        )?;
        Ok(all)
    }

    /// Has `work` done with each query, several at a time, and gives what came of it to `take`, in the order of the
    /// queries, as soon as it is there: until `take` fails or says `false`. What is under way then ends with this process
    /// and is not waited for, since it may wait itself, for a pipe or a slow disk.
    pub fn each<T: Described, R: Send + 'static>(
        self,
        work: impl Fn(usize, Got<T>) -> R + Send + Sync + 'static,
        mut take: impl FnMut(usize, Done<R>) -> Result<bool>,
    ) -> Result<()> {
        let (count, jobs) = (self.list.names.len(), self.describers.len());
        let order = Arc::new(Order::new(count, jobs, UNDER_WAY * jobs));
        let work = Arc::new(work);
        let mut threads = Vec::new();
        for (number, describer) in self.describers.into_iter().enumerate() {
            let (order, work) = (Arc::clone(&order), Arc::clone(&work));
            let thread = thread::Builder::new().name(format!("query-{number}"));
            threads.push(thread.spawn(move || describer.run(number, &order, &*work)).context("no thread")?);
        }
        for number in 0..count {
            let Some(done) = order.take(number) else { break };
            let goes_on = take(number, done);
            if !matches!(goes_on, Ok(true)) {
                order.stop();
                return goes_on.map(drop);
            }
        }
        // What the processes took is counted as this one's own once they were waited for.
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        Ok(())
    }
}

impl Describer {
    /// Describes queries and has them worked with, from query `first` on, until none is left.
    fn run<T: Described, R>(mut self, first: usize, order: &Order<Done<R>>, work: impl Fn(usize, Got<T>) -> R) {
        let _ends = order.ends();
        let mut next = Some(first).filter(|&first| first < self.list.names.len());
        while let Some(number) = next {
            let started = Instant::now();
            let got = self.get(number);
            // Described while this one is worked with. Without waiting: others may wait for what comes of this one.
            next = order.try_claim();
            if let Some(next) = next {
                self.ask(next);
            }
            let answer = work(number, got);
            order.put(number, Done { answer, elapsed: started.elapsed() });
            next = next.or_else(|| order.claim());
        }
    }

    /// Lets a query be read and described.
    fn ask(&mut self, number: usize) {
        #[cfg(target_os = "linux")]
        if let Some(apart) = &mut self.apart {
            apart.ask(number);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = number;
    }

    fn get<T: Described>(&mut self, number: usize) -> Got<T> {
        #[cfg(target_os = "linux")]
        if let Some(apart) = &mut self.apart {
            return apart.get(number, &self.list);
        }
        let mut room = self.list.room();
        let outcome = read(self.list.name(number), &self.list.options)
            .and_then(|bytes| within(&bytes, &self.list.options, || Ok(room.next())));
        Got { outcome, posture: Posture::None }
    }
}

impl List {
    fn name(&self, number: usize) -> &Path {
        self.names.get(number).map_or(Path::new(""), PathBuf::as_path)
    }

    /// Memory for one picture, of which it has none yet.
    fn room(&self) -> Room<'_> {
        Room { list: self, held: None, asked: 0 }
    }
}

/// Memory that a picture is given: at first its share, and where that is too little, all, for which it waits until the
/// others are done. It waits with nothing in its hands, so nobody waits for somebody who waits.
struct Room<'a> {
    list: &'a List,
    held: Option<Share<'a>>,
    asked: usize,
}

impl Room<'_> {
    /// So many bytes; what was held before is given back.
    fn next(&mut self) -> u64 {
        let all = self.list.options.max_memory;
        let bytes = if self.asked == 0 { self.list.share } else { all };
        self.asked += 1;
        self.held = None;
        self.held = self.list.budget.take(bytes);
        bytes
    }
}

/// Describes a picture within the memory that `grant` gives, more of it each time that it is asked.
fn within<T: Described>(
    bytes: &[u8],
    options: &decode::Options,
    mut grant: impl FnMut() -> ris::Result<u64>,
) -> ris::Result<T> {
    loop {
        let granted = grant()?;
        let refused = Cell::new(false);
        let gate = |needed: u64| match needed <= granted {
            true => Ok(()),
            false => {
                refused.set(true);
                Err(Error::new(ErrorKind::TooLarge, "not granted"))
            }
        };
        let described = T::of(bytes, options, &gate);
        // Also what came out all the same came out otherwise: of a raw file a smaller preview.
        if !refused.get() || granted >= options.max_memory {
            return described;
        }
    }
}

/// A query's bytes. They and the pixels share the memory, so a file that is larger can't be decoded.
fn read(name: &Path, options: &decode::Options) -> ris::Result<Vec<u8>> {
    files::query(name, ingest::Options::default().max_file_bytes.min(options.max_memory))
}
