//! What a ledger says is to be asked for, and whether it is believed.
//!
//! An index may come from a stranger, its ledger with it. So a ledger alone leads nowhere but to what the starts of this
//! run reach. What it says of other hosts (a start that moved there, pictures that a site keeps on them) waits until the
//! page or start that named it was asked once more, and names it again.

use std::collections::{BTreeMap, BTreeSet};

use ::url::Url;

use super::super::run::Run;
use super::fetching::Named;
use super::frontier::Frontier;
use crate::error::Result;
use crate::index::ledger::{Done, Kind, Queued};
use crate::source::web::fetch::MAX_HOPS;
use crate::source::web::{Reason, url};

/// What the ledger alone names.
#[derive(Default)]
pub(super) struct Inherited {
    /// Places in the ledger of addresses that wait and are not believed yet.
    held: BTreeSet<u64>,
    /// Addresses that were asked once more, for what they name.
    again: BTreeSet<String>,
    /// What pages that could not be read any more, or had not changed, named elsewhere, with the crawl of each.
    unasked: BTreeMap<String, u32>,
}

impl Inherited {
    /// Holds back what waits there.
    pub fn hold(&mut self, at: u64) {
        self.held.insert(at);
    }
}

/// Whether an address waits, or one that it led to.
fn waits(run: &mut Run<'_>, address: &str) -> Result<bool> {
    let ledger = run.writer.ledger()?;
    let mut at = address.to_owned();
    for _ in 0..=MAX_HOPS {
        if ledger.waiting(&at).is_some() {
            return Ok(true);
        }
        match ledger.last(&at)?.and_then(|last| last.redirect) {
            Some(to) => at = to,
            None => break,
        }
    }
    Ok(false)
}

impl Frontier<'_, '_> {
    /// Whether what the ledger says is to be asked for belongs to what this run was told to ask for. Where a start leads, in
    /// scope or not, is a start only once its server has said so.
    pub fn believes(&self, kind: Kind, url: &Url) -> bool {
        if kind == Kind::Start { self.scope.is_start(url) } else { self.scope.holds(url) }
    }

    fn is_elsewhere(&self, address: &str) -> bool {
        url::parse(address).is_ok_and(|url| !self.scope.holds(&url))
    }

    /// Takes up an address that waits or was fetched, once something of this run names it.
    pub fn confirm(&mut self, run: &mut Run<'_>, queued: Queued, url: &Url) -> Result<()> {
        if self.inherited.held.is_empty() {
            return Ok(());
        }
        let ledger = run.writer.ledger()?;
        if let Some(at) = ledger.waiting(&queued.url) {
            if self.inherited.held.remove(&at) {
                self.take_up(run, &queued, url, at);
            }
            return Ok(());
        }
        // It was fetched, and led to one that is held: whether it still does is for its server to say.
        let leads = ledger.last(&queued.url)?.and_then(|last| last.redirect);
        let is_held = leads.and_then(|to| ledger.waiting(&to)).is_some_and(|at| self.inherited.held.contains(&at));
        if is_held { self.ask_again(run, queued, url).map(drop) } else { Ok(()) }
    }

    /// Asks once more for what its crawl has asked for already; whether it will.
    fn ask_again(&mut self, run: &mut Run<'_>, queued: Queued, url: &Url) -> Result<bool> {
        if !self.inherited.again.insert(queued.url.clone()) {
            return Ok(false);
        }
        if let Some(at) = run.writer.ledger()?.queue_again(queued)? {
            self.enqueue(run, url, at);
        }
        Ok(true)
    }

    /// Goes where a start leads, which then is a start, too: that is how sites say what they are called.
    pub fn lead_to(&mut self, run: &mut Run<'_>, to: &Url, next: Queued) -> Result<()> {
        self.scope.add_start(to.clone());
        self.release(run)?;
        let ledger = run.writer.ledger()?;
        let is_fetched = ledger.is_met(&next.url, next.start) && ledger.waiting(&next.url).is_none();
        // Where this one led is known from the ledger alone.
        if is_fetched
            && !self.inherited.held.is_empty()
            && ledger.last(&next.url)?.is_some_and(|d| d.redirect.is_some())
        {
            return self.ask_again(run, next, to).map(drop);
        }
        self.queue(run, next)
    }

