//! The tantivy documents of an index, their fields, and the way there and back.

use std::path::{Path, PathBuf};

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, NumericOptions, STORED, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::{TantivyDocument, Term};

use super::{Page, PictureId, PictureRecord, Shown, SourceRecord, State, filter, formats, stored};
use crate::decode::metadata::Metadata;
use crate::locator::{Locator, Stamp};

/// Fast fields are read by name: one place for each name.
pub(super) mod name {
    pub const ID: &str = "id";
    pub const WIDTH: &str = "width";
    pub const HEIGHT: &str = "height";
    pub const FORMAT: &str = "format";
    pub const FILE_BYTES: &str = "file_bytes";
    pub const PARTIAL_DATA: &str = "partial_data";
    pub const DIGEST: &str = "digest";
    pub const LOCATOR: &str = "locator";
    pub const PICTURE: &str = "picture";
    pub const STATE: &str = "state";
    pub const BYTES: &str = "bytes";
    pub const MODIFIED: &str = "modified_ns";
    pub const NOTE: &str = "note";
    pub const PIXELS: &str = "pixels";
    pub const TAKEN: &str = "taken";
    pub const CAMERA: &str = "camera";
    pub const LENS: &str = "lens";
    pub const LATITUDE: &str = "latitude";
    pub const LONGITUDE: &str = "longitude";
    pub const RATING: &str = "rating";
    pub const PAGE: &str = "page";
    pub const TITLE: &str = "title";
    pub const ALT: &str = "alt";
    pub const CAPTION: &str = "caption";
    pub const FETCHED: &str = "fetched_s";
    pub const PAGES: &str = "pages";
}

/// How tantivy marks a text that it stores.
const TEXT: u8 = 0;
/// A signed number.
const NUMBER: u8 = 2;
/// Bytes.
const BYTES: u8 = 4;

/// The fields. A picture document has `id`, `digest` and the facts of its file; a source document has
/// `locator`, `picture` and what was last seen there.
pub(super) struct Fields {
    pub schema: Schema,
    pub id: Field,
    pub digest: Field,
    pub locator: Field,
    pub picture: Field,
    pub state: Field,
    pub width: Field,
    pub height: Field,
    pub format: Field,
    pub file_bytes: Field,
    partial_data: Field,
    bytes: Field,
    pub modified: Field,
    note: Field,
    pub pixels: Field,
    pub taken: Field,
    camera: Field,
    lens: Field,
    pub latitude: Field,
    pub longitude: Field,
    pub rating: Field,
    page: Field,
    title: Field,
    alt: Field,
    caption: Field,
    fetched: Field,
    pages: Field,
}

