//! Several indexes -> one. What was described elsewhere is taken over: nothing is decoded, no picture is looked for.
//!
//! A shard is read one file of features after the other. The pictures of such a file, their places and their features
//! come with the same commit or an earlier one, so a merge that was killed leaves an index that can be searched, and
//! one that is run again finds what is in already. Memory: 64 MB beside what a writer takes, whatever the shards hold.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::local::{FeatureFile, FirstFile, Sketch, Source};
use super::select::Bits;
use super::{Digest, Options, PictureId, PictureRecord, Reader, SourceRecord, Writer};
use crate::error::{Error, ErrorKind, Result};

/// Pictures whose digests are held at the same time: more files of features are taken together the smaller they are.
const AT_A_TIME: usize = 1 << 19;

/// Pictures of a file of the first format that are taken over together: 100 MB.
const OF_FIRST: u32 = 1 << 13;

/// What a merge did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Pictures that were taken over.
    pub added: u64,
    /// Pictures of shards that were there already, in the index or in an earlier shard.
    pub shared: u64,
    /// Places that were taken over.
    pub places: u64,
    /// Places of shards of which a file with a later time was known already.
    pub older: u64,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// Takes all that `shards` hold into the index in `folder`, which is made where there is none. Where two of them know a
/// place, what was seen there with the later time counts; with the same time, what the later shard says.
///
/// `go_on` hears of pictures that are done and says whether to go on.
///
/// # Errors
/// `NoIndex`, `ForeignIndex` for a shard, before anything is written; `Usage` where a shard is the index itself;
/// `Busy`, `Damaged`, `Io`. What was taken over until then stays.
pub fn merge(
    folder: &Path,
    shards: &[PathBuf],
    options: Options,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Merged> {
    for shard in shards {
        Reader::open(shard)?;
        if folder.canonicalize().is_ok_and(|folder| shard.canonicalize().is_ok_and(|shard| folder == shard)) {
            let message = "it is both the index and what is to be merged into it: name another folder first";
            return Err(Error::new(ErrorKind::Usage, message).about(folder));
        }
    }
    let mut writer = Writer::open(folder, options)?;
    let mut merged = Merged::default();
    for shard in shards {
        let shard = Reader::open(shard)?;
        let taken = take(&mut writer, &shard, &mut merged, go_on).and_then(|()| writer.commit());
        taken.map_err(|error| if error.subject().is_none() { error.about(shard.folder()) } else { error })?;
        if merged.interrupted {
            break;
        }
    }
    if !merged.interrupted {
        forget_orphans(&mut writer)?;
        writer.compact();
    }
    writer.finish()?;
    Ok(merged)
}

fn take(writer: &mut Writer, shard: &Reader, merged: &mut Merged, go_on: &mut dyn FnMut(u64) -> bool) -> Result<()> {
    for root in shard.roots() {
        writer.add_root(root)?;
    }
    for mount in shard.mounts() {
        writer.add_mount(mount)?;
    }
    let mut files = shard.features.as_slice();
    while !files.is_empty() {
        let mut pictures = 0;
        let fits = |file: &&FeatureFile| {
            pictures += file.pictures();
            pictures <= AT_A_TIME
        };
        let (now, later) = files.split_at(files.iter().take_while(fits).count().max(1));
        files = later;
        let mut of_files = HashMap::new();
        for file in now {
            for number in numbers(file.pictures()) {
                of_files.insert(file.source(number)?.picture, None);
            }
        }
        let mut digests = digests(shard, of_files)?;
        for file in now {
            take_file(writer, shard, file, &mut digests, merged)?;
            writer.commit_if_due()?;
            if !go_on(file.pictures() as u64) {
                merged.interrupted = true;
                return Ok(());
            }
        }
    }
    for file in &shard.first {
        if !take_first(writer, shard, file, merged, go_on)? {
            merged.interrupted = true;
            return Ok(());
        }
    }
    shard.each_source(|known| {
        if known.picture.is_none() {
            place(writer, shard.source(&known)?, merged)?;
            writer.commit_if_due()?;
        }
        Ok(())
    })
}

/// Takes over the pictures of a file of the first format, part by part. Returns whether to go on.
fn take_first(
    writer: &mut Writer,
    shard: &Reader,
    file: &FirstFile,
    merged: &mut Merged,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<bool> {
    let mut of_file = HashMap::new();
    for number in numbers(file.pictures()) {
        of_file.insert(file.source(number)?.picture, None);
    }
    let (mut digests, all) = (digests(shard, of_file)?, numbers(file.pictures()));
    for from in all.clone().step_by(OF_FIRST as usize) {
        let to = all.end.min(from.saturating_add(OF_FIRST));
        take_file(writer, shard, &file.part(from, to)?, &mut digests, merged)?;
        writer.commit_if_due()?;
        if !go_on((to - from).into()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn numbers(pictures: usize) -> std::ops::Range<u32> {
    0..u32::try_from(pictures).unwrap_or(u32::MAX)
}

/// The digests of pictures, by their numbers; none of one that was forgotten.
fn digests(shard: &Reader, mut digests: HashMap<u32, Option<Digest>>) -> Result<HashMap<u32, Option<Digest>>> {
    shard.each_digest(|id, digest| {
        if let Some(of_picture) = digests.get_mut(&id.0) {
            *of_picture = Some(digest);
        }
        Ok(())
    })?;
    Ok(digests)
}

/// Takes over the pictures of one file, with their places and features.
fn take_file(
    writer: &mut Writer,
    shard: &Reader,
    file: &FeatureFile,
    digests: &mut HashMap<u32, Option<Digest>>,
    merged: &mut Merged,
) -> Result<()> {
    let about = |error: Error| if error.kind() == ErrorKind::Damaged { error.about(shard.folder()) } else { error };
    // Be it needed or not: of a shard that is damaged its owner wants to know.
    file.check_all().map_err(about)?;
    let mut taken: HashMap<u32, u32> = HashMap::new();
    for number in numbers(file.pictures()) {
        let Source { picture, hash, quality, .. } = file.source(number)?;
        // A picture is taken over once, however often files say that it is in them.
        let Some(Some(digest)) = digests.remove(&picture) else { continue };
        let Some(facts) = shard.facts(PictureId(picture))? else { continue };
        let there = writer.picture_with(&digest)?;
        let mut news = Vec::new();
        for record in shard.sources_of(PictureId(picture))? {
            let record = SourceRecord { picture: there, ..record };
            if is_news(writer, &record, merged)? {
                news.push(record);
            }
        }
        let id = match there {
            Some(id) => {
                merged.shared += 1;
                id
            }
            // It stands nowhere any more.
            None if news.is_empty() => continue,
            None => {
                let id = writer.add_described(&PictureRecord {
                    digest,
                    hash,
                    quality,
                    sketch: Sketch::default(),
                    width: facts.width,
                    height: facts.height,
                    format: facts.format,
                    bytes: facts.bytes,
                    partial_data: facts.partial_data,
                    metadata: facts.metadata,
                })?;
                merged.added += 1;
                taken.insert(picture, id.0);
                id
            }
        };
        for record in news {
            merged.places += 1;
            writer.set_source(&SourceRecord { picture: Some(id), ..record })?;
        }
    }
    if taken.is_empty() {
        return Ok(());
    }
    // What can't be read is this file, not the one that it is written to.
    writer.adopt(file, &|picture| taken.get(&picture).copied()).map_err(about)
}

/// Takes over a place without a picture.
fn place(writer: &mut Writer, record: SourceRecord, merged: &mut Merged) -> Result<()> {
    if is_news(writer, &record, merged)? {
        merged.places += 1;
        writer.set_source(&record)?;
    }
    Ok(())
}

/// Whether a place is not known as it is here, and not from a later time.
fn is_news(writer: &Writer, record: &SourceRecord, merged: &mut Merged) -> Result<bool> {
    let Some(known) = writer.snapshot().known(&record.locator)? else { return Ok(true) };
    let is_older = known.stamp.modified_ns > record.stamp.modified_ns;
    merged.older += u64::from(is_older);
    let is_same = (known.stamp, known.state, known.picture) == (record.stamp, record.state, record.picture);
    Ok(!is_older && !is_same)
}

/// Forgets the pictures that stand nowhere any more, since another file has their place.
fn forget_orphans(writer: &mut Writer) -> Result<()> {
    writer.commit()?;
    let reader = writer.snapshot();
    let mut standing = Bits::default();
    reader.each_source(|known| {
        known.picture.into_iter().for_each(|id| standing.insert(id.0));
        Ok(())
    })?;
    let mut orphans = Vec::new();
    reader.each_picture(|id| {
        if !standing.contains(id.0) {
            orphans.push(id);
        }
        Ok(())
    })?;
    orphans.into_iter().for_each(|id| writer.forget_picture(id));
    Ok(())
}
