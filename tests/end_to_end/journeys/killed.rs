//! `kill -9` at random moments, and a receiver that fails half of the time: nothing is lost,
//! nothing is told for nothing, and who drops what came twice sees each message once.
//!
//! Each cycle is a process of the command on one state file, as a scheduler would start it. What
//! is decided (who is killed after which share of its time, how each request is treated, what
//! runs next) follows from a seed: `YAGA_KILL_SEED` replays it. `YAGA_KILL_CYCLES` is how long.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tempfile::TempDir;

use super::replay::Replay;
use super::simulated::Wish;
use crate::process;
use crate::servers::{Mood, Received, Receiver};
use crate::stage::Stage;

/// Cycles of a short run; `make soak` asks for 300.
const CYCLES: u32 = 40;
/// Cycles that may follow until enough has happened, and the wait before each: on a fast machine
/// most of a run passes while the claims of killed processes still hold.
const MORE_CYCLES_MAX: u32 = 60;
const WAIT: Duration = Duration::from_secs(2);
/// What a run needs to say anything.
const KILLS_MIN: u32 = 6;
const REQUESTS_MIN: usize = 6;
const SEED: u64 = 11;
/// Of the history; the test hours begin 15 days later.
const START: &str = "2026-03-02T00:00:00Z";
const TICK: TimeDelta = TimeDelta::minutes(2);
/// Minutes from the start of the test hours to the first cycle.
const FIRST_AFTER: i64 = 430;
/// Cycles at the end that nobody kills, for the last incidents to end: the run may have stopped in
/// the middle of a fault.
const CALM_CYCLES_MAX: u32 = 40;
/// Times that one tick may be tried again by the scheduler.
const SAME_TICK_MAX: u32 = 2;
const CYCLE_LIMIT: Duration = Duration::from_secs(60);
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// A claim of a process that was killed holds for a minute.
const RECOVERY_LIMIT: Duration = Duration::from_secs(150);
/// Faults in each hour from the first cycle on.
const FAULTS: [&str; 8] = [
    "latency_spike:search:+436:14",
    "error_burst:front-door:+474:16",
    "partial_outage:storefront:+560:16",
    "latency_spike:search:+640:24",
    "error_burst:storefront:+720:20",
    "partial_outage:search:+800:18",
    "latency_spike:storefront:+880:20",
    "error_burst:front-door:+960:24",
];

pub(super) fn run(stage: &Stage) -> Result<()> {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("YAGA_KILL_SEED").unwrap_or(SEED);
    let cycles = number("YAGA_KILL_CYCLES").map_or(CYCLES, |it| it as u32);
    let story = Story::play(stage, seed, cycles);
    let told = story.and_then(|story| story.check());
    told.with_context(|| format!("replay it with YAGA_KILL_SEED={seed} YAGA_KILL_CYCLES={cycles}"))
}

fn is_over(incident: &Value) -> bool {
    incident["status"] == "CLOSED"
}

/// What was kept and what was told.
struct Story {
    incidents: Vec<Value>,
    received: Vec<Received>,
    kills: u32,
    requests: usize,
}

impl Story {
    fn play(stage: &Stage, seed: u64, cycles: u32) -> Result<Story> {
        let mut scene = Scene::new(stage, seed)?;
        let mut at = scene.first;
        for cycle in 0..cycles + MORE_CYCLES_MAX {
            if cycle >= cycles {
                if scene.has_seen_enough() {
                    break;
                }
                thread::sleep(WAIT);
            }
            let mut tries = 0;
            while scene.cycle(at)? == Ended::Killed
                && tries < SAME_TICK_MAX
                && scene.chance.happens(0.3)
            {
                tries += 1;
            }
            at += TICK;
        }
        let requests = scene.receiver.requests();
        scene.recover(at)?;
        let incidents = scene.list("incidents", "--last", "incidents")?;
        Ok(Story { incidents, received: scene.receiver.received(), kills: scene.kills, requests })
    }

