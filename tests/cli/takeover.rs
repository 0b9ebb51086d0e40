//! An index of format 1 that is taken over on a disk which refuses, by a process that is killed, and as the power is lost: at
//! every moment it is the old index or today's, whole, and the next run makes it today's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ris::index::{Options, Reader, Writer};

use crate::calls::watched;
use crate::faults::{Target, step, targets, try_all};
use crate::held::{Held, copy_folder};
use crate::power::{Walk, every, explore};
use crate::privacy::strace;
use crate::replay::{Luck, Recording, content};
use crate::setup::{Place, Ran, fixtures};

/// What the index holds, beside the folder that it stands in.
const PICTURES: [&str; 4] =
    ["library/garden/pond.jpg", "library/garden/roses.jpg", "library/sea/bay.jpg", "several/pages.tif"];

fn name(fixture: &str) -> &str {
    fixture.rsplit('/').next().unwrap()
}

/// Lays out the index as `folder/idx` and its pictures beside it. Returns their bytes.
fn first(place: &Place, folder: &str) -> Vec<Vec<u8>> {
    copy_folder(&fixtures().join("index-v1"), &place.path(folder).join("idx"));
    let beside = |fixture: &str| Path::new(folder).join(name(fixture)).display().to_string();
    PICTURES.iter().for_each(|fixture| place.copy(fixture, &beside(fixture)));
    PICTURES.iter().map(|fixture| fs::read(fixtures().join(fixture)).unwrap()).collect()
}

/// Nothing is gone, so that taking over is all that it does.
fn prune(place: &Place, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
    command.args(["prune", "--quiet", "--index"]).arg(folder);
    command.current_dir(place.path("")).env("HOME", place.path("home"));
    command
}

/// Whether these hold the same, one in the first format and one in today's.
fn is_taken_over(old: &Held, new: &Held) -> bool {
    let mut in_todays = old.clone();
    in_todays.format = new.format;
    (old.format, new.format) == (1, 2) && in_todays == *new && new.sources.len() > 4
}

#[test]
fn a_takeover_whose_writes_fail_says_so_in_one_line_and_leaves_the_old_index_or_todays() {
    let place = Place::new();
    let among = first(&place, "");
    let base = place.path("idx");
    let Some((failed, _)) = try_all(&place, prune, Some(&base), &among, step(7)) else { return };
    assert!(failed > 3, "{failed}");
    let old = Held::left(&base, &among, 1).unwrap();
    let folder = place.path("other");
    copy_folder(&base, &folder);
    assert!(prune(&place, &folder).output().unwrap().status.success());
    assert!(is_taken_over(&old, &Held::left(&folder, &among, 1).unwrap()));
}

#[test]
fn a_takeover_that_is_killed_at_any_call_leaves_the_old_index_or_todays_and_the_next_run_finishes() {
    let place = Place::new();
    let among = first(&place, "");
    let (base, log) = (place.path("idx"), place.path("log"));
    let old = Held::left(&base, &among, 3).unwrap();
    let whole = place.path("whole");
    copy_folder(&base, &whole);
    let Some(tracer) = strace() else { return };
    let (calls, output) = watched(tracer, &prune(&place, &whole), None, &log);
    assert!(output.status.success(), "{output:?}");
    let new = Held::left(&whole, &among, 3).unwrap();
    let targets = targets(&calls, &whole);
    let (mut killed, mut half, mut told) = (0, 0, Vec::new());
    for (i, target) in targets.iter().enumerate().filter(|(i, _)| i % step(5) == 0) {
        let folder = place.path(format!("killed{i}"));
        copy_folder(&base, &folder);
        let Some(mut tracer) = strace() else { return };
        let inject = match target {
            Target::Nth(name, nth) => format!("{name}:signal=KILL:when={nth}"),
            Target::Made(path) => {
                tracer.arg("-P").arg(folder.join(path));
                "openat:signal=KILL:when=1".into()
            }
        };
        let (_, output) = watched(tracer, &prune(&place, &folder), Some(&inject), &log);
        killed += u32::from(!output.status.success());
        let left = Held::left(&folder, &among, 3).unwrap_or_else(|error| panic!("{inject}: {error}"));
        assert!(left == old || left == new, "{inject}: {left:?} is neither {old:?} nor {new:?}");
        let names = |folder: &Path| fs::read_dir(folder.join("features")).unwrap().count();
        half += u32::from(left == old && names(&folder) > names(&base));
        told.push(left.format);
        let again = Ran::of(prune(&place, &folder).output().unwrap());
        assert!(again.status == 0 && again.stderr.is_empty(), "{inject}, then {again:?}");
        assert!(Held::left(&folder, &among, 3).unwrap() == new, "{inject}: the next run did not finish");
        fs::remove_dir_all(&folder).unwrap();
    }
    println!(
        "{} calls; {killed} killed, of which {half} with a part of it done; then of formats {told:?}",
        targets.len()
    );
    assert!(killed > 3 && half > 0 && told.contains(&1) && told.contains(&2), "{killed} {half} {told:?}");
}

/// A takeover that is recorded.
struct Takeover {
    place: Place,
    root: PathBuf,
    among: Vec<Vec<u8>>,
    old: Held,
    new: Held,
    recording: Recording,
}

