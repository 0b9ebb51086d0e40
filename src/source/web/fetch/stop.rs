//! What ends requests that are under way: a flag, and waits that look at it.
//!
//! A read or a write ends when its socket is shut down, which ureq does for all at once. A lookup and a connect can't be
//! ended, so each runs in a thread of its own that nobody waits for once the flag is set; it ends by its own time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectionDetails, Connector, Either, NextTimeout, Transport};

use crate::source::web::{Reason, Refusal};

/// How often a wait looks at the flag.
const TICK: Duration = Duration::from_millis(100);

/// A refusal on its way through ureq.
pub(super) fn refused(refusal: Refusal) -> Error {
    Error::Io(std::io::Error::other(refusal))
}

/// Set once, seen by all who hold a copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// A refusal, for the network's sake, once it is set.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.0.load(Ordering::SeqCst) { Err(Refusal::new(Reason::Connection, "stopped")) } else { Ok(()) }
    }

    /// Runs `work` in a thread of its own called `name`, and waits for it: at most as long as `timeout` says, and until
    /// the flag is set.
    pub fn wait<T: Send + 'static>(
        &self,
        name: &str,
        timeout: NextTimeout,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let run = move || {
            // Nobody listens any more where it took too long.
            let _ = sender.send(work());
        };
        thread::Builder::new().name(name.into()).spawn(run).map_err(Error::Io)?;
        self.receive(&receiver, timeout)
    }

    fn receive<T>(&self, receiver: &Receiver<T>, timeout: NextTimeout) -> Result<T, Error> {
        let begun = Instant::now();
        loop {
            self.check().map_err(refused)?;
            let left = timeout.after.saturating_sub(begun.elapsed());
            match receiver.recv_timeout(left.min(TICK)) {
                Ok(value) => return Ok(value),
                Err(RecvTimeoutError::Timeout) if left > TICK => {}
                Err(RecvTimeoutError::Timeout) => return Err(Error::Timeout(timeout.reason)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Io(std::io::Error::other("a thread has ended early")));
                }
            }
        }
    }
}

/// Connects as `inner` does, which builds on nothing, but for the wait.
#[derive(Debug)]
pub(super) struct StoppableConnector<C> {
    pub inner: Arc<C>,
    pub stop: Stop,
}

impl<In: Transport, C: Connector> Connector<In> for StoppableConnector<C> {
    type Out = Either<In, C::Out>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        if let Some(chained) = chained {
            return Ok(Some(Either::A(chained)));
        }
        let (uri, config, addrs) = (details.uri.clone(), details.config.clone(), details.addrs.clone());
        let (now, timeout, request_level) = (details.now, details.timeout, details.request_level);
        let (current_time, run_connector) = (details.current_time.clone(), details.run_connector.clone());
        let register_shutdown = details.register_shutdown.clone();
        let inner = Arc::clone(&self.inner);
        let connect = move || {
            let details = ConnectionDetails {
                uri: &uri,
                addrs,
                config: &config,
                request_level,
                // To connect to an address asks nobody for names.
                resolver: &DefaultResolver::default(),
                now,
                timeout,
                current_time,
                run_connector,
                register_shutdown,
            };
            inner.connect(&details, None)
        };
        Ok(self.stop.wait("connect", timeout, connect)??.map(Either::B))
    }
}
