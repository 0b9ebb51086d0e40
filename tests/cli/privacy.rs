//! The promise: nothing of a query outlives its search, and the kernel sees to it.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Read, Write};
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

/// The calls that a run makes, one a line, all threads and children; and what it printed.
fn traced(place: &Place, args: &[&str], stdin: Option<&[u8]>) -> (Vec<String>, Ran) {
    let mut command = Command::new("strace");
    command.args(["-f", "-s", "300", "-o", "trace"]).arg(env!("CARGO_BIN_EXE_ris")).args(args);
    command.current_dir(place.path("")).env("HOME", place.path("home"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("strace is needed by this test: install it");
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

#[cfg(target_os = "linux")]
#[test]
fn a_search_opens_no_socket_starts_no_program_and_opens_nothing_for_writing_once_it_reads_the_query() {
    let query = fs::read(fixtures().join("queries/half.jpg")).unwrap();
    let ways: [(&[&str], Option<&[u8]>); 3] = [
        (&["search", "query.jpg", "--index", "idx"], None),
        (&["search", "-", "--index", "idx"], Some(&query)),
        (&["search", "query.jpg", "--in", "photos", "--index", "idx"], None),
    ];
    for (args, stdin) in ways {
        let place = indexed();
        let (trace, ran) = traced(&place, args, stdin);
        assert!(ran.status == 0 && ran.stdout.contains("crossing.jpg"), "{ran:?}");
        let outward: Vec<_> =
            trace.iter().skip(1).filter(|line| OUTWARD.iter().any(|call| line.contains(call))).collect();
        assert!(outward.is_empty(), "{outward:#?}");
        let entered = trace.iter().rposition(|line| line.contains("seccomp(SECCOMP_SET_MODE_FILTER"));
        let entered = entered.expect("the sandbox is entered");
        // Calls of several threads may be cut in two lines: "<unfinished ...>" and "<... read resumed>".
        let reads = |line: &String| match stdin {
            Some(_) => line.contains("read") && line.contains("\"\\377\\330"),
            None => line.contains("openat(") && line.contains("query.jpg") && line.contains("O_RDONLY|O_CLOEXEC"),
        };
        let first = trace.iter().position(reads).expect("the query is read");
        assert!(first > entered, "the query is read in line {first}, the sandbox entered in {entered}");
        let written: Vec<_> = trace[entered..].iter().filter(opens_for_writing).collect();
        assert!(written.is_empty(), "{written:#?}");
        // And the trace does see such calls: an update of the index makes some before.
        let before = trace[..entered].iter().filter(opens_for_writing).count();
        assert_eq!(before > 0, args.contains(&"--in"), "{before} files opened for writing before");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_forbidden_call_is_refused_and_without_the_sandbox_none_is() {
    let place = Place::new();
    let confined = place.run(["privacy", "--json"]);
    let told = confined.object();
    assert_eq!((confined.status, &told["sandbox"]), (0, &"enforced".into()), "{confined:?}");
    let (tried, refused) = (told["tried"].as_u64().unwrap(), told["refused"].as_u64().unwrap());
    assert!(tried >= 50 && tried == refused, "{told}");
    let open = place.run(["privacy", "--json", "--no-sandbox"]);
    assert_eq!((open.status, &open.object()["sandbox"]), (1, &"none".into()));
    assert_eq!(open.object()["refused"], 0, "the probes tell nothing: {open:?}");
    assert!(place.run(["privacy"]).stdout.contains("forbidden calls were refused"));
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
    let search = format!("'{}' search query.jpg --index idx --require-sandbox", program.display());
    let ways = [
        ("no network", vec!["unshare", "-n", "sh", "-c", search.as_str()]),
        ("a read-only disk", {
            let mount = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && ! touch x 2>/dev/null && ";
            vec!["unshare", "-m", "sh", "-c", Box::leak(format!("{mount}{search}").into_boxed_str())]
        }),
        ("another user", vec!["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", &search]),
    ];
    let mut ran = 0;
    for (name, command) in ways {
        let output = Command::new(command[0]).args(&command[1..]).current_dir(place.path("")).output();
        match output {
            Ok(output) if output.status.success() => {
                assert_eq!(String::from_utf8_lossy(&output.stdout), plain, "{name}");
                ran += 1;
            }
            // Only root may do these things.
            _ if !is_root() => println!("left out, since it needs root: {name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(ran > 0, is_root());
}

#[cfg(target_os = "linux")]
fn is_root() -> bool {
    let mut status = String::new();
    fs::File::open("/proc/self/status").unwrap().read_to_string(&mut status).unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_sandbox_that_is_required_and_not_whole_is_an_error() {
    let place = indexed();
    // A kernel without Landlock, as strace plays it.
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", "inject=landlock_create_ruleset:error=ENOSYS"]);
    command.arg(env!("CARGO_BIN_EXE_ris")).current_dir(place.path(""));
    command.args(["search", "query.jpg", "--index", "idx", "--json"]);
    let ran = Ran::of(command.output().expect("strace is needed by this test: install it"));
    assert_eq!(ran.object()["sandbox"], "partial", "{ran:?}");
    let required = Ran::of(command.arg("--require-sandbox").output().unwrap());
    assert!(required.status == 2 && required.stdout.is_empty() && required.stderr.contains("sandbox"), "{required:?}");
    let by_variable =
        place.ris().env("RIS_REQUIRE_SANDBOX", "1").args(["search", "query.jpg", "--index", "idx"]).output();
    found(by_variable.unwrap());
    let contradiction = place.run(["search", "query.jpg", "--no-sandbox", "--require-sandbox", "--index", "idx"]);
    assert_eq!(contradiction.status, 2);
}
