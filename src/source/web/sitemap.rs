//! Sitemaps by <https://www.sitemaps.org/protocol.html>: lists of pages, of further sitemaps, and of the pictures on each
//! page. XML or plain lines, packed or not.
//!
//! No entity but XML's own five is known, so none can grow; what breaks off or is damaged gives what came before.

use ::url::Url;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::fetch::unpack::unpack;
use super::url::{MAX_LENGTH, parse};
use super::{Reason, Refusal};

/// The most addresses of one sitemap, by the protocol.
pub const MAX_ENTRIES: usize = 50_000;
/// The largest sitemap, unpacked, in bytes; by the protocol.
pub const MAX_BYTES: u64 = 50 << 20;
/// The most pictures of one sitemap; the protocol has a limit for a page only, of 1,000.
pub const MAX_PICTURES: usize = 100_000;
/// As many bytes as all addresses and texts kept of a sitemap come to, with a page's own once more for each picture.
const MAX_KEPT: usize = 40 << 20;
/// The longest text that is kept of one element, in bytes: what was cut is too long for an address.
const MAX_TEXT: usize = MAX_LENGTH + 1;
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
    /// Addresses that were left out, since they are too long or none of the web: each must be a whole URL.
    pub unfit: u64,
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
    /// Its title, where it has a caption too; or empty.
    pub alt: String,
    /// Its caption, else its title; or empty.
    pub caption: String,
}

/// Reads a sitemap, packed by gzip or not.
///
/// # Errors
/// Where it holds no address: `Encoding` where it is damaged, `Size` where it is larger than [`MAX_BYTES`], `Url` where
/// all it lists is unfit, `Type` where it is no sitemap. One by its form that lists nothing is none of these.
pub fn read(bytes: &[u8]) -> Result<Sitemap, Refusal> {
    let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    let (read, more) = if bytes.starts_with(&[0x1f, 0x8b]) {
        let unpacked = unpack(bytes, "gzip", MAX_BYTES)?;
        (text(&unpacked.bytes), unpacked.more)
    } else {
        (text(bytes.get(..limit).unwrap_or(bytes)), bytes.len() > limit)
    };
    let (mut sitemap, has_root) = read;
    if sitemap.pages.is_empty() && sitemap.sitemaps.is_empty() {
        let refuse = |reason, message: &'static str| Err(Refusal::new(reason, message));
        return match (more, sitemap.unfit > 0, has_root, sitemap.cut) {
            (true, ..) => refuse(Reason::Size, "a sitemap larger than 50 MiB unpacked, with no address up to there"),
            (_, _, true, true) => refuse(Reason::Encoding, "the sitemap is damaged before its first address"),
            (_, _, false, _) => refuse(Reason::Type, "neither a sitemap nor a list of addresses, or it is damaged"),
            (_, true, ..) => refuse(Reason::Url, "a sitemap without a whole URL of http or https"),
            _ => Ok(sitemap),
        };
    }
    sitemap.cut |= more;
    Ok(sitemap)
}

/// Whether a text holds the start of a sitemap's outermost element, by any prefix of its names.
pub fn has_root(text: &str) -> bool {
    ["urlset", "sitemapindex"].iter().any(|root| {
        text.match_indices(root).any(|(at, _)| {
            let before = text.get(..at).unwrap_or_default();
            let start = before.rfind('<').and_then(|start| before.get(start + 1..)).unwrap_or("/");
            start.is_empty()
                || (start.ends_with(':') && !start.contains(|c: char| c.is_whitespace() || "/!?>".contains(c)))
        })
    })
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

/// A sitemap, and whether it has the form of one.
fn text(bytes: &[u8]) -> (Sitemap, bool) {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') { Reading::default().xml(text) } else { (lines(text), false) }
}

fn lines(text: &str) -> Sitemap {
    let mut sitemap = Sitemap::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Ok(url) = parse(line) else {
            sitemap.unfit += 1;
            continue;
        };
        if sitemap.pages.len() == MAX_ENTRIES {
            sitemap.cut = true;
            break;
        }
        sitemap.pages.push(Entry { url, last_modified: None, pictures: Vec::new() });
    }
    sitemap
}

/// What has been read of the entry that is open. Elements are known by their names without a prefix, whatever that is
/// bound to; the same name within a picture is the picture's.
#[derive(Default)]
struct Reading {
    sitemap: Sitemap,
    has_root: bool,
    pictures: usize,
    /// Bytes kept.
    kept: usize,
    url: Option<Url>,
    last_modified: Option<String>,
    of_entry: Vec<Picture>,
    picture: Option<Url>,
    caption: String,
    title: String,
    in_entry: bool,
    in_picture: bool,
    /// In a film, whose title is that of its still.
    in_film: bool,
    /// The text of the element that is open.
    text: String,
}

