//! What edits are made of: pixels mapped, pictures resized, cut and pasted.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

pub const BLACK: Rgb<u8> = Rgb([0, 0, 0]);
pub const WHITE: Rgb<u8> = Rgb([255, 255, 255]);

/// The longer side in pixels.
pub fn longest(picture: &RgbImage) -> f32 {
    picture.width().max(picture.height()) as f32
}

/// The shorter side in pixels.
pub fn shortest(picture: &RgbImage) -> f32 {
    picture.width().min(picture.height()) as f32
}

/// Brightness of a colour as ITU-R BT.601 weighs it.
pub fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// From channels of 0 to 255, rounded and clamped.
pub fn rgb(channels: [f32; 3]) -> Rgb<u8> {
    Rgb(channels.map(|value| value.round().clamp(0.0, 255.0) as u8))
}

/// The picture with each pixel's channels (0 to 255) and place taken through `change`.
pub fn map_at(picture: &RgbImage, mut change: impl FnMut(u32, u32, [f32; 3]) -> [f32; 3]) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        rgb(change(x, y, picture.get_pixel(x, y).0.map(f32::from)))
    })
}

/// The picture with each pixel's channels (0 to 255) taken through `change`.
pub fn map(picture: &RgbImage, mut change: impl FnMut([f32; 3]) -> [f32; 3]) -> RgbImage {
    map_at(picture, |_, _, pixel| change(pixel))
}

/// The picture with each value (0 to 255) taken through `curve`.
pub fn curve(picture: &RgbImage, curve: impl Fn(f32) -> f32) -> RgbImage {
    map(picture, |pixel| pixel.map(&curve))
}

/// Resized to exactly this size, at least 8 pixels a side.
pub fn sized(picture: &RgbImage, width: f32, height: f32) -> RgbImage {
    let side = |length: f32| (length.round() as u32).max(8);
    imageops::resize(picture, side(width), side(height), FilterType::CatmullRom)
}

/// Both sides times `factor`.
pub fn scaled(picture: &RgbImage, factor: f32) -> RgbImage {
    sized(picture, picture.width() as f32 * factor, picture.height() as f32 * factor)
}

/// As large as fits into `width` x `height`.
pub fn fitted(picture: &RgbImage, width: f32, height: f32) -> RgbImage {
    scaled(picture, (width / picture.width() as f32).min(height / picture.height() as f32))
}

/// The middle of the picture, filling `width` x `height`.
pub fn covering(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let factor = (width as f32 / picture.width() as f32).max(height as f32 / picture.height() as f32);
    let large = scaled(picture, factor);
    let middle = cut(
        &large,
        large.width().saturating_sub(width) as f32 / 2.0,
        large.height().saturating_sub(height) as f32 / 2.0,
        width as f32,
        height as f32,
    );
    // Rounding may have left it a pixel short.
    if middle.dimensions() == (width, height) { middle } else { sized(&middle, width as f32, height as f32) }
}

/// A part; what lies outside of the picture is left off.
pub fn cut(picture: &RgbImage, x: f32, y: f32, width: f32, height: f32) -> RgbImage {
    let (x, y) = ((x.max(0.0) as u32).min(picture.width() - 1), (y.max(0.0) as u32).min(picture.height() - 1));
    let width = (width.round().max(1.0) as u32).min(picture.width() - x);
    let height = (height.round().max(1.0) as u32).min(picture.height() - y);
    imageops::crop_imm(picture, x, y, width, height).to_image()
}

/// A canvas of one colour.
pub fn canvas(width: f32, height: f32, colour: Rgb<u8>) -> RgbImage {
    RgbImage::from_pixel(width.round().max(1.0) as u32, height.round().max(1.0) as u32, colour)
}

/// Puts `picture` on `canvas` with its upper left corner at `x`, `y`.
pub fn paste(canvas: &mut RgbImage, picture: &RgbImage, x: f32, y: f32) {
    imageops::replace(canvas, picture, x.round() as i64, y.round() as i64);
}

/// Puts `picture` in the middle of `canvas`.
pub fn paste_in_the_middle(canvas: &mut RgbImage, picture: &RgbImage) {
    let x = (canvas.width() as f32 - picture.width() as f32) / 2.0;
    let y = (canvas.height() as f32 - picture.height() as f32) / 2.0;
    paste(canvas, picture, x, y);
}

/// Gaussian blur of `sigma` pixels.
pub fn blurred(picture: &RgbImage, sigma: f32) -> RgbImage {
    // Three box blurs are as good as the bell where it is wide, and far faster.
    if sigma > 3.0 { imageops::fast_blur(picture, sigma) } else { imageops::blur(picture, sigma.max(0.1)) }
}

/// Independent noise of standard deviation `sigma` on each value.
pub fn noisy(picture: &RgbImage, sigma: f32, random: &mut super::Random) -> RgbImage {
    curve_each(picture, |value| value + sigma * random.normal())
}

fn curve_each(picture: &RgbImage, mut curve: impl FnMut(f32) -> f32) -> RgbImage {
    map(picture, |pixel| pixel.map(&mut curve))
}

/// Darker towards the corners, which lose `strength` of their light.
pub fn vignetted(picture: &RgbImage, strength: f32) -> RgbImage {
    let (half_width, half_height) = (picture.width() as f32 / 2.0, picture.height() as f32 / 2.0);
    map_at(picture, |x, y, pixel| {
        let (dx, dy) = ((x as f32 - half_width) / half_width, (y as f32 - half_height) / half_height);
        let light = 1.0 - strength * (dx * dx + dy * dy) / 2.0;
        pixel.map(|value| value * light)
    })
}
