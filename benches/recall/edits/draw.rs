//! Shapes drawn over pictures: anything that can say of a point whether it lies inside.

use image::{Rgb, RgbImage};

/// A rectangle on the canvas: left, top, right and bottom edge in pixels.
#[derive(Clone, Copy)]
pub struct Area {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Area {
    /// From its upper left corner and its size.
    pub fn new(left: f32, top: f32, width: f32, height: f32) -> Self {
        Self { left, top, right: left + width, bottom: top + height }
    }

    /// The square around a circle.
    pub fn around(x: f32, y: f32, radius: f32) -> Self {
        Self::new(x - radius, y - radius, 2.0 * radius, 2.0 * radius)
    }
}

/// Four points of each pixel are asked: edges are smooth enough that they bring no corners of their own.
const POINTS: [(f32, f32); 4] = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)];

/// Paints `colour` with `opacity` (0 to 1) wherever, in `area`, `inside` says so.
pub fn fill(canvas: &mut RgbImage, area: Area, colour: Rgb<u8>, opacity: f32, inside: impl Fn(f32, f32) -> bool) {
    let clamp = |value: f32, end: u32| value.clamp(0.0, end as f32) as u32;
    let (width, height) = canvas.dimensions();
    for y in clamp(area.top.floor(), height)..clamp(area.bottom.ceil(), height) {
        for x in clamp(area.left.floor(), width)..clamp(area.right.ceil(), width) {
            let hits = POINTS.iter().filter(|(dx, dy)| inside(x as f32 + dx, y as f32 + dy)).count();
            if hits > 0 {
                let cover = opacity * hits as f32 / POINTS.len() as f32;
                let pixel = canvas.get_pixel_mut(x, y);
                for (value, paint) in pixel.0.iter_mut().zip(colour.0) {
                    *value = (f32::from(*value) * (1.0 - cover) + f32::from(paint) * cover).round() as u8;
                }
            }
        }
    }
}

/// A filled rectangle.
pub fn rectangle(canvas: &mut RgbImage, area: Area, colour: Rgb<u8>) {
    let Area { left, top, right, bottom } = area;
    fill(canvas, area, colour, 1.0, |x, y| x >= left && x < right && y >= top && y < bottom);
}

/// A filled rectangle with round corners.
pub fn rounded(canvas: &mut RgbImage, area: Area, radius: f32, colour: Rgb<u8>) {
    let Area { left, top, right, bottom } = area;
    fill(canvas, area, colour, 1.0, |x, y| {
        let dx = (left + radius - x).max(x - right + radius).max(0.0);
        let dy = (top + radius - y).max(y - bottom + radius).max(0.0);
        dx * dx + dy * dy <= radius * radius
    });
}

/// A filled ellipse within `area`.
pub fn ellipse(canvas: &mut RgbImage, area: Area, colour: Rgb<u8>) {
    let (x0, y0) = ((area.left + area.right) / 2.0, (area.top + area.bottom) / 2.0);
    let (rx, ry) = ((area.right - area.left) / 2.0, (area.bottom - area.top) / 2.0);
    fill(canvas, area, colour, 1.0, |x, y| ((x - x0) / rx).powi(2) + ((y - y0) / ry).powi(2) <= 1.0);
}

/// A filled polygon.
pub fn polygon(canvas: &mut RgbImage, points: &[(f32, f32)], colour: Rgb<u8>) {
    let bound =
        |pick: fn(f32, f32) -> f32, start: f32, of: fn(&(f32, f32)) -> f32| points.iter().map(of).fold(start, pick);
    let area = Area {
        left: bound(f32::min, f32::MAX, |p| p.0),
        top: bound(f32::min, f32::MAX, |p| p.1),
        right: bound(f32::max, f32::MIN, |p| p.0),
        bottom: bound(f32::max, f32::MIN, |p| p.1),
    };
    fill(canvas, area, colour, 1.0, |x, y| {
        let mut inside = false;
        for (&(x0, y0), &(x1, y1)) in points.iter().zip(points.iter().cycle().skip(1)) {
            if (y0 > y) != (y1 > y) && x < x0 + (y - y0) / (y1 - y0) * (x1 - x0) {
                inside = !inside;
            }
        }
        inside
    });
}

/// A star of `points` rays.
pub fn star(canvas: &mut RgbImage, x: f32, y: f32, radius: f32, points: usize, colour: Rgb<u8>) {
    let corners: Vec<_> = (0..2 * points)
        .map(|corner| {
            let reach = if corner % 2 == 0 { radius } else { radius * 0.42 };
            let (sine, cosine) = (std::f32::consts::PI * corner as f32 / points as f32).sin_cos();
            (x + reach * sine, y - reach * cosine)
        })
        .collect();
    polygon(canvas, &corners, colour);
}

/// A heart.
pub fn heart(canvas: &mut RgbImage, x: f32, y: f32, radius: f32, colour: Rgb<u8>) {
    fill(canvas, Area::around(x, y, radius), colour, 1.0, |px, py| {
        let (u, v) = ((px - x) / radius * 1.25, (y - py) / radius * 1.25 + 0.15);
        let ring = u * u + v * v - 1.0;
        ring * ring * ring - u * u * v * v * v <= 0.0
    });
}

/// A thick line with round ends.
pub fn line(canvas: &mut RgbImage, from: (f32, f32), to: (f32, f32), thickness: f32, colour: Rgb<u8>) {
    let half = thickness / 2.0;
    let area = Area {
        left: from.0.min(to.0) - half,
        top: from.1.min(to.1) - half,
        right: from.0.max(to.0) + half,
        bottom: from.1.max(to.1) + half,
    };
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = (dx * dx + dy * dy).max(1e-6);
    fill(canvas, area, colour, 1.0, |x, y| {
        let along = (((x - from.0) * dx + (y - from.1) * dy) / length).clamp(0.0, 1.0);
        (x - from.0 - along * dx).powi(2) + (y - from.1 - along * dy).powi(2) <= half * half
    });
}
