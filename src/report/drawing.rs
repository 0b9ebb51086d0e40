//! A comparison as a picture: both side by side, what they share outlined, the places that agree joined.

use std::io::Write;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError, Rgb, RgbImage};

use crate::decode::Picture;
use crate::error::{Error, ErrorKind, Result};
use crate::search::Comparison;
use crate::search::geometry::Point;

/// Pixels between the two pictures.
const GAP: u32 = 8;
const GROUND: Rgb<u8> = Rgb([24, 24, 24]);
const OUTLINE: Rgb<u8> = Rgb([255, 64, 64]);
/// Lines of inliers take these in turn, so that neighbours can be followed.
const LINES: [Rgb<u8>; 4] = [Rgb([80, 220, 120]), Rgb([90, 170, 255]), Rgb([255, 200, 60]), Rgb([220, 120, 255])];
/// Lines at most: more hide the pictures.
const LINES_MAX: usize = 60;

/// Writes a PNG.
///
/// # Errors
/// `Io`.
pub fn png(out: impl Write, comparison: &Comparison) -> Result<()> {
    let [first, second] = &comparison.pictures;
    let size = (first.reduced_width + GAP + second.reduced_width, first.reduced_height.max(second.reduced_height));
    let mut canvas = RgbImage::from_pixel(size.0, size.1, GROUND);
    let right = first.reduced_width + GAP;
    paste(&mut canvas, first, 0);
    paste(&mut canvas, second, right);
    let beside = |(x, y): Point| (x + f64::from(right), y);
    let step = comparison.inliers.len().div_ceil(LINES_MAX).max(1);
    for ([from, to], colour) in comparison.inliers.iter().step_by(step).zip(LINES.into_iter().cycle()) {
        line(&mut canvas, *from, beside(*to), colour);
    }
    let [shared, there] = &comparison.outlines;
    polygon(&mut canvas, shared.iter().copied());
    polygon(&mut canvas, there.iter().copied().map(beside));
    let encoder = PngEncoder::new(out);
    encoder.write_image(&canvas, size.0, size.1, ExtendedColorType::Rgb8).map_err(|error| match error {
        ImageError::IoError(error) => Error::io(error),
        error => Error::new(ErrorKind::Io, error.to_string()),
    })
}

fn paste(canvas: &mut RgbImage, picture: &Picture, left: u32) {
    let width = picture.reduced_width.max(1);
    for (i, &luma) in (0u32..).zip(&picture.luma) {
        if let Some(pixel) = canvas.get_pixel_mut_checked(left + i % width, i / width) {
            *pixel = Rgb([luma; 3]);
        }
    }
}

fn polygon(canvas: &mut RgbImage, corners: impl Iterator<Item = Point> + Clone) {
    for (from, to) in corners.clone().zip(corners.clone().skip(1).chain(corners.take(1))) {
        // Three pixels wide.
        for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
            line(canvas, (from.0 + dx, from.1 + dy), (to.0 + dx, to.1 + dy), OUTLINE);
        }
    }
}

/// A line of one pixel; what lies outside is left out.
fn line(canvas: &mut RgbImage, from: Point, to: Point, colour: Rgb<u8>) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let longest = f64::from(canvas.width().max(canvas.height())) * 4.0;
    let steps = dx.abs().max(dy.abs()).ceil().clamp(1.0, longest);
    for step in 0..=steps as u32 {
        let share = f64::from(step) / steps;
        let (x, y) = (from.0 + share * dx, from.1 + share * dy);
        if x >= 0.0
            && y >= 0.0
            && let Some(pixel) = canvas.get_pixel_mut_checked(x as u32, y as u32)
        {
            *pixel = colour;
        }
    }
}
