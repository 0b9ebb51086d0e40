//! Under the sky: gardens, streets, the sea, mountains, and people in front of them.

use super::{BRIGHT, GREENS, WALLS, mixed};
use crate::canvas::{Canvas, Colour};
use crate::random::{Random, cosine, fractal, noise, sine};

pub(super) fn sky(canvas: &mut Canvas, horizon: f32, random: &mut Random) {
    let seed = random.next() >> 20;
    let (high, low) = (random.near([80.0, 130.0, 200.0], 40.0), random.near([205.0, 215.0, 225.0], 25.0));
    let (cover, size) = (random.range(0.38, 0.56), random.range(45.0, 110.0));
    let width = canvas.width;
    canvas.paint((0.0, 0.0), (width, horizon), |x, y, _| {
        let cloud = ((fractal(x / size, y / size * 2.2, 5, seed) - cover) * 5.0).clamp(0.0, 1.0);
        let shade = 255.0 - 90.0 * fractal(x / size + 0.2, y / size * 2.2 + 0.35, 4, seed);
        Some(mixed(mixed(high, low, y / horizon), [shade + 15.0, shade + 12.0, shade + 14.0], cloud))
    });
}

pub(super) fn ridge(canvas: &mut Canvas, base: f32, relief: f32, ground: Colour, random: &mut Random) {
    let (seed, size) = (random.next() >> 20, random.range(60.0, 160.0));
    let (width, height) = (canvas.width, canvas.height);
    let line = |x: f32| base - relief * fractal(x / size, 0.5, 5, seed);
    canvas.paint((0.0, 0.0), (width, height), |x, y, _| {
        (y > line(x)).then(|| {
            let depth = y - line(x);
            let rock = fractal(x / 14.0 + depth / 30.0, y / 22.0, 4, seed + 3) * 110.0 - 55.0;
            ground.map(|value| value + rock - depth * 0.06)
        })
    });
}

pub(super) fn flowers(canvas: &mut Canvas, top: f32, bottom: f32, count: usize, random: &mut Random) {
    for i in 0..count {
        let y = top + (bottom - top) * i as f32 / count as f32;
        let size = 2.5 + 10.0 * (y - top) / (bottom - top);
        let (x, colour, petals) = (random.range(0.0, canvas.width), random.pick(&BRIGHT), 5 + random.below(4));
        let stem = random.pick(&GREENS);
        canvas.line((x, y + size * 2.5), (x, y), 1.0 + size / 8.0, stem);
        let start = random.range(0.0, 1.0);
        for petal in 0..petals {
            let turn = start + petal as f32 / petals as f32;
            let shade = random.near(colour, 22.0);
            canvas.ellipse(
                (x + cosine(turn) * size * 0.7, y + sine(turn) * size * 0.7),
                (size * 0.45, size * 0.4),
                |_, _| shade,
            );
        }
        canvas.ellipse((x, y), (size * 0.35, size * 0.35), |_, _| [230.0, 190.0, 60.0]);
    }
}

