//! Pages as people write them, and as they break them.

use super::*;
use crate::source::web::url::{MAX_LENGTH, parse};

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
        ("<object type=image/jpeg data=x></object>", "/a/x"),
        ("<object data=x.jpg></object>", "/a/x.jpg"),
        ("<embed src=x.jpg>", "/a/x.jpg"),
        ("<embed type=' Image/PNG' src=x>", "/a/x"),
        ("<iframe srcdoc='&lt;img src=x.jpg&gt;' src=c></iframe>", "/a/x.jpg"),
        ("<iframe srcdoc='<noscript><img src=x.jpg></noscript>'></iframe>", "/a/x.jpg"),
        ("<style>a { background: image-set('x.jpg' 1x) }</style>", "/a/x.jpg"),
        ("<div style='background:url(\\2f x.jpg\\3f 1)'>", "/x.jpg?1"),
    ];
    for (html, expected) in places {
        assert_eq!(shown(html), [expected], "{html}");
    }
    assert_eq!(places.len(), 41);
}

#[test]
fn pictures_that_scripts_load_are_found_by_any_attribute_of_data_and_of_several_the_best() {
    let names = "data-src data-original data-lazy-src data-lazy data-full-src data-hi-res-src data-url data-image data-full \
        data-large_image data-large-file data-orig-file data-zoom-image data-echo data-flickity-lazyload data-actualsrc \
        data-original-src data-ll-src data-img-src data-orig-src data-whatever";
    let mut seen = 0;
    for name in names.split_ascii_whitespace() {
        assert_eq!(shown(&format!("<img src=/blank.gif {name}=/x.jpg>")), ["/x.jpg"], "{name}");
        assert_eq!(shown(&format!("<div {name}='x.JPG?w=1'>")), ["/a/x.JPG?w=1"], "{name}");
        seen += 1;
    }
    assert_eq!(seen, 21);
    let best = [
        ("<img src=s.jpg data-src=m.jpg data-large-file=l.jpg data-orig-file=x.jpg>", "/a/x.jpg"),
        ("<img src=s.jpg data-medium-file=/m.jpg data-large-file=x.jpg>", "/a/x.jpg"),
        ("<img src=s.jpg data-ll-src=m.jpg data-ll-srcset='l.jpg 1x, x.jpg 2x' data-orig-file=o.jpg>", "/a/x.jpg"),
        ("<img src=x.jpg data-thumb=/s.jpg data-lowsrc=/s.jpg data-placeholder=/s.jpg>", "/a/x.jpg"),
        ("<img src=x.jpg data-image-title=y.jpg data-filename=/y.jpg data-id=7.jpg>", "/a/x.jpg"),
        ("<img src=x.jpg data-full=true data-lazy=1 data-image=4 data-url=/page/4>", "/a/x.jpg"),
        ("<img src=x.jpg data-src='data:image/gif;base64,R0lGOD.a' data-original=' '>", "/a/x.jpg"),
        ("<img src=x.jpg data-json='{\"url\":\"/y.jpg' data-all='/y.jpg,/z.jpg' data-two='/y.jpg /z.jpg'>", "/a/x.jpg"),
        ("<img src=x.jpg data-host=//host.ico data-page=/y.html>", "/a/x.jpg"),
        ("<img data-src=/image?id=3 src=s.jpg>", "/image?id=3"),
        ("<img data-thumb=x.jpg>", "/a/x.jpg"),
        ("<picture><source data-srcset='/s.webp 1x, /x.webp 2x'></picture>", "/x.webp"),
        ("<section data-srcset='/s.webp 1x, /x.webp 2x'>", "/x.webp"),
    ];
    for (html, expected) in best {
        assert_eq!(shown(html), [expected], "{html}");
    }
    assert_eq!(best.len(), 13);
    assert_eq!(shown("<a href=c data-full=/x.jpg data-thumb=/y.jpg data-title=z.jpg>"), ["/x.jpg", "/y.jpg"]);
    assert_eq!(shown("<video><source data-src=v.mp4></video><iframe data-src=c.html>"), Vec::<String>::new());
}

#[test]
fn an_area_takes_no_words_of_the_page() {
    let page =
        page("<a href=/1.jpg>large<area href=/2.jpg alt=map title=t></a> text <area href=/3.jpg> more <a href=c>");
    let texts: Vec<_> =
        page.pictures.iter().map(|shown| (shown.url.path(), &shown.alt[..], &shown.caption[..])).collect();
    assert_eq!(texts, [("/1.jpg", "", "large"), ("/2.jpg", "map", "t"), ("/3.jpg", "", "")]);
}

#[test]
fn a_frame_s_own_page_leaves_title_base_link_and_figure_of_the_page_alone() {
    let inner = "<title>Inner</title><base href=/in/><a href=1.jpg>one<figure><img src=2.jpg><figcaption>two";
    let nested = "<iframe srcdoc='<img src=/deep.jpg>'></iframe>";
    let page = page(&format!(
        "<a href=/0.jpg>zero <iframe srcdoc=\"{inner}{nested}\"><img src=/never.jpg></iframe> more</a><img src=3.jpg>"
    ));
    let told: Vec<_> = page.pictures.iter().map(|shown| (shown.url.path(), &shown.caption[..])).collect();
    assert_eq!(told[..3], [("/0.jpg", "zero more"), ("/in/1.jpg", "one two"), ("/in/2.jpg", "two")]);
    assert_eq!((told[3..].to_vec(), page.title.as_str()), (vec![("/a/3.jpg", "")], ""));
}

