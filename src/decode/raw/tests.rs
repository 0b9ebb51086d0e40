//! Raw files made on the spot: the container of each maker around small JPEGs.

use image::{Rgb, RgbImage};

use super::*;
use crate::decode::{Options, Picture, Sniff, decode as decode_picture, sniff};

/// A picture of four fields, so that every turn shows.
fn fields(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let grey = match (x < width / 2, y < height / 2) {
            (true, true) => 20,
            (false, true) => 90,
            (true, false) => 160,
            (false, false) => 230,
        };
        Rgb([grey; 3])
    })
}

fn jpeg_with(width: u32, height: u32, exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90);
    if let Some(exif) = exif {
        use image::ImageEncoder;
        encoder.set_exif_metadata(exif).unwrap();
    }
    encoder.encode_image(&fields(width, height)).unwrap();
    bytes
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    jpeg_with(width, height, None)
}

/// A TIFF header with the orientation and nothing else.
fn exif(orientation: u16) -> Vec<u8> {
    Writer::new(b"II*\0").page_of(&[(ORIENTATION, 3, 1, orientation.into())]).bytes
}

const MAKE: u16 = 0x10F;
const ORIENTATION: u16 = 0x112;

/// The tag, type, count and value of an entry.
type Entry = (u16, u16, u32, u32);

/// Appends pages and contents to a little-endian file.
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn new(signature: &[u8; 4]) -> Self {
        Self { bytes: [&signature[..], &[0; 4]].concat() }
    }

    /// Appends content; where it starts and how long it is.
    fn put(&mut self, content: &[u8]) -> (u32, u32) {
        let start = self.bytes.len() as u32;
        self.bytes.extend(content);
        (start, content.len() as u32)
    }

    fn page(&mut self, entries: &[Entry], next: u32) -> u32 {
        let mut page = (entries.len() as u16).to_le_bytes().to_vec();
        for &(tag, kind, count, value) in entries {
            page.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            page.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        page.extend(next.to_le_bytes());
        self.put(&page).0
    }

    /// The same with that page as the first.
    fn starting_at(mut self, page: u32) -> Vec<u8> {
        self.bytes[4..8].copy_from_slice(&page.to_le_bytes());
        self.bytes
    }

    fn page_of(mut self, entries: &[Entry]) -> Self {
        let page = self.page(entries, 0);
        self.bytes[4..8].copy_from_slice(&page.to_le_bytes());
        self
    }

    fn make(&mut self, maker: &[u8]) -> Entry {
        let (start, length) = self.put(maker);
        (MAKE, 2, length, start)
    }
}

const SIDE: (u32, u32) = (240, 160);

fn cr2() -> Vec<u8> {
    let mut file = Writer::new(b"II*\0");
    file.bytes.extend(b"CR\x02\0\0\0\0\0");
    let (large, small) = (file.put(&jpeg(SIDE.0, SIDE.1)), file.put(&jpeg(160, 120)));
    // What the sensor saw: a lossless JPEG, which is larger and no preview.
    let mut lossless = jpeg(400, 300);
    let frame = lossless.windows(2).position(|word| word == [0xFF, 0xC0]).unwrap();
    lossless[frame + 1] = 0xC3;
    let sensor = file.put(&lossless);
    let third = file.page(&[(0x103, 3, 1, 6), (0x111, 4, 1, sensor.0), (0x117, 4, 1, sensor.1)], 0);
    let second = file.page(&[(0x201, 4, 1, small.0), (0x202, 4, 1, small.1)], third);
    let first = [(0x103, 3, 1, 6), (0x111, 4, 1, large.0), (ORIENTATION, 3, 1, 6), (0x117, 4, 1, large.1)];
    let first = file.page(&first, second);
    file.starting_at(first)
}

