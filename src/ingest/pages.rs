//! What stands in one file whose bytes are at hand: a picture, or several, each a place of its own.
//!
//! A page's digest is made of its file's and its number. So a file that was moved, copied or touched keeps the
//! descriptions of its pages, and none of them is decoded.

use std::path::Path;

use super::Outcome;
use super::look::{Examined, Look, Way, picture_of, stopped};
use super::workers::{self, Place};
use crate::decode::{self, Several};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Digest, Known, State};
use crate::locator::{Locator, Stamp};

/// A file whose bytes are at hand.
pub(super) struct Laid<'a> {
    pub locator: &'a Locator,
    pub bytes: &'a [u8],
    pub stamp: Stamp,
    pub known: Option<Known>,
    /// What it is where it is no picture that this build reads, for this reason.
    pub refuse: &'a dyn Fn(String) -> Examined,
    /// The most memory, in bytes, that decoding one of its pictures can ever be given.
    pub most: u64,
}

/// What is done of a file, where it must be read again since memory was short.
#[derive(Default)]
pub(super) struct Done {
    digest: Option<Digest>,
    first: Option<Examined>,
    /// Pages behind the first.
    pages: usize,
}

/// How far looking at a file came.
pub(super) enum Step {
    /// To its end: what its first picture is, and how many were looked for.
    All(Examined, u32),
    /// To a picture that takes so many bytes: the file is to be read again when these are there.
    Takes(u64),
}

impl Look<'_> {
    /// Looks at each picture of a file, decoding those whose content is new; `grant` is asked for what that takes.
    ///
    /// # Errors
    /// `Io`, `Damaged`; `Interrupted` where the run was stopped.
    pub fn pictures(
        &self,
        file: &Laid<'_>,
        place: &mut Place<'_>,
        done: &mut Done,
        way: &Way<'_>,
        grant: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Step> {
        let digest = Digest::of(file.bytes);
        if done.digest.replace(digest).is_some_and(|before| before != digest) {
            return Err(Error::new(ErrorKind::Io, "changed while it was read: run again"));
        }
        let first = match done.first.take() {
            Some(first) => first,
            None => match self.picture(file, 1, digest, file.known, place, grant)? {
                Ok(first) => first,
                Err(needed) => return Ok(Step::Takes(needed)),
            },
        };
        if matches!(first, Examined::Skipped { .. }) {
            return Ok(Step::All(first, 1));
        }
        let several = decode::several(file.bytes);
        let (numbers, asked) = self.numbers(several, &digest)?;
        let is_moving = matches!(several, Several::Frames(_));
        if is_moving && !numbers.is_empty() && self.breaks_off(&first)? {
            return Ok(Step::All(first, asked));
        }
        let send = |locator, examined| {
            (way.send)(Outcome::Entry(locator, file.stamp, examined, 1, None)).map_err(|()| stopped())
        };
        for &number in numbers.iter().skip(done.pages) {
            if (way.stop)() {
                return Err(stopped());
            }
            let locator = file.locator.page(number);
            let known = self.seen.known(self.before, &locator)?;
            let examined = match self.picture(file, number, digest.page(number), known, place, grant)? {
                Ok(examined) => examined,
                Err(needed) => {
                    done.first = Some(first);
                    // A power of two, so that it is not read again for every page that is a little larger.
                    let rounded = needed.checked_next_power_of_two().unwrap_or(u64::MAX);
                    return Ok(Step::Takes(rounded.min(file.most)));
                }
            };
            let is_last = is_moving && self.breaks_off(&examined)?;
            send(locator, examined)?;
            if is_last {
                break;
            }
            done.pages += 1;
        }
        if matches!(several, Several::Pages(pages) if pages > decode::PAGES_MAX) {
            let locator = file.locator.page(decode::PAGES_MAX + 1);
            let replaces = picture_of(self.seen.known(self.before, &locator)?);
            let message =
                format!("more than {} pages: this and all behind it are not read; split it", decode::PAGES_MAX);
            let error = Error::new(ErrorKind::TooLarge, message);
            send(locator, Examined::Failed { stamp: file.stamp, error, replaces })?;
        }
        Ok(Step::All(first, asked))
    }

    /// Whether a frame can't be read, or only in part. Each is drawn over those before it: there is none behind it, then.
    fn breaks_off(&self, frame: &Examined) -> Result<bool> {
        Ok(match frame {
            Examined::Failed { .. } => true,
            Examined::Described { picture, .. } => picture.partial_data,
            Examined::Picture { id, .. } => self.before.facts(*id)?.is_some_and(|facts| facts.partial_data),
            _ => false,
        })
    }

    /// One picture of a file; the inner error is the memory that it takes and was not granted.
    pub fn picture(
        &self,
        file: &Laid<'_>,
        number: u32,
        digest: Digest,
        known: Option<Known>,
        place: &mut Place<'_>,
        grant: &mut dyn FnMut(u64) -> bool,
    ) -> Result<std::result::Result<Examined, u64>> {
        let (stamp, replaces) = (file.stamp, picture_of(known));
        if let Some(id) = self.before.picture_with(&digest)? {
            let touched = known.is_some_and(|known| known.picture == Some(id) && known.state == State::Present);
            return Ok(Ok(Examined::Picture { stamp, id, touched, replaces }));
        }
        Ok(Ok(match place.draft(file.bytes, number, grant) {
            workers::Outcome::Described(draft) => {
                let picture = Box::new(draft.record(digest, file.bytes.len() as u64));
                Examined::Described { stamp, picture, replaces }
            }
            workers::Outcome::Refused(needed) if needed <= file.most => return Ok(Err(needed)),
            workers::Outcome::Refused(_) => Examined::Failed { stamp, error: self.too_large(), replaces },
            workers::Outcome::Failed(error) => match error.kind() {
                ErrorKind::Io => return Err(error),
                ErrorKind::NotAPicture | ErrorKind::Unsupported if number == 1 => {
                    (file.refuse)(error.message().to_owned())
                }
                _ => Examined::Failed { stamp, error, replaces },
            },
        }))
    }

    /// The error for a picture that takes more than all there is.
    pub fn too_large(&self) -> Error {
        let allowed = self.budget.total() >> 20;
        let message = format!("too large: the file and its pixels take more than the {allowed} MiB allowed");
        Error::new(ErrorKind::TooLarge, message)
    }

    /// The numbers of the pictures behind a file's first, and how many were asked for.
    fn numbers(&self, several: Several, digest: &Digest) -> Result<(Vec<u32>, u32)> {
        Ok(match several {
            Several::One | Several::Pages(0 | 1) => (Vec::new(), 1),
            Several::Pages(pages) => ((2..=pages.min(decode::PAGES_MAX)).collect(), decode::PAGES_MAX),
            Several::Frames(frames) => {
                let mut asked = self.options.frames.max(1);
                // As many as of its copies and of itself, where it was moved or touched.
                if let Some(id) = self.before.picture_with(digest)? {
                    asked = self.before.sources_of(id)?.iter().fold(asked, |asked, source| asked.max(source.pages));
                }
                let asked = asked.min(decode::PAGES_MAX);
                (spread(frames, asked), asked)
            }
        })
    }

    /// Whether more frames are wanted of a picture that did not change than were looked for.
    pub fn wants_frames(&self, known: &Known) -> Result<bool> {
        if known.pages >= self.options.frames || known.state != State::Present {
            return Ok(false);
        }
        let Some(id) = known.picture else { return Ok(false) };
        let format = self.before.facts(id)?.map(|facts| facts.format);
        Ok(format.is_some_and(|format| ["gif", "webp", "png"].contains(&format)))
    }

    /// Whether a file of this name may hold several pictures: these are looked for under each name of it.
    pub fn may_hold_several(&self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(extension));
        is(&["tif", "tiff"]) || (self.options.frames > 1 && is(&["gif", "webp", "png", "apng"]))
    }
}

