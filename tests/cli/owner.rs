//! Whose index is taken unasked: the user's own, as git takes a repository.

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::{Path, PathBuf};

use crate::setup::{Place, Ran};

/// A user that is neither root nor, in a test, the one who runs it.
const STRANGER: u32 = 54_321;

/// Every command that takes the nearest index where none is named.
const COMMANDS: [&[&str]; 8] = [
    &["index", "photos"],
    &["search", "query.jpg"],
    &["search", "query.jpg", "--in", "photos"],
    &["status"],
    &["verify"],
    &["verify", "--repair"],
    &["dupes"],
    &["prune"],
];

fn place() -> Place {
    let place = Place::with_photos(&["garden/pond.jpg", "garden/roses.jpg"]);
    place.copy("library/garden/roses.jpg", "photos/same.jpg");
    place.copy("library/garden/roses.jpg", "query.jpg");
    place
}

fn run(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    Ran::of(place.ris().args(args).envs(variables.iter().copied()).output().unwrap())
}

/// Everything below a folder, with its content.
fn all_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_below(&path))
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()))
        }
    }
    found.sort();
    found
}

fn give(path: &Path, user: u32) {
    lchown(path, Some(user), None).unwrap();
}

/// Says that a command takes no index, and why, in a line with the remedy; and that nothing in the index changed.
fn is_refused(place: &Place, index: &Path, args: &[&str], variables: &[(&str, &str)]) {
    let before = all_below(index);
    let ran = run(place, args, variables);
    assert!(ran.status == 2 && ran.stdout.is_empty(), "{args:?}: {ran:?}");
    assert!(ran.stderr.lines().count() == 1 && ran.stderr.contains("--index"), "{args:?}: {ran:?}");
    assert!(all_below(index) == before, "{args:?} changed {}", index.display());
}

fn is_taken(place: &Place, args: &[&str], variables: &[(&str, &str)]) {
    let ran = run(place, args, variables);
    assert!(ran.status < 2 && !ran.stderr.contains("--index"), "{args:?}: {ran:?}");
}

/// Only root can give a file away.
fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        println!("left out, since only root can give a file to another user: run this test as root");
    }
    is_root
}

#[test]
fn the_nearest_index_of_somebody_else_is_taken_by_no_command_unless_it_is_named() {
    if !is_root() {
        return;
    }
    let mut cases = 0;
    for foreign in
        [".ris", ".ris/format.json", ".ris/documents", ".ris/documents/meta.json", ".ris/features/00000000.ris"]
    {
        let place = place();
        assert_eq!(place.run(["index", "--here", "."]).status, 0);
        let index = place.path(".ris");
        give(&place.path(foreign), STRANGER);
        for args in COMMANDS {
            is_refused(&place, &index, args, &[]);
            cases += 1;
        }
        is_refused(&place, &index, &["index", "--here", "."], &[]);
        let mut below = place.ris();
        let below = Ran::of(below.arg("status").current_dir(place.path("photos")).output().unwrap());
        assert!(below.status == 2 && below.stderr.contains("--index"), "{below:?}");
        for args in COMMANDS {
            is_taken(&place, &[args, &["--index", ".ris"]].concat(), &[]);
            is_taken(&place, args, &[("RIS_INDEX", ".ris")]);
        }
        give(&place.path(foreign), 0);
        COMMANDS.iter().for_each(|args| is_taken(&place, args, &[]));
    }
    assert_eq!(cases, 5 * COMMANDS.len());
}

#[test]
fn an_index_in_the_data_folder_must_be_the_users_own_too() {
    if !is_root() {
        return;
    }
    let place = place();
    let index = place.path("home/.local/share/ris");
    assert_eq!(place.run(["index", "photos"]).status, 0);
    COMMANDS.iter().for_each(|args| is_taken(&place, args, &[]));
    give(&index, STRANGER);
    COMMANDS.iter().for_each(|args| is_refused(&place, &index, args, &[]));
}

#[test]
fn root_takes_what_belongs_to_the_user_who_called_sudo_and_anyone_what_root_left_in_his_own() {
    if !is_root() {
        return;
    }
    let place = place();
    assert_eq!(place.run(["index", "--here", "."]).status, 0);
    let index = place.path(".ris");
    let stranger = STRANGER.to_string();
    give(&index, STRANGER);
    is_refused(&place, &index, &["status"], &[]);
    is_refused(&place, &index, &["status"], &[("SUDO_UID", "54322")]);
    is_refused(&place, &index, &["status"], &[("SUDO_UID", "x")]);
    is_taken(&place, &["status"], &[("SUDO_UID", &stranger)]);
    // As the stranger, whose folder it is: its files are root's. A copy of the program, since ours may stand where only
    // root looks.
    let program = place.path("ris");
    fs::copy(env!("CARGO_BIN_EXE_ris"), &program).unwrap();
    open_to_all(&place.path(""));
    let as_stranger = |args: &[&str]| {
        use std::os::unix::process::CommandExt;
        let mut command = std::process::Command::new(&program);
        command.args(args).env_clear().env("HOME", place.path("home")).current_dir(place.path("")).uid(STRANGER);
        Ran::of(command.output().unwrap())
    };
    let ran = as_stranger(&["status"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    give(&index, 0);
    let ran = as_stranger(&["status"]);
    assert!(ran.status == 2 && ran.stderr.contains("--index"), "root is another user: {ran:?}");
    assert_eq!(as_stranger(&["status", "--index", ".ris"]).status, 0);
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_link_for_the_nearest_index_is_not_followed_unasked_and_nothing_is_made_where_it_leads() {
    let mut cases = 0;
    for target in ["elsewhere", "empty"] {
        let place = place();
        assert_eq!(place.run(["index", "photos", "--index", "elsewhere"]).status, 0);
        fs::create_dir(place.path("empty")).unwrap();
        symlink(target, place.path(".ris")).unwrap();
        for args in COMMANDS.into_iter().chain([&["index", "--here", "."][..]]) {
            is_refused(&place, &place.path(target), args, &[]);
            cases += 1;
        }
        let named = run(&place, &["index", "photos", "--index", ".ris"], &[]);
        assert_eq!(named.status, 0, "{named:?}");
    }
    assert_eq!(cases, 18);
}
