//! `ris index` of sources on the web.

#![allow(unsafe_code, reason = "options of the allocator")]

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ::url::Url;
use anyhow::Result;
use indicatif::HumanCount;
use ris::index::Writer;
use ris::ingest::crawl::{Crawl, Crawled, Planned, check, crawl, plan};
use ris::ingest::{self, Summary};
use ris::locator::Locator;
use ris::progress::Progress;
use ris::source::web::scope::Reach;
use ris::source::web::{fetch, manners, url};
use ris::{Error, ErrorKind, report};

use super::args::{self, Index};
use super::exit::Exit;
use super::progress::Bar;
use super::{index, messages};

/// The sources that are addresses on the web, apart from the others, and how many look like one and are none that can be
/// asked for: each of those is one warning.
pub fn split(sources: Vec<PathBuf>) -> (Vec<Url>, Vec<PathBuf>, u64) {
    let (mut urls, mut paths, mut wrong) = (Vec::new(), Vec::new(), 0);
    for source in sources {
        match source.to_str().filter(|text| is_address(text)) {
            Some(text) => match url::parse(text) {
                Ok(url) if urls.contains(&url) => {}
                Ok(url) => urls.push(url),
                Err(refusal) => {
                    let error = Error::new(ErrorKind::Usage, refusal.message().to_owned());
                    messages::warning(&error.about(Locator::Url(text.to_owned())));
                    wrong += 1;
                }
            },
            None => paths.push(source),
        }
    }
    (urls, paths, wrong)
}

/// Whether it reads like an address, `ftp://` and the like among them. A folder of that name is written `./https:/...`.
fn is_address(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// How the arguments say that a crawl is to go.
pub fn crawl_of(args: &Index) -> Crawl {
    let web = &args.web;
    let fetch =
        fetch::Options { allow_private: web.allow_private, proxy: web.proxy.clone(), ..fetch::Options::default() };
    let user_agent = web.user_agent.clone().unwrap_or_else(|| fetch.user_agent.clone());
    Crawl {
        reach: match web.scope {
            args::Reach::Host => Reach::Host,
            args::Reach::Domain => Reach::Domain,
            args::Reach::Prefix => Reach::Prefix,
        },
        include: web.include.clone(),
        exclude: args.walk.exclude.clone(),
        depth: web.depth,
        max_pages: web.max_pages,
        max_images: web.max_images,
        max_bytes: web.max_bytes,
        noai: web.noai,
        warc: web.warc.clone(),
        manners: manners::Options {
            delay: web.delay,
            // Who sets no delay means it.
            response_times: if web.delay.is_zero() { 0 } else { manners::Options::default().response_times },
            ..manners::Options::default()
        },
        fetch: fetch::Options { user_agent, ..fetch },
        ..Crawl::default()
    }
}

/// Lets the fetching threads share memory that is free again: each with pools of its own, as glibc has it, a crawl takes
/// 153 MB where it needs 65 (measured by `benches/crawl.rs`).
fn share_free_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it sets a number of the allocator, and fails by a status that says that nothing changed.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Lists what a crawl would fetch.
pub fn list(starts: &[Url], args: &Index, options: &ingest::Options, quiet: bool) -> Result<Exit> {
    share_free_memory();
    let bar = Bar::new(quiet);
    let mut found = |Planned { kind, url }: Planned| {
        let mut line = Vec::new();
        let written = match args.json {
            true => report::json::planned(&mut line, kind, &url),
            false => writeln!(line, "{kind:<8}{url}"),
        };
        let written = written.and_then(|()| bar.suspend(|| io::stdout().lock().write_all(&line)));
        written.map_err(Error::io)
    };
    let planned = plan(starts, &crawl_of(args), options, &bar, &mut found);
    bar.clear();
    let summary = planned?;
    if let Some(crawled) = summary.crawled.as_ref().filter(|_| !quiet) {
        let (pages, images) = (HumanCount(crawled.pages), HumanCount(crawled.images));
        messages::block(&format!("pages: {pages}, pictures that would be fetched: {images}{}", refusals(crawled)));
    }
    Ok(index::exit_of(&summary))
}

/// What a crawl did not fetch or use, by reason.
pub fn refusals(crawled: &Crawled) -> String {
    if crawled.refused.is_empty() {
        return String::new();
    }
    let reasons: Vec<_> =
        crawled.refused.iter().map(|(reason, count)| format!("{reason} {}", HumanCount(*count))).collect();
    format!("; not fetched or not used: {}", reasons.join(", "))
}

/// Crawls, and adds what came of it to what came of the folders.
pub fn round(
    folder: &Path,
    starts: &[Url],
    args: &Index,
    options: &ingest::Options,
    progress: &dyn Progress,
    summary: Option<Summary>,
) -> ris::Result<Summary> {
    let how = crawl_of(args);
    // What can't be begun makes no index.
    check(starts, &how)?;
    if how.warc.as_ref().is_some_and(|file| file.as_os_str() == "-") {
        return Err(Error::new(ErrorKind::Usage, "--warc takes a file: stdout is for results"));
    }
    share_free_memory();
    let kept = ris::index::Options { portable: args.here.is_some(), ..ris::index::Options::default() };
    let mut writer = Writer::open_telling(folder, kept, progress)?;
    let mut crawled = crawl(&mut writer, starts, &how, options, progress)?;
    writer.finish()?;
    if let Some(before) = summary {
        crawled.add(before);
    }
    Ok(crawled)
}