impl Reading {
    fn xml(mut self, text: &str) -> (Sitemap, bool) {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        // Closing tags are looked at one by one; a list of those that are open would grow with what is sent.
        (config.check_end_names, config.allow_unmatched_ends, config.allow_dangling_amp) = (false, true, true);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) => self.start(&tag),
                Ok(Event::End(tag)) => {
                    if !self.end(tag.local_name().as_ref()) {
                        self.sitemap.cut = true;
                        break;
                    }
                }
                Ok(Event::Text(text)) => self.add(&text),
                Ok(Event::CData(text)) => self.add(&text),
                Ok(Event::GeneralRef(reference)) => self.reference(&reference),
                Ok(Event::Empty(tag)) => self.root(tag.local_name().as_ref()),
                Ok(Event::Eof) => break,
                Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
                Err(_) => {
                    self.sitemap.cut = true;
                    break;
                }
            }
        }
        // What breaks off in an entry.
        self.sitemap.cut |= self.in_entry;
        (self.sitemap, self.has_root)
    }

    fn root(&mut self, name: &str) {
        self.has_root |= matches!(name, "urlset" | "sitemapindex");
    }

    fn start(&mut self, tag: &BytesStart<'_>) {
        self.text.clear();
        let name = tag.local_name();
        match name.as_ref() {
            name @ ("image" | "video") => {
                (self.in_picture, self.in_film) = (name == "image", name == "video");
                self.picture = None;
                self.caption.clear();
                self.title.clear();
            }
            "url" | "sitemap" => {
                self.clear();
                self.in_entry = true;
            }
            name => self.root(name),
        }
    }

    /// Ends an element. False where there is no room for more.
    fn end(&mut self, name: &str) -> bool {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        match name {
            "loc" if self.in_picture => self.picture = self.address(text),
            "loc" if !self.in_film => self.url = self.address(text),
            "thumbnail_loc" if self.in_film => self.picture = self.address(text),
            "lastmod" => {
                self.last_modified = Some(text.chars().take(40).collect()).filter(|text: &String| !text.is_empty())
            }
            "caption" if self.in_picture => self.caption = caption(text),
            "title" if self.in_picture || self.in_film => self.title = caption(text),
            "image" | "video" => {
                (self.in_picture, self.in_film) = (false, false);
                self.take_picture();
            }
            "url" | "sitemap" => {
                self.in_entry = false;
                let pictures = std::mem::take(&mut self.of_entry);
                if let Some(url) = self.url.take() {
                    if self.sitemap.pages.len() + self.sitemap.sitemaps.len() == MAX_ENTRIES {
                        return false;
                    }
                    let sum =
                        |picture: &Picture| picture.url.as_str().len() + picture.alt.len() + picture.caption.len();
                    self.kept += url.as_str().len() * (1 + pictures.len()) + pictures.iter().map(sum).sum::<usize>();
                    if self.kept > MAX_KEPT {
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
        true
    }

    /// An address that is listed; one that is unfit is counted.
    fn address(&mut self, text: &str) -> Option<Url> {
        let url = parse(text).ok();
        self.sitemap.unfit += u64::from(url.is_none());
        url
    }

    /// Takes the picture that is complete into the entry.
    fn take_picture(&mut self) {
        let Some(url) = self.picture.take() else { return };
        if self.pictures >= MAX_PICTURES {
            self.sitemap.cut = true;
            return;
        }
        let (mut alt, mut caption) = (std::mem::take(&mut self.title), std::mem::take(&mut self.caption));
        if caption.is_empty() {
            std::mem::swap(&mut alt, &mut caption);
        }
        self.of_entry.push(Picture { url, alt, caption });
        self.pictures += 1;
    }

    /// Forgets what is known of the entry that is open.
    fn clear(&mut self) {
        (self.url, self.last_modified, self.picture) = (None, None, None);
        (self.in_picture, self.in_film) = (false, false);
        self.of_entry.clear();
    }

    fn add(&mut self, text: &str) {
        let text = if self.text.is_empty() { text.trim_start() } else { text };
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
        assert_eq!(sitemap.unfit, 2);
        let [a, b] = &sitemap.pages[..] else { panic!("{sitemap:?}") };
        assert_eq!((a.url.as_str(), a.last_modified.as_deref()), ("http://example.org/a?x=1&y=2", Some("2020-05-01")));
        let told = |picture: &Picture| [picture.url.as_str(), &picture.alt, &picture.caption].join(" | ");
        let pictures: Vec<_> = a.pictures.iter().map(told).collect();
        assert_eq!(
            pictures,
            ["http://cdn.example/1.jpg | T | A red <b> barn", "http://cdn.example/2.jpg?a&b |  | Two"]
        );
        assert_eq!((b.url.as_str(), b.last_modified.as_deref(), b.pictures.len()), ("http://example.org/b", None, 1));
    }

    #[test]
    fn names_are_known_by_any_prefix_and_what_stands_in_a_picture_or_film_is_theirs() {
        let text = "<?xml version='1.0'?><s:urlset xmlns:s='http://www.sitemaps.org/schemas/sitemap/0.9' \
            xmlns:i='http://www.google.com/schemas/sitemap-image/1.1' xmlns:v='http://www.google.com/schemas/sitemap-video/1.1'>\
            <s:url><s:loc>http://example.org/a</s:loc><i:image><i:loc>http://example.org/1.jpg</i:loc><i:title>One</i:title></i:image>\
            <v:video><v:thumbnail_loc>http://example.org/2.jpg</v:thumbnail_loc><v:title>Two</v:title>\
            <v:content_loc>http://example.org/2.mp4</v:content_loc></v:video></s:url>\
            <s:url><s:loc>http://example.org/b</s:loc><n:news><n:title>No</n:title></n:news></s:url></s:urlset>";
        let sitemap = read(text.as_bytes()).unwrap();
        let [a, b] = &sitemap.pages[..] else { panic!("{sitemap:?}") };
        assert_eq!((a.url.path(), b.url.path(), b.pictures.len()), ("/a", "/b", 0));
        let pictures: Vec<_> = a.pictures.iter().map(|picture| (picture.url.path(), &picture.caption[..])).collect();
        assert_eq!(pictures, [("/1.jpg", "One"), ("/2.jpg", "Two")]);
        for (text, expected) in [
            ("<?xml?><s:urlset a=b>", true),
            ("<urlset>", true),
            ("<x:sitemapindex/>", true),
            ("<a href='x:urlset'>", false),
            ("</urlset>", false),
            ("urlset", false),
        ] {
            assert_eq!(has_root(text), expected, "{text}");
        }
    }

    #[test]
    fn what_holds_no_address_is_refused_with_the_reason() {
        let whole = packed(format!("{HEAD}{}", "<url><loc>http://example.org/a</loc></url>".repeat(1_000)).as_bytes());
        let mut damaged = whole.clone();
        damaged[20..40].fill(0xAA);
        let bomb = packed(&vec![b' '; MAX_BYTES as usize + 1]);
        let relative = format!("{HEAD}<url><loc>/a</loc></url><url><loc>b</loc></url></urlset>");
        let cases = [
            (&b""[..], Reason::Type),
            (b"\x00\x01nonsense\nof bytes", Reason::Type),
            (b"<html><body><a href='http://example.org/'>", Reason::Type),
            (&whole[..40], Reason::Encoding),
            (&damaged, Reason::Encoding),
            (&bomb, Reason::Size),
            (relative.as_bytes(), Reason::Url),
            (b"<urlset><url><loc>http://example.org/a", Reason::Encoding),
        ];
        for (n, (bytes, expected)) in cases.into_iter().enumerate() {
            assert_eq!(read(bytes).unwrap_err().reason(), expected, "case {n}");
        }
        assert_eq!(read(b"<urlset></urlset>").unwrap(), Sitemap::default());
        assert_eq!(read(b"<urlset/>").unwrap(), Sitemap::default());
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
        let one = "<url><loc>http://example.org/a</loc></url>";
        let long = format!("{HEAD}<url><loc>\n http://example.org/{}</loc></url>{one}", "a".repeat(1_000_000));
        let sitemap = read(long.as_bytes()).unwrap();
        assert_eq!((sitemap.pages.len(), sitemap.unfit), (1, 1));
        let bomb = packed(format!("{HEAD}{one}{}", " ".repeat(MAX_BYTES as usize + 1)).as_bytes());
        assert!(bomb.len() < 100_000 && read(&bomb).unwrap().cut);
        let far = format!("<url><loc>http://example.org/{}</loc>{}</url>", "a".repeat(7_900), picture.repeat(6_000));
        let sitemap = read(format!("{HEAD}{one}{far}").as_bytes()).unwrap();
        assert_eq!((sitemap.pages.len(), sitemap.cut), (1, true));
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
