//! A place of its own for each test: a folder, a home and an index, and the command run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// The pictures that the project draws for its tests.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A fresh folder, the working folder of the commands run in it.
pub struct Place {
    folder: TempDir,
}

impl Place {
    /// An empty one.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// One that holds copies of these pictures of the library, under their own names, in `photos/`.
    pub fn with_photos(names: &[&str]) -> Self {
        let place = Self::new();
        for name in names {
            place.copy(&format!("library/{name}"), &format!("photos/{}", name.rsplit('/').next().unwrap()));
        }
        place
    }

    /// Where something in it stands.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// Copies a fixture into it.
    pub fn copy(&self, fixture: &str, name: &str) {
        let bytes = fs::read(fixtures().join(fixture)).unwrap_or_else(|error| panic!("{fixture}: {error}"));
        self.write(name, bytes);
    }

    /// Writes a file and the folders above it.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The command, in an environment that holds nothing but this place.
    pub fn ris(&self) -> Command {
        // Another build, to see that a test fails where it should.
        let program = std::env::var_os("RIS_TESTS_COMMAND").unwrap_or_else(|| env!("CARGO_BIN_EXE_ris").into());
        let mut command = Command::new(program);
        command.current_dir(self.path("")).env_clear().env("HOME", self.path("home"));
        command
    }

    /// Runs the command and gives what it did.
    pub fn run<const N: usize>(&self, args: [&str; N]) -> Ran {
        Ran::of(self.ris().args(args).output().unwrap())
    }
}

/// What a run of the command did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit status.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// The JSON objects on stdout, one a line.
    pub fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// The only JSON object on stdout.
    pub fn object(&self) -> Value {
        let mut objects = self.json();
        assert_eq!(objects.len(), 1, "{self:?}");
        objects.remove(0)
    }
}

/// The file names of an answer's matches, best first.
pub fn names(answer: &Value) -> Vec<String> {
    let source = |found: &Value| found["source"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    answer["matches"].as_array().unwrap().iter().map(source).collect()
}
