//! From expectations to samples: the noise of counting, then what gets lost or damaged.

use crate::disturbance::Disturbances;
use crate::effect::Effect;
use crate::estate::Series;
use crate::flow::{Expected, Flow};
use crate::model::{Model, Noise, Service};
use crate::random::{Purpose, Random};

/// Share of samples lost one by one.
const MISSING_SHARE: f64 = 0.002;
/// Decimal places kept: a sample has no more meaning than that, and text stays short.
const RATE_SCALE: f64 = 1e4;
const LATENCY_SCALE: f64 = 1e2;
const ERROR_SCALE: f64 = 1e6;

type Values = [Option<f64>; 5];

/// Samples of all services over the whole horizon.
pub(crate) fn draw_series(model: &Model, lost: &Disturbances, faults: &[Effect]) -> Vec<Series> {
    let mut flow = Flow::new(model);
    let mut columns: Vec<Vec<Series>> = model.services.iter().map(empty_series).collect();
    let mut damaged = lost.bad_values.iter().peekable();
    for step in 0..model.horizon.steps {
        let expected = flow.expect(step, faults);
        let at_s = model.horizon.instant_s(step);
        for (index, series) in columns.iter_mut().enumerate() {
            let mut values = [None; 5];
            if !lost.is_gap(index, step) {
                values = draw_values(model, index, step, &expected[index]);
                lose_some(model.seed, index, step, &mut values);
            }
            while let Some(bad) = damaged.next_if(|bad| (bad.step, bad.service) == (step, index)) {
                values[bad.metric as usize] = Some(bad.value);
            }
            push(series, at_s, &values);
        }
    }
    columns.into_iter().flatten().collect()
}

fn empty_series(service: &Service) -> Vec<Series> {
    let empty = |metric| Series {
        service: service.name.clone(),
        metric,
        timestamps_s: Vec::new(),
        values: Vec::new(),
    };
    service.metrics().into_iter().map(empty).collect()
}

fn push(series: &mut [Series], at_s: i64, values: &Values) {
    for each in series {
        if let Some(value) = values[each.metric as usize] {
            each.timestamps_s.push(at_s);
            each.values.push(value);
        }
    }
}

fn lose_some(seed: u64, index: usize, step: usize, values: &mut Values) {
    let mut random = Random::at(seed, Purpose::Missing, index, step);
    for value in values {
        if random.uniform() < MISSING_SHARE {
            *value = None;
        }
    }
}

/// One step of one service. Noise of database and calls is part of the application's latency.
fn draw_values(model: &Model, index: usize, step: usize, expected: &Expected) -> Values {
    let service = &model.services[index];
    let step_s = model.horizon.step_s as f64;
    let noise = &service.noise;
    let mut random = Random::at(model.seed, Purpose::Sample, index, step);
    let crowd = random.factor(noise.rate);
    let requests = random.poisson(expected.rate_rps * step_s * crowd);
    if requests == 0.0 {
        return [Some(0.0), None, None, None, None];
    }
    let calls = random.poisson(requests * expected.calls);
    let call_noise = mean_noise(&mut random, noise, calls);
    let database_noise = mean_noise(&mut random, noise, requests);
    let own_ms =
        expected.application_ms - expected.waiting_for_calls_ms - expected.waiting_for_database_ms;
    let application_ms = own_ms * mean_noise(&mut random, noise, requests)
        + expected.waiting_for_calls_ms * call_noise
        + expected.waiting_for_database_ms * database_noise;
    let errors = random.binomial(requests, expected.error);
    let called = (calls > 0.0).then(|| keep(expected.dependency_ms * call_noise, LATENCY_SCALE));
    [
        Some(keep(requests / step_s, RATE_SCALE)),
        Some(keep(application_ms, LATENCY_SCALE)),
        called,
        Some(keep(expected.database_ms * database_noise, LATENCY_SCALE)),
        Some(keep(errors / requests, ERROR_SCALE)),
    ]
}

/// The factor by which the mean of so many latencies misses its expectation.
fn mean_noise(random: &mut Random, noise: &Noise, count: f64) -> f64 {
    let variance = noise.request * noise.request / count.max(1.0) + noise.floor * noise.floor;
    random.factor(variance.sqrt())
}

fn keep(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}
