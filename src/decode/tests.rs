//! Pictures made on the spot, in every format and every way up, whole and broken.

use std::io::Cursor;

use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

mod bounds;
mod hostile;

/// A smooth picture with a different colour in each corner, so that every turn shows.
pub(super) fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (x as f32 / (width - 1).max(1) as f32, y as f32 / (height - 1).max(1) as f32);
        Rgb([(40.0 + 200.0 * u) as u8, (220.0 - 180.0 * v) as u8, (60.0 + 90.0 * u * v) as u8])
    })
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.into().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

fn jpeg(picture: &RgbImage, exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).unwrap();
    }
    encoder.encode_image(picture).unwrap();
    bytes
}

/// The mean absolute difference of a picture from an expected one of the same size, in grey levels.
pub(super) fn difference(picture: &Picture, expected: &RgbImage) -> f64 {
    let luma =
        expected.pixels().map(|&Rgb([r, g, b])| 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b));
    apart(picture, expected.dimensions(), luma)
}

fn apart(picture: &Picture, size: (u32, u32), expected: impl Iterator<Item = f64>) -> f64 {
    assert_eq!((picture.reduced_width, picture.reduced_height), size);
    assert_eq!(picture.luma.len() as u32, size.0 * size.1);
    picture.luma.iter().zip(expected).map(|(&a, b)| (f64::from(a) - b).abs()).sum::<f64>() / picture.luma.len() as f64
}

fn difference_of(picture: &Picture, expected: &Picture) -> f64 {
    let size = (expected.reduced_width, expected.reduced_height);
    apart(picture, size, expected.luma.iter().map(|&value| f64::from(value)))
}

/// A file of `fixtures/encoded`.
pub(super) fn encoded_by_others(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/encoded").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Cuts a file at every length, and changes every byte of it; an error or a picture must come of it. What panics in a
/// decoder that is not ours is contained.
pub(super) fn cut_and_changed(bytes: &[u8], format: Format) {
    let options = Options { max_memory: 1 << 20, ..Options::default() };
    for end in 0..bytes.len() {
        if sniff(&bytes[..end]) == Sniff::Readable(format) {
            let kind = decode(&bytes[..end], &options).err().map(|error| error.kind());
            assert_eq!(kind, Some(ErrorKind::Malformed), "{format:?} {end} of {}", bytes.len());
        }
        let mut changed = bytes.to_vec();
        changed[end] ^= [0x01, 0x80, 0xFF][end % 3];
        let _ = decode(&changed, &options);
    }
}

/// Half of a picture beside white: the scene, whose right half is transparent.
pub(super) fn half_of_scene() -> RgbImage {
    let mut picture = scene(96, 64);
    picture.enumerate_pixels_mut().filter(|(x, _, _)| *x >= 48).for_each(|(_, _, pixel)| *pixel = Rgb([255; 3]));
    picture
}

fn kind(bytes: &[u8]) -> ErrorKind {
    decode(bytes, &Options::default()).unwrap_err().kind()
}

/// The scene in every format that the `image` crate writes. The others have tests of their own.
fn one_of_each(width: u32, height: u32) -> Vec<(Format, Vec<u8>)> {
    let picture = scene(width, height);
    let linear = || DynamicImage::from(picture.clone()).to_rgb32f();
    let mut hdr = linear();
    // `image` scales samples and leaves the curve alone; these two formats hold linear light.
    hdr.iter_mut().for_each(|v| *v = if *v <= 0.04045 { *v / 12.92 } else { ((*v + 0.055) / 1.055).powf(2.4) });
    let plain = |format| encoded(picture.clone(), format);
    vec![
        (Format::Jpeg, jpeg(&picture, None)),
        (Format::Png, plain(ImageFormat::Png)),
        (Format::Gif, plain(ImageFormat::Gif)),
        (Format::WebP, plain(ImageFormat::WebP)),
        (Format::Tiff, plain(ImageFormat::Tiff)),
        (Format::Bmp, plain(ImageFormat::Bmp)),
        (Format::Ico, plain(ImageFormat::Ico)),
        (Format::Pnm, plain(ImageFormat::Pnm)),
        (Format::Tga, plain(ImageFormat::Tga)),
        (Format::Qoi, plain(ImageFormat::Qoi)),
        (Format::Hdr, encoded(hdr.clone(), ImageFormat::Hdr)),
        (Format::Exr, encoded(hdr, ImageFormat::OpenExr)),
    ]
}

#[test]
fn every_format_is_recognised_and_decoded() {
    let expected = scene(96, 64);
    let pictures = one_of_each(96, 64);
    assert_eq!(pictures.iter().map(|(format, _)| *format).collect::<Vec<_>>(), Format::ALL[..12]);
    for (format, bytes) in pictures {
        assert_eq!(sniff(&bytes), Sniff::Readable(format));
        assert_eq!(sniff(&bytes[..bytes.len().min(4096)]), Sniff::Readable(format));
        let picture = decode(&bytes, &Options::default()).unwrap();
        assert_eq!((picture.format, picture.width, picture.height), (format, 96, 64));
        let difference = difference(&picture, &expected);
        // A palette of 256 colours is coarse.
        let tolerance = if format == Format::Gif { 5.0 } else { 2.0 };
        assert!(difference < tolerance, "{format:?}: {difference}");
    }
}

#[test]
fn a_broken_file_of_any_format_is_an_error_or_a_picture_and_never_a_panic() {
    let mut cut = 0;
    for (format, bytes) in one_of_each(40, 30) {
        for end in (0..bytes.len()).step_by(1 + bytes.len() / 200) {
            if let Ok(picture) = decode(&bytes[..end], &Options::default()) {
                assert_eq!(picture.luma.len() as u32, picture.reduced_width * picture.reduced_height);
            }
            let mut flipped = bytes.clone();
            flipped[end] ^= 0x41;
            let _ = decode(&flipped, &Options { max_memory: 1 << 24, ..Options::default() });
            cut += 1;
        }
        // Half a picture is no picture.
        let kind = kind(&bytes[..bytes.len() / 2]);
        let expected = if format == Format::Tga { ErrorKind::NotAPicture } else { ErrorKind::Malformed };
        assert_eq!(kind, expected, "{format:?}");
    }
    assert!(cut > 1000, "{cut}");
}

#[test]
fn deep_grey_and_transparent_pictures_are_read() {
    let grey = DynamicImage::from(scene(50, 20)).to_luma16();
    let expected = DynamicImage::from(DynamicImage::from(grey.clone()).to_luma8()).to_rgb8();
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Pnm] {
        let picture = decode(&encoded(grey.clone(), format), &Options::default()).unwrap();
        assert!(difference(&picture, &expected) < 1.0, "{format:?}");
    }
    let glass = RgbaImage::from_pixel(9, 9, Rgba([200, 0, 0, 0]));
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Gif] {
        let picture = decode(&encoded(glass.clone(), format), &Options::default()).unwrap();
        assert!(picture.luma.iter().all(|&v| v == 255), "{format:?}");
    }
}

