//! Indexes that somebody else made: whatever they name and whatever stands for their files, nothing outside of them
//! changes, every command ends, and what is wrong is one line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::setup::{Place, Ran};
use crate::small::{add, place as small_place, writer};

/// A command that takes longer waits for something that never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two commits' files of features, a segment with deleted documents, and, or not, a ledger of crawls.
static BASES: LazyLock<[TempDir; 2]> = LazyLock::new(|| {
    [false, true].map(|is_crawled| {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(&folder.path().join("idx")).unwrap();
        (0..5).for_each(|n| add(&mut writer, n).unwrap());
        writer.commit().unwrap();
        writer.forget_source(&small_place(3));
        add(&mut writer, 5).unwrap();
        if is_crawled {
            writer.ledger().unwrap().begin("http://127.0.0.1:9/").unwrap();
        }
        writer.finish().unwrap();
        folder
    })
});

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &to) } else { fs::copy(entry.path(), to).map(drop).unwrap() }
    }
}

/// As files are that are replaced in one step: with a checksum.
fn seal(content: &Value) -> String {
    let content = content.to_string();
    format!("{content}\ncrc32 {:08x}\n", crc32fast::hash(content.as_bytes()))
}

/// What stands below a folder: type, size, time and content of each entry.
type Tree = BTreeMap<PathBuf, (u32, u64, SystemTime, Vec<u8>)>;

fn tree(folder: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let metadata = entry.path().symlink_metadata().unwrap();
            let content = if metadata.is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() };
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            let size = if metadata.is_dir() { 0 } else { metadata.len() };
            found.insert(entry.path(), (metadata.mode(), size, metadata.modified().unwrap(), content));
        }
    }
    found
}

/// An index that was tampered with, beside a folder that is none of its business.
pub struct Stranger {
    pub place: Place,
}

