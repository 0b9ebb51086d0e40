//! robots.txt by RFC 9309, with what Google's parser adds in practice: a few misspelt keys, keys without a colon, and
//! `index.html` for its folder.
//!
//! Own code, because what is at stake is somebody else's word: where a rule can be read in two ways, the one that
//! forbids more counts. So a `Disallow` with needless escapes also forbids the same path without them (as the RFC asks),
//! while an `Allow` gives leave only for what it says literally (as Google's parser has both).

use std::fmt::Write;
use std::time::Duration;

use ::url::Url;

use super::fetch::{Fetcher, Request, Response, token};
use super::url::escapes;
use super::{Reason, Refusal};

/// As much of a robots.txt as is read, in bytes; the least that RFC 9309, section 2.5 asks for.
pub const MAX_BYTES: u64 = 500 << 10;
/// The longest Crawl-delay that is told; more counts as this. How much is kept is for manners to say.
pub const MAX_DELAY: Duration = Duration::from_secs(86_400);
/// The most sitemaps that one file may name.
const MAX_SITEMAPS: usize = 1_000;

/// What one robots.txt says to one crawler.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Robots {
    rules: Vec<Rule>,
    delay: Option<Duration>,
    sitemaps: Vec<String>,
}

/// An `Allow` or `Disallow` line.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    allow: bool,
    pattern: Pattern,
    /// For an `Allow` of an `index.html`: its folder. For a `Disallow` with needless escapes: the pattern without them.
    also: Option<Pattern>,
}

/// A path's pattern: what stands between the `*`, escaped as in a URL.
#[derive(Clone, Debug, PartialEq)]
struct Pattern {
    parts: Vec<String>,
    /// Whether the path must end where the pattern does.
    whole: bool,
    /// By how much it counts: its length in bytes.
    length: usize,
}

/// Rules and delay of the groups that name an agent, or of those for all.
#[derive(Default)]
struct Groups {
    seen: bool,
    rules: Vec<Rule>,
    delay: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq)]
enum Key {
    Agent,
    Allow,
    Disallow,
    Delay,
    Sitemap,
    Other,
}

impl Robots {
    /// Reads the first [`MAX_BYTES`] of a robots.txt for the crawler whose product token is `agent`, such as `ris`.
    /// Nothing is malformed: what is not understood is passed over.
    pub fn parse(bytes: &[u8], agent: &str) -> Self {
        let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
        let text = String::from_utf8_lossy(bytes.get(..limit).unwrap_or(bytes));
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let (mut own, mut all) = (Groups::default(), Groups::default());
        // Whether the group that is being read is meant for us, for all, and whether its rules have begun.
        let (mut is_own, mut is_all, mut in_rules) = (false, false, false);
        let mut sitemaps = Vec::new();
        for line in text.split(['\n', '\r']) {
            let Some((key, value)) = key_and_value(line) else { continue };
            match key {
                Key::Agent => {
                    if std::mem::take(&mut in_rules) {
                        (is_own, is_all) = (false, false);
                    }
                    if value == "*" || value.strip_prefix('*').is_some_and(|rest| rest.starts_with(char::is_whitespace))
                    {
                        is_all = true;
                        all.seen = true;
                    } else if !agent.is_empty() && token(value).eq_ignore_ascii_case(agent) {
                        is_own = true;
                        own.seen = true;
                    }
                }
                Key::Allow | Key::Disallow => {
                    in_rules = true;
                    let rule = Rule::new(key == Key::Allow, value);
                    own.rules.extend(rule.clone().filter(|_| is_own));
                    all.rules.extend(rule.filter(|_| is_all));
                }
                // No rule of the RFC, so it neither opens nor closes a group.
                Key::Delay => {
                    let delay = delay(value);
                    own.delay = own.delay.max(delay.filter(|_| is_own));
                    all.delay = all.delay.max(delay.filter(|_| is_all));
                }
                Key::Sitemap if sitemaps.len() < MAX_SITEMAPS => sitemaps.push(value.to_owned()),
                Key::Sitemap | Key::Other => {}
            }
        }
        let group = if own.seen { own } else { all };
        Self { rules: group.rules, delay: group.delay, sitemaps }
    }

