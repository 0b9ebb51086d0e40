//! `ris index --watch`: runs again where something changed, until Ctrl-C.
//!
//! What the system tells of changes says only which roots to look at again: a run over files that did not change is
//! cheap, and it is the same run that looks at everything else. So no event that is lost or misread can leave more than
//! a late picture.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;

use anyhow::Result;
use ris::progress::{Event, Progress};
#[cfg(not(feature = "watch"))]
use ris::{Error, ErrorKind};

use super::args::{Global, Index};
use super::exit::Exit;
use super::index::Job;
use super::progress::Bar;

#[cfg(feature = "watch")]
pub use watching::run;

/// Says what is missing.
#[cfg(not(feature = "watch"))]
pub fn run(_job: &Job<'_>, _args: &Index, _global: &Global) -> Result<Exit> {
    Err(Error::new(ErrorKind::Unsupported, "--watch needs a build with --features watch").into())
}

/// Warns of each thing once, however often it is found.
#[cfg_attr(not(feature = "watch"), allow(dead_code))]
struct Once {
    bar: Bar,
    hasher: RandomState,
    told: Mutex<HashSet<u64>>,
}

impl Progress for Once {
    fn event(&self, event: Event<'_>) {
        if let Event::Failed(error) | Event::Warned(error) = event {
            let hash = self.hasher.hash_one(error.to_string());
            if !self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(hash) {
                return;
            }
        }
        self.bar.event(event);
    }

    fn stop(&self) -> bool {
        self.bar.stop()
    }
}

#[cfg(feature = "watch")]
mod watching {
    use std::collections::BTreeSet;
    use std::path::{Component, Path, PathBuf};
    use std::sync::{Arc, PoisonError};
    use std::time::{Duration, Instant};

    use notify::event::{AccessKind, AccessMode, EventKind};
    use notify::{RecommendedWatcher, RecursiveMode, Watcher};
    use ris::ingest::Summary;
    use ris::source::folder;
    use ris::{Error, ErrorKind};

    use super::super::{index, messages};
    use super::*;

    /// A folder is looked at again once nothing has changed for so long: a copy in progress is one change.
    const QUIET: Duration = Duration::from_secs(2);
    /// And after so long at the latest.
    const AT_MOST: Duration = Duration::from_secs(10);
    /// How often it is asked whether there is something to do, and whether the roots are those that are watched.
    const TICK: Duration = Duration::from_millis(200);
    const ROOTS: Duration = Duration::from_secs(2);

    /// What is to be looked at again.
    #[derive(Default)]
    struct Changes {
        roots: BTreeSet<usize>,
        /// When the first and the last of it was told.
        between: Option<(Instant, Instant)>,
    }

    impl Changes {
        fn note(&mut self, roots: impl IntoIterator<Item = usize>) {
            for root in roots {
                let now = Instant::now();
                self.roots.insert(root);
                self.between = Some((self.between.map_or(now, |(first, _)| first), now));
            }
        }

        /// The roots whose time has come.
        fn due(&mut self) -> Vec<usize> {
            let is_due =
                self.between.is_some_and(|(first, last)| last.elapsed() >= QUIET || first.elapsed() >= AT_MOST);
            if !is_due {
                return Vec::new();
            }
            self.between = None;
            std::mem::take(&mut self.roots).into_iter().collect()
        }
    }

    /// A root that is watched, or waited for.
    struct Root {
        path: PathBuf,
        /// Which folder or file stood there when its watch began; a disk that is mounted over it is another.
        watched: Option<(u64, u64)>,
    }

    /// What counts as a change.
    #[derive(Clone)]
    struct Heeded {
        roots: Vec<PathBuf>,
        index: PathBuf,
        hidden: bool,
    }

    impl Heeded {
        fn is_heeded(&self, root: &Path, path: &Path) -> bool {
            let hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
            // The index may stand in a folder that is watched.
            !path.starts_with(&self.index)
                && path.strip_prefix(root).is_ok_and(|below| self.hidden || !below.components().any(hidden))
        }

        /// The roots that an event is about.
        fn roots(&self, event: &notify::Result<notify::Event>) -> Vec<usize> {
            let all = || (0..self.roots.len()).collect();
            match event {
                Ok(event) if event.need_rescan() => all(),
                Ok(event) => match event.kind {
                    EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Any | EventKind::Other => {
                        self.of(&event.paths)
                    }
                    EventKind::Access(_) => Vec::new(),
                    _ => self.of(&event.paths),
                },
                Err(_) => all(),
            }
        }

        fn of(&self, paths: &[PathBuf]) -> Vec<usize> {
            let concerned = |root: &PathBuf| paths.iter().any(|path| self.is_heeded(root, path));
            (0..).zip(&self.roots).filter(|(_, root)| concerned(root)).map(|(i, _)| i).collect()
        }
    }

