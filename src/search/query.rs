//! What a search knows of a query: its description, and none of its pixels.
//!
//! So whoever decodes a query may be another process than the one that searches with it. What comes from such a process is
//! as hostile as the picture that it has read, and is believed only where it can be true.

use super::wire::{Parts, sized};
use crate::decode::{self, Gate, Picture};
use crate::describe::hash::{Dihedral, PerceptualHash};
use crate::describe::local::{DESCRIPTOR, Features, Keypoint, Options};
use crate::describe::{Probe, probe};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Digest;

/// A picture that is searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(super) digest: Digest,
    /// Width and height in pixels, upright, ...
    pub(super) full: (u32, u32),
    /// ... and of the reduced picture that was described.
    pub(super) reduced: (u32, u32),
    pub(super) partial_data: bool,
    pub(super) probe: Probe,
}

impl Query {
    /// Decodes and describes the picture in `bytes`, a picture file's content, which is dropped in between. It and its
    /// pixels together take no more than `options.max_memory`.
    ///
    /// # Errors
    /// Those of [`decode::decode`].
    pub fn of(bytes: impl AsRef<[u8]>, options: &decode::Options) -> Result<Self> {
        let (digest, picture) = (Digest::of(bytes.as_ref()), decoded(bytes.as_ref(), options, &|_| Ok(()))?);
        drop(bytes);
        Ok(Self::described(digest, &picture))
    }

    /// The same, asking `gate` before memory is allocated: of several queries that are decoded at the same time each asks
    /// for what it and its pixels take together.
    ///
    /// # Errors
    /// Those of [`Query::of`], and those of `gate`.
    pub fn of_gated(bytes: &[u8], options: &decode::Options, gate: Gate<'_>) -> Result<Self> {
        Ok(Self::described(Digest::of(bytes), &decoded(bytes, options, gate)?))
    }

    fn described(digest: Digest, picture: &Picture) -> Self {
        Self {
            digest,
            full: (picture.width, picture.height),
            reduced: (picture.reduced_width, picture.reduced_height),
            partial_data: picture.partial_data,
            probe: probe(picture),
        }
    }

    /// The query as bytes, some 200 kB, for [`Query::from_bytes`] of the same build.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Probe { forms, quality, features } = &self.probe;
        let sizes = [self.full.0, self.full.1, self.reduced.0, self.reduced.1].map(u32::to_le_bytes);
        let mut bytes = [&self.digest.0[..], sizes.as_flattened(), &[self.partial_data.into(), *quality]].concat();
        forms.iter().for_each(|(_, hash)| bytes.extend(hash.to_bytes()));
        for Keypoint { x, y, scale, angle } in &features.keypoints {
            bytes.extend_from_slice([x, y, scale, angle].map(|value| value.to_le_bytes()).as_flattened());
        }
        bytes.extend_from_slice(features.descriptors.as_flattened());
        bytes
    }

    /// The query that these bytes are of; `None` where no picture can be described so.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        let digest = Digest(*parts.array()?);
        let (full, reduced) = parts.sizes()?;
        let (partial_data, quality) = (parts.flag()?, parts.byte().filter(|&quality| quality <= 100)?);
        let mut forms = [(Dihedral::default(), PerceptualHash::default()); 8];
        for (slot, form) in forms.iter_mut().zip(Dihedral::all()) {
            *slot = (form, PerceptualHash::from_bytes(*parts.array()?));
        }
        let count = parts.0.len() / (KEYPOINT + DESCRIPTOR);
        if parts.0.len() % (KEYPOINT + DESCRIPTOR) != 0 || count > Options::query().keypoints {
            return None;
        }
        let keypoints = (0..count).map(|_| keypoint(&mut parts, reduced)).collect::<Option<_>>()?;
        let descriptors = (0..count).map(|_| parts.array().copied()).collect::<Option<_>>()?;
        let probe = Probe { forms, quality, features: Features { keypoints, descriptors } };
        Some(Self { digest, full, reduced, partial_data, probe })
    }
}

/// What a keypoint takes, in bytes.
const KEYPOINT: usize = 16;

