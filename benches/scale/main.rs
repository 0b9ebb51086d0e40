//! How searching scales: `cargo bench --bench scale -- --pictures 1000000 [--photos DIR] [--like DIR] [--keep DIR]`.
//!
//! Nobody has a million pictures at hand, and describing them takes hours. So synthetic descriptions that look like
//! those of real photos ([`synthetic`]) go into a real index, through the library's own writer, with a few
//! real pictures among them. Then the `ris` program itself is run, a process a query: what is measured is
//! what its user waits for, and what his machine must hold.
//!
//! Half of the queries are edited copies of pictures in the index, half show pictures that are not in it. The page
//! cache is warm: each query is asked once before it is timed. Then each is asked once more, after the system was told to
//! forget the index's files. For comparison, in the same process: the time of a flat scan of as many PDQ hashes, which finds
//! whole pictures alone.

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
use ris::describe::hash::PerceptualHash;
use ris::index::local::{self, Sketch};
use ris::index::{self, PictureRecord, Reader, SourceRecord, State, Writer};
use ris::locator::{Locator, Stamp};
use ris::{decode, describe};
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
    /// Folder of pictures whose features the synthetic ones have instead: a collection that repeats itself, say
    #[arg(long, value_name = "DIR")]
    like: Option<PathBuf>,
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
    let mut queries = Queries::choose(&args.photos, args.queries, args.seed)?;
    if let Some(folder) = &args.like {
        queries.learned = queries::pictures(folder)?;
    }
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
#[derive(Default, Serialize)]
struct Report {
    pictures: u64,
    bytes_per_picture: f64,
    build_s: Option<f64>,
    /// Median and 95th percentile, as below.
    search_ms: [f64; 2],
    search_cpu_ms: [f64; 2],
    cold_ms: [f64; 2],
    lists: [f64; 2],
    numbers: [f64; 2],
    bytes: [f64; 2],
    anonymous_peak_mb: f64,
    queries: usize,
    of_the_index: usize,
    right_first: usize,
    best_wrong_score: f64,
    /// A flat scan of as many hashes, one form of the query.
    pdq_scan_ms: f64,
}

const HEAD: &str = "| pictures | bytes a picture | build, s | search, ms: median | 95th | processor time, ms: median | 95th | \
                    cold, ms: median | 95th | lists read | numbers read, 1,000: median | 95th | own memory, MB | right first | \
                    flat PDQ scan, ms |\n\
                    | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

impl Report {
    fn row(&self) -> String {
        let Self { search_ms: wall, search_cpu_ms: cpu, cold_ms: cold, lists, numbers, .. } = self;
        format!(
            "| {} | {:.0} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {} of {} | {:.1} |",
            self.pictures,
            self.bytes_per_picture,
            self.build_s.map_or("-".into(), |value| format!("{value:.0}")),
            wall[0],
            wall[1],
            cpu[0],
            cpu[1],
            cold[0],
            cold[1],
            lists[0],
            numbers[0] / 1e3,
            numbers[1] / 1e3,
            self.anonymous_peak_mb,
            self.right_first,
            self.of_the_index,
            self.pdq_scan_ms,
        )
    }
}

fn measure(index: &Path, build_s: Option<f64>, args: &Args, queries: &[queries::Query]) -> Result<Report> {
    let reader = Reader::open(index)?;
    let mut report = Report {
        pictures: reader.pictures()?,
        build_s,
        queries: queries.len(),
        of_the_index: queries.iter().filter(|query| query.shows.is_some()).count(),
        ..Report::default()
    };
    report.bytes_per_picture = reader.disk_bytes()? as f64 / report.pictures as f64;
    let mut read = Vec::new();
    for query in queries {
        let picture = decode::decode(&std::fs::read(&query.file)?, &decode::Options::default())?;
        let features = describe::probe(&picture).features;
        let asked = local::Query::new(&features, picture.reduced_width as f32);
        read.push(reader.local_cost(&asked, &local::Options::default())?);
    }
    report.lists = quantiles(read.iter().map(|read| read.lists as f64));
    report.numbers = quantiles(read.iter().map(|read| read.numbers as f64));
    report.bytes = quantiles(read.iter().map(|read| read.bytes as f64));
    drop(reader);
    let (mut wall, mut cpu, mut cold, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for query in queries {
        peak = peak.max(process::anonymous_peak(index, &query.file)?);
        let mut best = process::search(index, &query.file)?;
        for _ in 1..args.rounds {
            let run = process::search(index, &query.file)?;
            (best.wall_ms, best.cpu_ms) = (best.wall_ms.min(run.wall_ms), best.cpu_ms.min(run.cpu_ms));
        }
        wall.push(best.wall_ms);
        cpu.push(best.cpu_ms);
        let right = |source: &str| query.shows.as_ref().is_some_and(|shows| Path::new(source) == shows);
        match best.first {
            Some((source, _)) if right(&source) => report.right_first += 1,
            Some((_, score)) => report.best_wrong_score = report.best_wrong_score.max(score),
            None => {}
        }
    }
    for query in queries {
        process::forget(index)?;
        cold.push(process::search(index, &query.file)?.wall_ms);
    }
    ensure!(!wall.is_empty(), "no queries");
    (report.search_ms, report.search_cpu_ms) = (quantiles(wall.into_iter()), quantiles(cpu.into_iter()));
    (report.cold_ms, report.anonymous_peak_mb) = (quantiles(cold.into_iter()), peak as f64 / 1e6);
    report.pdq_scan_ms = flat_scan_ms(report.pictures);
    Ok(report)
}

/// The median and the 95th percentile.
fn quantiles(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    [0.5, 0.95]
        .map(|share| values.get(((values.len().max(1) - 1) as f64 * share).round() as usize).copied().unwrap_or(0.0))
}

/// Milliseconds of a scan of so many hashes for those within 31 bits of one, on one thread, the fastest of five.
fn flat_scan_ms(pictures: u64) -> f64 {
    let mut random = synthetic::Random::of(1, 1);
    let mut hash = || PerceptualHash(std::array::from_fn(|_| random.next()));
    let (asked, hashes) = (hash(), (0..pictures).map(|_| hash()).collect::<Vec<_>>());
    let scan = |_| {
        let started = Instant::now();
        std::hint::black_box(hashes.iter().filter(|&&hash| asked.distance(hash) <= 31).count());
        started.elapsed().as_secs_f64() * 1e3
    };
    (0..5).map(scan).fold(f64::MAX, f64::min)
}

/// Tells what pictures that nobody has learned from meet among real ones and among as many synthetic ones.
fn compare(queries: &Queries, seed: u64) -> Result<()> {
    let sketches = |described: &[queries::Described]| -> Vec<_> {
        described.iter().map(|one| Sketch::of_features(&one.features, one.width, one.height)).collect()
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
