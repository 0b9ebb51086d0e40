//! What is generated from the flags and committed is what the flags say now.

use std::fs;
use std::path::Path;

use crate::setup::Place;

#[test]
fn the_man_page_and_the_completions_are_fresh() {
    let shipped = [
        ("man/ris.1", "man"),
        ("completions/ris.bash", "completions bash"),
        ("completions/_ris", "completions zsh"),
        ("completions/ris.fish", "completions fish"),
        ("completions/ris.elv", "completions elvish"),
        ("completions/_ris.ps1", "completions powershell"),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = Place::new();
    for (file, args) in shipped {
        let output = place.ris().args(args.split(' ')).output().unwrap();
        let committed = fs::read(root.join(file)).unwrap_or_default();
        assert!(committed == output.stdout, "{file} is stale: cargo run --release -- {args} > {file}");
        assert!(committed.len() > 1000, "{file} is nearly empty");
    }
    let files = |folder: &str| fs::read_dir(root.join(folder)).unwrap().count();
    assert_eq!(files("man") + files("completions"), shipped.len(), "a shipped file is not checked here");
}

#[test]
fn the_version_is_the_crate_s_and_help_names_every_command() {
    let place = Place::new();
    let version = place.run(["--version"]);
    assert_eq!((version.status, version.stdout.trim()), (0, concat!("ris ", env!("CARGO_PKG_VERSION"))));
    let help = place.run(["--help"]);
    assert_eq!(help.status, 0);
    for command in
        ["index", "search", "compare", "dupes", "privacy", "status", "verify", "prune", "merge", "completions", "man"]
    {
        assert!(help.stdout.contains(command), "{command}");
    }
}
