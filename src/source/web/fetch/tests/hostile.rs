//! Servers that send too much, too little, too slowly, or what is not HTTP.

use std::io::{self, Write};
use std::thread::sleep;
use std::time::Duration;

use super::super::*;
use super::server::{Server, Stream};
use super::{fetcher, patient, reason};

/// A fetcher that hangs up on servers that send less than 1,000 bytes in a fifth of a second.
fn impatient() -> Fetcher {
    let least_over = Duration::from_millis(200);
    Fetcher::new(Options { least_bytes: 1_000, least_over, ..patient() }).unwrap()
}

/// Sends `piece` again and again until the other side hangs up.
fn endless(stream: &mut dyn Stream, piece: &[u8], pause: Duration) -> io::Result<()> {
    loop {
        stream.write_all(piece)?;
        stream.flush()?;
        sleep(pause);
    }
}

#[test]
fn a_server_that_sends_a_byte_at_a_time_is_left() {
    let pause = Duration::from_millis(20);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    for start in ["", "HTTP/1.1 200 OK\r\nX-Long: ", head] {
        let server = Server::start(move |_, stream| {
            stream.write_all(start.as_bytes())?;
            endless(stream, b"a", pause)
        });
        let refused = reason(&impatient(), &server.url("/"));
        assert_eq!(refused, if start.is_empty() { Reason::Protocol } else { Reason::Slow }, "{start:?}");
    }
}

#[test]
fn a_server_that_sends_nothing_is_left() {
    let silent = || {
        Server::start(|_, _| {
            sleep(Duration::from_secs(600));
            Ok(())
        })
    };
    assert_eq!(reason(&impatient(), &silent().url("/")), Reason::Slow);
    let short = Options { total_time: Duration::from_millis(200), ..patient() };
    assert_eq!(reason(&Fetcher::new(short).unwrap(), &silent().url("/")), Reason::Time);
}

#[test]
fn a_server_that_is_just_fast_enough_is_heard_to_its_end() {
    let server = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n")?;
        for _ in 0..30 {
            stream.write_all(&[b'a'; 1_000])?;
            sleep(Duration::from_millis(20));
        }
        Ok(())
    });
    let least_over = Duration::from_millis(100);
    let fetcher = Fetcher::new(Options { least_bytes: 1, least_over, ..patient() }).unwrap();
    assert_eq!(fetcher.get(&Request::page(server.url("/"))).unwrap().body.len(), 30_000);
}

#[test]
fn the_whole_time_ends_what_never_ends() {
    let server = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        endless(stream, &[b'a'; 100], Duration::from_millis(5))
    });
    let fetcher = Fetcher::new(Options { total_time: Duration::from_millis(300), ..patient() }).unwrap();
    assert_eq!(reason(&fetcher, &server.url("/")), Reason::Time);
}

#[test]
fn a_head_is_bounded_in_bytes_and_fields() {
    let server = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
        endless(stream, &[b'a'; 4_096], Duration::ZERO)
    });
    assert_eq!(reason(&fetcher(), &server.url("/")), Reason::Protocol);
    let fields = |count: usize| {
        let fields: String = (0..count).map(|n| format!("X-{n}: a\r\n")).collect();
        Server::says(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"))
    };
    assert_eq!(fetcher().get(&Request::page(fields(100).url("/"))).unwrap().status, 200);
    assert_eq!(reason(&fetcher(), &fields(1_000).url("/")), Reason::Protocol);
}

#[test]
fn heads_that_only_announce_others_come_to_an_end() {
    let server = Server::start(|_, stream| endless(stream, b"HTTP/1.1 100 Continue\r\n\r\n", Duration::ZERO));
    let fetcher = Fetcher::new(Options { total_time: Duration::from_secs(5), ..patient() }).unwrap();
    let request = Request { max_bytes: 1_000, ..Request::page(server.url("/")) };
    let refused = fetcher.get(&request).unwrap_err().reason();
    assert!(matches!(refused, Reason::Size | Reason::Protocol), "{refused:?}");
}

#[test]
fn a_body_is_bounded_as_sent() {
    let request = |server: &Server| Request { max_bytes: 100_000, ..Request::page(server.url("/")) };
    let lengths = ["Content-Length: 100001", "Content-Length: 18446744073709551615"];
    for length in lengths {
        let server = Server::says(format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\n"));
        assert_eq!(fetcher().get(&request(&server)).unwrap_err().reason(), Reason::Size, "{length}");
    }
    let endless_body = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        endless(stream, &[b'a'; 4_096], Duration::ZERO)
    });
    assert_eq!(fetcher().get(&request(&endless_body)).unwrap_err().reason(), Reason::Size);
    let endless_chunks = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        endless(stream, b"1\r\na\r\n", Duration::ZERO)
    });
    assert_eq!(fetcher().get(&request(&endless_chunks)).unwrap_err().reason(), Reason::Size);
}

#[test]
fn a_bomb_is_bounded_as_unpacked() {
    let mut packed = Vec::new();
    let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::best());
    encoder.write_all(&vec![0; 20_000_000]).unwrap();
    encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
    let server = Server::says([head.as_bytes(), &packed].concat());
    assert!(packed.len() < 100_000);
    let mut request = Request { max_bytes: 100_000, ..Request::page(server.url("/")) };
    assert_eq!(fetcher().get(&request).unwrap_err().reason(), Reason::Size);
    request.cut = true;
    let response = fetcher().get(&request).unwrap();
    assert!(response.cut && response.body.len() == 100_000 && response.received < 100_000);
}

#[test]
fn what_is_not_http_is_refused_with_a_line() {
    let answers: [(&[u8], Reason); 6] = [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Reason::Protocol),
        (b"\x16\x03\x01\x00\x00\r\n\r\n", Reason::Protocol),
        (b"HTTP/1.1 xxx\r\n\r\n", Reason::Protocol),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Reason::Protocol),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", Reason::Connection),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", Reason::Encoding),
    ];
    for (bytes, expected) in answers {
        let server = Server::start(move |_, stream| {
            stream.write_all(bytes)?;
            Err(io::ErrorKind::Other.into())
        });
        let refusal = fetcher().get(&Request::page(server.url("/"))).unwrap_err();
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(refusal.reason(), expected, "{text}: {refusal}");
        assert!(!refusal.message().contains('\n') && refusal.message().len() < 300, "{refusal}");
    }
}
