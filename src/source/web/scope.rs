//! Which addresses a crawl may go to: those that belong to where it began, less what patterns leave out.

use std::path::Path;

use ::url::{Host, Url};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{Reason, Refusal};
use crate::error::{Error, ErrorKind, Result};

/// How far from its start a crawl may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The same host, with or without a leading `www.`, over http or https, on the start's port.
    #[default]
    Host,
    /// The start's host without a leading `www.`, and all hosts below it. No list of public suffixes is asked: a
    /// crawl that begins at `blog.example.org` does not reach `example.org`.
    Domain,
    /// The same host, and paths that begin with the start's up to its last `/`.
    Prefix,
}

/// As many folders of a path are compared with patterns; a page whose path is deeper is a trap.
const MAX_FOLDERS: usize = 64;

/// Where a crawl may go.
#[derive(Clone, Debug)]
pub struct Scope {
    reach: Reach,
    starts: Vec<Url>,
    include: Option<Patterns>,
    exclude: Patterns,
}

impl Scope {
    /// The scope of a crawl that begins at `starts`. A pattern is matched against the whole URL, where `*` also crosses
    /// `/`, and against the path as in .gitignore: whichever matches counts. Where `include` is not empty, one of it must
    /// match a page.
    ///
    /// # Errors
    /// `Usage` where a pattern can't be understood.
    pub fn new(reach: Reach, starts: Vec<Url>, include: &[String], exclude: &[String]) -> Result<Self> {
        let include = if include.is_empty() { None } else { Some(Patterns::new(include)?) };
        Ok(Self { reach, starts, include, exclude: Patterns::new(exclude)? })
    }

    /// Takes in what belongs to `start`, too.
    pub fn add_start(&mut self, start: Url) {
        if !self.starts.contains(&start) {
            self.starts.push(start);
        }
    }

    /// Whether it is one of the starts.
    pub fn is_start(&self, url: &Url) -> bool {
        self.starts.contains(url)
    }

    /// Whether it belongs to one of the starts, whatever patterns say.
    pub fn holds(&self, url: &Url) -> bool {
        self.starts.iter().any(|start| start == url || self.reaches(start, url))
    }

    /// Whether a page may be asked for. A start itself always may, unless a pattern leaves it out.
    ///
    /// # Errors
    /// `Scope`, with what is in the way.
    pub fn page(&self, url: &Url) -> std::result::Result<(), Refusal> {
        if !self.holds(url) {
            return Err(Refusal::new(Reason::Scope, "outside the scope of the crawl: a wider one takes it in"));
        }
        // What leads to pages that match need not match itself, so starts are spared --include.
        self.patterns(url, self.is_start(url))
    }

    /// Whether a picture that a page in scope shows may be asked for. Sites keep pictures on other hosts, so only the
    /// patterns count.
    ///
    /// # Errors
    /// `Scope`, with what is in the way.
    pub fn picture(&self, url: &Url) -> std::result::Result<(), Refusal> {
        if self.exclude.are_met_by(url) {
            return Err(Refusal::new(Reason::Scope, "left out by a pattern of what to exclude"));
        }
        Ok(())
    }

    /// Whether a sitemap that a robots.txt names may be asked for: where it belongs to a start and no pattern leaves it out.
    ///
    /// # Errors
    /// `Scope`, with what is in the way.
    pub fn sitemap(&self, url: &Url) -> std::result::Result<(), Refusal> {
        if !self.holds(url) {
            return Err(Refusal::new(Reason::Scope, "outside the scope of the crawl: a wider one takes it in"));
        }
        self.picture(url)
    }

    fn patterns(&self, url: &Url, is_start: bool) -> std::result::Result<(), Refusal> {
        self.picture(url)?;
        if !is_start && self.include.as_ref().is_some_and(|include| !include.are_met_by(url)) {
            return Err(Refusal::new(Reason::Scope, "not among what the patterns of what to include ask for"));
        }
        Ok(())
    }

