//! Plane maps: turned, sheared and seen from the side.

use image::{Rgb, RgbImage};

/// A homography: where (x, y, 1) goes, rows first.
#[derive(Clone, Copy)]
pub struct Map([[f32; 3]; 3]);

impl Map {
    /// Where a point goes.
    pub fn of(&self, x: f32, y: f32) -> (f32, f32) {
        let [u, v, w] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        (u / w, v / w)
    }

    /// Takes the corners of a `width` x `height` rectangle (upper left, upper right, lower right, lower
    /// left) to `quad`, by Heckbert's closed form (Fundamentals of Texture Mapping, 1989, section 2.2.3).
    pub fn to_quad(width: f32, height: f32, quad: [(f32, f32); 4]) -> Self {
        let [(x0, y0), (x1, y1), (x2, y2), (x3, y3)] = quad;
        let (sum_x, sum_y) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
        let (dx1, dx2, dy1, dy2) = (x1 - x2, x3 - x2, y1 - y2, y3 - y2);
        let area = dx1 * dy2 - dx2 * dy1;
        let g = (sum_x * dy2 - dx2 * sum_y) / area;
        let h = (dx1 * sum_y - sum_x * dy1) / area;
        let unit = [[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1.0]];
        Self(unit.map(|[a, b, c]| [a / width, b / height, c]))
    }

    /// The map back (the adjugate: homographies have no scale).
    pub fn inverse(&self) -> Self {
        let [[a, b, c], [d, e, f], [g, h, i]] = self.0;
        Self([
            [e * i - f * h, c * h - b * i, b * f - c * e],
            [f * g - d * i, a * i - c * g, c * d - a * f],
            [d * h - e * g, b * g - a * h, a * e - b * d],
        ])
    }
}

/// A picture of `width` x `height` whose pixel at (x, y) is that of `picture` at `back(x, y)`, interpolated;
/// `fill` where there is none.
pub fn warp(
    picture: &RgbImage,
    width: f32,
    height: f32,
    fill: Rgb<u8>,
    back: impl Fn(f32, f32) -> (f32, f32),
) -> RgbImage {
    RgbImage::from_fn(width.round().max(1.0) as u32, height.round().max(1.0) as u32, |x, y| {
        let (u, v) = back(x as f32 + 0.5, y as f32 + 0.5);
        sample(picture, u - 0.5, v - 0.5).unwrap_or(fill)
    })
}

/// The colour at a place between pixels; `None` outside of the picture.
fn sample(picture: &RgbImage, x: f32, y: f32) -> Option<Rgb<u8>> {
    let (right, bottom) = (picture.width() as f32 - 1.0, picture.height() as f32 - 1.0);
    if !(x >= -0.5 && y >= -0.5 && x <= right + 0.5 && y <= bottom + 0.5) {
        return None;
    }
    let (x, y) = (x.clamp(0.0, right), y.clamp(0.0, bottom));
    let (left, top) = (x as u32, y as u32);
    let (next_x, next_y) = ((left + 1).min(right as u32), (top + 1).min(bottom as u32));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let [a, b, c, d] = [(left, top), (next_x, top), (left, next_y), (next_x, next_y)]
        .map(|(x, y)| picture.get_pixel(x, y).0.map(f32::from));
    Some(super::pixels::rgb(std::array::from_fn(|k| {
        (a[k] * (1.0 - fx) + b[k] * fx) * (1.0 - fy) + (c[k] * (1.0 - fx) + d[k] * fx) * fy
    })))
}

/// Turned by `degrees` on a canvas large enough for all of it, the corners filled.
pub fn turned(picture: &RgbImage, degrees: f32, fill: Rgb<u8>) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let wide = width * cosine.abs() + height * sine.abs();
    let high = width * sine.abs() + height * cosine.abs();
    warp(picture, wide, high, fill, |x, y| {
        let (x, y) = (x - wide / 2.0, y - high / 2.0);
        (cosine * x + sine * y + width / 2.0, cosine * y - sine * x + height / 2.0)
    })
}

/// Turned by `degrees` and cut to the largest upright rectangle without filled corners.
pub fn turned_and_cut(picture: &RgbImage, degrees: f32) -> RgbImage {
    let turned = turned(picture, degrees, super::pixels::BLACK);
    let (width, height) = inscribed(picture.width() as f32, picture.height() as f32, degrees);
    let (x, y) = ((turned.width() as f32 - width) / 2.0, (turned.height() as f32 - height) / 2.0);
    super::pixels::cut(&turned, x.ceil() + 1.0, y.ceil() + 1.0, width - 3.0, height - 3.0)
}

/// The largest upright rectangle within a turned `width` x `height`: either two of its corners touch the
/// long sides (a flat picture or a steep angle), or all four touch a side each.
fn inscribed(width: f32, height: f32, degrees: f32) -> (f32, f32) {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let (sine, cosine) = (sine.abs(), cosine.abs());
    let (long, short) = (width.max(height), width.min(height));
    if short <= 2.0 * sine * cosine * long || (sine - cosine).abs() < 1e-6 {
        let half = short / 2.0;
        return if width >= height { (half / sine, half / cosine) } else { (half / cosine, half / sine) };
    }
    let doubled = cosine * cosine - sine * sine;
    ((width * cosine - height * sine) / doubled, (height * cosine - width * sine) / doubled)
}