impl Stranger {
    fn new(is_crawled: bool) -> Self {
        let place = Place::new();
        copy(&BASES[usize::from(is_crawled)].path().join("idx"), &place.path("idx"));
        copy(&BASES[0].path().join("idx"), &place.path("other"));
        place.copy("library/garden/pond.jpg", "query.jpg");
        place.copy("formats/still.gif", "photos/still.gif");
        for name in ["victim/photo.jpg", "victim/deep/letter.txt", "victim/00000007.ris"] {
            place.write(name, format!("{name} is dear to somebody. ").repeat(40));
            let file = File::options().write(true).open(place.path(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
        }
        Self { place }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.place.path("idx").join(name)
    }

    /// The name of some file of the index, below its folder.
    pub fn some(&self, folder: &str, end: &str) -> String {
        let names =
            fs::read_dir(self.at(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let name = names.filter(|name| name.ends_with(end) && !name.starts_with('.')).max().unwrap();
        format!("{folder}/{name}")
    }

    /// Changes the content of a sealed file and seals it again.
    fn reseal(&self, name: &str, change: impl Fn(&mut Value)) {
        let text = fs::read_to_string(self.at(name)).unwrap();
        let (content, _) = text.rsplit_once("\ncrc32 ").unwrap();
        let mut content: Value = serde_json::from_str(content).unwrap();
        change(&mut content);
        fs::write(self.at(name), seal(&content)).unwrap();
    }

    /// Changes what the commit says besides its documents.
    fn payload(&self, change: impl Fn(&mut Value)) {
        self.reseal("documents/meta.json", |commit| {
            let mut payload: Value = serde_json::from_str(commit["payload"].as_str().unwrap()).unwrap();
            change(&mut payload);
            commit["payload"] = payload.to_string().into();
        });
    }

    fn run(&self, args: &[&str]) -> Result<Ran, String> {
        let mut command = std::process::Command::new(self.place.ris().get_program());
        command.args(args).current_dir(self.place.path("")).env_clear().env("HOME", self.place.path("home"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let begun = Instant::now();
        // What it says is less than a pipe holds.
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if begun.elapsed() > PATIENCE => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    return Err("does not end".into());
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let (mut stdout, mut stderr) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Ok(Ran { status: status.code().unwrap_or(-1), stdout, stderr })
    }
}

/// Who has to say that something is wrong.
#[derive(Clone, Copy, PartialEq)]
pub enum Told {
    /// Whoever searches, and `verify`.
    Search,
    /// `verify`, and whoever crawls.
    Crawl,
    /// `verify`, until it is written anew.
    Verify,
    /// Nobody: it may be replaced, or is never looked at.
    Nobody,
}

pub struct Case {
    pub name: String,
    pub is_crawled: bool,
    pub told: Told,
    pub craft: Box<dyn Fn(&Stranger)>,
    /// Whether what was crafted is there.
    pub is_set_up: Box<dyn Fn(&Stranger) -> bool>,
}

const SEARCH: &[&str] = &["search", "query.jpg", "--index", "idx", "--json", "--min-score", "0.1"];
const VERIFY: &[&str] = &["verify", "--index", "idx"];

/// What a search finds in each of the bases.
static WHOLE: LazyLock<[Value; 2]> = LazyLock::new(|| {
    [false, true].map(|is_crawled| {
        let found = matches(&Stranger::new(is_crawled).run(SEARCH).unwrap()).unwrap();
        assert!(!found.as_array().unwrap().is_empty());
        found
    })
});

fn matches(ran: &Ran) -> Option<Value> {
    (ran.status < 2).then(|| ran.object()["matches"].clone())
}

/// Runs all commands over an index and returns what is wrong with what they do.
fn faults(case: &Case, commands: &[Vec<&str>]) -> Vec<String> {
    let stranger = Stranger::new(case.is_crawled);
    let whole = &WHOLE[usize::from(case.is_crawled)];
    (case.craft)(&stranger);
    assert!((case.is_set_up)(&stranger), "{}: it is not set up", case.name);
    let before = tree(&stranger.place.path("victim"));
    assert!(before.len() > 3, "{before:?}");
    let mut faults = Vec::new();
    let mut fault = |args: &[&str], what: &str| faults.push(format!("{}: `ris {}` {what}", case.name, args.join(" ")));
    // Once somebody wrote, answers may be others; once it was repaired, all may be well.
    let (mut is_written, mut is_repaired, mut is_refused) = (false, false, false);
    for args in commands {
        let ran = match stranger.run(args) {
            Ok(ran) => ran,
            Err(what) => {
                fault(args, &what);
                break;
            }
        };
        let changes = changes(&before, &tree(&stranger.place.path("victim")));
        changes.iter().for_each(|change| fault(args, change));
        if !(0..=2).contains(&ran.status) || ran.stderr.contains("panicked") {
            fault(args, &format!("ends badly: {ran:?}"));
        }
        if ran.status == 2 && (ran.stderr.lines().count() != 1 || !ran.stderr.starts_with("ris: ")) {
            fault(args, &format!("says it in more or less than one line: {ran:?}"));
        }
        is_refused |= ran.status == 2;
        let is_writer = args[0] == "index" || args.contains(&"--in") || args.starts_with(&["merge", "idx"]);
        let is_fine = is_repaired || case.told == Told::Nobody || (case.told == Told::Verify && is_written);
        let is_due = match case.told {
            _ if is_repaired => false,
            Told::Search => args[0] == "search" || is_writer,
            Told::Crawl => args.iter().any(|arg| arg.starts_with("http")),
            Told::Verify | Told::Nobody => false,
        };
        if is_due && ran.status != 2 {
            fault(args, &format!("says nothing of it: {ran:?}"));
        } else if args == SEARCH && !is_written && ran.status < 2 && matches(&ran).as_ref() != Some(whole) {
            fault(args, "answers otherwise than before");
        } else if args == VERIFY && !is_fine && ran.status == 0 {
            fault(args, "says that it is whole");
        } else if is_due && !["ris verify", "ris index", "new index"].iter().any(|remedy| ran.stderr.contains(remedy)) {
            fault(args, &format!("says no remedy: {ran:?}"));
        }
        is_written |= (is_writer || args[0] == "prune") && ran.status < 2;
        is_repaired |= args.contains(&"--repair");
        if !changes.is_empty() {
            break;
        }
    }
    if !is_refused && ![Told::Nobody, Told::Verify].contains(&case.told) && faults.is_empty() {
        faults.push(format!("{}: nobody refused", case.name));
    }
    faults
}

fn changes(before: &Tree, after: &Tree) -> Vec<String> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let change = |name: &&PathBuf| match (before.get(*name), after.get(*name)) {
        (Some(_), None) => Some("removes"),
        (None, Some(_)) => Some("makes"),
        (was, is) => (was != is).then_some("changes"),
    };
    names.iter().filter_map(|name| change(name).map(|what| format!("{what} {}", name.display()))).collect()
}

/// Tries all commands of these names on all cases, and fails with all that is wrong.
pub fn try_all(cases: &[Case], least: usize, names: &[&str]) {
    assert!(cases.len() >= least, "{} cases", cases.len());
    let commands = Commands::new();
    let urls = commands.urls();
    let commands = commands.of(&urls, names);
    let faults: Vec<_> = cases.iter().flat_map(|case| faults(case, &commands)).collect();
    assert!(faults.is_empty(), "{} faults in {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

/// A site of two pages, and the commands, each of which stands for a way to read or to write an index.
struct Commands {
    #[cfg(feature = "crawl")]
    site: crate::site::Site,
}

impl Commands {
    fn new() -> Self {
        Self {
            #[cfg(feature = "crawl")]
            site: crate::site::Site::made(std::sync::Arc::new(|path| {
                Some(match path {
                    "/robots.txt" => crate::site::Reply::status(404),
                    _ => crate::site::Reply::ok("<a href=/b>more</a>").with("Content-Type", "text/html"),
                })
            })),
        }
    }

    /// Commands by their names here, in this order.
    fn of<'a>(&self, urls: &'a [String], names: &[&str]) -> Vec<Vec<&'a str>> {
        let command = |name: &&str| -> Vec<&'a str> {
            match *name {
                "search" => SEARCH.to_vec(),
                "verify" => VERIFY.to_vec(),
                "repair" => vec!["verify", "--repair", "--index", "idx"],
                "index" => vec!["index", "photos", "--index", "idx"],
                "in" => vec!["search", "query.jpg", "--in", "photos", "--index", "idx", "--json"],
                "merge" => vec!["merge", "out", "idx"],
                "merge into" => vec!["merge", "idx", "other"],
                "status" | "dupes" | "prune" => vec![name_of(name), "--index", "idx"],
                other => panic!("{other}"),
            }
        };
        let mut commands = Vec::new();
        for name in names {
            if *name == "crawl" {
                for url in urls {
                    commands.push(vec!["index", url, "--index", "idx", "--allow-private", "--delay", "0"]);
                }
            } else {
                commands.push(command(name));
            }
        }
        commands
    }

    /// Two addresses, or none in a build without the crawler.
    fn urls(&self) -> Vec<String> {
        #[cfg(feature = "crawl")]
        let urls = ["/a", "/b"].map(|path| self.site.url(path)).to_vec();
        #[cfg(not(feature = "crawl"))]
        let urls = Vec::new();
        urls
    }
}

fn name_of(name: &str) -> &'static str {
    ["status", "dupes", "prune"].into_iter().find(|known| *known == name).unwrap()
}

const ALL: &[&str] = &[
    "search",
    "status",
    "dupes",
    "verify",
    "merge",
    "index",
    "crawl",
    "in",
    "merge into",
    "prune",
    "repair",
    "index",
    "crawl",
    "verify",
];

/// Names that lead out of the folder that they stand in, or are none of a file's there. `VICTIM` is its path.
const NAMES: [&str; 16] = [
    "../../victim/photo.jpg",
    "../../victim/00000007.ris",
    "../../victim/new.ris",
    "../../victim",
    "a/../../../victim/photo.jpg",
    "./../../victim/photo.jpg",
    "link/photo.jpg",
    "VICTIM/photo.jpg",
    "/VICTIM/00000007.ris",
    "../format.json",
    "../lock",
    "",
    ".",
    "a",
    "nul\0.ris",
    "LONG",
];

fn name(stranger: &Stranger, name: &str) -> String {
    let victim = stranger.place.path("victim").display().to_string();
    name.replace("VICTIM", &victim).replace("LONG", &"x".repeat(5_000))
}

/// What a name leads through: a folder, a link, and a file of features outside.
fn lead_the_way(stranger: &Stranger, folder: &str) {
    fs::create_dir_all(stranger.at(folder).join("a")).unwrap();
    symlink("../../victim", stranger.at(folder).join("link")).unwrap();
    fs::copy(stranger.at(&stranger.some("features", ".ris")), stranger.place.path("victim/00000007.ris")).unwrap();
}

/// A case in which `folder`'s list of names, in the sealed file `list`, has another one.
fn listed(folder: &'static str, other: &'static str, told: Told, set: fn(&Stranger, &str)) -> Case {
    let craft = move |stranger: &Stranger| {
        lead_the_way(stranger, folder);
        set(stranger, &name(stranger, other));
    };
    let is_set_up = move |stranger: &Stranger| {
        let written = Value::from(name(stranger, other)).to_string();
        let list = if folder == "documents" && told == Told::Nobody { ".managed.json" } else { "meta.json" };
        let text = fs::read_to_string(stranger.at("documents").join(list)).unwrap();
        // The payload is text in JSON.
        text.contains(&written) || text.contains(Value::from(written).to_string().trim_matches('"'))
    };
    Case {
        name: format!("{folder} names {:.40}", other.escape_debug().to_string()),
        is_crawled: told == Told::Crawl,
        told,
        craft: Box::new(craft),
        is_set_up: Box::new(is_set_up),
    }
}

/// Replaces each text of a JSON value that `is` says so of.
fn replace(value: &mut Value, is: &dyn Fn(&str) -> bool, by: &str) {
    match value {
        Value::String(text) if is(text) => *text = by.to_owned(),
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, is, by)),
        Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, is, by)),
        _ => {}
    }
}

