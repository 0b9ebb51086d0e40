//! Crafts the files of an index: what stands in them is changed, and every checksum is made right again.
//!
//! Also the fuzz target's: the standard library alone, and every choice comes from [`Chance`].

use std::path::{Path, PathBuf};

/// Where choices come from: a seed, or bytes that a fuzzer gives.
pub struct Chance<'a> {
    seed: u64,
    given: Option<&'a [u8]>,
}

impl<'a> Chance<'a> {
    /// The same choices for the same seed.
    pub fn of(seed: u64) -> Self {
        Self { seed: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D, given: None }
    }

    /// Choices from bytes; zeros once they are spent.
    #[allow(dead_code, reason = "the fuzz target's")]
    pub fn given(bytes: &'a [u8]) -> Self {
        Self { seed: 0, given: Some(bytes) }
    }

    fn next(&mut self) -> u64 {
        if let Some(bytes) = &mut self.given {
            let (now, later) = bytes.split_at(bytes.len().min(3));
            *bytes = later;
            return now.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        }
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.seed ^ self.seed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// How a file is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// tantivy's content and footer, then a checksum for each block of 4 KiB, and a trailer.
    Segment,
    /// A line with the checksum of all before it.
    Sealed,
    /// A checksum for each block of 512 bytes.
    Features,
    /// A checksum for each record.
    Ledger,
    /// Not at all.
    Plain,
}

/// How the file of this name is protected.
pub fn sort(path: &Path) -> Sort {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let extension = path.extension().unwrap_or_default();
    match (folder.to_str(), extension.to_str()) {
        (Some("documents"), Some("json")) => Sort::Sealed,
        (Some("documents"), Some("lock")) => Sort::Plain,
        (Some("documents"), _) => Sort::Segment,
        (Some("features"), _) => Sort::Features,
        (Some("crawls"), _) => Sort::Ledger,
        _ => Sort::Plain,
    }
}

/// CRC-32 of ISO 3309.
pub fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let (mut table, mut i) = ([0; 256], 0);
        while i < 256 {
            let (mut crc, mut bit) = (i as u32, 0);
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
                bit += 1;
            }
            table[i] = crc;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(u32::MAX, |crc, &byte| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize])
}

/// A file's content and, of tantivy's, the footer that stands behind it.
#[derive(Clone, Debug)]
pub struct File {
    sort: Sort,
    pub content: Vec<u8>,
    footer: Vec<u8>,
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

impl File {
    /// Takes a whole file apart.
    pub fn open(path: &Path, bytes: &[u8]) -> Self {
        let sort = sort(path);
        let (content, footer): (&[u8], &[u8]) = match sort {
            Sort::Segment => {
                let content = &bytes[..u64_at(bytes, bytes.len() - 16) as usize];
                let length = u32::from_le_bytes(content[content.len() - 8..][..4].try_into().unwrap());
                content.split_at(content.len() - 8 - length as usize)
            }
            Sort::Sealed => (&bytes[..bytes.len() - "\ncrc32 01234567\n".len()], &[]),
            // One block and its checksum take 516 bytes.
            Sort::Features => (&bytes[..bytes.len() - 4 * bytes.len().div_ceil(516)], &[]),
            Sort::Ledger | Sort::Plain => (bytes, &[]),
        };
        Self { sort, content: content.to_vec(), footer: footer.to_vec() }
    }

