//! What filters take: each result is kept to the end, and a window, a matrix or noise has many steps for each pixel.

use resvg::tiny_skia::Transform;
use resvg::usvg::filter::{Filter, Kind};

use super::{Canvas, Cost, PIXEL};

/// Nanoseconds for each pixel: of what looks at each once, of a blur, of a light; and of each place in a window or a
/// matrix, of each octave of noise, of each input that is merged.
const PLAIN_TIME: u64 = 30;
const BLUR_TIME: u64 = 260;
const LIGHT_TIME: u64 = 200;
const PLACE_TIME: u64 = 4;
const OCTAVE_TIME: u64 = 150;
const MERGED_TIME: u64 = 40;
/// Layers that a filter holds besides its results: inputs in another colour space, numbers of four bytes a sample.
const LAYERS: u64 = 8;

impl Canvas {
    /// What it takes to filter a layer.
    pub(super) fn filter(self, filter: &Filter, transform: Transform) -> Cost {
        let pixels = self.area.pixels();
        let (across, down) = transform.get_scale();
        let kept = filter.primitives().len() as u64 + LAYERS;
        let mut cost = Cost::per_pixel(pixels, PIXEL.saturating_mul(kept), PLAIN_TIME);
        for primitive in filter.primitives() {
            let each = match primitive.kind() {
                Kind::Morphology(morphology) => {
                    // `min` takes the number where the other is none.
                    let side =
                        |radius: f32, scale: f32, all: f32| (2.0 * radius * scale + 1.0).min(all).max(1.0).ceil();
                    let width = side(morphology.radius_x().get(), across, self.area.width());
                    let height = side(morphology.radius_y().get(), down, self.area.height());
                    PLACE_TIME.saturating_mul((width * height) as u64)
                }
                Kind::ConvolveMatrix(convolve) => {
                    let (columns, rows) = (convolve.matrix().columns(), convolve.matrix().rows());
                    PLACE_TIME.saturating_mul(u64::from(columns).saturating_mul(rows.into()))
                }
                Kind::Turbulence(turbulence) => OCTAVE_TIME.saturating_mul(turbulence.num_octaves().into()),
                Kind::GaussianBlur(_) | Kind::DropShadow(_) => BLUR_TIME,
                Kind::DiffuseLighting(_) | Kind::SpecularLighting(_) => LIGHT_TIME,
                Kind::Merge(merge) => MERGED_TIME.saturating_mul(merge.inputs().len() as u64),
                Kind::Image(image) => {
                    cost = cost.then(self.children(image.root(), transform).within(cost.bytes));
                    PLAIN_TIME
                }
                _ => PLAIN_TIME,
            };
            cost.nanoseconds = cost.nanoseconds.saturating_add(pixels.saturating_mul(each.saturating_add(PLAIN_TIME)));
        }
        cost
    }
}
