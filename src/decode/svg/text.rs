//! The text of a drawing, and what a reader of XML would make of it, before it is read.
//!
//! The reader compares each attribute of an element with all before it, looks prefixes and entities up one by one, and
//! puts an entity's text wherever it is named. So a short text can take long and become large.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Read;

use crate::decode::limits::Limits;
use crate::decode::{Format, malformed};
use crate::error::Result;

/// The longest text, in bytes; more are only maps that hold a whole city.
const TEXT_MAX: u64 = 32 << 20;
/// Bytes of memory for each of the text; a text is held thrice while it is unpacked.
const TEXT_COST: u64 = 2;
const UNPACKED_COST: u64 = 4;
/// Bytes that the reader takes for an element and the words behind it, and for an attribute.
const ELEMENT: u64 = 256;
const ATTRIBUTE: u64 = 96;
/// Comparisons of attributes with each other: half a second.
const COMPARISONS_MAX: u64 = 1 << 27;
/// Prefixes of namespaces. Drawings that people make have some ten.
const PREFIXES_MAX: usize = 64;
/// Entities. Illustrator declares some twenty.
const ENTITIES_MAX: usize = 64;
/// References to entities, in all.
const REFERENCES_MAX: usize = 1 << 20;

/// The text, unpacked where it is packed.
///
/// # Errors
/// `Malformed` where it can't be unpacked, is longer than [`TEXT_MAX`] or not UTF-8; `TooLarge` where the memory allowed
/// does not hold it.
pub(super) fn unpacked<'a>(bytes: &'a [u8], limits: &Limits<'_>) -> Result<Cow<'a, str>> {
    let most = (limits.options.max_memory / UNPACKED_COST).min(TEXT_MAX);
    let text = match bytes {
        [0x1F, 0x8B, ..] => {
            let mut text = Vec::new();
            let mut unpacked = flate2::read::GzDecoder::new(bytes).take(most + 1);
            unpacked.read_to_end(&mut text).map_err(|what| malformed(Format::Svg, what))?;
            text.shrink_to_fit();
            Cow::Owned(text)
        }
        _ => Cow::Borrowed(bytes),
    };
    if text.len() as u64 > most {
        return Err(match most {
            TEXT_MAX => malformed(Format::Svg, format_args!("more than {} MiB of text", TEXT_MAX >> 20)),
            _ => super::too_large(),
        });
    }
    let no_text = || malformed(Format::Svg, "its text is not UTF-8");
    Ok(match text {
        Cow::Owned(text) => Cow::Owned(String::from_utf8(text).map_err(|_| no_text())?),
        Cow::Borrowed(text) => Cow::Borrowed(str::from_utf8(text).map_err(|_| no_text())?),
    })
}

/// The most bytes that reading a text as XML takes, the text among them.
pub(super) fn cost(text: &str) -> std::result::Result<u64, &'static str> {
    let (mut elements, mut attributes, mut comparisons) = (0u64, 0u64, 0u64);
    // Attributes stand between two of these signs, each with its own.
    for element in text.as_bytes().split(|&byte| byte == b'<') {
        let here = element.iter().filter(|&&byte| byte == b'=').count() as u64;
        elements += 1;
        attributes += here;
        comparisons = comparisons.saturating_add(here.saturating_mul(here));
    }
    if comparisons > COMPARISONS_MAX {
        return Err("an element has too many attributes");
    }
    let name = |rest: &'_ str| rest.len() - rest.trim_start_matches(|c: char| !c.is_whitespace() && c != '=').len();
    let prefixes: HashSet<&str> = text.split("xmlns:").skip(1).filter_map(|rest| rest.get(..name(rest))).collect();
    if prefixes.len() > PREFIXES_MAX {
        return Err("it declares too many namespaces");
    }
    let declarations = text.matches("xmlns").count() as u64;
    let entities = entities(text)?;
    // Two bytes for each prefix in force where an element declares one.
    let namespaces = declarations.saturating_mul(2 * (prefixes.len() as u64 + 2));
    // Of an entity's text nothing is known but its length: the shortest element has four bytes, an attribute five.
    let read = (elements * ELEMENT).saturating_add(attributes * ATTRIBUTE).saturating_add(namespaces);
    Ok(entities.saturating_mul(ELEMENT / 4).saturating_add(read).saturating_add(TEXT_COST * text.len() as u64))
}

/// The most bytes that stand in the place of references to entities.
fn entities(text: &str) -> std::result::Result<u64, &'static str> {
    const OWN: [&str; 6] = ["#", "amp;", "lt;", "gt;", "quot;", "apos;"];
    let references =
        |text: &str| text.split('&').skip(1).filter(|rest| !OWN.iter().any(|own| rest.starts_with(own))).count();
    let (mut count, mut longest) = (0, 0);
    for rest in text.split("<!ENTITY").skip(1) {
        count += 1;
        let value = rest.split_once(['"', '\'']).map_or("", |(before, after)| {
            let quote = rest.get(before.len()..).and_then(|rest| rest.chars().next()).unwrap_or('"');
            after.split(quote).next().unwrap_or_default()
        });
        if references(value) > 0 {
            return Err("its entities refer to each other");
        }
        longest = longest.max(value.len());
    }
    let references = if count == 0 { 0 } else { references(text) };
    let length = references.saturating_mul(longest) as u64;
    if count > ENTITIES_MAX || references > REFERENCES_MAX || length > TEXT_MAX {
        return Err("its entities unpack to too much");
    }
    Ok(length)
}
