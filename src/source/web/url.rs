//! Addresses in one spelling, so that the same page is asked for once.
//!
//! The `url` crate reads what browsers read (decimal and octal hosts, backslashes, international names, dot segments,
//! default ports); the rest of RFC 3986, section 6.2.2 is done here: an escape that need not be one is undone, the
//! others are written in capitals, and the fragment, which no server sees, is dropped. Queries are not sorted: their
//! order can mean something.

use std::fmt::Write;

use ::url::{Host, ParseError, Url};

use super::{Reason, Refusal};

/// The longest URL asked for, in bytes: RFC 9110, section 4.1 recommends that all take so many.
pub const MAX_LENGTH: usize = 8_000;

/// Why a reference is no address to ask for.
pub(super) enum Fault {
    /// Longer than [`MAX_LENGTH`].
    Long,
    /// None of the web, or one that is not asked for.
    Unfit(Refusal),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Long => Self::new(Reason::Url, format!("the URL is longer than {MAX_LENGTH} bytes")),
            Fault::Unfit(refusal) => refusal,
        }
    }
}

/// Reads an absolute URL into its one spelling.
///
/// # Errors
/// `Url` where it is not http or https, has no host, holds a user name or password, or is longer than [`MAX_LENGTH`].
pub fn parse(text: &str) -> Result<Url, Refusal> {
    Ok(read(text, Url::parse)?)
}

/// Reads a reference as it stands in a page whose URL, or whose `<base>`, is `base`.
///
/// # Errors
/// As [`parse`].
pub fn join(base: &Url, reference: &str) -> Result<Url, Refusal> {
    Ok(resolve(base, reference)?)
}

/// As [`join`], for who counts what is too long.
pub(super) fn resolve(base: &Url, reference: &str) -> Result<Url, Fault> {
    read(reference, |reference| base.join(reference))
}

fn read(text: &str, parse: impl Fn(&str) -> Result<Url, ParseError>) -> Result<Url, Fault> {
    let text = text.trim();
    if text.len() > MAX_LENGTH {
        return Err(if is_of_another_scheme(text) { Fault::Unfit(other_scheme()) } else { Fault::Long });
    }
    match parse(text) {
        Ok(url) => spell(&url),
        Err(error) => Err(Fault::Unfit(Refusal::new(Reason::Url, format!("not a URL: {error}")))),
    }
}

/// Whether a reference begins with a scheme that is not the web's: most that are long hold a picture themselves.
fn is_of_another_scheme(text: &str) -> bool {
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let scheme = text.split_once(|c| !is_of_scheme(c)).map_or("", |(scheme, _)| scheme);
    let is_one = !scheme.is_empty() && text.get(scheme.len()..).is_some_and(|rest| rest.starts_with(':'));
    is_one && !["http", "https"].iter().any(|web| web.eq_ignore_ascii_case(scheme))
}

fn other_scheme() -> Refusal {
    Refusal::new(Reason::Url, "neither http nor https")
}

/// The one spelling of `url`.
///
/// # Errors
/// As [`parse`].
pub fn normalise(url: &Url) -> Result<Url, Refusal> {
    Ok(spell(url)?)
}

