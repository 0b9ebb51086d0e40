//! Processor time of decoding: `cargo bench --bench decode -- DIR`.
//!
//! For every JPEG of a folder and on one thread: `ris::decode`, the `image` crate with its own
//! reduction, and the `djpeg` program (if it is on the PATH) at 1/8 and 1/4, its start included. All
//! four take turns on a file and the median of the rounds counts, so that a busy machine burdens them
//! alike. The floor is `djpeg -scale 1/8`: entropy decoding, and next to nothing else.

#[cfg(unix)]
fn main() {
    unix::main();
}

#[cfg(not(unix))]
fn main() {
    eprintln!("this benchmark reads the processor time as Unix gives it");
}

#[cfg(unix)]
mod unix {
    use std::hint::black_box;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    use nix::time::{ClockId, clock_gettime};
    use ris::decode::{Options, decode};

    const ROUNDS: usize = 5;
    const FOLDER: &str = "fixtures/library";

    /// A way of decoding: the milliseconds of processor time it takes for a file, if it can read it.
    type Contender<'a> = (&'a str, Box<dyn Fn(&Path, &[u8]) -> Option<f64>>);

    pub fn main() {
        let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
        let folder = folder.map_or_else(|| PathBuf::from(FOLDER), PathBuf::from);
        let files = jpegs(&folder);
        if files.is_empty() {
            println!("no JPEG in {}; usage: cargo bench --bench decode -- DIR", folder.display());
            return;
        }
        let contenders = contenders();
        let mut sums = vec![0.0; contenders.len()];
        let (mut pixels, mut bytes_read, mut counted) = (0.0, 0, 0);
        for file in &files {
            let Ok(bytes) = std::fs::read(file) else { continue };
            let Ok(picture) = decode(&bytes, &Options::default()) else { continue };
            let Some(times) = medians(&contenders, file, &bytes) else { continue };
            sums.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
            pixels += f64::from(picture.width) * f64::from(picture.height) / 1e6;
            bytes_read += bytes.len();
            counted += 1;
        }
        println!("{counted} of {} files, {pixels:.0} megapixels, {:.0} MB", files.len(), bytes_read as f64 / 1e6);
        println!("\n| decoder | CPU ms/file | CPU ms/12 MP | ratio to floor |\n| --- | ---: | ---: | ---: |");
        let floor = contenders.iter().position(|(name, _)| name.starts_with("djpeg")).map_or(sums[0], |i| sums[i]);
        for ((name, _), sum) in contenders.iter().zip(&sums) {
            let ratio = sum / floor;
            println!("| {name} | {:.2} | {:.2} | {ratio:.2} |", sum / f64::from(counted), sum / pixels * 12.0);
        }
    }

    fn contenders<'a>() -> Vec<Contender<'a>> {
        let ours = |side: u32| {
            move |_: &Path, bytes: &[u8]| {
                let options = Options { longest_side_min: side, ..Options::default() };
                timed(|| decode(bytes, &options).ok())
            }
        };
        let image =
            |_: &Path, bytes: &[u8]| timed(|| image::load_from_memory(bytes).ok().map(|p| p.thumbnail(512, 512)));
        let mut contenders: Vec<Contender<'a>> = vec![
            ("ris::decode", Box::new(ours(Options::default().longest_side_min))),
            ("ris::decode, never below 512", Box::new(ours(512))),
            ("image, thumbnail", Box::new(image)),
        ];
        if Command::new("djpeg").arg("-version").stderr(Stdio::null()).stdin(Stdio::null()).status().is_ok() {
            contenders.push(("djpeg -scale 1/8", Box::new(|file, _| djpeg(file, "1/8"))));
            contenders.push(("djpeg -scale 1/4", Box::new(|file, _| djpeg(file, "1/4"))));
        }
        contenders
    }

    /// The median time of each, or `None` where one of them could not read the file.
    fn medians(contenders: &[Contender], file: &Path, bytes: &[u8]) -> Option<Vec<f64>> {
        let mut times = vec![Vec::new(); contenders.len()];
        for _ in 0..ROUNDS {
            for (times, (_, run)) in times.iter_mut().zip(contenders) {
                times.push(run(file, bytes)?);
            }
        }
        Some(
            times
                .into_iter()
                .map(|mut times| {
                    times.sort_by(f64::total_cmp);
                    times[times.len() / 2]
                })
                .collect(),
        )
    }

    /// Milliseconds of this thread's processor time that `operation` takes.
    fn timed<T>(operation: impl FnOnce() -> Option<T>) -> Option<f64> {
        let now = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).ok();
        let start = now()?;
        black_box(operation()?);
        Some((now()? - start).as_secs_f64() * 1e3)
    }

    /// Milliseconds of processor time of a `djpeg` process.
    fn djpeg(file: &Path, scale: &str) -> Option<f64> {
        let spent = || {
            let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
            Some((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e3)
        };
        let start = spent()?;
        let mut command = Command::new("djpeg");
        command.args(["-scale", scale, "-outfile", "/dev/null"]).arg(file).stderr(Stdio::null());
        command.status().ok()?.success().then_some(())?;
        Some(spent()? - start)
    }

    /// The JPEGs of a folder and the folders in it, by name.
    fn jpegs(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                files.extend(jpegs(&path));
            } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("jpg") || e.eq_ignore_ascii_case("jpeg"))
            {
                files.push(path);
            }
        }
        files.sort();
        files
    }
}
