//! `ris index --watch`: what changes is found again without asking for it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::setup::{Place, names};

/// A run that watches, and its summaries as they come. Ended whatever becomes of the test.
struct Watching {
    child: Child,
    summaries: Receiver<Value>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watching {
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ris"));
        command.args(["index", "--watch", "--json"]).args(args).current_dir(place.path(""));
        command.env_clear().env("HOME", place.path("home")).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, summaries) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, summaries }
    }

    fn next(&self) -> Value {
        self.summaries.recv_timeout(Duration::from_secs(120)).expect("a summary")
    }

    /// The next summary that says so of one of its counts.
    fn until(&self, count: &str, is: u64) {
        while self.next()[count] != is {}
    }

    fn interrupt(mut self) -> Option<i32> {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).unwrap();
        self.child.wait().unwrap().code()
    }
}

#[test]
fn what_is_added_changed_and_removed_while_it_watches_is_found_and_others_may_write_meanwhile() {
    let place = Place::with_photos(&["garden/pond.jpg", "street/crossing.jpg"]);
    fs::create_dir(place.path("later")).unwrap();
    let watching = Watching::start(&place, &["photos", "later", "--index", "photos/.ris"]);
    assert_eq!(watching.next()["indexed"], 2);
    place.copy("library/garden/roses.jpg", "photos/new/folder/roses.jpg");
    watching.until("indexed", 1);
    let found = |query: &str| names(&place.run(["search", query, "--index", "photos/.ris", "--json"]).object());
    assert_eq!(found("photos/new/folder/roses.jpg"), ["roses.jpg"]);
    // The lock is free between the rounds.
    place.copy("library/garden/gate.jpg", "other/gate.jpg");
    let between = place.run(["index", "other", "--index", "photos/.ris"]);
    assert_eq!(between.status, 0, "{between:?}");
    place.copy("library/sea/harbour.jpg", "later/harbour.jpg");
    watching.until("indexed", 1);
    assert_eq!(found("later/harbour.jpg"), ["harbour.jpg"]);
    fs::rename(place.path("photos/new"), place.path("photos/moved")).unwrap();
    watching.until("moved", 1);
    fs::remove_dir_all(place.path("photos/moved")).unwrap();
    watching.until("missing", 1);
    assert_eq!(watching.interrupt(), Some(130));
    let status = place.run(["status", "--index", "photos/.ris", "--json"]).object();
    assert_eq!((&status["pictures"], &status["sources"], &status["missing"]), (&5.into(), &4.into(), &1.into()));
}

#[test]
fn a_root_that_goes_away_and_comes_back_is_watched_again() {
    let place = Place::with_photos(&["garden/pond.jpg"]);
    let watching = Watching::start(&place, &["photos", "--index", "idx"]);
    assert_eq!(watching.next()["indexed"], 1);
    fs::rename(place.path("photos"), place.path("unplugged")).unwrap();
    watching.until("offline", 1);
    place.copy("library/garden/roses.jpg", "unplugged/roses.jpg");
    fs::rename(place.path("unplugged"), place.path("photos")).unwrap();
    watching.until("indexed", 1);
    place.copy("library/garden/gate.jpg", "photos/gate.jpg");
    watching.until("indexed", 1);
    assert_eq!(watching.interrupt(), Some(130));
}
