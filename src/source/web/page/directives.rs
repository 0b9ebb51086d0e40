//! What a page asks of crawlers: `<meta name="robots">` and the field X-Robots-Tag.

/// What is asked, all sources together: whichever forbids counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `noindex` or `none`: keep nothing of the page. In the header of a picture: do not keep the picture.
    pub noindex: bool,
    /// `noimageindex`: keep none of its pictures.
    pub noimageindex: bool,
    /// `nofollow` or `none`: do not follow its links.
    pub nofollow: bool,
    /// `noai` or `noimageai`: not for training. No standard, and ris trains nothing, so this is told and left to the user.
    pub noai: bool,
}

impl Directives {
    /// The directives of an answer's fields X-Robots-Tag, for the crawler whose product token is `agent`.
    pub fn of(fields: &[String], agent: &str) -> Self {
        let mut directives = Self::default();
        fields.iter().for_each(|field| directives.header(field, agent));
        directives
    }

    /// Whether the pictures of the page, or the picture that was answered, may be kept.
    pub fn allow_pictures(&self) -> bool {
        !self.noindex && !self.noimageindex
    }

    /// Adds the words of a meta tag.
    pub(super) fn words(&mut self, content: &str) {
        for word in content.split([',', ' ', '\t', '\n', ';']) {
            self.word(word);
        }
    }

    /// Adds a field X-Robots-Tag: words for all, or behind the name of a crawler and a colon for that one, up to the next
    /// name.
    pub(super) fn header(&mut self, field: &str, agent: &str) {
        let mut meant = true;
        for part in field.split(',') {
            let mut word = part.trim();
            if let Some((name, rest)) = word.split_once(':') {
                let name = name.trim();
                // Words with values of their own look like a crawler's name.
                let valued = ["unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"];
                if valued.iter().any(|valued| valued.eq_ignore_ascii_case(name)) {
                    continue;
                }
                meant = name.eq_ignore_ascii_case(agent) || name == "*";
                word = rest.trim();
            }
            if meant {
                self.words(word);
            }
        }
    }

    fn word(&mut self, word: &str) {
        match word.to_ascii_lowercase().as_str() {
            "none" => (self.noindex, self.nofollow) = (true, true),
            "noindex" => self.noindex = true,
            "noimageindex" => self.noimageindex = true,
            "nofollow" => self.nofollow = true,
            "noai" | "noimageai" => self.noai = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The letters of what is forbidden: index, images, follow, ai.
    fn letters(directives: Directives) -> String {
        let Directives { noindex, noimageindex, nofollow, noai } = directives;
        let letters = [(noindex, 'x'), (noimageindex, 'i'), (nofollow, 'f'), (noai, 'a')];
        letters.into_iter().filter(|(is, _)| *is).map(|(_, letter)| letter).collect()
    }

    #[test]
    fn a_field_counts_for_all_or_for_the_crawler_it_names() {
        let cases = [
            ("noindex", "x"),
            ("NoIndex, NOFOLLOW", "xf"),
            ("none", "xf"),
            ("all", ""),
            ("index, follow", ""),
            ("noimageindex,noai", "ia"),
            ("noimageai", "a"),
            ("ris: noindex", "x"),
            ("RIS: noindex, nofollow", "xf"),
            ("otherbot: noindex, nofollow", ""),
            ("otherbot: noindex, ris: noimageindex", "i"),
            ("ris: noimageindex, otherbot: noindex", "i"),
            ("*: noindex", "x"),
            ("unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", "x"),
            ("max-image-preview: none", ""),
            ("noindexed", ""),
            ("", ""),
            (":::,,,", ""),
        ];
        for (field, expected) in cases {
            assert_eq!(letters(Directives::of(&[field.to_owned()], "ris")), expected, "{field}");
        }
        let fields = ["noindex".to_owned(), "ris: nofollow".to_owned()];
        assert_eq!(letters(Directives::of(&fields, "ris")), "xf");
    }

    #[test]
    fn pictures_are_kept_unless_the_page_or_they_are_forbidden() {
        for (field, expected) in
            [("noindex", false), ("noimageindex", false), ("none", false), ("nofollow", true), ("noai", true)]
        {
            assert_eq!(Directives::of(&[field.to_owned()], "ris").allow_pictures(), expected, "{field}");
        }
    }
}
