//! The promise: nothing of a query outlives its search, and the kernel sees to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use ignore::WalkBuilder;
use image::RgbImage;

use crate::setup::{Place, Ran, fixtures};

/// Calls that would let something out, whatever their arguments.
const OUTWARD: [&str; 8] =
    ["socket(", "socketpair(", "connect(", "sendto(", "sendmsg(", "bind(", "execve(", "execveat("];

fn indexed() -> Place {
    let place = Place::with_photos(&["street/crossing.jpg", "garden/pond.jpg"]);
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    place.copy("queries/half.jpg", "query.jpg");
    place
}

fn found(output: Output) -> Ran {
    let ran = Ran::of(output);
    assert!(ran.status == 0 && ran.stdout.contains("crossing.jpg"), "{ran:?}");
    ran
}

/// Whether calls can be watched. Where they can't be, `.ci/run` says so and sets the variable; without it that fails.
pub fn strace() -> Option<Command> {
    let left_out = std::env::var_os("RIS_TESTS_WITHOUT_STRACE").is_some();
    assert!(left_out || Command::new("strace").arg("-V").output().is_ok(), "strace is needed by this test: install it");
    if left_out {
        println!("left out, since calls can't be watched here");
    }
    (!left_out).then(|| Command::new("strace"))
}

/// Whether this kernel has all that the sandbox asks for.
fn whole(place: &Place) -> bool {
    place.run(["privacy", "--json"]).object()["sandbox"] == "enforced"
}

