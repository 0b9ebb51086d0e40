//! `--warc`: what was fetched, written as a web archive beside the index.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorKind, Result};
use crate::source::warc::Writer;
use crate::source::web::fetch::Response;

/// Writes every answer, from any thread; the first thing that goes wrong is kept, and nothing is written after it.
pub(super) struct Recording {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    warc: Option<Writer<BufWriter<File>>>,
    error: Option<Error>,
}

fn now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

impl Recording {
    /// A new file; packed where its name ends in `.gz`.
    ///
    /// # Errors
    /// `Io`, also where the file is there already: what was recorded is not replaced.
    pub fn new(path: &Path) -> Result<Self> {
        let file = File::create_new(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::new(ErrorKind::Io, "there already: name another file").about(path)
            }
            _ => Error::io(error).about(path),
        })?;
        let is_packed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let out = BufWriter::new(file);
        let mut warc = if is_packed { Writer::packed(out) } else { Writer::new(out) };
        let software = concat!("ris/", env!("CARGO_PKG_VERSION"));
        warc.info(&[("software", software), ("format", "WARC File Format 1.1")], now_ns())?;
        Ok(Self { path: path.to_owned(), state: Mutex::new(State { warc: Some(warc), error: None }) })
    }

    /// Writes an answer.
    pub fn response(&self, response: &Response) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let body = response.packed.as_ref().unwrap_or(&response.body);
        let Some(warc) = &mut state.warc else { return };
        if let Err(error) = warc.response(response.url.as_str(), now_ns(), &response.http_head, body, None) {
            (state.warc, state.error) = (None, Some(error.about(self.path.as_path())));
        }
    }

    /// What went wrong, once.
    ///
    /// # Errors
    /// `Io` where the file could not be written.
    pub fn check(&self) -> Result<()> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).error.take().map_or(Ok(()), Err)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Io` where it could not be written.
    pub fn finish(&self) -> Result<()> {
        self.check()?;
        let warc = self.state.lock().unwrap_or_else(PoisonError::into_inner).warc.take();
        let synced = warc.map_or(Ok(()), |warc| warc.finish()?.get_ref().sync_all().map_err(Error::io));
        synced.map_err(|error| error.about(self.path.as_path()))
    }
}
