//! Layers of compression: how much memory unpacking one takes, told by its start, and the stream that is within.
//!
//! zstd and xz refer back to bytes unpacked before, in a window as large as whoever packed them chose. So they say first
//! how large it is, and it is held like anything else that is held.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use super::signature::Signature;
use super::zstd::{self, Zstd};
use crate::panics;

/// The largest window: what the command-line tools of zstd take too, unless told otherwise, and twice that of `xz -9`.
pub(super) const WINDOW_MAX: u64 = 128 << 20;
/// Windows up to this are part of what reading an archive takes: those of both tools' defaults.
const WINDOW_FREE: u64 = 8 << 20;
/// What xz takes besides its window.
const XZ_OVERHEAD: u64 = 1 << 20;

/// What unpacking takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Bytes back that may be referred to.
    pub most: u64,
    /// Bytes to be held for that, beyond what reading an archive takes anyway.
    pub held: u64,
}

/// The window of a stream that begins so.
///
/// # Errors
/// `InvalidData` where it is larger than [`WINDOW_MAX`].
pub(super) fn window(kind: Signature, start: &[u8]) -> io::Result<Window> {
    // Where the start does not tell, it may be any.
    let needed = match kind {
        Signature::Zstd => zstd::first_window(start).unwrap_or(WINDOW_MAX),
        Signature::Xz => xz_window(start).unwrap_or(WINDOW_MAX),
        _ => 0,
    };
    if needed > WINDOW_MAX {
        return Err(too_large(needed));
    }
    if needed <= WINDOW_FREE {
        Ok(Window { most: WINDOW_FREE, held: 0 })
    } else {
        Ok(Window { most: needed, held: needed })
    }
}

/// Says of a window that it is too large.
pub(super) fn too_large(window: u64) -> io::Error {
    let (window, most) = (window.div_ceil(1 << 20), WINDOW_MAX >> 20);
    said(format!("unpacking it takes a window of {window} MiB, more than {most}: unpack it first"))
}

/// The stream within `packed`.
pub(super) fn unpacked<'a>(kind: Signature, packed: impl BufRead + 'a, window: Window) -> Box<dyn Read + 'a> {
    match kind {
        Signature::Zstd => Box::new(Contained::new(packed, "zstd", |packed| Zstd::new(packed, window.most))),
        Signature::Xz => {
            let kib = u32::try_from((window.most + XZ_OVERHEAD) >> 10).unwrap_or(u32::MAX - 1);
            Box::new(Contained::new(packed, "xz", |packed| XzReader::new_mem_limit(packed, true, kib)))
        }
        _ => Box::new(MultiGzDecoder::new(packed)),
    }
}

/// The dictionary that the first block of an xz file asks for; `None` where `start` does not hold all of its header.
///
/// After "The .xz File Format" 1.2.1, sections 2.1.1 and 3.1.
fn xz_window(start: &[u8]) -> Option<u64> {
    const LZMA2: u64 = 0x21;
    let block = start.get(12..)?;
    let (&size, header) = block.split_first()?;
    if size == 0 {
        // The index: there is no block.
        return Some(0);
    }
    let mut header = header.get(..usize::from(size) * 4 + 3)?;
    let (&flags, rest) = header.split_first()?;
    header = rest;
    for flag in [0x40, 0x80] {
        if flags & flag != 0 {
            number(&mut header)?;
        }
    }
    for _ in 0..=flags & 3 {
        let filter = number(&mut header)?;
        let length = usize::try_from(number(&mut header)?).ok()?;
        let (properties, rest) = header.split_at_checked(length)?;
        header = rest;
        if let (LZMA2, [bits]) = (filter, properties) {
            return match bits & 63 {
                40 => Some(u32::MAX.into()),
                bits @ 0..40 => Some((2 | u64::from(bits & 1)) << (bits / 2 + 11)),
                _ => None,
            };
        }
    }
    None
}

/// Seven bits a byte, the lowest first.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << (7 * shift);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A decoder whose panics are errors, whose errors are told in our words, and which is not asked again after one.
struct Contained<D> {
    decoder: D,
    name: &'static str,
    below: Rc<Below>,
    /// What was wrong.
    failed: Option<String>,
}

/// How the packed stream ended, which decoders hide behind errors of their own.
#[derive(Default)]
struct Below {
    code: Cell<Option<i32>>,
    is_at_end: Cell<bool>,
}

/// The packed stream, watched.
struct Watched<R> {
    stream: R,
    below: Rc<Below>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer);
        match &read {
            Ok(0) if !buffer.is_empty() => self.below.is_at_end.set(true),
            Ok(_) => {}
            Err(error) => self.below.code.set(error.raw_os_error()),
        }
        read
    }
}

impl<D: Read> Contained<D> {
    fn new<R>(packed: R, name: &'static str, decoder: impl FnOnce(Watched<R>) -> D) -> Self {
        let below = Rc::<Below>::default();
        let decoder = decoder(Watched { stream: packed, below: below.clone() });
        Self { decoder, name, below, failed: None }
    }
}

impl<D> Contained<D> {
    /// What to say of an error.
    fn told(&self, error: &io::Error) -> String {
        let name = self.name;
        if error.kind() == io::ErrorKind::OutOfMemory {
            too_large_later().to_string()
        } else if error.get_ref().is_some_and(|inner| inner.is::<Said>()) {
            error.to_string()
        } else if self.below.is_at_end.get() {
            format!("its {name} data ends too early")
        } else {
            format!("its {name} data makes no sense")
        }
    }
}

impl<D: Read> Read for Contained<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            // A decoder that panicked is not asked again.
            let read = panics::contained(|| self.decoder.read(buffer));
            match read.unwrap_or_else(|| Err(io::ErrorKind::InvalidData.into())) {
                Ok(read) => return Ok(read),
                Err(error) => self.failed = Some(self.told(&error)),
            }
        }
        Err(match self.below.code.get() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => said(self.failed.clone().unwrap_or_default()),
        })
    }
}

/// Says of a window that it is larger than the first.
pub(super) fn too_large_later() -> io::Error {
    said("unpacking it takes a larger window further on than at its start: unpack it first")
}

/// What is wrong, in words that are to be passed on.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

/// An error of these words.
pub(super) fn said(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Said(what.into()))
}
