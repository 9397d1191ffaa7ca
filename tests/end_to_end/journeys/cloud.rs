//! The deployed shape on one machine: VictoriaMetrics, S3 and the functions, all of them real.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::simulated::{Simulated, Wish};
use crate::process;
use crate::response::{self, rfc3339};
use crate::servers::{Functions, S3, VictoriaMetrics};
use crate::stage::Stage;

pub(super) const BUCKET: &str = "yaga-end-to-end";
pub(super) const PREFIX: &str = "models";
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Everything running, with models trained by the training function.
#[derive(Debug)]
pub(crate) struct Cloud {
    // Fields end in this order: the functions before the servers they talk to.
    functions: Functions,
    pub(super) s3: S3,
    pub(super) metrics: VictoriaMetrics,
    pub(super) simulated: Simulated,
    trained: Value,
}

impl Cloud {
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        let simulated = Simulated::make(stage, &Wish::default())?;
        let metrics = VictoriaMetrics::start(stage)?;
        metrics.import(&simulated.train).context("the history")?;
        let test = simulated.test.after(simulated.train.last)?;
        metrics.import(&test).context("the test span")?;
        let s3 = S3::start(stage)?;
        s3.create_bucket(BUCKET)?;
        let functions = Functions::start(stage, &environment(&simulated, &metrics, &s3))?;
        // The test span is in the database already: training must not look beyond its instant.
        let event = json!({ "at": rfc3339(simulated.train.last) });
        let trained = functions.invoke("training", &event)?;
        Ok(Self { functions, s3, metrics, simulated, trained })
    }
}

/// As the template sets it, plus what takes the place of AWS.
pub(super) fn environment(
    simulated: &Simulated,
    metrics: &VictoriaMetrics,
    s3: &S3,
) -> Vec<(&'static str, String)> {
    vec![
        ("VM_ENDPOINT", metrics.url()),
        ("MODELS_DIR", format!("s3://{BUCKET}/{PREFIX}")),
        ("CONFIG_FILE", simulated.config().display().to_string()),
        ("LOG_LEVEL", "info".to_owned()),
        ("AWS_ENDPOINT_URL_S3", s3.url()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        // A proxy of the machine has no business between servers of this test.
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ]
}

pub(super) fn models_are_there(stage: &Stage) -> Result<()> {
    let cloud = stage.cloud()?;
    let keys = cloud.s3.keys(BUCKET)?;
    let models: BTreeSet<&str> = keys.iter().filter_map(|key| key.strip_suffix(".bin")).collect();
    for service in &cloud.simulated.train.services {
        let of_service = models.iter().filter(|key| key.contains(&format!("/{service}/"))).count();
        ensure!(of_service > 0, "no model of {service}: {keys:#?}\n{:#}", cloud.trained);
    }
    for model in &models {
        ensure!(keys.contains(&format!("{model}.json")), "{model}.bin has no card");
    }
    let catalog = keys.iter().find(|key| key.ends_with("/catalog.json"));
    let catalog = cloud.s3.object(BUCKET, catalog.context("no catalog")?)?.json()?;
    let named = model_names(&catalog);
    ensure!(!named.is_empty(), "the catalog names no model: {catalog:#}");
    for name in named {
        ensure!(keys.iter().any(|key| key.ends_with(name)), "the catalog names {name}: missing");
    }
    Ok(())
}

/// Every string of the catalog that ends as a model's key does, wherever it stands.
fn model_names(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) if text.ends_with(".bin") => vec![text],
        Value::Array(items) => items.iter().flat_map(model_names).collect(),
        Value::Object(members) => members.values().flat_map(model_names).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn fault_is_reported(stage: &Stage) -> Result<()> {
    let Cloud { simulated, functions, .. } = stage.cloud()?;
    let fault = simulated.fault()?;
    // `time` is the key the scheduler's input has.
    let event = json!({ "time": rfc3339(fault.heart()) });
    let answer = functions.invoke("inference", &event)?;
    response::check_reports(&answer, &simulated.test, &simulated.faults, fault)
}

pub(super) fn one_service(stage: &Stage) -> Result<()> {
    let Cloud { simulated, functions, .. } = stage.cloud()?;
    let fault = simulated.fault()?;
    let asked = json!([fault.service]);
    let event = json!({ "at": rfc3339(fault.heart()), "services": asked });
    let answer = functions.invoke("inference", &event)?;
    let answered: Vec<String> = response::by_service(&answer)?.into_keys().collect();
    ensure!(json!(answered) == asked, "asked for {asked}, got {answered:?}");
    Ok(())
}

pub(super) fn command_verifies(stage: &Stage) -> Result<()> {
    let cloud = stage.cloud()?;
    let verified = yaga_models(stage, cloud, "verify")?;
    ensure!(verified["models_read"].as_u64() > Some(0), "nothing was read: {verified:#}");
    ensure!(verified["problems"] == json!([]), "{verified:#}");
    let listed = yaga_models(stage, cloud, "list")?.to_string();
    for service in &cloud.simulated.train.services {
        ensure!(listed.contains(service.as_str()), "{service} is not listed: {listed}");
    }
    Ok(())
}

fn yaga_models(stage: &Stage, cloud: &Cloud, command: &str) -> Result<Value> {
    let mut yaga = stage.yaga()?;
    yaga.args(["models", command, "--json"]);
    yaga.envs(environment(&cloud.simulated, &cloud.metrics, &cloud.s3));
    let name = format!("yaga models {command}");
    let printed = process::succeed(&name, yaga, COMMAND_LIMIT)?;
    serde_json::from_str(&printed).with_context(|| format!("{name} printed no JSON: {printed}"))
}

pub(super) fn bad_event(stage: &Stage) -> Result<()> {
    let functions = &stage.cloud()?.functions;
    for function in ["training", "inference"] {
        let message = functions.invoke_to_fail(function, &json!({ "at": "yesterday" }))?;
        ensure!(message.contains("yesterday"), "{function} does not say what is wrong: {message}");
    }
    Ok(())
}
