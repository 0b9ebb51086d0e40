//! A query's features -> the cells in which a copy's features are likeliest.
//!
//! A copy's descriptor has shifted a little: it may stand under the second or third word, and bits of its signature may
//! have changed, most likely those whose value is near the threshold. All that is a sum of log odds, so the likeliest
//! cells of all features are found by taking the cheapest sums one after the other ("query-directed probing": Lv et al.,
//! "Multi-Probe LSH", 2007).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::vocabulary::{CELL_BITS, DOUBT_STEPS, SIGNATURE_BITS, WORDS, Word};

/// Of verified inliers how many come from each hundred of the query's features, the strongest first, in percent.
const OF_HUNDRED: [f32; 15] = [15.0, 12.0, 10.0, 9.0, 8.0, 7.2, 6.8, 5.9, 5.6, 4.9, 4.3, 3.6, 3.1, 2.4, 1.6];
/// What the second and the third word cost: they have 16 and 6 % of the inliers, the first 78.
const OF_RANK: [f32; WORDS] = [0.0, 1.58, 2.5];
/// Features that ask for one word at most: what repeats in the query would drown all else.
const OF_WORD: usize = 4;

/// A word in which a feature's copy may stand.
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    pub word: u32,
    pub keypoint: u16,
    rank: u8,
    doubts: [u8; CELL_BITS as usize],
    /// The signature that it would have there.
    pub signature: u64,
}

impl Lookup {
    /// Of a feature's word, the nearest being of rank 0.
    pub fn of(keypoint: u16, rank: u8, word: &Word) -> Self {
        let Word { word, signature, doubts } = *word;
        Self { word, keypoint, rank, doubts, signature }
    }
}

/// A cell that is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The word, and the first bits of a signature behind it.
    pub key: u64,
    /// Minus the log odds that a copy's feature stands there, up to a constant.
    pub cost: f32,
}

/// A sum that waits for its turn: its cost (of numbers that are not negative the bits have their order), whose it is, which
/// bits are flipped, and the last of these in the order of their costs.
type Waiting = Reverse<(u32, u32, u16, u8)>;

