//! Reverse image search on your own disk: describe collections of pictures, find the copies of one.

pub mod decode;
pub mod describe;
pub mod error;
pub mod index;
pub mod ingest;
pub mod locator;
pub mod progress;
pub mod report;
pub mod search;
pub mod source;

pub use error::{Error, ErrorKind, Result};
