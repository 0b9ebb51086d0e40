//! The boxes of ISO base media files (ISO/IEC 14496-12), of which CR3 and AVIF files are made.

/// The boxes that stand in `bytes` one after another: name and content. One that is cut short is the last, with what
/// there is of it.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&length, after) = rest.split_first_chunk::<4>()?;
        let (&name, after) = after.split_first_chunk::<4>()?;
        let (header, length) = match u32::from_be_bytes(length) {
            // To the end.
            0 => (8, rest.len()),
            1 => (16, usize::try_from(u64::from_be_bytes(*after.first_chunk()?)).unwrap_or(usize::MAX)),
            length => (8, length as usize),
        };
        let whole = rest.get(..length).unwrap_or(rest);
        // A length below that of the header would be read for ever.
        let content = whole.get(header..)?;
        rest = rest.get(length..).unwrap_or_default();
        Some((name, content))
    })
}

/// The content of the box at the end of a path of names.
pub(super) fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, &&wanted| boxes(bytes).find(|&(name, _)| name == wanted).map(|(_, c)| c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_every_kind_of_length_are_read_and_broken_ones_end_it() {
        let mut bytes = b"\0\0\0\x0Aoneaxx".to_vec();
        bytes.extend(b"\0\0\0\x01twoa\0\0\0\0\0\0\0\x13yyy");
        bytes.extend(b"\0\0\0\0lastzz");
        let found: Vec<_> = boxes(&bytes).collect();
        assert_eq!(found, [(*b"onea", &b"xx"[..]), (*b"twoa", b"yyy"), (*b"last", b"zz")]);
        assert_eq!(find(b"\0\0\0\x14outr\0\0\0\x0Cinnrfour", &[b"outr", b"innr"]), Some(&b"four"[..]));
        assert_eq!(boxes(b"\0\0\0\x07shrt").count(), 0);
        assert_eq!(boxes(b"\0\0\0\x01long\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFrest").collect::<Vec<_>>().len(), 1);
        for end in 0..bytes.len() {
            assert!(boxes(&bytes[..end]).count() <= 3);
        }
    }
}
