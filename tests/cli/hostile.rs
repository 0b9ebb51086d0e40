//! Pictures made to do harm, given to the whole program: each costs one file, a bounded time and bounded memory.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::setup::{Place, Ran};

/// A bitmap whose header promises `width` x `height` pixels of which none follow.
pub fn promise(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend(54u32.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(54u32.to_le_bytes());
    bytes.extend(40u32.to_le_bytes());
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes
}

#[cfg(target_os = "linux")]
#[test]
fn a_decoder_that_aborts_costs_its_file_and_the_run_goes_on() {
    let place = Place::with_photos(&["garden/pond.jpg", "garden/roses.jpg", "garden/gate.jpg"]);
    place.write("photos/abort.bmp", promise(30_000, 20_000));
    // 1.8 GB are allowed and not to be had: Rust aborts where an allocation fails.
    let limited = |args: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 1500000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_ris")]).args(args);
        Ran::of(command.args(["--max-memory", "4G"]).current_dir(place.path("")).output().unwrap())
    };
    let ran = limited(&["index", "photos", "--index", "idx", "--json", "--jobs", "1"]);
    let summary = ran.object();
    assert_eq!((ran.status, &summary["indexed"], &summary["failed"]), (2, &3.into(), &1.into()), "{ran:?}");
    assert!(ran.stderr.lines().count() == 1 && ran.stderr.contains("abort.bmp: its decoder crashed"), "{ran:?}");
    // The control: where it is decoded in the process itself, that process ends.
    let alone = limited(&["search", "photos/abort.bmp", "photos/pond.jpg", "--index", "idx", "--no-sandbox"]);
    assert!(alone.status < 0 && alone.stdout.is_empty() && alone.stderr.contains("allocation"), "{alone:?}");
    // And it is the memory, not the file: with enough of it, it is just a damaged one.
    let free = place.run(["index", "photos", "--index", "idx2", "--max-memory", "4G"]);
    assert!(free.stderr.contains("abort.bmp: damaged bmp"), "{free:?}");
}

/// A PNG of black pixels, which takes a thousandth of its size.
fn black(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        &mut bytes,
        image::codecs::png::CompressionType::Fast,
        image::codecs::png::FilterType::NoFilter,
    );
    let pixels = vec![0; (width * height) as usize];
    image::ImageEncoder::write_image(encoder, &pixels, width, height, image::ExtendedColorType::L8).unwrap();
    bytes
}

/// The memory that a process and those below it hold now, shared pages counted once, in bytes.
#[cfg(target_os = "linux")]
fn held(process: u32) -> u64 {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let own =
        rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let below = children.split_whitespace().filter_map(|child| child.parse().ok()).map(held).sum::<u64>();
    own.unwrap_or_default() * 1024 + below
}

#[cfg(target_os = "linux")]
#[test]
fn pictures_that_are_decoded_together_share_one_budget_whatever_the_jobs() {
    const MIB: u64 = 1 << 20;
    let place = Place::new();
    // Each takes 160 MB while it is decoded: eight at a time would take 1.3 GB.
    for (number, height) in (0..8).zip(8000u32..) {
        place.write(format!("photos/{number}.png"), black(10_000, height));
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
    command.current_dir(place.path("")).args([
        "index",
        "photos",
        "--index",
        "idx",
        "--jobs",
        "8",
        "--max-memory",
        "256M",
        "--json",
    ]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(held(child.id()));
        std::thread::sleep(Duration::from_millis(5));
    }
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.status, &ran.object()["indexed"]), (0, &8.into()), "{ran:?}");
    assert!(peak > 60 * MIB, "nothing was seen: {} MiB", peak / MIB);
    assert!(peak < (256 + 200) * MIB, "{} MiB", peak / MIB);
}

#[test]
fn a_picture_too_large_for_the_budget_is_one_warning_and_never_an_allocation() {
    let place = Place::with_photos(&["garden/pond.jpg"]);
    place.write("photos/huge.bmp", promise(60_000, 60_000));
    let ran = place.run(["index", "photos", "--index", "idx", "--json"]);
    assert_eq!((ran.status, &ran.object()["indexed"], &ran.object()["failed"]), (2, &1.into(), &1.into()), "{ran:?}");
    assert!(ran.stderr.lines().count() == 1 && ran.stderr.contains("too large: 60000x60000"), "{ran:?}");
    let wrong = place.run(["index", "photos", "--index", "idx", "--max-memory", "much"]);
    assert!(wrong.status == 2 && wrong.stderr.contains("a size is"), "{wrong:?}");
}

#[test]
fn a_damaged_query_is_searched_for_by_its_readable_rows_and_that_is_said() {
    let place = Place::with_photos(&["street/crossing.jpg", "garden/pond.jpg"]);
    assert_eq!(place.run(["index", "photos", "--index", "idx"]).status, 0);
    let whole = fs::read(place.path("photos/crossing.jpg")).unwrap();
    place.write("cut.jpg", &whole[..whole.len() * 7 / 10]);
    let ran = place.run(["search", "cut.jpg", "--index", "idx", "--json"]);
    let answer = ran.object();
    assert!(ran.status == 0 && ran.stderr.contains("cut.jpg: damaged"), "{ran:?}");
    assert_eq!(answer["query_partial_data"], true);
    assert_eq!((&answer["matches"][0]["kind"], answer["matches"][0].get("partial_data")), (&"partial".into(), None));
}
