//! The collection, and the edited copies of some of it.

use image::RgbImage;
use image::imageops::{flip_horizontal, rotate90, rotate180, rotate270};

use crate::edits;
use crate::files::{Encoding, File, encoded};
use crate::scenes;

/// Folder and name, the kind of scene, its seed and how it is kept.
const PICTURES: [(&str, &str, u64, Encoding); 46] = {
    use Encoding::{Jpeg, Png, WebP};
    [
        ("garden/pond.jpg", "garden", 1, Jpeg(78)),
        ("garden/roses.jpg", "garden", 2, Jpeg(78)),
        ("garden/gate.jpg", "garden", 3, Jpeg(72)),
        ("garden/spring.jpg", "garden", 4, Jpeg(72)),
        ("garden/orchard.jpg", "garden", 5, Jpeg(72)),
        ("street/crossing.jpg", "street", 1, Jpeg(78)),
        ("street/bridge.jpg", "street", 2, Jpeg(72)),
        ("street/old town.jpg", "street", 3, Jpeg(72)),
        ("street/shops.jpg", "street", 4, Jpeg(72)),
        ("street/corner.jpg", "street", 5, Jpeg(72)),
        ("street/night.jpg", "night", 1, Jpeg(72)),
        ("street/market day.jpg", "people", 9, Jpeg(72)),
        ("sea/harbour.jpg", "sea", 1, Jpeg(78)),
        ("sea/regatta.jpg", "sea", 2, Jpeg(72)),
        ("sea/bay.jpg", "sea", 3, Jpeg(72)),
        ("sea/gulls.jpg", "sea", 4, Jpeg(72)),
        ("mountains/pass.jpg", "mountains", 1, Jpeg(72)),
        ("mountains/valley.jpg", "mountains", 2, Jpeg(72)),
        ("mountains/ridge.jpg", "mountains", 3, Jpeg(72)),
        ("mountains/scree.jpg", "stones", 1, Jpeg(66)),
        ("forest/autumn.jpg", "forest", 1, Jpeg(66)),
        ("forest/clearing.jpg", "forest", 2, Jpeg(66)),
        ("forest/birches.jpg", "forest", 3, Jpeg(66)),
        ("market/fruit.jpg", "market", 1, Jpeg(72)),
        ("market/vegetables.jpg", "market", 2, Jpeg(72)),
        ("market/spices.jpg", "market", 3, Jpeg(72)),
        ("market/cloth.jpg", "textile", 1, Jpeg(72)),
        ("market/carpet.jpg", "textile", 2, Jpeg(72)),
        ("market/scarf.jpg", "textile", 3, Jpeg(72)),
        ("people/anna.jpg", "people", 1, Jpeg(72)),
        ("people/neighbours.jpg", "people", 2, Jpeg(72)),
        ("people/hat.jpg", "people", 3, Jpeg(72)),
        ("people/wedding.jpg", "people", 4, Jpeg(72)),
        ("home/kitchen.jpg", "interior", 1, Jpeg(72)),
        ("home/study.jpg", "interior", 2, Jpeg(72)),
        ("home/parlour.jpg", "interior", 3, Jpeg(72)),
        ("home/toys.jpg", "toys", 1, Jpeg(72)),
        ("home/attic.jpg", "toys", 2, Jpeg(72)),
        ("scans/walk.jpg", "map", 1, Jpeg(72)),
        ("scans/islands.jpg", "map", 2, Jpeg(72)),
        ("scans/letter.jpg", "page", 1, Jpeg(66)),
        ("scans/paper.jpg", "page", 2, Jpeg(66)),
        ("screens/map.png", "map", 3, Png),
        ("screens/stars.webp", "night", 2, WebP),
        ("drawings/bridge in ink.png", "street", 7, Png),
        ("drawings/boats in ink.webp", "sea", 7, WebP),
    ]
};

/// A picture of the collection, before it is encoded.
fn picture(name: &str) -> RgbImage {
    let found = PICTURES.iter().find(|(path, ..)| *path == name);
    let Some((_, kind, seed, encoding)) = found else { return RgbImage::new(1, 1) };
    let size = if matches!(encoding, Encoding::Jpeg(_)) { (480, 360) } else { (320, 240) };
    let scene = scenes::draw(kind, size.0, size.1, *seed).finish();
    if name.starts_with("drawings/") { edits::outlines(&scene) } else { scene }
}

/// The files of `library/`.
pub fn library() -> Vec<File> {
    let mut files: Vec<File> = PICTURES
        .iter()
        .map(|(name, kind, seed, encoding)| {
            File::new(format!("library/{name}"), format!("{kind} {seed}"), encoded(&picture(name), *encoding))
        })
        .collect();
    let pond = files[0].bytes.clone();
    files.push(File::new("library/copies/pond (copy).jpg", "the same bytes as garden/pond.jpg", pond));
    let gradient = RgbImage::from_fn(320, 240, |x, y| image::Rgb([(150 + x / 10) as u8, (170 + y / 12) as u8, 210]));
    let gradient = encoded(&gradient, Encoding::Jpeg(85));
    files.push(File::new("library/drawings/gradient.jpg", "too plain to be recognised", gradient));
    files.push(File::new(
        "library/notes.txt",
        "no picture",
        b"Pictures of the garden, the street and the sea.\n".to_vec(),
    ));
    files
}

