//! Sitemaps by <https://www.sitemaps.org/protocol.html>: lists of pages, of further sitemaps, and of the pictures on each
//! page. XML or plain lines, packed or not.
//!
//! No entity but XML's own five is known, so none can grow; what breaks off or is damaged gives what came before.

use ::url::Url;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::fetch::unpack::unpack;
use super::url::parse;
use super::{Reason, Refusal};

/// The most addresses of one sitemap, by the protocol.
pub const MAX_ENTRIES: usize = 50_000;
/// The largest sitemap, unpacked, in bytes; by the protocol.
pub const MAX_BYTES: u64 = 50 << 20;
/// The most pictures of one sitemap; the protocol has a limit for a page only, of 1,000.
pub const MAX_PICTURES: usize = 100_000;
/// The longest text that is kept of one element, in bytes.
const MAX_TEXT: usize = 4_000;
/// The longest caption, in characters.
const MAX_CAPTION: usize = 500;

/// What a sitemap lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sitemap {
    /// Pages, in its order.
    pub pages: Vec<Entry>,
    /// Further sitemaps, in its order; each is to be asked for, and can list more.
    pub sitemaps: Vec<Entry>,
    /// Whether a part was left out: it was damaged, too large or too long.
    pub cut: bool,
}

/// A page, or a further sitemap.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where. It may be of another host; whether that is believed is the caller's business.
    pub url: Url,
    /// When it was changed last, as it stands there (such as `2020-05-01`): worth comparing with what stood there before.
    pub last_modified: Option<String>,
    /// The pictures on it.
    pub pictures: Vec<Picture>,
}

/// A picture on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Where.
    pub url: Url,
    /// Its caption, else its title; or empty.
    pub caption: String,
}

/// Reads a sitemap, packed by gzip or not.
///
/// # Errors
/// `Encoding` where what is packed is damaged from its start.
pub fn read(bytes: &[u8]) -> Result<Sitemap, Refusal> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let unpacked = unpack(bytes, "gzip", MAX_BYTES)?;
        let mut sitemap = text(&unpacked.bytes);
        sitemap.cut |= unpacked.more;
        return Ok(sitemap);
    }
    let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    let mut sitemap = text(bytes.get(..limit).unwrap_or(bytes));
    sitemap.cut |= bytes.len() > limit;
    Ok(sitemap)
}

/// Checks that an answer can be a sitemap by its first byte, before its length is spent on it.
///
/// # Errors
/// `Type` where it is a page.
pub fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let start = String::from_utf8_lossy(bytes.get(..512).unwrap_or(bytes)).to_ascii_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Err(Refusal::new(Reason::Type, "a page, not a sitemap"));
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Sitemap {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') { Reading::default().xml(text) } else { lines(text) }
}

fn lines(text: &str) -> Sitemap {
    let mut sitemap = Sitemap::default();
    for url in text.lines().filter_map(|line| parse(line).ok()) {
        if sitemap.pages.len() == MAX_ENTRIES {
            sitemap.cut = true;
            break;
        }
        sitemap.pages.push(Entry { url, last_modified: None, pictures: Vec::new() });
    }
    sitemap
}

/// What has been read of the entry that is open.
#[derive(Default)]
struct Reading {
    sitemap: Sitemap,
    pictures: usize,
    url: Option<Url>,
    last_modified: Option<String>,
    of_entry: Vec<Picture>,
    picture: Option<Url>,
    caption: String,
    title: String,
    in_picture: bool,
    /// The text of the element that is open.
    text: String,
}

