//! `ris prune`.

use std::io::IsTerminal;

use anyhow::Result;
use ris::index::{Options, Reader, Writer};
use ris::ingest::prune::{self, Selection};
use ris::report::{Style, upkeep};

use super::args::{Global, Prune};
use super::exit::{self, Exit};
use super::progress::Bar;
use super::{location, messages};

pub fn run(args: &Prune, global: &Global) -> Result<Exit> {
    let index = location::index(global)?;
    let within = args.folders.iter().map(|folder| location::place(folder)).collect();
    let selection = Selection { within, missing: args.missing, offline: args.offline };
    let gone = if args.dry_run {
        prune::gone(&Reader::open(&index)?, &selection)?
    } else {
        // What is not there yet is not made.
        Reader::open(&index)?;
        let mut writer = Writer::open_telling(&index, Options::default(), &Bar::new(global.quiet))?;
        let gone = prune::gone(writer.snapshot(), &selection)?;
        prune::forget(&mut writer, &gone)?;
        writer.finish()?;
        gone
    };
    let mut text = Vec::new();
    match (global.quiet, args.json) {
        (true, _) => {}
        (false, true) => upkeep::prune_json(&mut text, &gone, args.dry_run)?,
        (false, false) => {
            let style = Style { escape: std::io::stdout().is_terminal(), ..Style::default() };
            upkeep::prune_text(&mut text, &gone, &style)?;
        }
    }
    exit::print(&text)?;
    if !global.quiet && !args.json {
        let done = if args.dry_run { "would forget" } else { "forgot" };
        let mut summary = format!("{done} {} files and {} pictures", gone.sources.len(), gone.pictures.len());
        if gone.offline > 0 {
            summary.push_str(&format!(", kept {} that are offline", gone.offline));
        }
        messages::block(&summary);
    }
    Ok(Exit::Success)
}
