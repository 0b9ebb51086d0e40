//! Pictures that a page names for search engines: JSON-LD in the words of schema.org.

use serde_json::{Map, Value};

/// The largest block that is read, in bytes: as values it takes a multiple of that.
const MAX_BLOCK: usize = 1 << 20;
/// A picture of a block.
#[derive(Debug, PartialEq)]
pub(super) struct Named<'a> {
    pub url: &'a str,
    pub alt: &'a str,
    pub caption: &'a str,
}

/// Hears of each picture.
type Found<'f> = dyn FnMut(Named<'_>) + 'f;

/// Tells the pictures of a block: values of `image`, `logo`, `thumbnailUrl`, and `contentUrl` or `url` of what is an
/// ImageObject, at any depth that JSON is read to (128). A block that is no JSON has none.
pub(super) fn pictures(block: &str, found: &mut Found<'_>) {
    if block.len() <= MAX_BLOCK {
        // No control character may stand in a string, and many do; elsewhere they are as good as a space.
        let plain = bare(block).replace(|c: char| c.is_ascii_control(), " ");
        if let Ok(value) = serde_json::from_str::<Value>(&plain) {
            visit(&value, found);
        }
    }
}

/// A block without what hid it from other readers: marks of comments and of CDATA.
fn bare(block: &str) -> &str {
    let mut block = block.trim();
    loop {
        let front = ["<!--", "<![CDATA[", "//", "/*", "*/"].iter().find_map(|mark| block.strip_prefix(mark));
        let back = |block: &'_ str| {
            ["-->", "]]>", "//", "/*", "*/", ";"].iter().find_map(|mark| Some(block.strip_suffix(mark)?.len()))
        };
        block = match front.or_else(|| block.get(..back(block)?)) {
            Some(less) => less.trim(),
            None => return block,
        };
    }
}

fn visit(value: &Value, found: &mut Found<'_>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| visit(value, found)),
        Value::Object(object) => {
            if is_image(object) {
                take(value, object, found);
            }
            for (key, value) in object {
                match key.as_str() {
                    "image" | "logo" | "thumbnailUrl" | "thumbnail" | "primaryImageOfPage" | "photo" => {
                        take(value, object, found)
                    }
                    _ => visit(value, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes what stands where a picture is expected: a reference, an ImageObject, or several.
fn take(value: &Value, of: &Map<String, Value>, found: &mut Found<'_>) {
    match value {
        Value::String(url) => {
            found(Named { url, alt: word(of, &["alternateName"]), caption: word(of, &["caption", "headline", "name"]) })
        }
        Value::Array(values) => values.iter().for_each(|value| take(value, of, found)),
        Value::Object(object) => {
            let caption = word(object, &["caption", "name", "description"]);
            let url = word(object, &["contentUrl", "url", "@id"]);
            if !url.is_empty() {
                found(Named { url, alt: word(object, &["alternateName"]), caption });
            }
            if let Some(thumbnail) = object.get("thumbnailUrl").filter(|thumbnail| thumbnail.is_string()) {
                take(thumbnail, object, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_image(object: &Map<String, Value>) -> bool {
    let is = |kind: &Value| {
        matches!(
            kind.as_str(),
            Some("ImageObject" | "Photograph" | "http://schema.org/ImageObject" | "https://schema.org/ImageObject")
        )
    };
    match object.get("@type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is),
        Some(kind) => is(kind),
        None => false,
    }
}

/// The first of `keys` that holds a text.
fn word<'a>(object: &'a Map<String, Value>, keys: &[&str]) -> &'a str {
    keys.iter().find_map(|&key| object.get(key).and_then(Value::as_str)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(block: &str) -> Vec<String> {
        let mut found = Vec::new();
        pictures(block, &mut |named| found.push(named.url.to_owned()));
        found
    }

    #[test]
    fn references_objects_and_lists_are_found_at_any_depth() {
        assert_eq!(urls(r#"{"image": "a.jpg"}"#), ["a.jpg"]);
        assert_eq!(urls(r#"[{"@graph": [{"x": {"image": ["a.jpg", {"url": "b.jpg"}]}}]}]"#), ["a.jpg", "b.jpg"]);
        assert_eq!(
            urls(r#"{"@type": "ImageObject", "contentUrl": "a.jpg", "thumbnailUrl": "t.jpg"}"#),
            ["a.jpg", "t.jpg", "t.jpg"]
        );
        assert_eq!(urls(r#"{"@type": ["Thing", "ImageObject"], "url": "a.jpg"}"#), ["a.jpg"]);
        assert_eq!(urls(r#"{"@type": "Person", "url": "https://example.org/"}"#), Vec::<String>::new());
        assert_eq!(urls(r#"{"publisher": {"logo": {"@type": "ImageObject", "url": "l.png"}}}"#), ["l.png"]);
        let mut seen = 0;
        pictures(r#"{"image": {"url": "a.jpg", "caption": "A barn"}}"#, &mut |named| {
            assert_eq!(named, Named { url: "a.jpg", alt: "", caption: "A barn" });
            seen += 1;
        });
        assert_eq!(seen, 1);
    }

    #[test]
    fn marks_of_comments_and_lines_within_strings_do_no_harm() {
        let json = "[{\"image\": \"a.jpg\", \"caption\": \"two\nlines\tand a bell\u{7}\"}]";
        let wrapped = [
            ("", ""),
            ("//<![CDATA[\n", "\n//]]>"),
            ("/* <![CDATA[ */", "/* ]]> */"),
            ("<![CDATA[", "]]>"),
            ("<!--\n", "\n-->"),
            ("\n", ";\n"),
        ];
        for (before, after) in wrapped {
            assert_eq!(urls(&format!("{before}{json}{after}")), ["a.jpg"], "{before}");
        }
    }

    #[test]
    fn what_is_no_json_too_deep_or_too_much_ends_well() {
        let slashes = "/".repeat(1_000_000);
        for block in ["", "{", "nonsense", "{\"image\":}", &"[".repeat(1_000_000), &"{\"a\":".repeat(100_000), &slashes]
        {
            assert_eq!(urls(block), Vec::<String>::new(), "{}", block.len());
        }
        let many = format!("{{\"image\": [{}\"a\"]}}", "\"a\",".repeat(100_000));
        assert_eq!(urls(&many).len(), 100_001);
        let large = format!("{{\"image\": \"{}\"}}", "a".repeat(MAX_BLOCK));
        assert_eq!(urls(&large), Vec::<String>::new());
    }
}
