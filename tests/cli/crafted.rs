//! Indexes that somebody crafted: every checksum is right and what stands behind it is not. An answer or an error.
//!
//! A case may end its process or never end, so processes of their own run them, some at a time, with a bound on their
//! address space and on the processor time of each case.

use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use ris::decode::metadata::Metadata;
use ris::describe::hash::PerceptualHash;
use ris::index::filter::Filter;
use ris::index::local::Sketch;
use ris::index::{self, Digest, Page, PictureRecord, Reader, Shown, SourceRecord, State, Writer};
use ris::ingest::prune;
use ris::locator::{Locator, Stamp};
use ris::report::IndexState;
use ris::{ErrorKind, search};

use crate::bombs::KINDS;
use crate::craft::{Chance, craft, forget_fingerprints};
use crate::crawled::crawled;
use crate::setup::{Place, Ran, fixtures};
use crate::small::writer;

/// Pictures of the index that is crafted, in so many commits.
const PICTURES: u32 = 48;
const COMMITS: u32 = 7;
/// Processor time that a case may take. None of those that were seen takes a tenth of it.
const SECONDS: u64 = 20;
/// Address space of a process that runs cases, in KiB: most of it are stacks and arenas of threads.
const SPACE: u64 = 3 << 20;
/// The most memory that one holds, in KiB: the index itself is read with 60 MB.
const PEAK: u64 = 400 << 10;
/// Names the folder with the index, and the cases to run, one a line, to [the test](runs_the_cases_that_are_named_to_it)
/// that does.
const RUNNER: &str = "runs_the_cases_that_are_named_to_it";
const CHILD: &str = "RIS_TESTS_CRAFTED_CASES";
/// Cases that one process runs.
const AT_A_TIME: usize = 10;

fn place(n: u32) -> Locator {
    let path = Locator::from(Path::new(&format!("/photos/{}/{n:05}.jpg", n % 7)));
    match n % 8 {
        5 => Locator::Inside { archive: "/photos/a.zip".into(), names: vec![format!("b/{n}.jpg").into_bytes()] },
        6 => path.page(n),
        7 => Locator::Url(format!("https://example.org/{n}.jpg")),
        _ => path,
    }
}

fn described(n: u32) -> PictureRecord {
    let word =
        |salt: u64| u64::from(n / 2 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17 * salt as u32) ^ salt;
    let metadata = Metadata {
        taken: (!n.is_multiple_of(3)).then(|| 1_500_000_000 + i64::from(n)),
        camera: (!n.is_multiple_of(3)).then(|| format!("Canon EOS {}", n % 5)),
        lens: (!n.is_multiple_of(4)).then(|| format!("50 mm f/{}", n % 3)),
        position: (!n.is_multiple_of(2)).then(|| (52.5, f64::from(n))),
        rating: (!n.is_multiple_of(5)).then_some(3),
    };
    PictureRecord {
        digest: Digest::of(&n.to_le_bytes()),
        hash: PerceptualHash([word(0), word(1), word(2), word(3)]),
        quality: 80,
        sketch: SKETCH.with(Clone::clone),
        width: 100 + n,
        height: 200,
        format: "jpeg",
        bytes: 1000 + u64::from(n),
        partial_data: n.is_multiple_of(9),
        metadata,
    }
}

thread_local! {
    /// What the pictures are described by: few keypoints, so that a case is soon read.
    static SKETCH: Sketch = {
        let bytes = query();
        let picture = ris::decode::decode(&bytes, &ris::decode::Options::default()).unwrap();
        let described = ris::describe::describe(&picture);
        Sketch::of(&described.features, &picture)
    };
}

/// A picture that is in the index.
fn query() -> Vec<u8> {
    fs::read(fixtures().join("orientations/1.jpg")).unwrap()
}

