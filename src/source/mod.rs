//! Where pictures come from.

pub mod archive;
pub mod folder;
mod stream;
pub mod warc;
#[cfg(feature = "crawl")]
pub mod web;
