//! Patterns of traffic: surges and losses.

use domain::Severity;

use super::Condition::{Below, Level, Night};
use super::Core::{ApplicationLatency, ErrorRate, RequestRate};
use super::Quantity::ShareOfUsualRate;
use super::{Nature, Pattern, Want};
use crate::recommend::Prefix::{
    Check, Consider, Identify, Immediate, Investigate, Monitor, Prepare, Verify,
};
use crate::recommend::action;

/// Share of the usual traffic below which it fell off a cliff.
pub(super) const CLIFF_SHARE: f64 = 0.5;

pub(super) const SURGE_FAILING: Pattern = Pattern {
    name: "request_rate_surge_failing",
    aliases: &["traffic_surge_failing"],
    conditions: &[
        Level(RequestRate, Want::High),
        Level(ApplicationLatency, Want::High),
        Level(ErrorRate, Want::High),
    ],
    severity: Severity::Critical,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "Load of {request_rate} with slow answers ({application_latency}), {error_rate} \
                  failing",
    interpretation: "More load than usual, slow answers and failures came together: the service \
                     may be at or over its capacity, or clients may repeat what fails.",
    actions: &[
        action(Immediate, "scale out: {request_rate} where {expected_rate} is usual"),
        action(Immediate, "consider rate limits"),
        action(Investigate, "whether the load is legitimate, retries, or an attack"),
        action(Prepare, "a rollback in case a release made requests dearer"),
    ],
};

pub(super) const REDUCED_WITH_ERRORS: Pattern = Pattern {
    name: "reduced_traffic_with_errors",
    aliases: &[],
    conditions: &[
        Level(RequestRate, Want::Low),
        Level(ApplicationLatency, Want::VeryLow),
        Level(ErrorRate, Want::High),
    ],
    severity: Severity::Critical,
    critical_if: &[],
    is_locked: false,
    nature: Nature::LostTraffic,
    description: "Few requests ({request_rate}) and they fail fast: {error_rate}, \
                  {application_latency}",
    interpretation: "The path to the service may be blocked, or something on it rejects requests \
                     before they are served.",
    actions: &[
        action(Check, "load balancer, DNS and ingress"),
        action(Verify, "that the service can be reached from outside"),
        action(Check, "errors that clients see"),
    ],
};

pub(super) const LOSS_WITH_ERRORS: Pattern = Pattern {
    name: "traffic_loss_with_errors",
    aliases: &[],
    conditions: &[
        Level(RequestRate, Want::Low),
        Level(ApplicationLatency, Want::Normal),
        Level(ErrorRate, Want::High),
    ],
    severity: Severity::High,
    critical_if: &[Below(ShareOfUsualRate, CLIFF_SHARE)],
    is_locked: false,
    nature: Nature::LostTraffic,
    description: "Traffic fell to {request_rate} ({drop_percent} below usual) while {error_rate} \
                  of requests fail",
    interpretation: "Failures and a loss of traffic came together: clients may give up or be turned \
                     away. Latency is as usual, so it is probably not capacity.",
    actions: &[
        action(Immediate, "look at exception types and failing endpoints"),
        action(Check, "health checks: instances may have been taken out of rotation"),
        action(Verify, "that the service can be reached from outside"),
        action(Check, "releases and changes of configuration of the last hour"),
    ],
};

pub(super) const CLIFF: Pattern = Pattern {
    name: "request_rate_cliff",
    aliases: &["traffic_cliff"],
    conditions: &[Level(RequestRate, Want::VeryLow), Below(ShareOfUsualRate, CLIFF_SHARE)],
    severity: Severity::Critical,
    critical_if: &[],
    is_locked: false,
    nature: Nature::LostTraffic,
    description: "Traffic fell to {request_rate}, {drop_percent} below the {expected_rate} usual \
                  at this time",
    interpretation: "Clients may not reach the service. What it still serves can look healthy.",
    actions: &[
        action(Verify, "whether a quiet time is expected: a holiday, maintenance, a migration"),
        action(Check, "load balancer, DNS and the services that call this one"),
        action(Verify, "that the service can be reached from outside"),
        action(Check, "recent changes of infrastructure"),
    ],
};

pub(super) const SURGE_DEGRADING: Pattern = Pattern {
    name: "request_rate_surge_degrading",
    aliases: &["traffic_surge_degrading"],
    conditions: &[
        Level(RequestRate, Want::High),
        Level(ApplicationLatency, Want::High),
        Level(ErrorRate, Want::Normal),
    ],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "Load of {request_rate} with responses at {application_latency}; errors are \
                  steady at {error_rate}",
    interpretation: "The service still serves; it may be near its capacity.",
    actions: &[
        action(Immediate, "scale out before requests fail"),
        action(Check, "CPU, memory and connection pools"),
        action(Monitor, "the error rate, now {error_rate}"),
        action(Consider, "throttling what can wait"),
    ],
};

pub(super) const SURGE_AT_NIGHT: Pattern = Pattern {
    name: "request_rate_surge_at_night",
    aliases: &[],
    conditions: &[
        Level(RequestRate, Want::High),
        Level(ApplicationLatency, Want::Normal),
        Level(ErrorRate, Want::Normal),
        Night,
    ],
    severity: Severity::Medium,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Harmless,
    description: "Load of {request_rate} at night, where {expected_rate} is usual: latency \
                  {application_latency}, errors {error_rate}",
    interpretation: "The load is absorbed. At night it may come from a batch, a crawler, a retry \
                     loop or abuse rather than from customers.",
    actions: &[
        action(Identify, "which clients send the load, and since when"),
        action(Check, "batches, schedules and releases of the evening"),
        action(Verify, "that the load is legitimate"),
        action(Monitor, "whether it lasts: {request_rate} where {expected_rate} is usual"),
    ],
};

pub(super) const SURGE_HEALTHY: Pattern = Pattern {
    name: "request_rate_surge_healthy",
    aliases: &["traffic_surge_healthy"],
    conditions: &[
        Level(RequestRate, Want::High),
        Level(ApplicationLatency, Want::Normal),
        Level(ErrorRate, Want::Normal),
    ],
    severity: Severity::Low,
    critical_if: &[],
    is_locked: true,
    nature: Nature::Harmless,
    description: "Load of {request_rate} is absorbed: latency {application_latency}, errors \
                  {error_rate}",
    interpretation: "The service is healthy under more load than usual. Watch it.",
    actions: &[
        action(Monitor, "whether the load lasts: {request_rate} where {expected_rate} is usual"),
        action(Consider, "scaling ahead of more"),
        action(Verify, "that the load is legitimate"),
    ],
};
