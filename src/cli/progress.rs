//! Progress on a terminal, warnings anywhere, and Ctrl-C.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use ris::progress::{Event, Progress};

use super::messages;

/// Draws at most so often a second: decoding is what the machine is for.
const DRAWS_A_SECOND: u8 = 8;
/// What takes longer is explained.
const SOON: Duration = Duration::from_secs(1);

/// Draws a bar on stderr where that is a terminal.
pub struct Bar {
    bar: ProgressBar,
    quiet: bool,
    /// Dropped once the index is of today's format.
    taking_over: Mutex<Option<Sender<()>>>,
    bytes: AtomicU64,
    files: AtomicU64,
}

impl Bar {
    /// A bar that starts now; `quiet`: none, and only warnings show.
    pub fn new(quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let target = if quiet || dumb {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND)
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(counting());
        Self { bar, quiet, taking_over: Mutex::default(), bytes: AtomicU64::new(0), files: AtomicU64::new(0) }
    }

    /// Says why nothing seems to happen while an index is rewritten, where that is not soon done.
    fn take_over(&self, pictures: u64, of: u64) {
        let mut taking_over = self.taking_over.lock().unwrap_or_else(PoisonError::into_inner);
        if pictures >= of {
            *taking_over = None;
        } else if taking_over.is_none() && !self.quiet {
            let (done, waits) = mpsc::channel();
            *taking_over = Some(done);
            let bar = self.bar.clone();
            std::thread::spawn(move || {
                if waits.recv_timeout(SOON) == Err(RecvTimeoutError::Timeout) {
                    let pictures = HumanCount(of);
                    let message = format!(
                        "the index is of an earlier format: rewriting {pictures} pictures in today's, none is \
                         decoded; where that is stopped, the next run goes on"
                    );
                    bar.suspend(|| messages::line(&message));
                }
            });
        }
    }

    /// Writes something else meanwhile.
    #[cfg_attr(not(feature = "watch"), allow(dead_code))]
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// While the number of files is not known yet.
fn counting() -> ProgressStyle {
    style("{spinner} {human_pos} of {human_len}… {per_sec} {msg}")
}

fn measuring() -> ProgressStyle {
    style("{bar:24} {human_pos}/{human_len} {per_sec}, {eta} left {msg}")
}

fn crawling() -> ProgressStyle {
    style("{spinner} {msg}")
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("per_sec", |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{:.0}/s", state.per_sec());
    })
}

impl Progress for Bar {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Found { files, .. } => {
                let files = self.files.fetch_add(files, Ordering::Relaxed) + files;
                self.bar.set_length(files);
            }
            Event::FoundAll => self.bar.set_style(measuring()),
            Event::Done { bytes } => {
                let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
                self.bar.inc(1);
                if !self.bar.is_hidden() {
                    self.bar.set_message(DecimalBytes(bytes).to_string());
                }
            }
            Event::Crawled { pages, images, bytes, waiting, queued } => {
                self.bar.set_style(crawling());
                self.bar.set_message(format!(
                    "{} pages, {} pictures, {}; {} queued, {waiting} hosts waiting",
                    HumanCount(pages),
                    HumanCount(images),
                    DecimalBytes(bytes),
                    HumanCount(queued)
                ));
                self.bar.tick();
            }
            Event::TakenOver { pictures, of } => self.take_over(pictures, of),
            Event::Failed(error) | Event::Warned(error) => self.bar.suspend(|| messages::warning(error)),
            _ => {}
        }
    }

    fn wants_totals(&self) -> bool {
        !self.bar.is_hidden()
    }

    fn stop(&self) -> bool {
        STOP.load(Ordering::Relaxed)
    }
}

static STOP: AtomicBool = AtomicBool::new(false);
/// How long a second Ctrl-C is taken for a bounce of the first.
const BOUNCE: Duration = Duration::from_millis(200);

/// From now on the first Ctrl-C asks the run to stop and keep what is done; the second ends the process.
pub fn stop_on_interrupt() {
    static FIRST: OnceLock<std::time::Instant> = OnceLock::new();
    // Fails only where a handler stands already, and then that one does the same.
    let _ = ctrlc::set_handler(|| {
        STOP.store(true, Ordering::Relaxed);
        let now = std::time::Instant::now();
        if now.duration_since(*FIRST.get_or_init(|| now)) > BOUNCE {
            std::process::exit(130);
        }
    });
}