fn set(writer: &mut Writer, n: u32) -> ris::Result<()> {
    let picture = Some(writer.add_picture(&described(n))?);
    let page = |i: u32| Page { url: format!("https://example.org/{i}"), title: "a title".into(), ..Page::default() };
    let shown = (n % 8 == 7).then(|| Box::new(Shown { on: (0..n % 3).map(page).collect(), fetched_s: 5 }));
    let stamp = Stamp { bytes: 1000 + u64::from(n), modified_ns: i64::from(n) };
    let (locator, state, note) = (place(n), State::Present, String::new());
    writer.set_source(&SourceRecord { locator, stamp, state, picture, note, pages: 1 + n % 3, shown })?;
    for (of, state, note) in
        [("f", State::Failed, "cut short"), ("s", State::Skipped, "text"), ("g", State::Missing, "")]
    {
        if n.is_multiple_of(4) {
            let locator = Locator::from(Path::new(&format!("/photos/{n}/{of}.jpg")));
            let picture = picture.filter(|_| state == State::Missing);
            let note = note.to_owned();
            writer.set_source(&SourceRecord { locator, stamp, state, picture, note, pages: 1, shown: None })?;
        }
    }
    Ok(())
}

/// An index with all that one may hold.
fn build(folder: &Path) -> ris::Result<()> {
    let mut writer = writer(folder)?;
    writer.add_root(&Locator::from(Path::new("/photos")))?;
    writer.add_mount(&Locator::from(Path::new("/photos/3")))?;
    crawled(&mut writer)?;
    for commit in 0..COMMITS {
        for n in (0..PICTURES).filter(|n| n % COMMITS == commit) {
            set(&mut writer, n)?;
        }
        writer.commit()?;
        writer.forget_source(&place(commit));
        set(&mut writer, commit)?;
    }
    writer.commit()?;
    // Merges are left to whoever writes to it next.
    writer.finish()?;
    forget_fingerprints(folder);
    Ok(())
}

/// The files of an index, always in the same order: tantivy's have names of chance.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for below in ["", "documents", "features", "crawls"] {
        for entry in fs::read_dir(folder.join(below)).unwrap() {
            let path = entry.unwrap().path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if path.is_file() && !["lock", "TAG"].contains(&extension) && !path.ends_with("lock") {
                let bytes = fs::read(&path).unwrap();
                let kind = (below, extension.to_owned(), bytes.len());
                files.push((kind, bytes, path));
            }
        }
    }
    files.sort();
    files.into_iter().map(|(_, bytes, path)| (path, bytes)).collect()
}

/// What came of one thing that was asked of a crafted index.
type Outcome = Result<(), ris::Error>;

const FILTERS: [&str; 7] = [
    "camera:\"canon eos\" rating:3",
    "taken:2010..2020 size:>1MP",
    "path:/photos/** -format:png",
    "gps:52.5,13.4,200km",
    "title:\"a title\" page:example",
    "lens:any -camera:none",
    "width:100..130 modified:1970",
];

/// Everything that reads, then everything that writes; with the index in `folder` and room for others in `beside`.
fn all(folder: &Path, beside: &Path, mut told: impl FnMut(&str, Outcome)) {
    let mut step = |name: &str, run: &mut dyn FnMut() -> Outcome| {
        let outcome = catch_unwind(AssertUnwindSafe(&mut *run));
        told(name, outcome.unwrap_or_else(|_| Err(ris::Error::new(ErrorKind::Usage, "PANIC"))));
    };
    let query = search::Query::of(query(), &ris::decode::Options::default()).unwrap();
    let reader = catch_unwind(AssertUnwindSafe(|| Reader::open(folder)));
    let mut reader = reader.unwrap_or_else(|_| Err(ris::Error::new(ErrorKind::Usage, "PANIC")));
    let opened = reader.as_ref().map(drop).map_err(|error| ris::Error::new(error.kind(), error.message().to_owned()));
    step("open", &mut || opened.as_ref().map(drop).map_err(|e| ris::Error::new(e.kind(), e.message().to_owned())));
    if let Ok(reader) = &mut reader {
        read(reader, &query, &mut step);
    }
    drop(reader);
    step("verify", &mut || match index::verify(folder)? {
        checked if checked.is_whole() => Ok(()),
        checked => Err(ris::Error::new(ErrorKind::Damaged, format!("{:?}", checked.damaged))),
    });
    step("merge", &mut || {
        let into = beside.join("merged");
        let merged = index::merge(&into, &[folder.to_owned()], index::Options::default(), &mut |_| true);
        let _ = fs::remove_dir_all(into);
        merged.map(drop)
    });
    step("write", &mut || write(folder));
    step("prune", &mut || {
        let mut writer = writer(folder)?;
        let gone = prune::gone(writer.snapshot(), &prune::Selection { offline: true, ..Default::default() })?;
        prune::forget(&mut writer, &gone)?;
        writer.finish().map(drop)
    });
    step("repair", &mut || index::repair(folder).map(drop));
    step("open repaired", &mut || Reader::open(folder)?.totals().map(drop));
}

