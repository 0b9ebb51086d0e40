//! One archive: its entries looked at as files are, on the thread that came by it.
//!
//! An archive is a stream, so an entry can't be read again at will. Where the budget has not enough left for one, all is
//! given back, the whole is waited for, and the archive read again up to there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Outcome;
use super::budget::Share;
use super::examine::{SNIFF_BYTES, refusal};
use super::look::{DESCRIBING, Examined, Look, Way, picture_of, refuse, stopped};
use super::pages::{Done, Laid, Step};
use crate::decode::{self, Sniff};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Known, Page, Shown, State};
use crate::locator::{Locator, Stamp};
use crate::source::archive::{self, Account, Entry, SIGNATURE_BYTES, Visit};
use crate::source::folder::FoundFile;

/// Held for an archive from the start: what reading one takes, and an entry of a few megabytes.
const READING: u64 = 16 << 20;

/// What came of a file that may be an archive.
pub(super) enum Reading {
    /// It is none: a file as any other.
    NoArchive,
    Examined(Examined),
    /// The run was stopped meanwhile; the archive is read again next time.
    Stopped,
}

impl Look<'_> {
    /// Looks into a file if it is an archive and named like one, or named by the user.
    ///
    /// # Errors
    /// `Io` where it can't be read, `Damaged` where the index can't be. What the index knows stays.
    pub fn archive(&self, file: &FoundFile, named: bool, way: &Way<'_>) -> Result<Reading> {
        let claims = archive::is_file_named_so(&file.path);
        let locator = Locator::from(file.path.as_path());
        let known = self.seen.known(self.before, &locator)?;
        let was = known.is_some_and(|known| known.state == State::Archive);
        if !(claims || named || was) {
            return Ok(Reading::NoArchive);
        }
        // One that was read for fewer frames than are wanted now is read for the others.
        let unchanged = |known: &Known| {
            known.stamp == file.stamp
                && (was || (claims && known.state == State::Failed))
                && known.pages >= self.options.frames
        };
        if let Some(known) = known.filter(unchanged) {
            let note = if was { String::new() } else { self.before.source(&known)?.note };
            self.standing(&locator, way)?;
            return Ok(Reading::Examined(Examined::Unchanged(known, note)));
        }
        // A picture, or what a user named that is none: one look at it is enough.
        let settled = |known: &Known| {
            known.stamp == file.stamp && (known.state == State::Present || (known.state == State::Failed && !claims))
        };
        if known.is_some_and(|known| settled(&known)) {
            return Ok(Reading::NoArchive);
        }
        let about = |error: Error| error.about(file.path.as_path());
        let mut opened = File::open(&file.path).map_err(|error| about(Error::io(error)))?;
        let stamp = Stamp::of(&opened.metadata().map_err(|error| about(Error::io(error)))?);
        let mut start = Vec::new();
        opened.by_ref().take(SIGNATURE_BYTES).read_to_end(&mut start).map_err(|error| about(Error::io(error)))?;
        let replaces = picture_of(known);
        if archive::signature(&start).is_none() {
            if claims && decode::sniff(&start) == Sniff::Unknown {
                let message =
                    if start.is_empty() { "the file is empty" } else { "no archive, though its name says so" };
                let error = Error::new(ErrorKind::Malformed, message);
                return Ok(Reading::Examined(Examined::Failed { stamp, error, replaces }));
            }
            return Ok(Reading::NoArchive);
        }
        let account = match self.entries(&file.path, stamp, way) {
            Ok(account) => account,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Reading::Stopped),
            Err(error) if error.subject().is_none() => return Err(about(error)),
            Err(error) => return Err(error),
        };
        Ok(Reading::Examined(match account.trouble() {
            None => Examined::Archive { stamp, replaces },
            Some(trouble) => Examined::Failed { stamp, error: Error::new(ErrorKind::Malformed, trouble), replaces },
        }))
    }

    /// Says of all that is known in a file which did not change that it is there.
    pub fn standing(&self, file: &Locator, way: &Way<'_>) -> Result<()> {
        let mut present = 0;
        self.before.each_below(file, |known| {
            self.seen.mark(known.address());
            match known.state {
                State::Present => present += 1,
                State::Missing | State::Archive => {}
                State::Failed | State::Skipped => {
                    let record = self.before.source(&known)?;
                    let outcome =
                        Outcome::Entry(record.locator, known.stamp, Examined::Unchanged(known, record.note), 1, None);
                    (way.send)(outcome).map_err(|()| stopped())?;
                }
            }
            Ok(())
        })?;
        (way.send)(Outcome::Standing(present)).map_err(|()| stopped())
    }

    fn entries(&self, path: &Path, stamp: Stamp, way: &Way<'_>) -> Result<Account> {
        let total = self.budget.total();
        let (mut floor, mut done, mut begun) = (READING + DESCRIBING, 0, Done::default());
        loop {
            // A budget that is too small for any picture says so at each of them.
            floor = floor.min(total);
            let share = self.budget.take(floor).ok_or_else(stopped)?;
            let mut reader = Reader { look: self, way, path, share, floor, done, begun, met: 0, held: 0, wants: None };
            let _turn = self.turns.take();
            let file = File::open(path).map_err(Error::io)?;
            let read = archive::read(file, stamp.bytes, &self.options.archive, &mut reader);
            match (read, reader.wants) {
                // A power of two, so that it is not read again for every entry that is a little larger.
                (Err(_), Some(wants)) => {
                    floor = wants.max(floor + 1).checked_next_power_of_two().unwrap_or(u64::MAX);
                    done = reader.met.saturating_sub(1);
                    begun = reader.begun;
                }
                (read, _) => return read,
            }
        }
    }
}

