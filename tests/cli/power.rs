//! Power that is lost before any call of a run: what the disk may then hold is an index as of one of the commits.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use ris::index::{Options, Writer};
use ris::{ingest, progress};

use crate::calls::watched;
use crate::crash;
use crate::held::{Held, drawn};
use crate::privacy::strace;
use crate::replay::{Luck, Recording, content, fingerprint, lay_out};
use crate::setup::Place;

/// Of all states every one on demand.
pub fn every() -> bool {
    std::env::var_os("RIS_TESTS_EVERY_WRITE").is_some()
}

/// How far a walk over the moments at which the power is lost goes.
pub struct Walk {
    /// Between two moments that are looked at.
    pub stride: usize,
    /// Draws of what nothing made sure, at each.
    pub draws: u64,
}

impl Walk {
    /// Every moment on demand, with so many draws at each.
    pub fn sampled(stride: usize, draws: u64) -> Self {
        if every() { Self { stride: 1, draws } } else { Self { stride, draws: 2 } }
    }
}

/// Lays out what the disk may hold at each moment and has it judged, by the place of the moment among the steps. The
/// first that is judged bad is the error; otherwise says how many states were tried and how many differed.
pub fn explore(
    recording: &Recording,
    root: &Path,
    place: &Place,
    walk: &Walk,
    judge: &mut dyn FnMut(&Path, usize) -> Result<(), String>,
) -> Result<(usize, usize), String> {
    let disk = place.path("disk after");
    let (mut tried, mut seen) = (0, HashSet::new());
    let moments = (0..recording.len()).step_by(walk.stride).chain([recording.len()]);
    for until in moments {
        let draws = (0..walk.draws).map(|draw| Luck::Some(until as u64 * 1000 + draw));
        for luck in [Luck::All, Luck::None].into_iter().chain(draws) {
            tried += 1;
            let content = recording.disk(until, luck);
            // The same disk is judged anew only where more had been promised.
            if seen.insert((fingerprint(&content), recording.said(until), until == recording.len())) {
                lay_out(&content, root, &disk);
                judge(&disk, until).map_err(|error| {
                    format!("before step {until} of {}, {luck:?}: {error}\n{}", recording.len(), recording.tail(until))
                })?;
            }
        }
    }
    Ok((tried, seen.len()))
}

/// A run of `ris index photos` that is recorded, with what the index was before and is after.
struct Update {
    place: Place,
    root: PathBuf,
    among: Vec<Vec<u8>>,
    old: Held,
    new: Held,
    recording: Recording,
}

impl Update {
    fn index(place: &Place) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
        command.args(["index", "photos", "--jobs", "1", "--index"]).arg(place.path("disk/indexes/idx"));
        command.current_dir(place.path("")).env("HOME", place.path("home"));
        command
    }

    fn of(first: bool) -> Option<Self> {
        let place = Place::new();
        let root = place.path("disk");
        std::fs::create_dir_all(&root).unwrap();
        (0..3).for_each(|number| place.write(format!("photos/{number}.png"), drawn(number)));
        let among: Vec<_> = (0..6).map(drawn).collect();
        if !first {
            assert!(Self::index(&place).output().unwrap().status.success());
            std::fs::remove_file(place.path("photos/1.png")).unwrap();
            std::fs::rename(place.path("photos/2.png"), place.path("photos/moved.png")).unwrap();
            (3..6).for_each(|number| place.write(format!("photos/{number}.png"), drawn(number)));
        }
        let folder = root.join("indexes/idx");
        let old = Held::left(&folder, &among, 3).unwrap();
        let before = content(&root);
        let (calls, output) = watched(strace()?, &Self::index(&place), None, &place.path("log"));
        assert!(output.status.success(), "{output:?}");
        let new = Held::left(&folder, &among, 3).unwrap();
        assert!(old != new && new.sources.len() >= 3, "{new:?}");
        let recording = Recording::of(before, &calls, &root);
        let whole = recording.disk(recording.len(), Luck::All);
        assert!(whole == content(&root), "what was recorded is not what was done");
        Some(Self { place, root, among, old, new, recording })
    }

    /// The index opens as the old or the new one, the latter once the run has ended; and now and then: another run
    /// makes it the new one.
    fn judge(&self, disk: &Path, until: usize, finish: bool) -> Result<(), String> {
        let folder = disk.join("indexes/idx");
        let left = Held::left(&folder, &self.among, 3)?;
        let ended = until == self.recording.len();
        if left != self.new && (ended || left != self.old) {
            return Err(format!("neither old nor new, or lost: {left:?}"));
        }
        if finish {
            let finished = Writer::open(&folder, Options::default()).and_then(|mut writer| {
                let photos = [self.place.path("photos")];
                ingest::run(&mut writer, &photos, &ingest::Options::default(), &progress::Silent)?;
                writer.finish().map(drop)
            });
            finished.map_err(|error| format!("the next run: {error}"))?;
            if Held::left(&folder, &self.among, 3)? != self.new {
                return Err("the next run did not make the new index".into());
            }
        }
        Ok(())
    }

    fn explore(&self, walk: &Walk, finish_each: usize) -> Result<(usize, usize), String> {
        let mut judged = 0;
        let mut judge = |disk: &Path, until: usize| {
            judged += 1;
            self.judge(disk, until, judged % finish_each == 0)
        };
        explore(&self.recording, &self.root, &self.place, walk, &mut judge)
    }
}

