//! Under a roof or on paper: stalls, cloth, rooms, maps, pages, stones and toys.

use super::outdoors::car;
use super::{BRIGHT, GREENS, WALLS, mixed};
use crate::canvas::Canvas;
use crate::random::{Random, cosine, fractal, noise, sine};

pub(super) fn market(canvas: &mut Canvas, random: &mut Random) {
    let (columns, rows) = (3 + random.below(2), 3);
    let (w, h) = (canvas.width / columns as f32, canvas.height / rows as f32);
    let seed = random.next() >> 20;
    canvas.all(|x, y, _| [120.0, 85.0, 55.0].map(|c: f32| c + fractal(x / 60.0, y / 4.0, 4, seed) * 60.0 - 30.0));
    for row in 0..rows {
        for column in 0..columns {
            let (x, y) = (column as f32 * w + 5.0, row as f32 * h + 5.0);
            let (kind, colour) = (random.below(4), random.pick(&BRIGHT));
            canvas.rectangle((x, y), (w - 10.0, h - 10.0), [70.0, 48.0, 30.0]);
            for i in 0..46 {
                let (px, py) = (random.range(x + 12.0, x + w - 22.0), y + 10.0 + (h - 34.0) * i as f32 / 46.0);
                let shade = random.near(colour, 30.0);
                match kind {
                    0 => canvas.ball((px, py), random.range(9.0, 15.0), shade),
                    1 => {
                        let turn = random.range(0.0, 1.0);
                        let end = (px + cosine(turn) * 26.0, py + sine(turn) * 14.0);
                        canvas.line((px, py), end, 8.0, shade);
                        canvas.line((px, py - 2.0), (end.0, end.1 - 2.0), 2.0, shade.map(|c| c + 55.0));
                    }
                    2 => {
                        let rings = random.range(3.0, 6.0);
                        canvas.ellipse((px, py), (17.0, 13.0), |u, v| {
                            let band = ((u * u + v * v) * rings).floor() % 2.0;
                            shade.map(|c| c * 0.7 + band * 45.0 - 25.0 * v)
                        });
                    }
                    _ => {
                        for _ in 0..6 {
                            let at = (px + random.range(-9.0, 9.0), py + random.range(-9.0, 9.0));
                            canvas.ball(at, 4.5, shade);
                        }
                        let leaf = random.pick(&GREENS);
                        canvas.line((px, py), (px + 9.0, py - 12.0), 2.0, leaf);
                    }
                }
            }
            canvas.rectangle((x + w * 0.25, y + h - 30.0), (w * 0.45, 17.0), [240.0, 235.0, 215.0]);
            canvas.writing((x + w * 0.28, y + h - 27.0), x + w * 0.68, 10.0, [40.0; 3], random);
        }
    }
}

pub(super) fn textile(canvas: &mut Canvas, random: &mut Random) {
    let seed = random.next() >> 20;
    let mut y = 0.0;
    let turn = random.range(-0.04, 0.04);
    while y < canvas.height * 1.2 {
        let (band, kind, size) = (random.range(26.0, 70.0), random.below(5), random.range(9.0, 26.0));
        let (a, b, c) = (random.pick(&BRIGHT), random.pick(&WALLS), random.pick(&BRIGHT));
        let (top, phase) = (y - canvas.height * 0.1, random.range(0.0, 9.0));
        let (width, height) = (canvas.width, canvas.height);
        canvas.paint((0.0, top - 60.0), (width, (top + band + 60.0).min(height)), |x, py, _| {
            let v = py - top + (x - width / 2.0) * turn + 4.0 * noise(x / 30.0, top, seed);
            if v < 0.0 || v > band {
                return None;
            }
            let (u, cell) = (x + phase, ((x + phase) / size).floor());
            let (fu, fv) = ((u / size) - cell, v / band);
            let colour = match kind {
                0 => {
                    if (fu - 0.5).abs() + (fv - 0.5).abs() < 0.4 {
                        a
                    } else if (fu - 0.5).abs() + (fv - 0.5).abs() < 0.48 {
                        c
                    } else {
                        b
                    }
                }
                1 => {
                    if ((u + v) / size).floor() as i64 % 2 == 0 {
                        a
                    } else {
                        c
                    }
                }
                2 => {
                    if (v - band * (0.5 + 0.3 * sine(u / size / 2.0))).abs() < band * 0.12 {
                        a
                    } else {
                        b
                    }
                }
                3 => {
                    if (fu - 0.5) * (fu - 0.5) + (fv - 0.5) * (fv - 0.5) < 0.09 {
                        c
                    } else {
                        a
                    }
                }
                _ => {
                    if noise(cell, (v / size * 2.0).floor(), seed + 9) > 0.5 {
                        a
                    } else {
                        b
                    }
                }
            };
            let weave = (sine(u / 2.6) * sine(v / 2.6)) * 16.0 + (fractal(x / 50.0, py / 50.0, 3, seed) - 0.5) * 50.0;
            Some(colour.map(|value| value * 0.9 + weave))
        });
        y += band;
    }
}

