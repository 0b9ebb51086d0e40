//! `taken:2019..2021 camera:canon size:>2MP path:scans/**`: what a search is limited to, from the words of a user.
//!
//! All conditions must hold; several values of one, between commas, are alternatives; `-` before a condition turns it
//! round. What can't be understood is an error that names the word and says what would do.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use time::{Date, Duration, Month, PrimitiveDateTime, Time};

use crate::error::{Error, ErrorKind, Result};

/// A filter of pictures and their places.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub(super) conditions: Vec<Condition>,
}

/// One condition: a field, and what it may be.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub negated: bool,
    pub field: Field,
    pub any_of: Vec<Value>,
}

/// What is asked of a field.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Something is known.
    Any,
    /// Nothing is known.
    Nothing,
    /// From the first to the last, both included.
    Range(i64, i64),
    /// Words, one after the other.
    Words(String),
    /// What the text of a place matches.
    Glob(GlobSet),
    /// Within so many kilometres of a latitude and longitude.
    Near { latitude: f64, longitude: f64, kilometres: f64 },
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Taken,
    Modified,
    Camera,
    Lens,
    Rating,
    Pixels,
    Width,
    Height,
    Bytes,
    Format,
    Gps,
    Path,
    Page,
    Title,
    Alt,
    Caption,
}

/// How the value of a field is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Date,
    Number,
    Pixels,
    Bytes,
    Words,
    Format,
    Near,
    Glob,
}

const FIELDS: [(&str, Field, Kind); 16] = [
    ("taken", Field::Taken, Kind::Date),
    ("modified", Field::Modified, Kind::Date),
    ("camera", Field::Camera, Kind::Words),
    ("lens", Field::Lens, Kind::Words),
    ("rating", Field::Rating, Kind::Number),
    ("size", Field::Pixels, Kind::Pixels),
    ("width", Field::Width, Kind::Number),
    ("height", Field::Height, Kind::Number),
    ("bytes", Field::Bytes, Kind::Bytes),
    ("format", Field::Format, Kind::Format),
    ("gps", Field::Gps, Kind::Near),
    ("path", Field::Path, Kind::Glob),
    ("page", Field::Page, Kind::Words),
    ("title", Field::Title, Kind::Words),
    ("alt", Field::Alt, Kind::Words),
    ("caption", Field::Caption, Kind::Words),
];

/// Longer filters are no filter.
const CONDITIONS_MAX: usize = 100;

impl Filter {
    /// Understands a filter.
    ///
    /// # Errors
    /// `Usage`, naming what is not understood and what would be.
    pub fn parse(text: &str) -> Result<Self> {
        let conditions = words(text)?.iter().map(|word| condition(word)).collect::<Result<Vec<_>>>()?;
        if conditions.len() > CONDITIONS_MAX {
            return Err(usage(format!("more than {CONDITIONS_MAX} conditions")));
        }
        Ok(Self { conditions })
    }

    /// What both ask for.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.conditions.extend(other.conditions);
        self
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }
}

fn usage(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message.into())
}

/// The conditions of a filter: white space between them, none within double quotes.
fn words(text: &str) -> Result<Vec<String>> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.push(c);
            }
            c if c.is_whitespace() && !quoted => {
                words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty()))
            }
            c => word.push(c),
        }
    }
    if quoted {
        return Err(usage(format!("`{word:.60}` has a quote that does not end")));
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    Ok(words)
}

fn condition(word: &str) -> Result<Condition> {
    let negated = word.starts_with(['-', '!']);
    let bare = if negated { word.get(1..).unwrap_or_default() } else { word };
    let Some((name, value)) = bare.split_once(':') else {
        return Err(usage(format!("`{word:.60}` is no condition: write FIELD:VALUE, e.g. camera:canon; {}", fields())));
    };
    let name = name.to_ascii_lowercase();
    let Some(&(name, field, kind)) = FIELDS.iter().find(|(known, ..)| *known == name) else {
        let near = FIELDS.iter().map(|(known, ..)| (strsim::damerau_levenshtein(known, &name), known));
        let near = near.filter(|&(distance, _)| distance <= 2).min();
        let hint = near.map_or_else(fields, |(_, known)| format!("did you mean `{known}`?"));
        return Err(usage(format!("there is no field `{name:.30}`: {hint}")));
    };
    let wrong = |why: &str| usage(format!("`{word:.60}`: {why}"));
    let values = split(value);
    if values.iter().any(String::is_empty) {
        return Err(wrong(&format!("a value is missing, as in {name}:{}", example(kind))));
    }
    let is_text = matches!(field, Field::Title | Field::Alt | Field::Caption);
    if is_text && values.iter().any(|value| value == "any" || value == "none") {
        return Err(wrong("any and none can't be asked of texts; page:any finds all that a page showed"));
    }
    // Latitude, longitude and distance have commas of their own.
    let values = if kind == Kind::Near && values.len() > 1 { vec![values.join(",")] } else { values };
    let values = values.iter().map(|value| parse(kind, value).map_err(|why| wrong(&why)));
    Ok(Condition { negated, field, any_of: values.collect::<Result<_>>()? })
}

