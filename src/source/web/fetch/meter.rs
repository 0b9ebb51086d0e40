//! Counts what comes over a connection, keeps the head as it was sent, and hangs up on servers that send too little.
//!
//! The outermost layer of ureq's connections. A request runs in one thread from its start to its last byte, while a
//! connection can serve many requests, so the count stands with the thread.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::time::Duration as Wait;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::stop::refused;
use crate::source::web::{Reason, Refusal};

/// What one answer may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub least_bytes: u64,
    pub least_over: Duration,
    pub max_head: usize,
    pub max_received: u64,
}

#[derive(Debug)]
struct Meter {
    limits: Limits,
    received: u64,
    /// The first bytes of the answer: its head and a little more.
    first: Vec<u8>,
    window: Instant,
    in_window: u64,
    /// Whether a connection was opened for this request.
    connected: bool,
}

thread_local! {
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// Starts the count of a request of this thread.
pub(super) fn begin(limits: Limits) {
    let window = Instant::now();
    let meter = Meter { limits, received: 0, first: Vec::new(), window, in_window: 0, connected: false };
    METER.set(Some(meter));
}

/// Ends it: the bytes received, and the answer's head word for word.
pub(super) fn end() -> (u64, Vec<u8>) {
    METER.take().map_or((0, Vec::new()), |meter| (meter.received, head(&meter.first)))
}

/// Whether the request went to a connection kept from an earlier one, and nothing came back.
pub(super) fn was_stale() -> bool {
    METER.with_borrow(|meter| meter.as_ref().is_some_and(|meter| !meter.connected && meter.received == 0))
}

/// The last head in `first`: those before it are of status 1xx.
fn head(first: &[u8]) -> Vec<u8> {
    let mut rest = first;
    loop {
        let crlf = rest.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let lf = rest.windows(2).position(|two| two == b"\n\n").map(|at| at + 2);
        let Some(end) = crlf.into_iter().chain(lf).min() else { return Vec::new() };
        let (head, after) = rest.split_at(end);
        if !head.get(8..).is_some_and(|status| status.starts_with(b" 1")) {
            return head.to_vec();
        }
        rest = after;
    }
}

impl Meter {
    /// How long may be waited now, at most until the window's end.
    fn patience(&mut self) -> Result<Duration, Error> {
        let passed = self.window.elapsed();
        match self.limits.least_over.checked_sub(passed) {
            Some(left) if !left.is_zero() => Ok(left),
            _ if self.in_window < self.limits.least_bytes => Err(refused(self.too_slow())),
            _ => {
                (self.window, self.in_window) = (Instant::now(), 0);
                Ok(self.limits.least_over)
            }
        }
    }

    fn too_slow(&self) -> Refusal {
        let (least, seconds) = (self.limits.least_bytes, self.limits.least_over.as_secs_f32());
        Refusal::new(Reason::Slow, format!("sent less than {least} bytes in {seconds} seconds"))
    }

    fn saw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.received += bytes.len() as u64;
        self.in_window += bytes.len() as u64;
        let room = self.limits.max_head.saturating_sub(self.first.len());
        self.first.extend(bytes.iter().take(room));
        if self.received > self.limits.max_received {
            return Err(refused(Refusal::new(Reason::Size, "far more was sent than the body has")));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct MeterConnector {
    /// Whether requests go through a proxy. Then the way to it is a connection of its own, made by the same layers.
    pub proxied: bool,
}

impl<In: Transport> Connector<In> for MeterConnector {
    type Out = MeterTransport<In>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let counts = details.config.proxy().is_some() == self.proxied;
        METER.with_borrow_mut(|meter| {
            if let Some(meter) = meter {
                meter.connected = true;
                // To connect has a time of its own.
                meter.window = Instant::now();
            }
        });
        Ok(chained.map(|inner| MeterTransport { inner, counts }))
    }
}

#[derive(Debug)]
pub(super) struct MeterTransport<In> {
    inner: In,
    /// Not where this is the way to the proxy: what comes over it is counted by the layer above.
    counts: bool,
}

impl<In: Transport> Transport for MeterTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.counts {
            return self.inner.await_input(timeout);
        }
        let begun = Instant::now();
        loop {
            let before = self.inner.buffers().input().len();
            let patience = METER.with_borrow_mut(|meter| meter.as_mut().map(Meter::patience)).transpose()?;
            let left = (!timeout.after.is_not_happening()).then(|| timeout.after.saturating_sub(begun.elapsed()));
            let mut wait = timeout;
            let mut shortened = false;
            if let Some(left) = left {
                wait.after = Wait::Exact(left);
            }
            if let Some(patience) = patience.filter(|&patience| left.is_none_or(|left| patience < left)) {
                wait.after = Wait::Exact(patience);
                shortened = true;
            }
            match self.inner.await_input(wait) {
                // The window's end and not the request's: the next turn judges the window. To return would say that
                // the body ends here.
                Err(Error::Timeout(_)) if shortened => {}
                other => {
                    let now = self.inner.buffers().input().get(before..).unwrap_or_default();
                    METER.with_borrow_mut(|meter| meter.as_mut().map_or(Ok(()), |meter| meter.saw(now)))?;
                    return other;
                }
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_the_last_one_and_kept_word_for_word() {
        let plain = b"HTTP/1.1 200 OK\r\nX-Odd:  a \r\n\r\nbody\r\n\r\n";
        assert_eq!(head(plain), b"HTTP/1.1 200 OK\r\nX-Odd:  a \r\n\r\n");
        let hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\nno";
        assert_eq!(head(hints), b"HTTP/1.1 404 Not Found\r\n\r\n");
        assert_eq!(head(b"HTTP/1.0 200 OK\nA: b\n\ntext"), b"HTTP/1.0 200 OK\nA: b\n\n");
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nA: b"), b"");
        assert_eq!(head(b""), b"");
    }
}
