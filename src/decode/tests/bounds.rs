//! What a header makes decoders keep, and how long they take, is bounded. Each file that is refused has one beside it,
//! made alike, that is read.

#[cfg(any(feature = "avif", feature = "heic", feature = "jxl"))]
use std::time::Instant;

use super::*;

const MEMORY: u64 = 64 << 20;

fn within(memory: u64) -> Options {
    Options { max_memory: memory, ..Options::default() }
}

/// Whether a file of this format is read with 64 MiB, or else refused for what its header holds.
fn is_read(bytes: &[u8], format: Format) -> bool {
    assert_eq!(sniff(bytes), Sniff::Readable(format));
    match decode(bytes, &within(MEMORY)) {
        Ok(picture) => {
            assert_eq!((picture.format, picture.width, picture.height), (format, 40, 30));
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::TooLarge, "{format:?}: {error}");
            assert!(error.message().contains("what its header holds"), "{format:?}: {error}");
            false
        }
    }
}

fn one(format: Format) -> Vec<u8> {
    one_of_each(40, 30).into_iter().find(|(of, _)| *of == format).unwrap().1
}

#[test]
fn lines_of_a_radiance_header_count_as_what_they_take() {
    let whole = one(Format::Hdr);
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let with = |line: &str, count: usize| [&whole[..first], line.repeat(count).as_bytes(), &whole[first..]].concat();
    for (line, count, expected) in [
        ("", 0, true),
        ("#\n", 1_000, true),
        ("# of a camera\n", 100_000, true),
        ("#\n", 400_000, false),
        ("SOFTWARE=a name that is longer\n", 300_000, false),
    ] {
        assert_eq!(is_read(&with(line, count), Format::Hdr), expected, "{count} of {line:?}");
    }
    let line = ["# ".to_owned() + &"long ".repeat(8 << 20), "\n".to_owned()].concat();
    assert!(!is_read(&with(&line, 1), Format::Hdr));
}

/// An OpenEXR file with these attributes before its own; what says where its lines lie is made right again.
fn with_attributes(exr: &[u8], attributes: &[u8]) -> Vec<u8> {
    // The header ends with an empty name, behind the value of its last attribute.
    let mut at = 8;
    while exr[at] != 0 {
        for _ in 0..2 {
            at += exr[at..].iter().position(|&byte| byte == 0).unwrap() + 1;
        }
        at += 4 + u32::from_le_bytes(exr[at..at + 4].try_into().unwrap()) as usize;
    }
    let table = at + 1;
    let place = |at: usize| u64::from_le_bytes(exr[at..at + 8].try_into().unwrap());
    let end = place(table) as usize;
    let places = (table..end).step_by(8).flat_map(|at| (place(at) + attributes.len() as u64).to_le_bytes());
    [&exr[..8], attributes, &exr[8..table], &places.collect::<Vec<_>>(), &exr[end..]].concat()
}

#[test]
fn attributes_of_an_openexr_header_and_the_width_of_its_blocks_count_as_what_they_take() {
    let whole = one(Format::Exr);
    let numbers = |count: usize| {
        (0..count)
            .flat_map(|n| [format!("a{n}").as_bytes(), b"\0int\0\x04\0\0\0\x07\0\0\0"].concat())
            .collect::<Vec<_>>()
    };
    for (count, expected) in [(0, true), (100, true), (10_000, true), (60_000, false)] {
        assert_eq!(is_read(&with_attributes(&whole, &numbers(count)), Format::Exr), expected, "{count}");
    }
    // One that is a list of strings, each of one byte.
    let strings = |count: usize| {
        let length = (5 * count as u32).to_le_bytes();
        [&b"list\0stringvector\0"[..], &length, &b"\x01\0\0\0a".repeat(count)].concat()
    };
    for (count, expected) in [(1_000, true), (1_000_000, false)] {
        assert_eq!(is_read(&with_attributes(&whole, &strings(count)), Format::Exr), expected, "{count} strings");
    }
    // Blocks reach over all that a part has data of, of which a window is shown.
    let name = b"dataWindow\0box2i\0\x10\0\0\0";
    let window = whole.windows(name.len()).position(|bytes| bytes == name).unwrap() + name.len();
    let mut wide = whole.clone();
    wide[window + 8..window + 12].copy_from_slice(&(1i32 << 24).to_le_bytes());
    assert!(!is_read(&wide, Format::Exr));
}

