//! A replay tells what service tells: the same incidents, first alerts and resolutions, in the same
//! cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use detect::residual::CallGraph;
use incident::{AnnouncementKind, Rules};
use payload::message::MessageKind;
use pipeline::backtest::decided::Decided;
use pipeline::backtest::{Incidents, Part, read_tapes, replay};
use pipeline::deliver::Receiver;
use pipeline::incidents::{Retention, Writer};
use pipeline::infer::{ContextPorts, CycleRequest, IncidentPorts, InferPorts, Warm, infer_cycle};
use pipeline::ports::Clock;
use testkit::{MemoryIncidents, RecordingPublisher};

use crate::fleet::{Fleet, NOON, TRAINED_AT, at, names};

const CYCLE_S: i64 = 120;
/// Cycles in service begin so long before noon, and end so long after.
const BEFORE_S: i64 = 40 * 60;
const AFTER_S: i64 = 60 * 60;

/// What is told of one incident: who, and the cycles of alerts that begin something and of ends.
type Told = BTreeMap<String, (String, BTreeSet<i64>, BTreeSet<i64>)>;

/// Two services in trouble, one because of the other, and a third by itself.
fn fleet() -> Fleet {
    let mut fleet = Fleet::trained();
    let [caller, callee, other] = [0, 1, 2].map(|index| names()[index].clone());
    fleet.break_metric("dependency_latency", &caller, NOON, 8.0);
    fleet.break_metric("application_latency", &callee, NOON, 8.0);
    fleet.break_metric("error_rate", &other, "2026-04-01T14:20:00Z", 40.0);
    fleet.config.dependencies.graph = BTreeMap::from([(caller, BTreeSet::from([callee]))]);
    fleet
}

async fn in_service(fleet: &Fleet) -> Told {
    let (store, publisher) = (MemoryIncidents::new(), Arc::new(RecordingPublisher::new()));
    let receivers = [Receiver { name: "webhook", publisher: publisher.clone() }];
    let writer = Writer { name: "test".to_owned(), retention: Retention::of_hours(72) };
    let incidents = IncidentPorts {
        store: &store,
        outbox: &store,
        receivers: &receivers,
        scores: None,
        contexts: ContextPorts::default(),
        clock: &fleet.clock,
        writer: &writer,
        began_at: fleet.clock.now(),
    };
    let ports = InferPorts {
        source: &fleet.source,
        registry: &fleet.registry,
        incidents: Some(incidents),
        deadline: None,
    };
    let mut warm = Warm::default();
    for offset_s in (-BEFORE_S..=AFTER_S).step_by(CYCLE_S as usize) {
        let instant = at(NOON) + TimeDelta::seconds(offset_s);
        fleet.clock.set(instant);
        let request = CycleRequest { at: instant, services: Some(names()) };
        infer_cycle(&request, &fleet.config, &ports, &mut warm).await.unwrap();
    }
    let mut told = Told::new();
    for message in publisher.taken() {
        for id in &message.incident_ids {
            let entry = told.entry(id.clone()).or_default();
            entry.0.clone_from(&message.service);
            let cycles = match message.kind {
                MessageKind::Resolution => &mut entry.2,
                _ => &mut entry.1,
            };
            cycles.insert(message.cycle_id);
        }
    }
    // Repeats fill the cycles in between; only the first is compared.
    told.values_mut().for_each(|it| it.1 = it.1.first().copied().into_iter().collect());
    told
}

async fn in_a_replay(fleet: &Fleet) -> Told {
    let part = |after_s, until_s| Part { source: &fleet.source, after_s, until_s };
    let trained_s = at(TRAINED_AT).timestamp();
    let history = part(trained_s - 30 * 86_400, trained_s);
    let metrics = part(trained_s, at(NOON).timestamp() + AFTER_S);
    let tapes = read_tapes(history, metrics, &fleet.config).await.unwrap();
    let no_graph = CallGraph::of([]);
    let judge = Decided::load(&fleet.registry, &fleet.config, names(), no_graph).await.unwrap();
    let tracks = replay(&tapes, &judge, CYCLE_S, &|_| {});
    let found = Incidents::of(&tracks, &judge, &Rules::of(&fleet.config));
    let mut told = Told::new();
    let from_s = at(NOON).timestamp() - BEFORE_S;
    for it in found.notifications.iter().filter(|it| it.at_s >= from_s) {
        let entry = told.entry(it.incident_id.as_str().to_owned()).or_default();
        entry.0 = it.service.to_string();
        let cycles = match it.kind {
            AnnouncementKind::FirstAlert => &mut entry.1,
            AnnouncementKind::Resolution => &mut entry.2,
            _ => continue,
        };
        cycles.insert(it.at_s / CYCLE_S);
    }
    told
}

#[tokio::test]
async fn a_replay_tells_what_service_tells() {
    let fleet = fleet();
    let (served, replayed) = (in_service(&fleet).await, in_a_replay(&fleet).await);
    assert_eq!(served, replayed);
    let services: BTreeSet<&str> = served.values().map(|it| it.0.as_str()).collect();
    let [callee, other] = [1, 2].map(|index| names()[index].clone());
    assert!(services.contains(callee.as_str()) && services.contains(other.as_str()), "{served:#?}");
    assert!(served.values().all(|(_, alerts, ends)| !alerts.is_empty() && !ends.is_empty()));
}
