//! What goes through the pipes between a worker and who asks it: frames, each whole or not at all.
//!
//! Whoever reads trusts no writer. A pipe in packet mode keeps each write apart from the next, so what a hostile one cuts
//! short costs that frame alone. And a frame carries the key of the worker that it is from or for, a number by chance:
//! what one that is gone left behind is nobody's, and none can speak for the next.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};

/// PIPE_BUF, so that the kernel writes a frame whole or not at all.
const FRAME: usize = 4096;
/// Tag, whether more follows, length of the content and key stand before it.
const HEADER: usize = 12;
/// The most that one frame carries, in bytes.
pub const CONTENT: usize = FRAME - HEADER;

/// The number of one worker, which no other can guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// A new one.
    pub fn new() -> io::Result<Self> {
        let mut bytes = [0u8; 8];
        // SAFETY: the pointer and the length are those of an array that outlives the call.
        match unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) } {
            8 => Ok(Self(u64::from_le_bytes(bytes))),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// A part of a message, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub key: Key,
    pub tag: u8,
    /// The message goes on in the next frame.
    pub more: bool,
    pub content: Vec<u8>,
}

impl Frame {
    /// Writes the frame; its content is at most [`CONTENT`] bytes.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        let mut frame = [0; FRAME];
        let [low, high] = (self.content.len().min(CONTENT) as u16).to_le_bytes();
        frame[..4].copy_from_slice(&[self.tag, self.more.into(), low, high]);
        frame[4..HEADER].copy_from_slice(&self.key.0.to_le_bytes());
        for (place, byte) in frame[HEADER..].iter_mut().zip(&self.content) {
            *place = *byte;
        }
        out.write_all(&frame)
    }

    /// Waits for what was written next; `None` where that is no frame.
    pub fn read(mut from: &PipeReader) -> io::Result<Option<Self>> {
        let mut frame = [0; FRAME];
        let length = loop {
            match from.read(&mut frame) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => break length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        let [tag, more, low, high, rest @ ..] = &frame;
        let length = (length == FRAME).then(|| usize::from(u16::from_le_bytes([*low, *high])));
        let parts = length.and_then(|length| Some((rest.first_chunk()?, rest.get(8..8 + length)?)));
        Ok(parts.map(|(key, content)| Self {
            key: Key(u64::from_le_bytes(*key)),
            tag: *tag,
            more: *more != 0,
            content: content.to_vec(),
        }))
    }
}

/// The frames of a message.
pub fn frames(key: Key, tag: u8, content: &[u8]) -> impl Iterator<Item = Frame> {
    let count = content.len().div_ceil(CONTENT).max(1);
    (1..=count).map(move |number| {
        let part = content.chunks(CONTENT).nth(number - 1).unwrap_or_default();
        Frame { key, tag, more: number < count, content: part.to_vec() }
    })
}

/// A pipe in packet mode, where the system has that: without it a frame cut short costs those behind it.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let mut ends = [-1; 2];
    // SAFETY: the pointer is to an array of two that outlives the call.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_DIRECT) } == -1 {
        return io::pipe();
    }
    // SAFETY: the descriptors were just made and are nobody else's.
    let [read, write] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    Ok((read.into(), write.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_in_frames_and_what_is_cut_short_costs_itself_alone() {
        let key = Key::new().unwrap();
        let (read, mut write) = pipe().unwrap();
        for length in [0, 1, CONTENT, CONTENT + 1, 3 * CONTENT] {
            let content: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut arrived = Vec::new();
            for frame in frames(key, 7, &content) {
                // Three bytes that are no frame, as a hostile worker may write.
                write.write_all(&[1, 2, 3]).unwrap();
                frame.write(&write).unwrap();
                assert_eq!(Frame::read(&read).unwrap(), None);
                let came = Frame::read(&read).unwrap().unwrap();
                assert_eq!(came, frame);
                arrived.extend(came.content);
                assert!(came.more || arrived.len() == length);
            }
            assert_eq!(arrived, content, "{length}");
        }
        let mut lying = [0xff; FRAME];
        write.write_all(&lying).unwrap();
        assert_eq!(Frame::read(&read).unwrap(), None, "a length beyond the frame");
        lying[2..4].copy_from_slice(&4u16.to_le_bytes());
        write.write_all(&lying).unwrap();
        assert_ne!(Frame::read(&read).unwrap().unwrap().key, key);
        drop(write);
        assert_eq!(Frame::read(&read).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
