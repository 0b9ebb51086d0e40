//! A server on loopback that a test tells what to send, and that remembers what it was sent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use ::url::Url;

use crate::source::web::address::Resolve;
use crate::source::web::url::parse;

/// What a connection is answered through: plain, or TLS.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// What the server saw.
#[derive(Debug, Default)]
pub struct Log {
    pub connections: usize,
    /// The heads of all requests, in order.
    pub heads: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub address: SocketAddr,
    pub log: Arc<Mutex<Log>>,
}

impl Server {
    /// Answers each request by `answer`, which is given its head; an error closes the connection.
    pub fn start(answer: impl Fn(&str, &mut dyn Stream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::start_over(|stream| Ok(Box::new(stream)), answer)
    }

    /// Answers every request with the same bytes.
    pub fn says(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |_, stream| stream.write_all(&bytes))
    }

    /// The same through what `wrap` makes of a connection.
    pub fn start_over(
        wrap: impl Fn(TcpStream) -> io::Result<Box<dyn Stream>> + Send + Sync + 'static,
        answer: impl Fn(&str, &mut dyn Stream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), log: Arc::default() };
        let log = Arc::clone(&server.log);
        let parts = Arc::new((wrap, answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                log.lock().unwrap().connections += 1;
                let (log, parts, stream) = (Arc::clone(&log), Arc::clone(&parts), stream.unwrap());
                thread::spawn(move || {
                    let mut stream = parts.0(stream)?;
                    while let Some(head) = head(&mut *stream)? {
                        log.lock().unwrap().heads.push(head.clone());
                        parts.1(&head, &mut *stream)?;
                        stream.flush()?;
                    }
                    io::Result::Ok(())
                });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> Url {
        parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub fn connections(&self) -> usize {
        self.log.lock().unwrap().connections
    }

    pub fn heads(&self) -> Vec<String> {
        self.log.lock().unwrap().heads.clone()
    }
}

fn head(stream: &mut dyn Stream) -> io::Result<Option<String>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8(head).unwrap()))
}

/// Answers with each list of addresses in turn, then with the last one again, and remembers who was asked for.
#[derive(Debug, Default)]
pub struct Answers {
    pub lists: Vec<Vec<SocketAddr>>,
    pub asked: Mutex<Vec<String>>,
}

impl Answers {
    pub fn new(lists: &[&[SocketAddr]]) -> Arc<Self> {
        Arc::new(Self { lists: lists.iter().map(|list| list.to_vec()).collect(), asked: Mutex::default() })
    }
}

impl Resolve for Answers {
    fn resolve(&self, host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(host.to_owned());
        Ok(self.lists[asked.len().min(self.lists.len()) - 1].clone())
    }
}
