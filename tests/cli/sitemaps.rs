//! Sitemaps that a robots.txt names lead a crawl as links do, and no further.

use std::sync::Arc;

use crate::crawl::paths;
use crate::setup::Place;
use crate::site::{Reply, Site, crawl_of as crawl};

/// A page that nothing links to.
const HIDDEN: &str = "<title>hidden</title><img src='/pictures/pond.jpg'>";
/// A sitemap of that page and of pictures, on a page of the site and on one of another site.
const MAP: &str = "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
    xmlns:image='http://www.google.com/schemas/sitemap-image/1.1'>\
    <url><loc>SITE/docs/hidden</loc></url>\
    <url><loc>http://other.example/page</loc></url>\
    <url><loc>SITE/docs/hidden</loc><image:image><image:loc>SITE/pictures/gate.jpg</image:loc></image:image></url>\
    <url><loc>http://other.example/page</loc><image:image><image:loc>SITE/pictures/bay.jpg</image:loc></image:image></url>\
    </urlset>";

/// A site whose robots.txt names these sitemaps. `SITE` stands for its address.
fn named(sitemaps: &'static str) -> Site {
    // What it is called is known once it listens.
    let address = Arc::new(std::sync::OnceLock::<String>::new());
    let known = address.clone();
    let site = Site::made(Arc::new(move |path| {
        let here = known.get().cloned().unwrap_or_default();
        let text = |text: &str| text.replace("SITE", &here);
        match path {
            "/robots.txt" => Some(Reply::ok(text(sitemaps))),
            "/docs/" => Some(Reply::ok("<title>start</title>").with("Content-Type", "text/html")),
            "/docs/hidden" => Some(Reply::ok(HIDDEN).with("Content-Type", "text/html")),
            "/docs/map.xml" | "/map.xml" => Some(Reply::ok(text(MAP)).with("ETag", "\"map\"")),
            "/docs/all.xml" => Some(Reply::ok(text(
                "<sitemapindex><sitemap><loc>SITE/docs/map.xml</loc></sitemap>\
                 <sitemap><loc>http://other.example/map.xml</loc></sitemap></sitemapindex>",
            ))),
            "/docs/away.xml" => Some(Reply::status(302).with("Location", "http://other.example/map.xml")),
            _ => None,
        }
    }));
    address.set(site.url("")).unwrap();
    site
}

#[test]
fn what_a_robots_txt_names_leads_to_pages_that_nothing_links_to_within_the_scope_of_the_crawl() {
    for (sitemaps, more) in [
        ("Sitemap: SITE/docs/map.xml\n", &[][..]),
        ("User-agent: ris\nDisallow: /no\nSitemap: SITE/docs/all.xml\n", &[]),
        ("Sitemap: SITE/docs/map.xml\nSitemap: SITE/docs/map.xml\n", &["--scope", "prefix"]),
    ] {
        let (place, site) = (Place::new(), named(sitemaps));
        let told = crawl(&place, &site.url("/docs/"), more).object();
        assert_eq!((&told["indexed"], &told["missing"]), (&2.into(), &0.into()), "{sitemaps}: {told}");
        let log = site.take_log();
        let asked = paths(&log);
        for path in ["/docs/hidden", "/docs/map.xml", "/pictures/gate.jpg", "/pictures/pond.jpg"] {
            assert_eq!(asked.iter().filter(|asked| **asked == path).count(), 1, "{path} once: {asked:?}");
        }
        assert!(!asked.contains(&"/pictures/bay.jpg"), "no page in scope shows it: {asked:?}");
        // The next crawl finds them where they were.
        let told = crawl(&place, &site.url("/docs/"), more).object();
        assert_eq!((&told["unchanged"], &told["missing"]), (&2.into(), &0.into()), "{sitemaps}: {told}");
    }
}

#[test]
fn a_sitemap_beyond_the_scope_the_depth_or_the_rules_of_a_crawl_is_not_asked_for() {
    for (sitemaps, more) in [
        ("Sitemap: SITE/map.xml\n", &["--scope", "prefix"][..]),
        ("Sitemap: SITE/docs/map.xml\n", &["--depth", "0"]),
        ("Sitemap: SITE/docs/map.xml\n", &["--exclude", "*.xml"]),
        ("User-agent: *\nDisallow: /docs/map.xml\nSitemap: SITE/docs/map.xml\n", &[]),
        ("Sitemap: http://other.example/map.xml\nSitemap: /docs/map.xml\n", &[]),
        ("Sitemap: SITE/docs/away.xml\n", &[]),
    ] {
        let (place, site) = (Place::new(), named(sitemaps));
        let ran = crawl(&place, &site.url("/docs/"), more);
        let log = site.take_log();
        assert!(!paths(&log).iter().any(|path| path.ends_with("map.xml")), "{sitemaps}: {:?}", paths(&log));
        assert_eq!(ran.object()["indexed"], 0, "{sitemaps}: {ran:?}");
    }
}

#[test]
fn whoever_starts_at_a_picture_wants_that_picture() {
    let (place, site) = (Place::new(), named("Sitemap: SITE/docs/map.xml\n"));
    let told = crawl(&place, &site.url("/pictures/pond.jpg"), &[]).object();
    assert_eq!((&told["indexed"], &told["web"]["pages"]), (&1.into(), &0.into()), "{told}");
}
