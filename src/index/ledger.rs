//! What crawls have to fetch and have fetched: a file that only grows, and as much of it counts as the commit says.
//!
//! So an address is fetched when the commit says so that also holds its picture, and what a crash leaves behind the
//! commit's length is cut off by the next writer. In memory there are 40 bytes for each address ever met; the queue
//! itself, its texts and what pages named stay on disk. A record is its length, a CRC-32 of its content, and JSON.

mod records;
mod shows;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use records::{Records, head, read_record};
pub use shows::{MAX_PAGES, Pictures, Shows};

use super::beneath::{self, Folder};
use super::local::store::number;
use crate::error::{Error, ErrorKind, Result};

/// Where ledgers are, below the index's folder.
pub(super) const FOLDER: &str = "crawls";
const MAGIC: &[u8] = b"ris crawls 1\n";
/// A longer record is none: a page's names take some megabytes at most.
const RECORD_MAX: usize = 64 << 20;
/// Records gather in memory up to so many bytes.
const BUFFER: usize = 1 << 20;

/// How the commit names a ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    pub(super) name: String,
    pub(super) length: u64,
    /// BLAKE3 of the heads of all records, which hold their checksums; early versions wrote none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) digest: String,
    /// Addresses that are to be fetched.
    pub pending: u64,
}

/// What an address is asked for as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Where a crawl starts: a page, a sitemap or a picture.
    Start,
    /// A page, or whatever a link leads to.
    Page,
    /// A sitemap that another one names.
    Sitemap,
    /// A picture.
    Picture,
}

/// An address to be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// The address.
    pub url: String,
    /// What it is expected to be.
    pub kind: Kind,
    /// Links between it and where the crawl started.
    pub depth: u16,
    /// Redirects that led to it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u8,
    /// The crawl that it belongs to: see [`Ledger::begin`].
    pub start: u32,
    /// A sitemap lists it: no trap.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
    /// Of a sitemap: a robots.txt names it, or a sitemap that one names. Earlier versions wrote none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_robots: bool,
    /// Of a picture: the page that shows it, the page's title, and what it says of the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<(String, String, String, String)>,
}

impl Queued {
    /// Where crawl `start` begins.
    pub fn of_start(url: String, start: u32) -> Self {
        Self { url, kind: Kind::Start, depth: 0, hops: 0, start, listed: false, by_robots: false, shown: None }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(hops: &u8) -> bool {
    *hops == 0
}

/// What came of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The address.
    pub url: String,
    /// The crawl that fetched it.
    pub start: u32,
    /// Validators for the next time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Of a page: its title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Of a page or sitemap: where it leads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// It is a sitemap.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sitemap: bool,
    /// Of a sitemap: sitemaps that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sitemaps: Vec<String>,
    /// Of a page or sitemap: the pictures that it shows, each with the page, alternative text and caption.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<(String, String, String, String)>,
    /// Where it led to instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// It is a picture that the index holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub picture: bool,
}

#[derive(Serialize, Deserialize)]
enum Record {
    /// A crawl of this start began.
    Began(String),
    Queued(Queued),
    Done(Done),
    /// Nothing leads there any more.
    Forgotten(String),
    /// A host asked to be left alone until then, in seconds since 1970.
    Rests(String, u64),
}

type Key = [u8; 16];

/// Where the last records of an address stand; 0 for none.
#[derive(Clone, Copy, Default)]
struct Known {
    queued: u64,
    done: u64,
}

struct Start {
    url: String,
    began: u64,
}

/// The writer's side.
pub struct Ledger {
    folder: Folder,
    name: String,
    file: File,
    /// Of the heads of all records.
    hasher: blake3::Hasher,
    /// Behind this only what `buffer` holds.
    written: u64,
    buffer: Vec<u8>,
    known: HashMap<Key, Known>,
    starts: Vec<Start>,
    /// Their places, by their addresses.
    numbers: HashMap<Key, u32>,
    rests: BTreeMap<String, u64>,
    pending: u64,
}

fn key(url: &str) -> Key {
    let digest = blake3::hash(url.as_bytes());
    let mut key = Key::default();
    key.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    key
}

fn damaged(path: &Path) -> Error {
    let message = "what is known of crawls is damaged: `ris verify --repair` drops it, and they begin anew";
    Error::new(ErrorKind::Damaged, message).about(path)
}

impl Ledger {
    /// Opens what the commit names, or makes a new one, in the index in `folder`.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub(super) fn open(folder: &Path, committed: Option<&Committed>) -> Result<Self> {
        let about = |error| beneath::failed(error).about(folder.join(FOLDER));
        let folder = Folder::of_index(folder).make_below(FOLDER).map_err(about)?;
        let Some(committed) = committed else { return Self::create(&folder, 0) };
        let mut records = Records::of(&folder, &committed.name, committed.length)?;
        let mut ledger = Self::on(&folder, committed)?;
        for record in &mut records {
            let (at, record) = record?;
            ledger.learn(at, &record);
        }
        records.end(committed)?;
        ledger.hasher = records.hasher;
        ledger.pending = ledger.known.values().filter(|known| known.queued > known.done).count() as u64;
        Ok(ledger)
    }