    fn check(&self) -> Result<()> {
        ensure!(self.kills >= KILLS_MIN, "only {} processes were killed", self.kills);
        let requests = self.requests;
        ensure!(requests >= REQUESTS_MIN, "only {requests} requests came before the end");
        let messages = self.messages()?;
        let alerts = incidents_of(&messages, "anomaly_detected");
        let resolutions = incidents_of(&messages, "incident_resolved");
        ensure!(alerts.len() >= 2, "only {} incidents were told", alerts.len());
        for incident in &self.incidents {
            let id = incident["incident_id"].as_str().context("an incident without an id")?;
            let is_told = incident["alerted"] == true;
            ensure!(is_over(incident), "{id} is not over: {incident:#}");
            ensure!(alerts.contains_key(id) == is_told, "{id} was not announced as kept");
            ensure!(resolutions.contains_key(id) == is_told, "{id} was not resolved as kept");
        }
        for (id, resolved) in &resolutions {
            let announced = alerts.get(id).with_context(|| format!("{id} was never announced"))?;
            ensure!(announced[0] < resolved[0], "{id} was resolved before it was announced");
            // Opened again it is announced again, and resolved again.
            let openings = 1 + announced
                .windows(2)
                .filter(|it| resolved.iter().any(|end| it[0] < *end && *end < it[1]))
                .count();
            ensure!(resolved.len() == openings, "{id}: {announced:?}, resolved {resolved:?}");
        }
        let known: BTreeSet<&str> =
            self.incidents.iter().filter_map(|it| it["incident_id"].as_str()).collect();
        let unknown =
            alerts.keys().chain(resolutions.keys()).find(|it| !known.contains(it.as_str()));
        ensure!(unknown.is_none(), "{unknown:?} was told and is not kept");
        Ok(())
    }

    /// Each message once, in the order of its first arrival; the same key is the same message.
    fn messages(&self) -> Result<Vec<&Value>> {
        let mut seen: BTreeMap<&str, &Value> = BTreeMap::new();
        let mut messages = Vec::new();
        for it in &self.received {
            ensure!(!it.key.is_empty(), "a message without a key");
            match seen.insert(&it.key, &it.body) {
                None => messages.push(&it.body),
                Some(first) => ensure!(*first == it.body, "{} says two things", it.key),
            }
        }
        Ok(messages)
    }
}

/// By incident: the places of the messages of a type that name it.
fn incidents_of(messages: &[&Value], alert_type: &str) -> BTreeMap<String, Vec<usize>> {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, body) in
        messages.iter().enumerate().filter(|(_, it)| it["alert_type"] == alert_type)
    {
        let anomalies = body["anomalies"].as_object().into_iter().flatten();
        let named = anomalies.filter_map(|(_, anomaly)| anomaly["incident_id"].as_str());
        let ids: BTreeSet<&str> = named.chain(body["incident_id"].as_str()).collect();
        for id in ids {
            places.entry(id.to_owned()).or_default().push(place);
        }
    }
    places
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    ByItself,
    Killed,
}

struct Scene<'a> {
    stage: &'a Stage,
    replay: Replay,
    receiver: Receiver,
    folder: TempDir,
    chance: Chance,
    first: DateTime<Utc>,
    /// How long a cycle takes that is left alone.
    length: Duration,
    kills: u32,
}

impl<'a> Scene<'a> {
    fn new(stage: &'a Stage, seed: u64) -> Result<Self> {
        let faults = FAULTS.map(str::to_owned).to_vec();
        let wish = Wish { services: 3, start: START.to_owned(), days: 15, test_hours: 20, faults };
        let replay = Replay::make(stage, &wish)?;
        let moods = move |number: usize| Chance::new(seed ^ (number as u64) << 20).mood();
        let test_start = START.parse::<DateTime<Utc>>()? + TimeDelta::days(15);
        Ok(Self {
            stage,
            replay,
            receiver: Receiver::start_moody(moods)?,
            folder: tempfile::tempdir()?,
            chance: Chance::new(seed),
            first: test_start + TimeDelta::minutes(FIRST_AFTER),
            length: Duration::from_millis(150),
            kills: 0,
        })
    }

    /// How much is killed and sent in so many cycles depends on the machine's speed.
    fn has_seen_enough(&self) -> bool {
        self.kills >= KILLS_MIN && self.receiver.requests() >= REQUESTS_MIN
    }

