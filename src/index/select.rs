//! A filter -> the pictures and places that pass it.
//!
//! What words and numbers say is asked of tantivy; places are asked by their keys. A selection is two sets of bits, some
//! 125 kB a million pictures each, and a search looks at nothing else: so the best of many copies can't push the
//! ones that were asked for out of the candidates.

use std::ops::Bound;

use tantivy::columnar::ColumnType;
use tantivy::query::{AllQuery, BooleanQuery, ExistsQuery, Occur, PhraseQuery, Query, RangeQuery, TermQuery};
use tantivy::schema::{Field as SchemaField, IndexRecordOption};
use tantivy::tokenizer::{LowerCaser, SimpleTokenizer, TextAnalyzer};
use tantivy::{DocId, Term};

use super::documents::{picture_id, position};
use super::filter::{Condition, Field, Filter, Value};
use super::reader::Reader;
use super::schema::{self, name};
use super::segments::Segment;
use super::{PictureId, State};
use crate::error::{Error, ErrorKind, Result};
use crate::locator::Locator;

/// Kilometres of a degree of latitude.
const DEGREE_KM: f64 = 111.195;
const EARTH_RADIUS_KM: f64 = 6371.0;

/// Numbers that stand together.
const TOGETHER: usize = 1 << 12;
type Part = [u64; TOGETHER / 64];

/// A set of numbers, most of them small. One that is large takes the room of its neighbours alone: half a kilobyte, and
/// eight bytes for each such part before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits(Vec<Option<Box<Part>>>);

impl Bits {
    pub fn insert(&mut self, number: u32) {
        let (part, word) = (number as usize / TOGETHER, number as usize % TOGETHER / 64);
        if part >= self.0.len() {
            self.0.resize(part + 1, None);
        }
        let part = self.0.get_mut(part).map(|part| part.get_or_insert_with(|| Box::new([0; TOGETHER / 64])));
        if let Some(word) = part.and_then(|part| part.get_mut(word)) {
            *word |= 1 << (number % 64);
        }
    }

    pub fn contains(&self, number: u32) -> bool {
        let (part, word) = (number as usize / TOGETHER, number as usize % TOGETHER / 64);
        let part = self.0.get(part).and_then(Option::as_ref);
        part.and_then(|part| part.get(word)).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn retain_in(&mut self, other: &Self) {
        for (i, part) in self.0.iter_mut().enumerate() {
            match (part.as_mut(), other.0.get(i).and_then(Option::as_ref)) {
                (Some(words), Some(other)) => {
                    words.iter_mut().zip(other.iter()).for_each(|(word, other)| *word &= other)
                }
                _ => *part = None,
            }
        }
    }

    pub fn len(&self) -> u64 {
        self.0.iter().flatten().flat_map(|part| part.iter()).map(|word| u64::from(word.count_ones())).sum()
    }
}

/// The pictures that pass a filter, and of their places those that do.
#[derive(Clone, Debug)]
pub struct Selection {
    pictures: Bits,
    /// By segment and document; `None` where every place passes.
    sources: Option<Vec<Bits>>,
}

impl Selection {
    /// Whether a picture passes, and one of its places does.
    pub fn holds(&self, picture: PictureId) -> bool {
        self.pictures.contains(picture.0)
    }

    /// Pictures that pass.
    pub fn pictures(&self) -> u64 {
        self.pictures.len()
    }