/// `wanted` frames spread over all, without the first, in order. Those for a smaller number are among them: the interval is
/// halved and halved again (the van der Corput sequence).
fn spread(frames: u32, wanted: u32) -> Vec<u32> {
    let bits = frames.max(1).ilog2() + u32::from(!frames.is_power_of_two());
    let mut numbers = std::collections::BTreeSet::new();
    for step in 0..1u64 << bits {
        let reversed = if bits == 0 { 0 } else { step.reverse_bits() >> (64 - bits) };
        numbers.insert(1 + ((reversed * u64::from(frames)) >> bits) as u32);
        if numbers.len() >= wanted as usize {
            break;
        }
    }
    numbers.remove(&1);
    numbers.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_spread_and_a_larger_number_only_adds_to_them() {
        assert_eq!(spread(100, 2), [51]);
        assert_eq!(spread(100, 4), [26, 51, 76]);
        assert_eq!(spread(3, 9), [2, 3]);
        for (frames, wanted) in [(0, 5), (1, 5), (9, 1), (9, 0)] {
            assert_eq!(spread(frames, wanted), Vec::<u32>::new(), "{wanted} of {frames}");
        }
        for frames in 1..70 {
            for wanted in 1..frames {
                let (some, more) = (spread(frames, wanted), spread(frames, wanted + 1));
                assert_eq!((some.len() + 1, more.len()), (wanted as usize, wanted as usize));
                assert!(some.iter().all(|number| more.contains(number)), "{wanted} of {frames}");
                assert!(more.iter().all(|number| (2..=frames).contains(number)), "{wanted} of {frames}");
            }
        }
    }
}
