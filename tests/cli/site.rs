//! A web server on loopback that serves `fixtures/site`, misbehaves where it is told to, and writes down who asked for
//! what and when: its log is the judge of a crawler's manners.

use std::collections::HashMap;
use std::fs;
use std::io::Cursor;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tiny_http::{Header, Request, Response, Server};

use crate::setup::{Place, Ran, fixtures};

/// Crawls a site on loopback without pauses.
pub fn crawl_of(place: &Place, url: &str, more: &[&str]) -> Ran {
    let args = ["index", url, "--index", "idx", "--json", "--allow-private", "--delay", "0"];
    Ran::of(place.ris().args(args).args(more).output().unwrap())
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes: usize,
    pub begun: Instant,
    pub ended: Instant,
    pub agent: String,
    /// Names of the fields that a crawler has no reason to send.
    pub telltale: Vec<String>,
}

type Made = Arc<dyn Fn(&str) -> Option<Reply> + Send + Sync>;

/// An answer that a test makes up.
#[derive(Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub after: Duration,
}

impl Reply {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }
}

/// A running site.
pub struct Site {
    pub host: String,
    log: Arc<Mutex<Vec<Asked>>>,
    most_at_once: Arc<AtomicU32>,
    answers: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    server: Arc<Server>,
    threads: Vec<JoinHandle<()>>,
}

impl Site {
    /// Serves `fixtures/site`, and pictures of the library below `/pictures/`.
    pub fn new() -> Self {
        Self::made(Arc::new(|_| None))
    }

    /// The same, but for paths of which `made` knows better.
    pub fn made(made: Made) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // The server writes head and body apart: without this each answer waits 40 ms for an acknowledgement.
        #[cfg(unix)]
        nix::sys::socket::setsockopt(&listener, nix::sys::socket::sockopt::TcpNoDelay, &true).unwrap();
        let server = Arc::new(Server::from_listener(listener, None).unwrap());
        let host = server.server_addr().to_ip().unwrap().to_string();
        let log = Arc::new(Mutex::new(Vec::new()));
        let [at_once, most_at_once, answers] = [(); 3].map(|()| Arc::new(AtomicU32::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let pictures = Arc::new(pictures());
        let threads = (0..4).map(|_| {
            let (server, host, log, made) = (server.clone(), host.clone(), log.clone(), made.clone());
            let answers = answers.clone();
            let (at_once, most, stop, pictures) =
                (at_once.clone(), most_at_once.clone(), stop.clone(), pictures.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let Ok(Some(request)) = server.recv_timeout(Duration::from_millis(50)) else { continue };
                    let begun = Instant::now();
                    most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let path = request.url().to_owned();
                    let reply = made(&path).unwrap_or_else(|| of_files(&path, &host, &pictures));
                    std::thread::sleep(reply.after);
                    let reply = conditional(&request, reply);
                    let telltale = ["cookie", "referer", "authorization"];
                    let field = |name: &str| {
                        request.headers().iter().find(|h| h.field.as_str().as_str().eq_ignore_ascii_case(name))
                    };
                    let asked = Asked {
                        path,
                        status: reply.status,
                        bytes: reply.body.len(),
                        begun,
                        ended: Instant::now(),
                        agent: field("user-agent").map(|h| h.value.to_string()).unwrap_or_default(),
                        telltale: telltale.iter().filter(|name| field(name).is_some()).map(|n| n.to_string()).collect(),
                    };
                    let mut response = Response::new(
                        reply.status.into(),
                        Vec::new(),
                        Cursor::new(reply.body.clone()),
                        Some(reply.body.len()),
                        None,
                    );
                    for (name, value) in &reply.fields {
                        response.add_header(Header::from_bytes(name.as_bytes(), value.as_bytes()).unwrap());
                    }
                    at_once.fetch_sub(1, Ordering::SeqCst);
                    log.lock().unwrap().push(asked);
                    let _ = request.respond(response);
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            })
        });
        let threads = threads.collect();
        Self { host, log, most_at_once, answers, stop, server, threads }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    /// What was asked for so far; the log begins anew.
    pub fn take_log(&self) -> Vec<Asked> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// How many answers were given so far.
    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::SeqCst) as usize
    }

    /// The most requests that were under way at one time.
    pub fn most_at_once(&self) -> u32 {
        self.most_at_once.load(Ordering::SeqCst)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.server.unblock();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The library's pictures by file name.
fn pictures() -> HashMap<String, Vec<u8>> {
    let folders = fs::read_dir(fixtures().join("library")).unwrap().flatten().filter(|entry| entry.path().is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).unwrap().flatten());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn of_files(path: &str, host: &str, pictures: &HashMap<String, Vec<u8>>) -> Reply {
    let path = path.split(['?', '#']).next().unwrap();
    if let Some(name) = path.strip_prefix("/pictures/") {
        return match pictures.get(name) {
            Some(bytes) => tagged(Reply::ok(bytes.clone())).with("Last-Modified", "Sat, 04 May 2019 10:11:12 GMT"),
            None => Reply::status(404),
        };
    }
    if path == "/old.html" {
        return Reply::status(301).with("Location", "/gallery.html");
    }
    let name = if path == "/" { "index.html" } else { path.trim_start_matches('/') };
    match fs::read_to_string(fixtures().join("site").join(name)) {
        Ok(text) => {
            let kind = if name.ends_with(".html") { "text/html" } else { "text/plain" };
            tagged(Reply::ok(text.replace("SITE", host))).with("Content-Type", kind)
        }
        Err(_) => Reply::status(404),
    }
}

fn tagged(reply: Reply) -> Reply {
    let tag = format!("\"{:08x}\"", crc32fast::hash(&reply.body));
    reply.with("ETag", &tag)
}

/// 304 where the crawler has it already.
fn conditional(request: &Request, reply: Reply) -> Reply {
    let tag = reply.fields.iter().find(|(name, _)| name == "ETag").map(|(_, value)| value.as_str());
    let asked = request.headers().iter().find(|h| h.field.equiv("If-None-Match")).map(|h| h.value.as_str());
    if reply.status == 200 && tag.is_some() && tag == asked {
        Reply { status: 304, body: Vec::new(), ..reply }
    } else {
        reply
    }
}
