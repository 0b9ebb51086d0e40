//! What one element says: by its attributes, by the style sheets, and by its style attribute, which comes last.

use resvg::usvg::roxmltree::{Attribute, Node};
use simplecss::DeclarationTokenizer;

use super::data::{Outline, enlargement};
use crate::decode::svg::TOO_SLOW;
use crate::decode::svg::styles::{Left, Styles, counting, spend};

/// Properties by which other elements are drawn, or by which drawing becomes dear. Those before [`CLIP`] hold for all
/// elements below, too.
const PROPERTIES: [&str; 12] = [
    "fill",
    "stroke",
    "marker-start",
    "marker-mid",
    "marker-end",
    "stroke-width",
    "stroke-dasharray",
    "stroke-linejoin",
    "stroke-linecap",
    "clip-path",
    "mask",
    "filter",
];
pub(super) const FILL: usize = 0;
pub(super) const STROKE: usize = 1;
pub(super) const MARKERS: std::ops::Range<usize> = 2..5;
pub(super) const WIDTH: usize = 5;
pub(super) const DASHES: usize = 6;
/// Corners and ends.
pub(super) const FORMS: std::ops::Range<usize> = 7..9;
pub(super) const CLIP: usize = 9;

/// The value of each property, where there is one.
pub(super) type Values<'a> = [Option<&'a str>; PROPERTIES.len()];

/// Nanoseconds for each character of a path or a list, of a style that is counted through, and of anything else; for
/// each attribute; and for each declaration, which is compared with all attributes.
const LIST_TIME: u64 = 20;
const OTHER_TIME: u64 = 2;
const ATTRIBUTE_TIME: u64 = 50;
const DECLARATION_TIME: u64 = 200;
const COMPARED_TIME: u64 = 5;
/// Bytes for each character of a path or a list: a line of two characters is a verb and a point of 8 bytes, an arc of
/// eleven up to four curves of three points; and the list has room for twice as many.
const LIST_BYTES: u64 = 20;

/// What an element is to the walk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has an outline, which is filled and stroked.
    Shape,
    /// It stands for another element.
    Use,
    /// It takes what it lacks, or what it shows, from another one.
    Linked,
    Filter,
    /// It takes the words of another one.
    Words,
    /// The stop of a gradient.
    Stop,
    Other,
}

/// An element as often as it is met.
pub(super) struct Element<'a> {
    pub kind: Kind,
    pub values: Values<'a>,
    /// The names of elements that it links to.
    pub links: Vec<&'a str>,
    pub attributes: u64,
    /// Nanoseconds and bytes that its attributes take.
    pub time: u64,
    pub bytes: u64,
    pub outline: Outline,
    /// By how much it enlarges and moves what it holds.
    pub enlargement: (f32, f32),
}

