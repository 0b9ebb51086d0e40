//! What a disk may hold after the power is lost, by what the calls of a run did and which of it was synced.
//!
//! The model is as harsh as POSIX lets a file system be: a file's bytes are sure once the file is synced, its name once its
//! folder is, and of all else any part may be there, in any order, a write torn at any sector.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::calls::Call;

/// What a disk writes at once.
const SECTOR: usize = 512;

/// A file, be its name what it may.
type Inode = usize;

/// A change that a call made, or a promise that it gave.
#[derive(Clone, Debug)]
enum Change {
    Write {
        inode: Inode,
        at: usize,
        bytes: Vec<u8>,
    },
    Cut {
        inode: Inode,
        length: usize,
    },
    Made {
        path: PathBuf,
        inode: Inode,
    },
    MadeFolder {
        path: PathBuf,
    },
    Renamed {
        from: PathBuf,
        to: PathBuf,
        inode: Inode,
    },
    Removed {
        path: PathBuf,
    },
    Synced {
        inode: Inode,
    },
    SyncedFolder {
        path: PathBuf,
    },
    /// What the run told its user.
    Said(String),
}

#[derive(Clone, Debug)]
struct Step {
    change: Change,
    /// How many steps had ended when it began: these alone it can sync.
    begun: usize,
    /// The step that made it sure, if one did.
    sure: Option<usize>,
}

/// Which of the changes that nothing made sure have reached the disk.
#[derive(Clone, Copy, Debug)]
pub enum Luck {
    /// All.
    All,
    /// None.
    None,
    /// Some, by lot.
    Some(u64),
}

/// What a run did to one folder.
pub struct Recording {
    /// Names and contents before.
    before: Content,
    steps: Vec<Step>,
}

/// Files with their bytes, and folders without.
type Content = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Reads a folder; paths are from the root, which is in it.
pub fn content(folder: &Path) -> Content {
    let mut content = Content::new();
    if folder.is_dir() {
        content.insert(folder.to_owned(), None);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                content.extend(self::content(&path));
            } else {
                content.insert(path.clone(), Some(fs::read(&path).unwrap()));
            }
        }
    }
    content
}

impl Recording {
    /// From what was there, and the calls that changed what is below `folder`.
    pub fn of(before: Content, calls: &[Call], folder: &Path) -> Self {
        let mut recorder = Recorder::new(before, folder);
        calls.iter().for_each(|call| recorder.take(call));
        let mut recording = Self { before: recorder.before, steps: recorder.steps };
        recording.settle();
        recording
    }

    /// Finds what made each step sure.
    fn settle(&mut self) {
        let mut bytes: HashMap<Inode, Vec<usize>> = HashMap::new();
        let mut names: HashMap<PathBuf, Vec<usize>> = HashMap::new();
        for i in 0..self.steps.len() {
            let begun = self.steps[i].begun;
            let waiting = match &self.steps[i].change {
                Change::Write { inode, .. } | Change::Cut { inode, .. } => {
                    bytes.entry(*inode).or_default().push(i);
                    continue;
                }
                Change::Made { path, .. } | Change::MadeFolder { path } | Change::Removed { path } => {
                    names.entry(path.parent().unwrap().to_owned()).or_default().push(i);
                    continue;
                }
                Change::Renamed { from, to, .. } => {
                    assert_eq!(from.parent(), to.parent(), "a name moves within its folder");
                    names.entry(to.parent().unwrap().to_owned()).or_default().push(i);
                    continue;
                }
                Change::Said(_) => continue,
                Change::Synced { inode } => bytes.entry(*inode).or_default(),
                Change::SyncedFolder { path } => names.entry(path.clone()).or_default(),
            };
            for sure in waiting.extract_if(.., |step| *step < begun) {
                self.steps[sure].sure = Some(i);
            }
        }
    }

    /// How many steps there are; the power may be lost before each and after the last.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// How many calls changed something, and how many synced.
    pub fn counts(&self) -> (usize, usize) {
        let synced = |step: &&Step| matches!(step.change, Change::Synced { .. } | Change::SyncedFolder { .. });
        let said = self.steps.iter().filter(|step| matches!(step.change, Change::Said(_))).count();
        let synced = self.steps.iter().filter(synced).count();
        (self.steps.len() - synced - said, synced)
    }

    /// All that was told before a step.
    pub fn said(&self, until: usize) -> String {
        let said = |step: &Step| if let Change::Said(text) = &step.change { text.clone() } else { String::new() };
        self.steps[..until].iter().map(said).collect()
    }

    /// The last steps before one, for who must find out what went wrong.
    pub fn tail(&self, until: usize) -> String {
        let told = |step: &Step| match &step.change {
            Change::Write { inode, at, bytes } => format!("  write of {} to file {inode} at {at}", bytes.len()),
            change => format!("  {change:?}"),
        };
        let steps = &self.steps[until.saturating_sub(12)..until];
        steps.iter().map(told).collect::<Vec<_>>().join("\n")
    }

