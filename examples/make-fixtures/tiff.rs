//! TIFF files of one strip, written by hand: the image crate's encoder packs nothing, writes no orientation
//! and only the byte order of the machine it runs on.

use std::collections::BTreeMap;

use image::RgbImage;

use crate::files::stored;

/// How the samples are packed, by the number TIFF has for it.
#[derive(Clone, Copy)]
pub enum Packing {
    None = 1,
    Lzw = 5,
    Deflate = 8,
    PackBits = 32_773,
}

/// Little-endian and unpacked, with its orientation.
pub fn tiff(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    tiff_as(picture, orientation, Packing::None, false)
}

/// The strip, then the bits of each sample, then the directory.
pub fn tiff_as(picture: &RgbImage, orientation: u8, packing: Packing, big_endian: bool) -> Vec<u8> {
    let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let long = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let (width, height) = picture.dimensions();
    let mut strip = match packing {
        Packing::None => picture.as_raw().clone(),
        Packing::Lzw => lzw(picture.as_raw()),
        Packing::Deflate => stored(picture.as_raw()),
        Packing::PackBits => pack_bits(picture.as_raw(), 3 * width as usize),
    };
    let length = strip.len() as u32;
    // Directories begin at even places.
    strip.resize(strip.len().next_multiple_of(2), 0);
    let bits = 8 + strip.len() as u32;
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, bits),
        (259, 3, 1, packing as u32),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (274, 3, 1, u32::from(orientation)),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, length),
    ];
    let mut bytes = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
    bytes.extend(long(bits + 6));
    bytes.extend(strip);
    bytes.extend([8, 8, 8].map(short).concat());
    bytes.extend(short(entries.len() as u16));
    for (tag, kind, count, value) in entries {
        bytes.extend([short(tag), short(kind)].concat());
        bytes.extend(long(count));
        // A single short stands at the beginning of its four bytes.
        bytes.extend(if kind == 3 && count == 1 {
            [short(value as u16), [0; 2]].concat()
        } else {
            long(value).to_vec()
        });
    }
    bytes.extend([0; 4]);
    bytes
}

/// LZW as TIFF has it: the highest bit first, and codes grow one entry before they must.
pub fn lzw(samples: &[u8]) -> Vec<u8> {
    const CLEAR: u32 = 256;
    const END: u32 = 257;
    let mut bits = Bits::default();
    let mut codes: BTreeMap<(u32, u8), u32> = BTreeMap::new();
    let (mut next, mut width) = (258, 9);
    bits.push(CLEAR, width);
    let mut prefix: Option<u32> = None;
    for &sample in samples {
        let Some(known) = prefix else {
            prefix = Some(u32::from(sample));
            continue;
        };
        if let Some(&longer) = codes.get(&(known, sample)) {
            prefix = Some(longer);
            continue;
        }
        bits.push(known, width);
        codes.insert((known, sample), next);
        next += 1;
        if next == 4094 {
            bits.push(CLEAR, width);
            codes.clear();
            (next, width) = (258, 9);
        } else if next + 1 > 1 << width {
            width += 1;
        }
        prefix = Some(u32::from(sample));
    }
    if let Some(last) = prefix {
        bits.push(last, width);
        next += 1;
        if next + 1 > 1 << width {
            width += 1;
        }
    }
    bits.push(END, width);
    bits.finish()
}

/// Numbers of a few bits each, the highest bit first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    rest: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, width: u32) {
        self.rest = self.rest << width | value;
        self.count += width;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.rest >> self.count) as u8);
            self.rest &= (1 << self.count) - 1;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push((self.rest << (8 - self.count)) as u8);
        }
        self.bytes
    }
}

/// Runs of equal bytes as a count and the byte, all else as it is; no run leaves its row.
fn pack_bits(samples: &[u8], row: usize) -> Vec<u8> {
    let mut packed = Vec::new();
    for row in samples.chunks(row) {
        for run in row.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(128)) {
            match run {
                [one] => packed.extend([0, *one]),
                [first, ..] => packed.extend([(257 - run.len()) as u8, *first]),
                [] => {}
            }
        }
    }
    packed
}