/// The calls that a run makes, one a line, all threads and children; and what it printed.
pub fn traced(mut command: Command, place: &Place, args: &[&str], stdin: Option<&[u8]>) -> (Vec<String>, Ran) {
    command.args(["-f", "-s", "300", "-o", "trace"]).arg(env!("CARGO_BIN_EXE_ris")).args(args);
    command.current_dir(place.path("")).env("HOME", place.path("home"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(stdin.unwrap_or_default()).unwrap();
    drop(pipe);
    let ran = Ran::of(child.wait_with_output().unwrap());
    let trace = fs::read_to_string(place.path("trace")).unwrap();
    (trace.lines().map(str::to_owned).collect(), ran)
}

fn opens_for_writing(line: &&String) -> bool {
    let opens = ["open(", "openat(", "creat("].iter().any(|call| line.contains(call));
    opens && ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| line.contains(flag))
}

/// The process that makes a call.
fn process(line: &str) -> &str {
    line.split_whitespace().next().unwrap()
}

fn enters(line: &str) -> bool {
    line.contains("seccomp(SECCOMP_SET_MODE_FILTER")
}

#[cfg(target_os = "linux")]
#[test]
fn a_query_is_read_by_one_process_that_was_confined_before_and_nobody_opens_a_socket_or_starts_a_program() {
    let query = fs::read(fixtures().join("queries/half.jpg")).unwrap();
    // Arguments, what is on stdin, and where the query is.
    type Way<'a> = (&'a [&'a str], Option<&'a [u8]>, &'a str);
    let ways: [Way<'_>; 5] = [
        (&["search", "query.jpg", "--index", "idx"], None, "crossing.jpg"),
        (&["search", "photos/crossing.jpg", "query.jpg", "-j", "2", "--index", "idx"], None, "crossing.jpg"),
        (&["search", "-", "--index", "idx"], Some(&query), "crossing.jpg"),
        (&["search", "query.jpg", "--in", "photos", "--index", "idx"], None, "crossing.jpg"),
        (&["compare", "query.jpg", "photos/crossing.jpg", "--picture", "out.png"], None, "100 % of the first"),
    ];
    for (args, stdin, answer) in ways {
        let Some(strace) = strace() else { return };
        let place = indexed();
        let (trace, ran) = traced(strace, &place, args, stdin);
        assert!(ran.status == 0 && ran.stdout.contains(answer), "{ran:?}");
        let outward: Vec<_> =
            trace.iter().skip(1).filter(|line| OUTWARD.iter().any(|call| line.contains(call))).collect();
        assert!(outward.is_empty(), "{outward:#?}");
        // Calls of several threads may be cut in two lines: "<unfinished ...>" and "<... read resumed>".
        let reads = |line: &&String| match stdin {
            Some(_) => line.contains("read") && line.contains("\"\\377\\330"),
            // With O_PATH a file is named, not read.
            None => line.contains("openat(") && line.contains("query.jpg") && !line.contains("O_PATH"),
        };
        let readers: BTreeSet<_> = trace.iter().filter(reads).map(|line| process(line)).collect();
        let (&reader, 1) = (readers.first().expect("the query is read"), readers.len()) else {
            panic!("several read the query: {readers:?}")
        };
        assert_ne!(reader, process(&trace[0]), "the process that was started read the query");
        let own: Vec<_> = trace.iter().filter(|line| process(line) == reader).collect();
        let entered = own.iter().rposition(|line| enters(line)).expect("who reads is confined");
        let first = own.iter().position(reads).unwrap();
        assert!(first > entered, "the query is read in line {first}, the sandbox entered in {entered}: {own:#?}");
        // Who answers is confined, too, before it asks for the query.
        let answers = trace.iter().find(|line| line.contains("write(1, ")).map(|line| process(line)).unwrap();
        assert_ne!(answers, reader);
        let confined = trace.iter().rposition(|line| enters(line) && process(line) == answers).unwrap();
        let read = trace.iter().position(|line| reads(&line)).unwrap();
        assert!(confined < read, "the query is read before who answers is confined");
        for confined in [answers, reader] {
            let own: Vec<_> = trace.iter().filter(|line| process(line) == confined).collect();
            let entered = own.iter().rposition(|line| enters(line)).unwrap();
            let written: Vec<_> = own[entered..].iter().copied().filter(opens_for_writing).collect();
            assert!(written.is_empty(), "{written:#?}");
        }
        // And the trace does see such calls: an update of the index makes some, and so does who writes a drawing.
        let written = trace.iter().filter(|line| opens_for_writing(line) && !line.contains("/dev/null")).count();
        let expected = args.contains(&"--in") || args.contains(&"--picture");
        assert_eq!(written > 0, expected, "{written} files opened for writing");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn pictures_of_a_collection_are_decoded_by_processes_that_are_confined_before_they_get_one() {
    let Some(strace) = strace() else { return };
    let place = Place::with_photos(&["street/crossing.jpg", "garden/pond.jpg", "garden/roses.jpg"]);
    let (trace, ran) = traced(strace, &place, &["index", "photos", "--index", "idx", "--jobs", "2", "--json"], None);
    assert_eq!((ran.status, &ran.object()["indexed"]), (0, &3.into()), "{ran:?}");
    let confined: Vec<_> = trace.iter().filter(|line| enters(line)).collect();
    let workers: BTreeSet<_> = confined.iter().map(|line| process(line)).collect();
    assert_eq!((workers.len(), confined.len()), (2, 4), "two workers with two filters each: {confined:#?}");
    for worker in &workers {
        let own: Vec<_> = trace.iter().filter(|line| process(line) == *worker).collect();
        let entered = own.iter().rposition(|line| enters(line)).unwrap();
        assert!(!own[..entered].iter().any(|line| line.contains("setitimer(")), "work before the sandbox");
        assert!(!own[entered..].iter().any(opens_for_writing), "{own:#?}");
    }
    assert!(trace.iter().any(|line| line.contains("setitimer(")), "no work was seen");
}

#[cfg(target_os = "linux")]
#[test]
fn every_forbidden_call_is_refused_and_without_the_sandbox_none_is() {
    let place = Place::new();
    let confined = place.run(["privacy", "--json"]);
    let told = confined.object();
    // In the process that searches, and in one that decodes.
    assert!(told["tried"].as_u64().unwrap() >= 120, "{told}");
    let allowed = told["allowed"].as_array().unwrap();
    if told["sandbox"] == "enforced" {
        assert!(confined.status == 0 && allowed.is_empty(), "{told}");
    } else {
        // Without Landlock what is read is not confined; all else is.
        println!("this kernel has no Landlock: {told}");
        assert_eq!((confined.status, &told["sandbox"]), (1, &"partial".into()), "{told}");
        assert!(allowed.iter().all(|call| call.as_str().unwrap().starts_with("read another")), "{told}");
    }
    let open = place.run(["privacy", "--json", "--no-sandbox"]);
    assert_eq!((open.status, &open.object()["sandbox"]), (1, &"none".into()));
    assert_eq!(open.object()["refused"], 0, "the probes tell nothing: {open:?}");
    assert!(open.stderr.contains("--no-sandbox") && open.stderr.lines().count() == 1, "{open:?}");
    assert!(place.run(["privacy"]).stdout.contains("forbidden calls were refused"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_stdin_that_is_open_for_both_can_not_be_written_to_from_inside() {
    let place = Place::new();
    place.write("both", "precious");
    let ran = |before: &mut Command, flags: &[&str]| {
        let stdin = fs::File::options().read(true).write(true).open(place.path("both")).unwrap();
        let run = before.args(["privacy", "--json"]).args(flags).stdin(stdin).current_dir(place.path("")).output();
        Ran::of(run.unwrap()).object()["allowed"].to_string()
    };
    let ris = || Command::new(env!("CARGO_BIN_EXE_ris"));
    let way = "write to stdin by its memory";
    assert!(!ran(&mut ris(), &[]).contains(way));
    assert!(ran(&mut ris(), &["--no-sandbox"]).contains(way), "the control");
    let Some(mut unfiltered) = strace() else { return };
    // Even without the filter, as strace plays it: the file was opened once more, to be read.
    unfiltered.args(["-f", "-o", "/dev/null", "-e", "inject=seccomp:error=EINVAL"]).arg(env!("CARGO_BIN_EXE_ris"));
    let allowed = ran(&mut unfiltered, &[]);
    assert!(allowed.contains("execve") && !allowed.contains(way), "{allowed}");
    assert_eq!(fs::read(place.path("both")).unwrap(), b"precious");
}

/// Bytes and times of all files below a folder.
fn state(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let entry = |entry: ignore::DirEntry| {
        let time = entry.metadata().unwrap().modified().unwrap();
        (entry.path().to_owned(), (fs::read(entry.path()).unwrap_or_default(), time))
    };
    WalkBuilder::new(folder).standard_filters(false).build().map(|found| entry(found.unwrap())).collect()
}

#[test]
fn a_search_leaves_every_folder_as_it_was_and_nothing_of_the_query_anywhere() {
    let place = indexed();
    for folder in ["home", "tmp", "cache", "config", "data", "state"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    // Marked in its name, its pixels and its EXIF.
    let mut chance = RandomState::new().build_hasher().finish();
    let mut letter = || {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (chance >> 33) as u8 % 26)
    };
    let marker: String = (0..64).map(|_| letter()).collect();
    let mut picture = image::open(place.path("photos/pond.jpg")).unwrap().to_rgb8();
    let stripes = RgbImage::from_fn(64, 1, |x, _| image::Rgb([marker.as_bytes()[x as usize]; 3]));
    image::imageops::replace(&mut picture, &stripes, 0, 0);
    let mut png = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
    let exif = [b"II*\0\x08\0\0\0\0\0\0\0\0\0".as_slice(), marker.as_bytes()].concat();
    image::ImageEncoder::set_exif_metadata(&mut encoder, exif).unwrap();
    picture.write_with_encoder(encoder).unwrap();
    let outside = tempfile::tempdir().unwrap();
    let query = outside.path().join(format!("{marker}.png"));
    fs::write(&query, png).unwrap();
    let holds = |bytes: &[u8]| bytes.windows(64).any(|window| window == marker.as_bytes());
    assert!(holds(&fs::read(&query).unwrap()), "the marker is in the query");

    let before = state(&place.path(""));
    let mut command = place.ris();
    for (name, folder) in
        [("TMPDIR", "tmp"), ("XDG_CACHE_HOME", "cache"), ("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state")]
    {
        command.env(name, place.path(folder));
    }
    let ran = Ran::of(command.args(["search", "--json", "--index", "idx"]).arg(&query).output().unwrap());
    assert!(ran.status == 0 && ran.object()["matches"][0]["source"].as_str().unwrap().contains("pond"), "{ran:?}");
    let after = state(&place.path(""));
    assert!(before.len() > 10 && before == after, "something was changed");
    let marked = |(path, (bytes, _)): (&PathBuf, &(Vec<u8>, SystemTime))| {
        holds(path.as_os_str().as_encoded_bytes()) || holds(bytes)
    };
    assert!(!after.iter().any(marked));
    place.write("tmp/left behind", format!("..{marker}.."));
    assert!(state(&place.path("")).iter().any(marked), "a copy that was left behind is seen");
}

#[cfg(target_os = "linux")]
#[test]
fn an_abort_leaves_no_core_of_a_search() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let cores = |flags: &[&str]| {
        let place = indexed();
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_ris")]);
        command.args(["search", "-", "--index", "idx"]).args(flags).current_dir(place.path(""));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        // A search waits for the rest of its query.
        child.stdin.as_mut().unwrap().write_all(b"\xff\xd8").unwrap();
        let status = format!("/proc/{}/status", child.id());
        let waits = || fs::read_to_string(&status).is_ok_and(|status| status.contains("State:\tS"));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let mut calm = 0;
        while calm < 5 && std::time::Instant::now() < deadline {
            calm = if waits() { calm + 1 } else { 0 };
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap().success());
        assert!(!child.wait().unwrap().success());
        let names = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("core")).count()
    };
    assert_eq!(cores(&[]), 0);
    if pattern.starts_with("core") {
        println!("without the sandbox: {} core", cores(&["--no-sandbox"]));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_search_is_the_same_without_a_network_a_home_or_a_disk_to_write_on_and_as_another_user() {
    let place = indexed();
    let plain = found(place.ris().args(["search", "query.jpg", "--index", "idx"]).output().unwrap()).stdout;
    let homeless = place.ris().env_remove("HOME").args(["search", "query.jpg", "--index", "idx"]).output();
    assert_eq!(found(homeless.unwrap()).stdout, plain);
    // Everyone may read the place and the program.
    assert!(Command::new("chmod").args(["-R", "a+rX"]).arg(place.path("")).status().unwrap().success());
    let program = place.path("ris");
    fs::copy(env!("CARGO_BIN_EXE_ris"), &program).unwrap();
    let require = if whole(&place) { "--require-sandbox" } else { "" };
    let search = format!("'{}' search query.jpg --index idx {require}", program.display());
    let read_only = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && ! touch x 2>/dev/null && ";
    let ways: [(&str, &[&str], &str); 3] = [
        ("no network", &["unshare", "-n"], ""),
        ("a read-only disk", &["unshare", "-m"], read_only),
        ("another user", &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], ""),
    ];
    for (name, way, before) in ways {
        let run = |script: &str| {
            Command::new(way[0]).args(&way[1..]).args(["sh", "-c", script]).current_dir(place.path("")).output()
        };
        // Most of these need root, and a container may lack the right even so.
        if run(&format!("{before} true")).is_ok_and(|output| output.status.success()) {
            let ran = found(run(&format!("{before} {search}")).unwrap());
            assert_eq!(ran.stdout, plain, "{name}");
        } else {
            println!("left out, since this user may not: {name}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_sandbox_that_is_required_and_not_whole_is_an_error_whichever_layer_is_missing() {
    let place = indexed();
    // A kernel without one of them, as strace plays it: Landlock, seccomp, what closes descriptors, what hides the process.
    let missing = [
        "landlock_create_ruleset:error=ENOSYS",
        "seccomp:error=EINVAL",
        "close_range:error=ENOSYS",
        "prlimit64:error=EPERM",
    ];
    for missing in missing {
        let run = |args: &[&str]| {
            let mut command = strace()?;
            command.args(["-f", "-o", "/dev/null", "-e", &format!("inject={missing}")]);
            command.arg(env!("CARGO_BIN_EXE_ris")).args(args).current_dir(place.path(""));
            Some(Ran::of(command.output().unwrap()))
        };
        let Some(privacy) = run(&["privacy", "--json"]) else { return };
        let weak = ["partial", "none"].iter().any(|&posture| privacy.stdout.contains(posture));
        assert!(privacy.status != 0 && (weak || privacy.status == 2), "{missing}: {privacy:?}");
        let search = ["search", "query.jpg", "--index", "idx", "--json"];
        let plain = run(&search).unwrap();
        assert!(plain.json().iter().all(|answer| answer["sandbox"] != "enforced"), "{missing}: {plain:?}");
        let required = run(&[&search[..], &["--require-sandbox"]].concat()).unwrap();
        assert!(
            required.status == 2 && required.stdout.is_empty() && required.stderr.contains("sandbox"),
            "{missing}: {required:?}"
        );
    }
    let by_variable =
        place.ris().env("RIS_REQUIRE_SANDBOX", "1").args(["search", "query.jpg", "--index", "idx"]).output();
    found(by_variable.unwrap());
    let contradiction = place.run(["search", "query.jpg", "--no-sandbox", "--require-sandbox", "--index", "idx"]);
    assert_eq!(contradiction.status, 2);
}

#[test]
fn no_sandbox_is_offered_by_nothing_and_warns_when_it_is_used() {
    let place = indexed();
    for args in [vec!["search", "-h"], vec!["search", "--help"], vec!["man"]] {
        assert!(!Ran::of(place.ris().args(&args).output().unwrap()).stdout.contains("no-sandbox"), "{args:?}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(["completions", shell]).stdout;
        assert!(script.contains("require-sandbox") && !script.contains("no-sandbox"), "{shell}");
    }
    for (args, warnings) in [
        (["search", "query.jpg", "--index", "idx", "--no-sandbox"], 1),
        (["search", "query.jpg", "--index", "idx", "-q"], 0),
    ] {
        let ran = place.run(args);
        assert_eq!((ran.status, ran.stderr.lines().count()), (0, warnings), "{ran:?}");
    }
}