/// Looks at the entries of one archive.
struct Reader<'a> {
    look: &'a Look<'a>,
    way: &'a Way<'a>,
    path: &'a Path,
    share: Share<'a>,
    /// What `share` was taken with, and falls back to.
    floor: u64,
    /// Entries that were dealt with when the archive was read before.
    done: u64,
    /// What was done of the entry behind these.
    begun: Done,
    /// Entries met this time.
    met: u64,
    /// Bytes held for an archive in the archive.
    held: u64,
    /// What is to be had before the archive is read again.
    wants: Option<u64>,
}

impl Visit for Reader<'_> {
    fn entry(&mut self, entry: Entry<'_>) -> Result<()> {
        let Some(entry) = self.next(entry)? else { return Ok(()) };
        let (locator, shown, mut looked) = (entry.locator, entry.shown, entry.looked);
        let (examined, pages) = self.examine(&locator, &mut looked)?;
        self.begun = Done::default();
        self.share.shrink_to(self.floor.max(READING.saturating_add(self.held)));
        self.send(locator, looked.stamp, examined, pages, shown)
    }

    fn left_out(&mut self, entry: Entry<'_>, reason: &'static str) -> Result<()> {
        let Some(Next { locator, shown, looked }) = self.next(entry)? else { return Ok(()) };
        let replaces = picture_of(looked.known);
        let examined = Examined::Skipped { stamp: looked.stamp, reason: reason.into(), replaces };
        self.send(locator, looked.stamp, examined, 1, shown)
    }

    fn hold(&mut self, bytes: u64) -> Result<bool> {
        let held = self.held.saturating_add(bytes);
        let needed = held.saturating_add(READING).saturating_add(DESCRIBING);
        if bytes > self.look.options.max_file_bytes || needed > self.look.budget.total() {
            return Ok(false);
        }
        if !self.share.grow_to(needed) {
            self.met += 1;
            return Err(self.wait_for(needed));
        }
        self.held = held;
        Ok(true)
    }

    fn release(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
        self.share.shrink_to(self.floor.max(READING.saturating_add(self.held)));
    }

    fn begins_as_a_picture(&self, start: &[u8]) -> bool {
        decode::sniff(start) != Sniff::Unknown
    }

    fn claims_to_matter(&self, name: &[u8]) -> bool {
        decode::claims_to_be_a_picture(as_path(name))
    }
}

/// An entry that is to be looked at.
struct Looked<'a> {
    name: std::path::PathBuf,
    known: Option<Known>,
    stamp: Stamp,
    content: &'a mut dyn Read,
}

struct Next<'a> {
    locator: Locator,
    /// Of a web archive: where it came from.
    shown: Option<Box<Shown>>,
    looked: Looked<'a>,
}

