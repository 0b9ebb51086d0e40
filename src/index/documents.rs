//! What a document's columns say, as the rest of the index means it.

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

/// What was last known of the place that a document is about.
pub(super) fn known_at(segment: &Segment, address: DocAddress) -> Result<Known> {
    let document = address.doc_id;
    let modified = segment.column::<i64>(name::MODIFIED)?.and_then(|column| column.first(document));
    let number = |field| number(segment, field, document);
    Ok(Known {
        stamp: schema::stamp(number(name::BYTES)?.unwrap_or_default(), modified.unwrap_or_default()),
        state: number(name::STATE)?.and_then(schema::state_of).unwrap_or(State::Missing),
        picture: number(name::PICTURE)?.and_then(picture_id),
        pages: number(name::PAGES)?.and_then(|pages| u32::try_from(pages).ok()).unwrap_or(1),
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
