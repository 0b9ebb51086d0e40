//! Queries that do harm, each read by a process of its own: it costs that query, and nobody else.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::hostile::promise;
use crate::privacy::{strace, traced};
use crate::setup::{Place, Ran, fixtures, names};

const CROSSING: &str = "street/crossing.jpg";

fn indexed() -> Place {
    let place = Place::with_photos(&[CROSSING, "garden/pond.jpg"]);
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    place.copy("queries/half.jpg", "good.jpg");
    place
}

fn svg(content: &str) -> String {
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"400\" height=\"300\">{content}</svg>")
}

fn packed(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Whether an answer names the picture that the good query was made from.
fn is_found(answer: &Value) -> bool {
    answer["status"] == "ok" && names(answer).first().is_some_and(|name| name == "crossing.jpg")
}

#[test]
fn what_a_query_does_to_its_decoder_costs_that_query_and_the_rest_of_the_list_is_answered() {
    let place = indexed();
    // A million dashes with round ends, each of which is a path of its own.
    let dashes = "<path d=\"M0 0C1e5 0 0 1e5 1e5 1e5\" fill=\"none\" stroke=\"red\" stroke-linecap=\"round\" \
         stroke-width=\"1e4\" stroke-dasharray=\".2\"/>";
    // A selector that is tried in more ways than there are atoms.
    let selector = format!("<style>{}rect{{fill:red}}</style>{}", "g ".repeat(2000), "<g>".repeat(50));
    let endless = selector + &"<rect width=\"9\" height=\"9\"/>".repeat(2000) + &"</g>".repeat(50);
    // One that is followed as deep as it is long.
    let deep = format!("<style>{}rect{{fill:red}}</style>{}<rect/>", "a+".repeat(100_000), "<a/>".repeat(100_000));
    let hostile: [(&str, Vec<u8>); 5] = [
        ("memory.svg", svg(dashes).replace("400", "1e5").replace("300", "1e5").into()),
        ("endless.svg", svg(&endless).into()),
        ("deep.svgz", packed(&svg(&deep))),
        ("abort.bmp", promise(30_000, 20_000)),
        ("text.jpg", b"no picture".to_vec()),
    ];
    let mut list = vec!["good.jpg"];
    for (name, bytes) in &hostile {
        place.write(name, bytes);
        list.extend([*name, "good.jpg"]);
    }
    // 1.8 GB are allowed for the bitmap and not to be had: Rust aborts where an allocation fails.
    let limited = |flags: &[&str], queries: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 1500000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_ris")]);
        command.args(["search", "--json", "--index", "idx", "--max-memory", "4G"]).args(flags).args(queries);
        Ran::of(command.current_dir(place.path("")).output().unwrap())
    };
    let ran = limited(&[], &list);
    let answers = ran.json();
    assert_eq!((ran.status, answers.len()), (2, list.len()), "{ran:?}");
    let mut harmed = 0;
    for (name, answer) in list.iter().zip(&answers) {
        assert_eq!(&answer["query"], name);
        if *name == "good.jpg" {
            assert!(is_found(answer), "{answer}");
            continue;
        }
        harmed += 1;
        assert_eq!(answer["status"], "error", "{answer}");
        let said = ran.stderr.lines().filter(|line| line.starts_with(&format!("ris: {name}: "))).count();
        assert_eq!(said, 1, "{}", ran.stderr);
    }
    assert_eq!((harmed, ran.stderr.lines().count()), (hostile.len(), hostile.len()), "{}", ran.stderr);
    // The control: where this process decodes, it ends, and with it the list.
    let alone = limited(&["--no-sandbox", "-j", "1"], &["good.jpg", "abort.bmp", "good.jpg"]);
    assert!(alone.status < 0 && alone.json().len() == 1, "{alone:?}");
}

#[test]
fn two_hundred_queries_are_answered_in_their_order() {
    let place = indexed();
    let queries: Vec<_> = (0..200)
        .map(|n| {
            if n % 7 == 3 {
                "gone.jpg"
            } else if n % 2 == 0 {
                "good.jpg"
            } else {
                "photos/pond.jpg"
            }
        })
        .collect();
    let list = queries.join("\n");
    place.write("list", list);
    let ran = place.run(["search", "--files-from", "list", "--json", "--index", "idx"]);
    let answers = ran.json();
    assert_eq!((ran.status, answers.len()), (2, 200));
    for (query, answer) in queries.iter().zip(&answers) {
        assert_eq!(&answer["query"], query);
        let expected = match *query {
            "gone.jpg" => answer["status"] == "error",
            "good.jpg" => is_found(answer),
            _ => answer["matches"][0]["kind"] == "identical",
        };
        assert!(expected, "{answer}");
    }
}

