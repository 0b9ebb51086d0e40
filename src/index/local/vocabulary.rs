//! The visual vocabulary: two halves of a descriptor, each put to the nearest of 1,024 centroids.
//!
//! An inverted multi-index (Babenko and Lempitsky, 2012): 1,048,576 words from 32 KiB of centroids. The
//! lower half is quantised as it looks in the mirrored picture, so one list of centroids serves both
//! halves, and the list is closed under turning a half over; mirrored, inverted and plain descriptors then
//! lie among the same centroids and are quantised equally well.
//!
//! The signature is 32 bits for each half: on which side of the centroid the half lies along 32 directions,
//! rows of a Hadamard matrix over the half with seeded signs.

use std::sync::OnceLock;

use super::Form;
use crate::describe::local::DESCRIPTOR;
use crate::describe::local::simd::dispatched;

/// Values of half a descriptor.
const HALF: usize = DESCRIPTOR / 2;
/// Centroids of a half; a word is a pair of them.
const CENTROIDS: usize = 1024;
/// Those that are kept; the others are these turned over.
const KEPT: usize = CENTROIDS / 2;
/// Bits of a signature for each half.
const BITS: usize = 32;
/// Bits of a word.
pub const WORD_BITS: u32 = 20;

type Half = [i16; HALF];

/// Centroids and what signatures are taken against.
pub struct Vocabulary {
    centroids: Vec<Half>,
    /// Half the squared length of each centroid.
    halves: Vec<i32>,
    /// The directions of each centroid.
    thresholds: Vec<[i32; BITS]>,
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
        let halves =
            centroids.iter().map(|c| c.iter().map(|&v| i32::from(v) * i32::from(v)).sum::<i32>() / 2).collect();
        let thresholds = centroids.iter().map(directions).collect();
        Self { centroids, halves, thresholds }
    }

    /// The word of a descriptor and its signature there.
    pub fn word(&self, descriptor: &[u8; DESCRIPTOR]) -> (u32, u64) {
        let [upper, lower] = halves(descriptor);
        let nearest = |half: &Half| self.nearest::<1>(half)[0].0;
        let (a, b) = (nearest(&upper), nearest(&lower));
        (word(a, b), self.signature(a, &directions(&upper), b, &directions(&lower)))
    }

    /// The `count` likeliest words of a descriptor in each of its [`Form`]s, nearest first, with its signature
    /// in each.
    ///
    /// Other forms only change halves for each other and turn them over, and so does the list of centroids:
    /// one search among them serves all.
    pub fn words(&self, descriptor: &[u8; DESCRIPTOR], count: usize) -> [Vec<(u32, u64)>; 4] {
        let [upper, lower] = halves(descriptor);
        let (first, second) = (self.nearest::<NEAR>(&upper), self.nearest::<NEAR>(&lower));
        let mut pairs: Vec<_> = first.iter().flat_map(|a| second.iter().map(move |b| (a.1 + b.1, a.0, b.0))).collect();
        pairs.sort_unstable();
        pairs.truncate(count);
        let plain = [directions(&upper), directions(&lower)];
        let turned = [directions(&over(&upper)), directions(&over(&lower))];
        Form::ALL.map(|Form { mirrored, negated }| {
            let [upper, lower] = if negated { &turned } else { &plain };
            let turn = |centroid: usize| if negated { (centroid + KEPT) % CENTROIDS } else { centroid };
            let words = pairs.iter().map(|&(_, a, b)| {
                let (a, b) = (turn(a), turn(b));
                // Mirroring and inverting each change the halves for each other.
                if mirrored == negated {
                    (word(a, b), self.signature(a, upper, b, lower))
                } else {
                    (word(b, a), self.signature(b, lower, a, upper))
                }
            });
            words.collect()
        })
    }

    /// The nearest centroids, nearest first, with half their squared distances up to a constant.
    fn nearest<const N: usize>(&self, half: &Half) -> [(usize, i32); N] {
        let mut scores = [0; CENTROIDS];
        products(&self.centroids, half, &mut scores);
        let mut best = [(0, i32::MAX); N];
        for (i, (product, length)) in scores.iter().zip(&self.halves).enumerate() {
            let distance = length - product;
            if best.last().is_some_and(|worst| distance < worst.1) {
                let at = best.partition_point(|other| other.1 <= distance);
                if let Some(tail) = best.get_mut(at..) {
                    tail.rotate_right(1);
                    tail[0] = (i, distance);
                }
            }
        }
        best
    }

    fn signature(&self, a: usize, upper: &[i32; BITS], b: usize, lower: &[i32; BITS]) -> u64 {
        let side = |centroid: usize, directions: &[i32; BITS]| {
            let Some(thresholds) = self.thresholds.get(centroid) else { return 0 };
            let bits = directions.iter().zip(thresholds).enumerate();
            bits.fold(0u64, |bits, (i, (value, threshold))| bits | u64::from(value > threshold) << i)
        };
        side(a, upper) << BITS | side(b, lower)
    }
}

/// Centroids of each half that are combined where several words are asked for.
const NEAR: usize = 4;

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

/// A half along the 32 directions of a signature, scaled by 8.
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

dispatched! {
    fn products(centroids: &[Half], half: &Half, products: &mut [i32; CENTROIDS]) = products_scalar
}

#[inline(always)]
fn products_scalar(centroids: &[Half], half: &Half, products: &mut [i32; CENTROIDS]) {
    for (product, centroid) in products.iter_mut().zip(centroids) {
        *product = centroid.iter().zip(half).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
    }
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
        let nearest = vocabulary.nearest::<1>(sample)[0].0;
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
    fn a_centroid_is_its_own_nearest_and_the_likeliest_word_is_the_word() {
        let vocabulary = Vocabulary::built_in();
        let mut seen = 0;
        for i in (0..CENTROIDS).step_by(31) {
            assert_eq!(vocabulary.nearest::<1>(&vocabulary.centroids[i])[0].0, i);
            let descriptor: [u8; DESCRIPTOR] = std::array::from_fn(|j| ((i * 97 + j * j * 13) % 120) as u8);
            let [words, ..] = vocabulary.words(&descriptor, 6);
            assert_eq!((words.len(), words[0]), (6, vocabulary.word(&descriptor)));
            seen += 1;
        }
        assert_eq!(seen, 34);
    }

    #[test]
    fn the_words_of_other_forms_are_those_of_the_pictures_in_these_forms() {
        let vocabulary = Vocabulary::built_in();
        let mut seen = 0;
        for i in 0..50 {
            let descriptor = std::array::from_fn(|j| ((i * 97 + j * j * 13 + j * i) % 120) as u8);
            let keypoint = crate::describe::local::Keypoint { x: 1.0, y: 1.0, scale: 2.0, angle: 0.0 };
            let features = Features { keypoints: vec![keypoint], descriptors: vec![descriptor] };
            let words = vocabulary.words(&descriptor, 4);
            for (Form { mirrored, negated }, words) in Form::ALL.into_iter().zip(words) {
                let turned = if mirrored { features.mirrored(10.0) } else { features.clone() };
                let turned = if negated { turned.negated() } else { turned };
                // Equally near words may come in another order.
                let [mut expected, ..] = vocabulary.words(&turned.descriptors[0], 4);
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