pub(super) fn garden(canvas: &mut Canvas, random: &mut Random) {
    let horizon = canvas.height * random.range(0.3, 0.5);
    sky(canvas, horizon + 20.0, random);
    let hill = random.pick(&GREENS);
    ridge(canvas, horizon + 30.0, 40.0, hill, random);
    for _ in 0..3 + random.below(3) {
        let (x, height) = (random.range(0.0, canvas.width), canvas.height * random.range(0.3, 0.6));
        let leaf = random.near(GREENS[1], 30.0);
        canvas.tree((x, horizon + random.range(30.0, 90.0)), height, leaf, random);
    }
    // A winding path of stones, or a pond.
    let (bend, start) = (random.range(-90.0, 90.0), random.range(0.3, 0.7) * canvas.width);
    if random.chance(0.5) {
        for i in 0..60 {
            let t = i as f32 / 60.0;
            let (y, size) = (horizon + 40.0 + t * (canvas.height - horizon), 4.0 + 22.0 * t);
            let x = start + bend * sine(t * 0.7) + random.range(-1.0, 1.0) * size;
            let colour = random.near([150.0, 145.0, 135.0], 35.0);
            canvas.ellipse((x, y), (size, size * 0.55), |u, v| colour.map(|c| c - 30.0 * v - 15.0 * u));
        }
    } else {
        let (seed, centre) = (random.next() >> 20, (start, canvas.height * 0.75));
        canvas.ellipse(centre, (canvas.width * 0.28, canvas.height * 0.13), |u, v| {
            let wave = noise(u * 5.0, v * 40.0, seed) * 70.0;
            [70.0 + wave, 105.0 + wave, 125.0 + wave]
        });
        for _ in 0..14 {
            let at = (
                start + random.range(-0.24, 0.24) * canvas.width,
                centre.1 + random.range(-0.09, 0.09) * canvas.height,
            );
            let leaf = random.near([80.0, 140.0, 70.0], 20.0);
            canvas.ellipse(at, (11.0, 5.0), |u, _| leaf.map(|c| c + 30.0 * u));
        }
    }
    let (floor, height) = (horizon + 60.0, canvas.height);
    let blade = random.pick(&GREENS);
    canvas.grass(floor, height + 8.0, 500, blade, random);
    flowers(canvas, floor + 40.0, height, 30 + random.below(50), random);
}

pub(super) fn building(canvas: &mut Canvas, (x, base): (f32, f32), (width, height): (f32, f32), random: &mut Random) {
    let (wall, seed) = (random.near(random.clone().pick(&WALLS), 25.0), random.next() >> 20);
    let bricks = random.chance(0.5);
    canvas.paint((x, base - height), (x + width, base), |px, py, _| {
        let row = (py / 5.0).floor();
        let joint = bricks && (py - row * 5.0 < 0.9 || (px + row * 4.5) % 9.0 < 0.9);
        let stain = (fractal(px / 30.0, py / 50.0, 4, seed) - 0.5) * 60.0;
        let tone = if bricks { (noise((px + row * 4.5) / 9.0, row, seed) - 0.5) * 40.0 } else { 0.0 };
        Some(wall.map(|c| c + stain + tone + if joint { 35.0 } else { 0.0 }))
    });
    let (columns, rows) = (2 + random.below(4), (height / random.range(38.0, 55.0)) as usize + 1);
    let (cell_w, cell_h) = (width / columns as f32, height / (rows as f32 + 0.4));
    let (frame, arched) = (random.near([235.0, 230.0, 220.0], 40.0), random.chance(0.4));
    for row in 0..rows {
        for column in 0..columns {
            let (wx, wy) = (x + cell_w * (column as f32 + 0.22), base - height + cell_h * (row as f32 + 0.3));
            let (w, h) = (cell_w * 0.56, cell_h * 0.58);
            if row + 1 == rows && random.chance(0.4) {
                let door = random.pick(&BRIGHT);
                canvas.rectangle((wx, wy), (w, base - wy), door.map(|c| c * 0.6));
                canvas.rectangle((wx + w * 0.15, wy + 5.0), (w * 0.7, h * 0.5), door.map(|c| c * 0.8 + 30.0));
                continue;
            }
            canvas.rectangle((wx - 2.0, wy - 2.0), (w + 4.0, h + 5.0), frame);
            if arched {
                canvas.ellipse((wx + w / 2.0, wy), (w / 2.0 + 2.0, w / 3.0), |_, _| frame);
            }
            let glass = random.near([60.0, 75.0, 95.0], 45.0);
            canvas.polygon(&[(wx, wy), (wx + w, wy), (wx + w, wy + h), (wx, wy + h)], |px, py| {
                glass.map(|c| c + (px - wx) * 1.5 - (py - wy) * 0.8)
            });
            let curtain = random.pick(&BRIGHT);
            let share = random.range(0.0, 0.45);
            canvas.rectangle((wx, wy), (w * share, h), curtain.map(|c| c * 0.75));
            canvas.line((wx + w / 2.0, wy), (wx + w / 2.0, wy + h), 1.6, frame);
            canvas.line((wx, wy + h * 0.45), (wx + w, wy + h * 0.45), 1.4, frame);
            if random.chance(0.25) {
                for _ in 0..9 {
                    let at = (random.range(wx, wx + w), wy + h + random.range(-3.0, 3.0));
                    let colour = random.pick(&BRIGHT);
                    canvas.ellipse(at, (2.5, 2.2), |_, _| colour);
                }
            }
        }
    }
    let roof = random.near([110.0, 65.0, 55.0], 35.0);
    let top = base - height;
    let peak = random.range(12.0, 45.0);
    canvas.polygon(
        &[(x - 4.0, top), (x + width * 0.2, top - peak), (x + width * 0.8, top - peak), (x + width + 4.0, top)],
        |px, py| {
            let tile = if (py / 4.0).floor() as i32 % 2 == 0 { px } else { px + 3.0 };
            roof.map(|c| c + if tile % 6.0 < 1.2 || py % 4.0 < 0.8 { -35.0 } else { 10.0 })
        },
    );
}

