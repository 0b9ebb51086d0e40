//! One way through an archive: layers of compression off, entries counted, archives inside entered once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, Read, Seek};

use rawzip::ReaderAt;

use super::super::stream::{Seekable, Streamed};
use super::meter::Meter;
use super::signature::{Signature, signature};
use super::{Account, Capture, Entry, Limits, SIGNATURE_BYTES, Visit, captures, is_named_so, layer, tar, zip};
use crate::error::Error;

/// An archive in an archive in an archive is left alone.
const DEPTH: usize = 1;
/// Compressed within compressed is no archive that anybody made in earnest.
const LAYERS: usize = 1;
const BUFFER: usize = 64 << 10;

/// Why reading ended before the end.
pub(super) enum Halt {
    /// The visitor said so.
    Visitor(Error),
    /// The file can't be read, or what it holds makes no sense.
    Read(io::Error),
    /// A limit was met.
    Limit(String),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Damage, told in our words.
pub(super) fn damage(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Whether an error is the system's: the medium failed, and the archive may be whole.
fn is_of_system(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}

/// Reads the archive in `file`, which is `bytes` long and of this kind; `zipped` makes of it what a zip is read from.
pub(super) fn archive<F: Read + Seek, Z: ReaderAt>(
    mut file: F,
    zipped: impl FnOnce(F) -> Z,
    bytes: u64,
    kind: Option<Signature>,
    limits: &Limits,
    visit: &mut dyn Visit,
) -> crate::error::Result<Account> {
    let meter = Meter::new(bytes.saturating_mul(limits.ratio).max(limits.always));
    let mut walk = Walk {
        limits,
        visit,
        meter: &meter,
        account: Account::default(),
        within: Vec::new(),
        seen: HashMap::new(),
        hasher: RandomState::new(),
    };
    let read = match kind {
        Some(Signature::Zip) => zip::read(&mut walk, zipped(file), bytes),
        Some(Signature::Tar) => tar::read(&mut walk, &mut Seekable::new(file, bytes, BUFFER)),
        Some(Signature::Warc) => captures::read(&mut walk, &mut Seekable::new(file, bytes, BUFFER)),
        Some(Signature::Gzip | Signature::Zstd | Signature::Xz) => walk.layered(&mut file, 0),
        None => Err(Halt::Read(damage("it is no archive"))),
    };
    let ended = match read {
        Ok(()) => None,
        Err(Halt::Visitor(error)) => return Err(error),
        Err(Halt::Read(error)) if is_of_system(&error) => return Err(Error::io(error)),
        Err(Halt::Read(_)) if meter.is_over() => Some(walk.too_much()),
        Err(Halt::Read(error)) => Some(format!("damaged: {error}")),
        Err(Halt::Limit(limit)) => Some(limit),
    };
    let mut account = walk.account;
    if let Some(ended) = ended {
        account.damage = Some(format!("{ended}; {} entries were read", account.entries));
    }
    Ok(account)
}

pub(super) struct Walk<'a> {
    limits: &'a Limits,
    visit: &'a mut dyn Visit,
    meter: &'a Meter,
    account: Account,
    /// The name of the archive inside the archive that is being read.
    within: Vec<Vec<u8>>,
    /// How often a name was met, by its hash.
    seen: HashMap<u64, u32>,
    hasher: RandomState,
}

impl<'a> Walk<'a> {
    pub fn meter(&self) -> &'a Meter {
        self.meter
    }

    fn too_much(&self) -> String {
        format!("it unpacks to more than {} times its size", self.limits.ratio)
    }

