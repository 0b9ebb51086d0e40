//! A fetcher that is stopped waits for nobody.

use std::io;
use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::super::*;
use super::patient;
use super::server::Server;
use crate::source::web::address::Resolve;
use crate::source::web::url::parse;

/// Stops `fetcher` once `is_asked`, and tells what a request that would take a minute ends with.
fn stopped(fetcher: Fetcher, url: Url, is_asked: impl Fn() -> bool) -> Refusal {
    let fetcher = Arc::new(fetcher);
    let asking = Arc::clone(&fetcher);
    let asked = thread::spawn(move || asking.get(&Request::page(url)).unwrap_err());
    while !is_asked() {
        sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    fetcher.stop();
    let refusal = asked.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(refusal.reason().passes() && refusal.message() == "stopped", "{refusal:?}");
    refusal
}

#[test]
fn a_request_that_waits_for_an_answer_ends_and_none_is_made_any_more() {
    let server = Server::start(|_, _| {
        sleep(Duration::from_secs(600));
        Ok(())
    });
    let fetcher = Fetcher::new(patient()).unwrap();
    let seen = server.clone();
    let refusal = stopped(fetcher, server.url("/"), || seen.heads().len() == 1);
    let fetcher = Fetcher::new(patient()).unwrap();
    fetcher.stop();
    assert_eq!(fetcher.get(&Request::page(server.url("/"))).unwrap_err(), refusal);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_body_whose_end_is_that_of_the_connection_is_not_taken_for_whole() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(move |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<html>a page")?;
        stream.flush()?;
        sender.send(()).unwrap();
        sleep(Duration::from_secs(600));
        Ok(())
    });
    stopped(Fetcher::new(patient()).unwrap(), server.url("/"), || receiver.try_recv().is_ok());
}

/// Knows nobody, and says so after ten minutes.
#[derive(Debug)]
struct Slow(mpsc::SyncSender<()>);

impl Resolve for Slow {
    fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        self.0.send(()).unwrap();
        sleep(Duration::from_secs(600));
        Ok(Vec::new())
    }
}

#[test]
fn a_lookup_is_not_waited_for() {
    let (sender, receiver) = mpsc::sync_channel(1);
    let fetcher = Fetcher::new(Options { resolve: Arc::new(Slow(sender)), ..patient() }).unwrap();
    stopped(fetcher, parse("http://slow.test/").unwrap(), || receiver.try_recv().is_ok());
}

/// A listener that takes up no more connections: what asks for one hears nothing.
#[cfg(target_os = "linux")]
fn full() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let short = Duration::from_millis(200);
    let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&address, short).ok()).take(100).collect();
    (listener, waiting)
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_is_not_waited_for() {
    let (listener, waiting) = full();
    assert!(waiting.len() < 100, "the listener takes up any number");
    let url = parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let begun = Instant::now();
    let is_asked = || begun.elapsed() > Duration::from_millis(300);
    stopped(Fetcher::new(patient()).unwrap(), url, is_asked);
}
