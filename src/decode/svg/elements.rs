//! How many elements a drawing has once each reference is followed, and how deep they stand in each other.
//!
//! A few lines that use each other twice are a billion shapes, and each level takes stack of whoever walks them.

use std::collections::HashMap;

use resvg::usvg::roxmltree::{Document, Node, NodeId};

/// Levels. Drawings that people make have some ten.
const DEPTH_MAX: u32 = 64;
/// Elements, references followed: drawn in a second or two.
const ELEMENTS_MAX: u64 = 250_000;

/// Elements below one, itself counted, and the levels that they have.
#[derive(Clone, Copy, Default)]
struct Weight {
    elements: u64,
    depth: u32,
}

/// How many elements a drawing comes to.
///
/// # Errors
/// What is too much about it.
pub(super) fn count(document: &Document<'_>) -> Result<u64, &'static str> {
    const TOO_DEEP: &str = "its elements stand too deep in each other";
    // Elements come before those that they hold.
    let mut depths: HashMap<NodeId, u32> = HashMap::new();
    let (mut named, mut styles) = (HashMap::new(), String::new());
    for node in document.descendants().filter(Node::is_element) {
        let depth = 1 + node.parent().and_then(|parent| depths.get(&parent.id())).copied().unwrap_or_default();
        if depth > DEPTH_MAX {
            return Err(TOO_DEEP);
        }
        depths.insert(node.id(), depth);
        if let Some(id) = node.attribute("id") {
            named.insert(id, node);
        }
        if node.tag_name().name() == "style" {
            node.children().filter_map(|text| text.text()).for_each(|text| styles.push_str(text));
        }
    }
    drop(depths);
    let mut weigher = Weigher { named, known: HashMap::new(), of_styles: Weight::default() };
    // What style sheets refer to may be referred to by each element.
    let mut of_styles = Weight::default();
    for node in urls(&styles).filter_map(|id| weigher.named.get(id).copied()).collect::<Vec<_>>() {
        of_styles = sum(of_styles, weigher.weight(node, 0)?);
    }
    weigher.known.clear();
    weigher.of_styles = of_styles;
    let all = weigher.weight(document.root_element(), 0)?;
    if all.elements > ELEMENTS_MAX {
        return Err("it has too many elements");
    }
    if all.depth + of_styles.depth > DEPTH_MAX { Err(TOO_DEEP) } else { Ok(all.elements) }
}

fn sum(a: Weight, b: Weight) -> Weight {
    Weight { elements: a.elements.saturating_add(b.elements), depth: a.depth.max(b.depth) }
}

struct Weigher<'a, 'input> {
    named: HashMap<&'a str, Node<'a, 'input>>,
    /// `None` for those that are being weighed.
    known: HashMap<NodeId, Option<Weight>>,
    of_styles: Weight,
}

impl<'a, 'input> Weigher<'a, 'input> {
    fn weight(&mut self, node: Node<'a, 'input>, level: u32) -> Result<Weight, &'static str> {
        match self.known.get(&node.id()) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err("it refers to itself"),
            // Each level of text may add one of references.
            None if level > 2 * DEPTH_MAX => return Err("its elements refer to each other too deeply"),
            None => {}
        }
        self.known.insert(node.id(), None);
        let mut below = Weight::default();
        for child in node.children().filter(Node::is_element) {
            below = sum(below, self.weight(child, level + 1)?);
        }
        let mut marked = Weight::default();
        for attribute in node.attributes() {
            let name = attribute.name();
            let follows = matches!(node.tag_name().name(), "use" | "feImage" | "pattern" | "mask" | "textPath");
            let link = attribute.value().trim().strip_prefix('#').filter(|_| name == "href" && follows);
            for id in urls(attribute.value()).chain(link) {
                if let Some(&target) = self.named.get(id) {
                    let weight = self.weight(target, level + 1)?;
                    let at = if name.starts_with("marker") || name == "style" { &mut marked } else { &mut below };
                    *at = sum(*at, weight);
                }
            }
        }
        // A marker is drawn at each corner of a path.
        let corners = ["d", "points"].iter().filter_map(|name| node.attribute(*name)).map(corners).max().unwrap_or(1);
        let marked = Weight { elements: marked.elements.saturating_mul(corners), ..marked };
        let below = sum(below, marked);
        let weight = Weight {
            elements: below.elements.saturating_add(1).saturating_add(self.of_styles.elements),
            depth: below.depth + 1,
        };
        self.known.insert(node.id(), Some(weight));
        Ok(weight)
    }
}

/// The most corners that the data of a path, or a list of points, can have.
fn corners(data: &str) -> u64 {
    1 + data.split([' ', ',', '\n', '\t', '\r', '-']).count() as u64 / 2
        + data.bytes().filter(u8::is_ascii_alphabetic).count() as u64
}

/// The names in each `url(#name)` of a text.
fn urls(text: &str) -> impl Iterator<Item = &str> {
    text.split("url(").skip(1).filter_map(|rest| {
        let name = rest.split(')').next()?.trim().trim_matches(['"', '\'']);
        name.strip_prefix('#')
    })
}
