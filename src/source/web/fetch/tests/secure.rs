//! TLS: a certificate that holds is accepted, every other refused, and nothing is sent before.

use base64::Engine;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::super::*;
use super::server::{Answers, Server, Stream};
use super::{PLAIN, patient, reason};
use crate::source::web::url::parse;

/// A certificate for `site.test`, signed by itself, valid to 2120, and its key; both made for these tests alone.
const CERTIFICATE: &str = "MIIBWzCCAQKgAwIBAgIBATAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhyaXMgdGVzdDAgFw0yMDAxMDEwMDAwMDBa\
    GA8yMTIwMDEwMTAwMDAwMFowEzERMA8GA1UEAwwIcmlzIHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARN48xZVFO5I85NUQrj823hVlGY\
    Drw1xF/PcrkMeyzjAFg3gXhyzbUybEddzDRUYUsasTzqKcHddAwVUq1WJdSno0UwQzAUBgNVHREEDTALgglzaXRlLnRlc3QwDAYDVR0TAQH/BAIw\
    ADAdBgNVHQ4EFgQUWwtx50t1pbPiisQe/v/dDXLWetwwCgYIKoZIzj0EAwIDRwAwRAIgWLnwcH1im6LnhbRLKBeuW8WjdxTi8M+/gIpwY1Z7+fIC\
    IBZZ0w4Y/Qo2jqGYSVNg7WIO5ks2hKxb/0NMbnH3KECc";
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzYdmPnkWSRJOWFVBqnttQOc7FXLuJVhYN4g2dgvePdahRANCAARN48\
    xZVFO5I85NUQrj823hVlGYDrw1xF/PcrkMeyzjAFg3gXhyzbUybEddzDRUYUsasTzqKcHddAwVUq1WJdSn";

fn der(text: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn secure() -> Server {
    let provider = tls::provider().unwrap();
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let (certificate, key) = (CertificateDer::from(der(CERTIFICATE)), PrivateKeyDer::try_from(der(KEY)).unwrap());
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let wrap = move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).map_err(std::io::Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, stream)) as Box<dyn Stream>)
    };
    Server::start_over(wrap, |_, stream| stream.write_all(PLAIN))
}

fn fetcher(server: &Server, authorities: Vec<Vec<u8>>) -> Fetcher {
    Fetcher::new(Options { authorities, resolve: Answers::new(&[&[server.address]]), ..patient() }).unwrap()
}

#[test]
fn a_certificate_of_a_known_authority_is_accepted() {
    let server = secure();
    let url = parse(&format!("https://site.test:{}/a", server.address.port())).unwrap();
    let fetcher = fetcher(&server, vec![der(CERTIFICATE)]);
    for _ in 0..2 {
        let response = fetcher.get(&Request::page(url.clone())).unwrap();
        assert_eq!(
            ([response.http_head, response.body].concat().as_slice(), response.received),
            (PLAIN, PLAIN.len() as u64)
        );
    }
    assert_eq!((server.connections(), server.heads().len()), (1, 2));
}

#[test]
fn a_certificate_that_does_not_hold_is_refused_and_nothing_sent() {
    let server = secure();
    let port = server.address.port();
    // Signed by itself; and good, but for another name.
    let cases = [("site.test", Vec::new()), ("other.test", vec![der(CERTIFICATE)])];
    for (host, authorities) in cases {
        let url = parse(&format!("https://{host}:{port}/")).unwrap();
        assert_eq!(reason(&fetcher(&server, authorities), &url), Reason::Tls, "{host}");
    }
    assert_eq!((server.connections(), server.heads().len()), (2, 0));
}

#[test]
fn a_server_without_tls_is_no_https() {
    let wrap = |mut stream: std::net::TcpStream| {
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
        Err(std::io::ErrorKind::Other.into())
    };
    let server = Server::start_over(wrap, |_, _| Ok(()));
    let url = parse(&format!("https://site.test:{}/", server.address.port())).unwrap();
    let refused = reason(&fetcher(&server, Vec::new()), &url);
    // Which of the two depends on what arrives first, the text or the end.
    assert!(matches!(refused, Reason::Tls | Reason::Connection), "{refused:?}");
}
