//! Builds the configuration from checked values, and checks what concerns several keys at once.
//!
//! Where a value was refused its default stands in, so that the remaining checks still run. The
//! result is used only if there was no error at all.

mod enrichment;
mod graph;
mod incidents;
mod ladders;
mod metrics;
mod periods;
mod receivers;
mod services;
mod slos;
mod training;

pub(crate) use periods::period_of_key;

use super::forms;
use super::problems::Problem;
use super::valid::{
    Bounds, Config, Detection, FallbackScores, Gates, Inference, LogLevel, Model, ModelsLocation,
    Opening, VictoriaMetrics,
};
use super::values::Values;

/// The configuration that the values make.
pub(crate) fn resolve(values: &Values, problems: &mut Vec<Problem>) -> Config {
    let metrics = metrics::metrics(values, problems);
    let services = services::services(values, &metrics, problems);
    let detection = detection(values, problems);
    Config {
        victoria_metrics: victoria_metrics(values),
        model: model(values, &services, problems),
        training: training::training(values, problems),
        inference: Inference {
            max_workers: values.whole("inference.max_workers"),
            check_drift: values.flag("inference.check_drift"),
            drift: training::drift_limits(values, problems),
        },
        state: incidents::state(values),
        fingerprinting: incidents::fingerprinting(values, detection.opening, problems),
        dependencies: incidents::dependencies(values, &services, problems),
        alerting: incidents::alerting(values, &services, problems),
        enrichment: enrichment::enrichment(values, problems),
        detection,
        periods: periods::periods(values, &services, problems),
        delivery: receivers::delivery(values),
        slos: slos::slos(values, &services, problems),
        log_level: forms::log_level(&values.text("logging.level")).unwrap_or(LogLevel::Info),
        services,
        metrics,
    }
}

fn victoria_metrics(values: &Values) -> VictoriaMetrics {
    let statuses = values.items("victoria_metrics.retry_status_forcelist");
    let statuses = statuses.iter().filter_map(|status| u16::try_from(status.as_u64()?).ok());
    let backoff_s = values.number("victoria_metrics.retry_backoff_factor");
    VictoriaMetrics {
        endpoint: forms::metrics_location(&values.text("victoria_metrics.endpoint")),
        timeout_s: values.whole("victoria_metrics.timeout_seconds"),
        attempts: values.whole("victoria_metrics.max_retries"),
        retry_backoff_ms: (backoff_s * 1000.0).round() as u64,
        retry_statuses: statuses.collect(),
        failure_budget: values.whole("victoria_metrics.circuit_breaker_threshold"),
        lag_s: values.whole("victoria_metrics.lag_seconds"),
        rate_window: values.text("victoria_metrics.rate_window"),
        chunk_days: values.whole("victoria_metrics.chunk_days"),
        health_latency_ms: values.whole("victoria_metrics.health_latency_ms"),
    }
}

fn model(values: &Values, services: &super::valid::Services, problems: &mut Vec<Problem>) -> Model {
    let location = forms::models_location(&values.text("model.models_directory"));
    let seed: i64 = values.whole("model.random_state");
    Model {
        location: location.unwrap_or(ModelsLocation::Folder(".".to_owned())),
        min_training_samples: values.whole("model.min_training_samples"),
        min_multivariate_samples: values.whole("model.min_multivariate_samples"),
        default_contamination: values.number("model.default_contamination"),
        contamination_by_category: services::contamination_by_category(values, services, problems),
        contamination_by_service: services::contamination_by_service(values, services, problems),
        univariate_trees: values.whole("model.default_n_estimators"),
        multivariate_trees: values.whole("model.multivariate_n_estimators"),
        subsample: values.whole("model.subsample"),
        seed: seed.unsigned_abs(),
    }
}

fn detection(values: &Values, problems: &mut Vec<Problem>) -> Detection {
    Detection {
        opening: forms::opening(&values.text("detection.opening")).unwrap_or(Opening::Residual),
        bounds: Bounds {
            request_rate_max: values.number("detection_thresholds.validation.max_request_rate"),
            latency_ms_max: values.number("detection_thresholds.validation.max_latency_ms"),
        },
        gates: gates(values),
        fallback_scores: fallback_scores(values, problems),
    }
}

fn gates(values: &Values) -> Gates {
    let gate = |name: &str| values.number(&format!("detection.gates.{name}"));
    Gates {
        requests_min: gate("requests_min"),
        error_rate_min: gate("error_rate_min"),
        error_rate_ratio_min: gate("error_rate_ratio_min"),
        latency_ms_min: gate("latency_ms_min"),
        latency_ratio_min: gate("latency_ratio_min"),
        rate_min: gate("rate_min"),
        rate_ratio_min: gate("rate_ratio_min"),
    }
}

fn fallback_scores(values: &Values, problems: &mut Vec<Problem>) -> FallbackScores {
    const AT: &str = "detection_thresholds.severity_scores";
    let levels = ["critical", "high", "medium"];
    let [critical, high, medium] = levels.map(|level| values.number(&format!("{AT}.{level}")));
    require_ascending(AT, "DET002", &levels, &[critical, high, medium], problems);
    FallbackScores { critical, high, medium }
}

/// Reports the first pair of neighbours that does not grow.
fn require_ascending(
    at: &str,
    code: &'static str,
    names: &[&str],
    numbers: &[f64],
    problems: &mut Vec<Problem>,
) {
    let falls = numbers.windows(2).position(|pair| pair[0] >= pair[1]);
    if let Some(index) = falls {
        let (lower, upper) = (names[index], names[index + 1]);
        let message = format!(
            "{lower} is {} and {upper} is {}; write {}, each larger than the one before",
            numbers[index],
            numbers[index + 1],
            names.join(" < ")
        );
        problems.push(Problem::error(code, at, message));
    }
}
