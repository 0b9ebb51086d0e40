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

/// What one search took.
pub struct Run {
    /// Milliseconds from start to end.
    pub wall_ms: f64,
    /// Milliseconds of processor time, of all its processes.
    pub cpu_ms: f64,
    /// The source of the first answer, and its score.
    pub first: Option<(String, f64)>,
}

/// Runs a search to its end.
pub fn search(index: &Path, query: &Path) -> Result<Run> {
    let before = cpu_ms()?;
    let started = Instant::now();
    let output = command(index, query).output().context("ris can't be run")?;
    let (wall_ms, cpu_ms) = (started.elapsed().as_secs_f64() * 1e3, cpu_ms()? - before);
    let said = String::from_utf8_lossy(&output.stderr);
    // 1: nothing was found.
    ensure!(matches!(output.status.code(), Some(0 | 1)), "{}: {said}", output.status);
    let answer: Value = serde_json::from_slice(&output.stdout).context("an answer is no JSON")?;
    let first = &answer["matches"][0];
    let told = first["source"].as_str().zip(first["score"].as_f64());
    Ok(Run { wall_ms, cpu_ms, first: told.map(|(source, score)| (source.to_owned(), score)) })
}

/// Milliseconds of processor time that children took which have ended.
fn cpu_ms() -> Result<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let ms = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e3 + time.tv_usec() as f64 / 1e3;
    Ok(ms(usage.user_time()) + ms(usage.system_time()))
}

/// The most memory, in bytes, that the processes of a search hold at one time and no file backs.
pub fn anonymous_peak(index: &Path, query: &Path) -> Result<u64> {
    let mut child = command(index, query).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak.max(anonymous(child.id()));
        std::thread::sleep(SAMPLE);
    }
    Ok(peak)
}

/// That of a process and those below it.
fn anonymous(process: u32) -> u64 {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
    let status = read("status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let own = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib << 10);
    let children = read(&format!("task/{process}/children"));
    own + children.split_whitespace().filter_map(|child| child.parse().ok()).map(anonymous).sum::<u64>()
}

/// Has the system forget what it keeps in memory of the files of an index, where it can.
pub fn forget(folder: &Path) -> Result<()> {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            forget(&path)?;
        } else {
            let file = std::fs::File::open(&path)?;
            file.sync_all()?;
            posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
        }
    }
    Ok(())
}
