//! A rehearsal: what it takes to understand a drawing, found by following each reference as the drawing of it will.
//!
//! A few lines that use each other twice are a billion shapes, and each level takes stack of whoever walks them. So the
//! walk has a budget of time, from which each element takes as often as it is met, and ends when that is spent. What an
//! element has from those above it (paints, markers, dashes) and from style sheets counts as its own.

mod data;
mod element;

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use resvg::usvg::roxmltree::{Document, Node, NodeId};

use super::styles::{Left, Styles, spend};
use super::{TOO_SLOW, cost};
use data::Outline;
use element::{CLIP, DASHES, Element, FILL, FORMS, Kind, MARKERS, STROKE, Values, WIDTH, size, urls};

/// Levels, references among them. Drawings that people make have some ten.
const DEPTH_MAX: usize = 64;

/// Nanoseconds that an element takes to be understood, and for each attribute of those above that is looked at.
const ELEMENT_TIME: u64 = 3000;
const ABOVE_TIME: u64 = 20;
/// The same of what is simple and there in great numbers: stops of gradients, words, comments.
const SIMPLE_TIME: u64 = 60;
/// The same of a node that is looked at by the way.
const NODE_TIME: u64 = 10;
/// Each result of a filter is looked for among all before it, each gradient, mask and filter among all others.
const PAIR_TIME: u64 = 1;
/// Nanoseconds and bytes of a number in a list of dashes, each of two characters at least; kept twice.
const DASH_TIME: u64 = 20;
const DASH_BYTES: u64 = 8;
/// Bytes of an element, of a simple one, and of each attribute.
const ELEMENT_BYTES: u64 = 1024;
const SIMPLE_BYTES: u64 = 64;
const ATTRIBUTE_BYTES: u64 = 64;

/// What it takes.
pub(super) struct Total {
    pub bytes: u64,
    pub nanoseconds: u64,
}

/// What understanding a drawing takes, if that is less time than `most`.
///
/// # Errors
/// What is too much about it.
pub(super) fn rehearse(document: &Document<'_>, most: Duration) -> Result<Total, &'static str> {
    let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    let (styles, bytes) = Styles::of(document)?;
    let mut named: HashMap<&str, Vec<Node<'_, '_>>> = HashMap::new();
    let mut nodes = 0;
    for node in document.descendants() {
        nodes += 1;
        for id in node.attributes().filter(|attribute| attribute.name() == "id") {
            named.entry(id.value()).or_default().push(node);
        }
    }
    let mut walk = Walk {
        named,
        styles,
        nodes,
        known: HashMap::new(),
        open: Vec::new(),
        left: Left::new(most),
        bytes,
        largest: 0,
        references: 0,
    };
    walk.visit(document.root_element(), &Above::default())?;
    walk.take(PAIR_TIME * walk.references.saturating_mul(walk.references) / 2)?;
    Ok(Total { bytes: walk.bytes.saturating_add(walk.largest), nanoseconds: most - walk.left.get() })
}

struct Walk<'a> {
    named: HashMap<&'a str, Vec<Node<'a, 'a>>>,
    styles: Styles<'a>,
    nodes: u64,
    known: HashMap<NodeId, Rc<Element<'a>>>,
    /// The elements within which the walk is.
    open: Vec<NodeId>,
    left: Left,
    bytes: u64,
    /// The most bytes that one outline takes for a while.
    largest: u64,
    references: u64,
}

/// Fill and stroke.
type Paints<'a> = [Option<&'a str>; 2];

/// What an element has from those above it.
#[derive(Clone)]
struct Above<'a> {
    values: Values<'a>,
    /// Fill and stroke of whatever uses it, or marks its corners with it.
    context: Paints<'a>,
    attributes: u64,
    /// By how much it is enlarged and moved.
    enlargement: (f32, f32),
}

impl Default for Above<'_> {
    fn default() -> Self {
        Self { values: Values::default(), context: Paints::default(), attributes: 0, enlargement: (1.0, 0.0) }
    }
}

impl<'a> Above<'a> {
    /// What those below an element have.
    fn with(&self, element: &Element<'a>) -> Self {
        let mut below = self.clone();
        below.attributes += element.attributes;
        let ((scale, shift), (by, to)) = (self.enlargement, element.enlargement);
        below.enlargement = (scale * by, shift + scale * to);
        for (place, (value, above)) in element.values.iter().zip(&self.values).enumerate() {
            below.values[place] = match value {
                Some(value) if value.trim() == "inherit" => *above,
                Some("context-fill") => self.context[FILL],
                Some("context-stroke") => self.context[STROKE],
                Some(value) => Some(value),
                None if place < CLIP => *above,
                None => None,
            };
        }
        below
    }

    /// The paints that the element has for what it shows: another element, or marks at its corners.
    fn paints(&self) -> Paints<'a> {
        [self.values[FILL], self.values[STROKE]]
    }
}

