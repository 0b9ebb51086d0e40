//! What pages and sitemaps name, as `ris index https://…` counts it: nothing is dropped without a word.

use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::setup::{Place, Ran};
use crate::site::{Reply, Site, crawl_of};

/// A site with one made-up answer; the rest is that of the fixtures.
fn site(path: &'static str, body: impl Into<Vec<u8>>) -> Site {
    let body = body.into();
    Site::made(Arc::new(move |asked| (asked == path).then(|| Reply::ok(body.clone()))))
}

fn crawl(url: &str, more: &[&str]) -> Ran {
    crawl_of(&Place::new(), url, more)
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn pictures_and_links_beyond_the_limits_and_addresses_too_long_are_in_the_summary() {
    let pictures: String = (0..50_003).map(|n| format!("<img src=/x/{n}.jpg>")).collect();
    let long = "a".repeat(8_000);
    let page = format!("<img src=/pictures/pond.jpg>{pictures}<a href=/{long}>1</a><img src=/{long}.jpg>");
    let site = site("/start", page);
    let ran = crawl(&site.url("/start"), &["--exclude", "x/"]);
    let (told, refused) = (ran.object(), &ran.object()["web"]["refused"]);
    assert_eq!((ran.status, &told["indexed"]), (0, &1.into()), "{told}");
    assert_eq!(
        (&refused["size"], &refused["url"], &refused["scope"]),
        (&4.into(), &2.into(), &49_999.into()),
        "{told}"
    );
}

#[test]
fn patterns_match_paths_as_in_gitignore_and_include_is_for_pages_only() {
    let page = "<a href=/d1/><a href=/d2/><img src=/pictures/pond.jpg><img src=/pictures/gate.jpg>";
    let site = Site::made(Arc::new(move |path| match path {
        "/start" => Some(Reply::ok(page)),
        "/d1/" => Some(Reply::ok("<img src=/pictures/roses.jpg>")),
        "/d2/" => Some(Reply::ok("<img src=/pictures/orchard.jpg>")),
        _ => None,
    }));
    let start = site.url("/start");
    let cases: [(&[&str], u64, u64); 5] = [
        (&[], 3, 4),
        (&["--exclude", "d2/"], 2, 3),
        (&["--exclude", "gate.jpg", "--exclude", "/d1/"], 2, 2),
        (&["--include", "/d2/"], 2, 3),
        (&["--include", "nothing"], 1, 2),
    ];
    for (args, pages, pictures) in cases {
        let told = crawl(&start, args).object();
        assert_eq!((&told["web"]["pages"], &told["indexed"]), (&pages.into(), &pictures.into()), "{args:?}: {told}");
    }
}

#[test]
fn a_sitemap_that_can_not_be_read_is_one_line_and_status_2_and_one_that_was_cut_is_counted() {
    let whole = "<s:urlset xmlns:s='x' xmlns:i='y'><s:url><s:loc>http://127.0.0.1:1/a</s:loc></s:url></s:urlset>";
    let mut damaged = packed(&whole.repeat(100));
    damaged[20..30].fill(0xAA);
    let cases = [
        (packed(whole)[..30].to_vec(), "encoding"),
        (damaged, "encoding"),
        (packed(&" ".repeat((50 << 20) + 1)), "size"),
        (packed("\0\u{1}nonsense"), "type"),
    ];
    for (body, reason) in cases {
        let site = site("/map.xml.gz", body);
        let ran = crawl(&site.url("/map.xml.gz"), &[]);
        assert_eq!((ran.status, ran.stderr.lines().count()), (2, 1), "{reason}: {ran:?}");
        assert_eq!(ran.object()["web"]["refused"], serde_json::json!({ reason: 1 }), "{ran:?}");
    }
    let site = site("/map.xml.gz", packed(&whole.replace("</s:urlset>", "<s:url><s:loc>http://127")));
    let ran = crawl(&site.url("/map.xml.gz"), &[]);
    assert_eq!((ran.status, &ran.object()["web"]["pages"]), (0, &1.into()), "{ran:?}");
    assert_eq!(ran.object()["web"]["refused"], serde_json::json!({ "scope": 1, "size": 1 }), "{ran:?}");
}

#[test]
fn a_sitemap_by_any_prefix_gives_its_pictures_with_title_and_caption() {
    let map = "<s:urlset xmlns:s='http://www.sitemaps.org/schemas/sitemap/0.9' xmlns:i='urn:i'><s:url><s:loc>HOST/none.html</s:loc>\
        <i:image><i:loc>HOST/pictures/pond.jpg</i:loc><i:title>Lilies</i:title><i:caption>The pond in May</i:caption>\
        </i:image></s:url></s:urlset>";
    let host = Arc::new(std::sync::Mutex::new(String::new()));
    let known = host.clone();
    let site = Site::made(Arc::new(move |path| {
        (path == "/map").then(|| Reply::ok(map.replace("HOST", &known.lock().unwrap())))
    }));
    *host.lock().unwrap() = site.url("").trim_end_matches('/').to_owned();
    let place = Place::new();
    assert_eq!(crawl_of(&place, &site.url("/map"), &[]).object()["indexed"], 1);
    place.copy("library/garden/pond.jpg", "query.jpg");
    let answer = place.run(["search", "query.jpg", "--index", "idx", "--json"]).object();
    let found = &answer["matches"][0];
    assert_eq!((&found["alt"], &found["caption"]), (&"Lilies".into(), &"The pond in May".into()), "{answer}");
}
