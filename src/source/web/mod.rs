//! Pages and pictures on the web: which may be fetched, when, and what they show.
//!
//! ```text
//! url, scope, traps   which addresses are asked for at all
//! robots, manners     whether a host wants to be asked, and when
//! address, fetch      one request and its answer; only `fetch` opens a socket
//! page, sitemap       what an answer names: pictures with their texts, and more addresses
//! ```
//!
//! Everything but `fetch` is pure: bytes or text in, values out, and no clock but the one passed in. What comes from
//! the web is hostile, so every part has limits of its own, and what is refused is told with its [`Reason`].

use std::borrow::Cow;
use std::fmt;

pub mod address;
pub mod fetch;
pub mod manners;
pub mod page;
pub mod robots;
pub mod scope;
pub mod sitemap;
pub mod traps;
pub mod url;

/// Why something was not fetched, or what came of it not used: what a summary counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The address is no http or https URL, is too long, or holds a password.
    Url,
    /// Outside what the caller asked for.
    Scope,
    /// More links away from its start than the caller asked for.
    Depth,
    /// Looks endless: too deep, a repeated path, a calendar.
    Trap,
    /// robots.txt or a page's own words forbid it.
    Robots,
    /// The host's address is not public.
    Private,
    /// No such host.
    Host,
    /// No connection, or one that broke.
    Connection,
    /// The certificate does not hold, or no safe connection can be agreed on.
    Tls,
    /// Took longer than the time allowed.
    Time,
    /// Sent less than the least speed allowed.
    Slow,
    /// Larger than allowed, as sent or unpacked.
    Size,
    /// Breaks the rules of HTTP, or its head is too large.
    Protocol,
    /// Packed in a way that was not asked for, or damaged.
    Encoding,
    /// More redirects than are followed.
    Redirects,
    /// The answer's status is not one that brings content.
    Status,
    /// Neither a picture nor a page.
    Type,
}

impl Reason {
    /// One lower-case word: the key in a summary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Scope => "scope",
            Self::Depth => "depth",
            Self::Trap => "trap",
            Self::Robots => "robots",
            Self::Private => "private",
            Self::Host => "host",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Time => "time",
            Self::Slow => "slow",
            Self::Size => "size",
            Self::Protocol => "protocol",
            Self::Encoding => "encoding",
            Self::Redirects => "redirects",
            Self::Status => "status",
            Self::Type => "type",
        }
    }

    /// Whether the same request may go well later: the host's or the network's trouble, not the address's.
    pub fn passes(self) -> bool {
        matches!(self, Self::Host | Self::Connection | Self::Time | Self::Slow)
    }
}

/// What was refused and why, with the remedy where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    message: Cow<'static, str>,
}

impl Refusal {
    /// A refusal whose `message` is one line, without the address it is about.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, message: message.into() }
    }

    /// Under what it is counted.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// One line: what is wrong and, where something can be done, what.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
