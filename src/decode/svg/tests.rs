//! What is drawn and what is not, and drawings made to be endless.

use std::io::Write;

use crate::decode::{Format, Options, Picture, Sniff, decode, sniff};
use crate::error::{ErrorKind, Result};

fn svg(content: &str) -> Vec<u8> {
    format!("<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' width='40' height='20'>{content}</svg>")
        .into_bytes()
}

fn drawn(content: &str) -> Result<Picture> {
    decode(&svg(content), &Options::default())
}

fn refused(content: &str) -> String {
    let error = drawn(content).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Malformed | ErrorKind::TooLarge), "{error}");
    error.message().to_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn shapes_are_drawn_onto_white_at_the_size_that_is_described() {
    let half = svg("<rect width='20' height='20'/>");
    for bytes in [half.clone(), gzip(&half), [b"\xEF\xBB\xBF\n", &half[..]].concat()] {
        assert_eq!(sniff(&bytes), Sniff::Readable(Format::Svg));
        let picture = decode(&bytes, &Options::default()).unwrap();
        assert_eq!((picture.format, picture.width, picture.height), (Format::Svg, 40, 20));
        assert_eq!((picture.reduced_width, picture.reduced_height), (512, 256));
        let at = |x: usize, y: usize| picture.luma[y * 512 + x];
        assert_eq!((at(10, 10), at(250, 200), at(262, 100), at(500, 250)), (0, 0, 255, 255));
    }
}

#[test]
fn text_and_whatever_stands_outside_or_inside_as_a_picture_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("black.svg");
    std::fs::write(&file, svg("<rect width='40' height='20'/>")).unwrap();
    use base64::Engine;
    let data = base64::prelude::BASE64_STANDARD.encode(svg("<rect width='40' height='20'/>"));
    let links = [
        format!("{}", file.display()),
        format!("file://{}", file.display()),
        format!("data:image/svg+xml;base64,{data}"),
    ];
    for link in links {
        let picture = drawn(&format!("<text y='15'>words</text><image width='40' height='20' xlink:href='{link}'/>"));
        assert!(picture.unwrap().luma.iter().all(|&value| value == 255), "{link}");
    }
}

#[test]
fn drawings_that_would_never_end_are_refused_before_they_begin() {
    let mut lines = "<g id='a0'><rect width='9' height='9'/></g>".to_owned();
    let mut patterns = "<pattern id='p0' width='1' height='1'><rect width='9' height='9'/></pattern>".to_owned();
    for level in 1..20 {
        let before = level - 1;
        lines += &format!("<g id='a{level}'>{}</g>", format!("<use xlink:href='#a{before}'/>").repeat(10));
        let tiles = format!("<rect width='9' height='9' fill='url(#p{before})'/>").repeat(10);
        patterns += &format!("<pattern id='p{level}' width='1' height='1'>{tiles}</pattern>");
    }
    let entities =
        (1..9).map(|n| format!("<!ENTITY e{n} '{}'>", format!("&e{};", n - 1).repeat(10))).collect::<String>();
    let laughs =
        format!("<!DOCTYPE svg [<!ENTITY e0 '<g/>'>{entities}]><svg xmlns='http://www.w3.org/2000/svg'>&e8;</svg>");
    assert!(decode(laughs.as_bytes(), &Options::default()).is_err());
    let many_corners = format!(
        "<marker id='m'>{}</marker><path marker-mid='url(#m)' d='M0 0{}'/>",
        "<rect width='1' height='1'/>".repeat(500),
        " 1 1".repeat(6000)
    );
    let cases = [
        (lines, "too long"),
        (format!("{patterns}<rect width='9' height='9' fill='url(#p19)'/>"), "too long"),
        (many_corners, "too long"),
        ("<g id='a'><use xlink:href='#b'/></g><g id='b'><use xlink:href='#a'/></g>".into(), "refers to itself"),
        ("<g>".repeat(100_000) + &"</g>".repeat(100_000), "too deep"),
        (
            "<filter id='f'><feMorphology radius='9999'/></filter><rect width='40' height='20' filter='url(#f)'/>".into(),
            "too long",
        ),
        (
            "<filter id='f'><feTurbulence baseFrequency='1' numOctaves='4000000000'/></filter>\
             <rect width='40' height='20' filter='url(#f)'/>"
                .into(),
            "too long",
        ),
        (
            "<pattern id='p' width='1e6' height='1e6' patternUnits='userSpaceOnUse'><rect width='9' height='9'/></pattern>\
             <rect width='40' height='20' fill='url(#p)'/>"
                .into(),
            "too large",
        ),
    ];
    for (content, reason) in cases {
        let said = refused(&content);
        assert!(said.contains(reason), "{said}, not {reason}: {:.100}", content);
    }
}

#[test]
fn the_deepest_drawing_that_is_read_fits_the_stack_of_a_thread() {
    let wrapped =
        |levels: usize| "<g opacity='.9'>".repeat(levels) + "<rect width='1' height='1'/>" + &"</g>".repeat(levels);
    let deepest = (1..100).rev().find(|&levels| drawn(&wrapped(levels)).is_ok());
    assert!(deepest.is_some_and(|levels| levels > 20), "{deepest:?}");
    let mut chain = "<g id='a0'><rect width='1' height='1'/></g>".to_owned();
    for level in 1..60 {
        chain += &format!("<g id='a{level}'><use xlink:href='#a{}'/></g>", level - 1);
    }
    let _ = drawn(&chain);
    let mut masks = "<mask id='m0'><rect width='1' height='1' fill='white'/></mask>".to_owned();
    for level in 1..60 {
        masks += &format!("<mask id='m{level}'><rect width='1' height='1' mask='url(#m{})'/></mask>", level - 1);
    }
    let _ = drawn(&format!("{masks}<rect width='9' height='9' mask='url(#m59)'/>"));
}

#[test]
fn what_is_damaged_or_has_no_size_is_an_error() {
    for bytes in [&b"<svg><g></svg>"[..], b"<svg xmlns='http://www.w3.org/2000/svg' width='0' height='9'/>", b"<svg "] {
        assert_eq!(decode(bytes, &Options::default()).unwrap_err().kind(), ErrorKind::Malformed);
    }
    let cut = gzip(&svg("<rect width='20' height='20'/>"));
    assert_eq!(decode(&cut[..cut.len() - 12], &Options::default()).unwrap_err().kind(), ErrorKind::Malformed);
    let bomb = gzip(&[&svg("")[..], &vec![b' '; 40 << 20]].concat());
    assert!(decode(&bomb, &Options::default()).unwrap_err().message().contains("32 MiB"));
}
