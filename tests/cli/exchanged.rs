//! Files of an index that are whole, and not the ones that were committed: a backup that came back in part, two indexes
//! mixed by a copy. A search says so or answers as before, and `verify` says so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ris::ErrorKind;
use ris::index::{Reader, Writer, verify};

use crate::setup::{Place, Ran};
use crate::small::{Answers, add, answers, place as small_place, writer};

const PICTURES: u32 = 12;

/// The files of an index by their names below its folder.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Files that are not what an index is made of, and that may differ.
fn is_aside(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name == "lock" || name == "CACHEDIR.TAG" || name.ends_with(".lock")
}

fn files(folder: &Path) -> Files {
    let (mut files, mut folders) = (Files::new(), vec![folder.to_owned()]);
    while let Some(below) = folders.pop() {
        for path in fs::read_dir(&below).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(path).unwrap());
            }
        }
    }
    files.retain(|path, _| !is_aside(path));
    files
}

/// An index in several steps, and its files after each of them: like ones of different content in each.
fn steps(folder: &Path, from: u32) -> Vec<Files> {
    let mut steps = Vec::new();
    // Each opening is a segment and a file of features of its own, as long as there are few.
    for step in 0..3u32 {
        let mut writer: Writer = writer(folder).unwrap();
        let first = from + step * 4;
        (first..first + 4).for_each(|n| add(&mut writer, n).unwrap());
        if step > 0 {
            writer.forget_source(&small_place(first - 1));
        }
        let ledger = writer.ledger().unwrap();
        ledger.begin(&format!("http://{from}.example/{step}")).unwrap();
        writer.finish().unwrap();
        steps.push(files(folder));
    }
    steps
}

/// Puts these files in the place of all that the index has.
fn lay(folder: &Path, files: &Files) {
    for (name, content) in files {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), content).unwrap();
    }
    for name in self::files(folder).keys().filter(|name| !files.contains_key(*name)) {
        fs::remove_file(folder.join(name)).unwrap();
    }
}

/// What a file is for, by its name: those of one kind can be taken for each other.
fn kind(path: &Path) -> String {
    let extension = path.extension().map_or_else(String::new, |extension| extension.to_str().unwrap().to_owned());
    format!("{}/{extension}", path.parent().unwrap().display())
}

/// One exchange: what it is, and the files that are there afterwards.
type Exchange = (String, Files);

/// Every file in the place of every other one of its kind, and both in each other's.
fn within(own: &Files, exchanges: &mut Vec<Exchange>) {
    for (a, of_a) in own {
        for (b, of_b) in own.iter().filter(|(b, _)| *b != a && kind(a) == kind(b)) {
            let mut copied = own.clone();
            copied.insert(b.clone(), of_a.clone());
            exchanges.push((format!("{} over {}", a.display(), b.display()), copied.clone()));
            if a < b {
                copied.insert(a.clone(), of_b.clone());
                exchanges.push((format!("{} and {} exchanged", a.display(), b.display()), copied));
            }
        }
    }
}

/// Files of another index, or of this one at an earlier time, in the place of each that they can be taken for.
fn among(own: &Files, others: &Files, what: &str, exchanges: &mut Vec<Exchange>) {
    for name in own.keys() {
        for (other, content) in others.iter().filter(|(other, _)| kind(other) == kind(name)) {
            // A list of files has the same name in each. The copy of a commit may be of an earlier one, as a loss of
            // power leaves it.
            let is_other_list = other.extension().is_some_and(|extension| extension == "json") && other != name;
            if is_other_list || (what.starts_with("step") && name.ends_with("copies/meta.json")) {
                continue;
            }
            let mut mixed = own.clone();
            mixed.insert(name.clone(), content.clone());
            exchanges.push((format!("{} of {what} for {}", other.display(), name.display()), mixed));
        }
    }
    for folder in ["documents", "features", "crawls"] {
        let mut mixed = own.clone();
        mixed.retain(|name, _| !name.starts_with(folder));
        mixed.extend(others.iter().filter(|(name, _)| name.starts_with(folder)).map(|(n, c)| (n.clone(), c.clone())));
        exchanges.push((format!("{folder} of {what}"), mixed));
    }
}

fn exchanges(own: &[Files], other: &[Files]) -> Vec<Exchange> {
    let (last, earlier) = own.split_last().unwrap();
    let mut exchanges = Vec::new();
    within(last, &mut exchanges);
    among(last, other.last().unwrap(), "another index", &mut exchanges);
    for (step, files) in earlier.iter().enumerate() {
        among(last, files, &format!("step {step}"), &mut exchanges);
    }
    exchanges.retain(|(_, files)| files != last);
    exchanges
}

