//! One error type for the whole library, its kinds sorted by who must act.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::locator::Locator;

/// The longest message kept, in characters: decoders can produce texts of 100 KB.
const MESSAGE_LIMIT: usize = 300;

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Who must act, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file system refused: the file is gone, may not be read, or the medium failed.
    Io,
    /// The content is no picture of any known format. Nobody must act unless its name claims otherwise.
    NotAPicture,
    /// The content claims to be a picture and can't be decoded: the file is damaged.
    Malformed,
    /// The content is a picture of a format that this build does not read.
    Unsupported,
    /// The picture would take more memory than the decoder's options allow.
    TooLarge,
    /// There is no index at the given place: run `ris index` first.
    NoIndex,
    /// The folder is not an index, or one that a newer or older ris wrote: choose another.
    ForeignIndex,
    /// Another process is writing to the index: wait for it.
    Busy,
    /// The index can't be read: its files are damaged.
    Damaged,
    /// The caller asked for something that can't be done.
    Usage,
    /// The caller asked to stop.
    Interrupted,
}

/// What went wrong, with what, and, in the message, what to do about it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    subject: Option<Locator>,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error whose `message` says what is wrong and what to do; longer than 300 characters, it is cut.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let mut message = message.into().into_owned();
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_LIMIT) {
            message.truncate(end);
            message.pop();
            message.push('…');
        }
        Self { kind, subject: None, message, source: None }
    }

    /// An error of the file system.
    pub fn io(error: std::io::Error) -> Self {
        // The text of the operating system, without the number that Rust appends.
        let text = error.to_string();
        let message = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
        Self::new(ErrorKind::Io, message).with_source(error)
    }

    /// The same error, said of `subject`.
    pub fn about(mut self, subject: impl Into<Locator>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same error, caused by `source`.
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Who must act.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What it is about, where that is one place.
    pub fn subject(&self) -> Option<&Locator> {
        self.subject.as_ref()
    }

    /// What is wrong and what to do, without the subject; at most 300 characters.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, "{subject}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_at_300_characters_and_a_shorter_one_is_kept_whole() {
        for length in [0, 299, 300, 301, 100_000] {
            let error = Error::new(ErrorKind::Malformed, "é".repeat(length));
            assert_eq!(error.message().chars().count(), length.min(300));
            assert_eq!(error.message().ends_with('…'), length > 300, "{length}");
        }
    }

    #[test]
    fn an_io_error_says_what_the_system_said_without_its_number() {
        let error = Error::io(std::fs::read("/nonexistent/file").unwrap_err());
        assert_eq!(error.message(), "no such file or directory");
        assert_eq!(error.about(std::path::Path::new("/a b")).to_string(), "/a b: no such file or directory");
    }
}