#[test]
fn what_a_decoder_prints_reaches_nobody() {
    let place = indexed();
    let mut said = 0;
    for name in ["colour.avif", "tiles.avif", "alpha.avif"] {
        let whole = fs::read(fixtures().join("encoded").join(name)).unwrap();
        for cut in (whole.len() / 2..whole.len() - 1).step_by(whole.len() / 8) {
            place.write("cut.avif", &whole[..cut]);
            let ran = place.run(["search", "cut.avif", "--index", "idx"]);
            assert!(ran.stderr.lines().count() <= 1, "{ran:?}");
            said += ran.stderr.lines().count();
        }
    }
    assert!(said > 3, "only {said} damaged pictures");
}

#[test]
fn a_picture_that_is_damaged_and_plain_is_one_line() {
    let place = indexed();
    let whole = fs::read(fixtures().join("queries/plain.png")).unwrap();
    let mut jpeg = Vec::new();
    let plain = image::load_from_memory(&whole).unwrap().to_rgb8();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 100).encode_image(&plain).unwrap();
    place.write("cut.jpg", &jpeg[..jpeg.len() * 9 / 10]);
    let ran = place.run(["search", "cut.jpg", "--index", "idx", "--json"]);
    assert_eq!((&ran.object()["status"], &ran.object()["query_partial_data"]), (&"too_plain".into(), &true.into()));
    let both = ran.stderr.contains("damaged") && ran.stderr.contains("too plain");
    assert!(both && ran.stderr.lines().count() == 1, "{ran:?}");
}

/// The processes below one.
fn below(process: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    children.flat_map(|child| [vec![child], below(child)].concat()).collect()
}

#[test]
fn ctrl_c_ends_a_search_and_all_that_it_started() {
    use nix::sys::signal::{Signal, kill};
    let place = indexed();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
    command.args(["search", "-", "--index", "idx"]).current_dir(place.path(""));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It waits for the rest of its query, and so does the process that reads it.
    child.stdin.as_mut().unwrap().write_all(b"\xff\xd8").unwrap();
    let started = loop {
        let started = below(child.id());
        if started.len() == 2 {
            break started;
        }
        std::thread::yield_now();
    };
    kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert!(!child.wait().unwrap().success());
    let lives = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        !status.is_empty() && !status.contains("State:\tZ")
    };
    while started.iter().any(lives) {
        std::thread::yield_now();
    }
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn a_query_below_the_folder_that_is_brought_up_to_date_is_left_out_of_that_under_all_its_names() {
    let place = Place::with_photos(&[CROSSING, "garden/pond.jpg"]);
    place.copy("queries/half.jpg", "photos/secret.jpg");
    fs::hard_link(place.path("photos/secret.jpg"), place.path("photos/other name.jpg")).unwrap();
    symlink(place.path("photos/secret.jpg"), place.path("photos/link.jpg")).unwrap();
    symlink(place.path("photos/secret.jpg"), place.path("elsewhere.jpg")).unwrap();
    let stdin = "exec \"$0\" search - --in photos --index idx4 --json < photos/secret.jpg";
    let shell = |script: &str| {
        let run =
            Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_ris")]).current_dir(place.path("")).output();
        Ran::of(run.unwrap())
    };
    let ways: [(&str, Ran); 4] = [
        ("idx1", place.run(["search", "photos/secret.jpg", "--in", "photos", "--index", "idx1", "--json"])),
        ("idx2", place.run(["search", "elsewhere.jpg", "--in", "photos", "--follow", "--index", "idx2", "--json"])),
        ("idx3", place.run(["search", "photos/other name.jpg", "--in", "photos", "--index", "idx3", "--json"])),
        ("idx4", shell(stdin)),
    ];
    for (index, ran) in ways {
        let answer = ran.object();
        assert!(ran.status == 0 && is_found(&answer) && answer["searched"] == 2, "{index}: {ran:?}");
        assert_eq!(names(&answer), ["crossing.jpg"], "{index}");
        let status = place.run(["status", "--json", "--index", index]).object();
        assert_eq!((&status["pictures"], &status["sources"]), (&2.into(), &2.into()), "{index}: {status}");
    }
    // The control: when another is searched for, it is a picture like all others; and what is known of it stays known.
    place.copy("queries/unrelated-1.jpg", "unrelated.jpg");
    let other = place.run(["search", "unrelated.jpg", "--in", "photos", "--index", "idx1", "--json"]).object();
    assert_eq!(other["searched"], 3, "{other}");
    let known = place.run(["search", "photos/secret.jpg", "--in", "photos", "--index", "idx1", "--json"]).object();
    assert_eq!((&known["searched"], &known["matches"][0]["kind"]), (&3.into(), &"identical".into()), "{known}");
}

