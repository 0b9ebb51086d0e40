//! Correspondences -> alignment: where the source shows the query, and how much speaks for it.
//!
//! Nine of ten correspondences and more are chance, because visual words are coarse. What tells the right
//! ones is that they agree on one map. Each correspondence of two keypoints with scale and angle proposes a
//! whole similarity transform by itself (Lowe, 2004; Philbin et al., "Object Retrieval with Large
//! Vocabularies and Fast Spatial Matching", 2007), so all proposals are tried, none at random: the answer
//! is always the same, and no number of rounds has to be chosen. The best few grow into affine maps and,
//! where that explains clearly more, into a homography.

mod fit;
mod pairs;
mod spread;
mod vote;

#[cfg(test)]
mod tests;

use super::geometry::{Homography, Point, Size, Transform};
use crate::describe::local::Keypoint;
use fit::Agreeing;
use pairs::Pair;

/// A keypoint of the query and one of the source that look alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correspondence {
    /// In the query; mirrored before, where a mirrored copy is looked for.
    pub query: Keypoint,
    /// In the source.
    pub source: Keypoint,
    /// How much it says, above 0, in any unit: only comparisons within one call matter.
    pub weight: f32,
}

/// What counts as agreement, and which maps are believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Fewer inliers are no alignment. 4: three correspondences fit any affine map.
    pub min_inliers: usize,
    /// An inlier is at most so many pixels, of the picture that shows it smaller, from where the map says. 2:
    /// the index keeps whole pixels, and 1.5 to 3 found the same.
    pub position: f32,
    /// The more of that for each pixel of the keypoint's scale: large blobs are placed less precisely.
    /// 0.5: between 0.3 and 0.8 it made no difference.
    pub position_of_scale: f32,
    /// An inlier's angle is at most so many radians from what the map says. 0.6: at 0.4, as an upright
    /// picture needs it, one stretched to twice its width lost a quarter of its inliers.
    pub angle: f32,
    /// An inlier's scale is at most this many times larger or smaller than the map says. 1.5: of
    /// 15,000 unrelated pairs 1 % had 4 inliers and more at 1.6, 0.5 % at 1.4, and no copy was lost.
    pub scale: f32,
    /// While proposals are compared: the tolerance for each pixel of distance from the proposing keypoint.
    /// Scales and angles of single keypoints are rough, and a picture may be stretched: 0.35 is what twice the
    /// width needs, less lost some of those.
    pub growth: f32,
    /// Proposals that are refined at most. 6: more found nothing more.
    pub proposals: usize,
    /// Comparisons of two correspondences at most; where there are more, the heaviest propose. What takes
    /// about a quarter of a millisecond.
    pub comparisons: usize,
    /// Source pixels a query pixel at most, and the inverse at least. 12: a picture in a sheet of a hundred
    /// has 50 pixels left and hardly a keypoint.
    pub max_scale: f64,
    /// Stretch at most: see [`Transform::stretch`]. 3: keypoints are not found again beyond 2.
    pub max_stretch: f64,
    /// A homography must have this many times the affine map's inliers, each counted by how near it is. 1.05:
    /// copies that were not seen in perspective gained less.
    pub projective_gain: f32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            min_inliers: 4,
            position: 2.0,
            position_of_scale: 0.5,
            angle: 0.6,
            scale: 1.5,
            growth: 0.35,
            proposals: 6,
            comparisons: 160_000,
            max_scale: 12.0,
            max_stretch: 3.0,
            projective_gain: 1.05,
        }
    }
}