#[test]
fn power_that_is_lost_at_any_call_of_an_update_leaves_the_old_index_or_the_new() {
    for first in [true, false] {
        let Some(update) = Update::of(first) else { return };
        let (changes, syncs) = update.recording.counts();
        assert!(changes > 30 && syncs > 10, "{changes} {syncs}");
        let told = update.explore(&Walk::sampled(5, 16), if every() { 5 } else { 25 });
        let (tried, differed) = told.unwrap_or_else(|error| panic!("first: {first}; {error}"));
        println!("first: {first}; {changes} changes, {syncs} syncs; {tried} states, {differed} differ");
        assert!(differed > 20, "{differed} of {tried}");
    }
}

#[test]
fn power_that_is_lost_at_any_call_of_a_long_run_loses_nothing_that_was_said_to_be_in() {
    let Some(strace) = strace() else { return };
    let place = Place::new();
    let root = place.path("disk");
    std::fs::create_dir_all(&root).unwrap();
    let before = content(&root);
    let (calls, output) = watched(strace, &crash::child(&root.join("idx"), ""), None, &place.path("log"));
    assert!(output.status.success(), "{output:?}");
    let recording = Recording::of(before, &calls, &root);
    let (changes, syncs) = recording.counts();
    assert_eq!(crash::acknowledged(&recording.said(recording.len())), crash::PICTURES);
    let walk = Walk::sampled(37, 4);
    let mut counts = HashSet::new();
    let mut judge = |disk: &Path, until: usize| {
        counts.insert(crash::left(&disk.join("idx"), crash::acknowledged(&recording.said(until)))?);
        Ok(())
    };
    let (tried, differed) = explore(&recording, &root, &place, &walk, &mut judge).unwrap();
    println!("{changes} changes, {syncs} syncs; {tried} states, {differed} differ, {} commits seen", counts.len());
    assert!(differed > 50 && counts.len() > 10, "{differed} of {tried}, {counts:?}");
}

/// Files and folders of which syncs are lost.
type Lies = (&'static str, fn(&Path) -> bool);

#[test]
fn a_disk_that_lies_about_a_sync_is_noticed() {
    let parts: [Lies; 6] = [
        ("features", |path| path.extension().is_some_and(|extension| extension == "ris")),
        ("the commit", |path| path.ends_with("meta.json")),
        ("documents", |path| path.extension().is_some_and(|extension| extension == "store")),
        ("their terms", |path| path.extension().is_some_and(|extension| extension == "term")),
        ("the folder of documents", |path| path.ends_with("documents")),
        ("the folder of features", |path| path.ends_with("features")),
    ];
    for (part, of) in parts {
        let Some(mut update) = Update::of(false) else { return };
        let lost = update.recording.without_syncs(of);
        assert!(lost > 0, "{part}");
        let told = update.explore(&Walk { stride: 3, draws: 2 }, usize::MAX);
        assert!(told.is_err(), "{lost} syncs of {part} lost, and nothing was noticed");
    }
}