    /// The file as it is written: with checksums that agree.
    pub fn sealed(&self) -> Vec<u8> {
        let sums = |bytes: &[u8], block| bytes.chunks(block).flat_map(|b| crc32(b).to_le_bytes()).collect::<Vec<_>>();
        let mut all = self.content.clone();
        match self.sort {
            Sort::Segment => {
                let footer = String::from_utf8_lossy(&self.footer[..self.footer.len() - 8]).into_owned();
                let before = footer.rsplit_once("\"crc\":").map_or("{", |(before, _)| before);
                let footer = format!("{before}\"crc\":{}}}", crc32(&self.content));
                all.extend(footer.as_bytes());
                all.extend((footer.len() as u32).to_le_bytes());
                all.extend(1337u32.to_le_bytes());
                let length = all.len() as u64;
                let mut trailer = sums(&all, 4096);
                trailer.extend(length.to_le_bytes());
                let sum = crc32(&trailer);
                all.extend(trailer);
                all.extend(sum.to_le_bytes());
                all.extend(b"risc");
            }
            Sort::Sealed => all.extend(format!("\ncrc32 {:08x}\n", crc32(&self.content)).as_bytes()),
            Sort::Features => all.extend(sums(&self.content, 512)),
            Sort::Ledger => {
                let mut at = 13;
                while let Some(head) = all.get(at..at + 8) {
                    let length = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
                    let Some(record) = all.get(at + 8..).and_then(|rest| rest.get(..length)) else { break };
                    let sum = crc32(record).to_le_bytes();
                    all[at + 4..at + 8].copy_from_slice(&sum);
                    at += 8 + length;
                }
            }
            Sort::Plain => {}
        }
        all
    }
}

/// Takes out of an index what its commit says that its files are: as an early version wrote it, and as a stranger may. What
/// is crafted then is not noticed as exchanged.
pub fn forget_fingerprints(folder: &Path) {
    let path = folder.join("documents/meta.json");
    let mut meta = File::open(&path, &std::fs::read(&path).unwrap());
    let mut text = String::from_utf8(meta.content).unwrap();
    let start = text.find("\"files\":{").expect("a commit with fingerprints");
    let (mut depth, mut end) = (0, start);
    for (i, byte) in text.bytes().enumerate().skip(start) {
        depth += usize::from(byte == b'{');
        if byte == b'}' {
            depth -= 1;
            if depth == 0 {
                end = i + 1;
                break;
            }
        }
    }
    end += usize::from(text.as_bytes().get(end) == Some(&b','));
    text.replace_range(start..end, "");
    // Of the ledger, in the commit's payload.
    if let Some(start) = text.find(r#"\"digest\":"#) {
        let length = text[start..].find(',').expect("a number behind it");
        text.replace_range(start..start + length + 1, "");
    }
    meta.content = text.into_bytes();
    std::fs::write(&path, meta.sealed()).unwrap();
    std::fs::remove_dir_all(folder.join("copies")).unwrap();
}

const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    127,
    128,
    255,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    0x7FFF_FFFF_FFFF_FFFF,
    u64::MAX,
];

/// A place in `length` bytes: heads and ends, where counts stand, as often as all between.
fn place(length: usize, chance: &mut Chance) -> usize {
    let edge = length.min(64);
    match chance.below(4) {
        0 => chance.below(edge),
        1 => length - edge + chance.below(edge),
        _ => chance.below(length),
    }
}

/// Writes over what stands at a place, as far as there is room.
fn put(content: &mut [u8], at: usize, bytes: &[u8]) {
    content.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
}

/// Changes bytes; `other` is what another file holds.
fn change_bytes(content: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    if content.is_empty() {
        return content.extend(other.iter().take(100));
    }
    let at = place(content.len(), chance);
    match chance.below(12) {
        0 | 1 => content[at] ^= 1 << chance.below(8),
        2 => content[at] = chance.pick(&[0, 1, 0x7F, 0x80, 0xFF]),
        3 | 4 => {
            let number = chance.pick(&NUMBERS) as u32;
            put(content, at, &number.to_le_bytes());
        }
        5 => {
            let number = chance.pick(&NUMBERS);
            put(content, at, &number.to_le_bytes());
        }
        // A number in groups of seven bits that is long, or large.
        6 => put(content, at, chance.pick(&[&[0x7F, 0x7F, 0x7F, 0x7F, 0x8F][..], &[0x7F; 9], &[0xFF, 0x80], &[0; 4]])),
        7 => {
            let number = content.get(at..at + 4).map_or(0, |old| u32::from_le_bytes(old.try_into().unwrap()));
            let changed = [number.wrapping_add(1), number.wrapping_sub(1), number.wrapping_mul(2), !number];
            put(content, at, &chance.pick(&changed).to_le_bytes());
        }
        8 => {
            let from = chance.below(content.len());
            let part = content[from..].iter().take(1 + chance.below(64)).copied().collect::<Vec<_>>();
            put(content, at, &part);
        }
        9 => {
            let from = chance.below(other.len());
            put(content, at, &other[from..][..chance.below(128).min(other.len() - from)]);
        }
        10 => content.truncate(at),
        _ => {
            let fill = chance.pick(&[0, 0xFF, b'a']);
            let count = 1 + chance.below(40);
            content.splice(at..at, std::iter::repeat_n(fill, count));
        }
    }
}