pub(super) fn street(canvas: &mut Canvas, random: &mut Random) {
    let base = canvas.height * random.range(0.7, 0.84);
    let horizon = base;
    sky(canvas, horizon, random);
    let mut x = -random.range(0.0, 50.0);
    while x < canvas.width {
        let (width, height) = (random.range(70.0, 150.0), canvas.height * random.range(0.35, 0.72));
        building(canvas, (x, base), (width, height), random);
        if random.chance(0.7) {
            let board = random.pick(&BRIGHT);
            let (sx, sy) = (x + width * 0.12, base - random.range(42.0, 62.0));
            canvas.rectangle((sx, sy), (width * 0.76, 15.0), board.map(|c| c * 0.8));
            let ink = if board[1] > 150.0 { [30.0; 3] } else { [240.0; 3] };
            canvas.writing((sx + 4.0, sy + 3.0), sx + width * 0.72, 9.0, ink, random);
        }
        x += width + random.range(0.0, 14.0);
    }
    let (seed, width, height) = (random.next() >> 20, canvas.width, canvas.height);
    canvas.paint((0.0, base), (width, height), |x, y, _| {
        let depth = (y - base) / (height - base);
        let stone = noise(x / (4.0 + 14.0 * depth), y / (2.0 + 5.0 * depth), seed) * 60.0;
        Some([95.0 + stone, 92.0 + stone, 95.0 + stone])
    });
    for _ in 0..1 + random.below(3) {
        let (x, colour, size) = (random.range(0.0, width * 0.8), random.pick(&BRIGHT), random.range(0.7, 1.2));
        car(canvas, (x, base + random.range(10.0, height - base)), size, colour);
    }
    for _ in 0..2 + random.below(3) {
        let x = random.range(10.0, width - 10.0);
        if random.chance(0.5) {
            canvas.line((x, base + 12.0), (x, base - 120.0), 3.0, [50.0; 3]);
            canvas.ball((x, base - 124.0), 8.0, [235.0, 225.0, 190.0]);
        } else {
            let leaf = random.pick(&GREENS);
            canvas.tree((x, base + 14.0), 120.0, leaf, random);
        }
    }
}

pub(super) fn car(canvas: &mut Canvas, (x, y): (f32, f32), size: f32, colour: Colour) {
    let at = |dx: f32, dy: f32| (x + dx * size, y + dy * size);
    canvas.polygon(
        &[
            at(0.0, 0.0),
            at(0.0, -18.0),
            at(22.0, -20.0),
            at(36.0, -38.0),
            at(72.0, -38.0),
            at(88.0, -20.0),
            at(106.0, -16.0),
            at(106.0, 0.0),
        ],
        |_, py| colour.map(|c| c * 0.85 - (py - y) * 1.3),
    );
    canvas.polygon(&[at(28.0, -20.0), at(39.0, -34.0), at(52.0, -34.0), at(52.0, -20.0)], |px, _| {
        [90.0 + px % 20.0, 110.0, 125.0]
    });
    canvas.polygon(&[at(56.0, -20.0), at(56.0, -34.0), at(70.0, -34.0), at(82.0, -20.0)], |px, _| {
        [80.0 + px % 17.0, 105.0, 120.0]
    });
    for wheel in [22.0, 84.0] {
        canvas.ellipse(at(wheel, 0.0), (11.0 * size, 11.0 * size), |_, _| [25.0; 3]);
        canvas.ellipse(at(wheel, 0.0), (5.0 * size, 5.0 * size), |u, v| [150.0 + 60.0 * u, 150.0 + 60.0 * v, 155.0]);
    }
    canvas.ellipse(at(103.0, -13.0), (3.0 * size, 4.0 * size), |_, _| [250.0, 240.0, 190.0]);
}

