//! A writer that is killed, runs out of disk or is read beside: what was committed stays, and the end is the same.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ris::ErrorKind;
use ris::index::{Reader, verify};

use crate::held::drawn;
use crate::setup::Place;
use crate::small::{Answers, add, answers, writer};

pub const PICTURES: u32 = 60;
/// Pictures of a commit.
const BATCH: u32 = 3;
const FOLDER: &str = "RIS_TESTS_WRITE_INTO";

fn build(folder: &Path, acknowledge: impl Fn(u32)) -> ris::Result<()> {
    let mut writer = writer(folder)?;
    for n in 0..PICTURES {
        add(&mut writer, n)?;
        if n % BATCH == BATCH - 1 {
            writer.commit()?;
            acknowledge(n + 1);
        }
    }
    writer.finish()?;
    Ok(())
}

/// No test, but the process that the tests below kill: says after each commit how many pictures are in.
#[test]
fn writes_into_a_folder_that_is_named_to_it() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    if let Err(error) = build(Path::new(&folder), |count| println!("\nin {count}")) {
        println!("\nfailed {error}");
        std::process::exit(3);
    }
    println!("\ndone");
}

/// The process above, in a shell that first runs `limits`.
pub fn child(folder: &Path, limits: &str) -> Command {
    child_of("writes_into_a_folder_that_is_named_to_it", FOLDER, folder, limits)
}

