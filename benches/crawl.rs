//! How fast and in how much memory a site is crawled: `cargo bench --bench crawl -- --pages N`.
//!
//! A server in this process answers from memory, so that what is measured is ris. The floor in the same run is `ris index` of
//! the same pictures in a folder: a crawl without pauses should be bound by decoding them. The last line is a crawl of a
//! few pages that show 100,000 pictures, which are queued and left.

#[cfg(all(feature = "crawl", target_os = "linux"))]
fn main() {
    bench::run();
}

#[cfg(not(all(feature = "crawl", target_os = "linux")))]
fn main() {
    eprintln!("needs the feature crawl, and Linux to read peak memory");
}

#[cfg(all(feature = "crawl", target_os = "linux"))]
mod bench {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use clap::Parser;

    const QUEUED: usize = 100_000;
    const SHOWN: usize = 5_000;

    /// Crawls a site on loopback, and indexes the same pictures in a folder.
    #[derive(Parser)]
    #[command(name = "crawl", bin_name = "cargo bench --bench crawl --")]
    struct Args {
        /// Pages of the site, each with a picture
        #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(20..))]
        pages: u64,
        /// Cargo's own
        #[arg(long, hide = true)]
        bench: bool,
    }

    /// A picture like no other.
    fn picture(number: usize) -> Vec<u8> {
        let (width, height) = (640u32, 480u32);
        let mut seed = number as u64 * 0x9E37_79B9_7F4A_7C15 + 1;
        let mut next = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        // Rectangles of grey: corners to describe, and little to pack.
        let mut pixels = vec![128u8; (width * height) as usize];
        for _ in 0..120 {
            let (x, y) = (next() as u32 % width, next() as u32 % height);
            let (w, h, grey) = (next() as u32 % 120 + 8, next() as u32 % 120 + 8, next() as u8);
            for row in y..(y + h).min(height) {
                for column in x..(x + w).min(width) {
                    pixels[(row * width + column) as usize] = grey;
                }
            }
        }
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 85);
        encoder
            .encode(&pixels, width as u16, height as u16, jpeg_encoder::ColorType::Luma)
            .expect("an encoder of memory");
        jpeg
    }

    fn page(path: &str, pages: usize) -> Option<Vec<u8>> {
        if let Some(number) = path.strip_prefix("/p/").and_then(|number| number.parse::<usize>().ok()) {
            let links: String =
                (1..=10).map(|step| format!("<a href='/p/{}'>on</a>", (number * 7 + step) % pages)).collect();
            let words = "words ".repeat(400);
            return Some(
                format!("<title>{number}</title><img src='/i/{number}.jpg' alt='{number}'>{links}<p>{words}").into(),
            );
        }
        let number = path.strip_prefix("/many/")?.parse::<usize>().ok()?;
        let others = (0..QUEUED / SHOWN).map(|other| format!("<a href='/many/{other}'>on</a>"));
        let own = (0..SHOWN).map(|shown| format!("<img src='/q/{}.jpg'>", number * SHOWN + shown));
        Some(others.chain(own).collect::<String>().into())
    }

    /// Runs ris and gives the seconds it took, its peak memory in MB (its largest process), and what it printed.
    fn ris(index: &Path, args: &[&str]) -> (f64, f64, serde_json::Value) {
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
        command.args(["index", "--json", "-q", "--index"]).arg(index).args(args).stdout(Stdio::null());
        let mut child = command.spawn().expect("ris runs");
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0.0f64;
        while child.try_wait().expect("a child").is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
            peak = peak.max(kib.unwrap_or_default() / 1024.0);
            std::thread::sleep(Duration::from_millis(5));
        }
        let seconds = started.elapsed().as_secs_f64();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
        let told = command.args(["status", "--json", "--index"]).arg(index).output().expect("ris runs");
        (seconds, peak, serde_json::from_slice(&told.stdout).expect("JSON"))
    }

    /// Answers one request after the other, each in one piece and at once: a server that waits for acknowledgements would be
    /// measured, not ris.
    fn serve(mut stream: TcpStream, pictures: &[Vec<u8>], pages: usize) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        while let Some(first) = lines.next().transpose()? {
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
            let picture = path.strip_prefix("/i/").and_then(|name| name.strip_suffix(".jpg"));
            let picture = picture.and_then(|number| pictures.get(number.parse::<usize>().ok()?));
            let (status, kind, body) = match (picture, page(&path, pages)) {
                (Some(bytes), _) => ("200 OK", "image/jpeg", bytes.clone()),
                (None, Some(html)) => ("200 OK", "text/html", html),
                _ => ("404 Not Found", "text/plain", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat())?;
        }
        Ok(())
    }

    pub fn run() {
        let pages = Args::parse().pages as usize;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pictures: Arc<Vec<_>> = Arc::new((0..pages).map(picture).collect());
        let photos = folder.path().join("photos");
        std::fs::create_dir(&photos).expect("a folder");
        for (number, bytes) in pictures.iter().enumerate() {
            std::fs::write(photos.join(format!("{number}.jpg")), bytes).expect("a file");
        }
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = server.local_addr().expect("an address").to_string();
        std::thread::spawn(move || {
            for stream in server.incoming().flatten() {
                let pictures = pictures.clone();
                std::thread::spawn(move || serve(stream, &pictures, pages));
            }
        });
        let web = ["--allow-private", "--delay", "0"];
        let (floor, floor_peak, _) = ris(&folder.path().join("floor"), &[photos.to_str().expect("UTF-8")]);
        let url = format!("http://{host}/p/0");
        let (took, peak, told) = ris(&folder.path().join("web"), &[&[url.as_str()], &web[..]].concat());
        assert_eq!((&told["pictures"], &told["pending"]), (&pages.into(), &0.into()), "{told}");
        println!("{pages} pages with a picture of 640x480 each, no pause, one host");
        println!(
            "crawl   {took:7.2} s  {:6.0} pages and as many pictures a second  {peak:5.0} MB",
            pages as f64 / took
        );
        println!(
            "folder  {floor:7.2} s  {:6.0} pictures a second                      {floor_peak:5.0} MB",
            pages as f64 / floor
        );
        println!("ratio   {:7.2}", took / floor);
        let url = format!("http://{host}/many/0");
        let only = ["--max-images", "0"];
        let (took, peak, told) = ris(&folder.path().join("many"), &[&[url.as_str()], &web[..], &only].concat());
        println!("queue   {took:7.2} s  {} addresses queued and left  {peak:5.0} MB", told["pending"]);
    }
}
