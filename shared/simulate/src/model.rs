//! The numbers of each service, drawn from the seed.

use crate::blueprint::{Outline, callers_first};
use crate::effect::Effect;
use crate::estate::{Category, Metric, ServiceProfile};
use crate::horizon::{DAY_S, Horizon};
use crate::random::{Purpose, Random};
use crate::season::WeekCurve;
use crate::wander::Wander;

/// A whole estate, ready to be asked what to expect at a step.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) seed: u64,
    pub(crate) horizon: Horizon,
    pub(crate) services: Vec<Service>,
    /// Callers before callees.
    pub(crate) order: Vec<usize>,
    /// What happens besides faults.
    pub(crate) standing: Vec<Effect>,
}

/// One service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) category: Category,
    pub(crate) has_database: bool,
    /// Rate at the busiest hour, own and called together, req/s.
    pub(crate) peak_rps: f64,
    /// The part of it that comes from outside the estate.
    pub(crate) own_rps: f64,
    pub(crate) curve: WeekCurve,
    /// Factor of each week since the start: growth and chance.
    pub(crate) weeks: Vec<f64>,
    pub(crate) self_ms: f64,
    pub(crate) database_ms: f64,
    /// Database calls a request makes, one after the other.
    pub(crate) database_calls: f64,
    /// Relative rise of latency at the peak rate.
    pub(crate) load_rise: f64,
    pub(crate) base_error: f64,
    pub(crate) noise: Noise,
    pub(crate) drift: Drift,
    pub(crate) calls: Vec<Call>,
}

/// Sizes of what is random at a step, all relative.
#[derive(Debug)]
pub(crate) struct Noise {
    /// Of the rate, beyond counting.
    pub(crate) rate: f64,
    /// Of one request's latency.
    pub(crate) request: f64,
    /// Of a step's mean latency, however many requests it averages.
    pub(crate) floor: f64,
    /// Of the slow drift.
    pub(crate) drift: f64,
}

/// Slow drifts.
#[derive(Debug)]
pub(crate) struct Drift {
    pub(crate) rate: Wander,
    pub(crate) latency: Wander,
    pub(crate) dependency: Wander,
    pub(crate) database: Wander,
    pub(crate) error: Wander,
}

/// An edge of the call graph.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callee: usize,
    /// Calls a request makes.
    pub(crate) per_request: f64,
    /// Share of the call's time the caller waits for, below 1 where calls run side by side.
    pub(crate) waited: f64,
    /// Share of the callee's failures that fail the caller.
    pub(crate) error_pass: f64,
    pub(crate) network_ms: f64,
}

const DRIFTS_PER_SERVICE: usize = 5;
const WEEK_S: i64 = 7 * DAY_S;
/// Chance differences between weeks, relative.
const WEEK_NOISE: f64 = 0.03;

impl Model {
    /// Draws the services; nothing but faults' absence is decided about effects yet.
    pub(crate) fn draw(seed: u64, horizon: Horizon, outline: &[Outline]) -> Self {
        let mut services: Vec<Service> = outline
            .iter()
            .enumerate()
            .map(|(index, each)| draw_service(seed, &horizon, index, each))
            .collect();
        wire_calls(seed, outline, &mut services);
        let order = callers_first(outline);
        Self { seed, horizon, services, order, standing: Vec::new() }
    }

    pub(crate) fn graph(&self) -> Vec<(String, String)> {
        let edge = |caller: &Service, call: &Call| {
            (caller.name.clone(), self.services[call.callee].name.clone())
        };
        let edges = |caller| move |call| edge(caller, call);
        self.services.iter().flat_map(|caller| caller.calls.iter().map(edges(caller))).collect()
    }
}

impl Service {
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let has = |metric: &Metric| match metric {
            Metric::DependencyLatency => !self.calls.is_empty(),
            Metric::DatabaseLatency => self.has_database,
            _ => true,
        };
        Metric::ALL.iter().copied().filter(has).collect()
    }

    pub(crate) fn profile(&self) -> ServiceProfile {
        ServiceProfile {
            name: self.name.clone(),
            category: self.category,
            metrics: self.metrics(),
            peak_rps: (self.peak_rps * 100.0).round() / 100.0,
            has_database: self.has_database,
        }
    }
}