impl Reader<'_> {
    /// Counts an entry; `None` where it was dealt with before.
    fn next<'e>(&mut self, entry: Entry<'e>) -> Result<Option<Next<'e>>> {
        if (self.way.stop)() {
            return Err(stopped());
        }
        self.met += 1;
        if self.met <= self.done {
            return Ok(None);
        }
        let name = entry.names.last().map(|name| as_path(name)).unwrap_or_default();
        let locator = Locator::Inside { archive: self.path.to_owned(), names: entry.names };
        let known = self.look.seen.known(self.look.before, &locator)?;
        let stamp = Stamp { bytes: entry.bytes, modified_ns: entry.modified_ns };
        let shown = entry.capture.map(|capture| {
            let on = capture.page.map(|url| Page { url, ..Page::default() });
            Box::new(Shown { on: on.into_iter().collect(), fetched_s: capture.date_ns.div_euclid(1_000_000_000) })
        });
        Ok(Some(Next { locator, shown, looked: Looked { name, known, stamp, content: entry.content } }))
    }

    fn send(
        &self,
        locator: Locator,
        stamp: Stamp,
        examined: Examined,
        pages: u32,
        shown: Option<Box<Shown>>,
    ) -> Result<()> {
        (self.way.send)(Outcome::Entry(locator, stamp, examined, pages, shown)).map_err(|()| stopped())
    }

    /// Ends this reading; the next one begins with so many bytes.
    fn wait_for(&mut self, bytes: u64) -> Error {
        self.wants = Some(bytes);
        stopped()
    }

    /// The same for an entry as [`Look::examine`] does for a file.
    fn examine(&mut self, locator: &Locator, entry: &mut Looked<'_>) -> Result<(Examined, u32)> {
        let (stamp, known) = (entry.stamp, entry.known);
        let replaces = picture_of(known);
        let failed = |error| Ok((Examined::Failed { stamp, error, replaces }, 1));
        let too_large = |message| failed(Error::new(ErrorKind::TooLarge, message));
        let mut start = Vec::new();
        if let Err(error) = entry.content.take(SNIFF_BYTES.min(stamp.bytes)).read_to_end(&mut start) {
            return if error.raw_os_error().is_some() {
                Err(Error::io(error))
            } else if decode::claims_to_be_a_picture(&entry.name) || decode::sniff(&start) != Sniff::Unknown {
                failed(damaged(&error))
            } else {
                Ok((refuse(&entry.name, false, stamp, super::examine::NOT_A_PICTURE.into(), known), 1))
            };
        }
        if let Some(reason) = refusal(&start, stamp.bytes, &entry.name) {
            return Ok((refuse(&entry.name, false, stamp, reason, known), 1));
        }
        let (max_file_bytes, all) = (self.look.options.max_file_bytes, self.look.budget.total());
        if stamp.bytes > max_file_bytes {
            return too_large(format!("too large: {} bytes, more than {max_file_bytes}", stamp.bytes));
        }
        let taken = stamp.bytes.saturating_add(DESCRIBING).saturating_add(READING).saturating_add(self.held);
        if taken > all {
            return failed(self.look.too_large());
        }
        if !self.share.grow_to(taken) {
            return Err(self.wait_for(taken));
        }
        let mut place = self.look.options.workers.place(&self.look.options.decode);
        let length = usize::try_from(stamp.bytes).map_err(|_| Error::new(ErrorKind::TooLarge, "too large"))?;
        let mut bytes = place.bytes(length)?;
        if let Err(error) = fill(bytes.as_mut(), &start, entry.content) {
            return if error.raw_os_error().is_some() { Err(Error::io(error)) } else { failed(damaged(&error)) };
        }
        let name = &entry.name;
        let laid = Laid {
            locator,
            bytes: &bytes,
            stamp,
            known,
            refuse: &|reason| refuse(name, false, stamp, reason, known),
            most: all.saturating_sub(taken),
        };
        let share = &mut self.share;
        let mut grant = |needed: u64| share.grow_to(taken.saturating_add(needed));
        match self.look.pictures(&laid, &mut place, &mut self.begun, self.way, &mut grant)? {
            Step::All(examined, pages) => Ok((examined, pages)),
            Step::Takes(needed) => Err(self.wait_for(taken.saturating_add(needed))),
        }
    }
}

/// The rest of an entry behind its start, and a look at whether that is all.
fn fill(bytes: &mut [u8], start: &[u8], content: &mut dyn Read) -> std::io::Result<()> {
    let (first, rest) = bytes.split_at_mut(start.len().min(bytes.len()));
    first.copy_from_slice(start.get(..first.len()).unwrap_or_default());
    content.read_exact(rest)?;
    match content.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(std::io::Error::other("it is longer than the archive says")),
        Err(error) => Err(error),
    }
}

fn damaged(error: &std::io::Error) -> Error {
    let what = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        _ => error.to_string().to_lowercase(),
    };
    Error::new(ErrorKind::Malformed, format!("damaged in its archive: {what}"))
}

#[cfg(unix)]
fn as_path(name: &[u8]) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(name).into()
}

#[cfg(not(unix))]
fn as_path(name: &[u8]) -> std::path::PathBuf {
    String::from_utf8_lossy(name).into_owned().into()
}
