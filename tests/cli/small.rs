//! Small indexes that the library writes without decoding a picture, and all that they answer.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use ris::decode::{self, decode};
use ris::describe::hash::PerceptualHash;
use ris::describe::{Probe, describe, probe};
use ris::index::local::{self, Query, Sketch};
use ris::index::{Candidate, Digest, Facts, Options, PictureRecord, Reader, SourceRecord, State, Writer};
use ris::locator::{Locator, Stamp};

use crate::setup::fixtures;

/// What all answers are asked with, and what the pictures are described by.
struct Drawn {
    sketches: Vec<Sketch>,
    probe: Probe,
    query: Query,
}

static DRAWN: LazyLock<Drawn> = LazyLock::new(|| {
    let picture = |name: &str| {
        let bytes = std::fs::read(fixtures().join("library").join(name)).unwrap();
        decode(&bytes, &decode::Options::default()).unwrap()
    };
    let pictures = [picture("garden/pond.jpg"), picture("street/crossing.jpg")];
    let sketches = pictures.iter().map(|picture| Sketch::of(&describe(picture).features, picture));
    let probe = probe(&pictures[0]);
    let query = Query::new(&probe.features, pictures[0].reduced_width as f32);
    Drawn { sketches: sketches.collect(), probe, query }
});

/// A writer that commits only when it is told to.
pub fn writer(folder: &Path) -> ris::Result<Writer> {
    Writer::open(folder, Options { batch: usize::MAX, interval: Duration::MAX, ..Options::default() })
}

pub fn place(n: u32) -> Locator {
    Locator::Path(PathBuf::from(format!("/photos/{}/{n:05}.jpg", n % 7)))
}

/// Adds picture `n` and its place, unless it is there.
pub fn add(writer: &mut Writer, n: u32) -> ris::Result<()> {
    if writer.snapshot().known(&place(n))?.is_some() {
        return Ok(());
    }
    let word = |salt: u64| u64::from(n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17 * salt as u32) ^ salt;
    let id = writer.add_picture(&PictureRecord {
        digest: Digest::of(&n.to_le_bytes()),
        hash: PerceptualHash([word(0), word(1), word(2), word(3)]),
        quality: 80,
        sketch: DRAWN.sketches[n as usize % 2].clone(),
        width: 100 + n,
        height: 200,
        format: "jpeg",
        bytes: 1000 + u64::from(n),
        partial_data: false,
        metadata: Default::default(),
    })?;
    let stamp = Stamp { bytes: 1000 + u64::from(n), modified_ns: i64::from(n) };
    let (locator, state, picture, note) = (place(n), State::Present, Some(id), String::new());
    writer.set_source(&SourceRecord { locator, stamp, state, picture, note, pages: 1, shown: None })
}

/// All that an index answers about its first `count` pictures.
#[derive(Debug, PartialEq)]
pub struct Answers {
    pub standing: Vec<Option<(SourceRecord, Facts)>>,
    near: Vec<Candidate>,
    resembling: Vec<(u32, usize)>,
}

pub fn answers(reader: &Reader, count: u32) -> ris::Result<Answers> {
    let mut standing = Vec::new();
    for n in 0..count {
        let picture = reader.picture_with(&Digest::of(&n.to_le_bytes()))?;
        let facts = picture.map(|id| reader.facts(id)).transpose()?.flatten();
        let source = picture.map(|id| reader.sources_of(id)).transpose()?.unwrap_or_default().into_iter().next();
        let known = reader.known(&place(n))?;
        assert_eq!(known.is_some(), source.is_some(), "{n} is known by its picture and by its place, or by neither");
        standing.push(source.zip(facts));
    }
    let near = reader.candidates(&DRAWN.probe, PerceptualHash::BITS)?;
    let resembling = reader_candidates(reader)?;
    Ok(Answers { standing, near, resembling })
}

fn reader_candidates(reader: &Reader) -> ris::Result<Vec<(u32, usize)>> {
    let found = reader.local_candidates(&DRAWN.query, &local::Options::default(), None)?;
    Ok(found.into_iter().map(|candidate| (candidate.picture, candidate.hits.len())).collect())
}

#[test]
fn a_place_that_is_set_and_forgotten_again_and_again_in_one_commit_and_in_several_is_what_was_said_last() {
    let place_of = crate::setup::Place::new();
    let folder = place_of.path("idx");
    let mut said = [None; 6];
    let mut random = 1u64;
    for _ in 0..12 {
        let mut writer = writer(&folder).unwrap();
        for _ in 0..8 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (n, bytes, deed) = ((random >> 33) % 6, random >> 40, (random >> 60) % 4);
            let locator = place(n as u32);
            if deed == 0 {
                writer.forget_source(&locator);
            } else {
                let stamp = Stamp { bytes, modified_ns: 0 };
                let note = "no picture".to_owned();
                let state = State::Skipped;
                writer
                    .set_source(&SourceRecord { locator, stamp, state, picture: None, note, pages: 1, shown: None })
                    .unwrap();
            }
            said[n as usize] = (deed != 0).then_some(bytes);
        }
        let reader = writer.finish().unwrap();
        let known = |n: u32| reader.known(&place(n)).unwrap().map(|known| known.stamp.bytes);
        let mut places = 0;
        reader
            .each_source(|_| {
                places += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!([0, 1, 2, 3, 4, 5].map(known), said);
        assert_eq!(places, said.iter().flatten().count(), "none stands there twice");
    }
    assert!(said.iter().any(Option::is_some) && said.iter().any(Option::is_none), "{said:?}");
}
