//! One request, one answer: the only place of the library where a connection is opened.
//!
//! Redirects are told, not followed, so that scope, robots.txt and the address are asked about each hop again. There
//! are no cookies and no Referer, certificates are always checked against Mozilla's list, and what the environment says
//! about proxies is not heard. What a server sends is bounded in every way: the head, the body as sent and unpacked,
//! the whole time, and the least speed, so that a server that sends a byte a minute holds nobody up.

mod meter;
mod resolver;
mod stop;
mod tls;
pub(super) mod unpack;

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::url::Url;
use ureq::http::HeaderMap;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, RustlsConnector, TcpConnector};
use ureq::{Agent, Body, Proxy};

use self::meter::MeterConnector;
use self::resolver::CheckedResolver;
use self::stop::{Stop, StoppableConnector};
use super::address::{Resolve, System, check_host};
use super::url::{join, normalise};
use super::{Reason, Refusal};
use crate::error::{Error, ErrorKind, Result};

/// The name by which this crawler says who it is, where nothing else is asked for.
pub const PRODUCT: &str = "ris";
/// The most redirects followed, as RFC 9309 has it for robots.txt.
pub const MAX_HOPS: usize = 5;
/// The most that is read of an answer without content of its own (redirects, errors), in bytes.
const ASIDE: u64 = 64 << 10;

/// How requests are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the User-Agent header says. The default is that of [`user_agent`] with the project's own address.
    pub user_agent: String,
    /// Connect to addresses that are not public too.
    pub allow_private: bool,
    /// The proxy that all requests go through, as `http://[USER:PASSWORD@]HOST[:PORT]`. It finds the hosts' addresses
    /// for itself, so only those that stand in a URL are checked here.
    pub proxy: Option<String>,
    /// The longest time to a connection, TLS included. The default is 20 seconds.
    pub connect_time: Duration,
    /// The longest time from the request to the answer's last byte. The default is 120 seconds.
    pub total_time: Duration,
    /// The least that a server sends in each [`least_over`](Self::least_over), in bytes. The default is 3,000, which is
    /// 100 bytes a second.
    pub least_bytes: u64,
    /// Over what time the least is counted. The default is 30 seconds, which is so also the longest wait for a first byte.
    pub least_over: Duration,
    /// The largest head of an answer, in bytes. The default is 32 KiB; more than 128 fields are never read.
    pub max_head: usize,
    /// Who knows the addresses of hosts. The default is the system.
    pub resolve: Arc<dyn Resolve>,
    /// Certificates trusted in place of Mozilla's list, each as DER. The default is none.
    pub authorities: Vec<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            user_agent: user_agent(Some(env!("CARGO_PKG_REPOSITORY"))),
            allow_private: false,
            proxy: None,
            connect_time: Duration::from_secs(20),
            total_time: Duration::from_secs(120),
            least_bytes: 3_000,
            least_over: Duration::from_secs(30),
            max_head: 32 << 10,
            resolve: Arc::new(System),
            authorities: Vec::new(),
        }
    }
}

/// `ris/VERSION (+URL)`: who asks, and where to read about it. Without an address, or with an empty one, who asks alone.
pub fn user_agent(about: Option<&str>) -> String {
    let about = about.filter(|about| !about.is_empty()).map(|about| format!(" (+{about})"));
    format!("{PRODUCT}/{}{}", env!("CARGO_PKG_VERSION"), about.unwrap_or_default())
}

/// The product token that an agent's name begins with, by RFC 9309, section 2.2.1.
pub(super) fn token(name: &str) -> &str {
    let end = name.find(|c: char| !(c.is_ascii_alphabetic() || c == '-' || c == '_')).unwrap_or(name.len());
    name.get(..end).unwrap_or_default()
}

/// The name in a User-Agent by which robots.txt and robots tags mean who sends it: what it begins with, or where that is a
/// browser's `Mozilla/5.0 (compatible; NAME/1.0)` the name in there. [`PRODUCT`] where there is none.
pub fn product(user_agent: &str) -> &str {
    let name = match token(user_agent) {
        "Mozilla" => user_agent.split_once("compatible;").map_or("", |(_, behind)| token(behind.trim_start())),
        name => name,
    };
    if name.is_empty() { PRODUCT } else { name }
}

