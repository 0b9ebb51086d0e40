//! NDJSON for scripts: one object a line, fields only ever added within a schema number.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{IndexState, Root, Told, path_bytes, source_bytes};
use crate::index::{Page, SourceRecord, Totals};
use crate::ingest::Summary;
use crate::locator::Locator;
use crate::sandbox::{Posture, Probe, Report};
use crate::search::{Comparison, Match};

/// Version of the objects below.
pub const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct AnswerLine<'a> {
    schema: u32,
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_bytes: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    query_partial_data: bool,
    elapsed_ms: f64,
    sandbox: &'static str,
    searched: u64,
    matches: Vec<MatchObject>,
}

#[derive(Serialize)]
struct MatchObject {
    rank: usize,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_bytes: Option<String>,
    score: f64,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transform: Option<TransformObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_overlap: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_overlap: Option<f64>,
    evidence: EvidenceObject,
    width: u32,
    height: u32,
    format: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial_data: bool,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    /// By the clock on the wall where it was taken: no zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lens: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gps: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<u8>,
    #[serde(flatten)]
    page: Option<PageObject>,
    /// Where there are several: all of them, the one above first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shown_on: Vec<PageObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fetched: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    offline: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair_bytes: Option<String>,
}

/// A page that shows a picture.
#[derive(Serialize)]
struct PageObject {
    #[serde(skip_serializing_if = "String::is_empty")]
    page: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    alt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    caption: String,
}

impl PageObject {
    fn of(Page { url, title, alt, caption }: &Page) -> Self {
        let (page, title) = (url.clone(), title.clone());
        Self { page, title, alt: alt.clone(), caption: caption.clone() }
    }
}

/// What the score was made of.
#[derive(Serialize)]
struct EvidenceObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_distance: Option<u32>,
    inliers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<f64>,
}

#[derive(Serialize)]
struct TransformObject {
    mirrored: bool,
    rotation_deg: f64,
    scale: f64,
    matrix: [[f64; 3]; 2],
}

/// One query and its matches.
///
/// # Errors
/// Those of `out`.
pub fn answer(out: &mut impl Write, told: &Told<'_>) -> io::Result<()> {
    let (query, query_bytes) = text_and_bytes(&path_bytes(told.query));
    let elapsed_ms = rounded(told.elapsed.as_secs_f64() * 1e3, 3);
    let (status, error, searched, matches) = match &told.outcome {
        Ok(answer) => {
            let matches = (1..).zip(&answer.matches).map(|(rank, found)| match_object(rank, found)).collect();
            (if answer.too_plain { "too_plain" } else { "ok" }, None, answer.searched, matches)
        }
        Err(error) => ("error", Some(error.message()), 0, Vec::new()),
    };
    let query_partial_data = told.outcome.as_ref().is_ok_and(|answer| answer.partial_data);
    line(
        out,
        &AnswerLine {
            schema: SCHEMA,
            query,
            query_bytes,
            status,
            error,
            query_partial_data,
            elapsed_ms,
            sandbox: told.sandbox.name(),
            searched,
            matches,
        },
    )
}

#[derive(Serialize)]
struct ComparisonLine {
    schema: u32,
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_bytes: Option<String>,
    status: &'static str,
    sandbox: &'static str,
    same: bool,
    #[serde(flatten)]
    found: MatchObject,
}

/// Two pictures that were compared: the second as a match of `query`.
///
/// # Errors
/// Those of `out`.
pub fn comparison(out: &mut impl Write, query: &Path, told: &Comparison, sandbox: Posture) -> io::Result<()> {
    let (query, query_bytes) = text_and_bytes(&path_bytes(query));
    let status = if told.too_plain { "too_plain" } else { "ok" };
    line(
        out,
        &ComparisonLine {
            schema: SCHEMA,
            query,
            query_bytes,
            status,
            sandbox: sandbox.name(),
            same: told.same,
            found: match_object(1, &told.found),
        },
    )
}

#[derive(Serialize)]
struct PrivacyLine<'a> {
    schema: u32,
    sandbox: &'static str,
    layers: Vec<LayerObject<'a>>,
    tried: usize,
    refused: usize,
    allowed: Vec<&'a str>,
}