impl<'a> Element<'a> {
    /// Reads an element.
    ///
    /// # Errors
    /// Where `left` is spent.
    pub fn of(node: Node<'a, 'a>, styles: &Styles<'a>, left: &Left) -> Result<Self, &'static str> {
        let before = left.get();
        let applied = styles.of_element(node, left)?;
        let kind = kind(node.tag_name().name());
        let mut element = Self {
            kind,
            values: Values::default(),
            links: Vec::new(),
            attributes: 0,
            time: before - left.get(),
            bytes: 0,
            outline: Outline::default(),
            enlargement: (1.0, 0.0),
        };
        let mut own = [false; PROPERTIES.len()];
        let mut urgent = own;
        for attribute in node.attributes().filter(is_read) {
            element.attribute(attribute, &mut own);
        }
        let style = node.attribute("style").unwrap_or_default();
        let counted = counting(style);
        element.time += counted;
        if !spend(left, counted) {
            return Err(TOO_SLOW);
        }
        let own_style = DeclarationTokenizer::from(style);
        for declaration in applied.into_iter().chain(own_style.take_while(|_| spend(left, DECLARATION_TIME))) {
            element.attributes += 1;
            let length = declaration.value.len() as u64;
            element.time += DECLARATION_TIME + COMPARED_TIME * node.attributes().len() as u64 + OTHER_TIME * length;
            // It is copied for each element.
            element.bytes += length;
            let all_markers = declaration.name == "marker";
            for (place, name) in PROPERTIES.iter().enumerate() {
                let is_meant = *name == declaration.name || all_markers && MARKERS.contains(&place);
                if is_meant && !urgent[place] {
                    element.values[place] = Some(declaration.value);
                    urgent[place] = declaration.important;
                }
            }
        }
        spend(left, element.time);
        Ok(element)
    }

    fn attribute(&mut self, attribute: Attribute<'a, 'a>, own: &mut [bool; PROPERTIES.len()]) {
        let (name, value) = (attribute.name(), attribute.value());
        let length = value.len() as u64;
        self.attributes += 1;
        self.time += ATTRIBUTE_TIME + OTHER_TIME * length;
        match name {
            "d" | "points" => {
                self.time += LIST_TIME * length;
                self.bytes += LIST_BYTES * length;
                self.outline = if name == "d" { Outline::of_path(value) } else { Outline::of_points(value) };
            }
            "x" | "y" | "width" | "height" | "cx" | "cy" | "r" | "rx" | "ry" | "x1" | "y1" | "x2" | "y2" => {
                let reach = size(value);
                self.outline = Outline::simple(self.outline.reach + 2.0 * reach);
            }
            // A picture inside is unpacked, if only to be left out.
            "href" if self.kind == Kind::Other => self.bytes += length,
            "href" => {
                self.links.extend(value.trim().strip_prefix('#').map(str::trim_end));
            }
            "transform" => {
                self.time += LIST_TIME * length;
                self.enlargement = enlargement(value);
            }
            "values" | "tableValues" | "kernelMatrix" | "stroke-dasharray" => {
                self.time += LIST_TIME * length;
                self.bytes += LIST_BYTES * length;
            }
            _ => {}
        }
        let place = PROPERTIES.iter().position(|property| *property == name);
        // Of two with different prefixes the first counts.
        if let Some(place) = place.filter(|&place| !own[place]) {
            own[place] = true;
            self.values[place] = Some(value);
        }
    }
}

/// Attributes of the namespaces that count in a drawing.
fn is_read(attribute: &Attribute<'_, '_>) -> bool {
    const READ: [&str; 3] =
        ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/XML/1998/namespace"];
    attribute.namespace().is_none_or(|namespace| READ.contains(&namespace))
}

fn kind(name: &str) -> Kind {
    match name {
        "path" | "rect" | "circle" | "ellipse" | "line" | "polyline" | "polygon" => Kind::Shape,
        "use" => Kind::Use,
        "feImage" | "linearGradient" | "radialGradient" | "pattern" => Kind::Linked,
        "filter" => Kind::Filter,
        "tref" => Kind::Words,
        "stop" => Kind::Stop,
        _ => Kind::Other,
    }
}

/// A length, at most, in the drawing's units.
pub(super) fn size(text: &str) -> f32 {
    /// Where it depends on the size of something else.
    const UNKNOWN: f32 = 1e4;
    let text = text.trim();
    let (number, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%').len());
    let number = number.parse::<f32>().unwrap_or(1.0).abs();
    match unit {
        "" | "px" => number,
        // An inch has 96 pixels.
        "in" | "cm" | "mm" | "pt" | "pc" => number * 96.0,
        _ => UNKNOWN * number.max(1.0),
    }
}

/// The names in each `url(#name)` of a value.
pub(super) fn urls(value: &str) -> impl Iterator<Item = &str> {
    value.split("url(").skip(1).filter_map(|rest| {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let name = match quote {
            Some(quote) => rest.split(quote).nth(1)?,
            None => rest.split([')', ' ']).next()?,
        };
        name.trim().strip_prefix('#')
    })
}
