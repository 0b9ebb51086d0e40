//! Detail lost, added or turned into a drawing. Radii are shares of the longer side, so that small and large pictures
//! lose as much.

use image::RgbImage;
use image::imageops::{self, FilterType};

use super::pixels::{blurred, canvas, longest, luma, map_at, noisy, rgb};
use super::{Edit, Group, Random, draw, pixels};

pub const EDITS: &[Edit] = &[
    Edit::new("blur-small", Group::Degraded, |scene, _| blurred(scene.picture(), longest(scene.picture()) * 0.004)),
    Edit::new("blur-large", Group::Degraded, |scene, _| blurred(scene.picture(), longest(scene.picture()) * 0.012)),
    Edit::new("blur-motion", Group::Degraded, |scene, random| {
        let degrees = random.between(0.0, 180.0);
        smeared(scene.picture(), longest(scene.picture()) * 0.03, degrees)
    }),
    Edit::new("sharpened", Group::Degraded, |scene, _| sharpened(scene.picture(), 2.5)),
    Edit::new("noise-small", Group::Degraded, |scene, random| noisy(scene.picture(), 12.0, random)),
    Edit::new("noise-large", Group::Degraded, |scene, random| noisy(scene.picture(), 40.0, random)),
    Edit::new("salt-and-pepper", Group::Degraded, |scene, random| salted(scene.picture(), 0.05, random)),
    Edit::new("pixelated", Group::Degraded, |scene, _| pixelated(scene.picture(), 64.0)),
    Edit::new("median", Group::Degraded, |scene, _| {
        median(scene.picture(), (longest(scene.picture()) * 0.006).round().max(1.0) as i32)
    }),
    Edit::new("halftone", Group::Degraded, |scene, _| halftone(scene.picture())),
    Edit::new("drawing", Group::Degraded, |scene, _| drawing(scene.picture())),
];

/// Each pixel the mean of a line of `length` pixels through it.
fn smeared(picture: &RgbImage, length: f32, degrees: f32) -> RgbImage {
    let steps = length.ceil().max(2.0) as i32;
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let (right, bottom) = (picture.width() as i32 - 1, picture.height() as i32 - 1);
    map_at(picture, |x, y, _| {
        let mut sum = [0.0; 3];
        for step in 0..steps {
            let along = (step as f32 / (steps - 1) as f32 - 0.5) * length;
            let x = (x as i32 + (along * cosine).round() as i32).clamp(0, right);
            let y = (y as i32 + (along * sine).round() as i32).clamp(0, bottom);
            let pixel = picture.get_pixel(x as u32, y as u32).0;
            sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f32::from(value));
        }
        sum.map(|sum| sum / steps as f32)
    })
}

/// What a blur takes away, added `strength` times.
fn sharpened(picture: &RgbImage, strength: f32) -> RgbImage {
    let smooth = blurred(picture, (longest(picture) * 0.002).max(1.0));
    map_at(picture, |x, y, pixel| {
        let smooth = smooth.get_pixel(x, y).0.map(f32::from);
        std::array::from_fn(|channel| pixel[channel] + strength * (pixel[channel] - smooth[channel]))
    })
}

/// A `share` of the pixels black or white.
fn salted(picture: &RgbImage, share: f32, random: &mut Random) -> RgbImage {
    map_at(picture, |_, _, pixel| match random.unit() / share {
        hit if hit < 0.5 => [0.0; 3],
        hit if hit < 1.0 => [255.0; 3],
        _ => pixel,
    })
}

/// Blocks of one colour, `blocks` along the longer side.
fn pixelated(picture: &RgbImage, blocks: f32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let side = |length: u32| (length as f32 * blocks / longest(picture)).round().max(1.0) as u32;
    let small = imageops::thumbnail(picture, side(width), side(height));
    imageops::resize(&small, width, height, FilterType::Nearest)
}

/// Each value the median of the square that reaches `radius` pixels around it: brush strokes. Huang's sliding
/// histogram (1979): moving on by a pixel changes two columns of it.
fn median(picture: &RgbImage, radius: i32) -> RgbImage {
    let (width, height) = (picture.width() as i32, picture.height() as i32);
    let at = |x: i32, y: i32, channel: usize| {
        usize::from(picture.get_pixel(x.clamp(0, width - 1) as u32, y.clamp(0, height - 1) as u32).0[channel])
    };
    let half = (2 * radius + 1).pow(2) / 2;
    let mut out = picture.clone();
    for channel in 0..3 {
        for y in 0..height {
            let mut counts = [0i32; 256];
            (-radius..=radius).for_each(|dx| (y - radius..=y + radius).for_each(|v| counts[at(dx, v, channel)] += 1));
            for x in 0..width {
                let mut below = 0;
                let value = counts.iter().position(|count| {
                    below += count;
                    below > half
                });
                out.get_pixel_mut(x as u32, y as u32).0[channel] = value.unwrap_or(0) as u8;
                for v in y - radius..=y + radius {
                    counts[at(x - radius, v, channel)] -= 1;
                    counts[at(x + radius + 1, v, channel)] += 1;
                }
            }
        }
    }
    out
}

/// Printed in black dots on a grid turned by 30 degrees, each as large as its place is dark.
fn halftone(picture: &RgbImage) -> RgbImage {
    let cell = (longest(picture) / 110.0).max(4.0);
    let smooth = blurred(picture, cell * 0.4);
    let (sine, cosine) = 30f32.to_radians().sin_cos();
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let mut out = canvas(width, height, pixels::WHITE);
    let reach = ((width + height) / cell) as i32;
    for row in -reach..=reach {
        for column in -reach..=reach {
            let (u, v) = (column as f32 * cell, row as f32 * cell);
            let (x, y) = (width / 2.0 + cosine * u - sine * v, height / 2.0 + sine * u + cosine * v);
            if x >= 0.0 && y >= 0.0 && x < width && y < height {
                let dark = 1.0 - luma(smooth.get_pixel(x as u32, y as u32).0.map(f32::from)) / 255.0;
                draw::ellipse(&mut out, draw::Area::around(x, y, cell * 0.6 * dark.sqrt()), pixels::BLACK);
            }
        }
    }
    out
}

/// A pencil drawing: dark where the brightness changes.
fn drawing(picture: &RgbImage) -> RgbImage {
    let smooth = blurred(picture, (longest(picture) / 450.0).max(1.0));
    let (right, bottom) = (picture.width() as i32 - 1, picture.height() as i32 - 1);
    let at =
        |x: i32, y: i32| luma(smooth.get_pixel(x.clamp(0, right) as u32, y.clamp(0, bottom) as u32).0.map(f32::from));
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let (x, y) = (x as i32, y as i32);
        let across: f32 =
            [(-1, 1.0), (0, 2.0), (1, 1.0)].map(|(d, w)| w * (at(x + 1, y + d) - at(x - 1, y + d))).iter().sum();
        let down: f32 =
            [(-1, 1.0), (0, 2.0), (1, 1.0)].map(|(d, w)| w * (at(x + d, y + 1) - at(x + d, y - 1))).iter().sum();
        rgb([255.0 - 1.6 * (across.hypot(down) - 12.0).max(0.0); 3])
    })
}
