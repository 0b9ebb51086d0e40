//! Pages as people write them, and as they break them.

use super::*;
use crate::source::web::url::parse;

fn page(html: &str) -> Page {
    read(html.as_bytes(), None, &[], &parse("https://example.org/a/b.html").unwrap(), "ris")
}

/// The pictures' addresses, those on the page's own host without it.
fn shown(html: &str) -> Vec<String> {
    page(html).pictures.iter().map(|shown| shown.url.as_str().replace("https://example.org", "")).collect()
}

fn links(html: &str) -> Vec<String> {
    page(html).links.iter().map(|url| url.as_str().replace("https://example.org", "")).collect()
}

#[test]
fn pictures_are_found_where_people_put_them() {
    let places = [
        ("<img src=x.jpg>", "/a/x.jpg"),
        ("<IMG SRC='/x.jpg'>", "/x.jpg"),
        ("<img src=\"//cdn.example/x.jpg\">", "https://cdn.example/x.jpg"),
        ("<img src=x.jpg?a=1&amp;b=2>", "/a/x.jpg?a=1&b=2"),
        ("<img src=small.jpg srcset='x1.jpg 320w, x.jpg 1280w'>", "/a/x.jpg"),
        ("<img srcset='x1.jpg, x.jpg 2x'>", "/a/x.jpg"),
        ("<picture><source srcset='x1.webp 1x, x.webp 2x' type=image/webp></picture>", "/a/x.webp"),
        ("<img src='data:image/gif;base64,R0lGOD' data-src=x.jpg>", "/a/x.jpg"),
        ("<img src=blank.gif data-original=x.jpg>", "/a/x.jpg"),
        ("<img class=lazy data-lazy-src=x.jpg>", "/a/x.jpg"),
        ("<img data-srcset='y.jpg 100w, x.jpg 200w' data-src=y.jpg>", "/a/x.jpg"),
        ("<noscript><img src=x.jpg></noscript>", "/a/x.jpg"),
        ("<link rel=image_src href=x.jpg>", "/a/x.jpg"),
        ("<link rel=preload as=image href=x.jpg>", "/a/x.jpg"),
        ("<link rel=preload as=image href=y.jpg imagesrcset='y.jpg 1x, x.jpg 2x'>", "/a/x.jpg"),
        ("<meta property=og:image content=/x.jpg>", "/x.jpg"),
        ("<meta property=og:image:url content=/x.jpg>", "/x.jpg"),
        ("<meta property=og:image:secure_url content=/x.jpg>", "/x.jpg"),
        ("<meta name=twitter:image content=/x.jpg>", "/x.jpg"),
        ("<meta name=twitter:image:src content=/x.jpg>", "/x.jpg"),
        ("<meta itemprop=image content=/x.jpg>", "/x.jpg"),
        ("<script type='application/ld+json'>{\"image\": \"/x.jpg\"}</script>", "/x.jpg"),
        ("<video poster=x.jpg src=v.mp4></video>", "/a/x.jpg"),
        ("<div style=\"background: url('x.jpg')\">", "/a/x.jpg"),
        ("<div style=\"background: url(&quot;x.jpg&quot;)\">", "/a/x.jpg"),
        ("<style>.a { background-image: url(x.jpg) }</style>", "/a/x.jpg"),
        ("<a href=x.JPG>large</a>", "/a/x.JPG"),
        ("<a href='x.png?size=2'>large</a>", "/a/x.png?size=2"),
        ("<svg><image href=x.jpg /></svg>", "/a/x.jpg"),
        ("<svg><image xlink:href=x.jpg></svg>", "/a/x.jpg"),
        ("<body background=x.jpg>", "/a/x.jpg"),
        ("<div data-bg=x.jpg>", "/a/x.jpg"),
        ("<input type=image src=x.jpg>", "/a/x.jpg"),
        ("<object type=image/jpeg data=x.jpg></object>", "/a/x.jpg"),
    ];
    for (html, expected) in places {
        assert_eq!(shown(html), [expected], "{html}");
    }
    assert_eq!(places.len(), 34);
}

#[test]
fn what_is_no_picture_is_not_taken_for_one() {
    for html in [
        "<img src='data:image/png;base64,AAAA'>",
        "<img src=''>",
        "<img>",
        "<img src='#a'>",
        "<img src='javascript:x()'>",
        "<link rel=icon href=x.ico>",
        "<link rel=stylesheet href=x.css>",
        "<!-- <img src=x.jpg> -->",
        "<script>document.write('<img src=x.jpg>')</script>",
        "<textarea><img src=x.jpg></textarea>",
        "<title><img src=x.jpg></title>",
        "<video><source src=v.mp4></video>",
        "<a href=jpg>",
        "<meta property=og:title content=x.jpg>",
        "&lt;img src=x.jpg&gt;",
    ] {
        assert_eq!(shown(html), Vec::<String>::new(), "{html}");
    }
}

