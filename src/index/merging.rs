//! Which of an index's segments tantivy merges: those that its own policy chooses, once they were seen to be sound.
//!
//! tantivy merges on threads of its own, takes what it reads for its own, and keeps to itself when it fails. A segment that
//! was there before this writer is another's: it is [walked](super::segments::Segment::walk) first. So a merge that fails
//! is damage that somebody hears of.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tantivy::SegmentMeta;
use tantivy::index::SegmentId;
use tantivy::merge_policy::{LogMergePolicy, MergeCandidate, MergePolicy};

use super::schema::Fields;
use super::segments::Segments;
use crate::error::{Error, Result};

/// What merges are begun, and what came of them.
#[derive(Clone)]
pub(super) struct Merging {
    usual: LogMergePolicy,
    /// What was there before.
    before: Arc<Segments>,
    fields: Arc<Fields>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Of those that were there before.
    sound: HashSet<SegmentId>,
    begun: Vec<Vec<SegmentId>>,
    error: Option<Error>,
}

impl Merging {
    /// For a writer that begins on these segments.
    pub fn on(before: Arc<Segments>, fields: Arc<Fields>) -> Self {
        Self { usual: LogMergePolicy::default(), before, fields, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Once all merges have ended, with the segments that there are now.
    ///
    /// # Errors
    /// `Damaged` where one was not begun, or did not come to its end.
    pub fn outcome(&self, now: &Segments) -> Result<()> {
        let mut state = self.state();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        let left: HashSet<_> = now.ids().collect();
        let failed = |ids: &Vec<SegmentId>| ids.iter().all(|id| left.contains(id));
        if state.begun.iter().any(failed) { Err(now.wrong()) } else { Ok(()) }
    }

    /// Whether a segment is as tantivy writes them.
    fn check(&self, id: SegmentId, state: &mut State) -> Result<()> {
        if !state.sound.contains(&id) {
            self.before.walk(id, &self.fields)?;
            state.sound.insert(id);
        }
        Ok(())
    }
}

impl MergePolicy for Merging {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let mut state = self.state();
        let mut candidates = Vec::new();
        for candidate in self.usual.compute_merge_candidates(segments) {
            // Once one has failed it would be tried again and again.
            if state.error.is_some() || state.begun.contains(&candidate.0) {
                continue;
            }
            match candidate.0.iter().try_for_each(|&id| self.check(id, &mut state)) {
                Ok(()) => {
                    state.begun.push(candidate.0.clone());
                    candidates.push(candidate);
                }
                Err(error) => state.error = Some(error),
            }
        }
        candidates
    }
}

impl fmt::Debug for Merging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usual.fmt(f)
    }
}
