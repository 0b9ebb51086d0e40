//! Which of the places that the index knew a run has come by: one bit a document.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;
use crate::index::{Known, Reader};
use crate::locator::Locator;

/// Marks places of one [`Reader`] as seen, from several threads.
pub(super) struct Seen {
    segments: Vec<Vec<AtomicU64>>,
}

impl Seen {
    /// None of the places of `reader` seen yet.
    pub fn of(reader: &Reader) -> Self {
        let words = |documents: u32| (0..documents.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { segments: reader.segment_sizes().map(words).collect() }
    }

    fn bit(&self, (segment, document): (u32, u32)) -> Option<(&AtomicU64, u64)> {
        let word = self.segments.get(segment as usize)?.get(document as usize / 64)?;
        Some((word, 1 << (document % 64)))
    }

    /// What `reader` knows of `locator`, which is now seen.
    pub fn known(&self, reader: &Reader, locator: &Locator) -> Result<Option<Known>> {
        let known = reader.known(locator)?;
        if let Some(known) = known {
            self.mark(known.address());
        }
        Ok(known)
    }

    /// Marks the place at `address` as seen.
    pub fn mark(&self, address: (u32, u32)) {
        if let Some((word, bit)) = self.bit(address) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether the place at `address` was seen.
    pub fn contains(&self, address: (u32, u32)) -> bool {
        self.bit(address).is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }
}
