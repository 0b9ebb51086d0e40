//! How widely the inliers are spread over what they claim to be common.
//!
//! Different pictures may share a caption, a logo or the frame of a screenshot: there are many inliers then,
//! all right, but in a strip or a corner of the overlap that the map claims. How much of its area they reach
//! is a weak sign, since a real copy has none in its sky either. What tells is the keypoints that were left
//! alone: if the pictures were the same where those are, some among them would agree.

use crate::search::geometry::Point;

/// Share of the places that have one of the inliers about as near as there would be one if inliers were spread
/// evenly over an area, 0 to 1; 1 where there is no place. All in the pixels of one picture.
pub(super) fn share(inliers: &[Point], area: f64, places: impl Iterator<Item = Point>) -> f32 {
    let reach = area / inliers.len().max(1) as f64;
    let (mut all, mut covered) = (0u32, 0u32);
    for (x, y) in places {
        let near = |(a, b): &Point| (a - x) * (a - x) + (b - y) * (b - y) <= reach;
        all += 1;
        // Without a way out before the end: it is faster to look at all than to decide each time.
        covered += u32::from(inliers.iter().fold(false, |any, inlier| any | near(inlier)));
    }
    if all == 0 { 1.0 } else { covered as f32 / all as f32 }
}
