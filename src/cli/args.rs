//! The flags, each defined once: help, man page and completions are made from here.

use std::num::NonZero;
use std::path::PathBuf;

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint, value_parser};
use clap_complete::Shell;

/// Find where a picture, or an edited copy of it, stands in your own collections.
///
/// `ris index` describes the pictures of folders into an index on your own disk. `ris search` describes a
/// query picture in memory and prints where it stands. The query is never uploaded and never stored.
#[derive(Debug, Parser)]
#[command(
    name = "ris",
    version,
    max_term_width = 100,
    args_override_self = true,
    arg_required_else_help = true,
    subcommand_required = true
)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, ClapArgs)]
pub struct Global {
    /// The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user's
    /// data folder]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, action = ArgAction::Append)]
    pub index: Vec<PathBuf>,
    /// Print no results, progress or summary: the exit status tells. Warnings are still printed
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Colour results
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: When,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Describe pictures into the index
    Index(Index),
    /// Find where pictures, or edited copies of them, stand in the index
    Search(Search),
    /// Tell whether two pictures are the same, and how one came from the other
    Compare(Compare),
    /// List the groups of pictures in the index that are copies of each other
    Dupes(Dupes),
    /// Tell what keeps a query private on this machine, and prove it
    Privacy(Privacy),
    /// Tell what the index holds, and what failed
    Status(Status),
    /// Read every checksum of the index; with --repair, drop what is damaged
    Verify(Verify),
    /// Forget pictures whose files are gone, never those of a disk that is unplugged
    Prune(Prune),
    /// Take what other indexes hold into one, without decoding a picture again
    Merge(Merge),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// Which files of a folder are looked at.
#[derive(Debug, ClapArgs)]
pub struct Walk {
    /// Look at hidden files and folders too
    #[arg(short = 'H', long)]
    pub hidden: bool,
    /// Follow symbolic links
    #[arg(short = 'L', long)]
    pub follow: bool,
    /// Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a
    /// whole; may be repeated
    #[arg(short = 'E', long, value_name = "GLOB", action = ArgAction::Append)]
    pub exclude: Vec<String>,
    /// Read so many files at the same time, e.g. 1 from a spinning disk [default: as many as are decoded]
    #[arg(long, value_name = "N")]
    pub io_threads: Option<NonZero<usize>>,
    /// Describe N frames, spread over it, of a moving picture (GIF, WebP, PNG), not the first alone; what was described
    /// with a larger N stays
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=FRAMES_MAX))]
    pub frames: u32,
}

/// How much of the machine decoding takes, of collections and of queries.
#[derive(Debug, ClapArgs)]
pub struct Load {
    /// Decode so many pictures at the same time, 64 at most [default: one a processor]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,
    /// Take at most so much memory for all pictures that are decoded at the same time, e.g. 512M or 4G; a larger one
    /// is a warning [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_memory: Option<u64>,
}

/// The most frames of one picture: what one file may cost.
const FRAMES_MAX: i64 = 1000;

/// Lists of names in files.
#[derive(Debug, ClapArgs)]
pub struct Lists {
    /// Read more names from FILE, one a line; "-": from stdin
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files_from: Option<PathBuf>,
    /// Names in lists end in NUL, not in a newline
    #[arg(short = 'z', long)]
    pub null_data: bool,
}

/// How sources on the web are crawled.
#[cfg(feature = "crawl")]
#[derive(Debug, ClapArgs)]
pub struct Web {
    /// How far a crawl goes: the start's host, all hosts below its domain, or paths that begin as the start's
    #[arg(long, value_name = "REACH", default_value = "host")]
    pub scope: Reach,
    /// Follow at most N links from the start [default: all]
    #[arg(long, value_name = "N")]
    pub depth: Option<u16>,
    /// Fetch only pages whose path matches this glob (as in .gitignore), or whose whole address does; the pictures that they
    /// show may stand anywhere; may be repeated
    #[arg(long, value_name = "GLOB", action = ArgAction::Append)]
    pub include: Vec<String>,
    /// Fetch at most N pages now; what is left waits for the next run
    #[arg(long, value_name = "N")]
    pub max_pages: Option<u64>,
    /// Fetch at most N pictures now
    #[arg(long, value_name = "N")]
    pub max_images: Option<u64>,
    /// Receive at most so many bytes now, e.g. 500M
    #[arg(long, value_name = "SIZE", value_parser = amount)]
    pub max_bytes: Option<u64>,
    /// Leave a host alone for so long between requests; its Crawl-delay and its slowness count, too
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub delay: std::time::Duration,
    /// List what would be fetched: pages are read for that, pictures are not, and no index is made
    #[arg(long)]
    pub dry_run: bool,
    /// Leave pictures out whose pages say noai or noimageai
    #[arg(long)]
    pub noai: bool,
    /// Write what is fetched to this new file as a web archive (WARC 1.1); packed where it ends in .gz
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub warc: Option<PathBuf>,
    /// Connect to addresses that are not public, too: an intranet's, this machine's
    #[arg(long)]
    pub allow_private: bool,
    /// The name to give to servers, by which their rules for crawlers mean this one [default: ris/VERSION and where to read
    /// about it]
    #[arg(long, value_name = "TEXT")]
    pub user_agent: Option<String>,
    /// Connect through this proxy: http://HOST:PORT. None is used unless named here
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub proxy: Option<String>,
}

