//! Every correspondence proposes a similarity transform, and all others vote.
//!
//! A Hough transform would sort the proposals into bins of scale, angle and place and lose those that fall
//! apart at the bins' borders. A few hundred correspondences are compared with each other outright, eight
//! at a time and without branches, in less time than the bins' bookkeeping takes; only angles are sorted,
//! so that a proposal is compared with those alone that turn the picture about as it does.

use std::f32::consts::{PI, TAU};

use super::Options;
use super::pairs::Pair;

/// Pairs that are compared at once: what the compiler turns into vector instructions.
const LANES: usize = 8;

type Lanes = [f32; LANES];

/// Eight pairs, column by column.
#[derive(Default)]
struct Block {
    query_x: Lanes,
    query_y: Lanes,
    source_x: Lanes,
    source_y: Lanes,
    /// Turn that a pair proposes.
    cos: Lanes,
    sin: Lanes,
    ratio: Lanes,
    /// 0 where there is no pair.
    share: Lanes,
}

/// A pair as a proposal.
struct Proposer {
    query: [f32; 2],
    source: [f32; 2],
    /// Cosine and sine of its turn, times its ratio.
    turn: [f32; 2],
    /// Squares of the tolerance in pixels and of its growth a query pixel.
    tolerance: f32,
    growth: f32,
    cos_least: f32,
    smallest: f32,
    largest: f32,
}

/// How many times an inlier's tolerance a vote may be off near the proposing pair.
const LOOSE: f32 = 3.0;

impl Proposer {
    fn of(pair: &Pair, options: &Options) -> Self {
        let growth = options.growth * pair.ratio;
        Self {
            query: pair.query,
            source: pair.source,
            turn: pair.turn.map(|value| pair.ratio * value),
            tolerance: (LOOSE * pair.tolerance).powi(2),
            growth: growth * growth,
            cos_least: options.angle.cos() * pair.ratio,
            smallest: pair.ratio / options.scale,
            largest: pair.ratio * options.scale,
        }
    }

    /// Weights of the votes of eight pairs: 0 where one disagrees.
    #[inline(always)]
    fn votes(&self, block: &Block) -> Lanes {
        let mut votes = [0.0; LANES];
        for (k, vote) in votes.iter_mut().enumerate() {
            let (x, y) = (block.query_x[k] - self.query[0], block.query_y[k] - self.query[1]);
            let off_x = block.source_x[k] - self.source[0] - (self.turn[0] * x - self.turn[1] * y);
            let off_y = block.source_y[k] - self.source[1] - (self.turn[1] * x + self.turn[0] * y);
            let near = self.tolerance + self.growth * (x * x + y * y) - (off_x * off_x + off_y * off_y);
            let turned = self.turn[0] * block.cos[k] + self.turn[1] * block.sin[k] - self.cos_least;
            let (smaller, larger) = (block.ratio[k] - self.smallest, self.largest - block.ratio[k]);
            // One comparison, not four: the compiler would make jumps of them.
            let margin = less(less(near, turned), less(smaller, larger));
            let share = block.share[k];
            *vote = if margin >= 0.0 { share } else { 0.0 };
        }
        votes
    }

    /// The sum of votes and how many there are.
    fn count(&self, blocks: &[Block]) -> (f32, f32) {
        let mut sums = [0.0; LANES];
        let mut counts = [0.0; LANES];
        for block in blocks {
            let votes = self.votes(block);
            for k in 0..LANES {
                sums[k] += votes[k];
                counts[k] += if votes[k] > 0.0 { 1.0 } else { 0.0 };
            }
        }
        (sums.iter().sum(), counts.iter().sum())
    }
}

/// Votes counted, ready to tell who voted for what.
pub(super) struct Election<'a> {
    /// In the order of their angles.
    pairs: &'a [Pair],
    angles: Vec<f32>,
    blocks: Vec<Block>,
    options: &'a Options,
    /// The sum of votes, how many there are, and the pair that proposed; best first.
    ranked: Vec<(f32, f32, usize)>,
}

