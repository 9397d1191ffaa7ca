//! The deployment template and the example events.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::Case;
use crate::process;
use crate::stage::{self, Stage};

const TEMPLATE: &str = "infra/template.yaml";
/// Where the rules that differ by region are looked up.
const REGION: &str = "us-east-1";
const LINT_LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn cases(stage: &Stage) -> Vec<Case> {
    vec![
        Case::new("template::passes_cfn_lint", cfn_lint).needs(stage, &["cfn-lint"]),
        Case::new("template::passes_sam_validate", sam_validate).needs(stage, &["sam"]),
        Case::new("template::passes_cfn_lint_when_expanded", expanded)
            .needs(stage, &["cfn-lint", "sam"]),
        Case::new("template::the_table_is_what_the_adapter_works_on", incidents_table)
            .needs(stage, &["cfn-lint", "sam"]),
        Case::new(
            "template::inference_may_use_the_table_and_training_may_list_it",
            table_permissions,
        )
        .needs(stage, &["cfn-lint", "sam"]),
        Case::new("template::inference_keeps_alerts_and_reads_none", archive_permission)
            .needs(stage, &["cfn-lint", "sam"]),
        Case::new("template::inference_may_publish_to_the_topic_if_there_is_one", topic_permission)
            .needs(stage, &["cfn-lint", "sam"]),
        Case::new("template::example_events_are_what_functions_take", |_| example_events()),
    ]
}

fn cfn_lint(stage: &Stage) -> Result<()> {
    let mut command = stage.command(stage.tool("cfn-lint").context("cfn-lint is missing")?);
    command.args(["-r", REGION, "--", TEMPLATE]);
    process::succeed("cfn-lint", command, LINT_LIMIT).map(drop)
}

/// Both ways: without `--lint` it has the clearer word on events, with it on everything else.
fn sam_validate(stage: &Stage) -> Result<()> {
    for lint in [None, Some("--lint")] {
        let mut command = stage.command(stage.tool("sam").context("sam is missing")?);
        command.args(["validate", "-t", TEMPLATE, "--region", REGION]).args(lint);
        process::succeed("sam validate", command, LINT_LIMIT)?;
    }
    Ok(())
}

/// As written, a wrong runtime passes the lint; expanded, it does not.
fn expanded(stage: &Stage) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("expanded.json");
    fs::write(&path, expand(stage)?)?;
    let lint = stage.tool("cfn-lint").context("cfn-lint is missing")?;
    let mut command = stage.command(lint);
    command.args(["-r", REGION, "--"]).arg(&path);
    process::succeed("cfn-lint", command, LINT_LIMIT).map(drop)
}

/// The template as plain CloudFormation, as JSON text.
fn expand(stage: &Stage) -> Result<String> {
    let lint = stage.tool("cfn-lint").context("cfn-lint is missing")?;
    let mut expand = stage.command(lint.with_file_name("python"));
    expand.args(["tests/end_to_end/expand_template.py", TEMPLATE]);
    process::succeed("expanding the template", expand, LINT_LIMIT)
}

fn resources(stage: &Stage) -> Result<Value> {
    let template: Value = serde_json::from_str(&expand(stage)?)?;
    Ok(template["Resources"].clone())
}

fn incidents_table(stage: &Stage) -> Result<()> {
    let table = &resources(stage)?["IncidentsTable"];
    let mut properties = table["Properties"].clone();
    let names = properties["AttributeDefinitions"].as_array_mut().context("no attributes")?;
    names.sort_by_key(|attribute| attribute["AttributeName"].to_string());
    for (name, expected) in adapter_aws::table_properties().as_object().context("no properties")? {
        let found = &properties[name];
        ensure!(found == expected, "{name} is {found:#}, but the adapter wants {expected:#}");
    }
    let is = |path: &str, value: Value| properties.pointer(path) == Some(&value);
    ensure!(is("/BillingMode", json!("PAY_PER_REQUEST")), "the table is not on demand");
    let recovery = "/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled";
    ensure!(is(recovery, json!(true)), "the table has no backups");
    let stream = "/StreamSpecification/StreamViewType";
    ensure!(is(stream, json!("NEW_AND_OLD_IMAGES")), "the table has no stream");
    ensure!(table["DeletionPolicy"] == "Retain", "the table goes with the stack");
    Ok(())
}

fn table_permissions(stage: &Stage) -> Result<()> {
    let resources = resources(stage)?;
    let actions = |role: &str| -> Vec<String> {
        let policies = resources[role]["Properties"]["Policies"].to_string();
        let words = policies.split('"').filter(|word| word.starts_with("dynamodb:"));
        words.map(str::to_owned).collect()
    };
    let inference = actions("InferenceRole");
    for action in actions_of_a_cycle()? {
        ensure!(inference.contains(&action), "inference may not {action}");
    }
    let policies = resources["InferenceRole"]["Properties"]["Policies"].to_string();
    let deletes_messages_only = r#""dynamodb:LeadingKeys":"OUT#*""#;
    ensure!(policies.contains(deletes_messages_only), "whole incidents may be deleted");
    ensure!(!inference.iter().any(|action| action.contains('*')), "{inference:?} is too much");
    let training = actions("TrainingRole");
    let may = ["dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:LeadingKeys"];
    ensure!(training == may, "training lists incidents and does no more: {training:?}");
    let timeline = r#""Fn::Sub":"${IncidentsTable.Arn}/index/timeline""#;
    let policies = resources["TrainingRole"]["Properties"]["Policies"].to_string();
    ensure!(policies.contains(timeline), "it lists those of a service: {policies}");
    let checks_only = r#""dynamodb:LeadingKeys":"TABLE""#;
    ensure!(policies.contains(checks_only), "it may read and write incidents: {policies}");
    let variables = &resources["InferenceFunction"]["Properties"]["Environment"]["Variables"];
    let place = variables["FINGERPRINT_DB"].to_string();
    ensure!(place.contains("dynamodb://") && place.contains("IncidentsTable"), "{place}");
    Ok(())
}

