//! What it costs to keep an index up to date: `cargo bench --bench upkeep -- --files 100000 [--keep DIR]`.
//!
//! Many small pictures, drawn here, are indexed by the `ris` program itself; then it runs again over all of them
//! unchanged, and once more after some were renamed. The floor of the second run, taken in turns with it, is what
//! nobody can do without: a walk with one `stat` of each file. Memory is what the kernel says each of its
//! processes had at most, pages that they share counted in each.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use image::{GrayImage, Luma, imageops};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

/// Indexes small pictures, again, and again when some were renamed.
#[derive(Parser)]
#[command(name = "upkeep", bin_name = "cargo bench --bench upkeep --")]
struct Args {
    /// Pictures of the collection
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(100..))]
    files: u64,
    /// Files that are renamed; a tenth of all if not said
    #[arg(long, value_name = "N")]
    renamed: Option<u64>,
    /// Times that a run over unchanged files is timed; the fastest counts, for other work of the machine only adds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Draw the pictures here, and keep them and the index
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Cargo's own
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("upkeep: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// What was measured.
#[derive(Serialize)]
struct Report {
    files: u64,
    file_bytes: u64,
    first_s: f64,
    process_peak_mb: Option<f64>,
    worker_peak_mb: Option<f64>,
    all_peak_mb: Option<f64>,
    index_bytes: u64,
    walk_s: f64,
    unchanged_s: f64,
    unchanged_to_walk: f64,
    renamed: u64,
    renamed_s: f64,
    renamed_bytes: u64,
}

fn run(args: &Args) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let place = args.keep.as_deref().unwrap_or(temporary.path());
    let (photos, index) = (place.join("photos"), place.join("idx"));
    ensure!(!index.exists(), "{}: is there already", index.display());
    draw(&photos, args.files)?;
    let (files, file_bytes) = walk(&photos)?;
    ensure!(files == args.files, "{} files in {}", files, photos.display());

    let (first_s, first, peaks) = update(&photos, &index)?;
    ensure!(first["indexed"] == files && first["failed"] == 0, "{first}");
    let index_bytes = walk(&index)?.1;

    let (mut walk_s, mut unchanged_s) = (f64::MAX, f64::MAX);
    for _ in 0..args.rounds {
        let started = Instant::now();
        walk(&photos)?;
        walk_s = walk_s.min(started.elapsed().as_secs_f64());
        let (seconds, told, _) = update(&photos, &index)?;
        ensure!(told["unchanged"] == files && told["decoded"] == 0, "{told}");
        unchanged_s = unchanged_s.min(seconds);
    }
    let before = walk(&index)?.1;
    let renamed = args.renamed.unwrap_or(files / 10).min(files);
    rename(&photos, renamed)?;
    let (renamed_s, told, _) = update(&photos, &index)?;
    ensure!(told["moved"] == renamed && told["decoded"] == 0, "{told}");
    let renamed_bytes = walk(&index)?.1.saturating_sub(before);

    let mb = |bytes: u64| Some(bytes as f64 / 1e6).filter(|_| bytes > 0);
    let report = Report {
        files,
        file_bytes,
        first_s,
        process_peak_mb: mb(peaks.process),
        worker_peak_mb: mb(peaks.worker),
        all_peak_mb: mb(peaks.all),
        index_bytes,
        walk_s,
        unchanged_s,
        unchanged_to_walk: unchanged_s / walk_s,
        renamed,
        renamed_s,
        renamed_bytes,
    };
    println!("{}\n\n{}", table(&report), serde_json::to_string(&report)?);
    Ok(())
}

fn table(report: &Report) -> String {
    let known = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.0}"));
    format!(
        "| {} small pictures | |\n| --- | ---: |\n\
         | first run, s | {:.1} |\n\
         | memory of it at most, MB: the process, its largest worker, all together | {}, {}, {} |\n\
         | walk with one stat of each, s | {:.3} |\n\
         | second run, nothing changed, s | {:.3} |\n\
         | times the walk | {:.1} |\n\
         | run after {} were renamed, s | {:.2} |\n\
         | index before, and its growth by that, bytes | {}, {} |",
        report.files,
        report.first_s,
        known(report.process_peak_mb),
        known(report.worker_peak_mb),
        known(report.all_peak_mb),
        report.walk_s,
        report.unchanged_s,
        report.unchanged_to_walk,
        report.renamed,
        report.renamed_s,
        report.index_bytes,
        report.renamed_bytes,
    )
}

