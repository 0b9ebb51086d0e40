//! Compares ris's PDQ hashes with a list of reference ones: `cargo run --release --example check-pdq -- LIST`.
//!
//! LIST is a CSV file with a header and the columns file, hash (64 hex digits), quality; files are looked
//! for beside the list and in the folders above it. Two right implementations differ by a few bits; the
//! authors' own tolerance is 10 bits at quality 80 and above.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ris::decode::{Options, decode};
use ris::describe::{describe, hash::PerceptualHash};

/// The quality from which the authors state a tolerance, and that tolerance in bits.
const QUALITY: u8 = 80;
const TOLERANCE: u32 = 10;

fn main() -> Result<()> {
    let list = PathBuf::from(std::env::args_os().nth(1).context("usage: check-pdq LIST")?);
    let text = std::fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let (mut distances, mut plain) = (Vec::new(), 0);
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        let mut columns = line.split(',');
        let (Some(file), Some(digits), Some(quality)) = (columns.next(), columns.next(), columns.next()) else {
            bail!("a line without file, hash and quality: {line}");
        };
        let reference = parse(digits).with_context(|| format!("not a hash: {digits}"))?;
        let path = find(&list, file).with_context(|| format!("no file {file} near the list"))?;
        let described = describe(&decode(&std::fs::read(&path)?, &Options::default())?);
        let distance = described.hash.distance(reference);
        if quality.parse::<u8>()? < QUALITY {
            plain += 1;
        } else {
            distances.push(distance);
        }
        if distance > TOLERANCE {
            println!("{file}: {distance} bits, quality {quality} (here {})", described.quality);
        }
    }
    let count = distances.len().max(1) as f64;
    let beyond = distances.iter().filter(|&&distance| distance > TOLERANCE).count();
    println!(
        "{} pictures of quality {QUALITY} or more (and {plain} plainer ones): mean distance {:.2} bits, largest {}, {beyond} beyond {TOLERANCE}",
        distances.len(),
        f64::from(distances.iter().sum::<u32>()) / count,
        distances.iter().max().copied().unwrap_or_default(),
    );
    Ok(())
}

fn parse(digits: &str) -> Option<PerceptualHash> {
    let mut bytes = [0; 32];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    (digits.len() == 64).then_some(PerceptualHash::from_bytes(bytes))
}

fn find(list: &Path, file: &str) -> Option<PathBuf> {
    list.ancestors().skip(1).map(|folder| folder.join(file)).find(|path| path.is_file())
}
