//! The visual vocabulary: two halves of a descriptor, each put to the nearest of 1,024 centroids.
//!
//! An inverted multi-index (Babenko and Lempitsky, 2012): 1,048,576 words from 32 KiB of centroids. The
//! lower half is quantised as it looks in the mirrored picture, so one list of centroids serves both
//! halves, and the list is closed under turning a half over; mirrored, inverted and plain descriptors then
//! lie among the same centroids and are quantised equally well.
//!
//! The signature is 23 bits for each half: on which side of the centroid the half lies along 23 directions,
//! rows of a Hadamard matrix over the half with seeded signs. The bits of both halves take turns, the first at the top, so that
//! the upper bits of a signature say as much of one half as of the other: the first twelve divide a word into cells.

use std::sync::OnceLock;

use super::Form;
use super::nearest::{CENTROIDS, Groups, HALF, Half, LANES, NEAREST, bases, nearest, products};
use crate::describe::local::DESCRIPTOR;

/// Those that are kept; the others are these turned over.
const KEPT: usize = CENTROIDS / 2;
/// Bits of a signature for each half. Of 32 no more copies were found, and a picture took 700 bytes more.
const BITS: usize = 23;
/// Bits of a signature.
pub const SIGNATURE_BITS: u32 = 2 * BITS as u32;
/// Bits of a word.
pub const WORD_BITS: u32 = 20;
/// Bits of a signature, from the top, by which lists tell the cells of a word.
pub const CELL_BITS: u32 = 12;
/// Steps of [`Word::doubts`] to a unit of log odds.
pub const DOUBT_STEPS: f32 = 32.0;
/// Log odds that a copy has the same bit, by how far from its threshold the query's value lies (in the units of
/// `directions`): measured over 50,506 verified inliers of 450 pairs.
const SURENESS: [(i32, f32); 13] = [
    (0, 0.3),
    (10, 0.9),
    (30, 2.0),
    (50, 2.7),
    (70, 3.2),
    (90, 3.7),
    (110, 4.1),
    (130, 4.5),
    (150, 4.8),
    (170, 5.1),
    (190, 5.5),
    (250, 6.0),
    (400, 7.0),
];
/// Units that one step of the table of doubts takes.
const MARGIN_STEP: usize = 4;
const MARGINS: usize = 512 / MARGIN_STEP;

/// Centroids and what signatures are taken against.
pub struct Vocabulary {
    /// As [`products`] reads them.
    groups: Groups,
    /// As [`nearest`] reads them.
    bases: Vec<i32>,
    /// The directions of each centroid.
    thresholds: Vec<[i32; BITS]>,
    /// Log odds by the margin, in steps.
    sureness: [u8; MARGINS],
}

/// A word of a descriptor that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// Which.
    pub word: u32,
    /// Where in the word's cell the descriptor lies.
    pub signature: u64,
    /// Of each bit that tells cells, from the top, the log odds that a copy has the same, in 1/32.
    pub doubts: [u8; CELL_BITS as usize],
}

