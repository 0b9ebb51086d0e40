//! A font of 5 x 7 points, drawn for this benchmark: enough for captions, memes, watermarks and screenshots.
//!
//! A point is not painted as a square: the letters are read between the points, so that their edges are
//! round and they look like letters to a keypoint detector at any size.

use image::{Rgb, RgbImage};

use super::draw::{self, Area};

const COLUMNS: usize = 5;
const ROWS: usize = 7;
/// From one letter to the next, in points.
const ADVANCE: f32 = 6.0;

/// Each letter's rows from the top, the highest of five bits to the left.
const LETTERS: [(char, [u8; ROWS]); 46] = [
    ('A', [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001]),
    ('B', [0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110]),
    ('C', [0b01111, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b01111]),
    ('D', [0b11100, 0b10010, 0b10001, 0b10001, 0b10001, 0b10010, 0b11100]),
    ('E', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111]),
    ('F', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000]),
    ('G', [0b01111, 0b10000, 0b10000, 0b10011, 0b10001, 0b10001, 0b01111]),
    ('H', [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001]),
    ('I', [0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100]),
    ('J', [0b00011, 0b00001, 0b00001, 0b00001, 0b00001, 0b10001, 0b01110]),
    ('K', [0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001]),
    ('L', [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111]),
    ('M', [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001]),
    ('N', [0b10001, 0b11001, 0b10101, 0b10101, 0b10011, 0b10001, 0b10001]),
    ('O', [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110]),
    ('P', [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000]),
    ('Q', [0b01110, 0b10001, 0b10001, 0b10001, 0b10101, 0b10010, 0b01101]),
    ('R', [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001]),
    ('S', [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110]),
    ('T', [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100]),
    ('U', [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110]),
    ('V', [0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b01010, 0b00100]),
    ('W', [0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001]),
    ('X', [0b10001, 0b01010, 0b01010, 0b00100, 0b01010, 0b01010, 0b10001]),
    ('Y', [0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100]),
    ('Z', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111]),
    ('0', [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110]),
    ('1', [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    ('2', [0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b01000, 0b11111]),
    ('3', [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110]),
    ('4', [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010]),
    ('5', [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b00001, 0b11110]),
    ('6', [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110]),
    ('7', [0b11111, 0b00001, 0b00010, 0b00010, 0b00100, 0b00100, 0b00100]),
    ('8', [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110]),
    ('9', [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100]),
    ('.', [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100]),
    (',', [0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b00100, 0b01000]),
    ('!', [0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00000, 0b00100]),
    ('?', [0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b00000, 0b00100]),
    (':', [0b00000, 0b00100, 0b00100, 0b00000, 0b00100, 0b00100, 0b00000]),
    ('/', [0b00001, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b10000]),
    ('-', [0b00000, 0b00000, 0b00000, 0b01110, 0b00000, 0b00000, 0b00000]),
    ('\'', [0b00100, 0b00100, 0b01000, 0b00000, 0b00000, 0b00000, 0b00000]),
    ('@', [0b01110, 0b10001, 0b10111, 0b10101, 0b10110, 0b10000, 0b01111]),
    ('#', [0b01010, 0b01010, 0b11111, 0b01010, 0b11111, 0b01010, 0b01010]),
];

/// The width of a line whose letters are `height` pixels high.
pub fn width(text: &str, height: f32) -> f32 {
    (text.chars().count() as f32 * ADVANCE - 1.0).max(0.0) * height / ROWS as f32
}

/// The largest height, at most `height`, at which the line is at most `room` pixels wide.
pub fn fitting(text: &str, height: f32, room: f32) -> f32 {
    height * (room / width(text, height).max(1.0)).min(1.0)
}

/// Writes a line, all in capitals, its upper left corner at `x`, `y`. What the font lacks is left blank.
pub fn write(canvas: &mut RgbImage, text: &str, (x, y): (f32, f32), height: f32, colour: Rgb<u8>) {
    write_faintly(canvas, text, (x, y), height, colour, 1.0);
}

/// Writes a line whose paint lets `1 - opacity` of the ground through.
pub fn write_faintly(
    canvas: &mut RgbImage,
    text: &str,
    (x, y): (f32, f32),
    height: f32,
    colour: Rgb<u8>,
    opacity: f32,
) {
    let point = height / ROWS as f32;
    for (place, letter) in text.chars().enumerate() {
        let Some((_, rows)) = LETTERS.iter().find(|(known, _)| *known == letter.to_ascii_uppercase()) else { continue };
        let left = x + place as f32 * ADVANCE * point;
        // Edges run between the points, half a point beyond the outer ones.
        let area = Area::new(left - point, y - point, (COLUMNS as f32 + 2.0) * point, height + 2.0 * point);
        draw::fill(canvas, area, colour, opacity, |px, py| ink(rows, (px - left) / point, (py - y) / point) > 0.42);
    }
}

/// Writes a line in the middle of `x`, with an outline.
pub fn write_outlined(
    canvas: &mut RgbImage,
    text: &str,
    (x, y): (f32, f32),
    height: f32,
    (colour, outline): (Rgb<u8>, Rgb<u8>),
) {
    let x = x - width(text, height) / 2.0;
    let reach = (height * 0.09).max(1.0);
    for turn in 0..8 {
        let (sine, cosine) = (std::f32::consts::FRAC_PI_4 * turn as f32).sin_cos();
        write(canvas, text, (x + reach * cosine, y + reach * sine), height, outline);
    }
    write(canvas, text, (x, y), height, colour);
}

/// How much ink there is at a place given in points, interpolated between the points' middles.
fn ink(rows: &[u8; ROWS], x: f32, y: f32) -> f32 {
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let at = |column: f32, row: f32| {
        let within = column >= 0.0 && row >= 0.0 && column < COLUMNS as f32 && row < ROWS as f32;
        f32::from(u8::from(within && rows[row as usize] >> (COLUMNS - 1 - column as usize) & 1 == 1))
    };
    (at(left, top) * (1.0 - fx) + at(left + 1.0, top) * fx) * (1.0 - fy)
        + (at(left, top + 1.0) * (1.0 - fx) + at(left + 1.0, top + 1.0) * fx) * fy
}
