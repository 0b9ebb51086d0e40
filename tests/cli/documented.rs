//! The pages in docs/ say what is true: every field of the JSON, every path that they name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::setup::{Place, Ran, fixtures};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fields of the structs that are printed, by the files that print them.
fn printed() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for file in fs::read_dir(Path::new(ROOT).join("src/report")).unwrap() {
        let source = fs::read_to_string(file.unwrap().path()).unwrap();
        for object in source.split("#[derive(Serialize)]").skip(1) {
            let (_, body) = object.split_once('{').unwrap();
            let (body, _) = body.split_once("\n}").unwrap_or((body, ""));
            let mut lines = body.lines().map(str::trim).filter(|line| !line.starts_with("//")).peekable();
            while let Some(line) = lines.next() {
                // What is flattened has its own fields, in a struct of its own.
                if line == "#[serde(flatten)]" {
                    lines.next();
                } else if let Some((name, _)) = line.split_once(": ").filter(|_| !line.starts_with('#')) {
                    fields.insert(name.to_owned());
                }
            }
        }
    }
    fields
}

/// Names in backticks that may be fields.
fn documented() -> BTreeSet<String> {
    let text = text("docs/JSON.md");
    let code = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    code.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_field_of_the_json_is_documented_and_every_documented_one_is_printed() {
    let (printed, documented) = (printed(), documented());
    assert!(printed.len() > 60, "{printed:?}");
    let missing: Vec<_> = printed.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/JSON.md: {missing:?}");
    // Values, and names of commands.
    let values = [
        "ok",
        "too_plain",
        "error",
        "true",
        "enforced",
        "partial",
        "none",
        "identical",
        "copy",
        "jpeg",
        "verify",
        "prune",
        "merge",
        "privacy",
    ];
    let unknown: Vec<_> = documented.difference(&printed).filter(|name| !values.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "in docs/JSON.md, and never printed: {unknown:?}");
}

#[test]
fn what_a_search_prints_has_documented_fields_alone() {
    fn keys(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    into.insert(name.clone());
                    keys(value, into);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| keys(value, into)),
            _ => {}
        }
    }
    let place = Place::new();
    let search = ["search", "--json", "--index", "idx", "--in"];
    let query = fixtures().join("queries/collage.jpg");
    let answer =
        Ran::of(place.ris().args(search).arg(fixtures().join("library")).arg(query).output().unwrap()).object();
    let (mut found, documented) = (BTreeSet::new(), documented());
    keys(&answer, &mut found);
    assert!(found.len() > 20, "{found:?}");
    assert!(found.is_subset(&documented), "{:?}", found.difference(&documented));
}

#[test]
fn links_between_the_pages_lead_to_files() {
    let pages = ["README.md", "docs/GUIDE.md", "docs/CRAWLING.md", "docs/JSON.md", "docs/FAQ.md", "docs/BENCHMARKS.md"];
    let mut seen = 0;
    for page in pages {
        let text = text(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.contains("://") {
                let path = Path::new(ROOT).join(page).parent().unwrap().join(target);
                assert!(path.exists(), "{page} leads to {link}");
                seen += 1;
            }
        }
    }
    assert!(seen > 12, "{seen}");
}

#[test]
fn the_readme_stays_short() {
    let length = text("README.md").len();
    assert!((3_000..7_000).contains(&length), "{length}");
}
