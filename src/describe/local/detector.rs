//! Blobs: points of the scale space that are brighter or darker than all around them, in place and scale.
//!
//! Each is moved to the top of a parabola fitted to its 26 neighbours; flat ones and those on edges, whose
//! place is chance, are dropped (Lowe 2004, sections 3 and 4).

use super::Options;
use super::peaks::{self, BORDER, Peak};
use super::pyramid::{Octave, SCALES};

/// Share of the contrast that a pixel needs for a closer look: the peak between pixels is a little higher.
const FIRST_LOOK: f32 = 0.8;
/// Steps to a neighbouring pixel that the fit may take before it is given up, as in Lowe's own program.
const STEPS: usize = 5;
/// Pixels from the sample up to which a fit is trusted. Half a pixel is the border to the next one; the rest
/// keeps peaks that lie on the border from being passed to and fro.
const WITHIN: f32 = 0.6;

/// A blob, in pixels of its octave counted from the middle of the first one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blob {
    /// Number of the octave, the finest being 0.
    pub octave: usize,
    /// The blurred picture of the octave that is nearest to its scale.
    pub level: usize,
    /// Position along a row.
    pub x: f32,
    /// Row.
    pub y: f32,
    /// Scale in pixels of the octave.
    pub sigma: f32,
    /// Side of the octave's pixels in pixels of the picture.
    pub pixel: f32,
    /// How far it stands out, in grey levels; not negative.
    pub strength: f32,
}

/// The blobs of octave number `number`, in the order of the scan.
pub fn blobs(number: usize, octave: &Octave<'_>, options: &Options) -> Vec<Blob> {
    let mut found = Vec::new();
    peaks::find(octave, FIRST_LOOK * options.contrast, &mut found);
    found.iter().filter_map(|&peak| refined(octave, number, peak, options)).collect()
}

/// The blob at the top of the parabola through the neighbourhood of a pixel, if there is a good one.
fn refined(octave: &Octave<'_>, number: usize, peak: Peak, options: &Options) -> Option<Blob> {
    let Peak { mut level, mut x, mut y } = peak;
    for _ in 0..STEPS {
        let fit = Fit::at(octave, level, x, y);
        let [dx, dy, ds] = fit.offset()?;
        if dx.abs() <= WITHIN && dy.abs() <= WITHIN && ds.abs() <= WITHIN {
            let strength =
                (fit.value + 0.5 * (fit.gradient[0] * dx + fit.gradient[1] * dy + fit.gradient[2] * ds)).abs();
            let sigma = options.sigma * 2f32.powf((level as f32 + ds) / SCALES as f32);
            let blob = Blob {
                octave: number,
                level,
                x: x as f32 + dx,
                y: y as f32 + dy,
                sigma,
                pixel: octave.pixel,
                strength,
            };
            return (strength >= options.contrast && !fit.is_edge(options.edge)).then_some(blob);
        }
        let plane = &octave.levels[level];
        level = step(level, ds, 1, SCALES)?;
        x = step(x, dx, BORDER, plane.width - BORDER - 1)?;
        y = step(y, dy, BORDER, plane.height - BORDER - 1)?;
    }
    None
}

/// `from` moved to the pixel nearest to `from + by`, if that lies between `first` and `last`.
fn step(from: usize, by: f32, first: usize, last: usize) -> Option<usize> {
    let to = from as f32 + by.round();
    (to >= first as f32 && to <= last as f32).then_some(to as usize)
}

/// Value, slope and curvature of the scale space at a pixel.
struct Fit {
    value: f32,
    /// Along x, y and scale.
    gradient: [f32; 3],
    /// xx, yy, ss, xy, xs, ys.
    hessian: [f32; 6],
}

impl Fit {
    fn at(octave: &Octave<'_>, level: usize, x: usize, y: usize) -> Self {
        let cube: [[[f32; 3]; 3]; 3] = std::array::from_fn(|s| {
            let (fine, coarse) = (&octave.levels[level + s - 1], &octave.levels[level + s]);
            std::array::from_fn(|j| {
                let (fine, coarse) = (&fine.row(y + j - 1)[x - 1..x + 2], &coarse.row(y + j - 1)[x - 1..x + 2]);
                std::array::from_fn(|i| coarse[i] - fine[i])
            })
        });
        let [below, here, above] = &cube;
        let at = |square: &[[f32; 3]; 3], dx: isize, dy: isize| square[(dy + 1) as usize][(dx + 1) as usize];
        let value = at(here, 0, 0);
        let slope = |square| [at(square, 1, 0) - at(square, -1, 0), at(square, 0, 1) - at(square, 0, -1)];
        let (low, middle, high) = (slope(below), slope(here), slope(above));
        Self {
            value,
            gradient: [0.5 * middle[0], 0.5 * middle[1], 0.5 * (at(above, 0, 0) - at(below, 0, 0))],
            hessian: [
                (at(here, 1, 0) + at(here, -1, 0)) - 2.0 * value,
                (at(here, 0, 1) + at(here, 0, -1)) - 2.0 * value,
                (at(above, 0, 0) + at(below, 0, 0)) - 2.0 * value,
                0.25 * ((at(here, 1, 1) - at(here, -1, 1)) - (at(here, 1, -1) - at(here, -1, -1))),
                0.25 * (high[0] - low[0]),
                0.25 * (high[1] - low[1]),
            ],
        }
    }

    /// Where the parabola peaks, relative to the pixel; `None` where it does not.
    fn offset(&self) -> Option<[f32; 3]> {
        let [xx, yy, ss, xy, xs, ys] = self.hessian;
        let [gx, gy, gs] = self.gradient;
        // The inverse of a symmetric matrix by its cofactors.
        let (a, b, c) = (yy * ss - ys * ys, xs * ys - xy * ss, xy * ys - xs * yy);
        let determinant = xx * a + xy * b + xs * c;
        if determinant == 0.0 {
            return None;
        }
        let (d, e, f) = (xx * ss - xs * xs, xy * xs - xx * ys, xx * yy - xy * xy);
        let offset = [a * gx + b * gy + c * gs, b * gx + d * gy + e * gs, c * gx + e * gy + f * gs];
        let offset = offset.map(|value| -value / determinant);
        offset.iter().all(|value| value.is_finite()).then_some(offset)
    }

    fn is_edge(&self, most: f32) -> bool {
        let [xx, yy, _, xy, ..] = self.hessian;
        let (trace, determinant) = (xx + yy, xx * yy - xy * xy);
        determinant <= 0.0 || trace * trace * most >= (most + 1.0).powi(2) * determinant
    }
}