impl Fields {
    pub fn new() -> Self {
        let mut builder = Schema::builder();
        let fast = || NumericOptions::from(FAST);
        let keyed = || NumericOptions::from(FAST | INDEXED);
        // Words and their places, so that phrases are found; numbers of how often they stand there are for ranking.
        let words = || {
            let indexing = TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqsAndPositions);
            TextOptions::default().set_indexing_options(indexing.set_fieldnorms(false))
        };
        // Names that many pictures share: a column with a dictionary.
        let named = || words().set_fast("raw");
        let told = || words().set_stored();
        Self {
            id: builder.add_u64_field(name::ID, keyed()),
            digest: builder.add_bytes_field(name::DIGEST, INDEXED),
            width: builder.add_u64_field(name::WIDTH, fast()),
            height: builder.add_u64_field(name::HEIGHT, fast()),
            format: builder.add_u64_field(name::FORMAT, fast()),
            file_bytes: builder.add_u64_field(name::FILE_BYTES, fast()),
            partial_data: builder.add_u64_field(name::PARTIAL_DATA, fast()),
            locator: builder.add_bytes_field(name::LOCATOR, INDEXED | STORED),
            picture: builder.add_u64_field(name::PICTURE, keyed()),
            state: builder.add_u64_field(name::STATE, keyed()),
            bytes: builder.add_u64_field(name::BYTES, fast()),
            modified: builder.add_i64_field(name::MODIFIED, fast()),
            note: builder.add_bytes_field(name::NOTE, STORED),
            pixels: builder.add_u64_field(name::PIXELS, fast()),
            taken: builder.add_i64_field(name::TAKEN, fast()),
            camera: builder.add_text_field(name::CAMERA, named()),
            lens: builder.add_text_field(name::LENS, named()),
            latitude: builder.add_f64_field(name::LATITUDE, fast()),
            longitude: builder.add_f64_field(name::LONGITUDE, fast()),
            rating: builder.add_u64_field(name::RATING, fast()),
            page: builder.add_text_field(name::PAGE, told()),
            title: builder.add_text_field(name::TITLE, told()),
            alt: builder.add_text_field(name::ALT, told()),
            caption: builder.add_text_field(name::CAPTION, told()),
            fetched: builder.add_i64_field(name::FETCHED, NumericOptions::from(FAST | STORED)),
            pages: builder.add_u64_field(name::PAGES, fast()),
            schema: builder.build(),
        }
    }

    pub fn picture_document(&self, id: PictureId, record: &PictureRecord) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_u64(self.id, id.0.into());
        document.add_bytes(self.digest, &record.digest.0);
        document.add_u64(self.width, record.width.into());
        document.add_u64(self.height, record.height.into());
        document.add_u64(self.format, formats::format_code(record.format));
        document.add_u64(self.file_bytes, record.bytes);
        // Almost none has it: it costs nothing where it is not.
        if record.partial_data {
            document.add_u64(self.partial_data, 1);
        }
        document.add_u64(self.pixels, u64::from(record.width) * u64::from(record.height));
        let Metadata { taken, camera, lens, position, rating } = &record.metadata;
        if let Some(taken) = taken {
            document.add_i64(self.taken, *taken);
        }
        for (field, text) in [(self.camera, camera), (self.lens, lens)] {
            if let Some(text) = text {
                document.add_text(field, text);
            }
        }
        if let Some((latitude, longitude)) = position {
            document.add_f64(self.latitude, *latitude);
            document.add_f64(self.longitude, *longitude);
        }
        if let Some(rating) = rating {
            document.add_u64(self.rating, u64::from(*rating));
        }
        document
    }

    pub fn source_document(&self, record: &SourceRecord) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_bytes(self.locator, &locator_key(&record.locator));
        if let Some(id) = record.picture {
            document.add_u64(self.picture, id.0.into());
        }
        document.add_u64(self.state, state_code(record.state));
        document.add_u64(self.bytes, record.stamp.bytes);
        if record.locator.url().is_none() || record.stamp.modified_ns != 0 {
            document.add_i64(self.modified, record.stamp.modified_ns);
        }
        if !record.note.is_empty() {
            document.add_bytes(self.note, record.note.as_bytes());
        }
        if record.pages > 1 {
            document.add_u64(self.pages, record.pages.into());
        }
        if let Some(shown) = &record.shown {
            for Page { url, title, alt, caption } in &shown.on {
                for (field, text) in [(self.page, url), (self.title, title), (self.alt, alt), (self.caption, caption)] {
                    // What belongs to one page of several stands at the same place of each field.
                    if !text.is_empty() || shown.on.len() > 1 {
                        document.add_text(field, text);
                    }
                }
            }
            document.add_i64(self.fetched, shown.fetched_s);
        }
        document
    }

    /// What tantivy stored of a source document: its locator, its note and where it was shown. `None` where that makes no
    /// sense.
    pub fn stored(&self, mut bytes: &[u8]) -> Option<(Locator, String, Option<Box<Shown>>)> {
        let (mut locator, mut note, mut fetched) = (None, String::new(), None);
        let fields = [self.page, self.title, self.alt, self.caption];
        let mut texts: [Vec<String>; 4] = Default::default();
        for _ in 0..stored::varint(&mut bytes)? {
            let field = Field::from_field_id(stored::u32(&mut bytes)?);
            // Other sorts of values are never stored.
            let sort = *stored::take(&mut bytes, 1)?.first()?;
            let [is_text, is_number, is_bytes] = [TEXT, NUMBER, BYTES].map(|of| sort == of);
            if is_number && field == self.fetched {
                fetched = Some(stored::u64(&mut bytes)?.cast_signed());
                continue;
            }
            let length = usize::try_from(stored::varint(&mut bytes)?).ok()?;
            let value = stored::take(&mut bytes, length)?;
            match fields.iter().zip(&mut texts).find(|(of, _)| **of == field) {
                Some((_, texts)) if is_text => texts.push(String::from_utf8(value.to_vec()).ok()?),
                _ if is_bytes && field == self.locator => locator = Some(locator_from_key(value)?),
                _ if is_bytes && field == self.note => note = String::from_utf8_lossy(value).into_owned(),
                _ => return None,
            }
        }
        let shown = fetched.map(|fetched_s| {
            let mut texts = texts.map(Vec::into_iter);
            let mut on = Vec::new();
            loop {
                let next = texts.each_mut().map(Iterator::next);
                if next.iter().all(Option::is_none) {
                    break;
                }
                let [url, title, alt, caption] = next.map(Option::unwrap_or_default);
                on.push(Page { url, title, alt, caption });
            }
            Box::new(Shown { on, fetched_s })
        });
        Some((locator?, note, shown))
    }

    /// The field that holds words of this kind.
    pub fn text(&self, field: filter::Field) -> Field {
        match field {
            filter::Field::Camera => self.camera,
            filter::Field::Lens => self.lens,
            filter::Field::Page => self.page,
            filter::Field::Title => self.title,
            filter::Field::Caption => self.caption,
            _ => self.alt,
        }
    }

    pub fn locator_term(&self, locator: &Locator) -> Term {
        Term::from_field_bytes(self.locator, &locator_key(locator))
    }
}

/// The states in the order of their codes in the index.
const STATES: [State; 5] = [State::Present, State::Missing, State::Failed, State::Skipped, State::Archive];

