//! Where pictures come from.

pub mod archive;
pub mod folder;
#[cfg(feature = "crawl")]
pub mod web;