    pub(super) fn holds_source(&self, (segment, document): (u32, DocId)) -> bool {
        self.sources
            .as_ref()
            .is_none_or(|sources| sources.get(segment as usize).is_some_and(|documents| documents.contains(document)))
    }
}

fn is_of_source(field: Field) -> bool {
    matches!(field, Field::Path | Field::Page | Field::Title | Field::Alt | Field::Caption | Field::Modified)
}

impl Reader {
    /// The pictures that pass `filter` and stand below one of `within`, where there are any.
    ///
    /// # Errors
    /// `Usage` for what can't be asked of a field; `Damaged`.
    pub fn select(&self, filter: &Filter, within: &[Locator]) -> Result<Selection> {
        self.segments.read(|segments| {
            let (of_source, of_picture): (Vec<_>, Vec<_>) =
                filter.conditions.iter().partition(|condition| is_of_source(condition.field));
            let mut pictures = Bits::default();
            let query = self.all_of(name::ID, &of_picture)?;
            for segment in segments {
                let Some(ids) = segment.column::<u64>(name::ID)? else { continue };
                self.check(segment, &of_picture)?;
                self.segments.each_found(segment, query.as_ref(), |document| {
                    if is_near(segment, &of_picture, document)? {
                        let id = ids.first(document).and_then(picture_id);
                        id.into_iter().for_each(|id| pictures.insert(id.0));
                    }
                    Ok(())
                })?;
            }
            if of_source.is_empty() && within.is_empty() {
                return Ok(Selection { pictures, sources: None });
            }
            let (globs, told): (Vec<_>, Vec<_>) = of_source.into_iter().partition(|c| c.field == Field::Path);
            let query = self.all_of(name::STATE, &told)?;
            let (mut sources, mut standing) = (Vec::new(), Bits::default());
            for segment in segments {
                self.check(segment, &told)?;
                let documents = self.sources_of_segment(segment, query.as_ref(), within, &globs)?;
                if let Some(of) = segment.column::<u64>(name::PICTURE)? {
                    for document in segment.alive().filter(|&document| documents.contains(document)) {
                        let id = of.first(document).and_then(picture_id);
                        id.into_iter().for_each(|id| standing.insert(id.0));
                    }
                }
                sources.push(documents);
            }
            pictures.retain_in(&standing);
            Ok(Selection { pictures, sources: Some(sources) })
        })
    }

    /// The places of a segment that pass.
    fn sources_of_segment(
        &self,
        segment: &Segment,
        query: &dyn Query,
        within: &[Locator],
        globs: &[&Condition],
    ) -> Result<Bits> {
        let mut documents = Bits::default();
        if let Some(states) = segment.column::<u64>(name::STATE)? {
            self.segments.each_found(segment, query, |document| {
                if states.first(document).and_then(schema::state_of) == Some(State::Present) {
                    documents.insert(document);
                }
                Ok(())
            })?;
        }
        if !within.is_empty() {
            let mut below = Bits::default();
            for place in within {
                self.each_key(segment, place, |document| below.insert(document))?;
            }
            documents.retain_in(&below);
        }
        for condition in globs {
            let mut matching = Bits::default();
            self.each_place(segment, |place, document| {
                let text = place.to_string();
                let is_match =
                    condition.any_of.iter().any(|value| matches!(value, Value::Glob(glob) if glob.is_match(&text)));
                if is_match != condition.negated {
                    matching.insert(document);
                }
            })?;
            documents.retain_in(&matching);
        }
        Ok(documents)
    }

    /// Sees to it that tantivy can ask a segment for these conditions.
    fn check(&self, segment: &Segment, conditions: &[&Condition]) -> Result<()> {
        segment.check_column(name::STATE, ColumnType::U64)?;
        for condition in conditions {
            for (column, of) in columns_of(condition.field) {
                segment.check_column(column, *of)?;
            }
            for value in &condition.any_of {
                if let Value::Words(text) = value {
                    segment.check_words(&terms(self.fields().text(condition.field), text))?;
                }
            }
        }
        Ok(())
    }

    /// The documents that have a field and meet all conditions.
    fn all_of(&self, has: &str, conditions: &[&Condition]) -> Result<Box<dyn Query>> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> =
            vec![(Occur::Must, Box::new(ExistsQuery::new(has.into(), false)))];
        for condition in conditions {
            let any: Vec<(Occur, Box<dyn Query>)> = condition
                .any_of
                .iter()
                .map(|value| Ok((Occur::Should, self.query(condition.field, value)?)))
                .collect::<Result<_>>()?;
            // Distance is looked at by document: here only its box, and of what is turned round nothing.
            if condition.negated && condition.any_of.iter().any(|value| matches!(value, Value::Near { .. })) {
                continue;
            }
            let occur = if condition.negated { Occur::MustNot } else { Occur::Must };
            clauses.push((occur, Box::new(BooleanQuery::new(any))));
        }
        Ok(Box::new(BooleanQuery::new(clauses)))
    }

