//! Makes the decision of a cycle count.
//!
//! This is where incidents will be committed together with the messages that announce them, and
//! where those messages will be sent. Until then a cycle's only effect is its answer.

use payload::result::ServiceResult;
use payload::run::{Cycle, CycleStatus, Summary};
use payload::{SCHEMA_VERSION, instant, render};

use crate::infer::decide::CycleOutcome;
use crate::infer::gather::CycleInput;

/// The answer of a cycle: worst services first.
pub fn act(input: &CycleInput, outcome: CycleOutcome) -> Cycle {
    let mut results = outcome.results;
    results.sort_by(|a, b| {
        b.severity().cmp(&a.severity()).then_with(|| a.service_name().cmp(b.service_name()))
    });
    let summary = summarize(&results, input.models_fetched);
    let status = status(input, &summary);
    Cycle {
        schema_version: SCHEMA_VERSION.to_owned(),
        cycle_id: render::cycle_id(input.at),
        timestamp: instant(input.at),
        status,
        message: message(input, status),
        summary,
        results,
    }
}

fn summarize(results: &[ServiceResult], models_fetched: u32) -> Summary {
    let mut summary =
        Summary { services: results.len() as u32, models_fetched, ..Summary::default() };
    for result in results {
        match result {
            ServiceResult::AnomalyDetected(_) => summary.anomalous += 1,
            ServiceResult::NoAnomaly(_) => {}
            ServiceResult::MetricsUnavailable(_) => summary.unavailable += 1,
            ServiceResult::Error(_) => summary.failed += 1,
        }
        if let Some(evaluation) = result.evaluation() {
            summary.evaluated += 1;
            summary.fallback_models += u32::from(evaluation.metadata.is_fallback);
        }
    }
    summary
}

fn status(input: &CycleInput, summary: &Summary) -> CycleStatus {
    if input.source_failure.is_some() {
        CycleStatus::SourceUnavailable
    } else if summary.services == 0 {
        CycleStatus::NoModels
    } else if summary.evaluated < summary.services {
        CycleStatus::Partial
    } else {
        CycleStatus::Complete
    }
}

fn message(input: &CycleInput, status: CycleStatus) -> Option<String> {
    match status {
        CycleStatus::SourceUnavailable => input.source_failure.clone(),
        CycleStatus::NoModels => {
            Some("no service has a model yet; run `yaga train` first".to_owned())
        }
        _ => (!input.warnings.is_empty()).then(|| input.warnings.join("; ")),
    }
}
