//! The sentences of an anomaly: what is so, what it may mean, and what to do.
//!
//! They state what was observed, and offer causes as possibilities.

use domain::MetricKind;

use crate::anomaly::{Anomaly, Case};
use crate::explain::{format_value, hints};
use crate::involved::Involved;
use crate::pattern::text::{fill, percent};
use crate::pattern::{Core, Pattern, Quantity, State};
use crate::pattern::{DATABASE_SHARE, DEPENDENCY_SHARE};
use crate::recommend::{Prefix, by_severity, recommend};
use crate::trend::{Onset, Trend};

/// Messages, causes and checks that are shown.
const MESSAGES_MAX: usize = 2;
const HINTS_PER_METRIC: usize = 2;
const HINTS_MAX: usize = 5;
const CHECKS_IN_ACTIONS: usize = 2;

pub(crate) const NO_PATTERN: &str = "No known pattern fits what these metrics do together.";
pub(crate) const ONLY_TOGETHER: &str =
    "No metric is wrong by itself; their combination was hardly ever seen in training.";

/// A pattern's description with what is usual and how it began, or that it was found at all.
pub(crate) fn describe_pattern(
    case: &Case<'_>,
    pattern: &Pattern,
    state: &State,
    root: &Involved,
    trend: Trend,
) -> String {
    let Some(sentence) = fill(pattern.description, state) else {
        return format!("{}: anomaly detected", pattern.name);
    };
    let is_told = pattern.description.contains("{expected_rate}");
    let usual = case.usual_of(&root.metric).filter(|_| !is_told).and_then(|usual| {
        Some(format!("{} usually {}", root.metric, formatted(case, &root.metric, usual)?))
    });
    let details: Vec<String> = usual.into_iter().chain(onset(trend)).collect();
    if details.is_empty() { sentence } else { format!("{sentence} ({})", details.join("; ")) }
}

/// The strongest metrics in their own words.
pub(crate) fn describe_metrics(case: &Case<'_>, involved: &[Involved], trend: Trend) -> String {
    let service = &case.model.service;
    let began = onset(trend).map(|text| format!(" ({text})")).unwrap_or_default();
    let listed = |count: usize| {
        let messages: Vec<&str> =
            involved.iter().take(count).map(|it| it.message.as_str()).collect();
        let more = involved.len().saturating_sub(count);
        let more = if more > 0 { format!(" (+{more} more)") } else { String::new() };
        format!("{}{more}", messages.join("; "))
    };
    match case.evidence {
        Some(_) => format!("[{service}] {}{began}", listed(1)),
        None => format!("[{service}] unusual behaviour: {}{began}", listed(MESSAGES_MAX)),
    }
}

pub(crate) fn describe_combination(case: &Case<'_>, names: &[String]) -> String {
    let listed = names.iter().take(MESSAGES_MAX).cloned().collect::<Vec<_>>().join(" and ");
    format!("[{}] unusual combination, mostly of {listed}", case.model.service)
}

/// What a pattern may mean, and what else takes its part.
pub(crate) fn interpret_pattern(
    pattern: &Pattern,
    state: &State,
    secondary: Option<&str>,
) -> String {
    // A sentence that needs what is not known is left out.
    let meaning = fill(pattern.interpretation, state).unwrap_or_default();
    match secondary {
        Some(cause) => format!("{meaning} Also: {cause}."),
        None => meaning,
    }
}

/// `dependency_latency 310 ms, 31 % of the response time`
pub(crate) fn secondary_cause(core: Core, state: &State) -> Option<String> {
    let value = state.metric(core).value?;
    let quantity = match core {
        Core::DatabaseLatency => Quantity::DatabaseShare,
        _ => Quantity::DependencyShare,
    };
    let share = percent(state.quantity(quantity)?);
    Some(format!("{} {value:.0} ms, {share} of the response time", core.name()))
}