/// A keypoint that can stand in a picture of this size.
fn keypoint(parts: &mut Parts<'_>, (width, height): (u32, u32)) -> Option<Keypoint> {
    let mut number = || parts.array().copied().map(f32::from_le_bytes).filter(|number| number.is_finite());
    let (x, y, scale, angle) = (number()?, number()?, number()?, number()?);
    let sides = width as f32 + height as f32;
    let within = (0.0..=width as f32).contains(&x) && (0.0..=height as f32).contains(&y);
    let sound = scale > 0.0 && scale <= sides && angle.abs() <= std::f32::consts::PI;
    (within && sound).then_some(Keypoint { x, y, scale, angle })
}

/// The picture in `bytes`, where it and its pixels take no more memory than `options` and `gate` allow.
pub(super) fn decoded(bytes: &[u8], options: &decode::Options, gate: Gate<'_>) -> Result<Picture> {
    let gate = |needed: u64| match needed.saturating_add(bytes.len() as u64) {
        all if all <= options.max_memory => gate(all),
        _ => {
            let allowed = options.max_memory >> 20;
            let message = format!("too large: the file and its pixels take more than the {allowed} MiB allowed");
            Err(Error::new(ErrorKind::TooLarge, message))
        }
    };
    match decode::decode_gated(bytes, options, &gate) {
        Ok(picture) if sized(picture.width, picture.height) => Ok(picture),
        Ok(_) => Err(Error::new(ErrorKind::Malformed, "it has no pixels")),
        // A file that is no picture can't be a query, and an empty one is most often a pipe that brought nothing.
        Err(_) if bytes.is_empty() => Err(Error::new(ErrorKind::NotAPicture, "empty: a picture file was expected")),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described() -> Query {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/queries/half.jpg");
        Query::of(std::fs::read(path).unwrap(), &decode::Options::default()).unwrap()
    }

    #[test]
    fn a_query_comes_out_of_its_bytes_as_it_went_in() {
        let query = described();
        assert!(query.probe.features.keypoints.len() > 100);
        assert_eq!(Query::from_bytes(&query.to_bytes()), Some(query));
    }

    #[test]
    fn bytes_that_can_not_be_of_a_picture_are_of_no_query() {
        let query = described();
        let whole = query.to_bytes();
        for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
            let cut = Query::from_bytes(&whole[..length]);
            // Some cuts leave whole keypoints; those are then of descriptors.
            assert!(cut.is_none() || length > 306, "{length}");
        }
        type Wrong = fn(&mut Query);
        let wrongs: [(&str, Wrong); 13] = [
            ("no width", |query| query.full.0 = 0),
            ("no height", |query| query.reduced.1 = 0),
            ("a side beyond all formats", |query| query.full.0 = u32::MAX),
            ("a reduced picture that is none", |query| query.reduced.0 = 5000),
            ("a quality above 100", |query| query.probe.quality = 101),
            ("a place that is no number", |query| query.probe.features.keypoints[7].x = f32::NAN),
            ("a place without end", |query| query.probe.features.keypoints[7].y = f32::INFINITY),
            ("a place outside", |query| query.probe.features.keypoints[0].x = query.reduced.0 as f32 + 1.0),
            ("a place before the first", |query| query.probe.features.keypoints[0].y = -1.0),
            ("no scale", |query| query.probe.features.keypoints[0].scale = 0.0),
            ("a scale beyond the picture", |query| query.probe.features.keypoints[0].scale = 1e9),
            ("an angle of several turns", |query| query.probe.features.keypoints[0].angle = 7.0),
            ("more keypoints than are looked for", |query| {
                query.probe.features.keypoints = vec![query.probe.features.keypoints[0]; 1501];
                query.probe.features.descriptors = vec![[0; DESCRIPTOR]; 1501];
            }),
        ];
        for (name, wrong) in wrongs {
            let mut query = query.clone();
            wrong(&mut query);
            assert_eq!(Query::from_bytes(&query.to_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_file_and_its_pixels_share_the_memory_allowed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/queries/plain.png");
        let mut bytes = std::fs::read(path).unwrap();
        let options = decode::Options { max_memory: 1 << 20, ..decode::Options::default() };
        assert!(Query::of(&bytes, &options).is_ok());
        // What follows the picture's end is of no interest to the decoder.
        bytes.resize(1 << 20, 0);
        assert_eq!(Query::of(&bytes, &options).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}