impl Reading {
    fn xml(mut self, text: &str) -> Sitemap {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        // Closing tags are looked at one by one; a list of those that are open would grow with what is sent.
        (config.check_end_names, config.allow_unmatched_ends, config.allow_dangling_amp) = (false, true, true);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) => self.start(&tag),
                Ok(Event::End(tag)) => {
                    let name = tag.name();
                    if !self.end(name.as_ref()) {
                        self.sitemap.cut = true;
                        break;
                    }
                }
                Ok(Event::Text(text)) => self.add(&text),
                Ok(Event::CData(text)) => self.add(&text),
                Ok(Event::GeneralRef(reference)) => self.reference(&reference),
                Ok(Event::Eof) => break,
                Ok(Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
                Err(_) => {
                    self.sitemap.cut = true;
                    break;
                }
            }
        }
        self.sitemap
    }

    fn start(&mut self, tag: &BytesStart<'_>) {
        self.text.clear();
        match tag.name().as_ref() {
            "image:image" => {
                self.in_picture = true;
                self.picture = None;
                self.caption.clear();
                self.title.clear();
            }
            "url" | "sitemap" => self.clear(),
            _ => {}
        }
    }

    /// Ends an element. False where there is no room for more.
    fn end(&mut self, name: &str) -> bool {
        let text = self.text.trim();
        match name {
            "loc" if !self.in_picture => self.url = parse(text).ok(),
            "lastmod" => {
                self.last_modified = Some(text.chars().take(40).collect()).filter(|text: &String| !text.is_empty())
            }
            "image:loc" => self.picture = parse(text).ok(),
            "image:caption" => self.caption = caption(text),
            "image:title" => self.title = caption(text),
            "image:image" => {
                self.in_picture = false;
                if let Some(url) = self.picture.take() {
                    let caption =
                        std::mem::take(if self.caption.is_empty() { &mut self.title } else { &mut self.caption });
                    if self.pictures < MAX_PICTURES {
                        self.of_entry.push(Picture { url, caption });
                        self.pictures += 1;
                    } else {
                        self.sitemap.cut = true;
                    }
                }
            }
            "url" | "sitemap" => {
                let pictures = std::mem::take(&mut self.of_entry);
                if let Some(url) = self.url.take() {
                    if self.sitemap.pages.len() + self.sitemap.sitemaps.len() == MAX_ENTRIES {
                        return false;
                    }
                    let entry = Entry { url, last_modified: self.last_modified.take(), pictures };
                    let list = if name == "url" { &mut self.sitemap.pages } else { &mut self.sitemap.sitemaps };
                    list.push(entry);
                }
                self.clear();
            }
            _ => {}
        }
        self.text.clear();
        true
    }

    /// Forgets what is known of the entry that is open.
    fn clear(&mut self) {
        (self.url, self.last_modified, self.picture, self.in_picture) = (None, None, None, false);
        self.of_entry.clear();
    }

    fn add(&mut self, text: &str) {
        let room = MAX_TEXT.saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
        } else {
            self.text.extend(text.chars().take(room));
        }
    }

    /// A character by its number, or one of XML's own five; a reference to anything else stays as it is.
    fn reference(&mut self, reference: &BytesRef<'_>) {
        let mut buffer = [0; 4];
        if let Ok(Some(c)) = reference.resolve_char_ref() {
            return self.add(c.encode_utf8(&mut buffer));
        }
        let name: &str = reference;
        match quick_xml::escape::resolve_predefined_entity(name) {
            Some(text) => self.add(text),
            None => [("&"), name, ";"].iter().for_each(|part| self.add(part)),
        }
    }
}