fn spell(url: &Url) -> Result<Url, Fault> {
    let unfit = |message| Err(Fault::Unfit(Refusal::new(Reason::Url, message)));
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Fault::Unfit(other_scheme()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return unfit("the URL names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return unfit("the URL holds a user name or password: take it out");
    }
    let mut plain = url.clone();
    plain.set_fragment(None);
    if plain.path().contains('%') {
        let path = escapes(plain.path());
        plain.set_path(&path);
    }
    if let Some(query) = plain.query().filter(|query| query.contains('%')) {
        let query = escapes(query);
        plain.set_query(Some(&query));
    }
    if let Some(Host::Domain(name)) = plain.host()
        && name.ends_with('.')
    {
        let name = name.trim_end_matches('.').to_owned();
        if name.is_empty() || plain.set_host(Some(&name)).is_err() {
            return unfit("the URL names no host");
        }
    }
    if plain.as_str().len() > MAX_LENGTH { Err(Fault::Long) } else { Ok(plain) }
}

/// Percent escapes in their one spelling: letters, digits and `-._~` bare, all others in capitals.
pub(super) fn escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let value = escape.get(1..3).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match value.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                // Behind a `%` that begins no escape, a bare digit would make it one.
                let stray = out.bytes().rev().take(2).any(|byte| byte == b'%');
                if !stray && (byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
                    out.push(char::from(byte));
                } else {
                    // Writing to a String can't fail.
                    let _ = write!(out, "%{byte:02X}");
                }
                rest = escape.get(3..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = escape.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_becomes_one() {
        let spellings = [
            ("http://example.org", "http://example.org/"),
            ("HTTP://EXAMPLE.org:80/", "http://example.org/"),
            ("https://example.org:443/a#b", "https://example.org/a"),
            ("https://example.org:444/a", "https://example.org:444/a"),
            ("http://example.org./a", "http://example.org/a"),
            ("http://example.org/a/./b/../c", "http://example.org/a/c"),
            ("http://example.org/%7euser/%e3%83%84", "http://example.org/~user/%E3%83%84"),
            ("http://example.org/ツ", "http://example.org/%E3%83%84"),
            ("http://example.org/a%2fb?q=%2f%41", "http://example.org/a%2Fb?q=%2FA"),
            ("http://example.org/100%", "http://example.org/100%"),
            ("http://example.org/%zz%4", "http://example.org/%zz%4"),
            ("http://example.org/?b=1&a=2", "http://example.org/?b=1&a=2"),
            ("  http://example.org/a\n", "http://example.org/a"),
            ("http:\\\\example.org\\a", "http://example.org/a"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
            ("http://example.org/a%252e", "http://example.org/a%252e"),
            ("http://example.org/%%341%4%31", "http://example.org/%%341%4%31"),
            ("http://example.org/?%%341&%2", "http://example.org/?%%341&%2"),
            ("http://example.org../a", "http://example.org/a"),
        ];
        for (text, expected) in spellings {
            let url = parse(text).unwrap();
            assert_eq!(url.as_str(), expected, "{text}");
            assert_eq!(parse(url.as_str()).unwrap(), url, "the one spelling is its own: {text}");
        }
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused_with_a_reason() {
        let long = format!("http://example.org/{}", "a".repeat(MAX_LENGTH));
        let refused = [
            "",
            "example.org",
            "/a",
            "ftp://example.org/",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "http://",
            "http://./",
            "http://user@example.org/",
            "http://user:secret@example.org/",
            "http://example.org@127.0.0.1/",
            "http://exa mple.org/",
            "http://[::1/",
            "http://example.org:99999/",
            &long,
        ];
        for text in refused {
            let refusal = parse(text).unwrap_err();
            assert_eq!(refusal.reason(), Reason::Url, "{text}");
            assert!(!refusal.message().is_empty() && !refusal.message().contains('\n'));
        }
    }

    #[test]
    fn a_length_counts_as_it_is_sent() {
        let short = format!("http://example.org/{}", "ツ".repeat(1_000));
        assert!(short.len() < MAX_LENGTH);
        assert_eq!(parse(&short).unwrap_err().reason(), Reason::Url);
    }

    #[test]
    fn a_reference_is_read_from_where_it_stands() {
        let base = parse("https://example.org/a/b.html?x=1").unwrap();
        let references = [
            ("c.jpg", "https://example.org/a/c.jpg"),
            ("/c.jpg", "https://example.org/c.jpg"),
            ("//cdn.example.org/c.jpg", "https://cdn.example.org/c.jpg"),
            ("?y=2", "https://example.org/a/b.html?y=2"),
            ("#top", "https://example.org/a/b.html?x=1"),
            (" c\n.jpg ", "https://example.org/a/c.jpg"),
            ("../../../c", "https://example.org/c"),
        ];
        for (reference, expected) in references {
            assert_eq!(join(&base, reference).unwrap().as_str(), expected, "{reference}");
        }
        assert!(join(&base, "mailto:a@example.org").is_err());
    }
}
