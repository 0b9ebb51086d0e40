//! What a stranger may have written, and what tantivy does with it when it is asked without a guard.

#[path = "../../../tests/cli/craft.rs"]
#[allow(dead_code, reason = "what chooses by chance is for the command's tests and the fuzz target")]
mod craft;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use super::*;
use crate::index::beneath::Folder;
use crate::index::committed::Committed;
use crate::index::directory::ReadOnlyDirectory;
use crate::index::{Options, Reader, SourceRecord, State, Writer, verify};
use crate::locator::{Locator, Stamp};
use craft::File;

/// An index of a few places, some of which were replaced.
fn index() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path(), Options::default()).unwrap();
    for n in (0..9).chain(0..3) {
        let locator = Locator::from(Path::new(&format!("/photos/{n}.jpg")));
        let (stamp, note) = (Stamp { bytes: 1, modified_ns: n }, "cut short".to_owned());
        let record = SourceRecord { locator, stamp, state: State::Failed, picture: None, note, pages: 1, shown: None };
        writer.set_source(&record).unwrap();
        if n == 8 {
            writer.commit().unwrap();
        }
    }
    writer.finish().unwrap();
    craft::forget_fingerprints(folder.path());
    folder
}

/// The largest of the files of an index with this extension.
fn file(folder: &Path, extension: &str) -> PathBuf {
    let entries = fs::read_dir(folder.join("documents")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|of| of == extension));
    files.sort_by_key(|path| fs::metadata(path).unwrap().len());
    files.pop().unwrap()
}

/// Changes what stands in a file, and makes its checksums right again.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut file = File::open(path, &fs::read(path).unwrap());
    change(&mut file.content);
    fs::write(path, file.sealed()).unwrap();
}

#[test]
fn what_tantivy_panics_on_is_damage() {
    for extension in ["fieldnorm", "term", "idx", "pos"] {
        let folder = index();
        assert!(Reader::open(folder.path()).is_ok() && verify(folder.path()).unwrap().is_whole());
        change(&file(folder.path(), extension), Vec::clear);
        let documents = Folder::of_index(folder.path()).below("documents").unwrap().unwrap();
        let directory = ReadOnlyDirectory { folder: documents, committed: Committed::default() };
        let alone = catch_unwind(|| {
            let index = Index::open(directory).unwrap();
            index.reader().map(drop)
        });
        assert!(alone.is_err(), "{extension}: without a guard it must panic");
        let error = Reader::open(folder.path()).err().unwrap();
        assert_eq!(error.kind(), crate::ErrorKind::Damaged, "{extension}");
        assert!(!verify(folder.path()).unwrap().is_whole(), "{extension}");
        let error = Writer::open(folder.path(), Options::default()).err().unwrap();
        assert_eq!(error.kind(), crate::ErrorKind::Damaged, "{extension}");
    }
}

#[test]
fn a_list_that_names_a_document_that_is_not_there_is_damage_before_a_writer_deletes_by_it() {
    let folder = index();
    // The number of the first document, in one byte that is marked. tantivy deletes on a thread whose panic ends the process.
    change(&file(folder.path(), "idx"), |content| {
        let index = u32::from_le_bytes(*content.last_chunk().unwrap()) as usize;
        let lists = content.len() - 4 - index;
        content[..lists].iter_mut().filter(|byte| **byte == 0x80).for_each(|byte| *byte = 0xFF);
    });
    let mut writer = Writer::open(folder.path(), Options::default()).unwrap();
    let places: Vec<_> = (0..9).map(|n| Locator::from(Path::new(&format!("/photos/{n}.jpg")))).collect();
    let damaged = places.iter().filter(|place| writer.snapshot().known(place).is_err()).count();
    assert!(damaged > 0);
    places.iter().for_each(|place| writer.forget_source(place));
    assert_eq!(writer.commit().unwrap_err().kind(), crate::ErrorKind::Damaged);
}

#[test]
fn segments_that_were_there_are_merged_once_they_are_sound_and_one_that_is_not_is_told_when_all_is_committed() {
    for is_sound in [true, false] {
        let folder = index();
        if !is_sound {
            // A column that the schema does not have: nobody looks at it before a merge.
            change(&file(folder.path(), "fast"), |content| {
                let at = content.windows(11).position(|bytes| bytes == b"modified_ns").unwrap();
                content[at + 10] = b'z';
            });
        }
        let mut writer = Writer::open(folder.path(), Options::default()).unwrap();
        for n in 0..8 {
            let locator = Locator::from(Path::new(&format!("/other/{n}.jpg")));
            let (stamp, note, state) = (Stamp { bytes: 1, modified_ns: n }, String::new(), State::Skipped);
            let record = SourceRecord { locator, stamp, state, picture: None, note, pages: 1, shown: None };
            writer.set_source(&record).unwrap();
            writer.commit().unwrap();
        }
        let finished = writer.finish().map(|reader| reader.segment_sizes().count());
        match finished {
            Ok(segments) => assert!(is_sound && segments < 8, "{segments} segments"),
            Err(error) => assert!(!is_sound && error.kind() == crate::ErrorKind::Damaged, "{error}"),
        }
        assert_eq!(Reader::open(folder.path()).unwrap().totals().unwrap().skipped, 8);
        assert_eq!(verify(folder.path()).unwrap().is_whole(), is_sound);
    }
}

#[test]
fn a_key_that_leads_to_another_document_than_its_own_is_damage() {
    let folder = index();
    assert!(verify(folder.path()).unwrap().is_whole());
    // The keys are in the order of the documents, of which each list names one: those of two that were not replaced.
    change(&file(folder.path(), "idx"), |content| {
        let at = content.windows(4).position(|bytes| bytes == [0x84, 0x85, 0x86, 0x87]).unwrap();
        content.swap(at + 1, at + 2);
    });
    let place = Locator::from(Path::new("/photos/5.jpg"));
    let reader = Reader::open(folder.path()).unwrap();
    let known = reader.known(&place).unwrap().unwrap();
    assert!(reader.source(&known).map_or(true, |source| source.locator != place), "the control: nothing was swapped");
    assert!(!verify(folder.path()).unwrap().is_whole());
}

#[test]
fn lists_that_leave_a_document_out_or_hold_one_that_is_none_of_theirs_are_damage() {
    let folder = index();
    // The second key leads to the document of the first, then to that of the fourth.
    for (was, is) in
        [([0x80, 0x81, 0x82, 0x83], [0x80, 0x80, 0x82, 0x83]), ([0x80, 0x80, 0x82, 0x83], [0x80, 0x83, 0x82, 0x83])]
    {
        change(&file(folder.path(), "idx"), |content| {
            let at = content.windows(4).position(|bytes| bytes == was).unwrap();
            content[at..at + 4].copy_from_slice(&is);
        });
        assert!(!verify(folder.path()).unwrap().is_whole(), "{is:?}");
    }
}

#[test]
fn a_field_that_lacks_its_norms_which_a_merge_asks_for_is_damage() {
    let folder = index();
    // A table at the end says where the norms of each field begin: those of the locator, which is field 7, become field 2's.
    change(&file(folder.path(), "fieldnorm"), |content| {
        let at = content.windows(4).rposition(|bytes| bytes == [7, 0, 0, 0]).unwrap();
        content[at] = 2;
    });
    assert!(Reader::open(folder.path()).is_ok(), "the control: a reader has no use for them");
    assert!(!verify(folder.path()).unwrap().is_whole());
}
