//! Perceptual hashes -> the pictures whose hash is near one of the query's forms.
//!
//! A scan of all, exact at every distance: a dozen milliseconds of processor time a million pictures, where
//! looking up the hash in bands costs 272 seeks a form to be exact up to 31 bits only.

use rayon::prelude::*;

use super::FeatureFile;
use super::layout::Source;
use crate::describe::Probe;
use crate::describe::hash::PerceptualHash;
use crate::describe::local::simd::dispatched;
use crate::error::Result;
use crate::index::{Candidate, PictureId};

/// Pictures compared at a time: their hashes stay in the first-level cache.
const ROWS: usize = 512;
/// Pictures that one thread takes at a time.
const SHARE: usize = 1 << 16;

/// The pictures of several files whose hash differs from one of the probe's forms in at most `max_distance`
/// bits, each with its nearest form, and its file and number there, in any order.
///
/// # Errors
/// `Damaged` where a block that is read is.
pub fn near(files: &[FeatureFile], probe: &Probe, max_distance: u32) -> Result<Vec<Near>> {
    let shares = |file: &'_ FeatureFile| (0..file.pictures()).step_by(SHARE);
    let shares: Vec<_> =
        files.iter().enumerate().flat_map(|(i, file)| shares(file).map(move |from| (i, file, from))).collect();
    let of_share = |(i, file, from)| of_share(i, file, from, probe, max_distance);
    let found: Result<Vec<_>> = shares.into_par_iter().map(of_share).collect();
    Ok(found?.concat())
}

/// A candidate, and where it stands: the file's place among those that were asked, and the picture's number there.
pub type Near = (Candidate, (usize, u32));

fn of_share(place: usize, file: &FeatureFile, from: usize, probe: &Probe, max_distance: u32) -> Result<Vec<Near>> {
    let forms = probe.forms.map(|(_, hash)| hash);
    let (mut block, mut nearest_of) = ([[0u64; ROWS]; 4], [0; ROWS]);
    let mut found = Vec::new();
    let starts = (from..).step_by(ROWS);
    for (start, sources) in starts.zip(file.sources(from, file.pictures().min(from + SHARE))?.chunks(ROWS)) {
        let [a, b, c, d] = &mut block;
        for ((((a, b), c), d), source) in a.iter_mut().zip(b).zip(c).zip(d).zip(sources) {
            [*a, *b, *c, *d] = Source::of(source).hash.0;
        }
        nearest(&block, &forms, &mut nearest_of);
        for ((source, &packed), number) in sources.iter().zip(&nearest_of).zip(start..) {
            let distance = u32::from(packed >> 3);
            if distance <= max_distance {
                let form = probe.forms.get(usize::from(packed & 7)).map(|(form, _)| *form).unwrap_or_default();
                let Source { picture, quality, .. } = Source::of(source);
                let candidate = Candidate { picture: PictureId(picture), form, distance, quality };
                found.push((candidate, (place, u32::try_from(number).unwrap_or(u32::MAX))));
            }
        }
    }
    Ok(found)
}

/// Of each hash, given by its four words, the distance to the nearest form and which that is: `distance * 8 + form`.
fn nearest(hashes: &[[u64; ROWS]; 4], forms: &[PerceptualHash; 8], out: &mut [u16; ROWS]) {
    // Processors that count the ones of eight words at once are four times as fast with it.
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vpopcntdq")
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512vpopcntdq")]
        fn wide(hashes: &[[u64; ROWS]; 4], forms: &[PerceptualHash; 8], out: &mut [u16; ROWS]) {
            nearest_plain(hashes, forms, out);
        }
        // SAFETY: the processor has just been found to have what the function is compiled for.
        return unsafe { wide(hashes, forms, out) };
    }
    nearest_dispatched(hashes, forms, out);
}

dispatched! {
    fn nearest_dispatched(hashes: &[[u64; ROWS]; 4], forms: &[PerceptualHash; 8], out: &mut [u16; ROWS]) = nearest_plain
}

#[inline(always)]
fn nearest_plain(hashes: &[[u64; ROWS]; 4], forms: &[PerceptualHash; 8], out: &mut [u16; ROWS]) {
    let [a, b, c, d] = hashes;
    for (i, nearest) in out.iter_mut().enumerate() {
        let hash = PerceptualHash([a[i], b[i], c[i], d[i]]);
        let packed = (0u16..8).zip(forms).map(|(form, of_form)| (of_form.distance(hash) as u16) << 3 | form);
        *nearest = packed.fold(u16::MAX, u16::min);
    }
}
