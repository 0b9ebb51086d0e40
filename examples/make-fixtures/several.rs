//! Files that hold several pictures: pages and frames, made of scenes of the library, and drawings for SVG.

use image::codecs::gif::GifEncoder;
use image::imageops::{FilterType, resize};
use image::{DynamicImage, Frame, RgbImage};

use crate::files::{Encoding, File, chunk, encoded};
use crate::scenes;
use crate::tiff::lzw;

/// The scenes of garden/pond.jpg, garden/roses.jpg, street/crossing.jpg and sea/harbour.jpg, smaller.
fn pictures() -> Vec<RgbImage> {
    let scenes = [("garden", 1), ("garden", 2), ("street", 1), ("sea", 1)];
    scenes.map(|(kind, seed)| reduced(&scenes::draw(kind, 480, 360, seed).finish(), 200)).into()
}

fn reduced(picture: &RgbImage, width: u32) -> RgbImage {
    resize(picture, width, width * 3 / 4, FilterType::Triangle)
}

/// Every file.
pub fn several() -> Vec<File> {
    let pictures = pictures();
    let files = [
        ("pages.tif", "TIFF of four pages, and a thumbnail of the first behind it", pages(&pictures, false)),
        ("pages-big-endian.tif", "the same as BigTIFF, the highest byte first", pages(&pictures, true)),
        ("frames.gif", "GIF of four frames", gif(&pictures)),
        ("frames.webp", "WebP of four frames, lossless", webp(&pictures)),
        ("frames.png", "PNG of four frames (APNG)", apng(&pictures)),
    ];
    files.map(|(name, what, bytes)| File::new(format!("several/{name}"), what, bytes)).into()
}

/// A page after the other, LZW; `big`: BigTIFF, the highest byte first.
fn pages(pictures: &[RgbImage], big: bool) -> Vec<u8> {
    let number = |value: u64, bytes: usize| {
        if big { value.to_be_bytes()[8 - bytes..].to_vec() } else { value.to_le_bytes()[..bytes].to_vec() }
    };
    let word = if big { 8 } else { 4 };
    let mut bytes = if big { b"MM\0+\0\x08\0\0".to_vec() } else { b"II*\0".to_vec() };
    let mut next = bytes.len();
    bytes.extend(number(0, word));
    let small = reduced(&pictures[0], 40);
    let mut all: Vec<(&RgbImage, u64)> = pictures.iter().map(|picture| (picture, 2)).collect();
    all.insert(1, (&small, 1));
    for (picture, kind) in all {
        let strip = lzw(picture.as_raw());
        let (start, length) = (bytes.len() as u64, strip.len() as u64);
        bytes.extend(strip);
        let bits = bytes.len() as u64;
        bytes.extend([number(8, 2), number(8, 2), number(8, 2)].concat());
        // Directories begin at even places.
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        let page = number(bytes.len() as u64, word);
        bytes[next..next + word].copy_from_slice(&page);
        let (width, height) = (u64::from(picture.width()), u64::from(picture.height()));
        // Three shorts fit where eight bytes are.
        let samples =
            if big { [number(8, 2), number(8, 2), number(8, 2), vec![0; 2]].concat() } else { number(bits, 4) };
        let one = |value: u64, kind: u64| {
            let mut value = number(value, if kind == 3 { 2 } else { 4 });
            value.resize(word, 0);
            value
        };
        let entries = [
            (254, 4, 1, one(kind, 4)),
            (256, 4, 1, one(width, 4)),
            (257, 4, 1, one(height, 4)),
            (258, 3, 3, samples),
            (259, 3, 1, one(5, 3)),
            (262, 3, 1, one(2, 3)),
            (273, 4, 1, one(start, 4)),
            (277, 3, 1, one(3, 3)),
            (278, 4, 1, one(height, 4)),
            (279, 4, 1, one(length, 4)),
        ];
        bytes.extend(number(entries.len() as u64, if big { 8 } else { 2 }));
        for (tag, kind, count, value) in entries {
            bytes.extend([number(tag, 2), number(kind, 2), number(count, word), value].concat());
        }
        next = bytes.len();
        bytes.extend(number(0, word));
    }
    bytes
}

fn gif(pictures: &[RgbImage]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
    for picture in pictures {
        let frame = Frame::new(DynamicImage::from(picture.clone()).to_rgba8());
        encoder.encode_frame(frame).expect("a buffer takes all");
    }
    drop(encoder);
    bytes
}

/// Chunks of RIFF: name, length, content, to an even length.
fn riff(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = [&name[..], &(content.len() as u32).to_le_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

fn webp(pictures: &[RgbImage]) -> Vec<u8> {
    let triple = |value: u32| value.to_le_bytes()[..3].to_vec();
    let (width, height) = pictures[0].dimensions();
    let size = [triple(width - 1), triple(height - 1)].concat();
    let mut content = b"WEBP".to_vec();
    // The flag of animation.
    content.extend(riff(b"VP8X", &[vec![2, 0, 0, 0], size.clone()].concat()));
    content.extend(riff(b"ANIM", &[255, 255, 255, 255, 0, 0]));
    for picture in pictures {
        let still = encoded(picture, Encoding::WebP);
        // In place of the last: no blending.
        let header = [vec![0; 6], size.clone(), triple(100), vec![2]].concat();
        content.extend(riff(b"ANMF", &[&header[..], &still[12..]].concat()));
    }
    riff(b"RIFF", &content)
}

fn apng(pictures: &[RgbImage]) -> Vec<u8> {
    let (width, height) = pictures[0].dimensions();
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(chunk(b"IHDR", &[&size[..], &[8, 2, 0, 0, 0]].concat()));
    bytes.extend(chunk(b"acTL", &[(pictures.len() as u32).to_be_bytes(), [0; 4]].concat()));
    let mut sequence = 0u32;
    let mut numbered = || {
        sequence += 1;
        (sequence - 1).to_be_bytes()
    };
    for (i, picture) in pictures.iter().enumerate() {
        let control = [&numbered()[..], &size, &[0; 8], &[0, 1, 0, 10, 0, 0]].concat();
        bytes.extend(chunk(b"fcTL", &control));
        let still = encoded(picture, Encoding::Png);
        for data in data_of(&still) {
            bytes.extend(match i {
                0 => chunk(b"IDAT", data),
                _ => chunk(b"fdAT", &[&numbered()[..], data].concat()),
            });
        }
    }
    bytes.extend(chunk(b"IEND", b""));
    bytes
}

/// The pixels of a PNG, packed.
fn data_of(png: &[u8]) -> Vec<&[u8]> {
    let (mut data, mut at) = (Vec::new(), 8);
    while at < png.len() {
        let length = u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]) as usize;
        if &png[at + 4..at + 8] == b"IDAT" {
            data.push(&png[at + 8..at + 8 + length]);
        }
        at += length + 12;
    }
    data
}
