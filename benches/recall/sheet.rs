//! Contact sheets: every edit of a picture at a glance, for who wants to see what is searched for.

use std::path::Path;

use anyhow::Result;
use image::{Rgb, RgbImage};

use crate::edits::{font, pixels};

const COLUMNS: usize = 9;
const CELL: u32 = 200;
const LABEL: f32 = 8.0;

/// Writes `pictures` (names and JPEG files) as one PNG.
///
/// # Errors
/// Where a picture can't be decoded or the file can't be written.
pub fn write(path: &Path, pictures: &[(&str, Vec<u8>)]) -> Result<()> {
    let rows = pictures.len().div_ceil(COLUMNS);
    let height = CELL + 20;
    let mut sheet = RgbImage::from_pixel(COLUMNS as u32 * CELL, rows as u32 * height, Rgb([96, 104, 120]));
    for (place, (name, jpeg)) in pictures.iter().enumerate() {
        let (x, y) = ((place % COLUMNS) as u32 * CELL, (place / COLUMNS) as u32 * height);
        let room = (CELL - 6) as f32;
        let small = pixels::fitted(&image::load_from_memory(jpeg)?.into_rgb8(), room, room);
        image::imageops::replace(&mut sheet, &small, i64::from(x) + 3, i64::from(y) + 18);
        font::write(&mut sheet, name, (x as f32 + 4.0, y as f32 + 5.0), LABEL, Rgb([255; 3]));
    }
    sheet.save(path)?;
    Ok(())
}
