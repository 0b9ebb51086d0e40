//! `ris verify`.

use anyhow::Result;
use ris::index;
use ris::report::upkeep;

use super::args::{Global, Verify};
use super::exit::{self, Exit};
use super::location;

pub fn run(args: &Verify, global: &Global) -> Result<Exit> {
    let folder = location::index(global)?;
    let (checked, repaired) = if args.repair {
        let repaired = index::repair(&folder)?;
        (repaired.found.clone(), Some(repaired))
    } else {
        (index::verify(&folder)?, None)
    };
    let repaired = repaired.as_ref().filter(|_| !checked.is_whole());
    let mut text = Vec::new();
    match (global.quiet, args.json) {
        (true, _) => {}
        (false, true) => upkeep::verify_json(&mut text, &folder, &checked, repaired)?,
        (false, false) => upkeep::verify_text(&mut text, &checked, repaired)?,
    }
    exit::print(&text)?;
    Ok(if checked.is_whole() { Exit::Success } else { Exit::NoMatch })
}
