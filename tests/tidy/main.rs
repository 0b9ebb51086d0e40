//! The house's own rules, checked on the source text: who imports whom, and what no file may hold.

mod code;
mod inside;
mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use code::code;
use modules::imports;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder, with their text.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// Whether a file holds tests only.
fn is_tests(path: &Path) -> bool {
    path.with_extension("").iter().any(|part| part == "tests")
}

/// The table of ARCHITECTURE.md: what each module may import.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| module | may import |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let (module, imports) = (cells.next().unwrap(), cells.next().unwrap());
            let imports = imports.split(", ").filter(|&name| name != "nothing").map(str::to_owned);
            (module.to_owned(), imports.collect())
        })
        .collect()
}

#[test]
fn modules_import_only_what_the_table_in_the_architecture_allows() {
    let allowed = allowed();
    let mut seen = 0;
    for (path, text) in files("src").iter().filter(|(path, _)| !is_tests(path)) {
        let module = path.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs");
        if ["lib", "main", "cli"].contains(&module) {
            continue;
        }
        let imports = allowed.get(module).unwrap_or_else(|| panic!("{module} is not in the table"));
        let code = code(text);
        // A group at the root of the crate is written out, and so is a way there by `super`.
        for import in self::imports(path, &code) {
            let Some(name) = import.first() else { panic!("{}: imports all of the crate", path.display()) };
            assert!(name == module || imports.contains(name), "{} imports {name}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} imports seen");
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while done.len() < allowed.len() {
        let next = allowed.iter().find(|(module, imports)| {
            !done.contains(module.as_str()) && imports.iter().all(|import| done.contains(import.as_str()))
        });
        done.insert(next.expect("the table has a circle").0);
    }
}

#[test]
fn the_command_uses_the_public_library_only() {
    let mut seen = 0;
    for (path, text) in files("src/cli") {
        for line in code(&text).lines() {
            assert!(!line.contains("crate::") || line.contains("crate::cli"), "{}: {line}", path.display());
            seen += usize::from(line.contains("ris::"));
        }
    }
    assert!(seen > 5, "only {seen} uses of the library seen");
}

#[test]
fn every_file_says_what_it_is_and_none_is_long() {
    let mut seen = 0;
    for (path, text) in ["src", "tests", "benches", "examples"].into_iter().flat_map(files) {
        assert!(text.starts_with("//! "), "{} does not open with a sentence", path.display());
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
        seen += 1;
    }
    assert!(seen > 40, "only {seen} files seen");
}

#[test]
fn nothing_in_the_source_gives_up_on_what_it_is_given() {
    let forbidden = [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "unreachable!(", "dbg!("];
    let mut seen = 0;
    for (path, text) in files("src").iter().filter(|(path, _)| !is_tests(path)) {
        for line in code(text).lines() {
            let found = forbidden.iter().find(|&&word| line.contains(word));
            assert!(found.is_none(), "{}: {line}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 3000, "only {seen} lines seen");
}

#[test]
fn no_test_file_is_forgotten() {
    let mut seen = 0;
    for (path, _) in files("tests").iter().filter(|(path, _)| path.iter().count() == 3) {
        let main = root().join(path.parent().unwrap()).join("main.rs");
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&main).unwrap();
        assert!(name == "main" || text.contains(&format!("mod {name};")), "{} is in no binary", path.display());
        seen += 1;
    }
    assert!(seen > 2, "only {seen} files seen");
}

/// Crates that open connections, or are there for those that do.
const NETWORK: [&str; 22] = [
    "ureq",
    "reqwest",
    "hyper",
    "h2",
    "tokio",
    "mio",
    "async-std",
    "smol",
    "socket2",
    "rustls",
    "native-tls",
    "openssl",
    "openssl-sys",
    "curl",
    "curl-sys",
    "isahc",
    "attohttpc",
    "minreq",
    "quinn",
    "hickory-resolver",
    "tonic",
    "tungstenite",
];

/// Those of a list of `cargo tree`.
fn network(tree: &str) -> Vec<&str> {
    tree.lines().filter(|line| NETWORK.contains(&line.split(' ').next().unwrap())).collect()
}

/// What `cargo tree` says that the library is linked from, with more arguments.
fn tree(more: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = ["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none"];
    let output = std::process::Command::new(cargo).args(args).args(more).current_dir(root()).output().unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && tree.lines().count() > 50, "{}", String::from_utf8_lossy(&output.stderr));
    tree
}

#[test]
fn a_build_without_default_features_links_no_network_crate() {
    assert_eq!(network(&tree(&["--no-default-features"])), Vec::<&str>::new());
    assert_eq!(network("serde v1.0.0\nureq v3.0.0\nrustls v0.23.0 (*)"), ["ureq v3.0.0", "rustls v0.23.0 (*)"]);
}

#[test]
fn the_default_build_opens_connections_by_one_crate_and_compiles_no_c() {
    let tree = tree(&["--format", "{p} [{f}]"]);
    let names: BTreeSet<_> = network(&tree).into_iter().map(|line| line.split(' ').next().unwrap()).collect();
    // mio waits for what the file system tells, and is built without its sockets.
    assert_eq!(names, BTreeSet::from(["mio", "rustls", "ureq"]));
    let features = tree.lines().find(|line| line.starts_with("mio ")).and_then(|line| line.split('[').nth(1)).unwrap();
    assert!(!features.contains("net"), "{features}");
    let c = ["ring", "aws-lc-sys", "openssl-sys", "libz-sys", "zstd-sys"];
    assert!(!tree.lines().any(|line| c.contains(&line.split(' ').next().unwrap())));
}

#[test]
fn only_the_fetcher_opens_a_socket() {
    // What opens one, in the library's own words and in the client's.
    let opens = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixDatagram", "TcpConnector", "Agent::"];
    let mut seen = BTreeSet::new();
    for (path, text) in files("src").iter().filter(|(path, _)| !is_tests(path)) {
        if code(text).lines().any(|line| opens.iter().any(|word| line.contains(word))) {
            seen.insert(path.to_str().unwrap().replace('\\', "/"));
        }
        let below = path.starts_with("src/source/web/fetch") || path.ends_with("web/fetch.rs");
        assert!(below || !code(text).lines().any(|line| line.contains("ureq")), "{} knows the client", path.display());
    }
    // The sandbox tries to, and says so where it was not refused.
    let allowed = ["src/sandbox/probes.rs", "src/source/web/fetch.rs"];
    assert_eq!(seen, allowed.map(str::to_owned).into());
}
