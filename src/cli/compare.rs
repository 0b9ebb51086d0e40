//! `ris compare`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use ris::locator::{Locator, Stamp};
use ris::report;
use ris::sandbox::Policy;
use ris::search::{self, Options, Side};
use ris::source::folder;
use ris::{Error, ErrorKind, ingest};

use super::args::{Compare, Global};
use super::exit::{self, Exit};
use super::{confine, files, messages};

pub fn run(args: &Compare, global: &Global) -> Result<Exit> {
    if [&args.first, &args.second].iter().all(|name| name.as_os_str() == "-") {
        let message = "stdin holds one picture: name a file for the other";
        return Err(Error::new(ErrorKind::Usage, message).into());
    }
    // The one file that may be written is the drawing, opened before.
    let drawing = args.picture.as_deref().map(create).transpose()?;
    let policy = Policy {
        folder: None,
        files: vec![args.first.clone(), args.second.clone()],
        #[cfg(unix)]
        writable: descriptors(drawing.as_ref()),
        ..Policy::default()
    };
    let sandbox = confine::enter(&args.confine, &policy)?;
    let defaults = Options::default();
    let options = Options { min_score: args.min_score.unwrap_or(defaults.min_score), ..defaults };
    let told = search::compare(&side(&args.first)?, &side(&args.second)?, &options)?;
    if let (Some(mut file), Some(path)) = (drawing, &args.picture) {
        let mut png = Vec::new();
        report::drawing::png(&mut png, &told)?;
        file.write_all(&png).map_err(|error| Error::io(error).about(path.as_path()))?;
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

fn side(name: &Path) -> ris::Result<Side> {
    let bytes = files::query(name, ingest::Options::default().max_file_bytes)?;
    let unknown = Stamp { bytes: bytes.len() as u64, modified_ns: 0 };
    let stamp = std::fs::metadata(name).map_or(unknown, |metadata| folder::stamp(&metadata));
    Ok(Side { bytes, locator: Locator::from(name), stamp })
}

fn create(path: &Path) -> ris::Result<File> {
    File::create(path).map_err(|error| Error::io(error).about(path))
}

#[cfg(unix)]
fn descriptors(file: Option<&File>) -> Vec<std::os::fd::RawFd> {
    use std::os::fd::AsRawFd;
    file.iter().map(|file| file.as_raw_fd()).collect()
}