fn fields() -> String {
    let names: Vec<_> = FIELDS.iter().map(|(name, ..)| *name).collect();
    format!("fields are {}", names.join(", "))
}

fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Date => "2019..2021",
        Kind::Number => ">=3",
        Kind::Pixels => ">2MP",
        Kind::Bytes => ">1M",
        Kind::Words => "\"two words\"",
        Kind::Format => "jpeg",
        Kind::Near => "52.52,13.40,10km",
        Kind::Glob => "scans/**",
    }
}

/// Values between commas, without their quotes.
fn split(value: &str) -> Vec<String> {
    let (mut values, mut quoted) = (vec![String::new()], false);
    for c in value.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => values.push(String::new()),
            c => values.last_mut().map(|last| last.push(c)).unwrap_or_default(),
        }
    }
    values
}

fn parse(kind: Kind, value: &str) -> std::result::Result<Value, String> {
    if value == "any" && kind != Kind::Glob {
        return Ok(Value::Any);
    }
    if value == "none" && kind != Kind::Glob {
        return Ok(Value::Nothing);
    }
    match kind {
        Kind::Date => range(value, &date, "a date is 2019, 2019-05, 2019-05-04 or 2019-05-04T10:11"),
        Kind::Number => range(value, &|text| whole(text).map(exactly), "it must be a whole number"),
        Kind::Pixels => {
            range(value, &pixels, "a size is in pixels, e.g. 500000 or 2MP; for a file's size write bytes:")
        }
        Kind::Bytes => range(value, &bytes, "it must be a number of bytes, or one with K, M, G or T behind it"),
        Kind::Words => Ok(Value::Words(value.to_owned())),
        Kind::Format => match super::formats::format_code_of(&value.to_ascii_lowercase()) {
            Some(code) => Ok(Value::Range(code, code)),
            None => Err(format!("no format of that name; formats are {}", super::formats::format_names())),
        },
        Kind::Near => near(value).ok_or_else(|| "write LATITUDE,LONGITUDE,KILOMETRES, e.g. 52.52,13.40,10km".into()),
        Kind::Glob => glob(value).map_err(|error| error.to_string()),
    }
}

type Span = (i64, i64);

fn exactly(value: i64) -> Span {
    (value, value)
}

fn range(value: &str, span: &dyn Fn(&str) -> Option<Span>, otherwise: &str) -> std::result::Result<Value, String> {
    let (first, last) = (i64::MIN, i64::MAX);
    let part = |text: &str| span(text).ok_or_else(|| otherwise.to_owned());
    let (from, to) = if let Some((from, to)) = value.split_once("..") {
        if from.is_empty() && to.is_empty() {
            return Err(otherwise.to_owned());
        }
        let from = if from.is_empty() { first } else { part(from)?.0 };
        (from, if to.is_empty() { last } else { part(to)?.1 })
    } else if let Some(text) = value.strip_prefix(">=") {
        (part(text)?.0, last)
    } else if let Some(text) = value.strip_prefix("<=") {
        (first, part(text)?.1)
    } else if let Some(text) = value.strip_prefix('>') {
        (part(text)?.1.saturating_add(1), last)
    } else if let Some(text) = value.strip_prefix('<') {
        (first, part(text)?.0.saturating_sub(1))
    } else {
        part(value.strip_prefix('=').unwrap_or(value))?
    };
    if from > to {
        return Err("it ends before it begins".into());
    }
    Ok(Value::Range(from, to))
}

fn whole(text: &str) -> Option<i64> {
    text.parse::<u32>().ok().map(i64::from)
}

/// A number with a unit: what it rounds from and to.
fn scaled(text: &str, unit: f64) -> Option<Span> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
    let value = number * unit;
    (value < 9e18).then_some(exactly(value as i64))
}

