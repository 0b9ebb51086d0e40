//! The data of a path (SVG 1.1, 8.3), a list of points and a transformation, read as far as their cost needs: how many
//! lines and curves there are, and how far they reach. Of what is malformed more may be counted than will be drawn.

/// What an outline comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outline {
    /// Lines and curves.
    pub corners: u64,
    pub curves: u64,
    /// The largest coordinate.
    pub reach: f32,
}

impl Outline {
    /// A circle or a rectangle, of these attributes' size.
    pub fn simple(reach: f32) -> Self {
        Self { corners: 10, curves: 8, reach }
    }

    /// Reads the data of a path.
    pub fn of_path(data: &str) -> Self {
        let mut outline = Self::default();
        let (mut place, mut start) = ((0f32, 0f32), (0f32, 0f32));
        let (mut command, mut arguments) = (b'L', Vec::with_capacity(7));
        for token in Tokens(data) {
            let number = match token {
                Token::Command(next) => {
                    (command, place) = (next, if next.eq_ignore_ascii_case(&b'z') { start } else { place });
                    arguments.clear();
                    outline.corners += 1;
                    continue;
                }
                Token::Number(number) => number,
            };
            arguments.push(number);
            let (wanted, curves) = match command.to_ascii_lowercase() {
                b'h' | b'v' => (1, 0),
                b'm' | b'l' => (2, 0),
                b't' => (2, 1),
                b's' | b'q' => (4, 1),
                b'c' => (6, 1),
                b'a' => (7, 4),
                _ => (1, 0),
            };
            let from = if command.is_ascii_lowercase() { place } else { (0.0, 0.0) };
            // A radius counts from nowhere; to take it for a coordinate is to take it for larger.
            let farther = number.abs() + from.0.abs().max(from.1.abs());
            outline.reach = outline.reach.max(farther);
            if arguments.len() < wanted {
                continue;
            }
            outline.corners += curves.max(1);
            outline.curves += curves;
            let last = arguments.get(wanted.saturating_sub(2)).copied().unwrap_or_default();
            place = match command.to_ascii_lowercase() {
                b'h' => (from.0 + number, place.1),
                b'v' => (place.0, from.1 + number),
                _ => (from.0 + last, from.1 + number),
            };
            if command.eq_ignore_ascii_case(&b'm') {
                start = place;
            }
            arguments.clear();
        }
        outline
    }

    /// Reads a list of points.
    pub fn of_points(points: &str) -> Self {
        let numbers = Tokens(points).filter_map(Token::number);
        let (count, reach) = numbers.fold((0, 0f32), |(count, reach), number| (count + 1, reach.max(number.abs())));
        Self { corners: count / 2 + 2, curves: 0, reach }
    }
}

/// By how much a transformation enlarges, and by how much it moves, at most.
pub(super) fn enlargement(transformation: &str) -> (f32, f32) {
    transformation.split(')').fold((1.0, 0.0), |(scale, shift), function| {
        let Some((name, arguments)) = function.split_once('(') else { return (scale, shift) };
        let numbers: Vec<f32> = Tokens(arguments).filter_map(Token::number).take(6).map(f32::abs).collect();
        let largest = numbers.iter().copied().fold(0.0, f32::max);
        let (by, to) = match name.trim_matches(|c: char| c.is_whitespace() || c == ',') {
            "translate" => (1.0, largest),
            "scale" => (largest, 0.0),
            // Turned about a place, which may end up on its other side.
            "rotate" => (1.5, 4.0 * largest),
            "matrix" => (2.0 * numbers.iter().copied().take(4).fold(0.0, f32::max), largest),
            _ => (1.0 + largest.to_radians().tan().abs(), 0.0),
        };
        (scale * by, shift + scale * to)
    })
}

enum Token {
    Command(u8),
    Number(f32),
}

impl Token {
    fn number(self) -> Option<f32> {
        match self {
            Self::Number(number) => Some(number),
            Self::Command(_) => None,
        }
    }
}

/// Letters and numbers, whatever stands between them.
struct Tokens<'a>(&'a str);

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = self.0.find(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))?;
        let text = self.0.get(start..)?;
        let first = *text.as_bytes().first()?;
        if first.is_ascii_alphabetic() {
            self.0 = text.get(1..)?;
            return Some(Token::Command(first));
        }
        // A second point or a sign begins another number, unless the sign is that of an exponent.
        let (mut has_point, mut last) = (false, b' ');
        let is_over = |&(at, byte): &(usize, u8)| {
            let ends = match byte {
                b'0'..=b'9' => false,
                b'.' => std::mem::replace(&mut has_point, true),
                b'-' | b'+' => at > 0 && !matches!(last, b'e' | b'E'),
                b'e' | b'E' => at == 0,
                _ => true,
            };
            last = byte;
            ends
        };
        let end = text.bytes().enumerate().find(is_over).map_or(text.len(), |(at, _)| at).max(1);
        let (number, rest) = text.split_at(end);
        self.0 = rest;
        Some(Token::Number(number.parse().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_counted_and_measured_in_every_way_of_writing_them_and_never_as_less_than_they_are() {
        // What is drawn of each, and how far it reaches.
        let cases = [
            ("M0 0L10 20-30,40z", 5, 0, 40.0),
            ("m5 5l10 0 10 0h100v-7", 8, 0, 125.0),
            ("M0 0C1 2 3 4 5 6 7 8 9 10 11 12", 5, 2, 12.0),
            ("M0 0c1-2.5.5.5 3 4s1 2 3 4q1 1 2 2t3 3", 9, 4, 11.0),
            ("M0 0a1 1 0 0 1 50 50", 7, 4, 50.0),
            ("M1e3-1E+4", 2, 0, 10_000.0),
            ("", 0, 0, 0.0),
        ];
        for (data, corners, curves, reach) in cases {
            let outline = Outline::of_path(data);
            assert!(outline.corners >= corners && outline.corners <= 2 * corners + 2, "{data}: {outline:?}");
            assert!(outline.curves >= curves && outline.curves <= 2 * curves, "{data}: {outline:?}");
            assert!(outline.reach >= reach && outline.reach <= 2.0 * reach, "{data}: {outline:?}");
        }
        assert_eq!(Outline::of_points("1,2 3,-40 5 6"), Outline { corners: 5, curves: 0, reach: 40.0 });
    }

    #[test]
    fn transformations_are_bounded_from_above() {
        assert_eq!(enlargement("translate(3, -9)"), (1.0, 9.0));
        assert_eq!(enlargement("scale(2) translate(10) scale(3 , 4)"), (8.0, 20.0));
        let (scale, shift) = enlargement("matrix(0 5 -5 0 7 8) skewX(45)");
        assert!(scale >= 10.0 && shift >= 8.0, "{scale} {shift}");
        assert_eq!(enlargement("none"), (1.0, 0.0));
    }
}
