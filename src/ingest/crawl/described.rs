//! What was described in this run, so that the same bytes at another address are not decoded again.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::index::Digest;

/// Digests of what is being described, or was (`true`): 33 bytes for each picture of the run that the index did not hold.
#[derive(Default)]
pub(super) struct Described {
    known: Mutex<HashMap<Digest, bool>>,
    changed: Condvar,
}

/// The right to describe a picture, alone. It ends when what came of it is on its way to the index.
pub(super) struct Claim<'a> {
    of: &'a Described,
    digest: Digest,
    pub is_described: bool,
}

impl Described {
    /// Claims a picture; `None` where it is described already. Where it is being described, that is waited for, and
    /// `waiting` called before.
    pub fn claim(&self, digest: Digest, waiting: impl FnOnce()) -> Option<Claim<'_>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&digest) == Some(&false) {
            waiting();
        }
        while known.get(&digest) == Some(&false) {
            known = self.changed.wait(known).unwrap_or_else(PoisonError::into_inner);
        }
        if known.contains_key(&digest) {
            return None;
        }
        known.insert(digest, false);
        Some(Claim { of: self, digest, is_described: false })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut known = self.of.known.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_described {
            known.insert(self.digest, true);
        } else {
            known.remove(&self.digest);
        }
        self.of.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_described_by_one_and_by_another_where_that_came_to_nothing() {
        let described = Described::default();
        let digest = Digest::of(b"a");
        let mut first = described.claim(digest, || panic!("nobody is waited for")).unwrap();
        let second = std::thread::scope(|scope| {
            let second = scope.spawn(|| described.claim(digest, || ()).is_none());
            assert!(described.claim(Digest::of(b"b"), || ()).is_some(), "another picture");
            first.is_described = true;
            drop(first);
            second.join().unwrap()
        });
        assert!(second && described.claim(digest, || ()).is_none());
        drop(described.claim(Digest::of(b"c"), || ()).unwrap());
        assert!(described.claim(Digest::of(b"c"), || ()).is_some(), "it failed");
    }
}
