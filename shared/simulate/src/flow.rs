//! What to expect of every service at a step, before the noise of counting.
//!
//! Traffic flows from callers to callees. Latency and failures flow back: a caller waits for its
//! callees in proportion to its calls, and takes on part of their failures. Nothing is kept from
//! one step to the next.

use crate::effect::{Change, Effect, MAX_ERROR};
use crate::model::{Model, Service};

/// Expectations of one service at one step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Expected {
    pub(crate) rate_rps: f64,
    /// The whole latency; the next two are parts of it.
    pub(crate) application_ms: f64,
    pub(crate) waiting_for_calls_ms: f64,
    pub(crate) waiting_for_database_ms: f64,
    /// Mean duration of one call; 0 where nobody is called.
    pub(crate) dependency_ms: f64,
    /// Calls a request makes.
    pub(crate) calls: f64,
    /// Mean duration of one database call; 0 without a database.
    pub(crate) database_ms: f64,
    pub(crate) error: f64,
    /// Failing share above the service's norm; the part that callers feel.
    excess_error: f64,
}

/// Buffers of the computation, one entry a service.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    model: &'a Model,
    changes: Vec<Change>,
    called_rps: Vec<f64>,
    expected: Vec<Expected>,
}

/// Latency stops rising at this multiple of the peak rate; faults say what happens beyond.
const LOAD_MAX: f64 = 1.2;
/// A request that fails at once takes this long.
const EARLY_FAILURE_MS: f64 = 1.5;
const WEEK_S: i64 = 604_800;

impl<'a> Flow<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        let count = model.services.len();
        Self {
            model,
            changes: vec![Change::NONE; count],
            called_rps: vec![0.0; count],
            expected: vec![Expected::default(); count],
        }
    }

    /// Expectations at `step` under the standing effects and these.
    pub(crate) fn expect(&mut self, step: usize, effects: &[Effect]) -> &[Expected] {
        self.changes.fill(Change::NONE);
        for effect in self.model.standing.iter().chain(effects) {
            if let Some(change) = effect.at(step) {
                self.changes[effect.service] = self.changes[effect.service].and(change);
            }
        }
        self.send_traffic(step);
        for index in (0..self.model.order.len()).rev() {
            self.collect(step, self.model.order[index]);
        }
        &self.expected
    }

    fn send_traffic(&mut self, step: usize) {
        let horizon = &self.model.horizon;
        let week = ((horizon.instant_s(step) - horizon.start_s) / WEEK_S) as usize;
        let local_s = horizon.local_s[step];
        self.called_rps.fill(0.0);
        for &index in &self.model.order {
            let service = &self.model.services[index];
            let change = &self.changes[index];
            let own_rps = service.own_rps * service.weeks[week] * service.curve.at(local_s);
            let wanted_rps = (own_rps + self.called_rps[index]) * service.drift.rate.at(step);
            let rate_rps = wanted_rps * change.inflow;
            self.expected[index].rate_rps = rate_rps;
            let calling_rps = rate_rps * (1.0 - change.early_failure);
            for call in &service.calls {
                self.called_rps[call.callee] += calling_rps * call.per_request;
            }
        }
    }

    /// Latency and errors of one service, when those of its callees are known.
    fn collect(&mut self, step: usize, index: usize) {
        let service = &self.model.services[index];
        let change = self.changes[index];
        let rate_rps = self.expected[index].rate_rps;
        let load = (rate_rps / service.peak_rps).min(LOAD_MAX);
        let loaded = 1.0 + service.load_rise * load * load;
        let own_ms = service.self_ms * loaded * service.drift.latency.at(step) * change.own_work;
        let database_ms = self.database_ms(service, loaded, step, &change);
        let calls = self.calls(service, step, &change);
        let served = change.latency * (1.0 - change.early_failure);
        let waiting_for_database_ms = service.database_calls * database_ms * served;
        let waiting_for_calls_ms = calls.waited_ms * served;
        let base_error = service.base_error * service.drift.error.at(step) * change.base_error;
        let excess_error =
            (change.error + change.early_failure + calls.failed).min(MAX_ERROR - base_error);
        self.expected[index] = Expected {
            rate_rps,
            application_ms: own_ms * served
                + waiting_for_database_ms
                + waiting_for_calls_ms
                + EARLY_FAILURE_MS * change.early_failure,
            waiting_for_calls_ms,
            waiting_for_database_ms,
            dependency_ms: calls.mean_ms,
            calls: calls.per_request,
            database_ms,
            error: base_error + excess_error,
            excess_error,
        };
    }

    fn database_ms(&self, service: &Service, loaded: f64, step: usize, change: &Change) -> f64 {
        if !service.has_database {
            return 0.0;
        }
        service.database_ms * loaded * service.drift.database.at(step) * change.database
    }

    fn calls(&self, service: &Service, step: usize, change: &Change) -> Calls {
        let mut calls = Calls::default();
        let slower = service.drift.dependency.at(step) * change.dependency;
        for call in &service.calls {
            let callee = &self.expected[call.callee];
            // A drained or unreachable callee is not waited for.
            let reached = self.changes[call.callee].inflow.min(1.0);
            let per_request = call.per_request * reached;
            let duration_ms = (callee.application_ms + call.network_ms) * slower;
            let share = per_request.min(1.0);
            calls.per_request += per_request;
            calls.mean_ms += per_request * duration_ms;
            calls.waited_ms += share * call.waited * duration_ms;
            calls.failed += share * call.error_pass * callee.excess_error;
        }
        calls.mean_ms =
            if calls.per_request > 0.0 { calls.mean_ms / calls.per_request } else { 0.0 };
        calls
    }
}

/// All calls of one service together, per request.
#[derive(Default)]
struct Calls {
    per_request: f64,
    mean_ms: f64,
    waited_ms: f64,
    failed: f64,
}
