//! The query's features -> candidates: the pictures that stand in most of the cells in which its copies would.
//!
//! Four forms of the query ask: as it is, mirrored, inverted, and both; the gallery is described once. What a form asks for
//! is bounded, be the gallery large or small: its likeliest cells, and of these those with the shortest lists. A picture
//! gets what each of its cells is worth; the features of the best are read, and pairs of features that share a word
//! and have near signatures (Hamming embedding: Jégou, Douze and Schmid, 2008) are what verification works with.

use std::cell::RefCell;
use std::collections::HashSet;

use rayon::prelude::*;

use super::cells::{Cell, Lookup, likeliest};
use super::file::{FeatureFile, damaged};
use super::lists::Place;
use super::packed::Packed;
use super::vocabulary::{CELL_BITS, WORD_BITS};
use super::{Near, Vocabulary, geometry};
use crate::describe::local::simd::dispatched;
use crate::describe::local::{Features, Keypoint};
use crate::error::Result;

/// How candidates are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Cells that a form of the query asks a file for at most. 1,000, and 2,000 where these settle nothing.
    pub cells: usize,
    /// The same of inverted forms. 500, in a second look too: it found no inverted copy more.
    pub inverted_cells: usize,
    /// Bytes of lists that a form reads of a file at most, for each cell that it may ask for: the longest lists
    /// are left out.
    pub bytes_of_cell: usize,
    /// Bits of 46 in which signatures of a pair differ at most. 15: of the features of copies 98 in 100 are as near, of two
    /// of chance in one word 1 in 100.
    pub max_distance: u32,
    /// Candidates that are given at most. 50: more found no copy more where copies are easily found.
    pub candidates: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cells: 1000, inverted_cells: 500, bytes_of_cell: 256, max_distance: 15, candidates: 50 }
    }
}

impl Options {
    /// For a second look, where the first has found nothing for sure.
    pub fn wider(&self) -> Self {
        Self { cells: 2 * self.cells, candidates: 4 * self.candidates, ..self.clone() }
    }
}

/// What was done to the query before its features were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Form {
    /// Mirrored left to right.
    pub mirrored: bool,
    /// Inverted: light for dark.
    pub negated: bool,
}

impl Form {
    /// All four, the identity first.
    pub const ALL: [Self; 4] = [
        Self { mirrored: false, negated: false },
        Self { mirrored: true, negated: false },
        Self { mirrored: false, negated: true },
        Self { mirrored: true, negated: true },
    ];

    /// The query's features that are asked for, the strongest first: more of these found no mirrored or inverted copy more.
    fn keypoints(self) -> usize {
        match self {
            Self { mirrored: false, negated: false } => 1500,
            Self { negated: false, .. } => 1000,
            Self { .. } => 700,
        }
    }
}

/// A feature of the query and one of a picture that look alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Where in the query, in the form that was compared.
    pub query: Keypoint,
    /// Where in the picture.
    pub source: Keypoint,
    /// What it says, above 0: only comparisons within one search matter.
    pub weight: f32,
}

/// A picture that local features speak for.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its number in the index.
    pub picture: u32,
    /// Width and height of what was described, in pixels.
    pub size: (f32, f32),
    /// The form of the query that it resembles.
    pub form: Form,
    /// What its cells are worth; only comparisons within one search matter.
    pub votes: f32,
    /// All pairs of features.
    pub hits: Vec<Hit>,
}

/// A query's features in one of its forms, ready to be looked up.
struct Asked {
    form: Form,
    keypoints: Vec<Keypoint>,
    /// In the order of their words, and of features.
    lookups: Vec<Lookup>,
    /// A bit for each word that is among them.
    words: Vec<u64>,
}

/// A query, ready to be looked up in any number of files.
pub struct Query(Vec<Asked>);

/// Whether a picture of this number is to be found.
pub type Wanted<'a> = &'a (dyn Fn(u32) -> bool + Sync);

/// Pictures of a file that are proposed: what their cells are worth, and their numbers there.
type Proposed = Vec<(u16, u32)>;

