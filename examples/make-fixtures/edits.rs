//! What people do to pictures: the edited copies that the tests search with.

use image::imageops::{self, FilterType};
use image::{GrayImage, Rgb, RgbImage};

use crate::canvas::Canvas;
use crate::random::{Random, cosine, noise, sine};
use crate::scenes;

/// Gives each pixel a colour made of its own.
fn recoloured(picture: &RgbImage, map: impl Fn([f32; 3]) -> [f32; 3]) -> RgbImage {
    let mut copy = picture.clone();
    copy.pixels_mut()
        .for_each(|pixel| pixel.0 = map(pixel.0.map(f32::from)).map(|value| (value + 0.5).clamp(0.0, 255.0) as u8));
    copy
}

pub fn grey(picture: &RgbImage) -> RgbImage {
    recoloured(picture, |[r, g, b]| [0.299 * r + 0.587 * g + 0.114 * b; 3])
}

pub fn warm(picture: &RgbImage) -> RgbImage {
    recoloured(picture, |[r, g, b]| [r * 1.15 + 12.0, g, b * 0.75])
}

pub fn darker(picture: &RgbImage) -> RgbImage {
    recoloured(picture, |colour| colour.map(|value| value * value / 255.0 * 0.5 + value * 0.3))
}

pub fn negative(picture: &RgbImage) -> RgbImage {
    recoloured(picture, |colour| colour.map(|value| 255.0 - value))
}

pub fn resized(picture: &RgbImage, factor: f32) -> RgbImage {
    stretched(picture, factor, factor)
}

pub fn stretched(picture: &RgbImage, across: f32, down: f32) -> RgbImage {
    let side = |pixels: u32, factor: f32| (pixels as f32 * factor) as u32;
    imageops::resize(picture, side(picture.width(), across), side(picture.height(), down), FilterType::Triangle)
}

/// Three passes of a box of 2 * radius + 1 pixels, which is nearly a Gaussian.
pub fn blurred(picture: &RgbImage, radius: i64) -> RgbImage {
    let mut blurred = picture.clone();
    for _ in 0..3 {
        for (dx, dy) in [(1, 0), (0, 1)] {
            let from = blurred.clone();
            blurred = RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
                let mut sum = [0; 3];
                for step in -radius..=radius {
                    let pixel = clamped(&from, i64::from(x) + dx * step, i64::from(y) + dy * step);
                    sum.iter_mut().zip(pixel.0).for_each(|(sum, value)| *sum += i64::from(value));
                }
                Rgb(sum.map(|value| ((value + radius) / (2 * radius + 1)) as u8))
            });
        }
    }
    blurred
}

fn clamped(picture: &RgbImage, x: i64, y: i64) -> Rgb<u8> {
    let side = |value: i64, limit: u32| value.clamp(0, i64::from(limit) - 1) as u32;
    *picture.get_pixel(side(x, picture.width()), side(y, picture.height()))
}

pub fn noisy(picture: &RgbImage, strength: f32, seed: u64) -> RgbImage {
    let mut random = Random::new(seed);
    let mut noisy = picture.clone();
    for value in noisy.iter_mut() {
        let noise = random.range(-strength, strength) + random.range(-strength, strength);
        *value = (f32::from(*value) + noise).clamp(0.0, 255.0) as u8;
    }
    noisy
}

/// The part of a picture that begins at a share of its sides and has a share of them.
pub fn cropped(picture: &RgbImage, from: (f32, f32), share: (f32, f32)) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let (x, y) = ((from.0 * width) as u32, (from.1 * height) as u32);
    imageops::crop_imm(picture, x, y, (share.0 * width) as u32, (share.1 * height) as u32).to_image()
}