pub(super) fn interior(canvas: &mut Canvas, random: &mut Random) {
    let (seed, wall) = (random.next() >> 20, random.pick(&WALLS));
    let floor = canvas.height * random.range(0.66, 0.78);
    let motif = random.range(22.0, 44.0);
    canvas.all(|x, y, _| {
        if y < floor {
            let (u, v) = (x / motif - (x / motif).floor() - 0.5, y / motif - (y / motif).floor() - 0.5);
            let figure = if (u * u - v * v).abs() < 0.03 && u * u + v * v < 0.12 { -45.0 } else { 0.0 };
            wall.map(|c| c + figure + (fractal(x / 90.0, y / 90.0, 3, seed) - 0.5) * 45.0)
        } else {
            let plank = ((y - floor) / 14.0).floor();
            let grain = fractal(x / 70.0 + plank * 7.0, y / 3.0, 4, seed + 1) * 70.0;
            let joint = if (y - floor) % 14.0 < 1.2 || (x + plank * 67.0) % 130.0 < 1.4 { -50.0 } else { 0.0 };
            [110.0 + grain + joint, 75.0 + grain + joint, 45.0 + grain + joint]
        }
    });
    for _ in 0..3 + random.below(3) {
        let (w, h) = (random.range(50.0, 110.0), random.range(45.0, 90.0));
        let (x, y) = (random.range(5.0, canvas.width - w), random.range(8.0, floor - h - 70.0));
        canvas.rectangle((x - 5.0, y - 5.0), (w + 10.0, h + 10.0), [95.0, 65.0, 35.0]);
        let (a, b, s) = (random.pick(&BRIGHT), random.pick(&GREENS), random.next() >> 20);
        canvas.polygon(&[(x, y), (x + w, y), (x + w, y + h), (x, y + h)], |px, py| {
            mixed(a, b, ((fractal((px - x) / 18.0, (py - y) / 14.0, 4, s) - 0.3) * 2.5).clamp(0.0, 1.0))
        });
    }
    // A shelf of books.
    let (shelf_y, left, right) =
        (floor - random.range(20.0, 60.0), canvas.width * 0.08, canvas.width * random.range(0.45, 0.7));
    let mut x = left;
    while x < right {
        let (w, h, colour) = (random.range(6.0, 15.0), random.range(38.0, 62.0), random.pick(&BRIGHT));
        let shade = random.near(colour, 25.0).map(|c| c * 0.8);
        canvas.rectangle((x, shelf_y - h), (w - 1.0, h), shade);
        canvas.rectangle((x, shelf_y - h * 0.8), (w - 1.0, 3.0), [225.0, 200.0, 120.0]);
        canvas.rectangle((x, shelf_y - h * 0.3), (w - 1.0, 2.0), [225.0, 200.0, 120.0]);
        x += w;
    }
    canvas.rectangle((left - 10.0, shelf_y), (right - left + 20.0, 8.0), [85.0, 55.0, 30.0]);
    // A chair with a checked cushion, and a vase.
    let (cx, cloth, size) = (canvas.width * random.range(0.72, 0.85), random.pick(&BRIGHT), random.range(7.0, 12.0));
    let seat = floor + 30.0;
    canvas.polygon(
        &[(cx - 55.0, seat), (cx + 55.0, seat), (cx + 66.0, seat + 26.0), (cx - 66.0, seat + 26.0)],
        |px, py| {
            let on = ((px / size).floor() + (py / size).floor()) as i64 % 2 == 0;
            cloth.map(|c| if on { c } else { c * 0.4 + 120.0 })
        },
    );
    for dx in [-52.0, -17.0, 17.0, 52.0] {
        canvas.line((cx + dx, seat), (cx + dx, seat - 92.0), 6.0, [100.0, 66.0, 40.0]);
        canvas.line((cx + dx, seat + 26.0), (cx + dx * 1.1, seat + 80.0), 6.0, [88.0, 58.0, 34.0]);
    }
    canvas.line((cx - 55.0, seat - 90.0), (cx + 55.0, seat - 90.0), 9.0, [105.0, 70.0, 42.0]);
    let (vx, pot) = (canvas.width * random.range(0.1, 0.4), random.pick(&BRIGHT));
    canvas.ellipse((vx, floor + 42.0), (24.0, 36.0), |u, v| {
        pot.map(|c| c * 0.8 - 45.0 * u + if (v * 6.0).floor() as i64 % 2 == 0 { 25.0 } else { 0.0 })
    });
    let leaf = random.pick(&GREENS);
    canvas.tree((vx, floor + 12.0), 110.0, leaf, random);
}

