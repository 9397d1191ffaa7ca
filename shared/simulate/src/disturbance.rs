//! What is not an incident: releases, maintenance, gaps and bad values, in both parts.

use crate::effect::{Change, Effect};
use crate::estate::{Category, Event, EventKind, Metric};
use crate::measure::felt;
use crate::model::{Model, Service};
use crate::random::{Purpose, Random};

/// Chances per service and day.
const LEVEL_SHIFT_PER_DAY: f64 = 0.025;
const WARM_UP_PER_DAY: f64 = 0.05;
const MAINTENANCE_PER_DAY: f64 = 0.02;
const GAP_PER_DAY: f64 = 0.08;
const BAD_VALUE_PER_DAY: f64 = 0.2;
/// Chance per day that the collection of all metrics stops.
const OUTAGE_PER_DAY: f64 = 0.05;
const WARM_UP_S: i64 = 240;
const WARM_UP_FACTOR: f64 = 1.35;
const MINUTE_S: f64 = 60.0;

/// All disturbances of an estate.
#[derive(Debug, Default)]
pub(crate) struct Disturbances {
    pub(crate) events: Vec<Event>,
    pub(crate) effects: Vec<Effect>,
    /// Per service: `[first, end)` steps without samples.
    pub(crate) gaps: Vec<Vec<(usize, usize)>>,
    /// Per service: `[first, end)` steps of maintenance, its own or a neighbour's.
    pub(crate) maintenance: Vec<Vec<(usize, usize)>>,
    /// Ordered by step, then service; at most one per sample.
    pub(crate) bad_values: Vec<BadValue>,
}

/// A sample replaced by nonsense.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BadValue {
    pub(crate) step: usize,
    pub(crate) service: usize,
    pub(crate) metric: Metric,
    pub(crate) value: f64,
}

impl Disturbances {
    pub(crate) fn is_gap(&self, service: usize, step: usize) -> bool {
        self.gaps[service].iter().any(|&(first, end)| (first..end).contains(&step))
    }

    /// Draws all; the model has no standing effect yet.
    pub(crate) fn draw(model: &Model) -> Self {
        let count = model.services.len();
        let mut all = Self {
            gaps: vec![Vec::new(); count],
            maintenance: vec![Vec::new(); count],
            ..Self::default()
        };
        for day in 0..model.horizon.days() {
            all.draw_outage(model, day);
            for service in 0..count {
                all.draw_deploy(model, service, day);
                all.draw_maintenance(model, service, day);
                all.draw_gap(model, service, day);
                all.draw_bad_value(model, service, day);
            }
        }
        all.bad_values.sort_by_key(|bad| (bad.step, bad.service, bad.metric));
        all.events.sort_by_key(|event| (event.start_s, event.kind));
        all
    }

    fn draw_deploy(&mut self, model: &Model, service: usize, day: usize) {
        let mut random = Random::at(model.seed, Purpose::Deploy, service, day);
        let chance = random.uniform();
        let hour = random.between(9.0, 17.0);
        let Some(first) = model.horizon.step_at_local(day, hour) else { return };
        let size = random.between(0.06, 0.22);
        let shift = if random.uniform() < 0.4 { 1.0 - size } else { 1.0 + size };
        let base_error = random.between(0.7, 1.4);
        if chance < LEVEL_SHIFT_PER_DAY {
            let full = Change { own_work: shift, database: shift, base_error, ..Change::NONE };
            let end = model.horizon.steps;
            self.effects.push(Effect { service, first, end, ramp: 1, full });
            let detail = format!("x{shift:.3}");
            self.note(model, service, (first, first + 1), EventKind::DeployLevelShift, &detail);
        } else if chance < LEVEL_SHIFT_PER_DAY + WARM_UP_PER_DAY {
            let end = (first + model.horizon.steps_in(WARM_UP_S)).min(model.horizon.steps);
            let full = Change { latency: WARM_UP_FACTOR, ..Change::NONE };
            self.effects.push(Effect { service, first, end, ramp: 1, full });
            let detail = format!("x{WARM_UP_FACTOR}");
            self.note(model, service, (first, end), EventKind::DeployWarmup, &detail);
        }
    }

