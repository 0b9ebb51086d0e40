//! The fetcher against a real server on loopback, well behaved and not.

mod hostile;
mod private;
mod secure;
mod server;
mod stopped;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use self::server::Server;
use super::*;
use crate::source::web::url::parse;

/// Options for loopback, with nothing that a slow machine could run into.
fn patient() -> Options {
    let long = Duration::from_secs(60);
    Options { allow_private: true, connect_time: long, total_time: long, least_over: long, ..Options::default() }
}

fn fetcher() -> Fetcher {
    Fetcher::new(patient()).unwrap()
}

/// The reason for which a page is refused.
fn reason(fetcher: &Fetcher, url: &Url) -> Reason {
    fetcher.get(&Request::page(url.clone())).unwrap_err().reason()
}

const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\nETag: \"a1\"\r\n\
    Last-Modified: Tue, 01 Jan 2030 00:00:00 GMT\r\nX-Robots-Tag: noindex\r\nX-Robots-Tag: ris: noimageindex\r\n\
    Set-Cookie: id=1\r\nContent-Length: 6\r\n\r\n<html>";

#[test]
fn an_answer_is_told_with_what_was_sent() {
    let server = Server::says(PLAIN);
    let response = fetcher().get(&Request::page(server.url("/a?b=c"))).unwrap();
    assert_eq!((response.status, response.is_success(), response.cut), (200, true, false));
    assert_eq!(response.body, b"<html>");
    assert_eq!(response.content_type.as_deref(), Some("text/html; charset=x"));
    assert_eq!(response.etag.as_deref(), Some("\"a1\""));
    assert_eq!(response.last_modified.as_deref(), Some("Tue, 01 Jan 2030 00:00:00 GMT"));
    assert_eq!(response.robots, ["noindex", "ris: noimageindex"]);
    assert_eq!(response.received, PLAIN.len() as u64);
    assert_eq!([response.http_head.as_slice(), &response.body].concat(), PLAIN);
    assert_eq!((response.packed, response.redirect, response.retry_after), (None, None, None));
}

#[test]
fn a_request_says_no_more_than_it_must() {
    let server = Server::says(PLAIN);
    let fetcher = fetcher();
    for path in ["/a?b=c", "/d"] {
        fetcher.get(&Request::page(server.url(path))).unwrap();
    }
    let heads = server.heads();
    assert_eq!(heads.len(), 2);
    for (head, path) in heads.iter().zip(["/a?b=c", "/d"]) {
        assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{head}");
        let mut names: Vec<_> =
            head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"], "{head}");
        assert!(head.contains(&format!("user-agent: {}\r\n", Options::default().user_agent)), "{head}");
    }
    assert_eq!(server.connections(), 1, "a connection is kept");
}

#[test]
fn what_is_unchanged_is_answered_with_304() {
    let server = Server::says("HTTP/1.1 304 Not Modified\r\nETag: \"a1\"\r\n\r\n");
    let (etag, last_modified) = (Some("\"a1\"".to_owned()), Some("Tue, 01 Jan 2030 00:00:00 GMT".to_owned()));
    let request = Request { etag, last_modified, ..Request::picture(server.url("/a.jpg")) };
    let response = fetcher().get(&request).unwrap();
    assert_eq!((response.status, response.body.len(), response.redirect), (304, 0, None));
    let head = &server.heads()[0];
    assert!(head.contains("if-none-match: \"a1\"\r\n"), "{head}");
    assert!(head.contains("if-modified-since: Tue, 01 Jan 2030 00:00:00 GMT\r\n"), "{head}");
}

#[test]
fn a_kept_etag_brings_no_line_of_its_own_into_a_request() {
    let server = Server::says(PLAIN);
    let request = Request { etag: Some("\"a\"\r\nX-Evil: 1".to_owned()), ..Request::page(server.url("/")) };
    fetcher().get(&request).unwrap();
    assert!(!server.heads()[0].to_lowercase().contains("evil") && !server.heads()[0].contains("if-none-match"));
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let bytes = format!("HTTP/1.1 {status} X\r\nLocation: ../b%7e#c\r\nContent-Length: 2\r\n\r\nno");
        let server = Server::says(bytes);
        let response = fetcher().get(&Request::page(server.url("/x/a"))).unwrap();
        assert_eq!((response.status, response.redirect), (status, Some(server.url("/b~"))));
        assert_eq!(server.heads().len(), 1);
    }
    let server = Server::says("HTTP/1.1 302 X\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(reason(&fetcher(), &server.url("/")), Reason::Url);
}

/// Answers `/N` with a redirect to `/N-1`, and `/0` with content.
fn stairs() -> Server {
    Server::start(|head, stream| {
        let step: usize = head["GET /".len()..].split(' ').next().unwrap().parse().unwrap();
        match step.checked_sub(1) {
            Some(next) => write!(stream, "HTTP/1.1 302 X\r\nLocation: /{next}\r\nContent-Length: 0\r\n\r\n"),
            None => stream.write_all(PLAIN),
        }
    })
}

#[test]
fn at_most_five_redirects_are_followed_and_each_is_asked_about() {
    let server = stairs();
    let mut asked = Vec::new();
    let follow = |from: &str, asked: &mut Vec<String>| {
        fetcher().follow(&Request::page(server.url(from)), |url| {
            asked.push(url.path().to_owned());
            if url.path() == "/7" { Err(Refusal::new(Reason::Scope, "no")) } else { Ok(()) }
        })
    };
    let response = follow("/5", &mut asked).unwrap();
    assert_eq!(
        (response.status, response.url, &asked[..]),
        (200, server.url("/0"), &["/4", "/3", "/2", "/1", "/0"].map(String::from)[..])
    );
    assert_eq!(follow("/6", &mut asked).unwrap_err().reason(), Reason::Redirects);
    let before = server.heads().len();
    assert_eq!(follow("/8", &mut asked).unwrap_err().reason(), Reason::Scope);
    assert_eq!(server.heads().len(), before + 1, "what the check refuses is not asked for");
}

