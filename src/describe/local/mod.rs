//! Local features: a few hundred keypoints of a picture and what its surroundings look like at each.
//!
//! A perceptual hash sees the whole picture or nothing. Keypoints survive crops, collages, turns and
//! screenshots, because each describes its own neighbourhood at its own scale and angle. The method is
//! SIFT's (Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", 2004) with the square-root
//! normalisation of Arandjelovic and Zisserman ("Three things everyone should know to improve object
//! retrieval", 2012): blobs of a difference-of-Gaussians pyramid, 4x4 cells of 8 orientations.
//!
//! Everything is laid out symmetrically (pixel centres at halves, octaves halved by averaging 2x2 pixels,
//! orientation bins centred on the axes), so that the features of the mirrored or inverted picture follow from those of the
//! picture by reordering: see [`Features::mirrored`] and [`Features::negated`].

mod descriptor;
mod detector;
mod memory;
mod orientation;
mod peaks;
mod pyramid;
pub(crate) mod simd;
mod spread;

#[cfg(test)]
mod tests;

use std::f32::consts::PI;

/// Length of a descriptor: 4x4 cells of 8 orientations.
pub const DESCRIPTOR: usize = 128;

/// Where a feature was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keypoint {
    /// Pixels of the described picture from its left edge; the middle of the first pixel is 0.5.
    pub x: f32,
    /// Pixels of the described picture from its upper edge; the middle of the first pixel is 0.5.
    pub y: f32,
    /// Standard deviation, in pixels, of the Gaussian at which the blob stands out most.
    pub scale: f32,
    /// Main direction of the brightness gradient around it in radians, above -pi and up to pi: 0 along +x,
    /// growing towards +y (clockwise on screen).
    pub angle: f32,
}

impl Keypoint {
    /// Where it is in the picture mirrored left to right, `width` being its width in pixels.
    pub fn mirrored(&self, width: f32) -> Self {
        Self { x: width - self.x, angle: half_turn(-self.angle), ..*self }
    }

    /// Where it is in the inverted (negative) picture, in which all gradients point the other way.
    pub fn negated(&self) -> Self {
        Self { angle: half_turn(self.angle), ..*self }
    }
}

/// Keypoints and their descriptors, in the same order, the strongest first.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Features {
    /// Where the features are.
    pub keypoints: Vec<Keypoint>,
    /// What they look like: square roots of gradient histograms of 4 rows of 4 cells of 8 orientations
    /// (cells and orientations in the keypoint's own turned frame), of Euclidean length about 512.
    pub descriptors: Vec<[u8; DESCRIPTOR]>,
}

/// What is looked for, and how much of it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Keypoints that are kept at most. 350 for the gallery and 1,500 for a query.
    pub keypoints: usize,
    /// Whether an octave at twice the picture's size is searched as well, which finds small detail for
    /// about four times the work. On for a query: only it pays.
    pub upsample: bool,
    /// The weakest blob that counts, as a difference of two blurred pictures in grey levels (0 to 255).
    /// 0.4, far below Lowe's 3.4: the strongest are kept whatever it is, and a photo of fog has 10 above 1.0,
    /// 400 above 0.4.
    pub contrast: f32,
    /// The greatest ratio of the two curvatures of a blob: above it lies an edge, whose place along itself
    /// is chance. 10, Lowe's figure.
    pub edge: f32,
    /// Blur of the lowest level of each octave, in its pixels. 1.6, Lowe's figure.
    pub sigma: f32,
    /// A keypoint is described a second time where another direction reaches this share of the main one.
    /// 0.8, Lowe's figure; above 1 there is never a second one.
    pub second_angle: f32,
    /// Side of a descriptor's cell, as a multiple of the keypoint's scale. 3, Lowe's figure.
    pub cell: f32,
}

impl Options {
    /// For pictures that are indexed: as many features as the index can pay for.
    pub fn gallery() -> Self {
        Self { keypoints: 350, upsample: false, contrast: 0.4, edge: 10.0, sigma: 1.6, second_angle: 0.8, cell: 3.0 }
    }

    /// For the picture that is searched for: more features, down to smaller detail.
    pub fn query() -> Self {
        Self { keypoints: 1500, upsample: true, ..Self::gallery() }
    }
}

/// Describes a grey picture of `width` x `height` luminances, row-major.
///
/// Empty where there is nothing to see, where a side is below 16 pixels or where `luma` does not hold
/// `width * height` values.
pub fn features(luma: &[u8], width: usize, height: usize, options: &Options) -> Features {
    if width.checked_mul(height) != Some(luma.len()) || width.min(height) < pyramid::SIDE_MIN {
        return Features::default();
    }
    let room = pyramid::room(width, height, options);
    memory::with(room, |arena| described(luma, width, height, options, arena))
}

fn described(luma: &[u8], width: usize, height: usize, options: &Options, mut arena: memory::Arena<'_>) -> Features {
    let mut blobs = Vec::new();
    let octaves = pyramid::build(luma, width, height, options, &mut arena, |number, octave| {
        blobs.extend(detector::blobs(number, octave, options));
    });
    let kept = spread::strongest(blobs, options.keypoints, width, height);
    let mut features = Features::default();
    for blob in &kept {
        let octave = &octaves[blob.octave];
        for angle in orientation::angles(&octave.levels[blob.level], blob, options) {
            if features.keypoints.len() == options.keypoints {
                return features;
            }
            features.keypoints.push(Keypoint {
                x: (blob.x + 0.5) * octave.pixel,
                y: (blob.y + 0.5) * octave.pixel,
                scale: blob.sigma * octave.pixel,
                angle,
            });
            features.descriptors.push(descriptor::describe(&octave.levels[blob.level], blob, angle, options.cell));
        }
    }
    features
}

impl Features {
    /// Features of the picture mirrored left to right, `width` being its width in pixels.
    ///
    /// Mirroring turns a keypoint's frame over: the rows of cells swap ends and orientations change sign.
    /// That is a reordering, so mirroring twice gives the same descriptors again.
    pub fn mirrored(&self, width: f32) -> Self {
        let descriptor = |d: &[u8; DESCRIPTOR]| {
            std::array::from_fn(|i| {
                let (row, column, bin) = (i / 32, i / 8 % 4, i % 8);
                d[(3 - row) * 32 + column * 8 + (8 - bin) % 8]
            })
        };
        Self {
            keypoints: self.keypoints.iter().map(|keypoint| keypoint.mirrored(width)).collect(),
            descriptors: self.descriptors.iter().map(descriptor).collect(),
        }
    }

    /// Features of the inverted (negative) picture.
    ///
    /// All gradients turn by 180 degrees, and with them the keypoints' frames: the cells come in reverse
    /// order, the orientations within a cell, relative to the frame, stay.
    pub fn negated(&self) -> Self {
        let descriptor = |d: &[u8; DESCRIPTOR]| {
            std::array::from_fn(|i| {
                let (cell, bin) = (i / 8, i % 8);
                d[(15 - cell) * 8 + bin]
            })
        };
        Self {
            keypoints: self.keypoints.iter().map(Keypoint::negated).collect(),
            descriptors: self.descriptors.iter().map(descriptor).collect(),
        }
    }
}

/// The opposite direction, above -pi and up to pi.
fn half_turn(angle: f32) -> f32 {
    if angle > 0.0 { angle - PI } else { angle + PI }
}
