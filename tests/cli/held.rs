//! What an index holds and answers, in words that two indexes of the same pictures share: digests, not numbers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use image::{ExtendedColorType, GrayImage, ImageEncoder};
use ris::index::{Digest, PictureId, Reader, verify};
use ris::{ErrorKind, search};

/// A small picture, as a PNG. Each number gives another.
pub fn drawn(number: u32) -> Vec<u8> {
    let mut state = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let coarse = GrayImage::from_fn(9, 9, |_, _| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        image::Luma([(state >> 56) as u8])
    });
    let fine = image::imageops::resize(&coarse, 72, 72, image::imageops::FilterType::Triangle);
    let mut png = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    encoder.write_image(&fine, 72, 72, ExtendedColorType::L8).unwrap();
    png
}

/// What stands at each place, what each picture is described by, and what is found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// That of its files.
    pub format: u32,
    /// State, size, time, digest and note by place.
    pub sources: BTreeMap<String, String>,
    /// Perceptual hash, quality and facts by digest.
    pictures: BTreeMap<String, String>,
    answers: Vec<Vec<String>>,
}

impl Held {
    /// Of an index of pictures among these; they are what is searched for, too, every `step`-th.
    pub fn of(reader: &Reader, among: &[Vec<u8>], step: usize) -> ris::Result<Self> {
        let mut held = Self { format: reader.format(), ..Self::default() };
        let mut digests = BTreeMap::new();
        for bytes in among {
            let digest = Digest::of(bytes);
            if let Some(id) = reader.picture_with(&digest)? {
                digests.insert(id, format!("{:02x?}", &digest.0[..8]));
            }
        }
        // A page is not among them, and is named by its number.
        let named = |id: PictureId| digests.get(&id).cloned().unwrap_or_else(|| format!("picture {}", id.0));
        let mut known = Vec::new();
        reader.each_source(|one| {
            known.push(one);
            Ok(())
        })?;
        for known in known {
            let source = reader.source(&known)?;
            let picture = source.picture.map(named);
            let told = format!("{:?} {:?} {picture:?} {}", source.state, source.stamp, source.note);
            let before = held.sources.insert(source.locator.to_string(), told);
            assert!(before.is_none(), "{} is there twice", source.locator);
        }
        let mut hashes = Vec::new();
        reader.each_hash(|id, hash, quality| {
            hashes.push((id, hash, quality));
            Ok(())
        })?;
        for (id, hash, quality) in hashes {
            // A picture that was forgotten stays in its file for a while.
            if let Some(facts) = reader.facts(id)? {
                held.pictures.insert(named(id), format!("{hash:?} {quality} {facts:?}"));
            }
        }
        assert_eq!(held.pictures.len() as u64, reader.pictures()?, "each picture has a hash");
        for bytes in among.iter().step_by(step) {
            let query = search::Query::of(bytes, &ris::decode::Options::default())?;
            let answer = search::search(reader, &query, &search::Options::default())?;
            let told = |found: &search::Match| format!("{:.6} {:?} {}", found.score, found.kind, found.source);
            let mut answer: Vec<_> = answer.matches.iter().map(told).collect();
            answer.sort();
            held.answers.push(answer);
        }
        Ok(held)
    }

    /// The same, were everything that stands below `root` on a disk that has no other.
    pub fn below(mut self, root: &Path) -> Self {
        let root = root.display().to_string();
        self.sources = self.sources.into_iter().map(|(place, told)| (place.replace(&root, ""), told)).collect();
        self.answers.iter_mut().flatten().for_each(|answer| *answer = answer.replace(&root, ""));
        self
    }

    /// What is left of an index after a fault: nothing damaged, and nothing at all where none was born yet.
    pub fn left(folder: &Path, among: &[Vec<u8>], step: usize) -> Result<Self, String> {
        let reader = match Reader::open(folder) {
            Err(error) if error.kind() == ErrorKind::NoIndex => {
                let told = error.message().contains("no index here yet");
                return if told { Ok(Self::default()) } else { Err(error.to_string()) };
            }
            reader => reader.map_err(|error| error.to_string())?,
        };
        let checked = verify(folder).map_err(|error| error.to_string())?;
        if !checked.is_whole() {
            return Err(format!("{:?}", checked.damaged));
        }
        let held = Self::of(&reader, among, step).map_err(|error| error.to_string())?;
        Ok(if held.sources.is_empty() { Self::default() } else { held })
    }
}

/// Copies all that is in a folder into another that is not there yet.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