fn caption(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(MAX_CAPTION).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset \
        xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" xmlns:image=\"http://www.google.com/schemas/sitemap-image/1.1\">";

    fn pages(text: &str) -> Vec<String> {
        read(text.as_bytes()).unwrap().pages.into_iter().map(|entry| entry.url.into()).collect()
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap();
        out
    }

    #[test]
    fn pages_are_read_with_their_dates_and_pictures() {
        let text = format!(
            "{HEAD}<url><loc>\n http://example.org/a?x=1&amp;y=2 </loc><lastmod>2020-05-01</lastmod><changefreq>daily</changefreq>\
             <image:image><image:loc>http://cdn.example/1.jpg</image:loc><image:title>T</image:title>\
             <image:caption>A &#114;ed &lt;b&gt; barn</image:caption></image:image>\
             <image:image><image:title>Two</image:title><image:loc><![CDATA[http://cdn.example/2.jpg?a&b]]></image:loc></image:image>\
             <image:image><image:caption>without a place</image:caption></image:image></url>\
             <url><loc>/relative</loc></url><url><loc>ftp://example.org/</loc></url>\
             <url><image:image><image:loc>http://cdn.example/3.jpg</image:loc></image:image><loc>http://example.org/b</loc></url></urlset>"
        );
        let sitemap = read(text.as_bytes()).unwrap();
        assert!(!sitemap.cut && sitemap.sitemaps.is_empty());
        let [a, b] = &sitemap.pages[..] else { panic!("{sitemap:?}") };
        assert_eq!((a.url.as_str(), a.last_modified.as_deref()), ("http://example.org/a?x=1&y=2", Some("2020-05-01")));
        let pictures: Vec<_> = a.pictures.iter().map(|picture| (picture.url.as_str(), &picture.caption[..])).collect();
        assert_eq!(pictures, [("http://cdn.example/1.jpg", "A red <b> barn"), ("http://cdn.example/2.jpg?a&b", "Two")]);
        assert_eq!((b.url.as_str(), b.last_modified.as_deref(), b.pictures.len()), ("http://example.org/b", None, 1));
    }

    #[test]
    fn an_index_lists_further_sitemaps() {
        let text = "<sitemapindex><sitemap><loc>http://example.org/1.xml.gz</loc><lastmod>2020-01-02T03:04:05Z</lastmod></sitemap>\
            <sitemap><loc>http://example.org/2.xml</loc></sitemap></sitemapindex>";
        let sitemap = read(text.as_bytes()).unwrap();
        assert_eq!((sitemap.pages.len(), sitemap.sitemaps.len()), (0, 2));
        assert_eq!(sitemap.sitemaps[0].last_modified.as_deref(), Some("2020-01-02T03:04:05Z"));
    }

    #[test]
    fn plain_lines_and_packed_files_are_sitemaps_too() {
        let text = "\u{feff}http://example.org/a\r\n\nnot a url\nhttp://example.org/b#x\n";
        let expected = ["http://example.org/a", "http://example.org/b"];
        assert_eq!(pages(text), expected);
        let urls: Vec<String> =
            read(&packed(text.as_bytes())).unwrap().pages.into_iter().map(|entry| entry.url.into()).collect();
        assert_eq!(urls, expected);
        assert_eq!(read(b"").unwrap(), Sitemap::default());
    }

    #[test]
    fn what_breaks_off_or_is_damaged_gives_what_came_before() {
        let one = "<url><loc>http://example.org/a</loc></url>";
        for rest in [
            "<url><loc>http://example.org/b",
            "<url",
            "</url></url></x><!--",
            "<url><loc>http://example.org/&bad",
            "<![CDATA[",
        ] {
            assert_eq!(pages(&format!("{HEAD}{one}{rest}")), ["http://example.org/a"], "{rest}");
        }
        assert!(read(format!("{HEAD}{one}<url").as_bytes()).unwrap().cut);
        let whole = packed(format!("{HEAD}{}", one.repeat(1_000)).as_bytes());
        assert!(!read(&whole[..whole.len() - 12]).unwrap().pages.is_empty());
        assert_eq!(read(b"\x1f\x8bdamaged").unwrap_err().reason(), Reason::Encoding);
        assert_eq!(pages("<html><body><a href='http://example.org/'>"), Vec::<String>::new());
    }

    #[test]
    fn entities_do_not_grow() {
        let text = "<?xml version=\"1.0\"?><!DOCTYPE urlset [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">\
            <!ENTITY x SYSTEM \"file:///etc/passwd\">]><urlset><url><loc>http://example.org/&b;&x;</loc></url></urlset>";
        assert_eq!(pages(text), ["http://example.org/&b;&x;"]);
    }

    #[test]
    fn a_sitemap_is_bounded_in_entries_pictures_text_and_bytes() {
        let many = format!("{HEAD}{}", "<url><loc>http://example.org/a</loc></url>".repeat(MAX_ENTRIES + 5));
        let sitemap = read(many.as_bytes()).unwrap();
        assert_eq!((sitemap.pages.len(), sitemap.cut), (MAX_ENTRIES, true));
        let lines = read("http://example.org/a\n".repeat(MAX_ENTRIES + 5).as_bytes()).unwrap();
        assert_eq!((lines.pages.len(), lines.cut), (MAX_ENTRIES, true));
        let picture = "<image:image><image:loc>http://example.org/a</image:loc></image:image>";
        let pictures = format!("{HEAD}<url><loc>http://example.org/</loc>{}</url>", picture.repeat(MAX_PICTURES + 5));
        let sitemap = read(pictures.as_bytes()).unwrap();
        assert_eq!((sitemap.pages[0].pictures.len(), sitemap.cut), (MAX_PICTURES, true));
        let long = format!("{HEAD}<url><loc>http://example.org/{}</loc></url>", "a".repeat(1_000_000));
        assert_eq!(pages(&long), Vec::<String>::new());
        let bomb = packed(&vec![b' '; MAX_BYTES as usize + 1]);
        assert!(bomb.len() < 100_000 && read(&bomb).unwrap().cut);
        let deep = format!("{HEAD}{}<loc>http://example.org/a</loc></url>", "<url>".repeat(200_000));
        assert_eq!(pages(&deep), ["http://example.org/a"]);
    }

    #[test]
    fn a_page_in_a_sitemap_s_place_is_told_apart() {
        for page in ["<!DOCTYPE html><html>", "\u{feff} <HTML lang=en>"] {
            assert_eq!(check(page.as_bytes()).unwrap_err().reason(), Reason::Type);
        }
        assert_eq!(check(HEAD.as_bytes()), Ok(()));
        assert_eq!(check(b"\x1f\x8b"), Ok(()));
    }
}
