//! Files that are broken, cut off, or made to do harm.

use super::*;

/// Luminance of rows.
fn rows(picture: &Picture, count: u32) -> &[u8] {
    &picture.luma[..(picture.reduced_width * count) as usize]
}

#[test]
fn of_a_truncated_picture_the_rows_that_can_be_read_are_a_picture() {
    let scene = scene(150, 200);
    let formats: [(Vec<u8>, u32); 4] = [
        (jpeg(&scene, None), 32),
        (encoded(scene.clone(), ImageFormat::Png), 24),
        (encoded(scene.clone(), ImageFormat::Pnm), 8),
        (encoded(scene, ImageFormat::Qoi), 24),
    ];
    let mut partial = 0;
    for (bytes, lost) in &formats {
        let whole = decode(bytes, &Options::default()).unwrap();
        assert!(!whole.partial_data);
        for percent in (5..100).step_by(5) {
            let end = bytes.len() * percent / 100;
            let share = (200 * percent / 100) as u32;
            match decode(&bytes[..end], &Options::default()) {
                Ok(picture) => {
                    assert!(picture.partial_data && picture.width == 150, "{:?} {percent}", whole.format);
                    assert_eq!(picture.height, picture.reduced_height);
                    // Entropy coding spreads rows unevenly, this scene less than most.
                    assert!(picture.height <= share + 24, "{:?} {percent}: {}", whole.format, picture.height);
                    let rows_same = rows(&picture, picture.height).iter().zip(rows(&whole, picture.height));
                    let apart = rows_same.filter(|(a, b)| a.abs_diff(**b) > 2).count();
                    assert_eq!(apart, 0, "{:?} {percent}", whole.format);
                    partial += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
                    assert!(share < 40 + 2 * lost, "{:?} {percent}: {error}", whole.format);
                }
            }
        }
    }
    assert!(partial > 50, "only {partial} were read in part");
}

#[test]
fn a_bitmap_is_stored_from_below_and_so_its_top_is_lost() {
    let bytes = encoded(scene(150, 200), ImageFormat::Bmp);
    let whole = decode(&bytes, &Options::default()).unwrap();
    let picture = decode(&bytes[..bytes.len() / 2], &Options::default()).unwrap();
    assert!(picture.partial_data && (80..=100).contains(&picture.height), "{}", picture.height);
    let lost = whole.luma.len() - picture.luma.len();
    assert!(picture.luma == whole.luma[lost..]);
}

#[test]
fn a_picture_of_which_too_little_can_be_read_is_malformed() {
    let bytes = jpeg(&scene(150, 200), None);
    let mut refused = 0;
    for end in (3..bytes.len() / 20).chain([bytes.len() / 16]) {
        assert_eq!(kind(&bytes[..end]), ErrorKind::Malformed, "{end}");
        refused += 1;
    }
    assert!(refused > 50);
    let png = encoded(scene(150, 200), ImageFormat::Png);
    let mut interlaced = png.clone();
    interlaced[28] = 1;
    let crc = crc32(&interlaced[12..29]);
    interlaced[29..33].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(kind(&interlaced[..png.len() / 2]), ErrorKind::Malformed);
}

#[test]
fn time_runs_out_for_every_decoder() {
    let none = Options { max_time: Duration::ZERO, ..Options::default() };
    let mut stopped = 0;
    for (format, bytes) in one_of_each(250, 200) {
        // Those of the simplest formats may be done before they look at the clock.
        if let Err(error) = decode(&bytes, &none) {
            assert!(
                error.message().contains("too slow") || error.kind() == ErrorKind::NotAPicture,
                "{format:?}: {error}"
            );
            stopped += 1;
        }
    }
    assert!(stopped >= 10, "only {stopped} were stopped");
}

#[test]
fn the_gate_hears_what_a_picture_takes_and_its_error_is_the_answer() {
    for (format, bytes) in one_of_each(250, 200) {
        let asked = std::cell::Cell::new(0);
        let refuse = |bytes: u64| {
            asked.set(bytes);
            Err(Error::new(ErrorKind::Busy, "not now"))
        };
        let error = decode_gated(&bytes, &Options::default(), &refuse).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{format:?}: {error}");
        assert!((250 * 200..250 * 200 * 40).contains(&asked.get()), "{format:?}: {}", asked.get());
    }
}

