//! Exit statuses, what goes to which stream, pipes that close and wrong arguments.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::setup::{Place, Ran};

const POND: &str = "garden/pond.jpg";

fn indexed() -> Place {
    let place = Place::with_photos(&[POND, "drawings/gradient.jpg"]);
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    place.copy("queries/unrelated-1.jpg", "unrelated.jpg");
    place
}

#[test]
fn the_exit_status_is_0_for_a_match_1_for_none_and_2_for_an_error_even_beside_a_match() {
    let place = indexed();
    let cases: [(&[&str], i32); 8] = [
        (&["photos/pond.jpg"], 0),
        (&["unrelated.jpg"], 1),
        (&["unrelated.jpg", "photos/pond.jpg"], 0),
        (&["photos/pond.jpg", "gone.jpg"], 2),
        (&["gone.jpg", "photos/pond.jpg"], 2),
        (&["photos/pond.jpg", "--min-score", "2"], 2),
        (&["--quiet", "photos/pond.jpg"], 0),
        (&["--quiet", "unrelated.jpg"], 1),
    ];
    for (args, expected) in cases {
        let ran = Ran::of(place.ris().args(["--index", "idx", "search"]).args(args).output().unwrap());
        assert_eq!(ran.status, expected, "{args:?}: {ran:?}");
        assert_eq!(ran.stderr.is_empty(), expected != 2, "{args:?}: {ran:?}");
        assert!(!args.contains(&"--quiet") || ran.stdout.is_empty(), "{ran:?}");
    }
}

#[test]
fn without_an_index_a_search_says_what_to_do() {
    let place = Place::with_photos(&[POND]);
    let ran = place.run(["search", "photos/pond.jpg"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("ris index") && ran.stdout.is_empty(), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
}

#[test]
fn wrong_arguments_are_told_on_stderr_with_status_2() {
    let place = indexed();
    let cases: [&[&str]; 7] = [
        &[],
        &["find"],
        &["search"],
        &["search", "--top", "many", "photos/pond.jpg"],
        &["search", "--json", "--paths", "photos/pond.jpg"],
        &["index"],
        &["index", "nowhere"],
    ];
    for args in cases {
        let ran = Ran::of(place.ris().args(args).output().unwrap());
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{args:?}: {ran:?}");
    }
}

#[test]
fn a_reader_that_leaves_early_ends_the_search_quietly() {
    let place = indexed();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
    command.current_dir(place.path("")).args(["search", "--index", "idx", "-l"]);
    // Far more than a pipe holds.
    command.args(std::iter::repeat_n("photos/pond.jpg", 2000));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let status = child.wait().unwrap();
    assert!(first.ends_with("pond.jpg\n"), "{first}");
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn an_index_run_keeps_stdout_clean_and_quiet_keeps_stderr_clean_too() {
    let place = Place::with_photos(&[POND]);
    let ran = place.run(["index", "photos", "--index", "idx"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""));
    assert!(ran.stderr.contains("indexed 1"), "{ran:?}");
    assert!(!ran.stderr.contains('\x1b'), "no progress or colour where stderr is a pipe: {ran:?}");
    let ran = place.run(["index", "photos", "--index", "idx", "--quiet"]);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
}

#[test]
fn text_is_plain_on_a_pipe_coloured_and_linked_on_request() {
    let place = indexed();
    let plain = place.run(["search", "photos/pond.jpg", "--index", "idx"]);
    assert!(!plain.stdout.contains('\x1b') && plain.stdout.contains("pond.jpg"), "{plain:?}");
    let args = ["search", "photos/pond.jpg", "--index", "idx", "--color", "always", "--hyperlink", "always"];
    let coloured = place.run(args);
    assert!(coloured.stdout.contains("\x1b[") && coloured.stdout.contains("\x1b]8;;file://"), "{coloured:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_commits_what_is_done_and_exits_with_130() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let place = Place::new();
    let pictures = 400;
    let bytes = std::fs::read(crate::setup::fixtures().join("library").join(POND)).unwrap();
    for i in 0..pictures {
        // The same pixels with another tail: other bytes, so each is decoded.
        place.write(format!("photos/{i:03}.jpg"), [bytes.as_slice(), format!("{i}").as_bytes()].concat());
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
    command.current_dir(place.path("")).args(["index", "photos", "--index", "idx", "--json", "--jobs", "1"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Once the index is there, pictures are being described.
    while !place.path("idx/format.json").exists() {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.status, 130, "{ran:?}");
    let done = ran.object()["indexed"].as_u64().unwrap();
    assert!(done < pictures, "the run ended before the signal");
    let again = place.run(["index", "photos", "--index", "idx", "--json"]).object();
    assert_eq!(again["unchanged"].as_u64().unwrap() + again["indexed"].as_u64().unwrap(), pictures, "{again}");
    assert_eq!(again["unchanged"], done, "{again}");
}

#[test]
fn an_empty_variable_is_as_none_and_the_last_of_a_repeated_flag_counts() {
    let place = Place::with_photos(&["garden/pond.jpg"]);
    let ran =
        Ran::of(place.ris().env("RIS_INDEX", "").env("RIS_REQUIRE_SANDBOX", "").args(["status"]).output().unwrap());
    assert!(ran.status == 2 && ran.stderr.contains("no index here yet"), "{ran:?}");
    assert_eq!(place.run(["index", "photos", "--index", "idx", "--jobs", "1", "--jobs", "2"]).status, 0);
    let colours = ["search", "photos/pond.jpg", "--color", "always", "--color", "never", "--index", "idx"];
    let plain = place.run(colours);
    assert!(plain.status == 0 && !plain.stdout.contains('\x1b'), "{plain:?}");
    let ran = Ran::of(place.ris().env("RIS_INDEX", "idx").args(["search", "photos/pond.jpg", "-l"]).output().unwrap());
    assert!(ran.status == 0 && ran.stdout.ends_with("pond.jpg\n"), "{ran:?}");
}

#[test]
fn what_stdin_can_not_be_twice_and_a_list_that_is_none_are_said() {
    let place = Place::with_photos(&["garden/pond.jpg"]);
    place.write("list", b"a.jpg\0b.jpg\0");
    place.write("twice", "-\nphotos/pond.jpg\n-\n");
    let cases: [(&[&str], &str); 5] = [
        (&["search", "-", "-"], "stdin holds one"),
        (&["search", "-", "--files-from", "-"], "stdin holds one"),
        (&["search", "--files-from", "twice"], "stdin holds one"),
        (&["search", "--files-from", "list"], "-z"),
        (&["search", "https://example.org/a.jpg", "--in", "photos"], "save the picture first"),
    ];
    for (args, said) in cases {
        let ran = Ran::of(place.ris().args(args).output().unwrap());
        assert!(ran.status == 2 && ran.stderr.contains(said) && ran.stderr.lines().count() == 1, "{args:?}: {ran:?}");
    }
}

#[test]
fn a_source_that_is_not_there_makes_no_index() {
    let place = Place::new();
    let ran = place.run(["index", "nowhere", "--index", "idx"]);
    assert!(ran.status == 2 && ran.stderr.contains("nowhere") && !place.path("idx").exists(), "{ran:?}");
}
