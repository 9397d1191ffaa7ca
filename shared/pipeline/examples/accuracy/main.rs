//! How accurate yaga is on labelled metrics: backtests of all packs of a folder, as a table.
//!
//! ```text
//! accuracy FOLDER [--cycle PACK=SECONDS]... [--history DAYS,DAYS...] [--opening residual|forest]
//!          [--pack NAME]... [--worlds SEED,SEED...] [--faulty-days DAYS] [--out FOLDER]
//!          [--budget LEARNED+COUNTED,LEARNED+COUNTED...]
//! ```
//!
//! What a pack looks like is in `docs/MACHINE_LEARNING.md`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing figures is what this program does"
)]

mod budget;
mod pack;
mod run;
mod table;
mod world;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use budget::Cut;
use domain::MetricSet;
use pack::Pack;
use run::{Settings, backtest, write};
use table::Line;

type Anything = Box<dyn Error + Send + Sync>;

/// Seconds of a cycle unless a pack asks for another.
const CYCLE_S: i64 = 120;
const OPENINGS: [&str; 2] = ["residual", "forest"];

/// Where a pack comes from.
#[derive(Clone)]
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

    /// With a part `train` that has no faults.
    fn quiet(&self) -> Result<Pack, Anything> {
        match self {
            Source::Folder(_) => self.open(0),
            Source::World(seed) => world::quiet(*seed),
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
    budget: Vec<Cut>,
    out: Option<PathBuf>,
}

fn main() -> Result<(), Anything> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    if !arguments.budget.is_empty() {
        return budget_page(&arguments);
    }
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

/// How wishes for false alarms are kept in the parts `train` of packs, and in worlds without
/// faults, each cut in time; with all worlds together, all days of a pack together, and what the
/// law would be by the worlds.
fn budget_page(arguments: &Arguments) -> Result<(), Anything> {
    print!("{}", budget::HEADER);
    let packs = folders(&arguments.folder)?.into_iter().map(Source::Folder);
    let worlds = arguments.worlds.iter().copied().map(Source::World);
    let mut rates: Vec<budget::Rates> = Vec::new();
    let mut of_packs: BTreeMap<String, Vec<Vec<budget::Kept>>> = BTreeMap::new();
    for (index, cut) in arguments.budget.iter().enumerate() {
        let is_new = !arguments.budget[..index].iter().any(|it| it.overlaps(cut));
        let days = format!("{}, {}", cut.learned, cut.counted);
        let mut of_worlds = Vec::new();
        for source in packs.clone().chain(worlds.clone()) {
            let is_world = matches!(source, Source::World(_));
            let pack = source.quiet()?;
            if !is_world && !arguments.packs.is_empty() && !arguments.packs.contains(&pack.name) {
                continue;
            }
            let settings = arguments.whole(&pack.name, OPENINGS[0]);
            let (kept, more) = budget::judge(&pack, *cut, &settings)?;
            kept.iter().for_each(|it| println!("{}", it.text(&pack.name, &days)));
            if is_world {
                of_worlds.push(kept);
                match rates.is_empty() {
                    true => rates = more,
                    false => rates.iter_mut().zip(&more).for_each(|(sum, it)| sum.add(it)),
                }
            } else if is_new {
                of_packs.entry(pack.name).or_default().push(kept);
            }
        }
        together(of_worlds).for_each(|it| println!("{}", it.text("all worlds", &days)));
    }
    for (pack, of_cuts) in of_packs.into_iter().filter(|(_, cuts)| cuts.len() > 1) {
        together(of_cuts).for_each(|it| println!("{}", it.text(&pack, "all days")));
    }
    if !rates.is_empty() {
        print!("{}", budget::RATES_HEADER);
        rates.iter().for_each(|it| println!("{}", it.text()));
    }
    Ok(())
}

/// Each wish in several stretches together.
fn together(stretches: Vec<Vec<budget::Kept>>) -> impl Iterator<Item = budget::Kept> {
    let mut stretches: Vec<_> = stretches.into_iter().map(Vec::into_iter).collect();
    std::iter::from_fn(move || {
        let of_wish: Vec<_> = stretches.iter_mut().filter_map(Iterator::next).collect();
        budget::Kept::together(&of_wish)
    })
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
            budget: Vec::new(),
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
                "--budget" => {
                    for cut in value.split(',') {
                        let (learned, counted) = cut.split_once('+').ok_or("--budget DAYS+DAYS")?;
                        let (learned, counted) = (learned.parse()?, counted.parse()?);
                        arguments.budget.push(Cut { learned, counted });
                    }
                }
                "--pack" => arguments.packs.push(value),
                "--out" => arguments.out = Some(value.into()),
                _ => return Err(format!("there is no option {option}").into()),
            }
        }
        Ok(arguments)
    }

    /// Every opening with all of the history, then evidence with less and less of it.
    fn settings(&self, pack: &str) -> Vec<Settings> {
        let whole = self.openings.iter().map(|opening| self.whole(pack, opening));
        let days = self.history_days.iter().filter(|_| self.openings.contains(&OPENINGS[0]));
        let less = days.map(|days| {
            let whole = self.whole(pack, OPENINGS[0]);
            Settings { history_days: Some(*days), ..whole }
        });
        whole.chain(less).collect()
    }

    /// With all of the history.
    fn whole(&self, pack: &str, opening: &'static str) -> Settings {
        let cycle_s = self.cycles_s.get(pack).copied().unwrap_or(CYCLE_S);
        Settings { opening, cycle_s, history_days: None }
    }
}