/// Possible causes and first checks of the involved metrics.
pub(crate) fn hints_of(case: &Case<'_>, involved: &[Involved]) -> (Vec<String>, Vec<String>) {
    let (mut causes, mut checks) = (Vec::new(), Vec::new());
    for it in involved {
        let found = hints(&it.metric, kind(case, &it.metric), it.direction);
        append(&mut causes, found.causes);
        append(&mut checks, found.checks);
    }
    (causes, checks)
}

/// What to do: the pattern's actions, what its metrics and its severity suggest, where the time
/// goes.
pub(crate) fn actions(
    case: &Case<'_>,
    pattern: Option<&Pattern>,
    state: &State,
    anomaly: &Anomaly,
) -> Vec<String> {
    let mut all: Vec<(Prefix, String)> = Vec::new();
    for action in pattern.map_or(&[] as &[_], |pattern| pattern.actions) {
        all.extend(fill(action.text, state).map(|text| (action.prefix, text)));
    }
    if pattern.is_none() {
        let metrics = anomaly.contributing_metrics.join(", ");
        all.push((Prefix::Investigate, metrics));
        all.push((Prefix::Correlate, "with releases and changes of the last hour".to_owned()));
        let checks = anomaly.checks.iter().take(CHECKS_IN_ACTIONS);
        all.extend(checks.map(|check| (Prefix::Check, check.clone())));
    }
    all.extend(where_time_goes(state));
    all.extend(by_severity(anomaly.severity));
    for it in anomaly.involved.iter().filter(|it| it.level.is_high()) {
        let found = hints(&it.metric, kind(case, &it.metric), it.direction);
        all.extend(found.checks.first().map(|check| (Prefix::Check, (*check).to_owned())));
    }
    recommend(all)
}

pub(crate) fn actions_of_combination(names: &[String]) -> Vec<String> {
    let listed = names.iter().take(MESSAGES_MAX).cloned().collect::<Vec<_>>().join(" and ");
    recommend(vec![
        (Prefix::Investigate, format!("why {listed} moved against each other")),
        (Prefix::Correlate, "with the last hour".to_owned()),
    ])
}

fn where_time_goes(state: &State) -> Vec<(Prefix, String)> {
    let hint = |quantity, bound: f64, what: &str| {
        let share = state.quantity(quantity).filter(|share| *share > bound)?;
        let text = format!("on {what}: {} of the response time", percent(share));
        Some((Prefix::Focus, text))
    };
    let dependency = hint(Quantity::DependencyShare, DEPENDENCY_SHARE, "the services called");
    let database = hint(Quantity::DatabaseShare, DATABASE_SHARE, "the database");
    let is_slow = state.metric(Core::ApplicationLatency).level.is_high();
    dependency.into_iter().chain(database).filter(|_| is_slow).collect()
}

fn onset(trend: Trend) -> Option<String> {
    let change = |change: f64| format!("{:+.0} %", 100.0 * change);
    let (onset, recent) = (trend.onset()?, change(trend.change_15m?));
    Some(match (onset, trend.change_1h) {
        (Onset::Sudden, _) => format!("sudden: {recent} in 15 minutes"),
        (Onset::Sustained, Some(hour)) => {
            format!("sustained: {recent} in 15 minutes, {} in an hour", change(hour))
        }
        (Onset::Sustained, None) => format!("sustained: {recent} in 15 minutes"),
    })
}

fn kind(case: &Case<'_>, metric: &str) -> MetricKind {
    let definition = case.metrics.index_of(metric).and_then(|index| case.metrics.get(index));
    definition.map_or(MetricKind::Gauge, |definition| definition.kind)
}

fn formatted(case: &Case<'_>, metric: &str, value: f64) -> Option<String> {
    let definition = case.metrics.get(case.metrics.index_of(metric)?)?;
    Some(format_value(definition.kind, &definition.unit, value))
}

fn append(list: &mut Vec<String>, texts: &[&str]) {
    for text in texts.iter().take(HINTS_PER_METRIC) {
        if list.len() < HINTS_MAX && !list.iter().any(|known| known == text) {
            list.push((*text).to_owned());
        }
    }
}
