//! Text for people.

use std::io::{self, Write};
use std::path::Path;

use super::{IndexState, Style, Told, escape, named, path_bytes};
use crate::locator::Locator;
use crate::sandbox::{Probe, Report};
use crate::search::{Comparison, Match};

/// So many of the pages that show a picture are told.
const PAGES: usize = 3;

/// ECMA-48 attributes, as ripgrep uses them for paths and matches.
const PATH: &str = "\x1b[35m";
const SCORE: &str = "\x1b[1;32m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// The matches of one query, one a line: rank, score, kind, size, path.
///
/// # Errors
/// Those of `out`.
pub fn answer(out: &mut impl Write, told: &Told<'_>, style: &Style) -> io::Result<()> {
    let Ok(answer) = &told.outcome else { return Ok(()) };
    if answer.matches.is_empty() {
        return Ok(());
    }
    if style.headings {
        paint(out, style, PATH, &shown(told.query, style))?;
        out.write_all(b"\n")?;
    }
    let rank_width = answer.matches.len().to_string().len();
    for (rank, found) in (1..).zip(&answer.matches) {
        row(out, rank, rank_width, found, style)?;
    }
    Ok(())
}

/// How the second of two pictures came from the first, or the other way round.
///
/// # Errors
/// Those of `out`.
pub fn comparison(out: &mut impl Write, told: &Comparison) -> io::Result<()> {
    let found = &told.found;
    if !told.same {
        let why = if told.too_plain { "too plain to tell" } else { "different" };
        return writeln!(out, "{why}  {:.3}", found.score);
    }
    writeln!(out, "{}  {:.3}", found.kind.name(), found.score)?;
    if let Some(transform) = &found.transform {
        let mirrored = if transform.mirrored() { "mirrored, " } else { "" };
        // Rounded first, so that no turn is one of 0 and not of -0.
        let (turn, scale) = ((transform.rotation_deg() * 10.0).round() / 10.0 + 0.0, transform.scale());
        writeln!(out, "transform  {mirrored}turned by {turn:.1} degrees, scaled by {scale:.3}")?;
    }
    if let (Some(query), Some(source)) = (found.query_overlap, found.source_overlap) {
        writeln!(out, "shared     {:.0} % of the first, {:.0} % of the second", query * 100.0, source * 100.0)?;
    }
    let evidence = &found.evidence;
    if evidence.identical {
        return writeln!(out, "evidence   the same bytes");
    }
    let hash = evidence.distance.map_or("more than 90".into(), |distance| distance.to_string());
    writeln!(out, "evidence   {} inliers, {hash} of 256 bits of hash differ", evidence.inliers)
}

fn row(out: &mut impl Write, rank: usize, rank_width: usize, found: &Match, style: &Style) -> io::Result<()> {
    write!(out, "{rank:rank_width$}  ")?;
    paint(out, style, SCORE, format!("{:.3}", found.score).as_bytes())?;
    write!(out, "  {:<9}  ", found.kind.name())?;
    let size = format!("{}x{}", found.width, found.height);
    paint(out, style, DIM, format!("{size:>9}  {:>7}", bytes(found.stamp.bytes)).as_bytes())?;
    out.write_all(b"  ")?;
    // Of a picture in an archive, to the archive: nothing opens what is inside.
    if style.hyperlink {
        match found.source.url() {
            Some(url) => write!(out, "\x1b]8;;{}\x1b\\", escape::text(url))?,
            None => write!(out, "\x1b]8;;file://{}\x1b\\", percent_encoded(&path_bytes(found.source.file())))?,
        }
    }
    paint(out, style, PATH, &source(&found.source, style))?;
    if style.hyperlink {
        out.write_all(b"\x1b]8;;\x1b\\")?;
    }
    if let Some(pair) = &found.pair {
        // A name that has none is told whole.
        let name = named(Path::new(pair.file().file_name().unwrap_or_default()), pair);
        let extension = name.iter().rposition(|&byte| byte == b'.').and_then(|dot| name.get(dot..));
        let shown = readable(extension.unwrap_or(&name).to_vec().into(), style);
        paint(out, style, DIM, &[b"  (+ ", shown.as_slice(), b")"].concat())?;
    }
    if found.offline {
        paint(out, style, DIM, b"  offline")?;
    }
    out.write_all(b"\n")?;
    // Below the path, where pages are read one after the other.
    let pages = found.shown.as_ref().map(|shown| shown.on.as_slice()).unwrap_or_default();
    for page in pages.iter().take(PAGES) {
        write!(out, "{:rank_width$}  on ", "")?;
        paint(out, style, PATH, told(&page.url, style).as_bytes())?;
        for text in [&page.title, &page.alt, &page.caption] {
            if !text.is_empty() {
                paint(out, style, DIM, format!("  “{}”", told(text, style)).as_bytes())?;
            }
        }
        out.write_all(b"\n")?;
    }
    if pages.len() > PAGES {
        let more = pages.len() - PAGES;
        let pages = if more == 1 { "page" } else { "pages" };
        let more = format!("{:rank_width$}  and on {more} other {pages}: --json lists them\n", "");
        paint(out, style, DIM, more.as_bytes())?;
    }
    Ok(())
}