impl Query {
    /// Quantises the features of a query that is `width` pixels wide.
    pub fn new(features: &Features, width: f32) -> Self {
        let vocabulary = Vocabulary::built_in();
        let words: Vec<_> = features.descriptors.par_iter().map(|descriptor| vocabulary.words(descriptor)).collect();
        let asked = Form::ALL.into_par_iter().enumerate().map(|(of_form, form)| {
            let mut lookups = Vec::new();
            for (keypoint, words) in (0..u16::MAX).zip(&words).take(form.keypoints()) {
                let ranked = words.get(of_form).into_iter().flatten();
                lookups.extend(ranked.zip(0u8..).map(|(word, rank)| Lookup::of(keypoint, rank, word)));
            }
            lookups.sort_unstable_by_key(|lookup| (lookup.word, lookup.keypoint));
            let mut words = vec![0u64; 1 << (WORD_BITS - 6)];
            for lookup in &lookups {
                if let Some(word) = words.get_mut(lookup.word as usize / 64) {
                    *word |= 1 << (lookup.word % 64);
                }
            }
            let turned = |keypoint: &Keypoint| {
                let keypoint = if form.mirrored { keypoint.mirrored(width) } else { *keypoint };
                if form.negated { keypoint.negated() } else { keypoint }
            };
            Asked { form, keypoints: features.keypoints.iter().map(turned).collect(), lookups, words }
        });
        Self(asked.collect())
    }

    /// The best candidates of several files among the pictures that are `wanted`, best first. Where `wanted` is given, weak
    /// ones are looked at as well: few may be left of the others.
    ///
    /// # Errors
    /// `Damaged` where something that is read is.
    pub fn candidates(
        &self,
        files: &[FeatureFile],
        options: &Options,
        wanted: Option<Wanted<'_>>,
    ) -> Result<Vec<Candidate>> {
        self.more_candidates(files, options, wanted, &HashSet::new())
    }

    /// The same without those that are known already.
    ///
    /// # Errors
    /// As there.
    pub fn more_candidates(
        &self,
        files: &[FeatureFile],
        options: &Options,
        wanted: Option<Wanted<'_>>,
        known: &HashSet<(u32, Form)>,
    ) -> Result<Vec<Candidate>> {
        let asked = self.cells(files, options);
        let tasks: Vec<_> = files.iter().flat_map(|file| asked.iter().map(move |asked| (file, asked))).collect();
        let at_most = if wanted.is_some() { None } else { Some(options.candidates) };
        let of_task = |(file, asked): &(&FeatureFile, &Cells<'_>)| Ok(proposed(file, asked, at_most)?.0);
        let proposed: Result<Vec<_>> = tasks.par_iter().map(of_task).collect();
        let mut best: Vec<(u16, usize, u32)> = Vec::new();
        for (task, proposed) in proposed?.into_iter().enumerate() {
            let mut of_task = Vec::new();
            for (votes, number) in proposed {
                if of_task.len() == options.candidates {
                    break;
                }
                let Some((file, _)) = tasks.get(task) else { continue };
                let is_wanted = match wanted {
                    Some(wanted) => wanted(file.source(number)?.picture),
                    None => true,
                };
                if is_wanted {
                    of_task.push((votes, task, number));
                }
            }
            best.append(&mut of_task);
        }
        best.sort_unstable_by_key(|&(votes, task, number)| (u16::MAX - votes, task, number));
        best.truncate(options.candidates);
        for (first, file) in (0..).step_by(self.0.len().max(1)).zip(files) {
            let of_file = best.iter().filter(|(_, task, _)| (first..first + self.0.len()).contains(task));
            let mut places = of_file.map(|&(_, _, number)| file.place_of(number)).collect::<Result<Vec<_>>>()?;
            places.sort_unstable_by_key(|place| place.start);
            file.announce(places.into_iter());
        }
        let candidate = |&(votes, task, number): &(u16, usize, u32)| {
            let (file, Cells { asked, .. }) = tasks.get(task).ok_or_else(damaged)?;
            let is_known = known.contains(&(file.source(number)?.picture, asked.form));
            if is_known { Ok(None) } else { asked.candidate(file, number, votes, options).map(Some) }
        };
        let candidates: Result<Vec<_>> = best.par_iter().map(candidate).collect();
        Ok(candidates?.into_iter().flatten().collect())
    }

    /// What is read of lists for [`candidates`](Self::candidates).
    ///
    /// # Errors
    /// As there.
    pub fn cost(&self, files: &[FeatureFile], options: &Options) -> Result<Cost> {
        let mut all = Cost::default();
        for asked in &self.cells(files, options) {
            for file in files {
                let Cost { lists, numbers, bytes } = proposed(file, asked, Some(options.candidates))?.1;
                (all.lists, all.numbers, all.bytes) = (all.lists + lists, all.numbers + numbers, all.bytes + bytes);
            }
        }
        Ok(all)
    }

    /// What is in common with pictures that are near by their hashes.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn candidates_at(&self, files: &[FeatureFile], near: &[Near], options: &Options) -> Result<Vec<Candidate>> {
        let of_near = |(candidate, (file, number)): &Near| {
            let is_so = |asked: &&Asked| asked.form == Form { mirrored: candidate.form.mirrored, negated: false };
            let (file, asked) = files.get(*file).zip(self.0.iter().find(is_so)).ok_or_else(damaged)?;
            asked.candidate(file, *number, 0, options)
        };
        near.par_iter().map(of_near).collect()
    }

