//! Lists of queries, several of which are described at the same time: the same answers, in the order of the list.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::setup::{Place, Ran, fixtures, names};

/// Long enough for what happens to happen, and short enough to wait for what does not.
const PATIENCE: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(500);

fn indexed() -> Place {
    let place = Place::with_photos(&["street/crossing.jpg", "garden/pond.jpg"]);
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    place.copy("queries/half.jpg", "good.jpg");
    place
}

/// The answers without the time that each took.
fn timeless(ran: &Ran) -> Vec<Value> {
    let mut answers = ran.json();
    for answer in &mut answers {
        assert!(answer["elapsed_ms"].as_f64().is_some_and(|elapsed| elapsed > 0.0), "{answer}");
        answer["elapsed_ms"] = 0.into();
    }
    answers
}

fn search(place: &Place, args: &[&str]) -> Ran {
    Ran::of(place.ris().args(["search", "--index", "idx"]).args(args).output().unwrap())
}

#[test]
fn forty_queries_in_four_processes_are_answered_as_in_one() {
    let place = indexed();
    place.write("text.jpg", b"no picture");
    let deep = format!("<style>{}rect{{fill:red}}</style>{}<rect/>", "a+".repeat(100_000), "<a/>".repeat(100_000));
    place.write(
        "deep.svg",
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"400\" height=\"300\">{deep}</svg>"),
    );
    let name = |n: usize| match n {
        19 => "text.jpg",
        20 => "deep.svg",
        21 => "gone.jpg",
        n if n % 3 == 0 => "photos/pond.jpg",
        n if n % 3 == 1 => "good.jpg",
        _ => "photos/crossing.jpg",
    };
    let list: Vec<_> = (0..40).map(name).collect();
    place.write("list", list.join("\n"));
    let [one, four] = ["1", "4"].map(|jobs| search(&place, &["--files-from", "list", "--json", "-j", jobs]));
    let answers = timeless(&four);
    let asked: Vec<_> = answers.iter().map(|answer| answer["query"].as_str().unwrap()).collect();
    assert_eq!((asked, four.status), (list, 2));
    assert_eq!((&answers, &four.stderr, four.status), (&timeless(&one), &one.stderr, one.status));
    let said: Vec<_> = four.stderr.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(said, ["text.jpg", "deep.svg", "gone.jpg"], "{}", four.stderr);
    assert_eq!(answers.iter().filter(|answer| answer["status"] == "ok").count(), 37);
    let [one, four] =
        ["1", "4"].map(|jobs| search(&place, &["--files-from", "list", "-j", jobs, "--no-sandbox", "-l"]));
    assert_eq!((four.stdout.lines().count(), &four.stdout), (37, &one.stdout), "threads of one process, {four:?}");
}

/// The command with a pipe on stdin and another one as the file 3, which is the second query.
fn with_pipes(place: &Place, args: &[&str]) -> (Child, io::PipeWriter) {
    let (read, write) = io::pipe().unwrap();
    let mut command = Command::new("sh");
    // It is handed on in the place of stderr.
    let script = "exec \"$0\" search --index idx --json - /dev/fd/3 good.jpg \"$@\" 3<&2 2>/dev/null";
    command.args(["-c", script, env!("CARGO_BIN_EXE_ris")]).args(args).current_dir(place.path(""));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(read);
    (command.spawn().unwrap(), write)
}

#[test]
fn a_query_that_is_waited_for_keeps_no_other_from_being_read_and_the_order_stays() {
    let place = indexed();
    let picture = fs::read(fixtures().join("queries/half.jpg")).unwrap();
    // More than a pipe holds, so that who has written it knows that it was read. What follows a picture is of no interest.
    let long = [&picture[..], &[0; 1 << 20]].concat();
    for (jobs, is_read) in [("2", true), ("1", false)] {
        let (mut child, mut second) = with_pipes(&place, &["-j", jobs]);
        let (written, was_written) = mpsc::channel();
        let long = long.clone();
        let writer = thread::spawn(move || {
            second.write_all(&long).unwrap();
            drop(second);
            written.send(()).unwrap();
        });
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (said, lines) = mpsc::channel();
        let reader = thread::spawn(move || stdout.lines().for_each(|line| said.send(line.unwrap()).unwrap()));
        let arrived = was_written.recv_timeout(if is_read { PATIENCE } else { MOMENT }).is_ok();
        assert_eq!(arrived, is_read, "-j {jobs}");
        assert!(lines.recv_timeout(MOMENT).is_err(), "-j {jobs}: an answer before its turn");
        let mut first = child.stdin.take().unwrap();
        first.write_all(&picture).unwrap();
        drop(first);
        let answers: Vec<Value> =
            (0..3).map(|_| serde_json::from_str(&lines.recv_timeout(PATIENCE).unwrap()).unwrap()).collect();
        let asked: Vec<_> = answers.iter().map(|answer| answer["query"].as_str().unwrap()).collect();
        assert_eq!(asked, ["-", "/dev/fd/3", "good.jpg"]);
        assert!(answers.iter().all(|answer| names(answer) == ["crossing.jpg"]), "{answers:?}");
        assert!(child.wait().unwrap().success());
        writer.join().unwrap();
        reader.join().unwrap();
    }
}

#[test]
fn the_first_match_ends_a_quiet_search_though_another_query_is_waited_for() {
    let place = indexed();
    let (begun, mut refused) = (Instant::now(), 0);
    for flags in [&["good.jpg", "-"][..], &["good.jpg", "-", "-j", "3"], &["good.jpg", "-", "-j", "2", "--no-sandbox"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
        command.args(["search", "--quiet", "--index", "idx"]).args(flags).current_dir(place.path(""));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            assert!(begun.elapsed() < PATIENCE, "{flags:?} goes on");
            thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(ended.code(), Some(0), "{flags:?}");
        // Nobody is left who could read it.
        while stdin.write_all(b"x").is_ok() {
            assert!(begun.elapsed() < PATIENCE, "{flags:?} left a process");
            thread::sleep(Duration::from_millis(5));
        }
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
        refused += 1;
    }
    assert_eq!(refused, 3);
}

#[test]
fn queries_that_are_described_together_share_the_memory_and_the_large_ones_wait_for_all_of_it() {
    let place = indexed();
    // 27 MB of pixels: more than a share of 16 MiB, and two are more than all.
    let shades = image::RgbImage::from_fn(3000, 3000, |x, y| image::Rgb([(x / 12) as u8, (y / 12) as u8, 90]));
    shades.save(place.path("large.png")).unwrap();
    // 75 MB, which is more than all.
    image::RgbImage::new(5000, 5000).save(place.path("too large.png")).unwrap();
    let list = ["large.png", "good.jpg", "large.png", "too large.png", "large.png", "good.jpg", "large.png"];
    let [one, four] = ["1", "4"].map(|jobs| {
        let ran = search(&place, &[&["--json", "--max-memory", "64M", "-j", jobs][..], &list].concat());
        (timeless(&ran), ran.stderr, ran.status)
    });
    assert_eq!(four, one);
    let failed: Vec<_> = four.0.iter().filter(|answer| answer["status"] == "error").collect();
    assert!(failed.len() == 1 && failed[0]["query"] == "too large.png", "{failed:?}");
    assert_eq!((four.1.lines().count() > 0, four.2), (true, 2), "{}", four.1);
}
