//! What a page asks of crawlers: `<meta name="robots">` and the field X-Robots-Tag.

use std::time::{Duration, SystemTime};

/// Words with a value of their own: they look like a crawler's name, and their values like words.
const VALUED: [&str; 3] = ["max-snippet", "max-image-preview", "max-video-preview"];

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
    /// `unavailable_after`, the earliest: from then on as `noindex`; see [`at`](Self::at).
    pub unavailable_after: Option<SystemTime>,
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

    /// The same seen from `now`: past the time of `unavailable_after` a page is one with `noindex`.
    #[must_use]
    pub fn at(self, now: SystemTime) -> Self {
        Self { noindex: self.noindex || self.unavailable_after.is_some_and(|after| after < now), ..self }
    }

    /// Adds the words of a meta tag.
    pub(super) fn words(&mut self, content: &str) {
        self.read(content, None);
    }

    /// Adds a field X-Robots-Tag: words for all, or behind the name of a crawler and a colon for that one, up to the next
    /// name.
    pub(super) fn header(&mut self, field: &str, agent: &str) {
        self.read(field, Some(agent));
    }

    fn read(&mut self, text: &str, agent: Option<&str>) {
        let (mut meant, mut rest) = (true, text);
        loop {
            rest = rest.trim_start_matches(|c| separates(c) || c == ':');
            let (word, after) = split(rest, |c| separates(c) || c == ':');
            if word.is_empty() {
                return;
            }
            rest = after;
            let Some(value) = after.trim_start().strip_prefix(':') else {
                if meant {
                    self.word(word);
                }
                continue;
            };
            let is = |name: &str| word.eq_ignore_ascii_case(name);
            if is("unavailable_after") || VALUED.iter().any(|valued| is(valued)) {
                let dated = date(value.trim_start()).filter(|_| is("unavailable_after"));
                if let Some((date, _)) = dated.filter(|_| meant) {
                    self.unavailable_after = Some(self.unavailable_after.map_or(date, |other| other.min(date)));
                }
                rest = dated.map_or_else(|| split(value.trim_start(), separates).1, |(_, rest)| rest);
            } else {
                // A name begins with a letter; other colons are of times.
                if let Some(agent) = agent.filter(|_| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*')) {
                    meant = is(agent) || word == "*";
                }
                rest = value;
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

fn separates(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';')
}

/// `text` up to the first character that ends it, and from there on.
fn split(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// The date at the start of `text`, and what stands behind it: `2020-01-01`, `1 Jan 2020`, `Wed, 01-Jan-20`, with a time or
/// without. Zones are passed over, since a few hours are no matter here.
fn date(text: &str) -> Option<(SystemTime, &str)> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let short = |word: &str| word.get(..3).unwrap_or_default().to_ascii_lowercase();
    let letters = |text| split(text, |c: char| !c.is_ascii_alphabetic());
    let number = |text| {
        let (digits, rest) = split(text, |c: char| !c.is_ascii_digit());
        Some((digits.parse::<i32>().ok().filter(|_| digits.len() <= 4)?, rest))
    };
    let (day, rest) = letters(text);
    let text = if DAYS.contains(&short(day).as_str()) { rest.trim_start_matches([',', ' ']) } else { text };
    let (first, rest) = number(text)?;
    let rest = rest.strip_prefix(['-', ' '])?;
    let (name, behind) = letters(rest);
    let name = short(name);
    let (month, rest) = match MONTHS.iter().position(|month| *month == name) {
        Some(month) => (i32::try_from(month + 1).ok()?, behind),
        None => number(rest)?,
    };
    let (last, rest) = number(rest.strip_prefix(['-', ' '])?)?;
    let (year, day) = match (first, last) {
        (1_000.., day) => (first, day),
        (day, 0..70) => (2_000 + last, day),
        (day, 70..100) => (1_900 + last, day),
        (day, _) => (last, day),
    };
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = time::Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()?;
    let clock = |text| {
        let (hour, rest) = number(text)?;
        let (minute, rest) = number(rest.strip_prefix(':')?)?;
        let (second, rest) = rest.strip_prefix(':').and_then(number).unwrap_or((0, rest));
        let part = |part: i32| u8::try_from(part).ok();
        Some((time::Time::from_hms(part(hour)?, part(minute)?, part(second.min(59))?).ok()?, rest))
    };
    let behind = rest.trim_start_matches(['T', 't', ' ']);
    let (time, rest) = clock(behind).unwrap_or((time::Time::MIDNIGHT, rest));
    let seconds = date.with_time(time).assume_utc().unix_timestamp();
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    Some((SystemTime::UNIX_EPOCH.checked_add(since)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The letters of what is forbidden: index, images, follow, ai.
    fn letters(directives: Directives) -> String {
        let Directives { noindex, noimageindex, nofollow, noai, .. } = directives;
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
            ("max-snippet:none; noai", "a"),
            ("otherbot: noai, ris : noindex", "x"),
            ("other bot: noindex", ""),
            ("unavailable_after: none", ""),
            ("unavailable_after: Sun, 99 Foo 1994 15:00:00 X, noindex", "x"),
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
    fn past_its_date_a_page_is_not_to_be_kept() {
        // Seconds since 1970 of the date, and what else is said.
        let cases = [
            ("unavailable_after: 2020-01-01", Some(1_577_836_800), ""),
            ("unavailable_after: 2020-01-01T12:30:00Z, noai", Some(1_577_881_800), "a"),
            ("unavailable_after:2020-01-01T12:30:00.5+01:00,nofollow", Some(1_577_881_800), "f"),
            ("Unavailable_After: Sun, 06 Nov 1994 08:49:37 GMT, noai", Some(784_111_777), "a"),
            ("unavailable_after: Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777), ""),
            ("unavailable_after: 25-Aug-2007 15:00:00 EST", Some(1_188_054_000), ""),
            ("noimageindex, unavailable_after: 25 June 2010 15:00 PST", Some(1_277_478_000), "i"),
            ("unavailable_after: 2021-01-01, unavailable_after: 2020-01-01", Some(1_577_836_800), ""),
            ("unavailable_after: 1 Jan 1900", Some(0), ""),
            ("unavailable_after: 2020-13-01", None, ""),
            ("unavailable_after: 31 Feb 2020", None, ""),
            ("unavailable_after: 99999999999999-01-01, noai", None, "a"),
            ("unavailable_after: soon", None, ""),
            ("unavailable_after:", None, ""),
            ("unavailable_after", None, ""),
        ];
        for (text, expected, others) in cases {
            let expected = expected.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            let mut tag = Directives::default();
            tag.words(text);
            for directives in [tag, Directives::of(&[text.to_owned()], "ris")] {
                assert_eq!((directives.unavailable_after, letters(directives).as_str()), (expected, others), "{text}");
                let now = expected.unwrap_or(SystemTime::now());
                assert!(directives.at(now).noindex == directives.noindex, "{text}");
                let after = directives.at(now + Duration::from_secs(1));
                assert_eq!(after.allow_pictures(), expected.is_none() && directives.allow_pictures(), "{text}");
            }
        }
        let for_us = |field: &str| Directives::of(&[field.to_owned()], "ris").unavailable_after.is_some();
        assert!(for_us("otherbot: noindex, ris: unavailable_after: 2020-01-01"));
        assert!(!for_us("otherbot: unavailable_after: 2020-01-01"));
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
