//! `ris status`.

use anyhow::Result;
use ris::index::Reader;
use ris::report;

use super::args::{Global, Status};
use super::exit::{self, Exit};
use super::location;

pub fn run(args: &Status, global: &Global) -> Result<Exit> {
    let reader = Reader::open(&location::index(global)?)?;
    let mut state = report::IndexState::of(&reader)?;
    if args.errors {
        state = state.with_unsupported(&reader)?;
    }
    let mut text = Vec::new();
    match (global.quiet, args.json) {
        (true, _) => {}
        (false, true) => report::json::status(&mut text, &state)?,
        (false, false) if args.errors => report::text::errors(&mut text, &state)?,
        (false, false) => report::text::status(&mut text, &state)?,
    }
    exit::print(&text)
}
