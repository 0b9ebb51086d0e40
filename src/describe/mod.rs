//! Picture -> description: what is kept of a picture so that its copies can be recognised.

pub mod hash;
