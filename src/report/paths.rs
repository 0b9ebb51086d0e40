//! Bare paths: `-l` and `-0`.

use std::io::{self, Write};

use super::{Told, escape, source_bytes};

/// The place of each match, raw, ending in `end`; for a terminal, `escaped`, as text without anything that would steer it.
///
/// # Errors
/// Those of `out`.
pub fn answer(out: &mut impl Write, told: &Told<'_>, end: u8, escaped: bool) -> io::Result<()> {
    for found in told.outcome.iter().flat_map(|answer| &answer.matches) {
        let source = source_bytes(&found.source);
        if escaped {
            out.write_all(escape::text(&String::from_utf8_lossy(&source)).as_bytes())?;
        } else {
            out.write_all(&source)?;
        }
        out.write_all(&[end])?;
    }
    Ok(())
}