    /// Whether `url` may be fetched: the longest pattern that matches its path and query decides, `Allow` where two are
    /// of one length, and what no pattern matches may.
    pub fn allows(&self, url: &str) -> bool {
        let path = path(url);
        let plain = escapes(&path);
        let longest = |allow: bool| {
            let rules = self.rules.iter().filter(move |rule| rule.allow == allow);
            rules.filter_map(|rule| rule.weight(&path, &plain)).max()
        };
        match (longest(true), longest(false)) {
            (_, None) => true,
            (allow, Some(disallow)) => allow.is_some_and(|allow| allow >= disallow),
        }
    }

    /// The Crawl-delay, at most [`MAX_DELAY`].
    pub fn delay(&self) -> Option<Duration> {
        self.delay
    }

    /// The values of all Sitemap lines, as they stand; they are of the host, not of a group.
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }
}

/// What came of asking for a host's robots.txt.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It says this.
    Rules(Robots),
    /// There is none (400 to 499): everything may be fetched.
    All,
    /// It can't be had now (500 to 599, 429, no answer in time): nothing may be fetched.
    Nothing,
}

impl Verdict {
    /// The verdict on an answer, by RFC 9309, section 2.3.1. Status 429 counts as the host's trouble, as Google has it:
    /// who says "too many requests" does not invite more.
    pub fn of(answer: &Result<Response, Refusal>, agent: &str) -> Self {
        match answer {
            Ok(response) => match response.status {
                200..=299 => Self::Rules(Robots::parse(&response.body, agent)),
                // A redirect without an end counts as no file.
                300..=399 => Self::All,
                429 => Self::Nothing,
                400..=499 => Self::All,
                _ => Self::Nothing,
            },
            Err(refusal) if refusal.reason() == Reason::Redirects => Self::All,
            Err(_) => Self::Nothing,
        }
    }

    /// Asks for the robots.txt of the host of `url`, over at most five redirects, which may lead to other hosts, and reads
    /// it for who asks by this fetcher's User-Agent. The answer tells what it cost.
    pub fn fetch(fetcher: &Fetcher, url: &Url) -> (Self, Result<Response, Refusal>) {
        let mut place = url.clone();
        place.set_path("/robots.txt");
        place.set_query(None);
        let accept = "text/plain,*/*;q=0.5";
        let request = Request { accept, max_bytes: MAX_BYTES, cut: true, ..Request::page(place) };
        let answer = fetcher.follow(&request, |_| Ok(()));
        (Self::of(&answer, fetcher.product()), answer)
    }

    /// Whether `url` may be fetched.
    pub fn allows(&self, url: &Url) -> bool {
        match self {
            Self::Rules(robots) => url.path() == "/robots.txt" || robots.allows(url.as_str()),
            Self::All => true,
            Self::Nothing => false,
        }
    }

    /// The Crawl-delay, where there is one.
    pub fn delay(&self) -> Option<Duration> {
        match self {
            Self::Rules(robots) => robots.delay(),
            Self::All | Self::Nothing => None,
        }
    }

    /// The sitemaps that it names, as they stand there.
    pub fn sitemaps(&self) -> &[String] {
        match self {
            Self::Rules(robots) => robots.sitemaps(),
            Self::All | Self::Nothing => &[],
        }
    }
}

/// Key and value of a line, without comment and space. A space does for the colon where there are just two words.
fn key_and_value(line: &str) -> Option<(Key, &str)> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let (key, value) = match line.split_once(':') {
        Some(parts) => parts,
        None => {
            let (key, value) = line.split_once([' ', '\t'])?;
            let value = value.trim_start();
            if value.contains([' ', '\t']) {
                return None;
            }
            (key, value)
        }
    };
    let key: String = key.trim().chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect();
    let key = match key.to_ascii_lowercase().as_str() {
        "useragent" => Key::Agent,
        "allow" => Key::Allow,
        "disallow" | "dissallow" | "dissalow" | "disalow" | "diasllow" | "disallaw" => Key::Disallow,
        "crawldelay" => Key::Delay,
        "sitemap" => Key::Sitemap,
        _ => Key::Other,
    };
    Some((key, value.trim()))
}

/// Seconds, which may have a fraction.
fn delay(value: &str) -> Option<Duration> {
    let seconds: f64 = value.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)?;
    Some(Duration::from_secs_f64(seconds.min(MAX_DELAY.as_secs_f64())))
}

