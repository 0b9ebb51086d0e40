//! Whatever stands in an index's files, with every checksum right: an answer or an error.
//!
//! The bytes say which files of a small real index are changed, and how; the checksums are made right again behind that.

#![no_main]

#[path = "../../tests/cli/craft.rs"]
mod craft;
#[path = "../../tests/cli/crawled.rs"]
mod crawled;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use craft::{Chance, craft, forget_fingerprints};
use crawled::crawled;
use libfuzzer_sys::fuzz_target;
use ris::index::filter::Filter;
use ris::index::{self, Reader, Writer};
use ris::locator::Locator;
use ris::report::IndexState;
use ris::{Result, decode, ingest, progress, search};
use tempfile::TempDir;

struct Real {
    folder: TempDir,
    /// Each file and what it holds.
    files: Vec<(PathBuf, Vec<u8>)>,
    query: search::Query,
}

static REAL: LazyLock<Real> = LazyLock::new(|| {
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/library/garden");
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a temporary folder");
    let mut writer = Writer::open(folder.path(), index::Options::default()).expect("an index");
    ingest::run(&mut writer, &[photos.clone()], &ingest::Options::default(), &progress::Silent).expect("indexed");
    crawled(&mut writer).and_then(|()| writer.commit()).expect("noted");
    // A second segment, and documents of the first that were deleted.
    writer.forget_source(&Locator::from(photos.join("gate.jpg").as_path()));
    writer.commit().expect("committed");
    ingest::run(&mut writer, &[photos.clone()], &ingest::Options::default(), &progress::Silent).expect("indexed");
    writer.finish().expect("committed");
    forget_fingerprints(folder.path());
    let query = fs::read(photos.join("pond.jpg")).expect("a fixture");
    let query = search::Query::of(query, &decode::Options::default()).expect("a picture");
    let mut files = Vec::new();
    for below in ["", "documents", "features", "crawls"] {
        for entry in fs::read_dir(folder.path().join(below)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_aside = path.extension().is_some_and(|extension| extension == "lock" || extension == "TAG");
            if path.is_file() && !is_aside && !path.ends_with("lock") {
                files.push((path.clone(), fs::read(&path).expect("a file")));
            }
        }
    }
    // tantivy's names are of chance.
    files.sort_by_key(|(path, bytes)| (path.extension().map(ToOwned::to_owned), bytes.len()));
    Real { folder, files, query }
});

/// Everything that reads.
fn ask(folder: &Path) -> Result<()> {
    let reader = Reader::open(folder)?;
    let _ = search::search(&reader, &REAL.query, &search::Options::default());
    let _ = IndexState::of(&reader);
    let _ = reader.each_source(|known| reader.source(&known).map(drop));
    let _ = reader.each_picture(|id| reader.facts(id).map(drop));
    for filter in ["camera:any rating:3", "title:\"a title\"", "gps:52,13,9km", "path:/** width:1..999"] {
        let _ = reader.select(&Filter::parse(filter)?, &[Locator::from(Path::new("/"))]);
    }
    search::dupes(&reader, &[], &search::Options::default(), |_| Ok::<(), ris::Error>(())).map(drop)
}

/// Adds and forgets, which has tantivy read what was there.
fn write(folder: &Path) -> Result<()> {
    let mut writer = Writer::open(folder, index::Options::default())?;
    let ledger = writer.ledger()?;
    ledger.shows(&[], 0)?.for_each(drop);
    ledger.pictures_of(0)?;
    writer.forget_source(&Locator::from(Path::new("/photos/a.jpg")));
    writer.finish().map(drop)
}

fuzz_target!(|bytes: &[u8]| {
    let folder = REAL.folder.path();
    for (path, bytes) in craft(&REAL.files, &mut Chance::given(bytes)) {
        fs::write(path, bytes).expect("replaced");
    }
    let _ = ask(folder);
    let _ = index::verify(folder);
    let _ = write(folder);
    for below in ["documents", "features", "crawls"] {
        fs::remove_dir_all(folder.join(below)).expect("removed");
        fs::create_dir(folder.join(below)).expect("made");
    }
    let _ = fs::remove_dir_all(folder.join("copies"));
    for (path, bytes) in &REAL.files {
        fs::write(path, bytes).expect("restored");
    }
});