    /// On what the commit names; what a crash has left behind that is cut off.
    fn on(folder: &Folder, committed: &Committed) -> Result<Self> {
        let Committed { name, length, .. } = committed;
        let path = folder.as_path().join(name);
        let about = |error| beneath::failed(error).about(path.as_path());
        let mut file = folder.open_to_write(name).map_err(about)?;
        if file.metadata().map_err(about)?.len() < *length || *length < MAGIC.len() as u64 {
            return Err(damaged(&path));
        }
        let mut name = name.clone();
        // What is written would show under the other names of the file, too (a backup by hard links).
        if beneath::has_other_names(&file).map_err(about)? {
            name = next(&name);
            let mut own = folder.create(&name).map_err(about)?;
            io::copy(&mut file.take(*length), &mut own).map_err(about)?;
            file = own;
        }
        file.set_len(*length).map_err(about)?;
        Ok(Self::with(folder, name, file, *length))
    }

    fn with(folder: &Folder, name: String, file: File, written: u64) -> Self {
        Self {
            folder: folder.clone(),
            name,
            file,
            hasher: blake3::Hasher::new(),
            written,
            buffer: Vec::new(),
            known: HashMap::new(),
            starts: Vec::new(),
            numbers: HashMap::new(),
            rests: BTreeMap::new(),
            pending: 0,
        }
    }

    fn create(folder: &Folder, number: u64) -> Result<Self> {
        let name = format!("{number:08}.ris");
        let file = folder.create(&name).map_err(|error| Error::io(error).about(folder.as_path().join(&name)))?;
        let mut ledger = Self::with(folder, name, file, 0);
        ledger.buffer.extend(MAGIC);
        Ok(ledger)
    }

    fn path(&self) -> PathBuf {
        self.folder.as_path().join(&self.name)
    }

    fn learn(&mut self, at: u64, record: &Record) {
        match record {
            Record::Began(url) => {
                let number = *self.numbers.entry(key(url)).or_insert(self.starts.len() as u32);
                match self.starts.get_mut(number as usize) {
                    Some(start) => start.began = at,
                    None => self.starts.push(Start { url: url.clone(), began: at }),
                }
            }
            Record::Queued(queued) => self.known.entry(key(&queued.url)).or_default().queued = at,
            Record::Done(done) => self.known.entry(key(&done.url)).or_default().done = at,
            Record::Forgotten(url) => drop(self.known.remove(&key(url))),
            Record::Rests(host, until_s) => drop(self.rests.insert(host.clone(), *until_s)),
        }
    }