/// A picture of a size, each of its pixels read at the place in `picture` that `source` says.
pub fn warped(
    picture: &RgbImage,
    size: (u32, u32),
    ground: [u8; 3],
    source: impl Fn(f32, f32) -> (f32, f32),
) -> RgbImage {
    RgbImage::from_fn(size.0, size.1, |x, y| {
        let (sx, sy) = source(x as f32 + 0.5, y as f32 + 0.5);
        if sx < 0.0 || sy < 0.0 || sx >= picture.width() as f32 || sy >= picture.height() as f32 {
            return Rgb(ground);
        }
        let (fx, fy) = (sx - 0.5, sy - 0.5);
        let (left, top) = (fx.floor(), fy.floor());
        let at = |dx: i64, dy: i64| clamped(picture, left as i64 + dx, top as i64 + dy).0.map(f32::from);
        let (u, v) = (fx - left, fy - top);
        let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
        Rgb(std::array::from_fn(|i| {
            let (upper, lower) = (a[i] + (b[i] - a[i]) * u, c[i] + (d[i] - c[i]) * u);
            (upper + (lower - upper) * v + 0.5) as u8
        }))
    })
}

/// Turned clockwise about its middle, its corners on a ground.
pub fn turned(picture: &RgbImage, turns: f32, ground: [u8; 3]) -> RgbImage {
    let (w, h) = (picture.width() as f32, picture.height() as f32);
    let (c, s) = (cosine(turns), sine(turns));
    let size = (w * c.abs() + h * s.abs(), w * s.abs() + h * c.abs());
    warped(picture, (size.0 as u32, size.1 as u32), ground, |x, y| {
        let (dx, dy) = (x - size.0 / 2.0, y - size.1 / 2.0);
        (w / 2.0 + dx * c + dy * s, h / 2.0 - dx * s + dy * c)
    })
}

/// Seen from the side: its right edge is shorter.
pub fn perspective(picture: &RgbImage) -> RgbImage {
    let (w, h) = (picture.width() as f32, picture.height() as f32);
    warped(picture, picture.dimensions(), [225, 222, 215], |x, y| {
        let depth = 1.0 - 0.38 * x / w;
        (x / w / depth * 0.62 * w, h / 2.0 + (y - h / 2.0) / depth)
    })
}

fn written(
    picture: &RgbImage,
    lines: &[(f32, f32)],
    colour: [f32; 3],
    outline: Option<[f32; 3]>,
    seed: u64,
) -> RgbImage {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let mut canvas = Canvas::new(w, h, [0.0; 3]);
    canvas.all(|x, y, _| picture.get_pixel(x as u32, y as u32).0.map(f32::from));
    for (line, &(top, size)) in lines.iter().enumerate() {
        let (size, y) = (size * h as f32, top * h as f32);
        let from = 0.08 * w as f32;
        for (shift, colour) in outline.map(|colour| (size / 12.0, colour)).into_iter().chain([(0.0, colour)]) {
            let mut random = Random::new(seed + line as u64);
            canvas.writing((from + shift, y + shift), 0.92 * w as f32, size, colour, &mut random);
        }
    }
    canvas.finish()
}

/// White bars above and below with a line of writing each.
pub fn meme(picture: &RgbImage) -> RgbImage {
    let bar = picture.height() / 5;
    let mut framed = RgbImage::from_pixel(picture.width(), picture.height() + 2 * bar, Rgb([255; 3]));
    imageops::replace(&mut framed, picture, 0, i64::from(bar));
    written(&framed, &[(0.045, 0.055), (0.9, 0.055)], [10.0; 3], None, 3)
}

/// A line of writing below the picture.
pub fn captioned(picture: &RgbImage) -> RgbImage {
    let mut framed = RgbImage::from_pixel(picture.width(), picture.height() * 6 / 5, Rgb([20, 20, 24]));
    imageops::replace(&mut framed, picture, 0, 0);
    written(&framed, &[(0.88, 0.06)], [235.0; 3], None, 11)
}

/// Large outlined writing over the picture.
pub fn overlaid(picture: &RgbImage) -> RgbImage {
    written(picture, &[(0.06, 0.12), (0.8, 0.12)], [250.0; 3], Some([10.0; 3]), 7)
}

pub fn bordered(picture: &RgbImage) -> RgbImage {
    let edge = picture.width() / 7;
    let mut framed =
        RgbImage::from_pixel(picture.width() + 2 * edge, picture.height() + 2 * edge, Rgb([248, 246, 240]));
    imageops::replace(&mut framed, picture, i64::from(edge), i64::from(edge));
    framed
}

