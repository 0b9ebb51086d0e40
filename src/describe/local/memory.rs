//! Memory for the planes of a picture: one piece, kept by the thread for the next picture.
//!
//! Fresh memory comes from the system page by page, and a query touches 20 MB of it: that took a fifth of the time of a
//! search. So the system is asked for large pages, and the piece is aligned, as wide loads like it.

use std::cell::RefCell;

use memmap2::MmapMut;

/// Pieces larger than this, in bytes, are given back at once: four times what a query's picture takes.
const KEPT_MAX: usize = 128 << 20;

thread_local! {
    static KEPT: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

enum Memory {
    Mapped(MmapMut),
    /// Where nothing can be mapped.
    Heap(Vec<f32>),
}

impl Memory {
    fn new(length: usize) -> Self {
        let Ok(map) = MmapMut::map_anon(length * size_of::<f32>()) else { return Self::Heap(vec![0.0; length]) };
        // Advice: what the system can't do it leaves.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Self::Mapped(map)
    }

    fn values(&mut self) -> &mut [f32] {
        match self {
            Self::Mapped(map) => bytemuck::try_cast_slice_mut(map).unwrap_or_default(),
            Self::Heap(values) => values,
        }
    }
}

/// Calls `work` with room for `length` values, which mean nothing yet.
pub fn with<T>(length: usize, work: impl FnOnce(Arena<'_>) -> T) -> T {
    let kept = KEPT.try_with(|kept| kept.take()).ok().flatten();
    let fitting = kept.and_then(|mut memory| (memory.values().len() >= length).then_some(memory));
    let mut memory = fitting.unwrap_or_else(|| Memory::new(length));
    let result = work(Arena { rest: memory.values(), given: Vec::new() });
    if size_of_val(memory.values()) <= KEPT_MAX {
        // Where the thread is ending, and what it keeps with it, this goes too.
        let _ = KEPT.try_with(|kept| kept.replace(Some(memory)));
    }
    result
}

/// Room that is taken piece by piece.
pub struct Arena<'a> {
    rest: &'a mut [f32],
    /// What was given back.
    given: Vec<&'a mut [f32]>,
}

impl<'a> Arena<'a> {
    /// A piece of `length` values that mean nothing yet; shorter where there is no more room.
    pub fn take(&mut self, length: usize) -> &'a mut [f32] {
        let fitting = self.given.iter().enumerate().filter(|(_, piece)| piece.len() >= length);
        let piece = match fitting.min_by_key(|(_, piece)| piece.len()) {
            Some((i, _)) => self.given.swap_remove(i),
            None => {
                let (piece, rest) = std::mem::take(&mut self.rest).split_at_mut_checked(length).unwrap_or_default();
                self.rest = rest;
                return piece;
            }
        };
        let (piece, rest) = piece.split_at_mut(length);
        if !rest.is_empty() {
            self.given.push(rest);
        }
        piece
    }

    /// Takes a piece back.
    pub fn give(&mut self, piece: &'a mut [f32]) {
        self.given.push(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_apart_and_what_is_given_back_is_taken_again() {
        with(100, |mut arena| {
            let (first, second) = (arena.take(40), arena.take(60));
            first.fill(1.0);
            second.fill(2.0);
            assert!(first.iter().all(|&value| value == 1.0) && second.len() == 60);
            assert!(arena.take(1).is_empty());
            arena.give(second);
            assert_eq!([arena.take(50).len(), arena.take(10).len(), arena.take(1).len()], [50, 10, 0]);
        });
    }

    #[test]
    fn a_larger_picture_gets_more_than_was_kept() {
        assert_eq!(with(10, |mut arena| arena.take(10).len()), 10);
        assert_eq!(with(1 << 20, |mut arena| arena.take(1 << 20).len()), 1 << 20);
        assert_eq!(with(10, |mut arena| arena.take(1 << 20).len()), 1 << 20);
    }
}
