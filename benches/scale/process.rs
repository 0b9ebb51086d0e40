//! One run of the program: how long it takes, how much memory is its own, and what it answers.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// How often a running process is asked for its memory.
const SAMPLE: Duration = Duration::from_micros(500);

fn command(index: &Path, query: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
    command.args(["search", "--json", "--min-score", "0", "-n", "10", "--index"]).arg(index).arg(query);
    command.env_remove("RIS_INDEX").stdin(Stdio::null());
    command
}

/// Milliseconds from start to end of a search, and the source of the first answer with its score.
pub fn search(index: &Path, query: &Path) -> Result<(f64, Option<(String, f64)>)> {
    let started = Instant::now();
    let output = command(index, query).output().context("ris can't be run")?;
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    let said = String::from_utf8_lossy(&output.stderr);
    // 1: nothing was found.
    ensure!(matches!(output.status.code(), Some(0 | 1)), "{}: {said}", output.status);
    let answer: Value = serde_json::from_slice(&output.stdout).context("an answer is no JSON")?;
    let first = &answer["matches"][0];
    let told = first["source"].as_str().zip(first["score"].as_f64());
    Ok((milliseconds, told.map(|(source, score)| (source.to_owned(), score))))
}

/// The most memory, in bytes, that a search holds and no file backs; `None` where the system does not tell.
pub fn anonymous_peak(index: &Path, query: &Path) -> Result<Option<u64>> {
    let mut child = command(index, query).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kib.map(|kib| kib << 10));
        std::thread::sleep(SAMPLE);
    }
    Ok(peak)
}