    pub fn run(job: &Job<'_>, args: &Index, global: &Global) -> Result<Exit> {
        let stands = |source: &PathBuf| folder::resolve(source).unwrap_or_else(|_| folder::resolve_lost(source));
        let paths: Vec<_> = job.sources.iter().map(stands).collect();
        let index = std::path::absolute(job.folder)?;
        let heeded = Heeded { roots: paths.clone(), index: folder::resolve_lost(&index), hidden: args.walk.hidden };
        let changes = Arc::new(Mutex::new(Changes::default()));
        let mut watcher = {
            let (changes, heeded) = (changes.clone(), heeded.clone());
            let note = move |event: notify::Result<notify::Event>| {
                let roots = heeded.roots(&event);
                changes.lock().unwrap_or_else(PoisonError::into_inner).note(roots);
            };
            notify::recommended_watcher(note).map_err(|error| refused(&error))?
        };
        let progress = Once { bar: Bar::new(global.quiet), hasher: RandomState::new(), told: Mutex::default() };
        let mut roots: Vec<_> = paths.into_iter().map(|path| Root { path, watched: None }).collect();
        // Watched before they are looked at, so that nothing falls in between.
        for root in &mut roots {
            watch(&mut watcher, root)?;
        }
        let mut due: Vec<usize> = (0..roots.len()).collect();
        let (mut asked, mut first, mut waiting) = (Instant::now(), true, false);
        loop {
            if !due.is_empty() {
                let sources: Vec<_> = due.iter().filter_map(|&i| roots.get(i)).map(|root| root.path.clone()).collect();
                match index::round(job.folder, &sources, job.options, job.portable, &progress) {
                    Ok(summary) => {
                        waiting = false;
                        if args.json || first || changed(&summary) {
                            progress.bar.suspend(|| index::tell(&summary, job.folder, args.json, global.quiet))?;
                        }
                        if summary.interrupted {
                            return Ok(Exit::Interrupted);
                        }
                        first = false;
                    }
                    // Another run is as good as this one, but it may have been over other folders.
                    Err(error) if error.kind() == ErrorKind::Busy => {
                        if !std::mem::replace(&mut waiting, true) {
                            messages::warning(&error);
                        }
                        changes.lock().unwrap_or_else(PoisonError::into_inner).note(due.iter().copied());
                    }
                    // A root that went away meanwhile; whether it is back is asked below.
                    Err(error) if error.kind() == ErrorKind::Io && is_of(&error, &sources) => messages::warning(&error),
                    Err(error) => return Err(error.into()),
                }
            }
            if progress.stop() {
                return Ok(Exit::Interrupted);
            }
            std::thread::sleep(TICK);
            if asked.elapsed() >= ROOTS {
                asked = Instant::now();
                for (i, root) in roots.iter_mut().enumerate() {
                    if identity(&root.path) != root.watched {
                        watch(&mut watcher, root)?;
                        changes.lock().unwrap_or_else(PoisonError::into_inner).note([i]);
                    }
                }
            }
            due = changes.lock().unwrap_or_else(PoisonError::into_inner).due();
        }
    }

    fn is_of(error: &Error, sources: &[PathBuf]) -> bool {
        error.subject().is_some_and(|subject| sources.iter().any(|source| subject.file() == source))
    }

    /// Whether a run found something that the one before had not.
    fn changed(summary: &Summary) -> bool {
        summary.indexed + summary.moved + summary.missing > 0 || summary.interrupted
    }

    /// Watches a root, if it is there.
    fn watch(watcher: &mut RecommendedWatcher, root: &mut Root) -> Result<()> {
        root.watched = identity(&root.path);
        if root.watched.is_none() {
            return Ok(());
        }
        // What was there before may be watched no more, or be another.
        let _ = watcher.unwatch(&root.path);
        match watcher.watch(&root.path, RecursiveMode::Recursive) {
            Ok(()) => Ok(()),
            Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => {
                root.watched = None;
                Ok(())
            }
            Err(error) => Err(refused(&error).about(root.path.as_path()).into()),
        }
    }

    fn refused(error: &notify::Error) -> Error {
        match error.kind {
            notify::ErrorKind::MaxFilesWatch => {
                let message = "more folders than may be watched: raise fs.inotify.max_user_watches with sysctl";
                Error::new(ErrorKind::Io, message)
            }
            _ => Error::new(ErrorKind::Io, format!("it can't be watched: {error:.150}")),
        }
    }

    #[cfg(unix)]
    fn identity(path: &Path) -> Option<(u64, u64)> {
        use std::os::unix::fs::MetadataExt;
        path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn identity(path: &Path) -> Option<(u64, u64)> {
        path.metadata().ok().map(|_| (0, 0))
    }
}
