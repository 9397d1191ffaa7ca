//! A simulated fleet: recordings to train on and to test, its configuration and its faults.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::labels::{self, Fault};
use crate::process;
use crate::recording::Recording;
use crate::stage::Stage;

const SIMULATE_LIMIT: Duration = Duration::from_secs(120);
/// Mid-morning, an hour long.
const FAULT: &str = "latency_spike:search:2026-04-01T09:00:00Z:60";

/// What is simulated.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) services: usize,
    /// First instant of the history.
    pub(crate) start: String,
    pub(crate) days: u32,
    pub(crate) test_hours: u32,
    pub(crate) faults: Vec<String>,
}

impl Default for Wish {
    /// Thirty days to learn from, and half a day with a fault in it.
    fn default() -> Self {
        let faults = vec![FAULT.to_owned()];
        Self {
            services: 4,
            start: "2026-03-02T00:00:00Z".to_owned(),
            days: 30,
            test_hours: 12,
            faults,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Simulated {
    folder: TempDir,
    pub(crate) train: Recording,
    pub(crate) test: Recording,
    pub(crate) faults: Vec<Fault>,
}

impl Simulated {
    pub(crate) fn make(stage: &Stage, wish: &Wish) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = stage.yaga()?;
        command.arg("simulate").arg("--out").arg(folder.path());
        command.args(["--seed", "7", "--services", &wish.services.to_string()]);
        command.args(["--start", &wish.start, "--days", &wish.days.to_string()]);
        command.args(["--test-hours", &wish.test_hours.to_string()]);
        command.args(["--faults-per-service-day", "0"]);
        command.args(wish.faults.iter().flat_map(|fault| ["--fault", fault]));
        process::succeed("yaga simulate", command, SIMULATE_LIMIT)?;
        let train = Recording::read(&folder.path().join("train.jsonl.gz"))?;
        let test = Recording::read(&folder.path().join("test.jsonl.gz"))?;
        let faults = labels::read(&folder.path().join("labels.csv"))?;
        let made = train.services.len();
        anyhow::ensure!(made == wish.services, "simulated {:?}", train.services);
        anyhow::ensure!(train.last < test.last, "the test span ends before the history does");
        Ok(Self { folder, train, test, faults })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder().join("yaga.json")
    }

    /// The fault to look for.
    pub(crate) fn fault(&self) -> Result<&Fault> {
        labels::longest(&self.faults)
    }
}
