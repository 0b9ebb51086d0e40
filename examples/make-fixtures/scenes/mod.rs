//! What the pictures show: scenes of many kinds, each different for every seed.

mod indoors;
mod outdoors;

use indoors::{interior, map, market, page, stones, textile, toys};
use outdoors::{forest, garden, mountains, night, people, sea, street};

use crate::canvas::{Canvas, Colour};
use crate::random::Random;

/// Draws all over a canvas.
type Scene = fn(&mut Canvas, &mut Random);

/// The kinds of scene, by name.
const KINDS: [(&str, Scene); 14] = [
    ("garden", garden),
    ("street", street),
    ("sea", sea),
    ("mountains", mountains),
    ("market", market),
    ("textile", textile),
    ("people", people),
    ("interior", interior),
    ("forest", forest),
    ("map", map),
    ("page", page),
    ("night", night),
    ("stones", stones),
    ("toys", toys),
];

/// Draws a scene of a kind.
pub fn draw(kind: &str, width: usize, height: usize, seed: u64) -> Canvas {
    // Clouds and grain that two scenes share are rightly found to be the same in both: no two have a seed in common.
    let number = KINDS.iter().position(|(name, _)| *name == kind).unwrap_or_default();
    let seed = seed + 1000 * number as u64;
    let mut canvas = Canvas::new(width, height, [200.0; 3]);
    let mut random = Random::new(seed.wrapping_mul(0xD1B5_4A32_D192_ED03) ^ 0x1234_5678);
    if let Some((_, scene)) = KINDS.get(number) {
        scene(&mut canvas, &mut random);
    }
    canvas.grain(9.0, seed);
    canvas
}

const GREENS: [Colour; 4] = [[70.0, 120.0, 45.0], [100.0, 140.0, 60.0], [50.0, 95.0, 60.0], [130.0, 150.0, 50.0]];
const BRIGHT: [Colour; 8] = [
    [205.0, 50.0, 45.0],
    [235.0, 170.0, 40.0],
    [60.0, 110.0, 190.0],
    [240.0, 235.0, 225.0],
    [150.0, 60.0, 140.0],
    [40.0, 130.0, 110.0],
    [225.0, 110.0, 60.0],
    [45.0, 45.0, 60.0],
];
const WALLS: [Colour; 6] = [
    [190.0, 120.0, 90.0],
    [215.0, 200.0, 170.0],
    [160.0, 165.0, 170.0],
    [225.0, 185.0, 120.0],
    [140.0, 90.0, 80.0],
    [175.0, 190.0, 175.0],
];

fn mixed(a: Colour, b: Colour, t: f32) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
}
