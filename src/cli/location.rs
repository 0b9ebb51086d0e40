//! Where the index is.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::args::Global;

/// An index that travels with its folder.
const LOCAL: &str = ".ris";

/// `--index`, else `$RIS_INDEX`, else the nearest `.ris/` here or above, else the user's data folder.
pub fn index(global: &Global) -> Result<PathBuf> {
    if let Some(folder) = global.index.as_ref().filter(|folder| !folder.as_os_str().is_empty()) {
        return Ok(folder.clone());
    }
    if let Some(folder) = std::env::var_os("RIS_INDEX").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    // A working folder that was deleted has no `.ris` above it either.
    let here = std::env::current_dir().unwrap_or_default();
    if let Some(local) = here.ancestors().map(|folder| folder.join(LOCAL)).find(|local| local.is_dir()) {
        return Ok(local);
    }
    let data = dirs::data_local_dir().context("no place for the index: HOME is not set; name one with --index DIR")?;
    Ok(data.join("ris"))
}
