//! Pixels to draw on: twice as fine as the picture that comes of them, so that edges are smooth.

use image::{Rgb, RgbImage};

use crate::random::{Random, cosine, fractal, noise, sine};

/// 0 to 255 each; beyond is clamped at the end.
pub type Colour = [f32; 3];

/// Drawn pixels a side for each pixel of the picture.
const FINE: usize = 2;

/// Everything is measured in pixels of the picture, origin top left.
pub struct Canvas {
    pub width: f32,
    pub height: f32,
    columns: usize,
    rows: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    pub fn new(width: usize, height: usize, ground: Colour) -> Self {
        let (columns, rows) = (width * FINE, height * FINE);
        Self { width: width as f32, height: height as f32, columns, rows, pixels: vec![ground; columns * rows] }
    }

    /// Gives each pixel within a box the colour that `paint` makes of its place and its colour so far.
    pub fn paint(
        &mut self,
        from: (f32, f32),
        to: (f32, f32),
        mut paint: impl FnMut(f32, f32, Colour) -> Option<Colour>,
    ) {
        let fine = FINE as f32;
        let side = |value: f32, limit: usize| (value * fine).max(0.0).min(limit as f32) as usize;
        for row in side(from.1, self.rows)..side(to.1 + 1.0, self.rows) {
            for column in side(from.0, self.columns)..side(to.0 + 1.0, self.columns) {
                let pixel = &mut self.pixels[row * self.columns + column];
                if let Some(colour) = paint((column as f32 + 0.5) / fine, (row as f32 + 0.5) / fine, *pixel) {
                    *pixel = colour;
                }
            }
        }
    }

    pub fn all(&mut self, mut paint: impl FnMut(f32, f32, Colour) -> Colour) {
        self.paint((0.0, 0.0), (self.width, self.height), |x, y, colour| Some(paint(x, y, colour)));
    }

    pub fn rectangle(&mut self, (x, y): (f32, f32), (width, height): (f32, f32), colour: Colour) {
        self.polygon(&[(x, y), (x + width, y), (x + width, y + height), (x, y + height)], |_, _| colour);
    }

