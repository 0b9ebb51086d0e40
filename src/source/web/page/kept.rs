//! What is kept of a page, each address once and all within limits, and a count of what is beyond them.

use std::collections::{HashMap, HashSet};

use ::url::Url;

use super::{MAX_LINKS, MAX_PICTURES, MAX_URL_BYTES, Page, Shown, collapsed};
use crate::source::web::url::{Fault, MAX_LENGTH, resolve};

/// As many bytes of addresses are read of one page, those that come again included: what a long base makes of a
/// million short references would take minutes.
const MAX_READ: usize = 128 << 20;
/// As many bytes of alternative texts and captions are kept: one caption can be that of many pictures.
const MAX_WORDS: usize = 8 << 20;

/// Which text of a picture.
#[derive(Clone, Copy)]
pub(super) enum Text {
    Alt,
    Caption,
}

/// A page as far as it was read.
pub(super) struct Kept {
    pub page: Page,
    known: HashMap<Url, usize>,
    links: HashSet<Url>,
    /// Of each picture whether the page leads to it, and does not show it.
    linked: Vec<bool>,
    /// Bytes of the page's own address, which is kept beside each picture.
    own: usize,
    /// Bytes of addresses that may still be read, and kept.
    to_read: usize,
    room: usize,
    words: usize,
}

impl Kept {
    /// Nothing yet of the page at `url`.
    pub fn new(url: &Url) -> Self {
        Self {
            page: Page::default(),
            known: HashMap::new(),
            links: HashSet::new(),
            linked: Vec::new(),
            own: url.as_str().len(),
            to_read: MAX_READ,
            room: MAX_URL_BYTES,
            words: MAX_WORDS,
        }
    }

    /// The address that a reference means; none where it is none of the web, or too long, which is counted.
    pub fn join(&mut self, base: &Url, reference: &str) -> Option<Url> {
        let taken = base.as_str().len() + reference.len().min(MAX_LENGTH);
        let Some(left) = self.to_read.checked_sub(taken) else {
            self.page.left_out += 1;
            return None;
        };
        self.to_read = left;
        match resolve(base, reference) {
            Ok(url) => return Some(url),
            Err(Fault::Long) => self.page.too_long += 1,
            Err(Fault::Unfit(_)) => {}
        }
        None
    }

    /// Keeps a picture: its number, or none where there is no room. `linked`: the page leads to it.
    pub fn show(&mut self, url: Url, linked: bool) -> Option<usize> {
        if let Some(&at) = self.known.get(&url) {
            if let Some(was) = self.linked.get_mut(at) {
                *was &= linked;
            }
            return Some(at);
        }
        if self.page.pictures.len() >= MAX_PICTURES || !self.take_room(url.as_str().len() + self.own) {
            self.page.left_out += 1;
            return None;
        }
        let at = self.page.pictures.len();
        self.known.insert(url.clone(), at);
        self.linked.push(linked);
        self.page.pictures.push(Shown { url, alt: String::new(), caption: String::new() });
        Some(at)
    }

    /// Keeps a link.
    pub fn lead(&mut self, url: Url) {
        if self.links.contains(&url) {
            return;
        }
        if self.page.links.len() >= MAX_LINKS || !self.take_room(url.as_str().len()) {
            self.page.left_out += 1;
            return;
        }
        self.links.insert(url.clone());
        self.page.links.push(url);
    }

    fn take_room(&mut self, bytes: usize) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }

    /// Writes a text of a picture where nothing stands yet.
    pub fn fill(&mut self, at: usize, which: Text, text: &str) {
        let Some(place) = self.text(at, which) else { return };
        if place.is_empty() && !text.is_empty() {
            self.write(at, which, &collapsed(text));
        }
    }

    /// Writes a text of a picture, whatever stands there.
    pub fn write(&mut self, at: usize, which: Text, text: &str) {
        if let Some(left) = self.words.checked_sub(text.len())
            && let Some(place) = self.text(at, which)
        {
            text.clone_into(place);
            self.words = left;
        }
    }

    fn text(&mut self, at: usize, which: Text) -> Option<&mut String> {
        let shown = self.page.pictures.get_mut(at)?;
        Some(match which {
            Text::Alt => &mut shown.alt,
            Text::Caption => &mut shown.caption,
        })
    }

    /// The page, without what it asks not to follow.
    pub fn finish(mut self) -> Page {
        if self.page.directives.nofollow {
            self.page.links.clear();
            let mut linked = self.linked.into_iter();
            self.page.pictures.retain(|_| !linked.next().unwrap_or_default());
        }
        self.page
    }
}
