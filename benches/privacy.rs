//! What the sandbox costs: `cargo bench --bench privacy`.
//!
//! Whole searches of `fixtures/library`, with the sandbox and without it by turns, so that a busy machine
//! burdens both alike. Without it the query is decoded in the process that searches. `RIS_BENCH_BEFORE` may name another
//! build of the program, which takes its turn with the sandbox, too.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 200;

fn main() {
    let Ok(place) = tempfile::tempdir() else { return println!("no room for temporary files") };
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let run = |program: &OsStr, index: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).arg("--index").arg(place.path().join(index)).current_dir(&fixtures);
        let started = Instant::now();
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.code().is_some_and(|code| code < 2)), "{args:?} failed");
        started.elapsed().as_secs_f64() * 1e3
    };
    let now = OsStr::new(env!("CARGO_BIN_EXE_ris"));
    let before = std::env::var_os("RIS_BENCH_BEFORE");
    run(now, "now", &["index", "library"]);
    // The smallest of the queries: the less is done otherwise, the better the cost shows. And an ordinary one.
    for query in ["queries/plain.png", "queries/half.jpg"] {
        let search = ["search", query];
        let mut ways = vec![("with the sandbox", now, "now", search.to_vec())];
        ways.push(("without", now, "now", [search.as_slice(), &["--no-sandbox"]].concat()));
        if let Some(before) = &before {
            run(before, "before", &["index", "library"]);
            ways.push(("before, with the sandbox", before.as_os_str(), "before", search.to_vec()));
        }
        let mut times = vec![Vec::new(); ways.len()];
        for _ in 0..ROUNDS {
            for ((_, program, index, args), times) in ways.iter().zip(&mut times) {
                times.push(run(program, index, args));
            }
        }
        println!("{ROUNDS} searches for {query} each, whole process, ms\n");
        println!(
            "| | first quarter | median | last quarter | more at the median |\n| --- | ---: | ---: | ---: | ---: |"
        );
        times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
        let at = |way: usize, share: usize| times.get(way).and_then(|times| times.get(ROUNDS * share / 4)).copied();
        for (number, (name, ..)) in ways.iter().enumerate() {
            let [first, median, last] = [1, 2, 3].map(|share| at(number, share).unwrap_or(f64::NAN));
            let more = at(0, 2).unwrap_or(f64::NAN) - median;
            println!("| {name} | {first:.2} | {median:.2} | {last:.2} | {more:.2} |");
        }
        println!();
    }
}
