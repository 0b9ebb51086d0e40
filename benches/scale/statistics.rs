//! What real and synthetic descriptions have in common, in a few numbers.

use std::collections::HashMap;

use ris::index::local::{Options, Sketch};

/// What pictures that are asked for meet in a gallery that shows none of them.
pub struct Statistics {
    /// Features of a picture of the gallery.
    features: f64,
    /// How often a feature that is asked for and one of the gallery have the same word, in multiples of chance.
    shared: f64,
    /// Share of such pairs whose signatures are near enough to vote.
    near: f64,
    /// How often two features of one picture of the gallery have the same word, in multiples of chance.
    within: f64,
    /// Share of the gallery's features that have its hundred most frequent words.
    frequent: f64,
}

impl Statistics {
    pub fn of(asked: &[Sketch], gallery: &[Sketch]) -> Self {
        let mut by_word: HashMap<u32, Vec<(usize, u64)>> = HashMap::new();
        for (picture, sketch) in gallery.iter().enumerate() {
            for entry in &sketch.entries {
                by_word.entry(entry.word).or_default().push((picture, entry.signature));
            }
        }
        let limit = Options::default().max_distance;
        let (mut shared, mut near, mut within) = (0usize, 0usize, 0usize);
        for entry in asked.iter().flat_map(|sketch| &sketch.entries) {
            let list = by_word.get(&entry.word).map_or(&[][..], Vec::as_slice);
            shared += list.len();
            near += list.iter().filter(|other| (other.1 ^ entry.signature).count_ones() <= limit).count();
        }
        for list in by_word.values() {
            let pictures = list.chunk_by(|a, b| a.0 == b.0);
            within += pictures.map(|same| same.len() * (same.len() - 1)).sum::<usize>();
        }
        let count = |sketches: &[Sketch]| sketches.iter().map(|sketch| sketch.entries.len() as f64).sum::<f64>();
        let squares: f64 = gallery.iter().map(|sketch| (sketch.entries.len() as f64).powi(2)).sum();
        let all = count(gallery);
        let mut lengths: Vec<_> = by_word.values().map(Vec::len).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            features: all / gallery.len() as f64,
            shared: shared as f64 / (count(asked) * all) * WORDS,
            near: near as f64 / shared as f64,
            within: within as f64 / (squares - all) * WORDS,
            frequent: lengths.iter().take(100).sum::<usize>() as f64 / all,
        }
    }

    /// A row of a Markdown table.
    pub fn row(&self, name: &str) -> String {
        let Self { features, shared, near, within, frequent } = self;
        let (near, frequent) = (100.0 * near, 100.0 * frequent);
        format!("| {name} | {features:.0} | {shared:.1} | {near:.1} % | {within:.0} | {frequent:.1} % |")
    }
}

/// Words of the vocabulary.
const WORDS: f64 = 1_048_576.0;

/// The head of the table.
pub const HEAD: &str = "| gallery | features a picture | words shared with other pictures, times chance | of these near \
                        enough to vote | shared within a picture, times chance | with the 100 most frequent words |\n\
                        | --- | ---: | ---: | ---: | ---: | ---: |";