/// Small, within another picture.
pub fn pasted(picture: &RgbImage, ground: &RgbImage, share: f32, at: (f32, f32)) -> RgbImage {
    let mut composed = ground.clone();
    let (width, height) = ((ground.width() as f32 * share) as u32, (ground.height() as f32 * share) as u32);
    let small = imageops::resize(picture, width, height, FilterType::Triangle);
    let place = |side: u32, share: f32| (side as f32 * share) as i64;
    imageops::replace(&mut composed, &small, place(ground.width(), at.0), place(ground.height(), at.1));
    composed
}

/// Four pictures in a square of two by two.
pub fn collage(pictures: &[&RgbImage]) -> RgbImage {
    let (w, h, gap) = (300, 225, 6);
    let mut sheet = RgbImage::from_pixel(2 * w + 3 * gap, 2 * h + 3 * gap, Rgb([255; 3]));
    for (i, picture) in (0..).zip(pictures) {
        let small = imageops::resize(*picture, w, h, FilterType::Triangle);
        let (column, row) = (i % 2, i / 2);
        imageops::replace(&mut sheet, &small, i64::from(gap + column * (w + gap)), i64::from(gap + row * (h + gap)));
    }
    sheet
}

/// In a window with a title, a list at its side and buttons.
pub fn screenshot(picture: &RgbImage) -> RgbImage {
    let mut canvas = Canvas::new(720, 480, [52.0, 60.0, 72.0]);
    let mut random = Random::new(41);
    canvas.rectangle((20.0, 14.0), (680.0, 450.0), [243.0, 243.0, 245.0]);
    canvas.rectangle((20.0, 14.0), (680.0, 30.0), [222.0, 222.0, 228.0]);
    for i in 0..3 {
        canvas.ball(
            (38.0 + 18.0 * i as f32, 29.0),
            6.0,
            [[230.0, 90.0, 80.0], [235.0, 190.0, 70.0], [90.0, 190.0, 90.0]][i],
        );
    }
    canvas.writing((240.0, 24.0), 480.0, 11.0, [60.0; 3], &mut random);
    for i in 0..16 {
        canvas.writing((30.0, 60.0 + 24.0 * i as f32), 120.0, 9.0, [90.0, 95.0, 110.0], &mut random);
        canvas.line((26.0, 76.0 + 24.0 * i as f32), (150.0, 76.0 + 24.0 * i as f32), 1.0, [215.0; 3]);
    }
    let mut shot = canvas.finish();
    let shown = imageops::resize(picture, 500, 375, FilterType::Triangle);
    imageops::replace(&mut shot, &shown, 175, 60);
    shot
}

/// Mirrored, cropped, turned a little, darkened, written on.
pub fn strong(picture: &RgbImage) -> RgbImage {
    let part = cropped(&imageops::flip_horizontal(picture), (0.12, 0.1), (0.75, 0.75));
    overlaid(&darker(&turned(&part, 0.03, [30, 30, 30])))
}

/// What a scanner of line art leaves: dark where the brightness changes.
pub fn outlines(picture: &RgbImage) -> RgbImage {
    let smooth = blurred(picture, 1);
    let grey = GrayImage::from_fn(smooth.width(), smooth.height(), |x, y| {
        let at = |dx: i64, dy: i64| i32::from(clamped(&smooth, i64::from(x) + dx, i64::from(y) + dy).0[1]);
        let steep = (at(1, 0) - at(-1, 0)).abs() + (at(0, 1) - at(0, -1)).abs();
        let paper = 246.0 + 6.0 * noise(x as f32 / 9.0, y as f32 / 9.0, 5);
        image::Luma([(paper - 5.0 * (steep - 8).max(0) as f32).clamp(20.0, 255.0) as u8])
    });
    image::DynamicImage::from(grey).to_rgb8()
}

/// A scene that is in no collection.
pub fn unrelated(kind: &str, seed: u64) -> RgbImage {
    scenes::draw(kind, 480, 360, 900_000 + seed).finish()
}
