//! SVG: its shapes, drawn onto white.
//!
//! Nothing that stands outside of the file is looked at, and neither text (which needs fonts) nor pictures inside are
//! drawn. A drawing is a program: what it would take, in memory, steps and depth, is summed up before each stage, since
//! no stage can be stopped, and a stack that overflows ends the process.

mod cost;
mod rehearsal;
mod styles;
mod text;

use std::time::Duration;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, roxmltree};

use super::limits::Limits;
use super::{Decoded, Format, Raster, color, malformed};
use crate::error::{Error, ErrorKind, Result};

/// Nodes of the text, attributes aside.
const NODES_MAX: u32 = 500_000;
const TOO_SLOW: &str = "it would take too long to draw";

/// Draws the shapes of an SVG, packed by gzip or not, so that its longest side has the pixels that pictures are reduced
/// to. Its size is what it says of itself, in whole pixels.
pub(super) fn decode(bytes: &[u8], limits: &Limits<'_>) -> Result<Decoded> {
    let error = |what: &dyn std::fmt::Display| malformed(Format::Svg, what);
    let most = limits.options.max_time;
    let admit = |bytes: u64| match bytes > limits.options.max_memory {
        true => Err(too_large()),
        false => limits.admit(0, 0, bytes),
    };
    let text = text::unpacked(bytes, limits)?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let parsed = text::cost(text).map_err(|what| error(&what))?;
    admit(parsed)?;
    let reading = roxmltree::ParsingOptions { allow_dtd: true, nodes_limit: NODES_MAX, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(text, reading).map_err(|what| error(&what))?;
    let understood = rehearsal::rehearse(&document, most).map_err(|what| error(&what))?;
    let held = parsed.saturating_add(understood.bytes);
    admit(held)?;
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
    admit(cost.bytes.saturating_add(held))?;
    if Duration::from_nanos(cost.nanoseconds.saturating_add(understood.nanoseconds)) > most {
        return Err(error(&TOO_SLOW));
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

fn too_large() -> Error {
    Error::new(ErrorKind::TooLarge, "too large: this svg takes more memory than is allowed")
}

#[cfg(test)]
mod tests;
