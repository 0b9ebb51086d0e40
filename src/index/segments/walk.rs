//! All of a segment, read as a merge of it would: whether it is one that tantivy can have written.
//!
//! Checksums can't tell. A merge runs on threads of tantivy's, which believe what they read, and `verify` must see what a
//! reader stumbles over: its remedy is to drop it.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::path::Path;

use tantivy::columnar::{Column, ColumnType, ColumnarReader, DynamicColumn};
use tantivy::schema::{Field, FieldType, IndexRecordOption};
use tantivy::{Directory, DocId, InvertedIndexReader, SegmentReader};

use super::Segment;
use crate::error::Result;
use crate::index::Digest;
use crate::index::opened::Opened;
use crate::index::schema::{Fields, locator_key, name};

/// More words than this have no documents of a segment together.
const WORDS_MAX: u64 = 1 << 40;

/// What documents themselves say of the lists that they are in.
struct Said {
    /// Of each that is a place, a hash of its key that nobody can foresee.
    places: Vec<Option<u64>>,
    /// Which of them are pictures.
    pictures: Vec<bool>,
    hasher: RandomState,
}

impl Segment {
    /// Opens the segment of this description. To be called within [`guarded`](super::guarded).
    ///
    /// # Errors
    /// `Damaged`, `Io`.
    pub fn open<D>(folder: &Path, segment: &tantivy::Segment, opened: &Opened<D>) -> Result<Self> {
        let reader = SegmentReader::open(segment).map_err(|error| super::damaged(folder, error))?;
        Self::of_commit(folder, &reader, segment.meta(), opened)
    }

    /// Reads everything. To be called within [`guarded`](super::guarded).
    ///
    /// # Errors
    /// `Damaged` where anything makes no sense; `Io`.
    pub fn walk(&self, fields: &Fields) -> Result<()> {
        let said = self.walk_stored(fields)?;
        for (field, entry) in fields.schema.fields().filter(|(_, entry)| entry.is_indexed()) {
            let option = entry.field_type().get_index_record_option().unwrap_or(IndexRecordOption::Basic);
            self.walk_field(field, option, fields, &said)?;
            let norms = self.reader.fieldnorms_readers().get_field(field).map_err(|error| self.damaged(error))?;
            // A merge asks for them where the schema has them.
            if norms.is_some() != entry.has_fieldnorms() {
                return Err(self.wrong());
            }
            for document in norms.iter().flat_map(|_| 0..self.documents()) {
                let _read = norms.as_ref().map(|norms| norms.fieldnorm_id(document));
            }
        }
        self.walk_columns(fields)
    }

    /// What is stored, and of each document what its lists must say.
    fn walk_stored(&self, fields: &Fields) -> Result<Said> {
        let [ids, states] = [self.column::<u64>(name::ID)?, self.column::<u64>(name::STATE)?];
        let has = |column: &Option<Column<u64>>, document| column.as_ref().is_some_and(|c| c.first(document).is_some());
        let (mut places, mut pictures) = (Vec::new(), Vec::new());
        let hasher = RandomState::new();
        for document in 0..self.documents() {
            let is_place = has(&states, document);
            let key = self.stored(document, |bytes| match is_place {
                true => fields.stored(bytes).map(|(locator, ..)| Some(hasher.hash_one(locator_key(&locator)))),
                false => Some(None),
            })?;
            places.push(key);
            pictures.push(has(&ids, document));
        }
        Ok(Said { places, pictures, hasher })
    }

    /// The terms of a field in their order, and their lists.
    fn walk_field(&self, field: Field, option: IndexRecordOption, fields: &Fields, said: &Said) -> Result<()> {
        let terms = self.terms(field)?;
        let steps = self.steps();
        let walk = terms.terms().search(&steps).into_stream();
        let mut walk = walk.map_err(|error| self.damaged(error))?;
        let (mut count, mut documents, mut last) = (0, 0u64, Vec::new());
        let (mut postings, mut positions) = (0, 0);
        let is_key = [fields.locator, fields.digest].contains(&field);
        while walk.advance() {
            steps.found();
            let of_term = walk.value();
            let in_order = (count == 0 || last.as_slice() < walk.key()) && walk.term_ord() == count;
            let apart = of_term.postings_range.start >= postings && of_term.positions_range.start >= positions;
            count += 1;
            documents += u64::from(of_term.doc_freq.max(1));
            if !in_order || !apart || (is_key && documents > self.documents().into()) {
                return Err(self.wrong());
            }
            (postings, positions) = (of_term.postings_range.end, of_term.positions_range.end);
            last.clear();
            last.extend_from_slice(walk.key());
            self.check_list(&terms, of_term, option)?;
        }
        if steps.are_spent() || terms.terms().num_terms() as u64 != count || terms.total_num_tokens() > WORDS_MAX {
            return Err(self.wrong());
        }
        for (number, column) in [(fields.id, name::ID), (fields.picture, name::PICTURE), (fields.state, name::STATE)] {
            if number == field {
                self.walk_numbers(&terms, column)?;
            }
        }
        if field == fields.locator {
            let keyed = said.places.iter().flatten().count();
            self.walk_lists(&terms, keyed, |key, document| {
                said.places.get(document as usize).copied().flatten() == Some(said.hasher.hash_one(key))
            })?;
        }
        if field == fields.digest {
            // Nothing else says which digest: that none has two is all that can be asked.
            let mut seen = vec![false; said.pictures.len()];
            let keyed = said.pictures.iter().filter(|is_picture| **is_picture).count();
            self.walk_lists(&terms, keyed, |key, document| {
                let is_picture = said.pictures.get(document as usize).is_some_and(|is_picture| *is_picture);
                let is_first = seen.get_mut(document as usize).is_some_and(|seen| !std::mem::replace(seen, true));
                key.len() == size_of::<Digest>() && is_picture && is_first
            })?;
        }
        Ok(())
    }

