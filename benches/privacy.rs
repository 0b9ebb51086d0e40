//! What the sandbox costs: `cargo bench --bench privacy`.
//!
//! Whole searches of `fixtures/library`, with the sandbox and without it by turns, so that a busy machine
//! burdens both alike.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 200;

fn main() {
    let Ok(place) = tempfile::tempdir() else { return println!("no room for temporary files") };
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
        command.args(args).arg("--index").arg(place.path().join("idx")).current_dir(&fixtures);
        let started = Instant::now();
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.code().is_some_and(|code| code < 2)), "{args:?} failed");
        started.elapsed().as_secs_f64() * 1e3
    };
    run(&["index", "library"]);
    // The smallest of the queries: the less is done otherwise, the better the cost shows.
    let search = ["search", "queries/plain.png"];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(run(&search));
        times[1].push(run(&[search.as_slice(), &["--no-sandbox"]].concat()));
    }
    println!(
        "{ROUNDS} searches each, whole process, ms\n\n| | first quarter | median | last quarter |\n| --- | ---: | ---: | ---: |"
    );
    let mut medians = Vec::new();
    for (name, times) in ["with the sandbox", "without"].iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let at = |share: usize| times[ROUNDS * share / 4];
        println!("| {name} | {:.2} | {:.2} | {:.2} |", at(1), at(2), at(3));
        medians.push(at(2));
    }
    println!("| difference of the medians | | {:.2} | |", medians[0] - medians[1]);
}
