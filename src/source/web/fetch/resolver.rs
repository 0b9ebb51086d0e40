//! Hands ureq the checked addresses of a host, and no others.

use std::net::SocketAddr;
use std::sync::Arc;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Proxy};

use super::Options;
use super::stop::{Stop, refused};
use crate::source::web::address::{Resolve, checked};
use crate::source::web::{Reason, Refusal};

/// As many addresses as ureq takes of one host.
const MAX_ADDRESSES: usize = 16;

#[derive(Debug)]
pub(super) struct CheckedResolver {
    resolve: Arc<dyn Resolve>,
    allow_private: bool,
    /// The proxy's host and port: asked for by the user, so it may be private.
    proxy: Option<(String, u16)>,
    stop: Stop,
}

impl CheckedResolver {
    pub(super) fn new(options: &Options, proxy: Option<&Proxy>, stop: Stop) -> Self {
        let proxy = proxy.and_then(|proxy| place(proxy.uri()));
        Self { resolve: Arc::clone(&options.resolve), allow_private: options.allow_private, proxy, stop }
    }

    /// Asks in a thread of its own, since nothing ends a system's lookup; it ends by itself.
    fn find(&self, host: String, port: u16, timeout: NextTimeout) -> Result<Vec<SocketAddr>, Error> {
        let resolve = Arc::clone(&self.resolve);
        let answer = self.stop.wait("resolve", timeout, move || resolve.resolve(&host, port))?;
        answer.map_err(|_| Error::HostNotFound)
    }
}

impl Resolver for CheckedResolver {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let place = place(uri).ok_or_else(|| refused(Refusal::new(Reason::Url, "the URL names no host")))?;
        let trusted = self.proxy.as_ref() == Some(&place);
        let found = self.find(place.0, place.1, timeout)?;
        let mut addresses = self.empty();
        for address in checked(&found, self.allow_private || trusted).map_err(refused)?.into_iter().take(MAX_ADDRESSES)
        {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// The host, without brackets, and the port of a URI.
fn place(uri: &Uri) -> Option<(String, u16)> {
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    Some((host.to_owned(), uri.port_u16().unwrap_or(default)))
}
