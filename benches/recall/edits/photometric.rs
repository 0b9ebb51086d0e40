//! Colours and light: what a filter app does. Where an edit can go two ways, the picture's own coin decides.

use image::RgbImage;

use super::pixels::{curve, luma, map, noisy, rgb, vignetted};
use super::{Edit, Group, Random};

pub const EDITS: &[Edit] = &[
    Edit::new("grey", Group::Photometric, |scene, _| saturated(scene.picture(), 0.0)),
    Edit::new("sepia", Group::Photometric, |scene, _| {
        map(scene.picture(), |pixel| [1.08, 0.93, 0.72].map(|tint| tint * luma(pixel)))
    }),
    Edit::new("saturation", Group::Photometric, |scene, random| {
        saturated(scene.picture(), if random.coin() { 1.9 } else { 0.4 })
    }),
    Edit::new("hue", Group::Photometric, |scene, random| {
        let degrees = random.sign() * random.between(20.0, 70.0);
        hue_turned(scene.picture(), degrees)
    }),
    Edit::new("brighter", Group::Photometric, |scene, _| curve(scene.picture(), |value| value * 1.4)),
    Edit::new("darker", Group::Photometric, |scene, _| curve(scene.picture(), |value| value * 0.5)),
    Edit::new("contrast-more", Group::Photometric, |scene, _| {
        curve(scene.picture(), |value| 128.0 + 1.6 * (value - 128.0))
    }),
    Edit::new("contrast-less", Group::Photometric, |scene, _| {
        curve(scene.picture(), |value| 128.0 + 0.45 * (value - 128.0))
    }),
    Edit::new("gamma", Group::Photometric, |scene, random| {
        let gamma = if random.coin() { 2.1 } else { 0.48 };
        curve(scene.picture(), |value| 255.0 * (value / 255.0).powf(gamma))
    }),
    Edit::new("warm", Group::Photometric, |scene, _| tinted(scene.picture(), [1.18, 1.0, 0.74])),
    Edit::new("cold", Group::Photometric, |scene, _| tinted(scene.picture(), [0.76, 0.98, 1.2])),
    Edit::new("posterised", Group::Photometric, |scene, _| {
        curve(scene.picture(), |value| (value / 85.0).round() * 85.0)
    }),
    Edit::new("solarised", Group::Photometric, |scene, _| {
        curve(scene.picture(), |value| if value > 150.0 { 255.0 - value } else { value })
    }),
    Edit::new("negative", Group::Photometric, |scene, _| curve(scene.picture(), |value| 255.0 - value)),
    Edit::new("equalised", Group::Photometric, |scene, _| equalised(scene.picture())),
    Edit::new("vignette", Group::Photometric, |scene, _| vignetted(scene.picture(), 0.85)),
    Edit::new("film", Group::Photometric, |scene, random| film(scene.picture(), random)),
];

/// Colours `strength` times as far from grey.
pub fn saturated(picture: &RgbImage, strength: f32) -> RgbImage {
    map(picture, |pixel| {
        let grey = luma(pixel);
        pixel.map(|value| grey + strength * (value - grey))
    })
}

/// Each channel times its factor.
pub fn tinted(picture: &RgbImage, tint: [f32; 3]) -> RgbImage {
    map(picture, |pixel| std::array::from_fn(|channel| pixel[channel] * tint[channel]))
}

/// Colours turned about the axis of greys.
pub fn hue_turned(picture: &RgbImage, degrees: f32) -> RgbImage {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let (even, odd) = ((1.0 - cosine) / 3.0, sine / 3f32.sqrt());
    map(picture, |[r, g, b]| {
        [
            (cosine + even) * r + (even - odd) * g + (even + odd) * b,
            (even + odd) * r + (cosine + even) * g + (even - odd) * b,
            (even - odd) * r + (even + odd) * g + (cosine + even) * b,
        ]
    })
}

/// Each channel's values spread so that all are as frequent.
fn equalised(picture: &RgbImage) -> RgbImage {
    let mut counts = [[0u32; 256]; 3];
    for pixel in picture.pixels() {
        for (counts, value) in counts.iter_mut().zip(pixel.0) {
            counts[usize::from(value)] += 1;
        }
    }
    let all = (picture.width() * picture.height()) as f32;
    let levels = counts.map(|counts| {
        let mut below = 0;
        counts.map(|count| {
            below += count;
            255.0 * (below as f32 - count as f32 / 2.0) / all
        })
    });
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let pixel = picture.get_pixel(x, y).0;
        rgb(std::array::from_fn(|channel| levels[channel][usize::from(pixel[channel])]))
    })
}

/// An old film: lifted shadows, warm lights, dark corners, grain.
fn film(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let faded = curve(picture, |value| {
        let light = value / 255.0;
        35.0 + 205.0 * light * light * (3.0 - 2.0 * light)
    });
    let toned = tinted(&saturated(&faded, 0.7), [1.08, 1.0, 0.86]);
    noisy(&vignetted(&toned, 0.6), 9.0, random)
}
