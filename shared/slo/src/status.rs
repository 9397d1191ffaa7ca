//! The scales of the layer, each ordered from mild to bad.

use domain::Severity;

/// How near a service is to breaking what it owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SloStatus {
    #[default]
    Ok,
    ApproachingWarning,
    Warning,
    Breached,
}

/// Database latency against what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DatabaseStatus {
    Ok,
    Info,
    Warning,
    High,
    Critical,
}

/// Traffic against what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrafficStatus {
    Ok,
    Info,
    Warning,
    High,
    Critical,
}

/// What traffic does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrafficKind {
    Normal,
    NoTraffic,
    LowTraffic,
    Surge,
    Cliff,
}

/// Whether somebody has to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationalImpact {
    None,
    Informational,
    Actionable,
    Critical,
}

/// The word of the severity matrix, which has more of them than the severity scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatrixOutcome {
    None,
    Informational,
    /// Only where an anomaly within limits keeps its severity.
    Low,
    /// Only where an anomaly within limits keeps its severity.
    Medium,
    Warning,
    High,
    Critical,
}

/// Which objective decides the status of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Driver {
    Latency,
    ErrorRate,
    DatabaseLatency,
    ErrorBudget,
}

impl SloStatus {
    /// All of them, mildest first.
    pub const ALL: [SloStatus; 4] =
        [SloStatus::Ok, SloStatus::ApproachingWarning, SloStatus::Warning, SloStatus::Breached];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            SloStatus::Ok => "ok",
            SloStatus::ApproachingWarning => "approaching_warning",
            SloStatus::Warning => "warning",
            SloStatus::Breached => "breached",
        }
    }
}

impl DatabaseStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            DatabaseStatus::Ok => "ok",
            DatabaseStatus::Info => "info",
            DatabaseStatus::Warning => "warning",
            DatabaseStatus::High => "high",
            DatabaseStatus::Critical => "critical",
        }
    }
}

impl TrafficStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            TrafficStatus::Ok => "ok",
            TrafficStatus::Info => "info",
            TrafficStatus::Warning => "warning",
            TrafficStatus::High => "high",
            TrafficStatus::Critical => "critical",
        }
    }
}

impl TrafficKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            TrafficKind::Normal => "normal",
            TrafficKind::NoTraffic => "no_traffic",
            TrafficKind::LowTraffic => "low_traffic",
            TrafficKind::Surge => "surge",
            TrafficKind::Cliff => "cliff",
        }
    }
}

impl OperationalImpact {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            OperationalImpact::None => "none",
            OperationalImpact::Informational => "informational",
            OperationalImpact::Actionable => "actionable",
            OperationalImpact::Critical => "critical",
        }
    }
}

impl MatrixOutcome {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            MatrixOutcome::None => "none",
            MatrixOutcome::Informational => "informational",
            MatrixOutcome::Low => "low",
            MatrixOutcome::Medium => "medium",
            MatrixOutcome::Warning => "warning",
            MatrixOutcome::High => "high",
            MatrixOutcome::Critical => "critical",
        }
    }

    /// The severity's own word.
    pub(crate) fn of(severity: Severity) -> MatrixOutcome {
        match severity {
            Severity::None => MatrixOutcome::None,
            Severity::Low => MatrixOutcome::Low,
            Severity::Medium => MatrixOutcome::Medium,
            Severity::High => MatrixOutcome::High,
            Severity::Critical => MatrixOutcome::Critical,
        }
    }
}

impl Driver {
    /// All of them, in the order in which they are named.
    pub const ALL: [Driver; 4] =
        [Driver::Latency, Driver::ErrorRate, Driver::DatabaseLatency, Driver::ErrorBudget];

    /// The metric that it is about.
    pub fn metric(self) -> &'static str {
        match self {
            Driver::Latency => "application_latency",
            Driver::ErrorRate | Driver::ErrorBudget => "error_rate",
            Driver::DatabaseLatency => "database_latency",
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Driver::Latency => "application_latency",
            Driver::ErrorRate => "error_rate",
            Driver::DatabaseLatency => "database_latency",
            Driver::ErrorBudget => "error_budget",
        }
    }
}
