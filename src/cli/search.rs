//! `ris search`.

#![allow(unsafe_code, reason = "options of the allocator")]

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ris::index::Reader;
use ris::index::filter::Filter;
use ris::report::{self, Style, Told};
use ris::sandbox::{self, Policy};
use ris::search::{self, Answer, Gallery, Options, Query};
use ris::source::folder;
use ris::{Error, ErrorKind, decode};

use super::args::{Global, Search, When};
use super::exit::Exit;
use super::queries::{Done, Got, Queries};
use super::{confine, files, index, location, messages};

pub fn run(args: &Search, global: &Global) -> Result<Exit> {
    let mut queries = args.images.clone();
    let listed_there = args.lists.files_from.as_ref().is_some_and(|list| list.as_os_str() == "-");
    // Before a list is waited for, and with what it names.
    once_from_stdin(&queries, listed_there)?;
    queries.extend(files::listed(&args.lists)?);
    once_from_stdin(&queries, listed_there)?;
    let filter = args.filter.iter().map(|text| Filter::parse(text).context("--where")).collect::<Result<Vec<_>>>()?;
    let filter = filter.into_iter().fold(Filter::default(), Filter::and);
    let folders = if args.within.is_empty() { location::indexes(global)? } else { vec![location::index(global)?] };
    let within = args.within.iter().map(|folder| root(folder)).collect::<ris::Result<Vec<_>>>()?;
    let mut exit = Exit::NoMatch;
    if let (Some(folder), false) = (folders.first(), within.is_empty()) {
        match update(folder, &within, &queries, args, global)? {
            Exit::Success => {}
            Exit::Error => exit = Exit::Error,
            stopped => return Ok(if stopped == Exit::NoMatch { Exit::Error } else { stopped }),
        }
    }
    let defaults = Options::default();
    let decode = decode::Options::default();
    let decode = decode::Options { max_memory: args.load.max_memory.unwrap_or(decode.max_memory), ..decode };
    // From here on nothing can be written or sent, and no byte of a query was read yet.
    let mut described = Queries::start::<Query>(&queries, &decode, &args.confine, index::jobs(&args.load))?;
    share_heap();
    let sandbox = confine::enter(&args.confine, &policy(&folders, &described))?;
    described.begin();
    let options = Options {
        top: args.top,
        min_score: args.min_score.unwrap_or(defaults.min_score),
        within,
        filter,
        raw_pairs: args.raw_pairs,
        ..defaults
    };
    let (galleries, opened) = open(&folders, &options)?;
    if !opened {
        exit = Exit::Error;
    }
    let mut out = Output::new(args, global, queries.len() > 1);
    let search = move |_, Got { outcome, posture }: Got<Query>| {
        (outcome.and_then(|query| search::search_all(&galleries, &query, &options)), posture)
    };
    described.each(search, |number, Done { answer: (found, posture), elapsed }| {
        let query = queries.get(number).map_or(Path::new(""), PathBuf::as_path);
        let (outcome, whole) = tell(query, found);
        let told = Told { query, outcome, elapsed, sandbox: sandbox.and(posture) };
        out.write(&told)?;
        exit = match (exit, told) {
            (Exit::Error, _) | (_, Told { outcome: Err(_), .. }) => Exit::Error,
            _ if !whole => Exit::Error,
            (_, Told { outcome: Ok(answer), .. }) if !answer.matches.is_empty() => Exit::Success,
            (exit, _) => exit,
        };
        // As in grep: the first match answers the question.
        Ok(!(global.quiet && exit == Exit::Success))
    })?;
    Ok(exit)
}

/// Stdin is read once.
fn once_from_stdin(queries: &[PathBuf], holds_list: bool) -> ris::Result<()> {
    let pictures = queries.iter().filter(|query| query.as_os_str() == "-").count();
    if pictures + usize::from(holds_list) > 1 {
        let message = "stdin holds one picture or one list: name files for the others";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    Ok(())
}

/// Has all threads share one heap, which grows in large steps. glibc gives each its own, and has the system change their
/// protection a few pages at a time: each time all processors are interrupted, which took a tenth of a search of a million
/// pictures. To be called before there are threads, and after the processes are forked that decode: theirs stay as they are.
fn share_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (what, value) in [
        (libc::M_ARENA_MAX, 1),
        (libc::M_TOP_PAD, 1 << 20),
        (libc::M_TRIM_THRESHOLD, 64 << 20),
        (libc::M_MMAP_THRESHOLD, 4 << 20),
    ] {
        // SAFETY: a number that says how memory is asked for; what it does not know it refuses.
        unsafe { libc::mallopt(what, value) };
    }
}

/// Those of the indexes that can be opened, and whether that is all of them: each of the others is one warning.
fn open(folders: &[PathBuf], options: &Options) -> ris::Result<(Vec<Gallery>, bool)> {
    let (mut galleries, mut errors) = (Vec::new(), Vec::new());
    for folder in folders {
        match Reader::open(folder).and_then(|reader| Gallery::of(reader, options)) {
            Ok(gallery) => galleries.push(gallery),
            Err(error) => errors.push(error),
        }
    }
    if galleries.is_empty()
        && let Some(error) = errors.pop()
    {
        errors.iter().for_each(messages::warning);
        return Err(error);
    }
    errors.iter().for_each(messages::warning);
    Ok((galleries, errors.is_empty()))
}