#[test]
fn who_brings_the_index_up_to_date_never_opens_the_query() {
    let Some(strace) = strace() else { return };
    let place = Place::with_photos(&[CROSSING, "garden/pond.jpg"]);
    place.copy("queries/half.jpg", "photos/secret.jpg");
    let (trace, ran) =
        traced(strace, &place, &["search", "photos/secret.jpg", "--in", "photos", "--index", "idx"], None);
    assert!(ran.status == 0 && ran.stdout.contains("crossing.jpg"), "{ran:?}");
    let opens =
        |line: &&String, name: &str| line.contains("openat(") && line.contains(name) && !line.contains("O_PATH");
    let readers: Vec<_> = trace.iter().filter(|line| opens(line, "secret.jpg")).collect();
    assert_eq!(readers.len(), 1, "{readers:#?}");
    let process = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    let updating: Vec<_> = trace.iter().filter(|line| opens(line, "pond.jpg")).map(|line| process(line)).collect();
    assert!(!updating.is_empty() && !updating.contains(&process(readers[0])), "{updating:?} and {readers:?}");
}

#[test]
fn a_comparison_with_a_hostile_picture_is_one_line() {
    let place = indexed();
    let deep = format!("<style>{}rect{{fill:red}}</style>{}<rect/>", "a+".repeat(100_000), "<a/>".repeat(100_000));
    place.write("deep.svgz", packed(&svg(&deep)));
    for args in [["good.jpg", "deep.svgz"], ["deep.svgz", "good.jpg"]] {
        let ran = Ran::of(place.ris().arg("compare").args(args).args(["--picture", "out.png"]).output().unwrap());
        assert!(ran.status == 2 && ran.stdout.is_empty() && !place.path("out.png").exists(), "{ran:?}");
        assert!(ran.stderr.starts_with("ris: deep.svgz: ") && ran.stderr.lines().count() == 1, "{ran:?}");
    }
}

/// The files on which a decoder once did harm.
fn corpus() -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(fixtures().join("crashes")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 40, "{files:?}");
    files
}

#[test]
fn every_file_of_the_crash_corpus_costs_itself_alone_as_a_query() {
    let place = indexed();
    let corpus = corpus();
    let mut list = String::new();
    for (i, file) in corpus.iter().enumerate() {
        if i % 8 == 0 {
            list += "good.jpg\n";
        }
        list += &format!("{}\n", file.display());
    }
    place.write("list", list + "good.jpg\n");
    let ran = place.run(["search", "--files-from", "list", "--index", "idx", "--json", "--max-memory", "64M"]);
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    let answers: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let good: Vec<_> = answers.iter().filter(|answer| answer["query"] == "good.jpg").collect();
    assert_eq!((answers.len(), good.len()), (corpus.len() + good.len(), corpus.len().div_ceil(8) + 1));
    assert!(good.into_iter().all(is_found), "{ran:?}");
    let told = answers.iter().filter(|answer| answer["status"] == "error").count();
    assert!(told > corpus.len() / 4 && ran.status == 2, "{told} of {}: {ran:?}", corpus.len());
}

#[test]
fn every_file_of_the_crash_corpus_costs_itself_alone_in_a_collection() {
    let place = Place::with_photos(&[CROSSING]);
    for file in corpus() {
        place.write(format!("photos/{}", file.file_name().unwrap().display()), fs::read(&file).unwrap());
    }
    let ran = place.run(["index", "photos", "--index", "idx", "--max-memory", "64M", "--jobs", "2"]);
    assert!(ran.status == 2 && !ran.stderr.contains("panicked"), "{ran:?}");
    let warnings = ran.stderr.lines().filter(|line| line.starts_with("ris: photos/") || line.starts_with("ris: /"));
    assert!(warnings.count() > 10, "{ran:?}");
    place.copy("queries/half.jpg", "good.jpg");
    let found = place.run(["search", "good.jpg", "--index", "idx", "-l"]);
    assert!(found.stdout.trim().ends_with("photos/crossing.jpg"), "{found:?}");
}
