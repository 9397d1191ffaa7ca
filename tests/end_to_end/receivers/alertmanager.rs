//! A real Alertmanager, with the routes and rules that the documentation gives.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::servers::Alertmanager;
use crate::stage::{self, Stage};

const PAGE: &str = "docs/DELIVERY.md";
const INCIDENT_ALERT: &str = "YagaAnomaly";
/// Inhibition and resolution are worked out now and then, not at once.
const SETTLED_LIMIT: Duration = Duration::from_secs(20);

/// The documented part, and what every configuration must have besides.
fn configuration() -> Result<String> {
    let page = std::fs::read_to_string(stage::root().join(PAGE))?;
    let (_, rest) = page.split_once("```yaml\n").context("the page has no configuration")?;
    let (documented, _) = rest.split_once("```").context("the page ends in the middle of it")?;
    Ok(format!("{documented}receivers:\n  - name: team\n"))
}

pub(super) fn check(stage: &Stage) -> Result<()> {
    let (estate, server) = (stage.yesterday()?, Alertmanager::start(stage, &configuration()?)?);
    let folder = tempfile::tempdir()?;
    let variables = [
        ("FINGERPRINT_DB", folder.path().join("state.db").display().to_string()),
        ("ALERTMANAGER_URL", server.url()),
        // The fault was yesterday, and the server's clock says today.
        ("YAGA__ALERTMANAGER__EXPIRES_AFTER_HOURS", "168".to_owned()),
        ("YAGA__DELIVERY__HEARTBEAT", "true".to_owned()),
    ];
    let mut last = Value::Null;
    for at in estate.ill() {
        last = estate.replay.infer(stage, at, &variables)?;
    }
    ensure!(last["deliveries"]["waiting"] == 0, "not all was accepted: {last:#}");
    let announced = last["incidents"]["announced"].as_u64();
    ensure!(announced > Some(0), "nothing was announced: {last:#}");
    settled("the lower rungs are inhibited", || check_inhibition(&incidents(&server)?))?;
    check_groups(&server)?;
    for at in estate.well() {
        last = estate.replay.infer(stage, at, &variables)?;
    }
    ensure!(last["incidents"]["active"] == 0, "the incident is not over: {last:#}");
    settled("the resolution resolves", || {
        let firing = incidents(&server)?;
        ensure!(firing.is_empty(), "still firing: {firing:#?}");
        Ok(())
    })?;
    // Yesterday's heartbeat is over; that it was taken is in the counts of the cycle.
    ensure!(last["message"].is_null(), "a notice was lost: {last:#}");
    Ok(())
}

fn incidents(server: &Alertmanager) -> Result<Vec<Value>> {
    let mut alerts = server.alerts()?;
    alerts.retain(|alert| alert["labels"]["alertname"] == INCIDENT_ALERT);
    Ok(alerts)
}

/// Of each incident the highest rung is told, and it alone.
fn check_inhibition(alerts: &[Value]) -> Result<()> {
    let mut rungs: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    for alert in alerts {
        let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
        let is_inhibited =
            alert["status"]["inhibitedBy"].as_array().is_some_and(|it| !it.is_empty());
        rungs.entry(label("incident_id")).or_default().insert(label("severity"), is_inhibited);
    }
    ensure!(!rungs.is_empty(), "no incident is firing");
    for (incident, rungs) in &rungs {
        let told: BTreeSet<&str> = rungs
            .iter()
            .filter(|(_, inhibited)| !**inhibited)
            .map(|(rung, _)| rung.as_str())
            .collect();
        let highest =
            ["critical", "warning", "info"].into_iter().find(|it| rungs.contains_key(*it));
        ensure!(
            told == highest.into_iter().collect(),
            "{incident} is told as {told:?} of {rungs:?}"
        );
        ensure!(rungs.len() == 3, "{incident} has rungs {rungs:?}: nothing much to inhibit");
    }
    Ok(())
}

/// One group for the service, whatever rungs its incidents have.
fn check_groups(server: &Alertmanager) -> Result<()> {
    let groups = server.groups()?;
    let of_incidents: Vec<&Value> =
        groups.iter().filter(|it| it["labels"]["alertname"] == INCIDENT_ALERT).collect();
    let services: BTreeSet<&str> =
        of_incidents.iter().filter_map(|it| it["labels"]["service"].as_str()).collect();
    ensure!(services.len() == of_incidents.len(), "a service has several groups: {groups:#?}");
    ensure!(services.contains("search"), "there is no group of the ill service: {groups:#?}");
    let grouped: usize =
        of_incidents.iter().filter_map(|it| it["alerts"].as_array()).map(Vec::len).sum();
    ensure!(grouped == incidents(server)?.len(), "an alert is in no group: {groups:#?}");
    Ok(())
}

/// Waits until a check succeeds; its last failure if it does not.
fn settled(what: &str, check: impl Fn() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + SETTLED_LIMIT;
    loop {
        match check() {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error.context(what.to_owned())),
            Err(_) => thread::sleep(Duration::from_millis(200)),
        }
    }
}
