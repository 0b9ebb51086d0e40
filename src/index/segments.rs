//! The segments of a commit, and the only way to what tantivy reads of them.
//!
//! An index can come from anyone, with all checksums right and every byte hostile. tantivy trusts what it wrote: it
//! panics on what makes no sense, and it loops as often as a number in a file says. So everything that is read goes
//! through [`Segments::read`], where a panic is `Damaged`; and what a [`Segment`] gives out is held against the sizes of
//! its files first: documents, the values of columns, the lists of terms, and the walk through a dictionary.

mod walk;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tantivy::columnar::{Column, ColumnIndex, ColumnType, DynamicColumn, HasAssociatedColumnType, StrColumn};
use tantivy::index::SegmentId;
use tantivy::postings::{Postings as _, SegmentPostings, TermInfo};
use tantivy::query::{EnableScoring, Query};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{
    DocId, DocSet, Index, IndexMeta, IndexSettings, InvertedIndexReader, ReloadPolicy, Searcher, SegmentMeta,
    SegmentReader, TERMINATED, Term,
};
use tantivy_fst::Automaton;

use super::documents::Places;
use super::opened::{Opened, Seen};
use super::reader::damaged;
use super::schema::Fields;
use super::stored::{Stored, nonsense};
use crate::error::{Error, Result};
use crate::panics;

/// The longest term that tantivy takes.
const TERM_MAX: u32 = 1 << 16;
/// Steps of a walk through a dictionary, and bytes of names, for each byte of a segment's files. Paths of a thousand
/// characters that begin alike, each in a folder of its own, take three.
const STEPS: u64 = 64;
/// Bytes of a posting list for each of its documents, at most: five for its number, five for how often the term stands
/// there, and what skips over blocks of 128.
const POSTING_MAX: usize = 16;
/// Places of a word in a document: the texts of a hundred pages, 500 characters each, have fewer words.
const PLACES_MAX: u32 = 1 << 20;
/// Numbers of commits begin at 0 and grow by one for each document.
const OPSTAMP_MAX: u64 = 1 << 62;

/// Runs what reads an index through tantivy: a panic is an answer.
///
/// # Errors
/// `Damaged`, and those of `read`.
pub(super) fn guarded<T>(folder: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    panics::contained(read).unwrap_or_else(|| Err(damaged(folder, nonsense().into())))
}

/// The segments of one commit.
pub(super) struct Segments {
    folder: PathBuf,
    searcher: Searcher,
    segments: Vec<Segment>,
}

/// A segment.
pub(super) struct Segment {
    folder: PathBuf,
    reader: SegmentReader,
    stored: Arc<Stored>,
    /// Bytes of all its files.
    bytes: u64,
    /// What columns have names for, by the field.
    names: Mutex<HashMap<String, Arc<[Box<str>]>>>,
    /// Columns that were opened, which is many times the work of looking something up in one.
    columns: Mutex<HashMap<String, Option<DynamicColumn>>>,
    places: OnceLock<Places>,
}

impl Segments {
    /// Opens those of the last commit of an index, whose directory is `opened`. Returns what the commit says, too.
    ///
    /// # Errors
    /// `Damaged`, `Io`; where a file is not there, the cause says so.
    pub fn open<D>(folder: &Path, index: &Index, opened: &Opened<D>) -> Result<(Self, Option<String>)> {
        let damaged = |error: tantivy::TantivyError| damaged(folder, error);
        let before = index.load_metas().map_err(damaged)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(damaged)?;
        let searcher = reader.searcher();
        let commit = index.load_metas().map_err(damaged)?;
        if !is_usual(&commit) {
            return Err(damaged(nonsense().into()));
        }
        // Between the two a writer has committed: what was deleted in a segment would not agree with what the commit says.
        let said = |commit: &IndexMeta| {
            let segments = commit.segments.iter().map(|segment| (segment.id(), segment.num_deleted_docs()));
            (commit.opstamp, segments.collect::<Vec<_>>())
        };
        if said(&before) != said(&commit) {
            return Err(damaged(std::io::Error::from(std::io::ErrorKind::NotFound).into()));
        }
        let mut segments = Vec::with_capacity(commit.segments.len());
        for reader in searcher.segment_readers() {
            let Some(of_commit) = commit.segments.iter().find(|segment| segment.id() == reader.segment_id()) else {
                // As above.
                return Err(damaged(std::io::Error::from(std::io::ErrorKind::NotFound).into()));
            };
            segments.push(Segment::of_commit(folder, reader, of_commit, opened)?);
        }
        Ok((Self { folder: folder.to_owned(), searcher, segments }, commit.payload))
    }