/// A TIFF header and one entry: the orientation.
fn exif(orientation: u16, big_endian: bool) -> Vec<u8> {
    let word = |w: u16| if big_endian { w.to_be_bytes() } else { w.to_le_bytes() };
    let long = |l: u32| if big_endian { l.to_be_bytes() } else { l.to_le_bytes() };
    let mut bytes = if big_endian { b"MM".to_vec() } else { b"II".to_vec() };
    bytes.extend([&word(42)[..], &long(8), &word(1), &word(0x112), &word(3), &long(1), &word(orientation)].concat());
    bytes.extend([0; 6]);
    bytes
}

/// The picture that an upright viewer stored with this orientation, made by hand from EXIF's table:
/// which side of the upright picture row 0 and column 0 of the file are.
fn stored(upright: &RgbImage, orientation: u16) -> RgbImage {
    use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
    match orientation {
        1 => upright.clone(),
        2 => flip_horizontal(upright),
        3 => rotate180(upright),
        4 => flip_vertical(upright),
        5 => flip_horizontal(&rotate90(upright)),
        6 => rotate270(upright),
        7 => flip_horizontal(&rotate270(upright)),
        _ => rotate90(upright),
    }
}

/// An encoder's output with the EXIF block in the place that its format has for it.
fn with_exif(picture: &RgbImage, format: Format, exif: Vec<u8>) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let mut bytes = Vec::new();
    match format {
        Format::Jpeg => return jpeg(picture, Some(exif)),
        Format::Png => {
            let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
            encoder.set_exif_metadata(exif).unwrap();
            encoder.write_image(picture, width, height, image::ExtendedColorType::Rgb8).unwrap();
        }
        Format::WebP => {
            let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
            encoder.set_exif_metadata(exif).unwrap();
            encoder.write_image(picture, width, height, image::ExtendedColorType::Rgb8).unwrap();
        }
        _ => {
            // The encoder writes no orientation: one of its other entries becomes it.
            bytes = encoded(picture.clone(), ImageFormat::Tiff);
            let page = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
            let count = u16::from_le_bytes(bytes[page..page + 2].try_into().unwrap());
            let orientation = &exif[18..20];
            let value = if exif.starts_with(b"MM") {
                [orientation[1], orientation[0]]
            } else {
                [orientation[0], orientation[1]]
            };
            let entry =
                [&0x112u16.to_le_bytes()[..], &3u16.to_le_bytes(), &1u32.to_le_bytes(), &value, &[0, 0]].concat();
            let mut entries: Vec<Vec<u8>> =
                bytes[page + 2..page + 2 + 12 * usize::from(count)].chunks(12).map(<[u8]>::to_vec).collect();
            entries.push(entry);
            entries.sort_by_key(|entry| u16::from_le_bytes([entry[0], entry[1]]));
            let start = bytes.len() as u32;
            bytes.extend((count + 1).to_le_bytes());
            bytes.extend(entries.concat());
            bytes.extend([0; 4]);
            bytes[4..8].copy_from_slice(&start.to_le_bytes());
        }
    }
    bytes
}

