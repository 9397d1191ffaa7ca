//! A fleet whose incidents are kept, in cycle after cycle.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use domain::ServiceName;
use payload::enrichment::Labelled;
use payload::run::Cycle;
use payload::write_back::ServicePoint;
use pipeline::deliver::Receiver;
use pipeline::incidents::{Retention, Writer};
use pipeline::infer::{
    ContextPorts, CycleRequest, Deadline, IncidentPorts, InferPorts, infer_cycle,
};
use pipeline::ports::Clock;
use pipeline::ports::{InstantQuery, ScoreSink};
use testkit::{MemoryIncidents, RecordingPublisher};

use crate::fleet::{Fleet, NOON, at, config};

/// A fleet whose incidents are kept, cycle after cycle.
pub(crate) struct Watch {
    pub(crate) fleet: Fleet,
    pub(crate) store: MemoryIncidents,
    pub(crate) points: Points,
    /// Where the context of alerts is looked up.
    pub(crate) lookups: Option<Lookups>,
    /// When the next cycles are ended from outside.
    pub(crate) deadline: Option<DateTime<Utc>>,
    receivers: Vec<Receiver>,
    cycles: i64,
}

/// What was written for charts.
#[derive(Default)]
pub(crate) struct Points(Mutex<Vec<ServicePoint>>);

impl Points {
    /// What came since the last time.
    pub(crate) fn empty(&self) -> Vec<ServicePoint> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[async_trait::async_trait]
impl ScoreSink for Points {
    async fn write(&self, points: &[ServicePoint]) -> Result<(), String> {
        self.0.lock().unwrap().extend(points.iter().cloned());
        Ok(())
    }

    fn describe(&self) -> String {
        "a list".to_owned()
    }
}

/// Answers queries, and remembers them.
#[derive(Default)]
pub(crate) struct Lookups {
    pub(crate) asked: Mutex<Vec<String>>,
    /// What expressions that hold a word are answered with.
    pub(crate) answers: Vec<(&'static str, Result<Vec<Labelled>, String>)>,
}

#[async_trait::async_trait]
impl InstantQuery for Lookups {
    async fn query(&self, expression: &str, _: DateTime<Utc>) -> Result<Vec<Labelled>, String> {
        self.asked.lock().unwrap().push(expression.to_owned());
        let found = self.answers.iter().find(|(word, _)| expression.contains(word));
        found.map_or(Ok(Vec::new()), |(_, answer)| answer.clone())
    }

    fn describe(&self) -> String {
        "a list of answers".to_owned()
    }
}

impl Watch {
    /// With receivers by name.
    pub(crate) fn new(
        document: &str,
        receivers: &[(&'static str, &Arc<RecordingPublisher>)],
    ) -> Watch {
        let mut fleet = Fleet::trained();
        fleet.config = config(document);
        let receiver = |(name, fake): &(&'static str, &Arc<RecordingPublisher>)| Receiver {
            name,
            publisher: Arc::clone(fake) as Arc<dyn pipeline::ports::Publisher>,
        };
        let receivers = receivers.iter().map(receiver).collect();
        let (store, points) = (MemoryIncidents::new(), Points::default());
        Watch { fleet, store, points, lookups: None, deadline: None, receivers, cycles: 0 }
    }

    /// The next cycle of the schedule, at its time.
    pub(crate) async fn tick(&mut self) -> Cycle {
        let instant = at(NOON) + TimeDelta::minutes(2 * self.cycles);
        self.fleet.clock.set(instant);
        self.cycle_at(instant).await
    }

    /// A cycle at an instant.
    pub(crate) async fn cycle_at(&mut self, instant: DateTime<Utc>) -> Cycle {
        self.cycle_of(instant, None).await
    }

    /// A cycle that is asked for some services only.
    pub(crate) async fn cycle_of(
        &mut self,
        instant: DateTime<Utc>,
        services: Option<Vec<ServiceName>>,
    ) -> Cycle {
        let fleet = &mut self.fleet;
        self.cycles += 1;
        let writer =
            Writer { name: format!("cycle-{}", self.cycles), retention: Retention::of_hours(24) };
        let incidents = IncidentPorts {
            store: &self.store,
            outbox: &self.store,
            receivers: &self.receivers,
            scores: Some(&self.points),
            contexts: match &self.lookups {
                Some(lookups) => ContextPorts { metrics: Some(lookups), proxy: Some(lookups) },
                None => ContextPorts::default(),
            },
            clock: &fleet.clock,
            writer: &writer,
            began_at: fleet.clock.now(),
        };
        let ports = InferPorts {
            source: &fleet.source,
            registry: &fleet.registry,
            incidents: Some(incidents),
            deadline: self.deadline.map(|at| Deadline { at, clock: &fleet.clock }),
        };
        let request = CycleRequest { at: instant, services };
        infer_cycle(&request, &fleet.config, &ports, &mut fleet.warm).await.expect("a cycle")
    }
}
