//! Names that would steer a terminal, made visible.

use std::fmt::Write;

/// `text` with control characters and those that reorder text written out: `\n`, `\u{202e}`.
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_reordering(c) => {
                // Writing to a String can't fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Bidirectional controls (Unicode TR 9) and the line separators that terminals may act on.
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::text;
    use proptest::prelude::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        let cases = [
            ("a b", "a b"),
            ("a\nb", "a\\nb"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("x\u{202e}gpj", "x\\u{202e}gpj"),
            ("é中", "é中"),
        ];
        for (name, shown) in cases {
            assert_eq!(text(name), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_is_a_control_character(name in any::<String>()) {
            prop_assert!(!text(&name).chars().any(char::is_control));
        }
    }
}
