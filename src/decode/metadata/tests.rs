//! Each container with the same EXIF and XMP, and blocks that lie.

use proptest::prelude::*;

use super::*;

/// Builds a TIFF structure of pages, little-endian: entries of `(tag, kind, count, value)`.
pub(in crate::decode) struct Block {
    bytes: Vec<u8>,
}

impl Block {
    pub fn new() -> Self {
        Self { bytes: b"II*\0\0\0\0\0".to_vec() }
    }

    fn put(&mut self, content: &[u8]) -> u32 {
        let at = self.bytes.len() as u32;
        self.bytes.extend(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
        at
    }

    fn text(&mut self, tag: u16, text: &str) -> (u16, u16, u32, u32) {
        let at = self.put(format!("{text}\0").as_bytes());
        (tag, 2, text.len() as u32 + 1, at)
    }

    fn fractions(&mut self, tag: u16, fractions: &[(u32, u32)]) -> (u16, u16, u32, u32) {
        let content: Vec<u8> =
            fractions.iter().flat_map(|f| [f.0.to_le_bytes(), f.1.to_le_bytes()]).flatten().collect();
        (tag, 5, fractions.len() as u32, self.put(&content))
    }

    fn page(&mut self, entries: &[(u16, u16, u32, u32)]) -> u32 {
        let mut content = (entries.len() as u16).to_le_bytes().to_vec();
        for (tag, kind, count, value) in entries {
            content.extend(tag.to_le_bytes());
            content.extend(kind.to_le_bytes());
            content.extend(count.to_le_bytes());
            content.extend(value.to_le_bytes());
        }
        content.extend([0; 4]);
        self.put(&content)
    }

    fn first(mut self, page: u32) -> Vec<u8> {
        self.bytes[4..8].copy_from_slice(&page.to_le_bytes());
        self.bytes
    }
}

/// A block with everything that is read.
pub(in crate::decode) fn full_exif() -> Vec<u8> {
    let mut block = Block::new();
    let below = [block.text(0x9003, "2019:05:04 10:11:12"), block.text(0xA434, "EF 50mm  f/1.8 ")];
    let exif = block.page(&below);
    let gps = [
        (1, 2, 2, u32::from(b'N')),
        block.fractions(2, &[(52, 1), (31, 1), (1200, 100)]),
        (3, 2, 2, u32::from(b'W')),
        block.fractions(4, &[(13, 1), (30, 1), (0, 0)]),
    ];
    let gps = block.page(&gps);
    let first = [
        block.text(0x10F, "Canon"),
        block.text(0x110, "Canon EOS 5D"),
        block.text(0x132, "2020:01:01 00:00:00"),
        (0x4746, 3, 1, 3),
        (0x8769, 4, 1, exif),
        (0x8825, 4, 1, gps),
    ];
    let first = block.page(&first);
    block.first(first)
}

fn of_full_exif() -> Metadata {
    Metadata {
        taken: Some(1_556_964_672),
        camera: Some("Canon EOS 5D".into()),
        lens: Some("EF 50mm f/1.8".into()),
        position: Some((52.52, -13.5)),
        rating: Some(3),
    }
}

const PACKET: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmp:Rating="5" tiff:Make="NIKON" tiff:Model="Z &amp; 6" MicrosoftPhoto:Rating="99">
<photoshop:DateCreated>2001-02-03T04:05:06.70+01:00</photoshop:DateCreated>
<exif:GPSLatitude>33,51,25.2S</exif:GPSLatitude><exif:GPSLongitude>151,12.5E</exif:GPSLongitude>
</rdf:Description></rdf:RDF></x:xmpmeta>"#;

fn of_packet() -> Metadata {
    Metadata {
        taken: Some(981_173_106),
        camera: Some("NIKON Z & 6".into()),
        lens: None,
        position: Some((-(33.0 + 51.0 / 60.0 + 25.2 / 3600.0), 151.0 + 12.5 / 60.0)),
        rating: Some(5),
    }
}

fn jpeg(segments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8];
    for segment in segments {
        bytes.extend([0xFF, 0xE1]);
        bytes.extend((segment.len() as u16 + 2).to_be_bytes());
        bytes.extend(*segment);
    }
    bytes.extend([0xFF, 0xD9]);
    bytes
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes()[..], name, content, &[0; 4]].concat()
}

