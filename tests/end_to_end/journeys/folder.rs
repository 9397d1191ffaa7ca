//! Files only, as in the demo: recordings for metrics, a folder for models.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::simulated::Simulated;
use crate::process;
use crate::response;
use crate::stage::Stage;

const TRAIN_LIMIT: Duration = Duration::from_secs(300);
const INFER_LIMIT: Duration = Duration::from_secs(60);

pub(super) fn fault_is_reported(stage: &Stage) -> Result<()> {
    let simulated = Simulated::make(stage)?;
    let train = yaga(stage, &simulated, "train", "train.jsonl.gz")?;
    process::succeed("yaga train", train, TRAIN_LIMIT)?;

    let fault = simulated.fault()?;
    let mut infer = yaga(stage, &simulated, "infer", "test.jsonl.gz")?;
    infer.args(["--at", &response::rfc3339(fault.heart()), "--json"]);
    let printed = process::succeed("yaga infer", infer, INFER_LIMIT)?;
    let answer = serde_json::from_str(&printed)
        .with_context(|| format!("`--json` printed something else: {printed}"))?;
    response::check_reports(&answer, &simulated.test, &simulated.faults, fault)
}

fn yaga(
    stage: &Stage,
    simulated: &Simulated,
    subcommand: &str,
    recording: &str,
) -> Result<Command> {
    let file_url = |path: &Path| format!("file://{}", path.display());
    let mut command = stage.yaga()?;
    command.arg(subcommand).arg("--config").arg(simulated.config());
    command.env("VM_ENDPOINT", file_url(&simulated.folder().join(recording)));
    command.env("MODELS_DIR", simulated.folder().join("models"));
    Ok(command)
}
