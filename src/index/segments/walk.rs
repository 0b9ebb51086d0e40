//! All of a segment, read as a merge of it would: whether it is one that tantivy can have written.
//!
//! Checksums can't tell. A merge runs on threads of tantivy's, which believe what they read, and `verify` must see what a
//! reader stumbles over: its remedy is to drop it.

use std::path::Path;

use tantivy::columnar::{ColumnType, ColumnarReader, DynamicColumn};
use tantivy::fieldnorm::FieldNormReader;
use tantivy::schema::{Field, FieldType, IndexRecordOption};
use tantivy::{Directory, DocId, InvertedIndexReader, SegmentReader};

use super::Segment;
use crate::error::Result;
use crate::index::opened::Opened;
use crate::index::schema::{Fields, name};

/// More words than this have no documents of a segment together.
const WORDS_MAX: u64 = 1 << 40;

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
        for (field, entry) in fields.schema.fields().filter(|(_, entry)| entry.is_indexed()) {
            let option = entry.field_type().get_index_record_option().unwrap_or(IndexRecordOption::Basic);
            self.walk_field(field, option, fields)?;
            if let Some(norms) = self.norms(field)? {
                for document in 0..self.documents() {
                    let _read = norms.fieldnorm_id(document);
                }
            }
        }
        self.walk_columns(fields)?;
        let states = self.column::<u64>(name::STATE)?;
        for document in 0..self.documents() {
            let is_place = states.as_ref().is_some_and(|states| states.first(document).is_some());
            self.stored(document, |bytes| if is_place { fields.stored(bytes).map(drop) } else { Some(()) })?;
        }
        Ok(())
    }

    fn norms(&self, field: Field) -> Result<Option<FieldNormReader>> {
        self.reader.fieldnorms_readers().get_field(field).map_err(|error| self.damaged(error))
    }

    /// The terms of a field in their order, and their lists.
    fn walk_field(&self, field: Field, option: IndexRecordOption, fields: &Fields) -> Result<()> {
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
        Ok(())
    }

    /// Whether what the lists of a field that is a number say is what its column says.
    fn walk_numbers(&self, terms: &InvertedIndexReader, column: &str) -> Result<()> {
        let column = self.column::<u64>(column)?;
        let mut walk = terms.terms().stream().map_err(|error| self.damaged(error))?;
        while walk.advance() {
            let number = walk.key().first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
            let mut list = self.list(terms, walk.value(), IndexRecordOption::Basic)?;
            while let Some(document) = list.next_any()? {
                let said = column.as_ref().and_then(|column| column.first(document));
                if number.is_none() || said != number {
                    return Err(self.wrong());
                }
            }
        }
        Ok(())
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
                Some(DynamicColumn::U64(column)) => self.walk_values(all, &self.fitting(column)?),
                Some(DynamicColumn::I64(column)) => self.walk_values(all, &self.fitting(column)?),
                Some(DynamicColumn::F64(column)) => self.walk_values(all, &self.fitting(column)?),
                Some(DynamicColumn::Str(column)) => {
                    let names = self.names(&name, &column)?.len();
                    let ordinals = self.fitting(column.ords().clone())?;
                    let is_name = |ordinal: u64| ordinal < names as u64;
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

    fn walk_values<T>(&self, documents: std::ops::Range<DocId>, column: &tantivy::columnar::Column<T>)
    where
        T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static,
    {
        for document in documents {
            let _read = column.first(document);
        }
    }
}