#[test]
fn all_eight_orientations_give_the_same_upright_picture() {
    // Larger than the limit, so that the turn follows a reduction.
    let upright = scene(160, 104);
    let options = Options { longest_side: 80, longest_side_min: 80, ..Options::default() };
    let plain = decode(&encoded(upright.clone(), ImageFormat::Png), &options).unwrap();
    let mut cases = 0;
    for format in [Format::Jpeg, Format::Png, Format::WebP, Format::Tiff] {
        for orientation in 1..=8 {
            for big_endian in [false, true] {
                let bytes = with_exif(&stored(&upright, orientation), format, exif(orientation, big_endian));
                let picture = decode(&bytes, &options).unwrap();
                assert_eq!((picture.format, picture.width, picture.height), (format, 160, 104), "{orientation}");
                let difference = difference_of(&picture, &plain);
                assert!(difference < 2.0, "{format:?} {orientation} {big_endian}: {difference}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 64);
}

#[test]
fn odd_exif_is_the_normal_orientation() {
    let picture = scene(32, 16);
    let valid = exif(6, false);
    let mut odd: Vec<Vec<u8>> = (0..valid.len()).filter(|&end| end < 20).map(|end| valid[..end].to_vec()).collect();
    odd.extend([exif(0, false), exif(9, true), exif(600, false), vec![0xFF; 40], b"II*\0\xFF\xFF\xFF\xFF".to_vec()]);
    assert_eq!(odd.len(), 25);
    for exif in odd {
        for format in [Format::Jpeg, Format::Png, Format::WebP] {
            let decoded = decode(&with_exif(&picture, format, exif.clone()), &Options::default()).unwrap();
            assert_eq!((decoded.width, decoded.height), (32, 16), "{format:?} {exif:?}");
        }
    }
}

#[test]
fn exif_behind_the_pixels_of_a_png_is_read_too() {
    let mut bytes = with_exif(&scene(32, 16), Format::Png, exif(6, true));
    let start = bytes.windows(4).position(|word| word == b"eXIf").unwrap() - 4;
    let length = u32::from_be_bytes(bytes[start..start + 4].try_into().unwrap()) as usize + 12;
    let chunk: Vec<u8> = bytes.drain(start..start + length).collect();
    let end = bytes.len() - 12;
    bytes.splice(end..end, chunk);
    let picture = decode(&bytes, &Options::default()).unwrap();
    assert_eq!((picture.width, picture.height), (16, 32));
}

#[test]
fn a_jpeg_that_lacks_its_end_marker_or_has_a_tail_is_whole() {
    let picture = scene(150, 90);
    let bytes = jpeg(&picture, None);
    let whole = decode(&bytes, &Options::default()).unwrap();
    let without_end = &bytes[..bytes.len() - 2];
    let tails: [&[u8]; 4] = [b"", b"\xFF\xD9garbage", b"\xFF\xFF\xFF\xD9", &[0; 300]];
    for tail in tails {
        for body in [without_end, &bytes] {
            let picture = decode(&[body, tail].concat(), &Options::default()).unwrap();
            assert!(picture.luma == whole.luma, "{tail:?}");
        }
    }
}

#[test]
fn large_jpegs_are_decoded_to_a_scale_and_match_the_others() {
    for (width, height) in [(1100, 200), (200, 1100), (2048, 150), (2100, 30), (513, 90), (4001, 90)] {
        let picture = scene(width, height);
        let options = Options { longest_side_min: 512, ..Options::default() };
        let fast = decode(&jpeg(&picture, None), &options).unwrap();
        let exact = decode(&encoded(picture, ImageFormat::Bmp), &options).unwrap();
        assert_eq!((fast.width, fast.height), (width, height));
        let difference = difference_of(&fast, &exact);
        assert!(difference < 2.0, "{width}x{height}: {difference}");
    }
}

#[test]
fn the_extremes_of_size_are_reduced_and_never_enlarged() {
    let cases = [
        ((1, 1), (1, 1)),
        ((1, 10_000), (1, 512)),
        ((10_000, 1), (512, 1)),
        ((512, 3), (512, 3)),
        ((3, 514), (3, 512)),
    ];
    for ((width, height), reduced) in cases {
        let bytes = encoded(scene(width, height), ImageFormat::Png);
        let picture = decode(&bytes, &Options::default()).unwrap();
        assert_eq!((picture.reduced_width, picture.reduced_height), reduced);
        assert_eq!(picture.luma.len() as u32, reduced.0 * reduced.1);
    }
    for (width, height) in [(1, 1), (1, 5000), (5000, 1), (7, 900)] {
        let picture = decode(&jpeg(&scene(width, height), None), &Options::default()).unwrap();
        assert_eq!((picture.width, picture.height), (width, height));
        assert!(picture.reduced_width.max(picture.reduced_height) <= 512);
    }
}

#[test]
fn an_error_says_what_to_do() {
    let error = decode(b"FOVb\0\0\x02\0", &Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("x3f") && error.message().contains("convert"), "{error}");
    assert_eq!(kind(b"just text"), ErrorKind::NotAPicture);
    assert_eq!(kind(b""), ErrorKind::NotAPicture);
}
