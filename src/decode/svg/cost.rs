//! What it takes to draw: layers, tiles and filters have pixels of their own, as many as the drawing asks for.

use resvg::tiny_skia::Transform;
use resvg::usvg::{Group, Node, NonZeroRect, Paint, Path, Tree, filter};

/// Steps that filters may take in all: some seconds.
pub(super) const STEPS_MAX: u64 = 4 << 30;

/// Bytes of a pixel.
const PIXEL: u64 = 4;
/// The renderer cuts layers off where they leave the picture by two of its own sizes: 5 x 5 pictures.
const REACH: f32 = 5.0;

/// What drawing takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// The most memory at the same time, in bytes.
    pub bytes: u64,
    /// Steps of filters, each some nanoseconds.
    pub steps: u64,
}

impl Cost {
    /// This, then that: memory is given back between them.
    fn then(self, next: Self) -> Self {
        Self { bytes: self.bytes.max(next.bytes), steps: self.steps.saturating_add(next.steps) }
    }

    /// That while so many bytes are held.
    fn within(self, bytes: u64) -> Self {
        Self { bytes: self.bytes.saturating_add(bytes), ..self }
    }
}

/// What it takes to draw a tree onto so many pixels.
pub(super) fn of(tree: &Tree, transform: Transform, (width, height): (u32, u32)) -> Cost {
    let canvas = Canvas { width: width as f32, height: height as f32 };
    canvas.children(tree.root(), transform).within(canvas.bytes())
}

/// What is drawn onto.
#[derive(Clone, Copy)]
struct Canvas {
    width: f32,
    height: f32,
}

impl Canvas {
    fn bytes(self) -> u64 {
        area(self.width, self.height).saturating_mul(PIXEL)
    }

    /// Pixels of a layer for what lies in `bounds`.
    fn layer(self, bounds: NonZeroRect, transform: Transform) -> u64 {
        // Nothing is known of one that can't be turned.
        let bounds = bounds.transform(transform);
        let (width, height) = bounds.map_or((f32::MAX, f32::MAX), |bounds| (bounds.width(), bounds.height()));
        area((width + 4.0).min(self.width * REACH), (height + 4.0).min(self.height * REACH))
    }

    fn children(self, group: &Group, transform: Transform) -> Cost {
        group.children().iter().fold(Cost::default(), |cost, node| {
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
        let mut cost = self.children(group, transform);
        if !group.should_isolate() {
            return cost;
        }
        let pixels = self.layer(group.layer_bounding_box(), transform);
        let layer = pixels.saturating_mul(PIXEL);
        for filter in group.filters() {
            cost = cost.then(self.filter(filter, transform, pixels));
        }
        // Each mask and path that cuts has a layer, within that of the one before.
        let mut cutting = group.clip_path();
        let mut held = layer;
        while let Some(clip) = cutting {
            held = held.saturating_add(layer);
            cost = cost.then(self.children(clip.root(), transform).within(held));
            cutting = clip.clip_path();
        }
        let mut masking = group.mask();
        while let Some(mask) = masking {
            held = held.saturating_add(layer.saturating_mul(2));
            cost = cost.then(self.children(mask.root(), transform).within(held));
            masking = mask.mask();
        }
        cost.within(layer)
    }

    fn path(self, path: &Path, transform: Transform) -> Cost {
        let paints = [path.fill().map(|fill| fill.paint()), path.stroke().map(|stroke| stroke.paint())];
        paints.into_iter().flatten().fold(Cost::default(), |cost, paint| {
            let Paint::Pattern(pattern) = paint else { return cost };
            let (across, down) = transform.pre_concat(pattern.transform()).get_scale();
            let tile = Self { width: pattern.rect().width() * across, height: pattern.rect().height() * down };
            // The renderer holds layers within a pattern to the picture's size.
            let inner = self.children(pattern.root(), Transform::from_scale(across, down));
            cost.then(inner.within(tile.bytes()))
        })
    }

    fn filter(self, filter: &filter::Filter, transform: Transform, pixels: u64) -> Cost {
        let (across, down) = transform.get_scale();
        // Each result is kept until the end, as samples and, in part, as numbers of four bytes each.
        let kept = filter.primitives().len() as u64 + 8;
        let mut cost = Cost { bytes: pixels.saturating_mul(PIXEL).saturating_mul(kept), steps: 0 };
        for primitive in filter.primitives() {
            let each = match primitive.kind() {
                filter::Kind::Morphology(morphology) => {
                    let side = |radius: f32, scale: f32, all: f32| (2.0 * radius * scale + 1.0).clamp(1.0, all * REACH);
                    let width = side(morphology.radius_x().get(), across, self.width);
                    area(width, side(morphology.radius_y().get(), down, self.height))
                }
                filter::Kind::ConvolveMatrix(convolve) => {
                    u64::from(convolve.matrix().columns()).saturating_mul(u64::from(convolve.matrix().rows()))
                }
                filter::Kind::Turbulence(turbulence) => u64::from(turbulence.num_octaves()).saturating_mul(16),
                filter::Kind::Image(image) => {
                    cost = cost.then(self.children(image.root(), transform).within(cost.bytes));
                    1
                }
                _ => 8,
            };
            cost.steps = cost.steps.saturating_add(pixels.saturating_mul(each.max(1)));
        }
        cost
    }
}

/// Whole pixels; of what is no number all that there are.
fn area(width: f32, height: f32) -> u64 {
    if width.is_nan() || height.is_nan() {
        u64::MAX
    } else {
        (width.ceil() as u64).saturating_mul(height.ceil() as u64)
    }
}