/// How far a crawl goes.
#[cfg(feature = "crawl")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reach {
    /// The start's host, with or without www.
    Host,
    /// The start's host without www. and every host below it
    Domain,
    /// The start's host, and paths that begin as the start's does up to its last slash
    Prefix,
}

#[derive(Debug, ClapArgs)]
#[command(
    args_override_self = true,
    after_help = "Exit status: 0 every picture found was indexed, 2 some could not be, 130 stopped by Ctrl-C (what was done is kept)."
)]
pub struct Index {
    /// Folders, picture files, archives (zip, tar, WARC), and addresses on the web (pages, sitemaps, pictures); "-": a
    /// list of them on stdin
    #[arg(value_name = "SOURCE", required_unless_present_any = ["files_from", "here"], value_hint = ValueHint::AnyPath)]
    pub sources: Vec<PathBuf>,
    /// Index DIR into DIR/.ris, with paths relative to DIR: the index travels with its disk
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with_all = ["sources", "files_from"])]
    pub here: Option<PathBuf>,
    /// Then stay, and index what changes until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    pub walk: Walk,
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub lists: Lists,
    #[cfg(feature = "crawl")]
    #[command(flatten, next_help_heading = "Of sources on the web")]
    pub web: Web,
    /// Print the summary as one line of JSON; with --watch, one each time
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(args_override_self = true, after_help = "Exit status: 0 something matched, 1 nothing matched, 2 an error.")]
pub struct Search {
    /// Pictures to search for; "-": a picture's bytes on stdin
    #[arg(value_name = "IMAGE", required_unless_present = "files_from", value_hint = ValueHint::FilePath)]
    pub images: Vec<PathBuf>,
    /// First bring the index of DIR up to date, then search only there; may be repeated
    #[arg(long = "in", value_name = "DIR", value_hint = ValueHint::DirPath, action = ArgAction::Append)]
    pub within: Vec<PathBuf>,
    /// Find only pictures that meet these conditions, e.g. 'taken:2019..2021 camera:canon size:>2MP path:scans/**'; may
    /// be repeated
    #[arg(long = "where", value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true)]
    pub filter: Vec<String>,
    /// Print at most N matches a query; 0: all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// Print only matches with at least this probability, 0 to 1 [default: where 99 of 100 are right]
    #[arg(long, value_name = "P", value_parser = probability)]
    pub min_score: Option<f64>,
    /// Tell the raw file and the JPEG or HEIC of one shot (same folder, same name) as one match
    #[arg(long)]
    pub raw_pairs: bool,
    /// Print one JSON object a query and line
    #[arg(long, conflicts_with_all = ["paths", "null"])]
    pub json: bool,
    /// Print only the paths of matches, one a line
    #[arg(short = 'l', long)]
    pub paths: bool,
    /// Print only the paths of matches, each ending in NUL
    #[arg(short = '0', long)]
    pub null: bool,
    /// Link paths to their files (OSC 8)
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub hyperlink: When,
    #[command(flatten)]
    pub lists: Lists,
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub confine: Confine,
    #[command(flatten, next_help_heading = "With --in")]
    pub walk: Walk,
}

#[derive(Debug, ClapArgs)]
#[command(args_override_self = true, after_help = "Exit status: 0 they show the same, 1 they do not, 2 an error.")]
pub struct Compare {
    /// A picture; "-": its bytes on stdin
    #[arg(value_name = "A", value_hint = ValueHint::FilePath)]
    pub first: PathBuf,
    /// Another, of which the first may show a part, or the other way round; "-": its bytes on stdin
    #[arg(value_name = "B", value_hint = ValueHint::FilePath)]
    pub second: PathBuf,
    /// The probability from which they are the same, 0 to 1 [default: as in search]
    #[arg(long, value_name = "P", value_parser = probability)]
    pub min_score: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Draw both side by side into this PNG file, in grey, what they share outlined, what agrees joined by lines
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub picture: Option<PathBuf>,
    #[command(flatten)]
    pub confine: Confine,
}

