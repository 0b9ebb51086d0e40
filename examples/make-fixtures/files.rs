//! Files in every format: whole, turned by EXIF, misnamed, odd and broken.

use std::io::Cursor;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, pnm, webp::WebPEncoder};
use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, RgbImage, Rgba, RgbaImage};

use crate::scenes;
use crate::tiff::{Packing, tiff, tiff_as};

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
        ("baseline.jpg", "JPEG, baseline", encoded(&picture, Encoding::Jpeg(88))),
        ("progressive.jpg", "JPEG, progressive", variant(&picture, 85, |encoder| encoder.set_progressive(true))),
        ("grey.jpg", "JPEG, grey", coded(grey.as_raw(), size, ColorType::Luma, 85, |_| {})),
        ("cmyk.jpg", "JPEG, CMYK", coded(&ink, size, ColorType::Cmyk, 90, |_| {})),
        ("ycck.jpg", "JPEG, YCCK (Adobe)", coded(&ink, size, ColorType::CmykAsYcck, 90, |_| {})),
        ("sampled-444.jpg", "JPEG, colour in every pixel", sampled(SamplingFactor::R_4_4_4)),
        ("sampled-422.jpg", "JPEG, colour halved across", sampled(SamplingFactor::R_4_2_2)),
        ("sampled-420.jpg", "JPEG, colour halved both ways", sampled(SamplingFactor::R_4_2_0)),
        ("restarts.jpg", "JPEG with restart markers", variant(&picture, 85, |encoder| encoder.set_restart_interval(3))),
        (
            "optimised.jpg",
            "JPEG with Huffman tables of its own",
            variant(&picture, 85, |encoder| encoder.set_optimized_huffman_tables(true)),
        ),
        ("colour.png", "PNG, 8 bits", written(picture.clone(), ImageFormat::Png)),
        ("grey.png", "PNG, grey", written(grey.clone(), ImageFormat::Png)),
        ("grey-alpha.png", "PNG, grey with alpha", written(whole.to_luma_alpha8(), ImageFormat::Png)),
        ("alpha.png", "PNG, partly transparent", written(glass.clone(), ImageFormat::Png)),
        ("deep.png", "PNG, 16 bits", written(whole.to_rgb16(), ImageFormat::Png)),
        ("deep-grey.png", "PNG, grey of 16 bits", written(whole.to_luma16(), ImageFormat::Png)),
        (
            "deep-alpha.png",
            "PNG, 16 bits, partly transparent",
            written(DynamicImage::from(glass.clone()).to_rgba16(), ImageFormat::Png),
        ),
        ("palette.png", "PNG, palette of 16 greys", palette_png(&grey, 4)),
        ("bits.png", "PNG, palette of 1 bit", palette_png(&grey, 1)),
        ("still.gif", "GIF", written(picture.clone(), ImageFormat::Gif)),
        ("animated.gif", "GIF of three frames, the scene first", animated(&picture)),
        ("colour.webp", "WebP, lossless", written(picture.clone(), ImageFormat::WebP)),
        ("alpha.webp", "WebP, lossless, partly transparent", written(glass.clone(), ImageFormat::WebP)),
        ("colour.tif", "TIFF, unpacked", written(picture.clone(), ImageFormat::Tiff)),
        ("grey.tif", "TIFF, grey", written(grey.clone(), ImageFormat::Tiff)),
        ("alpha.tif", "TIFF, partly transparent", written(glass.clone(), ImageFormat::Tiff)),
        ("deep.tif", "TIFF, 16 bits", written(whole.to_rgb16(), ImageFormat::Tiff)),
        ("colour.bmp", "BMP, 24 bits", written(picture.clone(), ImageFormat::Bmp)),
        ("grey.bmp", "BMP, 8 bits", written(grey.clone(), ImageFormat::Bmp)),
        ("alpha.bmp", "BMP, 32 bits", written(glass.clone(), ImageFormat::Bmp)),
        ("icon.ico", "ICO", written(whole.to_rgba8(), ImageFormat::Ico)),
        (
            "bits-ascii.pbm",
            "PNM, P1",
            [b"P1\n96 72\n".to_vec(), digits.chunks(48).collect::<Vec<_>>().join(&b'\n')].concat(),
        ),
        ("bits.pbm", "PNM, P4", b"P4\n96 72\n".iter().copied().chain(packed).collect()),
        ("grey-ascii.pgm", "PNM, P2", pnm(PnmSubtype::Graymap(ascii), ExtendedColorType::L8, grey.as_raw())),
        ("grey.pgm", "PNM, P5", pnm(PnmSubtype::Graymap(binary), ExtendedColorType::L8, grey.as_raw())),
        ("colour-ascii.ppm", "PNM, P3", pnm(PnmSubtype::Pixmap(ascii), ExtendedColorType::Rgb8, picture.as_raw())),
        ("colour.ppm", "PNM, P6", pnm(PnmSubtype::Pixmap(binary), ExtendedColorType::Rgb8, picture.as_raw())),
        ("colour.pam", "PNM, P7 (PAM)", pnm(PnmSubtype::ArbitraryMap, ExtendedColorType::Rgb8, picture.as_raw())),
        ("colour.tga", "TGA, run lengths", written(picture.clone(), ImageFormat::Tga)),
        ("alpha.tga", "TGA, run lengths, partly transparent", written(glass.clone(), ImageFormat::Tga)),
        ("colour.qoi", "QOI", written(picture.clone(), ImageFormat::Qoi)),
        ("alpha.qoi", "QOI, partly transparent", written(glass, ImageFormat::Qoi)),
        ("interlaced.png", "PNG, interlaced (Adam7)", interlaced(&picture)),
        ("big-endian.tif", "TIFF, the highest byte first", tiff_as(&picture, 1, Packing::None, true)),
        ("lzw.tif", "TIFF, LZW", tiff_as(&picture, 1, Packing::Lzw, false)),
        ("deflate.tif", "TIFF, deflate, the highest byte first", tiff_as(&picture, 1, Packing::Deflate, true)),
        ("packbits.tif", "TIFF, PackBits", tiff_as(&picture, 1, Packing::PackBits, false)),
        ("deep-grey.tif", "TIFF, grey of 16 bits", written(whole.to_luma16(), ImageFormat::Tiff)),
        ("deep.ppm", "PNM, P6 of 16 bits", deep_ppm(&picture)),
        ("raw.tga", "TGA, unpacked, the lowest row first", raw_tga(&picture)),
        ("light.hdr", "Radiance HDR", written(linear.clone(), ImageFormat::Hdr)),
        ("light.exr", "OpenEXR", written(linear, ImageFormat::OpenExr)),
    ];
    let mut files: Vec<File> =
        all.into_iter().map(|(name, what, bytes)| File::new(format!("formats/{name}"), what, bytes)).collect();
    let words = b"Words, whatever their name says.\n".to_vec();
    let misnamed = [
        ("png-named.jpg", "a PNG", written(picture.clone(), ImageFormat::Png)),
        ("jpeg-named.png", "a JPEG", encoded(&picture, Encoding::Jpeg(85))),
        ("jpeg without extension", "a JPEG", encoded(&picture, Encoding::Jpeg(80))),
        ("webp-named.gif", "a WebP", written(picture, ImageFormat::WebP)),
        ("text-named.png", "words", words),
    ];
    files.extend(misnamed.map(|(name, what, bytes)| File::new(format!("formats/misnamed/{name}"), what, bytes)));
    for (width, height) in [(1, 1), (2, 1), (1, 2000), (2000, 1), (65, 63)] {
        let odd = RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 7 + y * 3) as u8, (x + y) as u8, 90]));
        files.push(File::new(format!("formats/odd/{width}x{height}.png"), "an odd size", encoded(&odd, Encoding::Png)));
    }
    let plain = RgbImage::from_pixel(64, 64, image::Rgb([200, 90, 60]));
    files.push(File::new("formats/odd/one-colour.png", "one colour", encoded(&plain, Encoding::Png)));
    files
}