    pub fn polygon(&mut self, corners: &[(f32, f32)], colour: impl Fn(f32, f32) -> Colour) {
        let span = |values: &mut dyn Iterator<Item = f32>| {
            values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)))
        };
        let (left, right) = span(&mut corners.iter().map(|p| p.0));
        let (top, bottom) = span(&mut corners.iter().map(|p| p.1));
        self.paint((left, top), (right, bottom), |x, y, _| {
            let mut inside = false;
            for (i, &(ax, ay)) in corners.iter().enumerate() {
                let (bx, by) = corners[(i + 1) % corners.len()];
                if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
                    inside = !inside;
                }
            }
            inside.then(|| colour(x, y))
        });
    }

    /// An ellipse; `colour` is given the place relative to the middle, -1 to 1 along each axis.
    pub fn ellipse(&mut self, (cx, cy): (f32, f32), (rx, ry): (f32, f32), colour: impl Fn(f32, f32) -> Colour) {
        self.paint((cx - rx, cy - ry), (cx + rx, cy + ry), |x, y, _| {
            let (u, v) = ((x - cx) / rx, (y - cy) / ry);
            (u * u + v * v <= 1.0).then(|| colour(u, v))
        });
    }

    pub fn line(&mut self, (ax, ay): (f32, f32), (bx, by): (f32, f32), thickness: f32, colour: Colour) {
        let (dx, dy, half) = (bx - ax, by - ay, thickness / 2.0);
        let length = (dx * dx + dy * dy).max(1e-6);
        self.paint((ax.min(bx) - half, ay.min(by) - half), (ax.max(bx) + half, ay.max(by) + half), |x, y, _| {
            let t = (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0);
            let (ex, ey) = (x - ax - t * dx, y - ay - t * dy);
            (ex * ex + ey * ey <= half * half).then_some(colour)
        });
    }

    /// A ball lit from the upper left.
    pub fn ball(&mut self, centre: (f32, f32), radius: f32, colour: Colour) {
        self.ellipse(centre, (radius, radius), |u, v| {
            let light = 0.45 + 0.55 * (1.0 - ((u + 0.4) * (u + 0.4) + (v + 0.4) * (v + 0.4)) / 3.0).max(0.0);
            let shine = if (u + 0.4) * (u + 0.4) + (v + 0.45) * (v + 0.45) < 0.03 { 70.0 } else { 0.0 };
            colour.map(|value| value * light + shine)
        });
    }

    /// Made-up writing: letters of two to four strokes each, from `x` to `to`.
    pub fn writing(&mut self, (mut x, y): (f32, f32), to: f32, size: f32, colour: Colour, random: &mut Random) {
        while x + size * 0.5 < to {
            if random.chance(0.17) {
                x += size * 0.4;
                continue;
            }
            let point = |random: &mut Random| {
                (x + size * 0.5 * random.below(2) as f32, y + size * 0.5 * random.below(3) as f32)
            };
            let mut last = point(random);
            for _ in 0..2 + random.below(3) {
                let next = point(random);
                self.line(last, next, (size / 7.0).max(1.0), colour);
                last = next;
            }
            x += size * 0.72;
        }
    }

    /// A tree that grows from a point: forking branches, then leaves.
    pub fn tree(&mut self, foot: (f32, f32), height: f32, leaf: Colour, random: &mut Random) {
        let mut tips = Vec::new();
        let mut branches = vec![(foot, 0.75 + random.range(-0.02, 0.02), height * 0.33, height * 0.06)];
        while let Some(((x, y), turn, length, thickness)) = branches.pop() {
            let end = (x + cosine(turn) * length, y + sine(turn) * length);
            let bark = random.near([88.0, 66.0, 48.0], 14.0);
            self.line((x, y), end, thickness.max(1.0), bark);
            if length > height * 0.07 {
                for side in [-1.0, 1.0] {
                    let bend = side * random.range(0.04, 0.11);
                    branches.push((end, turn + bend, length * random.range(0.6, 0.82), thickness * 0.62));
                }
            } else {
                tips.push(end);
            }
        }
        for (x, y) in tips {
            for _ in 0..9 {
                let at = (x + random.range(-0.07, 0.07) * height, y + random.range(-0.06, 0.06) * height);
                let (colour, size) = (random.near(leaf, 34.0), height * random.range(0.008, 0.02));
                self.ellipse(at, (size * 1.5, size), |_, _| colour);
            }
        }
    }

    /// Blades of grass over a stretch of ground, longer in front.
    pub fn grass(&mut self, top: f32, bottom: f32, count: usize, colour: Colour, random: &mut Random) {
        for i in 0..count {
            let y = top + (bottom - top) * i as f32 / count as f32;
            let size = 3.0 + 16.0 * (y - top) / (bottom - top).max(1.0);
            let x = random.range(0.0, self.width);
            let tip = (x + random.range(-0.4, 0.4) * size, y - size * random.range(0.5, 1.1));
            let colour = random.near(colour, 30.0);
            self.line((x, y), tip, 1.0 + size / 12.0, colour);
        }
    }

    /// Lays a grain over everything, as film and sensors do.
    pub fn grain(&mut self, strength: f32, seed: u64) {
        self.all(|x, y, colour| {
            let light =
                (fractal(x / 3.0, y / 3.0, 3, seed) - 0.5) * strength + (noise(x, y, seed + 5) - 0.5) * strength;
            colour.map(|value| value + light)
        });
    }

    /// The picture, reduced to a size.
    pub fn finish_at(&self, width: usize, height: usize) -> RgbImage {
        image::imageops::resize(&self.finish(), width as u32, height as u32, image::imageops::FilterType::Triangle)
    }

    pub fn finish(&self) -> RgbImage {
        let (width, height) = (self.columns / FINE, self.rows / FINE);
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let mut sum = [0.0; 3];
            for i in 0..FINE * FINE {
                let (column, row) = (x as usize * FINE + i % FINE, y as usize * FINE + i / FINE);
                let pixel = self.pixels[row * self.columns + column];
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value.clamp(0.0, 255.0));
            }
            Rgb(sum.map(|value| (value / (FINE * FINE) as f32 + 0.5) as u8))
        })
    }
}
