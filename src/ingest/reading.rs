//! In which order and how many at a time files are read: what a spinning disk cares about.

use std::num::NonZero;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::error::Result;
use crate::source::folder::FoundFile;

/// Files that are put in order at a time: a few hundred kilobytes, and soon found.
const GATHERED: usize = 1024;

/// The files in the order of their inodes, so many at a time: on most file systems that is the order in which they lie.
/// What can't be looked at comes where it was found. `sift` may take some out before.
pub(super) fn in_order(
    mut files: impl Iterator<Item = Result<FoundFile>>,
    mut sift: impl FnMut(&mut Vec<Result<FoundFile>>),
) -> impl Iterator<Item = Result<FoundFile>> {
    let mut gathered = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(file) = gathered.next() {
                return Some(file);
            }
            let mut next: Vec<_> = files.by_ref().take(GATHERED).collect();
            if next.is_empty() {
                return None;
            }
            sift(&mut next);
            // Stable: names of one file stay in their order.
            next.sort_by_key(|file| file.as_ref().map_or(0, |file| file.order));
            gathered = next.into_iter();
        }
    })
}

/// Who may read now.
pub(super) struct Turns {
    free: Mutex<usize>,
    changed: Condvar,
}

/// Leave to read, until it is dropped. Who holds one never waits for memory.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// So many at a time; `None`: all.
    pub fn new(at_a_time: Option<NonZero<usize>>) -> Self {
        Self { free: Mutex::new(at_a_time.map_or(usize::MAX, NonZero::get)), changed: Condvar::new() }
    }

    /// Waits for a turn.
    pub fn take(&self) -> Turn<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.changed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};
    use crate::locator::Stamp;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn files_come_in_the_order_of_their_inodes_and_none_is_lost() {
        let file = |order: u64| {
            let stamp = Stamp { bytes: 0, modified_ns: 0 };
            Ok(FoundFile { path: order.to_string().into(), stamp, inode: None, device: None, order })
        };
        let given = (0..3000u64)
            .map(|n| if n % 1000 == 999 { Err(Error::new(ErrorKind::Io, "")) } else { file(n * 7919 % 3001) });
        let (files, errors): (Vec<_>, Vec<_>) = in_order(given, |_| {}).partition(Result::is_ok);
        let orders: Vec<_> = files.into_iter().map(|file| file.unwrap().order).collect();
        assert_eq!((orders.len(), errors.len()), (2997, 3));
        assert!(orders[..1000].is_sorted() && !orders.is_sorted());
    }

    #[test]
    fn what_is_sifted_out_does_not_come_and_the_rest_comes_though_whole_rounds_are_gone() {
        let file = |order: u64| {
            let stamp = Stamp { bytes: 0, modified_ns: 0 };
            Ok(FoundFile { path: order.to_string().into(), stamp, inode: None, device: None, order })
        };
        let sift = |files: &mut Vec<Result<FoundFile>>| {
            files.retain(|file| file.as_ref().is_ok_and(|file| file.order >= 5000 && file.order % 2 == 0));
        };
        let orders: Vec<_> = in_order((0..6000).map(file), sift).map(|file| file.unwrap().order).collect();
        assert_eq!(orders, (5000..6000).step_by(2).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_read_at_a_time_than_may() {
        let (turns, reading, most) = (Turns::new(NonZero::new(2)), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _turn = turns.take();
                        most.fetch_max(reading.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        reading.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!((1..=2).contains(&most.into_inner()));
    }
}