/// What to ask for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where.
    pub url: Url,
    /// The ETag of the last answer: where it is still the same, the answer is 304 and empty.
    pub etag: Option<String>,
    /// The Last-Modified of the last answer, word for word; likewise.
    pub last_modified: Option<String>,
    /// What the Accept header says.
    pub accept: &'static str,
    /// The largest body, as sent and unpacked, in bytes.
    pub max_bytes: u64,
    /// Take the first `max_bytes` of a body that is larger, instead of refusing it.
    pub cut: bool,
}

impl Request {
    /// A request for a page, of at most 10 MiB.
    pub fn page(url: Url) -> Self {
        let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/*;q=0.8,*/*;q=0.5";
        Self { url, etag: None, last_modified: None, accept, max_bytes: 10 << 20, cut: false }
    }

    /// A request for a picture, of at most 100 MiB.
    pub fn picture(url: Url) -> Self {
        Self { accept: "image/*,*/*;q=0.5", max_bytes: 100 << 20, ..Self::page(url) }
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// Where it was asked, after [`Fetcher::follow`] the last hop.
    pub url: Url,
    /// The status, such as 200.
    pub status: u16,
    /// Where a redirect (301, 302, 303, 307, 308) leads.
    pub redirect: Option<Url>,
    /// The Content-Type, word for word. Content decides; only a page's charset is read from here.
    pub content_type: Option<String>,
    /// The ETag, for the next time.
    pub etag: Option<String>,
    /// The Last-Modified, for the next time.
    pub last_modified: Option<String>,
    /// The Retry-After, word for word; see [`retry_after`](super::manners::retry_after).
    pub retry_after: Option<String>,
    /// All fields X-Robots-Tag.
    pub robots: Vec<String>,
    /// The body, unpacked. Of an answer that is no success, at most the first 64 KiB.
    pub body: Vec<u8>,
    /// The body as it was sent, where it was packed.
    pub packed: Option<Vec<u8>>,
    /// Whether there was more of the body than was asked for.
    pub cut: bool,
    /// From the request to the last byte.
    pub elapsed: Duration,
    /// What came from the server, head and framing included, without TLS, in bytes.
    pub received: u64,
    /// The head as it was sent, from the status line to the empty line, both included.
    pub http_head: Vec<u8>,
}

impl Response {
    /// Whether the status brings content (200 to 299).
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Makes requests; connections are kept for a while, one a host. Can be used from many threads.
#[derive(Debug)]
pub struct Fetcher {
    agent: Agent,
    options: Options,
    /// Why there is no https, where there is none.
    no_tls: Option<Refusal>,
    stop: Stop,
}

impl Fetcher {
    /// A fetcher by `options`.
    ///
    /// # Errors
    /// `Usage` where the user agent can't be sent or the proxy can't be understood.
    pub fn new(options: Options) -> Result<Self> {
        if options.user_agent.is_empty() || !options.user_agent.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(Error::new(ErrorKind::Usage, "the user agent must be plain ASCII on one line"));
        }
        let proxy = options.proxy.as_deref().map(|text| {
            let known = Proxy::new(text).ok().filter(|proxy| proxy.uri().scheme_str() == Some("http"));
            known.ok_or_else(|| Error::new(ErrorKind::Usage, "the proxy must be http://[USER:PASSWORD@]HOST[:PORT]"))
        });
        let proxy = proxy.transpose()?;
        let mut tls = TlsConfig::builder();
        if !options.authorities.is_empty() {
            let certificates = options.authorities.iter().map(|der| ureq::tls::Certificate::from_der(der).to_owned());
            tls = tls.root_certs(RootCerts::from(certificates.collect::<Vec<_>>()));
        }
        let no_tls = match tls::provider() {
            Ok(provider) => {
                tls = tls.unversioned_rustls_crypto_provider(provider);
                None
            }
            Err(refusal) => Some(refusal),
        };
        let stop = Stop::default();
        let resolver = CheckedResolver::new(&options, proxy.as_ref(), stop.clone());
        let meter = MeterConnector { proxied: proxy.is_some() };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(proxy)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(options.user_agent.as_str())
            .accept_encoding("gzip")
            .max_response_header_size(options.max_head)
            .input_buffer_size(options.max_head.max(64 << 10))
            .output_buffer_size(16 << 10)
            .max_idle_connections(16)
            .max_idle_connections_per_host(1)
            .timeout_global(Some(options.total_time))
            .timeout_resolve(Some(options.connect_time))
            .timeout_connect(Some(options.connect_time))
            .tls_config(tls.build())
            .build();
        let tcp = StoppableConnector { inner: Arc::new(TcpConnector::default()), stop: stop.clone() };
        let connector = ConnectProxyConnector::default().chain(tcp);
        let connector = connector.chain(RustlsConnector::default()).chain(meter);
        Ok(Self { agent: Agent::with_parts(config, connector, resolver), options, no_tls, stop })
    }

