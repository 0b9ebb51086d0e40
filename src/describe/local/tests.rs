//! Features of drawn pictures: where they should be, and that they follow the picture when it changes.

use super::*;

const SIDES: [(usize, usize); 3] = [(320, 240), (241, 319), (256, 256)];

/// A grey picture as the tests draw it.
#[derive(Clone)]
struct Grey {
    luma: Vec<u8>,
    width: usize,
    height: usize,
}

impl Grey {
    fn drawn(width: usize, height: usize, value: impl Fn(f32, f32) -> f32) -> Self {
        let pixel =
            |i: usize| value((i % width) as f32 + 0.5, (i / width) as f32 + 0.5).clamp(0.0, 255.0).round() as u8;
        Self { luma: (0..width * height).map(pixel).collect(), width, height }
    }

    /// Soft-edged ellipses of all sizes, brighter and darker than the ground: 14 a 1000 pixels.
    fn scene(seed: u64, width: usize, height: usize) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let mut values = vec![128.0f32; width * height];
        for _ in 0..width * height / 70 {
            let (cx, cy) = (random() * width as f32, random() * height as f32);
            let (a, b) = (1.5 / (0.08 + random()), 1.5 / (0.08 + random()));
            let (sin, cos) = (random() * PI).sin_cos();
            let contrast = 120.0 * (random() - 0.5);
            let reach = 1.5 * a.max(b);
            let rows = (cy - reach).max(0.0) as usize..((cy + reach) as usize).min(height);
            for y in rows {
                for x in (cx - reach).max(0.0) as usize..((cx + reach) as usize).min(width) {
                    let (dx, dy) = (x as f32 + 0.5 - cx, y as f32 + 0.5 - cy);
                    let distance = ((dx * cos + dy * sin) / a).hypot((dy * cos - dx * sin) / b);
                    values[y * width + x] += contrast * (3.0 - 3.0 * distance).clamp(0.0, 1.0);
                }
            }
        }
        Self { luma: values.iter().map(|value| value.clamp(1.0, 254.0).round() as u8).collect(), width, height }
    }

    fn features(&self, options: &Options) -> Features {
        features(&self.luma, self.width, self.height, options)
    }

    fn mirrored(&self) -> Self {
        let luma = self.luma.chunks_exact(self.width).flat_map(|row| row.iter().rev().copied()).collect();
        Self { luma, ..*self }
    }

    fn negated(&self) -> Self {
        Self { luma: self.luma.iter().map(|value| 255 - value).collect(), ..*self }
    }

    /// Turned clockwise by a quarter.
    fn turned(&self) -> Self {
        let at = |i: usize| self.luma[(self.height - 1 - i % self.height) * self.width + i / self.height];
        Self { luma: (0..self.luma.len()).map(at).collect(), width: self.height, height: self.width }
    }
}

fn gaussian_blob(cx: f32, cy: f32, sigma: f32, contrast: f32) -> impl Fn(f32, f32) -> f32 {
    move |x, y| 120.0 + contrast * (-0.5 * ((x - cx).powi(2) + (y - cy).powi(2)) / (sigma * sigma)).exp()
}

fn angle_between(a: f32, b: f32) -> f32 {
    let apart = (a - b).abs() % std::f32::consts::TAU;
    apart.min(std::f32::consts::TAU - apart)
}

fn descriptor_distance(a: &[u8; DESCRIPTOR], b: &[u8; DESCRIPTOR]) -> f32 {
    a.iter().zip(b).map(|(&a, &b)| (f32::from(a) - f32::from(b)).powi(2)).sum::<f32>().sqrt()
}

