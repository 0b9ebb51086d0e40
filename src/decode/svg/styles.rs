//! The style sheets of a drawing: which rules apply to an element, and the time that it takes to find out.
//!
//! Each rule is tried on each element, and a rule of several parts on each way to fit them to what stands above: ten
//! parts at a depth of fifty are some billions. The same crate does so here as in the drawing of it, but counts, and ends
//! when the time is spent.

use std::cell::Cell;

use resvg::usvg::roxmltree::{Document, Node};
use simplecss::{AttributeOperator, Declaration, Element, PseudoClass, Rule, StyleSheet};

use super::TOO_SLOW;

/// Style elements: the rules are sorted anew for each.
const SHEETS_MAX: usize = 256;
/// Comments: in a selector, each takes stack.
const COMMENTS_MAX: usize = 1000;
/// Characters that are counted through, from the start of a sheet to where a declaration ends, for each of these.
const COUNTED_MAX: u64 = 1 << 29;
/// Declarations, counted for each selector that they stand for.
const DECLARATIONS_MAX: u64 = 1 << 18;
/// Parts of a selector: each takes stack where it is tried.
const PARTS_MAX: u64 = 100;
/// Bytes of a rule and of a declaration.
const RULE: u64 = 128;
const DECLARATION: u64 = 48;

/// Nanoseconds of a step through the document, and of an attribute that is compared.
const STEP: u64 = 10;

/// Time that is left, in nanoseconds.
pub(super) type Left = Cell<u64>;

/// Takes from the time that is left; false where there is none.
pub(super) fn spend(left: &Left, nanoseconds: u64) -> bool {
    left.set(left.get().saturating_sub(nanoseconds));
    left.get() > 0
}

/// The rules of a drawing.
pub(super) struct Styles<'a> {
    sheet: StyleSheet<'a>,
}

impl<'a> Styles<'a> {
    /// Reads all sheets of a document, in its order; with them the bytes that they take.
    ///
    /// # Errors
    /// What is too much about them.
    pub fn of(document: &'a Document<'_>) -> Result<(Self, u64), &'static str> {
        let mut sheet = StyleSheet::new();
        let (mut sheets, mut comments, mut counted, mut declared, mut parts) = (0, 0, 0u64, 0u64, 0u64);
        for node in document.descendants().filter(|node| node.has_tag_name("style")) {
            let Some(text) = node.text() else { continue };
            sheets += 1;
            comments += text.matches("/*").count();
            counted = counted.saturating_add(counting(text));
            for rule in rules(text) {
                let selectors = rule.bytes().filter(|&byte| byte == b',').count() as u64 + 1;
                let here = rule.bytes().filter(|&byte| byte == b':').count() as u64;
                declared = declared.saturating_add(selectors.saturating_mul(here));
                parts = parts.max(longest(rule));
            }
            if sheets > SHEETS_MAX || comments > COMMENTS_MAX || counted > COUNTED_MAX || declared > DECLARATIONS_MAX {
                return Err("it has too many style rules");
            }
            if parts > PARTS_MAX {
                return Err("a style rule has too many parts");
            }
            if node.attribute("type").is_none_or(|kind| kind == "text/css") {
                sheet.parse_more(text);
            }
        }
        let bytes = declared * DECLARATION + sheet.rules.len() as u64 * RULE;
        Ok((Self { sheet }, bytes))
    }

    /// The declarations that apply to an element, in the order in which they do.
    ///
    /// # Errors
    /// Where no time is left.
    pub fn of_element(&self, node: Node<'a, 'a>, left: &Left) -> Result<Vec<Declaration<'a>>, &'static str> {
        let node = Counted { node, left };
        let mut found = Vec::new();
        for rule in &self.sheet.rules {
            let Rule { selector, declarations } = rule;
            if selector.matches(&node) {
                found.extend(declarations);
            }
            if !spend(left, STEP) {
                return Err(TOO_SLOW);
            }
        }
        Ok(found)
    }
}

/// Characters that the reader of a sheet, or of a style attribute, counts through: it notes the place where each
/// declaration ends, by line and column.
pub(super) fn counting(text: &str) -> u64 {
    let line = text.split('\n').map(str::len).max().unwrap_or_default() as u64;
    let ends = text.bytes().filter(|byte| matches!(byte, b'{' | b'}' | b';' | b'@' | b',')).count() as u64 + 1;
    // Lines are counted some ten times faster than columns.
    ends.saturating_mul(line + text.len() as u64 / 8)
}

/// The rules of a sheet, each with all before its closing brace. Nothing in comments and quotes ends a rule; where they
/// hold what could, the whole sheet is one.
fn rules(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut is_plain = true;
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (_, from) = rest.split_at(at);
        let Some(mark) = from.get(..1) else { break };
        let end = if mark == "/" { "*/" } else { mark };
        rest = from.get(1..).unwrap_or_default();
        if mark == "/" && !rest.starts_with('*') {
            continue;
        }
        let (hidden, after) = rest.split_once(end).unwrap_or((rest, ""));
        is_plain &= !hidden.contains(['{', '}']);
        rest = after;
    }
    text.split(move |c: char| is_plain && c == '}')
}

/// The parts of a rule's longest selector.
fn longest(rule: &str) -> u64 {
    let selectors = rule.split_once('{').map_or("", |(selectors, _)| selectors);
    let parts = |selector: &str| {
        let parts = selector.split(|c: char| matches!(c, '+' | '>') || c.is_whitespace());
        parts.filter(|part| !part.is_empty()).count() as u64
    };
    selectors.split(',').map(parts).max().unwrap_or_default()
}

/// An element to which selectors are compared for as long as there is time.
struct Counted<'a> {
    node: Node<'a, 'a>,
    left: &'a Left,
}

impl Element for Counted<'_> {
    fn parent_element(&self) -> Option<Self> {
        let parent = self.node.parent_element().filter(|_| spend(self.left, STEP))?;
        Some(Self { node: parent, left: self.left })
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        // Words and comments are passed one by one.
        let mut before = self.node.prev_siblings().skip(1).take_while(|_| spend(self.left, STEP));
        before.find(Node::is_element).map(|node| Self { node, left: self.left })
    }

    fn has_local_name(&self, name: &str) -> bool {
        spend(self.left, STEP) && self.node.tag_name().name() == name
    }

    fn attribute_matches(&self, name: &str, operator: AttributeOperator<'_>) -> bool {
        let attributes = self.node.attributes().len() as u64;
        let value = self.node.attribute(name);
        let length = value.map_or(0, str::len) as u64;
        spend(self.left, attributes * STEP + length) && value.is_some_and(|value| operator.matches(value))
    }

    fn pseudo_class_matches(&self, class: PseudoClass<'_>) -> bool {
        class == PseudoClass::FirstChild && self.prev_sibling_element().is_none()
    }
}
