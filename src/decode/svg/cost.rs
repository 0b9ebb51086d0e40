//! What it takes to draw: pixels that are covered, edges that are followed, dashes, layers, tiles and filters.
//!
//! A drawing has as many of each as it asks for: a line of dashes a thousandth of a pixel long, a thousand groups that
//! each cover the whole picture, a tile larger than it. Times are those of one core of a machine of 2020, at their worst.

mod filters;
mod paths;

use resvg::tiny_skia::{Rect, Transform};
use resvg::usvg::{ClipPath, Group, Node, Path, Tree};

pub(super) use paths::outline;

/// Bytes of a pixel.
const PIXEL: u64 = 4;
/// The renderer cuts layers off where they leave the picture by two of its own sizes: 5 x 5 pictures.
const REACH: f32 = 2.0;
/// Nanoseconds of a pixel of a layer that is emptied, drawn onto what is below, and of one through which is cut.
const LAYER_TIME: u64 = 20;
const CUT_TIME: u64 = 20;
/// Nanoseconds of a node.
const NODE_TIME: u64 = 100;

/// What drawing takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// The most memory at the same time, in bytes.
    pub bytes: u64,
    pub nanoseconds: u64,
}

impl Cost {
    /// This, then that: memory is given back between them.
    fn then(self, next: Self) -> Self {
        Self { bytes: self.bytes.max(next.bytes), nanoseconds: self.nanoseconds.saturating_add(next.nanoseconds) }
    }

    /// That while so many bytes are held.
    fn within(self, bytes: u64) -> Self {
        Self { bytes: self.bytes.saturating_add(bytes), ..self }
    }

    /// This of each of so many pixels.
    fn per_pixel(pixels: u64, bytes: u64, nanoseconds: u64) -> Self {
        Self { bytes: pixels.saturating_mul(bytes), nanoseconds: pixels.saturating_mul(nanoseconds) }
    }
}

/// What it takes to draw a tree onto so many pixels.
pub(super) fn of(tree: &Tree, transform: Transform, (width, height): (u32, u32)) -> Cost {
    let (width, height) = (width as f32, height as f32);
    let reach = Area { left: -REACH * width, top: -REACH * height, right: width, bottom: height };
    let reach = Area { right: (REACH + 1.0) * width, bottom: (REACH + 1.0) * height, ..reach };
    let canvas = Canvas { area: Area { left: 0.0, top: 0.0, right: width, bottom: height }, reach };
    canvas.children(tree.root(), transform).within(canvas.area.pixels() * PIXEL)
}

/// A part of the plane, in pixels.
#[derive(Clone, Copy, Debug)]
struct Area {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
}

impl Area {
    fn of(rect: Rect) -> Self {
        Self { left: rect.left(), top: rect.top(), right: rect.right(), bottom: rect.bottom() }
    }

    /// What is of it in another one. `min` and `max` take the number where the other is none.
    fn within(self, other: Self) -> Self {
        Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }

    /// It with a margin around it.
    fn grown(self, by: f32) -> Self {
        Self { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    fn width(self) -> f32 {
        (self.right - self.left).max(0.0)
    }

    fn height(self) -> f32 {
        (self.bottom - self.top).max(0.0)
    }

    fn pixels(self) -> u64 {
        (self.width().ceil() as u64).saturating_mul(self.height().ceil() as u64)
    }
}

/// What is drawn onto: the picture, a layer or a tile.
#[derive(Clone, Copy)]
struct Canvas {
    area: Area,
    /// What a layer may cover.
    reach: Area,
}

impl Canvas {
    fn children(self, group: &Group, transform: Transform) -> Cost {
        let nodes = Cost { nanoseconds: NODE_TIME * group.children().len() as u64, bytes: 0 };
        group.children().iter().fold(nodes, |cost, node| {
            cost.then(match node {
                Node::Group(group) => self.group(group, transform),
                Node::Path(path) => self.path(path, transform),
                // Neither is drawn.
                Node::Image(_) | Node::Text(_) => Cost::default(),
            })
        })
    }

    fn group(self, group: &Group, transform: Transform) -> Cost {
        let transform = transform.pre_concat(group.transform());
        if !group.should_isolate() {
            return self.children(group, transform);
        }
        // What can't be turned or is nowhere is not drawn.
        let Some((layer, transform)) = self.layer(group, transform) else { return Cost::default() };
        let pixels = layer.area.pixels();
        let mut cost = layer.children(group, transform).then(Cost::per_pixel(pixels, 0, LAYER_TIME));
        for filter in group.filters() {
            cost = cost.then(layer.filter(filter, transform));
        }
        let held = pixels.saturating_mul(PIXEL);
        if let Some(clip) = group.clip_path() {
            cost = cost.then(layer.clip(clip, transform));
        }
        // Each mask has a layer, within that of the one before.
        let (mut masking, mut masks) = (group.mask(), 0);
        while let Some(mask) = masking {
            masks += 2 * held;
            let drawn = layer.children(mask.root(), transform).then(Cost::per_pixel(pixels, 0, CUT_TIME));
            cost = cost.then(drawn.within(masks));
            masking = mask.mask();
        }
        cost.within(held)
    }

    /// The layer that a group is drawn onto, and how it lies there. As the renderer has it: without a filter the group's
    /// bounds with some pixels around them; with one, turned upright.
    fn layer(self, group: &Group, transform: Transform) -> Option<(Self, Transform)> {
        let (mut upright, mut margin) = (Transform::identity(), 2.0);
        if !group.filters().is_empty() {
            margin = 0.0;
            let (across, down) = (transform.sx.hypot(transform.ky), transform.kx.hypot(transform.sy));
            let (sx, ky, kx, sy) =
                (transform.sx / across, transform.ky / across, transform.kx / down, transform.sy / down);
            upright = Transform::from_row(sx, ky, kx, sy, 0.0, 0.0);
        }
        let back = upright.invert()?;
        let transform = back.pre_concat(transform);
        let Area { left, top, right, bottom } = self.reach;
        let reach = Area::of(Rect::from_ltrb(left, top, right, bottom)?.transform(back)?);
        let bounds = Area::of(group.layer_bounding_box().transform(transform)?.to_rect());
        // Bounds are rounded outwards.
        let area = bounds.grown(margin + 1.0).within(reach);
        Some((Self { area, reach }, transform))
    }

    /// What cuts a layer: paths, each perhaps cut itself.
    fn clip(self, clip: &ClipPath, transform: Transform) -> Cost {
        let held = self.area.pixels().saturating_mul(2 * PIXEL);
        let mut cost = self.cutting(clip.root(), transform.pre_concat(clip.transform()));
        if let Some(next) = clip.clip_path() {
            cost = cost.then(self.clip(next, transform));
        }
        cost.then(Cost::per_pixel(self.area.pixels(), 0, CUT_TIME)).within(held)
    }

    fn cutting(self, group: &Group, transform: Transform) -> Cost {
        group.children().iter().fold(Cost::default(), |cost, node| {
            cost.then(match node {
                Node::Path(path) => self.path(path, transform),
                Node::Group(group) => {
                    let transform = transform.pre_concat(group.transform());
                    let inner = self.cutting(group, transform);
                    match group.clip_path() {
                        Some(clip) => {
                            let drawn = inner.then(self.clip(clip, transform));
                            let layer = Cost::per_pixel(self.area.pixels(), PIXEL, LAYER_TIME);
                            drawn.within(layer.bytes).then(layer)
                        }
                        None => inner,
                    }
                }
                Node::Image(_) | Node::Text(_) => Cost::default(),
            })
        })
    }

    fn path(self, path: &Path, transform: Transform) -> Cost {
        if path.is_visible() { paths::cost(self, path, transform) } else { Cost::default() }
    }
}
