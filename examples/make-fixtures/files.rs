//! Files in every format: whole, turned by EXIF, misnamed, odd and broken.

use std::io::Cursor;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, pnm, webp::WebPEncoder};
use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, RgbImage, Rgba, RgbaImage};

use crate::scenes;

/// How a picture of the library is kept.
#[derive(Clone, Copy)]
pub enum Encoding {
    /// With a quality.
    Jpeg(u8),
    Png,
    WebP,
}

/// A file to write, relative to `fixtures/`.
pub struct File {
    pub path: String,
    pub description: String,
    pub bytes: Vec<u8>,
}

impl File {
    pub fn new(path: impl Into<String>, description: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { path: path.into(), description: description.into(), bytes }
    }
}

pub fn encoded(picture: &RgbImage, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Jpeg(quality) => {
            let mut bytes = Vec::new();
            JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).expect("a buffer takes all");
            bytes
        }
        Encoding::Png => written(picture.clone(), ImageFormat::Png),
        Encoding::WebP => written(picture.clone(), ImageFormat::WebP),
    }
}

fn written(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.into().write_to(&mut Cursor::new(&mut bytes), format).expect("a buffer takes all");
    bytes
}

fn scene(width: usize, height: usize) -> RgbImage {
    scenes::draw("toys", width * 3, height * 3, 77).finish_at(width, height)
}