fn riff(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let fill = [0].repeat(content.len() % 2);
    [name, &(content.len() as u32).to_le_bytes()[..], content, &fill].concat()
}

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
}

fn png(xmp: &[u8], exif: &[u8]) -> Vec<u8> {
    let text = [b"XML:com.adobe.xmp\0", xmp].concat();
    let chunks = [chunk(b"IHDR", &[0; 13]), chunk(b"iTXt", &text), chunk(b"eXIf", exif), chunk(b"IEND", &[])];
    [b"\x89PNG\r\n\x1A\n".to_vec(), chunks.concat()].concat()
}

/// A file of items, which lie behind its `meta`.
fn heif(items: &[(&[u8], &[u8])]) -> Vec<u8> {
    let build = |start: u32| {
        let (mut infos, mut places, mut at) = (Vec::new(), Vec::new(), start);
        for (i, (info, data)) in (1u16..).zip(items) {
            infos.extend(boxed(b"infe", &[&[2, 0, 0, 0][..], &i.to_be_bytes(), &[0, 0], info].concat()));
            places.extend(i.to_be_bytes());
            places.extend([0, 0, 0, 1]);
            places.extend(at.to_be_bytes());
            places.extend((data.len() as u32).to_be_bytes());
            at += data.len() as u32;
        }
        let count = (items.len() as u16).to_be_bytes();
        let iinf = boxed(b"iinf", &[&[0; 4][..], &count, &infos].concat());
        let iloc = boxed(b"iloc", &[&[0, 0, 0, 0, 0x44, 0][..], &count, &places].concat());
        let meta = boxed(b"meta", &[&[0; 4][..], &iinf, &iloc].concat());
        [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), meta].concat()
    };
    let start = build(0).len() as u32;
    [build(start), items.iter().flat_map(|(_, data)| data.to_vec()).collect()].concat()
}

fn photoshop(resources: &[(u16, &[u8])]) -> Vec<u8> {
    let mut all = Vec::new();
    for (id, content) in resources {
        all.extend([b"8BIM", &id.to_be_bytes()[..], &[0, 0], &(content.len() as u32).to_be_bytes(), content].concat());
        all.resize(all.len().next_multiple_of(2), 0);
    }
    let mut bytes = b"8BPS\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x08\0\x01\0\0\0\0".to_vec();
    bytes.extend((all.len() as u32).to_be_bytes());
    bytes.extend(all);
    // No layers.
    bytes.extend([0; 4]);
    bytes
}

