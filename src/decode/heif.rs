//! The container of AVIF and HEIC files (ISO/IEC 23008-12): items, what they are of, and what is said of them.

#![cfg_attr(not(feature = "avif"), allow(dead_code, reason = "only AVIF asks for all of it"))]

use std::borrow::Cow;
use std::collections::HashMap;

use image::metadata::Orientation;

use super::boxes::{boxes, find};

/// The most items, references and properties that are looked at, each.
const LIMIT: usize = 4096;
/// The most entries of the tables that say where items lie and what is said of them, and the most places in all: a
/// picture has at most so many tiles.
const ENTRIES_MAX: usize = 1 << 16;

/// Reads big-endian numbers from the front.
pub(super) struct Reader<'a> {
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    /// A number of up to 8 bytes; of none it is 0.
    fn number(&mut self, length: usize) -> Option<u64> {
        Some(self.bytes(length)?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.number(1).map(|number| number as u8)
    }

    pub(super) fn u32(&mut self, bytes: usize) -> Option<u32> {
        self.number(bytes).map(|number| number as u32)
    }

    /// The version and flags that most boxes start with.
    fn version(&mut self) -> Option<(u8, u32)> {
        Some((self.u8()?, self.u32(3)?))
    }
}

/// A file's items. Its tables are read once: each tile is looked up in them.
pub(super) struct Container<'a> {
    file: &'a [u8],
    meta: &'a [u8],
    locations: HashMap<u32, Location>,
    properties: Vec<([u8; 4], &'a [u8])>,
    /// The places of an item's properties among all, from 1 on.
    associations: HashMap<u32, Vec<u16>>,
}

/// Where an item's bytes lie.
struct Location {
    method: u32,
    /// In another file than this.
    is_elsewhere: bool,
    /// Places and lengths; no length stands for all that follows.
    extents: Vec<(u64, u64)>,
}

/// A picture, or something said of one.
pub(super) struct Item {
    pub id: u32,
    /// `av01`, `hvc1`, `grid`, `Exif`, `mime`.
    pub kind: [u8; 4],
    pub is_xmp: bool,
}

/// How the tiles of a grid lie.
pub(super) struct Grid {
    pub columns: u32,
    pub rows: u32,
    pub width: u32,
    pub height: u32,
}

impl<'a> Container<'a> {
    pub(super) fn open(file: &'a [u8]) -> Option<Self> {
        let meta = find(file, &[b"meta"])?.get(4..)?;
        let properties = boxes(find(meta, &[b"iprp", b"ipco"]).unwrap_or_default()).take(LIMIT).collect();
        let mut associated = HashMap::new();
        let tables = boxes(find(meta, &[b"iprp"]).unwrap_or_default()).filter(|(name, _)| name == b"ipma");
        for (_, content) in tables.take(LIMIT) {
            // What is cut short ends it.
            let _whole = associations(content, &mut associated);
        }
        let mut found = HashMap::new();
        let _whole = locations(find(meta, &[b"iloc"]).unwrap_or_default(), &mut found);
        Some(Self { file, meta, locations: found, properties, associations: associated })
    }

    /// The item that is the picture.
    pub(super) fn primary(&self) -> Option<u32> {
        let mut reader = Reader { rest: find(self.meta, &[b"pitm"])? };
        let (version, _) = reader.version()?;
        reader.u32(if version == 0 { 2 } else { 4 })
    }