fn read(reader: &Reader, query: &search::Query, step: &mut dyn FnMut(&str, &mut dyn FnMut() -> Outcome)) {
    step("totals", &mut || reader.totals().map(drop));
    step("status", &mut || IndexState::of(reader)?.with_unsupported(reader).map(drop));
    step("sources", &mut || reader.each_source(|known| reader.source(&known).map(drop)));
    step("pictures", &mut || {
        reader.each_picture(|id| {
            reader.facts(id)?;
            reader.sources_of(id).map(drop)
        })
    });
    step("hashes", &mut || reader.each_hash(|_, _, _| Ok(())));
    step("known", &mut || {
        for n in 0..PICTURES {
            reader.known(&place(n))?;
            reader.picture_with(&Digest::of(&n.to_le_bytes()))?;
        }
        reader.each_below(&Locator::from(Path::new("/photos")), |known| reader.source(&known).map(drop))
    });
    step("search", &mut || search::search(reader, query, &search::Options::default()).map(drop));
    for filter in FILTERS {
        step("select", &mut || {
            let filter = Filter::parse(filter)?;
            reader.select(&filter, &[Locator::from(Path::new("/photos"))]).map(drop)
        });
    }
    step("search in", &mut || {
        let options = search::Options { within: vec!["/photos".into()], ..search::Options::default() };
        search::search(reader, query, &options).map(drop)
    });
    step("dupes", &mut || {
        search::dupes(reader, &[], &search::Options::default(), |_| Ok::<(), ris::Error>(())).map(drop)
    });
}

/// Adds, replaces and forgets in three commits, of which one at least has tantivy merge its segments.
fn write(folder: &Path) -> Outcome {
    let mut writer = writer(folder)?;
    let ledger = writer.ledger()?;
    ledger.compact()?;
    let start = ledger.begin("https://example.org/")?;
    ledger.shows(&[start], 0)?.for_each(drop);
    ledger.pictures_of(start)?;
    for n in PICTURES..PICTURES + 3 {
        set(&mut writer, n)?;
        set(&mut writer, n % 5)?;
        writer.forget_source(&place(n % 11));
        if let Some(id) = writer.picture_with(&Digest::of(&7u32.to_le_bytes()))? {
            writer.forget_picture(id);
        }
        writer.commit()?;
    }
    writer.finish().map(drop)
}

/// Processor time of this process in milliseconds.
fn spent() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap();
    Duration::from(time).as_millis() as u64
}

/// The most memory that this process held, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

