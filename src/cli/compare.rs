//! `ris compare`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use ris::locator::{Locator, Stamp};
use ris::report;
use ris::sandbox::{self, Policy};
use ris::search::{self, Options, Side};
use ris::{Error, ErrorKind, ingest};

use super::args::{Compare, Global};
use super::exit::{self, Exit};
use super::{confine, files, messages};

pub fn run(args: &Compare, global: &Global) -> Result<Exit> {
    if [&args.first, &args.second].iter().all(|name| name.as_os_str() == "-") {
        let message = "stdin holds one picture: name a file for the other";
        return Err(Error::new(ErrorKind::Usage, message).into());
    }
    let Some(path) = &args.picture else { return compare(args, global, None) };
    if let Some(source) = [&args.first, &args.second].into_iter().find(|source| is_same(source, path)) {
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
    let policy = Policy {
        files: vec![args.first.clone(), args.second.clone()],
        #[cfg(unix)]
        writable: drawing.iter().map(|out| std::os::fd::AsRawFd::as_raw_fd(*out)).collect(),
        ..Policy::default()
    };
    let sandbox = confine::enter(&args.confine, &policy)?;
    let defaults = Options::default();
    let options = Options { min_score: args.min_score.unwrap_or(defaults.min_score), ..defaults };
    let told = search::compare(&side(&args.first)?, &side(&args.second)?, &options)?;
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
        (false, true) => report::json::comparison(&mut text, &args.first, &told, sandbox)?,
        (false, false) => report::text::comparison(&mut text, &told)?,
    }
    exit::print(&text)?;
    Ok(if told.same { Exit::Success } else { Exit::NoMatch })
}

#[cfg(target_os = "linux")]
type Drawing = std::io::PipeWriter;
#[cfg(not(target_os = "linux"))]
type Drawing = Vec<u8>;

/// Whether two names are of one file, whatever links lead to it.
fn is_same(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let inode = |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
        inode(a).is_some_and(|a| inode(b) == Some(a))
    }
    #[cfg(not(unix))]
    {
        a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
    }
}

/// Writes a file whole or not at all; a device or a pipe just takes the bytes.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::write(path, content);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    std::fs::write(&new, content).and_then(|()| std::fs::rename(&new, path)).inspect_err(|_| {
        // Whatever is left of it is of no use.
        let _ = std::fs::remove_file(&new);
    })
}

fn side(name: &Path) -> ris::Result<Side> {
    let bytes = files::query(name, ingest::Options::default().max_file_bytes)?;
    let unknown = Stamp { bytes: bytes.len() as u64, modified_ns: 0 };
    let stamp = std::fs::metadata(name).map_or(unknown, |metadata| Stamp::of(&metadata));
    Ok(Side { bytes, locator: Locator::from(name), stamp })
}