    /// One request and its answer; a redirect is an answer too.
    ///
    /// # Errors
    /// What the request, the host or the answer is refused for; `Connection` after [`stop`](Self::stop).
    pub fn get(&self, request: &Request) -> std::result::Result<Response, Refusal> {
        self.stop.check()?;
        let url = normalise(&request.url)?;
        check_host(&url, self.options.allow_private)?;
        if let Some(refusal) = self.no_tls.as_ref().filter(|_| url.scheme() == "https") {
            return Err(refusal.clone());
        }
        let mut answer = self.once(&url, request);
        // What seems whole may be what was there when the connection was ended.
        self.stop.check()?;
        // A kept connection that the server closed before it saw the request: it has not been asked yet.
        if answer.as_ref().is_err_and(|refusal| refusal.reason() == Reason::Connection) && meter::was_stale() {
            answer = self.once(&url, request);
            self.stop.check()?;
        }
        answer
    }

    /// The name by which robots.txt and robots tags mean who asks; see [`product`].
    pub fn product(&self) -> &str {
        product(&self.options.user_agent)
    }

    /// Ends requests that are under way within a fraction of a second, and refuses all that come: for a reason that
    /// passes. From any thread.
    pub fn stop(&self) {
        self.stop.set();
        // All clones share the connections.
        self.agent.clone().shutdown();
    }

    /// Follows at most [`MAX_HOPS`] redirects, each only where `check` allows it. Manners are not kept between hops:
    /// this is for single answers such as robots.txt. A crawl puts each hop into its queue.
    ///
    /// # Errors
    /// As [`get`](Self::get) and `check`; `Redirects` where there are too many.
    pub fn follow(
        &self,
        request: &Request,
        mut check: impl FnMut(&Url) -> std::result::Result<(), Refusal>,
    ) -> std::result::Result<Response, Refusal> {
        let mut request = request.clone();
        for _ in 0..=MAX_HOPS {
            let response = self.get(&request)?;
            match &response.redirect {
                Some(next) => {
                    check(next)?;
                    request.url = next.clone();
                }
                None => return Ok(response),
            }
        }
        Err(Refusal::new(Reason::Redirects, format!("more than {MAX_HOPS} redirects")))
    }

    fn once(&self, url: &Url, request: &Request) -> std::result::Result<Response, Refusal> {
        let begun = Instant::now();
        meter::begin(meter::Limits {
            least_bytes: self.options.least_bytes,
            least_over: self.options.least_over,
            max_head: self.options.max_head,
            // A chunk of one byte takes six; more framing than that is no content.
            max_received: request.max_bytes.saturating_mul(8).saturating_add(1 << 20),
        });
        let mut call = self.agent.get(url.as_str()).header("accept", request.accept);
        let conditions = [("if-none-match", &request.etag), ("if-modified-since", &request.last_modified)];
        for (name, value) in conditions {
            // They were a server's words: what can't be a header again is left out.
            let value = value.as_deref().and_then(|value| ureq::http::HeaderValue::from_str(value).ok());
            if let Some(value) = value {
                call = call.header(name, value);
            }
        }
        let (parts, body) = call.call().map_err(|error| self.refusal(error))?.into_parts();
        let status = parts.status.as_u16();
        let field = |name: &str| field(&parts.headers, name);
        let redirect = match field("location").filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) {
            Some(location) => Some(join(url, &location)?),
            None => None,
        };
        let success = parts.status.is_success();
        let limit = if success { request.max_bytes } else { request.max_bytes.min(ASIDE) };
        let (sent, more) = self.read(body, limit, request.cut || !success)?;
        let (content, packed, unpacked_more) = match field("content-encoding") {
            Some(encoding) if success && !encoding.is_empty() && encoding != "identity" => {
                let unpacked = unpack::unpack(&sent, &encoding, limit)?;
                if unpacked.broken && !request.cut {
                    return Err(Refusal::new(Reason::Encoding, "the packed body breaks off"));
                }
                if unpacked.more && !request.cut {
                    return Err(too_large(limit));
                }
                (unpacked.bytes, Some(sent), unpacked.more)
            }
            _ => (sent, None, false),
        };
        let (received, http_head) = meter::end();
        Ok(Response {
            url: url.clone(),
            status,
            redirect,
            content_type: field("content-type"),
            etag: field("etag"),
            last_modified: field("last-modified"),
            retry_after: field("retry-after"),
            robots: parts.headers.get_all("x-robots-tag").iter().map(|value| text(value.as_bytes())).collect(),
            body: content,
            packed,
            cut: more || unpacked_more,
            elapsed: begun.elapsed(),
            received,
            http_head,
        })
    }

