//! What a page shows and where it leads, read as browsers read it: from the first byte to the last, whatever is broken.
//!
//! The page is read as tokens and no tree is built, so nothing is nested too deep and memory follows what is kept, not
//! what is sent. Pictures are looked for where people put them, lazily loaded ones too; of several sizes the largest.

mod charset;
mod css;
mod directives;
mod linked_data;
mod srcset;

use std::collections::{HashMap, HashSet};

use ::url::Url;
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

pub use self::directives::Directives;
use super::url::join;

/// As much of a page as is read, in bytes.
pub const MAX_BYTES: usize = 10 << 20;
/// The most pictures kept of a page.
pub const MAX_PICTURES: usize = 5_000;
/// The most links kept of a page.
pub const MAX_LINKS: usize = 10_000;
/// The longest text kept, in characters: title, alternative text, caption.
pub const MAX_TEXT: usize = 500;
/// The most attributes kept of one tag; none of those looked for stands behind so many.
const MAX_ATTRIBUTES: usize = 64;
/// How deep figures are told apart.
const MAX_FIGURES: usize = 16;

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Its title, or empty.
    pub title: String,
    /// Where it leads, each once, in the order of the page. Empty where its words forbid to follow.
    pub links: Vec<Url>,
    /// What it shows, each once, in the order of the page.
    pub pictures: Vec<Shown>,
    /// What it asks of crawlers, its header's words included.
    pub directives: Directives,
}

/// A picture on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Where it is.
    pub url: Url,
    /// Its alternative text, or empty.
    pub alt: String,
    /// The caption of its figure, else its title, else the text of the link that leads to it; or empty.
    pub caption: String,
}

/// Reads a page that was found at `url`. `content_type` and `robots` are the answer's fields Content-Type and
/// X-Robots-Tag; `agent` is the product token by which pages may mean this crawler alone.
pub fn read(bytes: &[u8], content_type: Option<&str>, robots: &[String], url: &Url, agent: &str) -> Page {
    let bytes = bytes.get(..MAX_BYTES).unwrap_or(bytes);
    let text = charset::decode(bytes, content_type);
    let mut reading = Reading::new(url.clone(), agent);
    for field in robots {
        reading.page.directives.header(field, agent);
    }
    reading.walk(&text, false);
    reading.finish()
}

/// White space as one space, and no more than [`MAX_TEXT`] characters.
fn collapsed(text: &str) -> String {
    let mut out = String::new();
    let mut left = MAX_TEXT;
    for word in text.split_whitespace() {
        if left == 0 {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
            left -= 1;
        }
        let kept: String = word.chars().filter(|c| !c.is_control()).take(left).collect();
        left -= kept.chars().count();
        out.push_str(&kept);
    }
    out.truncate(out.trim_end().len());
    out
}

/// The attributes of the tag being read, the first of each name.
#[derive(Default)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        let filled = |name: &&str| self.get(name).map(str::trim).filter(|value| !value.is_empty());
        names.iter().find_map(filled)
    }

    /// Whether `word` is one of those that the attribute `name` holds.
    fn has(&self, name: &str, word: &str) -> bool {
        self.get(name).is_some_and(|words| words.split_ascii_whitespace().any(|one| one.eq_ignore_ascii_case(word)))
    }
}

/// What the text that comes next belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Raw {
    Title,
    Style,
    LinkedData,
    NoScript,
    Ignored,
}

/// An open `<figure>`: the pictures in it, and its caption so far.
#[derive(Default)]
struct Figure {
    pictures: Vec<usize>,
    caption: String,
}

/// An open `<a>` that leads to a picture.
struct Opened {
    picture: usize,
    text: String,
}

struct Reading<'a> {
    agent: &'a str,
    page: Page,
    base: Url,
    has_base: bool,
    known: HashMap<Url, usize>,
    links: HashSet<Url>,
    tag: Tag,
    attribute: Option<String>,
    raw: Option<Raw>,
    figures: Vec<Figure>,
    /// Figures opened beyond those told apart.
    deeper: usize,
    in_caption: bool,
    opened: Option<Opened>,
    /// Pictures of the `<source>` tags before the next `<img>`.
    sources: Vec<usize>,
    /// The picture that the page's card shows, for the text that follows.
    card: Option<usize>,
}