pub(super) fn sea(canvas: &mut Canvas, random: &mut Random) {
    let horizon = canvas.height * random.range(0.35, 0.55);
    sky(canvas, horizon, random);
    if random.chance(0.7) {
        let land = random.near([90.0, 105.0, 85.0], 25.0);
        ridge(canvas, horizon + 8.0, random.range(30.0, 90.0), land, random);
    }
    let (seed, width, height) = (random.next() >> 20, canvas.width, canvas.height);
    let water = random.near([45.0, 85.0, 110.0], 25.0);
    canvas.paint((0.0, horizon), (width, height), |x, y, _| {
        let depth = (y - horizon) / (height - horizon) + 0.03;
        let wave = fractal(x / (60.0 * depth + 3.0), y / (9.0 * depth + 0.7), 4, seed);
        let foam = if wave > 0.66 { 120.0 * (wave - 0.66) / 0.2 } else { 0.0 };
        Some(water.map(|c| c + wave * 90.0 - 25.0 + foam))
    });
    for _ in 0..2 + random.below(5) {
        let depth = random.range(0.05, 0.8);
        let (x, y, s) = (random.range(0.0, width), horizon + depth * (height - horizon), 0.25 + depth);
        let (hull, sail) = (random.pick(&BRIGHT), random.near([235.0, 230.0, 215.0], 15.0));
        canvas.polygon(
            &[
                (x - 45.0 * s, y - 12.0 * s),
                (x + 50.0 * s, y - 15.0 * s),
                (x + 32.0 * s, y + 5.0 * s),
                (x - 34.0 * s, y + 5.0 * s),
            ],
            |px, py| hull.map(|c| c * if py > y - 3.0 * s { 0.5 } else { 0.9 } + (px / 3.0).floor() % 3.0 * 9.0),
        );
        canvas.line((x, y - 12.0 * s), (x, y - 100.0 * s), 2.5 * s, [90.0, 70.0, 50.0]);
        let lean = random.range(25.0, 50.0) * s;
        canvas.polygon(&[(x + 3.0, y - 96.0 * s), (x + lean, y - 20.0 * s), (x + 3.0, y - 20.0 * s)], |px, py| {
            sail.map(|c| c - (px - x) * 0.9 + if (py / (13.0 * s)) as i32 % 2 == 0 { 0.0 } else { -22.0 })
        });
        canvas.polygon(&[(x - 3.0, y - 85.0 * s), (x - lean * 0.8, y - 20.0 * s), (x - 3.0, y - 20.0 * s)], |px, _| {
            sail.map(|c| c * 0.85 + (px - x))
        });
        canvas.writing((x - 30.0 * s, y - 9.0 * s), x + 10.0 * s, 6.0 * s, [250.0; 3], random);
    }
    for _ in 0..random.below(12) {
        let (x, y, s) = (random.range(0.0, width), random.range(0.0, horizon), random.range(3.0, 9.0));
        canvas.line((x - s, y - s * 0.5), (x, y), 1.2, [50.0; 3]);
        canvas.line((x + s, y - s * 0.5), (x, y), 1.2, [50.0; 3]);
    }
}

