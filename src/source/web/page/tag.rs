//! A tag and its attributes, and which of them name the picture of an element.

use super::srcset;

/// The most attributes kept of one tag; none of those looked for stands behind so many.
const MAX_ATTRIBUTES: usize = 64;
/// Where scripts find the picture in full, the best known first.
const FULL: [&str; 10] = [
    "data-orig-file",
    "data-large-file",
    "data-large_image",
    "data-full",
    "data-full-src",
    "data-zoom-image",
    "data-hi-res-src",
    "data-original",
    "data-original-src",
    "data-orig-src",
];
/// Where scripts find what they load once it comes into sight.
const LAZY: [&str; 10] = [
    "data-src",
    "data-lazy-src",
    "data-lazy",
    "data-ll-src",
    "data-echo",
    "data-flickity-lazyload",
    "data-actualsrc",
    "data-img-src",
    "data-image",
    "data-url",
];
/// Those of them that hold other things too: a number, a page, yes or no.
const UNSURE: [&str; 3] = ["data-full", "data-image", "data-url"];
/// Where a picture stands behind an element, whatever it is called.
pub(super) const BACKGROUNDS: [&str; 4] = ["background", "data-bg", "data-background", "data-background-image"];

/// The attributes of the tag being read, the first of each name.
#[derive(Default)]
pub(super) struct Tag {
    pub name: String,
    attributes: Vec<(String, String)>,
}

/// A reference that may be an element's picture.
pub(super) struct Candidate<'a> {
    pub reference: &'a str,
    /// Whether it is one only if its path ends as pictures' names do.
    pub must_name: bool,
}

impl Tag {
    /// Begins another tag.
    pub fn open(&mut self, name: String) {
        self.name = name;
        self.attributes.clear();
    }

    /// Adds an attribute, unless it is there or there are too many.
    pub fn add(&mut self, name: String, value: String) {
        if self.attributes.len() < MAX_ATTRIBUTES && self.get(&name).is_none() {
            self.attributes.push((name, value));
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first of `names` that holds something.
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.filled(name))
    }

    fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Whether `word` is one of those that the attribute `name` holds.
    pub fn has(&self, name: &str, word: &str) -> bool {
        self.get(name).is_some_and(|words| words.split_ascii_whitespace().any(|one| one.eq_ignore_ascii_case(word)))
    }

    /// What may be the picture of an element that shows one, the best first: the largest of its sizes, what scripts show
    /// in full, what they load, what stands there.
    pub fn candidates(&self) -> Vec<Candidate<'_>> {
        // A `<source>` of sound or film has a src too; it is no picture.
        let is_source = self.name == "source";
        let known = |name: &&str| {
            let reference = self.filled(name).filter(|value| value.contains(['/', '.', '?']))?;
            Some(Candidate { reference, must_name: is_source || UNSURE.contains(name) })
        };
        let sure = |reference| Candidate { reference, must_name: false };
        let plain = ["src", "href", "xlink:href"].iter().filter(|_| !is_source).find_map(|name| self.filled(name));
        let (lesser, others): (Vec<_>, Vec<_>) = self.data().partition(|(name, value)| {
            // What is small by its name, or may be no more than the name of a file.
            let small = ["thumb", "small", "medium", "low", "preview", "placeholder", "blur"];
            small.iter().any(|word| name.contains(word)) || !value.contains('/')
        });
        let mut candidates: Vec<Candidate<'_>> = self.largest().map(sure).into_iter().collect();
        candidates.extend(FULL.iter().filter_map(known));
        candidates.extend(LAZY.iter().filter_map(known));
        candidates.extend(others.into_iter().map(named));
        candidates.extend(plain.map(sure));
        candidates.extend(lesser.into_iter().map(named));
        candidates
    }

    /// What an element that shows no picture itself holds for scripts that show one.
    pub fn data_pictures(&self) -> impl Iterator<Item = &str> {
        let is_data = self.name != "link" && self.name != "meta";
        let largest = self.largest_of(|name| is_data && name.starts_with("data-"));
        largest.into_iter().chain(self.data().map(|(_, value)| value))
    }

    /// The largest candidate of all sets.
    fn largest(&self) -> Option<&str> {
        self.largest_of(|_| true)
    }

    fn largest_of(&self, is_one: impl Fn(&str) -> bool) -> Option<&str> {
        let sets = self.attributes.iter().filter(|(name, _)| is_set(name) && is_one(name));
        srcset::largest_of(&sets.map(|(_, set)| set.as_str()).collect::<Vec<_>>())
    }

    /// Attributes for scripts whose values may be the addresses of pictures, and are not several in one.
    fn data(&self) -> impl Iterator<Item = (&str, &str)> {
        let words = ["title", "name", "alt", "caption", "description", "label"];
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.trim())).filter(move |(name, value)| {
            name.starts_with("data-")
                && !is_set(name)
                && !BACKGROUNDS.contains(name)
                && !words.iter().any(|word| name.ends_with(word))
                && names_picture(value.split(['?', '#']).next().unwrap_or_default())
                && !value.starts_with(['{', '[', '#'])
                && !value.contains(|c: char| c.is_whitespace() || c == ',')
        })
    }
}

fn named<'a>((_, reference): (&str, &'a str)) -> Candidate<'a> {
    Candidate { reference, must_name: true }
}

fn is_set(name: &str) -> bool {
    name == "srcset" || name == "data-original-set" || (name.starts_with("data-") && name.ends_with("srcset"))
}

/// Whether a path ends as pictures' names do.
pub(super) fn names_picture(path: &str) -> bool {
    const ENDINGS: [&str; 18] = [
        "jpg", "jpeg", "jpe", "png", "gif", "webp", "avif", "heic", "heif", "jxl", "tif", "tiff", "bmp", "svg", "ico",
        "psd", "dng", "jp2",
    ];
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}