/// So many votes are never chance: who has cast them need not propose as well.
const SURE: f32 = 24.0;

impl<'a> Election<'a> {
    /// Lets the pairs, which are in the order of their angles, vote.
    pub fn hold(pairs: &'a [Pair], options: &'a Options) -> Self {
        let angles = pairs.iter().map(|pair| pair.angle).collect();
        let mut election = Self { pairs, angles, blocks: blocks(pairs), options, ranked: Vec::new() };
        let mut order: Vec<_> = (0..pairs.len()).collect();
        order.sort_by(|&a, &b| pairs[b].share.total_cmp(&pairs[a].share));
        let mut spent = vec![false; pairs.len()];
        let mut comparisons = 0;
        for i in order {
            if spent[i] {
                continue;
            }
            let proposer = Proposer::of(&pairs[i], options);
            let (mut sum, mut count) = (0.0, 0.0);
            for range in election.alike(i) {
                let blocks = &election.blocks[range];
                let (more, votes) = proposer.count(blocks);
                (sum, count) = (sum + more, count + votes);
                comparisons += blocks.len() * LANES;
            }
            if count >= options.min_inliers as f32 {
                election.ranked.push((sum, count, i));
            }
            if count >= SURE {
                for (j, _) in election.voters(i) {
                    spent[j] = true;
                }
            }
            if comparisons > options.comparisons {
                break;
            }
        }
        election.ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
        election
    }

    /// The proposals, best first: the proposing pair and how many voted for it.
    pub fn ranked(&self) -> impl Iterator<Item = (usize, usize)> {
        self.ranked.iter().map(|&(_, count, i)| (i, count as usize))
    }

    /// The pairs that voted for what a pair proposes, each with a weight: the farther from the proposing pair,
    /// the less its vote says about where that would take it.
    pub fn voters(&self, i: usize) -> Vec<(usize, f32)> {
        let proposer = Proposer::of(&self.pairs[i], self.options);
        let mut voters = Vec::new();
        for range in self.alike(i) {
            for at in range {
                let votes = proposer.votes(&self.blocks[at]);
                voters.extend((0..LANES).filter(|&k| votes[k] > 0.0).map(|k| (at * LANES + k, votes[k])));
            }
        }
        for (voter, weight) in &mut voters {
            let ([x, y], [a, b]) = (self.pairs[*voter].query, proposer.query);
            *weight /= proposer.tolerance + proposer.growth * ((x - a).powi(2) + (y - b).powi(2));
        }
        voters
    }

    /// The blocks of those pairs that turn the picture about as one does: angles run in a circle, so
    /// there may be some at the other end.
    fn alike(&self, i: usize) -> [std::ops::Range<usize>; 2] {
        let turn = self.angles[i];
        let (low, high) = (turn - self.options.angle, turn + self.options.angle);
        let below = |limit: f32| self.angles.partition_point(|&angle| angle < limit) / LANES;
        let above = |limit: f32| self.angles.partition_point(|&angle| angle <= limit).div_ceil(LANES);
        let near = below(low)..above(high);
        let other = if low < -PI {
            below(low + TAU).max(near.end)..self.blocks.len()
        } else if high > PI {
            0..above(high - TAU).min(near.start)
        } else {
            0..0
        };
        [near, other]
    }
}

/// The lesser of two numbers: a single instruction, as `f32::min`, which minds NaN, is not.
#[inline(always)]
fn less(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

fn blocks(pairs: &[Pair]) -> Vec<Block> {
    let mut blocks = Vec::with_capacity(pairs.len().div_ceil(LANES));
    for some in pairs.chunks(LANES) {
        let mut block = Block::default();
        for (k, pair) in some.iter().enumerate() {
            [block.query_x[k], block.query_y[k]] = pair.query;
            [block.source_x[k], block.source_y[k]] = pair.source;
            [block.cos[k], block.sin[k]] = pair.turn;
            block.ratio[k] = pair.ratio;
            block.share[k] = pair.share;
        }
        blocks.push(block);
    }
    blocks
}