pub(super) fn state_code(state: State) -> u64 {
    STATES.iter().position(|known| *known == state).unwrap_or_default() as u64
}

pub(super) fn state_of(code: u64) -> Option<State> {
    STATES.get(usize::try_from(code).ok()?).copied()
}

pub(super) fn stamp(bytes: u64, modified_ns: i64) -> Stamp {
    Stamp { bytes, modified_ns }
}

/// Between an archive and the names inside it: no path and no name holds it.
const INSIDE: u8 = 0;

/// Between a file and the number of its page: no name in an archive is empty.
const PAGE: [u8; 2] = [INSIDE, INSIDE];

/// A locator as the bytes that key it: a path's own bytes, so that a folder's sources are one range of keys, and so are
/// an archive's, and a file's pages.
pub(super) fn locator_key(locator: &Locator) -> Vec<u8> {
    match locator {
        Locator::Path(path) => path_key(path),
        // No path begins so: those in an index are absolute, or below the index's own folder and without empty names.
        Locator::Url(url) => url.as_bytes().to_vec(),
        Locator::Inside { archive, names } => {
            let mut key = path_key(archive);
            for name in names {
                key.push(INSIDE);
                key.extend(name);
            }
            key
        }
        Locator::Page { of, number } => [&locator_key(of), &PAGE[..], number.to_string().as_bytes()].concat(),
    }
}

pub(super) fn locator_from_key(key: &[u8]) -> Option<Locator> {
    match key.windows(PAGE.len()).position(|bytes| bytes == PAGE) {
        // A page has no pages: what is no number makes no sense.
        Some(end) => {
            let number = std::str::from_utf8(key.get(end + PAGE.len()..)?).ok()?.parse().ok()?;
            Some(file_from_key(key.get(..end)?)?.page(number))
        }
        None => file_from_key(key),
    }
}

/// A locator that is no page.
fn file_from_key(key: &[u8]) -> Option<Locator> {
    if key.starts_with(b"http://") || key.starts_with(b"https://") {
        return Some(Locator::Url(String::from_utf8(key.to_vec()).ok()?));
    }
    let mut parts = key.split(|&byte| byte == INSIDE);
    let path = path_from_key(parts.next()?)?;
    let names: Vec<_> = parts.map(<[u8]>::to_vec).collect();
    Some(if names.is_empty() { Locator::Path(path) } else { Locator::Inside { archive: path, names } })
}

#[cfg(unix)]
pub(super) fn path_key(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(unix)]
pub(super) fn path_from_key(key: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(key)))
}

#[cfg(not(unix))]
pub(super) fn path_key(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

#[cfg(not(unix))]
pub(super) fn path_from_key(key: &[u8]) -> Option<PathBuf> {
    Some(PathBuf::from(String::from_utf8(key.to_vec()).ok()?))
}

/// The half-open ranges of keys that stand inside a file, as entries or pages, and below a folder, of this name.
pub(super) fn keys_below(place: &Locator) -> [(Vec<u8>, Vec<u8>); 2] {
    let mut key = locator_key(place);
    let separator = std::path::MAIN_SEPARATOR as u8;
    while key.last() == Some(&separator) {
        key.pop();
    }
    [INSIDE, separator].map(|byte| ([key.as_slice(), &[byte]].concat(), [key.as_slice(), &[byte + 1]].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(archive: &str, names: &[&[u8]]) -> Locator {
        Locator::Inside { archive: archive.into(), names: names.iter().map(|name| name.to_vec()).collect() }
    }

    #[test]
    fn the_places_inside_an_archive_are_one_range_within_that_of_its_folder_and_no_other_has_their_keys() {
        let within = [inside("/a/b.zip", &[b"x/y.jpg"]), inside("/a/b.zip", &[b"c.cbz", b"\xFF.jpg"])];
        let [of_archive, below] = keys_below(&Locator::from(Path::new("/a/b.zip")));
        let [_, of_folder] = keys_below(&Locator::from(Path::new("/a/")));
        for place in &within {
            let key = locator_key(place);
            assert!(of_archive.0 <= key && key < of_archive.1, "{place}");
            assert!(of_folder.0 <= key && key < of_folder.1, "{place}");
            assert_eq!(locator_from_key(&key).as_ref(), Some(place));
        }
        for place in [inside("/a/b.zip", &[b"c.cbz", b"x.tif"]).page(12), Locator::from(Path::new("/a/b.zip")).page(2)]
        {
            let key = locator_key(&place);
            assert!(of_archive.0 <= key && key < of_archive.1, "{place}");
            assert_eq!(locator_from_key(&key), Some(place));
        }
        let lookalike = Locator::from(Path::new("/a/b.zip!/x/y.jpg"));
        assert_eq!(lookalike.to_string(), within[0].to_string());
        let key = locator_key(&lookalike);
        assert!(key != locator_key(&within[0]) && !(of_archive.0 <= key && key < of_archive.1));
        assert!(!(below.0 <= key && key < below.1));
    }
}