/// No test, but the process that runs cases.
#[test]
fn runs_the_cases_that_are_named_to_it() {
    let Some(named) = std::env::var_os(CHILD) else { return };
    let named = named.into_string().unwrap();
    let (folder, cases) = named.split_once('\n').unwrap();
    // What panics and is not contained, on any thread.
    std::panic::set_hook(Box::new(|info| say(&format!("panic {}", info.to_string().replace('\n', " ")))));
    static BEGAN: AtomicU64 = AtomicU64::new(0);
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(100));
            if spent() > BEGAN.load(Ordering::Relaxed) + SECONDS * 1000 {
                say("hang");
                std::process::abort();
            }
        }
    });
    let whole = files(Path::new(folder));
    // In memory: a case syncs dozens of files.
    let memory = Path::new("/dev/shm");
    let scratch = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    for case in cases.lines() {
        say(&format!("case {case}"));
        let crafted = match KINDS.iter().find(|(name, _)| *name == case) {
            Some((_, crafted)) => crafted(&whole),
            None => craft(&whole, &mut Chance::of(case.parse().unwrap())),
        };
        let copy = scratch.path().join("idx");
        let _ = fs::remove_dir_all(&copy);
        let below = |path: &Path| path.strip_prefix(folder).unwrap().to_owned();
        let names: Vec<_> = crafted.iter().map(|(path, _)| below(path).display().to_string()).collect();
        say(&format!("files {}", names.join(" ")));
        for (path, bytes) in whole.iter().chain(&crafted) {
            let to = copy.join(below(path));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, bytes).unwrap();
        }
        BEGAN.store(spent(), Ordering::Relaxed);
        all(&copy, scratch.path(), |step, outcome| match outcome {
            Ok(()) => say(&format!("ok {step}")),
            Err(error) if error.message() == "PANIC" => say(&format!("panicked {step}")),
            Err(error) => say(&format!("{:?} {step}: {}", error.kind(), error.message())),
        });
        say(&format!("end {} {}", peak(), spent() - BEGAN.load(Ordering::Relaxed)));
    }
    std::process::exit(0);
}

/// What a process says of a case, and how it ended.
struct Told {
    case: String,
    lines: Vec<String>,
}

impl Told {
    fn starts(&self, with: &str) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |line| line.starts_with(with)).map(String::as_str)
    }

    /// What may not be.
    fn bad(&self) -> Vec<&str> {
        let mut bad: Vec<_> = ["panic", "hang", "died"].into_iter().flat_map(|start| self.starts(start)).collect();
        // What a reader can't read `verify` finds, so that there is a remedy.
        if !self.lines.iter().any(|line| line.contains(" verify: ")) {
            bad.extend(self.starts("Damaged "));
        }
        bad
    }
}

/// Runs cases until all have been, each in a process that ran no more than a few before it.
fn run(folder: &Path, cases: &[String]) -> Vec<Told> {
    let next = Mutex::new(cases.chunks(AT_A_TIME));
    let told = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(mut cases) = next.lock().unwrap().next() else { return };
                    while !cases.is_empty() {
                        let ran = run_some(folder, cases);
                        cases = &cases[ran.len()..];
                        told.lock().unwrap().extend(ran);
                    }
                }
            });
        }
    });
    told.into_inner().unwrap()
}

/// Runs cases up to the first that ends its process.
fn run_some(folder: &Path, cases: &[String]) -> Vec<Told> {
    let run = format!("ulimit -v {SPACE}; ulimit -c 0; exec \"$0\" --exact crafted::{RUNNER} --nocapture");
    let mut command = Command::new("sh");
    command.args(["-c", &run]).arg(std::env::current_exe().unwrap());
    command.env(CHILD, format!("{}\n{}", folder.display(), cases.join("\n")));
    command.env("MALLOC_ARENA_MAX", "2").env("RAYON_NUM_THREADS", "2").env_remove("RUST_BACKTRACE");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut told: Vec<Told> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("case ") {
            Some(case) => told.push(Told { case: case.to_owned(), lines: Vec::new() }),
            None => told.last_mut().into_iter().for_each(|told| told.lines.push(line.to_owned())),
        }
    }
    let last = told.last_mut().unwrap_or_else(|| panic!("{said}"));
    if !output.status.success() {
        last.lines.push(format!("died {} {}", output.status, said.lines().last().unwrap_or_default()));
    } else {
        // What was contained says nothing.
        assert_eq!(said, "", "{}", last.case);
        assert_eq!(told.len(), cases.len());
    }
    told
}

