//! Which addresses a crawl may connect to, and the one place where names become addresses.
//!
//! A page can name any host, and a host's owner can name any address for it: of this machine, of the network behind
//! it, or of the service from which a cloud's machines read their keys. So a name is resolved once, here, addresses
//! that are not public are taken out, and the connection is made to exactly those that are left. A name that answers
//! otherwise a moment later (DNS rebinding) changes nothing, since nobody asks again.
//!
//! Addresses are taken out one by one: a name with a public and a private address is asked for at the public one. That
//! is as safe as to refuse the name, because only checked addresses are ever connected to; and where a network makes
//! up addresses for hosts without IPv6 (DNS64), to refuse would refuse most of the web.
//!
//! Ranges: the IANA registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890 and its updates).

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use ::url::{Host, Url};

use super::{Reason, Refusal};

/// Networks of IPv4 that are not of the public internet: first address and length of the prefix.
const SPECIAL_V4: [(Ipv4Addr, u32); 17] = [
    // "This network": on Linux a way to this machine.
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared by the customers of a carrier.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local; clouds answer at 169.254.169.254 with a machine's keys.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    // Protocol assignments, among them the addresses of DS-Lite and of NAT64 discovery.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    // Relays of 6to4.
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    // Benchmarks.
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, reserved, and broadcast at the end.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// What only a cloud's own machines can reach although its address is one of the public ranges.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200)];

/// The networks within 2000::/3 that are not of the public internet: first address and length of the prefix. All else
/// of IPv6 (loopback, mapped and compatible IPv4, NAT64, unique local, link-local, site-local, multicast) lies outside
/// of 2000::/3 and is refused whole.
const SPECIAL_V6: [(Ipv6Addr, u32); 5] = [
    // Protocol assignments: Teredo, benchmarks, ORCHID and others. A few anycast services in it are public; no web
    // site stands there.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4: an IPv4 address inside, reached by relays that anyone can run.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is one of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let bits = address.to_bits();
            let special = SPECIAL_V4.iter().any(|&(network, length)| (bits ^ network.to_bits()) >> (32 - length) == 0);
            !special && !METADATA_V4.contains(&address)
        }
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            let special = SPECIAL_V6.iter().any(|&(network, length)| (bits ^ network.to_bits()) >> (128 - length) == 0);
            bits >> 125 == 0b001 && !special
        }
    }
}

/// Where names become addresses: the system, or a test's own answers.
pub trait Resolve: Debug + Send + Sync + 'static {
    /// All addresses of `host` (a name, or an address as text; IPv6 without brackets), with `port`. May block as long as
    /// it likes: whoever asks sets the time.
    ///
    /// # Errors
    /// As the system has them: no such name, or nobody to ask.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's own way: `getaddrinfo`.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Resolve for System {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }
}

/// Checks what can be seen of a URL's host before anybody is asked for its addresses.
///
/// # Errors
/// `Private` where it is an address that is not public, or a name that means this machine or its network.
pub fn check_host(url: &Url, allow_private: bool) -> Result<(), Refusal> {
    let public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(name)) => !is_local(name),
        None => return Err(Refusal::new(Reason::Url, "the URL names no host")),
    };
    if public || allow_private { Ok(()) } else { Err(private()) }
}

/// Of the addresses of a host, those that may be connected to.
///
/// # Errors
/// `Private` where none is left, `Host` where there were none.
pub fn checked(found: &[SocketAddr], allow_private: bool) -> Result<Vec<SocketAddr>, Refusal> {
    if found.is_empty() {
        return Err(Refusal::new(Reason::Host, "no such host"));
    }
    let left: Vec<_> = found.iter().copied().filter(|address| allow_private || is_public(address.ip())).collect();
    if left.is_empty() { Err(private()) } else { Ok(left) }
}

fn private() -> Refusal {
    Refusal::new(Reason::Private, "the host's address is not public: crawl your own network with --allow-private")
}

