//! What `ris verify`, `ris prune`, `ris merge` and `ris dupes` tell.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::json::{SCHEMA, line, lossy, modified, rounded, text_and_bytes};
use super::{Style, escape, source_bytes, text};
use crate::index::{Checked, Merged, Repaired, Totals};
use crate::ingest::prune::Gone;
use crate::locator::Locator;
use crate::search::Group;

#[derive(Serialize)]
struct VerifyLine<'a> {
    schema: u32,
    index: String,
    whole: bool,
    files: u64,
    bytes: u64,
    damaged: Vec<DamageObject<'a>>,
    repair_begun: bool,
    repairable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<RepairedObject>,
}

#[derive(Serialize)]
struct DamageObject<'a> {
    file: String,
    error: &'a str,
}

#[derive(Serialize)]
struct RepairedObject {
    documents: u64,
    pictures: u64,
    forgotten: Vec<PlaceObject>,
    index_again: Vec<String>,
}

#[derive(Serialize)]
struct PlaceObject {
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_bytes: Option<String>,
}

impl PlaceObject {
    fn of(locator: &Locator) -> Self {
        let (source, source_bytes) = text_and_bytes(&source_bytes(locator));
        Self { source, source_bytes }
    }
}

/// What a check of an index found, and what a repair of it dropped, as one JSON object.
///
/// # Errors
/// Those of `out`.
pub fn verify_json(
    out: &mut impl Write,
    folder: &Path,
    checked: &Checked,
    repaired: Option<&Repaired>,
) -> io::Result<()> {
    let damaged = checked.damaged.iter();
    line(
        out,
        &VerifyLine {
            schema: SCHEMA,
            index: lossy(folder),
            whole: checked.is_whole(),
            files: checked.files,
            bytes: checked.bytes,
            damaged: damaged.map(|damage| DamageObject { file: lossy(&damage.file), error: &damage.what }).collect(),
            repair_begun: checked.repair_begun,
            repairable: checked.is_repairable(),
            repaired: repaired.map(|repaired| RepairedObject {
                documents: repaired.documents,
                pictures: repaired.pictures,
                forgotten: repaired.sources.iter().map(PlaceObject::of).collect(),
                index_again: repaired.roots.iter().map(ToString::to_string).collect(),
            }),
        },
    )
}

/// The same for people.
///
/// # Errors
/// Those of `out`.
pub fn verify_text(out: &mut impl Write, checked: &Checked, repaired: Option<&Repaired>) -> io::Result<()> {
    writeln!(out, "checked   {} files, {}", checked.files, text::bytes(checked.bytes))?;
    for damage in &checked.damaged {
        writeln!(out, "damaged   {}: {}", escape::text(&lossy(&damage.file)), escape::text(&damage.what))?;
    }
    if checked.repair_begun {
        writeln!(out, "damaged   a repair was stopped half-way")?;
    }
    match repaired {
        _ if checked.is_whole() => writeln!(out, "whole     every file is as it was written"),
        Some(repaired) => {
            writeln!(out, "repaired  what is damaged is dropped")?;
            let lost = [(repaired.documents, "documents"), (repaired.pictures, "pictures without their features")];
            for (count, of) in lost.into_iter().filter(|lost| lost.0 > 0) {
                writeln!(out, "dropped   {count} {of}")?;
            }
            for source in &repaired.sources {
                writeln!(out, "dropped   {}", escape::text(&source.to_string()))?;
            }
            for root in &repaired.roots {
                writeln!(out, "remedy    index it again: ris index {}", escape::text(&root.to_string()))?;
            }
            Ok(())
        }
        None if checked.is_repairable() => {
            writeln!(out, "remedy    `ris verify --repair` drops what is damaged and lists what to index again")
        }
        None => writeln!(
            out,
            "remedy    restore it from a backup, or index again, into another folder: it does not say any more what it holds"
        ),
    }
}

#[derive(Serialize)]
struct PruneLine {
    schema: u32,
    dry_run: bool,
    forgotten: Vec<PlaceObject>,
    pictures: usize,
    offline: u64,
}

/// What is gone and was forgotten, or would be, as one JSON object.
///
/// # Errors
/// Those of `out`.
pub fn prune_json(out: &mut impl Write, gone: &Gone, dry_run: bool) -> io::Result<()> {
    let forgotten = gone.sources.iter().map(PlaceObject::of).collect();
    line(out, &PruneLine { schema: SCHEMA, dry_run, forgotten, pictures: gone.pictures.len(), offline: gone.offline })
}

/// The places that are gone, one a line.
///
/// # Errors
/// Those of `out`.
pub fn prune_text(out: &mut impl Write, gone: &Gone, style: &Style) -> io::Result<()> {
    for locator in &gone.sources {
        out.write_all(&text::source(locator, style))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct MergeLine {
    schema: u32,
    shards: usize,
    added: u64,
    shared: u64,
    places: u64,
    older: u64,
    pictures: u64,
    sources: u64,
    bytes: u64,
    interrupted: bool,
    elapsed_ms: f64,
}

/// What a merge of so many shards did, and what the index (`totals`, `bytes` on disk) now holds, as one JSON object.
///
/// # Errors
/// Those of `out`.
pub fn merge_json(
    out: &mut impl Write,
    shards: usize,
    merged: &Merged,
    totals: &Totals,
    bytes: u64,
    elapsed: Duration,
) -> io::Result<()> {
    let Merged { added, shared, places, older, interrupted } = *merged;
    let (pictures, sources) = (totals.pictures, totals.sources);
    let elapsed_ms = rounded(elapsed.as_secs_f64() * 1e3, 3);
    line(
        out,
        &MergeLine {
            schema: SCHEMA,
            shards,
            added,
            shared,
            places,
            older,
            pictures,
            sources,
            bytes,
            interrupted,
            elapsed_ms,
        },
    )
}

#[derive(Serialize)]
struct GroupLine {
    schema: u32,
    kind: &'static str,
    sources: Vec<MemberObject>,
}

#[derive(Serialize)]
struct MemberObject {
    #[serde(flatten)]
    place: PlaceObject,
    width: u32,
    height: u32,
    format: &'static str,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

/// One group of copies as one JSON object.
///
/// # Errors
/// Those of `out`.
pub fn group_json(out: &mut impl Write, group: &Group) -> io::Result<()> {
    let member = |(source, facts): &(crate::index::SourceRecord, crate::index::Facts)| MemberObject {
        place: PlaceObject::of(&source.locator),
        width: facts.width,
        height: facts.height,
        format: facts.format,
        bytes: source.stamp.bytes,
        modified: modified(&source.locator, source.stamp.modified_ns),
    };
    let sources = group.sources.iter().map(member).collect();
    line(out, &GroupLine { schema: SCHEMA, kind: group.kind.name(), sources })
}

/// The places of a group, one a line.
///
/// # Errors
/// Those of `out`.
pub fn group_text(out: &mut impl Write, group: &Group, style: &Style) -> io::Result<()> {
    for (source, _) in &group.sources {
        out.write_all(&text::source(&source.locator, style))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The bare paths of a group, each ending in NUL, and one more after the last.
///
/// # Errors
/// Those of `out`.
pub fn group_null(out: &mut impl Write, group: &Group) -> io::Result<()> {
    for (source, _) in &group.sources {
        out.write_all(&source_bytes(&source.locator))?;
        out.write_all(b"\0")?;
    }
    out.write_all(b"\0")
}