#[test]
fn an_answer_that_is_no_success_keeps_the_first_64_kib() {
    let body = "x".repeat(100_000);
    let server = Server::says(format!("HTTP/1.1 503 X\r\nRetry-After: 120\r\nContent-Length: 100000\r\n\r\n{body}"));
    let response = fetcher().get(&Request::page(server.url("/"))).unwrap();
    assert_eq!((response.status, response.body.len(), response.cut), (503, 65_536, true));
    assert_eq!(response.retry_after.as_deref(), Some("120"));
}

#[test]
fn a_packed_body_is_unpacked_and_kept_as_it_was_sent() {
    let mut packed = Vec::new();
    let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, "a page ".repeat(100).as_bytes()).unwrap();
    encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
    let server = Server::says([head.as_bytes(), &packed].concat());
    let response = fetcher().get(&Request::page(server.url("/"))).unwrap();
    assert_eq!(response.body, "a page ".repeat(100).as_bytes());
    assert_eq!(response.packed, Some(packed));
    assert_eq!(response.http_head, head.as_bytes());
}

#[test]
fn chunks_and_bodies_that_end_with_the_connection_are_put_together() {
    let bodies = [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
        "HTTP/1.0 200 OK\r\n\r\nabc",
    ];
    for bytes in bodies {
        let server = Server::start(move |_, stream| {
            stream.write_all(bytes.as_bytes())?;
            Err(std::io::ErrorKind::Other.into())
        });
        let response = fetcher().get(&Request::page(server.url("/"))).unwrap();
        assert_eq!(response.body, b"abc", "{bytes}");
        assert!(response.http_head.starts_with(b"HTTP/1.") && !response.http_head.starts_with(b"HTTP/1.1 103"));
    }
}

#[test]
fn a_kept_connection_that_the_server_left_is_opened_anew() {
    // The first answer promises to keep the connection; the second request finds it shut without a word.
    let turn = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |_, stream| {
        if turn.fetch_add(1, Ordering::SeqCst) == 1 {
            return Err(std::io::ErrorKind::Other.into());
        }
        stream.write_all(PLAIN)
    });
    let fetcher = fetcher();
    fetcher.get(&Request::page(server.url("/1"))).unwrap();
    assert_eq!(fetcher.get(&Request::page(server.url("/2"))).unwrap().body, b"<html>");
    assert_eq!((server.heads().len(), server.connections()), (3, 2));
}

#[test]
fn a_body_can_be_cut_instead_of_refused() {
    let server = Server::says(format!("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{}", "x".repeat(5_000)));
    let mut request = Request { max_bytes: 100, ..Request::page(server.url("/")) };
    assert_eq!(fetcher().get(&request).unwrap_err().reason(), Reason::Size);
    request.cut = true;
    let response = fetcher().get(&request).unwrap();
    assert_eq!((response.body.len(), response.cut), (100, true));
    request.max_bytes = 5_000;
    assert!(!fetcher().get(&request).unwrap().cut);
}

#[test]
fn the_user_agent_says_who_asks_and_where_to_read_about_it() {
    let plain = concat!("ris/", env!("CARGO_PKG_VERSION"));
    assert_eq!(user_agent(None), plain);
    assert_eq!(user_agent(Some("")), plain);
    assert_eq!(user_agent(Some("https://example.org/bot")), format!("{plain} (+https://example.org/bot)"));
    let default = Options::default().user_agent;
    assert!(default.starts_with(&format!("{plain} (+https://")) && default.ends_with(')'), "{default}");
}

#[test]
fn a_crawler_is_meant_by_the_product_token_that_it_sends() {
    let cases = [
        (Options::default().user_agent, "ris"),
        ("MyBot/2.0".into(), "MyBot"),
        ("my-photo_bot 2.0 (+https://example.org)".into(), "my-photo_bot"),
        ("Bot2/1.0".into(), "Bot"),
        ("Mozilla/5.0 (compatible; MyBot/1.0; +https://example.org)".into(), "MyBot"),
        ("Mozilla/5.0 (compatible;  MyBot)".into(), "MyBot"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101".into(), "ris"),
        ("Mozilla/5.0 (compatible; )".into(), "ris"),
        ("007".into(), "ris"),
        (" MyBot".into(), "ris"),
    ];
    for (user_agent, expected) in cases {
        let fetcher = Fetcher::new(Options { user_agent: user_agent.clone(), ..patient() }).unwrap();
        assert_eq!(fetcher.product(), expected, "{user_agent}");
    }
}

#[test]
fn what_can_not_be_sent_or_understood_is_a_usage_error() {
    for user_agent in ["", "ris\r\nX-Evil: 1", "ré"] {
        let error = Fetcher::new(Options { user_agent: user_agent.to_owned(), ..Options::default() }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{user_agent:?}");
    }
    for proxy in ["", "ftp://a", "socks5://a", "http://", "https://a"] {
        let error = Fetcher::new(Options { proxy: Some(proxy.to_owned()), ..Options::default() }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{proxy:?}");
    }
    assert_eq!(parse("http://a/").map(|url| reason(&fetcher(), &url.join("ftp://a/").unwrap())), Ok(Reason::Url));
}