    fn query(&self, field: Field, value: &Value) -> Result<Box<dyn Query>> {
        let fields = self.fields();
        let name = columns_of(field).first().map(|(name, _)| *name);
        let is_present = || -> Result<Box<dyn Query>> {
            let name =
                name.ok_or_else(|| Error::new(ErrorKind::Usage, "a filter's any and none can't be asked of texts"))?;
            Ok(Box::new(ExistsQuery::new(name.into(), false)))
        };
        Ok(match value {
            Value::Any => is_present()?,
            Value::Nothing => {
                Box::new(BooleanQuery::new(vec![(Occur::Must, Box::new(AllQuery)), (Occur::MustNot, is_present()?)]))
            }
            Value::Words(text) => self.phrase(fields.text(field), text),
            Value::Range(from, to) => self.range(field, *from, *to),
            Value::Near { latitude, longitude, kilometres } => {
                let (up, across) =
                    (kilometres / DEGREE_KM, kilometres / DEGREE_KM / latitude.to_radians().cos().max(1e-6));
                let between = |field, from: f64, to: f64| -> Box<dyn Query> {
                    let term = |value| Term::from_field_f64(field, value);
                    Box::new(RangeQuery::new(Bound::Included(term(from)), Bound::Included(term(to))))
                };
                let mut clauses = vec![(Occur::Must, between(fields.latitude, latitude - up, latitude + up))];
                // A box over the date line is two, and around a pole it is all: distance will tell.
                if longitude - across >= -180.0 && longitude + across <= 180.0 {
                    clauses.push((Occur::Must, between(fields.longitude, longitude - across, longitude + across)));
                }
                Box::new(BooleanQuery::new(clauses))
            }
            Value::Glob(_) => Box::new(AllQuery),
        })
    }

    fn range(&self, field: Field, from: i64, to: i64) -> Box<dyn Query> {
        let fields = self.fields();
        let signed = |field: SchemaField, scale: i64| -> Box<dyn Query> {
            let term = |value: i64| Term::from_field_i64(field, value);
            let last = to.saturating_mul(scale).saturating_add(scale - 1);
            Box::new(RangeQuery::new(Bound::Included(term(from.saturating_mul(scale))), Bound::Included(term(last))))
        };
        let unsigned = |field: SchemaField| -> Box<dyn Query> {
            let term = |value: i64| Term::from_field_u64(field, u64::try_from(value).unwrap_or_default());
            Box::new(RangeQuery::new(Bound::Included(term(from)), Bound::Included(term(to))))
        };
        match field {
            Field::Taken => signed(fields.taken, 1),
            Field::Modified => signed(fields.modified, 1_000_000_000),
            Field::Rating => unsigned(fields.rating),
            Field::Pixels => unsigned(fields.pixels),
            Field::Width => unsigned(fields.width),
            Field::Height => unsigned(fields.height),
            Field::Bytes => unsigned(fields.file_bytes),
            Field::Format => unsigned(fields.format),
            _ => Box::new(AllQuery),
        }
    }

    /// The documents in whose field these words follow one another.
    fn phrase(&self, field: SchemaField, text: &str) -> Box<dyn Query> {
        let terms = terms(field, text);
        match terms.len() {
            0 => Box::new(BooleanQuery::new(Vec::new())),
            1 => Box::new(BooleanQuery::new(
                terms
                    .into_iter()
                    .map(|term| (Occur::Must, Box::new(TermQuery::new(term, IndexRecordOption::Basic)) as _))
                    .collect(),
            )),
            _ => Box::new(PhraseQuery::new(terms)),
        }
    }
}

