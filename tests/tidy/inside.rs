//! Rules that hold inside the rooms: how long a function is, where `unsafe` is, what messages say, and no knots.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{code, functions, texts};
use crate::modules::{imports, module_of};
use crate::{files, is_tests};

/// The longest function, in lines.
const LONGEST: usize = 70;

#[test]
fn a_function_fits_a_screen() {
    let (mut seen, mut long) = (0, Vec::new());
    for (path, text) in files("src").iter().filter(|(path, _)| !is_tests(path)) {
        for (name, line, lines) in functions(&code(text)) {
            seen += 1;
            if lines > LONGEST {
                long.push(format!("{}:{line}: {name} has {lines} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
    assert!(seen > 1000, "only {seen} functions seen");
}

/// Where `unsafe` may be, and what for. That each block says why it is sound, a lint insists on.
const UNSAFE: [(&str, &str); 14] = [
    ("src/cli/search.rs", "options of the allocator"),
    ("src/cli/web.rs", "options of the allocator"),
    ("src/describe/local/simd.rs", "wider instructions, where the processor has them"),
    ("src/index/directory.rs", "a file as memory"),
    ("src/index/local/file.rs", "a file as memory"),
    ("src/index/local/first/mod.rs", "a file as memory"),
    ("src/index/local/hashes.rs", "wider instructions"),
    ("src/index/local/nearest.rs", "wider instructions"),
    ("src/sandbox/apart.rs", "fork and wait"),
    ("src/sandbox/linux.rs", "system calls"),
    ("src/sandbox/probes.rs", "system calls"),
    ("src/sandbox/worker/frame.rs", "pipes and random bytes"),
    ("src/sandbox/worker/mod.rs", "fork, shared memory"),
    ("src/sandbox/worker/supervisor.rs", "fork, kill and wait"),
];

#[test]
fn only_the_files_of_a_list_hold_unsafe_code() {
    let mut seen = BTreeSet::new();
    for (path, text) in files("src").iter().filter(|(path, _)| !is_tests(path)) {
        let holds = code(text).split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
        if holds {
            seen.insert(path.to_str().unwrap().replace('\\', "/"));
        }
    }
    assert_eq!(seen, UNSAFE.map(|(path, _)| path.to_owned()).into());
}

/// Flags that texts of the library name, and why. The room `report` words answers of the command, so it may name any.
const FLAGS: [(&str, &str, &str); 9] = [
    ("src/index/base.rs", "--index", "one message for each command that writes to a portable index"),
    ("src/index/format.rs", "--index", "one message for each command that opens an index"),
    ("src/index/format.rs", "--repair", "the remedy of damage, which any command meets"),
    ("src/index/ledger.rs", "--repair", "likewise"),
    ("src/index/reader.rs", "--repair", "likewise"),
    ("src/index/writer.rs", "--here", "what was asked for was a flag of that name"),
    ("src/source/archive/walk.rs", "--max-memory", "of an entry deep in a run, which alone knows the limit it met"),
    ("src/source/folder.rs", "--exclude", "tells its pattern from those of .gitignore files"),
    ("src/source/web/address.rs", "--allow-private", "of an address deep in a run, or of a start"),
];

#[test]
fn the_library_names_no_flag() {
    let (mut seen, mut found) = (0, BTreeSet::new());
    let outside = |path: &std::path::Path| !["src/cli", "src/report"].iter().any(|room| path.starts_with(room));
    for (path, text) in files("src").iter().filter(|(path, _)| !is_tests(path) && outside(path)) {
        for (_, text) in texts(text) {
            seen += 1;
            for (at, _) in text.match_indices("--") {
                let flag: String = text[at + 2..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
                let begins = at == 0 || text[..at].ends_with([' ', '`']);
                // Of cargo's flags, which choose what is built in, none is ours.
                if begins && flag != "features" && flag.starts_with(|c: char| c.is_ascii_lowercase()) {
                    found.insert((path.to_str().unwrap().replace('\\', "/"), format!("--{flag}")));
                }
            }
        }
    }
    let allowed = FLAGS.iter().map(|(path, flag, _)| ((*path).to_owned(), (*flag).to_owned()));
    assert_eq!(found, allowed.collect());
    assert!(seen > 1000, "only {seen} texts seen");
}

/// Files that import each other in a circle, by room, parent and child apart: a number may only become smaller.
const KNOTS: [(&str, &[usize]); 5] = [
    // index, watch, web: each may hand on to the next.
    ("cli", &[3]),
    // documents, reader, segments.
    ("index", &[3]),
    // crawl/frontier, crawl/inherited.
    ("ingest", &[2]),
    // geometry/homography, geometry/overlap; verify/fit, verify/pairs.
    ("search", &[2, 2]),
    // An archive holds archives: captures, layer, signature, tar, walk, zip, zstd.
    ("source", &[7]),
];

#[test]
fn files_of_a_room_import_each_other_in_no_more_circles_than_they_did() {
    let sources: Vec<_> = files("src").into_iter().filter(|(path, _)| !is_tests(path)).collect();
    let modules: BTreeMap<Vec<String>, usize> =
        sources.iter().enumerate().map(|(n, (path, _))| (module_of(path), n)).collect();
    let mut edges = vec![vec![false; sources.len()]; sources.len()];
    let mut seen = 0;
    for (from, (path, text)) in sources.iter().enumerate() {
        let own = module_of(path);
        for import in imports(path, &code(text)) {
            let to = (1..=import.len()).rev().find_map(|end| modules.get_key_value(&import[..end]));
            let Some((to, &number)) = to.filter(|(to, _)| to.first() == own.first()) else { continue };
            // A parent knows its children, and they what it is.
            if !to.starts_with(&own) && !own.starts_with(to) {
                edges[from][number] = true;
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} imports inside rooms seen");
    let mut knots: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for knot in circles(edges) {
        let names: Vec<_> = knot.iter().map(|&n| sources[n].0.display().to_string()).collect();
        println!("{}", names.join(" "));
        let room = sources[knot[0]].0.iter().nth(1).unwrap().to_str().unwrap();
        knots.entry(room).or_default().push(knot.len());
    }
    knots.values_mut().for_each(|sizes| sizes.sort_unstable());
    let allowed: BTreeMap<_, _> = KNOTS.iter().map(|(room, sizes)| (*room, sizes.to_vec())).collect();
    assert_eq!(knots, allowed);
}

/// The sets of nodes of which each leads to each.
fn circles(mut leads: Vec<Vec<bool>>) -> Vec<Vec<usize>> {
    let count = leads.len();
    for over in 0..count {
        let through = leads[over].clone();
        for row in leads.iter_mut().filter(|row| row[over]) {
            row.iter_mut().zip(&through).for_each(|(there, on)| *there |= on);
        }
    }
    let mut found: Vec<Vec<usize>> = Vec::new();
    for (a, row) in leads.iter().enumerate() {
        let circle: Vec<_> = (0..count).filter(|&b| row[b] && leads[b][a]).collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

#[test]
fn circles_are_found() {
    let mut edges = vec![vec![false; 5]; 5];
    for (from, to) in [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4)] {
        edges[from][to] = true;
    }
    assert_eq!(circles(edges), [[0, 1, 2]]);
}