    fn reaches(&self, start: &Url, url: &Url) -> bool {
        match self.reach {
            Reach::Host => same_host(start, url),
            Reach::Domain => match (start.host(), url.host()) {
                (Some(Host::Domain(above)), Some(Host::Domain(below))) => {
                    let above = bare(above);
                    let below = below.strip_suffix(above);
                    below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                }
                _ => same_host(start, url),
            },
            Reach::Prefix => {
                let folder = start.path().rsplit_once('/').map_or("", |(folder, _)| folder);
                let rest = url.path().strip_prefix(folder);
                same_host(start, url) && rest.is_some_and(|rest| rest.starts_with('/'))
            }
        }
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

/// Whether both are one host's: names but for `www.`, and ports where they are not the scheme's own.
fn same_host(a: &Url, b: &Url) -> bool {
    let host = |url: &Url| url.host_str().map(|host| bare(host).to_owned());
    host(a).is_some() && host(a) == host(b) && a.port() == b.port()
}

/// Patterns, each understood in two ways.
#[derive(Clone, Debug)]
struct Patterns {
    whole: GlobSet,
    path: Gitignore,
}

impl Patterns {
    fn new(patterns: &[String]) -> Result<Self> {
        let wrong = |error: String| Error::new(ErrorKind::Usage, format!("not a pattern: {error}"));
        let (mut whole, mut path) = (GlobSetBuilder::new(), GitignoreBuilder::new(""));
        for pattern in patterns {
            let glob = GlobBuilder::new(pattern).literal_separator(false).build();
            whole.add(glob.map_err(|error| wrong(error.to_string()))?);
            path.add_line(None, pattern).map_err(|error| wrong(error.to_string()))?;
        }
        let whole = whole.build().map_err(|error| wrong(error.to_string()))?;
        Ok(Self { whole, path: path.build().map_err(|error| wrong(error.to_string()))? })
    }

    fn are_met_by(&self, url: &Url) -> bool {
        // What a later pattern with a `!` takes out again is out.
        match self.of_path(url.path()) {
            Match::Ignore(()) => true,
            Match::Whitelist(()) => false,
            Match::None => self.whole.is_match(url.as_str()),
        }
    }

    fn of_path(&self, path: &str) -> Match<()> {
        let (path, is_folder) = (path.trim_matches('/'), path.ends_with('/'));
        if path.is_empty() || self.path.is_empty() {
            return Match::None;
        }
        let whole = self.path.matched(Path::new(path), is_folder).map(drop);
        if !whole.is_none() {
            return whole;
        }
        let end = path.match_indices('/').take(MAX_FOLDERS).last().map(|(at, _)| at);
        let folders = end.and_then(|end| path.get(..end)).unwrap_or_default();
        match folders.trim_end_matches('/') {
            "" => Match::None,
            folders => self.path.matched_path_or_any_parents(Path::new(folders), true).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::web::url::parse;

    fn scope(reach: Reach, start: &str, include: &[&str], exclude: &[&str]) -> Scope {
        let owned = |patterns: &[&str]| patterns.iter().map(|&p| p.to_owned()).collect::<Vec<_>>();
        Scope::new(reach, vec![parse(start).unwrap()], &owned(include), &owned(exclude)).unwrap()
    }

    fn pages(scope: &Scope, urls: &[(&str, bool)]) {
        for &(url, expected) in urls {
            assert_eq!(scope.page(&parse(url).unwrap()).is_ok(), expected, "{url}");
        }
    }

    #[test]
    fn the_host_is_the_start_s_with_or_without_www() {
        let scope = scope(Reach::Host, "https://www.example.org/a/b.html", &[], &[]);
        pages(
            &scope,
            &[
                ("https://www.example.org/", true),
                ("http://example.org/x", true),
                ("https://example.org:8443/", false),
                ("https://img.example.org/", false),
                ("https://notexample.org/", false),
                ("https://example.org.evil.test/", false),
            ],
        );
    }

    #[test]
    fn the_domain_is_the_start_s_host_and_all_below() {
        let scope = scope(Reach::Domain, "https://www.example.org/", &[], &[]);
        pages(
            &scope,
            &[
                ("https://example.org/", true),
                ("https://a.b.example.org/x", true),
                ("https://img.example.org:8080/", true),
                ("https://notexample.org/", false),
                ("https://example.org.evil.test/", false),
                ("https://org/", false),
            ],
        );
    }

    #[test]
    fn an_address_has_no_hosts_below_it() {
        let scope = scope(Reach::Domain, "http://192.0.2.1/", &[], &[]);
        pages(&scope, &[("http://192.0.2.1/a", true), ("http://192.0.2.2/", false), ("http://a.test/", false)]);
    }

    #[test]
    fn the_prefix_is_the_start_s_folder() {
        let scope = scope(Reach::Prefix, "https://example.org/photos/2020/index.html", &[], &[]);
        pages(
            &scope,
            &[
                ("https://example.org/photos/2020/", true),
                ("https://example.org/photos/2020/a/b", true),
                ("https://example.org/photos/2020", false),
                ("https://example.org/photos/2020-old/", false),
                ("https://example.org/photos/2021/", false),
            ],
        );
    }

    #[test]
    fn patterns_match_the_whole_address_and_exclude_wins() {
        let (include, exclude) = (["*/photos/*"], ["*?print=1", "*.pdf"]);
        let scope = scope(Reach::Host, "https://example.org/", &include, &exclude);
        pages(
            &scope,
            &[
                ("https://example.org/", true),
                ("https://example.org/photos/a/b", true),
                ("https://example.org/texts/", false),
                ("https://example.org/photos/a.pdf", false),
                ("https://example.org/photos/a?print=1", false),
            ],
        );
        assert!(scope.picture(&parse("https://cdn.test/a.jpg").unwrap()).is_ok());
        assert_eq!(scope.picture(&parse("https://cdn.test/a.pdf").unwrap()).unwrap_err().reason(), Reason::Scope);
    }

    #[test]
    fn patterns_match_the_path_as_in_gitignore_too() {
        let cases: [(&[&str], &str, bool); 24] = [
            (&["d2/"], "/d2/", true),
            (&["d2/"], "/a/d2/b/c.html", true),
            (&["d2/"], "/d2", false),
            (&["d2/"], "/d22/", false),
            (&["d2"], "/d2", true),
            (&["d2"], "/d2/x?y=1", true),
            (&["/d2/*"], "/d2/x", true),
            (&["/d2/*"], "/d2/", false),
            (&["/d2/*"], "/a/d2/x", false),
            (&["2.jpg"], "/a/2.jpg", true),
            (&["2.jpg"], "/a/12.jpg", false),
            (&["*.jpg"], "/a/2.jpg?w=1", true),
            (&["a/**/c"], "/a/b/b/c/d", true),
            (&["#a"], "/a", false),
            (&["d2", "!/d2/keep/"], "/d2/x", true),
            (&["keep*", "!keep.jpg"], "/keep.jpg", false),
            (&["keep*", "!keep.jpg"], "/keep.png", true),
            (&["*.jpg", "!keep.jpg"], "/a/keep.jpg", false),
            (&["https://example.org/b*"], "/b/c", true),
            (&["https://example.org/b*"], "/c/b", false),
            (&["*?print=1"], "/x?print=1", true),
            (&["d2"], "/", false),
            (&["d2"], "//d2//x", true),
            (&["*"], "/", true),
        ];
        for (patterns, path, expected) in cases {
            let url = parse(&format!("https://example.org{path}")).unwrap();
            let out = scope(Reach::Host, "https://example.org/start", &[], patterns);
            assert_eq!(out.picture(&url).is_err(), expected, "--exclude {patterns:?} {path}");
            let only = scope(Reach::Host, "https://example.org/start", patterns, &[]);
            assert_eq!(only.page(&url).is_ok(), expected, "--include {patterns:?} {path}");
            assert!(only.picture(&url).is_ok(), "--include is for pages only");
        }
        let deep = parse(&format!("https://example.org/{}d2/x", "a/".repeat(3_000))).unwrap();
        assert!(scope(Reach::Host, "https://example.org/", &[], &["x"]).picture(&deep).is_err());
        assert!(scope(Reach::Host, "https://example.org/", &[], &["d2/"]).picture(&deep).is_ok());
    }

    #[test]
    fn a_pattern_that_means_nothing_is_a_usage_error() {
        let error = Scope::new(Reach::Host, Vec::new(), &["a[".to_owned()], &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}