/// Files of a folder; more make some file systems slow.
const TOGETHER: u64 = 500;

fn place_of(photos: &Path, number: u64) -> PathBuf {
    photos.join(format!("{:05}", number / TOGETHER)).join(format!("IMG_{number:08}.jpg"))
}

/// Draws small pictures, each another: a few random patches, blurred into each other.
fn draw(photos: &Path, count: u64) -> Result<()> {
    (0..count.div_ceil(TOGETHER))
        .try_for_each(|folder| fs::create_dir_all(photos.join(format!("{folder:05}"))))
        .context("pictures can't be drawn")?;
    (0..count).into_par_iter().try_for_each(|number| {
        let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let coarse = GrayImage::from_fn(9, 9, |_, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Luma([(state >> 56) as u8])
        });
        let fine = imageops::resize(&coarse, 96, 96, imageops::FilterType::CatmullRom);
        fine.save(place_of(photos, number)).context("a picture can't be drawn")
    })
}

/// Renames some files, spread over all folders.
fn rename(photos: &Path, count: u64) -> Result<()> {
    let mut left = count;
    let mut folders: Vec<_> = fs::read_dir(photos)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.sort();
    let each = count.div_ceil(folders.len() as u64);
    for folder in folders {
        let mut names: Vec<_> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        names.sort();
        for path in names.into_iter().take(each.min(left) as usize) {
            fs::rename(&path, path.with_extension("jpeg"))?;
            left -= 1;
        }
    }
    ensure!(left == 0, "{left} files were not renamed");
    Ok(())
}

/// Files and their bytes: a walk with one `stat` of each.
fn walk(folder: &Path) -> Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let below = walk(&entry.path())?;
            (files, bytes) = (files + below.0, bytes + below.1);
        } else {
            (files, bytes) = (files + 1, bytes + entry.metadata()?.len());
        }
    }
    Ok((files, bytes))
}

/// The most memory, in bytes, that was resident at once; 0 where the system does not tell.
#[derive(Default)]
struct Peaks {
    process: u64,
    worker: u64,
    /// The process's and all workers', each at its own time.
    all: u64,
}

/// How often the processes are looked at. The kernel remembers their peaks; only the last moments can be missed.
const SAMPLE: Duration = Duration::from_millis(20);

/// Runs `ris index`: seconds, what it told, and its memory.
fn update(photos: &Path, index: &Path) -> Result<(f64, Value, Peaks)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
    command.arg("index").arg(photos).arg("--index").arg(index).arg("--json");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let started = Instant::now();
    let child = command.spawn().context("ris can't be run")?;
    let pid = child.id();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let watching = std::thread::spawn(move || {
        let mut peaks: HashMap<u32, u64> = HashMap::new();
        while ended.recv_timeout(SAMPLE).is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout) {
            for process in children(pid).into_iter().chain([pid]) {
                let peak = peaks.entry(process).or_default();
                *peak = (*peak).max(resident_peak(process));
            }
        }
        let process = peaks.remove(&pid).unwrap_or_default();
        let all = process + peaks.values().sum::<u64>();
        Peaks { process, worker: peaks.into_values().max().unwrap_or_default(), all }
    });
    let output = child.wait_with_output()?;
    let seconds = started.elapsed().as_secs_f64();
    drop(done);
    let peaks = watching.join().map_err(|_| anyhow::anyhow!("memory can't be watched"))?;
    ensure!(output.status.success(), "ris index: {}", output.status);
    Ok((seconds, serde_json::from_slice(&output.stdout).context("a summary is no JSON")?, peaks))
}

fn children(pid: u32) -> Vec<u32> {
    // Of all threads: each may have forked.
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

fn resident_peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}
