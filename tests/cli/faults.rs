//! A disk that refuses: every call by which a run changes the index fails once, and then from there on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::calls::{Call, watched};
use crate::held::{Held, copy_folder, drawn};
use crate::privacy::strace;
use crate::setup::{Place, Ran};

/// What a disk says that is full or broken.
fn fault(call: &str) -> &'static str {
    match call {
        "fsync" | "fdatasync" | "unlink" | "unlinkat" => "EIO",
        "chmod" | "fchmod" | "fchmodat" => "EPERM",
        _ => "ENOSPC",
    }
}

fn index(place: &Place, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
    command.args(["index", "photos", "--jobs", "1", "--index"]).arg(folder);
    command.current_dir(place.path("")).env("HOME", place.path("home"));
    command
}

/// Where a fault is made up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// At the call of this name and number of each thread.
    Nth(String, usize),
    /// Where the file of this name is made. A thread opens other files before, but this one by its name alone.
    Made(PathBuf),
}

/// The calls of a run without faults that change the index. Files whose names are drawn by lot are left to disks
/// that have no inode left, below.
pub fn targets(calls: &[Call], folder: &Path) -> Vec<Target> {
    let changing = calls.iter().filter(|call| call.changes(folder));
    let target = |call: &Call| {
        if call.name != "openat" {
            return Some(Target::Nth(call.name.clone(), call.nth));
        }
        let path = call.paths().next()?.strip_prefix(folder).unwrap().to_owned();
        let name = path.file_name()?.to_str()?;
        let drawn = name.starts_with(".tmp") || name.split('.').next()?.len() == 32;
        (!drawn).then_some(Target::Made(path))
    };
    let targets: BTreeSet<_> = changing.filter_map(target).collect();
    targets.into_iter().collect()
}

/// A command that changes the index in this folder.
pub type Change = fn(&Place, &Path) -> Command;