/// What the adapter asks the table for in a cycle. A transaction needs the permission of its
/// parts; a scan is for people, and the table is made by the template.
fn actions_of_a_cycle() -> Result<BTreeSet<String>> {
    const CALLS: [(&str, &str); 7] = [
        (".transact_write_items()", "PutItem"),
        (".batch_get_item()", "BatchGetItem"),
        (".delete_item()", "DeleteItem"),
        (".get_item()", "GetItem"),
        (".put_item()", "PutItem"),
        (".query()", "Query"),
        (".update_item()", "UpdateItem"),
    ];
    let folder = stage::root().join("shared/adapter-aws/src/dynamo");
    let mut actions = BTreeSet::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
        let text = fs::read_to_string(entry?.path())?;
        let made = CALLS.iter().filter(|(call, _)| text.contains(call));
        actions.extend(made.map(|(_, action)| format!("dynamodb:{action}")));
    }
    ensure!(actions.len() >= 6, "the adapter seems to need {actions:?} only");
    Ok(actions)
}

/// With a topic, inference may publish to it and to nothing else; without one it may not.
fn topic_permission(stage: &Stage) -> Result<()> {
    let resources = resources(stage)?;
    let policy = &resources["InferenceRole"]["Properties"]["Policies"][0]["PolicyDocument"];
    let statements = policy["Statement"].as_array().context("no statements")?;
    let may: Vec<&Value> = statements.iter().filter(|it| it.to_string().contains("sns:")).collect();
    let expected = json!({ "Fn::If": [
        "HasAlertTopic",
        {
            "Sid": "PublishAlerts",
            "Effect": "Allow",
            "Action": "sns:Publish",
            "Resource": { "Ref": "AlertTopicArn" },
        },
        { "Ref": "AWS::NoValue" },
    ]});
    ensure!(may == [&expected], "{may:#?}");
    let variables = &resources["InferenceFunction"]["Properties"]["Environment"]["Variables"];
    ensure!(variables["SNS_TOPIC_ARN"].to_string().contains("HasAlertTopic"), "{variables:#}");
    ensure!(variables["VM_ENDPOINT"].is_object(), "the common variables are gone");
    let training = resources["TrainingRole"].to_string();
    ensure!(!training.contains("sns:"), "training has nothing to say");
    Ok(())
}

/// Inference writes what it tells into the bucket, reads nothing of it, and it is kept for a while.
fn archive_permission(stage: &Stage) -> Result<()> {
    let resources = resources(stage)?;
    let policy = resources["InferenceRole"]["Properties"]["Policies"].to_string();
    let may = r#""Action":"s3:PutObject","Effect":"Allow","Resource":{"Fn::Sub":"${ModelsBucket.Arn}/alerts/*"}"#;
    ensure!(policy.contains(may), "{policy}");
    ensure!(policy.matches("s3:PutObject").count() == 1, "it writes nothing else: {policy}");
    let variables = &resources["InferenceFunction"]["Properties"]["Environment"]["Variables"];
    ensure!(variables["ARCHIVE_ENABLED"] == json!({ "Ref": "ArchiveAlerts" }), "{variables:#}");
    let bucket = &resources["ModelsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"];
    let rules = bucket.as_array().context("no rules")?;
    let kept = rules.iter().find(|rule| rule["Prefix"] == "alerts/").context("kept for ever")?;
    ensure!(kept["ExpirationInDays"] == 400, "{kept:#}");
    Ok(())
}

fn example_events() -> Result<()> {
    let folder = stage::root().join("infra/events");
    for entry in fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let event: Value = serde_json::from_str(&fs::read_to_string(&path)?)
            .with_context(|| format!("{name} is not JSON"))?;
        check_event(&name, &event).with_context(|| name)?;
    }
    Ok(())
}

fn check_event(name: &str, event: &Value) -> Result<()> {
    let names_function = name.starts_with("inference-") || name.starts_with("training-");
    ensure!(names_function, "names no function");
    for (key, value) in event.as_object().context("not an object")? {
        match key.as_str() {
            "at" | "time" => {
                let instant = value.as_str().context("an instant is a string")?;
                instant.parse::<DateTime<Utc>>().context("not an RFC 3339 instant")?;
            }
            "services" => ensure!(value.is_array(), "services is not a list"),
            other => bail!("no function takes `{other}`"),
        }
    }
    Ok(())
}
