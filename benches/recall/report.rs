//! The figures as Markdown for people and as JSON for the next run to compare with.

use std::fmt::Write as _;

use serde::Serialize;

use crate::score::{Bin, Ranking, Recall, Told};

/// One edit's figures.
#[derive(Serialize)]
pub struct Row {
    pub edit: &'static str,
    pub group: &'static str,
    #[serde(flatten)]
    pub recall: Recall,
}

/// What it costs. Times are of this machine, as busy as it was.
#[derive(Serialize)]
pub struct Cost {
    /// Median of the searches, from the JPEG's bytes to the answers.
    pub search_ms_median: f64,
    /// 95 of 100 searches take no longer.
    pub search_ms_p95: f64,
    /// Median of describing a decoded picture for the index, on one thread.
    pub describe_ms_median: f64,
    /// Indexing, wall time a picture, decoding included, on all processors.
    pub index_ms: f64,
    /// The index, bytes a picture.
    pub index_bytes: f64,
}

/// Everything that a run found out.
#[derive(Serialize)]
pub struct Report {
    pub gallery: usize,
    pub asked: usize,
    pub unrelated: usize,
    /// Whether the unrelated ones were held out of the gallery's own folder.
    pub held_out: bool,
    pub seed: u64,
    pub judge: String,
    pub all: Recall,
    pub ranking: Ranking,
    pub told: Told,
    pub cost: Cost,
    pub edits: Vec<Row>,
    pub reliability: Vec<Bin>,
}

impl Report {
    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Self { gallery, asked, unrelated, seed, judge, all, ranking, told, .. } = self;
        let held = if self.held_out { " (held out)" } else { "" };
        writeln!(
            out,
            "{gallery} pictures; {asked} of them ({judge}) in {} edits, {} pairs to find; {unrelated} unrelated queries{held}; seed {seed}\n",
            self.edits.len(),
            all.pairs
        )?;
        self.write_edits(out)?;
        writeln!(out, "\n| measure | value |\n| --- | ---: |")?;
        let figures = [
            ("recall@1", all.at_1),
            ("recall@10", all.at_10),
            ("micro average precision", ranking.average_precision),
            ("recall at precision 0.90", ranking.recall_at_precision_90),
            ("recall at precision 0.99", ranking.recall_at_precision_99),
        ];
        figures.iter().try_for_each(|(name, value)| writeln!(out, "| {name} | {value:.4} |"))?;
        if let Some(score) = ranking.score_at_precision_99 {
            writeln!(out, "| score at precision 0.99 | {score:.4} |")?;
        }
        let score = told.min_score;
        writeln!(out, "| recall at the default minimum score, {score} | {:.4} |", all.told)?;
        writeln!(out, "| share right of the {} answers at that score | {:.4} |", told.answers, told.precision)?;
        writeln!(out, "| share of unrelated queries with an answer at that score | {:.4} |", told.unrelated_answered)?;
        self.write_cost(out)?;
        writeln!(out, "\n| score | answers | mean score | share right |\n| --- | ---: | ---: | ---: |")?;
        self.reliability.iter().try_for_each(|bin| {
            let Bin { from, to, answers, mean_score, right } = bin;
            writeln!(out, "| {from} to {to} | {answers} | {mean_score:.3} | {right:.3} |")
        })
    }

    fn write_edits(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "| kind | edit | pairs | recall@1 | recall@10 | told |\n| --- | --- | ---: | ---: | ---: | ---: |"
        )?;
        self.edits.iter().try_for_each(|Row { edit, group, recall }| {
            let Recall { pairs, at_1, at_10, told } = recall;
            writeln!(out, "| {group} | {edit} | {pairs} | {at_1:.2} | {at_10:.2} | {told:.2} |")
        })
    }

    fn write_cost(&self, out: &mut String) -> std::fmt::Result {
        let Cost { search_ms_median, search_ms_p95, describe_ms_median, index_ms, index_bytes } = self.cost;
        writeln!(out, "| search, ms: median, 95th percentile | {search_ms_median:.1}, {search_ms_p95:.1} |")?;
        writeln!(out, "| describing a decoded picture, ms on one thread | {describe_ms_median:.2} |")?;
        writeln!(out, "| indexing, ms a picture on all processors | {index_ms:.1} |")?;
        writeln!(out, "| index, bytes a picture | {index_bytes:.0} |")
    }
}
