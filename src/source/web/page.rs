//! What a page shows and where it leads, read as browsers read it: from the first byte to the last, whatever is broken.
//!
//! The page is read as tokens and no tree is built, so nothing is nested too deep and memory follows what is kept, not
//! what is sent. Pictures are looked for where people put them, lazily loaded ones too; of several sizes the largest.

mod charset;
mod css;
mod directives;
mod kept;
mod linked_data;
mod srcset;
mod tag;

use ::url::Url;
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

pub use self::directives::Directives;
use self::kept::{Kept, Text};
use self::tag::{BACKGROUNDS, Tag, names_picture};

/// As much of a page as is read, in bytes.
pub const MAX_BYTES: usize = 10 << 20;
/// The most pictures kept of a page.
pub const MAX_PICTURES: usize = 50_000;
/// The most links kept of a page.
pub const MAX_LINKS: usize = 50_000;
/// As many bytes as all addresses kept of a page come to, with its own once more for each picture: a long `<base>`
/// makes much of a short reference.
pub const MAX_URL_BYTES: usize = 16 << 20;
/// The longest text kept, in characters: title, alternative text, caption.
pub const MAX_TEXT: usize = 500;
/// How deep figures are told apart.
const MAX_FIGURES: usize = 16;

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Its title, else that of its card; or empty.
    pub title: String,
    /// Where it leads, each once, in the order of the page. Empty where its words forbid to follow.
    pub links: Vec<Url>,
    /// What it shows, each once, in the order of the page; and pictures that it leads to, unless its words forbid to follow.
    pub pictures: Vec<Shown>,
    /// How often it names a picture or link for which there was no room within the limits, and once more where it is
    /// larger than what is read.
    pub left_out: u64,
    /// How often it names one whose address is too long to be asked for.
    pub too_long: u64,
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
    let is_cut = bytes.len() > MAX_BYTES;
    let bytes = bytes.get(..MAX_BYTES).unwrap_or(bytes);
    let text = charset::decode(bytes, content_type, url.domain());
    let mut reading = Reading::new(url.clone(), agent);
    reading.kept.page.left_out += u64::from(is_cut);
    for field in robots {
        reading.kept.page.directives.header(field, agent);
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
    kept: Kept,
    base: Url,
    has_base: bool,
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
    /// Titles of the page's cards: og:title, twitter:title.
    titles: [String; 2],
    /// Drawings that are open: their titles are not the page's.
    drawings: usize,
    /// Whether a frame's own page is being read.
    framed: bool,
}

