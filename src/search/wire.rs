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

    /// A width and a height.
    pub fn size(&mut self) -> Option<(u32, u32)> {
        let (width, height) = (u32::from_le_bytes(*self.array()?), u32::from_le_bytes(*self.array()?));
        sized(width, height).then_some((width, height))
    }
}

/// Whether a picture can have these sides. No format that is read has longer ones.
pub(super) fn sized(width: u32, height: u32) -> bool {
    [width, height].iter().all(|side| (1..=i32::MAX.unsigned_abs()).contains(side))
}
