//! A topic of SNS, with queues that subscribe to it: all of it, or a part.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use pipeline::ports::{Outcome, Publisher};
use serde_json::{Value, json};
use testkit::conformance::resolution;

use crate::servers::Sns;
use crate::stage::Stage;

/// More than SNS takes.
const TOO_MANY_BYTES: usize = 300 * 1024;

pub(super) fn check(stage: &Stage) -> Result<()> {
    let server = Sns::start(stage)?;
    server.create_topic("alerts")?;
    server.subscribe("alerts", "all", None)?;
    let policy = json!({ "kind": ["resolution"], "service": ["service-2"], "severity": ["low"] });
    server.subscribe("alerts", "some", Some(&policy.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    let mut batch: Vec<_> = (0..23).map(resolution).collect();
    batch[7].body =
        batch[7].body.replacen('{', &format!("{{\"pad\":{:?},", "x".repeat(TOO_MANY_BYTES)), 1);
    let outcomes = runtime.block_on(server.receiver("alerts").send(&batch));
    ensure!(outcomes == vec![Outcome::Delivered; batch.len()], "{outcomes:?}");

    let all = server.take("all")?;
    let payloads = all.iter().map(payload).collect::<Result<Vec<Value>>>()?;
    let services: BTreeSet<&str> =
        payloads.iter().filter_map(|it| it["service_name"].as_str()).collect();
    ensure!(
        services.len() == batch.len() && all.len() == batch.len(),
        "not all arrived: {services:?}"
    );
    let short: Vec<&Value> = payloads.iter().filter(|it| it["truncated"] == true).collect();
    ensure!(short.len() == 1 && short[0]["service_name"] == "service-7", "{short:#?}");
    ensure!(short[0]["incident_ids"][0] == json!(batch[7].incident_ids[0]), "{short:#?}");
    ensure!(payloads.contains(&serde_json::from_str(&batch[3].body)?), "a payload was changed");

    check_filtered(&server.take("some")?)?;
    let lost = runtime.block_on(server.receiver("nobody").send(&batch[..1]));
    let [Outcome::Retry { reason, .. }] = &lost[..] else { anyhow::bail!("{lost:?}") };
    ensure!(reason.contains("check the topic"), "{reason}");
    Ok(())
}

/// One message came through the filter, with what it was filtered by.
fn check_filtered(some: &[Value]) -> Result<()> {
    ensure!(some.len() == 1, "the filter let through {some:#?}");
    ensure!(payload(&some[0])?["service_name"] == "service-2", "{some:#?}");
    let attributes = &some[0]["MessageAttributes"];
    for (name, value) in [("kind", "resolution"), ("severity", "low"), ("schema_version", "3.0.0")]
    {
        ensure!(attributes[name]["Value"] == value, "{name} is missing: {attributes:#}");
    }
    Ok(())
}

/// The whole way: a fault, the command, the topic, a queue.
pub(super) fn check_command(stage: &Stage) -> Result<()> {
    let (estate, server) = (stage.yesterday()?, Sns::start(stage)?);
    server.create_topic("alerts")?;
    server.subscribe("alerts", "all", None)?;
    let folder = tempfile::tempdir()?;
    let variables = [
        ("FINGERPRINT_DB", folder.path().join("state.db").display().to_string()),
        ("SNS_TOPIC_ARN", Sns::arn("alerts")),
        ("AWS_ENDPOINT_URL_SNS", server.url()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ];
    for at in estate.ill().into_iter().chain(estate.well()) {
        let answer = estate.replay.infer(stage, at, &variables)?;
        ensure!(answer["deliveries"]["waiting"] == 0, "not all was taken: {answer:#}");
    }
    let payloads = server.take("all")?.iter().map(payload).collect::<Result<Vec<Value>>>()?;
    let kinds: BTreeSet<&str> =
        payloads.iter().filter_map(|it| it["alert_type"].as_str()).collect();
    let both = BTreeSet::from(["anomaly_detected", "incident_resolved"]);
    ensure!(kinds == both, "the queue has {kinds:?}");
    Ok(())
}

fn payload(notification: &Value) -> Result<Value> {
    let text = notification["Message"].as_str().context("a notification without a message")?;
    Ok(serde_json::from_str(text)?)
}