/// The path and query of a URL, as a crawler would send it: escapes in capitals, nothing else changed.
fn path(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let path = after.find(['/', '?', ';']).and_then(|at| after.get(at..)).unwrap_or_default();
    if path.starts_with('/') { capitals(path) } else { format!("/{}", capitals(path)) }
}

/// `%e3` as `%E3`, and what is not ASCII escaped.
fn escaped(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    for byte in pattern.bytes() {
        if byte.is_ascii() {
            out.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    capitals(&out)
}

/// `%e3` as `%E3`.
fn capitals(text: &str) -> String {
    let mut digits: u8 = 0;
    let capital = |c: char| {
        let inside = digits > 0 && c.is_ascii_hexdigit();
        digits = if c == '%' { 2 } else { digits.saturating_sub(1) * u8::from(inside) };
        if inside { c.to_ascii_uppercase() } else { c }
    };
    text.chars().map(capital).collect()
}

impl Rule {
    /// The rule of a line; one without a value says nothing.
    fn new(allow: bool, value: &str) -> Option<Self> {
        let value = Some(escaped(value)).filter(|value| !value.is_empty())?;
        let also = if allow {
            let (folder, file) = value.rsplit_once('/').unwrap_or_default();
            file.starts_with("index.htm").then(|| Pattern::new(&format!("{folder}/$")))
        } else {
            Some(escapes(&value)).filter(|plain| *plain != value).map(|plain| Pattern::new(&plain))
        };
        Some(Self { allow, pattern: Pattern::new(&value), also })
    }

    /// By how much it counts for a path (as sent, and without needless escapes), where it matches.
    fn weight(&self, path: &str, plain: &str) -> Option<usize> {
        let also = self.also.as_ref();
        let second = if self.allow {
            also.filter(|folder| folder.matches(path))
        } else {
            Some(also.unwrap_or(&self.pattern)).filter(|pattern| pattern.matches(plain))
        };
        let first = Some(&self.pattern).filter(|pattern| pattern.matches(path));
        first.or(second).map(|pattern| pattern.length)
    }
}

impl Pattern {
    fn new(value: &str) -> Self {
        let (body, whole) = value.strip_suffix('$').map_or((value, false), |body| (body, true));
        Self { parts: body.split('*').map(str::to_owned).collect(), whole, length: value.len() }
    }

    /// Whether the pattern matches the start of `path`, or all of it. Each part is found as early as can be, which
    /// leaves most to those behind it; so no path of turns is tried twice.
    fn matches(&self, path: &str) -> bool {
        let mut parts = self.parts.iter();
        let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first.as_str())) else { return false };
        let mut parts = parts.peekable();
        while let Some(part) = parts.next() {
            if self.whole && parts.peek().is_none() {
                return rest.ends_with(part.as_str());
            }
            match rest.split_once(part.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        !self.whole || rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A robots.txt, and what it says to `ris` about paths.
    fn check(text: &str, paths: &[(&str, bool)]) {
        let robots = Robots::parse(text.as_bytes(), "ris");
        for &(path, allowed) in paths {
            assert_eq!(robots.allows(&format!("http://example.org{path}")), allowed, "{path} by {text:?}");
        }
    }

    #[test]
    fn the_group_that_names_the_agent_is_the_only_one_that_counts() {
        let text = "User-agent: *\nDisallow: /all\n\nUser-agent: other\nDisallow: /\n\nUser-agent: RIS/1.2 (x)\nDisallow: /own\n";
        check(text, &[("/all", true), ("/own", false), ("/", true)]);
        assert!(!Robots::parse(text.as_bytes(), "third").allows("http://example.org/all"));
        assert!(!Robots::parse(text.as_bytes(), "other").allows("http://example.org/"));
        // A name that only begins like ours, or the other way round, is another's.
        check("User-agent: risotto\nUser-agent: ri\nDisallow: /\n", &[("/", true)]);
        assert!(Robots::parse(b"User-agent: ris\nDisallow: /\n", "").allows("http://example.org/"));
    }

    #[test]
    fn groups_of_one_name_are_one_group_and_agents_in_a_row_share_theirs() {
        let text = "User-agent: ris\nDisallow: /a\nUser-agent: x\nDisallow: /x\nUser-agent: y\nUser-agent: ris\nDisallow: /b\n";
        check(text, &[("/a", false), ("/b", false), ("/x", true)]);
        // Lines that are no rules do not end a group, so both agents are meant.
        let text =
            "User-agent: ris\nSitemap: http://example.org/s\nCrawl-delay: 1\nSurprise: 1\nUser-agent: x\nDisallow: /\n";
        check(text, &[("/", false)]);
        check("Disallow: /\nUser-agent: ris\nAllow: /a\n", &[("/b", true)]);
        check("User-agent: ris\nUser-agent: *\nDisallow: /a\n", &[("/a", false)]);
    }

    #[test]
    fn the_longest_pattern_decides_and_allow_where_two_are_equal() {
        check(
            "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c\n",
            &[("/a", false), ("/a/b", true), ("/a/b/c", false), ("/a/b/cd", false), ("/", true), ("/A", true)],
        );
        check("User-agent: *\nDisallow: /a/\nAllow: /a/\n", &[("/a/b", true)]);
        check("User-agent: *\nAllow: /a\nDisallow: /*.jpg\n", &[("/a.jpg", false), ("/a", true)]);
        check("User-agent: *\nDisallow:\nAllow:\n", &[("/a", true)]);
    }

    #[test]
    fn a_star_stands_for_anything_and_a_dollar_for_the_end() {
        check(
            "User-agent: *\nDisallow: /*.gif$\nDisallow: /a*b*c\nDisallow: /exact$\nDisallow: /x*$\nDisallow: *?print=\n",
            &[
                ("/p.gif", false),
                ("/p.gif?x", true),
                ("/p.gif/", true),
                ("/d/p.gif.gif", false),
                ("/abc", false),
                ("/a--b--c--", false),
                ("/acb", true),
                ("/ab", true),
                ("/exact", false),
                ("/exact/", true),
                ("/x", false),
                ("/xyz", false),
                ("/any?print=1", false),
                ("/any?q=1&print=1", true),
            ],
        );
        // A dollar elsewhere is a character like others, and ends overlap nothing.
        check(
            "User-agent: *\nDisallow: /a$b\nDisallow: /ab*ba$\n",
            &[("/a$b", false), ("/a", true), ("/aba", true), ("/abba", false), ("/ab-ba", false)],
        );
    }

    #[test]
    fn escapes_are_compared_as_what_they_stand_for_and_in_doubt_forbid() {
        check(
            "User-agent: *\nDisallow: /ツ\nDisallow: /%e3%83%86\n",
            &[("/%E3%83%84", false), ("/%e3%83%84", false), ("/%E3%83%86", false), ("/%E3%83%85", true)],
        );
        check("User-agent: *\nDisallow: /%62%61z\n", &[("/baz", false), ("/%62%61z", false), ("/%62az", false)]);
        check("User-agent: *\nDisallow: /\nAllow: /%62%61z\n", &[("/%62%61z", true), ("/baz", false)]);
        check(
            "User-agent: *\nDisallow: /baz\nDisallow: /a%2fb\n",
            &[("/%62az", false), ("/a%2Fb", false), ("/a/b", true)],
        );
    }

    #[test]
    fn keys_are_read_as_people_write_them() {
        for text in [
            "user-agent: *\ndisallow: /a\n",
            "USER-AGENT:*\nDISALLOW:/a",
            "User-agent: *\r\nDisallow: /a\r\n",
            "User-agent: *\rDisallow: /a\r",
            "\u{feff}User-agent: *\nDisallow: /a",
            "  User-agent : *  # all\n\tDisallow : /a # not this\n",
            "User-agent *\nDisallow /a\n",
            "User agent: *\nDissalow: /a\n",
            "useragent: *\ndisalow: /a\n",
            "User-agent: * for all\nDisallow: /a",
            "<html>\nUser-agent: *\n\0\n::\nDisallow: /a",
        ] {
            check(text, &[("/a", false), ("/b", true)]);
        }
        check("User-agent: *\n# Disallow: /a\nDisallow /a b\nDisallow\n", &[("/a", true)]);
    }

    #[test]
    fn an_index_page_stands_for_its_folder_where_it_is_allowed() {
        let text = "User-agent: *\nDisallow: /\nAllow: /a/index.html\n";
        check(text, &[("/a/", true), ("/a/index.html", true), ("/a/b", false), ("/a/index", false)]);
        check("User-agent: *\nDisallow: /a/index.html\n", &[("/a/", true)]);
    }

    #[test]
    fn any_text_has_a_path() {
        let cases = [
            ("", "/"),
            ("/a", "/a"),
            ("http://h", "/"),
            ("http://h/", "/"),
            ("http://h?q", "/?q"),
            ("http://h/a#b", "/a"),
            ("h/a", "/a"),
            ("http://h/a?u=http://x/y", "/a?u=http://x/y"),
            ("http://h;p", "/;p"),
            ("http://h/%e3x%ab", "/%E3x%AB"),
        ];
        for (url, expected) in cases {
            assert_eq!(path(url), expected, "{url}");
        }
    }

    #[test]
    fn delays_and_sitemaps_are_kept_within_limits() {
        let text = "Sitemap: http://example.org/1.xml\nUser-agent: *\nCrawl-delay: 7\nUser-agent: ris\nCrawl-delay: 1.5\nSITEMAP:/2\n";
        let own = Robots::parse(text.as_bytes(), "ris");
        assert_eq!(own.delay(), Some(Duration::from_secs_f64(1.5)));
        assert_eq!(Robots::parse(text.as_bytes(), "x").delay(), Some(Duration::from_secs(7)));
        assert_eq!(own.sitemaps(), ["http://example.org/1.xml", "/2"]);
        for (value, expected) in [
            ("1e9", Some(MAX_DELAY)),
            ("-1", None),
            ("nan", None),
            ("inf", None),
            ("x", None),
            ("", None),
            ("0", Some(Duration::ZERO)),
        ] {
            assert_eq!(
                Robots::parse(format!("User-agent: *\nCrawl-delay: {value}").as_bytes(), "ris").delay(),
                expected,
                "{value}"
            );
        }
        let many = "Sitemap: /s\n".repeat(5_000);
        assert_eq!(Robots::parse(many.as_bytes(), "ris").sitemaps().len(), MAX_SITEMAPS);
    }

    #[test]
    fn half_a_megabyte_is_read_and_no_more() {
        let long = format!("User-agent: *\nDisallow: /a\n#{}\nDisallow: /b\n", "x".repeat(500 << 10));
        check(&long, &[("/a", false), ("/b", true)]);
    }

    #[test]
    fn patterns_made_to_be_slow_are_not() {
        let patterns = format!("User-agent: *\nDisallow: /{}b$\n", "*a".repeat(5_000));
        check(&patterns, &[(&"/a".repeat(1_000), true)]);
        let many = format!("User-agent: *\n{}", "Disallow: /*a*a*a*a*a*b\n".repeat(20_000));
        check(&many, &[(&format!("/{}", "a".repeat(1_900)), true)]);
    }

    /// An answer of `status` with a body that forbids all.
    fn answer(status: u16) -> Result<Response, Refusal> {
        let body = b"User-agent: *\nDisallow: /\nCrawl-delay: 3".to_vec();
        Ok(Response { body, ..crate::source::web::fetch::answer(status) })
    }

    #[test]
    fn without_a_file_all_is_allowed_and_without_an_answer_nothing() {
        let (root, file) =
            (Url::parse("http://example.org/").unwrap(), Url::parse("http://example.org/robots.txt").unwrap());
        for (status, expected) in [
            (404, true),
            (401, true),
            (403, true),
            (410, true),
            (304, true),
            (429, false),
            (500, false),
            (503, false),
            (200, false),
        ] {
            assert_eq!(Verdict::of(&answer(status), "ris").allows(&root), expected, "{status}");
        }
        let rules = Verdict::of(&answer(200), "ris");
        assert_eq!((rules.delay(), rules.allows(&file)), (Some(Duration::from_secs(3)), true));
        let reasons = [
            (Reason::Time, false),
            (Reason::Slow, false),
            (Reason::Connection, false),
            (Reason::Private, false),
            (Reason::Redirects, true),
        ];
        for (reason, expected) in reasons {
            assert_eq!(Verdict::of(&Err(Refusal::new(reason, "no")), "ris").allows(&root), expected, "{reason:?}");
        }
    }
}
