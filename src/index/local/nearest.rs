//! Which centroids are nearest to the halves of a descriptor: the part of quantising that takes the time.
//!
//! All are compared, exactly. Searching coarse groups first would be a tenth of the products, and misses some; by the
//! instructions for small numbers all of them take less than finding the least of their distances.

use crate::describe::local::DESCRIPTOR;
use crate::describe::local::simd::dispatched;

/// Values of half a descriptor.
pub const HALF: usize = DESCRIPTOR / 2;
/// Centroids of a half; a word is a pair of them.
pub const CENTROIDS: usize = 1024;
/// Half a descriptor, or a centroid: values from 0 to 255.
pub type Half = [i16; HALF];

/// Centroids that are compared at once.
pub const LANES: usize = 8;
/// Eight centroids: two values of each, then the next two.
#[cfg(target_arch = "x86_64")]
type Group = [[i16; 2 * LANES]; HALF / 2];
/// Sixteen centroids: four values of each, less 128, then the next four.
#[cfg(target_arch = "x86_64")]
type Quads = [[i8; 8 * LANES]; HALF / 4];

/// Centroids in the order in which the processor at hand multiplies them.
pub enum Groups {
    Plain(Vec<Half>),
    /// By AVX2 ...
    #[cfg(target_arch = "x86_64")]
    Pairs(Vec<Group>),
    /// ... and by AVX-512 VNNI: only where there are the instructions for them.
    #[cfg(target_arch = "x86_64")]
    Quads(Vec<Quads>),
}

impl Groups {
    /// Of centroids of values from 0 to 255, a multiple of sixteen of them.
    pub fn of(centroids: &[Half]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
            return Self::quads(centroids);
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            return Self::pairs(centroids);
        }
        Self::Plain(centroids.to_vec())
    }

    #[cfg(target_arch = "x86_64")]
    fn pairs(centroids: &[Half]) -> Self {
        let group = |centroids: &[Half; LANES]| -> Group {
            std::array::from_fn(|pair| std::array::from_fn(|i| centroids[i / 2][2 * pair + i % 2]))
        };
        Self::Pairs(centroids.as_chunks().0.iter().map(group).collect())
    }

    #[cfg(target_arch = "x86_64")]
    fn quads(centroids: &[Half]) -> Self {
        let group = |centroids: &[Half; 2 * LANES]| -> Quads {
            std::array::from_fn(|quad| std::array::from_fn(|i| (centroids[i / 4][4 * quad + i % 4] - 128) as i8))
        };
        Self::Quads(centroids.as_chunks().0.iter().map(group).collect())
    }
}

/// Products of a half with all centroids.
pub type Products = [[i32; LANES]; CENTROIDS / LANES];

/// The products of two halves, of values from 0 to 255, with all centroids: what is read of them serves both.
pub fn products(groups: &Groups, halves: &[Half; 2], products: &mut [Products; 2]) {
    match groups {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: they were put in this order since the processor has what the function is compiled for.
        Groups::Quads(groups) => unsafe { products_vnni(groups, halves, products) },
        #[cfg(target_arch = "x86_64")]
        Groups::Pairs(groups) => {
            for (half, products) in halves.iter().zip(products) {
                // SAFETY: as above.
                unsafe { products_avx2(groups, half, products) };
            }
        }
        Groups::Plain(centroids) => {
            for (half, products) in halves.iter().zip(products) {
                for (product, centroid) in products.as_flattened_mut().iter_mut().zip(centroids) {
                    *product = centroid.iter().zip(half).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
                }
            }
        }
    }
}

