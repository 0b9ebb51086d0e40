//! How searching scales: `cargo bench --bench scale -- --pictures 1000000 [--photos DIR] [--queries 20] [--keep DIR]`.
//!
//! Nobody has a million pictures at hand, and describing them takes hours. So synthetic descriptions that look like
//! those of real photos ([`synthetic`]) go into a real index, through the library's own writer, with a few
//! real pictures among them. Then the `ris` program itself is run, a process a query: what is measured is
//! what its user waits for, and what his machine must hold.
//!
//! Half of the queries are edited copies of pictures in the index, half show pictures that are not in it. The page
//! cache is warm: each query is asked once before it is timed.

mod process;
mod queries;
mod statistics;
mod synthetic;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rayon::prelude::*;
use ris::index::local::Sketch;
use ris::index::{self, PictureRecord, Reader, SourceRecord, State, Writer};
use ris::locator::{Locator, Stamp};
use serde::Serialize;

use queries::Queries;
use statistics::Statistics;
use synthetic::Pool;

/// Makes an index of synthetic descriptions and searches it.
#[derive(Parser)]
#[command(name = "scale", bin_name = "cargo bench --bench scale --")]
struct Args {
    /// Pictures of the index
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..))]
    pictures: u64,
    /// Folder of pictures whose features the synthetic ones have, and which are searched for
    #[arg(long, value_name = "DIR", default_value = "fixtures/library")]
    photos: PathBuf,
    /// Searches; half of them for pictures of the index
    #[arg(long, value_name = "N", default_value_t = 20)]
    queries: usize,
    /// Times that each search is timed; the fastest counts, for other work of the machine only adds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Another seed makes other pictures
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Keep the index here, and use the one that is here
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Compare the synthetic pictures' statistics with those of the real ones, and do nothing else
    #[arg(long)]
    statistics: bool,
    /// Cargo's own
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scale: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let queries = Queries::choose(&args.photos, args.queries, args.seed)?;
    if args.statistics {
        return compare(&queries, args.seed);
    }
    let temporary = tempfile::tempdir()?;
    let folder = args.keep.clone().unwrap_or_else(|| temporary.path().join("kept"));
    let index = folder.join(format!("index-{}", args.pictures));
    let mut build_s = None;
    if !index.exists() {
        let started = Instant::now();
        build(&index, args, &queries)?;
        build_s = Some(started.elapsed().as_secs_f64());
    }
    let report = measure(&index, build_s, args, &queries.write(&temporary.path().join("queries"))?)?;
    println!("{HEAD}\n{}\n\n{}", report.row(), serde_json::to_string(&report)?);
    Ok(())
}

/// Pictures that are made at once and then written.
const BATCH: u64 = 4096;

fn build(index: &Path, args: &Args, queries: &Queries) -> Result<()> {
    let pool = Pool::of(&queries::described(&queries.learned)?, args.seed)?;
    let mut writer = Writer::open(index, index::Options::default())?;
    let synthetic = args.pictures.saturating_sub(queries.indexed.len() as u64);
    // Real ones in the middle: neither the first nor the last file of features is special.
    for (from, to) in [(0, synthetic / 2), (synthetic / 2, synthetic)] {
        for start in (from..to).step_by(BATCH as usize) {
            let batch = start..to.min(start + BATCH);
            let records: Vec<_> = batch.clone().into_par_iter().map(|number| pool.record(number)).collect();
            for (number, record) in batch.zip(records) {
                let place = format!("/photos/{:04}/IMG_{number:08}.jpg", number / 1000);
                add(&mut writer, Path::new(&place), &record)?;
            }
            writer.commit_if_due()?;
            eprint!("\r{start} pictures");
        }
        if from == 0 {
            for file in &queries.indexed {
                let record = queries::record(file).with_context(|| file.display().to_string())?;
                add(&mut writer, file, &record)?;
            }
        }
    }
    writer.finish()?;
    eprint!("\r{:20}\r", "");
    Ok(())
}

