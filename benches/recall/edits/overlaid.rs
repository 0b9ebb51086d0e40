//! Something over or beside the picture: captions, memes, stickers, watermarks.

use image::{Rgb, RgbImage};

use super::draw::{self, Area, ellipse, heart, line, star};
use super::pixels::{BLACK, WHITE, canvas, paste, shortest};
use super::screens::words;
use super::{Edit, Group, Random, font};

pub const EDITS: &[Edit] = &[
    Edit::new("caption", Group::Overlaid, |scene, random| captioned(scene.picture(), random)),
    Edit::new("meme", Group::Overlaid, |scene, random| meme(scene.picture(), random)),
    Edit::new("emoji", Group::Overlaid, |scene, random| faced(scene.picture(), random)),
    Edit::new("stickers", Group::Overlaid, |scene, random| stickered(scene.picture(), random)),
    Edit::new("watermark", Group::Overlaid, |scene, _| watermarked(scene.picture())),
    Edit::new("text-large", Group::Overlaid, |scene, random| lettered(scene.picture(), random)),
];

/// Two lines of text on a strip below.
pub fn captioned(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let strip = (height * 0.24).max(24.0);
    let (paper, ink) = random.pick(&[(WHITE, BLACK), (BLACK, WHITE)]);
    let mut out = canvas(width, height + strip, paper);
    paste(&mut out, picture, 0.0, 0.0);
    for row in 0..2 {
        let text = words(6, random);
        let size = font::fitting(&text, strip * 0.26, width * 0.92);
        let middle = height + strip * (0.3 + 0.4 * row as f32);
        font::write(&mut out, &text, (width * 0.04, middle - size / 2.0), size, ink);
    }
    out
}

/// White letters with black edges, above and below.
pub fn meme(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let mut out = picture.clone();
    for place in [0.12, 0.88] {
        let text = words(4, random);
        let size = font::fitting(&text, height * 0.13, width * 0.94);
        font::write_outlined(&mut out, &text, (width / 2.0, height * place - size / 2.0), size, (WHITE, BLACK));
    }
    out
}

/// A laughing face over a third of the shorter side.
fn faced(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let mut out = picture.clone();
    let radius = shortest(picture) * random.between(0.15, 0.22);
    let (x, y) = (random.between(radius, width - radius), random.between(radius, height - radius));
    ellipse(&mut out, Area::around(x, y, radius * 1.05), Rgb([168, 112, 12]));
    ellipse(&mut out, Area::around(x, y, radius), Rgb([255, 208, 64]));
    for side in [-1.0, 1.0] {
        ellipse(&mut out, Area::around(x + side * radius * 0.36, y - radius * 0.25, radius * 0.13), Rgb([72, 44, 8]));
    }
    let mouth = Area::around(x, y + radius * 0.12, radius * 0.62);
    draw::fill(&mut out, mouth, Rgb([120, 30, 20]), 1.0, |px, py| {
        py > y + radius * 0.15 && (px - x).hypot(py - y - radius * 0.12) < radius * 0.6
    });
    out
}

/// Six stickers scattered over the picture.
fn stickered(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let mut out = picture.clone();
    for place in 0..6 {
        let radius = shortest(picture) * random.between(0.07, 0.13);
        let (x, y) = (random.between(radius, width - radius), random.between(radius, height - radius));
        let colour = random.pick(&[[235, 60, 90], [60, 140, 235], [70, 200, 110], [250, 200, 40], [170, 80, 220]]);
        match place % 3 {
            0 => {
                star(&mut out, x, y, radius * 1.2, 5, WHITE);
                star(&mut out, x, y, radius, 5, Rgb(colour));
            }
            1 => {
                heart(&mut out, x, y, radius * 1.15, WHITE);
                heart(&mut out, x, y, radius, Rgb(colour));
            }
            _ => {
                let (dx, dy) = (radius * 1.4 * random.sign(), radius * random.sign());
                line(&mut out, (x - dx, y - dy), (x + dx, y + dy), radius * 0.3, Rgb(colour));
                ellipse(&mut out, Area::around(x + dx, y + dy, radius * 0.4), Rgb(colour));
            }
        }
    }
    out
}

/// Faint text all over, rising to the right.
fn watermarked(picture: &RgbImage) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let mut text = picture.clone();
    // Written level on a dark and a light sheet, turned, and read as a mask.
    let side = width.hypot(height);
    let mut sheet = canvas(side, side, BLACK);
    let size = height.min(width) * 0.06;
    let mark = "@ SAMPLE STOCK   ";
    let step = font::width(mark, size);
    for row in 0..(side / (size * 2.6)) as usize {
        for column in 0..=(side / step) as usize + 1 {
            let x = (column as f32 - 0.5 * (row % 2) as f32) * step;
            font::write(&mut sheet, mark, (x, row as f32 * size * 2.6), size, WHITE);
        }
    }
    let (sine, cosine) = 30f32.to_radians().sin_cos();
    let mask = super::warp::warp(&sheet, width, height, BLACK, |x, y| {
        let (x, y) = (x - width / 2.0, y - height / 2.0);
        (cosine * x - sine * y + side / 2.0, sine * x + cosine * y + side / 2.0)
    });
    for (pixel, mask) in text.pixels_mut().zip(mask.pixels()) {
        let cover = 0.45 * f32::from(mask.0[0]) / 255.0;
        pixel.0 = pixel.0.map(|value| (f32::from(value) * (1.0 - cover) + 255.0 * cover).round() as u8);
    }
    text
}

/// Large words in bright colours over much of the picture.
fn lettered(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let mut out = picture.clone();
    for row in 0..3 {
        let text = words(2, random);
        let size = font::fitting(&text, height * 0.2, width * 0.96);
        let colour = random.pick(&[[255, 60, 60], [60, 220, 255], [255, 230, 40], [255, 90, 220], [120, 255, 90]]);
        let y = height * (0.2 + 0.3 * row as f32) - size / 2.0;
        font::write_outlined(&mut out, &text, (width / 2.0, y), size, (Rgb(colour), BLACK));
    }
    out
}
