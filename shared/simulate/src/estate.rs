//! What a simulation returns: series, labels, events, graph and profiles, as plain data.

use crate::fault::Fault;

/// Everything one simulation produced.
#[derive(Debug, Clone, PartialEq)]
pub struct Estate {
    /// One entry per service and metric the service has; services in estate order, metrics in
    /// canonical order.
    pub series: Vec<Series>,
    /// One row per incident and service that feels it; ordered by incident, root cause first.
    pub labels: Vec<Label>,
    /// What is not an incident, ordered by start.
    pub events: Vec<Event>,
    /// `(caller, callee)` pairs.
    pub graph: Vec<(String, String)>,
    /// One profile a service, in estate order.
    pub services: Vec<ServiceProfile>,
    /// The faults behind the labels, ordered by start; `FaultPlan::Listed` replays them.
    pub faults: Vec<Fault>,
    /// How many faults of a random plan found no free place and were left out.
    pub unplaced_faults: usize,
    /// First instant of the training part, epoch seconds.
    pub start_s: i64,
    /// End of the training part and start of the test part.
    pub test_start_s: i64,
    /// End of the data, exclusive.
    pub end_s: i64,
}

/// Samples of one metric of one service. Both vectors have the same length; a missing sample has
/// no entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Service name.
    pub service: String,
    /// Which metric.
    pub metric: Metric,
    /// Epoch seconds, strictly rising.
    pub timestamps_s: Vec<i64>,
    /// Values in the metric's unit; planted bad values are NaN, +Inf or negative.
    pub values: Vec<f64>,
}

/// One incident as one service feels it. `end_s` is exclusive.
///
/// `kind` is free text because label files of real incidents have kinds of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Shared by all rows of an incident.
    pub incident_id: String,
    /// The service of this row.
    pub service: String,
    /// First affected instant, epoch seconds.
    pub start_s: i64,
    /// First instant after the incident.
    pub end_s: i64,
    /// A [`FaultKind`](crate::FaultKind) name in simulated data.
    pub kind: String,
    /// The service the incident began in.
    pub root_cause_service: String,
    /// How far the root cause's best metric leaves its noise.
    pub difficulty: Option<Difficulty>,
    /// Metrics that visibly move; empty for a root cause that stays within noise.
    pub metrics: Vec<Metric>,
}

/// Something a detector may see but should not call an incident. `end_s` is exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The service it happens to.
    pub service: String,
    /// First affected instant, epoch seconds.
    pub start_s: i64,
    /// First instant after; a level shift ends after one step although its level stays.
    pub end_s: i64,
    /// What happens.
    pub kind: EventKind,
    /// Details in words.
    pub detail: String,
}

/// What a service is, without its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceProfile {
    /// Service name.
    pub name: String,
    /// Its place in the business.
    pub category: Category,
    /// The metrics it reports.
    pub metrics: Vec<Metric>,
    /// Typical rate at the busiest hour, req/s.
    pub peak_rps: f64,
    /// Whether it reports `database_latency`.
    pub has_database: bool,
}

/// Declares a field-less enum together with its names in text.
macro_rules! named_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name used in files.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one with this name, if any.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.as_str() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use named_enum;

named_enum! {
    /// The five core metrics, in canonical order.
    Metric {
        /// Inbound requests, req/s.
        RequestRate = "request_rate",
        /// Mean duration of served requests, ms.
        ApplicationLatency = "application_latency",
        /// Mean duration of calls to other services, ms.
        DependencyLatency = "dependency_latency",
        /// Mean duration of database calls, ms.
        DatabaseLatency = "database_latency",
        /// Failed share of served requests, 0 to 1.
        ErrorRate = "error_rate",
    }
}

named_enum! {
    /// A service's place in the business; shapes its size and its day.
    Category {
        /// Users notice at once.
        Critical = "critical",
        /// Carries a main function.
        Core = "core",
        /// Ordinary.
        Standard = "standard",
        /// Used by staff in office hours.
        Admin = "admin",
        /// Small and fast, called by many.
        Micro = "micro",
        /// Works off batches, mostly at night.
        Background = "background",
    }
}

named_enum! {
    /// How hard an incident is to see.
    Difficulty {
        /// Far outside noise.
        Easy = "easy",
        /// Clearly outside noise.
        Medium = "medium",
        /// At the edge of noise.
        Hard = "hard",
    }
}

named_enum! {
    /// What is not an incident.
    EventKind {
        /// One sample is NaN, +Inf or negative.
        BadValue = "bad_value",
        /// No samples for a while.
        Gap = "gap",
        /// A release changed latency and error rate for good.
        DeployLevelShift = "deploy_level_shift",
        /// A release made the first minutes slow.
        DeployWarmup = "deploy_warmup",
        /// A service is drained on purpose.
        Maintenance = "maintenance",
    }
}
