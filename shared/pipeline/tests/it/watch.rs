//! A fleet whose incidents are kept, in cycle after cycle.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use payload::run::Cycle;
use pipeline::deliver::Receiver;
use pipeline::incidents::{Retention, Writer};
use pipeline::infer::{CycleRequest, IncidentPorts, InferPorts, infer_cycle};
use testkit::{MemoryIncidents, RecordingPublisher};

use crate::fleet::{Fleet, NOON, at, config};

/// A fleet whose incidents are kept, cycle after cycle.
pub(crate) struct Watch {
    pub(crate) fleet: Fleet,
    pub(crate) store: MemoryIncidents,
    receivers: Vec<Receiver>,
    cycles: i64,
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
        Watch { fleet, store: MemoryIncidents::new(), receivers, cycles: 0 }
    }

    /// The next cycle of the schedule, at its time.
    pub(crate) async fn tick(&mut self) -> Cycle {
        let instant = at(NOON) + TimeDelta::minutes(2 * self.cycles);
        self.fleet.clock.set(instant);
        self.cycle_at(instant).await
    }

    /// A cycle at an instant.
    pub(crate) async fn cycle_at(&mut self, instant: DateTime<Utc>) -> Cycle {
        let fleet = &mut self.fleet;
        self.cycles += 1;
        let writer =
            Writer { name: format!("cycle-{}", self.cycles), retention: Retention::of_hours(24) };
        let incidents = IncidentPorts {
            store: &self.store,
            outbox: &self.store,
            receivers: &self.receivers,
            scores: None,
            clock: &fleet.clock,
            writer: &writer,
        };
        let ports = InferPorts {
            source: &fleet.source,
            registry: &fleet.registry,
            incidents: Some(incidents),
        };
        let request = CycleRequest { at: instant, services: None };
        infer_cycle(&request, &fleet.config, &ports, &mut fleet.warm).await.expect("a cycle")
    }
}
