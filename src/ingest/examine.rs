//! One file: is it as the index knows it, and if not, what is it now?

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Outcome;
use super::look::{DESCRIBING, Examined, Look, Way, picture_of, refuse, stopped};
use super::pages::{Done, Laid, Step};
use super::workers::{Bytes, Place};
use crate::decode::{self, Sniff};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Known, State};
use crate::locator::{Locator, Stamp};
use crate::source::archive::is_file_named_so;
use crate::source::folder::FoundFile;

/// Enough to tell every format from its content.
pub(super) const SNIFF_BYTES: u64 = 4096;

impl Look<'_> {
    /// Whether this is one picture and as the index knows it, for sure: no look at the file would find more. It is seen
    /// then. What the index can't tell is told where the file is looked at.
    pub fn is_settled(&self, file: &FoundFile) -> bool {
        // Several names of a file are looked at together, and what a file may hold by itself.
        if file.inode.is_some() || is_file_named_so(&file.path) || self.may_hold_several(&file.path) {
            return false;
        }
        let known = self.seen.known(self.before, &Locator::from(file.path.as_path())).ok().flatten();
        known.is_some_and(|known| {
            let is_same = known.stamp == file.stamp && known.state == State::Present && known.pages <= 1;
            is_same && self.wants_frames(&known).is_ok_and(|wants| !wants)
        })
    }

    /// Looks at one file, reading it only if it changed, decoding it only if its content is new.
    ///
    /// `named`: the user named this very file, so that it must be a picture. With what it is comes how many pictures
    /// were looked for in it; those behind the first go `way`.
    ///
    /// # Errors
    /// `Io` where it can't be read, `Damaged` where the index can't be. What the index knows stays. `Interrupted` where
    /// the run was stopped.
    pub fn examine(&self, file: &FoundFile, named: bool, way: &Way<'_>) -> Result<(Examined, u32)> {
        let locator = Locator::from(file.path.as_path());
        let known = self.seen.known(self.before, &locator)?;
        if let Some(known) = known.filter(|known| known.stamp == file.stamp && known.state != State::Missing) {
            let is_picture = known.state == State::Present;
            let note = if is_picture { String::new() } else { self.before.source(&known)?.note };
            if (!named || known.state != State::Skipped) && !self.wants_frames(&known)? {
                if known.pages > 1 {
                    self.standing(&locator, way)?;
                }
                return Ok((Examined::Unchanged(known, note), known.pages));
            }
        }
        let (mut decoding, mut so_far) = (0, Done::default());
        loop {
            let attempt = self.attempt(file, named, known, decoding, &mut so_far, way);
            match attempt.map_err(|error| error.about(file.path.as_path()))? {
                Step::All(examined, pages) => {
                    if known.is_some_and(|known| known.pages > 1) {
                        (way.send)(Outcome::Reread(file.path.clone())).map_err(|()| stopped())?;
                    }
                    return Ok((examined, pages));
                }
                Step::Takes(bytes) => decoding = bytes,
            }
        }
    }

    /// Reads the file with `decoding` bytes set aside for its pixels.
    fn attempt(
        &self,
        file: &FoundFile,
        named: bool,
        known: Option<Known>,
        decoding: u64,
        so_far: &mut Done,
        way: &Way<'_>,
    ) -> Result<Step> {
        let replaces = picture_of(known);
        let done = |examined| Ok(Step::All(examined, 1));
        let turn = self.turns.take();
        let mut start = Content::start(file)?;
        drop(turn);
        let stamp = start.stamp;
        if let Some(reason) = start.refusal(file) {
            return done(refuse(&file.path, named, stamp, reason, known));
        }
        let max_file_bytes = self.options.max_file_bytes;
        if stamp.bytes > max_file_bytes {
            let message = format!("too large: {} bytes, more than {max_file_bytes}", stamp.bytes);
            return done(Examined::Failed { stamp, error: Error::new(ErrorKind::TooLarge, message), replaces });
        }
        let taken = stamp.bytes.saturating_add(DESCRIBING);
        let Some(mut share) = self.budget.take(taken.saturating_add(decoding)) else {
            return done(Examined::Failed { stamp, error: self.too_large(), replaces });
        };
        let mut place = self.options.workers.place(&self.options.decode);
        let turn = self.turns.take();
        let bytes = start.rest(&place)?;
        drop(turn);
        let laid = Laid {
            locator: &Locator::from(file.path.as_path()),
            bytes: &bytes,
            stamp,
            known,
            refuse: &|reason| refuse(&file.path, named, stamp, reason, known),
            most: self.budget.total().saturating_sub(taken),
        };
        self.pictures(&laid, &mut place, so_far, way, &mut |needed| share.grow_to(taken.saturating_add(needed)))
    }
}

/// A file that is being read.
struct Content {
    file: File,
    /// What the file system said of it when it was opened.
    stamp: Stamp,
    start: Vec<u8>,
}

impl Content {
    /// Opens a file and reads as far as needed to tell what it is.
    fn start(found: &FoundFile) -> Result<Self> {
        let mut file = File::open(&found.path).map_err(Error::io)?;
        let stamp = Stamp::of(&file.metadata().map_err(Error::io)?);
        let mut start = Vec::new();
        file.by_ref().take(SNIFF_BYTES).read_to_end(&mut start).map_err(Error::io)?;
        Ok(Self { file, stamp, start })
    }

    /// Why the rest need not be read.
    fn refusal(&self, found: &FoundFile) -> Option<String> {
        refusal(&self.start, self.stamp.bytes, &found.path)
    }

    /// All of it, laid where it is decoded. A file that grows while it is read is seen again next time, since its
    /// stamp is the one from before.
    fn rest(&mut self, place: &Place<'_>) -> Result<Bytes> {
        let length = usize::try_from(self.stamp.bytes).map_err(|_| Error::new(ErrorKind::TooLarge, "too large"))?;
        let mut bytes = place.bytes(length)?;
        let (start, rest) = bytes.as_mut().split_at_mut(self.start.len().min(length));
        start.copy_from_slice(self.start.get(..start.len()).unwrap_or_default());
        self.file.read_exact(rest).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Error::new(ErrorKind::Io, "changed while it was read: run again"),
            _ => Error::io(error),
        })?;
        Ok(bytes)
    }
}

/// Why what begins so, is so long and has this name need not be read.
pub(super) fn refusal(start: &[u8], bytes: u64, name: &Path) -> Option<String> {
    match decode::sniff(start) {
        // A format without a signature may show only in the whole.
        Sniff::Unknown if bytes <= SNIFF_BYTES || !decode::claims_to_be_a_picture(name) => Some(NOT_A_PICTURE.into()),
        Sniff::Unsupported(format) => Some(decode::unsupported(format)),
        Sniff::Readable(_) | Sniff::Unknown => None,
    }
}

/// The note of what is skipped and was never meant to be a picture.
pub const NOT_A_PICTURE: &str = "not a picture";
