//! Draws the pictures in `fixtures/`: `cargo run --release --example make-fixtures`, or with `-- --check` to
//! see whether the committed ones are what it draws.
//!
//! Everything is made here, from seeds, so nobody else's pictures are needed and every byte can be made
//! again. Scenes have texture, shading and overlap, as photos have: noise or flat shapes would flatter some
//! descriptors and starve others.

mod canvas;
mod drawing;
mod edits;
mod files;
mod library;
mod malformed;
mod random;
mod scenes;
mod several;
mod tiff;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use files::File;

fn main() -> std::io::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut files = library::library();
    files.extend(library::queries());
    files.extend(files::orientations());
    files.extend(files::formats());
    files.extend(drawing::drawings());
    files.extend(several::several());
    files.extend(malformed::malformed());
    files.push(File::new("README.md", "", readme(&files).into_bytes()));
    if std::env::args().any(|argument| argument == "--check") {
        let stale = |file: &&File| std::fs::read(root.join(&file.path)).is_ok_and(|bytes| bytes == file.bytes);
        let other: Vec<_> = files.iter().filter(|file| !stale(file)).map(|file| file.path.as_str()).collect();
        println!("{} files, {} of them are not as drawn: {}", files.len(), other.len(), other.join(", "));
        return Ok(if other.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for file in &files {
        let path = root.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap_or(&root))?;
        std::fs::write(path, &file.bytes)?;
    }
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    println!("{} files, {} KiB", files.len(), bytes / 1024);
    Ok(ExitCode::SUCCESS)
}

const OPENING: &str = "\
# Pictures for the tests

Drawn by the project itself: `cargo run --release --example make-fixtures` makes every file again, byte for byte, and
`-- --check` tells whether they are as drawn. No picture, font or sentence of anyone else's is in them. They are under
the project's licences.

- `library/`: a collection to search in.
- `queries/`: edited copies of pictures of the library, pictures that are in no collection, and `truth.csv`.
- `orientations/`: one scene stored in eight ways, each told by EXIF.
- `formats/`: one scene in every format and its variants, under wrong names, and in odd sizes.
- `several/`: files of several pages or frames, scenes of the library.
- `malformed/`: broken files.
- `site/`: pages of a web site, written by hand, with links to pictures of the library.
- `index-v1/`, `index-v2/`: indexes as the versions wrote them that first had these formats, of four files here; opened in the
  tests for ever.
- `encoded/`: the gradient of the decoder's unit tests in formats that no encoder at hand writes in Rust, made of a PNG
  of our own with `cjxl` 0.7.0, `avifenc` 0.11.1 (aom 3.6.0) and `heif-enc` 1.15.1 (x265). These are not drawn again.
- `crashes/`: files on which a decoder once took hundreds of megabytes, many seconds, all of its stack, or its process
  with it; written for that by hand and by small scripts, so they are not drawn again either. A new one is added as it is.

| file | what it is | bytes |
| --- | --- | ---: |
";

fn readme(files: &[File]) -> String {
    let mut text = OPENING.to_owned();
    for file in files {
        let _ = writeln!(text, "| {} | {} | {} |", file.path, file.description, file.bytes.len());
    }
    text
}