impl<'a> Reading<'a> {
    fn new(base: Url, agent: &'a str) -> Self {
        Self {
            agent,
            page: Page::default(),
            base,
            has_base: false,
            known: HashMap::new(),
            links: HashSet::new(),
            tag: Tag::default(),
            attribute: None,
            raw: None,
            figures: Vec::new(),
            deeper: 0,
            in_caption: false,
            opened: None,
            sources: Vec::new(),
            card: None,
        }
    }

    fn walk(&mut self, html: &str, inside: bool) {
        let event = |event: CallbackEvent<'_>, _: Span<()>| -> Option<std::convert::Infallible> {
            self.event(event, inside);
            None
        };
        let mut emitter = CallbackEmitter::new(event);
        emitter.naively_switch_states(true);
        // Nothing is ever emitted: one turn reads all.
        for _ in Tokenizer::new_with_emitter(html, emitter) {}
    }

    fn event(&mut self, event: CallbackEvent<'_>, inside: bool) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.tag.name = String::from_utf8_lossy(name).into_owned();
                self.tag.attributes.clear();
                self.attribute = None;
            }
            CallbackEvent::AttributeName { name } => {
                self.keep_attribute(String::new());
                self.attribute = Some(String::from_utf8_lossy(name).into_owned());
            }
            CallbackEvent::AttributeValue { value } => self.keep_attribute(String::from_utf8_lossy(value).into_owned()),
            CallbackEvent::CloseStartTag { .. } => {
                self.keep_attribute(String::new());
                let tag = std::mem::take(&mut self.tag);
                self.start(&tag);
                self.tag = tag;
            }
            CallbackEvent::EndTag { name } => self.end(name),
            CallbackEvent::String { value } => self.text(&String::from_utf8_lossy(value), inside),
            CallbackEvent::Comment { .. } | CallbackEvent::Doctype { .. } | CallbackEvent::Error(_) => {}
        }
    }

    /// Ends the attribute whose name was read.
    fn keep_attribute(&mut self, value: String) {
        if let Some(name) = self.attribute.take()
            && self.tag.attributes.len() < MAX_ATTRIBUTES
            && self.tag.get(&name).is_none()
        {
            self.tag.attributes.push((name, value));
        }
    }

    fn start(&mut self, tag: &Tag) {
        self.raw = None;
        match tag.name.as_str() {
            "title" => self.raw = Some(Raw::Title),
            "style" => self.raw = Some(Raw::Style),
            "noscript" => self.raw = Some(Raw::NoScript),
            "script" => {
                let kind = tag.get("type").unwrap_or_default().trim();
                let data = kind.to_ascii_lowercase().starts_with("application/ld+json");
                self.raw = Some(if data { Raw::LinkedData } else { Raw::Ignored });
            }
            "textarea" | "xmp" | "noembed" | "plaintext" => self.raw = Some(Raw::Ignored),
            "base" if !self.has_base => {
                if let Some(base) = tag.get("href").and_then(|href| join(&self.base, href).ok()) {
                    (self.base, self.has_base) = (base, true);
                }
            }
            "meta" => self.meta(tag),
            "link" => self.link_tag(tag),
            "a" | "area" => self.anchor(tag),
            "iframe" | "frame" => {
                self.raw = (tag.name == "iframe").then_some(Raw::Ignored);
                self.lead(tag.get("src"));
            }
            "picture" => self.sources.clear(),
            "img" | "source" | "image" | "amp-img" => self.image(tag),
            "input" if tag.get("type").is_some_and(|kind| kind.eq_ignore_ascii_case("image")) => self.image(tag),
            "object" if tag.get("type").is_some_and(|kind| kind.starts_with("image/")) => {
                let _shown = self.show_of(tag, tag.get("data"));
            }
            "video" => {
                let _shown = self.show_of(tag, tag.get("poster"));
            }
            "figure" => {
                if self.figures.len() < MAX_FIGURES {
                    self.figures.push(Figure::default());
                } else {
                    self.deeper += 1;
                }
            }
            "figcaption" => self.in_caption = true,
            _ => {}
        }
        self.backgrounds(tag);
    }

    fn end(&mut self, name: &[u8]) {
        self.raw = None;
        match name {
            b"figcaption" => self.in_caption = false,
            b"figure" if self.deeper > 0 => self.deeper -= 1,
            b"figure" => self.close_figure(),
            b"a" => self.close_anchor(),
            b"picture" => self.sources.clear(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, inside: bool) {
        match self.raw {
            Some(Raw::Title) => {
                if self.page.title.is_empty() {
                    self.page.title = collapsed(text);
                }
            }
            Some(Raw::Style) => self.style(text),
            Some(Raw::LinkedData) => {
                for found in linked_data::pictures(text) {
                    self.show(&found.url, &found.alt, &found.caption);
                }
            }
            Some(Raw::NoScript) if !inside => {
                self.raw = None;
                self.walk(text, true);
            }
            Some(Raw::NoScript | Raw::Ignored) => {}
            None => {
                let figure = self.figures.last_mut().filter(|_| self.in_caption).map(|figure| &mut figure.caption);
                let anchor = self.opened.as_mut().map(|opened| &mut opened.text);
                for kept in [figure, anchor].into_iter().flatten() {
                    // What is cut in the end needs not be gathered.
                    if kept.len() < MAX_TEXT * 4 {
                        kept.extend(text.chars().take(MAX_TEXT * 4));
                        kept.push(' ');
                    }
                }
            }
        }
    }

    fn meta(&mut self, tag: &Tag) {
        let Some(content) = tag.get("content") else { return };
        let name = tag.first(&["property", "name", "itemprop", "http-equiv"]).unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "og:image"
            | "og:image:url"
            | "og:image:secure_url"
            | "twitter:image"
            | "twitter:image:src"
            | "image"
            | "thumbnail" => self.card = self.show(content, "", ""),
            "og:image:alt" | "twitter:image:alt" => {
                if let Some(shown) = self.card.and_then(|at| self.page.pictures.get_mut(at)) {
                    fill(&mut shown.alt, content);
                }
            }
            "refresh" => {
                let target = content.split_once('=').filter(|(before, _)| before.to_ascii_lowercase().ends_with("url"));
                self.lead(target.map(|(_, target)| target.trim_matches(['"', '\'', ' '])));
            }
            name if name == "robots" || name.eq_ignore_ascii_case(self.agent) => self.page.directives.words(content),
            _ => {}
        }
    }

    fn link_tag(&mut self, tag: &Tag) {
        let href = tag.get("href");
        if tag.has("rel", "image_src")
            || tag.get("itemprop").is_some_and(|item| item == "image" || item == "thumbnailUrl")
        {
            let _shown = self.show_of(tag, href);
        } else if tag.has("rel", "preload") && tag.get("as").is_some_and(|kind| kind.eq_ignore_ascii_case("image")) {
            let largest = tag.get("imagesrcset").and_then(srcset::largest);
            let _shown = self.show_of(tag, largest.or(href));
        } else if ["next", "prev", "canonical"].iter().any(|rel| tag.has("rel", rel)) {
            self.lead(href);
        }
    }

    fn anchor(&mut self, tag: &Tag) {
        self.close_anchor();
        let Some(url) = tag.get("href").and_then(|href| join(&self.base, href).ok()) else { return };
        if names_picture(&url) {
            let picture = self.show_url(url, tag.get("alt").unwrap_or_default(), tag.get("title").unwrap_or_default());
            self.opened = picture.map(|picture| Opened { picture, text: String::new() });
        } else if !tag.has("rel", "nofollow") {
            self.lead_url(url);
        }
    }

    fn close_anchor(&mut self) {
        if let Some(opened) = self.opened.take()
            && let Some(shown) = self.page.pictures.get_mut(opened.picture)
        {
            fill(&mut shown.caption, &opened.text);
        }
    }

    fn close_figure(&mut self) {
        self.in_caption = false;
        let Some(figure) = self.figures.pop() else { return };
        let caption = collapsed(&figure.caption);
        if caption.is_empty() {
            return;
        }
        for at in figure.pictures {
            if let Some(shown) = self.page.pictures.get_mut(at) {
                // A caption says more than a title.
                shown.caption.clone_from(&caption);
            }
        }
    }

    /// An element with a picture of its own: its largest candidate, what a script would load, or what stands there.
    fn image(&mut self, tag: &Tag) {
        let sets = ["srcset", "data-srcset", "data-lazy-srcset", "data-original-set"];
        let sets: Vec<&str> = sets.iter().filter_map(|name| tag.get(name)).collect();
        let lazy = ["data-src", "data-original", "data-lazy-src", "data-lazy", "data-full-src", "data-hi-res-src"];
        let plain = ["src", "href", "xlink:href"];
        let largest = srcset::largest_of(&sets);
        // A `<source>` of sound or film has a src too; it is no picture.
        let plain = if tag.name == "source" { None } else { tag.first(&plain) };
        let shown = self.show_of(tag, largest.or_else(|| tag.first(&lazy)).or(plain));
        // The sources of a `<picture>` stand before its `<img>`, which has the words for all of them.
        if tag.name == "source" {
            self.sources.extend(shown.filter(|_| self.sources.len() < MAX_PICTURES));
        } else if tag.name == "img" {
            for at in std::mem::take(&mut self.sources) {
                if let Some(source) = self.page.pictures.get_mut(at) {
                    fill(&mut source.alt, tag.first(&["alt", "aria-label"]).unwrap_or_default());
                    fill(&mut source.caption, tag.get("title").unwrap_or_default());
                }
            }
        }
        if let Some(alt) = tag.get("alt").filter(|alt| !alt.trim().is_empty())
            && let Some(shown) = self.opened.as_ref().and_then(|opened| self.page.pictures.get_mut(opened.picture))
        {
            fill(&mut shown.alt, alt);
        }
    }

    fn backgrounds(&mut self, tag: &Tag) {
        if let Some(style) = tag.get("style") {
            self.style(style);
        }
        for name in ["background", "data-bg", "data-background", "data-background-image"] {
            match tag.get(name) {
                Some(value) if value.contains("url(") => self.style(value),
                Some(value) if !value.trim().is_empty() => {
                    self.show(value, "", "");
                }
                _ => {}
            }
        }
    }

    fn style(&mut self, css: &str) {
        for reference in css::references(css) {
            self.show(&reference, "", "");
        }
    }

    /// Shows `reference` with the texts of `tag`.
    fn show_of(&mut self, tag: &Tag, reference: Option<&str>) -> Option<usize> {
        let alt = tag.first(&["alt", "aria-label"]).unwrap_or_default();
        self.show(reference?, alt, tag.get("title").unwrap_or_default())
    }

    fn show(&mut self, reference: &str, alt: &str, caption: &str) -> Option<usize> {
        let reference = reference.trim();
        if reference.is_empty() || reference.starts_with('#') {
            return None;
        }
        self.show_url(join(&self.base, reference).ok()?, alt, caption)
    }

    fn show_url(&mut self, url: Url, alt: &str, caption: &str) -> Option<usize> {
        let at = match self.known.get(&url) {
            Some(&at) => at,
            None if self.page.pictures.len() < MAX_PICTURES => {
                let at = self.page.pictures.len();
                self.known.insert(url.clone(), at);
                self.page.pictures.push(Shown { url, alt: String::new(), caption: String::new() });
                at
            }
            None => return None,
        };
        let shown = self.page.pictures.get_mut(at)?;
        fill(&mut shown.alt, alt);
        fill(&mut shown.caption, caption);
        if let Some(figure) = self.figures.last_mut().filter(|figure| figure.pictures.len() < MAX_PICTURES) {
            figure.pictures.push(at);
        }
        Some(at)
    }

    fn lead(&mut self, reference: Option<&str>) {
        let reference = reference.map(str::trim).filter(|reference| !reference.is_empty());
        if let Some(url) = reference.and_then(|reference| join(&self.base, reference).ok()) {
            self.lead_url(url);
        }
    }

    fn lead_url(&mut self, url: Url) {
        if self.page.links.len() < MAX_LINKS && self.links.insert(url.clone()) {
            self.page.links.push(url);
        }
    }

    fn finish(mut self) -> Page {
        self.close_anchor();
        while !self.figures.is_empty() {
            self.close_figure();
        }
        if self.page.directives.nofollow {
            self.page.links.clear();
        }
        self.page
    }
}

/// Writes `text` where nothing stands yet.
fn fill(place: &mut String, text: &str) {
    if place.is_empty() {
        *place = collapsed(text);
    }
}

/// Whether a link's path ends as pictures' names do.
fn names_picture(url: &Url) -> bool {
    const ENDINGS: [&str; 18] = [
        "jpg", "jpeg", "jpe", "png", "gif", "webp", "avif", "heic", "heif", "jxl", "tif", "tiff", "bmp", "svg", "ico",
        "psd", "dng", "jp2",
    ];
    let ending = url.path().rsplit_once('.').map_or("", |(_, ending)| ending);
    ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests;
