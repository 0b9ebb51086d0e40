//! What is made of an answer: what is written to the index and the ledger, and what it names that is to be asked for next.

use ::url::Url;

use super::super::look::Examined;
use super::super::run::Run;
use super::fetching::{Answer, Looked, Named};
use super::frontier::{Frontier, now_s};
use super::{lose, lose_place, places};
use crate::error::{Error, ErrorKind, Result};
use crate::index::ledger::{Done, Kind, Queued};
use crate::index::{Page, Shown, State};
use crate::locator::{Locator, Stamp};
use crate::source::web::fetch::MAX_HOPS;
use crate::source::web::{Reason, Refusal, url};

/// Whether redirects that this crawl has met lead from `to` to what was asked for.
fn leads_back(run: &mut Run<'_>, to: &Url, asked: &Queued) -> Result<bool> {
    let mut at = to.to_string();
    for _ in 0..=MAX_HOPS {
        if at == asked.url {
            return Ok(true);
        }
        let ledger = run.writer.ledger()?;
        let next = if ledger.is_met(&at, asked.start) { ledger.last(&at)? } else { None };
        match next.and_then(|next| next.redirect) {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(false)
}

impl Frontier<'_, '_> {
    /// Says why a start could not be had; of other addresses the summary tells.
    pub(super) fn tell_start(&mut self, run: &mut Run<'_>, queued: &Queued, message: String) {
        if queued.kind == Kind::Start {
            run.fail(&Error::new(ErrorKind::Io, message).about(Locator::Url(queued.url.clone())));
        }
    }

    /// Leaves an address that may be had another time in the ledger, for the next run.
    pub(super) fn left(&mut self, run: &mut Run<'_>, queued: &Queued, answer: &Answer) {
        if let Answer::Refused(refusal) = answer {
            self.refuse(refusal.reason());
            self.tell_start(run, queued, refusal.message().to_owned());
        }
    }

    /// Uses an answer.
    ///
    /// # Errors
    /// `Io`, `Damaged`: of the index, of the processes that decode, or of what looking at the answer met of them.
    pub(super) fn answered(&mut self, run: &mut Run<'_>, queued: Queued, answer: Answer) -> Result<()> {
        match answer {
            Answer::Unread => {
                // Its answer is larger than what this run may still receive: the next one has room for it, or more.
                self.tell_start(run, &queued, "larger than what this run may still receive".to_owned());
                run.writer.ledger()?.put_back(queued)
            }
            // It stays in the ledger, for the next run.
            Answer::Stopped => Ok(()),
            Answer::Broken(error) => Err(error),
            Answer::Refused(refusal) => self.refused(run, &queued, &refusal),
            Answer::Forbidden => {
                self.refuse(Reason::Robots);
                self.tell_start(run, &queued, "its server forbids to index it".to_owned());
                lose(run, &Locator::Url(queued.url.clone()))?;
                self.finish(run, &queued, Done::default())
            }
            Answer::Gone(status) => {
                self.refuse(Reason::Status);
                self.tell_start(run, &queued, format!("the server answers {status}"));
                lose(run, &Locator::Url(queued.url.clone()))?;
                if queued.kind == Kind::Start {
                    // Where the way in is gone, what is behind it may stand.
                    self.troubled.insert(queued.start);
                }
                self.finish(run, &queued, Done::default())
            }
            Answer::Redirect(to) => self.redirected(run, queued, &to),
            Answer::Same(last) => self.unchanged(run, &queued, *last),
            Answer::Page { done, named } => {
                self.crawled.pages += 1;
                self.tell_planned(if named.is_sitemap { "sitemap" } else { "page" }, &queued.url)?;
                self.name(run, &queued, &done.title, named)?;
                self.name_sitemaps(run, &queued)?;
                self.finish(run, &queued, *done)
            }
            Answer::Picture { done, looked, stamp } => self.shown(run, queued, *done, *looked, stamp),
        }
    }

    fn refused(&mut self, run: &mut Run<'_>, queued: &Queued, refusal: &Refusal) -> Result<()> {
        self.refuse(refusal.reason());
        self.tell_start(run, queued, refusal.message().to_owned());
        if queued.kind == Kind::Start {
            self.troubled.insert(queued.start);
        } else {
            self.believe(run, queued)?;
        }
        // What it was stays what is known of it.
        let last = run.writer.ledger()?.last(&queued.url)?.unwrap_or_default();
        self.finish(run, queued, last)
    }

    fn redirected(&mut self, run: &mut Run<'_>, queued: Queued, to: &Url) -> Result<()> {
        self.believe(run, &queued)?;
        let last = run.writer.ledger()?.last(&queued.url)?.unwrap_or_default();
        let Done { pictures, links, picture, .. } = last;
        let redirect = Some(to.to_string());
        self.finish(run, &queued, Done { redirect, pictures, links, picture, ..Done::default() })?;
        if usize::from(queued.hops) >= MAX_HOPS || leads_back(run, to, &queued)? {
            self.refuse(Reason::Redirects);
            if queued.kind == Kind::Start {
                self.troubled.insert(queued.start);
                let start = run.writer.ledger()?.start(queued.start).unwrap_or(&queued.url).to_owned();
                let message = format!("it leads to nothing: more than {MAX_HOPS} redirects, or a circle of them");
                run.fail(&Error::new(ErrorKind::Io, message).about(Locator::Url(start)));
            }
            return Ok(());
        }
        // Where a start leads to is a start, too: that is how sites say what they are called.
        let next = Queued { url: to.to_string(), hops: queued.hops + 1, ..queued };
        if next.kind == Kind::Start { self.lead_to(run, to, next) } else { self.queue(run, next) }
    }

    /// Takes what was known of an address for what is there.
    fn unchanged(&mut self, run: &mut Run<'_>, queued: &Queued, last: Done) -> Result<()> {
        self.crawled.not_modified += 1;
        if last.picture {
            let locator = Locator::Url(queued.url.clone());
            for place in places(run.before(), &locator)? {
                if let Some(known) = run.before().known(&place)? {
                    run.apply_shown(place, known.stamp, Examined::Unchanged(known, String::new()), 1, None)?;
                }
            }
        } else {
            let named = self.within_scope(queued, Named::of(&last));
            self.name(run, queued, &last.title, named)?;
            self.name_sitemaps(run, queued)?;
        }
        self.finish(run, queued, last)
    }

    /// Writes a picture to the index.
    fn shown(&mut self, run: &mut Run<'_>, queued: Queued, done: Done, looked: Looked, stamp: Stamp) -> Result<()> {
        // Nobody knew that it is one before it was there.
        if queued.kind != Kind::Picture {
            if self.crawl.max_images.is_some_and(|most| self.asked.1 >= most) {
                return run.writer.ledger()?.put_back(queued);
            }
            self.asked.1 += 1;
        }
        self.crawled.images += 1;
        self.tell_planned("picture", &queued.url)?;
        let on = queued.shown.clone().map(|(url, title, alt, caption)| Page { url, title, alt, caption });
        let fetched_s = i64::try_from(now_s()).unwrap_or_default();
        let shown = Some(Box::new(Shown { on: on.into_iter().collect(), fetched_s }));
        let locator = Locator::Url(queued.url.clone());
        let Looked { first: (first, asked), rest } = looked;
        for gone in places(run.before(), &locator)? {
            if gone != locator && !rest.iter().any(|(place, _)| *place == gone) {
                lose_place(run, &gone)?;
            }
        }
        for (place, examined) in rest {
            run.apply_shown(place, stamp, examined, 1, shown.clone())?;
        }
        let record = run.apply_shown(locator, stamp, first, asked, shown)?;
        let picture = record.state == State::Present;
        self.finish(run, &queued, Done { picture, ..done })
    }

    /// Queues the sitemaps that the robots.txt of a start's host names, now that the start is known to be a page: whoever
    /// starts at a picture wants that picture.
    fn name_sitemaps(&mut self, run: &mut Run<'_>, start: &Queued) -> Result<()> {
        if start.kind != Kind::Start {
            return Ok(());
        }
        let sitemaps = self.sitemaps.remove(&start.start).unwrap_or_default();
        // All that a sitemap lists is a link away.
        if self.crawl.depth == Some(0) {
            return Ok(());
        }
        for url in sitemaps {
            let (kind, start) = (Kind::Sitemap, start.start);
            let queued = Queued { url, kind, depth: 0, hops: 0, start, listed: true, by_robots: true, shown: None };
            self.queue(run, queued)?;
        }
        Ok(())
    }

    /// Asks for what a page showed and led to that can't be read any more: nobody says that it is gone.
    fn believe(&mut self, run: &mut Run<'_>, queued: &Queued) -> Result<()> {
        match run.writer.ledger()?.last(&queued.url)? {
            Some(last) if !last.picture => {
                let named = self.within_scope(queued, Named::of(&last));
                self.name(run, queued, &last.title, named)
            }
            _ => Ok(()),
        }
    }

    /// Queues what a page or a sitemap names.
    fn name(&mut self, run: &mut Run<'_>, from: &Queued, title: &str, named: Named) -> Result<()> {
        let Named { forbidden, left_out, unfit, is_sitemap, .. } = named;
        let next = |url: String, kind| Queued {
            url,
            kind,
            depth: from.depth,
            hops: 0,
            start: from.start,
            listed: is_sitemap,
            by_robots: from.by_robots && kind == Kind::Sitemap,
            shown: None,
        };
        if left_out > 0 {
            // What stands there was not all read.
            self.troubled.insert(from.start);
        }
        for (reason, count) in [(Reason::Robots, forbidden), (Reason::Size, left_out), (Reason::Url, unfit)] {
            if count > 0 {
                *self.crawled.refused.entry(reason.name()).or_default() += count;
            }
        }
        let before = run.writer.ledger()?.pending();
        for (url, page, alt, caption) in named.pictures {
            // Of a sitemap that nobody but the site named, nothing counts that pages beyond the scope show.
            if from.by_robots && !url::parse(&page).is_ok_and(|page| self.scope.page(&page).is_ok()) {
                self.leave_out(run, &next(url, Kind::Picture), Reason::Scope)?;
                continue;
            }
            let title = if page == from.url { title.to_owned() } else { String::new() };
            let shown = Some((page, title, alt, caption));
            self.queue(run, Queued { shown, ..next(url, Kind::Picture) })?;
        }
        if run.writer.ledger()?.pending() > before
            && let Ok(url) = url::parse(&from.url)
        {
            self.traps.was_worth_it(&url);
        }
        for url in named.sitemaps {
            // One that names another which names another is no site's.
            if from.depth < 3 {
                self.queue(run, Queued { depth: from.depth + 1, ..next(url, Kind::Sitemap) })?;
            }
        }
        let deeper = from.depth.saturating_add(1);
        let is_too_deep = self.crawl.depth.is_some_and(|most| deeper > most);
        for url in named.links {
            let queued = Queued { depth: deeper, ..next(url, Kind::Page) };
            if !is_too_deep {
                self.queue(run, queued)?;
            } else if !run.writer.ledger()?.is_met(&queued.url, queued.start) {
                self.leave_out(run, &queued, Reason::Depth)?;
            }
        }
        Ok(())
    }
}
