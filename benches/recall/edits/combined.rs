//! Several edits at once, as a picture goes from hand to hand.

use image::{RgbImage, imageops};

use super::cropped::cropped;
use super::overlaid::{captioned, meme};
use super::photometric::{hue_turned, saturated, tinted};
use super::pixels::{blurred, canvas, curve, longest, map_at, noisy, paste_in_the_middle};
use super::turned::standing_aslant;
use super::warp::{turned, turned_and_cut};
use super::{Edit, Group, Random, composed, pixels, screens};

pub const EDITS: &[Edit] = &[
    Edit::new("crop-mirror-jpeg", Group::Combined, |scene, random| {
        imageops::flip_horizontal(&cropped(scene.picture(), 0.5, random))
    })
    .quality(30),
    Edit::new("inset-blur-jpeg", Group::Combined, |scene, random| {
        let whole = composed::inset(scene, 0.35, random);
        blurred(&whole, longest(&whole) * 0.0025)
    })
    .quality(30),
    Edit::new("turn-crop-caption", Group::Combined, |scene, random| {
        let degrees = random.sign() * random.between(8.0, 20.0);
        captioned(&cropped(&turned_and_cut(scene.picture(), degrees), 0.7, random), random)
    })
    .quality(60),
    Edit::new("meme-screenshot", Group::Combined, |scene, random| {
        screens::phone(&meme(&cropped(scene.picture(), 0.75, random), random), random)
    })
    .quality(45),
    Edit::new("strong", Group::Combined, |scene, random| strong(scene.picture(), random)).quality(40),
    Edit::new("screen-photo", Group::Combined, |scene, random| photographed(scene.picture(), random)).quality(60),
];

/// Cropped, mirrored, other colours and light, turned, saved badly.
fn strong(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let part = imageops::flip_horizontal(&cropped(picture, 0.6, random));
    let coloured = saturated(&hue_turned(&part, random.sign() * random.between(10.0, 30.0)), random.pick(&[0.6, 1.5]));
    let light = random.between(0.75, 1.3);
    turned(&curve(&coloured, |value| value * light), random.sign() * random.between(3.0, 9.0), pixels::BLACK)
}

/// A photo of a screen: its bezel, seen aslant, with moire, a glare from one side, blur and noise.
fn photographed(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let bezel = longest(picture) * 0.04;
    let (width, height) = (picture.width() as f32 + 2.0 * bezel, picture.height() as f32 + 2.0 * bezel);
    let mut screen = canvas(width, height, image::Rgb([16, 16, 18]));
    paste_in_the_middle(&mut screen, picture);
    let (sine, cosine) = random.between(0.2, 1.2).sin_cos();
    let ripples = random.between(18.0, 34.0) * std::f32::consts::TAU / longest(picture);
    let lit = map_at(&screen, |x, y, pixel| {
        let (x, y) = (x as f32, y as f32);
        // Two grids that nearly agree beat: wide bands, of another phase in each channel, bent as lenses bend.
        let wave = ripples * (cosine * x + sine * y) + 2.5 * (3.0 * y / height).sin();
        let rows = if (y as u32).is_multiple_of(3) { 0.9 } else { 1.0 };
        std::array::from_fn(|channel| pixel[channel] * rows * (1.0 + 0.1 * (wave + 0.9 * channel as f32).sin()))
    });
    let aslant = standing_aslant(&tinted(&lit, [0.95, 1.0, 1.08]), 0.12, random);
    let from_left = random.coin();
    let glare = map_at(&aslant, |x, _, pixel| {
        let across = x as f32 / width;
        let light = if from_left { 1.0 - across } else { across };
        pixel.map(|value| value * (0.8 + 0.3 * light) + 30.0 * light * light)
    });
    noisy(&blurred(&glare, longest(picture) * 0.0015), 5.0, random)
}