impl<'a> Reading<'a> {
    fn new(base: Url, agent: &'a str) -> Self {
        Self {
            agent,
            kept: Kept::new(&base),
            base,
            has_base: false,
            tag: Tag::default(),
            attribute: None,
            raw: None,
            figures: Vec::new(),
            deeper: 0,
            in_caption: false,
            opened: None,
            sources: Vec::new(),
            card: None,
            titles: Default::default(),
            drawings: 0,
            framed: false,
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
                self.tag.open(String::from_utf8_lossy(name).into_owned());
                self.attribute = None;
            }
            CallbackEvent::AttributeName { name } => {
                self.keep_attribute(String::new());
                self.attribute = Some(String::from_utf8_lossy(name).into_owned());
            }
            CallbackEvent::AttributeValue { value } => self.keep_attribute(String::from_utf8_lossy(value).into_owned()),
            CallbackEvent::CloseStartTag { self_closing } => {
                self.keep_attribute(String::new());
                let tag = std::mem::take(&mut self.tag);
                self.start(&tag);
                self.drawings += usize::from(tag.name == "svg" && !self_closing);
                self.tag = tag;
            }
            CallbackEvent::EndTag { name } => self.end(name),
            CallbackEvent::String { value } => self.text(&String::from_utf8_lossy(value), inside),
            CallbackEvent::Comment { .. } | CallbackEvent::Doctype { .. } | CallbackEvent::Error(_) => {}
        }
    }

    /// Ends the attribute whose name was read.
    fn keep_attribute(&mut self, value: String) {
        if let Some(name) = self.attribute.take() {
            self.tag.add(name, value);
        }
    }

    fn start(&mut self, tag: &Tag) {
        self.raw = None;
        match tag.name.as_str() {
            "title" if self.drawings > 0 || self.framed => self.raw = Some(Raw::Ignored),
            "title" => self.raw = Some(Raw::Title),
            // What was never closed ends here.
            "body" => self.drawings = 0,
            "style" => self.raw = Some(Raw::Style),
            "noscript" => self.raw = Some(Raw::NoScript),
            "script" => {
                let kind = tag.get("type").unwrap_or_default().trim();
                let data = kind.to_ascii_lowercase().starts_with("application/ld+json");
                self.raw = Some(if data { Raw::LinkedData } else { Raw::Ignored });
            }
            "textarea" | "xmp" | "noembed" | "plaintext" => self.raw = Some(Raw::Ignored),
            "base" if !self.has_base => {
                if let Some(base) = tag.get("href").and_then(|href| self.kept.join(&self.base, href)) {
                    (self.base, self.has_base) = (base, true);
                }
            }
            "meta" => self.meta(tag),
            "link" => self.link_tag(tag),
            "a" | "area" => self.anchor(tag),
            "iframe" => {
                match tag.get("srcdoc").filter(|_| !self.framed) {
                    Some(page) => self.frame(page),
                    None => self.lead(tag.get("src")),
                }
                self.raw = Some(Raw::Ignored);
            }
            "frame" => self.lead(tag.get("src")),
            "picture" => self.sources.clear(),
            "img" | "source" | "image" | "amp-img" => self.image(tag),
            "input" if tag.get("type").is_some_and(|kind| kind.eq_ignore_ascii_case("image")) => self.image(tag),
            "object" => self.embedded(tag, tag.get("data")),
            "embed" => self.embedded(tag, tag.get("src")),
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
        if !matches!(tag.name.as_str(), "img" | "source" | "image" | "amp-img" | "input") {
            for reference in tag.data_pictures() {
                if let Some(url) = self.kept.join(&self.base, reference).filter(|url| names_picture(url.path())) {
                    self.show_url(url, tag, false);
                }
            }
        }
    }

    fn end(&mut self, name: &[u8]) {
        self.raw = None;
        match name {
            b"figcaption" => self.in_caption = false,
            b"figure" if self.deeper > 0 => self.deeper -= 1,
            b"figure" => self.close_figure(),
            b"a" => self.close_anchor(),
            b"picture" => self.sources.clear(),
            b"svg" => self.drawings = self.drawings.saturating_sub(1),
            _ => {}
        }
    }

    /// Reads the page that stands in a frame's own attribute, as a part of this one.
    fn frame(&mut self, html: &str) {
        let (opened, base, has_base) = (self.opened.take(), self.base.clone(), self.has_base);
        let (figures, drawings) = (self.figures.len(), std::mem::take(&mut self.drawings));
        self.framed = true;
        self.walk(html, false);
        self.framed = false;
        self.close_anchor();
        while self.figures.len() > figures {
            self.close_figure();
        }
        (self.opened, self.base, self.has_base, self.drawings) = (opened, base, has_base, drawings);
    }

    fn text(&mut self, text: &str, inside: bool) {
        match self.raw {
            Some(Raw::Title) => {
                if self.kept.page.title.is_empty() {
                    self.kept.page.title = collapsed(text);
                }
            }
            Some(Raw::Style) => self.style(text),
            Some(Raw::LinkedData) => {
                linked_data::pictures(text, &mut |found| {
                    self.show(found.url, found.alt, found.caption);
                });
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
                if let Some(at) = self.card {
                    self.kept.fill(at, Text::Alt, content);
                }
            }
            "og:title" | "twitter:title" if !self.framed => {
                let [og, twitter] = &mut self.titles;
                let title = if name == "og:title" { og } else { twitter };
                if title.is_empty() {
                    *title = collapsed(content);
                }
            }
            "refresh" => {
                let target = content.split_once('=').filter(|(before, _)| before.to_ascii_lowercase().ends_with("url"));
                self.lead(target.map(|(_, target)| target.trim_matches(['"', '\'', ' '])));
            }
            name if name == "robots" || name.eq_ignore_ascii_case(self.agent) => {
                self.kept.page.directives.words(content)
            }
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
        let is_area = tag.name == "area";
        if !is_area {
            self.close_anchor();
        }
        if tag.has("rel", "nofollow") {
            return;
        }
        let Some(url) = tag.get("href").and_then(|href| self.kept.join(&self.base, href)) else { return };
        if !names_picture(url.path()) {
            self.kept.lead(url);
            return;
        }
        let picture = self.show_url(url, tag, true);
        // An area has no end and no text.
        if !is_area {
            self.opened = picture.map(|picture| Opened { picture, text: String::new() });
        }
    }

    fn close_anchor(&mut self) {
        if let Some(opened) = self.opened.take() {
            self.kept.fill(opened.picture, Text::Caption, &opened.text);
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
            // A caption says more than a title.
            self.kept.write(at, Text::Caption, &caption);
        }
    }

    /// An element with a picture of its own: the best of what it names that is an address.
    fn image(&mut self, tag: &Tag) {
        let best = tag.candidates().into_iter().find_map(|candidate| {
            let url = self.join(candidate.reference)?;
            (!candidate.must_name || names_picture(url.path())).then_some(url)
        });
        let shown = best.and_then(|url| self.show_url(url, tag, false));
        // The sources of a `<picture>` stand before its `<img>`, which has the words for all of them.
        if tag.name == "source" {
            self.sources.extend(shown.filter(|_| self.sources.len() < MAX_PICTURES));
        } else if tag.name == "img" {
            for at in std::mem::take(&mut self.sources) {
                self.kept.fill(at, Text::Alt, tag.first(&["alt", "aria-label"]).unwrap_or_default());
                self.kept.fill(at, Text::Caption, tag.get("title").unwrap_or_default());
            }
        }
        if let Some(alt) = tag.get("alt").filter(|alt| !alt.trim().is_empty())
            && let Some(opened) = &self.opened
        {
            self.kept.fill(opened.picture, Text::Alt, alt);
        }
    }

    /// What is embedded by a tag for anything: a picture by its kind or by its name.
    fn embedded(&mut self, tag: &Tag, reference: Option<&str>) {
        let is_picture = tag.get("type").map(|kind| kind.trim().to_ascii_lowercase().starts_with("image/"));
        let Some(url) = reference.and_then(|reference| self.join(reference)) else { return };
        if is_picture.unwrap_or_else(|| names_picture(url.path())) {
            self.show_url(url, tag, false);
        }
    }

    fn backgrounds(&mut self, tag: &Tag) {
        if let Some(style) = tag.get("style") {
            self.style(style);
        }
        for name in BACKGROUNDS {
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
        css::references(css, &mut |reference| {
            self.show(reference, "", "");
        });
    }

    /// Shows `reference` with the texts of `tag`.
    fn show_of(&mut self, tag: &Tag, reference: Option<&str>) -> Option<usize> {
        let url = self.join(reference?)?;
        self.show_url(url, tag, false)
    }

    fn show(&mut self, reference: &str, alt: &str, caption: &str) -> Option<usize> {
        let url = self.join(reference)?;
        self.keep(url, alt, caption, false)
    }

    /// The address that a reference to a picture means.
    fn join(&mut self, reference: &str) -> Option<Url> {
        let reference = reference.trim();
        if reference.is_empty() || reference.starts_with('#') {
            return None;
        }
        self.kept.join(&self.base, reference)
    }

    fn show_url(&mut self, url: Url, tag: &Tag, linked: bool) -> Option<usize> {
        let alt = if linked { tag.get("alt") } else { tag.first(&["alt", "aria-label"]) };
        self.keep(url, alt.unwrap_or_default(), tag.get("title").unwrap_or_default(), linked)
    }

    fn keep(&mut self, url: Url, alt: &str, caption: &str, linked: bool) -> Option<usize> {
        let at = self.kept.show(url, linked)?;
        self.kept.fill(at, Text::Alt, alt);
        self.kept.fill(at, Text::Caption, caption);
        if let Some(figure) = self.figures.last_mut().filter(|figure| figure.pictures.len() < MAX_PICTURES) {
            figure.pictures.push(at);
        }
        Some(at)
    }

    fn lead(&mut self, reference: Option<&str>) {
        let reference = reference.map(str::trim).filter(|reference| !reference.is_empty());
        if let Some(url) = reference.and_then(|reference| self.kept.join(&self.base, reference)) {
            self.kept.lead(url);
        }
    }

    fn finish(mut self) -> Page {
        self.close_anchor();
        while !self.figures.is_empty() {
            self.close_figure();
        }
        let mut page = self.kept.finish();
        if page.title.is_empty() {
            page.title = self.titles.into_iter().find(|title| !title.is_empty()).unwrap_or_default();
        }
        page
    }
}

#[cfg(test)]
mod tests;
