//! Time of describing decoded pictures on one thread: `cargo bench --bench describe -- DIR`.
//!
//! The parts take turns on each picture and the median of the rounds counts. The floor is what everything of
//! this kind does first: one Gaussian blur of the picture, as the `image` crate does it.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use image::{GrayImage, imageops};
use ris::decode::{self, Picture, decode};
use ris::describe::local::{Options, features};
use ris::describe::{describe, probe};

const ROUNDS: usize = 5;
const FOLDER: &str = "fixtures/library";

type Part = (&'static str, fn(&Picture));

const PARTS: [Part; 4] = [
    ("floor: one Gaussian blur (sigma 1.6)", |picture| {
        let grey = GrayImage::from_raw(picture.reduced_width, picture.reduced_height, picture.luma.clone());
        black_box(grey.map(|grey| imageops::fast_blur(&grey, 1.6)));
    }),
    ("local features, for the index", |picture| {
        let size = (picture.reduced_width as usize, picture.reduced_height as usize);
        black_box(features(&picture.luma, size.0, size.1, &Options::gallery()));
    }),
    ("all, for the index", |picture| {
        black_box(describe(picture));
    }),
    ("all, of a query", |picture| {
        black_box(probe(picture));
    }),
];

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = folder.map_or_else(|| PathBuf::from(FOLDER), PathBuf::from);
    let files = ignore::Walk::new(&folder).flatten().filter(|entry| entry.path().is_file());
    let pictures: Vec<_> = files
        .filter_map(|file| decode(&std::fs::read(file.path()).ok()?, &decode::Options::default()).ok())
        .take(200)
        .collect();
    if pictures.is_empty() {
        return println!("no picture in {}; usage: cargo bench --bench describe -- DIR", folder.display());
    }
    let mut sums = [0.0; PARTS.len()];
    for picture in &pictures {
        let mut times = [(); PARTS.len()].map(|()| Vec::new());
        for _ in 0..ROUNDS {
            for ((_, part), times) in PARTS.iter().zip(&mut times) {
                let started = Instant::now();
                part(picture);
                times.push(started.elapsed().as_secs_f64() * 1e3);
            }
        }
        for (sum, times) in sums.iter_mut().zip(&mut times) {
            times.sort_by(f64::total_cmp);
            *sum += times[ROUNDS / 2];
        }
    }
    println!("{} pictures\n\n| part | ms/picture | ratio to floor |\n| --- | ---: | ---: |", pictures.len());
    for ((name, _), sum) in PARTS.iter().zip(sums) {
        println!("| {name} | {:.2} | {:.1} |", sum / pictures.len() as f64, sum / sums[0]);
    }
}