fn add(writer: &mut Writer, place: &Path, record: &PictureRecord) -> Result<()> {
    let picture = Some(writer.add_picture(record)?);
    let stamp = Stamp { bytes: record.bytes, modified_ns: 1_700_000_000_000_000_000 + record.bytes as i64 };
    let locator = Locator::from(place);
    Ok(writer.set_source(&SourceRecord {
        locator,
        stamp,
        state: State::Present,
        picture,
        note: String::new(),
        shown: None,
        pages: 1,
    })?)
}

/// What was measured.
#[derive(Serialize)]
struct Report {
    pictures: u64,
    bytes_per_picture: f64,
    build_s: Option<f64>,
    search_ms_median: f64,
    search_ms_p95: f64,
    anonymous_peak_mb: Option<f64>,
    queries: usize,
    of_the_index: usize,
    right_first: usize,
    best_wrong_score: f64,
}

const HEAD: &str = "| pictures | bytes a picture | build, s | search, ms: median | 95th | own memory, MB | right first |\n\
                    | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

impl Report {
    fn row(&self) -> String {
        let known = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.0}"));
        format!(
            "| {} | {:.0} | {} | {:.0} | {:.0} | {} | {} of {} |",
            self.pictures,
            self.bytes_per_picture,
            known(self.build_s),
            self.search_ms_median,
            self.search_ms_p95,
            known(self.anonymous_peak_mb),
            self.right_first,
            self.of_the_index
        )
    }
}

fn measure(index: &Path, build_s: Option<f64>, args: &Args, queries: &[queries::Query]) -> Result<Report> {
    let reader = Reader::open(index)?;
    let (pictures, bytes) = (reader.pictures()?, reader.disk_bytes()?);
    drop(reader);
    let (mut times, mut peak, mut right_first, mut best_wrong_score) = (Vec::new(), None, 0, 0.0f64);
    for query in queries {
        peak = peak.max(process::anonymous_peak(index, &query.file)?);
        let (mut fastest, first) = process::search(index, &query.file)?;
        for _ in 1..args.rounds {
            fastest = fastest.min(process::search(index, &query.file)?.0);
        }
        times.push(fastest);
        let right = |source: &str| query.shows.as_ref().is_some_and(|shows| Path::new(source) == shows);
        match first {
            Some((source, _)) if right(&source) => right_first += 1,
            Some((_, score)) => best_wrong_score = best_wrong_score.max(score),
            None => {}
        }
    }
    ensure!(!times.is_empty(), "no queries");
    times.sort_by(f64::total_cmp);
    let quantile = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    Ok(Report {
        pictures,
        bytes_per_picture: bytes as f64 / pictures as f64,
        build_s,
        search_ms_median: quantile(0.5),
        search_ms_p95: quantile(0.95),
        anonymous_peak_mb: peak.map(|bytes| bytes as f64 / 1e6),
        queries: queries.len(),
        of_the_index: queries.iter().filter(|query| query.shows.is_some()).count(),
        right_first,
        best_wrong_score,
    })
}

/// Tells what pictures that nobody has learned from meet among real ones and among as many synthetic ones.
fn compare(queries: &Queries, seed: u64) -> Result<()> {
    let sketches = |described: &[queries::Described]| -> Vec<_> {
        described.iter().map(|one| Sketch::of(&one.features, one.width, one.height)).collect()
    };
    let real = queries::described(&queries.learned)?;
    let pool = Pool::of(&real, seed)?;
    let synthetic: Vec<_> = (0..real.len() as u64).map(|number| pool.sketch(number)).collect();
    let asked = sketches(&queries::described(&[&queries.indexed[..], &queries.strangers].concat())?);
    println!("{}", statistics::HEAD);
    println!("{}", Statistics::of(&asked, &sketches(&real)).row("real"));
    println!("{}", Statistics::of(&asked, &synthetic).row("synthetic"));
    Ok(())
}
