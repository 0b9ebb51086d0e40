//! Answers to figures, by the definitions of the DISC21 image similarity challenge (Douze et al., arXiv 2106.09672).
//!
//! What is judged are pairs of a query and a picture of the gallery: a collage of four has four to find.
//! Equal scores are one threshold, which no finder could cut through: so the order of equal answers,
//! which may be an accident, neither helps nor hurts.

use serde::Serialize;

/// One answer to a query.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// As the finder gave it; larger is surer.
    pub score: f64,
    /// Whether it is one of the query's sources.
    pub right: bool,
}

/// A query and what came back.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which edit made it, counted from 0; `None` for an unrelated one.
    pub edit: Option<usize>,
    /// How many pictures of the gallery it shows: the pairs to be found.
    pub sources: usize,
    /// Best first, no picture twice.
    pub answers: Vec<Answer>,
}

/// The share of pairs that are found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Recall {
    /// Pairs to be found.
    pub pairs: usize,
    /// Share with no wrong answer before them. The usual recall@1 where a query has one source.
    pub at_1: f64,
    /// Share with fewer than ten wrong answers before them.
    pub at_10: f64,
    /// Share among the answers at the finder's default minimum score.
    pub told: f64,
}

/// How well some queries were answered; `min_score` is the finder's default.
pub fn recall<'a>(queries: impl Iterator<Item = &'a Query>, min_score: f64) -> Recall {
    let (mut pairs, mut first, mut tenth, mut told) = (0, 0, 0, 0);
    for query in queries {
        pairs += query.sources;
        let mut wrong = 0;
        for answer in &query.answers {
            if answer.right {
                first += usize::from(wrong < 1);
                tenth += usize::from(wrong < 10);
                told += usize::from(answer.score >= min_score);
            } else {
                wrong += 1;
            }
        }
    }
    Recall { pairs, at_1: share(first, pairs), at_10: share(tenth, pairs), told: share(told, pairs) }
}

/// All answers to all queries, unrelated ones included, ranked together by score.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ranking {
    /// Micro average precision: the area under precision over recall.
    pub average_precision: f64,
    /// The most recall at a threshold with at least 90 % of the answers right.
    pub recall_at_precision_90: f64,
    /// The most recall at a threshold with at least 99 % of the answers right.
    pub recall_at_precision_99: f64,
    /// The lowest threshold of that recall; `None` where none is that precise.
    pub score_at_precision_99: Option<f64>,
}

/// Ranks the answers to all queries together.
pub fn ranking(queries: &[Query]) -> Ranking {
    let pairs: usize = queries.iter().map(|query| query.sources).sum();
    let mut answers: Vec<Answer> = queries.iter().flat_map(|query| query.answers.iter().copied()).collect();
    answers.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut ranking = Ranking {
        average_precision: 0.0,
        recall_at_precision_90: 0.0,
        recall_at_precision_99: 0.0,
        score_at_precision_99: None,
    };
    let (mut told, mut right) = (0, 0);
    for equal in answers.chunk_by(|a, b| a.score.total_cmp(&b.score).is_eq()) {
        let newly = equal.iter().filter(|answer| answer.right).count();
        told += equal.len();
        right += newly;
        let (precision, recall) = (share(right, told), share(right, pairs));
        ranking.average_precision += precision * share(newly, pairs);
        // Recall never falls on the way down, so the last that is precise enough has the most.
        if precision >= 0.90 {
            ranking.recall_at_precision_90 = recall;
        }
        if precision >= 0.99 {
            ranking.recall_at_precision_99 = recall;
            ranking.score_at_precision_99 = equal.first().map(|answer| answer.score);
        }
    }
    ranking
}

/// What a user sees who changes no option.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Told {
    /// The finder's default minimum score.
    pub min_score: f64,
    /// Answers at that score or more.
    pub answers: usize,
    /// Share of them that are right.
    pub precision: f64,
    /// Unrelated queries.
    pub unrelated: usize,
    /// Share of them that get any answer.
    pub unrelated_answered: f64,
}

/// What is told at `min_score`.
pub fn told(queries: &[Query], min_score: f64) -> Told {
    let is_told = |answer: &&Answer| answer.score >= min_score;
    let answers = queries.iter().flat_map(|query| &query.answers).filter(is_told);
    let (answers, right) = answers.fold((0, 0), |(all, right), answer| (all + 1, right + usize::from(answer.right)));
    let unrelated = queries.iter().filter(|query| query.edit.is_none());
    let (unrelated, answered) = unrelated.fold((0, 0), |(all, answered), query| {
        (all + 1, answered + usize::from(query.answers.iter().any(|answer| is_told(&answer))))
    });
    Told {
        min_score,
        answers,
        precision: if answers == 0 { 1.0 } else { share(right, answers) },
        unrelated,
        unrelated_answered: share(answered, unrelated),
    }
}

/// Answers whose scores lie in a range: the share that is right should be the score.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Bin {
    /// From this score.
    pub from: f64,
    /// To below this one; the last bin holds 1 too.
    pub to: f64,
    /// How many.
    pub answers: usize,
    /// Their mean score.
    pub mean_score: f64,
    /// Share that is right.
    pub right: f64,
}

/// Where bins begin: narrower towards 1, where users look.
const BINS: [f64; 14] = [0.0, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999];

/// The reliability of scores that claim to be probabilities, over all answers to all queries.
pub fn reliability(queries: &[Query]) -> Vec<Bin> {
    let ends = BINS.iter().copied().skip(1).chain([1.0]);
    let bins = BINS.into_iter().zip(ends).map(|(from, to)| {
        let within = |answer: &&Answer| answer.score >= from && (answer.score < to || to == 1.0);
        let (mut answers, mut sum, mut right) = (0, 0.0, 0);
        for answer in queries.iter().flat_map(|query| &query.answers).filter(within) {
            answers += 1;
            sum += answer.score;
            right += usize::from(answer.right);
        }
        Bin {
            from,
            to,
            answers,
            mean_score: if answers == 0 { 0.0 } else { sum / answers as f64 },
            right: share(right, answers),
        }
    });
    bins.filter(|bin| bin.answers > 0).collect()
}

/// `part` of `whole`; 0 of nothing.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The value that `share` of the sorted `values` do not exceed; 0 of none.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (share * values.len() as f64).ceil() as usize;
    values.get(place.clamp(1, values.len().max(1)) - 1).copied().unwrap_or_default()
}
