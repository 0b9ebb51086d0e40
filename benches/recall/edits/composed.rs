//! Within something larger: borders, a picture in a picture, collages, screenshots.

use image::{Rgb, RgbImage};

use super::pixels::{
    BLACK, WHITE, blurred, canvas, covering, longest, paste, paste_in_the_middle, scaled, shortest, sized,
};
use super::{Edit, Group, Random, Scene, screens};

pub const EDITS: &[Edit] = &[
    Edit::new("border-white", Group::Composed, |scene, random| bordered(scene.picture(), WHITE, random)),
    Edit::new("border-black", Group::Composed, |scene, random| bordered(scene.picture(), BLACK, random)),
    Edit::new("border-blurred", Group::Composed, |scene, _| on_itself(scene.picture())),
    Edit::new("inset-50", Group::Composed, |scene, random| inset(scene, 0.5, random)),
    Edit::new("inset-25", Group::Composed, |scene, random| inset(scene, 0.25, random)),
    Edit::new("collage-1x2", Group::Composed, pair).shows(2),
    Edit::new("collage-2x2", Group::Composed, |scene, random| {
        square((0..4).map(|place| tile(scene, place)).collect(), random)
    })
    .shows(4),
    Edit::new("collage-strangers", Group::Composed, |scene, random| {
        let mut tiles = vec![scene.picture()];
        tiles.extend((0..3).map(|place| &scene.strangers[place % scene.strangers.len()]));
        square(tiles, random)
    }),
    Edit::new("screenshot-desktop", Group::Composed, |scene, random| screens::desktop(scene.picture(), random)),
    Edit::new("screenshot-phone", Group::Composed, |scene, random| screens::phone(scene.picture(), random)),
];

/// A plain border, its sides of different width.
fn bordered(picture: &RgbImage, colour: Rgb<u8>, random: &mut Random) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let [left, right, top, bottom] = [(); 4].map(|()| shortest(picture) * random.between(0.05, 0.3));
    let mut out = canvas(width + left + right, height + top + bottom, colour);
    paste(&mut out, picture, left, top);
    out
}

/// Made square on a blurred enlargement of itself, as for a site that wants squares; a square one is made wide.
fn on_itself(picture: &RgbImage) -> RgbImage {
    let side = picture.width().max(picture.height());
    let wide = picture.width() * 10 < picture.height() * 13 && picture.height() * 10 < picture.width() * 13;
    let mut out = blurred(&covering(picture, if wide { side * 16 / 10 } else { side }, side), side as f32 * 0.03);
    paste_in_the_middle(&mut out, picture);
    out
}

/// Pasted on a stranger of its own size, with `share` of the area.
pub fn inset(scene: &Scene<'_>, share: f32, random: &mut Random) -> RgbImage {
    let picture = scene.picture();
    let mut out = covering(scene.stranger(random), picture.width(), picture.height());
    let small = scaled(picture, share.sqrt());
    let x = random.unit() * (picture.width() as f32 - small.width() as f32).max(0.0);
    let y = random.unit() * (picture.height() as f32 - small.height() as f32).max(0.0);
    paste(&mut out, &small, x, y);
    out
}

/// What a collage shows at a place: strangers where there are too few sources.
fn tile<'a>(scene: &'a Scene<'_>, place: usize) -> &'a RgbImage {
    scene.sources.get(place).unwrap_or_else(|| &scene.strangers[place % scene.strangers.len()])
}

/// Longest side of a collage as sites make them, in pixels.
const COLLAGE: f32 = 1000.0;

/// Two side by side, each as it is, at the same height.
fn pair(scene: &Scene<'_>, random: &mut Random) -> RgbImage {
    let height = 600.0;
    let mut tiles = [tile(scene, 0), tile(scene, 1)].map(|picture| scaled(picture, height / picture.height() as f32));
    random.shuffle(&mut tiles);
    let gap = random.pick(&[0.0, 8.0]);
    let mut out = canvas(tiles[0].width() as f32 + tiles[1].width() as f32 + gap, height, WHITE);
    paste(&mut out, &tiles[0], 0.0, 0.0);
    paste(&mut out, &tiles[1], tiles[0].width() as f32 + gap, 0.0);
    scaled(&out, COLLAGE / longest(&out))
}

/// Two by two, all cut to the shape of the first, in any order.
fn square(mut tiles: Vec<&RgbImage>, random: &mut Random) -> RgbImage {
    let Some(first) = tiles.first() else { return canvas(8.0, 8.0, WHITE) };
    let (gap, factor) = (6.0, COLLAGE / 2.0 / longest(first));
    let (width, height) = (first.width() as f32 * factor, first.height() as f32 * factor);
    random.shuffle(&mut tiles);
    let mut out = canvas(2.0 * width + 3.0 * gap, 2.0 * height + 3.0 * gap, random.pick(&[WHITE, BLACK]));
    for (place, tile) in tiles.into_iter().take(4).enumerate() {
        let tile = sized(&covering(tile, width as u32, height as u32), width, height);
        let (column, row) = ((place % 2) as f32, (place / 2) as f32);
        paste(&mut out, &tile, gap + column * (width + gap), gap + row * (height + gap));
    }
    out
}