fn child_of(test: &str, variable: &str, folder: &Path, limits: &str) -> Command {
    let mut command = Command::new("sh");
    let run = format!("{limits} exec \"$0\" --exact crash::{test} --nocapture");
    command.args(["-c", &run]).arg(std::env::current_exe().unwrap()).env(variable, folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How many pictures a process said were in.
pub fn acknowledged(told: &str) -> u32 {
    // A line that was cut is no word.
    let whole = told.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(|line| line.strip_prefix("in ")?.parse().ok()).max().unwrap_or(0)
}

/// How many pictures a writer that ended somehow has left: all that it said, in whole batches, and nothing damaged.
pub fn left(folder: &Path, acknowledged: u32) -> Result<u32, String> {
    let reader = match Reader::open(folder) {
        Err(error) if error.kind() == ErrorKind::NoIndex && acknowledged == 0 => return Ok(0),
        reader => reader.map_err(|error| error.to_string())?,
    };
    let checked = verify(folder).map_err(|error| error.to_string())?;
    if !checked.is_whole() {
        return Err(format!("{checked:?}"));
    }
    let answers = answers(&reader, PICTURES).map_err(|error| error.to_string())?;
    let standing: Vec<_> = answers.standing.iter().map(Option::is_some).collect();
    let count = standing.iter().filter(|&&stands| stands).count() as u32;
    if !standing.iter().take(count as usize).all(|&stands| stands) {
        return Err(format!("not the first ones: {standing:?}"));
    }
    if count < acknowledged || !count.is_multiple_of(BATCH) {
        return Err(format!("{acknowledged} said, {count} there"));
    }
    Ok(count)
}

/// As [`left`], where all else fails the test.
fn check(folder: &Path, acknowledged: u32, case: &str) -> u32 {
    left(folder, acknowledged).unwrap_or_else(|error| panic!("{case}: {error}"))
}

/// The answers of an index that was built without interruption, and how long that took in a process of its own.
fn reference(place: &Place) -> (Answers, Duration) {
    let folder = place.path("reference");
    let started = Instant::now();
    let output = child(&folder, "").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && acknowledged(&told) == PICTURES, "{output:?}");
    (answers(&Reader::open(&folder).unwrap(), PICTURES).unwrap(), started.elapsed())
}

#[cfg(unix)]
#[test]
fn a_writer_that_is_killed_at_any_moment_loses_nothing_that_it_said_was_in_and_ends_as_if_it_never_was() {
    let rounds: u64 = std::env::var("RIS_TESTS_KILLS").map_or(30, |rounds| rounds.parse().unwrap());
    let place = Place::new();
    let (whole, took) = reference(&place);
    let folder = place.path("idx");
    let (mut killed, mut finished, mut between) = (0, 0, 0);
    for round in 0..rounds {
        let before = check(&folder, 0, "before");
        let mut child = child(&folder, "").spawn().unwrap();
        // Spread evenly over the run, in no order.
        std::thread::sleep(took.mul_f64((round * 13 % 31) as f64 / 31.0));
        child.kill().unwrap();
        let mut told = String::new();
        child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
        let ended = child.wait().unwrap();
        killed += u32::from(!ended.success());
        let count = check(&folder, acknowledged(&told), &format!("round {round}"));
        assert!(count >= before, "round {round}: {count} of {before}");
        between += u32::from(count > 0 && count < PICTURES);
        if count == PICTURES || round % 10 == 9 {
            build(&folder, |_| {}).unwrap();
            let resumed = answers(&Reader::open(&folder).unwrap(), PICTURES).unwrap();
            assert!(resumed == whole, "round {round}: other answers than without interruption");
            std::fs::remove_dir_all(&folder).unwrap();
            finished += 1;
        }
    }
    assert!(killed > rounds as u32 / 2 && finished > 0 && between > 0, "{killed} {finished} {between}");
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_full_at_any_point_is_an_error_that_leaves_the_last_commit() {
    let place = Place::new();
    let (whole, _) = reference(&place);
    let (mut failed, mut passed) = (0, 0);
    // Blocks of 512 bytes that a file may have.
    for blocks in [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 48, 100, 260, 270, 280, 300, 330, 400, 500, 700, 10_000] {
        let folder = place.path(format!("full{blocks}"));
        let output = child(&folder, &format!("trap '' XFSZ; ulimit -f {blocks};")).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let case = format!("{blocks} blocks: {told}{}", String::from_utf8_lossy(&output.stderr));
        assert!(!case.contains("panicked"), "{case}");
        if output.status.success() {
            passed += 1;
        } else {
            assert!(output.status.code() == Some(3) && told.contains("\nfailed "), "{case}");
            failed += 1;
        }
        check(&folder, acknowledged(&told), &case);
        build(&folder, |_| {}).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(answers(&Reader::open(&folder).unwrap(), PICTURES).unwrap() == whole, "{case}: other answers");
    }
    assert!(failed > 10 && passed > 0, "{failed} failed, {passed} passed");
}

#[test]
fn readers_beside_a_writer_always_find_a_whole_commit() {
    let place = Place::new();
    let folder = place.path("idx");
    writer(&folder).unwrap().finish().unwrap();
    let done = AtomicBool::new(false);
    let (mut reads, mut last) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let built = build(&folder, |_| {});
            done.store(true, Ordering::Relaxed);
            built.unwrap();
        });
        while !done.load(Ordering::Relaxed) {
            let answers = answers(&Reader::open(&folder).unwrap(), PICTURES).unwrap();
            let count = answers.standing.iter().flatten().count();
            assert!(count >= last && (count as u32).is_multiple_of(BATCH), "{count} after {last}");
            (reads, last) = (reads + 1, count);
        }
    });
    assert!(reads > 5, "{reads}");
    assert_eq!(check(&folder, PICTURES, "at the end"), PICTURES);
}

const MERGE: &str = "RIS_TESTS_MERGE_INTO";
const SHARDS: u32 = 4;

/// Joins the shards that stand beside a folder into it, with a commit as often as there can be one.
fn merge(folder: &Path) -> ris::Result<()> {
    let shards: Vec<_> = (0..SHARDS).map(|n| folder.with_file_name(format!("shard{n}"))).collect();
    let options = ris::index::Options { batch: 1, ..ris::index::Options::default() };
    ris::index::merge(folder, &shards, options, &mut |_| true).map(drop)
}

/// No test, but the process that the test below kills.
#[test]
fn merges_into_a_folder_that_is_named_to_it() {
    if let Some(folder) = std::env::var_os(MERGE) {
        merge(Path::new(&folder)).unwrap();
    }
}