/// The words of a text as tantivy's own analyser makes them when it indexes: letters and digits, in lower case.
fn terms(field: SchemaField, text: &str) -> Vec<Term> {
    let mut analyser = TextAnalyzer::builder(SimpleTokenizer::default()).filter(LowerCaser).build();
    let (mut stream, mut terms) = (analyser.token_stream(text), Vec::new());
    while stream.advance() {
        terms.push(Term::from_field_text(field, &stream.token().text));
    }
    terms
}

/// Whether a picture lies within the distances asked for.
fn is_near(segment: &Segment, conditions: &[&Condition], document: DocId) -> Result<bool> {
    for condition in conditions.iter().filter(|condition| condition.field == Field::Gps) {
        let position = position(segment, document)?;
        let is_met = condition.any_of.iter().any(|value| match value {
            Value::Near { latitude, longitude, kilometres } => {
                position.is_some_and(|position| distance_km(position, (*latitude, *longitude)) <= *kilometres)
            }
            Value::Any => position.is_some(),
            Value::Nothing => position.is_none(),
            _ => true,
        });
        if is_met == condition.negated {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The columns that are asked for a field, the first of which says whether it is known.
fn columns_of(field: Field) -> &'static [(&'static str, ColumnType)] {
    match field {
        Field::Taken => &[(name::TAKEN, ColumnType::I64)],
        Field::Modified => &[(name::MODIFIED, ColumnType::I64)],
        Field::Camera => &[(name::CAMERA, ColumnType::Str)],
        Field::Lens => &[(name::LENS, ColumnType::Str)],
        Field::Rating => &[(name::RATING, ColumnType::U64)],
        Field::Pixels => &[(name::PIXELS, ColumnType::U64)],
        Field::Width => &[(name::WIDTH, ColumnType::U64)],
        Field::Height => &[(name::HEIGHT, ColumnType::U64)],
        Field::Bytes => &[(name::FILE_BYTES, ColumnType::U64)],
        Field::Format => &[(name::FORMAT, ColumnType::U64)],
        Field::Gps => &[(name::LATITUDE, ColumnType::F64), (name::LONGITUDE, ColumnType::F64)],
        Field::Page => &[(name::FETCHED, ColumnType::I64)],
        Field::Path | Field::Title | Field::Alt | Field::Caption => &[],
    }
}

/// Along a great circle (the haversine formula).
fn distance_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (a, b) = ((a.0.to_radians(), a.1.to_radians()), (b.0.to_radians(), b.1.to_radians()));
    let half = |difference: f64| (difference / 2.0).sin().powi(2);
    let chord = half(b.0 - a.0) + a.0.cos() * b.0.cos() * half(b.1 - a.1);
    2.0 * EARTH_RADIUS_KM * chord.min(1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_globe() {
        let (berlin, paris) = ((52.5200, 13.4050), (48.8566, 2.3522));
        assert!((distance_km(berlin, paris) - 878.0).abs() < 2.0);
        assert!((distance_km((0.0, 179.5), (0.0, -179.5)) - DEGREE_KM).abs() < 0.1);
    }

    #[test]
    fn bits_are_what_was_put_in() {
        let mut bits = Bits::default();
        [3, 64, 700].into_iter().for_each(|number| bits.insert(number));
        assert_eq!((0..1000).filter(|&number| bits.contains(number)).collect::<Vec<_>>(), [3, 64, 700]);
        let mut other = Bits::default();
        [64, 5].into_iter().for_each(|number| other.insert(number));
        bits.retain_in(&other);
        assert_eq!((bits.len(), bits.contains(64), bits.contains(1_000_000)), (1, true, false));
        bits.insert(u32::MAX);
        assert!(bits.contains(u32::MAX) && bits.len() == 2);
        assert!(bits.0.iter().flatten().count() == 2, "what lies between two numbers takes no room");
    }
}