    /// Those of an index without a commit.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn none(folder: &Path, index: &Index) -> Result<Self> {
        let searcher = index.reader().map_err(|error| damaged(folder, error))?.searcher();
        Ok(Self { folder: folder.to_owned(), searcher, segments: Vec::new() })
    }

    /// Reads.
    ///
    /// # Errors
    /// `Damaged`, and those of `read`.
    pub fn read<T>(&self, read: impl FnOnce(&[Segment]) -> Result<T>) -> Result<T> {
        guarded(&self.folder, || read(&self.segments))
    }

    /// How many documents each segment has, those that were deleted among them.
    pub fn sizes(&self) -> impl Iterator<Item = u32> {
        self.segments.iter().map(Segment::documents)
    }

    /// Their names.
    pub fn ids(&self) -> impl Iterator<Item = SegmentId> {
        self.segments.iter().map(|segment| segment.reader.segment_id())
    }

    /// Reads everything in the segment of this name, if it is one of these.
    ///
    /// # Errors
    /// `Damaged` where anything makes no sense; `Io`.
    pub fn walk(&self, id: SegmentId, fields: &Fields) -> Result<()> {
        self.read(|segments| match segments.iter().find(|segment| segment.reader.segment_id() == id) {
            Some(segment) => segment.walk(fields),
            None => Ok(()),
        })
    }

    /// Sees to it that tantivy can delete what holds a term: it does so on a thread whose panic ends the process.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn check_term(&self, term: &Term) -> Result<()> {
        self.read(|segments| {
            for segment in segments {
                let mut found = segment.with(term)?;
                while found.next_any()?.is_some() {}
            }
            Ok(())
        })
    }

    /// The largest value that the columns of a field say they have.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn largest(&self, field: &str) -> Result<Option<u64>> {
        self.read(|segments| {
            let mut largest = None;
            for segment in segments {
                largest = largest.max(segment.column::<u64>(field)?.map(|column| column.max_value()));
            }
            Ok(largest)
        })
    }

    /// That something makes no sense.
    pub fn wrong(&self) -> Error {
        damaged(&self.folder, nonsense().into())
    }

    /// Calls `visit` with the documents of a segment that a query finds. To be called within [`read`](Self::read), once
    /// it was seen that the segment [is fit](Segment::check_words) for the query.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_found(
        &self,
        segment: &Segment,
        query: &dyn Query,
        mut visit: impl FnMut(DocId) -> Result<()>,
    ) -> Result<()> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher));
        let weight = weight.map_err(|error| damaged(&self.folder, error))?;
        let mut outcome = Ok(());
        let read = weight.for_each_no_score(&segment.reader, &mut |documents| {
            for &document in documents {
                outcome = std::mem::replace(&mut outcome, Ok(())).and_then(|()| match segment.is_alive(document)? {
                    true => visit(document),
                    false => Ok(()),
                });
            }
        });
        read.map_err(|error| damaged(&self.folder, error))?;
        outcome
    }
}

/// Whether a commit of tantivy's is one that ris makes: settings and numbers steer what a writer does next.
pub(super) fn is_usual(commit: &IndexMeta) -> bool {
    let distinct: HashSet<_> = commit.segments.iter().map(SegmentMeta::id).collect();
    commit.index_settings == IndexSettings::default()
        && commit.persisted_custom_extensions.is_empty()
        && commit.opstamp < OPSTAMP_MAX
        && distinct.len() == commit.segments.len()
}

impl Segment {
    fn of_commit<D>(folder: &Path, reader: &SegmentReader, commit: &SegmentMeta, opened: &Opened<D>) -> Result<Self> {
        let is_counted = commit.num_deleted_docs().checked_add(reader.num_docs()) == Some(reader.max_doc());
        let seen = opened.seen(&reader.segment_id().uuid_string());
        let segment = Self::of(folder, reader, seen).filter(|_| is_counted);
        segment.ok_or_else(|| damaged(folder, nonsense().into()))
    }