/// The same, without a sum across a register, which is what takes the time where a centroid stands in one piece.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn products_avx2(groups: &[Group], half: &Half, products: &mut Products) {
    use std::arch::x86_64::{__m256i, _mm256_add_epi32, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256};
    let pair = |own: &[i16; 2]| i32::from(own[1]) << 16 | i32::from(own[0]) & 0xFFFF;
    let mut own = [_mm256_setzero_si256(); HALF / 2];
    own.iter_mut().zip(half.as_chunks().0).for_each(|(own, values)| *own = _mm256_set1_epi32(pair(values)));
    for (products, group) in products.iter_mut().zip(groups) {
        let mut sums = [_mm256_setzero_si256(); 2];
        for (values, own) in group.as_chunks::<2>().0.iter().zip(own.as_chunks::<2>().0) {
            for ((sum, values), own) in sums.iter_mut().zip(values).zip(own) {
                // SAFETY: both are 32 bytes, of which any are numbers.
                let values = unsafe { std::mem::transmute::<[i16; 2 * LANES], __m256i>(*values) };
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(values, *own));
            }
        }
        // SAFETY: as above.
        *products = unsafe { std::mem::transmute::<__m256i, [i32; LANES]>(_mm256_add_epi32(sums[0], sums[1])) };
    }
}

/// The same by the instruction that multiplies 64 pairs of bytes: the values of a descriptor are bytes, and those of
/// centroids less 128 are, with a sign. What that takes from each product is added again.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn products_vnni(groups: &[Quads], halves: &[Half; 2], products: &mut [Products; 2]) {
    use std::arch::x86_64::{__m512i, _mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512};
    let less = halves.map(|half| _mm512_set1_epi32(128 * half.iter().map(|&value| i32::from(value)).sum::<i32>()));
    let mut own = [[_mm512_setzero_si512(); 2]; HALF / 4];
    for (half, values) in halves.iter().enumerate() {
        for (own, values) in own.iter_mut().zip(values.as_chunks::<4>().0) {
            own[half] = _mm512_set1_epi32(i32::from_le_bytes(values.map(|value| value as u8)));
        }
    }
    let [first, second] = products;
    let pairs = first.as_chunks_mut::<2>().0.iter_mut().zip(second.as_chunks_mut::<2>().0);
    for ((first, second), group) in pairs.zip(groups) {
        let mut sums = less;
        for (values, own) in group.iter().zip(&own) {
            // SAFETY: both are 64 bytes, of which any are numbers.
            let values = unsafe { std::mem::transmute::<[i8; 8 * LANES], __m512i>(*values) };
            sums = [_mm512_dpbusd_epi32(sums[0], own[0], values), _mm512_dpbusd_epi32(sums[1], own[1], values)];
        }
        // SAFETY: as above.
        [*first, *second] = sums.map(|sums| unsafe { std::mem::transmute::<__m512i, [[i32; LANES]; 2]>(sums) });
    }
}

/// Bits of a key in which a centroid's number stands, below its distance.
const NUMBER_BITS: u32 = CENTROIDS.ilog2();
/// The nearest that are looked for.
pub const NEAREST: usize = 3;

/// What the keys of centroids begin with: half their squared lengths, and their numbers.
pub fn bases(centroids: &[Half]) -> Vec<i32> {
    let length = |half: &Half| half.iter().map(|&value| i32::from(value) * i32::from(value)).sum::<i32>();
    (0..).zip(centroids).map(|(number, centroid)| ((length(centroid) / 2) << NUMBER_BITS) | number).collect()
}

/// The nearest centroids of a half, nearest first, with half their squared distances, from its products and the centroids' bases.
pub fn nearest(half: &Half, products: &Products, bases: &[i32]) -> [(usize, i32); NEAREST] {
    let own: i32 = half.iter().map(|&value| i32::from(value) * i32::from(value)).sum();
    let mut best = [[i32::MAX; LANES]; NEAREST];
    // Halves of squares are rounded down: with one more no distance is below 0.
    least(products, bases, own / 2 + 1, &mut best);
    let mut all = best.as_flattened().to_owned();
    all.sort_unstable();
    let part = |key: i32| (key as usize % CENTROIDS, (key >> NUMBER_BITS) - 1);
    std::array::from_fn(|rank| all.get(rank).map_or((0, i32::MAX), |&key| part(key)))
}