    /// What each form asks files for.
    fn cells(&self, files: &[FeatureFile], options: &Options) -> Vec<Cells<'_>> {
        let bits = cell_bits(files.iter().map(FeatureFile::pictures).sum());
        self.0.par_iter().map(|asked| Cells::of(asked, bits, options)).collect()
    }
}

/// The cells that a form of a query asks for.
struct Cells<'a> {
    asked: &'a Asked,
    /// In the order of their keys.
    cells: Vec<Cell>,
    /// Bits of signatures that tell them.
    bits: u32,
    /// Bytes of lists that are read of a file at most.
    bytes: usize,
}

impl<'a> Cells<'a> {
    fn of(asked: &'a Asked, bits: u32, options: &Options) -> Self {
        let budget = if asked.form.negated { options.inverted_cells } else { options.cells };
        let cells = likeliest(&asked.lookups, bits, budget);
        Self { asked, cells, bits, bytes: budget * options.bytes_of_cell }
    }
}

/// What was read of lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Parts of lists, each read in one go.
    pub lists: u64,
    /// Numbers in them.
    pub numbers: u64,
    /// Bytes that these take.
    pub bytes: u64,
}

/// How many first bits of signatures tell cells apart, among so many pictures: lists stay short in large galleries, and in small
/// ones all of a word is asked for.
fn cell_bits(pictures: usize) -> u32 {
    let doublings = (pictures / 128).max(1).ilog2();
    // 0 up to 255 pictures, 8 from 2,048 on, all 12 from 131,072 on.
    match doublings {
        0 => 0,
        1..=4 => 2 * doublings,
        _ => (8 + (doublings - 4) * 2 / 3).min(CELL_BITS),
    }
}

/// What is read of a file's lists for some cells: the cells share a place.
struct Reading {
    bucket: usize,
    place: Place,
    start: usize,
    /// The first cell, and the one behind the last.
    from: usize,
    to: usize,
}

/// The pictures of a file that are in most cells, best first: so many at most, or all.
fn proposed(file: &FeatureFile, asked: &Cells<'_>, at_most: Option<usize>) -> Result<(Proposed, Cost)> {
    let Cells { cells, bits, bytes, .. } = asked;
    let (pictures, cut) = (file.pictures(), file.layout().cut());
    // In a large file nearly all pictures with a single cell are chance, and they are many.
    let least = if at_most.is_some() && pictures > CROWD { 1.2 * rarity(pictures, 1) } else { 0.0 };
    let (mut counts, mut numbers) = (Counts::of(pictures, least), Vec::new());
    let readings = readings(file, cells, *bits, *bytes)?;
    let mut cost = Cost { lists: readings.len() as u64, ..Cost::default() };
    for Reading { bucket, place, from, to, .. } in &readings {
        let of_place = cells.get(*from..*to).unwrap_or_default();
        let until = of_place.last().map_or(0, |cell| cut.numbers_of(cell.key, WORD_BITS + bits).end);
        numbers.clear();
        file.numbers(*bucket, place, until, &mut numbers)?;
        (cost.numbers, cost.bytes) = (cost.numbers + numbers.len() as u64, cost.bytes + place.length() as u64);
        let mut left = numbers.as_slice();
        for cell in of_place {
            let range = cut.numbers_of(cell.key, WORD_BITS + bits);
            let (_, from) = left.split_at(left.partition_point(|&number| number < range.start));
            let (own, later) = from.split_at(from.partition_point(|&number| number < range.end));
            left = later;
            let worth = ((rarity(pictures, own.len()) + 6.0 - cell.cost).max(0.5) * STEPS) as u16;
            let mut last = None;
            for &number in own {
                let picture = cut.picture_of(number);
                // A shorter cell holds several lists.
                if last.replace(picture) != Some(picture) {
                    counts.add(picture, worth);
                }
            }
        }
    }
    Ok((counts.best(at_most.unwrap_or(usize::MAX)), cost))
}