    /// `None` where what its files say of how many documents there are differs, or can't be.
    fn of(folder: &Path, reader: &SegmentReader, seen: Seen) -> Option<Self> {
        let Seen { bytes, postings, rows, stored } = seen;
        let (documents, stored) = (reader.max_doc(), stored?);
        let deleted = reader.alive_bitset().is_none_or(|alive| {
            let words = u64::from(documents.div_ceil(64));
            alive.bitset().max_value() == documents && alive.space_usage().get_bytes() == 8 * words
        });
        // Each document has a digest or a place of its own: a byte in the list of that term.
        let fits = u64::from(documents) <= postings && rows == documents && stored.documents() == documents;
        (deleted && fits).then(|| Self {
            folder: folder.to_owned(),
            reader: reader.clone(),
            stored,
            bytes,
            names: Mutex::default(),
            columns: Mutex::default(),
            places: OnceLock::new(),
        })
    }

    fn damaged(&self, error: impl Into<tantivy::TantivyError>) -> Error {
        damaged(&self.folder, error.into())
    }

    fn wrong(&self) -> Error {
        self.damaged(nonsense())
    }

    /// How many documents there are, those that were deleted among them.
    pub fn documents(&self) -> u32 {
        self.reader.max_doc()
    }

    /// Those that were not deleted.
    pub fn alive(&self) -> impl Iterator<Item = DocId> {
        self.reader.doc_ids_alive()
    }

    /// Whether any was deleted.
    pub fn has_deleted(&self) -> bool {
        self.reader.alive_bitset().is_some()
    }

    /// Whether a document was not deleted.
    ///
    /// # Errors
    /// `Damaged` where there is none of this number.
    pub fn is_alive(&self, document: DocId) -> Result<bool> {
        if document < self.documents() { Ok(!self.reader.is_deleted(document)) } else { Err(self.wrong()) }
    }

