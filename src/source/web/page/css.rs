//! What a style refers to by `url(…)`, without what else it says.

/// The references in a style, in order, except those to other styles (`@import`) and by their names' ends to fonts.
pub(super) fn references(css: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lower = css.to_ascii_lowercase();
    let mut at = 0;
    while let Some(next) = lower.get(at..).and_then(|rest| rest.find("url(")) {
        let imported = lower.get(at..at + next).is_some_and(|before| before.trim_end().ends_with("@import"));
        let (reference, rest) = value(css.get(at + next + 4..).unwrap_or_default());
        at = css.len() - rest.len();
        let ending = reference.split(['?', '#']).next().unwrap_or_default().rsplit('.').next().unwrap_or_default();
        let other = ["css", "woff", "woff2", "ttf", "otf", "eot"].iter().any(|end| end.eq_ignore_ascii_case(ending));
        if !imported && !other && !reference.is_empty() && !reference.starts_with('#') {
            found.push(reference);
        }
    }
    found
}

/// What stands between the parentheses, and what follows it.
fn value(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let (quote, body) = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => (quote, text.get(1..).unwrap_or_default()),
        _ => (')', text),
    };
    let mut out = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return (out.trim().to_owned(), body.get(at + 1..).unwrap_or_default()),
            // A line's end ends what forgot its quote.
            '\n' if quote != ')' => return (String::new(), body.get(at..).unwrap_or_default()),
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            c => out.push(c),
        }
        if out.len() > crate::source::web::url::MAX_LENGTH {
            return (String::new(), body.get(at + c.len_utf8()..).unwrap_or_default());
        }
    }
    (String::new(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_with_and_without_quotes() {
        let css = "a{background:URL(a.jpg)} b{background:#fff url( 'b (1).png' ) no-repeat, url(\"c.gif\")}\n\
            @import url(more.css); @import url('x'); @font-face{src:url(f.woff2?v=1) format('woff2')} i{mask:url(#m)}\n\
            d{background-image:image-set(url(d\\)1.webp) 1x, url(e.webp) 2x)} e{background:url()}";
        assert_eq!(references(css), ["a.jpg", "b (1).png", "c.gif", "d)1.webp", "e.webp"]);
    }

    #[test]
    fn what_is_never_closed_refers_to_nothing() {
        assert_eq!(references("url("), Vec::<String>::new());
        assert_eq!(references("url('a\n') url(b.png"), Vec::<String>::new());
        assert_eq!(references(&format!("url({}) url(b.png)", "a".repeat(5_000))), ["b.png"]);
        assert_eq!(references(&"url(".repeat(100_000)), Vec::<String>::new());
    }
}
