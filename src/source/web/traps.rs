//! Addresses without end: sites that make up pages for as long as somebody asks.
//!
//! A calendar has a next month for ever, a shop a page for every order of its filters, and a wrong relative link puts
//! one more folder into the path each time. Nothing in a single address proves that, so what counts is the shape: how deep
//! it is, how often a part comes again, and how many addresses of one shape a host has had already.

use std::collections::HashMap;

use ::url::Url;

use super::{Reason, Refusal};

/// What is taken for a trap.
#[derive(Clone, Debug)]
pub struct Options {
    /// The deepest path, in segments. The default is 20.
    pub max_depth: usize,
    /// How often one segment may stand in a path. The default is 3; dates repeat theirs twice (`/2020/05/05/`).
    pub max_repeats: usize,
    /// The most addresses of one shape: same host and path but for digits, same keys in the query. The default is
    /// 2,000, half an hour at one a second: those that show something new do not count.
    pub max_alike: u32,
    /// The most shapes counted apart; beyond, those of one host count as one. The default is 100,000, about 10 MB.
    pub max_shapes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_depth: 20, max_repeats: 3, max_alike: 2_000, max_shapes: 100_000 }
    }
}

/// Counts the addresses that a crawl has queued, by shape.
#[derive(Clone, Debug, Default)]
pub struct Traps {
    options: Options,
    alike: HashMap<u64, u32>,
}

impl Traps {
    /// No address counted yet.
    pub fn new(options: Options) -> Self {
        Self { options, alike: HashMap::new() }
    }

    /// Counts a page's address that is new to the crawl; each must be given once. Pictures need no such count, since
    /// nothing is found in them.
    ///
    /// # Errors
    /// `Trap` where it looks endless; then it is not counted.
    pub fn enter(&mut self, url: &Url) -> Result<(), Refusal> {
        self.check(url)?;
        let mut shape = shape(url);
        if self.alike.len() >= self.options.max_shapes && !self.alike.contains_key(&shape) {
            shape = digest([url.host_str().unwrap_or_default()].into_iter());
        }
        let count = self.alike.entry(shape).or_default();
        if *count >= self.options.max_alike {
            let most = self.options.max_alike;
            return Err(Refusal::new(
                Reason::Trap,
                format!("more than {most} addresses differ in numbers or values only"),
            ));
        }
        *count += 1;
        Ok(())
    }

    /// Takes back the count of an address whose page showed something new: an archive of a million photos is no trap.
    pub fn was_worth_it(&mut self, url: &Url) {
        if let Some(count) = self.alike.get_mut(&shape(url)) {
            *count = count.saturating_sub(1);
        }
    }

    /// What can be seen of one address.
    fn check(&self, url: &Url) -> Result<(), Refusal> {
        let segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
        if segments.len() > self.options.max_depth {
            let most = self.options.max_depth;
            return Err(Refusal::new(Reason::Trap, format!("the path has more than {most} segments")));
        }
        let repeats = |segment: &&str| segments.iter().filter(|other| *other == segment).count();
        if segments.iter().map(repeats).max().unwrap_or(0) > self.options.max_repeats || comes_again(&segments) {
            return Err(Refusal::new(Reason::Trap, "the path repeats itself"));
        }
        Ok(())
    }
}

/// Whether two or more segments come three times in a row, as in `/a/b/a/b/a/b`.
fn comes_again(segments: &[&str]) -> bool {
    (2..=segments.len() / 3).any(|length| {
        segments.windows(length * 3).any(|window| {
            let (first, rest) = window.split_at(length);
            rest.chunks(length).all(|chunk| chunk == first)
        })
    })
}

/// The address without what sites put into it to know their visitors again: with it each visit is a new site.
pub fn without_session(mut url: Url) -> Url {
    if let Some((path, parameters)) = url.path().split_once(';')
        && parameters.split('=').next().is_some_and(is_session)
    {
        let path = path.to_owned();
        url.set_path(&path);
    }
    let Some(query) = url.query() else { return url };
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.split('=').next().is_some_and(is_session)).collect();
    if kept.len() < query.split('&').count() {
        let kept = kept.join("&");
        url.set_query((!kept.is_empty()).then_some(kept.as_str()));
    }
    url
}

/// Whether a key of a query is that of a session, or of where a visitor came from.
fn is_session(key: &str) -> bool {
    const KEYS: [&str; 14] = [
        "phpsessid",
        "jsessionid",
        "sessionid",
        "session_id",
        "session-id",
        "sessid",
        "cfid",
        "cftoken",
        "zenid",
        "oscsid",
        "fbclid",
        "gclid",
        "msclkid",
        "dclid",
    ];
    let key = key.to_ascii_lowercase();
    KEYS.contains(&key.as_str()) || key.starts_with("aspsessionid") || key.starts_with("utm_")
}

/// A number for host, path and the query's keys; each run of digits is one sign, and so is each name of a month.
fn shape(url: &Url) -> u64 {
    let host = url.host_str().unwrap_or_default().to_owned();
    let path = url.path().split('/').map(collapsed);
    let mut keys: Vec<String> = url.query_pairs().map(|(key, _)| format!("?{}", collapsed(&key))).collect();
    keys.sort_unstable();
    keys.dedup();
    let parts: Vec<String> = [host].into_iter().chain(path).chain(keys).collect();
    digest(parts.iter().map(String::as_str))
}

/// A part of an address less what numbers it: digits, names of months, and long mixtures of letters and digits, which are
/// made up by machines.
fn collapsed(segment: &str) -> String {
    const TOKEN: usize = 16;
    let mut out = String::new();
    for part in segment.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let has = |is: fn(&u8) -> bool| word.as_bytes().iter().any(is);
        if word.len() >= TOKEN && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) {
            out.push('0');
            out.push_str(part.get(word.len()..).unwrap_or_default());
        } else {
            out.push_str(part);
        }
    }
    without_numbers(&out)
}

