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
    let (mut near, mut far) = (0.0, width.max(height) as f32);
    let mut best: Vec<usize> = (0..count).collect();
    for _ in 0..BISECTIONS {
        let distance = 0.5 * (near + far);
        let kept = apart(&blobs, distance, count, width, height);
        if kept.len() == count {
            (near, best) = (distance, kept);
        } else {
            far = distance;
        }
    }
    best.into_iter().map(|i| blobs[i]).collect()
}

/// The first `count` of the blobs of which none lies within `distance` pixels of an earlier one.
fn apart(blobs: &[Blob], distance: f32, count: usize, width: usize, height: usize) -> Vec<usize> {
    let side = distance.max(1.0);
    let (columns, rows) = ((width as f32 / side) as usize + 1, (height as f32 / side) as usize + 1);
    let mut cells: Vec<Vec<usize>> = vec![Vec::new(); columns * rows];
    let mut kept = Vec::with_capacity(count);
    for (i, blob) in blobs.iter().enumerate() {
        let (x, y) = ((blob.x + 0.5) * blob.pixel, (blob.y + 0.5) * blob.pixel);
        let (column, row) = (((x / side) as usize).min(columns - 1), ((y / side) as usize).min(rows - 1));
        let crowded = (row.saturating_sub(1)..=(row + 1).min(rows - 1)).any(|r| {
            (column.saturating_sub(1)..=(column + 1).min(columns - 1)).any(|c| {
                cells[r * columns + c].iter().any(|&other| {
                    let other: &Blob = &blobs[other];
                    let dx = (other.x + 0.5) * other.pixel - x;
                    let dy = (other.y + 0.5) * other.pixel - y;
                    dx * dx + dy * dy < distance * distance
                })
            })
        });
        if !crowded {
            cells[row * columns + column].push(i);
            kept.push(i);
            if kept.len() == count {
                break;
            }
        }
    }
    kept
}
