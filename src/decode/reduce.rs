//! Makes a picture smaller by averaging: convolution over the area of each new pixel.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::Raster;

/// The size that fits `longest_side`, keeping the aspect; each side at least 1, never larger than it was.
pub(super) fn fit(width: u32, height: u32, longest_side: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= longest_side {
        return (width, height);
    }
    let scaled = |side: u32| {
        let (side, longest, target) = (u64::from(side), u64::from(longest), u64::from(longest_side));
        u32::try_from((side * target + longest / 2) / longest).unwrap_or(longest_side).max(1)
    };
    (scaled(width), scaled(height))
}

/// Reduces a picture of `full` size, of which the raster is a copy at `scale`, until its longest side has
/// at most `longest_side` pixels. `None` where the raster does not hold what its size says.
pub(super) fn to_longest_side(raster: Raster, full: (u32, u32), scale: f64, longest_side: u32) -> Option<Raster> {
    let Raster { width, height, luma } = raster;
    let pixels = usize::try_from(u64::from(width).checked_mul(u64::from(height))?).ok()?;
    if pixels == 0 || luma.len() != pixels {
        return None;
    }
    if width.max(height) <= longest_side {
        return Some(Raster { width, height, luma });
    }
    let (new_width, new_height) = fit(full.0, full.1, longest_side);
    let covered = |full: u32, pixels: u32| (f64::from(full) * scale).min(pixels.into());
    let source = ImageRef::new(width, height, &luma, PixelType::U8).ok()?;
    let mut target = Image::new(new_width, new_height, PixelType::U8);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FILTER))
        .crop(0.0, 0.0, covered(full.0, width), covered(full.1, height))
        .use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).ok()?;
    Some(Raster { width: new_width, height: new_height, luma: target.into_vec() })
}

const FILTER: FilterType = FilterType::Bilinear;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_their_aspect_and_at_least_one_pixel() {
        let cases = [
            ((4000, 3000), (512, 384)),
            ((3000, 4000), (384, 512)),
            ((512, 512), (512, 512)),
            ((1, 1), (1, 1)),
            ((1, 10_000), (1, 512)),
            ((10_000, 1), (512, 1)),
            ((513, 512), (512, 511)),
            ((u32::MAX, u32::MAX), (512, 512)),
        ];
        for ((width, height), expected) in cases {
            assert_eq!(fit(width, height, 512), expected, "{width}x{height}");
        }
    }

    #[test]
    fn a_reduced_plain_picture_keeps_its_grey() {
        let raster = Raster { width: 1000, height: 3, luma: vec![77; 3000] };
        let reduced = to_longest_side(raster, (1000, 3), 1.0, 512).unwrap();
        assert_eq!((reduced.width, reduced.height), (512, 2));
        assert_eq!(reduced.luma, vec![77; 1024]);
    }

    #[test]
    fn a_raster_that_lacks_pixels_is_refused() {
        for (width, height, pixels) in [(2, 2, 3), (0, 0, 0), (0, 5, 0), (u32::MAX, u32::MAX, 1)] {
            let raster = Raster { width, height, luma: vec![0; pixels] };
            assert!(to_longest_side(raster, (width, height), 1.0, 512).is_none());
        }
    }
}
