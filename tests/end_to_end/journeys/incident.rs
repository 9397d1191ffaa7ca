//! An incident's whole life in the deployed shape: the inference function, tick by tick, on a real
//! table, with a receiver that is told.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::cloud::{BUCKET, Cloud, PREFIX, environment};
use crate::response::rfc3339;
use crate::servers::{DynamoDb, Functions, Received, Receiver, S3};
use crate::stage::Stage;

const TABLE: &str = "yaga-incidents";
/// The scheduler's.
const TICK: TimeDelta = TimeDelta::minutes(2);
/// Quiet ticks around the fault: enough for the grace cycles at its end.
const BEFORE: TimeDelta = TimeDelta::minutes(6);
const AFTER: TimeDelta = TimeDelta::minutes(40);

pub(super) fn is_told_from_alert_to_resolution(stage: &Stage) -> Result<()> {
    let Cloud { simulated, metrics, s3, .. } = stage.cloud()?;
    let (table, receiver) = (DynamoDb::start(stage)?, Receiver::start()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(table.incidents(TABLE).ensure_table())?;
    let mut variables = environment(simulated, metrics, s3);
    variables.extend([
        ("FINGERPRINT_DB", format!("dynamodb://{TABLE}")),
        ("AWS_ENDPOINT_URL_DYNAMODB", table.url()),
        ("WEBHOOK_URL", receiver.url()),
        ("ARCHIVE_ENABLED", "true".to_owned()),
    ]);
    let functions = Functions::start(stage, &variables)?;

    let fault = simulated.fault()?;
    let (mut at, until) = (fault.start - BEFORE, fault.end + AFTER);
    let (mut opened, mut ended, mut last) = (0, 0, Value::Null);
    while at <= until {
        last = functions.invoke("inference", &json!({ "time": rfc3339(at) }))?;
        let counts = &last["incidents"];
        ensure!(counts["not_committed"] == json!(0), "a cycle was not committed: {last:#}");
        opened += counts["opened"].as_u64().unwrap_or_default();
        ended += counts["ended"].as_u64().unwrap_or_default();
        at += TICK;
    }
    ensure!(opened >= 1, "no incident was opened: {last:#}");
    ensure!(last["incidents"]["active"] == json!(0), "an incident is still open: {last:#}");
    check_story(&receiver.received(), &fault.service, ended)?;
    check_archive(s3, &receiver.received())?;

    // The scheduler may deliver a tick twice.
    let before = receiver.received().len();
    functions.invoke("inference", &json!({ "time": rfc3339(at - TICK) }))?;
    ensure!(receiver.received().len() == before, "a repeated tick told something again");
    Ok(())
}

/// What was told is kept, under the day that it was about.
fn check_archive(s3: &S3, received: &[Received]) -> Result<()> {
    let folder = format!("{PREFIX}/alerts/");
    let kept: BTreeSet<String> =
        s3.keys(BUCKET)?.into_iter().filter(|key| key.starts_with(&folder)).collect();
    let key = |it: &Received| {
        let day = it.body["timestamp"].as_str().unwrap_or_default().chars().take(10);
        format!("{folder}dt={}/{}.json", day.collect::<String>(), it.key)
    };
    let told: BTreeSet<String> = received.iter().map(key).collect();
    ensure!(kept == told, "kept {kept:#?}, told {told:#?}");
    let Some(first) = received.first() else { return Ok(()) };
    ensure!(s3.object(BUCKET, &key(first))?.json()? == first.body, "it is kept as it was told");
    Ok(())
}

/// Every announced incident is resolved once, no message came twice, and the ill service is told.
fn check_story(received: &[Received], service: &str, ended: u64) -> Result<()> {
    let keys: BTreeSet<&str> = received.iter().map(|it| it.key.as_str()).collect();
    ensure!(keys.len() == received.len(), "a message came twice: {received:#?}");
    let of_type = |kind: &'static str| {
        received.iter().map(|it| &it.body).filter(move |body| body["alert_type"] == kind)
    };
    let mut announced = BTreeSet::new();
    for alert in of_type("anomaly_detected") {
        let anomalies = alert["anomalies"].as_object().into_iter().flatten();
        announced.extend(anomalies.map(|(_, anomaly)| anomaly["incident_id"].to_string()));
    }
    let resolved: Vec<String> =
        of_type("incident_resolved").map(|body| body["incident_id"].to_string()).collect();
    let distinct: BTreeSet<String> = resolved.iter().cloned().collect();
    ensure!(distinct.len() == resolved.len(), "an incident was resolved twice: {resolved:?}");
    ensure!(announced == distinct, "announced {announced:?}, resolved {distinct:?}");
    ensure!(resolved.len() as u64 == ended, "{ended} ended, {} were told", resolved.len());
    let tells = |body: &Value| {
        let affected = body["affected_services"].as_array().into_iter().flatten();
        body["service_name"] == service
            || affected.into_iter().any(|it| it["service_name"] == service)
    };
    ensure!(of_type("anomaly_detected").any(tells), "{service} is in no alert: {received:#?}");
    Ok(())
}