fn pixels(text: &str) -> Option<Span> {
    let upper = text.to_ascii_uppercase();
    match upper.strip_suffix("MP").or_else(|| upper.strip_suffix("MPX")) {
        Some(number) => scaled(number, 1e6),
        None => upper.parse::<u64>().ok().and_then(|number| i64::try_from(number).ok()).map(exactly),
    }
}

fn bytes(text: &str) -> Option<Span> {
    let upper = text.to_ascii_uppercase();
    let upper = upper.strip_suffix("IB").or_else(|| upper.strip_suffix('B')).unwrap_or(&upper);
    let number = upper.trim_end_matches(['K', 'M', 'G', 'T']);
    let unit = match upper.get(number.len()..)? {
        "" => 1.0,
        "K" => 1024.0,
        "M" => 1_048_576.0,
        "G" => 1_073_741_824.0,
        "T" => 1_099_511_627_776.0,
        _ => return None,
    };
    scaled(number, unit)
}

/// The first and the last second of a year, a month, a day, a minute or a second.
fn date(text: &str) -> Option<Span> {
    let (day, clock) = text.split_once(['T', 't']).map_or((text, None), |(day, clock)| (day, Some(clock)));
    let mut parts = day.split('-');
    let year = parts.next().filter(|year| year.len() == 4)?.parse::<i32>().ok()?;
    let two = |part: Option<&str>| match part {
        None => Some(None),
        Some(digits) if digits.len() == 2 => digits.parse::<u8>().ok().map(Some),
        Some(_) => None,
    };
    let (month, of_month) = (two(parts.next())?, two(parts.next())?);
    if parts.next().is_some() || (clock.is_some() && of_month.is_none()) {
        return None;
    }
    let first =
        Date::from_calendar_date(year, Month::try_from(month.unwrap_or(1)).ok()?, of_month.unwrap_or(1)).ok()?;
    let mut start = PrimitiveDateTime::new(first, Time::MIDNIGHT);
    let length = match (month, of_month, clock) {
        (None, ..) => Duration::days(time::util::days_in_year(year).into()),
        (Some(_), None, _) => Duration::days(first.month().length(year).into()),
        (_, Some(_), None) => Duration::DAY,
        (_, _, Some(clock)) => {
            let mut parts = clock.trim_end_matches(['Z', 'z']).split(':');
            let (hour, minute, second) = (two(parts.next())?, two(parts.next())?, two(parts.next())?);
            let time = Time::from_hms(hour?, minute.unwrap_or(0), second.unwrap_or(0)).ok()?;
            start = PrimitiveDateTime::new(first, time);
            match (minute, second) {
                (None, _) => Duration::HOUR,
                (_, None) => Duration::MINUTE,
                _ => Duration::SECOND,
            }
        }
    };
    let from = start.assume_utc().unix_timestamp();
    Some((from, from.checked_add(length.whole_seconds())?.checked_sub(1)?))
}

/// A place and how far from it, one kilometre by default.
fn near(text: &str) -> Option<Value> {
    let mut parts = text.split(',').map(str::trim);
    let (latitude, longitude) = (parts.next()?.parse::<f64>().ok()?, parts.next()?.parse::<f64>().ok()?);
    let kilometres = match parts.next().map(str::to_ascii_lowercase) {
        None => 1.0,
        Some(far) => match far.strip_suffix("km") {
            Some(far) => far.trim().parse::<f64>().ok()?,
            None => match far.strip_suffix('m') {
                Some(far) => far.trim().parse::<f64>().ok()? / 1000.0,
                None => far.parse::<f64>().ok()?,
            },
        },
    };
    let makes_sense = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (0.0..=20_100.0).contains(&kilometres);
    (makes_sense && parts.next().is_none()).then_some(Value::Near { latitude, longitude, kilometres })
}

