//! A filter -> the pictures and places that pass it.
//!
//! What words and numbers say is asked of tantivy; places are asked by their keys. A selection is two sets of bits, some
//! 125 kB a million pictures each, and a search looks at nothing else: so the best of many copies can't push the
//! ones that were asked for out of the candidates.

use std::ops::Bound;

use tantivy::query::{
    AllQuery, BooleanQuery, EnableScoring, ExistsQuery, Occur, PhraseQuery, Query, RangeQuery, TermQuery,
};
use tantivy::schema::{Field as SchemaField, IndexRecordOption};
use tantivy::tokenizer::{LowerCaser, SimpleTokenizer, TextAnalyzer};
use tantivy::{DocId, SegmentReader, Term};

use super::filter::{Condition, Field, Filter, Value};
use super::reader::Reader;
use super::schema::{self, name};
use super::{PictureId, State};
use crate::error::{Error, ErrorKind, Result};
use crate::locator::Locator;

/// Kilometres of a degree of latitude.
const DEGREE_KM: f64 = 111.195;
const EARTH_RADIUS_KM: f64 = 6371.0;

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub fn insert(&mut self, number: u32) {
        let word = number as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (number % 64);
        }
    }

    pub fn contains(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn retain_in(&mut self, other: &Self) {
        for (i, word) in self.0.iter_mut().enumerate() {
            *word &= other.0.get(i).copied().unwrap_or_default();
        }
    }

    pub fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
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
        let (of_source, of_picture): (Vec<_>, Vec<_>) =
            filter.conditions.iter().partition(|condition| is_of_source(condition.field));
        let mut pictures = Bits::default();
        let query = self.all_of(name::ID, &of_picture)?;
        for segment in self.searcher.segment_readers() {
            let Some(ids) = self.column(segment, name::ID)? else { continue };
            self.each_document(segment, query.as_ref(), |document| {
                if self.is_near(segment, &of_picture, document)? {
                    let id = ids.first(document).and_then(|id| u32::try_from(id).ok());
                    id.into_iter().for_each(|id| pictures.insert(id));
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
        for segment in self.searcher.segment_readers() {
            let mut documents = Bits::default();
            let states = self.column(segment, name::STATE)?;
            self.each_document(segment, query.as_ref(), |document| {
                let state = states.as_ref().and_then(|states| states.first(document)).and_then(schema::state_of);
                if state == Some(State::Present) {
                    documents.insert(document);
                }
                Ok(())
            })?;
            if !within.is_empty() {
                let mut below = Bits::default();
                for place in within {
                    self.each_key(segment, place, |_, document| below.insert(document))?;
                }
                documents.retain_in(&below);
            }
            for condition in &globs {
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
            if let Some(of) = self.column(segment, name::PICTURE)? {
                for document in segment.doc_ids_alive().filter(|&document| documents.contains(document)) {
                    let id = of.first(document).and_then(|id| u32::try_from(id).ok());
                    id.into_iter().for_each(|id| standing.insert(id));
                }
            }
            sources.push(documents);
        }
        pictures.retain_in(&standing);
        Ok(Selection { pictures, sources: Some(sources) })
    }

    fn each_document(
        &self,
        segment: &SegmentReader,
        query: &dyn Query,
        mut visit: impl FnMut(DocId) -> Result<()>,
    ) -> Result<()> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher));
        let weight = weight.map_err(|error| self.damaged(error))?;
        let mut outcome = Ok(());
        let read = weight.for_each_no_score(segment, &mut |documents| {
            for &document in documents {
                if outcome.is_ok() && !segment.is_deleted(document) {
                    outcome = visit(document);
                }
            }
        });
        read.map_err(|error| self.damaged(error))?;
        outcome
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
        let name = column_of(field);
        let is_present = || -> Result<Box<dyn Query>> {
            let name =
                name.ok_or_else(|| Error::new(ErrorKind::Usage, "--where: any and none can't be asked of texts"))?;
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
        // As tantivy's own analyser does when it indexes: words of letters and digits, in lower case.
        let mut analyser = TextAnalyzer::builder(SimpleTokenizer::default()).filter(LowerCaser).build();
        let (mut stream, mut terms) = (analyser.token_stream(text), Vec::new());
        while stream.advance() {
            terms.push(Term::from_field_text(field, &stream.token().text));
        }
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

    /// Whether a picture lies within the distances asked for.
    fn is_near(&self, segment: &SegmentReader, conditions: &[&Condition], document: DocId) -> Result<bool> {
        for condition in conditions.iter().filter(|condition| condition.field == Field::Gps) {
            let position = self.position(segment, document)?;
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
}

/// The column that says whether a field is known.
fn column_of(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::Taken => name::TAKEN,
        Field::Modified => name::MODIFIED,
        Field::Camera => name::CAMERA,
        Field::Lens => name::LENS,
        Field::Rating => name::RATING,
        Field::Pixels => name::PIXELS,
        Field::Width => name::WIDTH,
        Field::Height => name::HEIGHT,
        Field::Bytes => name::FILE_BYTES,
        Field::Format => name::FORMAT,
        Field::Gps => name::LATITUDE,
        Field::Page => name::FETCHED,
        Field::Path | Field::Title | Field::Alt | Field::Caption => return None,
    })
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
    }
}
