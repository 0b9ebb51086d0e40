//! A part of the picture, at a random place.

use image::RgbImage;

use super::pixels::cut;
use super::{Edit, Group, Random};

pub const EDITS: &[Edit] = &[
    Edit::new("crop-90", Group::Cropped, |scene, random| cropped(scene.picture(), 0.9, random)),
    Edit::new("crop-75", Group::Cropped, |scene, random| cropped(scene.picture(), 0.75, random)),
    Edit::new("crop-50", Group::Cropped, |scene, random| cropped(scene.picture(), 0.5, random)),
    Edit::new("crop-25", Group::Cropped, |scene, random| cropped(scene.picture(), 0.25, random)),
    Edit::new("crop-strip", Group::Cropped, |scene, random| strip(scene.picture(), random)),
];

/// A rectangle of `share` of the area, of about the picture's shape.
pub fn cropped(picture: &RgbImage, share: f32, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    // As much wider as it is lower, where there is room for that.
    let flatter = random.between(0.85, 1.18).clamp(share.sqrt(), 1.0 / share.sqrt());
    let (wide, high) = (width * share.sqrt() * flatter, height * share.sqrt() / flatter);
    cut(picture, random.unit() * (width - wide), random.unit() * (height - high), wide, high)
}

/// A third of it from side to side, off the middle.
fn strip(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let start = if random.coin() { random.between(0.0, 0.2) } else { random.between(0.45, 0.65) };
    if random.coin() {
        cut(picture, 0.0, start * height, width, height * 0.35)
    } else {
        cut(picture, start * width, 0.0, width * 0.35, height)
    }
}