pub(super) fn mountains(canvas: &mut Canvas, random: &mut Random) {
    let height = canvas.height;
    sky(canvas, height * 0.7, random);
    for layer in 0..4 {
        let t = layer as f32 / 3.0;
        let ground = random.near(mixed([150.0, 160.0, 180.0], [75.0, 85.0, 60.0], t), 18.0);
        ridge(canvas, height * (0.5 + 0.14 * layer as f32), height * (0.42 - 0.09 * layer as f32), ground, random);
    }
    for i in 0..26 {
        let (x, y) = (random.range(0.0, canvas.width), height * (0.72 + 0.012 * i as f32));
        let (size, leaf) = (14.0 + i as f32 * 1.6, random.near([45.0, 75.0, 50.0], 20.0));
        for level in 0..5 {
            let (w, top) = (size * (0.25 + 0.13 * level as f32), y - size * (2.3 - 0.42 * level as f32));
            canvas
                .polygon(&[(x, top - size * 0.3), (x + w, top + size * 0.35), (x - w, top + size * 0.35)], |px, _| {
                    leaf.map(|c| c + (x - px) * 1.4)
                });
        }
    }
    let blade = random.pick(&GREENS);
    canvas.grass(height * 0.86, height + 6.0, 250, blade, random);
}

pub(super) fn people(canvas: &mut Canvas, random: &mut Random) {
    let (base, street_like) = (canvas.height, random.chance(0.5));
    if street_like {
        street(canvas, random)
    } else {
        garden(canvas, random)
    }
    let count = 1 + random.below(3);
    for i in 0..count {
        let s = canvas.height / random.range(3.4, 4.6);
        let x = canvas.width * (i as f32 + random.range(0.3, 0.7)) / count as f32;
        let y = base - s * random.range(1.7, 2.3);
        let (skin, hair) = (random.near([200.0, 150.0, 120.0], 45.0), random.near([80.0, 55.0, 40.0], 45.0));
        let (cloth, second, pattern, size) =
            (random.pick(&BRIGHT), random.pick(&WALLS), random.below(3), random.range(8.0, 17.0));
        let body =
            [(x - s * 0.25, y + s * 0.62), (x + s * 0.25, y + s * 0.62), (x + s * 0.7, base), (x - s * 0.7, base)];
        canvas.polygon(&body, |px, py| {
            let (u, v) = ((px - x) / size, (py - y) / size);
            let on = match pattern {
                0 => v.floor() as i64 % 2 == 0,
                1 => (u.floor() + v.floor()) as i64 % 2 == 0,
                _ => {
                    (u - u.floor() - 0.5) * (u - u.floor() - 0.5) + (v - v.floor() - 0.5) * (v - v.floor() - 0.5) < 0.1
                }
            };
            let fold = sine((px - x) / s * 1.7) * 22.0;
            (if on { cloth } else { second }).map(|c| c * 0.9 + fold)
        });
        canvas.rectangle((x - s * 0.11, y + s * 0.3), (s * 0.22, s * 0.36), skin.map(|c| c * 0.85));
        canvas.ellipse((x, y - s * 0.06), (s * 0.43, s * 0.5), |u, v| hair.map(|c| c + 28.0 * sine(u * 3.0 + v)));
        canvas.ellipse((x, y + s * 0.03), (s * 0.32, s * 0.42), |u, v| {
            skin.map(|c| c - 28.0 * (u + 0.3) * (u + 0.3) - 12.0 * v)
        });
        for side in [-1.0, 1.0] {
            let eye = (x + side * s * 0.13, y - s * 0.03);
            canvas.ellipse(eye, (s * 0.065, s * 0.035), |_, _| [245.0; 3]);
            canvas.ellipse(eye, (s * 0.03, s * 0.034), |_, _| [50.0, 60.0, 70.0]);
            canvas.line((eye.0 - s * 0.07, eye.1 - s * 0.07), (eye.0 + s * 0.07, eye.1 - s * 0.08), s * 0.02, hair);
        }
        canvas.line((x, y), (x - s * 0.03, y + s * 0.13), s * 0.02, skin.map(|c| c * 0.75));
        canvas.ellipse((x, y + s * 0.23), (s * 0.11, s * 0.03), |_, v| [170.0 - 40.0 * v, 70.0, 75.0]);
        if random.chance(0.5) {
            let hat = random.pick(&BRIGHT);
            canvas.ellipse((x, y - s * 0.32), (s * 0.6, s * 0.11), |u, _| hat.map(|c| c * 0.8 + 20.0 * u));
            canvas.polygon(
                &[
                    (x - s * 0.33, y - s * 0.33),
                    (x - s * 0.27, y - s * 0.7),
                    (x + s * 0.27, y - s * 0.7),
                    (x + s * 0.33, y - s * 0.33),
                ],
                |px, _| hat.map(|c| c * 0.75 + (px - x) * 0.3),
            );
        }
    }
}

