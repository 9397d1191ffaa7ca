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
const SERVICES: usize = 4;
/// Mid-morning, an hour long.
const FAULT: &str = "latency_spike:search:2026-04-01T09:00:00Z:60";

#[derive(Debug)]
pub(crate) struct Simulated {
    folder: TempDir,
    pub(crate) train: Recording,
    pub(crate) test: Recording,
    pub(crate) faults: Vec<Fault>,
}

impl Simulated {
    /// Thirty days to learn from, and half a day with a fault in it.
    pub(crate) fn make(stage: &Stage) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = stage.yaga()?;
        command.arg("simulate").arg("--out").arg(folder.path());
        command.args(["--seed", "7", "--services", &SERVICES.to_string()]);
        command.args(["--days", "30", "--test-hours", "12"]);
        command.args(["--faults-per-service-day", "0", "--fault", FAULT]);
        process::succeed("yaga simulate", command, SIMULATE_LIMIT)?;
        let train = Recording::read(&folder.path().join("train.jsonl.gz"))?;
        let test = Recording::read(&folder.path().join("test.jsonl.gz"))?;
        let faults = labels::read(&folder.path().join("labels.csv"))?;
        anyhow::ensure!(train.services.len() == SERVICES, "simulated {:?}", train.services);
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
