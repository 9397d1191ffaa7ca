//! What is written to a real VictoriaMetrics, read back; and by the queries of the dashboard.

use std::fs;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::response;
use crate::servers::VictoriaMetrics;
use crate::stage::{self, Stage};

const DASHBOARD: &str = "infra/dashboards/services.json";
const ILL: &str = "search";
const OPEN: f64 = 3.0;

pub(super) fn check(stage: &Stage) -> Result<()> {
    let (estate, server) = (stage.yesterday()?, VictoriaMetrics::start(stage)?);
    let folder = tempfile::tempdir()?;
    let variables = [
        ("FINGERPRINT_DB", folder.path().join("state.db").display().to_string()),
        ("YAGA__WRITE_BACK__ENABLED", "true".to_owned()),
        ("YAGA__WRITE_BACK__URL", server.url()),
    ];
    let mut answers = Vec::new();
    for at in estate.ill().into_iter().chain(estate.well()) {
        answers.push((at, estate.replay.infer(stage, at, &variables)?));
    }
    server.flush()?;
    for (at, answer) in &answers {
        ensure!(answer["message"].is_null(), "something was not written: {answer:#}");
        check_values(&server, *at, answer)?;
    }
    check_states(&server, &answers)?;
    check_dashboard(&server, answers[1].0)
}

/// Every metric that was judged is there as it was judged, with a band around what is usual.
fn check_values(server: &VictoriaMetrics, at: DateTime<Utc>, answer: &Value) -> Result<()> {
    for (service, result) in response::by_service(answer)? {
        let value = |name: &str, metric: &str| {
            let labels = format!("service_name={service:?},metric={metric:?}");
            server.value(&format!("{name}{{{labels}}}"), at)
        };
        let judged = result["current_metrics"].as_object().context("no current metrics")?;
        let judged: Vec<(&String, f64)> =
            judged.iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect();
        ensure!(judged.len() >= 3, "{service} has hardly a metric: {result:#}");
        for (metric, observed) in judged {
            let read = value("yaga_observed", metric)?;
            ensure!((read - observed).abs() <= 1e-9 * observed.abs(), "{metric} is read as {read}");
            let [low, usual, high] = ["yaga_expected_low", "yaga_expected", "yaga_expected_high"]
                .map(|name| value(name, metric));
            let (low, usual, high) = (low?, usual?, high?);
            ensure!(low <= usual && usual <= high, "{service} {metric}: {low}, {usual}, {high}");
        }
        server.value(&format!("yaga_anomaly_score{{service_name={service:?}}}"), at)?;
    }
    Ok(())
}

/// The ill service is ill beyond its band while its incident is open, and well at the end.
fn check_states(server: &VictoriaMetrics, answers: &[(DateTime<Utc>, Value)]) -> Result<()> {
    let of_service = |name: &str, service: &str, at| {
        server.value(&format!("{name}{{service_name={service:?}}}"), at)
    };
    let (ill, well) = (answers[1].0, answers.last().context("no cycle")?.0);
    ensure!(of_service("yaga_incident_state", ILL, ill)? == OPEN, "the incident is not open");
    ensure!(of_service("yaga_incident_state", ILL, well)? == 0.0, "the incident is not over");
    let score = |at| of_service("yaga_anomaly_score", ILL, at);
    ensure!(score(ill)? > score(well)?, "the score says nothing");
    let errors = format!("{{service_name={ILL:?},metric=\"error_rate\"}}");
    let observed = server.value(&format!("yaga_observed{errors}"), ill)?;
    let high = server.value(&format!("yaga_expected_high{errors}"), ill)?;
    ensure!(observed > high, "errors of {observed} are within what is usual, up to {high}");
    for service in response::by_service(&answers[1].1)?.keys() {
        of_service("yaga_incident_state", service, ill)?;
    }
    Ok(())
}

/// Every panel has something to show.
fn check_dashboard(server: &VictoriaMetrics, at: DateTime<Utc>) -> Result<()> {
    let text = fs::read_to_string(stage::root().join(DASHBOARD))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let panels = dashboard["panels"].as_array().context("no panels")?;
    let targets = panels.iter().filter_map(|it| it["targets"].as_array()).flatten();
    let mut shown = 0;
    for target in targets {
        let query = target["expr"].as_str().context("a panel without a query")?;
        let query = query
            .replace("$service", ".+")
            .replace("$detail", ILL)
            .replace("$metric", "error_rate");
        ensure!(!query.contains('$'), "an unknown variable in {query}");
        server.value(&query, at)?;
        shown += 1;
    }
    ensure!(shown >= 8, "the dashboard has {shown} queries");
    Ok(())
}
