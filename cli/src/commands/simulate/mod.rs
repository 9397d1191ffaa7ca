//! `yaga simulate`: writes a recording of a simulated estate, with labelled faults.
//!
//! - [`fault`]: faults as people type them
//! - [`files`]: what is written, and how

pub mod fault;
pub mod files;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use domain::period::WeekTable;
use domain::{Calendar, Severity};
use serde::Serialize;
use simulate::{Estate, EstateParams, FaultPlan};

use crate::exit::{Done, Failure, Outcome};
use crate::instant;
use crate::shell::Shell;
use crate::terminal::{self, Tone};
use fault::FaultWish;
use files::Written;

/// Distance of two samples of a recording.
const STEP_S: u32 = 60;
const DAY_S: i64 = 86_400;
/// Longer commands are shown on two lines.
const LONG_COMMAND_COLUMNS: usize = 94;

/// Where to write, and what.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder for the files; it is created.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Services, 1 to 200. Smaller estates are part of larger ones.
    #[arg(long, default_value_t = 12)]
    services: usize,
    /// Days to learn from: they have no faults.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Hours after them, with faults.
    #[arg(long, default_value_t = 24.0, value_name = "HOURS")]
    test_hours: f64,
    /// The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// First instant, at a whole minute.
    #[arg(long, default_value = "2026-03-02T00:00:00Z", value_parser = instant::parse)]
    start: DateTime<Utc>,
    /// Zone of the people who use the services: their days and weeks shape the traffic.
    #[arg(long, default_value = "Europe/Paris")]
    timezone: String,
    /// Density of random faults.
    #[arg(long, default_value_t = 0.35, value_name = "FAULTS")]
    faults_per_service_day: f64,
    /// A fault of your own instead of random ones: KIND:SERVICE:START:MINUTES[:INTENSITY]. START
    /// is an instant, or minutes from the start of the test hours, like +90. May be repeated.
    #[arg(long = "fault", value_name = "FAULT", value_parser = fault::parse)]
    faults: Vec<FaultWish>,
}

/// Runs the command.
pub fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let calendar = calendar(&arguments.timezone)?;
    let params = params(arguments);
    let estate = simulate(&params, &calendar)?;
    let written = files::write(&arguments.out, &estate, &arguments.timezone, shell)?;
    if shell.json {
        shell.say_json(&Summary::new(arguments, &estate, &written))?;
    } else {
        tell(shell, arguments, &estate, &written);
    }
    Ok(Done::Whole)
}

/// The five periods in a zone.
pub fn calendar(zone: &str) -> Result<Calendar, Failure> {
    Calendar::new(zone, WeekTable::five()).map_err(|error| Failure::Usage(error.into()))
}

/// Simulates an estate whose people live in the calendar's zone.
pub fn simulate(params: &EstateParams, calendar: &Calendar) -> Result<Estate, Failure> {
    let offset_s = |at_s: i64| {
        let at = DateTime::from_timestamp(at_s, 0).unwrap_or_default();
        i64::from(calendar.local(at).utc_offset_s)
    };
    simulate::simulate(params, offset_s).map_err(|error| {
        let services = simulate::service_names(params.services.min(simulate::MAX_SERVICES));
        let names = services.join(", ");
        Failure::Usage(match error {
            simulate::ParamsError::Fault { .. } => anyhow!("{error}; services: {names}"),
            error => error.into(),
        })
    })
}

fn params(arguments: &Arguments) -> EstateParams {
    let start_s = arguments.start.timestamp();
    let test_start_s = start_s + i64::from(arguments.days) * DAY_S;
    let faults = if arguments.faults.is_empty() {
        FaultPlan::Random { per_service_day: arguments.faults_per_service_day }
    } else {
        FaultPlan::Listed(arguments.faults.iter().map(|wish| wish.fault(test_start_s)).collect())
    };
    EstateParams {
        services: arguments.services,
        start_s,
        train_days: arguments.days,
        test_days: arguments.test_hours / 24.0,
        step_s: STEP_S,
        seed: arguments.seed,
        faults,
    }
}

/// What was written, for machines.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    folder: &'a Path,
    seed: u64,
    services: usize,
    incidents: usize,
    incidents_without_place: usize,
    train_from: Option<DateTime<Utc>>,
    test_from: Option<DateTime<Utc>>,
    test_until: Option<DateTime<Utc>>,
    files: &'a [Written],
}

impl<'a> Summary<'a> {
    fn new(arguments: &'a Arguments, estate: &Estate, files: &'a [Written]) -> Summary<'a> {
        let at = |second| DateTime::from_timestamp(second, 0);
        Summary {
            folder: &arguments.out,
            seed: arguments.seed,
            services: estate.services.len(),
            incidents: estate.faults.len(),
            incidents_without_place: estate.unplaced_faults,
            train_from: at(estate.start_s),
            test_from: at(estate.test_start_s),
            test_until: at(estate.end_s),
            files,
        }
    }
}

fn tell(shell: &Shell, arguments: &Arguments, estate: &Estate, written: &[Written]) {
    let mut table = terminal::table(&["file", "holds", "size"]);
    for file in written {
        let size = terminal::number(terminal::bytes(file.bytes));
        table.add_row([terminal::cell(Tone::Strong, &file.name), file.holds.as_str().into(), size]);
    }
    shell.say(&table.trim_fmt());
    shell.say("");
    shell.say(&format!(
        "{}, {} to learn from and {} h with {}, in {}, seed {}",
        terminal::count(estate.services.len(), "service"),
        terminal::count(arguments.days as usize, "day"),
        arguments.test_hours,
        terminal::count(estate.faults.len(), "fault"),
        arguments.out.display(),
        arguments.seed
    ));
    if estate.unplaced_faults > 0 {
        let left_out = terminal::count(estate.unplaced_faults, "fault");
        shell.say(&format!("{left_out} found no free place and were left out"));
    }
    shell.say("\nNext:");
    for command in next_commands(&arguments.out, instant_of_interest(estate)) {
        shell.say(&format!("  {}", terminal::paint(Tone::of(Severity::Low), &command)));
    }
}

/// The middle of the first fault, or the last minute if there is none.
fn instant_of_interest(estate: &Estate) -> DateTime<Utc> {
    let middle_s = estate.faults.first().map(|fault| (fault.start_s + fault.end_s) / 2);
    DateTime::from_timestamp(middle_s.unwrap_or(estate.end_s - 60), 0).unwrap_or_default()
}

/// The commands that learn from the recording of a folder, and judge an instant of it.
pub fn next_commands(folder: &Path, at: DateTime<Utc>) -> [String; 2] {
    let folder = terminal::shell_word(&folder.display().to_string());
    let command = |part: &str, rest: String| {
        let endpoint = format!("VM_ENDPOINT=file://{folder}/{part}");
        let program = format!("yaga {rest} --config {folder}/{}", files::CONFIG);
        let is_long = endpoint.len() + program.len() > LONG_COMMAND_COLUMNS;
        let gap = if is_long { " \\\n    " } else { " " };
        format!("{endpoint}{gap}{program}")
    };
    [
        command(files::TRAIN, "train".to_owned()),
        command(files::TEST, format!("infer --at {}", at.format("%Y-%m-%dT%H:%M:00Z"))),
    ]
}