pub(super) fn map(canvas: &mut Canvas, random: &mut Random) {
    let seed = random.next() >> 20;
    let level = random.range(0.42, 0.52);
    canvas.all(|x, y, _| {
        let h = fractal(x / 130.0, y / 130.0, 5, seed);
        let contour = ((h * 26.0) - (h * 26.0).floor()) < 0.1;
        if h < level {
            if contour { [140.0, 180.0, 215.0] } else { [165.0, 205.0, 232.0] }
        } else if contour {
            [190.0, 150.0, 100.0]
        } else {
            [225.0 - h * 60.0, 235.0 - h * 25.0, 195.0 - h * 50.0]
        }
    });
    for _ in 0..13 {
        let (mut at, mut turn) =
            ((random.range(0.0, canvas.width), random.range(0.0, canvas.height)), random.range(0.0, 1.0));
        let (wide, colour) = if random.chance(0.35) { (5.0, [235.0, 170.0, 80.0]) } else { (2.2, [250.0; 3]) };
        for _ in 0..22 {
            let next = (at.0 + cosine(turn) * 22.0, at.1 + sine(turn) * 22.0);
            canvas.line(at, next, wide + 1.6, [110.0; 3]);
            canvas.line(at, next, wide, colour);
            turn += random.range(-0.06, 0.06);
            at = next;
        }
    }
    for _ in 0..90 {
        let (x, y, w, h) = (
            random.range(0.0, canvas.width),
            random.range(0.0, canvas.height),
            random.range(4.0, 11.0),
            random.range(4.0, 10.0),
        );
        let colour = random.near([150.0, 110.0, 100.0], 25.0);
        canvas.rectangle((x, y), (w, h), colour);
    }
    for _ in 0..16 {
        let (x, y, size) =
            (random.range(0.0, canvas.width * 0.85), random.range(5.0, canvas.height - 20.0), random.range(8.0, 14.0));
        canvas.writing((x, y), x + random.range(40.0, 95.0), size, [35.0, 35.0, 50.0], random);
        canvas.ellipse((x - 7.0, y + size / 2.0), (3.5, 3.5), |_, _| [200.0, 40.0, 40.0]);
    }
}

