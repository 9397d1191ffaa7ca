//! Patterns of failures, slow and fast.

use domain::Severity;

use super::Condition::{Above, Level};
use super::Core::{ApplicationLatency, ErrorRate, RequestRate};
use super::Quantity::ErrorShare;
use super::{Nature, Pattern, Want};
use crate::recommend::Prefix::{Check, Focus, Identify, Immediate, Investigate, Review, Verify};
use crate::recommend::action;

/// Share of failures from which a very high error rate is critical. A percentile alone says
/// nothing of how many users are hit.
pub(super) const CRITICAL_SHARE: f64 = 0.02;

pub(super) const CRITICAL: Pattern = Pattern {
    name: "error_rate_critical",
    aliases: &["partial_outage"],
    conditions: &[
        Level(RequestRate, Want::Normal),
        Level(ApplicationLatency, Want::Normal),
        Level(ErrorRate, Want::VeryHigh),
        Above(ErrorShare, CRITICAL_SHARE),
    ],
    severity: Severity::Critical,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "Very high failures, {error_rate}, with normal load {request_rate} and latency \
                  {application_latency}",
    interpretation: "A code path, a feature or a dependency may be broken. Load and latency are as \
                     usual, so it is probably not capacity.",
    actions: &[
        action(Immediate, "look at exception types and their stack traces"),
        action(Identify, "the endpoints that fail"),
        action(Check, "health of dependencies"),
        action(Review, "recent releases"),
    ],
};

pub(super) const FAST_REJECTION: Pattern = Pattern {
    name: "error_rate_fast_rejection",
    aliases: &["fast_rejection"],
    conditions: &[Level(ApplicationLatency, Want::VeryLow), Level(ErrorRate, Want::VeryHigh)],
    severity: Severity::Critical,
    critical_if: &[],
    is_locked: false,
    nature: Nature::FastFailure,
    description: "Requests fail almost at once: {error_rate} errors at {application_latency}",
    interpretation: "Requests may be turned away before they are served. Possible: a rate limit \
                     (429), authentication (401, 403), an open circuit breaker (503).",
    actions: &[
        action(Immediate, "look at status codes: 429, 401 and 403, 503 have different causes"),
        action(Check, "circuit breakers, rate limiter, authentication"),
        action(Check, "releases and changes of configuration of the last hour"),
    ],
};

pub(super) const ELEVATED: Pattern = Pattern {
    name: "error_rate_elevated",
    aliases: &["elevated_errors"],
    conditions: &[
        Level(RequestRate, Want::Normal),
        Level(ApplicationLatency, Want::Normal),
        Level(ErrorRate, Want::High),
    ],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "Error rate of {error_rate} at normal load and latency",
    interpretation: "A part of the requests fails; load and latency are as usual and hardly explain it.",
    actions: &[
        action(Check, "logs and exceptions"),
        action(Identify, "where failures gather: an endpoint, a client, a host"),
        action(Check, "health of dependencies"),
        action(Review, "recent releases"),
        action(Verify, "whether it passes by itself or lasts"),
    ],
};

pub(super) const ELEVATED_WITH_LATENCY: Pattern = Pattern {
    name: "error_rate_elevated_with_latency",
    aliases: &[],
    conditions: &[
        Level(RequestRate, Want::NotHigh),
        Level(ApplicationLatency, Want::High),
        Level(ErrorRate, Want::High),
    ],
    severity: Severity::High,
    critical_if: &[Level(ErrorRate, Want::VeryHigh), Above(ErrorShare, CRITICAL_SHARE)],
    is_locked: false,
    nature: Nature::Degraded,
    description: "{error_rate} of requests fail and responses take {application_latency}, without \
                  more load than usual ({request_rate})",
    interpretation: "Failures and slowness came together: possibly timeouts, retries inside the \
                     service, or a resource that is exhausted.",
    actions: &[
        action(Immediate, "look at exception types: are they timeouts?"),
        action(Check, "thread and connection pools, CPU and memory"),
        action(Check, "health and latency of dependencies and database"),
        action(Review, "recent releases"),
    ],
};

pub(super) const FAST_FAILURE: Pattern = Pattern {
    name: "error_rate_fast_failure",
    aliases: &["fast_failure"],
    conditions: &[Level(ApplicationLatency, Want::Low), Level(ErrorRate, Want::High)],
    severity: Severity::Critical,
    critical_if: &[],
    is_locked: false,
    nature: Nature::FastFailure,
    description: "{error_rate} errors, failing early at {application_latency}",
    interpretation: "Requests fail early, so a slow dependency is an unlikely cause.",
    actions: &[
        action(Immediate, "look at exception types"),
        action(Check, "status codes"),
        action(Check, "dependencies that refuse connections, circuit breakers and pools"),
        action(Review, "recent releases"),
    ],
};

pub(super) const SUSPICIOUS_FAST_RESPONSES: Pattern = Pattern {
    name: "suspicious_fast_responses",
    aliases: &[],
    conditions: &[Level(ApplicationLatency, Want::VeryLow), Level(ErrorRate, Want::Elevated)],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::FastFailure,
    description: "Responses are suspiciously fast ({application_latency}) while {error_rate} fail",
    interpretation: "Some requests may be answered without their work being done.",
    actions: &[
        action(Verify, "that responses carry what they should"),
        action(Check, "status codes by endpoint"),
        action(Investigate, "caches, feature flags and short cuts that answer early"),
        action(Review, "recent releases"),
    ],
};

pub(super) const PARTIAL_REJECTION: Pattern = Pattern {
    name: "error_rate_partial_rejection",
    aliases: &["partial_rejection", "partial_fast_fail"],
    conditions: &[Level(ApplicationLatency, Want::Low), Level(ErrorRate, Want::Moderate)],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::FastFailure,
    description: "A part of the requests fails quickly: {error_rate} at {application_latency}",
    interpretation: "They may be rejected. Possible: validation, authentication, or one endpoint.",
    actions: &[
        action(Check, "logs of rejected requests"),
        action(Identify, "the operations that are rejected"),
        action(Check, "401 and 403: keys, tokens, permissions"),
        action(Review, "400: what clients send since when"),
        action(Focus, "on releases of this service and of its clients"),
    ],
};