    /// The same run on a disk that lies: syncs of the files and folders that `of` names do nothing. Returns how many.
    pub fn without_syncs(&mut self, of: fn(&Path) -> bool) -> usize {
        let named = |step: &Step| match &step.change {
            Change::Made { path, inode } | Change::Renamed { to: path, inode, .. } if of(path) => Some(*inode),
            _ => None,
        };
        let named: BTreeSet<Inode> = self.steps.iter().filter_map(named).collect();
        let mut lost = 0;
        for step in &mut self.steps {
            step.sure = None;
            let lies = match &step.change {
                Change::Synced { inode } => named.contains(inode),
                Change::SyncedFolder { path } => of(path),
                _ => false,
            };
            if lies {
                step.change = Change::Said(String::new());
                lost += 1;
            }
        }
        self.settle();
        lost
    }

    /// What is on the disk where the power is lost before step `until`.
    pub fn disk(&self, until: usize, luck: Luck) -> Content {
        let mut files: Vec<Vec<u8>> = Vec::new();
        let mut names: BTreeMap<PathBuf, Option<Inode>> = BTreeMap::new();
        for (path, bytes) in &self.before {
            names.insert(path.clone(), bytes.as_ref().map(|_| files.len()));
            files.extend(bytes.clone());
        }
        let mut lot = if let Luck::Some(seed) = luck { Lot::of(seed) } else { Lot::of(0) };
        // Of some disks little is left, of others nearly all.
        let share = [26, 128, 230][lot.below(3)];
        for step in &self.steps[..until] {
            let sure = step.sure.is_some_and(|by| by < until);
            let mut holds = || {
                sure || match luck {
                    Luck::All => true,
                    Luck::None => false,
                    Luck::Some(_) => lot.below(256) < share,
                }
            };
            match &step.change {
                Change::Write { inode, at, bytes } => {
                    let file = file(&mut files, *inode);
                    // Sectors of the file, not of the write.
                    let (mut from, mut end) = (0, SECTOR - at % SECTOR);
                    while from < bytes.len() {
                        end = end.min(bytes.len());
                        if holds() {
                            file.resize(file.len().max(at + end), 0);
                            file[at + from..at + end].copy_from_slice(&bytes[from..end]);
                        }
                        (from, end) = (end, end + SECTOR);
                    }
                }
                Change::Cut { inode, length } => {
                    if holds() {
                        file(&mut files, *inode).resize(*length, 0);
                    }
                }
                Change::Made { path, inode } => {
                    file(&mut files, *inode);
                    if holds() {
                        names.insert(path.clone(), Some(*inode));
                    }
                }
                Change::MadeFolder { path } => {
                    if holds() {
                        names.insert(path.clone(), None);
                    }
                }
                Change::Renamed { from, to, inode } => {
                    if holds() {
                        if names.get(from) == Some(&Some(*inode)) {
                            names.remove(from);
                        }
                        names.insert(to.clone(), Some(*inode));
                    }
                }
                Change::Removed { path } => {
                    if holds() {
                        names.remove(path);
                    }
                }
                Change::Synced { .. } | Change::SyncedFolder { .. } | Change::Said(_) => {}
            }
        }
        let mut content = Content::new();
        for (path, inode) in names {
            // What stands in a folder that is lost is lost with it. Folders come before what is in them.
            let is_root = self.before.first_key_value().is_some_and(|(root, _)| *root == path);
            if is_root || path.parent().is_some_and(|above| content.contains_key(above)) {
                content.insert(path, inode.map(|inode| files[inode].clone()));
            }
        }
        content
    }
}

fn file(files: &mut Vec<Vec<u8>>, inode: Inode) -> &mut Vec<u8> {
    files.resize(files.len().max(inode + 1), Vec::new());
    &mut files[inode]
}

/// Makes a disk of what is to be on it, below another folder than it was recorded in.
pub fn lay_out(content: &Content, recorded: &Path, folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap();
    for (path, bytes) in content {
        let path = folder.join(path.strip_prefix(recorded).unwrap());
        match bytes {
            None => fs::create_dir_all(path).unwrap(),
            Some(bytes) => fs::write(path, bytes).unwrap(),
        }
    }
}

/// Tells disks apart.
pub fn fingerprint(content: &Content) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

/// Numbers that look like chance (SplitMix64: Steele, Lea and Flood, 2014).
pub struct Lot(u64);

