//! Ways to the same index: stopped and resumed or in one go, moved about or indexed anew.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use ris::index::{Digest, Options, Reader, Writer};
use ris::ingest::{self, Summary, prune};
use ris::progress;

use crate::held::{Held, drawn};
use crate::setup::Place;

const PICTURES: u32 = 24;
/// Pictures of a commit.
const BATCH: usize = 4;
const FOLDER: &str = "RIS_TESTS_INGEST_INTO";

fn runner(cases: u32) -> TestRunner {
    let cases = std::env::var("RIS_TESTS_CASES").map_or(cases, |cases| cases.parse().unwrap());
    TestRunner::new(ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        max_shrink_iters: 10,
        ..ProptestConfig::with_cases(cases)
    })
}

fn update(folder: &Path, photos: &Path) -> ris::Result<Summary> {
    let mut writer = Writer::open(folder, Options { batch: BATCH, ..Options::default() })?;
    let summary = ingest::run(&mut writer, &[photos.to_owned()], &ingest::Options::default(), &progress::Silent)?;
    writer.finish()?;
    Ok(summary)
}

/// No test, but the process that the one below kills: commits often, which the program has no reason to.
#[test]
fn indexes_a_folder_that_is_named_to_it() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    update(&folder, &folder.with_file_name("photos")).unwrap();
}