/// NEF, ARW and SRW: a sub-page with the preview.
fn with_sub_pages(maker: &[u8]) -> Vec<u8> {
    let mut file = Writer::new(b"II*\0");
    let maker = file.make(maker);
    let (large, small) = (file.put(&jpeg_with(SIDE.0, SIDE.1, Some(exif(6)))), file.put(&jpeg(161, 100)));
    let page = |file: &mut Writer, place: (u32, u32)| file.page(&[(0x201, 4, 1, place.0), (0x202, 4, 1, place.1)], 0);
    let pages = [page(&mut file, small), page(&mut file, large)];
    let list = file.put(&pages.map(u32::to_le_bytes).concat()).0;
    let first = file.page(&[maker, (ORIENTATION, 3, 1, 6), (0x14A, 4, 2, list)], 0);
    file.starting_at(first)
}

fn dng() -> Vec<u8> {
    let mut file = Writer::new(b"II*\0");
    let large = file.put(&jpeg(SIDE.0, SIDE.1));
    let sub = file.page(&[(0x103, 3, 1, 7), (0x111, 4, 1, large.0), (0x117, 4, 1, large.1)], 0);
    let first = file.page(&[(ORIENTATION, 3, 1, 6), (0x14A, 4, 1, sub), (0xC612, 1, 4, 0x0401)], 0);
    file.starting_at(first)
}

fn rw2() -> Vec<u8> {
    let mut file = Writer::new(b"IIU\0");
    let large = file.put(&jpeg_with(SIDE.0, SIDE.1, Some(exif(6))));
    let first = file.page(&[(0x2E, 7, large.1, large.0), (ORIENTATION, 3, 1, 6)], 0);
    file.starting_at(first)
}

/// A file with EXIF, in that a maker's note, and behind it the preview that the note points to.
fn with_note(mut file: Writer, first: &[Entry], note: impl Fn(&mut Writer, (u32, u32)) -> u32) -> Vec<u8> {
    let preview = jpeg(SIDE.0, SIDE.1);
    let start = file.bytes.len();
    note(&mut file, (u32::MAX, 0));
    let place = (file.bytes.len() as u32, preview.len() as u32);
    file.bytes.truncate(start);
    let note = note(&mut file, place);
    file.put(&preview);
    let exif = file.page(&[(0x927C, 7, 64, note)], 0);
    let entries = [first, &[(ORIENTATION, 3, 1, 6), (0x8769, 4, 1, exif)]].concat();
    let first = file.page(&entries, 0);
    file.starting_at(first)
}

fn orf() -> Vec<u8> {
    with_note(Writer::new(b"IIRO"), &[], |file, large| {
        let note = file.put(b"OLYMPUS\0II\x03\0").0;
        let settings = note + 12 + 2 + 12 + 4;
        file.page(&[(0x2020, 13, 1, settings - note)], 0);
        file.page(&[(0x101, 4, 1, large.0 - note), (0x102, 4, 1, large.1)], 0);
        note
    })
}

fn pef() -> Vec<u8> {
    let mut file = Writer::new(b"II*\0");
    let maker = file.make(b"PENTAX Corporation\0");
    with_note(file, &[(0x103, 3, 1, 65_535), maker], |file, large| {
        let note = file.put(b"AOC\0II").0;
        file.page(&[(3, 4, 1, large.1), (4, 4, 1, large.0)], 0);
        note
    })
}

/// An older NEF, whose only large preview lies in the maker's note.
fn nef_with_note() -> Vec<u8> {
    let mut file = Writer::new(b"II*\0");
    let maker = file.make(b"NIKON CORPORATION\0");
    with_note(file, &[maker, (0x14A, 4, 1, 8)], |file, large| {
        let note = file.put(b"Nikon\0\x02\x10\0\0II*\0\x08\0\0\0").0;
        let preview = 8 + 2 + 12 + 4;
        file.page(&[(0x11, 4, 1, preview)], 0);
        file.page(&[(0x201, 4, 1, large.0 - note - 10), (0x202, 4, 1, large.1)], 0);
        note
    })
}