impl Lot {
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

/// Turns calls into steps.
struct Recorder {
    folder: PathBuf,
    before: Content,
    steps: Vec<Step>,
    /// For each call how many steps there were when it ended.
    ended: Vec<usize>,
    names: HashMap<PathBuf, Inode>,
    folders: BTreeSet<PathBuf>,
    inodes: usize,
    lengths: HashMap<Inode, usize>,
    /// What a descriptor stands for and where it writes next.
    open: HashMap<i64, (Open, usize)>,
}

#[derive(Clone)]
enum Open {
    File(Inode),
    Folder(PathBuf),
}

impl Recorder {
    fn new(before: Content, folder: &Path) -> Self {
        let files = before.iter().filter(|(_, bytes)| bytes.is_some()).map(|(path, _)| path.clone());
        let names: HashMap<_, _> = files.enumerate().map(|(inode, path)| (path, inode)).collect();
        let folders = before.iter().filter(|(_, bytes)| bytes.is_none()).map(|(path, _)| path.clone()).collect();
        let length = |path: &PathBuf| before[path].as_ref().map_or(0, Vec::len);
        let lengths = names.iter().map(|(path, inode)| (*inode, length(path))).collect();
        let (inodes, folder) = (names.len(), folder.to_owned());
        let (steps, ended, open) = (Vec::new(), Vec::new(), HashMap::new());
        Self { folder, before, steps, ended, names, folders, inodes, lengths, open }
    }

    fn step(&mut self, call: &Call, change: Change) {
        let begun = call.begun.checked_sub(1).map_or(0, |before| self.ended[before]);
        self.steps.push(Step { change, begun, sure: None });
    }

    fn take(&mut self, call: &Call) {
        if call.result >= 0 {
            self.apply(call);
        }
        self.ended.push(self.steps.len());
    }

    fn apply(&mut self, call: &Call) {
        let below = |path: &PathBuf| path.starts_with(&self.folder);
        let paths: Vec<_> = call.paths().filter(below).collect();
        let within = call.file.as_ref().is_some_and(below);
        match (call.name.as_str(), paths.as_slice()) {
            ("openat" | "open" | "creat", [path]) => self.opened(call, path.clone()),
            ("write" | "pwrite64", _) if within => {
                let (Open::File(inode), next) = self.open[&call.number(0)].clone() else { panic!("{call:?}") };
                let at = if call.name == "write" { next } else { call.number(3) as usize };
                let bytes = call.written();
                if call.name == "write" {
                    self.open.insert(call.number(0), (Open::File(inode), at + bytes.len()));
                }
                let length = self.lengths.entry(inode).or_default();
                *length = (*length).max(at + bytes.len());
                self.step(call, Change::Write { inode, at, bytes });
            }
            ("write", _) if call.args[0] == "1" => {
                self.step(call, Change::Said(String::from_utf8_lossy(&call.written()).into_owned()));
            }
            ("lseek", _) if within => {
                let open = self.open.get_mut(&call.number(0)).unwrap();
                open.1 = call.result as usize;
            }
            ("ftruncate", _) if within => {
                let (Open::File(inode), _) = self.open[&call.number(0)].clone() else { panic!("{call:?}") };
                let length = call.number(1) as usize;
                self.lengths.insert(inode, length);
                self.step(call, Change::Cut { inode, length });
            }
            ("fsync" | "fdatasync", _) if within => match self.open[&call.number(0)].0.clone() {
                Open::File(inode) => self.step(call, Change::Synced { inode }),
                Open::Folder(path) => self.step(call, Change::SyncedFolder { path }),
            },
            ("rename" | "renameat" | "renameat2", [from, to]) => {
                let inode = self.names.remove(from).unwrap_or_else(|| panic!("{call:?}"));
                self.names.insert(to.clone(), inode);
                self.step(call, Change::Renamed { from: from.clone(), to: to.clone(), inode });
            }
            ("unlink" | "unlinkat", [path]) => {
                self.names.remove(path);
                self.step(call, Change::Removed { path: path.clone() });
            }
            ("mkdir" | "mkdirat", [path]) => {
                self.folders.insert(path.clone());
                self.step(call, Change::MadeFolder { path: path.clone() });
            }
            ("chmod" | "fchmod" | "fchmodat" | "close", _) | (_, []) if !within => {}
            _ if call.name == "close" => {}
            _ => panic!("a call that the model does not know: {call:?}"),
        }
    }

    fn opened(&mut self, call: &Call, path: PathBuf) {
        let flag = |flag: &str| call.args.iter().any(|arg| arg.contains(flag));
        let open = if self.folders.contains(&path) {
            Open::Folder(path)
        } else if let Some(&inode) = self.names.get(&path) {
            if flag("O_TRUNC") && self.lengths.get(&inode).is_some_and(|length| *length > 0) {
                self.lengths.insert(inode, 0);
                self.step(call, Change::Cut { inode, length: 0 });
            }
            Open::File(inode)
        } else {
            assert!(flag("O_CREAT"), "a file that nobody made: {call:?}");
            let inode = self.inodes;
            self.inodes += 1;
            self.names.insert(path.clone(), inode);
            self.step(call, Change::Made { path, inode });
            Open::File(inode)
        };
        assert!(!flag("O_APPEND"), "{call:?}");
        self.open.insert(call.result, (open, 0));
    }
}
