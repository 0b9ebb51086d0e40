//! Mirrored, turned, stretched and seen from the side.

use image::{RgbImage, imageops};

use super::pixels::{self, sized};
use super::warp::{Map, turned, turned_and_cut, warp};
use super::{Edit, Group, Random};

pub const EDITS: &[Edit] = &[
    Edit::new("mirror", Group::Turned, |scene, _| imageops::flip_horizontal(scene.picture())),
    Edit::new("flip", Group::Turned, |scene, _| imageops::flip_vertical(scene.picture())),
    Edit::new("turn-90", Group::Turned, |scene, _| imageops::rotate90(scene.picture())),
    Edit::new("turn-180", Group::Turned, |scene, _| imageops::rotate180(scene.picture())),
    Edit::new("turn-270", Group::Turned, |scene, _| imageops::rotate270(scene.picture())),
    Edit::new("turn-5-filled", Group::Turned, |scene, random| {
        turned(scene.picture(), 5.0 * random.sign(), pixels::BLACK)
    }),
    Edit::new("turn-10-cropped", Group::Turned, |scene, random| turned_and_cut(scene.picture(), 10.0 * random.sign())),
    Edit::new("turn-30-cropped", Group::Turned, |scene, random| turned_and_cut(scene.picture(), 30.0 * random.sign())),
    Edit::new("turn-45-filled", Group::Turned, |scene, random| {
        let fill = random.pick(&[pixels::BLACK, pixels::WHITE]);
        turned(scene.picture(), 45.0 * random.sign(), fill)
    }),
    Edit::new("stretch-125", Group::Warped, |scene, random| stretched(scene.picture(), 1.25, random)),
    Edit::new("stretch-150", Group::Warped, |scene, random| stretched(scene.picture(), 1.5, random)),
    Edit::new("stretch-200", Group::Warped, |scene, random| stretched(scene.picture(), 2.0, random)),
    Edit::new("perspective-mild", Group::Warped, |scene, random| seen_aslant(scene.picture(), 0.1, random)),
    Edit::new("perspective-strong", Group::Warped, |scene, random| standing_aslant(scene.picture(), 0.25, random)),
    Edit::new("shear", Group::Warped, |scene, random| {
        let lean = random.sign() * random.between(0.2, 0.35);
        sheared(scene.picture(), lean)
    }),
];

/// One side times `factor`.
fn stretched(picture: &RgbImage, factor: f32, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    if random.coin() { sized(picture, width * factor, height) } else { sized(picture, width, height * factor) }
}

/// A quadrilateral whose corners lie up to `most` (a share of the sides) within those of the picture.
fn quad(picture: &RgbImage, most: f32, random: &mut Random) -> [(f32, f32); 4] {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(x, y)| {
        let (dx, dy) = (random.between(0.0, most), random.between(0.0, most));
        ((x + dx * (1.0 - 2.0 * x)) * width, (y + dy * (1.0 - 2.0 * y)) * height)
    })
}

/// Its sides run together and the frame cuts them off.
fn seen_aslant(picture: &RgbImage, most: f32, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let back = Map::to_quad(width, height, quad(picture, most, random));
    warp(picture, width, height, pixels::BLACK, |x, y| back.of(x, y))
}

/// Its sides run together and all of it is seen, on black.
pub fn standing_aslant(picture: &RgbImage, most: f32, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let back = Map::to_quad(width, height, quad(picture, most, random)).inverse();
    warp(picture, width, height, pixels::BLACK, |x, y| back.of(x, y))
}

/// Leaning: `lean` pixels aside for each down.
fn sheared(picture: &RgbImage, lean: f32) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let start = if lean < 0.0 { -lean * height } else { 0.0 };
    warp(picture, width + lean.abs() * height, height, pixels::WHITE, |x, y| (x - start - lean * y, y))
}
