//! SVG: its shapes, drawn onto white.
//!
//! Nothing that stands outside of the file is looked at, and neither text (which needs fonts) nor pictures inside are
//! drawn. A drawing is a program: what it would take, in memory, steps and depth, is summed up before each stage, since
//! no stage can be stopped, and a stack that overflows ends the process.

mod cost;
mod elements;

use std::io::Read;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, roxmltree};

use super::limits::Limits;
use super::{Decoded, Format, Raster, color, malformed};
use crate::error::{Error, ErrorKind, Result};

/// The longest text, in bytes; more are only maps that hold a whole city.
const TEXT_MAX: u64 = 32 << 20;
/// Nodes of the text, attributes aside.
const NODES_MAX: u32 = 500_000;
/// Bytes that a drawing takes while it is understood: for each of its text, and for each element that comes of it.
const PARSED: u64 = 16;
const UNDERSTOOD: u64 = 1024;

/// Draws the shapes of an SVG, packed by gzip or not, so that its longest side has the pixels that pictures are reduced
/// to. Its size is what it says of itself, in whole pixels.
pub(super) fn decode(bytes: &[u8], limits: &Limits<'_>) -> Result<Decoded> {
    let error = |what: &dyn std::fmt::Display| malformed(Format::Svg, what);
    let text = text(bytes)?;
    let parsed = (text.len() as u64).saturating_mul(PARSED);
    let admit = |bytes: u64| match bytes > limits.options.max_memory {
        true => Err(Error::new(ErrorKind::TooLarge, "too large: this svg takes more memory than is allowed")),
        false => limits.admit(0, 0, bytes),
    };
    admit(parsed)?;
    let reading = roxmltree::ParsingOptions { allow_dtd: true, nodes_limit: NODES_MAX, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&text, reading).map_err(|what| error(&what))?;
    let elements = elements::count(&document).map_err(|what| error(&what))?;
    let understood = elements.saturating_mul(UNDERSTOOD).saturating_add(parsed);
    admit(understood)?;
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_xmltree(&document, &options).map_err(|what| error(&what))?;
    let size = tree.size();
    let whole = |side: f32| (side.round() as u32).max(1);
    let longest = limits.options.longest_side.max(1);
    let (full_width, full_height) = (whole(size.width()), whole(size.height()));
    let enlarged = longest as f32 / size.width().max(size.height());
    let side = |side: f32| ((side * enlarged).round() as u32).clamp(1, longest);
    let (width, height) = (side(size.width()), side(size.height()));
    let transform = Transform::from_scale(width as f32 / size.width(), height as f32 / size.height());
    let cost = cost::of(&tree, transform, (width, height));
    admit(cost.bytes.saturating_add(understood))?;
    if cost.steps > cost::STEPS_MAX {
        return Err(error(&"its filters would take too long to draw"));
    }
    let mut drawn = Pixmap::new(width, height).ok_or_else(|| limits.too_large(full_width, full_height))?;
    drawn.fill(Color::WHITE);
    resvg::render(&tree, transform, &mut drawn.as_mut());
    let mut samples = drawn.take();
    color::to_luma(&mut samples, image::ColorType::Rgba8).ok_or_else(|| error(&"it has no pixels"))?;
    Ok(Decoded {
        full_width,
        full_height,
        scale: f64::from(enlarged),
        orientation: image::metadata::Orientation::NoTransforms,
        raster: Raster { width, height, luma: samples },
        partial: false,
    })
}

/// The text, unpacked where it is packed.
fn text(bytes: &[u8]) -> Result<String> {
    let text = match bytes {
        [0x1F, 0x8B, ..] => {
            let mut text = Vec::new();
            let mut unpacked = flate2::read::GzDecoder::new(bytes).take(TEXT_MAX + 1);
            unpacked.read_to_end(&mut text).map_err(|what| malformed(Format::Svg, what))?;
            text
        }
        _ => bytes.to_vec(),
    };
    if text.len() as u64 > TEXT_MAX {
        return Err(malformed(Format::Svg, format_args!("more than {} MiB of text", TEXT_MAX >> 20)));
    }
    let text = String::from_utf8(text).map_err(|_| malformed(Format::Svg, "its text is not UTF-8"))?;
    Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests;