pub(super) fn page(canvas: &mut Canvas, random: &mut Random) {
    let seed = random.next() >> 20;
    canvas.all(|x, y, _| [238.0, 234.0, 222.0].map(|c: f32| c + (fractal(x / 80.0, y / 80.0, 4, seed) - 0.5) * 22.0));
    let margin = canvas.width * 0.08;
    let columns = 1 + random.below(2);
    let (gap, top) = (18.0, 62.0);
    canvas.writing((margin, 20.0), canvas.width - margin * random.range(1.0, 3.0), 24.0, [25.0; 3], random);
    let w = (canvas.width - 2.0 * margin - gap * (columns - 1) as f32) / columns as f32;
    for column in 0..columns {
        let x = margin + column as f32 * (w + gap);
        let mut y = top;
        while y < canvas.height - 30.0 {
            if random.chance(0.06) && y < canvas.height - 130.0 {
                let (a, b, s) = (random.pick(&BRIGHT), random.pick(&WALLS), random.next() >> 20);
                canvas.polygon(&[(x, y), (x + w, y), (x + w, y + 92.0), (x, y + 92.0)], |px, py| {
                    mixed(a, b, ((fractal(px / 25.0, py / 20.0, 4, s) - 0.35) * 3.0).clamp(0.0, 1.0))
                });
                y += 104.0;
                continue;
            }
            let end = if random.chance(0.12) { x + w * random.range(0.3, 0.8) } else { x + w };
            canvas.writing((x, y), end, 7.5, [45.0; 3], random);
            y += if random.chance(0.1) { 22.0 } else { 13.0 };
        }
    }
}

pub(super) fn stones(canvas: &mut Canvas, random: &mut Random) {
    let seed = random.next() >> 20;
    canvas.all(|x, y, _| [70.0, 62.0, 52.0].map(|c: f32| c + (fractal(x / 7.0, y / 7.0, 3, seed) - 0.5) * 70.0));
    for _ in 0..240 {
        let (at, size) = ((random.range(0.0, canvas.width), random.range(0.0, canvas.height)), random.range(8.0, 30.0));
        let (colour, s, flat) = (random.near([145.0, 138.0, 128.0], 55.0), random.next() >> 20, random.range(0.6, 1.0));
        let (veins, low) = (random.range(2.0, 6.0), random.chance(0.3));
        canvas.ellipse((at.0 + 2.0, at.1 + 3.0), (size, size * flat), |_, _| [35.0, 30.0, 27.0]);
        canvas.ellipse(at, (size, size * flat), |u, v| {
            let grain = (fractal(u * veins, v * veins + u, 4, s) - 0.5) * if low { 120.0 } else { 55.0 };
            colour.map(|c| c + grain - 35.0 * (u + v))
        });
    }
}

pub(super) fn toys(canvas: &mut Canvas, random: &mut Random) {
    let (seed, table) = (random.next() >> 20, random.pick(&WALLS));
    canvas.all(|x, y, _| table.map(|c| c + (fractal(x / 90.0, y / 5.0, 4, seed) - 0.5) * 80.0));
    for i in 0..30 {
        let y = canvas.height * (0.1 + 0.9 * i as f32 / 30.0);
        let (x, s, colour) = (random.range(0.0, canvas.width), random.range(16.0, 42.0), random.pick(&BRIGHT));
        match random.below(4) {
            0 => canvas.ball((x, y), s * 0.7, colour),
            1 => {
                canvas.rectangle((x, y - s), (s, s), colour);
                canvas.polygon(
                    &[(x, y - s), (x + s * 0.35, y - s * 1.3), (x + s * 1.35, y - s * 1.3), (x + s, y - s)],
                    |_, _| colour.map(|c| c + 35.0),
                );
                canvas.polygon(
                    &[(x + s, y), (x + s, y - s), (x + s * 1.35, y - s * 1.3), (x + s * 1.35, y - s * 0.3)],
                    |_, _| colour.map(|c| c * 0.6),
                );
                canvas.writing((x + s * 0.2, y - s * 0.8), x + s * 0.95, s * 0.6, [245.0; 3], random);
            }
            2 => {
                let teeth = 8 + random.below(7);
                for tooth in 0..teeth {
                    let turn = tooth as f32 / teeth as f32;
                    canvas.line((x, y), (x + cosine(turn) * s, y + sine(turn) * s), s * 0.22, colour.map(|c| c * 0.8));
                }
                canvas.ellipse((x, y), (s * 0.75, s * 0.75), |u, v| colour.map(|c| c - 30.0 * (u + v)));
                canvas.ellipse((x, y), (s * 0.25, s * 0.25), |_, _| [40.0; 3]);
            }
            _ => car(canvas, (x - s, y), s / 50.0, colour),
        }
    }
}