    /// Every item of the file.
    pub(super) fn items(&self) -> impl Iterator<Item = Item> + use<'a> {
        let mut reader = Reader { rest: find(self.meta, &[b"iinf"]).unwrap_or_default() };
        let count = reader.version().and_then(|(version, _)| reader.number(if version == 0 { 2 } else { 4 }));
        let entries = if count.is_some() { reader.rest } else { &[] };
        boxes(entries).filter(|(name, _)| name == b"infe").take(LIMIT).filter_map(|(_, content)| {
            let mut reader = Reader { rest: content };
            let size = match reader.version()?.0 {
                2 => 2,
                3 => 4,
                _ => return None,
            };
            let id = reader.u32(size)?;
            // Protection.
            reader.number(2)?;
            let kind = *reader.rest.first_chunk()?;
            // A name, then the type of its content, each ending in NUL.
            let named = reader.rest.get(4..).and_then(|names| names.split(|&byte| byte == 0).nth(1));
            Some(Item { id, kind, is_xmp: &kind == b"mime" && named == Some(b"application/rdf+xml") })
        })
    }

    /// What an item is: `av01`, `hvc1`, `grid`.
    pub(super) fn kind(&self, item: u32) -> Option<[u8; 4]> {
        self.items().find(|known| known.id == item).map(|item| item.kind)
    }

    /// An item's bytes, which lie in the file in one piece or in several, or beside the descriptions.
    pub(super) fn data(&self, item: u32) -> Option<Cow<'a, [u8]>> {
        let Location { method, is_elsewhere, extents } = self.locations.get(&item)?;
        let store = match method {
            0 => self.file,
            1 => find(self.meta, &[b"idat"]).unwrap_or_default(),
            _ => return None,
        };
        let mut data = Cow::Borrowed(&[][..]);
        for (index, &(offset, length)) in extents.iter().enumerate() {
            let rest = store.get(usize::try_from(offset).ok()?..)?;
            let length = usize::try_from(length).ok()?;
            let extent = if length == 0 { rest } else { rest.get(..length)? };
            if index == 0 {
                data = Cow::Borrowed(extent);
            } else if data.len() + extent.len() <= store.len() {
                data.to_mut().extend(extent);
            } else {
                return None;
            }
        }
        (!is_elsewhere && !data.is_empty()).then_some(data)
    }

    /// Every property in the file.
    #[cfg(feature = "heic")]
    pub(super) fn all_properties(&self) -> impl Iterator<Item = ([u8; 4], &'a [u8])> {
        self.properties.iter().copied()
    }

    /// An item's properties, in the order in which they apply.
    pub(super) fn properties(&self, item: u32) -> Vec<([u8; 4], &'a [u8])> {
        let property =
            |&place: &u16| usize::from(place).checked_sub(1).and_then(|index| self.properties.get(index)).copied();
        self.associations.get(&item).into_iter().flatten().filter_map(property).collect()
    }

    /// The references of a kind: from an item to its items.
    fn references(&self, wanted: [u8; 4]) -> Vec<(u32, Vec<u32>)> {
        let mut reader = Reader { rest: find(self.meta, &[b"iref"]).unwrap_or_default() };
        let size = if reader.version().is_some_and(|(version, _)| version > 0) { 4 } else { 2 };
        let of_kind = boxes(reader.rest).filter(|&(name, _)| name == wanted).take(LIMIT);
        let reference = |(_, content)| {
            let mut reader = Reader { rest: content };
            let (from, count) = (reader.u32(size)?, reader.u32(2)?);
            Some((from, (0..count).map_while(|_| reader.u32(size)).collect()))
        };
        of_kind.filter_map(reference).collect()
    }

    /// The tiles that a grid is made of.
    pub(super) fn tiles(&self, item: u32) -> Vec<u32> {
        let references = self.references(*b"dimg");
        references.into_iter().find(|(from, _)| *from == item).map(|(_, to)| to).unwrap_or_default()
    }

    pub(super) fn grid(&self, item: u32) -> Option<Grid> {
        let data = self.data(item)?;
        let mut reader = Reader { rest: &data };
        let (_, flags) = (reader.u8()?, reader.u8()?);
        let (rows, columns) = (u32::from(reader.u8()?) + 1, u32::from(reader.u8()?) + 1);
        let size = if flags & 1 == 1 { 4 } else { 2 };
        Some(Grid { columns, rows, width: reader.u32(size)?, height: reader.u32(size)? })
    }

    /// The item that holds the opacity of this one.
    pub(super) fn alpha(&self, item: u32) -> Option<u32> {
        let alpha = |id: u32| {
            let properties = self.properties(id);
            let what = properties.iter().find(|(name, _)| name == b"auxC").and_then(|(_, content)| content.get(4..));
            let names: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0"];
            what.is_some_and(|what| names.iter().any(|name| what.starts_with(name)))
        };
        self.references(*b"auxl")
            .into_iter()
            .find(|(from, to)| to.contains(&item) && alpha(*from))
            .map(|(from, _)| from)
    }

    /// Width and height as an item declares them.
    pub(super) fn size(&self, item: u32) -> Option<(u32, u32)> {
        let properties = self.properties(item);
        let mut reader = Reader { rest: properties.iter().find(|(name, _)| name == b"ispe")?.1.get(4..)? };
        Some((reader.u32(4)?, reader.u32(4)?))
    }

    /// Which way up an item lies: it is turned and then mirrored. EXIF in these files repeats what the properties say
    /// and does not count.
    pub(super) fn orientation(&self, item: u32) -> Orientation {
        use Orientation::{
            FlipHorizontal, FlipVertical, NoTransforms, Rotate90, Rotate90FlipH, Rotate180, Rotate270, Rotate270FlipH,
        };
        let properties = self.properties(item);
        let value = |wanted: &[u8; 4]| properties.iter().find(|(name, _)| name == wanted).and_then(|(_, c)| c.first());
        let turns = value(b"irot").map_or(0, |turns| turns & 3);
        // Quarter turns counterclockwise; mirrored top to bottom (0) or left to right (1).
        match (turns, value(b"imir").map(|axis| axis & 1)) {
            (0, None) => NoTransforms,
            (1, None) => Rotate270,
            (2, None) => Rotate180,
            (_, None) => Rotate90,
            (0, Some(1)) | (2, Some(0)) => FlipHorizontal,
            (0 | 2, Some(_)) => FlipVertical,
            (1, Some(0)) | (3, Some(1)) => Rotate90FlipH,
            (_, Some(_)) => Rotate270FlipH,
        }
    }
}