#[derive(Serialize)]
struct LayerObject<'a> {
    name: &'a str,
    enforced: bool,
    note: &'a str,
}

/// What stands between a query and the world, and which of the forbidden calls were refused.
///
/// # Errors
/// Those of `out`.
pub fn privacy(out: &mut impl Write, report: &Report, probes: &[Probe]) -> io::Result<()> {
    let allowed: Vec<_> = probes.iter().filter(|probe| !probe.refused).map(|probe| probe.name.as_str()).collect();
    let layers = report.layers.iter();
    line(
        out,
        &PrivacyLine {
            schema: SCHEMA,
            sandbox: report.posture.name(),
            layers: layers.map(|l| LayerObject { name: l.name, enforced: l.enforced, note: &l.note }).collect(),
            tried: probes.len(),
            refused: probes.len() - allowed.len(),
            allowed,
        },
    )
}

fn match_object(rank: usize, found: &Match) -> MatchObject {
    let (pair, pair_bytes) = found.pair.as_ref().map(|pair| text_and_bytes(&source_bytes(pair))).unzip();
    let (source, source_bytes) = text_and_bytes(&source_bytes(&found.source));
    let pages = found.shown.as_ref().map(|shown| shown.on.as_slice()).unwrap_or_default();
    MatchObject {
        rank,
        source,
        source_bytes,
        score: rounded(found.score, 4),
        kind: found.kind.name(),
        transform: found.transform.map(|transform| TransformObject {
            mirrored: transform.mirrored(),
            rotation_deg: rounded(transform.rotation_deg(), 2),
            scale: rounded(transform.scale(), 5),
            matrix: transform.matrix.map(|row| row.map(|value| rounded(value, 6))),
        }),
        query_overlap: found.query_overlap.map(|share| rounded(share, 4)),
        source_overlap: found.source_overlap.map(|share| rounded(share, 4)),
        evidence: EvidenceObject {
            hash_distance: found.evidence.distance,
            inliers: found.evidence.inliers,
            spread: (found.evidence.inliers > 0).then(|| rounded(found.evidence.spread, 3)),
            distinct: (found.evidence.inliers > 0).then(|| rounded(found.evidence.distinct, 2)),
        },
        width: found.width,
        height: found.height,
        format: found.format,
        partial_data: found.partial_data,
        bytes: found.stamp.bytes,
        modified: modified(&found.source, found.stamp.modified_ns),
        taken: found.metadata.taken.map(|taken| time_of(taken).trim_end_matches('Z').to_owned()),
        camera: found.metadata.camera.clone(),
        lens: found.metadata.lens.clone(),
        gps: found.metadata.position.map(|(latitude, longitude)| [rounded(latitude, 6), rounded(longitude, 6)]),
        rating: found.metadata.rating,
        page: pages.first().map(PageObject::of),
        shown_on: pages.iter().filter(|_| pages.len() > 1).map(PageObject::of).collect(),
        fetched: found.shown.as_ref().map(|shown| time_of(shown.fetched_s)),
        offline: found.offline,
        pair,
        pair_bytes: pair_bytes.flatten(),
    }
}

/// RFC 3339, in UTC, whole seconds; 1970 for times that have no such form.
///
/// None where a server did not say.
pub(super) fn modified(source: &Locator, nanoseconds: i64) -> Option<String> {
    let is_known = source.url().is_none() || nanoseconds != 0;
    is_known.then(|| time_of(nanoseconds.div_euclid(1_000_000_000)))
}

fn time_of(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds);
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| "1970-01-01T00:00:00Z".into())
}

pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (value * factor).round() / factor
}

/// Text, and base64 of the bytes where the text does not say them.
pub(super) fn text_and_bytes(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), Some(BASE64_STANDARD.encode(bytes))),
    }
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    schema: u32,
    indexed: u64,
    unchanged: u64,
    moved: u64,
    missing: u64,
    offline: u64,
    skipped: &'a BTreeMap<String, u64>,
    failed: u64,
    pictures: u64,
    sources: u64,
    bytes: u64,
    decoded: u64,
    partial_data: u64,
    #[cfg(feature = "crawl")]
    #[serde(skip_serializing_if = "Option::is_none")]
    web: Option<WebObject<'a>>,
    elapsed_ms: f64,
}