/// Changes a text: numbers and words in it, or bytes.
fn change_text(content: &mut Vec<u8>, chance: &mut Chance) {
    let starts: Vec<usize> = (0..content.len())
        .filter(|&i| content[i].is_ascii_digit() && (i == 0 || !content[i - 1].is_ascii_alphanumeric()))
        .collect();
    match chance.below(6) {
        0..4 if !starts.is_empty() => {
            let at = chance.pick(&starts);
            let length = content[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = if chance.below(8) == 0 { "-1".into() } else { chance.pick(&NUMBERS).to_string() };
            content.splice(at..at + length, number.into_bytes());
        }
        4 => {
            // An element twice, or a hundred times.
            let ends: Vec<_> = (0..content.len()).filter(|&i| content[i] == b',').collect();
            if let [.., _, _] = ends[..] {
                let from = chance.below(ends.len() - 1);
                let part = content[ends[from]..ends[from + 1]].repeat(chance.pick(&[1, 100]));
                content.splice(ends[from]..ends[from], part);
            }
        }
        _ if content.is_empty() => {}
        _ => {
            let at = chance.below(content.len());
            content[at] = chance.pick(b"09aZ\"\\,:[]{} \xFF");
        }
    }
}

/// Crafts one index out of another: some of `files` with other content. Those that are none are left alone.
pub fn craft(files: &[(PathBuf, Vec<u8>)], chance: &mut Chance) -> Vec<(PathBuf, Vec<u8>)> {
    let mut crafted: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for _ in 0..chance.pick(&[1, 1, 1, 2, 3]) {
        let (path, bytes) = &files[chance.below(files.len())];
        let (from, other) = &files[chance.below(files.len())];
        let other = File::open(from, other);
        let mut file = File::open(path, bytes);
        if chance.below(24) == 0 && sort(from) == file.sort {
            file.content = other.content;
        } else {
            for _ in 0..chance.pick(&[1, 1, 2, 4]) {
                match file.sort {
                    Sort::Sealed | Sort::Plain => change_text(&mut file.content, chance),
                    // Records are texts, behind a head.
                    Sort::Ledger if chance.below(2) == 0 => change_record(&mut file.content, chance),
                    _ => change_bytes(&mut file.content, &other.content, chance),
                }
            }
        }
        crafted.retain(|(other, _)| other != path);
        crafted.push((path.clone(), file.sealed()));
    }
    crafted
}

/// Changes a record of a ledger; those behind it stay whole.
fn change_record(content: &mut Vec<u8>, chance: &mut Chance) {
    let (mut places, mut at) = (Vec::new(), 13);
    while let Some(head) = content.get(at..at + 8) {
        let length = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        places.push(at..at + 8 + length);
        at += 8 + length;
    }
    if places.is_empty() || at != content.len() {
        return change_bytes(content, b"", chance);
    }
    let place = places[chance.below(places.len())].clone();
    let mut record = content[place.start + 8..place.end].to_vec();
    change_text(&mut record, chance);
    let head = [(record.len() as u32).to_le_bytes(), [0; 4]].concat();
    content.splice(place, [head, record].concat());
}
