//! What is no file, or another one, where an index should have its own: it is never opened, followed or written through.

use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::rc::Rc;

use crate::stranger::{Case, Stranger, Told, try_all};

/// What stands where a file of the index should.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A link to the file itself, which was moved elsewhere.
    MovedAway,
    /// A link to another file.
    Link,
    /// A link to what is not there.
    Dangling,
    /// Another name of another file.
    HardLink,
    Fifo,
    Socket,
    Folder,
    /// One that never ends.
    Device,
}

const KINDS: [Kind; 8] =
    [Kind::MovedAway, Kind::Link, Kind::Dangling, Kind::HardLink, Kind::Fifo, Kind::Socket, Kind::Folder, Kind::Device];

fn put(stranger: &Stranger, name: &str, kind: Kind) {
    let (at, victim) = (stranger.at(name), stranger.place.path("victim"));
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    let moved = victim.join("moved");
    if at.is_dir() && kind != Kind::MovedAway {
        fs::remove_dir_all(&at).unwrap();
    } else if at.symlink_metadata().is_ok() {
        fs::rename(&at, &moved).unwrap();
    }
    match kind {
        Kind::MovedAway if moved.exists() => symlink(&moved, &at).unwrap(),
        Kind::MovedAway | Kind::Link => symlink(victim.join("photo.jpg"), &at).unwrap(),
        Kind::Dangling => symlink(victim.join("new"), &at).unwrap(),
        Kind::HardLink => fs::hard_link(victim.join("photo.jpg"), &at).unwrap(),
        Kind::Fifo => nix::unistd::mkfifo(&at, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        Kind::Socket => drop(UnixListener::bind(&at).unwrap()),
        Kind::Folder => fs::create_dir(&at).unwrap(),
        Kind::Device => {
            use nix::sys::stat::{Mode, SFlag, makedev, mknod};
            mknod(&at, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, makedev(1, 5)).unwrap();
        }
    }
}

fn is_put(stranger: &Stranger, name: &str, kind: Kind) -> bool {
    let metadata = stranger.at(name).symlink_metadata().unwrap();
    let is = metadata.file_type();
    match kind {
        Kind::MovedAway | Kind::Link | Kind::Dangling => is.is_symlink(),
        Kind::HardLink => metadata.nlink() == 2,
        Kind::Fifo => is.is_fifo(),
        Kind::Socket => is.is_socket(),
        Kind::Folder => is.is_dir(),
        Kind::Device => is.is_char_device(),
    }
}

/// The kinds that this user can make.
fn kinds() -> impl Iterator<Item = Kind> {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        println!("left out: devices, which only root can make");
    }
    KINDS.into_iter().filter(move |kind| *kind != Kind::Device || is_root)
}

/// A case in which something else stands for a file; `END` in its name stands for what a segment's file ends in.
fn stands_for(file: &'static str, kind: Kind, is_crawled: bool, told: Told) -> Case {
    let find = move |stranger: &Stranger| match file.strip_prefix("documents/*") {
        Some(end) => stranger.some("documents", end),
        None => file.to_owned(),
    };
    let found = Rc::new(OnceCell::new());
    let put_there = found.clone();
    Case {
        name: format!("{kind:?} for {file}"),
        is_crawled,
        told,
        craft: Box::new(move |stranger| put(stranger, put_there.get_or_init(|| find(stranger)), kind)),
        is_set_up: Box::new(move |stranger| is_put(stranger, found.get().unwrap(), kind)),
    }
}

/// What opens each file that is read, and each that is written.
const READ: &[&str] = &["search", "verify", "index", "repair", "index"];
const WRITTEN: &[&str] = &["search", "verify", "index", "crawl", "repair", "index", "crawl"];

#[test]
fn what_stands_for_a_file_that_an_index_is_read_by_is_told_and_not_followed() {
    let files = ["format.json", "documents/meta.json", "features/00000000.ris"];
    let of_segments = ["documents/*.store", "documents/*.term", "documents/*.fast", "documents/*.del"];
    let mut cases = Vec::new();
    for kind in kinds() {
        cases.extend(files.into_iter().chain(of_segments).map(|file| stands_for(file, kind, true, Told::Search)));
    }
    try_all(&cases, 49, READ);
}

#[test]
fn what_stands_for_a_file_that_an_index_is_written_by_is_never_written_through() {
    let mut cases = Vec::new();
    for kind in kinds() {
        cases.push(stands_for("crawls/00000000.ris", kind, true, Told::Crawl));
        for file in ["copies/format.json", "copies/meta.json"] {
            cases.push(stands_for(file, kind, true, Told::Verify));
        }
        // These may be refused or replaced, or are looked at by nobody.
        let files = ["lock", "CACHEDIR.TAG", "format.json.new", "documents/meta.json.new", "copies/meta.json.new"];
        let next = ["features/00000002.ris", "crawls/00000001.ris"];
        let of_tantivy = ["documents/.managed.json", "documents/.tantivy-writer.lock", "documents/.tantivy-meta.lock"];
        let all = files.into_iter().chain(next).chain(of_tantivy);
        cases.extend(all.map(|file| stands_for(file, kind, true, Told::Nobody)));
        cases.push(stands_for("crawls/00000000.ris", kind, false, Told::Nobody));
    }
    try_all(&cases, 98, WRITTEN);
}

#[test]
fn folders_of_an_index_are_its_own() {
    let mut cases = Vec::new();
    for kind in kinds().filter(|kind| !matches!(kind, Kind::HardLink | Kind::Folder)) {
        let folders = [("documents", Told::Search), ("features", Told::Search), ("crawls", Told::Crawl)];
        for (folder, told) in folders.into_iter().chain([("copies", Told::Verify)]) {
            cases.push(stands_for(folder, kind, true, told));
        }
    }
    try_all(&cases, 20, WRITTEN);
}

#[test]
fn an_index_that_is_made_where_links_lie_in_wait_writes_through_none() {
    let mut cases = Vec::new();
    for kind in kinds() {
        for file in ["lock", "CACHEDIR.TAG", "format.json.new", "documents", "features", "copies"] {
            let mut case = stands_for(file, kind, false, Told::Nobody);
            let craft = case.craft;
            case.craft = Box::new(move |stranger| {
                craft(stranger);
                let half_made = stranger.place.path("half");
                fs::create_dir(&half_made).unwrap();
                fs::rename(stranger.at(file), half_made.join(file)).unwrap();
                fs::remove_dir_all(stranger.at("")).unwrap();
                fs::rename(half_made, stranger.at("")).unwrap();
            });
            case.name = format!("half made, {}", case.name);
            cases.push(case);
        }
    }
    try_all(&cases, 42, &["index", "crawl", "verify", "index"]);
}
