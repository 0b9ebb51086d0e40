//! `ris compare`.

use std::io::Write;
use std::num::NonZero;
use std::path::Path;

use anyhow::Result;
use ris::locator::{Locator, Stamp};
use ris::report;
use ris::sandbox::{self, Policy};
use ris::search::{self, Options, Side};
use ris::source::folder;
use ris::{Error, ErrorKind, decode};

use super::args::{Compare, Global};
use super::exit::{self, Exit};
use super::queries::Queries;
use super::{confine, files, messages};

pub fn run(args: &Compare, global: &Global) -> Result<Exit> {
    if [&args.first, &args.second].iter().all(|name| name.as_os_str() == "-") {
        let message = "stdin holds one picture: name a file for the other";
        return Err(Error::new(ErrorKind::Usage, message).into());
    }
    let Some(path) = &args.picture else { return compare(args, global, None) };
    if let Some(source) = [&args.first, &args.second].into_iter().find(|source| {
        let same = files::identity(source);
        same.is_some() && same == folder::identity(path)
    }) {
        let message = format!("--picture would overwrite {}: name another file", source.display());
        return Err(Error::new(ErrorKind::Usage, message).about(path.as_path()).into());
    }
    // A confined child compares; this process, which never sees the pictures, writes what it drew. Nothing is written
    // where nothing was drawn.
    let (code, png) = sandbox::apart_writing(|out| {
        let done = compare(args, global, Some(out));
        done.unwrap_or_else(|error| {
            messages::error(&error);
            Exit::Error
        }) as u8
    })?;
    if !png.is_empty() {
        replace(path, &png).map_err(|error| Error::io(error).about(path.as_path()))?;
    }
    Ok([Exit::Success, Exit::NoMatch].into_iter().find(|exit| *exit as u8 == code).unwrap_or(Exit::Error))
}

fn compare(args: &Compare, global: &Global, drawing: Option<&mut Drawing>) -> Result<Exit> {
    let names = [args.first.clone(), args.second.clone()];
    let decode = decode::Options::default();
    let both = NonZero::<usize>::MIN.saturating_add(1);
    let mut described = Queries::start::<Side>(&names, &decode, &args.confine, both)?;
    let sandbox = confine::enter(&args.confine, &policy(&described, drawing.as_deref()))?;
    described.begin();
    let mut sandboxes = sandbox;
    let mut sides = names.iter().zip(described.all::<Side>()?).map(|(name, got)| {
        sandboxes = sandboxes.and(got.posture);
        let name = if name.as_os_str() == "-" { Path::new("stdin") } else { name };
        got.outcome.map_err(|error| error.about(name))
    });
    // All are there, or the last of those that are is an error.
    let missing = || Err(Error::new(ErrorKind::Io, "not described"));
    let first = sides.next().unwrap_or_else(missing)?;
    let second = sides.next().unwrap_or_else(missing)?;
    let defaults = Options::default();
    let options = Options { min_score: args.min_score.unwrap_or(defaults.min_score), ..defaults };
    let unknown = Stamp { bytes: second.bytes(), modified_ns: 0 };
    let stamp = std::fs::metadata(&args.second).map_or(unknown, |metadata| Stamp::of(&metadata));
    let told = search::compare(&first, &second, (Locator::from(args.second.as_path()), stamp), &options)?;
    if let Some(out) = drawing {
        let mut png = Vec::new();
        report::drawing::png(&mut png, &told)?;
        out.write_all(&png)?;
    }
    if told.too_plain {
        messages::line("too plain: the first picture has too little detail to be told from others");
    }
    let mut text = Vec::new();
    match (global.quiet, args.json) {
        (true, _) => {}
        (false, true) => report::json::comparison(&mut text, &args.first, &told, sandboxes)?,
        (false, false) => report::text::comparison(&mut text, &told)?,
    }
    exit::print(&text)?;
    Ok(if told.same { Exit::Success } else { Exit::NoMatch })
}

/// What the process may still do: draw, and talk to those that read the pictures.
fn policy(queries: &Queries, drawing: Option<&Drawing>) -> Policy {
    #[cfg(unix)]
    let (writable, open) = queries.descriptors();
    #[cfg(target_os = "linux")]
    let writable = writable.into_iter().chain(drawing.map(std::os::fd::AsRawFd::as_raw_fd)).collect();
    #[cfg(not(target_os = "linux"))]
    let _ = (queries, drawing);
    Policy {
        #[cfg(unix)]
        writable,
        #[cfg(unix)]
        open,
        ..Policy::default()
    }
}

#[cfg(target_os = "linux")]
type Drawing = std::io::PipeWriter;
#[cfg(not(target_os = "linux"))]
type Drawing = Vec<u8>;

/// Writes a file whole or not at all; a device or a pipe just takes the bytes.
///
/// What is written first is a new file of a name that nobody can foresee: no link that waits there is followed.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::write(path, content);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new();
    new.prefix(".ris-").suffix(".new");
    #[cfg(unix)]
    // As for any new file: less what the user's mask takes away.
    new.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut new = new.tempfile_in(folder)?;
    new.write_all(content)?;
    new.persist(path).map(drop).map_err(|failed| failed.error)
}