#[test]
fn exif_and_xmp_are_found_in_every_container_that_has_them() {
    let exif = full_exif();
    let prefixed = [b"Exif\0\0", exif.as_slice()].concat();
    let offset = [&[0; 4], exif.as_slice()].concat();
    let xmp = PACKET.as_bytes();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, xmp).unwrap();
    let packed = [&[1, 0, 0, 0][..], &packed.finish().unwrap()].concat();
    let plain = [&[0, 0, b'e', b'n', 0, 0][..], xmp].concat();
    let adobe = [b"http://ns.adobe.com/xap/1.0/\0", xmp].concat();
    let webp = |chunks: &[Vec<u8>]| {
        let content = [b"WEBP".to_vec(), riff(b"VP8X", &[0; 10]), chunks.concat()].concat();
        riff(b"RIFF", &content)
    };
    let jxl = |boxes: &[Vec<u8>]| [b"\0\0\0\x0CJXL \r\n\x87\n".to_vec(), boxes.concat()].concat();
    let mut cases: Vec<(&str, Vec<u8>, Metadata)> = vec![
        ("jpeg, exif", jpeg(&[&prefixed]), of_full_exif()),
        ("jpeg, xmp", jpeg(&[&adobe]), of_packet()),
        ("jpeg, both", jpeg(&[&adobe, &prefixed]), Metadata { rating: Some(5), ..of_full_exif() }),
        ("png, exif", png(b"", &exif), of_full_exif()),
        ("png, xmp", png(&plain, b""), of_packet()),
        ("png, packed xmp", png(&packed, b""), of_packet()),
        ("webp, exif", webp(&[riff(b"EXIF", &exif)]), of_full_exif()),
        ("webp, xmp", webp(&[riff(b"XMP ", xmp)]), of_packet()),
        ("tiff", exif.clone(), of_full_exif()),
        ("psd, exif", photoshop(&[(1058, &exif)]), of_full_exif()),
        ("psd, xmp", photoshop(&[(1005, b"odd"), (1060, xmp)]), of_packet()),
    ];
    if cfg!(feature = "heic") {
        cases.push(("heic, exif", heif(&[(b"Exif\0", &offset)]), of_full_exif()));
        cases.push(("heic, xmp", heif(&[(b"Exif\0", b""), (b"mime\0application/rdf+xml\0", xmp)]), of_packet()));
    }
    if cfg!(feature = "jxl") {
        cases.push(("jxl, exif", jxl(&[boxed(b"Exif", &offset)]), of_full_exif()));
        cases.push(("jxl, xmp", jxl(&[boxed(b"xml ", xmp)]), of_packet()));
    }
    assert!(cases.len() >= 11);
    for (name, bytes, expected) in cases {
        let mut found = Metadata::of(&bytes);
        if let (Some(found), Some(expected)) = (&mut found.position, expected.position) {
            assert!((found.0 - expected.0).abs() < 1e-9 && (found.1 - expected.1).abs() < 1e-9, "{name}: {found:?}");
            *found = expected;
        }
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn cameras_are_named_once_and_dates_make_sense_or_are_none() {
    let name = |maker, model| camera(Some(maker), Some(model));
    assert_eq!(name("Canon", "Canon EOS 5D").as_deref(), Some("Canon EOS 5D"));
    assert_eq!(name("NIKON CORPORATION", "NIKON D90").as_deref(), Some("NIKON D90"));
    assert_eq!(name("Apple", "iPhone 4").as_deref(), Some("Apple iPhone 4"));
    assert_eq!(name("  ", "\u{7}X\n100").as_deref(), Some("X 100"));
    assert_eq!((camera(None, None), camera(Some("Sony"), None).as_deref()), (None, Some("Sony")));
    for none in
        ["", "    :  :     :  :  ", "0000:00:00 00:00:00", "2019:13:01", "1970:01:01 00:00:00", "x", "2019:02:30"]
    {
        assert_eq!(seconds(none), None, "{none:?}");
    }
    assert_eq!(seconds("1970:01:02 00:00:01"), Some(86_401));
    assert_eq!(seconds("2019-05-04"), seconds("2019:05:04 00:00:00"));
    assert_eq!(seconds("2019-05-04T10:11:12.5+02:00"), Some(1_556_964_672));
}

#[test]
fn a_packet_that_expands_entities_or_nests_without_end_is_read_no_further() {
    let nested = format!("<x:xmpmeta>{}", "<a>".repeat(100_000));
    assert_eq!(xmp::read(nested.as_bytes()), Metadata::default());
    let entities = r#"<!DOCTYPE x [<!ENTITY a "5">]><rdf:Description xmp:Rating="&a;"/>"#;
    assert_eq!(xmp::read(entities.as_bytes()).rating, None);
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0..300_usize) {
        let _ = exif::read(&[b"II*\0\x08\0\0\0", bytes.as_slice()].concat());
        let _ = xmp::read(&bytes);
        for whole in [full_exif(), png(PACKET.as_bytes(), &full_exif()), heif(&[(b"Exif\0", &full_exif())])] {
            let mut damaged = whole;
            let at = at % damaged.len();
            for (place, byte) in damaged.iter_mut().skip(at).zip(bytes.iter().take(4)) {
                *place = *byte;
            }
            let _ = Metadata::read(&damaged, Format::Tiff);
            let _ = Metadata::read(&damaged, Format::Png);
            let _ = Metadata::read(&damaged, Format::Heic);
        }
    }
}
