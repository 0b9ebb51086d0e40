//! Reverse image search on your own disk: describe collections of pictures, find the copies of one.
//!
//! ```text
//! ingest::run      source -> decode -> describe -> index::Writer
//! search::search   Query::of(bytes -> decode -> describe) -> index::Reader -> verify -> rank -> Answer
//! search::compare  the same between two pictures, without an index
//! ```
//!
//! - [`source`], [`decode`], [`describe`], [`index`]: one stage each, usable by itself.
//! - [`ingest`] runs the first flow over folders, in parallel; it tells [`progress`] and never prints.
//! - [`search`] runs the second; the query is in memory only. [`report`] writes what it found.
//! - [`sandbox`] shuts processes off from network and disk before they read a query; its workers decode what may do harm.
//! - [`locator`] says where a picture stands; [`Error`] what went wrong, with what, and what to do.

pub mod decode;
pub mod describe;
pub mod error;
pub mod index;
pub mod ingest;
pub mod locator;
mod panics;
pub mod progress;
pub mod report;
pub mod sandbox;
pub mod search;
pub mod source;

pub use error::{Error, ErrorKind, Result};

/// The example of the guide compiles.
#[cfg(doctest)]
#[doc = include_str!("../docs/GUIDE.md")]
struct Guide;