    /// The columns of what is known of places.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn places(&self) -> Result<&Places> {
        if let Some(places) = self.places.get() {
            return Ok(places);
        }
        let places = Places::open(self)?;
        Ok(self.places.get_or_init(|| places))
    }

    /// The column of a field that is a number.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn column<T: HasAssociatedColumnType>(&self, field: &str) -> Result<Option<Column<T>>>
    where
        DynamicColumn: Into<Option<Column<T>>>,
    {
        let column: Option<Column<T>> = match self.only_column(field, T::column_type())? {
            Some(column) => column.into(),
            None => return Ok(None),
        };
        column.map(|column| self.fitting(column)).transpose()
    }

    /// The column of a field, which is the only one of its name, and of this type.
    fn only_column(&self, field: &str, of: ColumnType) -> Result<Option<DynamicColumn>> {
        let mut opened = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = opened.get(field) {
            return match column {
                Some(column) if column.column_type() != of => Err(self.wrong()),
                column => Ok(column.clone()),
            };
        }
        let column = self.open_column(field, of)?;
        opened.insert(field.to_owned(), column.clone());
        Ok(column)
    }

    fn open_column(&self, field: &str, of: ColumnType) -> Result<Option<DynamicColumn>> {
        let columns = self.reader.fast_fields().dynamic_column_handles(field).map_err(|error| self.damaged(error))?;
        match columns.as_slice() {
            [] => Ok(None),
            [column] if column.column_type() == of => column.open().map(Some).map_err(|error| self.damaged(error)),
            _ => Err(self.wrong()),
        }
    }

    /// A column, once it has as many values as there can be: one a document at most.
    fn fitting<T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static>(
        &self,
        column: Column<T>,
    ) -> Result<Column<T>> {
        let fits = match &column.index {
            ColumnIndex::Empty { num_docs } => *num_docs == self.documents(),
            ColumnIndex::Full => column.values.num_vals() == self.documents(),
            ColumnIndex::Optional(index) => {
                index.num_docs() == self.documents() && index.num_non_nulls() == column.values.num_vals()
            }
            ColumnIndex::Multivalued(_) => false,
        };
        if fits { Ok(column) } else { Err(self.wrong()) }
    }

    /// What a field that is a name holds for a document.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn name(&self, field: &str, document: DocId) -> Result<Option<String>> {
        let Some(DynamicColumn::Str(column)) = self.only_column(field, ColumnType::Str)? else { return Ok(None) };
        let Some(ordinal) = self.fitting(column.ords().clone())?.first(document) else { return Ok(None) };
        let names = self.names(field, &column)?;
        let name = usize::try_from(ordinal).ok().and_then(|ordinal| names.get(ordinal));
        name.map(|name| Some(name.to_string())).ok_or_else(|| self.wrong())
    }

    /// All that a column has names for, in their order; kept. Where one alone is looked for, a block is read from its start,
    /// and that may be all of the dictionary.
    fn names(&self, field: &str, column: &StrColumn) -> Result<Arc<[Box<str>]>> {
        let known = || self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = known().get(field) {
            return Ok(names.clone());
        }
        let mut left = self.bytes.saturating_mul(STEPS);
        let mut names: Vec<Box<str>> = Vec::new();
        let mut walk = column.dictionary().stream().map_err(|error| self.damaged(error))?;
        while walk.advance() {
            let name = std::str::from_utf8(walk.key()).map_err(|_| self.wrong())?;
            left = left.checked_sub(name.len() as u64 + 1).ok_or_else(|| self.wrong())?;
            names.push(name.into());
        }
        let names: Arc<[Box<str>]> = names.into();
        known().insert(field.to_owned(), names.clone());
        Ok(names)
    }

    /// Sees to it that tantivy can look which documents have a field, or have it between two values.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn check_column(&self, field: &str, of: ColumnType) -> Result<()> {
        match self.only_column(field, of)? {
            None => Ok(()),
            Some(DynamicColumn::U64(column)) => self.fitting(column).map(drop),
            Some(DynamicColumn::I64(column)) => self.fitting(column).map(drop),
            Some(DynamicColumn::F64(column)) => self.fitting(column).map(drop),
            Some(DynamicColumn::Str(column)) => self.fitting(column.ords().clone()).map(drop),
            Some(_) => Err(self.wrong()),
        }
    }

    fn terms(&self, field: Field) -> Result<Arc<InvertedIndexReader>> {
        self.reader.inverted_index(field).map_err(|error| self.damaged(error))
    }

    /// The documents that hold a term and were not deleted.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn with(&self, term: &Term) -> Result<Found<'_>> {
        let terms = self.terms(term.field())?;
        match terms.get_term_info(term).map_err(|error| self.damaged(error))? {
            Some(of_term) => self.list(&terms, &of_term, IndexRecordOption::Basic),
            None => Ok(Found { segment: self, list: SegmentPostings::empty(), next: 0, left: 0 }),
        }
    }

    /// The list of a term, once it is as long as there can be documents.
    fn list(&self, terms: &InvertedIndexReader, of: &TermInfo, option: IndexRecordOption) -> Result<Found<'_>> {
        let TermInfo { doc_freq, postings_range, .. } = of;
        let most = POSTING_MAX * (*doc_freq as usize + 1);
        let length = postings_range.end.checked_sub(postings_range.start);
        if *doc_freq > self.documents() || length.is_none_or(|length| length > most) {
            return Err(self.wrong());
        }
        let list = terms.read_postings_from_terminfo(of, option).map_err(|error| self.damaged(error))?;
        Ok(Found { segment: self, list, next: 0, left: *doc_freq })
    }

    /// Calls `visit` with each key of a field in these half-open ranges and the first document that holds it, where one does
    /// that was not deleted. Of a field that each document has once at most.
    ///
    /// # Errors
    /// `Damaged`, and what `visit` returns.
    pub fn each_key(
        &self,
        field: Field,
        ranges: &[(Vec<u8>, Vec<u8>)],
        mut visit: impl FnMut(&[u8], DocId) -> Result<()>,
    ) -> Result<()> {
        let terms = self.terms(field)?;
        let steps = self.steps();
        let mut left = self.documents();
        for (from, to) in ranges {
            steps.found();
            let walk = terms.terms().search(&steps).ge(from).lt(to).into_stream();
            let mut walk = walk.map_err(|error| self.damaged(error))?;
            while walk.advance() {
                steps.found();
                let of_key = walk.value();
                left = left.checked_sub(of_key.doc_freq.max(1)).ok_or_else(|| self.wrong())?;
                if let Some(document) = self.list(&terms, of_key, IndexRecordOption::Basic)?.next()? {
                    visit(walk.key(), document)?;
                }
            }
            if steps.are_spent() {
                return Err(self.wrong());
            }
        }
        Ok(())
    }

    /// Steps that a walk through one of the dictionaries may take.
    fn steps(&self) -> Steps {
        let left = u64::from(TERM_MAX) + self.bytes.saturating_mul(STEPS);
        Steps { left: Cell::new(left), since: Cell::new(0) }
    }

    /// Calls `read` with what is stored of a document.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn stored<T>(&self, document: DocId, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<T> {
        self.stored.read(document, read).map_err(|error| self.damaged(error))
    }

    /// Sees to it that tantivy can look for words: their lists are in order, and no document has more places of a word than
    /// the file has. It takes memory for as many as a number says.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn check_words(&self, words: &[Term]) -> Result<()> {
        for word in words {
            let terms = self.terms(word.field())?;
            let Some(of_word) = terms.get_term_info(word).map_err(|error| self.damaged(error))? else { continue };
            self.check_list(&terms, &of_word, IndexRecordOption::WithFreqsAndPositions)?;
        }
        Ok(())
    }

    /// Reads a list to its end, places of the term in documents too.
    fn check_list(&self, terms: &InvertedIndexReader, of: &TermInfo, option: IndexRecordOption) -> Result<()> {
        let mut found = self.list(terms, of, option)?;
        // A block of 128 places takes a byte at least.
        let mut left = 128 * (of.positions_range.len() as u64 + 1);
        let mut places = Vec::new();
        while found.next_any()?.is_some() {
            if option == IndexRecordOption::WithFreqsAndPositions {
                let frequency = found.list.term_freq();
                left = left
                    .checked_sub(frequency.into())
                    .filter(|_| frequency <= PLACES_MAX)
                    .ok_or_else(|| self.wrong())?;
                found.list.positions(&mut places);
            }
        }
        Ok(())
    }
}

