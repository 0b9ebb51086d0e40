//! One way through an archive: layers of compression off, entries counted, archives inside entered once.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, Read, Seek};

use flate2::bufread::MultiGzDecoder;

use super::meter::Meter;
use super::signature::{Signature, signature};
use super::{Account, Entry, Limits, SIGNATURE_BYTES, Visit, is_named_so, tar, zip};
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

pub(super) fn file(
    mut file: File,
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
        Some(Signature::Zip) => zip::read(&mut walk, rawzip::FileReader::from(file), bytes),
        Some(Signature::Tar) => {
            let left = bytes.saturating_sub(file.stream_position().map_err(Error::io)?);
            tar::read(&mut walk, &mut Seekable { reader: BufReader::with_capacity(BUFFER, file), left })
        }
        Some(Signature::Gzip) => walk.layered(&mut file, 0),
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
            return self.show(Entry { names, bytes, modified_ns, content });
        }
        if self.within.len() >= DEPTH {
            let entry = Entry { names, bytes, modified_ns, content };
            return self.visit.left_out(entry, "archive in an archive in an archive").map_err(Halt::Visitor);
        }
        let start = start(content)?;
        let content = &mut start.as_slice().chain(content);
        let Some(kind) = signature(&start) else {
            return self.show(Entry { names, bytes, modified_ns, content });
        };
        let outer = std::mem::replace(&mut self.within, names);
        let read = match kind {
            Signature::Zip => self.held(bytes, content),
            Signature::Tar | Signature::Gzip => self.layered(content, 0),
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
        if !self.visit.hold(bytes).map_err(Halt::Visitor)? {
            return Err(Halt::Read(damage("it is too large to be read inside an archive: unpack it first")));
        }
        let mut held = Vec::new();
        let read = content.take(bytes).read_to_end(&mut held);
        let length = held.len() as u64;
        let done = read.map_err(Halt::Read).and_then(|_| zip::read(self, held, length));
        self.visit.release();
        done
    }

    /// A stream of bytes, its compression taken off.
    fn layered(&mut self, content: &mut dyn Read, layers: usize) -> Result<(), Halt> {
        let start = start(content)?;
        let kind = signature(&start);
        let content = start.as_slice().chain(content);
        match kind {
            Some(Signature::Tar) => tar::read(self, &mut Streamed(content)),
            Some(Signature::Gzip) if layers < LAYERS => {
                let unpacked = self.meter().of(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, content)));
                let mut unpacked = BufReader::with_capacity(BUFFER, unpacked);
                self.layered(&mut unpacked, layers + 1)
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

/// A reader that can pass over bytes.
pub(super) trait Skip: Read {
    /// Passes over so many; whether they were all there.
    fn skip(&mut self, bytes: u64) -> io::Result<bool>;
}

/// A file, in which that costs nothing.
struct Seekable {
    reader: BufReader<File>,
    left: u64,
}

impl Read for Seekable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl Skip for Seekable {
    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        let Some(left) = self.left.checked_sub(bytes) else { return Ok(false) };
        let bytes = i64::try_from(bytes).map_err(|_| damage("its sizes make no sense"))?;
        self.reader.seek_relative(bytes)?;
        self.left = left;
        Ok(true)
    }
}

/// A stream, which has to be read.
struct Streamed<R>(R);

impl<R: Read> Read for Streamed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Skip for Streamed<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        Ok(io::copy(&mut self.0.by_ref().take(bytes), &mut io::sink())? == bytes)
    }
}
