//! Broken files: cut short, lying about their size, pointing nowhere. None may stop a run.

use image::imageops::FilterType;

use crate::files::{Encoding, File, broken_scene, chunk, encoded, formats};
use crate::tiff::tiff;

/// The files of `malformed/`.
pub fn malformed() -> Vec<File> {
    let picture = broken_scene();
    let jpeg = encoded(&picture, Encoding::Jpeg(85));
    let png = encoded(&picture, Encoding::Png);
    let whole = formats();
    let format = |name: &str| {
        whole.iter().find(|file| file.path == format!("formats/{name}")).map_or(Vec::new(), |file| file.bytes.clone())
    };
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let at = |bytes: &[u8], place: usize, new: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[place..place + new.len()].copy_from_slice(new);
        bytes
    };
    let find =
        |bytes: &[u8], marker: &[u8]| bytes.windows(marker.len()).position(|window| window == marker).unwrap_or(0);
    let header = |width: u32, height: u32, rest: [u8; 5]| {
        let content = [&width.to_be_bytes()[..], &height.to_be_bytes(), &rest].concat();
        [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", &content)].concat()
    };
    let data = find(&png, b"IDAT");
    let frame = find(&jpeg, b"\xFF\xC0");
    let tif = tiff(&picture, 1);
    let directory = tif.len() - 4 - 120 - 2;
    let files: Vec<(&str, &str, Vec<u8>)> = vec![
        ("empty.jpg", "no bytes", Vec::new()),
        ("start.jpg", "two bytes", jpeg[..2].to_vec()),
        ("headers.jpg", "no scan", jpeg[..find(&jpeg, b"\xFF\xDA")].to_vec()),
        ("half.jpg", "cut in the middle", half(&jpeg)),
        ("half-progressive.jpg", "cut in the middle", half(&format("progressive.jpg"))),
        ("nearly.jpg", "cut at nine tenths", jpeg[..jpeg.len() * 9 / 10].to_vec()),
        ("giant.jpg", "claims 65535x65535", at(&jpeg, frame + 5, &[0xFF; 4])),
        ("no-size.jpg", "claims 0x0", at(&jpeg, frame + 5, &[0; 4])),
        ("no-tables.jpg", "its Huffman tables are gone", at(&jpeg, find(&jpeg, b"\xFF\xC4") + 1, &[0xFE])),
        ("half.png", "cut in the middle", half(&png)),
        (
            "giant.png",
            "claims 2147483647x2147483647",
            [header(0x7FFF_FFFF, 0x7FFF_FFFF, [8, 2, 0, 0, 0]), png[33..].to_vec()].concat(),
        ),
        ("no-size.png", "claims 0x0", [header(0, 0, [8, 2, 0, 0, 0]), png[33..].to_vec()].concat()),
        ("odd-depth.png", "3 bits a sample", [header(96, 72, [3, 2, 0, 0, 0]), png[33..].to_vec()].concat()),
        ("bad-checksum.png", "a header with another checksum", at(&png, 29, &[1, 2, 3, 4])),
        ("no-data.png", "no pixels", [png[..data - 4].to_vec(), chunk(b"IEND", b"")].concat()),
        ("garbage.png", "pixels that are no stream", at(&png, data + 4, &[0xAA; 64])),
        ("half.gif", "cut in the middle", half(&format("still.gif"))),
        ("outside.gif", "a frame beyond its screen", at(&format("still.gif"), 6, &[4, 0, 4, 0])),
        ("half.webp", "cut in the middle", half(&format("colour.webp"))),
        ("giant.webp", "claims more bytes than it has", at(&format("colour.webp"), 4, &[0xFF, 0xFF, 0xFF, 0x7F])),
        ("half.tif", "its directory is gone", half(&tif)),
        ("loop.tif", "a directory that follows itself", at(&tif, tif.len() - 4, &(directory as u32).to_le_bytes())),
        ("nowhere.tif", "a directory beyond its end", at(&tif, 4, &[0xFF; 4])),
        ("many.tif", "65535 entries", at(&tif, directory, &[0xFF, 0xFF])),
        ("half.bmp", "cut in the middle", half(&format("colour.bmp"))),
        (
            "giant.bmp",
            "claims 1000000x1000000",
            at(&format("colour.bmp"), 18, &[0x40, 0x42, 0x0F, 0, 0x40, 0x42, 0x0F, 0]),
        ),
        ("nowhere.ico", "an entry beyond its end", at(&format("icon.ico"), 18, &[0xFF; 4])),
        ("giant.ppm", "claims 99999x99999", b"P6 99999 99999 255\n".to_vec()),
        ("words.ppm", "a size in words", b"P6 ninety six 255\n".to_vec()),
        ("half.qoi", "cut in the middle", half(&format("colour.qoi"))),
        ("half.hdr", "cut in the middle", half(&format("light.hdr"))),
        ("half.exr", "cut in the middle", half(&format("light.exr"))),
        ("text.jpg", "words", b"This is no picture.\n".to_vec()),
        (
            "page.png",
            "a web page, as servers send it for a missing picture",
            b"<!DOCTYPE html><title>404</title>\n".to_vec(),
        ),
    ];
    let gif = format("still.gif");
    let webp = format("colour.webp");
    let more: Vec<(&str, &str, Vec<u8>)> = vec![
        ("in-tables.jpg", "cut in its first table", jpeg[..find(&jpeg, b"\xFF\xDB") + 20].to_vec()),
        ("tenth.jpg", "cut soon after its scan began", jpeg[..find(&jpeg, b"\xFF\xDA") + jpeg.len() / 10].to_vec()),
        ("in-header.png", "cut in its header", png[..20].to_vec()),
        ("bad-data-checksum.png", "pixels with another checksum", at(&png, png.len() - 16, &[1, 2, 3, 4])),
        ("no-end.png", "cut before its end", png[..png.len() - 12].to_vec()),
        ("in-header.gif", "cut in its header", gif[..8].to_vec()),
        ("no-frame.gif", "a screen without a frame", [&gif[..10], &[0, 0, 0, 0x3B]].concat()),
        ("no-size.gif", "claims 0x0", at(&gif, 6, &[0; 4])),
        ("in-header.webp", "cut in its header", webp[..18].to_vec()),
        ("in-directory.tif", "cut in its directory", tif[..directory + 30].to_vec()),
        ("giant.tif", "claims 2147483647 columns", at(&tif, directory + 10, &[0xFF, 0xFF, 0xFF, 0x7F])),
        ("maxval.ppm", "the largest value does not fit its number", b"P6 4 4 99999999999\n".to_vec()),
        ("no-maxval.ppm", "the largest value is 0", [b"P6 4 4 0\n".as_slice(), &[0; 48]].concat()),
        ("half.tga", "cut in the middle", half(&format("raw.tga"))),
    ];
    let mut files: Vec<File> = files
        .into_iter()
        .chain(more)
        .map(|(name, what, bytes)| File::new(format!("malformed/{name}"), what, bytes))
        .collect();
    // Good pixels with EXIF that lies: the picture is read, the EXIF is not.
    for (name, block) in [
        ("exif-loop.jpg", &b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xFF\xFF\xFF\xFF\x08\0\0\0\x08\0\0\0"[..]),
        ("exif-nowhere.jpg", b"MM\0*\xFF\xFF\xFF\xFF"),
    ] {
        let length = (block.len() + 8) as u16;
        let segment = [&[0xFF, 0xE1][..], &length.to_be_bytes(), b"Exif\0\0", block].concat();
        let small = image::imageops::resize(&picture, 48, 36, FilterType::Triangle);
        let jpeg = encoded(&small, Encoding::Jpeg(85));
        let bytes = [&jpeg[..2], &segment, &jpeg[2..]].concat();
        files.push(File::new(format!("malformed/{name}"), "whole, but for its EXIF", bytes));
    }
    files
}
