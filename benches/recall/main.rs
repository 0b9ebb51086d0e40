//! How much is found, of any folder of pictures: `cargo bench --bench recall -- --photos DIR`.
//!
//! Pictures are chosen, edited in memory as people edit them ([`edits`]), saved as JPEG and searched for
//! among all of the folder; unrelated pictures are searched for too. The table tells what is found, edit
//! by edit, what the scores are worth and what it costs. Everything but the times is the same in every
//! run with the same seed and pictures, however many processors there are.

mod edits;
mod finder;
mod fit;
mod photos;
mod report;
mod score;
mod sheet;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use image::RgbImage;
use indicatif::ProgressBar;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use edits::{Edit, Random, Scene};
use finder::{Finder, Ris};
use photos::Judge;
use report::{Cost, Report, Row};
use score::{Answer, Query, quantile};

/// Answers asked for: recall@10 needs no more.
const TOP: usize = 10;
/// Sources of the largest collage, and strangers of the largest.
const SOURCES: usize = 4;
const STRANGERS: usize = 3;
/// The quality at which unrelated pictures are saved: that of most edits.
const QUALITY: u8 = 85;

/// Searches for edited copies of pictures and tells how many are found.
#[derive(Parser)]
#[command(name = "recall", bin_name = "cargo bench --bench recall --")]
struct Args {
    /// Folder of pictures to search among, and to choose from
    #[arg(long, value_name = "DIR")]
    photos: PathBuf,
    /// Folder of pictures that none of these shows [default: a tenth of the pictures is held out]
    #[arg(long, value_name = "DIR")]
    unrelated: Option<PathBuf>,
    /// Pictures to choose; each is searched for in every edit
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    queries: u32,
    /// Another seed chooses and edits otherwise
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Choose among those whose file name is an odd or even number, or no number
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Judge::All)]
    judge: Judge,
    /// Only edits whose name contains this; may be repeated
    #[arg(long, value_name = "TEXT")]
    edit: Vec<String>,
    /// Write the figures here too, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables here too, as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Also fit the weights of the evidence to these answers, for `search::Calibration`
    #[arg(long)]
    fit: bool,
    /// Write each chosen picture's edits, and a contact sheet of them, to this folder and search for nothing
    #[arg(long, value_name = "DIR", hide = true)]
    dump: Option<PathBuf>,
    /// Cargo's own
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("recall: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let set = Set::gather(args)?;
    if let Some(folder) = &args.dump {
        return set.dump(folder);
    }
    let mut finder = Ris::new()?;
    let started = Instant::now();
    finder.build(&set.gallery)?;
    let index_ms = started.elapsed().as_secs_f64() * 1e3 / set.gallery.len() as f64;
    let mut asking = Asking { finder: &mut finder, queries: Vec::new(), search_ms: Vec::new(), evidence: Vec::new() };
    asking.ask_all(&set)?;
    let Asking { queries, mut search_ms, evidence, .. } = asking;
    let cost = Cost {
        search_ms_median: quantile(&mut search_ms, 0.5),
        search_ms_p95: quantile(&mut search_ms, 0.95),
        describe_ms_median: quantile(&mut finder::describe_ms(&set.gallery), 0.5),
        index_ms,
        index_bytes: finder.bytes()? as f64 / set.gallery.len() as f64,
    };
    let report = set.report(args, &queries, finder.min_score(), cost);
    let markdown = report.markdown();
    print!("{markdown}");
    if args.fit {
        println!("\nbias and weights: {:.2?}", fit::logistic(&evidence));
    }
    write(args.markdown.as_deref(), markdown.as_bytes())?;
    write(args.json.as_deref(), &serde_json::to_vec_pretty(&report)?)
}

fn write(path: Option<&Path>, content: &[u8]) -> Result<()> {
    path.map_or(Ok(()), |path| std::fs::write(path, content).with_context(|| path.display().to_string()))
}

/// What is searched among and searched for.
struct Set {
    gallery: Vec<PathBuf>,
    unrelated: Vec<PathBuf>,
    chosen: Vec<PathBuf>,
    edits: Vec<&'static Edit>,
    seed: u64,
}

/// A chosen picture with what its edits need besides.
struct Picture {
    name: String,
    /// Places in `chosen` of the pictures below.
    places: Vec<usize>,
    sources: Vec<RgbImage>,
    strangers: Vec<RgbImage>,
}

impl Set {
    fn gather(args: &Args) -> Result<Self> {
        let seed = args.seed;
        let wanted = |edit: &&Edit| args.edit.is_empty() || args.edit.iter().any(|text| edit.name.contains(text));
        let edits: Vec<_> = edits::all().filter(wanted).collect();
        ensure!(!edits.is_empty(), "no edit's name contains {}", args.edit.join(" or "));
        let mut seen = HashSet::new();
        let mut gallery = photos::collect(&args.photos, &mut seen)?;
        let unrelated = match &args.unrelated {
            Some(dir) => photos::collect(dir, &mut seen)?,
            None => photos::hold_out(&mut gallery, seed)?,
        };
        let chosen = photos::choose(&gallery, args.queries as usize, args.judge, seed)?;
        Ok(Self { gallery, unrelated, chosen, edits, seed })
    }

