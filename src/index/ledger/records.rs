//! The records of a ledger's file, one after the other.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::PathBuf;

use super::{Committed, MAGIC, RECORD_MAX, Record, damaged};
use crate::error::{Error, Result};
use crate::index::beneath::{self, Folder};

/// What stands before a record's content: its length and checksum.
pub(super) fn head(content: &[u8]) -> [u8; 8] {
    let [l0, l1, l2, l3] = (content.len() as u32).to_le_bytes();
    let [c0, c1, c2, c3] = crc32fast::hash(content).to_le_bytes();
    [l0, l1, l2, l3, c0, c1, c2, c3]
}

/// The next record, with its head; `None` where there is none that is whole.
pub(super) fn read_record(from: &mut impl Read) -> io::Result<Option<([u8; 8], Record)>> {
    let mut told = [0; 8];
    from.read_exact(&mut told)?;
    let [l0, l1, l2, l3, ..] = told;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > RECORD_MAX {
        return Ok(None);
    }
    let mut content = Vec::new();
    from.take(length as u64).read_to_end(&mut content)?;
    let record = (head(&content) == told).then(|| serde_json::from_slice(&content).ok()).flatten();
    Ok(record.map(|record| (told, record)))
}

/// The records of a file, each with its place.
pub(super) struct Records {
    path: PathBuf,
    file: io::BufReader<File>,
    pub hasher: blake3::Hasher,
    at: u64,
    length: u64,
}

impl Records {
    pub fn of(folder: &Folder, name: &str, length: u64) -> Result<Self> {
        let path = folder.as_path().join(name);
        let about = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => damaged(&path),
            _ => beneath::failed(error).about(path.as_path()),
        };
        let mut file = io::BufReader::new(folder.open(name).map_err(about)?);
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).map_err(about)?;
        if magic != MAGIC || length < MAGIC.len() as u64 {
            return Err(damaged(&path));
        }
        let hasher = blake3::Hasher::new();
        Ok(Self { path, file, hasher, at: MAGIC.len() as u64, length })
    }

    /// Once all were read: whether the file is the one that was committed.
    pub fn end(&self, committed: &Committed) -> Result<()> {
        let is_so = committed.digest.is_empty() || committed.digest == self.hasher.finalize().to_hex().as_str();
        if is_so { Ok(()) } else { Err(damaged(&self.path)) }
    }
}

impl Iterator for Records {
    type Item = Result<(u64, Record)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.length {
            return None;
        }
        let at = self.at;
        let read = read_record(&mut self.file);
        let position = self.file.stream_position();
        Some(match (read, position) {
            (Ok(Some((head, record))), Ok(position)) if position <= self.length => {
                self.at = position;
                self.hasher.update(&head);
                Ok((at, record))
            }
            (Err(error), _) | (_, Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                self.at = self.length;
                Err(Error::io(error).about(self.path.as_path()))
            }
            _ => {
                self.at = self.length;
                Err(damaged(&self.path))
            }
        })
    }
}
