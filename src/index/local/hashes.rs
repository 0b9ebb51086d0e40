//! Perceptual hashes -> the pictures whose hash is near one of the query's forms.
//!
//! A scan of all, exact at every distance: a dozen milliseconds of processor time a million pictures, where
//! looking up the hash in bands costs 272 seeks a form to be exact up to 31 bits only.

use rayon::prelude::*;

use super::Postings;
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
/// bits, each with its nearest form, in any order.
///
/// # Errors
/// `Damaged` where a block that is read is.
pub fn near(files: &[Postings], probe: &Probe, max_distance: u32) -> Result<Vec<Candidate>> {
    let shares = |file: &'_ Postings| (0..file.pictures()).step_by(SHARE).collect::<Vec<_>>();
    let shares: Vec<_> = files.iter().flat_map(|file| shares(file).into_iter().map(move |from| (file, from))).collect();
    let found: Result<Vec<_>> =
        shares.into_par_iter().map(|(file, from)| of_share(file, from, probe, max_distance)).collect();
    Ok(found?.concat())
}

fn of_share(file: &Postings, from: usize, probe: &Probe, max_distance: u32) -> Result<Vec<Candidate>> {
    let forms = probe.forms.map(|(_, hash)| hash);
    let (mut block, mut nearest_of) = ([[0u64; ROWS]; 4], [0; ROWS]);
    let mut found = Vec::new();
    for sources in file.sources(from, file.pictures().min(from + SHARE))?.chunks(ROWS) {
        let [a, b, c, d] = &mut block;
        for ((((a, b), c), d), source) in a.iter_mut().zip(b).zip(c).zip(d).zip(sources) {
            [*a, *b, *c, *d] = Source::of(source).hash.0;
        }
        nearest(&block, &forms, &mut nearest_of);
        for (source, &packed) in sources.iter().zip(&nearest_of) {
            let distance = u32::from(packed >> 3);
            if distance <= max_distance {
                let form = probe.forms.get(usize::from(packed & 7)).map(|(form, _)| *form).unwrap_or_default();
                let Source { picture, quality, .. } = Source::of(source);
                found.push(Candidate { picture: PictureId(picture), form, distance, quality });
            }
        }
    }
    Ok(found)
}

dispatched! {
    /// Of each hash, given by its four words, the distance to the nearest form and which that is: `distance * 8 + form`.
    fn nearest(hashes: &[[u64; ROWS]; 4], forms: &[PerceptualHash; 8], out: &mut [u16; ROWS]) = nearest_plain
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
