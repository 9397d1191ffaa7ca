//! One invocation of training.

use lambda_runtime::Diagnostic;
use pipeline::ports::Clock;
use pipeline::train::known::own_incidents;
use pipeline::train::{
    RunStatus, Silent, TrainError, TrainPorts, TrainRequest, TrainingReport, train,
};
use wiring::AssemblyError;
use wiring::event::Event;

use crate::context::Context;

/// Why an invocation failed; the scheduler's log shows both parts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Settings(#[from] AssemblyError),
    #[error(transparent)]
    Training(#[from] TrainError),
    #[error("no model was put in force: {0}")]
    NothingPromoted(String),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Diagnostic {
        let error_type = match failure {
            Failure::Settings(_) => "SettingsError",
            Failure::Training(TrainError::Source(_)) => "SourceUnavailable",
            Failure::Training(TrainError::NoServices { .. }) => "NoServices",
            Failure::Training(TrainError::Registry(_)) => "RegistryUnavailable",
            Failure::NothingPromoted(_) => "NothingPromoted",
        };
        Diagnostic { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Trains what the event asks for. A run in which some services failed is an answer; a run in
/// which none succeeded is an error, so that the schedule's alarm goes off.
pub(crate) async fn handle(event: Event, context: &Context) -> Result<TrainingReport, Failure> {
    let assembly = context.assembly().await?;
    let at = event.at.unwrap_or_else(|| assembly.source.latest(assembly.clock.now()));
    let config = &assembly.settings.config;
    let store = assembly.incidents.as_ref().map(|it| it.state.incidents.as_ref());
    let by = (&assembly.registry, &assembly.clock as &dyn Clock);
    let own = own_incidents(store, event.services.as_deref(), at, config, by).await;
    for warning in &own.warnings {
        tracing::warn!(warning, "incidents to leave out");
    }
    let request = TrainRequest {
        at,
        services: event.services,
        incidents: own.left_out,
        config_digest: assembly.settings.digest.clone(),
    };
    let ports = TrainPorts {
        source: assembly.source.port.as_ref(),
        registry: &assembly.registry,
        clock: &assembly.clock,
        progress: &Silent,
    };
    let report = train(&request, config, &ports).await?;
    log(&report);
    if report.status == RunStatus::Failed {
        return Err(Failure::NothingPromoted(first_reason(&report)));
    }
    Ok(report)
}

/// One wide line per run.
fn log(report: &TrainingReport) {
    tracing::info!(
        run_id = report.run_id,
        status = report.status.as_str(),
        at = report.at,
        services = report.services_count(),
        services_failed = report.services_failed,
        promoted = report.promoted,
        provisional = report.provisional,
        kept = report.kept,
        without_model = report.without_model,
        duration_ms = report.duration_ms,
        "training run"
    );
}

fn first_reason(report: &TrainingReport) -> String {
    let reasons = report.services.iter().flat_map(|service| {
        let periods = service.periods.iter().filter_map(|period| period.reason.as_ref());
        service.error.iter().chain(periods).map(move |text| format!("{}: {text}", service.service))
    });
    let reasons: Vec<String> = reasons.take(3).collect();
    reasons.join("; ")
}
