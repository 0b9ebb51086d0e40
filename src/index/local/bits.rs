//! Numbers of any width, one behind the other without gaps, the lowest bit first.

/// Bits that one number has at most.
pub const WIDTH_MAX: u32 = 57;

/// Writes bits.
#[derive(Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that are no whole byte yet, and how many.
    held: u64,
    count: u32,
}

impl BitWriter {
    /// The `width` lowest bits of a number; at most [`WIDTH_MAX`].
    pub fn put(&mut self, value: u64, width: u32) {
        self.held |= (value & mask(width)) << self.count;
        self.count += width;
        while self.count >= 8 {
            self.bytes.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// So many zeros, and a one.
    pub fn put_unary(&mut self, zeros: u64) {
        for _ in 0..zeros / 32 {
            self.put(0, 32);
        }
        let rest = (zeros % 32) as u32;
        self.put(1 << rest, rest + 1);
    }

    /// Fills the last byte with zeros.
    pub fn align(&mut self) {
        self.put(0, (8 - self.count % 8) % 8);
    }

    /// What was written, its last byte filled up.
    pub fn finish(mut self) -> Vec<u8> {
        self.align();
        self.bytes
    }
}

/// Reads bits. Behind the last byte stand zeros.
#[derive(Clone, Copy)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// From the first bit of `bytes`.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next 57 bits and more, which are not taken.
    #[inline(always)]
    fn window(&self) -> u64 {
        let from = self.bytes.get(self.at / 8..).unwrap_or_default();
        let next = match from.first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => from.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)),
        };
        next >> (self.at % 8)
    }

    /// A number of `width` bits, at most [`WIDTH_MAX`].
    #[inline(always)]
    pub fn take(&mut self, width: u32) -> u64 {
        let value = self.window() & mask(width);
        self.at += width as usize;
        value
    }

    /// How many zeros stand before the next one, which is taken with them; `None` where there is no other.
    #[inline(always)]
    pub fn take_unary(&mut self) -> Option<u64> {
        let mut zeros = 0;
        loop {
            let window = self.window() & mask(WIDTH_MAX);
            if window != 0 {
                let more = window.trailing_zeros();
                self.at += more as usize + 1;
                return Some(zeros + u64::from(more));
            }
            zeros += u64::from(WIDTH_MAX);
            self.at += WIDTH_MAX as usize;
            if self.at / 8 >= self.bytes.len() {
                return None;
            }
        }
    }

    /// Whether more was read than there is.
    pub fn is_past_end(&self) -> bool {
        self.at > 8 * self.bytes.len()
    }
}

/// So many ones.
#[inline(always)]
pub fn mask(width: u32) -> u64 {
    u64::MAX.checked_shr(64u32.saturating_sub(width)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were_put(
            numbers in prop::collection::vec((any::<u64>(), 0..=WIDTH_MAX, 0u64..200), 0..100)
        ) {
            let mut writer = BitWriter::default();
            for &(value, width, zeros) in &numbers {
                writer.put(value, width);
                writer.put_unary(zeros);
            }
            let bytes = writer.finish();
            let mut reader = BitReader::of(&bytes);
            for (value, width, zeros) in numbers {
                prop_assert_eq!(reader.take(width), value & mask(width));
                prop_assert_eq!(reader.take_unary(), Some(zeros));
            }
            prop_assert!(!reader.is_past_end());
            prop_assert_eq!(reader.take_unary(), None);
        }
    }
}