#[test]
fn a_picture_is_told_once_with_the_first_text_of_each_kind() {
    let html = "<meta property=og:image content=/x.jpg><meta property=og:image:alt content='From the card'>\
        <img src=/x.jpg alt='From the tag' title='A title'><img src=/y.jpg alt=' A \n red&nbsp;barn '><img src=/x.jpg>";
    let page = page(html);
    let texts: Vec<_> =
        page.pictures.iter().map(|shown| (shown.url.path(), &shown.alt[..], &shown.caption[..])).collect();
    assert_eq!(texts, [("/x.jpg", "From the card", "A title"), ("/y.jpg", "A red barn", "")]);
}

#[test]
fn the_sources_of_a_picture_have_the_words_of_its_img() {
    let html = "<picture><source srcset='/a.webp 2x'><source srcset=/b.jpg><img src=/c.jpg alt=barn title=old></picture>\
                <picture><source srcset=/d.jpg></picture><img src=/e.jpg alt=pond>";
    let page = page(html);
    let told: Vec<_> =
        page.pictures.iter().map(|shown| (shown.url.path(), &shown.alt[..], &shown.caption[..])).collect();
    let barn = |path| (path, "barn", "old");
    assert_eq!(told[..3], [barn("/a.webp"), barn("/b.jpg"), barn("/c.jpg")]);
    assert_eq!(told[3..], [("/d.jpg", "", ""), ("/e.jpg", "pond", "")]);
}

#[test]
fn a_figure_gives_its_caption_to_the_pictures_in_it() {
    let html = "<img src=/0.jpg title=before><figure><img src=/1.jpg title=t><img src=/2.jpg>\
        <figcaption>Two <b>barns</b>,\n in <i>May</i></figcaption></figure>\
        <figure><figcaption>First</figcaption><img src=/3.jpg></figure><img src=/4.jpg>\
        <figure><figure><img src=/5.jpg><figcaption>Inner</figcaption></figure><figcaption>Outer</figcaption><img src=/6.jpg></figure>\
        <figure><img src=/7.jpg><figcaption>Never closed";
    let captions: Vec<_> = page(html).pictures.into_iter().map(|shown| shown.caption).collect();
    let two = "Two barns , in May";
    assert_eq!(captions, ["before", two, two, "First", "", "Inner", "Outer", "Never closed"]);
}

#[test]
fn a_link_to_a_picture_takes_the_words_and_the_thumbnail_s_text() {
    let page = page("<a href=/large.jpg><img src=/small.jpg alt='A barn'> See it <b>large</b></a> more text");
    let texts: Vec<_> =
        page.pictures.iter().map(|shown| (shown.url.path(), &shown.alt[..], &shown.caption[..])).collect();
    assert_eq!(texts, [("/large.jpg", "A barn", "See it large"), ("/small.jpg", "A barn", "")]);
    assert_eq!(page.links, []);
}

#[test]
fn links_are_found_each_once_and_those_marked_are_left() {
    let html = "<a href=c>1</a><a href=c#part>2</a><area href=/d><iframe src=/e><a href=/inside></iframe><frame src=/f>\
        <link rel=next href=/g><link rel='canonical' href=/h><a rel='external nofollow' href=/no><a href=mailto:a@b.c>\
        <meta http-equiv=refresh content=\"5; URL='/i'\"><a href='http://user:x@example.org/'><a href='ftp://x/'><a name=x>";
    assert_eq!(links(html), ["/a/c", "/d", "/e", "/f", "/g", "/h", "/i"]);
}

#[test]
fn the_first_base_counts_for_all_that_follows() {
    let html = "<img src=1.jpg><base target=x><base href='/x/y'><base href='/z/'><img src=2.jpg><a href=c>";
    assert_eq!(shown(html), ["/a/1.jpg", "/x/2.jpg"]);
    assert_eq!(links(html), ["/x/c"]);
    assert_eq!(shown("<base href='javascript:x'><img src=1.jpg>"), ["/a/1.jpg"]);
}

#[test]
fn the_title_is_the_first_one_in_plain_words() {
    assert_eq!(page("<title>\n A &amp; B\t</title><title>C</title>").title, "A & B");
    assert_eq!(page("<svg><title>Icon</title></svg>").title, "Icon");
    assert_eq!(page("<p>none").title, "");
    assert_eq!(page(&format!("<title>{}</title>", "é".repeat(10_000))).title.chars().count(), MAX_TEXT);
    assert_eq!(page("<title>a\u{7}\u{1b}[31mb</title>").title, "a[31mb");
}