    /// Whether what the lists of a field that is a number say is what its column says.
    fn walk_numbers(&self, terms: &InvertedIndexReader, column: &str) -> Result<()> {
        let column = self.column::<u64>(column)?;
        let said = |document| column.as_ref().and_then(|column| column.first(document));
        let keyed = (0..self.documents()).filter(|&document| said(document).is_some()).count();
        self.walk_lists(terms, keyed, |key, document| {
            key.try_into().is_ok_and(|number| said(document) == Some(u64::from_be_bytes(number)))
        })
    }

    /// Whether the lists of a field hold as many documents as have it, each of them where it is right.
    fn walk_lists(
        &self,
        terms: &InvertedIndexReader,
        keyed: usize,
        mut is_right: impl FnMut(&[u8], DocId) -> bool,
    ) -> Result<()> {
        let mut walk = terms.terms().stream().map_err(|error| self.damaged(error))?;
        let mut count = 0;
        while walk.advance() {
            let mut list = self.list(terms, walk.value(), IndexRecordOption::Basic)?;
            while let Some(document) = list.next_any()? {
                if !is_right(walk.key(), document) {
                    return Err(self.wrong());
                }
                count += 1;
            }
        }
        if count == keyed { Ok(()) } else { Err(self.wrong()) }
    }

    /// All columns, of which each must be one of the schema's.
    fn walk_columns(&self, fields: &Fields) -> Result<()> {
        let path = format!("{}.fast", self.reader.segment_id().uuid_string());
        let file = self.reader.index().directory().open_read(Path::new(&path));
        let file = file.map_err(|error| self.damaged(error))?;
        let columns = ColumnarReader::open(file).and_then(|columns| columns.list_columns());
        for (name, _) in columns.map_err(|error| self.damaged(error))? {
            let entry = fields.schema.get_field(&name).map(|field| fields.schema.get_field_entry(field));
            let of = match entry.map(|entry| (entry.is_fast(), entry.field_type())) {
                Ok((true, FieldType::U64(_))) => ColumnType::U64,
                Ok((true, FieldType::I64(_))) => ColumnType::I64,
                Ok((true, FieldType::F64(_))) => ColumnType::F64,
                Ok((true, FieldType::Str(_))) => ColumnType::Str,
                _ => return Err(self.wrong()),
            };
            let all = 0..self.documents();
            match self.only_column(&name, of)? {
                Some(DynamicColumn::U64(column)) => self.walk_values(all, &self.fitting(column)?)?,
                Some(DynamicColumn::I64(column)) => self.walk_values(all, &self.fitting(column)?)?,
                Some(DynamicColumn::F64(column)) => self.walk_values(all, &self.fitting(column)?)?,
                Some(DynamicColumn::Str(column)) => {
                    let names = self.names(&name, &column)?.len();
                    let ordinals = self.fitting(column.ords().clone())?;
                    let is_name = |ordinal: u64| ordinal < names as u64;
                    self.walk_values(all.clone(), &ordinals)?;
                    if column.dictionary().num_terms() != names
                        || !all.filter_map(|document| ordinals.first(document)).all(is_name)
                    {
                        return Err(self.wrong());
                    }
                }
                _ => return Err(self.wrong()),
            }
        }
        Ok(())
    }

    /// The values of a column, one by one and as a search asks for those between two: as many either way.
    fn walk_values<T>(&self, documents: Range<DocId>, column: &Column<T>) -> Result<()>
    where
        T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static,
    {
        let count = documents.clone().filter(|&document| column.first(document).is_some()).count();
        let mut between = Vec::new();
        column.get_docids_for_value_range(column.min_value()..=column.max_value(), documents, &mut between);
        if between.len() == count { Ok(()) } else { Err(self.wrong()) }
    }
}
