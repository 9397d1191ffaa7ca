//! Two processes of the command at once, on one table: of one cycle, and of neighbouring ones.
//!
//! Whoever commits a detection counts it, and its answer says which one it was. So whatever wins,
//! the counts that all answers about an incident give are 1, 2, 3, …, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::replay::Replay;
use super::simulated::Wish;
use crate::process;
use crate::servers::DynamoDb;
use crate::stage::Stage;

/// Rounds of a short run; `make soak` asks for 200.
const ROUNDS: i32 = 12;
const START: &str = "2026-03-02T00:00:00Z";
/// Minutes from the start of the test hours to the first round.
const FIRST_AFTER: i64 = 430;
const LIMIT: Duration = Duration::from_secs(60);
const FAULTS: [&str; 4] = [
    "latency_spike:search:+432:40",
    "error_burst:front-door:+500:40",
    "partial_outage:storefront:+600:40",
    "latency_spike:search:+700:60",
];

pub(super) fn same_cycle(stage: &Stage) -> Result<()> {
    run(stage, "same", |round| [round, round])
}

pub(super) fn neighbours(stage: &Stage) -> Result<()> {
    run(stage, "neighbours", |round| [2 * round, 2 * round + 1])
}

fn run(stage: &Stage, table: &'static str, cycles: fn(i32) -> [i32; 2]) -> Result<()> {
    let rounds = env::var("YAGA_OVERLAP_ROUNDS").ok().and_then(|text| text.parse().ok());
    let faults = FAULTS.map(str::to_owned).to_vec();
    let wish = Wish { services: 3, start: START.to_owned(), days: 15, test_hours: 24, faults };
    let scene =
        Scene { replay: Replay::make(stage, &wish)?, server: DynamoDb::start(stage)?, table };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(scene.server.incidents(table).ensure_table())?;
    let first = START.parse::<DateTime<Utc>>()? + TimeDelta::days(15);
    let first = first + TimeDelta::minutes(FIRST_AFTER);
    let mut answers = Vec::new();
    for round in 0..rounds.unwrap_or(ROUNDS) {
        let pair = cycles(round).map(|cycle| first + TimeDelta::minutes(2) * cycle);
        let commands = [scene.infer(stage, pair[0])?, scene.infer(stage, pair[1])?];
        let running =
            commands.map(|it| thread::spawn(|| process::succeed("yaga infer", it, LIMIT)));
        for it in running {
            let printed = it.join().ok().context("a process could not be waited for")??;
            answers.push(serde_json::from_str(&printed).context("an answer")?);
        }
    }
    check(&answers, &scene.incidents(stage)?)
}

struct Scene {
    replay: Replay,
    server: DynamoDb,
    table: &'static str,
}

impl Scene {
    fn infer(&self, stage: &Stage, at: DateTime<Utc>) -> Result<Command> {
        Ok(self.on_table(self.replay.infer_command(stage, at)?))
    }

    fn incidents(&self, stage: &Stage) -> Result<Vec<Value>> {
        let arguments = ["incidents", "list", "--json", "--last", "1000", "--all"];
        let command = self.on_table(self.replay.command(stage, &arguments, "test.jsonl.gz")?);
        let listed: Value = serde_json::from_str(&process::succeed("the list", command, LIMIT)?)?;
        listed["incidents"].as_array().cloned().context("a list of incidents")
    }

    fn on_table(&self, mut command: Command) -> Command {
        command.env("FINGERPRINT_DB", format!("dynamodb://{}", self.table));
        command.env("AWS_ENDPOINT_URL_DYNAMODB", self.server.url());
        command.envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test")]);
        command.env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }
}

fn check(answers: &[Value], kept: &[Value]) -> Result<()> {
    let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for result in answers.iter().filter_map(|it| it["results"].as_array()).flatten() {
        let anomalies = result["anomalies"].as_object().into_iter().flatten();
        let counted = anomalies.filter_map(|(_, it)| {
            Some((it["incident_id"].as_str()?.to_owned(), it["occurrence_count"].as_u64()?))
        });
        for (incident, count) in counted.collect::<BTreeSet<_>>() {
            counts.entry(incident).or_default().push(count);
        }
    }
    let (mut beaten, told) = (0, answers.iter().filter_map(|it| it["message"].as_str()));
    told.for_each(|text| beaten += usize::from(text.contains("was counted already")));
    ensure!(beaten > 0, "no process was ever beaten by the other one");
    ensure!(!counts.is_empty(), "nothing was detected");
    for (incident, mut seen) in counts {
        seen.sort_unstable();
        let each_once: Vec<u64> = (1..=seen.len() as u64).collect();
        ensure!(seen == each_once, "{incident} was counted as {seen:?}");
        let stored = kept.iter().find(|it| it["incident_id"] == incident.as_str());
        let stored = stored.with_context(|| format!("{incident} is not kept"))?;
        ensure!(stored["occurrence_count"] == seen.len(), "{incident}: {seen:?}, {stored:#}");
    }
    Ok(())
}