#[test]
fn what_the_page_and_its_header_ask_is_added_up() {
    let url = parse("https://example.org/").unwrap();
    let html = b"<meta name=ROBOTS content='noimageindex'><meta name=Ris content=noai><meta name=other content=noindex><a href=/x>";
    let page = read(html, None, &[], &url, "ris");
    let expected = Directives { noimageindex: true, noai: true, ..Directives::default() };
    assert_eq!((page.directives, page.links.len()), (expected, 1));
    let page = read(html, None, &["ris: nofollow".to_owned()], &url, "ris");
    assert_eq!((page.directives, page.links.len()), (Directives { nofollow: true, ..expected }, 0));
}

#[test]
fn broken_pages_show_what_can_be_seen() {
    let pages = [
        "<img src=x.jpg",
        "<img src=x.jpg <p>",
        "<p><img src=x.jpg></b></p></div></html>",
        "<img src=x.jpg/>",
        "<div class=\"a><img src=\"><img src=x.jpg>",
        "<img src = 'x.jpg' src=y.jpg>",
        "<<img src=x.jpg>",
        "<table><img src=x.jpg><tr>",
        "<noscript><img src=x.jpg>",
        "<!doctype><!--><img src=x.jpg>",
        "\0<img\0 src=y.jpg><img src=x.jpg>",
        "<![CDATA[ ]]><img src=x.jpg>",
    ];
    let expected = |html: &str| {
        if html.ends_with("src=x.jpg") && !html.contains('>') { vec![] } else { vec!["/a/x.jpg".to_owned()] }
    };
    for html in pages {
        let found: Vec<_> = shown(html).into_iter().filter(|path| path.starts_with("/a/x.jpg")).collect();
        let found: Vec<_> = found.iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
        assert_eq!(found, expected(html), "{html}");
    }
}

#[test]
fn other_encodings_keep_their_letters() {
    let url = parse("https://example.org/").unwrap();
    let latin = b"<title>caf\xe9</title><img src=/caf\xe9.jpg alt=\xfcber>";
    let read_as = |field| read(latin, field, &[], &url, "ris");
    for page in [read_as(None), read_as(Some("text/html; charset=ISO-8859-1"))] {
        assert_eq!((page.title.as_str(), page.pictures[0].alt.as_str()), ("café", "über"));
        assert_eq!(page.pictures[0].url.path(), "/caf%C3%A9.jpg");
    }
    let wide: Vec<u8> = "\u{feff}<title>テ</title>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&wide, None, &[], &url, "ris").title, "テ");
}

#[test]
fn nothing_is_nested_too_deep() {
    for open in [
        "<div>",
        "<figure>",
        "<a href=x.jpg>",
        "<noscript>",
        "<svg><image href=x.jpg>",
        "<picture>",
        "<b>",
        "<table><tr><td>",
    ] {
        let html = format!("{}<img src=/last.jpg>{}", open.repeat(100_000), "</div></figure></a>".repeat(10_000));
        let found = shown(&html);
        assert!(found.iter().any(|path| path == "/last.jpg") || open == "<noscript>", "{open}");
    }
}

#[test]
fn a_page_without_end_is_kept_within_limits() {
    let pictures: String = (0..20_000).map(|n| format!("<img src=/{n}.jpg alt={n}>")).collect();
    let links: String = (0..30_000).map(|n| format!("<a href=/{n}>")).collect();
    let page = page(&(pictures + &links));
    assert_eq!((page.pictures.len(), page.links.len()), (MAX_PICTURES, MAX_LINKS));
    let mut huge = b"<img src=/1.jpg>".to_vec();
    huge.resize(MAX_BYTES, b' ');
    huge.extend_from_slice(b"<img src=/2.jpg>");
    let page = read(&huge, None, &[], &parse("https://example.org/").unwrap(), "ris");
    assert_eq!(page.pictures.len(), 1);
    let attributes: String = (0..200_000).map(|n| format!(" a{n}=1")).collect();
    assert_eq!(shown(&format!("<img src=x.jpg{attributes}>")), ["/a/x.jpg"]);
    let caption = "word ".repeat(1_000_000);
    let long = format!("<figure><img src=x.jpg alt='{caption}'><figcaption>{caption}</figcaption></figure>");
    let page = self::page(&long);
    assert!(page.pictures[0].alt.chars().count() <= MAX_TEXT && page.pictures[0].caption.chars().count() <= MAX_TEXT);
    assert!(page.pictures[0].caption.starts_with("word word") && page.pictures[0].caption.len() > 400);
}