#[test]
fn links_to_pictures_are_not_taken_where_the_page_or_the_link_says_nofollow() {
    let html = "<a href=1.jpg>1</a><a rel='nofollow noopener' href=2.jpg><img src=3.jpg></a><a href=4.jpg></a>\
        <area href=5.jpg><img src=4.jpg><meta property=og:image content=/6.jpg>";
    assert_eq!(shown(html), ["/a/1.jpg", "/a/3.jpg", "/a/4.jpg", "/a/5.jpg", "/6.jpg"]);
    let left = ["/a/3.jpg", "/a/4.jpg", "/6.jpg"];
    assert_eq!(shown(&format!("{html}<meta name=robots content=nofollow>")), left);
    let url = parse("https://example.org/a/").unwrap();
    let page = read(html.as_bytes(), None, &["none".to_owned()], &url, "ris");
    assert_eq!(page.pictures.iter().map(|shown| shown.url.path()).collect::<Vec<_>>(), left);
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
    let icon = "<svg class=i><title>Icon</title></svg><svg/>";
    assert_eq!(page(icon).title, "");
    assert_eq!(page(&format!("{icon}<title>Late</title>")).title, "Late");
    assert_eq!(page("<head><svg></head><body><title>Late</title>").title, "Late");
    let cards = "<meta name=twitter:title content=' Short '><meta property=og:title content='The &amp; card'>";
    assert_eq!(page(&format!("{icon}{cards}")).title, "The & card");
    assert_eq!(page("<meta name=twitter:title content=' Short '>").title, "Short");
    assert_eq!(page(&format!("{cards}<title>Own</title>")).title, "Own");
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
fn a_page_without_end_is_kept_within_limits_and_what_is_beyond_is_counted() {
    let most = MAX_PICTURES;
    let pictures: String = (0..most + 7).map(|n| format!("<img src=/{n}.jpg alt={n}>")).collect();
    let links: String = (0..MAX_LINKS + 5).map(|n| format!("<a href=/{n}>")).collect();
    let full = page(&(pictures + &links));
    assert_eq!((full.pictures.len(), full.links.len(), full.left_out, full.too_long), (most, MAX_LINKS, 12, 0));
    let mut huge = b"<img src=/1.jpg>".to_vec();
    huge.resize(MAX_BYTES, b' ');
    huge.extend_from_slice(b"<img src=/2.jpg>");
    let huge = read(&huge, None, &[], &parse("https://example.org/").unwrap(), "ris");
    assert_eq!((huge.pictures.len(), huge.left_out), (1, 1));
    let long = "a".repeat(7_900);
    let based =
        page(&format!("<base href=/{long}/>{}", (0..4_000).map(|n| format!("<img src={n}>")).collect::<String>()));
    let bytes: usize = based.pictures.iter().map(|shown| shown.url.as_str().len()).sum();
    assert!(bytes <= MAX_URL_BYTES && bytes > MAX_URL_BYTES - 100_000, "{bytes}");
    assert_eq!(based.pictures.len() as u64 + based.left_out, 4_000);
    let again = page(&format!("<base href=/{long}/>{}", "<img src=x><a href=x>".repeat(20_000)));
    assert_eq!((again.pictures.len(), again.links.len()), (1, 1));
    assert!(again.left_out > 20_000, "no more than 128 MiB of addresses are read: {}", again.left_out);
    let many: String = (0..40_000).map(|n| format!("<img src={n}>")).collect();
    let captioned = page(&format!("<figure>{many}<figcaption>{}", "word ".repeat(200)));
    let words: usize = captioned.pictures.iter().map(|shown| shown.caption.len()).sum();
    assert!(captioned.pictures.len() == 40_000 && words <= 8 << 20 && words > 8_000_000, "{words}");
    let attributes: String = (0..200_000).map(|n| format!(" a{n}=1")).collect();
    assert_eq!(shown(&format!("<img src=x.jpg{attributes}>")), ["/a/x.jpg"]);
    let caption = "word ".repeat(1_000_000);
    let long = format!("<figure><img src=x.jpg alt='{caption}'><figcaption>{caption}</figcaption></figure>");
    let page = self::page(&long);
    assert!(page.pictures[0].alt.chars().count() <= MAX_TEXT && page.pictures[0].caption.chars().count() <= MAX_TEXT);
    assert!(page.pictures[0].caption.starts_with("word word") && page.pictures[0].caption.len() > 400);
}

#[test]
fn addresses_are_taken_up_to_the_limit_and_longer_ones_counted() {
    let fits = "a".repeat(MAX_LENGTH - "https://example.org/.jpg".len());
    let html = format!(
        "<img src=/{fits}.jpg><a href=/b{fits}.jpg>x</a><a href=/bbbbb{fits}>y</a><style>a{{background:url(/b{fits}.png)}}</style>\
         <img src='data:image/png;base64,{fits}AAAAAAAAAAAAAAAAAAAAAAAAAAAA'><style>a{{background:url(data:image/png,{fits}AAAAAAAAAAAAAAAA)}}\
         </style><a href='javascript:{fits}{fits}'><a href=mailto:a@b.c>"
    );
    let page = page(&html);
    assert_eq!((page.pictures.len(), page.links.len(), page.too_long, page.left_out), (1, 0, 3, 0));
}