    /// Drains a service at night; critical ones are never drained.
    fn draw_maintenance(&mut self, model: &Model, service: usize, day: usize) {
        let mut random = Random::at(model.seed, Purpose::Maintenance, service, day);
        let (chance, hour) = (random.uniform(), random.between(1.0, 4.5));
        let duration_s = (random.between(20.0, 60.0) * MINUTE_S) as i64;
        let critical = model.services[service].category == Category::Critical;
        if critical || chance >= MAINTENANCE_PER_DAY {
            return;
        }
        let Some(first) = model.horizon.step_at_local(day, hour) else { return };
        let end = (first + model.horizon.steps_in(duration_s)).min(model.horizon.steps);
        let full = Change { inflow: 0.0, ..Change::NONE };
        let effect = Effect { service, first, end, ramp: 1, full };
        for felt in felt(model, &effect) {
            let own = felt.service == service;
            let detail = if own { "drained" } else { "neighbour of a drained service" };
            self.maintenance[felt.service].push((first, end));
            self.note(model, felt.service, (first, end), EventKind::Maintenance, detail);
        }
        self.effects.push(effect);
    }

    fn draw_gap(&mut self, model: &Model, service: usize, day: usize) {
        let mut random = Random::at(model.seed, Purpose::Gap, service, day);
        let window = draw_window(model, &mut random, day, GAP_PER_DAY, (5.0, 90.0));
        if let Some(window) = window {
            self.gaps[service].push(window);
            self.note(model, service, window, EventKind::Gap, "");
        }
    }

    fn draw_outage(&mut self, model: &Model, day: usize) {
        let mut random = Random::at(model.seed, Purpose::Outage, 0, day);
        let window = draw_window(model, &mut random, day, OUTAGE_PER_DAY, (5.0, 30.0));
        let Some(window) = window else { return };
        for service in 0..model.services.len() {
            self.gaps[service].push(window);
            self.note(model, service, window, EventKind::Gap, "all services");
        }
    }

    fn draw_bad_value(&mut self, model: &Model, service: usize, day: usize) {
        let mut random = Random::at(model.seed, Purpose::BadValue, service, day);
        let window = draw_window(model, &mut random, day, BAD_VALUE_PER_DAY, (0.0, 0.0));
        // Gaps that could cover the step are drawn by now.
        let kept = window.filter(|&(step, _)| !self.is_gap(service, step));
        let Some((step, _)) = kept else { return };
        let metrics = model.services[service].metrics();
        let metric = metrics[random.below(metrics.len())];
        let (text, value) = match random.below(4) {
            0 | 1 => ("NaN", f64::NAN),
            2 => ("+Inf", f64::INFINITY),
            _ => ("-1", -1.0),
        };
        self.bad_values.push(BadValue { step, service, metric, value });
        let detail = format!("{metric} {text}");
        self.note(model, service, (step, step + 1), EventKind::BadValue, &detail);
    }

    fn note(
        &mut self,
        model: &Model,
        service: usize,
        (first, end): (usize, usize),
        kind: EventKind,
        detail: &str,
    ) {
        let Service { name, .. } = &model.services[service];
        self.events.push(Event {
            service: name.clone(),
            start_s: model.horizon.instant_s(first),
            end_s: model.horizon.instant_s(end),
            kind,
            detail: detail.to_owned(),
        });
    }
}

/// With the given chance, a window anywhere in the day, cut at the end of the grid.
fn draw_window(
    model: &Model,
    random: &mut Random,
    day: usize,
    chance: f64,
    minutes: (f64, f64),
) -> Option<(usize, usize)> {
    let hit = random.uniform() < chance;
    let hour = random.between(0.0, 24.0);
    let duration_s = (random.between(minutes.0, minutes.1) * MINUTE_S) as i64;
    let first = model.horizon.step_at_local(day, hour).filter(|_| hit)?;
    let end = (first + model.horizon.steps_in(duration_s)).min(model.horizon.steps);
    Some((first, end))
}
