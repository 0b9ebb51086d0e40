//! Which pages show a picture: read from what they named when they were fetched, so that it is always as new as they are.

use std::collections::HashMap;

use super::{Done, Key, Ledger, Record, Records, key};
use crate::error::Result;
use crate::index::Page;

/// The most pages that are kept of one picture: a site's mark stands on all of them.
pub const MAX_PAGES: usize = 100;
/// A page's own words come to less than this in memory, so many bytes of the file to each round.
const ROUND: u64 = 64 << 20;
/// The most redirects between what a page names and a picture: what a crawl follows.
const MAX_HOPS: usize = 5;

/// The pictures of a crawl.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pictures {
    /// How many it has met since it began.
    pub met: u64,
    /// Those that it found when it ran before and has not met since, in order.
    pub unmet: Vec<String>,
}

/// Longer texts and addresses no page was read to have: what a ledger says is cut.
const TEXT_MAX: usize = 500;
const URL_MAX: usize = 8_000;

/// Pictures, each by its address, and the pages that show it. A page's address and title are kept once, be there thousands
/// of pictures on it.
pub struct Shows {
    /// Address and title of each page.
    pages: Vec<(String, String)>,
    pictures: std::vec::IntoIter<(String, Told)>,
}

/// What pages say of a picture, by their number: the text for those who can't see it, and what stands below it.
type Told = HashMap<usize, [String; 2]>;

impl Iterator for Shows {
    type Item = (String, Vec<Page>);

    fn next(&mut self) -> Option<Self::Item> {
        let (picture, told) = self.pictures.next()?;
        let cut = |text: &str| text.chars().take(TEXT_MAX).collect::<String>();
        let page = |(number, [alt, caption]): (usize, [String; 2])| {
            let (url, title) = self.pages.get(number)?;
            Some(Page { url: url.clone(), title: cut(title), alt: cut(&alt), caption: cut(&caption) })
        };
        let mut on: Vec<_> = told.into_iter().filter_map(page).collect();
        let says = |page: &Page| !(page.alt.is_empty() && page.caption.is_empty());
        on.sort_by(|a, b| {
            let rank = |page: &Page| (!says(page), page.url.len());
            rank(a).cmp(&rank(b)).then_with(|| a.url.cmp(&b.url))
        });
        Some((picture, on))
    }
}

impl Ledger {
    /// How many rounds of [`shows`](Self::shows) tell of all pictures, each within some 100 MB of memory.
    pub fn rounds(&self) -> u64 {
        ((self.written + self.buffer.len() as u64) / ROUND + 1).min(256)
    }