    fn append(&mut self, record: &Record) -> Result<()> {
        let content = serde_json::to_vec(record)
            .map_err(|error| Error::new(ErrorKind::Io, error.to_string()).about(self.path()))?;
        if content.len() > RECORD_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "a page that names too much").about(self.path()));
        }
        let at = self.written + self.buffer.len() as u64;
        let head = head(&content);
        self.hasher.update(&head);
        self.buffer.extend(head);
        self.buffer.extend(content);
        self.learn(at, record);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let path = self.path();
        let about = |error| Error::io(error).about(path.as_path());
        self.file.seek(SeekFrom::Start(self.written)).map_err(about)?;
        self.file.write_all(&self.buffer).map_err(about)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Makes all durable, for the commit that names it.
    pub(super) fn sync(&mut self) -> Result<Committed> {
        self.flush()?;
        let synced = self.file.sync_all().and_then(|()| self.folder.sync());
        synced.map_err(|error| Error::io(error).about(self.path()))?;
        let digest = self.hasher.finalize().to_hex().to_string();
        Ok(Committed { name: self.name.clone(), length: self.written, digest, pending: self.pending })
    }

    /// Begins a crawl of `url`, or goes on with the one that has something left to fetch. The number is that of its start.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn begin(&mut self, url: &str) -> Result<u32> {
        let number = self.numbers.get(&key(url)).copied().unwrap_or(self.starts.len() as u32);
        if self.pending_of(&[number])?.is_empty() {
            self.append(&Record::Began(url.to_owned()))?;
        }
        Ok(number)
    }

    /// Where a crawl starts.
    pub fn start(&self, number: u32) -> Option<&str> {
        self.starts.get(number as usize).map(|start| start.url.as_str())
    }

    /// Whether this crawl has met the address.
    pub fn is_met(&self, url: &str, start: u32) -> bool {
        let began = self.starts.get(start as usize).map_or(u64::MAX, |start| start.began);
        self.known.get(&key(url)).is_some_and(|known| known.queued.max(known.done) > began)
    }

    /// Whether any crawl has ever fetched the address.
    pub fn is_known(&self, url: &str) -> bool {
        self.known.get(&key(url)).is_some_and(|known| known.done != 0)
    }

    /// Queues an address unless its crawl has met it; where its record stands.
    ///
    /// # Errors
    /// `Io`.
    pub fn queue(&mut self, queued: Queued) -> Result<Option<u64>> {
        if self.is_met(&queued.url, queued.start) {
            return Ok(None);
        }
        self.queue_again(queued)
    }

    /// Queues an address, be it that its crawl has met it; where its record stands.
    ///
    /// # Errors
    /// `Io`.
    pub fn queue_again(&mut self, queued: Queued) -> Result<Option<u64>> {
        let key = key(&queued.url);
        let was = self.known.get(&key).is_some_and(|known| known.queued > known.done);
        self.append(&Record::Queued(queued))?;
        self.pending += u64::from(!was);
        Ok(self.known.get(&key).map(|known| known.queued))
    }

    /// Queues an address that waits behind all others.
    ///
    /// # Errors
    /// `Io`.
    pub fn put_back(&mut self, queued: Queued) -> Result<()> {
        self.append(&Record::Queued(queued))
    }

    /// Notes what came of an address.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(&mut self, done: Done) -> Result<()> {
        let was = self.known.get(&key(&done.url)).is_some_and(|known| known.queued > known.done);
        self.append(&Record::Done(done))?;
        self.pending = self.pending.saturating_sub(was.into());
        Ok(())
    }

    /// The address queued there, unless it was fetched or queued again since.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn queued(&mut self, at: u64) -> Result<Option<Queued>> {
        match self.read(at)? {
            Record::Queued(queued) => {
                let known = self.known.get(&key(&queued.url));
                Ok(known.is_some_and(|known| known.queued == at && known.done < at).then_some(queued))
            }
            _ => Ok(None),
        }
    }

    /// What came of an address when it was fetched last.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn last(&mut self, url: &str) -> Result<Option<Done>> {
        match self.known.get(&key(url)).map(|known| known.done) {
            None | Some(0) => Ok(None),
            Some(at) => match self.read(at)? {
                Record::Done(done) => Ok(Some(done)),
                _ => Ok(None),
            },
        }
    }

    /// Notes that a host asked to be left alone until then, in seconds since 1970.
    ///
    /// # Errors
    /// `Io`.
    pub fn rest(&mut self, host: &str, until_s: u64) -> Result<()> {
        self.append(&Record::Rests(host.to_owned(), until_s))
    }

    /// The hosts that asked to be left alone for longer than `now_s`, and until when.
    pub fn rests(&self, now_s: u64) -> impl Iterator<Item = (&str, u64)> {
        self.rests.iter().filter(move |(_, until_s)| **until_s > now_s).map(|(host, until_s)| (host.as_str(), *until_s))
    }

    /// Where an address stands that is to be fetched.
    pub fn waiting(&self, url: &str) -> Option<u64> {
        self.known.get(&key(url)).filter(|known| known.queued > known.done).map(|known| known.queued)
    }

    /// Addresses that are to be fetched.
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// Those of them that belong to these crawls, in the order in which they were queued, with their places.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn pending_of(&mut self, starts: &[u32]) -> Result<Vec<u64>> {
        let mut places = Vec::new();
        let mut waiting: Vec<_> =
            self.known.values().filter(|known| known.queued > known.done).map(|known| known.queued).collect();
        waiting.sort_unstable();
        for at in waiting {
            if let Record::Queued(queued) = self.read(at)?
                && starts.contains(&queued.start)
            {
                places.push(at);
            }
        }
        Ok(places)
    }

    /// Forgets an address.
    ///
    /// # Errors
    /// `Io`.
    pub fn forget(&mut self, url: &str) -> Result<()> {
        let was = self.known.get(&key(url)).is_some_and(|known| known.queued > known.done);
        self.append(&Record::Forgotten(url.to_owned()))?;
        self.pending = self.pending.saturating_sub(was.into());
        Ok(())
    }

    fn read(&mut self, at: u64) -> Result<Record> {
        if at >= self.written {
            let start = usize::try_from(at - self.written).unwrap_or(usize::MAX);
            let mut rest = self.buffer.get(start..).unwrap_or_default();
            let record = read_record(&mut rest).ok().flatten();
            return record.map(|(_, record)| record).ok_or_else(|| damaged(&self.path()));
        }
        let path = self.path();
        self.file.seek(SeekFrom::Start(at)).map_err(|error| Error::io(error).about(path.as_path()))?;
        let mut file = io::BufReader::new(&self.file);
        match read_record(&mut file) {
            Ok(Some((_, record))) => Ok(record),
            Ok(None) => Err(damaged(&path)),
            Err(error) => Err(Error::io(error).about(path.as_path())),
        }
    }

    /// Once nothing is left to fetch: writes the file anew, of each address the last word alone. To be called before a
    /// crawl begins; counts from the next commit on.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn compact(&mut self) -> Result<()> {
        if self.pending > 0 || self.known.is_empty() {
            return Ok(());
        }
        self.flush()?;
        let mut anew = Self::create(&self.folder, number(&self.name).unwrap_or_default() + 1)?;
        // The numbers of starts are those of their order.
        for start in &self.starts {
            anew.append(&Record::Began(start.url.clone()))?;
        }
        let mut places: Vec<_> = self.known.values().map(|known| known.done).filter(|&done| done != 0).collect();
        places.sort_unstable();
        for at in places {
            if let Record::Done(done) = self.read(at)? {
                anew.append(&Record::Done(done))?;
            }
        }
        for (host, until_s) in self.rests(now_s()) {
            anew.append(&Record::Rests(host.to_owned(), until_s))?;
        }
        *self = anew;
        Ok(())
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// The name of the ledger that follows this one.
fn next(name: &str) -> String {
    format!("{:08}.ris", number(name).unwrap_or_default() + 1)
}

/// Removes every ledger but the one that the last commit names.
pub(super) fn clean(folder: &Path, committed: Option<&Committed>) {
    let Ok(Some(folder)) = Folder::of_index(folder).below(FOLDER) else { return };
    for name in folder.names() {
        if number(&name).is_some() && committed.is_none_or(|committed| name != committed.name) {
            // One that can't be removed now is removed another time.
            let _ = folder.remove(&name);
        }
    }
}

/// Reads every record that a commit names.
///
/// # Errors
/// `Io`, `Damaged`.
pub(super) fn verify(folder: &Path, committed: &Committed) -> Result<u64> {
    let below = Folder::of_index(folder).below(FOLDER).map_err(beneath::failed)?;
    let Some(crawls) = below else { return Err(damaged(&folder.join(FOLDER))) };
    let mut records = Records::of(&crawls, &committed.name, committed.length)?;
    for record in &mut records {
        record?;
    }
    records.end(committed)?;
    Ok(committed.length)
}

#[cfg(test)]
mod tests;
