//! The command: arguments -> options -> library -> text.

mod args;
mod compare;
mod confine;
mod dupes;
mod exit;
mod files;
mod index;
mod location;
mod man;
mod merge;
mod messages;
mod owner;
mod progress;
mod prune;
mod queries;
mod search;
mod status;
mod verify;
mod watch;
#[cfg(feature = "crawl")]
mod web;

use clap::{CommandFactory, Parser};

use args::{Args, Command};
pub use exit::Exit;

/// Runs the command that the process was called with.
pub fn run() -> Exit {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are asked for and go to stdout; a closed pipe ends them quietly.
            let lost = error.print().is_err_and(|io| io.kind() != std::io::ErrorKind::BrokenPipe);
            return if error.use_stderr() || lost { Exit::Error } else { Exit::Success };
        }
    };
    let done = match args.command {
        Command::Index(index) => index::run(&index, &args.global),
        Command::Search(search) => search::run(&search, &args.global),
        Command::Compare(compare) => compare::run(&compare, &args.global),
        Command::Privacy(privacy) => confine::privacy(&privacy, &args.global),
        Command::Dupes(dupes) => dupes::run(&dupes, &args.global),
        Command::Verify(verify) => verify::run(&verify, &args.global),
        Command::Prune(prune) => prune::run(&prune, &args.global),
        Command::Merge(merge) => merge::run(&merge, &args.global),
        Command::Status(status) => status::run(&status, &args.global),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut args::shown(&Args::command()), "ris", &mut text);
            exit::print(&text)
        }
        Command::Man => man::page().and_then(|page| exit::print(&page)),
    };
    match done {
        Ok(exit) => exit,
        Err(error) if exit::is_closed_pipe(&error) => Exit::Success,
        Err(error) => {
            messages::error(&error);
            Exit::Error
        }
    }
}
