//! Correspondences, made ready for the inner loops; and how often one place may speak.

use std::f32::consts::{PI, TAU};

use super::fit::Agreeing;
use super::{Correspondence, Options};
use crate::search::geometry::Point;

/// A correspondence and the similarity transform that it proposes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// Its place in the list that was given.
    pub index: u32,
    /// Position in the query in pixels.
    pub query: [f32; 2],
    /// Position in the source in pixels.
    pub source: [f32; 2],
    /// Unit vector of the keypoint's angle in the query.
    pub query_axis: [f32; 2],
    /// Unit vector of the keypoint's angle in the source.
    pub source_axis: [f32; 2],
    /// The turn that it proposes, from -pi to pi.
    pub angle: f32,
    /// Cosine and sine of that.
    pub turn: [f32; 2],
    /// Source pixels a query pixel.
    pub ratio: f32,
    /// Distance in source pixels up to which it is an inlier.
    pub tolerance: f32,
    /// Its weight, shared among all that come from the same place.
    pub share: f32,
}

impl Pair {
    fn of(index: usize, correspondence: &Correspondence, options: &Options) -> Option<Self> {
        let Correspondence { query, source, weight } = *correspondence;
        let ratio = source.scale / query.scale;
        let tolerance = options.position * ratio.max(1.0) + options.position_of_scale * source.scale;
        let angle = (source.angle - query.angle + PI).rem_euclid(TAU) - PI;
        let axis = |angle: f32| [angle.cos(), angle.sin()];
        let pair = Self {
            index: u32::try_from(index).ok()?,
            query: [query.x, query.y],
            source: [source.x, source.y],
            query_axis: axis(query.angle),
            source_axis: axis(source.angle),
            angle,
            turn: axis(angle),
            ratio,
            tolerance,
            share: weight,
        };
        let numbers = [query.x, query.y, source.x, source.y, query.angle, source.angle];
        let finite = numbers.iter().all(|number| number.abs() < LARGEST);
        let positive =
            [query.scale, source.scale, weight].iter().all(|&value| value > 1.0 / LARGEST && value < LARGEST);
        // No believable map could agree with it.
        let largest = options.max_scale as f32 * options.scale;
        let believable = ratio <= largest && ratio * largest >= 1.0;
        (finite && positive && believable).then_some(pair)
    }
}

/// Coordinates, angles and weights beyond this are damage: their squares and products must stay finite.
const LARGEST: f32 = 1e6;

/// The usable correspondences, in the order of their angles.
pub(super) fn of(correspondences: &[Correspondence], options: &Options) -> Vec<Pair> {
    let mut pairs: Vec<_> =
        correspondences.iter().enumerate().filter_map(|(index, one)| Pair::of(index, one, options)).collect();
    pairs.sort_by(|a, b| a.angle.total_cmp(&b.angle).then(a.index.cmp(&b.index)));
    share_out(&mut pairs, |pair| pair.query);
    share_out(&mut pairs, |pair| pair.source);
    pairs
}

/// Divides the weights by the root of how many pairs come from the same place: a spot that looks like a
/// hundred others says little a hundred times ("burstiness"; Jegou, Douze and Schmid, 2009).
fn share_out(pairs: &mut [Pair], place: impl Fn(&Pair) -> [f32; 2]) {
    let key = |pair: &Pair| {
        let [x, y] = place(pair).map(f32::to_bits);
        u64::from(x) << 32 | u64::from(y)
    };
    let mut order: Vec<_> = pairs.iter().enumerate().map(|(i, pair)| (key(pair), i)).collect();
    order.sort_unstable_by_key(|&(key, _)| key);
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        let share = (same.len() as f32).sqrt();
        for &(_, i) in same {
            pairs[i].share /= share;
        }
    }
}

/// The places of the source that any pair names, each once.
pub(super) fn source_places(pairs: &[Pair]) -> Vec<Point> {
    let mut places: Vec<_> = pairs.iter().map(|pair| pair.source.map(f32::to_bits)).collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|[x, y]| (f64::from(f32::from_bits(x)), f64::from(f32::from_bits(y)))).collect()
}

/// Two keypoints nearer to each other than this, in pixels, show the same spot.
const SAME_PLACE: f32 = 2.0;

/// Of the pairs that agree with a map, those that stand for themselves: best first, each place of the query
/// and of the source once.
pub(super) fn distinct(pairs: &[Pair], mut agreeing: Vec<Agreeing>) -> Vec<Agreeing> {
    agreeing.sort_by(|a, b| a.off.total_cmp(&b.off).then(pairs[a.pair].index.cmp(&pairs[b.pair].index)));
    let mut places: Vec<[f32; 4]> = Vec::with_capacity(agreeing.len());
    agreeing.retain(|one| {
        let ([qx, qy], [sx, sy]) = (pairs[one.pair].query, pairs[one.pair].source);
        let near = |dx: f32, dy: f32| dx * dx + dy * dy < SAME_PLACE * SAME_PLACE;
        let taken = |taken, [a, b, c, d]: &[f32; 4]| taken | near(a - qx, b - qy) | near(c - sx, d - sy);
        let free = !places.iter().fold(false, taken);
        if free {
            places.push([qx, qy, sx, sy]);
        }
        free
    });
    agreeing
}
