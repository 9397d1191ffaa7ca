//! The order of patterns. The first that holds names the anomaly, so what asks for more, or
//! matters more, stands before what asks for less.

use super::{Pattern, errors, latency, traffic};

/// All patterns, the most telling first.
pub const PATTERNS: [&Pattern; 23] = [
    &traffic::SURGE_FAILING,
    &errors::CRITICAL,
    // Few requests that fail fast are more than fast failures.
    &traffic::REDUCED_WITH_ERRORS,
    &errors::FAST_REJECTION,
    &traffic::LOSS_WITH_ERRORS,
    &traffic::CLIFF,
    // What the call graph knows stands before what one service shows.
    &latency::UPSTREAM_CASCADE,
    &latency::CHAIN_DEGRADATION,
    &traffic::SURGE_DEGRADING,
    &errors::ELEVATED,
    &latency::DATABASE_BOTTLENECK,
    &latency::DEPENDENCY_CASCADE,
    &errors::ELEVATED_WITH_LATENCY,
    &latency::GRADUAL_DEGRADATION,
    &latency::APPLICATION_BOTTLENECK,
    &latency::INTERNAL_ISSUE,
    &latency::SPIKE,
    &errors::FAST_FAILURE,
    // Asks for a very low latency: behind the next it would never be reached.
    &errors::SUSPICIOUS_FAST_RESPONSES,
    &errors::PARTIAL_REJECTION,
    &latency::DATABASE_DEGRADED,
    // Traffic that comes while people sleep is nobody's campaign.
    &traffic::SURGE_AT_NIGHT,
    &traffic::SURGE_HEALTHY,
];