fn without_numbers(segment: &str) -> String {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    if segment.len() <= 9
        && let Some(start) = segment.get(..3)
        && MONTHS.iter().any(|month| month.eq_ignore_ascii_case(start))
    {
        return "0".into();
    }
    let mut out = String::with_capacity(segment.len());
    for c in segment.chars() {
        let c = if c.is_ascii_digit() { '0' } else { c };
        if c != '0' || !out.ends_with('0') {
            out.push(c);
        }
    }
    out
}

/// The same on every run, so that a crawl that is resumed counts on.
fn digest<'a>(parts: impl Iterator<Item = &'a str>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(b"\n");
    }
    let bytes = hasher.finalize();
    bytes.as_bytes().iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::web::url::parse;

    fn enter(traps: &mut Traps, path: &str) -> bool {
        let result = traps.enter(&parse(&format!("http://example.org{path}")).unwrap());
        assert!(result.is_ok() || result.as_ref().unwrap_err().reason() == Reason::Trap);
        result.is_ok()
    }

    /// How many of a thousand addresses pass where 50 of one shape may.
    fn passed(path: impl Fn(u32) -> String) -> usize {
        let mut traps = Traps::new(Options { max_alike: 50, ..Options::default() });
        (0..1_000).filter(|&n| enter(&mut traps, &path(n))).count()
    }

    #[test]
    fn paths_that_are_too_deep_or_repeat_themselves_are_traps() {
        let deep = |depth: u32| (0..depth).map(|n| format!("/s{n}")).collect::<String>();
        let cases = [
            ("/", true),
            ("/2020/05/05/", true),
            ("/a/a/a", true),
            ("/a/a/a/a", false),
            ("/x/a/y/a/z/a/w/a", false),
            ("/a/b/a/b", true),
            ("/a/b/a/b/a/b", false),
            ("/x/a/b/c/a/b/c/a/b/c/y", false),
            ("//////a", true),
        ];
        for (path, expected) in cases {
            assert_eq!(enter(&mut Traps::default(), path), expected, "{path}");
        }
        assert!(enter(&mut Traps::default(), &deep(20)) && !enter(&mut Traps::default(), &deep(21)));
    }

    #[test]
    fn addresses_that_differ_in_numbers_only_come_to_an_end() {
        assert_eq!(passed(|n| format!("/calendar/{}/{}", 2000 + n, n % 12)), 50);
        assert_eq!(passed(|n| format!("/calendar?month={n}")), 50);
        assert_eq!(passed(|n| format!("/list?sort={}&page={n}", "ab".repeat(n as usize % 7))), 50);
        assert_eq!(passed(|n| if n % 2 == 0 { format!("/l?a={n}&b=1") } else { format!("/l?b=1&a={n}") }), 50);
        assert_eq!(passed(|n| format!("/event/{}/{n}", ["January", "feb", "Dec"][n as usize % 3])), 50);
    }

    #[test]
    fn addresses_that_differ_in_long_made_up_words_only_come_to_an_end_too() {
        let token = |n: u32| blake3::hash(&n.to_le_bytes()).to_hex().to_string();
        assert_eq!(passed(|n| format!("/list?token={}", token(n))), 50);
        assert_eq!(passed(|n| format!("/s/{}/list", token(n))), 50);
        assert_eq!(passed(|n| format!("/list;sid={}", &token(n)[..20])), 50);
    }

    #[test]
    fn what_names_a_visit_is_taken_out_of_an_address_and_nothing_else() {
        for (from, to) in [
            ("/a?PHPSESSID=1&b=2", "/a?b=2"),
            ("/a?b=2&utm_source=x&c", "/a?b=2&c"),
            ("/a;jsessionid=0A1B?b=2", "/a?b=2"),
            ("/a?sessionid=1", "/a"),
            ("/a?b=phpsessid&session=3", "/a?b=phpsessid&session=3"),
            ("/a;v=1/b?x=%20", "/a;v=1/b?x=%20"),
            ("/a?", "/a?"),
        ] {
            let url = parse(&format!("http://example.org{from}")).unwrap();
            assert_eq!(without_session(url).as_str(), format!("http://example.org{to}"), "{from}");
        }
    }

    #[test]
    fn addresses_with_names_of_their_own_do_not() {
        let name =
            |n: u32| n.to_string().chars().map(|digit| char::from(digit as u8 - b'0' + b'a')).collect::<String>();
        assert_eq!(passed(|n| format!("/photo/{}", name(n))), 1_000);
        let mut traps = Traps::new(Options { max_alike: 1, ..Options::default() });
        assert!(traps.enter(&parse("http://a.test/1").unwrap()).is_ok());
        assert!(traps.enter(&parse("http://b.test/1").unwrap()).is_ok(), "each host counts for itself");
        assert!(traps.enter(&parse("http://a.test/2").unwrap()).is_err());
    }

    #[test]
    fn shapes_beyond_the_limit_count_as_one_a_host() {
        let mut traps = Traps::new(Options { max_shapes: 100, max_alike: 50, ..Options::default() });
        let name =
            |n: u32| n.to_string().chars().map(|digit| char::from(digit as u8 - b'0' + b'a')).collect::<String>();
        let passed = (0..1_000).filter(|&n| enter(&mut traps, &format!("/{}", name(n)))).count();
        assert_eq!(passed, 150);
        assert!(traps.alike.len() <= 101);
    }
}