/// One map that explains many correspondences.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// Takes query pixels to source pixels, in the pictures whose keypoints were given. Never a mirror image.
    /// Where there is a homography, the affine map that is nearest to it at the inliers.
    pub transform: Transform,
    /// The exact map, where the picture is seen in perspective.
    pub homography: Option<Homography>,
    /// Indices of the correspondences that agree, ascending; each place of either picture counts once.
    pub inliers: Vec<u32>,
    /// Share of the places of the source within the overlap that any correspondence names which have an inlier
    /// near, 0 to 1: small where different pictures share a caption.
    pub spread: f32,
    /// The inliers, each counted by how few others name its places: repeated patterns agree by chance.
    pub distinct: f32,
    /// Share of the query's area that the two have in common, 0 to 1.
    pub query_overlap: f32,
    /// Share of the source's area that the two have in common, 0 to 1.
    pub source_overlap: f32,
    /// Size of the query as given.
    pub query_size: (f32, f32),
    /// Size of the source as given.
    pub source_size: (f32, f32),
}

impl Alignment {
    /// The map from query to source as exactly as it is known.
    pub fn map(&self) -> Homography {
        self.homography.unwrap_or_else(|| self.transform.into())
    }

    /// Share of places of the source within the overlap that have an inlier about as near as there would be one
    /// if the inliers were spread over the overlap, 0 to 1.
    ///
    /// The strongest sign against pictures that only share a caption, a logo or a frame: of edited copies with
    /// 8 inliers and more 95 in 100 had 0.88 and more, of such pictures 95 in 100 had 0.64 at most.
    fn spread_over(&self, correspondences: &[Correspondence], places: impl Iterator<Item = Point>) -> f32 {
        let Some(back) = self.map().inverse() else { return 0.0 };
        let inliers: Vec<_> = self.members(correspondences).map(|one| point(&one.source)).collect();
        let area = f64::from(self.source_overlap) * area(self.source_size);
        spread::share(&inliers, area, landing(&back, self.query_size, places))
    }

    fn members<'a>(&self, correspondences: &'a [Correspondence]) -> impl Iterator<Item = &'a Correspondence> {
        self.inliers.iter().filter_map(|&i| correspondences.get(i as usize))
    }
}

fn point(keypoint: &Keypoint) -> Point {
    (f64::from(keypoint.x), f64::from(keypoint.y))
}

fn area((width, height): (f32, f32)) -> f64 {
    f64::from(width) * f64::from(height)
}

/// Those of the places that a map takes into a picture.
fn landing(
    map: &Homography,
    (width, height): (f32, f32),
    places: impl Iterator<Item = Point>,
) -> impl Iterator<Item = Point> {
    let inside = move |(x, y): Point| x >= 0.0 && y >= 0.0 && x <= f64::from(width) && y <= f64::from(height);
    places.filter(move |&place| map.apply(place).is_some_and(inside))
}

/// Finds the map that most correspondences agree on; `None` where hardly any do.
///
/// Sizes are widths and heights of the pictures whose keypoints are given, in their pixels. Correspondences
/// with values that are not finite are left out.
pub fn align(
    correspondences: &[Correspondence],
    query_size: (f32, f32),
    source_size: (f32, f32),
    options: &Options,
) -> Option<Alignment> {
    let pairs = pairs::of(correspondences, options);
    let election = vote::Election::hold(&pairs, options);
    let mut spent = vec![false; pairs.len()];
    let mut best: Option<Fitted> = None;
    let mut left = options.proposals;
    for (proposer, votes) in election.ranked() {
        // Votes are cast generously: a map has seldom twice as many inliers as it had votes.
        let beaten = best.as_ref().map_or(0, |best| best.inliers.len());
        if left == 0 || spent[proposer] || 2 * votes < beaten {
            continue;
        }
        left -= 1;
        let voters = election.voters(proposer);
        if let Some(fitted) = grow(&pairs, &voters, options.min_inliers.max(beaten + 1), options) {
            for one in &fitted.inliers {
                spent[one.pair] = true;
            }
            best = Some(fitted);
        }
    }
    let affine = best?;
    let sizes = (wide(query_size), wide(source_size));
    let mut best = affine;
    let mut homography = None;
    // Each time with more of the picture to go by.
    while let Some(bent) = bend(&pairs, &best, sizes, options) {
        homography = Some(bent.map);
        best = bent;
    }
    let Fitted { map, inliers } = best;
    let members: Vec<_> = inliers.iter().map(|one| one.member(&pairs)).collect();
    let transform = match homography {
        Some(_) => fit::affine(&members, None)?,
        None => Transform { matrix: [map.matrix[0], map.matrix[1]] },
    };
    let overlap = map.overlap(sizes.0, sizes.1);
    if overlap.outline.is_empty() {
        return None;
    }
    let distinct = |(pair, _): &fit::Member| pair.share / correspondences[pair.index as usize].weight;
    let distinct = members.iter().map(distinct).sum();
    let mut inliers: Vec<_> = inliers.iter().map(|one| pairs[one.pair].index).collect();
    inliers.sort_unstable();
    let mut alignment = Alignment {
        transform,
        homography,
        inliers,
        spread: 0.0,
        distinct,
        query_overlap: overlap.query as f32,
        source_overlap: overlap.source as f32,
        query_size,
        source_size,
    };
    alignment.spread = alignment.spread_over(correspondences, pairs::source_places(&pairs).into_iter());
    Some(alignment)
}

