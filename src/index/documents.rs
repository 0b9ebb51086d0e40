//! What a document's columns say, as the rest of the index means it.

use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId};

use super::reader::Known;
use super::schema::{self, name};
use super::segments::Segment;
use super::{PictureId, State};
use crate::decode::metadata::Metadata;
use crate::error::Result;

pub(super) fn picture_id(number: u64) -> Option<PictureId> {
    u32::try_from(number).ok().map(PictureId)
}

/// A number that a document has.
pub(super) fn number(segment: &Segment, field: &str, document: DocId) -> Result<Option<u64>> {
    Ok(segment.column::<u64>(field)?.and_then(|column| column.first(document)))
}

/// The columns of what was last known of a place. They are opened once for a segment: a run asks them for each file.
pub(super) struct Places {
    modified: Option<Column<i64>>,
    bytes: Option<Column<u64>>,
    state: Option<Column<u64>>,
    picture: Option<Column<u64>>,
    pages: Option<Column<u64>>,
}

impl Places {
    /// Opens them.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn open(segment: &Segment) -> Result<Self> {
        Ok(Self {
            modified: segment.column(name::MODIFIED)?,
            bytes: segment.column(name::BYTES)?,
            state: segment.column(name::STATE)?,
            picture: segment.column(name::PICTURE)?,
            pages: segment.column(name::PAGES)?,
        })
    }

    /// What was found at the place that a document is about; `None` where it is about a picture.
    pub fn state(&self, document: DocId) -> Option<State> {
        number_in(self.state.as_ref(), document).map(|state| schema::state_of(state).unwrap_or(State::Missing))
    }
}

fn number_in(column: Option<&Column<u64>>, document: DocId) -> Option<u64> {
    column.and_then(|column| column.first(document))
}

/// What was last known of the place that a document is about.
pub(super) fn known_at(segment: &Segment, address: DocAddress) -> Result<Known> {
    let document = address.doc_id;
    let Places { modified, bytes, picture, pages, .. } = segment.places()?;
    let modified = modified.as_ref().and_then(|column| column.first(document));
    let number = |column: &Option<Column<u64>>| number_in(column.as_ref(), document);
    Ok(Known {
        stamp: schema::stamp(number(bytes).unwrap_or_default(), modified.unwrap_or_default()),
        state: segment.places()?.state(document).unwrap_or(State::Missing),
        picture: number(picture).and_then(picture_id),
        pages: number(pages).and_then(|pages| u32::try_from(pages).ok()).unwrap_or(1),
        address,
    })
}

/// What a picture's document says of how it came about.
pub(super) fn metadata(segment: &Segment, document: DocId) -> Result<Metadata> {
    Ok(Metadata {
        taken: segment.column::<i64>(name::TAKEN)?.and_then(|column| column.first(document)),
        camera: segment.name(name::CAMERA, document)?,
        lens: segment.name(name::LENS, document)?,
        position: position(segment, document)?,
        rating: number(segment, name::RATING, document)?.and_then(|rating| u8::try_from(rating).ok()),
    })
}

/// Where a picture was taken.
pub(super) fn position(segment: &Segment, document: DocId) -> Result<Option<(f64, f64)>> {
    let value = |field| Ok(segment.column::<f64>(field)?.and_then(|column| column.first(document)));
    Ok(value(name::LATITUDE)?.zip(value(name::LONGITUDE)?))
}
