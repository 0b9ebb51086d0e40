//! Whatever samples a decoder gives -> 8-bit luminance, in the memory that they already take.
//!
//! Alpha is flattened on white. 16-bit samples keep their upper byte, rounded. Floating-point samples
//! are linear light: they are clamped to 0..1 and put through the sRGB curve (IEC 61966-2-1), the
//! simplest tone mapping there is.

use image::ColorType;

/// Replaces pixels of this colour type by their luminance. `None` for a type that is not known.
pub(super) fn to_luma(samples: &mut Vec<u8>, color: ColorType) -> Option<()> {
    match color {
        ColorType::L8 => {}
        ColorType::Rgb8 => compact(samples, luma),
        ColorType::La8 => compact(samples, |[l, a]: [u8; 2]| on_white(l, a)),
        ColorType::Rgba8 => compact(samples, |[r, g, b, a]: [u8; 4]| on_white(luma([r, g, b]), a)),
        ColorType::L16 => compact(samples, |p: [u8; 2]| words::<_, 1>(p)[0]),
        ColorType::La16 => compact(samples, |p: [u8; 4]| {
            let [l, a] = words(p);
            on_white(l, a)
        }),
        ColorType::Rgb16 => compact(samples, |p: [u8; 6]| luma(words(p))),
        ColorType::Rgba16 => compact(samples, |p: [u8; 8]| {
            let [r, g, b, a] = words(p);
            on_white(luma([r, g, b]), a)
        }),
        ColorType::Rgb32F => compact(samples, |p: [u8; 12]| luma(floats(p).map(srgb))),
        ColorType::Rgba32F => compact(samples, |p: [u8; 16]| {
            let [r, g, b, a] = floats(p);
            let alpha = (a.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            on_white(luma([r, g, b].map(srgb)), alpha)
        }),
        _ => return None,
    }
    Some(())
}

/// The luminance of CMYK pixels, 0 for no ink and 255 for full, by what paper and black leave of each ink.
pub(super) fn cmyk_to_luma(samples: &mut Vec<u8>) {
    compact(samples, |[c, m, y, k]: [u8; 4]| scale(255 - k, luma([c, m, y].map(|ink| 255 - ink))));
}

/// 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded, its weights in 65,536ths.
pub(super) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b) + 32_768) >> 16) as u8
}

/// Replaces each pixel of `IN` bytes by one byte, in place.
fn compact<const IN: usize>(samples: &mut Vec<u8>, map: impl Fn([u8; IN]) -> u8) {
    let pixels = samples.len() / IN;
    for pixel in 0..pixels {
        // Reads never fall behind writes, as a pixel gets no longer.
        if let Some(&input) = samples.get(pixel * IN..).and_then(|rest| rest.first_chunk::<IN>()) {
            samples[pixel] = map(input);
        }
    }
    samples.truncate(pixels);
}

/// `a * b / 255`, rounded.
fn scale(a: u8, b: u8) -> u8 {
    // (x + 128 + (x + 128) / 256) / 256 is x / 255 rounded, for all x up to 255 * 255.
    let product = u32::from(a) * u32::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

/// A sample of opacity `alpha` over white.
pub(super) fn on_white(value: u8, alpha: u8) -> u8 {
    255 - scale(255 - value, alpha)
}

/// 16-bit samples in the machine's byte order, as 8-bit ones.
fn words<const IN: usize, const OUT: usize>(bytes: [u8; IN]) -> [u8; OUT] {
    let (words, _) = bytes.as_chunks::<2>();
    std::array::from_fn(|i| words.get(i).map_or(0, |&word| ((u32::from(u16::from_ne_bytes(word)) + 128) / 257) as u8))
}

/// 32-bit floats in the machine's byte order.
fn floats<const IN: usize, const OUT: usize>(bytes: [u8; IN]) -> [f32; OUT] {
    let (floats, _) = bytes.as_chunks::<4>();
    std::array::from_fn(|i| floats.get(i).map_or(0.0, |&float| f32::from_ne_bytes(float)))
}

/// Linear light -> sRGB sample. NaN is black.
fn srgb(linear: f32) -> u8 {
    let clamped = if linear > 0.0 { linear.min(1.0) } else { 0.0 };
    let encoded = if clamped <= 0.003_130_8 { 12.92 * clamped } else { 1.055 * clamped.powf(1.0 / 2.4) - 0.055 };
    (encoded * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_exact_for_all_pairs() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let exact = f64::from(a) * f64::from(b) / 255.0;
                assert_eq!(f64::from(scale(a, b)), exact.round(), "{a} {b}");
            }
        }
    }

    #[test]
    fn transparent_pixels_are_white_and_opaque_ones_keep_their_luminance() {
        let mut samples = vec![10, 20, 30, 0, 10, 20, 30, 255, 100, 100, 100, 51];
        assert_eq!(to_luma(&mut samples, ColorType::Rgba8), Some(()));
        assert_eq!(samples, [255, 18, 224]);
        let mut samples = vec![10, 0, 10, 255];
        assert_eq!(to_luma(&mut samples, ColorType::La8), Some(()));
        assert_eq!(samples, [255, 10]);
    }

    #[test]
    fn the_weights_of_the_colours_are_those_of_the_standard() {
        let mut samples = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 7, 7, 7];
        assert_eq!(to_luma(&mut samples, ColorType::Rgb8), Some(()));
        assert_eq!(samples, [76, 150, 29, 255, 7]);
    }

    #[test]
    fn deep_samples_are_rounded_to_8_bits() {
        let mut samples: Vec<u8> =
            [0u16, 128, 129, 65_535, 65_406, 32_896].iter().flat_map(|w| w.to_ne_bytes()).collect();
        let mut colour = samples.repeat(2).chunks(2).step_by(2).flat_map(|w| w.repeat(3)).collect::<Vec<u8>>();
        assert_eq!(to_luma(&mut colour, ColorType::Rgb16), Some(()));
        assert_eq!(colour, [0, 1, 254, 0, 1, 254]);
        assert_eq!(to_luma(&mut samples, ColorType::L16), Some(()));
        assert_eq!(samples, [0, 0, 1, 255, 254, 128]);
    }

    #[test]
    fn linear_light_is_clamped_and_encoded() {
        let values = [-1.0f32, f32::NAN, 0.0, 0.215_861, 1.0, f32::INFINITY];
        let mut samples: Vec<u8> = values.iter().flat_map(|v| [v.to_ne_bytes(); 3].concat()).collect();
        assert_eq!(to_luma(&mut samples, ColorType::Rgb32F), Some(()));
        assert_eq!(samples, [0, 0, 0, 128, 255, 255]);
    }

    #[test]
    fn ink_is_subtracted_from_white() {
        let mut samples = vec![0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0];
        cmyk_to_luma(&mut samples);
        assert_eq!(samples, [255, 179, 0, 0]);
    }
}