pub(super) fn forest(canvas: &mut Canvas, random: &mut Random) {
    let horizon = canvas.height * 0.6;
    sky(canvas, horizon + 40.0, random);
    let ground = random.near([95.0, 80.0, 50.0], 20.0);
    ridge(canvas, horizon + 40.0, 30.0, ground, random);
    for i in 0..9 {
        let (x, height) = (random.range(0.0, canvas.width), canvas.height * (0.5 + 0.05 * i as f32));
        let leaf = if random.chance(0.4) { random.near([190.0, 120.0, 45.0], 30.0) } else { random.pick(&GREENS) };
        canvas.tree((x, horizon + 40.0 + 12.0 * i as f32), height, leaf, random);
    }
    let (height, blade) = (canvas.height, random.pick(&GREENS));
    canvas.grass(horizon + 60.0, height + 8.0, 350, blade, random);
    for _ in 0..40 {
        let at = (random.range(0.0, canvas.width), random.range(horizon + 80.0, height));
        let leaf = random.near([180.0, 95.0, 40.0], 40.0);
        canvas.ellipse(at, (5.0, 3.0), |_, _| leaf);
    }
}

pub(super) fn night(canvas: &mut Canvas, random: &mut Random) {
    let (seed, glow) = (random.next() >> 20, random.pick(&BRIGHT));
    canvas.all(|x, y, _| {
        let cloud = ((fractal(x / 110.0, y / 110.0, 5, seed) - 0.45) * 3.0).clamp(0.0, 1.0);
        mixed([12.0, 14.0, 32.0], glow.map(|c| c * 0.55), cloud)
    });
    for _ in 0..260 {
        let (at, size) = ((random.range(0.0, canvas.width), random.range(0.0, canvas.height)), random.range(0.6, 2.4));
        let colour = random.near([235.0, 232.0, 220.0], 30.0);
        canvas.ellipse(at, (size, size), |_, _| colour);
    }
    for _ in 0..2 + random.below(3) {
        let (centre, radius) =
            ((random.range(0.0, canvas.width), random.range(0.0, canvas.height)), random.range(22.0, 80.0));
        let (a, b, s) = (random.pick(&BRIGHT), random.pick(&WALLS), random.next() >> 20);
        canvas.ellipse(centre, (radius, radius), |u, v| {
            let depth = (1.0 - u * u - v * v).max(0.0).sqrt();
            let light = (0.25 - 0.6 * u - 0.4 * v + 0.5 * depth).clamp(0.05, 1.1);
            mixed(a, b, ((fractal(u * 3.0, v * 6.0, 5, s) - 0.3) * 2.5).clamp(0.0, 1.0)).map(|c| c * light)
        });
    }
    let (mut x, height) = (0.0, canvas.height);
    while x < canvas.width {
        let (w, h) = (random.range(22.0, 60.0), random.range(30.0, 130.0));
        canvas.rectangle((x, height - h), (w, h), [16.0, 17.0, 24.0]);
        for i in 0..(h / 12.0) as usize {
            for j in 0..(w / 9.0) as usize {
                if random.chance(0.45) {
                    let lamp = random.near([240.0, 205.0, 120.0], 35.0);
                    canvas.rectangle((x + 3.0 + j as f32 * 9.0, height - h + 4.0 + i as f32 * 12.0), (4.5, 6.0), lamp);
                }
            }
        }
        x += w;
    }
}
