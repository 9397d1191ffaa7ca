//! Files only, as in the demo: recordings for metrics, a folder for models.

use anyhow::Result;

use super::replay::Replay;
use super::simulated::Wish;
use crate::response;
use crate::stage::Stage;

pub(super) fn fault_is_reported(stage: &Stage) -> Result<()> {
    let replay = Replay::make(stage, &Wish::default())?;
    let simulated = &replay.simulated;
    let fault = simulated.fault()?;
    let answer = replay.infer(stage, fault.heart(), &[])?;
    response::check_reports(&answer, &simulated.test, &simulated.faults, fault)
}