/// Reads which properties apply to which items; of an item that is named twice the first counts.
fn associations(content: &[u8], found: &mut HashMap<u32, Vec<u16>>) -> Option<()> {
    let mut reader = Reader { rest: content };
    let (version, flags) = reader.version()?;
    let size = if flags & 1 == 1 { 2 } else { 1 };
    for _ in 0..reader.u32(4)? {
        let id = reader.u32(if version == 0 { 2 } else { 4 })?;
        let count = reader.u8()?;
        // The upper bit says whether the property must be understood.
        let mask = if size == 2 { 0x7FFF } else { 0x7F };
        let places = (0..count).map(|_| Some((reader.number(size)? & mask) as u16)).collect::<Option<Vec<_>>>()?;
        if found.len() >= ENTRIES_MAX {
            break;
        }
        found.entry(id).or_insert(places);
    }
    Some(())
}

/// Reads where items lie.
fn locations(content: &[u8], found: &mut HashMap<u32, Location>) -> Option<()> {
    let mut reader = Reader { rest: content };
    let (version, _) = reader.version()?;
    let (sizes, more) = (usize::from(reader.u8()?), usize::from(reader.u8()?));
    let (offset_size, length_size, base_size) = (sizes >> 4, sizes & 15, more >> 4);
    let index_size = if version == 0 { 0 } else { more & 15 };
    let id_size = if version < 2 { 2 } else { 4 };
    if [offset_size, length_size, base_size, index_size].iter().any(|&size| size > 8) {
        return None;
    }
    let mut places = 0;
    for _ in 0..reader.u32(id_size)? {
        let id = reader.u32(id_size)?;
        let method = if version == 0 { 0 } else { reader.u32(2)? & 15 };
        let is_elsewhere = reader.number(2)? != 0;
        let base = reader.number(base_size)?;
        let count = reader.u32(2)?;
        let mut extents = Vec::new();
        for _ in 0..count {
            reader.number(index_size)?;
            let (offset, length) = (reader.number(offset_size)?, reader.number(length_size)?);
            places += 1;
            if places > ENTRIES_MAX {
                return None;
            }
            extents.push((base.checked_add(offset)?, length));
        }
        if found.len() >= ENTRIES_MAX {
            break;
        }
        found.entry(id).or_insert(Location { method, is_elsewhere, extents });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
    }

    /// A table of places: version 1, places and lengths of so many bytes, then what is told of each item.
    fn iloc(sizes: u8, items: u16, told: &[u8]) -> Vec<u8> {
        [&[1, 0, 0, 0, sizes, 0][..], &items.to_be_bytes(), told].concat()
    }

    #[test]
    fn places_that_take_no_bytes_to_tell_are_bounded() {
        // Items of so many extents, of which neither place nor length is told.
        let told = |items: u16, extents: u16| {
            let item = |id: u16| [id.to_be_bytes(), [0; 2], [0; 2], extents.to_be_bytes()].concat();
            iloc(0, items, &(0..items).flat_map(item).collect::<Vec<_>>())
        };
        for (items, extents, is_whole) in
            [(3, 2, true), (1000, 60, true), (1000, 66, false), (u16::MAX, u16::MAX, false)]
        {
            let mut found = HashMap::new();
            assert_eq!(locations(&told(items, extents), &mut found).is_some(), is_whole, "{items} of {extents}");
            let places: usize = found.values().map(|location: &Location| location.extents.len()).sum();
            assert!(places <= ENTRIES_MAX && found.len() <= ENTRIES_MAX, "{places}");
            assert!(!is_whole || places == usize::from(items) * usize::from(extents), "{places}");
        }
    }

    #[test]
    fn items_that_tables_name_are_bounded() {
        let (few, many) = (1_000u32, 300_000u32);
        for (count, kept) in [(few, few as usize), (many, ENTRIES_MAX)] {
            let ids = || 0..count;
            let one = |id: u32| [&id.to_be_bytes()[..], &[1, 1]].concat();
            let told = ids().flat_map(one).collect::<Vec<_>>();
            let mut found = HashMap::new();
            let _whole = associations(&[&[1, 0, 0, 0][..], &count.to_be_bytes(), &told].concat(), &mut found);
            assert_eq!(found.len(), kept);

            let one = |id: u32| [&id.to_be_bytes()[..], &[0; 6]].concat();
            let told = ids().flat_map(one).collect::<Vec<_>>();
            let table = [&[2, 0, 0, 0, 0, 0][..], &count.to_be_bytes(), &told].concat();
            let mut found = HashMap::new();
            let _whole = locations(&table, &mut found);
            assert_eq!(found.len(), kept);
        }
        let properties = boxed(b"irot", &[1]).repeat(100_000);
        let meta = [&[0; 4][..], &boxed(b"iprp", &boxed(b"ipco", &properties))].concat();
        let file = boxed(b"meta", &meta);
        assert_eq!(Container::open(&file).unwrap().properties.len(), LIMIT);
    }

    #[test]
    fn an_item_in_pieces_is_put_together_and_never_longer_than_the_file() {
        let data = |pieces: &[(u8, u8)]| {
            let told: Vec<u8> = pieces.iter().flat_map(|&(place, length)| [place, length]).collect();
            let item = [&[0, 7, 0, 0, 0, 0][..], &(pieces.len() as u16).to_be_bytes(), &told].concat();
            let meta = [&[0; 4][..], &boxed(b"iloc", &iloc(0x11, 1, &item))].concat();
            let file = [boxed(b"free", b"01234567"), boxed(b"meta", &meta)].concat();
            let found = Container::open(&file).unwrap().data(7).map(Cow::into_owned);
            (found, file.len())
        };
        assert_eq!(data(&[(8, 4), (12, 4)]).0.unwrap(), b"01234567");
        assert_eq!(data(&[(12, 4), (8, 2)]).0.unwrap(), b"456701");
        // All of the file, over and over.
        let (whole, length) = data(&[(0, 0)]);
        assert_eq!(whole.unwrap().len(), length);
        assert_eq!(data(&[(0, 0); 1000]).0, None);
        assert_eq!(data(&[(8, 200)]).0, None, "it ends before");
    }
}