    /// Gives out what was held back and is now within the scope.
    fn release(&mut self, run: &mut Run<'_>) -> Result<()> {
        for at in self.inherited.held.clone() {
            let queued = run.writer.ledger()?.queued(at)?;
            let url = queued.as_ref().and_then(|queued| url::parse(&queued.url).ok());
            match queued.zip(url) {
                Some((queued, url)) if self.believes(queued.kind, &url) => self.take_up(run, &queued, &url, at),
                Some(_) => continue,
                None => {}
            }
            self.inherited.held.remove(&at);
        }
        Ok(())
    }

    /// Once nothing else is left: asks once more for what may name what is held back, and where all of that has been asked,
    /// drops what nothing named. Whether there is something to do again.
    pub fn settle(&mut self, run: &mut Run<'_>) -> Result<bool> {
        let mut room = self.crawl.max_images.map_or(u64::MAX, |most| most.saturating_sub(self.asked.1));
        let mut is_asked = false;
        let mut unnamed = Vec::new();
        for at in self.inherited.held.clone() {
            let Some(queued) = run.writer.ledger()?.queued(at)? else {
                self.inherited.held.remove(&at);
                continue;
            };
            let is_picture = queued.kind == Kind::Picture;
            if is_picture && room == 0 {
                continue;
            }
            let Some(namer) = self.namer(run, &queued)? else {
                unnamed.push(queued);
                continue;
            };
            room -= u64::from(is_picture);
            let is_waiting = waits(run, &namer.url)?;
            let Ok(url) = url::parse(&namer.url) else { continue };
            if self.inherited.again.contains(&namer.url) {
                // Where it could not be asked, the next run may.
                if !is_waiting {
                    unnamed.push(queued);
                }
            } else {
                is_asked |= self.ask_again(run, namer, &url)?;
            }
        }
        if is_asked {
            return Ok(true);
        }
        for queued in unnamed {
            if let Some(at) = run.writer.ledger()?.waiting(&queued.url) {
                self.inherited.held.remove(&at);
            }
            // What it would have led to is not known to be gone.
            self.narrower.insert(queued.start);
            self.drop_waiting(run, &queued, Reason::Scope)?;
        }
        Ok(false)
    }

    /// What may name an address that is held back: the page that shows a picture, or else the start of its crawl.
    fn namer(&self, run: &mut Run<'_>, held: &Queued) -> Result<Option<Queued>> {
        let again = |url: String, kind, depth| Queued {
            url,
            kind,
            depth,
            hops: 0,
            start: held.start,
            listed: true,
            by_robots: false,
            shown: None,
        };
        if let Some((page, ..)) = held.shown.as_ref().filter(|_| held.kind == Kind::Picture)
            && url::parse(page).is_ok_and(|url| self.scope.page(&url).is_ok())
        {
            return Ok(Some(again(page.clone(), Kind::Page, held.depth)));
        }
        let start = run.writer.ledger()?.start(held.start);
        Ok(start.map(|start| again(start.to_owned(), Kind::Start, 0)))
    }

    /// Of a page that named something elsewhere: has it sent whole, since what it names is not believed otherwise.
    pub fn without_validators(&self, last: Done) -> Done {
        let named = last.pictures.iter().map(|(url, ..)| url).chain(&last.sitemaps);
        if last.picture || !named.into_iter().any(|url| self.is_elsewhere(url)) {
            return last;
        }
        Done { etag: None, last_modified: None, ..last }
    }

    /// Of what the ledger says that a page named: what is not elsewhere. Of the rest nobody says that it is gone.
    pub fn within_scope(&mut self, from: &Queued, mut named: Named) -> Named {
        let mut unasked = Vec::new();
        named.pictures.retain(|(url, ..)| {
            let is_kept = !self.is_elsewhere(url);
            if !is_kept {
                unasked.push(url.clone());
            }
            is_kept
        });
        let before = named.sitemaps.len();
        named.sitemaps.retain(|url| !self.is_elsewhere(url));
        if named.sitemaps.len() < before {
            self.narrower.insert(from.start);
        }
        self.inherited.unasked.extend(unasked.into_iter().map(|url| (url, from.start)));
        named
    }

    /// Notes of what was named elsewhere and not asked for that it stays what is known of it.
    pub fn keep_unasked(&mut self, run: &mut Run<'_>) -> Result<()> {
        for (url, start) in std::mem::take(&mut self.inherited.unasked) {
            let ledger = run.writer.ledger()?;
            if !ledger.is_met(&url, start)
                && let Some(last) = ledger.last(&url)?
            {
                self.refuse(Reason::Scope);
                run.writer.ledger()?.finish(Done { start, ..last })?;
            }
        }
        Ok(())
    }
}