/// A glob of the kind that ignore files have: one that does not begin at the root begins anywhere, and a folder stands
/// for all below it.
fn glob(text: &str) -> std::result::Result<Value, globset::Error> {
    let text = text.trim_end_matches('/');
    let is_absolute = std::path::Path::new(text).is_absolute() || text.contains("://") || text.starts_with("**");
    let anywhere = if is_absolute { text.to_owned() } else { format!("**/{text}") };
    let mut globs = GlobSetBuilder::new();
    for pattern in [anywhere.clone(), format!("{anywhere}/**")] {
        globs.add(GlobBuilder::new(&pattern).literal_separator(true).build()?);
    }
    globs.build().map(Value::Glob)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str) -> Vec<Span> {
        let filter = Filter::parse(text).unwrap();
        let values = filter.conditions.into_iter().flat_map(|condition| condition.any_of);
        values.map(|value| if let Value::Range(from, to) = value { (from, to) } else { panic!("{text}") }).collect()
    }

    #[test]
    fn dates_and_sizes_are_the_spans_that_people_mean_by_them() {
        let day = 86_400;
        let year = |year: i32| Date::from_calendar_date(year, Month::January, 1).unwrap().midnight().assume_utc();
        let year = |number| year(number).unix_timestamp();
        assert_eq!(ranges("taken:2019"), [(year(2019), year(2020) - 1)]);
        assert_eq!(ranges("taken:2019..2021"), [(year(2019), year(2022) - 1)]);
        assert_eq!(ranges("taken:>2019"), [(year(2020), i64::MAX)]);
        assert_eq!(ranges("taken:>=2019"), [(year(2019), i64::MAX)]);
        assert_eq!(ranges("taken:<2019"), [(i64::MIN, year(2019) - 1)]);
        assert_eq!(ranges("taken:..2019"), [(i64::MIN, year(2020) - 1)]);
        assert_eq!(ranges("taken:2020-02"), [(year(2020) + 31 * day, year(2020) + 60 * day - 1)]);
        assert_eq!(ranges("taken:2020-01-02T03:04"), [(year(2020) + day + 11_040, year(2020) + day + 11_099)]);
        assert_eq!(ranges("taken:2019,2021").len(), 2);
        assert_eq!(ranges("size:>2MP"), [(2_000_001, i64::MAX)]);
        assert_eq!(ranges("size:1.5MP..3MP"), [(1_500_000, 3_000_000)]);
        assert_eq!(ranges("bytes:<=1M rating:3.."), [(i64::MIN, 1 << 20), (3, i64::MAX)]);
        assert_eq!(ranges("format:JPEG,png"), [(0, 0), (1, 1)]);
    }

    #[test]
    fn conditions_may_be_quoted_and_turned_round() {
        let filter = Filter::parse("alt:\"red barn\"  -camera:canon,\"eos 5d\" gps:52.5,13.4,500m").unwrap();
        let [alt, camera, gps] = &filter.conditions[..] else { panic!("{filter:?}") };
        assert!(matches!(&alt.any_of[..], [Value::Words(words)] if words == "red barn") && !alt.negated);
        assert!(camera.negated && camera.any_of.len() == 2);
        assert!(matches!(gps.any_of[..], [Value::Near { kilometres: 0.5, .. }]));
        assert!(Filter::parse("  ").unwrap().is_empty());
    }

    #[test]
    fn a_filter_that_is_wrong_is_told_so_with_what_would_be_right() {
        let cases = [
            ("canon", "write FIELD:VALUE"),
            ("camra:canon", "did you mean `camera`?"),
            ("colour:red", "fields are taken, modified, camera"),
            ("taken:19", "a date is 2019"),
            ("taken:2019-02-30", "a date is 2019"),
            ("taken:2021..2019", "ends before it begins"),
            ("taken:", "as in taken:2019..2021"),
            ("size:>2MB", "write bytes:"),
            ("bytes:many", "number of bytes"),
            ("rating:good", "whole number"),
            ("format:jpog", "formats are jpeg, png"),
            ("gps:95,0,1km", "LATITUDE,LONGITUDE"),
            ("path:[", "glob"),
            ("alt:\"red", "quote"),
            ("camera:canon,", "a value is missing"),
        ];
        for (text, expected) in cases {
            let error = Filter::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.message().contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_glob_begins_anywhere_and_a_folder_stands_for_what_is_below() {
        let holds = |glob: &str, path: &str| {
            let filter = Filter::parse(&format!("path:{glob}")).unwrap();
            matches!(&filter.conditions[0].any_of[0], Value::Glob(globs) if globs.is_match(path))
        };
        for (glob, path) in [
            ("scans/**", "/a/scans/b/c.jpg"),
            ("scans", "/a/scans/b/c.jpg"),
            ("*.jpg", "/a/b.jpg"),
            ("/a/*", "/a/b.jpg"),
            ("/a", "/a/b/c.jpg"),
            ("c.zip!/*.png", "/a/c.zip!/b.png"),
            ("https://example.org/**", "https://example.org/a/b.jpg"),
        ] {
            assert!(holds(glob, path), "{glob} {path}");
        }
        for (glob, path) in
            [("scans/**", "/a/scans2/c.jpg"), ("/b", "/a/b"), ("*.jpg", "/a.jpg.txt"), ("a*c", "/a/b/c")]
        {
            assert!(!holds(glob, path), "{glob} {path}");
        }
    }
}
