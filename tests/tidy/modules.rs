//! Which module a file is, and what paths in it name.

use std::path::Path;

/// The names of a file's module: `src/a/b.rs` and `src/a/b/mod.rs` are `a`, `b`.
pub fn module_of(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let mut names: Vec<_> = path.iter().skip(1).map(|name| name.to_str().unwrap().to_owned()).collect();
    if names.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        names.pop();
    }
    names
}

/// What paths that begin with `crate`, `self` or `super` name, from the root of the crate; groups are written out.
pub fn imports(path: &Path, code: &str) -> Vec<Vec<String>> {
    let own = module_of(path);
    let mut found = Vec::new();
    // The braces that are open; those of modules have a name.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(next) = code[at..].chars().next() {
        let rest = &code[at..];
        let word_end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if word_end == 0 {
            match next {
                '{' => {
                    let name = match words.as_slice() {
                        [.., "mod", name] => Some((*name).to_owned()),
                        _ => None,
                    };
                    open.push(name);
                }
                '}' => drop(open.pop()),
                _ => {}
            }
            if !next.is_whitespace() {
                words.clear();
            }
            at += next.len_utf8();
            continue;
        }
        let word = &rest[..word_end];
        let is_path = ["crate", "self", "super"].contains(&word) && rest[word_end..].starts_with("::");
        if is_path && !code[..at].ends_with("::") {
            let mut here = own.clone();
            here.extend(open.iter().flatten().cloned());
            let mut end = at;
            written_out(code, &mut end, &here, &mut found);
            // A group's braces are read.
            at = end;
        } else {
            at += word_end;
        }
        words.push(word);
    }
    found
}

/// Reads one path, or group of paths, from `at` on.
fn written_out(code: &str, at: &mut usize, base: &[String], found: &mut Vec<Vec<String>>) {
    let mut names = base.to_vec();
    loop {
        let rest = &code[*at..];
        if rest.starts_with('{') {
            *at += 1;
            loop {
                let rest = &code[*at..];
                *at += rest.len() - rest.trim_start().len();
                match code[*at..].chars().next() {
                    Some('}') => {
                        *at += 1;
                        return;
                    }
                    Some(',' | '*') => *at += 1,
                    Some(c) if c.is_alphanumeric() || c == '_' || c == '{' => written_out(code, at, &names, found),
                    // No group after all.
                    _ => return,
                }
            }
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        match &rest[..end] {
            "crate" => names.clear(),
            "super" => drop(names.pop()),
            "self" | "" => {}
            name => names.push(name.to_owned()),
        }
        *at += end;
        if let Some(after) = code[*at..].strip_prefix(" as ") {
            let name = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
            *at += " as ".len() + name;
        }
        if !code[*at..].starts_with("::") {
            found.push(names);
            return;
        }
        *at += 2;
        // The arguments of a type, or a glob.
        if code[*at..].starts_with(['<', '*']) {
            found.push(names);
            return;
        }
    }
}

#[test]
fn paths_are_followed_up_and_down_and_out_of_groups() {
    let code = "use super::super::a::{b, c::{self, D}, e as f};\nuse crate::x;\nmod inner {\n    use super::super::y;\n}\n\
        fn g() { super::z::h::<u8>() }\nuse self::own::T;\n";
    let found: Vec<_> = imports(Path::new("src/room/part/file.rs"), code).iter().map(|names| names.join("/")).collect();
    assert_eq!(
        found,
        ["room/a/b", "room/a/c", "room/a/c/D", "room/a/e", "x", "room/part/y", "room/part/z/h", "room/part/file/own/T"]
    );
}
