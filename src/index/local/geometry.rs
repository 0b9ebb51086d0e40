//! A keypoint in 27 bits: 9 for each coordinate, 4 for the scale, 5 for the angle.
//!
//! Coordinates are whole pixels of a picture of at most 512, so off by half a pixel at most; scales are steps
//! of 0.4 octaves from 1.4 to 90 pixels, off by 15 % at most; angles are 32 to the turn, off by 5.7 degrees.
//! Verification tolerates four times as much: finer steps found nothing more, and cost bytes.

use std::f32::consts::{PI, TAU};

use crate::describe::local::Keypoint;

/// Bits of a packed keypoint.
pub const BITS: u32 = 27;
const STEPS: f32 = 2.5;
const OCTAVE_MIN: f32 = 0.5;
const ANGLES: f32 = 32.0;

/// Packs a keypoint; what is out of range becomes the nearest that is in it.
pub fn pack(keypoint: &Keypoint) -> u32 {
    let bounded = |value: f32, limit: f32| value.clamp(0.0, limit) as u32;
    let scale = bounded((keypoint.scale.max(1.0).log2() - OCTAVE_MIN) * STEPS + 0.5, 15.0);
    let angle = bounded((keypoint.angle + PI) / TAU * ANGLES + 0.5, ANGLES) & 31;
    bounded(keypoint.x, 511.0) << 18 | bounded(keypoint.y, 511.0) << 9 | scale << 5 | angle
}

/// The keypoint that was packed, to the precision above.
pub fn unpack(packed: u32) -> Keypoint {
    Keypoint {
        x: (packed >> 18 & 511) as f32 + 0.5,
        y: (packed >> 9 & 511) as f32 + 0.5,
        scale: ((packed >> 5 & 15) as f32 / STEPS + OCTAVE_MIN).exp2(),
        angle: (packed & 31) as f32 / ANGLES * TAU - PI,
    }
}
