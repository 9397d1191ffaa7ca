//! One invocation of inference: one cycle.

use std::time::{Instant, SystemTime};

use lambda_runtime::Diagnostic;
use payload::run::Cycle;
use pipeline::infer::{CycleRequest, Deadline, InferError, InferPorts, infer_cycle};
use pipeline::ports::Clock;
use wiring::event::Event;
use wiring::{AssemblyError, FutureInstant, Incidents};

use crate::context::Context;

/// Why there was no cycle at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Settings(#[from] AssemblyError),
    #[error(transparent)]
    Future(#[from] FutureInstant),
    #[error(transparent)]
    Inference(#[from] InferError),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Diagnostic {
        let error_type = match failure {
            Failure::Settings(_) => "SettingsError",
            Failure::Future(_) => "FutureInstant",
            Failure::Inference(InferError::Registry(_)) => "RegistryUnavailable",
            Failure::Inference(InferError::State(_)) => "StateUnavailable",
        };
        Diagnostic { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Runs the cycle that the event asks for.
///
/// It is over by `deadline`, when the platform ends the invocation. Local stand-ins of the platform
/// send one that is long over, which means none.
pub(crate) async fn handle(
    event: Event,
    context: &Context,
    deadline: SystemTime,
) -> Result<Cycle, Failure> {
    let started = Instant::now();
    let assembly = context.assembly().await?;
    let at = assembly.source.instant(event.at, assembly.clock.now())?;
    let request = CycleRequest { at, services: event.services };
    let writer = assembly.incidents.as_ref().map(Incidents::writer);
    let incidents = assembly.incidents.as_ref().zip(writer.as_ref());
    let ports = InferPorts {
        source: assembly.source.port.as_ref(),
        registry: &assembly.registry,
        incidents: incidents.map(|(incidents, writer)| incidents.ports(writer, &assembly.clock)),
        deadline: (deadline > SystemTime::now())
            .then(|| Deadline { at: deadline.into(), clock: &assembly.clock }),
    };
    let mut warm = context.warm.lock().await;
    let cycle = infer_cycle(&request, &assembly.settings.config, &ports, &mut warm).await?;
    log(&cycle, started);
    Ok(cycle)
}

/// One wide line per cycle.
fn log(cycle: &Cycle, started: Instant) {
    let worst = cycle.results.first().filter(|result| result.severity() > domain::Severity::None);
    let objectives = cycle.summary.objectives.as_ref();
    let (incidents, deliveries) = (cycle.incidents.as_ref(), cycle.deliveries.as_ref());
    tracing::info!(
        cycle_id = cycle.cycle_id,
        judged_at = cycle.timestamp,
        status = cycle.status.as_str(),
        detail = cycle.message,
        services = cycle.summary.services,
        evaluated = cycle.summary.evaluated,
        anomalous = cycle.summary.anomalous,
        unavailable = cycle.summary.unavailable,
        failed = cycle.summary.failed,
        fallback_models = cycle.summary.fallback_models,
        models_fetched = cycle.summary.models_fetched,
        slo_adjusted = objectives.map(|it| it.adjusted),
        slo_unavailable = objectives.map(|it| it.unavailable),
        anomalies_suppressed = objectives.map(|it| it.suppressed),
        anomalies_synthetic = objectives.map(|it| it.synthetic),
        incidents_active = incidents.map(|it| it.active),
        incidents_opened = incidents.map(|it| it.opened),
        incidents_ended = incidents.map(|it| it.ended),
        incidents_not_committed = incidents.map(|it| it.not_committed),
        messages_delivered = deliveries.map(|it| it.delivered),
        messages_waiting = deliveries.map(|it| it.waiting),
        messages_dead = deliveries.map(|it| it.dead),
        worst_service = worst.map(|result| result.service_name()),
        worst_severity = worst.map(|result| result.severity().as_str()),
        duration_ms = started.elapsed().as_millis() as u64,
        "cycle"
    );
}
