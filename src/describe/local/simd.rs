//! What lets the compiler turn the inner loops into wide instructions: run-time dispatch, a branchless angle.
//!
//! The loops are plain Rust over blocks of fixed length. On x86-64 each is compiled a second time with AVX2 and
//! POPCNT, and that one is taken where the processor has it. Fused multiply-add stays off, so both do the same
//! operations in the same order and a picture has the same features on every machine.

/// Values that an inner loop handles at once: four AVX2 registers, enough to hide the latency of an addition.
pub const BLOCK: usize = 32;

/// Whether the processor has what [`wide`] functions are compiled for.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_wide() -> bool {
    is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512vl")
}

/// As [`dispatched`], and compiled a third time with AVX-512: for loops over long rows, which are as much faster as more fits
/// into a register. Others are slower for it.
macro_rules! wide {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:path) => {
        $(#[$attribute])*
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512bw,avx512dq,avx512vl")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    $body($($argument),*)
                }
                if $crate::describe::local::simd::has_wide() {
                    // SAFETY: the processor has just been found to have what the function is compiled for.
                    return unsafe { avx512($($argument),*) };
                }
            }
            $crate::describe::local::simd::dispatched! { fn narrow($($argument: $type),*) $(-> $result)? = $body }
            narrow($($argument),*)
        }
    };
}
pub(crate) use wide;

/// Defines `fn $name` that runs `$body`, which must be `#[inline(always)]`, as compiled for the processor at hand.
macro_rules! dispatched {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:path) => {
        $(#[$attribute])*
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,popcnt")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    $body($($argument),*)
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
                    // SAFETY: the processor has just been found to have what the function is compiled for.
                    return unsafe { avx2($($argument),*) };
                }
            }
            $body($($argument),*)
        }
    };
}
pub(crate) use dispatched;

/// Coefficients of the odd polynomial for the arc tangent from 0 to 1: a fit to equal ripple.
const ARC_TANGENT: [f32; 6] = [0.999_977_2, -0.332_622_82, 0.193_540_36, -0.116_426_44, 0.052_647_308, -0.011_719_12];

/// The angle of (`x`, `y`) in radians, -pi to pi, to 3e-6; 0 where both are 0.
#[inline(always)]
pub fn angle(y: f32, x: f32) -> f32 {
    use std::f32::consts::{FRAC_PI_2, PI};
    let (across, up) = (x.abs(), y.abs());
    let (less, more) = if up > across { (across, up) } else { (up, across) };
    // The greatest number too small to matter; it only keeps 0 / 0 away.
    let slope = less / (more + f32::MIN_POSITIVE);
    let square = slope * slope;
    let [c0, c1, c2, c3, c4, c5] = ARC_TANGENT;
    let arc = slope * (c0 + square * (c1 + square * (c2 + square * (c3 + square * (c4 + square * c5)))));
    let arc = if up > across { FRAC_PI_2 - arc } else { arc };
    let arc = if x < 0.0 { PI - arc } else { arc };
    if y < 0.0 { -arc } else { arc }
}

#[cfg(test)]
mod tests {
    use super::angle;

    #[test]
    fn the_angle_agrees_with_that_of_the_standard_library() {
        let mut worst = 0.0f32;
        for i in 0..100_000 {
            let (y, x) = (i as f32 * 0.01).sin_cos();
            let (y, x) = (y * (i % 77 + 1) as f32, x * (i % 77 + 1) as f32);
            worst = worst.max((angle(y, x) - y.atan2(x)).abs());
        }
        assert!(worst < 3e-6, "{worst}");
        assert_eq!(angle(0.0, 0.0), 0.0);
        assert_eq!(angle(0.0, -1.0), std::f32::consts::PI);
    }
}
