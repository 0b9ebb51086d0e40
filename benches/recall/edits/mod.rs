//! What people do to pictures: named edits, each a function of a picture and of seeded randomness.
//!
//! They stand alone (no other file of the benchmark is imported), so that a test may include them by path.
//! The choice follows the DISC21 image similarity challenge (Douze et al., arXiv 2106.09672) and
//! what sites, phones and jokers do. Shares in names are of area (`crop-25`, `inset-25`), of a side
//! (`resize-50`, `stretch-150`) or degrees (`turn-45-filled`).

use image::codecs::jpeg::JpegEncoder;
use image::{ImageResult, RgbImage};

mod combined;
mod composed;
mod cropped;
mod degraded;
mod draw;
mod easy;
pub mod font;
mod overlaid;
mod photometric;
pub mod pixels;
mod random;
mod screens;
mod turned;
mod warp;

pub use random::Random;

/// What kind of edit it is: the sections of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Saved again, or at another size.
    Easy,
    /// Colours and light.
    Photometric,
    /// Detail lost, added or turned into a drawing.
    Degraded,
    /// Mirrored or turned.
    Turned,
    /// Stretched or seen from the side.
    Warped,
    /// A part of it.
    Cropped,
    /// Within something larger.
    Composed,
    /// Something over or beside it.
    Overlaid,
    /// Several at once.
    Combined,
}

impl Group {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Photometric => "photometric",
            Self::Degraded => "degraded",
            Self::Turned => "turned",
            Self::Warped => "warped",
            Self::Cropped => "cropped",
            Self::Composed => "composed",
            Self::Overlaid => "overlaid",
            Self::Combined => "combined",
        }
    }
}

/// What an edit is made from.
pub struct Scene<'a> {
    /// The picture, and then those that a collage shows with it; all are to be found. Not empty.
    pub sources: &'a [RgbImage],
    /// Pictures that are not in the gallery, for grounds and company. Not empty.
    pub strangers: &'a [RgbImage],
}

impl Scene<'_> {
    /// The picture that is edited.
    fn picture(&self) -> &RgbImage {
        &self.sources[0]
    }

    /// One of the strangers.
    fn stranger(&self, random: &mut Random) -> &RgbImage {
        &self.strangers[random.below(self.strangers.len())]
    }
}

/// A way in which a picture is changed before it is searched for.
pub struct Edit {
    /// Its name in the table.
    pub name: &'static str,
    /// Its section there.
    pub group: Group,
    /// How many of the scene's sources it shows.
    pub shows: usize,
    /// The quality at which it is saved as JPEG, 1 to 100.
    quality: u8,
    change: fn(&Scene<'_>, &mut Random) -> RgbImage,
}

/// The quality of most queries: what editors and sites save with.
const QUALITY: u8 = 85;

impl Edit {
    const fn new(name: &'static str, group: Group, change: fn(&Scene<'_>, &mut Random) -> RgbImage) -> Self {
        Self { name, group, shows: 1, quality: QUALITY, change }
    }

    const fn quality(self, quality: u8) -> Self {
        Self { quality, ..self }
    }

    const fn shows(self, shows: usize) -> Self {
        Self { shows, ..self }
    }

    /// The edited picture as a JPEG file. The same `seed`, `name` (of the picture) and scene give the same bytes.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn make(&self, scene: &Scene<'_>, seed: u64, name: &str) -> ImageResult<Vec<u8>> {
        let edited = (self.change)(scene, &mut Random::of(seed, &[self.name, name]));
        jpeg(&edited, self.quality)
    }
}

/// A picture as a JPEG file.
///
/// # Errors
/// Those of the encoder.
pub fn jpeg(picture: &RgbImage, quality: u8) -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture)?;
    Ok(bytes)
}

/// Every edit, section by section.
pub fn all() -> impl Iterator<Item = &'static Edit> {
    let sections: [&[Edit]; 8] = [
        easy::EDITS,
        photometric::EDITS,
        degraded::EDITS,
        turned::EDITS,
        cropped::EDITS,
        composed::EDITS,
        overlaid::EDITS,
        combined::EDITS,
    ];
    sections.into_iter().flatten()
}
