//! Which centroids are nearest to the halves of a descriptor: the part of quantising that takes the time.
//!
//! All are compared, exactly. Searching coarse groups first would be a tenth of the products, and misses some; by the
//! instructions for small numbers all of them take less than finding the least of their distances.

use super::vocabulary::{CENTROIDS, HALF, Half};
use crate::describe::local::simd::dispatched;

/// Centroids that are compared at once.
pub const LANES: usize = 8;
/// Eight centroids: two values of each, then the next two.
type Group = [[i16; 2 * LANES]; HALF / 2];
/// Sixteen centroids: four values of each, less 128, then the next four.
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

dispatched! {
    /// Fills `best` with the centroids that are nearest, nearest first, from products and half the squared lengths.
    pub fn nearest(products: &Products, lengths: &[i32], best: &mut [(usize, i32)]) = nearest_plain
}

#[inline(always)]
fn nearest_plain(products: &Products, lengths: &[i32], best: &mut [(usize, i32)]) {
    for (group, (products, lengths)) in products.iter().zip(lengths.as_chunks::<LANES>().0).enumerate() {
        let worst = best.last().map_or(i32::MAX, |worst| worst.1);
        let distances: [i32; LANES] = std::array::from_fn(|i| lengths[i] - products[i]);
        // Of most groups none is nearer.
        if !distances.iter().fold(false, |near, &distance| near | (distance < worst)) {
            continue;
        }
        for (i, &distance) in distances.iter().enumerate() {
            if best.last().is_some_and(|worst| distance < worst.1) {
                let at = best.partition_point(|other| other.1 <= distance);
                if let Some(tail) = best.get_mut(at..) {
                    tail.rotate_right(1);
                    tail[0] = (group * LANES + i, distance);
                }
            }
        }
    }
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
        let products: Products =
            std::array::from_fn(|i| std::array::from_fn(|j| ((i * LANES + j) * 7919 % 1021) as i32));
        let lengths: Vec<i32> = (0..CENTROIDS as i32).map(|i| i * 31 % 257).collect();
        let mut all: Vec<_> = lengths.iter().zip(products.as_flattened()).map(|(a, b)| a - b).enumerate().collect();
        all.sort_by_key(|&(_, distance)| distance);
        let mut best = [(0, i32::MAX); 5];
        nearest(&products, &lengths, &mut best);
        assert_eq!(best, all[..5]);
        best = [(0, i32::MAX); 5];
        nearest_plain(&products, &lengths, &mut best);
        assert_eq!(best, all[..5]);
    }
}
