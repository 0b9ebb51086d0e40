//! `ris dupes`.

use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::{Context, Result};
use ris::index::Reader;
use ris::report::{Style, upkeep};
use ris::search::{self, Options};

use super::args::{Dupes, Global};
use super::exit::Exit;
use super::{location, messages};

pub fn run(args: &Dupes, global: &Global) -> Result<Exit> {
    let reader = Reader::open(&location::index(global)?)?;
    let within: Vec<_> = args.folders.iter().map(|folder| location::place(folder)).collect();
    let stdout = io::stdout().lock();
    let terminal = stdout.is_terminal();
    let here = std::env::current_dir().ok().and_then(|here| here.canonicalize().ok());
    let style = Style { escape: terminal, here, ..Style::default() };
    let mut out = BufWriter::new(stdout);
    let mut groups = 0u64;
    let left_out = search::dupes(&reader, &within, &Options::default(), |group| {
        groups += 1;
        let written = match (global.quiet, args.json, args.null) {
            (true, ..) => Ok(()),
            (false, true, _) => upkeep::group_json(&mut out, &group),
            (false, false, true) => upkeep::group_null(&mut out, &group),
            (false, false, false) => {
                let between = if groups > 1 { out.write_all(b"\n") } else { Ok(()) };
                between.and_then(|()| upkeep::group_text(&mut out, &group, &style))
            }
        };
        written.context("stdout")
    })?;
    out.flush().context("stdout")?;
    if left_out > 0 && !global.quiet {
        let (places, are) = if left_out == 1 { ("place", "is") } else { ("places", "are") };
        messages::line(&format!(
            "left out {left_out} {places} that {are} not there now as indexed (moved, changed, unplugged): run `ris index` again"
        ));
    }
    Ok(if groups > 0 { Exit::Success } else { Exit::NoMatch })
}