fn asked(folder: &Path) -> ris::Result<Answers> {
    answers(&Reader::open(folder)?, PICTURES)
}

#[test]
fn a_file_that_is_not_the_one_that_was_committed_is_told_by_the_search_or_changes_no_answer_and_is_seen_by_verify() {
    let place = Place::new();
    let [a, b] = [("a", 0), ("b", 1000)].map(|(name, from)| steps(&place.path(name), from));
    let folder = place.path("a");
    let whole = asked(&folder).unwrap();
    assert!(verify(&folder).unwrap().is_whole());
    let exchanges = exchanges(&a, &b);
    assert!(exchanges.len() >= 100, "{} exchanges", exchanges.len());
    let (mut told, mut same, mut faults) = (0, 0, Vec::new());
    for (case, files) in &exchanges {
        lay(&folder, files);
        match std::panic::catch_unwind(|| asked(&folder)) {
            Err(_) => faults.push(format!("{case}: a search panics, or contradicts itself")),
            Ok(Ok(answers)) if answers == whole => same += 1,
            Ok(Ok(_)) => faults.push(format!("{case}: a search answers otherwise")),
            Ok(Err(error)) if error.kind() == ErrorKind::Damaged => told += 1,
            Ok(Err(error)) => faults.push(format!("{case}: {error:?}")),
        }
        match std::panic::catch_unwind(|| verify(&folder)) {
            Err(_) => faults.push(format!("{case}: verify panics")),
            Ok(Ok(checked)) if checked.is_whole() => faults.push(format!("{case}: verify says that it is whole")),
            Ok(Err(error)) if error.kind() != ErrorKind::Damaged => faults.push(format!("{case}: verify: {error:?}")),
            Ok(_) => {}
        }
    }
    println!("{} exchanges: {told} told, {same} change no answer", exchanges.len());
    assert!(faults.is_empty(), "{} faults in {} exchanges:\n{}", faults.len(), exchanges.len(), faults.join("\n"));
    assert!(told > exchanges.len() / 2, "{told} told, {same} the same");
    // As it was it is whole.
    lay(&folder, &a[2]);
    assert!(asked(&folder).unwrap() == whole && verify(&folder).unwrap().is_whole());
}

#[test]
fn a_whole_backup_that_is_copied_back_over_an_index_is_that_backup() {
    let place = Place::new();
    let folder = place.path("a");
    let steps = steps(&folder, 0);
    for (step, backup) in steps.iter().enumerate() {
        lay(&folder, backup);
        let then = asked(&folder).unwrap();
        lay(&folder, &steps[2]);
        assert_eq!(asked(&folder).unwrap() == then, step == 2);
        // What came since stays beside it.
        let mut restored = steps[2].clone();
        restored.extend(backup.iter().map(|(name, content)| (name.clone(), content.clone())));
        lay(&folder, &restored);
        assert!(asked(&folder).unwrap() == then && verify(&folder).unwrap().is_whole(), "step {step}");
    }
}

#[test]
fn the_command_says_of_an_exchanged_file_that_it_is_damaged_and_indexing_again_repairs_it() {
    let place = Place::with_photos(&["garden/pond.jpg", "garden/roses.jpg"]);
    place.copy("library/garden/pond.jpg", "query.jpg");
    assert_eq!(place.run(["index", "photos/pond.jpg", "--index", "idx"]).status, 0);
    assert_eq!(place.run(["index", "photos/roses.jpg", "--index", "idx"]).status, 0);
    let search = || place.run(["search", "query.jpg", "--index", "idx", "--json"]);
    let whole = search().object()["matches"].clone();
    assert_eq!(whole.as_array().unwrap().len(), 1);
    fs::copy(place.path("idx/features/00000001.ris"), place.path("idx/features/00000000.ris")).unwrap();
    let refused = |ran: Ran| {
        let is = ran.status == 2 && ran.stderr.lines().count() == 1 && ran.stderr.contains("ris verify");
        assert!(is, "{ran:?}");
    };
    refused(search());
    refused(place.run(["index", "photos", "--index", "idx"]));
    let ran = place.run(["verify", "--index", "idx"]);
    assert!(ran.status == 1 && ran.stdout.contains("features/00000000.ris"), "{ran:?}");
    assert_eq!(place.run(["verify", "--repair", "--index", "idx"]).status, 1);
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    assert_eq!(search().object()["matches"][0]["source"], whole[0]["source"]);
    assert_eq!(place.run(["verify", "--index", "idx"]).status, 0);
}