#[test]
fn a_merge_that_is_killed_leaves_an_index_and_one_that_is_run_again_ends_as_if_it_never_was() {
    let place = Place::new();
    for shard in 0..SHARDS {
        let mut writer = writer(&place.path(format!("shard{shard}"))).unwrap();
        for n in (0..PICTURES).filter(|n| n % SHARDS == shard || n % 11 == shard) {
            add(&mut writer, n).unwrap();
            if n % 5 == 0 {
                writer.commit().unwrap();
            }
        }
        writer.finish().unwrap();
    }
    let whole = place.path("whole");
    let child = |folder: &Path| child_of("merges_into_a_folder_that_is_named_to_it", MERGE, folder, "");
    let started = Instant::now();
    assert!(child(&whole).output().unwrap().status.success());
    let took = started.elapsed();
    let whole = answers(&Reader::open(&whole).unwrap(), PICTURES).unwrap();
    let folder = place.path("merged");
    let (mut killed, mut between) = (0, 0);
    for round in 0u32..20 {
        let mut child = child(&folder).spawn().unwrap();
        std::thread::sleep(took.mul_f64(f64::from(round * 13 % 20) / 30.0));
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        match Reader::open(&folder) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::NoIndex, "round {round}: {error}"),
            Ok(reader) => {
                assert!(verify(&folder).unwrap().is_whole(), "round {round}");
                let standing = answers(&reader, PICTURES).unwrap().standing;
                let there = standing.iter().flatten().count();
                assert_eq!(reader.pictures().unwrap(), there as u64, "round {round}: each picture has its place");
                between += u32::from(there > 0 && there < PICTURES as usize);
            }
        }
        if round % 4 == 3 {
            merge(&folder).unwrap();
            let resumed = answers(&Reader::open(&folder).unwrap(), PICTURES).unwrap();
            assert!(resumed == whole, "round {round}: other answers than without interruption");
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
    assert!(killed > 5 && between > 0, "{killed} {between}");
}

#[test]
fn searches_beside_a_writer_that_never_rests_all_find_what_was_there_before() {
    // 10,000 on demand: some three minutes.
    let searches = std::env::var("RIS_TESTS_SEARCHES").map_or(150, |searches| searches.parse().unwrap());
    let place = Place::new();
    let (folder, photos) = (place.path("idx"), place.path("photos"));
    let shown: Vec<_> = (0..6).map(drawn).collect();
    shown.iter().enumerate().for_each(|(i, bytes)| place.write(format!("photos/{i}.png"), bytes));
    let mut first = writer(&folder).unwrap();
    ris::ingest::run(&mut first, &[photos], &ris::ingest::Options::default(), &ris::progress::Silent).unwrap();
    first.finish().unwrap();
    let (done, commits) = (AtomicBool::new(false), AtomicU32::new(0));
    let found = std::thread::scope(|scope| {
        let writing = scope.spawn(|| -> ris::Result<()> {
            let mut writer = writer(&folder)?;
            for n in 0.. {
                add(&mut writer, n)?;
                // It replaces what it wrote, so that files come and go.
                if n >= 40 {
                    let old = n - 40;
                    writer.forget_source(&crate::small::place(old));
                    let id = writer.picture_with(&ris::index::Digest::of(&old.to_le_bytes()))?;
                    id.into_iter().for_each(|id| writer.forget_picture(id));
                }
                if n % BATCH == BATCH - 1 {
                    writer.commit()?;
                    commits.fetch_add(1, Ordering::Relaxed);
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
            writer.finish().map(drop)
        });
        let search = |n: usize| {
            let which = n % shown.len();
            let reader = Reader::open(&folder).map_err(|error| error.to_string())?;
            let query = ris::search::Query::of(&shown[which], &ris::decode::Options::default());
            let query = query.map_err(|error| error.to_string())?;
            let answer = ris::search::search(&reader, &query, &ris::search::Options::default());
            let first =
                answer.map_err(|error| error.to_string())?.matches.first().map(|found| found.source.to_string());
            let right = first.as_ref().is_some_and(|first| first.ends_with(&format!("/{which}.png")));
            if right { Ok(()) } else { Err(format!("search {n}: {first:?}")) }
        };
        let found = (0..searches).try_for_each(search);
        done.store(true, Ordering::Relaxed);
        writing.join().unwrap().unwrap();
        found
    });
    let commits = commits.into_inner();
    found.unwrap_or_else(|error: String| panic!("{error}, beside {commits} commits"));
    println!("{searches} searches beside {commits} commits");
    assert!(commits > 5 && verify(&folder).unwrap().is_whole(), "{commits}");
}
