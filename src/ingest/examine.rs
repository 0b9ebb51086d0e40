//! One file: is it as the index knows it, and if not, what is it now?

use std::fs::File;
use std::io::Read;

use super::Options;
use super::seen::Seen;
use crate::decode::{self, Sniff};
use crate::describe::{Description, describe};
use crate::error::{Error, ErrorKind, Result};
use crate::index::local::Sketch;
use crate::index::{Digest, Known, PictureId, PictureRecord, Reader, State};
use crate::locator::{Locator, Stamp};
use crate::source::folder::{self, FoundFile};

/// Enough to tell every format from its content.
const SNIFF_BYTES: u64 = 4096;

/// What a file is.
pub(super) enum Examined {
    /// As the index knows it, with its note.
    Unchanged(Known, String),
    /// A picture that the index has; `touched` where it stood in this very place, with another time.
    Picture { stamp: Stamp, id: PictureId, touched: bool },
    /// A picture that the index does not have.
    Described { stamp: Stamp, picture: PictureRecord, replaces: Option<PictureId> },
    /// It claims to be a picture and can't be read.
    Failed { stamp: Stamp, error: Error, replaces: Option<PictureId> },
    /// It is no picture that this build reads.
    Skipped { stamp: Stamp, reason: String, replaces: Option<PictureId> },
}

/// Looks at one file, reading it only if it changed, decoding it only if its content is new.
///
/// `named`: the user named this very file, so that it must be a picture.
///
/// # Errors
/// `Io` where it can't be read, `Damaged` where the index can't be. What the index knows stays.
pub(super) fn examine(
    file: &FoundFile,
    named: bool,
    before: &Reader,
    seen: &Seen,
    options: &Options,
) -> Result<Examined> {
    let locator = Locator::from(file.path.as_path());
    let known = seen.known(before, &locator)?;
    if let Some(known) = known.filter(|known| known.stamp == file.stamp && known.state != State::Missing) {
        let is_picture = known.state == State::Present;
        let note = if is_picture { String::new() } else { before.source(&known)?.note };
        if !named || known.state != State::Skipped {
            return Ok(Examined::Unchanged(known, note));
        }
    }
    let (bytes, stamp) = match read(file, options).map_err(|error| error.about(file.path.as_path()))? {
        Content::Bytes(bytes, stamp) => (bytes, stamp),
        Content::NotAPicture(stamp, reason) => return Ok(refuse(file, named, stamp, reason, known)),
        Content::TooLarge(stamp, error) => return Ok(Examined::Failed { stamp, error, replaces: picture_of(known) }),
    };
    let digest = Digest::of(&bytes);
    if let Some(id) = before.picture_with(&digest)? {
        let touched = known.is_some_and(|known| known.picture == Some(id) && known.state == State::Present);
        return Ok(Examined::Picture { stamp, id, touched });
    }
    match decode::decode(&bytes, &options.decode) {
        Ok(picture) => {
            let Description { hash, quality, features } = describe(&picture);
            let record = PictureRecord {
                digest,
                hash,
                quality,
                sketch: Sketch::of(&features, picture.reduced_width, picture.reduced_height),
                width: picture.width,
                height: picture.height,
                format: picture.format.name(),
                bytes: bytes.len() as u64,
            };
            Ok(Examined::Described { stamp, picture: record, replaces: picture_of(known) })
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotAPicture | ErrorKind::Unsupported) => {
            Ok(refuse(file, named, stamp, error.message().to_owned(), known))
        }
        Err(error) => Ok(Examined::Failed { stamp, error, replaces: picture_of(known) }),
    }
}

fn picture_of(known: Option<Known>) -> Option<PictureId> {
    known.and_then(|known| known.picture)
}

/// No picture that this build reads: skipped, unless the file or its user claims otherwise.
fn refuse(file: &FoundFile, named: bool, stamp: Stamp, reason: String, known: Option<Known>) -> Examined {
    let replaces = picture_of(known);
    if named || decode::claims_to_be_a_picture(&file.path) {
        let reason = if stamp.bytes == 0 { "the file is empty".to_owned() } else { reason };
        return Examined::Failed { stamp, error: Error::new(ErrorKind::Malformed, reason), replaces };
    }
    Examined::Skipped { stamp, reason, replaces }
}

enum Content {
    /// All of it, and what the file system said of it while it was read.
    Bytes(Vec<u8>, Stamp),
    /// Read only as far as needed to tell why not.
    NotAPicture(Stamp, String),
    TooLarge(Stamp, Error),
}

fn read(found: &FoundFile, options: &Options) -> Result<Content> {
    let mut file = File::open(&found.path).map_err(Error::io)?;
    let metadata = file.metadata().map_err(Error::io)?;
    let stamp = folder::stamp(&metadata);
    let mut bytes = Vec::new();
    file.by_ref().take(SNIFF_BYTES).read_to_end(&mut bytes).map_err(Error::io)?;
    match decode::sniff(&bytes) {
        // A format without a signature may show only in the whole.
        Sniff::Unknown if stamp.bytes <= SNIFF_BYTES || !decode::claims_to_be_a_picture(&found.path) => {
            return Ok(Content::NotAPicture(stamp, NOT_A_PICTURE.into()));
        }
        Sniff::Unsupported(format) => return Ok(Content::NotAPicture(stamp, decode::unsupported(format))),
        Sniff::Readable(_) | Sniff::Unknown => {}
    }
    if stamp.bytes > options.max_file_bytes {
        let error = Error::new(
            ErrorKind::TooLarge,
            format!("too large: {} bytes, more than {}", stamp.bytes, options.max_file_bytes),
        );
        return Ok(Content::TooLarge(stamp, error));
    }
    // One byte more than there should be: a file that grows while it is read is seen again next time,
    // since its stamp is the one from before.
    file.take(stamp.bytes.saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes).map_err(Error::io)?;
    Ok(Content::Bytes(bytes, stamp))
}

const NOT_A_PICTURE: &str = "not a picture";
