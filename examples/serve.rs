//! Serves a folder on loopback, for trials of the crawler: `cargo run --example serve -- fixtures/site`. It prints its address,
//! then a line for each request, and knows ETags.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};

use tiny_http::{Header, Request, Response, Server};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut args = std::env::args_os().skip(1);
    let folder = PathBuf::from(args.next().ok_or("usage: serve FOLDER [ADDRESS:PORT]")?);
    let address = args.next().map_or_else(|| Ok("127.0.0.1:8000".into()), std::ffi::OsString::into_string);
    let server = Server::http(address.map_err(|_| "no address")?)?;
    println!("http://{}/", server.server_addr());
    for request in server.incoming_requests() {
        let path = request.url().split('?').next().unwrap_or_default().to_owned();
        let status =
            answer(&folder, &path, request).map_or_else(|error| error.to_string(), |status| status.to_string());
        println!("{status} {path}");
    }
    Ok(())
}

/// Answers with the file of that path; the status.
fn answer(folder: &Path, path: &str, request: Request) -> std::io::Result<u16> {
    let inside = Path::new(path.trim_start_matches('/'));
    let mut file = folder.join(inside);
    if file.is_dir() {
        file.push("index.html");
    }
    let is_inside = inside.components().all(|part| matches!(part, Component::Normal(_)));
    let opened = is_inside.then(|| File::open(&file).and_then(|open| Ok((fs::metadata(&file)?, open))));
    let Some(Ok((facts, open))) = opened else {
        request.respond(Response::empty(404))?;
        return Ok(404);
    };
    let modified = facts.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let tag = format!("\"{:x}-{:x}\"", facts.len(), modified.as_nanos());
    let field =
        |name: &str, value: &str| Header::from_bytes(name, value).map_err(|()| std::io::Error::other("no field"));
    let is_known = request.headers().iter().any(|sent| sent.field.equiv("If-None-Match") && sent.value == tag.as_str());
    if is_known {
        request.respond(Response::empty(304).with_header(field("ETag", &tag)?))?;
        return Ok(304);
    }
    let kind = match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("jpg") => "image/jpeg",
        _ => "text/plain; charset=utf-8",
    };
    request.respond(
        Response::from_file(open).with_header(field("ETag", &tag)?).with_header(field("Content-Type", kind)?),
    )?;
    Ok(200)
}