/// Runs `change` with a fault at each `step`-th of all; returns how many runs failed and how many went on.
pub fn try_all(
    place: &Place,
    change: Change,
    base: Option<&Path>,
    among: &[Vec<u8>],
    step: usize,
) -> Option<(u32, u32)> {
    let log = place.path("log");
    let fresh = |name: String| -> PathBuf {
        let folder = place.path(name);
        if let Some(base) = base {
            copy_folder(base, &folder);
        }
        folder
    };
    let folder = fresh("whole".into());
    let old = Held::left(&folder, among, 3).unwrap();
    let (calls, output) = watched(strace()?, &change(place, &folder), None, &log);
    assert!(output.status.success(), "{output:?}");
    let new = Held::left(&folder, among, 3).unwrap();
    assert!(new != old);
    let targets = targets(&calls, &folder);
    assert!(targets.len() > 25, "{targets:?}");
    let (mut failed, mut passed, mut blurred, mut met, mut told) = (0, 0, 0, BTreeSet::new(), BTreeSet::new());
    // Once, and from there on: a disk that is full stays so.
    let ways = targets.iter().flat_map(|target| [(target, ""), (target, "+")]);
    for (i, (target, on)) in ways.enumerate().filter(|(i, _)| i % step == 0) {
        let folder = fresh(format!("faulty{i}"));
        let mut strace = strace()?;
        let inject = match target {
            Target::Nth(name, nth) => format!("{name}:error={}:when={nth}{on}", fault(name)),
            Target::Made(path) => {
                strace.arg("-P").arg(folder.join(path));
                format!("openat:error={}:when=1{on}", fault("openat"))
            }
        };
        let case = format!("{target:?} {inject}");
        let (calls, output) = watched(strace, &change(place, &folder), Some(&inject), &log);
        let ran = Ran::of(output);
        let case = format!("{case}: {ran:?}");
        assert!(!ran.stderr.contains("panicked"), "{case}");
        // A number may stand for a call of another thread, too, that talks to a worker or to stderr: then a picture fails
        // with it, or nothing can be said.
        let elsewhere = calls.iter().any(|call| call.injected && !call.changes(&folder));
        met.extend(calls.iter().filter(|call| call.injected && call.changes(&folder)).map(|call| call.name.clone()));
        let left = Held::left(&folder, among, 3).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(left == old || left == new || elsewhere && ran.status == 2, "{case}: {left:?}");
        match ran.status {
            0 => {
                assert!(left == new, "{case}: it said that all was in");
                passed += 1;
            }
            2 => {
                let lines: Vec<_> = ran.stderr.lines().collect();
                let clear =
                    matches!(lines.as_slice(), [line] if line.starts_with("ris: ") && !line.contains("damaged"));
                assert!(clear || elsewhere, "{case}");
                (failed, blurred) = (failed + 1, blurred + u32::from(elsewhere));
                let what = lines.first().and_then(|line| line.rsplit_once(": ")).filter(|_| !elsewhere);
                told.extend(what.map(|(_, what)| what.to_owned()));
            }
            _ => panic!("{case}"),
        }
        let again = Ran::of(change(place, &folder).output().unwrap());
        assert_eq!(again.status, 0, "{case}, then {again:?}");
        assert!(Held::left(&folder, among, 3).unwrap() == new, "{case}: what was missing did not come");
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let calls = targets.len();
    println!(
        "{calls} calls that change the index, faults at {met:?}: {failed} failed, {passed} went on; told: {told:?}"
    );
    assert!(blurred < failed, "{blurred} of {failed} faults met a worker, too");
    Some((failed, passed))
}

fn pictures(place: &Place, numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let write = |number: u32| place.write(format!("photos/{number}.png"), drawn(number));
    numbers.clone().for_each(write);
    numbers.map(drawn).collect()
}

/// Of all faults every one on demand: each costs a second.
pub fn step(sampled: usize) -> usize {
    if std::env::var_os("RIS_TESTS_EVERY_WRITE").is_some() { 1 } else { sampled }
}

#[test]
fn an_update_whose_writes_fail_says_so_in_one_line_and_leaves_the_old_index_or_the_new() {
    let place = Place::new();
    pictures(&place, 0..3);
    let base = place.path("base");
    assert!(index(&place, &base).output().unwrap().status.success());
    std::fs::remove_file(place.path("photos/1.png")).unwrap();
    std::fs::rename(place.path("photos/2.png"), place.path("photos/moved.png")).unwrap();
    pictures(&place, 3..6);
    let among: Vec<_> = (0..6).map(drawn).collect();
    let Some((failed, _)) = try_all(&place, index, Some(&base), &among, step(11)) else { return };
    assert!(failed > 5, "{failed}");
}

#[test]
fn a_first_index_whose_writes_fail_says_so_in_one_line_and_the_next_run_makes_it() {
    let place = Place::new();
    let among = pictures(&place, 0..3);
    let Some((failed, _)) = try_all(&place, index, None, &among, step(17)) else { return };
    assert!(failed > 3, "{failed}");
}

/// Says a number after a word, as the script below does after each step.
fn told(ran: &Ran, word: &str) -> Option<i32> {
    ran.stdout.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
}

#[test]
fn a_disk_that_is_full_or_has_no_inode_left_keeps_its_index_and_takes_the_rest_once_there_is_room() {
    let place = Place::new();
    pictures(&place, 0..3);
    assert!(index(&place, &place.path("base")).output().unwrap().status.success());
    pictures(&place, 3..16);
    std::fs::create_dir(place.path("disk")).unwrap();
    // Mounts are seen by the script alone and end with it.
    let script = "mount -t tmpfs -o \"$1\" none disk || { echo denied 1; exit; }
        cp -r base disk/idx 2>/dev/null; echo copied $?
        \"$0\" index photos --index disk/idx --jobs 1; echo full $?
        \"$0\" verify --index disk/idx >/dev/null; echo verified $?
        \"$0\" search photos/1.png --index disk/idx -l; echo found $?
        mount -o remount,size=64m,nr_inodes=1000 disk
        \"$0\" index photos --index disk/idx --jobs 1 2>/dev/null; echo completed $?
        \"$0\" verify --index disk/idx >/dev/null; echo whole $?
        \"$0\" search photos/14.png --index disk/idx -l >/dev/null; echo held $?";
    let all = std::env::var_os("RIS_TESTS_EVERY_WRITE").is_some();
    let (mut full, mut passed) = (0, 0);
    // Pages of 4 KiB, and files and folders.
    let sizes = (12..48).step_by(if all { 1 } else { 3 }).map(|pages| format!("size={}k", 4 * pages));
    let inodes = (16..44).step_by(if all { 1 } else { 7 }).map(|inodes| format!("nr_inodes={inodes}"));
    for room in sizes.chain(inodes) {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_ris"), &room]);
        command.current_dir(place.path("")).env("HOME", place.path("home"));
        let Ok(output) = command.output() else { return println!("left out: no unshare here") };
        let ran = Ran::of(output);
        if told(&ran, "copied").is_none() {
            return println!("left out, since this user may not mount a disk: {ran:?}");
        }
        if told(&ran, "copied") != Some(0) {
            continue;
        }
        let case = format!("{room}: {ran:?}");
        assert!(!ran.stderr.contains("panicked"), "{case}");
        let indexed = told(&ran, "full").unwrap();
        match indexed {
            0 => passed += 1,
            2 => {
                let lines = ran.stderr.lines().filter(|line| line.starts_with("ris: "));
                assert!(lines.count() == 1 && ran.stderr.contains("space"), "{case}");
                full += 1;
            }
            _ => panic!("{case}"),
        }
        for (word, expected) in [("verified", 0), ("found", 0), ("completed", 0), ("whole", 0), ("held", 0)] {
            assert_eq!(told(&ran, word), Some(expected), "{word}, {case}");
        }
        assert!(ran.stdout.contains("photos/1.png"), "{case}");
    }
    println!("{full} full, {passed} with room enough");
    assert!(full > 3 && passed > 0, "{full} full, {passed} with room enough");
}
