//! Archives as virtual folders: which files are taken for some, and what they hold, one entry after the other.
//!
//! Nothing is unpacked to disk, and a name inside an archive is a name, never a path. What an archive says of itself is
//! not believed: entries, bytes and names are counted against [`Limits`] as they come. An archive inside an archive is
//! read too; one inside that is left alone. Of a web archive the entries are the pictures that were got, by address.

mod captures;
mod layer;
mod meter;
mod signature;
mod tar;
mod walk;
mod zip;
mod zstd;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{Error, Result};

pub use signature::{Signature, signature};

/// Enough of a file's start for [`signature`].
pub const SIGNATURE_BYTES: u64 = 512;

/// Names that say that a file is there to be looked into. Office documents, books and programs are zip files too, and
/// their pictures are no collection; so a signature alone is not enough.
const NAMES: [&str; 15] = [
    ".zip",
    ".cbz",
    ".tar",
    ".cbt",
    ".tgz",
    ".tar.gz",
    ".taz",
    ".tar.zst",
    ".tzst",
    ".tar.xz",
    ".txz",
    ".warc",
    ".warc.gz",
    ".warc.zst",
    ".wacz",
];

/// Whether a file of this name is taken for an archive, if its content is one.
pub fn is_named_so(name: &[u8]) -> bool {
    NAMES.iter().any(|end| {
        let start = name.len().checked_sub(end.len());
        start.and_then(|start| name.get(start..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
    })
}

/// [`is_named_so`] of a file.
pub fn is_file_named_so(path: &Path) -> bool {
    path.file_name().is_some_and(|name| is_named_so(name.as_encoded_bytes()))
}

/// What one archive may hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Entries, those of archives inside it counted too. A million by default.
    pub entries: u64,
    /// Bytes that are unpacked, as a multiple of the archive's own size. 200 by default: photos hardly pack at all,
    /// scans of text and drawings to a fiftieth.
    pub ratio: u64,
    /// Bytes that may be unpacked whatever the ratio. 1 GiB by default, some seconds of work.
    pub always: u64,
    /// The longest name. 4096 bytes by default, as for paths.
    pub name_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 1_000_000, ratio: 200, always: 1 << 30, name_bytes: 4096 }
    }
}

/// What stands in an archive under one name.
pub struct Entry<'a> {
    /// Its name, and before it that of the archive that holds it, where that stands in another.
    pub names: Vec<Vec<u8>>,
    /// Its size, as the archive says.
    pub bytes: u64,
    /// Its time, as the archive says, in nanoseconds since 1970; 0 where it does not.
    pub modified_ns: i64,
    /// Where its bytes come from. An error that no system call gave is damage.
    pub content: &'a mut dyn Read,
    /// What a web archive says of it.
    pub capture: Option<Capture>,
}

/// What a crawler noted of something that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The address it came from; bytes that are not UTF-8 are replaced.
    pub url: String,
    /// When, in nanoseconds since 1970; 0 where nothing says so.
    pub date_ns: i64,
    /// The address of the page that asked for it, where the request before it says so.
    pub page: Option<String>,
}

/// Who looks at the entries of an archive.
pub trait Visit {
    /// Looks at one entry; an error ends the reading.
    ///
    /// # Errors
    /// The visitor's own.
    fn entry(&mut self, entry: Entry<'_>) -> Result<()>;

    /// Hears of an entry that is not read, and why.
    ///
    /// # Errors
    /// The visitor's own.
    fn left_out(&mut self, entry: Entry<'_>, reason: &'static str) -> Result<()>;

    /// Whether so many bytes more may be held, for an archive inside the archive or to unpack what is packed; an error
    /// ends the reading.
    ///
    /// # Errors
    /// The visitor's own.
    fn hold(&mut self, bytes: u64) -> Result<bool>;

    /// So many of them are held no more.
    fn release(&mut self, bytes: u64);

    /// Whether what begins so may be a picture. Asked where most entries are none: in web archives.
    fn begins_as_a_picture(&self, start: &[u8]) -> bool;

    /// Whether an entry that can't be read would be missed.
    fn claims_to_matter(&self, name: &[u8]) -> bool;
}

/// What was seen of an archive besides its entries.
#[derive(Debug, Default)]
pub struct Account {
    /// Entries, readable or not.
    pub entries: u64,
    encrypted: u64,
    unsupported: BTreeMap<String, u64>,
    unnamed: u64,
    damage: Option<String>,
}

impl Account {
    /// What could not be read, and what to do; `None` where all could.
    pub fn trouble(&self) -> Option<String> {
        let mut said = Vec::new();
        said.extend(self.damage.clone());
        if self.encrypted > 0 {
            said.push(format!("{} of {} entries are encrypted: unpack it first", self.encrypted, self.entries));
        }
        for (method, count) in &self.unsupported {
            said.push(format!("{count} of {} entries are packed by {method}: unpack it first", self.entries));
        }
        if self.unnamed > 0 {
            said.push(format!("{} of {} entries have no name that can be kept", self.unnamed, self.entries));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// Reads the archive in `file`, which is `bytes` long, and shows `visit` each entry.
///
/// Damage and limits end the reading, and the [`Account`] says so; what came before stands.
///
/// # Errors
/// `Io` where the file can't be read, and the errors of `visit`.
pub fn read(mut file: File, bytes: u64, limits: &Limits, visit: &mut dyn Visit) -> Result<Account> {
    let kind = kind(&mut file)?;
    walk::archive(file, rawzip::FileReader::from, bytes, kind, limits, visit)
}

/// Reads an archive in memory as [`read`] does one in a file.
///
/// # Errors
/// Those of `visit`.
pub fn read_bytes(bytes: &[u8], limits: &Limits, visit: &mut dyn Visit) -> Result<Account> {
    let kind = signature(bytes.get(..SIGNATURE_BYTES as usize).unwrap_or(bytes));
    walk::archive(Cursor::new(bytes), Cursor::into_inner, bytes.len() as u64, kind, limits, visit)
}

fn kind(file: &mut File) -> Result<Option<Signature>> {
    let mut start = Vec::new();
    file.by_ref().take(SIGNATURE_BYTES).read_to_end(&mut start).map_err(Error::io)?;
    file.seek(SeekFrom::Start(0)).map_err(Error::io)?;
    Ok(signature(&start))
}

#[cfg(test)]
mod tests;