dispatched! {
    /// Of each lane the least keys: distances, and the number of the centroid below. Values are bytes, so half a squared
    /// distance has 21 bits, and with the number a key just fits.
    ///
    /// Without a branch: which of the centroids are nearer than all before can't be foreseen, and the guesses that
    /// failed took longer than all else.
    fn least(products: &Products, bases: &[i32], own: i32, best: &mut [[i32; LANES]; NEAREST]) = least_plain
}

#[inline(always)]
fn least_plain(products: &Products, bases: &[i32], own: i32, best: &mut [[i32; LANES]; NEAREST]) {
    let [mut first, mut second, mut third] = *best;
    for (products, bases) in products.iter().zip(bases.as_chunks::<LANES>().0) {
        let mut keys = [0i32; LANES];
        for i in 0..LANES {
            keys[i] = bases[i].wrapping_add(own.wrapping_sub(products[i]).wrapping_mul(1 << NUMBER_BITS));
        }
        for best in [&mut first, &mut second, &mut third] {
            for i in 0..LANES {
                let (less, more) = (keys[i].min(best[i]), keys[i].max(best[i]));
                (best[i], keys[i]) = (less, more);
            }
        }
    }
    *best = [first, second, third];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from 0 to 255, those among them.
    fn half(seed: usize) -> Half {
        std::array::from_fn(|i| ((i * 37 + seed * 101 + i * i * seed) % 256) as i16)
    }

    #[test]
    fn products_are_those_of_the_values_one_by_one_whichever_instructions_make_them() {
        let centroids: Vec<_> = (0..CENTROIDS).map(half).collect();
        let halves = [std::array::from_fn(|i| if i % 3 == 0 { 255 } else { 0 }), half(77)];
        let one = |half: &Half, centroid: &Half| {
            centroid.iter().zip(half).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>()
        };
        let expected = halves.map(|half| centroids.iter().map(|centroid| one(&half, centroid)).collect::<Vec<_>>());
        let mut kinds = vec![Groups::of(&centroids), Groups::Plain(centroids.clone())];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            kinds.push(Groups::pairs(&centroids));
        } else {
            eprintln!("no AVX2 here: its products are not checked");
        }
        for groups in kinds {
            let mut found = [[[0; LANES]; CENTROIDS / LANES]; 2];
            products(&groups, &halves, &mut found);
            (0..2).for_each(|i| assert_eq!(found[i].as_flattened(), expected[i]));
        }
    }

    #[test]
    fn the_nearest_are_those_of_the_least_distances() {
        let centroids: Vec<_> = (0..CENTROIDS).map(half).collect();
        let length = |half: &Half| half.iter().map(|&value| i32::from(value).pow(2)).sum::<i32>();
        let bases = bases(&centroids);
        for own in [half(77), [0; HALF], [255; HALF], half(5000)] {
            let mut found = [[[0; LANES]; CENTROIDS / LANES]; 2];
            products(&Groups::of(&centroids), &[own, own], &mut found);
            let apart = |centroid: &Half| std::array::from_fn(|i| centroid[i] - own[i]);
            let mut all: Vec<_> = centroids.iter().map(|centroid| length(&apart(centroid)) / 2).enumerate().collect();
            all.sort_by_key(|&(_, distance)| distance);
            for (found, expected) in nearest(&own, &found[0], &bases).into_iter().zip(all) {
                // Halves are rounded each for itself.
                assert!(found.1.abs_diff(expected.1) <= 1, "{found:?} {expected:?}");
            }
            let mut best = [[[i32::MAX; LANES]; NEAREST]; 2];
            least(&found[0], &bases, length(&own) / 2 + 1, &mut best[0]);
            least_plain(&found[0], &bases, length(&own) / 2 + 1, &mut best[1]);
            assert_eq!(best[0], best[1]);
        }
    }
}