/// A JPEG by the encoder that has more variants.
fn variant(picture: &RgbImage, quality: u8, set: impl Fn(&mut jpeg_encoder::Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    coded(picture.as_raw(), picture.dimensions(), jpeg_encoder::ColorType::Rgb, quality, set)
}

fn coded(
    samples: &[u8],
    (width, height): (u32, u32),
    color: jpeg_encoder::ColorType,
    quality: u8,
    set: impl Fn(&mut jpeg_encoder::Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
    set(&mut encoder);
    encoder.encode(samples, width as u16, height as u16, color).expect("a buffer takes all");
    bytes
}

/// One scene in every format and in the variants that are met.
pub fn formats() -> Vec<File> {
    use jpeg_encoder::{ColorType, SamplingFactor};
    let picture = scene(96, 72);
    let size = picture.dimensions();
    let whole = DynamicImage::from(picture.clone());
    let grey = whole.to_luma8();
    let glass = RgbaImage::from_fn(96, 72, |x, y| {
        let [r, g, b] = picture.get_pixel(x, y).0;
        Rgba([r, g, b, if x < 6 || y < 6 { 0 } else { 255 }])
    });
    let ink: Vec<u8> = picture.pixels().flat_map(|p| [255 - p[0], 255 - p[1], 255 - p[2], 0]).collect();
    let linear = {
        let mut linear = whole.to_rgb32f();
        linear.iter_mut().for_each(|value| *value *= *value);
        linear
    };
    let sampled = |factor| variant(&picture, 85, |encoder| encoder.set_sampling_factor(factor));
    let pnm = |subtype, color, samples: &[u8]| {
        let mut bytes = Vec::new();
        let encoder = pnm::PnmEncoder::new(&mut bytes).with_subtype(subtype);
        encoder.write_image(samples, 96, 72, color).expect("a buffer takes all");
        bytes
    };
    let ink_at = |value: &u8| u8::from(*value <= 120);
    let digits: Vec<u8> = grey.as_raw().iter().map(|value| b'0' + ink_at(value)).collect();
    let packed = grey.as_raw().chunks(8).map(|eight| eight.iter().fold(0, |byte, value| byte << 1 | ink_at(value)));
    use pnm::{PnmSubtype, SampleEncoding};
    let (ascii, binary) = (SampleEncoding::Ascii, SampleEncoding::Binary);
    let all = [
        ("baseline.jpg", encoded(&picture, Encoding::Jpeg(88))),
        ("progressive.jpg", variant(&picture, 85, |encoder| encoder.set_progressive(true))),
        ("grey.jpg", coded(grey.as_raw(), size, ColorType::Luma, 85, |_| {})),
        ("cmyk.jpg", coded(&ink, size, ColorType::Cmyk, 90, |_| {})),
        ("ycck.jpg", coded(&ink, size, ColorType::CmykAsYcck, 90, |_| {})),
        ("sampled-444.jpg", sampled(SamplingFactor::R_4_4_4)),
        ("sampled-422.jpg", sampled(SamplingFactor::R_4_2_2)),
        ("sampled-420.jpg", sampled(SamplingFactor::R_4_2_0)),
        ("restarts.jpg", variant(&picture, 85, |encoder| encoder.set_restart_interval(3))),
        ("optimised.jpg", variant(&picture, 85, |encoder| encoder.set_optimized_huffman_tables(true))),
        ("colour.png", written(picture.clone(), ImageFormat::Png)),
        ("grey.png", written(grey.clone(), ImageFormat::Png)),
        ("grey-alpha.png", written(whole.to_luma_alpha8(), ImageFormat::Png)),
        ("alpha.png", written(glass.clone(), ImageFormat::Png)),
        ("deep.png", written(whole.to_rgb16(), ImageFormat::Png)),
        ("deep-grey.png", written(whole.to_luma16(), ImageFormat::Png)),
        ("deep-alpha.png", written(DynamicImage::from(glass.clone()).to_rgba16(), ImageFormat::Png)),
        ("palette.png", palette_png(&grey, 4)),
        ("bits.png", palette_png(&grey, 1)),
        ("still.gif", written(picture.clone(), ImageFormat::Gif)),
        ("animated.gif", animated(&picture)),
        ("colour.webp", written(picture.clone(), ImageFormat::WebP)),
        ("alpha.webp", written(glass.clone(), ImageFormat::WebP)),
        ("colour.tif", written(picture.clone(), ImageFormat::Tiff)),
        ("grey.tif", written(grey.clone(), ImageFormat::Tiff)),
        ("alpha.tif", written(glass.clone(), ImageFormat::Tiff)),
        ("deep.tif", written(whole.to_rgb16(), ImageFormat::Tiff)),
        ("colour.bmp", written(picture.clone(), ImageFormat::Bmp)),
        ("grey.bmp", written(grey.clone(), ImageFormat::Bmp)),
        ("alpha.bmp", written(glass.clone(), ImageFormat::Bmp)),
        ("icon.ico", written(whole.to_rgba8(), ImageFormat::Ico)),
        ("bits-ascii.pbm", [b"P1\n96 72\n".to_vec(), digits.chunks(48).collect::<Vec<_>>().join(&b'\n')].concat()),
        ("bits.pbm", b"P4\n96 72\n".iter().copied().chain(packed).collect()),
        ("grey-ascii.pgm", pnm(PnmSubtype::Graymap(ascii), ExtendedColorType::L8, grey.as_raw())),
        ("grey.pgm", pnm(PnmSubtype::Graymap(binary), ExtendedColorType::L8, grey.as_raw())),
        ("colour-ascii.ppm", pnm(PnmSubtype::Pixmap(ascii), ExtendedColorType::Rgb8, picture.as_raw())),
        ("colour.ppm", pnm(PnmSubtype::Pixmap(binary), ExtendedColorType::Rgb8, picture.as_raw())),
        ("colour.pam", pnm(PnmSubtype::ArbitraryMap, ExtendedColorType::Rgb8, picture.as_raw())),
        ("colour.tga", written(picture.clone(), ImageFormat::Tga)),
        ("alpha.tga", written(glass.clone(), ImageFormat::Tga)),
        ("colour.qoi", written(picture.clone(), ImageFormat::Qoi)),
        ("alpha.qoi", written(glass, ImageFormat::Qoi)),
        ("light.hdr", written(linear.clone(), ImageFormat::Hdr)),
        ("light.exr", written(linear, ImageFormat::OpenExr)),
    ];
    let mut files: Vec<File> = all
        .into_iter()
        .map(|(name, bytes)| File::new(format!("formats/{name}"), "the scene of all formats", bytes))
        .collect();
    let misnamed = [
        ("png-named.jpg", "a PNG", written(picture.clone(), ImageFormat::Png)),
        ("jpeg-named.png", "a JPEG", encoded(&picture, Encoding::Jpeg(85))),
        ("jpeg without extension", "a JPEG", encoded(&picture, Encoding::Jpeg(80))),
        ("webp-named.gif", "a WebP", written(picture, ImageFormat::WebP)),
    ];
    files.extend(misnamed.map(|(name, what, bytes)| File::new(format!("formats/misnamed/{name}"), what, bytes)));
    for (width, height) in [(1, 1), (2, 1), (1, 2000), (2000, 1), (65, 63)] {
        let odd = RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 7 + y * 3) as u8, (x + y) as u8, 90]));
        files.push(File::new(format!("formats/odd/{width}x{height}.png"), "an odd size", encoded(&odd, Encoding::Png)));
    }
    files
}

