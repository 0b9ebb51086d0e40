//! Zip: what its directory names, or, where it has lost that, what can be found from its start.

use std::io::{self, BufReader, Read};

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, RangeReader, ReaderAt, ZipArchive, ZipLocator};

use super::walk::{Halt, Unreadable, Walk, damage};

const BUFFER: usize = 32 << 10;
const NANOSECONDS: i64 = 1_000_000_000;

pub(super) fn read<R: ReaderAt>(walk: &mut Walk<'_>, reader: R, length: u64) -> Result<(), Halt> {
    let mut buffer = vec![0; rawzip::MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    match ZipLocator::new().locate_in_reader(reader, &mut buffer, length) {
        Ok(archive) => listed(walk, &archive, &mut buffer),
        Err((_, error)) if system(&error).is_some() => Err(told(error)),
        Err((reader, _)) => unlisted(walk, &reader, length),
    }
}

/// The system's error within one of the reader's.
fn system(error: &rawzip::Error) -> Option<i32> {
    match error.kind() {
        rawzip::ErrorKind::IO(error) => error.raw_os_error(),
        _ => None,
    }
}

fn told(error: rawzip::Error) -> Halt {
    Halt::Read(match system(&error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => damage(error.to_string().to_lowercase()),
    })
}

/// What the directory names, in its order.
fn listed<R: ReaderAt>(walk: &mut Walk<'_>, archive: &ZipArchive<R>, buffer: &mut [u8]) -> Result<(), Halt> {
    let mut entries = archive.entries(buffer);
    let mut count = 0u64;
    while let Some(record) = entries.next_entry().map_err(told)? {
        count += 1;
        if record.is_dir() {
            continue;
        }
        let (flags, method, wayfinder) = (record.flags(), record.compression_method(), record.wayfinder());
        let seconds = match record.last_modified() {
            rawzip::time::ZipDateTimeKind::Utc(time) => time.to_unix(),
            // Of no known zone: taken for UTC.
            rawzip::time::ZipDateTimeKind::Local(time) => {
                let of = (time.month(), time.day(), time.hour(), time.minute(), time.second());
                dos_seconds(time.year(), of)
            }
        };
        let modified = seconds.saturating_mul(NANOSECONDS);
        let (name, bytes) = (record.file_path().as_bytes().to_vec(), record.uncompressed_size_hint());
        if flags.is_encrypted() || method == CompressionMethod::AES {
            walk.unreadable(&name, Unreadable::Encrypted)?;
            continue;
        }
        let entry = match archive.get_entry(wayfinder) {
            Ok(entry) => entry,
            Err(error) if system(&error).is_some() => return Err(told(error)),
            Err(_) => {
                walk.entry(&name, bytes, modified, &mut Broken)?;
                continue;
            }
        };
        let packed = BufReader::with_capacity(BUFFER, entry.reader());
        let meter = walk.meter();
        match method {
            CompressionMethod::STORE => {
                let mut content = meter.of(entry.verifying_reader(packed));
                walk.entry(&name, bytes, modified, &mut content)?;
            }
            CompressionMethod::DEFLATE => {
                let mut content = meter.of(entry.verifying_reader(DeflateDecoder::new(packed)));
                walk.entry(&name, bytes, modified, &mut content)?;
            }
            other => walk.unreadable(&name, Unreadable::Packed(method_name(other)))?,
        }
    }
    // Without the longer form of its end a directory counts modulo 65,536.
    if count % (1 << 16) != archive.entries_hint() % (1 << 16) {
        walk.damaged("its directory names another number of entries than it says");
    }
    Ok(())
}

fn method_name(method: CompressionMethod) -> String {
    method.name().map_or_else(|| format!("method {}", method.as_u16()), |name| name.to_lowercase())
}

/// Seconds since 1970; 0 for what is no date.
fn dos_seconds(year: u16, (month, day, hour, minute, second): (u8, u8, u8, u8, u8)) -> i64 {
    let month = time::Month::try_from(month).ok();
    let date = month.and_then(|month| time::Date::from_calendar_date(year.into(), month, day).ok());
    let time = date.and_then(|date| date.with_hms(hour, minute, second.min(59)).ok());
    time.map_or(0, |time| time.assume_utc().unix_timestamp())
}

/// An entry whose place can't be found.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(damage("it is not where the archive says"))
    }
}