    fn command(&self, mut command: Command) -> Command {
        command.env("FINGERPRINT_DB", self.folder.path().join("state.db"));
        command.env("WEBHOOK_URL", self.receiver.url());
        command.env("YAGA__WEBHOOK__REQUEST_TIMEOUT_SECONDS", "1");
        command.env("YAGA__DELIVERY__BUDGET_SECONDS", "2");
        command
    }

    /// One cycle, which is killed half of the time.
    fn cycle(&mut self, at: DateTime<Utc>) -> Result<Ended> {
        let share = self.chance.happens(0.5).then(|| self.chance.share());
        let command = self.command(self.replay.infer_command(self.stage, at)?);
        let started = Instant::now();
        let mut child = self.spawn(command)?;
        let moment = share.map(|share| self.length.mul_f64(1.1 * share));
        while child.try_wait()?.is_none() {
            if moment.is_some_and(|moment| started.elapsed() >= moment) {
                child.kill()?;
                child.wait()?;
                self.kills += 1;
                return Ok(Ended::Killed);
            }
            ensure!(started.elapsed() < CYCLE_LIMIT, "a cycle hangs: {}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
        let status = child.wait()?;
        ensure!(status.success(), "a cycle ended with {status}: {}", self.log());
        self.length = (self.length * 3 + started.elapsed()) / 4;
        Ok(Ended::ByItself)
    }

    fn spawn(&self, mut command: Command) -> Result<Child> {
        let log = File::create(self.folder.path().join("log"))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.spawn().context("starting yaga infer")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Calm cycles with a receiver that is well, until nothing waits any more.
    fn recover(&mut self, from: DateTime<Utc>) -> Result<()> {
        self.receiver.heal();
        let mut at = from;
        for _ in 0..CALM_CYCLES_MAX {
            self.calm(at)?;
            at += TICK;
            if self.list("incidents", "--last", "incidents")?.iter().all(is_over) {
                break;
            }
        }
        let deadline = Instant::now() + RECOVERY_LIMIT;
        loop {
            let waiting = self.list("outbox", "--first", "messages")?;
            if waiting.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "messages are left: {waiting:#?}");
            ensure!(waiting.iter().all(|it| it["status"] != "dead"), "given up: {waiting:#?}");
            let pending = waiting.iter().filter(|it| it["status"] == "pending");
            let ids: Vec<&str> = pending.filter_map(|it| it["message_id"].as_str()).collect();
            if ids.is_empty() {
                // Claims of processes that were killed.
                thread::sleep(Duration::from_secs(2));
            } else {
                let retry = [&["outbox", "retry"], &ids[..]].concat();
                let retry = self.replay.command(self.stage, &retry, "test.jsonl.gz")?;
                process::succeed("yaga outbox retry", self.command(retry), COMMAND_LIMIT)?;
            }
            // A repeated tick counts nothing, and sends what waits.
            self.calm(at)?;
        }
    }

    /// A cycle that nobody kills.
    fn calm(&self, at: DateTime<Utc>) -> Result<()> {
        let command = self.command(self.replay.infer_command(self.stage, at)?);
        process::succeed("yaga infer", command, CYCLE_LIMIT).map(drop)
    }

    /// What a command lists.
    fn list(&self, what: &str, many: &str, field: &str) -> Result<Vec<Value>> {
        let all = if what == "incidents" { "--all" } else { "--json" };
        let arguments = [what, "list", "--json", many, "10000", all];
        let arguments = if all == "--json" { &arguments[..5] } else { &arguments[..] };
        let command = self.replay.command(self.stage, arguments, "test.jsonl.gz")?;
        let printed = process::succeed(what, self.command(command), COMMAND_LIMIT)?;
        let listed: Value = serde_json::from_str(&printed)?;
        match listed[field].as_array() {
            Some(listed) => Ok(listed.clone()),
            None => bail!("no {field} in {printed}"),
        }
    }
}

/// What follows from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) as f64 / u64::MAX as f64
    }

    fn happens(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// Half of all requests are taken.
    fn mood(&mut self) -> Mood {
        match (self.share() * 8.0) as u32 {
            0..4 => Mood::Takes,
            4 => Mood::Fails,
            5 => Mood::Hangs,
            6 => Mood::Drops,
            _ => Mood::TakesAndDrops,
        }
    }
}
