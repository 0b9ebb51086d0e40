//! What a crawl would ask for: its starts are fetched and read, nothing else is, and nothing is written.

use ::url::Url;

use super::Crawl;
use super::fetching::looks_like_sitemap;
use crate::decode::{self, Sniff};
use crate::error::Result;
use crate::source::web::fetch::{Fetcher, PRODUCT, Request};
use crate::source::web::robots::Verdict;
use crate::source::web::scope::Scope;
use crate::source::web::{Reason, Refusal, page, sitemap};

/// An address that a crawl would ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// `page`, `sitemap` or `picture`.
    pub kind: &'static str,
    /// The address.
    pub url: Url,
}

/// Fetches each start and tells what it leads to: `found` hears of each address once a start, `refused` of a start that
/// can't be had. Addresses that robots.txt or the scope forbid are left out.
///
/// # Errors
/// `Usage` for a pattern, proxy or user agent.
pub fn plan(
    starts: &[Url],
    crawl: &Crawl,
    mut found: impl FnMut(Planned) -> Result<()>,
    mut refused: impl FnMut(&Url, &Refusal),
) -> Result<()> {
    let scope = Scope::new(crawl.reach, starts.to_vec(), &crawl.include, &crawl.exclude)?;
    let fetcher = Fetcher::new(crawl.fetch.clone())?;
    for start in starts {
        let (verdict, _) = Verdict::fetch(&fetcher, start);
        match of_start(&fetcher, &scope, &verdict, start) {
            Err(refusal) => refused(start, &refusal),
            Ok(planned) => planned.into_iter().try_for_each(&mut found)?,
        }
    }
    Ok(())
}

fn of_start(
    fetcher: &Fetcher,
    scope: &Scope,
    verdict: &Verdict,
    start: &Url,
) -> std::result::Result<Vec<Planned>, Refusal> {
    if !verdict.allows(start) {
        return Err(Refusal::new(Reason::Robots, "robots.txt forbids it"));
    }
    let response = fetcher.follow(&Request::page(start.clone()), |_| Ok(()))?;
    if !response.is_success() {
        return Err(Refusal::new(Reason::Status, format!("the server answers {}", response.status)));
    }
    let at = response.url.clone();
    if !matches!(decode::sniff(&response.body), Sniff::Unknown) {
        return Ok(vec![Planned { kind: "picture", url: at }]);
    }
    let mut planned = Vec::new();
    let same_host = |url: &Url| url.host() != start.host() || verdict.allows(url);
    let mut add = |kind, url: Url| planned.extend(same_host(&url).then_some(Planned { kind, url }));
    if looks_like_sitemap(&response, &at) {
        add("sitemap", at);
        let read = sitemap::read(&response.body)?;
        for entry in read.pages {
            if scope.page(&entry.url).is_ok() {
                add("page", entry.url);
            }
            let pictures = entry.pictures.into_iter().map(|picture| picture.url);
            pictures.filter(|url| scope.picture(url).is_ok()).for_each(|url| add("picture", url));
        }
        read.sitemaps.into_iter().for_each(|entry| add("sitemap", entry.url));
        return Ok(planned);
    }
    let read = page::read(&response.body, response.content_type.as_deref(), &response.robots, &at, PRODUCT);
    add("page", at);
    if read.directives.allow_pictures() {
        let pictures = read.pictures.into_iter().map(|picture| picture.url);
        pictures.filter(|url| scope.picture(url).is_ok()).for_each(|url| add("picture", url));
    }
    read.links.into_iter().filter(|url| scope.page(url).is_ok()).for_each(|url| add("page", url));
    Ok(planned)
}
