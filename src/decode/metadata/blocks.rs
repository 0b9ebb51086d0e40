//! Where the EXIF and XMP blocks of a file lie, by its format.

use std::borrow::Cow;
use std::io::Read;

use crate::decode::boxes::boxes;
use crate::decode::tiff::Tiff;
use crate::decode::{Format, chunks, heif, orientation, psd, raw};

/// The most segments, chunks and boxes that are passed over.
const LIMIT: usize = 10_000;
/// A packed block of XMP unpacks to no more.
const UNPACKED_MAX: u64 = 4 << 20;
const JPEG_EXIF: &[u8] = b"Exif\0\0";
const JPEG_XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PNG_XMP: &[u8] = b"XML:com.adobe.xmp\0";
/// The tag of XMP in a TIFF file.
const TIFF_XMP: u16 = 700;

/// The blocks of a file: EXIF in the order in which they count.
#[derive(Default)]
pub(super) struct Blocks<'a> {
    pub exif: Vec<Cow<'a, [u8]>>,
    pub xmp: Option<Cow<'a, [u8]>>,
}

pub(super) fn find(bytes: &[u8], format: Format) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    match format {
        Format::Jpeg => jpeg(bytes, &mut blocks),
        Format::Png => png(bytes, &mut blocks),
        Format::WebP => webp(bytes, &mut blocks),
        Format::Psd => {
            blocks.exif.extend(psd::exif(bytes).map(Cow::Borrowed));
            blocks.xmp = psd::xmp(bytes).map(Cow::Borrowed);
        }
        Format::Jxl => {
            for (name, content) in boxes(bytes).take(LIMIT) {
                match &name {
                    b"Exif" => blocks.exif.extend(content.get(4..).map(Cow::Borrowed)),
                    b"xml " => blocks.xmp = Some(Cow::Borrowed(content)),
                    _ => {}
                }
            }
        }
        Format::Heic | Format::Avif => heif(bytes, &mut blocks),
        Format::Cr3 => blocks.exif.extend(raw::cr3_exif(bytes).into_iter().map(Cow::Borrowed)),
        Format::Raf => {
            if let Some(preview) = raw::raf_preview(bytes) {
                jpeg(preview, &mut blocks);
            }
        }
        Format::Tiff => tiff(bytes, &mut blocks),
        _ if raw::is_raw(format) => tiff(bytes, &mut blocks),
        _ => {}
    }
    blocks
}

fn without_prefix(exif: &[u8]) -> &[u8] {
    exif.strip_prefix(JPEG_EXIF).unwrap_or(exif)
}

fn jpeg<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>) {
    let Some(mut rest) = bytes.strip_prefix(&[0xFF, 0xD8]) else { return };
    for _ in 0..LIMIT {
        let Some(fill) = rest.iter().position(|&byte| byte != 0xFF).filter(|&fill| fill > 0) else { return };
        let Some((&marker, after)) = rest.get(fill..).and_then(<[u8]>::split_first) else { return };
        let Some(length) = after.first_chunk().map(|word| usize::from(u16::from_be_bytes(*word))) else { return };
        let Some(content) = after.get(2..length) else { return };
        match marker {
            0xE1 if content.starts_with(JPEG_EXIF) => blocks.exif.push(Cow::Borrowed(without_prefix(content))),
            0xE1 => {
                if let Some(packet) = content.strip_prefix(JPEG_XMP) {
                    blocks.xmp.get_or_insert(Cow::Borrowed(packet));
                }
            }
            // The picture begins.
            0xDA | 0xD9 => return,
            _ => {}
        }
        rest = after.get(length..).unwrap_or_default();
    }
}

fn png<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>) {
    blocks.exif.extend(orientation::png_exif(bytes).map(|exif| Cow::Borrowed(without_prefix(exif))));
    let texts = chunks::of_png(bytes).take(LIMIT).filter(|(name, _)| *name == b"iTXt");
    // One: each unpacks to much.
    let packet = texts.filter_map(|(_, text)| text.strip_prefix(PNG_XMP)).next();
    blocks.xmp = packet.and_then(international_text);
}

/// What stands in a chunk of text behind its keyword: packed or not, method, language, translated keyword, text.
fn international_text(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (&packed, rest) = text.split_first()?;
    let mut parts = rest.get(1..)?.splitn(3, |&byte| byte == 0);
    let content = parts.nth(2)?;
    if packed == 0 {
        return Some(Cow::Borrowed(content));
    }
    let mut unpacked = Vec::new();
    flate2::read::ZlibDecoder::new(content).take(UNPACKED_MAX).read_to_end(&mut unpacked).ok()?;
    Some(Cow::Owned(unpacked))
}

fn webp<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>) {
    for (name, content) in chunks::of_webp(bytes).take(LIMIT) {
        match name {
            b"EXIF" => blocks.exif.push(Cow::Borrowed(without_prefix(content))),
            b"XMP " => blocks.xmp = Some(Cow::Borrowed(content)),
            _ => {}
        }
    }
}

fn heif<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>) {
    let Some(container) = heif::Container::open(bytes) else { return };
    for item in container.items() {
        match &item.kind {
            b"Exif" => {
                // How far behind these four bytes the block starts.
                let Some(data) = container.data(item.id) else { continue };
                let Some(skip) = data.first_chunk().map(|word| u32::from_be_bytes(*word) as usize) else { continue };
                let Some(block) = skip.checked_add(4).and_then(|start| data.get(start..)) else { continue };
                blocks.exif.push(Cow::Owned(without_prefix(block).to_vec()));
            }
            b"mime" if item.is_xmp => blocks.xmp = container.data(item.id),
            _ => {}
        }
    }
}

fn tiff<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>) {
    blocks.exif.push(Cow::Borrowed(bytes));
    let tiff = Tiff::open(bytes, 0);
    let packet = tiff.and_then(|tiff| {
        let entry = tiff.entries(tiff.first()?).find(|entry| entry.tag == TIFF_XMP)?;
        tiff.text(&entry)
    });
    blocks.xmp = packet.map(Cow::Borrowed);
}
