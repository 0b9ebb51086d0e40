//! Picture -> description: what is kept of a picture so that its copies can be recognised.

pub mod hash;
#[allow(unsafe_code, reason = "wider instructions, where the processor has them")]
pub mod local;

use crate::decode::Picture;
use hash::{Dct, Dihedral, PerceptualHash};
use local::{Features, Options};

/// Says how descriptions are made. Two indexes with the same recipe hold comparable descriptions; any
/// change of decoding or describing that moves them changes this. (Making the upper levels of an octave at half the size
/// did not: 96 of 100 features stay as they were to a tenth of a pixel, more than of a picture that is saved again.)
pub const RECIPE: &str = "pdq-512+local-2";

/// What the index keeps of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// PDQ of the whole picture.
    pub hash: PerceptualHash,
    /// PDQ's quality, 0 (one colour) to 100: how much detail the hash rests on.
    pub quality: u8,
    /// Its local features, in pixels of the reduced picture.
    pub features: Features,
}

/// What a search asks with: the description of the query, and of its mirrored and turned forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Hashes of the query laid on itself in its eight ways, the upright one first.
    pub forms: [(Dihedral, PerceptualHash); 8],
    /// PDQ's quality of the query, 0 to 100.
    pub quality: u8,
    /// Its local features, in pixels of the reduced picture: more of them than the index keeps of a picture.
    pub features: Features,
}

/// Describes a picture for the index. An empty picture has quality 0.
pub fn describe(picture: &Picture) -> Description {
    let dct = transform(picture);
    let hash = dct.as_ref().map(Dct::hash).unwrap_or_default();
    Description { hash, quality: dct.map_or(0, |dct| dct.quality()), features: features(picture, &Options::gallery()) }
}

/// Describes a query. The index keeps one hash a picture: only the query pays for mirrored and turned copies.
pub fn probe(picture: &Picture) -> Probe {
    let dct = transform(picture);
    let mut forms = [(Dihedral::default(), PerceptualHash::default()); 8];
    for (slot, form) in forms.iter_mut().zip(Dihedral::all()) {
        *slot = (form, dct.as_ref().map(|dct| dct.dihedral(form)).unwrap_or_default());
    }
    let features = features(picture, &Options::query());
    Probe { forms, quality: dct.map_or(0, |dct| dct.quality()), features }
}

fn features(picture: &Picture, options: &Options) -> Features {
    local::features(&picture.luma, picture.reduced_width as usize, picture.reduced_height as usize, options)
}

fn transform(picture: &Picture) -> Option<Dct> {
    let size = |width: u32, height: u32| (width as usize, height as usize);
    let reduced = size(picture.reduced_width, picture.reduced_height);
    Dct::of_luma(&picture.luma, reduced, size(picture.width, picture.height))
}
