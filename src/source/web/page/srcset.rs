//! A picture's sizes: of a `srcset` the largest candidate.

/// How large a candidate is of which nothing is said: that of density 1.
const PLAIN: f64 = 0.001;

/// The reference of the largest candidate.
pub(super) fn largest(srcset: &str) -> Option<&str> {
    largest_of(&[srcset])
}

/// The reference of the largest candidate of all `sets`. A width says more than a density, and of equals the first counts.
pub(super) fn largest_of<'a>(sets: &[&'a str]) -> Option<&'a str> {
    let mut best: Option<(f64, &str)> = None;
    for (reference, weight) in sets.iter().flat_map(|set| candidates(set)) {
        if !reference.starts_with("data:") && best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, reference));
        }
    }
    best.map(|(_, reference)| reference)
}

/// The candidates of a set: references and how large each is said to be.
fn candidates(set: &str) -> impl Iterator<Item = (&str, f64)> {
    let mut rest = set;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return None;
        }
        let (reference, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        // A comma may stand within a reference, and ends it where it is its last character.
        if let Some(bare) = reference.strip_suffix(',') {
            rest = after;
            return Some((bare.trim_end_matches(','), PLAIN));
        }
        let (descriptors, next) = after.split_at(after.find(',').unwrap_or(after.len()));
        rest = next;
        Some((reference, weight(descriptors)))
    })
}

/// A width in pixels, or a density, which no width is as small as.
fn weight(descriptors: &str) -> f64 {
    let number = |text: &str, unit| text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok());
    let words = || descriptors.split_whitespace();
    let width = words().find_map(|word| number(word, 'w'));
    // No screen has a density of a thousand.
    let density = || words().find_map(|word| number(word, 'x')).map(|density| density.min(1_000.0) * PLAIN);
    width.or_else(density).filter(|weight| weight.is_finite() && *weight > 0.0).unwrap_or(PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_candidate_is_told() {
        let cases = [
            ("a.jpg 320w, b.jpg 1280w, c.jpg 640w", Some("b.jpg")),
            ("a.jpg, b.jpg 2x", Some("b.jpg")),
            ("a.jpg 1.5x,b.jpg 3x", Some("b.jpg")),
            ("  a.jpg  ", Some("a.jpg")),
            ("a,b.jpg 1x, c,d.jpg 2x", Some("c,d.jpg")),
            ("a.jpg 100w 50h, b.jpg 200w 100h", Some("b.jpg")),
            ("data:image/gif;base64,AAAA 9000w, b.jpg 1w", Some("b.jpg")),
            ("a.jpg 1x, b.jpg 1x", Some("a.jpg")),
            ("a.jpg nonsense, b.jpg -5w", Some("a.jpg")),
            ("a.jpg NaNw, b.jpg infw, c.jpg 1w", Some("c.jpg")),
            ("", None),
            (" , ,, ", None),
        ];
        for (set, expected) in cases {
            assert_eq!(largest(set), expected, "{set}");
        }
        assert_eq!(largest_of(&["a.jpg 1x", "b.jpg 800w"]), Some("b.jpg"));
        assert_eq!(largest_of(&[]), None);
    }
}