/// A PNG of seven passes over ever finer grids, no pass packed or filtered.
fn interlaced(picture: &RgbImage) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let mut rows = Vec::new();
    for (left, top, across, down) in
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    {
        for y in (top..height).step_by(down) {
            rows.push(0);
            rows.extend((left..width).step_by(across).flat_map(|x| picture.get_pixel(x, y).0));
        }
    }
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 1]].concat();
    let chunks = [chunk(b"IHDR", &header), chunk(b"IDAT", &stored(&rows)), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

fn deep_ppm(picture: &RgbImage) -> Vec<u8> {
    let header = format!("P6\n{} {}\n65535\n", picture.width(), picture.height()).into_bytes();
    header.into_iter().chain(picture.iter().flat_map(|&value| [value; 2])).collect()
}

fn raw_tga(picture: &RgbImage) -> Vec<u8> {
    let side = |pixels: u32| (pixels as u16).to_le_bytes();
    let mut bytes = [&[0, 0, 2][..], &[0; 9], &side(picture.width()), &side(picture.height()), &[24, 0]].concat();
    for pixel in picture.rows().rev().flatten() {
        let [r, g, b] = pixel.0;
        bytes.extend([b, g, r]);
    }
    bytes
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
pub fn stored(bytes: &[u8]) -> Vec<u8> {
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

/// The scene that broken files are made of.
pub fn broken_scene() -> RgbImage {
    scene(96, 72)
}