/// How a query is kept private.
#[derive(Debug, ClapArgs)]
pub struct Confine {
    /// Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same
    #[arg(long)]
    pub require_sandbox: bool,
    /// Search without the sandbox, in one process: for the tests that show what it refuses, and to measure what it costs. A
    /// flag, not a variable: nobody else's environment can switch it off
    #[arg(long, hide = true, conflicts_with = "require_sandbox")]
    pub no_sandbox: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Exit status: 0 wholly enforced and every forbidden call refused, 1 not, 2 an error.")]
pub struct Privacy {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub confine: Confine,
}

#[derive(Debug, ClapArgs)]
pub struct Status {
    /// List what failed and why, one a line, and the pictures that this build does not read
    #[arg(long)]
    pub errors: bool,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Exit status: 0 there are copies, 1 there are none, 2 an error.")]
pub struct Dupes {
    /// Only pictures below these folders
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folders: Vec<PathBuf>,
    /// Print one JSON object a group and line
    #[arg(long, conflicts_with = "null")]
    pub json: bool,
    /// End each path in NUL, and each group in one more
    #[arg(short = '0', long)]
    pub null: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Exit status: 0 the index is whole, 1 it is damaged, or was before --repair, 2 it could not be checked or repaired."
)]
pub struct Verify {
    /// Drop what is damaged, so that the rest is whole, and list what to index again
    #[arg(long)]
    pub repair: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Exit status: 0 what is gone, if anything, is forgotten, 2 an error.")]
pub struct Prune {
    /// Only what stood below these folders
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folders: Vec<PathBuf>,
    /// Only what an earlier `ris index` found missing: no other file is looked for
    #[arg(long)]
    pub missing: bool,
    /// Forget what is below folders that are offline, too; these must be named
    #[arg(long, requires = "folders")]
    pub offline: bool,
    /// Change nothing, and list what would be forgotten
    #[arg(short = 'N', long)]
    pub dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Exit status: 0 all is in, 2 an error, 130 stopped by Ctrl-C. What was done is kept: run it again to go on."
)]
pub struct Merge {
    /// The index that takes it all: a new folder, or an index that is added to
    #[arg(value_name = "OUT", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// Indexes that are only read. Of a file that several know, what was seen at the later time counts
    #[arg(value_name = "SHARD", required = true, value_hint = ValueHint::DirPath)]
    pub shards: Vec<PathBuf>,
    /// Print the summary as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// When to do something that is meant for terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal that can
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

impl When {
    /// Decides, for a stream that is a `terminal` or not.
    pub fn applies(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

/// Bytes: a number, perhaps with K, M, G or T for powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    match amount(text)? {
        bytes if bytes >= SIZE_MIN => Ok(bytes),
        _ => Err("no picture can be decoded in less than 64M".into()),
    }
}

/// The same, however few.
fn amount(text: &str) -> Result<u64, String> {
    let text = text.trim().to_ascii_uppercase();
    let text = text.strip_suffix("IB").or_else(|| text.strip_suffix('B')).unwrap_or(&text);
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
    let shift = match text.get(digits.len()..) {
        Some("") => 0,
        Some("K") => 10,
        Some("M") => 20,
        Some("G") => 30,
        Some("T") => 40,
        _ => return Err("a size is a number of bytes, or one with K, M, G or T behind it".into()),
    };
    let bytes = digits.trim().parse().ok().and_then(|number: u64| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| "a size is a number of bytes, or one with K, M, G or T behind it".into())
}

#[cfg(feature = "crawl")]
fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.map(std::time::Duration::from_secs_f64).ok_or_else(|| "a number of seconds, at most a day".into())
}

/// Less would refuse ordinary photos of cameras.
const SIZE_MIN: u64 = 64 << 20;

fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("a probability is a number from 0 to 1".into()),
    }
}

/// The command without its hidden flags, which completions would offer all the same.
pub fn shown(command: &clap::Command) -> clap::Command {
    // Names of commands live as long as the process; there are a dozen.
    let name: &str = Box::leak(command.get_name().into());
    let mut shown = clap::Command::new(name).args_override_self(true);
    if let Some(about) = command.get_about() {
        shown = shown.about(about.clone());
    }
    if command.get_version().is_some() {
        shown = shown.version(env!("CARGO_PKG_VERSION"));
    }
    let args = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown.args(args.cloned()).subcommands(command.get_subcommands().map(self::shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_completions_are_made_of_is_all_but_the_hidden_flags() {
        let (whole, shown) = (Args::command(), shown(&Args::command()));
        let flags = |command: &clap::Command, hidden| {
            let of =
                |command: &clap::Command| command.get_arguments().filter(|arg| arg.is_hide_set() == hidden).count();
            of(command) + command.get_subcommands().map(of).sum::<usize>()
        };
        assert_eq!((flags(&whole, true), flags(&shown, true)), (3, 0), "--no-sandbox of three commands");
        assert_eq!(flags(&whole, false), flags(&shown, false));
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [("64M", 64 << 20), ("1g", 1 << 30), ("2 GiB", 2 << 30), ("100000000", 100_000_000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "1", "63M", "-1G", "1.5G", "1GM", "99999999T", "1é"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