/// The header before an entry, as far as it is needed.
struct Header {
    flags: u16,
    method: u16,
    packed: u64,
    bytes: u64,
    name: Vec<u8>,
    /// Where the content begins.
    content: u64,
}

const HEADER: u64 = 30;

impl Header {
    /// `None` where none stands at `at`.
    fn at<R: ReaderAt>(reader: &R, at: u64) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER as usize];
        match reader.read_exact_at(&mut header, at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let [
            b'P',
            b'K',
            3,
            4,
            _,
            _,
            f0,
            f1,
            m0,
            m1,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            p0,
            p1,
            p2,
            p3,
            u0,
            u1,
            u2,
            u3,
            n0,
            n1,
            e0,
            e1,
        ] = header
        else {
            return Ok(None);
        };
        let (name_length, extra) = (u16::from_le_bytes([n0, n1]), u16::from_le_bytes([e0, e1]));
        let mut name = vec![0; name_length.into()];
        match reader.read_exact_at(&mut name, at.saturating_add(HEADER)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let content = at.saturating_add(HEADER).saturating_add(name_length.into()).saturating_add(extra.into());
        Ok(Some(Self {
            flags: u16::from_le_bytes([f0, f1]),
            method: u16::from_le_bytes([m0, m1]),
            packed: u32::from_le_bytes([p0, p1, p2, p3]).into(),
            bytes: u32::from_le_bytes([u0, u1, u2, u3]).into(),
            name,
            content,
        }))
    }
}

/// Entries from the start on, as long as each says, or shows, where the next begins.
fn unlisted<R: ReaderAt>(walk: &mut Walk<'_>, reader: &R, length: u64) -> Result<(), Halt> {
    let mut at = 0;
    while let Some(header) = Header::at(reader, at)? {
        let Header { flags, method, mut packed, mut bytes, name, content } = header;
        let is_encrypted = flags & 1 != 0;
        // The sizes follow the content: its end is where unpacking ends.
        if flags & 8 != 0 && packed == 0 && method == CompressionMethod::DEFLATE.as_u16() && !is_encrypted {
            let mut unpacking =
                DeflateDecoder::new(BufReader::new(RangeReader::new(reader, content..length.max(content))));
            let unpacked = io::copy(&mut walk.meter().of(&mut unpacking), &mut io::sink());
            if unpacked.is_err() {
                break;
            }
            (packed, bytes) = (unpacking.total_in(), unpacking.total_out());
        }
        let Some(end) = content.checked_add(packed).filter(|end| *end <= length) else { break };
        if !name.ends_with(b"/") {
            let part = BufReader::new(RangeReader::new(reader, content..end));
            let meter = walk.meter();
            match CompressionMethod::new(method) {
                _ if is_encrypted => walk.unreadable(&name, Unreadable::Encrypted)?,
                CompressionMethod::STORE => walk.entry(&name, bytes, 0, &mut meter.of(part))?,
                CompressionMethod::DEFLATE => walk.entry(&name, bytes, 0, &mut meter.of(DeflateDecoder::new(part)))?,
                other => walk.unreadable(&name, Unreadable::Packed(method_name(other)))?,
            }
        }
        at = next_header(reader, end)?;
    }
    Err(damage("its directory is missing: it may have been cut off").into())
}

/// Where the next entry begins: at once, or behind the sizes that follow this one's content.
fn next_header<R: ReaderAt>(reader: &R, end: u64) -> io::Result<u64> {
    for behind in [0, 12, 16, 20, 24] {
        let at = end.saturating_add(behind);
        if Header::at(reader, at)?.is_some() {
            return Ok(at);
        }
    }
    Ok(end)
}
