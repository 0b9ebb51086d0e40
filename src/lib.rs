//! Reverse image search on your own disk: describe collections of pictures, find the copies of one.

pub mod describe;
