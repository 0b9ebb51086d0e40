//! Reverse image search on your own disk: describe collections of pictures, find the copies of one.

pub mod decode;
pub mod describe;
pub mod error;
pub mod locator;

pub use error::{Error, ErrorKind, Result};
