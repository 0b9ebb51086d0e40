//! Who does which piece of work, and in which order it is handed on.
//!
//! Pieces are handed out by demand, so one that takes long holds up nobody. What is finished before its turn waits; so that
//! little does, however long one takes, a piece is handed out only where those before it are nearly all handed on.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Pieces of work by their numbers, from 0 to `count`.
pub struct Order<R> {
    count: usize,
    under_way: usize,
    state: Mutex<State<R>>,
    changed: Condvar,
}

struct State<R> {
    /// The next to be handed out.
    next: usize,
    /// So many were handed on.
    taken: usize,
    /// Finished, and waiting for those before.
    waiting: BTreeMap<usize, R>,
    stopped: bool,
}

impl<R> Order<R> {
    /// Of `count` pieces, the first `begun` of which are handed out. No more than `under_way` are handed out and not yet
    /// handed on.
    pub fn new(count: usize, begun: usize, under_way: usize) -> Self {
        let state = State { next: begun.min(count), taken: 0, waiting: BTreeMap::new(), stopped: false };
        Self { count, under_way, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A piece to do, where there is one now.
    pub fn try_claim(&self) -> Option<usize> {
        self.claimed(&mut self.state())
    }

    /// Waits for a piece to do; `None` where there will be none. To be called by who has nothing left to hand in.
    pub fn claim(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            let claimed = self.claimed(&mut state);
            if claimed.is_some() || state.stopped || state.next >= self.count {
                return claimed;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn claimed(&self, state: &mut State<R>) -> Option<usize> {
        let is_free = !state.stopped && state.next < self.count && state.next - state.taken < self.under_way;
        is_free.then(|| {
            state.next += 1;
            state.next - 1
        })
    }

    /// Hands in what came of a piece.
    pub fn put(&self, number: usize, done: R) {
        self.state().waiting.insert(number, done);
        self.changed.notify_all();
    }

    /// Waits for what came of a piece, which is the next in order; `None` where nothing will.
    pub fn take(&self, number: usize) -> Option<R> {
        let mut state = self.state();
        loop {
            if let Some(done) = state.waiting.remove(&number) {
                state.taken = number + 1;
                self.changed.notify_all();
                return Some(done);
            }
            if state.stopped {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing more is handed out, and nobody waits any longer.
    pub fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    /// Sees to it that nobody waits for a thread which panics. To be dropped at its end.
    pub fn ends(&self) -> Ends<'_, R> {
        Ends(self)
    }
}

/// The end of a thread.
pub struct Ends<'a, R>(&'a Order<R>);

impl<R> Drop for Ends<'_, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_done_in_any_order_is_handed_on_in_its_own_and_little_waits() {
        let (count, threads, under_way) = (500, 4, 8);
        let order = Order::new(count, threads, under_way);
        let (handed_out, handed_on, most) = (AtomicUsize::new(threads), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for first in 0..threads {
                let (order, handed_out, handed_on, most) = (&order, &handed_out, &handed_on, &most);
                scope.spawn(move || {
                    let mut next = Some(first);
                    while let Some(number) = next {
                        next = order.try_claim();
                        if number % 50 == 7 {
                            thread::sleep(Duration::from_millis(3));
                        }
                        order.put(number, number * 10);
                        next = next.or_else(|| order.claim());
                        let all = handed_out.fetch_max(next.unwrap_or(0) + 1, Ordering::SeqCst);
                        most.fetch_max(all.saturating_sub(handed_on.load(Ordering::SeqCst)), Ordering::SeqCst);
                    }
                });
            }
            for number in 0..count {
                assert_eq!(order.take(number), Some(number * 10));
                handed_on.store(number + 1, Ordering::SeqCst);
            }
        });
        let most = most.into_inner();
        // One may be counted as handed on a moment later than it was.
        assert!((threads..=under_way + 1).contains(&most), "{most}");
    }

    #[test]
    fn one_that_takes_long_holds_up_no_other_until_enough_wait_for_it() {
        let order = Order::new(100, 2, 4);
        // Number 0 is never handed in.
        order.put(1, ());
        let others: Vec<_> = std::iter::from_fn(|| order.try_claim()).collect();
        assert_eq!(others, [2, 3]);
        thread::scope(|scope| {
            let waits = scope.spawn(|| order.claim());
            order.stop();
            assert_eq!(waits.join().unwrap(), None);
        });
        assert_eq!((order.take(0), order.try_claim()), (None, None));
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let order = Order::<()>::new(2, 1, 2);
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let _ends = order.ends();
                std::panic::resume_unwind(Box::new("on purpose"));
            });
            assert_eq!(order.take(0), None);
            assert!(thread.join().is_err());
        });
    }
}