/// ris keeps no such list; earlier versions did, and believed it.
#[test]
fn what_a_list_of_tantivys_files_names_elsewhere_is_never_removed() {
    let set = |stranger: &Stranger, name: &str| {
        let names = fs::read_dir(stranger.at("documents")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).filter(|name| name.len() > 30).collect();
        names.extend(["meta.json".into(), name.into()]);
        fs::write(stranger.at("documents/.managed.json"), seal(&Value::from(names))).unwrap();
    };
    let mut cases: Vec<_> = NAMES.iter().map(|name| listed("documents", name, Told::Nobody, set)).collect();
    cases.push(listed("documents", "../features/00000000.ris", Told::Nobody, set));
    try_all(&cases, 17, ALL);
}

#[test]
fn a_file_of_features_is_never_read_from_elsewhere() {
    let set = |stranger: &Stranger, name: &str| {
        stranger.payload(|payload| replace(&mut payload["features"], &|text| text == "00000000.ris", name));
    };
    let own = ["../features/00000000.ris", "./00000000.ris", "00000000.ris/", "+0.ris", "0.ris"];
    let more = ["18446744073709551615.ris", "18446744073709551614.ris", "99999999999999999999.ris"];
    let mut cases: Vec<_> = NAMES.iter().map(|name| listed("features", name, Told::Search, set)).collect();
    for name in own.into_iter().chain(more) {
        let mut case = listed("features", name, Told::Search, set);
        let craft = case.craft;
        case.craft = Box::new(move |stranger| {
            craft(stranger);
            if !name.contains('/') {
                fs::copy(stranger.at("features/00000000.ris"), stranger.at("features").join(name)).unwrap();
            }
        });
        cases.push(case);
    }
    try_all(&cases, 24, ALL);
}

