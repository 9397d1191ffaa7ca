//! What inference answers, as far as a consumer may rely on it: the published schema.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::labels::{self, Fault};
use crate::recording::Recording;
use crate::stage;

/// The published schema of one service's result, from the root of the checkout.
const RESULT_SCHEMA: &str = "docs/schema/result.schema.json";

/// Fails with every difference between a result and the published schema.
fn check_schema(result: &Value) -> Result<()> {
    let path = stage::root().join(RESULT_SCHEMA);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let schema: Value = serde_json::from_str(&text).context("the schema is not JSON")?;
    let validator = jsonschema::validator_for(&schema).context("the schema is not a schema")?;
    let problems: Vec<String> = validator
        .iter_errors(result)
        .map(|problem| format!("{}: {problem}", problem.instance_path()))
        .collect();
    ensure!(problems.is_empty(), "not as published:\n{}\nin {result:#}", problems.join("\n"));
    Ok(())
}

/// The results by service: a bare list from the command, `results` of the function's response.
pub(crate) fn by_service(response: &Value) -> Result<BTreeMap<String, Value>> {
    let results = response.as_array().or_else(|| response["results"].as_array());
    let results = results.with_context(|| format!("no list of results in {response:#}"))?;
    let named = |result: &Value| {
        let name = result["service_name"].as_str();
        Ok((name.with_context(|| format!("nameless: {result:#}"))?.to_owned(), result.clone()))
    };
    results.iter().map(named).collect()
}

/// Checks a whole response at the heart of `fault`: every service answers as the schema says, the
/// faulty one is reported, and no healthy one is.
pub(crate) fn check_reports(
    response: &Value,
    recording: &Recording,
    faults: &[Fault],
    fault: &Fault,
) -> Result<()> {
    let results = by_service(response)?;
    for service in &recording.services {
        let result = results.get(service).with_context(|| format!("no result for {service}"))?;
        check_schema(result).with_context(|| format!("the result of {service}"))?;
    }
    let ill = &results[&fault.service];
    ensure!(
        is_reported(ill) && ill["anomaly_count"].as_u64() > Some(0),
        "{} on {} is not reported: {ill:#}",
        fault.kind,
        fault.service
    );
    check_quiet(&results, &labels::healthy(&recording.services, faults, fault.heart()))
}

fn check_quiet(results: &BTreeMap<String, Value>, healthy: &[&str]) -> Result<()> {
    ensure!(!healthy.is_empty(), "every service is faulty: this shows nothing of false alarms");
    for service in healthy {
        let result = &results[*service];
        ensure!(!is_reported(result), "{service} is healthy, yet reported: {result:#}");
    }
    Ok(())
}

fn is_reported(result: &Value) -> bool {
    result["alert_type"] == "anomaly_detected"
}

/// An instant as events and flags take it.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
