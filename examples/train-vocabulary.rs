//! Trains the visual vocabulary: `cargo run --release --example train-vocabulary -- DIR [even|odd]`.
//!
//! Describes the pictures of a folder as indexing does (of files whose names are numbers, only the even or
//! the odd ones on request, so that the others are left to judge by) and writes the centroids to
//! `src/index/local/vocabulary.bin`. The same pictures give the same bytes. Whoever changes the vocabulary
//! changes the recipe of description with it: old indexes are then refused, not misread.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use ris::decode::{self, decode};
use ris::describe::local::{Options, features};
use ris::index::local::train;

/// Rounds of k-means: the mean distance falls by less than 0.1 % a round after these.
const ROUNDS: usize = 25;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().context("usage: train-vocabulary DIR [even|odd]")?);
    let parity = match arguments.next().as_deref().and_then(|argument| argument.to_str()) {
        None => None,
        Some("even") => Some(0),
        Some("odd") => Some(1),
        Some(other) => bail!("{other}: even or odd was expected"),
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| parity.is_none() || number(file).is_some_and(|number| Some(number % 2) == parity));
    files.sort();
    let described: Vec<_> = files.par_iter().filter_map(|file| described(file)).collect();
    let descriptors: Vec<_> = described.concat();
    println!("{} pictures, {} descriptors", described.len(), descriptors.len());
    let vocabulary = train(&descriptors, ROUNDS);
    if vocabulary.is_empty() {
        bail!("too few descriptors: name a folder of more pictures");
    }
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/index/local/vocabulary.bin"), vocabulary)?;
    Ok(())
}

fn number(file: &Path) -> Option<u64> {
    file.file_stem()?.to_str()?.parse().ok()
}

fn described(file: &Path) -> Option<Vec<[u8; 128]>> {
    let picture = decode(&std::fs::read(file).ok()?, &decode::Options::default()).ok()?;
    let (width, height) = (picture.reduced_width as usize, picture.reduced_height as usize);
    Some(features(&picture.luma, width, height, &Options::gallery()).descriptors)
}