    /// The pictures of a round that pages show, each with them: those that say something of it first, then the nearest to
    /// the site's root. Pages that the crawls of these `ended` starts have not met again show nothing any more.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn shows(&mut self, ended: &[u32], round: u64) -> Result<Shows> {
        self.flush()?;
        let rounds = self.rounds();
        let is_of_round = |key: &Key| key.first().is_some_and(|&byte| u64::from(byte) % rounds == round);
        let mut redirects = HashMap::new();
        let mut pictures: HashMap<Key, (String, Told)> = HashMap::new();
        self.each_last(&[], |done| {
            if let Some(to) = &done.redirect {
                redirects.insert(key(&done.url), key(to));
            }
            if done.picture && is_of_round(&key(&done.url)) {
                pictures.insert(key(&done.url), (done.url, HashMap::new()));
            }
        })?;
        let (mut pages, mut numbers) = (Vec::<(String, String)>::new(), HashMap::new());
        self.each_last(ended, |done| {
            // What was shown before it led elsewhere is asked for, and no longer shown.
            if done.redirect.is_some() {
                return;
            }
            // A link may lead to a picture, too.
            let links = if done.sitemap { &[][..] } else { &done.links };
            let linked = links.iter().map(|url| (url, &done.url, "", ""));
            let shown =
                done.pictures.iter().map(|(url, page, alt, caption)| (url, page, alt.as_str(), caption.as_str()));
            for (url, page, alt, caption) in shown.chain(linked).filter(|(_, page, ..)| page.len() <= URL_MAX) {
                let mut at = key(url);
                for _ in 0..MAX_HOPS {
                    at = redirects.get(&at).copied().unwrap_or(at);
                }
                let Some((_, told)) = pictures.get_mut(&at) else { continue };
                let number = *numbers.entry(key(page)).or_insert_with(|| {
                    pages.push((page.clone(), String::new()));
                    pages.len() - 1
                });
                // A sitemap does not say what its pages are called.
                if let Some((_, title)) =
                    pages.get_mut(number).filter(|(url, title)| *url == done.url && title.is_empty())
                {
                    done.title.clone_into(title);
                }
                if told.len() < MAX_PAGES || told.contains_key(&number) {
                    for (place, text) in told.entry(number).or_default().iter_mut().zip([alt, caption]) {
                        if place.is_empty() {
                            text.clone_into(place);
                        }
                    }
                }
            }
        })?;
        for (url, title) in pages.iter_mut().filter(|(_, title)| title.is_empty()) {
            if let Some(done) = self.last(url)? {
                *title = done.title;
            }
        }
        let mut pictures: Vec<_> = pictures.into_values().filter(|(_, told)| !told.is_empty()).collect();
        pictures.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Shows { pages, pictures: pictures.into_iter() })
    }

    /// The pictures of a crawl: what it has met since it began, and what it found before and has not met again.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn pictures_of(&mut self, start: u32) -> Result<Pictures> {
        self.flush()?;
        let began = self.starts.get(start as usize).map_or(0, |start| start.began);
        let mut pictures = Pictures::default();
        self.each_last(&[], |done| {
            let known = self.known.get(&key(&done.url)).copied().unwrap_or_default();
            // What is a start of its own is asked for by its own crawl.
            let is_start = self.numbers.contains_key(&key(&done.url));
            if done.picture && done.start == start && !is_start {
                if known.queued.max(known.done) > began {
                    pictures.met += 1;
                } else {
                    pictures.unmet.push(done.url);
                }
            }
        })?;
        pictures.unmet.sort();
        Ok(pictures)
    }

    /// Calls `visit` with the last word on each address, but for what is out of date.
    fn each_last(&self, ended: &[u32], mut visit: impl FnMut(Done)) -> Result<()> {
        for record in Records::of(&self.folder, &self.name, self.written)? {
            let (at, record) = record?;
            let Record::Done(done) = record else { continue };
            let is_last = self.known.get(&key(&done.url)).is_some_and(|known| known.done == at);
            let began = self.starts.get(done.start as usize).map_or(0, |start| start.began);
            if is_last && !(ended.contains(&done.start) && at < began) {
                visit(done);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(url: &str, start: u32, pictures: &[(&str, &str)]) -> Done {
        let pictures = pictures
            .iter()
            .map(|(picture, alt)| ((*picture).to_owned(), url.to_owned(), (*alt).to_owned(), String::new()));
        Done {
            url: url.into(),
            start,
            title: format!("title of {url}"),
            pictures: pictures.collect(),
            ..Done::default()
        }
    }

    fn picture(url: &str, start: u32) -> Done {
        Done { url: url.into(), start, picture: true, ..Done::default() }
    }

    fn urls(shows: &[(String, Vec<Page>)]) -> Vec<(&str, Vec<&str>)> {
        shows
            .iter()
            .map(|(picture, on)| (picture.as_str(), on.iter().map(|page| page.url.as_str()).collect()))
            .collect()
    }

    fn shows(ledger: &mut Ledger, ended: &[u32]) -> Vec<(String, Vec<Page>)> {
        ledger.shows(ended, 0).unwrap().collect()
    }

    #[test]
    fn every_page_that_shows_a_picture_is_told_those_with_words_first_also_where_a_redirect_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), None).unwrap();
        let start = ledger.begin("h/").unwrap();
        let moved = Done { url: "h/old".into(), redirect: Some("h/p".into()), ..Done::default() };
        let sitemap = vec![("h/p".into(), "h/c".into(), String::new(), "from the sitemap".into())];
        for done in [
            page("h/", start, &[("h/p", ""), ("h/q", "unread")]),
            page("h/a/b", start, &[("h/old", "a barn")]),
            page("h/c", start, &[("h/p", "")]),
            Done { url: "h/map".into(), start, pictures: sitemap, ..Done::default() },
            moved,
            picture("h/p", start),
            picture("h/alone", start),
        ] {
            ledger.finish(done).unwrap();
        }
        let shows = shows(&mut ledger, &[]);
        assert_eq!(urls(&shows), [("h/p", vec!["h/c", "h/a/b", "h/"])]);
        let [c, b, _] = shows[0].1.as_slice() else { panic!("{shows:?}") };
        assert_eq!((c.title.as_str(), c.caption.as_str()), ("title of h/c", "from the sitemap"));
        assert_eq!((b.title.as_str(), b.alt.as_str()), ("title of h/a/b", "a barn"));
    }

    #[test]
    fn what_a_page_says_now_counts_and_a_page_that_an_ended_crawl_has_not_met_shows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), None).unwrap();
        let start = ledger.begin("h/").unwrap();
        for done in [
            page("h/1", start, &[("h/p", "")]),
            page("h/2", start, &[("h/p", "")]),
            page("h/3", start, &[("h/p", "")]),
            picture("h/p", start),
        ] {
            ledger.finish(done).unwrap();
        }
        assert_eq!(ledger.begin("h/").unwrap(), start);
        ledger.finish(page("h/1", start, &[])).unwrap();
        ledger.finish(page("h/2", start, &[("h/p", "")])).unwrap();
        assert_eq!(urls(&shows(&mut ledger, &[])), [("h/p", vec!["h/2", "h/3"])]);
        ledger.finish(picture("h/p", start)).unwrap();
        assert_eq!(urls(&shows(&mut ledger, &[start])), [("h/p", vec!["h/2"])]);
    }

    #[test]
    fn a_title_of_megabytes_is_kept_once_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), None).unwrap();
        let start = ledger.begin("h/").unwrap();
        let pictures: Vec<_> = (0..3000).map(|n| format!("h/{n}.jpg")).collect();
        let named: Vec<_> = pictures.iter().map(|picture| (picture.as_str(), "")).collect();
        let title = "a".repeat(1 << 20);
        ledger.finish(Done { title: title.clone(), ..page("h/p", start, &named) }).unwrap();
        pictures.iter().for_each(|url| ledger.finish(picture(url, start)).unwrap());
        let shows = ledger.shows(&[], 0).unwrap();
        let kept: usize = shows.pages.iter().map(|(url, title)| url.len() + title.len()).sum();
        assert!(kept < title.len() + 10, "{kept}");
        let told: Vec<_> = shows.flat_map(|(_, on)| on).collect();
        assert!(told.len() == 3000 && told.iter().all(|page| page.title.len() == TEXT_MAX));
    }

    #[test]
    fn a_mark_that_stands_on_every_page_keeps_a_hundred() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), None).unwrap();
        let start = ledger.begin("h/").unwrap();
        for n in 0..150 {
            ledger.finish(page(&format!("h/{n:03}"), start, &[("h/mark", "")])).unwrap();
        }
        ledger.finish(picture("h/mark", start)).unwrap();
        let shows = shows(&mut ledger, &[]);
        assert_eq!((shows.len(), shows[0].1.len()), (1, MAX_PAGES));
    }
}