/// Share of the features of `a` that `b` has too: within 0.3 pixels or a fifth of the scale, 3 degrees, 10 % of
/// the scale and, of a length of 512, a descriptor distance of 60.
fn shared(a: &Features, b: &Features) -> f32 {
    assert!(a.keypoints.len() > 100, "only {} keypoints", a.keypoints.len());
    assert_eq!(a.keypoints.len(), a.descriptors.len());
    let same = |(k, d): &(&Keypoint, &[u8; DESCRIPTOR])| {
        b.keypoints.iter().zip(&b.descriptors).any(|(other, descriptor)| {
            (k.x - other.x).hypot(k.y - other.y) < (0.2 * k.scale).max(0.3)
                && angle_between(k.angle, other.angle) < 3f32.to_radians()
                && (k.scale / other.scale).ln().abs() < 0.1
                && descriptor_distance(d, descriptor) < 60.0
        })
    };
    a.keypoints.iter().zip(&a.descriptors).filter(same).count() as f32 / a.keypoints.len() as f32
}

#[test]
fn a_blob_is_found_where_it_is_drawn_and_as_large_as_it_is_drawn() {
    let mut seen = 0;
    for options in [Options::gallery(), Options::query()] {
        for sigma in [3.0, 5.0, 8.0, 13.0] {
            for (cx, cy, contrast) in [(100.0, 90.0, 100.0), (77.3, 101.6, -100.0)] {
                let picture = Grey::drawn(201, 190, gaussian_blob(cx, cy, sigma, contrast));
                let found = picture.features(&options);
                let strongest = found.keypoints[0];
                assert!((strongest.x - cx).hypot(strongest.y - cy) < 0.05 * sigma, "{strongest:?}");
                // A difference of Gaussians a third of an octave apart peaks where the lower one has 0.89 of the blob.
                assert!((strongest.scale / (0.89 * sigma)).ln().abs() < 0.06, "{strongest:?} for {sigma}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 16);
}

#[test]
fn the_angle_is_that_of_the_gradient() {
    for degrees in (0..360).step_by(15) {
        let (sin, cos) = (degrees as f32).to_radians().sin_cos();
        let blob = gaussian_blob(80.0, 80.0, 6.0, 80.0);
        let picture = Grey::drawn(160, 160, |x, y| blob(x, y) + 0.6 * ((x - 80.0) * cos + (y - 80.0) * sin));
        let found = picture.features(&Options { contrast: 4.0, ..Options::gallery() });
        let angle = found.keypoints[0].angle;
        assert!(angle > -PI && angle <= PI);
        assert!(angle_between(angle, (degrees as f32).to_radians()) < 4f32.to_radians(), "{angle} for {degrees}");
    }
}

#[test]
fn a_quarter_turn_turns_the_keypoints_and_keeps_the_descriptors() {
    for (seed, (width, height)) in (1..).zip(SIDES) {
        let picture = Grey::scene(seed, width, height);
        for options in [Options::gallery(), Options::query()] {
            let mut expected = picture.features(&options);
            for keypoint in &mut expected.keypoints {
                let (x, y) = (keypoint.x, keypoint.y);
                (keypoint.x, keypoint.y) = (height as f32 - y, x);
                keypoint.angle += PI / 2.0;
            }
            let share = shared(&expected, &picture.turned().features(&options));
            assert!(share > if width % 2 + height % 2 == 0 { 0.97 } else { 0.8 }, "{share} at {width} x {height}");
        }
    }
}

#[test]
fn features_mirrored_are_those_of_the_mirrored_picture() {
    for (seed, (width, height)) in (1..).zip(SIDES) {
        let picture = Grey::scene(seed, width, height);
        for options in [Options::gallery(), Options::query()] {
            let found = picture.features(&options).mirrored(width as f32);
            let share = shared(&found, &picture.mirrored().features(&options));
            assert!(share > if width % 2 == 0 { 0.97 } else { 0.8 }, "{share} at {width} x {height}");
        }
    }
}

#[test]
fn features_negated_are_those_of_the_inverted_picture() {
    for (seed, (width, height)) in (1..).zip(SIDES) {
        let picture = Grey::scene(seed, width, height);
        for options in [Options::gallery(), Options::query()] {
            let share = shared(&picture.features(&options).negated(), &picture.negated().features(&options));
            assert!(share > 0.97, "{share} at {width} x {height}");
        }
    }
}

#[test]
fn mirroring_or_negating_twice_changes_nothing() {
    let found = Grey::scene(5, 320, 240).features(&Options::gallery());
    for twice in [found.mirrored(320.0).mirrored(320.0), found.negated().negated()] {
        assert_eq!(found.descriptors, twice.descriptors);
        assert_eq!(found.keypoints.len(), twice.keypoints.len());
        for (a, b) in found.keypoints.iter().zip(&twice.keypoints) {
            assert!((a.x - b.x).abs() < 1e-3 && a.y == b.y && a.scale == b.scale, "{a:?} {b:?}");
            assert!(angle_between(a.angle, b.angle) < 1e-5, "{a:?} {b:?}");
        }
    }
    let (one, other) = (found.mirrored(320.0).negated(), found.negated().mirrored(320.0));
    assert_eq!(one.descriptors, other.descriptors);
}

#[test]
fn no_quarter_of_a_busy_picture_stays_empty() {
    let mut picture = Grey::scene(7, 320, 240);
    // All but the upper left quarter fades, so that the strongest alone would bunch up there.
    for (i, value) in picture.luma.iter_mut().enumerate() {
        if i % 320 >= 160 || i / 320 >= 120 {
            *value = (96.0 + 0.25 * f32::from(*value)).round() as u8;
        }
    }
    let found = picture.features(&Options { keypoints: 120, ..Options::gallery() });
    let mut quarters = [0; 4];
    found.keypoints.iter().for_each(|k| quarters[usize::from(k.x >= 160.0) + 2 * usize::from(k.y >= 120.0)] += 1);
    assert!(quarters.iter().all(|&count| count >= 12), "{quarters:?}");
}

#[test]
fn no_more_features_are_given_than_asked_for() {
    let picture = Grey::scene(9, 320, 240);
    for keypoints in [0, 1, 50, 250] {
        let found = picture.features(&Options { keypoints, ..Options::gallery() });
        assert_eq!(found.keypoints.len(), keypoints);
        assert_eq!(found.descriptors.len(), keypoints);
    }
}

#[test]
fn the_same_picture_always_gives_the_same_features() {
    let picture = Grey::scene(11, 320, 240);
    let found = picture.features(&Options::query());
    std::thread::scope(|scope| {
        let again: Vec<_> = (0..3).map(|_| scope.spawn(|| picture.features(&Options::query()))).collect();
        for thread in again {
            assert_eq!(thread.join().ok(), Some(found.clone()));
        }
    });
}

#[test]
fn pictures_of_odd_sizes_and_of_one_colour_are_survived() {
    let mut seen = 0;
    for (width, height) in [(0, 0), (0, 7), (1, 1), (1, 10_000), (10_000, 1), (15, 400), (16, 16), (17, 33), (2000, 19)]
    {
        let flat = Grey { luma: vec![200; width * height], width, height };
        for options in [Options::gallery(), Options::query()] {
            assert_eq!(flat.features(&options), Features::default());
            let found = Grey::scene(3, width, height).features(&options);
            for k in &found.keypoints {
                assert!(k.x > 0.0 && k.x < width as f32 && k.y > 0.0 && k.y < height as f32, "{k:?}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 18);
    let picture = Grey::scene(3, 64, 64);
    assert_eq!(features(&picture.luma, 64, 63, &Options::gallery()), Features::default());
    assert_eq!(features(&picture.luma, usize::MAX, 64, &Options::gallery()), Features::default());
}

#[test]
fn there_is_room_for_the_planes_of_pictures_of_any_size_under_any_blur() {
    let mut seen = 0;
    for (width, height) in [(16, 16), (16, 700), (31, 33), (100, 17), (257, 64), (512, 340), (96, 512)] {
        for (sigma, upsample) in [(0.2, true), (1.6, true), (1.6, false), (9.0, true), (60.0, false)] {
            let options = Options { sigma, upsample, ..Options::gallery() };
            let found = Grey::scene(5, width, height).features(&options);
            seen += usize::from(!found.keypoints.is_empty());
        }
    }
    // Under much blur there is nothing to see.
    assert!(seen >= 14, "{seen}");
}
