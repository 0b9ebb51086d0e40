//! Every correspondence proposes a similarity transform, and all others vote.
//!
//! A Hough transform would sort the proposals into bins of scale, angle and place and lose those that fall
//! apart at the bins' borders. A few hundred correspondences are compared with each other outright, eight
//! at a time and without branches, in less time than the bins' bookkeeping takes.

use super::Options;
use super::pairs::Pair;

/// Pairs that are compared at once: what the compiler turns into vector instructions.
const LANES: usize = 8;

type Lanes = [f32; LANES];

/// Eight pairs, column by column.
struct Block {
    query_x: Lanes,
    query_y: Lanes,
    source_x: Lanes,
    source_y: Lanes,
    /// Scaled rotation that a pair proposes: its cosine and sine times its ratio.
    cos: Lanes,
    sin: Lanes,
    ratio: Lanes,
    share: Lanes,
}

/// A pair as a proposal.
struct Proposer {
    query: [f32; 2],
    source: [f32; 2],
    cos: f32,
    sin: f32,
    ratio: f32,
    /// Squares of the tolerance in pixels and of its growth a query pixel.
    tolerance: f32,
    growth: f32,
}

/// How many times an inlier's tolerance a vote may be off near the proposing pair.
const LOOSE: f32 = 3.0;

impl Proposer {
    fn of(pair: &Pair, options: &Options) -> Self {
        let [cos, sin] = turn(pair);
        let growth = options.growth * pair.ratio;
        Self {
            query: pair.query,
            source: pair.source,
            cos,
            sin,
            ratio: pair.ratio,
            tolerance: (LOOSE * pair.tolerance).powi(2),
            growth: growth * growth,
        }
    }

    /// Weights of the votes of eight pairs: 0 where one disagrees.
    #[inline(always)]
    fn votes(&self, block: &Block, cos_least: f32, scale_most: f32) -> Lanes {
        std::array::from_fn(|k| {
            let (x, y) = (block.query_x[k] - self.query[0], block.query_y[k] - self.query[1]);
            let off_x = block.source_x[k] - self.source[0] - (self.cos * x - self.sin * y);
            let off_y = block.source_y[k] - self.source[1] - (self.sin * x + self.cos * y);
            let near = off_x * off_x + off_y * off_y <= self.tolerance + self.growth * (x * x + y * y);
            let turn = self.cos * block.cos[k] + self.sin * block.sin[k];
            let turned_alike = turn >= cos_least * (self.ratio * block.ratio[k]);
            let sized_alike = (block.ratio[k] <= self.ratio * scale_most) & (self.ratio <= block.ratio[k] * scale_most);
            if near & turned_alike & sized_alike { block.share[k] } else { 0.0 }
        })
    }
}

fn turn(pair: &Pair) -> [f32; 2] {
    let ([a, b], [c, d]) = (pair.query_axis, pair.source_axis);
    [pair.ratio * (a * c + b * d), pair.ratio * (a * d - b * c)]
}

fn blocks(pairs: &[Pair]) -> Vec<Block> {
    let block = |some: &[Pair]| {
        let column =
            |value: &dyn Fn(&Pair) -> f32| -> Lanes { std::array::from_fn(|k| some.get(k).map_or(0.0, value)) };
        Block {
            query_x: column(&|pair| pair.query[0]),
            query_y: column(&|pair| pair.query[1]),
            source_x: column(&|pair| pair.source[0]),
            source_y: column(&|pair| pair.source[1]),
            cos: column(&|pair| turn(pair)[0]),
            sin: column(&|pair| turn(pair)[1]),
            ratio: column(&|pair| pair.ratio),
            share: column(&|pair| pair.share),
        }
    };
    pairs.chunks(LANES).map(block).collect()
}

/// The pairs that vote for each of the best proposals, best proposal first. A pair that has voted for a
/// better proposal proposes no more: it would propose the same again.
pub(super) fn proposals(pairs: &[Pair], options: &Options) -> Vec<Vec<usize>> {
    let blocks = blocks(pairs);
    let (cos_least, scale_most) = (options.angle.cos(), options.scale);
    let most = options.comparisons / pairs.len().max(1);
    let mut proposers: Vec<_> = (0..pairs.len()).collect();
    if proposers.len() > most {
        proposers.sort_by(|&a, &b| pairs[b].share.total_cmp(&pairs[a].share));
        proposers.truncate(most);
    }
    let mut ranked: Vec<(f32, usize)> = Vec::with_capacity(proposers.len());
    for i in proposers {
        let proposer = Proposer::of(&pairs[i], options);
        let mut sums = [0.0; LANES];
        let mut counts = [0.0; LANES];
        for block in &blocks {
            let votes = proposer.votes(block, cos_least, scale_most);
            for k in 0..LANES {
                sums[k] += votes[k];
                counts[k] += if votes[k] > 0.0 { 1.0 } else { 0.0 };
            }
        }
        if counts.iter().sum::<f32>() >= options.min_inliers as f32 {
            ranked.push((sums.iter().sum(), i));
        }
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut spent = vec![false; pairs.len()];
    let mut proposals = Vec::new();
    for (_, i) in ranked {
        if spent[i] {
            continue;
        }
        let proposer = Proposer::of(&pairs[i], options);
        let votes = blocks.iter().flat_map(|block| proposer.votes(block, cos_least, scale_most));
        let voters: Vec<_> = votes.enumerate().filter(|&(_, vote)| vote > 0.0).map(|(j, _)| j).collect();
        for &j in &voters {
            spent[j] = true;
        }
        proposals.push(voters);
        if proposals.len() == options.proposals {
            break;
        }
    }
    proposals
}