fn indexing(place: &Place, by_program: bool) -> Command {
    let mut command = if by_program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
        command.args(["index", "photos", "--jobs", "1", "--index", "idx"]);
        command
    } else {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "equal::indexes_a_folder_that_is_named_to_it"]).env(FOLDER, place.path("idx"));
        command
    };
    command.current_dir(place.path("")).env("HOME", place.path("home"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn an_index_that_was_stopped_and_killed_at_any_moments_and_resumed_equals_one_made_in_one_go() {
    let place = Place::new();
    let among: Vec<_> = (0..PICTURES).map(drawn).collect();
    among.iter().enumerate().for_each(|(i, bytes)| place.write(format!("photos/{}/{i}.png", i % 3), bytes));
    let held = || Held::left(&place.path("idx"), &among, 5);
    let mut took = [Duration::ZERO; 2];
    let mut wholes = Vec::new();
    for by_program in [false, true] {
        let _ = fs::remove_dir_all(place.path("idx"));
        let started = Instant::now();
        assert!(indexing(&place, by_program).status().unwrap().success());
        took[usize::from(by_program)] = started.elapsed();
        wholes.push(held().unwrap());
    }
    let whole = &wholes[0];
    assert!(wholes[1] == *whole && whole.sources.len() == PICTURES as usize, "{whole:?}");

    let (stopped, killed, between) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let interruptions = prop::collection::vec((any::<bool>(), 0.0..1.0f64), 2..6);
    let mut runner = runner(6);
    let ran = runner.run(&interruptions, |interruptions| {
        let _ = fs::remove_dir_all(place.path("idx"));
        for (by_program, moment) in interruptions {
            // The program is asked to stop, the other gets no chance to.
            let mut child = indexing(&place, by_program).spawn().unwrap();
            std::thread::sleep(took[usize::from(by_program)].mul_f64(moment));
            if by_program {
                let pid = nix::unistd::Pid::from_raw(child.id() as i32);
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
            } else {
                child.kill().unwrap();
            }
            let status = child.wait().unwrap();
            let counter = if by_program { &stopped } else { &killed };
            counter.set(counter.get() + u32::from(status.code() != Some(0)));
            let left = held().map_err(TestCaseError::fail)?;
            let part = left.sources.iter().all(|source| whole.sources.get(source.0) == Some(source.1));
            prop_assert!(part, "{left:?}");
            between.set(between.get() + u32::from(!left.sources.is_empty() && left != *whole));
        }
        prop_assert!(indexing(&place, true).status().unwrap().success());
        prop_assert!(held().map_err(TestCaseError::fail)? == *whole, "other than in one go");
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    let counts = [stopped.get(), killed.get(), between.get()];
    println!("stopped {}, killed {}, {} times with a part of the pictures in", counts[0], counts[1], counts[2]);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

/// What is done to a folder: which change, to which of its files, and under which name or with which picture.
type Deed = (u8, usize, u8);

fn files(folder: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn digests(folder: &Path) -> Vec<Digest> {
    files(folder).iter().map(|path| Digest::of(&fs::read(path).unwrap())).collect()
}

/// Pictures that the deeds choose from.
const CHOICE: u32 = 20;

fn change(photos: &Path, (deed, which, other): Deed) {
    let files = files(photos);
    let Some(file) = files.get(which % files.len().max(1)) else { return };
    let place = photos.join(["a", "b", "c"][other as usize % 3]).join(format!("{}.png", other % 16));
    let picture = || drawn(u32::from(other) % CHOICE);
    match deed {
        // Moved, maybe over another.
        0 | 1 => fs::rename(file, place).unwrap(),
        // Read first: it may be the same file.
        2 => fs::write(place, fs::read(file).unwrap()).unwrap(),
        3 if !place.exists() => fs::hard_link(file, place).unwrap(),
        4 => {
            let later = SystemTime::now() + Duration::from_secs(10 + u64::from(other));
            File::options().write(true).open(file).unwrap().set_modified(later).unwrap();
        }
        // Another picture in its place.
        5 => {
            fs::remove_file(file).unwrap();
            fs::write(file, picture()).unwrap();
        }
        6 => fs::remove_file(file).unwrap(),
        7 => fs::write(place, picture()).unwrap(),
        // Two names change places.
        8 if *file != place && place.exists() => {
            let aside = photos.join("aside");
            fs::rename(file, &aside).unwrap();
            fs::rename(&place, file).unwrap();
            fs::rename(aside, place).unwrap();
        }
        // A folder takes another's name.
        9 => {
            let aside = photos.join("aside");
            fs::rename(photos.join("a"), &aside).unwrap();
            fs::rename(photos.join("b"), photos.join("a")).unwrap();
            fs::rename(aside, photos.join("b")).unwrap();
        }
        _ => {}
    }
}

#[test]
fn pictures_that_are_moved_about_give_the_index_of_a_fresh_run_and_none_that_is_known_is_decoded_again() {
    let among: Vec<_> = (0..CHOICE).map(drawn).collect();
    let deeds = prop::collection::vec(prop::collection::vec((0..10u8, 0..64usize, any::<u8>()), 1..8), 1..4);
    let (moved, decoded) = (Cell::new(0), Cell::new(0));
    let ran = runner(16).run(&deeds, |rounds| {
        let place = Place::new();
        let (photos, folder) = (place.path("photos"), place.path("idx"));
        ["a", "b", "c"].iter().for_each(|name| fs::create_dir_all(photos.join(name)).unwrap());
        (0..9).for_each(|i| place.write(format!("photos/{}/{i}.png", ["a", "b", "c"][i % 3]), &among[i]));
        update(&folder, &photos).unwrap();
        for round in rounds {
            round.into_iter().for_each(|deed| change(&photos, deed));
            if files(&photos).is_empty() {
                // An empty folder counts as a disk that is not there.
                place.write("photos/a/0.png", &among[0]);
            }
            let reader = Reader::open(&folder).unwrap();
            let unknown: Vec<_> =
                digests(&photos).into_iter().filter(|digest| reader.picture_with(digest).unwrap().is_none()).collect();
            drop(reader);
            let summary = update(&folder, &photos).unwrap();
            let least = unknown.iter().map(|digest| digest.0).collect::<BTreeSet<_>>().len() as u64;
            prop_assert!((least..=unknown.len() as u64).contains(&summary.decoded), "{summary:?}, {least} are unknown");
            moved.set(moved.get() + summary.moved);
            decoded.set(decoded.get() + summary.decoded);
        }
        let mut writer = Writer::open(&folder, Options::default()).unwrap();
        let gone = prune::gone(writer.snapshot(), &prune::Selection::default()).unwrap();
        prune::forget(&mut writer, &gone).unwrap();
        writer.finish().unwrap();
        let fresh = place.path("fresh");
        update(&fresh, &photos).unwrap();
        let [kept, fresh] = [folder, fresh].map(|folder| Held::left(&folder, &among, 1).unwrap());
        prop_assert_eq!(kept, fresh);
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    println!("{} moved, {} decoded", moved.get(), decoded.get());
    assert!(moved.get() > 5 && decoded.get() > 5, "{} moved, {} decoded", moved.get(), decoded.get());
}
