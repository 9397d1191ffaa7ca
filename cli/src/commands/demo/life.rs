//! The life of each incident, as a receiver of messages sees it: opened, how bad it got, who is
//! affected, over.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::Severity;
use payload::message::{Body, Message};
use payload::resolution::Resolution;
use payload::result::{Anomaly, Evaluation};
use serde::Serialize;

/// One incident from an opening to its end; one that is opened again has another life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Life {
    pub incident_id: String,
    pub service: String,
    /// Epoch seconds of the cycle that told of it first.
    pub opened_s: i64,
    /// The last cycle so far in which it was seen.
    pub last_s: i64,
    /// When it was over; `None` if it still goes on.
    pub over_s: Option<i64>,
    pub worst: Severity,
    /// What was said when it opened.
    pub what: String,
    /// Services that are listed under it, in order of their arrival.
    pub affected: Vec<String>,
    pub alerts: usize,
}

/// What a message changed.
#[derive(Debug)]
pub enum Change<'a> {
    Opened { evaluation: &'a Evaluation, anomaly: &'a Anomaly },
    Over { life: &'a Life },
}

/// The lives of all incidents that were told of.
#[derive(Debug, Default)]
pub struct Lives {
    /// By incident.
    open: BTreeMap<String, Life>,
    over: Vec<Life>,
    pub alerts: usize,
    pub resolutions: usize,
}

impl Lives {
    /// Takes a message; `what` says an anomaly in words, `tell` hears of what is new.
    pub fn take(
        &mut self,
        message: &Message,
        what: impl Fn(&Anomaly) -> String,
        mut tell: impl FnMut(Change<'_>),
    ) {
        match message.read_body() {
            Ok(Body::AnomalyDetected(evaluation)) => {
                self.alerts += 1;
                self.alert(&evaluation, what, tell);
            }
            Ok(Body::IncidentResolved(resolution)) => {
                self.resolutions += 1;
                if let Some(life) = self.end(&resolution) {
                    tell(Change::Over { life });
                }
            }
            Ok(Body::Pipeline(_) | Body::Heartbeat(_)) | Err(_) => {}
        }
    }

    fn alert(
        &mut self,
        evaluation: &Evaluation,
        what: impl Fn(&Anomaly) -> String,
        mut tell: impl FnMut(Change<'_>),
    ) {
        let at_s = second(&evaluation.timestamp);
        for anomaly in evaluation.anomalies.values() {
            let Some(tracking) = &anomaly.tracking else { continue };
            let id = &tracking.incident_id;
            if !self.open.contains_key(id) {
                self.open.insert(id.clone(), born(evaluation, id, at_s, what(anomaly)));
                tell(Change::Opened { evaluation, anomaly });
            }
            let Some(life) = self.open.get_mut(id) else { continue };
            life.worst = life.worst.max(anomaly.severity);
            life.alerts += usize::from(life.alerts == 0 || life.last_s < at_s);
            life.last_s = at_s;
            for affected in &evaluation.affected_services {
                if !life.affected.contains(&affected.service_name) {
                    life.affected.push(affected.service_name.clone());
                }
            }
        }
    }

    fn end(&mut self, resolution: &Resolution) -> Option<&Life> {
        let mut life = self.open.remove(&resolution.incident_id)?;
        life.over_s = Some(second(&resolution.timestamp));
        self.over.push(life);
        self.over.last()
    }

    /// All lives in the order in which they began; those that go on, too.
    pub fn all(&self) -> Vec<Life> {
        let mut all: Vec<Life> = self.over.iter().chain(self.open.values()).cloned().collect();
        all.sort_by(|a, b| (a.opened_s, &a.service).cmp(&(b.opened_s, &b.service)));
        all
    }
}

fn born(evaluation: &Evaluation, incident_id: &str, at_s: i64, what: String) -> Life {
    Life {
        incident_id: incident_id.to_owned(),
        service: evaluation.service_name.clone(),
        opened_s: at_s,
        last_s: at_s,
        over_s: None,
        worst: Severity::None,
        what,
        affected: Vec::new(),
        alerts: 0,
    }
}

fn second(timestamp: &str) -> i64 {
    timestamp.parse::<DateTime<Utc>>().map_or(0, |at| at.timestamp())
}
