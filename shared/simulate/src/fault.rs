//! The faults an estate can suffer, and how a caller asks for them.

use crate::estate::named_enum;

/// Which faults the test part has. The training part never has any.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultPlan {
    /// No fault.
    None,
    /// Faults of all kinds at random times. No service feels two at once, and an hour of recovery
    /// lies between two faults of one neighbourhood.
    Random {
        /// Wished number of faults per service and day of the test part.
        per_service_day: f64,
    },
    /// Exactly these; they may overlap.
    Listed(Vec<Fault>),
}

/// One fault with one root cause. `[start_s, end_s)` lies in the test part.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What breaks.
    pub kind: FaultKind,
    /// Where it breaks, the root cause.
    pub service: String,
    /// First affected instant, epoch seconds.
    pub start_s: i64,
    /// First instant after the fault.
    pub end_s: i64,
    /// Strength: 1 is plain to see on a busy service, 0.3 is hard; at most
    /// [`MAX_INTENSITY`](crate::MAX_INTENSITY).
    pub intensity: f64,
}

named_enum! {
    /// What breaks. The effects at intensity 1 are those on the root cause.
    FaultKind {
        /// The service itself is slow (latency x 2.5).
        LatencySpike = "latency_spike",
        /// Requests fail (15 % more) at the usual speed.
        ErrorBurst = "error_burst",
        /// Traffic falls to 15 %; the services called lose it too.
        TrafficCliff = "traffic_cliff",
        /// Traffic x 2.2, and the service cannot keep up.
        TrafficSurgeDegrading = "traffic_surge_degrading",
        /// Traffic x 2.2, absorbed.
        TrafficSurgeHealthy = "traffic_surge_healthy",
        /// The service's database is slow (x 4).
        DatabaseSlowdown = "database_slowdown",
        /// The calls of the service are slow (x 3) although the services called are well, as when
        /// a network link is.
        SlowDependency = "slow_dependency",
        /// Requests fail early (40 %): fast errors, less traffic to the services called.
        FastFailure = "fast_failure",
        /// Some instances are down: 30 % errors, the rest is slower.
        PartialOutage = "partial_outage",
        /// Failing calls are retried: more traffic, more errors, slower.
        RetryStorm = "retry_storm",
        /// Latency and errors creep up over hours.
        GradualDegradation = "gradual_degradation",
        /// A moderate rise of latency and errors at night.
        NightShift = "night_shift",
    }
}

impl FaultKind {
    /// Whether the fault is in the service's database.
    pub fn needs_database(self) -> bool {
        self == Self::DatabaseSlowdown
    }

    /// Whether the fault is in the service's calls to others.
    pub fn needs_dependencies(self) -> bool {
        self == Self::SlowDependency
    }
}
