//! The system calls of a run that change files, as `strace` writes them down: which call, of which thread, on which file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// All by which a file or a name on disk may change, and what is needed to tell which.
const WATCHED: &str = "openat,creat,open,close,lseek,write,pwrite64,writev,pwritev,ftruncate,truncate,fallocate,\
     fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,\
     symlink,symlinkat,chmod,fchmod,fchmodat,copy_file_range,sendfile,clone,clone3,fork,vfork,dup,dup2,dup3";

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    /// As strace writes them.
    pub args: Vec<String>,
    /// -1 for an error.
    pub result: i64,
    /// Which of the calls of this name by its thread, from 1.
    pub nth: usize,
    /// How many calls of the run had ended when it began.
    pub begun: usize,
    /// Whether it is an error that strace made up.
    pub injected: bool,
    /// The file that its descriptor stands for.
    pub file: Option<PathBuf>,
}

impl Call {
    /// The strings among its arguments, read as paths.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.args.iter().filter(|arg| arg.starts_with('"')).map(|arg| PathBuf::from(OsString::from_vec(unhex(arg))))
    }

    /// Whether it makes or changes anything below `folder`, or tries to.
    pub fn changes(&self, folder: &Path) -> bool {
        let named = || self.paths().any(|path| path.starts_with(folder));
        match self.name.as_str() {
            "openat" | "open" | "creat" => named() && self.args.iter().any(|arg| arg.contains("O_CREAT")),
            "write" | "pwrite64" | "writev" | "ftruncate" | "fsync" | "fdatasync" => {
                self.file.as_ref().is_some_and(|file| file.starts_with(folder))
            }
            "close" | "lseek" => false,
            _ => named(),
        }
    }

    /// The bytes that it wrote.
    pub fn written(&self) -> Vec<u8> {
        let mut bytes = self.args.get(1).map(|arg| unhex(arg)).unwrap_or_default();
        bytes.truncate(usize::try_from(self.result).unwrap_or(0));
        bytes
    }

    /// An argument that is a number.
    pub fn number(&self, i: usize) -> i64 {
        self.args.get(i).and_then(|arg| arg.parse().ok()).unwrap_or_else(|| panic!("{self:?}"))
    }
}

/// The bytes of a string in which each is written as `\x00`.
fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim_end_matches("...").trim_matches('"').split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{digits}"))).collect()
}

/// Runs `program` below `strace` and gives what it did; `inject` is an expression for its `-e inject=`.
pub fn watched(mut strace: Command, program: &Command, inject: Option<&str>, log: &Path) -> (Vec<Call>, Output) {
    strace.args(["-f", "-xx", "-s", "99999999", "-o"]).arg(log).arg("-e").arg(format!("trace={WATCHED}"));
    if let Some(inject) = inject {
        strace.arg("-e").arg(format!("inject={inject}"));
    }
    strace.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        strace.env(name, value.unwrap_or_default());
    }
    if let Some(folder) = program.get_current_dir() {
        strace.current_dir(folder);
    }
    let output = strace.output().unwrap();
    let calls = calls(&fs::read_to_string(log).unwrap());
    fs::remove_file(log).unwrap();
    (calls, output)
}

/// A line of the log taken apart: its thread, and a call that is whole, begun or ended.
fn parts(line: &str) -> Option<(u32, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    Some((thread.parse().ok()?, rest.trim_start()))
}

fn calls(log: &str) -> Vec<Call> {
    let mut begun: HashMap<u32, (String, usize)> = HashMap::new();
    let mut counts: HashMap<(u32, String), usize> = HashMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((thread, rest)) = parts(line) else { continue };
        // The number of a descriptor is free for another thread's file before its close has ended here: it counts from
        // where it begins.
        let closed = rest.strip_suffix("<unfinished ...>").filter(|head| head.starts_with("close("));
        let closed = closed.map(|head| format!("{}) = 0", head.trim_end()));
        if let Some(head) = rest.strip_suffix("<unfinished ...>").filter(|_| closed.is_none()) {
            begun.insert(thread, (head.trim_end().to_owned(), calls.len()));
            continue;
        }
        let rest = closed.as_deref().unwrap_or(rest);
        let (text, at) = match rest.strip_prefix("<... ") {
            Some(tail) => {
                let Some((head, at)) = begun.remove(&thread) else { continue };
                (head + tail.split_once("resumed>").map_or("", |(_, tail)| tail), at)
            }
            None => (rest.to_owned(), calls.len()),
        };
        // Signals and ends of processes are no calls.
        let Some((name, args)) = text.split_once('(') else { continue };
        let Some((args, result)) = args.rsplit_once(" = ") else { continue };
        if name.starts_with(['+', '-']) {
            continue;
        }
        let nth = counts.entry((thread, name.to_owned())).or_default();
        *nth += 1;
        let args = args.trim_end().trim_end_matches(')');
        let call = Call {
            name: name.to_owned(),
            args: args.split(", ").map(str::to_owned).collect(),
            result: result.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(-1),
            nth: *nth,
            begun: at,
            injected: result.contains("(INJECTED)"),
            file: None,
        };
        calls.push((thread, call));
    }
    name_files(calls)
}

/// Follows descriptors to what they were opened on. Threads share them, processes do not.
fn name_files(calls: Vec<(u32, Call)>) -> Vec<Call> {
    let mut parents = HashMap::new();
    for (thread, call) in &calls {
        if call.args.iter().any(|arg| arg.contains("CLONE_THREAD")) && call.result > 0 {
            parents.insert(call.result as u32, *thread);
        }
    }
    let process = |mut thread: u32| {
        while let Some(&parent) = parents.get(&thread) {
            thread = parent;
        }
        thread
    };
    let mut open: HashMap<(u32, i64), PathBuf> = HashMap::new();
    let named = calls.into_iter().map(|(thread, mut call)| {
        let process = process(thread);
        let descriptor = call.args.first().and_then(|arg| arg.parse().ok());
        match call.name.as_str() {
            "openat" | "open" | "creat" if call.result >= 0 => {
                let path = call.paths().next().unwrap_or_default();
                open.insert((process, call.result), path.clone());
                call.file = Some(path);
            }
            "close" => drop(descriptor.and_then(|descriptor| open.remove(&(process, descriptor)))),
            _ => call.file = descriptor.and_then(|descriptor| open.get(&(process, descriptor)).cloned()),
        }
        call
    });
    named.collect()
}