impl Vocabulary {
    /// The one that ships with the program.
    pub fn built_in() -> &'static Self {
        static BUILT_IN: OnceLock<Vocabulary> = OnceLock::new();
        BUILT_IN.get_or_init(|| Self::from_bytes(include_bytes!("vocabulary.bin")))
    }

    /// A vocabulary of the centroids in `bytes`: 512 of 64 values each. Missing ones are zeros.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut centroids: Vec<Half> = bytes.as_chunks::<HALF>().0.iter().map(|c| c.map(i16::from)).collect();
        centroids.resize(KEPT, [0; HALF]);
        centroids.extend_from_within(..);
        centroids.iter_mut().skip(KEPT).for_each(|centroid| *centroid = over(centroid));
        let thresholds = centroids.iter().map(directions).collect();
        let sureness = std::array::from_fn(|step| {
            let margin = (step * MARGIN_STEP + MARGIN_STEP / 2) as i32;
            let odds = SURENESS.windows(2).find_map(|pair| match pair {
                [(from, low), (to, high)] if margin < *to => {
                    Some(low + (high - low) * (margin - from) as f32 / (to - from) as f32)
                }
                _ => None,
            });
            (odds.unwrap_or(7.0) * DOUBT_STEPS) as u8
        });
        Self { groups: Groups::of(&centroids), bases: bases(&centroids), thresholds, sureness }
    }

    /// The word of a descriptor and its signature there.
    pub fn word(&self, descriptor: &[u8; DESCRIPTOR]) -> (u32, u64) {
        let halves = halves(descriptor);
        let [[(a, _), ..], [(b, _), ..]] = self.nearest(&halves);
        let [upper, lower] = halves.map(|half| directions(&half));
        (word(a, b), self.signature(a, &upper, b, &lower))
    }

    /// The likeliest words of a descriptor in each of its [`Form`]s, nearest first.
    ///
    /// Other forms only change halves for each other and turn them over, and so does the list of centroids:
    /// one search among them serves all.
    pub fn words(&self, descriptor: &[u8; DESCRIPTOR]) -> [[Word; WORDS]; 4] {
        let [upper, lower] = halves(descriptor);
        let [first, second] = self.nearest(&[upper, lower]);
        let pairs: [_; WORDS * WORDS] = std::array::from_fn(|i| {
            let (a, b) = (first[i / WORDS], second[i % WORDS]);
            (a.1 + b.1, a.0, b.0)
        });
        let mut nearest = pairs;
        nearest.sort_unstable();
        let plain = [directions(&upper), directions(&lower)];
        let turned = [directions(&over(&upper)), directions(&over(&lower))];
        Form::ALL.map(|Form { mirrored, negated }| {
            let [upper, lower] = if negated { &turned } else { &plain };
            let turn = |centroid: usize| if negated { (centroid + KEPT) % CENTROIDS } else { centroid };
            std::array::from_fn(|i| {
                let (_, a, b) = nearest[i];
                let (a, b) = (turn(a), turn(b));
                // Mirroring and inverting each change the halves for each other.
                if mirrored == negated {
                    self.asked((a, upper), (b, lower))
                } else {
                    self.asked((b, lower), (a, upper))
                }
            })
        })
    }

    fn asked(&self, (a, upper): (usize, &[i32; BITS]), (b, lower): (usize, &[i32; BITS])) -> Word {
        let mut doubts = [0; CELL_BITS as usize];
        for (half, (centroid, directions)) in [(a, upper), (b, lower)].into_iter().enumerate() {
            let Some(thresholds) = self.thresholds.get(centroid) else { continue };
            let margins = directions.iter().zip(thresholds).map(|(value, threshold)| value.abs_diff(*threshold));
            for (doubt, margin) in doubts.iter_mut().skip(half).step_by(2).zip(margins) {
                *doubt = self.sureness[(margin as usize / MARGIN_STEP).min(MARGINS - 1)];
            }
        }
        Word { word: word(a, b), signature: self.signature(a, upper, b, lower), doubts }
    }

    /// The nearest centroids of two halves, nearest first, with half their squared distances.
    fn nearest(&self, halves: &[Half; 2]) -> [[(usize, i32); WORDS]; 2] {
        let mut all = [[[0; LANES]; CENTROIDS / LANES]; 2];
        products(&self.groups, halves, &mut all);
        std::array::from_fn(|i| nearest(&halves[i], &all[i], &self.bases))
    }

    fn signature(&self, a: usize, upper: &[i32; BITS], b: usize, lower: &[i32; BITS]) -> u64 {
        let side = |centroid: usize, directions: &[i32; BITS]| {
            let Some(thresholds) = self.thresholds.get(centroid) else { return 0 };
            let bits = directions.iter().zip(thresholds).enumerate();
            bits.fold(0u64, |bits, (i, (value, threshold))| bits | u64::from(value > threshold) << (2 * (BITS - 1 - i)))
        };
        side(a, upper) << 1 | side(b, lower)
    }
}

/// The signature that a feature of the first format has today: that had 32 bits of each half, the upper one's above, the first
/// at the bottom.
pub fn signature_of_first(first: u64) -> u64 {
    let bit = |half: u64, i: usize| (half >> i & 1) << (2 * (BITS - 1 - i));
    let (upper, lower) = (first >> 32, first & u64::from(u32::MAX));
    (0..BITS).fold(0, |bits, i| bits | bit(upper, i) << 1 | bit(lower, i))
}