#[test]
fn bombs_are_refused_by_their_header() {
    let mut bombs = Vec::new();
    let mut png = encoded(scene(8, 8), ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    bombs.push(png);
    let mut bmp = encoded(scene(8, 8), ImageFormat::Bmp);
    bmp[18..26].copy_from_slice(&[0x50, 0xC3, 0, 0, 0x50, 0xC3, 0, 0]);
    bombs.push(bmp);
    bombs.push(b"P6 60000 60000 255\n".to_vec());
    let mut qoi = encoded(scene(8, 8), ImageFormat::Qoi);
    qoi[4..12].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    bombs.push(qoi);
    let mut gif = encoded(scene(8, 8), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xFF; 4]);
    bombs.push(gif);
    for bomb in &bombs {
        let error = decode(bomb, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        assert!(error.message().contains("too large: ") && error.message().contains('x'), "{error}");
    }
    assert_eq!(bombs.len(), 5);

    let mut progressive = jpeg(&scene(8, 8), None);
    let frame = progressive.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    progressive[frame + 1] = 0xC2;
    progressive[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    assert_eq!(kind(&progressive), ErrorKind::TooLarge);
    // Of one that comes in one pass only the last rows would be held, but all would be made up.
    progressive[frame + 1] = 0xC0;
    assert_eq!(kind(&progressive), ErrorKind::TooLarge);
}

/// The checksum of PNG's chunks, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// A zlib stream of so many zeros: matches of 258 bytes in fixed Huffman codes, 13 bits each.
fn zeros(count: usize) -> Vec<u8> {
    let (mut out, mut bits, mut filled) = (vec![0x78, 0x01], 0u32, 0);
    let mut put = |out: &mut Vec<u8>, value: u32, length: u32| {
        bits |= value << filled;
        filled += length;
        while filled >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            filled -= 8;
        }
    };
    put(&mut out, 0b011, 3);
    // Codes stand with their first bit lowest: a literal 0, then length 258 at distance 1.
    put(&mut out, 0b0000_1100, 8);
    for _ in 0..count.saturating_sub(1) / 258 {
        put(&mut out, 0b1010_0011, 8);
        put(&mut out, 0, 5);
    }
    put(&mut out, 0, 7);
    put(&mut out, 0, 7);
    out
}

/// A PNG with this chunk behind its header.
pub(super) fn with_chunk(png: &[u8], name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [name.as_slice(), content].concat();
    let length = (content.len() as u32).to_be_bytes();
    [&png[..33], &length, &named, &crc32(&named).to_be_bytes(), &png[33..]].concat()
}

#[test]
fn a_profile_of_a_gigabyte_is_not_unpacked() {
    let png = encoded(scene(1, 1), ImageFormat::Png);
    // The reader of profiles is the decoder's: small ones it reads, so that it is this one's size that is refused.
    for (unpacked, name) in [(100usize, "small"), (1 << 30, "large")] {
        let profile = [b"p\0\0".as_slice(), &zeros(unpacked)].concat();
        let bytes = with_chunk(&png, b"iCCP", &profile);
        match decode(&bytes, &Options::default()) {
            Ok(picture) => assert_eq!((picture.width, picture.height), (1, 1), "{name}"),
            Err(error) => assert!(error.kind() == ErrorKind::TooLarge && name == "large", "{name}: {error}"),
        }
    }
}

#[test]
fn hundreds_of_scans_thousands_of_frames_and_loops_of_pages_are_an_answer() {
    let mut progressive = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut progressive, 90);
    encoder.set_progressive(true);
    encoder.encode(scene(256, 256).as_raw(), 256, 256, jpeg_encoder::ColorType::Rgb).unwrap();
    let scan = progressive.windows(2).rposition(|marker| marker == [0xFF, 0xDA]).unwrap();
    let (body, end) = progressive.split_at(progressive.len() - 2);
    let scans = [body, &body[scan..].repeat(500), end].concat();

    let gif = encoded(scene(64, 64), ImageFormat::Gif);
    let frame = gif.iter().rposition(|&byte| byte == 0x2C).unwrap();
    let frames = [&gif[..gif.len() - 1], &gif[frame..gif.len() - 1].repeat(2000), b";"].concat();

    let mut tiff = encoded(scene(64, 64), ImageFormat::Tiff);
    let page = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(tiff[page..page + 2].try_into().unwrap()));
    let next = page + 2 + 12 * entries;
    tiff[next..next + 4].copy_from_slice(&(page as u32).to_le_bytes());
    assert_eq!(kind(&tiff), ErrorKind::Malformed);
    assert_eq!(decode(&frames, &Options::default()).unwrap().width, 64);
    let _ = decode(&scans, &Options::default());
}

#[test]
fn a_picture_with_an_archive_behind_it_is_that_picture() {
    let archive = b"PK\x03\x04\x14\0\0\0\0\0inner.jpgPK\x05\x06".repeat(20);
    let mut seen = 0;
    for (format, bytes) in one_of_each(64, 48) {
        // EXR counts its bytes, TGA has its footer at the end.
        if let Ok(picture) = decode(&[bytes.as_slice(), &archive].concat(), &Options::default()) {
            assert_eq!((picture.format, picture.width, picture.partial_data), (format, 64, false));
            seen += 1;
        }
    }
    assert!(seen >= 9, "only {seen}");
}