/// Ranges of (peak rate in req/s, own latency in ms) by category.
fn ranges(category: Category) -> ((f64, f64), (f64, f64)) {
    match category {
        Category::Critical => ((90.0, 300.0), (10.0, 30.0)),
        Category::Core => ((30.0, 150.0), (15.0, 50.0)),
        Category::Standard => ((3.0, 40.0), (20.0, 70.0)),
        Category::Micro => ((10.0, 90.0), (2.0, 10.0)),
        Category::Admin => ((0.5, 2.0), (60.0, 200.0)),
        Category::Background => ((0.5, 6.0), (40.0, 200.0)),
    }
}

fn draw_service(seed: u64, horizon: &Horizon, index: usize, outline: &Outline) -> Service {
    let mut random = Random::at(seed, Purpose::Model, index, 0);
    let (peak, own) = ranges(outline.category);
    let drift_sd = random.between(0.04, 0.08);
    Service {
        name: outline.name.clone(),
        category: outline.category,
        has_database: outline.has_database,
        peak_rps: random.log_between(peak.0, peak.1),
        own_rps: 0.0,
        self_ms: random.log_between(own.0, own.1),
        database_ms: random.log_between(3.0, 25.0),
        database_calls: if outline.has_database { random.between(0.7, 1.8) } else { 0.0 },
        load_rise: random.between(0.05, 0.25),
        base_error: random.log_between(0.0001, 0.005),
        noise: Noise {
            rate: random.between(0.015, 0.04),
            request: random.between(0.4, 0.9),
            floor: random.between(0.015, 0.035),
            drift: drift_sd,
        },
        curve: WeekCurve::draw(outline.category, &mut random),
        weeks: draw_weeks(seed, horizon, index, random.between(0.0, 0.02)),
        drift: draw_drift(seed, horizon, index, drift_sd),
        calls: Vec::new(),
    }
}

fn draw_weeks(seed: u64, horizon: &Horizon, index: usize, growth: f64) -> Vec<f64> {
    let count = (horizon.end_s() - horizon.start_s) / WEEK_S + 2;
    (0..count as usize)
        .map(|week| {
            let chance = Random::at(seed, Purpose::Week, index, week).factor(WEEK_NOISE);
            chance * (1.0 + growth * week as f64)
        })
        .collect()
}

fn draw_drift(seed: u64, horizon: &Horizon, index: usize, sd: f64) -> Drift {
    let wander = |channel: usize, sd: f64| {
        let item = index * DRIFTS_PER_SERVICE + channel;
        Wander::draw(seed, item, sd, horizon.steps, horizon.step_s)
    };
    Drift {
        rate: wander(0, 0.8 * sd),
        latency: wander(1, sd),
        dependency: wander(2, 0.5 * sd),
        database: wander(3, sd),
        error: wander(4, 0.15),
    }
}

/// Gives every call its share, so that each service's peak is met by its callers and its own
/// traffic. Busier callers call more, but less than in proportion.
fn wire_calls(seed: u64, outline: &[Outline], services: &mut [Service]) {
    let weight = |caller: usize| libm::pow(services[caller].peak_rps, 0.7);
    let mut totals = vec![0.0; services.len()];
    for (caller, each) in outline.iter().enumerate() {
        each.callees.iter().for_each(|&callee| totals[callee] += weight(caller));
    }
    let mut random: Vec<Random> =
        (0..services.len()).map(|index| Random::at(seed, Purpose::Edge, index, 0)).collect();
    let own_share: Vec<f64> = totals
        .iter()
        .zip(&mut random)
        .map(|(&total, random)| if total > 0.0 { random.between(0.05, 0.25) } else { 1.0 })
        .collect();
    for (caller, each) in outline.iter().enumerate() {
        let calls = each.callees.iter().map(|&callee| {
            let called_rps = (1.0 - own_share[callee]) * services[callee].peak_rps;
            let share = libm::pow(services[caller].peak_rps, 0.7) / totals[callee];
            draw_call(callee, called_rps * share / services[caller].peak_rps, &mut random[caller])
        });
        services[caller].calls = calls.collect();
    }
    for (service, share) in services.iter_mut().zip(own_share) {
        service.own_rps = share * service.peak_rps;
    }
}

fn draw_call(callee: usize, per_request: f64, random: &mut Random) -> Call {
    Call {
        callee,
        per_request,
        waited: random.between(0.6, 1.0),
        error_pass: random.between(0.3, 0.8),
        network_ms: random.between(0.3, 1.5),
    }
}