/// The documents in a list.
pub(super) struct Found<'a> {
    segment: &'a Segment,
    list: SegmentPostings,
    /// The least that the next one can be.
    next: DocId,
    /// How many are to come.
    left: u32,
}

impl Found<'_> {
    /// The next one that was not deleted.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn next(&mut self) -> Result<Option<DocId>> {
        while let Some(document) = self.next_any()? {
            if self.segment.is_alive(document)? {
                return Ok(Some(document));
            }
        }
        Ok(None)
    }

    fn next_any(&mut self) -> Result<Option<DocId>> {
        if self.left == 0 {
            return Ok(None);
        }
        let document = if self.next == 0 { self.list.doc() } else { self.list.advance() };
        if document == TERMINATED || document < self.next || document >= self.segment.documents() {
            return Err(self.segment.wrong());
        }
        (self.next, self.left) = (document + 1, self.left - 1);
        Ok(Some(document))
    }
}

/// Bounds a walk through a dictionary. It is a graph, and what somebody made of it may have more ways than there are atoms,
/// most of which lead to no key.
struct Steps {
    left: Cell<u64>,
    /// Those since the last key.
    since: Cell<u32>,
}

impl Steps {
    /// For each key that was found: the next may be as far away.
    fn found(&self) {
        self.since.set(0);
    }

    /// Whether the walk went on and on.
    fn are_spent(&self) -> bool {
        self.left.get() == 0 || self.since.get() > TERM_MAX
    }
}

impl Automaton for &Steps {
    type State = ();

    fn start(&self) {}

    fn is_match(&self, (): &()) -> bool {
        true
    }

    fn can_match(&self, (): &()) -> bool {
        !self.are_spent()
    }

    fn accept(&self, (): &(), _byte: u8) {
        self.left.set(self.left.get().saturating_sub(1));
        self.since.set(self.since.get() + 1);
    }
}

#[cfg(test)]
mod tests;