/// Words of each feature of a query: the descriptor of a copy has shifted, and a fourth found no copy more.
pub const WORDS: usize = NEAREST;

fn word(a: usize, b: usize) -> u32 {
    ((a % CENTROIDS) * CENTROIDS + b % CENTROIDS) as u32
}

/// The upper half of a descriptor, and the lower as it looks in the mirrored picture: there its rows change
/// ends and the orientations change sign.
fn halves(descriptor: &[u8; DESCRIPTOR]) -> [Half; 2] {
    let at = |row: usize, column: usize, bin: usize| i16::from(descriptor[row * 32 + column * 8 + bin]);
    let half = |mirrored: bool| {
        std::array::from_fn(|i| {
            let (row, column, bin) = (i / 32, i / 8 % 4, i % 8);
            if mirrored { at(3 - row, column, (8 - bin) % 8) } else { at(row, column, bin) }
        })
    };
    [half(false), half(true)]
}

/// A half turned over: its columns change ends, the orientations change sign. Mirroring an inverted picture does it.
fn over(half: &Half) -> Half {
    std::array::from_fn(|i| {
        let (row, column, bin) = (i / 32, i / 8 % 4, i % 8);
        half[row * 32 + (3 - column) * 8 + (8 - bin) % 8]
    })
}

/// A half along the 23 directions of a signature, scaled by 8.
fn directions(half: &Half) -> [i32; BITS] {
    // Signs of the seed, so that no direction is a plain sum of the values, which are all positive.
    const SIGNS: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut values: [i32; HALF] = std::array::from_fn(|i| {
        let value = i32::from(half[i]);
        if SIGNS >> i & 1 == 1 { -value } else { value }
    });
    let mut step = 1;
    while step < HALF {
        for start in (0..HALF).step_by(2 * step) {
            for i in start..start + step {
                let (a, b) = (values[i], values[i + step]);
                (values[i], values[i + step]) = (a + b, a - b);
            }
        }
        step *= 2;
    }
    std::array::from_fn(|i| values[2 * i + 1])
}

/// Trains centroids on the descriptors of many pictures: seeded k-means. Returns what [`Vocabulary::from_bytes`] reads.
///
/// Empty where there are fewer descriptors than centroids.
pub fn train(descriptors: &[[u8; DESCRIPTOR]], rounds: usize) -> Vec<u8> {
    let samples: Vec<Half> = descriptors.iter().flat_map(halves).collect();
    if samples.len() < KEPT {
        return Vec::new();
    }
    // Evenly from the whole of the samples: pictures follow each other in it.
    let first = (0..KEPT).filter_map(|i| samples.get(i * samples.len() / KEPT));
    let mut bytes: Vec<u8> = first.flat_map(|half| half.map(|value| value as u8)).collect();
    for _ in 0..rounds {
        bytes = refined(&bytes, &samples);
    }
    bytes
}

