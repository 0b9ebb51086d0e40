//! Bare paths: `-l` and `-0`.

use std::io::{self, Write};

use super::{Told, source_bytes};

/// The place of each match, raw, ending in `end`.
///
/// # Errors
/// Those of `out`.
pub fn answer(out: &mut impl Write, told: &Told<'_>, end: u8) -> io::Result<()> {
    for found in told.outcome.iter().flat_map(|answer| &answer.matches) {
        out.write_all(&source_bytes(&found.source))?;
        out.write_all(&[end])?;
    }
    Ok(())
}
