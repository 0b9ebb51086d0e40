//! No way to this machine or its network but by asking for it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use super::super::*;
use super::server::{Answers, Server};
use super::{PLAIN, patient, reason};
use crate::source::web::url::parse;

/// Public by its range, given to nobody, so that no packet reaches anyone.
const NOBODY: &str = "[2d00::1]";

fn public_only(resolve: Arc<Answers>) -> Fetcher {
    let connect_time = Duration::from_millis(300);
    Fetcher::new(Options { allow_private: false, connect_time, resolve, ..patient() }).unwrap()
}

fn address(text: &str, port: u16) -> SocketAddr {
    format!("{text}:{port}").parse().unwrap()
}

#[test]
fn loopback_is_never_connected_to_unless_asked_for() {
    let server = Server::says(PLAIN);
    let port = server.address.port();
    let fetcher = Fetcher::new(Options { allow_private: false, ..patient() }).unwrap();
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "a.localhost",
        "127。0。0。1",
    ];
    for host in hosts {
        let url = parse(&format!("http://{host}:{port}/")).unwrap();
        assert_eq!(reason(&fetcher, &url), Reason::Private, "{host}");
    }
    assert_eq!((server.connections(), hosts.len()), (0, 16));
    assert_eq!(Fetcher::new(patient()).unwrap().get(&Request::page(server.url("/"))).unwrap().status, 200);
}

#[test]
fn a_name_that_rebinds_is_asked_for_once_a_request_and_loopback_never_reached() {
    let server = Server::says(PLAIN);
    let port = server.address.port();
    let (nobody, loopback) = (address(NOBODY, port), server.address);
    let answers = Answers::new(&[&[nobody], &[loopback], &[nobody], &[loopback]]);
    let fetcher = public_only(Arc::clone(&answers));
    let url = parse(&format!("http://rebinding.test:{port}/")).unwrap();
    for turn in 0..4 {
        let refused = reason(&fetcher, &url);
        if turn % 2 == 1 {
            assert_eq!(refused, Reason::Private);
        } else {
            assert!(matches!(refused, Reason::Connection | Reason::Time), "{refused:?}");
        }
        assert_eq!(answers.asked.lock().unwrap().len(), turn + 1, "one lookup a request");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_name_with_a_public_and_a_private_address_is_asked_for_at_the_public_one() {
    let server = Server::says(PLAIN);
    let port = server.address.port();
    for list in [[address(NOBODY, port), server.address], [server.address, address(NOBODY, port)]] {
        let url = parse(&format!("http://mixed.test:{port}/")).unwrap();
        let refused = reason(&public_only(Answers::new(&[&list])), &url);
        assert!(matches!(refused, Reason::Connection | Reason::Time), "{refused:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_redirect_to_loopback_goes_nowhere() {
    let inner = Server::says(PLAIN);
    let target = inner.url("/secret");
    let outer = Server::says(format!("HTTP/1.1 302 X\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"));
    // The outer server stands for a public one; only its redirect is judged as the web's.
    let response = Fetcher::new(patient()).unwrap().get(&Request::page(outer.url("/"))).unwrap();
    let next = response.redirect.unwrap();
    assert_eq!(next, target);
    assert_eq!(reason(&public_only(Answers::new(&[&[inner.address]])), &next), Reason::Private);
    let named = parse(&format!("http://innocent.test:{}/", inner.address.port())).unwrap();
    assert_eq!(reason(&public_only(Answers::new(&[&[inner.address]])), &named), Reason::Private);
    assert_eq!(inner.connections(), 0);
}

#[test]
fn a_host_that_nobody_knows_is_said_to_be_unknown() {
    let fetcher = public_only(Answers::new(&[&[]]));
    assert_eq!(reason(&fetcher, &parse("http://nobody.test/").unwrap()), Reason::Host);
}

#[test]
fn the_environment_s_proxies_are_not_heard() {
    // Run anew with the variables set: to set them here would touch other tests.
    let trap = Server::says(PLAIN);
    let mut command = Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, format!("http://{}", trap.address));
    }
    let name = "source::web::fetch::tests::an_answer_is_told_with_what_was_sent";
    let output = command.args(["--exact", name]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(trap.connections(), 0);
}

#[test]
fn a_proxy_that_was_asked_for_is_the_only_one_connected_to() {
    let proxy = Server::start(|head, stream| {
        if head.starts_with("CONNECT ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")
        } else {
            stream.write_all(PLAIN)
        }
    });
    let answers = Answers::new(&[&[proxy.address]]);
    let through = |allow_private| {
        let proxy = Some(format!("http://proxy.test:{}", proxy.address.port()));
        Fetcher::new(Options { allow_private, proxy, resolve: Arc::clone(&answers) as _, ..patient() }).unwrap()
    };
    let fetcher = through(false);
    let response = fetcher.get(&Request::page(parse("http://site.test/a").unwrap())).unwrap();
    assert_eq!([response.http_head, response.body].concat(), PLAIN, "the proxy's own words are no part of the answer");
    assert_eq!(response.received, PLAIN.len() as u64);
    let heads = proxy.heads();
    assert!(heads[0].starts_with("CONNECT site.test:80 ") && heads[1].starts_with("GET /a "), "{heads:?}");
    assert_eq!(*answers.asked.lock().unwrap(), ["proxy.test"], "the proxy looks names up");
    for host in ["127.0.0.1", "169.254.169.254", "localhost", "[::1]"] {
        assert_eq!(reason(&fetcher, &parse(&format!("http://{host}/")).unwrap()), Reason::Private, "{host}");
    }
    assert_eq!(proxy.connections(), 1);
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    let gone = Options { proxy: Some(format!("http://{free}")), ..patient() };
    let refusal = Fetcher::new(gone).unwrap().get(&Request::page(parse("http://site.test/a").unwrap())).unwrap_err();
    assert!(refusal.message().contains("through the proxy"), "{refusal:?}");
}