/// One round: each centroid becomes the mean of the samples that are nearest to it, upright or turned over.
fn refined(bytes: &[u8], samples: &[Half]) -> Vec<u8> {
    use rayon::prelude::*;
    let vocabulary = Vocabulary::from_bytes(bytes);
    let empty = || (vec![[0i64; HALF]; KEPT], vec![0i64; KEPT]);
    let add = |(mut sums, mut counts): (Vec<[i64; HALF]>, Vec<i64>), sample: &Half| {
        let [[(nearest, _), ..], _] = vocabulary.nearest(&[*sample, *sample]);
        let sample = if nearest < KEPT { *sample } else { over(sample) };
        sums[nearest % KEPT].iter_mut().zip(sample).for_each(|(sum, value)| *sum += i64::from(value));
        counts[nearest % KEPT] += 1;
        (sums, counts)
    };
    let join = |(mut a, mut m): (Vec<[i64; HALF]>, Vec<i64>), (b, n): (Vec<[i64; HALF]>, Vec<i64>)| {
        a.iter_mut().zip(b).for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, b)| *a += b));
        m.iter_mut().zip(n).for_each(|(m, n)| *m += n);
        (a, m)
    };
    let (sums, counts) = samples.par_iter().fold(empty, add).reduce(empty, join);
    let mut bytes = Vec::with_capacity(KEPT * HALF);
    for (i, (sum, count)) in sums.iter().zip(counts).enumerate() {
        // One that nobody is near starts again at a sample.
        let restart = samples.get(i * 7919 % samples.len()).copied().unwrap_or([0; HALF]);
        bytes.extend(
            sum.iter().zip(restart).map(
                |(sum, restart)| {
                    if count > 0 { ((sum + count / 2) / count) as u8 } else { restart as u8 }
                },
            ),
        );
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::local::Features;

    #[test]
    fn turning_over_and_mirroring_are_their_own_inverses_and_signatures_have_all_their_bits() {
        let descriptor: [u8; DESCRIPTOR] = std::array::from_fn(|i| (i * 37 % 251) as u8);
        let [upper, lower] = halves(&descriptor);
        assert_eq!(over(&over(&upper)), upper);
        assert_ne!(over(&upper), upper);
        assert_ne!(upper, lower);
    }

    #[test]
    fn the_likeliest_word_is_the_word() {
        let vocabulary = Vocabulary::built_in();
        let mut seen = 0;
        for i in (0..CENTROIDS).step_by(31) {
            let descriptor: [u8; DESCRIPTOR] = std::array::from_fn(|j| ((i * 97 + j * j * 13) % 120) as u8);
            let [[first, ..], ..] = vocabulary.words(&descriptor);
            assert_eq!((first.word, first.signature), vocabulary.word(&descriptor));
            seen += 1;
        }
        assert_eq!(seen, 34);
    }

    #[test]
    fn a_signature_of_the_first_format_becomes_the_one_that_is_made_today() {
        let vocabulary = Vocabulary::built_in();
        let mut seen = 0u64;
        for i in 0..50usize {
            let descriptor = std::array::from_fn(|j| ((i * 97 + j * j * 13 + j * i) % 120) as u8);
            let [upper, lower] = halves(&descriptor);
            let (word, signature) = vocabulary.word(&descriptor);
            // As that format made it, of the directions that it shares with this.
            let side = |centroid: usize, half: &Half| {
                let pairs = directions(half).into_iter().zip(vocabulary.thresholds[centroid]).enumerate();
                pairs.fold(0u64, |bits, (i, (value, threshold))| bits | u64::from(value > threshold) << i)
            };
            let (a, b) = ((word >> 10) as usize, (word & 1023) as usize);
            let first = side(a, &upper) << 32 | side(b, &lower);
            assert_eq!(signature_of_first(first | 0xff << 24 | 0xff << 56), signature);
            seen |= signature;
        }
        assert_eq!(seen, (1 << SIGNATURE_BITS) - 1);
    }

    #[test]
    fn the_words_of_other_forms_are_those_of_the_pictures_in_these_forms() {
        let vocabulary = Vocabulary::built_in();
        let mut seen = 0;
        for i in 0..50 {
            let descriptor = std::array::from_fn(|j| ((i * 97 + j * j * 13 + j * i) % 120) as u8);
            let keypoint = crate::describe::local::Keypoint { x: 1.0, y: 1.0, scale: 2.0, angle: 0.0 };
            let features = Features { keypoints: vec![keypoint], descriptors: vec![descriptor] };
            let words = vocabulary.words(&descriptor);
            for (Form { mirrored, negated }, words) in Form::ALL.into_iter().zip(words) {
                let turned = if mirrored { features.mirrored(10.0) } else { features.clone() };
                let turned = if negated { turned.negated() } else { turned };
                // Equally near words may come in another order.
                let [mut expected, ..] = vocabulary.words(&turned.descriptors[0]);
                let mut words = words;
                expected.sort_unstable();
                words.sort_unstable();
                assert_eq!(words, expected, "{mirrored} {negated}");
                seen += 1;
            }
        }
        assert_eq!(seen, 200);
    }
}
