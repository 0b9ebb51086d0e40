//! Rust text as the rules see it: code without comments, texts and tests, and the texts by themselves.

/// A file's code, line by line: what comments and texts say is blank, and what is built for tests alone is.
pub fn code(text: &str) -> String {
    without_tests(&split(text).0)
}

/// The texts of a file's code, its tests left out, each with its line.
pub fn texts(text: &str) -> Vec<(usize, String)> {
    let (blanked, texts) = split(text);
    let kept = without_tests(&blanked);
    // Where the quote that opens a text is gone, it stood in a test.
    texts.into_iter().filter(|(at, ..)| kept.as_bytes()[*at] == b'"').map(|(_, line, text)| (line, text)).collect()
}

/// Blanks comments and what stands in quotes, byte by byte, and gives the texts with their places and lines.
fn split(text: &str) -> (String, Vec<(usize, usize, String)>) {
    let bytes = text.as_bytes();
    let (mut out, mut texts, mut at) = (bytes.to_vec(), Vec::new(), 0);
    let blank = |out: &mut Vec<u8>, from: usize, to: usize| {
        out[from..to].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    };
    while at < bytes.len() {
        let rest = &bytes[at..];
        let before_is_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            blank(&mut out, at, end);
            at = end;
        } else if rest.starts_with(b"/*") {
            let end = at + comment(rest);
            blank(&mut out, at, end);
            at = end;
        } else if let Some((open, close)) = quotes(rest, before_is_word) {
            let from = at + open;
            let to = (from + close).min(bytes.len());
            let line = bytes[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
            texts.push((from - 1, line, text[from..to].to_owned()));
            blank(&mut out, from, to);
            out[from - 1] = b'"';
            at = to + 1;
        } else if let Some(length) = character(rest, before_is_word) {
            blank(&mut out, at, at + length);
            at += length;
        } else {
            at += 1;
        }
    }
    (String::from_utf8_lossy(&out).into_owned(), texts)
}

/// The length of a comment that may hold others.
fn comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Where a text opens that begins here, just behind its quote, and how long it is.
fn quotes(rest: &[u8], before_is_word: bool) -> Option<(usize, usize)> {
    let prefix = rest.iter().take(2).take_while(|byte| matches!(byte, b'r' | b'b' | b'c')).count();
    if before_is_word && prefix > 0 {
        return None;
    }
    let is_raw = rest[..prefix].contains(&b'r');
    let hashes = if is_raw { rest[prefix..].iter().take_while(|&&byte| byte == b'#').count() } else { 0 };
    let open = prefix + hashes + 1;
    if rest.get(open - 1) != Some(&b'"') {
        return None;
    }
    let inside = &rest[open..];
    let mut at = 0;
    while at < inside.len() {
        match inside[at] {
            b'\\' if !is_raw => at += 1,
            b'"' if inside[at + 1..].iter().take(hashes).filter(|&&byte| byte == b'#').count() == hashes => break,
            _ => {}
        }
        at += 1;
    }
    Some((open, at))
}

/// The length of a character in quotes; none for a lifetime.
fn character(rest: &[u8], before_is_word: bool) -> Option<usize> {
    if rest.first() != Some(&b'\'') || before_is_word && rest.get(1) != Some(&b'\\') && rest.get(2) != Some(&b'\'') {
        return None;
    }
    if rest.get(1) == Some(&b'\\') {
        return rest.iter().skip(3).position(|&byte| byte == b'\'').map(|at| at + 4);
    }
    // One character, of up to four bytes.
    (2..=5).find(|&at| rest.get(at) == Some(&b'\'')).filter(|&at| at == 2 || rest[1] >= 0x80).map(|at| at + 1)
}

/// Blanks each item below a `#[cfg(test)]`, and nothing behind it.
fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    let mut at = 0;
    while let Some(found) = ["#[cfg(test)]", "#[cfg(all(test,"].iter().filter_map(|mark| code[at..].find(mark)).min() {
        let from = at + found;
        let end = end_of_item(&out, from);
        out[from..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the item ends whose attributes begin here: at its `;`, or at the end of its block.
fn end_of_item(code: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_u32);
    while at < code.len() {
        match code[at] {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => return at + 1,
            b'{' if depth == 0 => return at + block(&code[at..]),
            _ => {}
        }
        at += 1;
    }
    code.len()
}

/// The length of a block, its braces included.
pub fn block(code: &[u8]) -> usize {
    let mut depth = 0_u32;
    for (at, byte) in code.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

/// The functions of code: name, first line, and how many lines it has.
pub fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if at > 0 && code.as_bytes()[at - 1].is_ascii_alphanumeric() {
            continue;
        }
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let end = end_of_item(code.as_bytes(), at);
        if !name.is_empty() && code[at..end].ends_with('}') {
            let first = code[..at].matches('\n').count() + 1;
            found.push((name, first, code[at..end].lines().count()));
        }
    }
    found
}

#[test]
fn what_is_code_is_told_from_comments_texts_and_tests() {
    let text = r##"use a; // crate::b
#[cfg(test)]
use c;
fn f<'a>(x: &'a str) -> char { g("http://x{", '"', '\'', b'}', r#"a"b"#); '"' }
/* one /* two */ still */ mod d;
#[cfg(test)]
mod tests { fn t() { g("in a test") } }
fn last() { g("a \" //") }
"##;
    let code = code(text);
    for there in ["use a;", "mod d;", "fn last()", "fn f<'a>(x: &'a str)"] {
        assert!(code.contains(there), "{there}: {code}");
    }
    for gone in ["crate::b", "use c", "still", "mod tests", "http", "//"] {
        assert!(!code.contains(gone), "{gone}: {code}");
    }
    assert_eq!(code.lines().count(), text.lines().count());
    let texts: Vec<_> = texts(text).into_iter().map(|(line, text)| format!("{line} {text}")).collect();
    assert_eq!(texts, ["4 http://x{", "4 a\"b", "8 a \\\" //"]);
    let functions = functions(&code);
    assert_eq!(functions, [("f".into(), 4, 1), ("last".into(), 8, 1)]);
    assert_eq!(self::functions("fn a();\nfn b()\n{\n}\n"), [("b".into(), 2, 3)]);
}