fn wide((width, height): (f32, f32)) -> Size {
    (f64::from(width), f64::from(height))
}

/// A map and those that agree with it, each place once.
struct Fitted {
    map: Homography,
    inliers: Vec<Agreeing>,
}

/// How many agree, each counted by how near it is.
fn score(agreeing: &[Agreeing]) -> f32 {
    agreeing.iter().map(|one| 1.0 - one.off).sum()
}

/// How many times the inliers' tolerance is given while a map grows, step by step: the first maps are rough.
const STEPS: [f32; 5] = [4.0, 2.0, 1.5, 1.0, 1.0];

/// Refines a proposal to an affine map; `None` where fewer than `least` pairs agree with it.
fn grow(pairs: &[Pair], proposal: &[(usize, f32)], least: usize, options: &Options) -> Option<Fitted> {
    let members: Vec<_> = proposal.iter().map(|&(i, weight)| (&pairs[i], weight)).collect();
    let mut map = fit::affine(&members, fit::frame(&members))?;
    let mut agreeing = Vec::new();
    for step in STEPS {
        if !believable(&map, options) {
            return None;
        }
        agreeing = fit::agreeing(pairs, &map.into(), step, options);
        if agreeing.len() < least {
            return None;
        }
        let members: Vec<_> = agreeing.iter().map(|one| one.member(pairs)).collect();
        map = fit::affine(&members, Some(map))?;
    }
    let inliers = pairs::distinct(pairs, agreeing);
    (inliers.len() >= least && believable(&map, options)).then(|| Fitted { map: map.into(), inliers })
}

/// Refines an affine map to a homography, if that is worth it.
fn bend(pairs: &[Pair], affine: &Fitted, sizes: (Size, Size), options: &Options) -> Option<Fitted> {
    let mut map = affine.map;
    let before = score(&fit::agreeing(pairs, &map, 1.0, options));
    let mut agreeing = Vec::new();
    for (i, step) in STEPS.into_iter().enumerate() {
        agreeing = fit::agreeing(pairs, &map, step, options);
        // Most pictures are not seen in perspective: nothing is left to be gained then.
        if i == 0 && (agreeing.len() as f32) < options.projective_gain * before + 2.0 {
            return None;
        }
        let members: Vec<_> = agreeing.iter().map(|one| one.member(pairs)).collect();
        map = fit::homography(&members, &map)?;
    }
    let outline = map.overlap(sizes.0, sizes.1).outline;
    let plausible = |&corner| map.affine_at(corner).is_some_and(|affine| believable(&affine, options));
    if !outline.iter().all(plausible) {
        return None;
    }
    let bent = Fitted { map, inliers: pairs::distinct(pairs, agreeing) };
    (score(&bent.inliers) >= options.projective_gain * score(&affine.inliers) + 2.0).then_some(bent)
}

/// Whether people make such pictures.
fn believable(map: &Transform, options: &Options) -> bool {
    let scale = map.scale();
    !map.mirrored()
        && scale <= options.max_scale
        && scale * options.max_scale >= 1.0
        && map.stretch() <= options.max_stretch
}
