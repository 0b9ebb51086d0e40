//! The pictures that are searched, those that are asked for, and the strangers.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum;
use image::{DynamicImage, ImageDecoder, ImageReader, Rgb, RgbImage};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use ris::decode;
use ris::index::Digest;
use ris::source::folder;

use crate::edits::Random;

/// Pictures are edited at this longest side: what sites show. A phone's 12 megapixels would only cost time.
const LONGEST: u32 = 1600;
/// A source's shorter side at least, in pixels, and its longer side at most, in shorter sides: a quarter
/// of a thumbnail or of a banner is nothing that anyone could know again.
const SHORTEST: u32 = 200;
const SLIMMEST: u32 = 3;

/// Which pictures may be asked for, by the number that is their file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Judge {
    /// All.
    All,
    /// Those with odd numbers, and those whose name is no number: a vocabulary was trained on the even ones.
    Odd,
    /// Those with even numbers, and those whose name is no number.
    Even,
}

impl Judge {
    /// Whether the picture at `path` may be asked for.
    fn allows(self, path: &Path) -> bool {
        let number =
            path.file_stem().and_then(|name| name.to_str()).filter(|name| name.bytes().all(|b| b.is_ascii_digit()));
        let odd = number.and_then(|number| number.bytes().last()).map(|digit| digit % 2 == 1);
        match self {
            Self::All => true,
            Self::Odd => odd != Some(false),
            Self::Even => odd != Some(true),
        }
    }
}

/// The picture files below `dir` in the order of their paths, each content once and none that was `seen`: what the
/// gallery holds is not unrelated, and of two equal files neither is the wrong answer.
///
/// # Errors
/// Where `dir` can't be walked or holds no picture that is new.
pub fn collect(dir: &Path, seen: &mut HashSet<Digest>) -> Result<Vec<PathBuf>> {
    // As text: the cause below says the same again.
    let root = folder::resolve(dir).map_err(|error| anyhow!("{error}"))?;
    ensure!(root.is_dir(), "{}: not a folder", dir.display());
    let paths: Vec<_> = folder::walk(&root, &folder::Options::default())?.flatten().map(|file| file.path).collect();
    let mut found: Vec<_> = paths
        .into_par_iter()
        .filter_map(|path| {
            let bytes = std::fs::read(&path).ok()?;
            matches!(decode::sniff(&bytes), decode::Sniff::Readable(_)).then(|| (path, Digest::of(&bytes)))
        })
        .collect();
    found.sort();
    ensure!(!found.is_empty(), "{}: no picture that ris reads", dir.display());
    found.retain(|(_, digest)| seen.insert(*digest));
    ensure!(!found.is_empty(), "{}: all its pictures are among those to search", dir.display());
    Ok(found.into_iter().map(|(path, _)| path).collect())
}

/// Takes a tenth of `photos` (one at least, a hundred at most) out of them: strangers for who brings none.
///
/// # Errors
/// Where nothing would be left.
pub fn hold_out(photos: &mut Vec<PathBuf>, seed: u64) -> Result<Vec<PathBuf>> {
    ensure!(photos.len() >= 2, "one picture is too few: some must be held out as unrelated ones, or give --unrelated");
    Random::of(seed, &["held out"]).shuffle(photos);
    let mut held = photos.split_off(photos.len() - (photos.len() / 10).clamp(1, 100));
    photos.sort();
    held.sort();
    Ok(held)
}

/// Chooses `count` of the pictures to ask for: all that are large enough, if there are fewer.
///
/// # Errors
/// Where there is none.
pub fn choose(photos: &[PathBuf], count: usize, judge: Judge, seed: u64) -> Result<Vec<PathBuf>> {
    let mut order: Vec<_> = photos.iter().filter(|path| judge.allows(path)).collect();
    Random::of(seed, &["chosen"]).shuffle(&mut order);
    let chosen: Vec<_> = order.into_iter().filter(|path| is_fit(path)).take(count).cloned().collect();
    ensure!(!chosen.is_empty(), "no picture to ask for: --judge leaves none of {SHORTEST} pixels a side or more");
    Ok(chosen)
}

/// Whether both ris and the image crate read it, and it is large enough to be edited.
fn is_fit(path: &Path) -> bool {
    let picture = std::fs::read(path).ok().and_then(|bytes| decode::decode(&bytes, &decode::Options::default()).ok());
    let fit = picture.is_some_and(|picture| {
        let (long, short) = (picture.width.max(picture.height), picture.width.min(picture.height));
        short >= SHORTEST && long <= SLIMMEST * short
    });
    fit && load(path).is_ok()
}

/// A picture's pixels: upright, on white, at most 1600 a side.
///
/// # Errors
/// Where the image crate can't read it.
pub fn load(path: &Path) -> Result<RgbImage> {
    let about = || path.display().to_string();
    let mut decoder = ImageReader::open(path)?.with_guessed_format()?.into_decoder().with_context(about)?;
    let orientation = decoder.orientation().with_context(about)?;
    let mut picture = DynamicImage::from_decoder(decoder).with_context(about)?;
    picture.apply_orientation(orientation);
    if picture.width().max(picture.height()) > LONGEST {
        picture = picture.resize(LONGEST, LONGEST, image::imageops::FilterType::Triangle);
    }
    Ok(if picture.color().has_alpha() { on_white(&picture) } else { picture.into_rgb8() })
}

fn on_white(picture: &DynamicImage) -> RgbImage {
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        Rgb([r, g, b].map(|value| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}