/// RAF says nothing of the orientation: the preview does.
fn raf() -> Vec<u8> {
    let preview = jpeg_with(SIDE.0, SIDE.1, Some(exif(6)));
    let mut bytes = b"FUJIFILMCCD-RAW 0201FF383501".to_vec();
    bytes.resize(84, 0);
    bytes.extend(160u32.to_be_bytes());
    bytes.extend((preview.len() as u32).to_be_bytes());
    bytes.resize(160, 0);
    bytes.extend(preview);
    bytes.extend([7; 50]);
    bytes
}

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
}

/// A CR3 with a thumbnail, a preview and a track; the last is left out where `full` is false.
fn cr3_with(full: bool) -> Vec<u8> {
    let head = boxed(b"ftyp", b"crx \0\0\0\x01crx isom");
    let canon = b"\x85\xC0\xB6\x87\x82\x0F\x11\xE0\x81\x11\xF4\xCE\x46\x2B\x6A\x48";
    let preview = b"\xEA\xF4\x2B\x5E\x1C\x98\x4B\x88\xB9\xFB\xB7\xDC\x40\x6E\x4D\x16";
    let sample = jpeg(SIDE.0, SIDE.1);
    let movie = |offset: u64| {
        let thumbnail = boxed(b"THMB", &[&[0; 16][..], &jpeg(160, 120)].concat());
        let metadata = [&canon[..], &boxed(b"CMT1", &exif(6)), &thumbnail].concat();
        let sizes = [0u32, 0, 1, sample.len() as u32].map(u32::to_be_bytes).concat();
        let places = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &offset.to_be_bytes()].concat();
        let table = [boxed(b"stsz", &sizes), boxed(b"co64", &places)].concat();
        let track = boxed(b"trak", &boxed(b"mdia", &boxed(b"minf", &boxed(b"stbl", &table))));
        let tracks = if full { track } else { Vec::new() };
        boxed(b"moov", &[boxed(b"uuid", &metadata), tracks].concat())
    };
    let small = boxed(b"PRVW", &[&[0; 16][..], &jpeg(180, 120)].concat());
    let small = boxed(b"uuid", &[&preview[..], &[0; 8], &small].concat());
    let start = head.len() + movie(0).len() + small.len() + 8;
    [head, movie(start as u64), small, boxed(b"mdat", &sample)].concat()
}

fn cr3() -> Vec<u8> {
    cr3_with(true)
}

fn one_of_each() -> Vec<(Format, Vec<u8>)> {
    vec![
        (Format::Cr2, cr2()),
        (Format::Cr3, cr3()),
        (Format::Nef, with_sub_pages(b"NIKON CORPORATION\0")),
        (Format::Arw, with_sub_pages(b"SONY\0\0\0\0")),
        (Format::Dng, dng()),
        (Format::Rw2, rw2()),
        (Format::Orf, orf()),
        (Format::Raf, raf()),
        (Format::Pef, pef()),
        (Format::Srw, with_sub_pages(b"SAMSUNG\0")),
        (Format::Nef, nef_with_note()),
    ]
}

fn open(bytes: &[u8]) -> Result<Picture> {
    decode_picture(bytes, &Options::default())
}

#[test]
fn the_largest_preview_of_each_is_read_and_turned_once() {
    let files = one_of_each();
    assert_eq!(files.iter().filter(|(format, _)| is_raw(*format)).count(), 11);
    for (format, bytes) in files {
        assert_eq!(sniff(&bytes), Sniff::Readable(format));
        let picture = open(&bytes).unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert_eq!((picture.format, picture.width, picture.height), (format, 160, 240), "{format:?}");
        let at = |x: usize, y: usize| picture.luma[y * 160 + x];
        // 6 stands for a quarter turn clockwise: the field at the lower left comes to the upper left.
        let corners = [at(30, 30), at(130, 30), at(30, 200), at(130, 200)];
        let expected = [160, 20, 230, 90];
        assert!(corners.iter().zip(expected).all(|(&a, b)| a.abs_diff(b) < 6), "{format:?}: {corners:?}");
    }
}