/// The files of `queries/`, with the list of what each is a copy of.
pub fn queries() -> Vec<File> {
    type Edit = fn(&RgbImage) -> RgbImage;
    let edits: [(&str, &str, Edit, u8); 26] = [
        ("recompressed", "garden/pond.jpg", |p| p.clone(), 20),
        ("half", "street/crossing.jpg", |p| edits::resized(p, 0.5), 80),
        ("upscaled", "sea/harbour.jpg", |p| edits::resized(p, 1.5), 70),
        ("grey", "mountains/pass.jpg", edits::grey, 70),
        ("warm", "garden/roses.jpg", edits::warm, 70),
        ("darker", "market/fruit.jpg", edits::darker, 70),
        ("blurred", "people/anna.jpg", |p| edits::blurred(p, 2), 70),
        ("noise", "home/kitchen.jpg", |p| edits::noisy(p, 22.0, 5), 60),
        ("mirrored", "street/bridge.jpg", |p| flip_horizontal(p), 70),
        ("rotated-90", "forest/autumn.jpg", |p| rotate90(p), 60),
        ("rotated-180", "people/hat.jpg", |p| rotate180(p), 70),
        ("rotated-270", "scans/walk.jpg", |p| rotate270(p), 70),
        ("turned-30", "street/shops.jpg", |p| edits::turned(p, 30.0 / 360.0, [255; 3]), 70),
        ("crop-quarter", "street/old town.jpg", |p| edits::cropped(p, (0.3, 0.35), (0.5, 0.5)), 75),
        ("crop-60", "market/vegetables.jpg", |p| edits::cropped(p, (0.05, 0.2), (0.78, 0.77)), 70),
        ("caption", "people/neighbours.jpg", edits::captioned, 70),
        ("meme", "home/toys.jpg", edits::meme, 70),
        ("overlay", "sea/regatta.jpg", edits::overlaid, 70),
        ("bordered", "garden/gate.jpg", edits::bordered, 70),
        (
            "picture-in-picture",
            "home/study.jpg",
            |p| edits::pasted(p, &edits::unrelated("stones", 3), 0.5, (0.4, 0.42)),
            75,
        ),
        (
            "picture-in-picture-small",
            "market/carpet.jpg",
            |p| edits::pasted(p, &edits::unrelated("garden", 8), 0.4, (0.1, 0.1)),
            80,
        ),
        ("screenshot", "people/wedding.jpg", edits::screenshot, 75),
        ("perspective", "street/corner.jpg", edits::perspective, 75),
        ("stretched", "mountains/valley.jpg", |p| edits::stretched(p, 1.3, 0.9), 70),
        ("negative", "home/parlour.jpg", edits::negative, 70),
        ("strong", "scans/islands.jpg", edits::strong, 70),
    ];
    let (mut files, mut truth) = (Vec::new(), String::from("query,edit,sources\n"));
    for (edit, source, apply, quality) in edits {
        let bytes = encoded(&apply(&picture(source)), Encoding::Jpeg(quality));
        files.push(File::new(format!("queries/{edit}.jpg"), format!("{edit} copy of library/{source}"), bytes));
        truth += &format!("{edit}.jpg,{edit},{source}\n");
    }
    let four = ["garden/orchard.jpg", "sea/bay.jpg", "market/spices.jpg", "street/market day.jpg"];
    let sheet = edits::collage(&four.map(picture).each_ref());
    files.push(File::new(
        "queries/collage.jpg",
        format!("collage of {}", four.join(", ")),
        encoded(&sheet, Encoding::Jpeg(75)),
    ));
    truth += &format!("collage.jpg,collage,{}\n", four.join("|"));
    for (number, kind) in (1..).zip(["street", "garden", "toys", "interior"]) {
        let bytes = encoded(&edits::unrelated(kind, 20 + number), Encoding::Jpeg(70));
        files.push(File::new(format!("queries/unrelated-{number}.jpg"), format!("{kind}: in no collection"), bytes));
        truth += &format!("unrelated-{number}.jpg,unrelated,\n");
    }
    let plain = RgbImage::from_pixel(200, 150, image::Rgb([90, 120, 160]));
    files.push(File::new("queries/plain.png", "one colour", encoded(&plain, Encoding::Png)));
    truth += "plain.png,plain,\n";
    files.push(File::new("queries/truth.csv", "what each query is a copy of", truth.into_bytes()));
    files
}
