//! One budget of memory for all files that are looked at together.
//!
//! Whoever holds some never waits for more: he asks, and where there is none he gives back what he holds and comes
//! again for the whole. So nobody waits for somebody who waits. First come, first served.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that may be held at the same time.
pub struct Budget {
    total: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    used: u64,
    waiting: VecDeque<u64>,
    next_ticket: u64,
}

/// Bytes held until this is dropped.
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    /// One of so many bytes, all of which can be had.
    pub fn new(total: u64) -> Self {
        Self { total, state: Mutex::default(), changed: Condvar::new() }
    }

    /// All that there is.
    pub fn total(&self) -> u64 {
        self.total
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `bytes`; `None` where there are never so many. To be called by who holds nothing.
    pub fn take(&self, bytes: u64) -> Option<Share<'_>> {
        if bytes > self.total {
            return None;
        }
        let mut state = self.state();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push_back(ticket);
        let fits = |state: &State| state.waiting.front() == Some(&ticket) && self.total - state.used >= bytes;
        while !fits(&state) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.pop_front();
        state.used += bytes;
        drop(state);
        // The next in the queue may fit too.
        self.changed.notify_all();
        Some(Share { budget: self, bytes })
    }
}

impl Share<'_> {
    /// Whether `bytes` in all are held now. Never waits.
    pub fn grow_to(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let mut state = self.budget.state();
        let granted = self.budget.total - state.used >= more;
        if granted {
            state.used += more;
            self.bytes += more;
        }
        granted
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        self.budget.state().used -= less;
        self.bytes -= less;
        self.budget.changed.notify_all();
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.state().used -= self.bytes;
        self.budget.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_than_the_total_is_ever_held_and_everybody_is_served() {
        let (budget, held, served) = (Budget::new(100), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let (budget, held, served) = (&budget, &held, &served);
                scope.spawn(move || {
                    for round in 0..200 {
                        let (first, all) = (1 + (thread + round) % 40, 1 + (thread * 31 + round * 17) % 100);
                        let mut share = budget.take(first).unwrap();
                        let mut bytes = first;
                        if !share.grow_to(all) {
                            drop(share);
                            share = budget.take(all).unwrap();
                            bytes = all;
                        }
                        let bytes = bytes.max(all);
                        assert!(held.fetch_add(bytes, Ordering::SeqCst) + bytes <= 100);
                        held.fetch_sub(bytes, Ordering::SeqCst);
                        served.fetch_add(1, Ordering::SeqCst);
                        drop(share);
                    }
                });
            }
        });
        assert_eq!(served.into_inner(), 1600);
        let mut share = budget.take(90).unwrap();
        share.shrink_to(10);
        assert!(budget.take(90).is_some() && share.grow_to(100));
        drop(share);
        assert!(budget.take(101).is_none() && budget.take(100).is_some_and(|mut all| !all.grow_to(101)));
    }
}