#[test]
fn a_ledger_of_crawls_is_never_cut_or_written_elsewhere() {
    let set = |stranger: &Stranger, name: &str| {
        stranger.payload(|payload| {
            replace(&mut payload["crawls"], &|text| text.ends_with(".ris"), name);
            payload["crawls"]["length"] = 0.into();
        });
    };
    let mut cases: Vec<_> = NAMES.iter().map(|name| listed("crawls", name, Told::Crawl, set)).collect();
    for name in ["../features/00000000.ris", "../documents/meta.json", "18446744073709551615.ris"] {
        cases.push(listed("crawls", name, Told::Crawl, set));
    }
    try_all(&cases, 19, if cfg!(feature = "crawl") { ALL } else { &["verify"] });
}

#[test]
fn a_segment_of_documents_is_never_read_from_elsewhere() {
    let set = |stranger: &Stranger, name: &str| {
        stranger.reseal("documents/meta.json", |commit| {
            replace(&mut commit["segments"], &|text| text.len() == 36, name);
        });
    };
    let cases: Vec<_> = NAMES.iter().map(|name| listed("documents", name, Told::Search, set)).collect();
    try_all(&cases, 16, ALL);
}

#[test]
fn the_index_that_all_these_are_made_of_is_taken_by_every_command() {
    let commands = Commands::new();
    let urls = commands.urls();
    for is_crawled in [false, true] {
        let stranger = Stranger::new(is_crawled);
        for args in commands.of(&urls, ALL) {
            let ran = stranger.run(&args).unwrap();
            let expected = i32::from(args[0] == "dupes" || args.contains(&"--in"));
            assert_eq!(ran.status, expected, "{args:?}: {ran:?}");
        }
    }
}
