//! How a run ended, as scripts see it.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;

/// Exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something matched; for `index`, every picture found was indexed.
    Success = 0,
    /// Nothing matched.
    NoMatch = 1,
    /// An error, even if results were printed too.
    Error = 2,
    /// Stopped by Ctrl-C; what was done is kept.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Writes all of `text` to stdout.
pub fn print(text: &[u8]) -> anyhow::Result<Exit> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text).and_then(|()| stdout.flush()).context("stdout")?;
    Ok(Exit::Success)
}

/// Whether the reader of stdout has gone: it has what it wanted.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