/// What a crawl did.
#[cfg(feature = "crawl")]
#[derive(Serialize)]
struct WebObject<'a> {
    pages: u64,
    pictures: u64,
    not_modified: u64,
    received: u64,
    refused: &'a BTreeMap<&'static str, u64>,
    pending: u64,
}

#[derive(Serialize)]
struct PlannedLine<'a> {
    schema: u32,
    kind: &'a str,
    url: &'a str,
}

/// An address that a crawl would ask for.
///
/// # Errors
/// Those of `out`.
pub fn planned(out: &mut impl Write, kind: &str, url: &str) -> io::Result<()> {
    line(out, &PlannedLine { schema: SCHEMA, kind, url })
}

/// What a run of `ris index` did, and what the index (`totals`, `bytes` on disk) now holds.
///
/// # Errors
/// Those of `out`.
pub fn summary(out: &mut impl Write, summary: &Summary, totals: &Totals, bytes: u64) -> io::Result<()> {
    line(
        out,
        &SummaryLine {
            schema: SCHEMA,
            indexed: summary.indexed,
            unchanged: summary.unchanged,
            moved: summary.moved,
            missing: summary.missing,
            offline: summary.offline,
            skipped: &summary.skipped,
            failed: summary.failed,
            pictures: totals.pictures,
            sources: totals.sources,
            bytes,
            decoded: summary.decoded,
            partial_data: summary.partial_data,
            #[cfg(feature = "crawl")]
            web: summary.crawled.as_ref().map(|crawled| WebObject {
                pages: crawled.pages,
                pictures: crawled.images,
                not_modified: crawled.not_modified,
                received: crawled.received,
                refused: &crawled.refused,
                pending: crawled.pending,
            }),
            elapsed_ms: rounded(summary.elapsed.as_secs_f64() * 1e3, 3),
        },
    )
}

#[derive(Serialize)]
struct StatusLine<'a> {
    schema: u32,
    index: String,
    portable: bool,
    format: u32,
    pictures: u64,
    sources: u64,
    missing: u64,
    archives: u64,
    bytes: u64,
    roots: Vec<RootObject>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<RootObject>,
    offline: u64,
    failed: u64,
    failures: Vec<FailureObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsupported: Option<Vec<FailureObject<'a>>>,
    pending: u64,
}

#[derive(Serialize)]
struct RootObject {
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_bytes: Option<String>,
    offline: bool,
    sources: u64,
}

fn root_object(root: &Root) -> RootObject {
    let (source, source_bytes) = text_and_bytes(&source_bytes(&root.source));
    RootObject { source, source_bytes, offline: root.offline, sources: root.sources }
}

#[derive(Serialize)]
struct FailureObject<'a> {
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_bytes: Option<String>,
    error: &'a str,
}

/// What an index is and holds.
///
/// # Errors
/// Those of `out`.
pub fn status(out: &mut impl Write, state: &IndexState) -> io::Result<()> {
    fn object(failure: &SourceRecord) -> FailureObject<'_> {
        let (source, source_bytes) = text_and_bytes(&source_bytes(&failure.locator));
        FailureObject { source, source_bytes, error: &failure.note }
    }
    line(
        out,
        &StatusLine {
            schema: SCHEMA,
            index: lossy(&state.folder),
            portable: state.portable,
            format: state.format,
            pictures: state.totals.pictures,
            sources: state.totals.sources,
            missing: state.totals.missing,
            archives: state.totals.archives,
            bytes: state.bytes,
            roots: state.roots.iter().map(root_object).collect(),
            mounts: state.mounts.iter().map(root_object).collect(),
            offline: state.offline(),
            failed: state.totals.failed,
            failures: state.failures.iter().map(object).collect(),
            unsupported: state.unsupported.as_ref().map(|unsupported| unsupported.iter().map(object).collect()),
            pending: state.pending,
        },
    )
}

pub(super) fn lossy(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// One object and a newline.
pub(super) fn line(out: &mut impl Write, object: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    out.write_all(b"\n")
}
