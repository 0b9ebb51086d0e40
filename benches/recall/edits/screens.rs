//! Screens: of a computer and of a phone, with a picture in the middle of everything else that they show.

use image::{Rgb, RgbImage};

use super::draw::{Area, ellipse, line, rectangle, rounded, star};
use super::pixels::{canvas, fitted, paste};
use super::{Random, font};

const WORDS: [&str; 28] = [
    "Harbour", "morning", "letters", "under", "seven", "bridges", "found", "again", "paper", "boats", "quiet",
    "market", "closing", "early", "green", "kettle", "sings", "for", "nobody", "else", "tonight", "we", "count", "all",
    "the", "lanterns", "by", "hand",
];

/// A line of so many words.
pub fn words(count: usize, random: &mut Random) -> String {
    let words: Vec<_> = (0..count).map(|_| random.pick(&WORDS)).collect();
    words.join(" ")
}

/// Light or dark: the ground, what is written on it, and what is between the two.
struct Look {
    ground: Rgb<u8>,
    ink: Rgb<u8>,
    faint: Rgb<u8>,
}

impl Look {
    fn of(random: &mut Random) -> Self {
        if random.coin() {
            Self { ground: Rgb([250, 250, 251]), ink: Rgb([24, 26, 30]), faint: Rgb([205, 208, 214]) }
        } else {
            Self { ground: Rgb([24, 25, 28]), ink: Rgb([232, 233, 236]), faint: Rgb([70, 74, 82]) }
        }
    }
}

/// A window of a browser: title bar, tools, address, a column of text, the picture.
pub fn desktop(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let (width, height) = (1280.0, 800.0);
    let look = Look::of(random);
    let mut out = canvas(width, height, look.ground);
    rectangle(&mut out, Area::new(0.0, 0.0, width, 40.0), look.faint);
    for (place, colour) in [Rgb([236, 95, 87]), Rgb([240, 190, 70]), Rgb([95, 195, 90])].into_iter().enumerate() {
        ellipse(&mut out, Area::around(24.0 + 26.0 * place as f32, 20.0, 8.0), colour);
    }
    font::write(&mut out, &words(3, random), (120.0, 13.0), 14.0, look.ink);
    for x in [24.0, 56.0, 88.0] {
        line(&mut out, (x, 62.0), (x + 12.0, 56.0), 2.5, look.ink);
        line(&mut out, (x, 62.0), (x + 12.0, 68.0), 2.5, look.ink);
    }
    rounded(&mut out, Area::new(130.0, 48.0, 900.0, 28.0), 14.0, look.faint);
    font::write(&mut out, "pictures.example/album/42?page=7", (150.0, 56.0), 12.0, look.ink);
    star(&mut out, 1060.0, 62.0, 11.0, 5, look.ink);
    let side = random.coin();
    let (text, middle) = if side { (24.0, 310.0) } else { (1020.0, 24.0) };
    font::write(&mut out, &words(2, random), (text, 110.0), 18.0, look.ink);
    for row in 0..22 {
        let y = 150.0 + 26.0 * row as f32 + if row > 9 { 30.0 } else { 0.0 };
        font::write(&mut out, &words(3, random), (text, y), 10.0, look.ink);
    }
    let shown = fitted(picture, 940.0, 610.0);
    paste(&mut out, &shown, middle + (946.0 - shown.width() as f32) / 2.0, 96.0);
    font::write(&mut out, &words(9, random), (middle, 730.0), 13.0, look.ink);
    font::write(&mut out, &words(12, random), (middle, 760.0), 10.0, look.faint);
    out
}

/// A phone held upright: the picture as wide as the screen, with bars above and below, status and buttons.
pub fn phone(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let (width, height) = (720.0, 1480.0);
    let look = Look::of(random);
    let mut out = canvas(width, height, look.ground);
    let clock = format!("{}:{}{}", 10 + random.below(12), random.below(6), random.below(10));
    font::write(&mut out, &clock, (36.0, 26.0), 20.0, look.ink);
    for bar in 0..4 {
        let high = 6.0 + 5.0 * bar as f32;
        rectangle(&mut out, Area::new(560.0 + 11.0 * bar as f32, 46.0 - high, 7.0, high), look.ink);
    }
    rounded(&mut out, Area::new(630.0, 26.0, 48.0, 20.0), 5.0, look.ink);
    ellipse(&mut out, Area::around(64.0, 116.0, 32.0), Rgb([random.below(200) as u8, 120, 160]));
    font::write(&mut out, &words(2, random), (116.0, 94.0), 18.0, look.ink);
    font::write(&mut out, "3 h", (116.0, 124.0), 14.0, look.faint);
    let shown = fitted(picture, width, 1000.0);
    let top = 180.0 + (1000.0 - shown.height() as f32) / 2.0;
    paste(&mut out, &shown, (width - shown.width() as f32) / 2.0, top);
    let below = 1204.0;
    for place in 0..4 {
        ellipse(&mut out, Area::around(52.0 + 84.0 * place as f32, below + 22.0, 20.0), look.faint);
    }
    font::write(&mut out, &format!("{} likes", 10 + random.below(9000)), (32.0, below + 66.0), 18.0, look.ink);
    font::write(&mut out, &words(6, random), (32.0, below + 104.0), 15.0, look.ink);
    font::write(&mut out, &words(5, random), (32.0, below + 132.0), 15.0, look.ink);
    rectangle(&mut out, Area::new(0.0, height - 96.0, width, 96.0), look.faint);
    for place in 0..5 {
        rounded(&mut out, Area::new(50.0 + 140.0 * place as f32, height - 72.0, 48.0, 48.0), 10.0, look.ink);
    }
    out
}
