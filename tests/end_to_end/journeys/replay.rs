//! A trained estate on files, and cycles of the command over its test hours, one process each.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::simulated::{Simulated, Wish};
use crate::process;
use crate::response::rfc3339;
use crate::stage::Stage;

const TRAIN_LIMIT: Duration = Duration::from_secs(300);
const INFER_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) simulated: Simulated,
}

impl Replay {
    /// Simulates and trains.
    pub(crate) fn make(stage: &Stage, wish: &Wish) -> Result<Self> {
        let replay = Self { simulated: Simulated::make(stage, wish)? };
        let train = replay.command(stage, &["train"], "train.jsonl.gz")?;
        process::succeed("yaga train", train, TRAIN_LIMIT)?;
        Ok(replay)
    }

    /// Runs the cycle of an instant with more variables, and returns its answer.
    pub(crate) fn infer(
        &self,
        stage: &Stage,
        at: DateTime<Utc>,
        more: &[(&str, String)],
    ) -> Result<Value> {
        let mut command = self.infer_command(stage, at)?;
        command.envs(more.iter().map(|(name, value)| (name, value)));
        let printed = process::succeed("yaga infer", command, INFER_LIMIT)?;
        serde_json::from_str(&printed)
            .with_context(|| format!("`--json` printed something else: {printed}"))
    }

    /// `yaga infer` of an instant.
    pub(crate) fn infer_command(&self, stage: &Stage, at: DateTime<Utc>) -> Result<Command> {
        self.command(stage, &["infer", "--json", "--at", &rfc3339(at)], "test.jsonl.gz")
    }

    /// `yaga` with the estate's configuration, models and one of its recordings.
    pub(crate) fn command(
        &self,
        stage: &Stage,
        arguments: &[&str],
        recording: &str,
    ) -> Result<Command> {
        let file_url = |path: &Path| format!("file://{}", path.display());
        let folder = self.simulated.folder();
        let mut command = stage.yaga()?;
        command.args(arguments).arg("--config").arg(self.simulated.config());
        command.env("VM_ENDPOINT", file_url(&folder.join(recording)));
        command.env("MODELS_DIR", folder.join("models"));
        // A proxy of the machine has no business between programs of this test.
        command.env("NO_PROXY", "127.0.0.1");
        Ok(command)
    }
}