#[test]
fn texts_and_other_chunks_of_a_png_count_as_what_they_take() {
    let whole = one(Format::Png);
    let with = |name: &[u8; 4], content: &[u8], count: usize| {
        let chunk = hostile::with_chunk(&whole, name, content)[33..][..12 + content.len()].to_vec();
        [&whole[..33], &chunk.repeat(count), &whole[33..]].concat()
    };
    for (name, content, count, expected) in [
        (b"tEXt", &b"a\0b"[..], 1_000, true),
        (b"tEXt", b"a\0b", 300_000, false),
        (b"iTXt", b"a\0\0\0\0\0b", 1_000, true),
        (b"iTXt", b"a\0\0\0\0\0b", 300_000, false),
        (b"zTXt", b"a\0\0\x78\x01\x03\0\0\0\0\x01", 1_000, true),
        (b"zTXt", b"a\0\0\x78\x01\x03\0\0\0\0\x01", 300_000, false),
    ] {
        assert_eq!(is_read(&with(name, content, count), Format::Png), expected, "{count} of {name:?}");
    }
    for (length, expected) in [(1 << 20, true), (20 << 20, false)] {
        let text = [b"a\0".as_slice(), &vec![b'b'; length]].concat();
        assert_eq!(is_read(&with(b"tEXt", &text, 1), Format::Png), expected, "a text of {length}");
    }
}

#[test]
fn the_tables_of_a_tiffs_strips_count_as_what_they_take() {
    let whole = one(Format::Tiff);
    let page = u32::from_le_bytes(whole[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(whole[page..page + 2].try_into().unwrap()));
    // Where places and lengths of strips stand, which are long enough once there are bytes behind them.
    let with = |count: u32, behind: usize| {
        let mut bytes = whole.clone();
        let mut changed = 0;
        for at in (0..entries).map(|entry| page + 2 + 12 * entry) {
            let tag = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            if [273, 279].contains(&tag) && count > 0 {
                bytes[at + 4..at + 8].copy_from_slice(&count.to_le_bytes());
                changed += 1;
            }
        }
        assert!(count == 0 || changed == 2);
        [bytes, vec![0; behind]].concat()
    };
    assert!(is_read(&with(0, 0), Format::Tiff) && is_read(&with(0, 8 << 20), Format::Tiff));
    assert!(!is_read(&with(2 << 20, 8 << 20), Format::Tiff));
    assert!(!is_read(&with(u32::MAX, 8 << 20), Format::Tiff));
    // What it says is not believed beyond what follows: so little is left to the decoder, which refuses it.
    let error = decode(&with(u32::MAX, 0), &within(MEMORY)).unwrap_err();
    assert!(!error.message().contains("what its header holds"), "{error}");
}

#[cfg(any(feature = "avif", feature = "heic", feature = "jxl"))]
/// What a decoder says that has so much time, and how long it took to say so.
fn hurried(bytes: &[u8], max_time: Duration) -> (Result<()>, Duration) {
    let begun = Instant::now();
    let decoded = decode(bytes, &Options { max_time, ..Options::default() }).map(drop);
    (decoded, begun.elapsed())
}

#[cfg(any(feature = "avif", feature = "heic", feature = "jxl"))]
fn crash(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/crashes").join(name);
    std::fs::read(path).unwrap()
}

#[cfg(any(feature = "avif", feature = "heic"))]
#[test]
fn a_still_that_would_take_longer_than_is_left_is_not_begun() {
    // Some hundred bytes and six million pixels, which take 30 ms at least.
    let time = Duration::from_millis(25);
    let mut seen = 0;
    for (large, small, is_built) in
        [("flat.avif", "colour.avif", cfg!(feature = "avif")), ("flat.heic", "colour.heic", cfg!(feature = "heic"))]
    {
        if !is_built {
            continue;
        }
        let (refused, taken) = hurried(&crash(large), time);
        let error = refused.unwrap_err();
        assert!(error.message().contains("too slow") && taken < time, "{large}: {error}, in {taken:?}");
        // The control: with as much time one that is small is read.
        let is_read = (0..5).any(|_| hurried(&encoded_by_others(small), time).0.is_ok());
        assert!(is_read, "{small}");
        seen += 1;
    }
    assert!(seen > 0);
}

#[cfg(feature = "jxl")]
#[test]
fn a_jpeg_xl_is_given_up_between_its_parts_once_its_time_is_up() {
    // Boxes that nobody reads stand before the picture, of one part each.
    let boxed =
        |name: &[u8; 4], content: &[u8]| [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat();
    let free = boxed(b"free", &vec![0; 64 << 10]).repeat(1000);
    let start = [boxed(b"JXL ", b"\r\n\x87\n"), boxed(b"ftyp", b"jxl \0\0\0\0jxl ")].concat();
    let codestream = boxed(b"jxlc", &encoded_by_others("colour.jxl"));
    let bytes = [start, free, codestream].concat();
    // Other tests run beside: how long the whole takes now says little of how long it takes a moment later.
    let refused = (0..20).find_map(|_| {
        let (whole, taken) = hurried(&bytes, Duration::from_secs(60));
        assert!(whole.is_ok());
        hurried(&bytes, taken / 4).0.err()
    });
    assert!(refused.is_some_and(|error| error.message().contains("too slow")));
}