/// A page's own words: on one line, and on a terminal without anything that would steer it.
fn told(text: &str, style: &Style) -> String {
    if style.escape { escape::text(text) } else { text.replace(['\n', '\r'], " ") }
}

fn paint(out: &mut impl Write, style: &Style, attribute: &str, text: &[u8]) -> io::Result<()> {
    if !style.color {
        return out.write_all(text);
    }
    out.write_all(attribute.as_bytes())?;
    out.write_all(text)?;
    out.write_all(RESET.as_bytes())
}

pub(super) fn source(locator: &Locator, style: &Style) -> Vec<u8> {
    let path = locator.file();
    let relative = style.here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    readable(named(relative.unwrap_or(path), locator), style)
}

/// A name as its own bytes, or, for a terminal, as text without anything that would steer it.
pub(super) fn shown(path: &Path, style: &Style) -> Vec<u8> {
    readable(path_bytes(path), style)
}

fn readable(bytes: std::borrow::Cow<'_, [u8]>, style: &Style) -> Vec<u8> {
    if style.escape { escape::text(&String::from_utf8_lossy(&bytes)).into_bytes() } else { bytes.into_owned() }
}

/// RFC 3986: all but unreserved characters and the slash.
fn percent_encoded(path: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.iter().map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Three digits and a unit: `982 B`, `41.2 kB`, `3.4 MB`.
pub(super) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            let digits = usize::from(unit != "B" && value < 99.95);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// What stands between a query and the world, and which of the forbidden calls were refused.
///
/// # Errors
/// Those of `out`.
pub fn privacy(out: &mut impl Write, report: &Report, probes: &[Probe]) -> io::Result<()> {
    writeln!(out, "sandbox      {}", report.posture.name())?;
    for layer in &report.layers {
        writeln!(out, "{:<11}  {}  {}", layer.name, if layer.enforced { "yes" } else { "no " }, layer.note)?;
    }
    let refused = probes.iter().filter(|probe| probe.refused).count();
    writeln!(out, "tried        {refused} of {} forbidden calls were refused", probes.len())?;
    for probe in probes.iter().filter(|probe| !probe.refused) {
        writeln!(out, "allowed      {}", probe.name)?;
    }
    Ok(())
}

/// What an index is and holds, and how much failed.
///
/// # Errors
/// Those of `out`.
pub fn status(out: &mut impl Write, state: &IndexState) -> io::Result<()> {
    let totals = &state.totals;
    let portable = if state.portable { " (portable)" } else { "" };
    writeln!(out, "index     {}{portable}", escape::text(&state.folder.to_string_lossy()))?;
    writeln!(out, "format    {}", state.format)?;
    writeln!(out, "size      {}", bytes(state.bytes))?;
    writeln!(out, "pictures  {}", totals.pictures)?;
    writeln!(
        out,
        "files     {} present, {} missing, {} failed, {} skipped",
        totals.sources, totals.missing, totals.failed, totals.skipped
    )?;
    if totals.archives > 0 {
        writeln!(out, "archives  {}", totals.archives)?;
    }
    for root in &state.roots {
        let offline = if root.offline { ", offline" } else { "" };
        writeln!(out, "root      {} ({} files{offline})", escape::text(&root.source.to_string()), root.sources)?;
    }
    for mount in &state.mounts {
        let offline = if mount.offline { ", offline" } else { "" };
        writeln!(out, "mounted   {} ({} files{offline})", escape::text(&mount.source.to_string()), mount.sources)?;
    }
    if state.pending > 0 {
        writeln!(out, "pending   {} addresses to be fetched: `ris index` of the same address goes on", state.pending)?;
    }
    match state.failures.len() {
        0 => Ok(()),
        1 => writeln!(out, "errors    1 file failed: `ris status --errors` says which and why"),
        count => writeln!(out, "errors    {count} files failed: `ris status --errors` says which and why"),
    }
}

/// What failed, then what this build does not read, one a line, with the reason.
///
/// # Errors
/// Those of `out`.
pub fn errors(out: &mut impl Write, state: &IndexState) -> io::Result<()> {
    for told in state.failures.iter().chain(state.unsupported.iter().flatten()) {
        writeln!(out, "{}: {}", escape::text(&told.locator.to_string()), escape::text(&told.note))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_at_most_three_digits() {
        for (count, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (41_234, "41.2 kB"),
            (999_400, "999 kB"),
            (999_600, "1.0 MB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(bytes(count), shown);
        }
    }

    #[test]
    fn links_are_encoded() {
        assert_eq!(percent_encoded("/a b/é%\n".as_bytes()), "/a%20b/%C3%A9%25%0A");
    }
}