/// All that is bad, to be read.
fn report(told: &[Told]) -> String {
    let bad: Vec<_> = told.iter().map(|told| (told, told.bad())).filter(|(_, bad)| !bad.is_empty()).collect();
    let line =
        |(told, bad): &(&Told, Vec<&str>)| format!("{}: {}\n    {}", told.case, told.lines[0], bad.join("\n    "));
    format!("{} of {}:\n{}", bad.len(), told.len(), bad.iter().map(line).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_crafted_index_is_an_answer_or_an_error_and_ends_within_bounds() {
    let number = |variable: &str, usual| std::env::var(variable).map_or(usual, |value| value.parse().unwrap());
    let (cases, first) = (number("RIS_TESTS_CRAFTED", 200), number("RIS_TESTS_CRAFTED_FROM", 0));
    let place = Place::new();
    let folder = place.path("idx");
    build(&folder).unwrap();
    let told = run(&folder, &(first..first + cases).map(|case| case.to_string()).collect::<Vec<_>>());
    assert_eq!(told.len() as u64, cases);
    let count = |start: &str| told.iter().filter(|told| told.starts(start).next().is_some()).count() as u64;
    let (damaged, answered) = (count("Damaged "), count("ok search"));
    println!("{damaged} damaged, {answered} answered, of {cases}");
    assert!(told.iter().all(|told| told.bad().is_empty()), "{}", report(&told));
    assert!(damaged > cases / 4 && answered > cases / 4, "{damaged} damaged, {answered} answered, of {cases}");
}

#[test]
fn a_number_that_asks_for_more_than_the_files_hold_is_damage_and_takes_neither_memory_nor_time() {
    let place = Place::new();
    let folder = place.path("idx");
    build(&folder).unwrap();
    let told = run(&folder, &KINDS.map(|(name, _)| name.to_owned()));
    assert_eq!(told.len(), KINDS.len());
    assert!(told.iter().all(|told| told.bad().is_empty()), "{}", report(&told));
    for told in &told {
        let end = told.starts("end ").next().unwrap();
        println!("{}: {end}", told.case);
        let peak: u64 = end.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(peak < PEAK, "{}: {peak} KiB", told.case);
        // Crawls may begin as often as they like.
        let is_damage = !told.case.starts_with("crawls");
        assert_eq!(told.starts("Damaged ").next().is_some(), is_damage, "{}: {:?}", told.case, told.lines);
    }
}

#[test]
fn each_command_says_one_line_of_a_crafted_index_and_ends_with_an_error() {
    let place = Place::new();
    let folder = place.path("idx");
    build(&folder).unwrap();
    let whole = files(&folder);
    place.copy("orientations/1.jpg", "query.jpg");
    place.copy("orientations/1.jpg", "more/1.jpg");
    let mut said = 0;
    for kind in ["documents that a segment does not have", "layers of a skip index without end", "keys without end"] {
        let (_, crafted) = KINDS.iter().find(|(name, _)| *name == kind).unwrap();
        let crafted = crafted(&whole);
        for args in [
            &["search", "query.jpg", "--in", "more"][..],
            &["search", "query.jpg", "--where", "path:/photos/**"],
            &["status"],
            &["dupes"],
            &["prune"],
            &["index", "more"],
            &["verify"],
        ] {
            // Of what the command before has written.
            let _ = fs::remove_dir_all(folder.join("copies"));
            for (path, bytes) in whole.iter().chain(&crafted) {
                fs::write(path, bytes).unwrap();
            }
            let ran = Ran::of(place.ris().args(args).args(["--index", "idx"]).output().unwrap());
            if args[0] == "verify" {
                assert!(ran.status == 1 && ran.stdout.contains("damaged"), "{kind}: {ran:?}");
                continue;
            }
            // What does not walk through keys does not come by what is damaged.
            assert!(ran.status == 2 || (ran.status < 2 && kind == "keys without end"), "{kind}: {args:?}: {ran:?}");
            if ran.status == 2 {
                said += 1;
                let lines: Vec<_> = ran.stderr.lines().collect();
                let is_one = lines.len() == 1 && lines[0].starts_with("ris: ") && lines[0].contains("verify");
                assert!(is_one, "{kind}: {args:?}: {ran:?}");
            }
        }
    }
    assert!(said > 12, "{said}");
}
