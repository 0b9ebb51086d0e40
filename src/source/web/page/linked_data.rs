//! Pictures that a page names for search engines: JSON-LD in the words of schema.org.

use serde_json::{Map, Value};

/// The largest block that is read, in bytes: as values it takes a multiple of that.
const MAX_BLOCK: usize = 1 << 20;
/// The most pictures of one block.
const MAX_FOUND: usize = 500;

/// A picture of a block.
#[derive(Debug, PartialEq)]
pub(super) struct Named {
    pub url: String,
    pub alt: String,
    pub caption: String,
}

/// The pictures of a block: values of `image`, `logo` not, `thumbnailUrl`, and `contentUrl` or `url` of what is an
/// ImageObject, at any depth that JSON is read to (128). A block that is no JSON has none.
pub(super) fn pictures(block: &str) -> Vec<Named> {
    let mut found = Vec::new();
    if block.len() <= MAX_BLOCK
        && let Ok(value) = serde_json::from_str::<Value>(block.trim())
    {
        visit(&value, &mut found);
    }
    found
}

fn visit(value: &Value, found: &mut Vec<Named>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| visit(value, found)),
        Value::Object(object) => {
            if is_image(object) {
                take(value, object, found);
            }
            for (key, value) in object {
                match key.as_str() {
                    "image" | "thumbnailUrl" | "thumbnail" | "primaryImageOfPage" | "photo" => {
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
fn take(value: &Value, of: &Map<String, Value>, found: &mut Vec<Named>) {
    if found.len() >= MAX_FOUND {
        return;
    }
    match value {
        Value::String(url) => found.push(Named {
            url: url.clone(),
            alt: word(of, &["alternateName"]),
            caption: word(of, &["caption", "headline", "name"]),
        }),
        Value::Array(values) => values.iter().for_each(|value| take(value, of, found)),
        Value::Object(object) => {
            let caption = word(object, &["caption", "name", "description"]);
            let url = word(object, &["contentUrl", "url", "@id"]);
            if !url.is_empty() {
                found.push(Named { url, alt: word(object, &["alternateName"]), caption });
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
fn word(object: &Map<String, Value>, keys: &[&str]) -> String {
    keys.iter().find_map(|&key| object.get(key).and_then(Value::as_str)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(block: &str) -> Vec<String> {
        pictures(block).into_iter().map(|named| named.url).collect()
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
        assert_eq!(
            urls(r#"{"@type": "Person", "url": "https://example.org/", "logo": "l.png"}"#),
            Vec::<String>::new()
        );
        let named = pictures(r#"{"image": {"url": "a.jpg", "caption": "A barn"}}"#);
        assert_eq!(named, [Named { url: "a.jpg".into(), alt: String::new(), caption: "A barn".into() }]);
    }

    #[test]
    fn what_is_no_json_too_deep_or_too_much_ends_well() {
        for block in ["", "{", "nonsense", "{\"image\":}", &"[".repeat(1_000_000), &"{\"a\":".repeat(100_000)] {
            assert_eq!(pictures(block), [], "{}", block.len());
        }
        let many = format!("{{\"image\": [{}\"a\"]}}", "\"a\",".repeat(100_000));
        assert_eq!(pictures(&many).len(), MAX_FOUND);
        let large = format!("{{\"image\": \"{}\"}}", "a".repeat(MAX_BLOCK));
        assert_eq!(pictures(&large), []);
    }
}
