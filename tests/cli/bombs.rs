//! Numbers in an index that ask for more than its files hold: one of each kind, where it costs most.

use std::path::{Path, PathBuf};

use tantivy_fst::MapBuilder;

use crate::craft::File;

type Files = Vec<(PathBuf, Vec<u8>)>;

/// Makes such an index out of a sound one.
type Craft = fn(&Files) -> Files;

/// The kinds, by name.
pub const KINDS: [(&str, Craft); 14] = [
    ("documents that a segment does not have", |files| in_commit(files, number("\"max_doc\"", "4000000000"))),
    ("a segment a thousand times", |files| in_commit(files, repeated)),
    ("a file of features ten thousand times", |files| in_commit(files, features)),
    ("a block of stored documents that unpacks to 4 GiB", |files| {
        in_first(files, "store", |content| {
            content[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        })
    }),
    ("layers of a skip index without end", |files| {
        in_first(files, "store", |content| {
            let at = u32::from_le_bytes(content[content.len() - 24..][..4].try_into().unwrap()) as usize;
            content[at..at + 6].copy_from_slice(&[0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x87]);
        })
    }),
    ("values within values", |files| {
        in_first(files, "store", |content| {
            let nested = [&[0x81, 7, 0, 0, 0][..], &[12, 0x81].repeat(100_000)].concat();
            *content = stored(content, &nested);
        })
    }),
    ("pages of pages", |files| {
        in_first(files, "store", |content| {
            let key = [&b"/a"[..], &b"\0\x002".repeat(100_000)].concat();
            // The locator is field 7.
            *content = stored(content, &[&[0x81, 7, 0, 0, 0, 4][..], &varint(key.len()), &key].concat());
        })
    }),
    ("keys without number", |files| in_first(files, "term", |content| *content = terms(content, 60))),
    ("keys without end", |files| in_first(files, "term", |content| *content = terms(content, 70_000))),
    ("names of columns in an index of their own", |files| {
        in_first(files, "fast", |content| {
            // The version of the table of names, behind which are 20 bytes of the columns' own.
            let at = content.len() - 24;
            content[at] = 2;
        })
    }),
    ("values that a column does not have", |files| {
        in_each(files, "fast", |content| {
            let ends: Vec<_> = content.windows(4).enumerate().filter(|(_, bytes)| *bytes == [1, 0, 0, 0]).collect();
            let places: Vec<_> = ends.into_iter().map(|(at, _)| at).collect();
            places.iter().for_each(|&at| content[at - 4..at].copy_from_slice(&[0x7F, 0x7F, 0x7F, 0xFF]));
        })
    }),
    ("lists that are all the same", |files| {
        in_first_of(files, "features", |content| {
            let end = content.len() - 64;
            let number = |at: usize| u64::from_le_bytes(content[at..at + 8].try_into().unwrap()) as usize;
            let (pictures, lists, sources) = (number(end + 8), number(end + 32), number(end + 40));
            let buckets = (end - sources - 46 * pictures) / 4;
            for bucket in 0..buckets {
                let value = if bucket % 2 == 0 { 0 } else { (sources - lists) as u32 };
                let at = end - 4 * (buckets - bucket);
                content[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
        })
    }),
    ("features that are of all pictures", |files| {
        in_first_of(files, "features", |content| {
            let end = content.len() - 64;
            let number = |at: usize| u64::from_le_bytes(content[at..at + 8].try_into().unwrap()) as usize;
            let (pictures, sources) = (number(end + 8), number(end + 40));
            let first = content[sources + 41..sources + 46].to_vec();
            for picture in 1..pictures {
                let at = sources + 46 * picture + 41;
                content[at..at + 5].copy_from_slice(&first);
            }
        })
    }),
    ("crawls that began a hundred thousand times", |files| {
        let starts = (0..300_000).flat_map(|n| {
            let record = format!("{{\"Began\":\"h/{n}\"}}");
            [&(record.len() as u32).to_le_bytes()[..], &[0; 4], record.as_bytes()].concat()
        });
        let ledger: Vec<u8> = b"ris crawls 1\n".iter().copied().chain(starts).collect();
        let length = ledger.len().to_string();
        let crafted = in_first_of(files, "crawls", |content| *content = ledger);
        [crafted, in_commit(files, number("\\\"length\\\"", &length))].concat()
    }),
];

/// The first file of the folder of this name, changed.
fn in_first_of(files: &Files, folder: &str, change: impl FnOnce(&mut Vec<u8>)) -> Files {
    changed(files, |path| path.parent().is_some_and(|parent| parent.ends_with(folder)), change)
}

/// The largest file with this extension, changed.
fn in_first(files: &Files, extension: &str, change: impl FnOnce(&mut Vec<u8>)) -> Files {
    changed(files, |path| path.extension().is_some_and(|of| of == extension), change)
}

fn in_each(files: &Files, extension: &str, change: impl Fn(&mut Vec<u8>)) -> Files {
    let of = files.iter().filter(|(path, _)| path.extension().is_some_and(|of| of == extension));
    of.flat_map(|(path, bytes)| in_first(&vec![(path.clone(), bytes.clone())], extension, &change)).collect()
}

fn changed(files: &Files, is_it: impl Fn(&Path) -> bool, change: impl FnOnce(&mut Vec<u8>)) -> Files {
    let (path, bytes) = files.iter().rfind(|(path, _)| is_it(path)).unwrap();
    let mut file = File::open(path, bytes);
    let before = file.content.clone();
    change(&mut file.content);
    assert!(file.content != before, "{}", path.display());
    vec![(path.clone(), file.sealed())]
}

fn in_commit(files: &Files, change: impl FnOnce(&str) -> String) -> Files {
    changed(
        files,
        |path| path.ends_with("documents/meta.json"),
        |content| {
            *content = change(std::str::from_utf8(content).unwrap()).into_bytes();
        },
    )
}

/// Another number behind the first such name.
fn number(name: &str, number: &str) -> impl FnOnce(&str) -> String {
    move |text| {
        let (before, behind) = text.split_once(name).unwrap();
        let start = behind.find(|c: char| c.is_ascii_digit()).unwrap();
        let end = start + behind[start..].find(|c: char| !c.is_ascii_digit()).unwrap();
        format!("{before}{name}{}{number}{}", &behind[..start], &behind[end..])
    }
}

fn repeated(text: &str) -> String {
    let mut commit: serde_json::Value = serde_json::from_str(text).unwrap();
    let segments = commit["segments"].as_array_mut().unwrap();
    *segments = segments.iter().cycle().take(1000).cloned().collect();
    commit.to_string()
}

fn features(text: &str) -> String {
    let mut commit: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut payload: serde_json::Value = serde_json::from_str(commit["payload"].as_str().unwrap()).unwrap();
    let files = payload["features"].as_array_mut().unwrap();
    *files = files.iter().cycle().take(10_000).cloned().collect();
    commit["payload"] = payload.to_string().into();
    commit.to_string()
}

/// A number in groups of seven bits, of which the last is marked.
fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7F {
        bytes.push(number as u8 & 0x7F);
        number >>= 7;
    }
    bytes.push(number as u8 | 0x80);
    bytes
}

/// A store of one block with as many documents as another, each of them this one.
fn stored(like: &[u8], document: &[u8]) -> Vec<u8> {
    let offset = u64::from_le_bytes(like[like.len() - 24..][..8].try_into().unwrap()) as usize;
    // The last layer's checkpoints: documents and bytes of each block, behind where they begin.
    let mut rest = &like[offset..like.len() - 28];
    let mut next = || {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = rest[0];
            rest = &rest[1..];
            number |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 != 0 {
                return number;
            }
        }
    };
    assert_eq!(next(), 1, "one layer");
    next();
    let blocks = next();
    next();
    next();
    let count: usize = (0..blocks).map(|_| (next(), next()).0).sum();
    let mut block = document.repeat(count);
    let starts = (0..count).flat_map(|number| ((number * document.len()) as u32).to_le_bytes());
    block.extend(starts.chain((count as u32).to_le_bytes()));
    let packed = lz4_flex::block::compress(&block);
    let mut content = [&(block.len() as u32).to_le_bytes()[..], &packed].concat();
    let offset = content.len() as u64;
    let checkpoint = [varint(1), varint(0), varint(0), varint(count), varint(offset as usize)].concat();
    content.extend([varint(1), varint(checkpoint.len()), checkpoint].concat());
    content.extend(&like[like.len() - 28..like.len() - 24]);
    content.extend(offset.to_le_bytes());
    content.extend(&like[like.len() - 16..]);
    content
}

/// Dictionaries of which each has a way for every string of two letters and this length.
fn terms(like: &[u8], length: usize) -> Vec<u8> {
    let all = |length: u32| {
        let mut builder = MapBuilder::new(Vec::new()).unwrap();
        for n in 0..1u32 << length {
            let key: Vec<_> = (0..length).map(|bit| b'a' + (n >> (length - 1 - bit) & 1) as u8).collect();
            builder.insert(key, 0).unwrap();
        }
        let bytes = builder.into_inner().unwrap();
        // Behind the nodes: how many keys, and where the root is.
        bytes[..bytes.len() - 16].to_vec()
    };
    let (shorter, longer) = (all(4), all(5));
    let node = longer[shorter.len()..].to_vec();
    assert!(all(6) == [longer.as_slice(), &node].concat(), "each letter is one node more");
    let mut dictionary = [shorter, node.repeat(length - 4)].concat();
    let root = dictionary.len() as u64 - 1;
    dictionary.extend([1u64 << 40, root].map(u64::to_le_bytes).concat());

    // The parts of the file, and which field each is of.
    let footer = u32::from_le_bytes(like[like.len() - 4..].try_into().unwrap()) as usize;
    let (parts, mut rest) = (&like[..like.len() - 4 - footer], &like[like.len() - 4 - footer..]);
    let mut take = |count: usize| {
        let (taken, behind) = rest.split_at(count);
        rest = behind;
        taken
    };
    let number = |take: &mut dyn FnMut(usize) -> Vec<u8>| {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = take(1)[0];
            number |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 != 0 {
                return number;
            }
        }
    };
    let mut take = |count: usize| take(count).to_vec();
    let count = number(&mut take);
    let mut at = 0;
    let mut fields = Vec::new();
    for _ in 0..count {
        at += number(&mut take);
        fields.push((at, take(5)));
    }
    let ends = fields.iter().skip(1).map(|(at, _)| *at).chain([parts.len()]);
    let (mut content, mut index) = (Vec::new(), varint(count));
    let mut before = 0;
    for ((start, field), end) in fields.iter().zip(ends) {
        index.extend(varint(content.len() - before));
        index.extend(field);
        before = content.len();
        // What stands for each key: its list, its length and two versions.
        let part = &parts[*start..end];
        let values = u64::from_le_bytes(part[part.len() - 16..][..8].try_into().unwrap()) as usize;
        content.extend(&dictionary);
        content.extend(&part[part.len() - 16 - values..]);
    }
    let length = index.len() as u32;
    [content, index, length.to_le_bytes().to_vec()].concat()
}
