//! Sets the stage: an estate, its recordings in a folder, and the settings that read them.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use chrono::{DateTime, Utc};
use domain::Calendar;
use simulate::{Estate, EstateParams, FaultPlan};
use tempfile::TempDir;
use wiring::Settings;

use crate::commands::demo::Arguments;
use crate::commands::simulate::{calendar, files, simulate};
use crate::exit::Failure;
use crate::shell::Shell;
use crate::terminal;

/// Incidents of the replay.
pub const STATE: &str = "state.db";
/// Messages of the replay.
pub const MESSAGES: &str = "messages.jsonl";
/// Zone of the estate's people.
pub const ZONE: &str = "Europe/Paris";
/// 2026-03-01T22:00:00Z: thirty days later it is midnight in the zone, and a Wednesday begins.
const START_S: i64 = 1_772_402_400;
const STEP_S: u32 = 60;
/// Dense enough for one day to show something, random as always.
const FAULTS_PER_SERVICE_DAY: f64 = 1.2;

/// The estate and where it lies.
#[derive(Debug)]
pub struct Stage {
    /// Without its samples: those are in the recordings.
    pub estate: Estate,
    pub samples: usize,
    pub calendar: Calendar,
    pub test_from: DateTime<Utc>,
    pub test_until: DateTime<Utc>,
    place: Place,
}

/// The recordings of the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Train,
    Test,
}

#[derive(Debug)]
enum Place {
    Kept(PathBuf),
    /// Removed with the stage.
    Passing(TempDir),
}

impl Stage {
    /// Simulates the estate and writes it down.
    pub fn set(shell: &Shell, arguments: &Arguments) -> Result<Stage, Failure> {
        let place = Place::new(arguments.keep.as_deref())?;
        let bar = terminal::bar(shell.shows_progress(), "simulating", None);
        let calendar = calendar(ZONE)?;
        let mut estate = simulate(&params(arguments), &calendar)?;
        bar.finish_and_clear();
        files::write(place.folder(), &estate, ZONE, shell)?;
        let samples = estate.series.iter().map(|series| series.values.len()).sum();
        estate.series = Vec::new();
        let at = |second| DateTime::from_timestamp(second, 0).unwrap_or_default();
        let (test_from, test_until) = (at(estate.test_start_s), at(estate.end_s));
        Ok(Stage { estate, samples, calendar, test_from, test_until, place })
    }

    /// Where everything is kept, if it is.
    pub fn kept(&self) -> Option<&Path> {
        match &self.place {
            Place::Kept(folder) => Some(folder),
            Place::Passing(_) => None,
        }
    }

    /// The folder that holds everything.
    pub fn folder(&self) -> &Path {
        self.place.folder()
    }

    /// The settings that read one part. The environment has no say: a demo is the same anywhere.
    pub fn settings(&self, part: Part) -> Result<Settings, Failure> {
        let folder = self.place.folder();
        let place = folder.join(files::CONFIG);
        let text = std::fs::read_to_string(&place).context("the demo's configuration is gone")?;
        let name = match part {
            Part::Train => files::TRAIN,
            Part::Test => files::TEST,
        };
        let endpoint = format!("file://{}", folder.join(name).display());
        let state = (part == Part::Test).then(|| folder.join(STATE).display().to_string());
        let env = |name: &str| match name {
            "VM_ENDPOINT" => Some(endpoint.clone()),
            "FINGERPRINT_DB" => state.clone(),
            _ => None,
        };
        Settings::check(Some(place.display().to_string()), Some(&text), &env)
            .map_err(|error| Failure::Other(error.into()))
    }
}

impl Place {
    fn new(keep: Option<&Path>) -> Result<Place, Failure> {
        let Some(folder) = keep else {
            let folder = tempfile::Builder::new().prefix("yaga-demo-").tempdir();
            return Ok(Place::Passing(folder.context("there is no temporary folder; use --keep")?));
        };
        let holds_files = std::fs::read_dir(folder).is_ok_and(|mut it| it.next().is_some());
        if holds_files {
            return Err(Failure::Usage(anyhow!(
                "{} already holds files; choose another folder for --keep or remove it",
                folder.display()
            )));
        }
        Ok(Place::Kept(folder.to_owned()))
    }

    fn folder(&self) -> &Path {
        match self {
            Place::Kept(folder) => folder,
            Place::Passing(folder) => folder.path(),
        }
    }
}

fn params(arguments: &Arguments) -> EstateParams {
    EstateParams {
        services: arguments.services,
        start_s: START_S,
        train_days: arguments.days,
        test_days: f64::from(arguments.hours) / 24.0,
        step_s: STEP_S,
        seed: arguments.seed,
        faults: FaultPlan::Random { per_service_day: FAULTS_PER_SERVICE_DAY },
    }
}