/// The `budget` likeliest cells of lookups, which are in the order of their words, by so many bits of signatures; in the
/// order of their keys.
pub fn likeliest(lookups: &[Lookup], bits: u32, budget: usize) -> Vec<Cell> {
    let bits = bits.min(CELL_BITS);
    let odds: [f32; 256] = std::array::from_fn(|doubt| doubt as f32 / DOUBT_STEPS);
    let stays: [f32; 256] = odds.map(|odds| (-odds).exp().ln_1p());
    let mut waiting: Vec<Waiting> = Vec::with_capacity(lookups.len() + budget);
    let mut number = 0;
    for of_word in lookups.chunk_by(|a, b| a.word == b.word) {
        for (lookup, number) in of_word.iter().take(OF_WORD).zip(number..) {
            let hundred = OF_HUNDRED.get(usize::from(lookup.keypoint) / 100).or(OF_HUNDRED.last()).unwrap_or(&1.0);
            let rank = OF_RANK.get(usize::from(lookup.rank)).unwrap_or(&0.0);
            let doubts = lookup.doubts.iter().take(bits as usize);
            let stay: f32 = doubts.map(|&doubt| stays[usize::from(doubt)]).sum();
            let cost = (OF_HUNDRED[0] / hundred).ln() + rank + stay;
            waiting.push(Reverse((cost.max(0.0).to_bits(), number, 0, 0)));
        }
        number += of_word.len() as u32;
    }
    let mut waiting = BinaryHeap::from(waiting);
    let mut orders: Vec<Option<[u8; CELL_BITS as usize]>> = vec![None; lookups.len()];
    let (mut cells, mut asked) = (Vec::with_capacity(budget), HashSet::with_capacity(budget));
    while cells.len() < budget
        && let Some(Reverse((cost, number, flipped, last))) = waiting.pop()
    {
        let (Some(lookup), Some(order)) = (lookups.get(number as usize), orders.get_mut(number as usize)) else {
            continue;
        };
        let cost = f32::from_bits(cost);
        let pattern = lookup.signature >> (SIGNATURE_BITS - CELL_BITS) ^ u64::from(flipped);
        let key = (u64::from(lookup.word) << CELL_BITS | pattern) >> (CELL_BITS - bits);
        if asked.insert(key) {
            cells.push(Cell { key, cost });
        }
        if bits == 0 {
            continue;
        }
        let order = order.get_or_insert_with(|| {
            let mut order = std::array::from_fn(|bit| bit as u8);
            if let Some(asked) = order.get_mut(..bits as usize) {
                asked.sort_unstable_by_key(|&bit| lookup.doubts.get(usize::from(bit)));
            }
            order
        });
        // Sums in their order: the next bit is flipped as well, or instead of the last.
        let flip = |at: usize| {
            let bit = usize::from(*order.get(at).filter(|_| at < bits as usize)?);
            Some((1u16 << (CELL_BITS as usize - 1 - bit), odds[usize::from(*lookup.doubts.get(bit)?)]))
        };
        let next = if flipped == 0 { 0 } else { usize::from(last) + 1 };
        let Some((mask, more)) = flip(next) else { continue };
        let mut push = |cost: f32, flipped| waiting.push(Reverse((cost.to_bits(), number, flipped, next as u8)));
        push(cost + more, flipped | mask);
        if flipped != 0
            && let Some((before, less)) = flip(usize::from(last))
        {
            push((cost + more - less).max(cost), flipped & !before | mask);
        }
    }
    cells.sort_unstable_by_key(|cell| cell.key);
    cells
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn lookup()(word in 0u32..40, keypoint in 0u16..1500, rank in 0u8..3, doubts in any::<[u8; 12]>(), signature in any::<u64>()) -> Lookup {
            Lookup { word, keypoint, rank, doubts, signature: signature >> (64 - SIGNATURE_BITS) }
        }
    }

    proptest! {
        #[test]
        fn no_cell_that_is_left_out_is_likelier_than_one_that_is_asked_for(
            mut lookups in prop::collection::vec(lookup(), 1..30), bits in 0u32..=6, budget in 1usize..60
        ) {
            lookups.sort_by_key(|lookup| (lookup.word, lookup.keypoint));
            let cells = likeliest(&lookups, bits, budget);
            // All patterns of all lookups, one by one.
            let mut all = std::collections::BTreeMap::<u64, f32>::new();
            for of_word in lookups.chunk_by(|a, b| a.word == b.word) {
                for lookup in of_word.iter().take(OF_WORD) {
                    for flipped in 0u64..1 << bits {
                        let mut cost = (15.0 / OF_HUNDRED[usize::from(lookup.keypoint) / 100]).ln() + OF_RANK[usize::from(lookup.rank)];
                        for bit in 0..bits {
                            let odds = f32::from(lookup.doubts[bit as usize]) / DOUBT_STEPS;
                            cost += (-odds).exp().ln_1p() + if flipped >> (bits - 1 - bit) & 1 == 1 { odds } else { 0.0 };
                        }
                        let key = u64::from(lookup.word) << bits | (lookup.signature >> (SIGNATURE_BITS - bits) ^ flipped);
                        let least = all.entry(key).or_insert(f32::MAX);
                        *least = least.min(cost);
                    }
                }
            }
            prop_assert_eq!(cells.len(), budget.min(all.len()));
            let mut last = 0.0f32;
            for cell in &cells {
                prop_assert!((all[&cell.key] - cell.cost).abs() < 1e-3, "{:?} {}", cell, all[&cell.key]);
                last = last.max(cell.cost);
                all.remove(&cell.key);
            }
            prop_assert!(all.values().all(|&cost| cost >= last - 1e-3));
        }
    }
}
