//! What is judged: anything that is given pictures and then finds them.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ris::index::{self, Reader, Writer};
use ris::progress::Silent;
use ris::search::{self, Options};
use ris::{decode, describe, ingest};
use tempfile::TempDir;

use crate::fit::TERMS;

/// A picture that was found.
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// Larger is surer.
    pub score: f64,
    /// What speaks for it, as numbers; zeros where a finder doesn't tell.
    pub terms: [f64; TERMS],
}

/// Finds pictures. The benchmark sees no more of it than this, so that another finder can take its place.
pub trait Finder {
    /// Takes in the picture files at `photos`, absolute paths.
    fn build(&mut self, photos: &[PathBuf]) -> Result<()>;
    /// Searches with the content of a JPEG file: the `top` best answers, best first, whatever their score.
    fn find(&mut self, jpeg: &[u8], top: usize) -> Result<Vec<Found>>;
    /// What it keeps on disk, in bytes.
    fn bytes(&self) -> Result<u64>;
    /// Answers below this score are not told unless the user asks for them.
    fn min_score(&self) -> f64;
}

/// ris itself, through its public API, its index in a folder that goes when it goes.
pub struct Ris {
    folder: TempDir,
    reader: Option<Reader>,
}

impl Ris {
    /// One that holds nothing yet.
    ///
    /// # Errors
    /// Where there is no room for temporary files.
    pub fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, reader: None })
    }

    fn reader(&self) -> Result<&Reader> {
        self.reader.as_ref().context("nothing was indexed yet")
    }
}

impl Finder for Ris {
    fn build(&mut self, photos: &[PathBuf]) -> Result<()> {
        let mut writer = Writer::open(self.folder.path(), index::Options::default())?;
        let summary = ingest::run(&mut writer, photos, &ingest::Options::default(), &Silent)?;
        self.reader = Some(writer.finish()?);
        ensure!(summary.indexed > 0, "none of the {} pictures could be indexed", photos.len());
        Ok(())
    }

    fn find(&mut self, jpeg: &[u8], top: usize) -> Result<Vec<Found>> {
        let options = Options { top, min_score: 0.0, ..Options::default() };
        let query = search::Query::of(jpeg, &decode::Options::default())?;
        let answer = search::search(self.reader()?, &query, &options)?;
        let found = answer.matches.iter().filter_map(|found| {
            let path = found.source.path()?.to_path_buf();
            Some(Found { path, score: found.score, terms: found.evidence.terms() })
        });
        Ok(found.collect())
    }

    fn bytes(&self) -> Result<u64> {
        Ok(self.reader()?.disk_bytes()?)
    }

    fn min_score(&self) -> f64 {
        Options::default().min_score
    }
}

/// Milliseconds that describing a decoded picture for the index takes on one thread, for each of some of `photos`.
pub fn describe_ms(photos: &[PathBuf]) -> Vec<f64> {
    const PICTURES: usize = 100;
    let some = photos.iter().step_by(photos.len().div_ceil(PICTURES).max(1));
    some.filter_map(|path| {
        let picture = decode::decode(&std::fs::read(path).ok()?, &decode::Options::default()).ok()?;
        let started = Instant::now();
        std::hint::black_box(describe::describe(&picture));
        Some(started.elapsed().as_secs_f64() * 1e3)
    })
    .collect()
}
