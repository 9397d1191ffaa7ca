//! How far an effect moves each service out of its noise.
//!
//! The flow with the effect is compared with the flow without. The yardstick is what a watcher of
//! five-minute means sees: counting noise of that many steps, plus the slow drift.

use crate::effect::Effect;
use crate::estate::{Difficulty, Metric};
use crate::flow::{Expected, Flow};
use crate::model::{Model, Service};

/// Below this many standard deviations a move counts as noise.
const VISIBLE_SIGMAS: f64 = 2.5;
const MEDIUM_SIGMAS: f64 = 5.0;
const EASY_SIGMAS: f64 = 10.0;
/// Fewer expected requests than this in a window show nothing.
const MIN_REQUESTS: f64 = 5.0;
/// Fewer extra failures than this in a window show nothing.
const MIN_FAILURES: f64 = 3.0;
/// A watcher's averaging, seconds.
const VIEW_S: f64 = 300.0;
/// At most so many steps of a window are compared.
const MAX_PROBES: usize = 60;
/// Drift of the base error rate, relative.
const ERROR_DRIFT: f64 = 0.2;

/// What one service feels of an effect: metrics that move, with their sigmas.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Felt {
    pub(crate) service: usize,
    pub(crate) moved: Vec<(Metric, f64)>,
}

impl Felt {
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        self.moved.iter().map(|(metric, _)| *metric).collect()
    }

    /// Grade by the metric that moves most.
    pub(crate) fn difficulty(&self) -> Difficulty {
        let most = self.moved.iter().map(|(_, sigmas)| *sigmas).fold(0.0, f64::max);
        match most {
            _ if most >= EASY_SIGMAS => Difficulty::Easy,
            _ if most >= MEDIUM_SIGMAS => Difficulty::Medium,
            _ => Difficulty::Hard,
        }
    }
}

/// Sums over the probed steps of one service.
#[derive(Default, Clone, Copy)]
struct Tally {
    sigmas: [f64; 5],
    requests: f64,
    failures: f64,
}

/// Services that visibly feel the effect, in estate order. The effect's own service is always
/// among them, if need be with no metric.
pub(crate) fn felt(model: &Model, effect: &Effect) -> Vec<Felt> {
    let stride = (effect.end - effect.first).div_ceil(MAX_PROBES).max(1);
    let steps: Vec<usize> = (effect.first..effect.end).step_by(stride).collect();
    let (mut calm, mut hit) = (Flow::new(model), Flow::new(model));
    let mut tallies = vec![Tally::default(); model.services.len()];
    for &step in &steps {
        let without = calm.expect(step, &[]);
        let with = hit.expect(step, std::slice::from_ref(effect));
        for (index, tally) in tallies.iter_mut().enumerate() {
            let step_s = model.horizon.step_s as f64;
            tally.add(&model.services[index], step_s, &without[index], &with[index]);
        }
    }
    let window = Window { probes: steps.len() as f64, stride: stride as f64 };
    (0..tallies.len())
        .map(|service| Felt { service, moved: window.moved(model, service, &tallies[service]) })
        .filter(|felt| felt.service == effect.service || !felt.moved.is_empty())
        .collect()
}

impl Tally {
    fn add(&mut self, service: &Service, step_s: f64, without: &Expected, with: &Expected) {
        let sigmas = Metric::ALL.iter().map(|&m| sigmas(service, step_s, m, without, with));
        self.sigmas.iter_mut().zip(sigmas).for_each(|(sum, sigmas)| *sum += sigmas);
        self.requests += with.rate_rps * step_s;
        self.failures += (with.error - without.error) * with.rate_rps * step_s;
    }
}

struct Window {
    probes: f64,
    stride: f64,
}

impl Window {
    fn moved(&self, model: &Model, service: usize, tally: &Tally) -> Vec<(Metric, f64)> {
        let metrics = model.services[service].metrics().into_iter();
        let mean = |metric: Metric| (metric, (tally.sigmas[metric as usize] / self.probes).abs());
        let enough = |metric: Metric| match metric {
            Metric::RequestRate => true,
            Metric::ErrorRate => tally.failures * self.stride >= MIN_FAILURES,
            _ => tally.requests * self.stride >= MIN_REQUESTS,
        };
        let visible =
            |(metric, sigmas): &(Metric, f64)| *sigmas >= VISIBLE_SIGMAS && enough(*metric);
        metrics.map(mean).filter(visible).collect()
    }
}

/// Signed distance of the two expectations in standard deviations of a watched mean.
fn sigmas(
    service: &Service,
    step_s: f64,
    metric: Metric,
    without: &Expected,
    with: &Expected,
) -> f64 {
    let usual = (without.rate_rps * VIEW_S).max(0.1);
    let now = (with.rate_rps * VIEW_S).max(0.1);
    let steps = VIEW_S / step_s;
    let noise = &service.noise;
    let drift = noise.drift * noise.drift;
    let relative = |before: f64, after: f64, variance: f64| {
        if before > 0.0 { (after - before) / (before * variance.sqrt()) } else { 0.0 }
    };
    let latency = (noise.request * noise.request) / usual.min(now)
        + noise.floor * noise.floor / steps
        + drift;
    match metric {
        Metric::RequestRate => {
            let variance = 1.0 / usual + noise.rate * noise.rate / steps + drift;
            relative(without.rate_rps, with.rate_rps, variance)
        }
        Metric::ApplicationLatency => {
            relative(without.application_ms, with.application_ms, latency)
        }
        Metric::DependencyLatency => relative(without.dependency_ms, with.dependency_ms, latency),
        Metric::DatabaseLatency => relative(without.database_ms, with.database_ms, latency),
        Metric::ErrorRate => {
            let base = without.error;
            let variance = base * (1.0 - base) / now + ERROR_DRIFT * ERROR_DRIFT * base * base;
            (with.error - base) / variance.sqrt()
        }
    }
}