/// Brings the index up to date in a child process; `NoMatch` where it could not be, and the child has said why.
///
/// Queries that stand below `within` are left out of it, under whatever names: nothing of them may be written.
fn update(folder: &Path, within: &[PathBuf], queries: &[PathBuf], args: &Search, global: &Global) -> Result<Exit> {
    let own: Vec<_> = queries.iter().filter_map(|query| files::identity(query)).collect();
    let code = sandbox::apart(|| match index::update(folder, within, own, (&args.walk, &args.load), global.quiet) {
        Ok(summary) => index::exit_of(&summary) as u8,
        Err(error) => {
            messages::error(&error);
            Exit::NoMatch as u8
        }
    })?;
    let exits = [Exit::Success, Exit::Error, Exit::Interrupted];
    Ok(exits.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Exit::NoMatch))
}

fn root(folder: &Path) -> ris::Result<PathBuf> {
    if location::is_address(folder) {
        let message = "--in takes a folder: index the address first, then search with --where 'path:ADDRESS/**'";
        return Err(Error::new(ErrorKind::Usage, message).about(folder));
    }
    let root = folder::resolve(folder)?;
    if root.is_dir() {
        Ok(root)
    } else {
        Err(Error::new(ErrorKind::Usage, "not a folder: --in takes one").about(folder))
    }
}

/// What the process may still do: read the indexes, and talk to those that read queries.
fn policy(folders: &[PathBuf], queries: &Queries) -> Policy {
    #[cfg(unix)]
    let (writable, open) = queries.descriptors();
    #[cfg(not(unix))]
    let _ = queries;
    Policy {
        folders: folders.to_vec(),
        #[cfg(unix)]
        writable,
        #[cfg(unix)]
        open,
        ..Policy::default()
    }
}

/// Says what went wrong with a query, and gives its answer and whether all indexes were searched.
fn tell(query: &Path, found: ris::Result<(Answer, Vec<Error>)>) -> (ris::Result<Answer>, bool) {
    let (outcome, errors) = match found {
        Ok((answer, errors)) => (Ok(answer), errors),
        Err(error) => (Err(error), Vec::new()),
    };
    errors.iter().for_each(messages::warning);
    let name = if query.as_os_str() == "-" { Path::new("stdin") } else { query };
    let say = |message: &str| messages::line(&format!("{}: {message}", name.display()));
    match &outcome {
        Err(error) if error.subject().is_none() => say(error.message()),
        Err(error) => messages::warning(error),
        Ok(Answer { too_plain: true, partial_data: false, .. }) => {
            say("too plain: it has too little detail to be told from other pictures");
        }
        Ok(Answer { too_plain: true, partial_data: true, .. }) => {
            say(
                "damaged, and what could be read is too plain: it has too little detail to be told from other pictures",
            );
        }
        Ok(Answer { partial_data: true, .. }) => say("damaged: only some of its rows could be read"),
        Ok(_) => {}
    }
    (outcome, errors.is_empty())
}

/// Where answers go, and in which form.
struct Output {
    stdout: BufWriter<io::StdoutLock<'static>>,
    form: Form,
    /// A group of matches was written.
    begun: bool,
}

enum Form {
    Nothing,
    Json,
    Paths { end: u8, escaped: bool },
    Text(Style),
}

impl Output {
    fn new(args: &Search, global: &Global, several: bool) -> Self {
        let stdout = io::stdout().lock();
        let terminal = stdout.is_terminal();
        let form = if global.quiet {
            Form::Nothing
        } else if args.json {
            Form::Json
        } else if args.null {
            Form::Paths { end: 0, escaped: false }
        } else if args.paths {
            Form::Paths { end: b'\n', escaped: terminal }
        } else {
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let color = if global.color == When::Auto && no_color { When::Never } else { global.color };
            Form::Text(Style {
                color: color.applies(terminal),
                hyperlink: args.hyperlink.applies(terminal),
                escape: terminal,
                headings: several,
                here: std::env::current_dir().ok().and_then(|here| here.canonicalize().ok()),
            })
        };
        Self { stdout: BufWriter::new(stdout), form, begun: false }
    }

    /// Writes one answer and flushes it, so that a reader has it while the next query runs.
    fn write(&mut self, told: &Told<'_>) -> Result<()> {
        let out = &mut self.stdout;
        match &self.form {
            Form::Nothing => {}
            Form::Json => report::json::answer(out, told)?,
            Form::Paths { end, escaped } => report::paths::answer(out, told, *end, *escaped)?,
            Form::Text(style) => {
                let found = told.outcome.as_ref().is_ok_and(|answer| !answer.matches.is_empty());
                if style.headings && found && std::mem::replace(&mut self.begun, true) {
                    out.write_all(b"\n")?;
                }
                report::text::answer(out, told, style)?;
            }
        }
        out.flush().context("stdout")
    }
}