impl Takeover {
    fn recorded() -> Option<Self> {
        let place = Place::new();
        let among = first(&place, "disk");
        let root = place.path("disk");
        let folder = root.join("idx");
        let old = Held::left(&folder, &among, 3).unwrap().below(&root);
        let before = content(&root);
        let (calls, output) = watched(strace()?, &prune(&place, &folder), None, &place.path("log"));
        assert!(output.status.success(), "{output:?}");
        let new = Held::left(&folder, &among, 3).unwrap().below(&root);
        assert!(is_taken_over(&old, &new), "{old:?} and {new:?}");
        let recording = Recording::of(before, &calls, &root);
        assert!(recording.disk(recording.len(), Luck::All) == content(&root), "what was recorded is not what was done");
        Some(Self { place, root, among, old, new, recording })
    }

    /// It is the old index or today's, the latter once the run has ended; and now and then: another run makes it today's.
    fn judge(&self, disk: &Path, until: usize, finish: bool) -> Result<(), String> {
        let folder = disk.join("idx");
        let left = |folder: &Path| Held::left(folder, &self.among, 3).map(|held| held.below(disk));
        let held = left(&folder)?;
        let ended = until == self.recording.len();
        if held != self.new && (ended || held != self.old) {
            return Err(format!("neither old nor new, or lost: {held:?}"));
        }
        if finish {
            let finished = Writer::open(&folder, Options::default()).and_then(Writer::finish);
            finished.map_err(|error| format!("the next run: {error}"))?;
            if left(&folder)? != self.new {
                return Err("the next run did not take it over".into());
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
fn power_that_is_lost_at_any_call_of_a_takeover_leaves_the_old_index_or_todays() {
    let Some(takeover) = Takeover::recorded() else { return };
    let (changes, syncs) = takeover.recording.counts();
    assert!(changes > 10 && syncs > 5, "{changes} {syncs}");
    let told = takeover.explore(&Walk::sampled(3, 16), if every() { 2 } else { 5 });
    let (tried, differed) = told.unwrap_or_else(|error| panic!("{error}"));
    println!("{changes} changes, {syncs} syncs; {tried} states, {differed} differ");
    assert!(differed > 10, "{differed} of {tried}");
}

/// Files and folders of which syncs are lost.
type Lies = (&'static str, fn(&Path) -> bool);

#[test]
fn a_disk_that_lies_about_a_sync_of_a_takeover_is_noticed() {
    let parts: [Lies; 3] = [
        ("features", |path| path.extension().is_some_and(|extension| extension == "ris")),
        ("the folder of features", |path| path.ends_with("features")),
        ("the commit", |path| path.ends_with("meta.json")),
    ];
    for (part, of) in parts {
        let Some(mut takeover) = Takeover::recorded() else { return };
        let lost = takeover.recording.without_syncs(of);
        assert!(lost > 0, "{part}");
        let told = takeover.explore(&Walk { stride: 2, draws: 2 }, usize::MAX);
        assert!(told.is_err(), "{lost} syncs of {part} lost, and nothing was noticed");
    }
}

#[test]
fn who_only_reads_an_index_of_format_1_leaves_it_as_it_is() {
    let place = Place::new();
    let among = first(&place, "disk");
    let folder = place.path("disk/idx");
    let before = content(&folder);
    assert_eq!(Held::left(&folder, &among, 1).unwrap().format, 1);
    assert_eq!(Reader::open(&folder).unwrap().pictures().unwrap(), 7);
    let dry = Ran::of(place.ris().args(["prune", "--dry-run", "--index", "disk/idx"]).output().unwrap());
    assert!(dry.status == 0 && content(&folder) == before, "{dry:?}");
}

#[test]
fn a_takeover_that_takes_more_than_a_second_is_explained_on_stderr_alone() {
    let place = Place::new();
    first(&place, "disk");
    let run = |args: &[&str], slow: bool| {
        fs::remove_dir_all(place.path("disk/idx")).unwrap();
        copy_folder(&fixtures().join("index-v1"), &place.path("disk/idx"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
        command.args(args).current_dir(place.path("")).env("HOME", place.path("home"));
        let inject = slow.then_some("fsync:delay_enter=700000");
        let output = watched(strace()?, &command, inject, &place.path("log")).1;
        Some((Ran::of(output), Reader::open(&place.path("disk/idx")).unwrap().format()))
    };
    let said = |ran: &Ran| ran.stderr.matches("ris: the index is of an earlier format: rewriting 7 pictures").count();
    let index = ["index", "disk", "--index", "disk/idx", "--json"];
    let Some((slow, format)) = run(&index, true) else { return };
    assert_eq!((slow.status, said(&slow), slow.json().len(), format), (0, 1, 1, 2), "{slow:?}");
    let Some((quiet, format)) = run(&["prune", "--quiet", "--index", "disk/idx"], true) else { return };
    assert_eq!((quiet.status, quiet.stderr.as_str(), quiet.stdout.as_str(), format), (0, "", "", 2));
    let Some((soon, format)) = run(&["prune", "--index", "disk/idx"], false) else { return };
    assert_eq!((soon.status, said(&soon), format), (0, 0, 2), "{soon:?}");
}
