//! Which blobs are kept: the strongest, but not all in one place.
//!
//! The strongest few hundred alone bunch up on the busiest object, and a crop without it finds nothing.
//! So blobs near a stronger kept one are passed over, at the greatest distance that still leaves enough of
//! them (Brown, Szeliski and Winder, "Multi-Image Matching using Multi-Scale Oriented Patches", 2005;
//! found by bisection as in Bailo et al., "Efficient adaptive non-maximal suppression algorithms for
//! homogeneous spatial keypoint distribution", 2018).

use super::detector::Blob;

/// Halvings of the distance: enough for a pixel in pictures of a thousand.
const BISECTIONS: usize = 10;

/// At most `count` of the blobs of a picture of `width` x `height` pixels, the strongest first.
pub fn strongest(mut blobs: Vec<Blob>, count: usize, width: usize, height: usize) -> Vec<Blob> {
    // The scan's order decides between equals.
    blobs.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    // Two pixels may have led to the same peak.
    blobs.dedup();
    if blobs.len() <= count {
        return blobs;
    }
    let places: Vec<_> = blobs.iter().map(|blob| [blob.x, blob.y].map(|at| (at + 0.5) * blob.pixel)).collect();
    let (mut near, mut far) = (0.0, width.max(height) as f32);
    let mut best: Vec<usize> = (0..count).collect();
    for _ in 0..BISECTIONS {
        let distance = 0.5 * (near + far);
        let kept = apart(&places, distance, count, width, height);
        if kept.len() == count {
            (near, best) = (distance, kept);
        } else {
            far = distance;
        }
    }
    best.into_iter().map(|i| blobs[i]).collect()
}

/// The first `count` of the places of which none lies within `distance` pixels of an earlier one.
fn apart(places: &[[f32; 2]], distance: f32, count: usize, width: usize, height: usize) -> Vec<usize> {
    let side = distance.max(1.0);
    let (columns, rows) = ((width as f32 / side) as usize + 1, (height as f32 / side) as usize + 1);
    // The last place of each cell, and of each place the one before it in its cell.
    let mut cells = vec![NONE; columns * rows];
    let mut before = vec![NONE; places.len()];
    let mut kept = Vec::with_capacity(count);
    for (i, &[x, y]) in places.iter().enumerate() {
        let (column, row) = (((x / side) as usize).min(columns - 1), ((y / side) as usize).min(rows - 1));
        let crowded = (row.saturating_sub(1)..=(row + 1).min(rows - 1)).any(|r| {
            let near = &cells[r * columns + column.saturating_sub(1)..=r * columns + (column + 1).min(columns - 1)];
            near.iter().any(|&last| {
                let mut other = last;
                while let Some(&[other_x, other_y]) = places.get(other as usize) {
                    let (dx, dy) = (other_x - x, other_y - y);
                    if dx * dx + dy * dy < distance * distance {
                        return true;
                    }
                    other = before[other as usize];
                }
                false
            })
        });
        if !crowded {
            before[i] = std::mem::replace(&mut cells[row * columns + column], i as u32);
            kept.push(i);
            if kept.len() == count {
                break;
            }
        }
    }
    kept
}

/// No place.
const NONE: u32 = u32::MAX;
