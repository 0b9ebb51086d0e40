//! Compression whose windows are large, whose streams are cut or flipped, and which other programs made.

use super::*;

/// A tar of one file, `a.jpg`, packed by `xz -9` 5.4 and by `zstd -19 --long=26` 1.5; it holds `noise(7, 600)`.
const XZ: &[u8] = include_bytes!("made-by-xz.tar.xz");
const ZSTD: &[u8] = include_bytes!("made-by-zstd.tar.zst");

#[test]
fn what_the_command_line_tools_packed_is_read_and_their_windows_are_held() {
    for (kind, archive, window) in [("xz", XZ, 64 << 20), ("zstd", ZSTD, 64 << 20)] {
        let (collected, account) = collect(archive);
        assert_eq!((collected.entries, account.trouble()), (contents(&[("a.jpg", &noise(7, 600))]), None), "{kind}");
        assert_eq!(collected.most_held, window, "{kind}");
    }
}

/// A frame of zstd with this window, its content in blocks as they are.
fn zstd_frame(window: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0, window];
    for chunk in content.chunks(1 << 16) {
        frame.extend_from_slice(&((chunk.len() as u32) << 3).to_le_bytes()[..3]);
        frame.extend(chunk);
    }
    frame.extend([1, 0, 0]);
    frame
}

/// The tar in xz, its one block asking for a window of 2 to the power of `log`, which is more than it needs.
fn xz_with(log: u8, tar: &[u8]) -> Vec<u8> {
    let mut archive = xz_of(tar, 1 << 20);
    let crc = 12 + usize::from(archive[12]) * 4;
    assert_eq!(archive[14..16], [0x21, 1], "a filter, LZMA2, with a byte of properties");
    archive[16] = (log - 12) * 2;
    let sum = crc32fast::hash(&archive[12..crc]);
    archive[crc..crc + 4].copy_from_slice(&sum.to_le_bytes());
    archive
}

/// The descriptor of a window of 2 to the power of `log`.
fn window(log: u8) -> u8 {
    (log - 10) << 3
}

#[test]
fn windows_are_held_up_to_a_limit_and_refused_beyond() {
    let tar = tar_of(&[("a.jpg", &noise(1, 3000))]);
    let whole = contents(&[("a.jpg", &noise(1, 3000))]);
    let too_large = "takes a window of 256 MiB, more than 128: unpack it first";
    for (kind, archive, held, told) in [
        ("zstd", zstd_frame(window(22), &tar), 0, None),
        ("zstd", zstd_frame(window(26), &tar), 64 << 20, None),
        ("zstd", zstd_frame(window(27), &tar), 0, Some("takes 128 MiB, more than there is: raise --max-memory")),
        ("zstd", zstd_frame(window(28), &tar), 0, Some(too_large)),
        ("zstd", zstd_frame(0xFF, &tar), 0, Some("more than 128")),
        ("xz", xz_with(22, &tar), 0, None),
        ("xz", xz_with(26, &tar), 64 << 20, None),
        ("xz", xz_with(28, &tar), 0, Some(too_large)),
    ] {
        let (collected, account) = collect(&archive);
        let trouble = account.trouble().unwrap_or_default();
        assert_eq!(collected.most_held, held, "{kind}: {trouble}");
        match told {
            None => assert_eq!((&collected.entries, trouble.as_str()), (&whole, ""), "{kind}"),
            Some(told) => assert!(collected.entries.is_empty() && trouble.contains(told), "{kind}: {trouble}"),
        }
    }
}

#[test]
fn frames_behind_each_other_are_one_stream_and_none_may_ask_for_more_than_the_first() {
    let tar = tar_of(&[("a.jpg", &noise(1, 3000)), ("b.jpg", &noise(2, 3000))]);
    let (first, rest) = tar.split_at(2000);
    let passed_over = b"\x5A\x2A\x4D\x18\x03\0\0\0abc".as_slice();
    let small = [passed_over, &zstd_frame(window(20), first), passed_over, &zstd_of(rest), passed_over].concat();
    let (collected, account) = collect(&small);
    assert_eq!((collected.entries.len(), account.trouble()), (2, None));

    let growing = [zstd_frame(window(20), first), zstd_frame(window(26), rest)].concat();
    let trouble = collect(&growing).1.trouble().unwrap();
    assert!(trouble.contains("a larger window further on than at its start"), "{trouble}");

    let two = [xz_of(first, 1 << 20), vec![0; 8], xz_of(rest, 1 << 20)].concat();
    let (collected, account) = collect(&two);
    assert_eq!((collected.entries.len(), account.trouble()), (2, None));
    let growing = [xz_of(first, 1 << 20), xz_with(26, rest)].concat();
    let trouble = collect(&growing).1.trouble().unwrap();
    assert!(trouble.contains("a larger window further on than at its start"), "{trouble}");
}

#[test]
fn a_flipped_byte_is_told_and_a_dictionary_and_what_follows_too() {
    let tar = tar_of(&[("a.jpg", &noise(1, 30_000))]);
    for (kind, archive) in [("xz", xz_of(&tar, 1 << 20)), ("zstd", zstd_of(&tar))] {
        let mut flipped = archive.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x10;
        let (_, account) = collect(&flipped);
        let trouble = account.trouble().unwrap_or_default();
        assert!(trouble.starts_with("damaged: ") && trouble.contains(kind), "{trouble}");
        let trouble = collect(&archive[..middle]).1.trouble().unwrap();
        assert!(trouble.contains(&format!("its {kind} data ends too early")), "{trouble}");
    }
    let trouble = collect(&[zstd_frame(window(20), &tar[..2000]), b"more".to_vec()].concat()).1.trouble().unwrap();
    assert!(trouble.contains("no zstd frame follows"), "{trouble}");
    let mut dictionary = zstd_frame(window(20), &tar);
    dictionary[4] = 1;
    dictionary.insert(6, 7);
    let trouble = collect(&dictionary).1.trouble().unwrap();
    assert!(trouble.contains("needs a dictionary: unpack it first"), "{trouble}");
}
