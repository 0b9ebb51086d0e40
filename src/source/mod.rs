//! Where pictures come from.

pub mod folder;
