//! Zstandard (RFC 8878): frames behind each other, their windows bounded and their check sums checked.

use std::io::{self, Read};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::layer::{WINDOW_MAX, said, too_large, too_large_later};

const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// Whether a frame that is to be passed over begins so.
pub(super) fn is_skippable(magic: [u8; 4]) -> bool {
    matches!(magic, [0x50..=0x5F, 0x2A, 0x4D, 0x18])
}

/// What the header of a frame says.
struct Header {
    window: u64,
    has_dictionary: bool,
}

/// The length of a header, by its first byte.
fn header_length(descriptor: u8) -> usize {
    let is_single = descriptor & 0x20 != 0;
    let content = [usize::from(is_single), 2, 4, 8];
    1 + usize::from(!is_single)
        + dictionary_length(descriptor)
        + content.get(usize::from(descriptor >> 6)).unwrap_or(&0)
}

fn dictionary_length(descriptor: u8) -> usize {
    [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied().unwrap_or_default()
}

impl Header {
    /// Of what follows the magic number; `None` where that is too short.
    fn of(bytes: &[u8]) -> Option<Self> {
        let little = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (&descriptor, rest) = bytes.get(..header_length(*bytes.first()?))?.split_first()?;
        let is_single = descriptor & 0x20 != 0;
        let (window, rest) = rest.split_at_checked(usize::from(!is_single))?;
        let (dictionary, content) = rest.split_at_checked(dictionary_length(descriptor))?;
        let window = match window {
            [window] => {
                let base = 1_u64 << (10 + (window >> 3));
                base + base / 8 * u64::from(window & 7)
            }
            _ => little(content) + if content.len() == 2 { 256 } else { 0 },
        };
        Some(Self { window, has_dictionary: little(dictionary) != 0 })
    }
}

/// The window of the first frame; `None` where it does not begin within `start`.
pub(super) fn first_window(mut start: &[u8]) -> Option<u64> {
    loop {
        let (magic, rest) = start.split_first_chunk()?;
        if !is_skippable(*magic) {
            return Some(Header::of(rest)?.window);
        }
        let (length, rest) = rest.split_first_chunk()?;
        start = rest.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)?;
    }
}

/// What is within frames.
pub(super) struct Zstd<R> {
    packed: R,
    decoder: FrameDecoder,
    window_max: u64,
    is_within: bool,
}

impl<R: Read> Zstd<R> {
    /// Frames with windows of so many bytes at most.
    pub fn new(packed: R, window_max: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window_max);
        Self { packed, decoder, window_max, is_within: false }
    }

    /// Begins with the next frame; `false` at the end.
    fn enter(&mut self) -> io::Result<bool> {
        loop {
            let mut head = Vec::new();
            self.packed.by_ref().take(4).read_to_end(&mut head)?;
            let magic = match head.first_chunk() {
                Some(magic) => *magic,
                None if head.is_empty() => return Ok(false),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            };
            if is_skippable(magic) {
                let mut length = [0; 4];
                self.packed.read_exact(&mut length)?;
                let length = u32::from_le_bytes(length).into();
                if io::copy(&mut self.packed.by_ref().take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            }
            if magic != MAGIC {
                return Err(said("no zstd frame follows where one should"));
            }
            let mut descriptor = [0];
            self.packed.read_exact(&mut descriptor)?;
            head.extend(descriptor);
            let [descriptor] = descriptor;
            let rest = header_length(descriptor) as u64 - 1;
            self.packed.by_ref().take(rest).read_to_end(&mut head)?;
            let header = head.get(4..).and_then(Header::of).ok_or(io::ErrorKind::UnexpectedEof)?;
            if header.has_dictionary {
                return Err(said("its zstd data needs a dictionary: unpack it first"));
            }
            if header.window > self.window_max {
                return Err(if header.window > WINDOW_MAX { too_large(header.window) } else { too_large_later() });
            }
            self.decoder.reset(head.as_slice()).map_err(io::Error::other)?;
            return Ok(true);
        }
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.is_within {
                self.is_within = self.enter()?;
                if !self.is_within {
                    return Ok(0);
                }
            } else if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            } else if !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.packed, one).map_err(io::Error::other)?;
            } else {
                let written = self.decoder.get_checksum_from_data();
                if written.is_some() && written != self.decoder.get_calculated_checksum() {
                    return Err(said("a check sum of its zstd data is wrong"));
                }
                self.is_within = false;
            }
        }
        Ok(0)
    }
}