/// Names that never leave this machine or its network, whoever is asked (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and
/// what clouds call their metadata).
fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_last = |local: &&str| local.eq_ignore_ascii_case(last);
    ["localhost", "local", "internal", "localdomain", "lan", "home", "corp"].iter().any(is_last)
        || format!(".{name}").to_ascii_lowercase().ends_with(".home.arpa")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::web::url::parse;

    /// Edges of every special range: inside and, where it is public, just outside.
    #[test]
    fn special_ranges_of_ipv4_are_not_public_and_their_neighbours_are() {
        let inside = [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.254",
            "255.255.255.255",
            "168.63.129.16",
            "100.100.100.200",
        ];
        let outside = [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.101.0",
            "203.0.114.0",
            "223.255.255.255",
            "8.8.8.8",
        ];
        for text in inside {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in outside {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        assert_eq!((inside.len(), outside.len()), (30, 21));
    }

    #[test]
    fn special_ranges_of_ipv6_are_not_public_and_their_neighbours_are() {
        let inside = [
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::",
            "2001:db8::1",
            "2001:db8:ffff::",
            "2002:7f00:1::1",
            "2002:0808:0808::1",
            "2620:4f:8000::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ffff:ffff::1",
        ];
        let outside = [
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700:4700::1111",
            "2620:4f:7fff::1",
            "2620:4f:8001::1",
            "2a00:1450:4001::1",
            "3ffe::1",
            "3fff:1000::1",
        ];
        for text in inside {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in outside {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        assert_eq!((inside.len(), outside.len()), (35, 11));
    }

    /// Ways to write this machine, its network or a cloud's keys into a URL. `parse` or `check_host` must refuse each.
    #[test]
    fn no_spelling_of_a_private_host_gets_past() {
        let hosts = [
            // This machine, in every notation that browsers read.
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "127.000.000.001",
            "2130706433",
            "2130706433.",
            "0x7f000001",
            "0x7F.1",
            "0x7f.0x0.0x0.0x1",
            "0177.0.0.1",
            "0177.1",
            "017700000001",
            "127.0.0.0x1",
            "0",
            "0.0.0.0",
            "0x0",
            "00",
            "127.255.255.254",
            "%31%32%37.0.0.1",
            "127。0。0。1",
            "127.0.0.1",
            "①②⑦.⓪.⓪.①",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "a.b.localhost.",
            "ⓛocalhost",
            "loc%61lhost",
            "localhost.localdomain",
            // IPv6.
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b:1::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:0:7f00:1::1]",
            "[fe80::1]",
            "[fd00::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            // Clouds' keys.
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "169.254.43518",
            "168.63.129.16",
            "100.100.100.200",
            "metadata.google.internal",
            "metadata.google.internal.",
            // Private networks.
            "10.0.0.1",
            "10.1",
            "167772161",
            "172.16.0.1",
            "192.168.1.1",
            "192.168.257",
            "3232235777",
            "100.64.0.1",
            "router.local",
            "nas.lan",
            "x.home.arpa",
            "printer.corp",
            // What is in front of the @ is no host.
            "example.org@127.0.0.1",
            "example.org:80@127.0.0.1",
            "example.org%40@127.0.0.1",
            "8.8.8.8@localhost",
            "[fe80::1%25eth0]",
        ];
        let mut passed = Vec::new();
        for host in hosts {
            for scheme in ["http", "https"] {
                let text = format!("{scheme}://{host}/a.jpg");
                let refused = parse(&text).and_then(|url| check_host(&url, false));
                if refused.is_ok() {
                    passed.push(text);
                }
            }
        }
        assert_eq!(passed, Vec::<String>::new());
        assert_eq!(hosts.len(), 73);
    }

    #[test]
    fn public_hosts_pass_and_private_ones_where_they_are_asked_for() {
        for host in
            ["example.org", "8.8.8.8", "[2606:4700::1]", "localhost.example.org", "127.0.0.1.example.org", "local.test"]
        {
            assert_eq!(check_host(&parse(&format!("http://{host}/")).unwrap(), false), Ok(()), "{host}");
        }
        for host in ["127.0.0.1", "localhost", "[::1]", "nas.lan"] {
            let url = parse(&format!("http://{host}/")).unwrap();
            assert_eq!(check_host(&url, false).unwrap_err().reason(), Reason::Private, "{host}");
            assert_eq!(check_host(&url, true), Ok(()), "{host}");
        }
    }

    #[test]
    fn of_mixed_addresses_the_public_ones_are_left() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = addresses(&["127.0.0.1:80", "8.8.8.8:80", "[::1]:80", "[64:ff9b::808:808]:80"]);
        assert_eq!(checked(&mixed, false), Ok(addresses(&["8.8.8.8:80"])));
        assert_eq!(checked(&mixed, true), Ok(mixed.clone()));
        assert_eq!(checked(&addresses(&["127.0.0.1:80"]), false).unwrap_err().reason(), Reason::Private);
        assert_eq!(checked(&[], true).unwrap_err().reason(), Reason::Host);
    }
}
