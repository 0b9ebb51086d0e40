//! The real pictures: those whose features synthetic ones are made of, and those that are searched for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::DynamicImage;
use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;
use ris::decode::{self, Picture};
use ris::describe::local::Features;
use ris::describe::{Description, describe};
use ris::index::local::Sketch;
use ris::index::{Digest, PictureRecord};

use crate::synthetic::Random;

/// A described picture.
pub struct Described {
    pub features: Features,
    pub width: u32,
    pub height: u32,
}

/// A query and the picture that it shows, if that is in the index.
pub struct Query {
    pub file: PathBuf,
    pub shows: Option<PathBuf>,
}

/// The files of a folder, divided.
pub struct Queries {
    /// For synthetic pictures to learn from: none of them is searched for.
    pub learned: Vec<PathBuf>,
    /// In the index, and searched for as edited copies.
    pub indexed: Vec<PathBuf>,
    /// Searched for, and not in the index.
    pub strangers: Vec<PathBuf>,
}

impl Queries {
    pub fn choose(folder: &Path, count: usize, seed: u64) -> Result<Self> {
        let mut files = pictures(folder)?;
        let mut random = Random::of(seed, 0);
        for i in (1..files.len()).rev() {
            files.swap(i, random.below(i + 1));
        }
        ensure!(files.len() >= 2 * count.max(8), "{} pictures in {}: too few", files.len(), folder.display());
        let learned = files.split_off(count);
        let strangers = files.split_off(count.div_ceil(2));
        Ok(Self { learned, indexed: files, strangers })
    }

    /// Writes the queries as files: a crop to the middle two thirds of what is indexed, saved smaller; strangers
    /// alike.
    pub fn write(&self, folder: &Path) -> Result<Vec<Query>> {
        std::fs::create_dir_all(folder)?;
        let all = self.indexed.iter().map(|file| (file, Some(file.clone())));
        let all: Vec<_> = all.chain(self.strangers.iter().map(|file| (file, None))).collect();
        let query = |(number, (file, shows)): (usize, &(&PathBuf, Option<PathBuf>))| {
            let written = folder.join(format!("query-{number:03}.jpg"));
            std::fs::write(&written, edited(file)?).with_context(|| written.display().to_string())?;
            Ok(Query { file: written, shows: shows.clone() })
        };
        all.par_iter().enumerate().map(query).collect()
    }
}

/// The pictures below a folder.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    gather(folder, &mut files).with_context(|| folder.display().to_string())?;
    files.sort();
    files.retain(|file| std::fs::read(file).is_ok_and(|bytes| load(&bytes).is_ok()));
    Ok(files)
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { gather(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// A crop to the middle of a picture, at 1,024 pixels at most and a quality of 80.
fn edited(file: &Path) -> Result<Vec<u8>> {
    let picture = image::open(file).with_context(|| file.display().to_string())?;
    let (width, height) = (picture.width(), picture.height());
    let crop = picture.crop_imm(width / 6, height / 6, width * 2 / 3, height * 2 / 3);
    let smaller = if crop.width().max(crop.height()) > 1024 { crop.thumbnail(1024, 1024) } else { crop };
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 80).encode_image(&DynamicImage::from(smaller.into_rgb8()))?;
    Ok(jpeg)
}

fn load(bytes: &[u8]) -> ris::Result<Picture> {
    decode::decode(bytes, &decode::Options::default())
}

/// Describes pictures as the index does.
pub fn described(files: &[PathBuf]) -> Result<Vec<Described>> {
    let one = |file: &PathBuf| {
        let picture = load(&std::fs::read(file)?)?;
        let features = describe(&picture).features;
        Ok(Described { features, width: picture.reduced_width, height: picture.reduced_height })
    };
    files.par_iter().map(one).collect()
}

/// A picture as it is put into the index.
pub fn record(file: &Path) -> Result<PictureRecord> {
    let bytes = std::fs::read(file)?;
    let picture = load(&bytes)?;
    let Description { hash, quality, features } = describe(&picture);
    Ok(PictureRecord {
        digest: Digest::of(&bytes),
        hash,
        quality,
        sketch: Sketch::of(&features, &picture),
        width: picture.width,
        height: picture.height,
        format: picture.format.name(),
        partial_data: picture.partial_data,
        metadata: Default::default(),
        bytes: bytes.len() as u64,
    })
}
