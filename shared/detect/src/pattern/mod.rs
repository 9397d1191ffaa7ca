//! Named patterns: combinations of what metrics do that mean something by themselves.
//!
//! [`state`] says what a service does, in [`level`]s and a few quantities. [`table`] lists the
//! patterns, the most telling first; the first whose conditions all hold names the anomaly.
//! [`text`] fills in their sentences. What is missing is unknown, and nothing that is asked of the
//! unknown holds. [`reference`](reference()) is the table for the documentation.

mod errors;
mod latency;
pub mod level;
mod reference;
pub mod state;
pub mod table;
#[cfg(test)]
mod tests;
pub mod text;
mod traffic;

use domain::Severity;

use crate::recommend::Action;
pub(crate) use latency::{DATABASE_SHARE, DEPENDENCY_SHARE};
pub use level::{Level, Want};
pub use reference::reference;
pub use state::{Condition, Core, DependencyContext, DependencyKind, MetricState, Quantity, State};
pub use table::PATTERNS;

/// A combination with a name.
#[derive(Debug, PartialEq)]
pub struct Pattern {
    /// Stable: alerts and incidents are known by it.
    pub name: &'static str,
    /// Names that older installations use.
    pub aliases: &'static [&'static str],
    /// All must hold.
    pub conditions: &'static [Condition],
    pub severity: Severity,
    /// It is critical if these hold as well; never if there are none.
    pub critical_if: &'static [Condition],
    /// Nothing raises or lowers its severity.
    pub is_locked: bool,
    pub nature: Nature,
    /// Sentences with `{placeholders}`.
    pub description: &'static str,
    pub interpretation: &'static str,
    pub actions: &'static [Action],
}

/// What users notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// The service does not do its work as usual.
    Degraded,
    /// Requests are refused before they are served.
    FastFailure,
    /// Requests don't come.
    LostTraffic,
    /// Nothing yet.
    Harmless,
}

/// A pattern that holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    pub pattern: &'static Pattern,
    pub severity: Severity,
    /// Another latency that takes its part in it.
    pub secondary: Option<Core>,
}

/// The pattern of a state, if one holds.
pub fn find(state: &State) -> Option<Match> {
    let first = PATTERNS.iter().find(|pattern| state.meets(pattern.conditions))?;
    let pattern = larger_bottleneck(first, state);
    let is_critical = !pattern.critical_if.is_empty() && state.meets(pattern.critical_if);
    let severity = if is_critical { Severity::Critical } else { pattern.severity };
    Some(Match { pattern, severity, secondary: secondary(pattern, state) })
}

/// The pattern with this name or alias, with or without a root service after a colon.
pub fn by_name(name: &str) -> Option<&'static Pattern> {
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    PATTERNS.iter().copied().find(|it| it.name == name || it.aliases.contains(&name))
}

/// Of two bottlenecks that both hold, the one that takes the larger share of the response time.
fn larger_bottleneck(first: &'static Pattern, state: &State) -> &'static Pattern {
    let (database, dependency) = (&latency::DATABASE_BOTTLENECK, &latency::DEPENDENCY_CASCADE);
    if first.name != database.name || !state.meets(dependency.conditions) {
        return first;
    }
    let share = |quantity| state.quantity(quantity).unwrap_or(0.0);
    let is_larger = share(Quantity::DependencyShare) > share(Quantity::DatabaseShare);
    if is_larger { dependency } else { first }
}

/// The latency that is high beside the one that a bottleneck is named after.
fn secondary(pattern: &Pattern, state: &State) -> Option<Core> {
    let other = match pattern.name {
        name if name == latency::DATABASE_BOTTLENECK.name => Core::DependencyLatency,
        name if name == latency::DEPENDENCY_CASCADE.name => Core::DatabaseLatency,
        _ => return None,
    };
    state.metric(other).level.is_high().then_some(other)
}