impl<'a> Walk<'a> {
    fn take(&self, nanoseconds: u64) -> Result<(), &'static str> {
        if spend(&self.left, nanoseconds) { Ok(()) } else { Err(TOO_SLOW) }
    }

    fn visit(&mut self, node: Node<'a, 'a>, above: &Above<'a>) -> Result<(), &'static str> {
        if self.open.len() >= DEPTH_MAX {
            return Err("its elements stand too deep in each other");
        }
        if self.open.contains(&node.id()) {
            return Err("it refers to itself");
        }
        self.open.push(node.id());
        let element = self.element(node)?;
        let here = above.with(&element);
        self.count(node, &element, &here)?;
        for link in &element.links {
            for target in self.of_name(link) {
                let above = match element.kind {
                    Kind::Use => Above { context: here.paints(), ..here.clone() },
                    _ => self.above(target, here.context)?,
                };
                self.visit(target, &above)?;
            }
        }
        here.values[CLIP..].iter().try_for_each(|value| self.refer(*value, 1, here.context))?;
        // What is said for those below may be of use to nobody, and is yet followed.
        let paints = if element.kind == Kind::Shape { &here.values } else { &element.values };
        paints[..MARKERS.start].iter().try_for_each(|value| self.refer(*value, 1, here.context))?;
        for (value, corners) in paints[MARKERS].iter().zip([1, element.outline.corners, 1]) {
            self.refer(*value, corners, here.paints())?;
        }
        for child in node.children() {
            if child.is_element() {
                self.visit(child, &here)?;
            } else {
                self.take(SIMPLE_TIME)?;
                self.bytes += SIMPLE_BYTES;
            }
        }
        self.open.pop();
        Ok(())
    }

    fn element(&mut self, node: Node<'a, 'a>) -> Result<Rc<Element<'a>>, &'static str> {
        if let Some(known) = self.known.get(&node.id()) {
            self.take(known.time)?;
            return Ok(Rc::clone(known));
        }
        let element = Rc::new(Element::of(node, &self.styles, &self.left)?);
        self.known.insert(node.id(), Rc::clone(&element));
        Ok(element)
    }

    /// Counts an element, without what it refers to.
    fn count(&mut self, node: Node<'a, 'a>, element: &Element<'a>, here: &Above<'a>) -> Result<(), &'static str> {
        let simple = element.kind == Kind::Stop;
        let dashes = here.values[DASHES].map_or(0, str::len) as u64;
        self.bytes = [
            if simple { SIMPLE_BYTES } else { ELEMENT_BYTES },
            ATTRIBUTE_BYTES * element.attributes,
            DASH_BYTES * dashes,
            element.bytes,
        ]
        .into_iter()
        .fold(self.bytes, u64::saturating_add);
        self.take(if simple { SIMPLE_TIME } else { ELEMENT_TIME + DASH_TIME * dashes })?;
        match element.kind {
            Kind::Shape => {
                self.take(ABOVE_TIME * here.attributes)?;
                if here.values[STROKE].is_some_and(|paint| paint.trim() != "none") {
                    // The outline of the stroke is made to learn its bounds, of the shape as it is and as it is turned.
                    let Outline { corners, curves, reach } = element.outline;
                    let width = here.values[WIDTH].map_or(1.0, size);
                    let is_round = here.values[FORMS].iter().flatten().any(|form| form.trim() == "round");
                    for reach in [reach, reach * here.enlargement.0 + here.enlargement.1] {
                        let stroke = cost::outline(corners, curves, is_round, reach, width);
                        self.largest = self.largest.max(stroke.bytes);
                        self.take(stroke.nanoseconds)?;
                    }
                }
            }
            Kind::Filter => {
                let results = node.children().count() as u64;
                self.take(ABOVE_TIME * results.saturating_mul(results))?;
            }
            Kind::Words => self.take(self.nodes * NODE_TIME)?,
            _ => {}
        }
        Ok(())
    }

    /// Follows the references of a value, as often as they are drawn.
    fn refer(&mut self, value: Option<&'a str>, times: u64, context: Paints<'a>) -> Result<(), &'static str> {
        for target in value.into_iter().flat_map(urls).flat_map(|name| self.of_name(name)).collect::<Vec<_>>() {
            let (left, bytes) = (self.left.get(), self.bytes);
            let above = self.above(target, context)?;
            self.visit(target, &above)?;
            let more = times.saturating_sub(1);
            self.take((left - self.left.get()).saturating_mul(more))?;
            self.bytes = self.bytes.saturating_add((self.bytes - bytes).saturating_mul(more));
            self.references += 1;
        }
        Ok(())
    }

    fn of_name(&self, name: &str) -> Vec<Node<'a, 'a>> {
        self.named.get(name).cloned().unwrap_or_default()
    }

    /// What an element has from those above it where it stands.
    fn above(&mut self, node: Node<'a, 'a>, context: Paints<'a>) -> Result<Above<'a>, &'static str> {
        let mut ancestors: Vec<_> = node.ancestors().skip(1).filter(Node::is_element).take(DEPTH_MAX).collect();
        let mut above = Above { context, ..Above::default() };
        while let Some(node) = ancestors.pop() {
            above = above.with(&*self.element(node)?);
        }
        Ok(above)
    }
}