/// A PNG with a palette of as many entries as its bits allow, evenly grey.
fn palette_png(grey: &image::GrayImage, bits: u32) -> Vec<u8> {
    let (width, height) = grey.dimensions();
    let (levels, per_byte) = ((1u32 << bits) - 1, 8 / bits);
    let mut rows = Vec::new();
    for row in grey.rows() {
        rows.push(0);
        let levels: Vec<u32> = row.map(|pixel| (u32::from(pixel[0]) * levels + 127) / 255).collect();
        rows.extend(levels.chunks(per_byte as usize).map(|chunk| {
            chunk.iter().enumerate().fold(0, |byte, (i, level)| byte | (level << (8 - bits * (i as u32 + 1))) as u8)
        }));
    }
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([bits as u8, 3, 0, 0, 0]);
    let palette: Vec<u8> = (0..=levels).flat_map(|level| [(level * 255 / levels) as u8; 3]).collect();
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", stored(&rows)), (b"IEND", Vec::new())] {
        bytes.extend(chunk(name, &content));
    }
    bytes
}

/// A zlib stream that holds the bytes uncompressed.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = bytes.chunks(65_535).count();
    for (i, block) in bytes.chunks(65_535).enumerate() {
        let length = block.len() as u16;
        stream.push(u8::from(i + 1 == blocks));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

/// A chunk of a PNG, with its checksum.
pub fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = (content.len() as u32).to_be_bytes().to_vec();
    bytes.extend(name);
    bytes.extend(content);
    let crc = !bytes[4..].iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    });
    bytes.extend(crc.to_be_bytes());
    bytes
}

/// Three frames, the scene first.
fn animated(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new_with_speed(&mut bytes, 10);
    for frame in [picture.clone(), flip_vertical(picture), rotate180(picture)] {
        let frame = image::Frame::new(DynamicImage::from(frame).to_rgba8());
        encoder.encode_frame(frame).expect("a buffer takes all");
    }
    drop(encoder);
    bytes
}

/// A TIFF header and one entry: the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    bytes.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// One scene in eight ways of storing it, each told by EXIF: all look the same upright.
pub fn orientations() -> Vec<File> {
    let upright = scene(128, 96);
    let mut files = Vec::new();
    for orientation in 1..=8 {
        let stored = match orientation {
            1 => upright.clone(),
            2 => flip_horizontal(&upright),
            3 => rotate180(&upright),
            4 => flip_vertical(&upright),
            5 => flip_horizontal(&rotate90(&upright)),
            6 => rotate270(&upright),
            7 => flip_horizontal(&rotate270(&upright)),
            _ => rotate90(&upright),
        };
        let (width, height) = stored.dimensions();
        let rgb = ExtendedColorType::Rgb8;
        let (mut jpeg, mut png, mut webp) = (Vec::new(), Vec::new(), Vec::new());
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 88);
        encoder.set_exif_metadata(exif(orientation)).expect("JPEG holds EXIF");
        encoder.write_image(&stored, width, height, rgb).expect("a buffer takes all");
        let mut encoder = PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif(orientation)).expect("PNG holds EXIF");
        encoder.write_image(&stored, width, height, rgb).expect("a buffer takes all");
        let mut encoder = WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif(orientation)).expect("WebP holds EXIF");
        encoder.write_image(&stored, width, height, rgb).expect("a buffer takes all");
        for (extension, bytes) in [("jpg", jpeg), ("png", png), ("webp", webp), ("tif", tiff(&stored, orientation))] {
            let description = format!("EXIF orientation {orientation}");
            files.push(File::new(format!("orientations/{orientation}.{extension}"), description, bytes));
        }
    }
    files
}

/// An uncompressed TIFF of one strip, with its orientation.
pub fn tiff(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let length = picture.as_raw().len() as u32;
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, 8 + length),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (274, 3, 1, u32::from(orientation)),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, length),
    ];
    let directory = 8 + length + 6;
    let mut bytes = [b"II*\0".as_slice(), &directory.to_le_bytes(), picture.as_raw()].concat();
    bytes.extend([8, 0, 8, 0, 8, 0]);
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend([0; 4]);
    bytes
}

/// The scene that broken files are made of.
pub fn broken_scene() -> RgbImage {
    scene(96, 72)
}
