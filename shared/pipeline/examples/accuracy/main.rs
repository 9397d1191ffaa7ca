//! How accurate yaga is on labelled metrics: backtests of all packs of a folder, as a table.
//!
//! ```text
//! accuracy FOLDER [--cycle PACK=SECONDS]... [--history DAYS,DAYS...] [--opening residual|forest]
//!          [--pack NAME]... [--worlds SEED,SEED...] [--faulty-days DAYS] [--out FOLDER]
//! ```
//!
//! What a pack looks like is in `docs/MACHINE_LEARNING.md`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing figures is what this program does"
)]

mod pack;
mod run;
mod table;
mod world;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use domain::MetricSet;
use pack::Pack;
use run::{Settings, backtest, write};
use table::Line;

type Anything = Box<dyn Error + Send + Sync>;

/// Seconds of a cycle unless a pack asks for another.
const CYCLE_S: i64 = 120;
const OPENINGS: [&str; 2] = ["residual", "forest"];

/// Where a pack comes from.
enum Source {
    Folder(PathBuf),
    /// Simulated, by its seed.
    World(u64),
}

impl Source {
    fn open(&self, faulty_days: u32) -> Result<Pack, Anything> {
        match self {
            Source::Folder(folder) => Pack::read(folder, &MetricSet::five())
                .map_err(|error| format!("{}: {error}", folder.display()).into()),
            Source::World(seed) => world::pack(*seed, faulty_days),
        }
    }
}

struct Arguments {
    folder: PathBuf,
    cycles_s: BTreeMap<String, i64>,
    history_days: Vec<u32>,
    openings: Vec<&'static str>,
    packs: Vec<String>,
    worlds: Vec<u64>,
    faulty_days: u32,
    out: Option<PathBuf>,
}

fn main() -> Result<(), Anything> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let mut lines = Vec::new();
    let packs = folders(&arguments.folder)?.into_iter().map(Source::Folder);
    for source in packs.chain(arguments.worlds.iter().copied().map(Source::World)) {
        let pack = source.open(arguments.faulty_days)?;
        let is_world = matches!(source, Source::World(_));
        if !is_world && !arguments.packs.is_empty() && !arguments.packs.contains(&pack.name) {
            continue;
        }
        for settings in arguments.settings(&pack.name) {
            let result = runtime.block_on(backtest(&pack, &settings))?;
            if let Some(out) = &arguments.out {
                let days = settings.history_days.map_or(String::new(), |days| format!("-{days}d"));
                write(&result, &out.join(format!("{}-{}{days}", pack.name, settings.opening)))?;
            }
            let line = Line { pack: pack.name.clone(), settings, result };
            eprintln!("{}", line.text());
            lines.push(line);
        }
    }
    print!("{}", table::page(&lines));
    Ok(())
}

/// The packs of a folder, or of folders in it; in the order of their names.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, Anything> {
    if folder.join("dataset.json").is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|it| format!("{}: {it}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(folders(&path)?);
        }
    }
    found.sort();
    Ok(found)
}

impl Arguments {
    fn read(mut given: impl Iterator<Item = String>) -> Result<Arguments, Anything> {
        let folder = given.next().ok_or("name a folder of packs")?.into();
        let mut arguments = Arguments {
            folder,
            cycles_s: BTreeMap::new(),
            history_days: Vec::new(),
            openings: OPENINGS.to_vec(),
            packs: Vec::new(),
            worlds: Vec::new(),
            faulty_days: 0,
            out: None,
        };
        while let Some(option) = given.next() {
            let value = given.next().ok_or_else(|| format!("{option} wants a value"))?;
            match option.as_str() {
                "--cycle" => {
                    let (pack, seconds) = value.split_once('=').ok_or("--cycle PACK=SECONDS")?;
                    arguments.cycles_s.insert(pack.to_owned(), seconds.parse()?);
                }
                "--history" => {
                    for days in value.split(',') {
                        arguments.history_days.push(days.parse()?);
                    }
                }
                "--opening" => arguments.openings.retain(|opening| *opening == value),
                "--worlds" => {
                    for seed in value.split(',') {
                        arguments.worlds.push(seed.parse()?);
                    }
                }
                "--faulty-days" => arguments.faulty_days = value.parse()?,
                "--pack" => arguments.packs.push(value),
                "--out" => arguments.out = Some(value.into()),
                _ => return Err(format!("there is no option {option}").into()),
            }
        }
        Ok(arguments)
    }

    /// Every opening with all of the history, then evidence with less and less of it.
    fn settings(&self, pack: &str) -> Vec<Settings> {
        let cycle_s = self.cycles_s.get(pack).copied().unwrap_or(CYCLE_S);
        let whole =
            self.openings.iter().map(|it| Settings { opening: it, cycle_s, history_days: None });
        let days = self.history_days.iter().filter(|_| self.openings.contains(&OPENINGS[0]));
        let less =
            days.map(|days| Settings { opening: OPENINGS[0], cycle_s, history_days: Some(*days) });
        whole.chain(less).collect()
    }
}
