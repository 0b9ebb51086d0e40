//! Reading what another process says, part by part: nothing is believed of its length.

/// What is left to be read.
pub(super) struct Parts<'a>(pub &'a [u8]);

impl<'a> Parts<'a> {
    /// The next so many bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.take(N)?.first_chunk()
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.array().map(|&[byte]| byte)
    }

    pub fn flag(&mut self) -> Option<bool> {
        self.byte().filter(|&byte| byte < 2).map(|byte| byte == 1)
    }

    /// Width and height of a picture, upright, and of the reduced one.
    pub fn sizes(&mut self) -> Option<((u32, u32), (u32, u32))> {
        let mut side = || self.array().copied().map(u32::from_le_bytes);
        let (full, reduced) = ((side()?, side()?), (side()?, side()?));
        let is_reduced = reduced.0.max(reduced.1) <= REDUCED_MAX;
        (is_reduced && sized(full.0, full.1) && sized(reduced.0, reduced.1)).then_some((full, reduced))
    }
}

/// The longest side of a reduced picture: twice what is the default, so that another may be chosen.
const REDUCED_MAX: u32 = 1024;

/// Whether a picture can have these sides. No format that is read has longer ones.
pub(super) fn sized(width: u32, height: u32) -> bool {
    [width, height].iter().all(|side| (1..=i32::MAX.unsigned_abs()).contains(side))
}
