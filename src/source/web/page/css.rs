//! What a style refers to by `url(…)` and `image-set(…)`, without what else it says.

use crate::source::web::url::MAX_LENGTH;

/// Tells the references in a style, in order, except those to other styles (`@import`) and by their names' ends to
/// fonts. Of a set of pictures all are told. What is too long for an address is told cut off, and still too long.
pub(super) fn references(css: &str, found: &mut dyn FnMut(&str)) {
    let lower = css.to_ascii_lowercase();
    let mut at = 0;
    // How many parentheses are open since `image-set(`.
    let mut open = 0_usize;
    while let Some(next) = lower.as_bytes().get(at..).and_then(|rest| next_of(rest, open > 0)) {
        let start = at + next;
        let rest = lower.get(start..).unwrap_or_default();
        let after;
        if rest.starts_with("url(") {
            let imported = lower.get(at..start).is_some_and(|before| before.trim_end().ends_with("@import"));
            let text = css.get(start + 4..).unwrap_or_default().trim_start();
            let (reference, mut more) = value(text);
            if text.starts_with(['"', '\'']) {
                more = more.trim_start().strip_prefix(')').unwrap_or(more);
            }
            after = css.len() - more.len();
            if !imported {
                tell(&reference, found);
            }
        } else if rest.starts_with("image-set(") {
            (open, after) = (1, start + 10);
        } else if rest.starts_with(['"', '\'']) {
            let (reference, more) = value(css.get(start..).unwrap_or_default());
            after = css.len() - more.len();
            // Deeper stand the kinds of the pictures: `type("image/avif")`.
            if open == 1 {
                tell(&reference, found);
            }
        } else {
            open = if rest.starts_with('(') { open + 1 } else { open.saturating_sub(1) };
            after = start + 1;
        }
        at = after.max(start + 1);
    }
}

/// Where the next thing begins that counts, inside of a set or not.
fn next_of(rest: &[u8], in_set: bool) -> Option<usize> {
    let begins = |at: usize, word: &[u8]| rest.get(at..).is_some_and(|rest| rest.starts_with(word));
    rest.iter().enumerate().position(|(at, byte)| match byte {
        b'u' => begins(at, b"url("),
        b'i' => !in_set && begins(at, b"image-set("),
        b'"' | b'\'' | b'(' | b')' => in_set,
        _ => false,
    })
}

fn tell(reference: &str, found: &mut dyn FnMut(&str)) {
    let ending = reference.split(['?', '#']).next().unwrap_or_default().rsplit('.').next().unwrap_or_default();
    let other = ["css", "woff", "woff2", "ttf", "otf", "eot"].iter().any(|end| end.eq_ignore_ascii_case(ending));
    if !other && !reference.is_empty() && !reference.starts_with('#') {
        found(reference);
    }
}

/// What stands between the quotes, or before the closing parenthesis, and what follows it.
fn value(text: &str) -> (String, &str) {
    let (quote, body) = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => (quote, text.get(1..).unwrap_or_default()),
        _ => (')', text),
    };
    let mut out = String::new();
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            c if c == quote => return (out.trim().to_owned(), after),
            // A line's end ends what forgot its quote.
            '\n' if quote != ')' => return (String::new(), rest),
            '\\' => {
                let (escaped, more) = escape(after);
                out.extend(escaped);
                rest = more;
            }
            c => {
                out.push(c);
                rest = after;
            }
        }
        if out.len() > MAX_LENGTH {
            return (out, rest);
        }
    }
    (String::new(), "")
}

/// The character that is meant behind a backslash, and what follows it: by CSS Syntax, section 4.3.7 up to six digits and
/// one white space, or any other character for itself. A line's end is left out.
fn escape(text: &str) -> (Option<char>, &str) {
    let digits = text.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
    if digits == 0 {
        let mut chars = text.chars();
        return (chars.next().filter(|&c| c != '\n'), chars.as_str());
    }
    let (number, rest) = text.split_at(digits);
    let c = u32::from_str_radix(number, 16).ok().filter(|&number| number > 0).and_then(char::from_u32);
    let space =
        if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with([' ', '\t', '\n', '\r', '\x0c'])) };
    (Some(c.unwrap_or(char::REPLACEMENT_CHARACTER)), rest.get(space..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(css: &str) -> Vec<String> {
        let mut found = Vec::new();
        references(css, &mut |reference| found.push(reference.to_owned()));
        found
    }

    #[test]
    fn references_are_found_with_and_without_quotes() {
        let css = "a{background:URL(a.jpg)} b{background:#fff url( 'b (1).png' ) no-repeat, url(\"c.gif\")}\n\
            @import url(more.css); @import url('x'); @font-face{src:url(f.woff2?v=1) format('woff2')} i{mask:url(#m)}\n\
            d{background-image:image-set(url(d\\)1.webp) 1x, url(e.webp) 2x)} e{background:url()}";
        assert_eq!(all(css), ["a.jpg", "b (1).png", "c.gif", "d)1.webp", "e.webp"]);
    }

    #[test]
    fn escapes_are_undone_by_the_rules_of_css() {
        let cases = [
            (r"url(\2f a\2F b.jpg\3f x\3d 1)", "/a/b.jpg?x=1"),
            (r"url('\00002fa.jpg')", "/a.jpg"),
            (r"url(\26 b.jpg)", "&b.jpg"),
            ("url(\\2f\r\nb.jpg)", "/b.jpg"),
            ("url(\\2f\n b.jpg)", "/ b.jpg"),
            ("url(a\\29.jpg)", "a).jpg"),
            ("url('a\\\nb.jpg')", "ab.jpg"),
            (r"url(a\(b\).jpg)", "a(b).jpg"),
            (r"url(\0 a\d800 b\110000 c)", "\u{fffd}a\u{fffd}b\u{fffd}c"),
        ];
        for (css, expected) in cases {
            assert_eq!(all(css), [expected], "{css:?}");
        }
        assert_eq!(all("url(a\\"), Vec::<String>::new());
        assert_eq!(all("url(\\2"), Vec::<String>::new());
    }

    #[test]
    fn the_strings_of_a_set_are_pictures_and_those_beside_it_are_none() {
        let set = "a{background:-webkit-image-set(\"a(1).png\" 1x, 'b.png' 2x, url(c.png) 3x)} b{content:\"d.png\"}";
        assert_eq!(all(set), ["a(1).png", "b.png", "c.png"]);
        let kinds = "image-set('a.avif' type('image/avif') calc((1 + 1)*1x), url( 'b.jpg' ) type(\"image/jpeg\"), 'c.jpg') 'd.jpg'";
        assert_eq!(all(kinds), ["a.avif", "b.jpg", "c.jpg"]);
        assert_eq!(all("image-set('a.png' 1x"), ["a.png"]);
    }

    #[test]
    fn what_is_never_closed_refers_to_nothing() {
        assert_eq!(all("url("), Vec::<String>::new());
        assert_eq!(all("url('a\n') url(b.png"), Vec::<String>::new());
        assert_eq!(all(&"url(".repeat(100_000)).len(), 100_000 * 4 / (MAX_LENGTH + 5));
        assert_eq!(all(&"image-set(".repeat(100_000)), Vec::<String>::new());
    }

    #[test]
    fn what_is_too_long_for_an_address_is_told_as_such() {
        let found = all(&format!("url({}) url(b.png)", "a".repeat(1_000_000)));
        assert_eq!((found.len(), found[1].as_str()), (2, "b.png"));
        assert_eq!(found[0].len(), MAX_LENGTH + 1);
    }
}