    /// Counts an entry and gives the names it goes by; `None` where it has none to go by.
    fn named(&mut self, name: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Halt> {
        if self.account.entries >= self.limits.entries {
            return Err(Halt::Limit(format!("it has more than {} entries", self.limits.entries)));
        }
        self.account.entries += 1;
        if name.is_empty() || name.len() > self.limits.name_bytes || name.contains(&0) {
            self.account.unnamed += 1;
            return Ok(None);
        }
        let mut names = self.within.clone();
        names.push(name.to_vec());
        let met = self.seen.entry(self.hasher.hash_one(&names)).or_default();
        *met += 1;
        if let (Some(name), 2..) = (names.last_mut(), *met) {
            // Both are there, and the index has one place a name.
            name.extend(format!("#{met}").bytes());
        }
        Ok(Some(names))
    }

    /// Shows an entry to the visitor, or enters it where it is an archive itself.
    pub fn entry(&mut self, name: &[u8], bytes: u64, modified_ns: i64, content: &mut dyn Read) -> Result<(), Halt> {
        let Some(names) = self.named(name)? else { return Ok(()) };
        if !is_named_so(name) {
            return self.show(Entry { names, bytes, modified_ns, content, capture: None });
        }
        if self.within.len() >= DEPTH {
            let entry = Entry { names, bytes, modified_ns, content, capture: None };
            return self.visit.left_out(entry, "archive in an archive in an archive").map_err(Halt::Visitor);
        }
        let start = start(content)?;
        let content = &mut start.as_slice().chain(content);
        let Some(kind) = signature(&start) else {
            return self.show(Entry { names, bytes, modified_ns, content, capture: None });
        };
        let outer = std::mem::replace(&mut self.within, names);
        let read = match kind {
            Signature::Zip => self.held(bytes, content),
            _ => self.layered(content, 0),
        };
        let names = std::mem::replace(&mut self.within, outer);
        match read {
            Err(Halt::Read(error)) if !is_of_system(&error) && !self.meter.is_over() => {
                let name = names.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join("!/");
                self.account.damage.get_or_insert_with(|| format!("{name:.200}: damaged: {error}"));
                Ok(())
            }
            read => read,
        }
    }

    /// Shows what a crawler got to the visitor, or, for `reason`, says only that it is there.
    pub fn capture(
        &mut self,
        (name, capture): (&[u8], Capture),
        bytes: u64,
        content: &mut dyn Read,
        reason: Option<&'static str>,
    ) -> Result<(), Halt> {
        let Some(names) = self.named(name)? else { return Ok(()) };
        let entry = Entry { names, bytes, modified_ns: capture.date_ns, content, capture: Some(capture) };
        match reason {
            None => self.show(entry),
            Some(reason) => self.visit.left_out(entry, reason).map_err(Halt::Visitor),
        }
    }

    /// What the visitor says.
    pub fn visitor(&self) -> &dyn Visit {
        self.visit
    }

    /// Whether so many bytes more may be held.
    pub fn hold(&mut self, bytes: u64) -> Result<bool, Halt> {
        self.visit.hold(bytes).map_err(Halt::Visitor)
    }

    /// So many of them are held no more.
    pub fn release(&mut self, bytes: u64) {
        self.visit.release(bytes);
    }

    fn show(&mut self, entry: Entry<'_>) -> Result<(), Halt> {
        self.visit.entry(entry).map_err(Halt::Visitor)?;
        if self.meter.is_over() { Err(Halt::Limit(self.too_much())) } else { Ok(()) }
    }

    /// Counts an entry that nobody can read.
    pub fn unreadable(&mut self, name: &[u8], why: Unreadable) -> Result<(), Halt> {
        if self.named(name)?.is_some() && (self.visit.claims_to_matter(name) || is_named_so(name)) {
            match why {
                Unreadable::Encrypted => self.account.encrypted += 1,
                Unreadable::Packed(method) => *self.account.unsupported.entry(method).or_default() += 1,
            }
        }
        Ok(())
    }

    /// Notes damage that does not keep the rest from being read.
    pub fn damaged(&mut self, what: &str) {
        self.account.damage.get_or_insert_with(|| format!("damaged: {what}"));
    }

    /// A zip inside an archive: its directory stands at its end, so it is held as a whole.
    fn held(&mut self, bytes: u64, content: &mut dyn Read) -> Result<(), Halt> {
        if !self.hold(bytes)? {
            return Err(Halt::Read(damage("it is too large to be read inside an archive: unpack it first")));
        }
        let mut held = Vec::new();
        let read = content.take(bytes).read_to_end(&mut held);
        let length = held.len() as u64;
        let done = read.map_err(Halt::Read).and_then(|_| zip::read(self, held, length));
        self.release(bytes);
        done
    }

    /// A stream of bytes, its compression taken off.
    fn layered(&mut self, content: &mut dyn Read, layers: usize) -> Result<(), Halt> {
        let start = start(content)?;
        let kind = signature(&start);
        let content = start.as_slice().chain(content);
        match kind {
            Some(Signature::Tar) => tar::read(self, &mut Streamed(content)),
            Some(Signature::Warc) => captures::read(self, &mut Streamed(BufReader::with_capacity(BUFFER, content))),
            Some(kind @ (Signature::Gzip | Signature::Zstd | Signature::Xz)) if layers < LAYERS => {
                let window = layer::window(kind, &start)?;
                if window.held > 0 && !self.hold(window.held)? {
                    let needed = window.held.div_ceil(1 << 20);
                    let message = format!("unpacking it takes {needed} MiB, more than there is: raise --max-memory");
                    return Err(Halt::Read(damage(message)));
                }
                let packed = BufReader::with_capacity(BUFFER, content);
                let unpacked = self.meter().of(layer::unpacked(kind, packed, window));
                let mut unpacked = BufReader::with_capacity(BUFFER, unpacked);
                let mut done = self.layered(&mut unpacked, layers + 1);
                if done.is_ok() && kind != Signature::Gzip {
                    // A tar ends before its stream does, where check sums stand. Behind gzip tapes may leave anything.
                    done = io::copy(&mut unpacked, &mut io::sink()).map(drop).map_err(Halt::Read);
                }
                self.release(window.held);
                done
            }
            _ => Err(Halt::Read(damage("no archive is in it"))),
        }
    }
}

/// Why an entry can't be read.
pub(super) enum Unreadable {
    Encrypted,
    Packed(String),
}

/// As much of the start as is there, up to what a signature takes. An error after some bytes shows once they are used.
fn start(content: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    match content.take(SIGNATURE_BYTES).read_to_end(&mut start) {
        Err(error) if start.is_empty() => Err(error),
        _ => Ok(start),
    }
}