    /// The picture at a place of `chosen`; the next ones are its company in collages.
    fn picture(&self, place: usize) -> Result<Picture> {
        let count = self.chosen.len();
        let places: Vec<_> = (0..SOURCES.min(count)).map(|step| (place + step) % count).collect();
        let sources = places.iter().map(|&place| photos::load(&self.chosen[place])).collect::<Result<_>>()?;
        let name = self.chosen[place].file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut random = Random::of(self.seed, &["strangers", &name]);
        let mut order: Vec<_> = self.unrelated.iter().collect();
        random.shuffle(&mut order);
        let strangers: Vec<_> = order.iter().filter_map(|path| photos::load(path).ok()).take(STRANGERS).collect();
        ensure!(!strangers.is_empty(), "none of the unrelated pictures can be read");
        Ok(Picture { name, places, sources, strangers })
    }

    /// The JPEG files of all edits of a picture, in the order of the edits.
    fn edited(&self, picture: &Picture) -> Result<Vec<Vec<u8>>> {
        let scene = Scene { sources: &picture.sources, strangers: &picture.strangers };
        let make = |edit: &&Edit| edit.make(&scene, self.seed, &picture.name).context(edit.name);
        self.edits.par_iter().map(make).collect()
    }

    fn dump(&self, folder: &Path) -> Result<()> {
        for place in 0..self.chosen.len() {
            let picture = self.picture(place)?;
            let folder = folder.join(&picture.name);
            std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
            let files = self.edited(&picture)?;
            let named: Vec<_> = self.edits.iter().map(|edit| edit.name).zip(files).collect();
            for (name, jpeg) in &named {
                write(Some(&folder.join(name).with_extension("jpg")), jpeg)?;
            }
            sheet::write(&folder.join("all.png"), &named)?;
        }
        Ok(())
    }

    fn report(&self, args: &Args, queries: &[Query], min_score: f64, cost: Cost) -> Report {
        let row = |(place, edit): (usize, &&'static Edit)| Row {
            edit: edit.name,
            group: edit.group.name(),
            recall: score::recall(queries.iter().filter(|query| query.edit == Some(place)), min_score),
        };
        let told = score::told(queries, min_score);
        Report {
            gallery: self.gallery.len(),
            asked: self.chosen.len(),
            unrelated: told.unrelated,
            held_out: args.unrelated.is_none(),
            seed: self.seed,
            judge: format!("{:?}", args.judge).to_lowercase(),
            all: score::recall(queries.iter(), min_score),
            ranking: score::ranking(queries),
            told,
            cost,
            edits: self.edits.iter().enumerate().map(row).collect(),
            reliability: score::reliability(queries),
        }
    }
}

/// A finder at work. Searches follow one another, so that their times are those of one search.
struct Asking<'a> {
    finder: &'a mut dyn Finder,
    queries: Vec<Query>,
    search_ms: Vec<f64>,
    /// Terms of evidence of each answer, and whether it is right.
    evidence: Vec<([f64; fit::TERMS], bool)>,
}

impl Asking<'_> {
    fn ask_all(&mut self, set: &Set) -> Result<()> {
        let bar = ProgressBar::new(set.chosen.len() as u64);
        for place in 0..set.chosen.len() {
            let picture = set.picture(place)?;
            for (number, (edit, jpeg)) in set.edits.iter().zip(set.edited(&picture)?).enumerate() {
                let shown = picture.places.iter().take(edit.shows);
                let sources: Vec<_> = shown.map(|&place| set.chosen[place].as_path()).collect();
                self.ask(&jpeg, &sources, Some(number)).with_context(|| format!("{}, {}", picture.name, edit.name))?;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        for path in &set.unrelated {
            if let Ok(stranger) = photos::load(path) {
                self.ask(&edits::jpeg(&stranger, QUALITY)?, &[], None).with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
    }

    fn ask(&mut self, jpeg: &[u8], sources: &[&Path], edit: Option<usize>) -> Result<()> {
        let started = Instant::now();
        let found = self.finder.find(jpeg, TOP)?;
        self.search_ms.push(started.elapsed().as_secs_f64() * 1e3);
        let mut seen = HashSet::new();
        let answers = found
            .iter()
            .filter(|found| seen.insert(&found.path))
            .map(|found| Answer { score: found.score, right: sources.contains(&found.path.as_path()) });
        self.queries.push(Query { edit, sources: sources.len(), answers: answers.collect() });
        self.evidence.extend(found.iter().map(|found| (found.terms, sources.contains(&found.path.as_path()))));
        Ok(())
    }
}