impl Asked {
    /// A candidate with all its pairs.
    fn candidate(&self, file: &FeatureFile, number: u32, votes: u16, options: &Options) -> Result<Candidate> {
        let (source, packed) = (file.source(number)?, file.packed(number)?);
        Ok(Candidate {
            picture: source.picture,
            size: (source.width.into(), source.height.into()),
            form: self.form,
            votes: f32::from(votes) / STEPS,
            hits: pairs(self, packed, options.max_distance),
        })
    }
}

dispatched! {
    /// The pairs of a form's features with a picture's.
    fn pairs(asked: &Asked, packed: Packed<'_>, max_distance: u32) -> Vec<Hit> = pairs_plain
}

/// Pairs of a candidate at most. A copy has a thousand or so; two patterns have one for each two places, and all of them say
/// the same.
const PAIRS_MAX: usize = 4096;

#[inline(always)]
fn pairs_plain(asked: &Asked, packed: Packed<'_>, max_distance: u32) -> Vec<Hit> {
    let (mut hits, mut seen, mut step) = (Vec::new(), 0usize, 1);
    for entry in packed.entries() {
        let is_asked = asked.words.get(entry.word as usize / 64).is_some_and(|word| word >> (entry.word % 64) & 1 == 1);
        if !is_asked {
            continue;
        }
        let from = asked.lookups.partition_point(|lookup| lookup.word < entry.word);
        let same = asked.lookups.iter().skip(from).take_while(|lookup| lookup.word == entry.word);
        for lookup in same {
            let distance = (lookup.signature ^ entry.signature).count_ones();
            if distance > max_distance {
                continue;
            }
            if seen.is_multiple_of(step)
                && let Some(&query) = asked.keypoints.get(usize::from(lookup.keypoint))
            {
                hits.push(Hit { query, source: geometry::unpack(entry.geometry), weight: nearness(distance) });
                if hits.len() > PAIRS_MAX {
                    // Every second of all, from here on, too.
                    let mut kept = false;
                    hits.retain(|_| {
                        kept = !kept;
                        kept
                    });
                    step *= 2;
                }
            }
            seen += 1;
        }
    }
    hits
}

/// What a pair is worth by the distance of its signatures: a Gaussian of a standard deviation of 9 bits of 46.
fn nearness(distance: u32) -> f32 {
    (-((distance * distance) as f32) / (2.0 * 9.0 * 9.0)).exp()
}

/// Where the lists of cells are, which are in the order of their keys: in the order of the file, and of all that would come
/// to more than `bytes` the shortest.
fn readings(file: &FeatureFile, cells: &[Cell], bits: u32, bytes: usize) -> Result<Vec<Reading>> {
    let cut = file.layout().cut();
    let of_cell = |cell: &Cell| cut.numbers_of(cell.key, WORD_BITS + bits);
    let bucket_of = |cell: &Cell| cut.bucket_of(of_cell(cell).start);
    // Buckets begin with what says where their lists are: so disks are asked twice.
    let mut buckets = Vec::new();
    for same in cells.chunk_by(|a, b| bucket_of(a) == bucket_of(b)) {
        let Some(first) = same.first() else { continue };
        let bucket = bucket_of(first);
        buckets.push((bucket, file.bucket_at(bucket)?, same.len()));
    }
    file.announce(buckets.iter().map(|(_, place, _)| place.start..place.end.min(place.start + FIRST_OF_BUCKET)));
    let (mut readings, mut from): (Vec<Reading>, usize) = (Vec::with_capacity(cells.len()), 0);
    for (number, at, count) in buckets {
        let of_bucket = cells.get(from..from + count).unwrap_or_default();
        if !at.is_empty() {
            file.bucket(number, |bucket| {
                let mut last: Option<Place> = None;
                for (i, cell) in of_bucket.iter().enumerate() {
                    let place = bucket.place(&of_cell(cell))?;
                    match readings.last_mut().filter(|_| last == Some(place)) {
                        Some(reading) => reading.to += 1,
                        None => {
                            let (from, start) = (from + i, at.start + place.start);
                            readings.push(Reading { bucket: number, place, start, from, to: from + 1 });
                        }
                    }
                    last = Some(place);
                }
                Some(())
            })?;
        }
        from += count;
    }
    let length = |reading: &Reading| reading.place.length();
    readings.retain(|reading| length(reading) > 0);
    if readings.iter().map(length).sum::<usize>() > bytes {
        readings.sort_unstable_by_key(|reading| (length(reading), reading.start));
        let mut sum = 0;
        readings.retain(|reading| {
            sum += length(reading);
            sum <= bytes
        });
        readings.sort_unstable_by_key(|reading| reading.start);
    }
    file.announce(readings.iter().map(|reading| reading.start..reading.start + length(reading)));
    Ok(readings)
}

/// Bytes at the beginning of a bucket that are announced: with most all of it.
const FIRST_OF_BUCKET: usize = 4096;

/// Twice the log of how rare a list of this length is.
fn rarity(pictures: usize, length: usize) -> f32 {
    2.0 * (pictures.max(1) as f32 / length.max(1) as f32).max(1.0).ln()
}

/// Pictures of a file up to which one with a single cell is a candidate, too.
const CROWD: usize = 1 << 16;

/// Steps of counts to a unit of log odds.
const STEPS: f32 = 4.0;

thread_local! {
    /// Sums that are all 0: a million pictures take 2 MB, which fresh from the system would be cleared page by page for each
    /// form of a query.
    static SPARE: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
}

/// What the cells of each picture are worth.
struct Counts {
    /// Of so many pictures, and maybe of more that are not there.
    pictures: usize,
    sums: Vec<u16>,
    /// Pictures that have a sum ...
    touched: Vec<u32>,
    /// ... and those that reached the least that counts.
    reached: Vec<u32>,
    least: u16,
}

impl Counts {
    fn of(pictures: usize, least: f32) -> Self {
        let mut sums = SPARE.try_with(RefCell::take).unwrap_or_default();
        if sums.len() < pictures {
            sums = vec![0; pictures];
        }
        let least = ((least * STEPS) as u16).max(1);
        Self { pictures, sums, touched: Vec::new(), reached: Vec::new(), least }
    }

    #[inline(always)]
    fn add(&mut self, picture: u32, worth: u16) {
        let Some(sum) = self.sums.get_mut(..self.pictures).and_then(|sums| sums.get_mut(picture as usize)) else {
            return;
        };
        let before = *sum;
        *sum = before.saturating_add(worth);
        if before == 0 {
            self.touched.push(picture);
        }
        if before < self.least && *sum >= self.least {
            self.reached.push(picture);
        }
    }

    /// The best so many, best first.
    fn best(&self, count: usize) -> Proposed {
        let sum = |picture: u32| self.sums.get(picture as usize).copied().unwrap_or_default();
        let mut best: Proposed = self.reached.iter().map(|&picture| (sum(picture), picture)).collect();
        let order = |&(sum, picture): &(u16, u32)| (u16::MAX - sum, picture);
        if best.len() > count {
            best.select_nth_unstable_by_key(count, order);
            best.truncate(count);
        }
        best.sort_unstable_by_key(order);
        best
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        let mut sums = std::mem::take(&mut self.sums);
        for &picture in &self.touched {
            if let Some(sum) = sums.get_mut(picture as usize) {
                *sum = 0;
            }
        }
        // Where the thread is ending, and what it keeps with it, this goes too.
        let _ = SPARE.try_with(|spare| spare.replace(sums));
    }
}