    /// Up to `limit` bytes of a body, and whether there were more.
    fn read(&self, body: Body, limit: u64, cut: bool) -> std::result::Result<(Vec<u8>, bool), Refusal> {
        if !cut && body.content_length().is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let mut bytes = Vec::new();
        // One more than wanted is read: at a body's very end the connection is given back, and can be used again.
        let mut reader = body.into_reader().take(limit.saturating_add(1));
        reader.read_to_end(&mut bytes).map_err(|error| self.refusal(error.into()))?;
        let more = bytes.len() as u64 > limit;
        if more && !cut {
            return Err(too_large(limit));
        }
        bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok((bytes, more))
    }

    fn refusal(&self, error: ureq::Error) -> Refusal {
        use ureq::Error as E;
        let tls = |error: &dyn std::fmt::Display| Refusal::new(Reason::Tls, format!("no safe connection: {error}"));
        match error {
            E::Io(error) => {
                let inner = error.get_ref();
                if let Some(refusal) = inner.and_then(|inner| inner.downcast_ref::<Refusal>()) {
                    return refusal.clone();
                }
                if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                    return tls(error);
                }
                let text = error.to_string();
                let text = text.split(" (os error").next().unwrap_or_default().to_lowercase();
                Refusal::new(Reason::Connection, format!("{}: {text}", self.unconnected()))
            }
            E::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
                let seconds = self.options.connect_time.as_secs_f32();
                Refusal::new(Reason::Time, format!("{} within {seconds} seconds", self.unconnected()))
            }
            E::Timeout(_) => {
                let seconds = self.options.total_time.as_secs_f32();
                Refusal::new(Reason::Time, format!("not all there after {seconds} seconds"))
            }
            // Where there is a proxy, it alone is looked up here.
            E::HostNotFound if self.options.proxy.is_some() => Refusal::new(Reason::Host, "no such proxy"),
            E::HostNotFound => Refusal::new(Reason::Host, "no such host"),
            E::Tls(error) => tls(&error),
            E::Rustls(error) => tls(&error),
            E::TlsRequired => tls(&"no TLS"),
            E::BadUri(_) | E::Http(_) => Refusal::new(Reason::Url, "the URL can't be asked for"),
            E::LargeResponseHeader(_, limit) => {
                Refusal::new(Reason::Protocol, format!("the head of the answer is larger than {limit} bytes"))
            }
            E::Protocol(error) => {
                Refusal::new(Reason::Protocol, format!("the answer breaks the rules of HTTP: {error}"))
            }
            E::ConnectProxyFailed(error) => Refusal::new(Reason::Connection, format!("the proxy refuses: {error}")),
            error => Refusal::new(Reason::Connection, format!("{}: {error}", self.unconnected())),
        }
    }

    /// That there is no connection; to whom is told by the address, but for a proxy.
    fn unconnected(&self) -> &'static str {
        if self.options.proxy.is_some() { "no connection through the proxy" } else { "no connection" }
    }
}

/// What the last request of this thread received, in bytes, where it ended in a refusal.
pub fn received_in_vain() -> u64 {
    meter::end().0
}

fn too_large(limit: u64) -> Refusal {
    Refusal::new(Reason::Size, format!("larger than {limit} bytes"))
}

fn field(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| text(value.as_bytes()))
}

/// Fields are ASCII by the rules; what servers send beyond it is UTF-8 more often than anything else.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim().to_owned()
}

/// An answer with a status and nothing else.
#[cfg(test)]
pub(super) fn answer(status: u16) -> Response {
    let url = super::url::parse("http://example.org/").unwrap();
    Response {
        url,
        status,
        redirect: None,
        content_type: None,
        etag: None,
        last_modified: None,
        retry_after: None,
        robots: Vec::new(),
        body: Vec::new(),
        packed: None,
        cut: false,
        elapsed: Duration::ZERO,
        received: 0,
        http_head: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