#[test]
fn the_next_preview_is_read_where_the_largest_is_damaged_or_absent() {
    let picture = open(&cr3_with(false)).unwrap();
    assert_eq!((picture.width, picture.height), (120, 180));
    let mut bytes = cr2();
    let scan = bytes.windows(2).position(|word| word == [0xFF, 0xDA]).unwrap();
    bytes[scan + 2..scan + 10].fill(0);
    let picture = open(&bytes).unwrap();
    assert_eq!((picture.width, picture.height), (120, 160));
}

#[test]
fn a_raw_file_without_a_preview_is_refused_by_name_with_the_remedy() {
    let mut file = Writer::new(b"II*\0");
    let stamp = file.put(&jpeg(159, 120));
    let bytes = file.page_of(&[(0x111, 4, 1, stamp.0), (0x117, 4, 1, stamp.1), (0xC612, 1, 4, 1)]).bytes;
    let error = open(&bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("dng") && error.message().contains("convert"), "{error}");
}

#[test]
fn a_raw_file_cut_or_changed_anywhere_is_an_error_or_a_picture_and_never_a_panic() {
    let mut cut = 0;
    for (format, bytes) in one_of_each() {
        for end in 0..bytes.len() {
            let step = 1 + usize::from(end > 600) * 6;
            if end % step == 0 && sniff(&bytes[..end]) == Sniff::Readable(format) {
                // Without the containment of panics.
                let options = Options::default();
                let _ = decode(&bytes[..end], format, &Limits::new(&options, &|_| Ok(())));
                cut += 1;
            }
            let mut changed = bytes.clone();
            changed[end] ^= 0xFF;
            let _ = match format {
                Format::Cr3 => cr3::find(&changed),
                Format::Raf => super::raf(&changed),
                _ => pages::find(&changed),
            };
        }
        let half = open(&bytes[..bytes.len() * 2 / 5]);
        let small = half.as_ref().is_ok_and(|picture| picture.width < 160);
        let kind = half.err().map(|error| error.kind());
        assert!(small || matches!(kind, Some(ErrorKind::Malformed)), "{format:?} {kind:?}");
    }
    assert!(cut > 3000, "{cut}");
}

#[test]
fn pages_that_lead_to_themselves_end() {
    let mut file = Writer::new(b"II*\0");
    let first = file.bytes.len() as u32;
    let list = file.put(&[0; 64]).0;
    let page = file.page(&[(0x14A, 4, 16, list), (0x8769, 4, 1, first), (0xC612, 1, 4, 1)], first);
    for i in 0..16 {
        let at = list as usize + 4 * i;
        file.bytes[at..at + 4].copy_from_slice(&page.to_le_bytes());
    }
    assert_eq!(open(&file.starting_at(page)).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn cameras_with_sub_pages_or_sensor_data_are_raw_and_scanners_are_not() {
    let mut scanner = Writer::new(b"II*\0");
    let maker = scanner.make(b"NIKON CORPORATION\0");
    assert_eq!(of_tiff(&scanner.page_of(&[maker]).bytes), None);
    let mut camera = Writer::new(b"II*\0");
    let maker = camera.make(b"RICOH IMAGING COMPANY, LTD.\0");
    let bytes = camera.page_of(&[(0x106, 3, 1, 32_803), maker]).bytes;
    assert_eq!(of_tiff(&bytes), Some(Format::Pef));
    for end in 0..bytes.len() {
        let _ = of_tiff(&bytes[..end]);
    }
    assert_eq!(of_tiff(&[b"II*\0".as_slice(), &[0xFF; 40]].concat()), None);
}
