//! Patterns of latency: where the time goes.

use domain::Severity;

use super::Condition::{Above, Context, Level, Rising};
use super::Core::{ApplicationLatency, DatabaseLatency, DependencyLatency, ErrorRate, RequestRate};
use super::DependencyKind::{ChainDegraded, DependenciesHealthy, UpstreamAnomaly};
use super::Quantity::{DatabaseShare, DependencyShare};
use super::{Nature, Pattern, Want};
use crate::recommend::Prefix::{
    Check, Consider, Focus, Immediate, Investigate, Monitor, Review, Verify,
};
use crate::recommend::action;

/// Share of the response time from which the database, or a service that is called, is the
/// bottleneck.
pub(crate) const DATABASE_SHARE: f64 = 0.7;
pub(crate) const DEPENDENCY_SHARE: f64 = 0.6;

pub(super) const UPSTREAM_CASCADE: Pattern = Pattern {
    name: "upstream_cascade",
    aliases: &[],
    conditions: &[
        Level(ApplicationLatency, Want::High),
        Level(DependencyLatency, Want::High),
        Context(UpstreamAnomaly),
    ],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "Slow while {root_cause_service} is degraded ({root_cause_anomaly_type}); \
                  chain of {affected_chain_length}; now {application_latency}",
    interpretation: "The cause may lie in {root_cause_service}, which this service calls.",
    actions: &[
        action(Focus, "on {root_cause_service}: its status and releases"),
        action(Check, "the incident of {root_cause_service}"),
        action(Monitor, "this service while {root_cause_service} recovers"),
        action(Consider, "a circuit breaker towards {root_cause_service}"),
        action(Consider, "a degraded mode without {root_cause_service}"),
    ],
};

pub(super) const CHAIN_DEGRADATION: Pattern = Pattern {
    name: "dependency_chain_degradation",
    aliases: &[],
    conditions: &[Level(ApplicationLatency, Want::High), Context(ChainDegraded)],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "{affected_chain_length} services in the chain are affected \
                  ({affected_services}); probable origin {root_cause_service}",
    interpretation: "A failure may travel along the call graph from {root_cause_service}.",
    actions: &[
        action(Immediate, "look at the probable origin, {root_cause_service}"),
        action(Check, "circuit breakers along {affected_services}"),
        action(Verify, "the network between them"),
        action(Consider, "bulkheads, so that one slow callee does not stop all"),
        action(Monitor, "recovery along the chain"),
    ],
};

pub(super) const DATABASE_BOTTLENECK: Pattern = Pattern {
    name: "database_latency_bottleneck",
    aliases: &["database_bottleneck"],
    conditions: &[
        Level(DatabaseLatency, Want::High),
        Level(ApplicationLatency, Want::High),
        Above(DatabaseShare, DATABASE_SHARE),
    ],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "The database takes {database_latency}, {db_latency_ratio} of the response time \
                  {application_latency}",
    interpretation: "Most of the response time is spent in the database; the rest can save little.",
    actions: &[
        action(Check, "slow queries, connection pool, host of the database"),
        action(Investigate, "plans, missing indexes, many small queries in a loop"),
        action(Consider, "a cache or a replica for reading"),
    ],
};

pub(super) const DEPENDENCY_CASCADE: Pattern = Pattern {
    name: "dependency_latency_cascade",
    aliases: &["downstream_cascade"],
    conditions: &[
        Level(DependencyLatency, Want::High),
        Level(ApplicationLatency, Want::High),
        Above(DependencyShare, DEPENDENCY_SHARE),
    ],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "External calls take {dependency_latency}, {dependency_latency_ratio} of \
                  {application_latency}",
    interpretation: "Most of the response time is spent waiting for others.",
    actions: &[
        action(Check, "status of the services and vendors that are called"),
        action(Consider, "a circuit breaker and a fallback"),
        action(Review, "timeouts and retries of calls"),
    ],
};

pub(super) const GRADUAL_DEGRADATION: Pattern = Pattern {
    name: "gradual_degradation",
    aliases: &[],
    conditions: &[
        Level(RequestRate, Want::Normal),
        Level(ApplicationLatency, Want::High),
        Level(ErrorRate, Want::Normal),
        Rising(ApplicationLatency),
    ],
    severity: Severity::Medium,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "Latency has been rising for two hours and is {application_latency} now",
    interpretation: "Something may fill up or wear out: memory, a queue, a table, a cache that \
                     misses more and more.",
    actions: &[
        action(Check, "memory, garbage collection, queues and disk for a steady rise"),
        action(Check, "growth of tables and of cache misses"),
        action(Consider, "a restart, to win time"),
        action(Monitor, "when it will reach what users notice"),
    ],
};

pub(super) const APPLICATION_BOTTLENECK: Pattern = Pattern {
    name: "application_latency_bottleneck",
    aliases: &["internal_bottleneck"],
    conditions: &[
        Level(RequestRate, Want::Normal),
        Level(ApplicationLatency, Want::High),
        Level(ErrorRate, Want::Normal),
        Level(DependencyLatency, Want::Normal),
        Level(DatabaseLatency, Want::Normal),
    ],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "Responses take {application_latency} although dependencies and database are as \
                  usual",
    interpretation: "The time may be spent inside the service.",
    actions: &[
        action(Check, "CPU throttling, memory and garbage collection, threads"),
        action(Investigate, "traces of slow requests"),
        action(Check, "releases and changes of configuration of the last hour"),
    ],
};

pub(super) const INTERNAL_ISSUE: Pattern = Pattern {
    name: "internal_latency_issue",
    aliases: &["isolated_service_issue"],
    conditions: &[Level(ApplicationLatency, Want::High), Context(DependenciesHealthy)],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "Responses take {application_latency} with all dependencies healthy",
    interpretation: "The cause may lie inside the service: what it calls is healthy.",
    actions: &[
        action(Focus, "on this service: what it calls is healthy"),
        action(Check, "CPU, memory and garbage collection, pools"),
        action(Review, "recent releases"),
        action(Investigate, "traces of slow requests"),
    ],
};

pub(super) const SPIKE: Pattern = Pattern {
    name: "latency_spike_recent",
    aliases: &["recent_degradation"],
    conditions: &[
        Level(RequestRate, Want::Normal),
        Level(ApplicationLatency, Want::High),
        Level(ErrorRate, Want::Normal),
    ],
    severity: Severity::High,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Degraded,
    description: "Latency degradation: {application_latency} at normal load {request_rate}",
    interpretation: "Load is as usual and hardly explains it; something else may have changed.",
    actions: &[
        action(Check, "recent deployments and changes of configuration (last 2 hours)"),
        action(Review, "dependencies and database"),
        action(Check, "CPU and garbage collection"),
        action(Investigate, "traces of slow requests"),
    ],
};

pub(super) const DATABASE_DEGRADED: Pattern = Pattern {
    name: "database_latency_degraded",
    aliases: &["database_degradation"],
    conditions: &[
        Level(DatabaseLatency, Want::High),
        Level(ApplicationLatency, Want::Normal),
        Level(ErrorRate, Want::Normal),
    ],
    severity: Severity::Medium,
    critical_if: &[],
    is_locked: false,
    nature: Nature::Harmless,
    description: "The database is slow ({database_latency}) but responses are as usual \
                  ({application_latency})",
    interpretation: "An early warning: responses are as usual, so users may not notice yet.",
    actions: &[
        action(Investigate, "slow queries"),
        action(Check, "host, connection pool and replication of the database"),
        action(Monitor, "application latency, now {application_latency}"),
        action(Consider, "optimising what the slow queries do"),
    ],
};
