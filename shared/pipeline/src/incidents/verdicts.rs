//! What people said of incidents: how often each pattern was right, and which services open too
//! easily.
//!
//! What nobody called a false alarm counts as right, so shares are at their best.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use artifact::known::{KnownIncident, KnownIncidents};
use domain::ServiceName;
use incident::Rules;

use crate::ports::incidents::IncidentSummary;
use crate::train::known::left_out;

/// Fewer may be chance.
const FALSE_ALARMS_MIN: usize = 3;
const WEEK_S: f64 = 604_800.0;
/// Budgets are suggested in such steps, per week; the least is the first.
const BUDGET_STEP: f64 = 0.05;

/// What is known of the incidents of the look-back that were confirmed and at least medium.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdicts {
    /// Of all patterns, those with the most false alarms first.
    pub patterns: Vec<Precision>,
    /// Services where at least half of several incidents were false alarms, most first.
    pub restless: Vec<Restless>,
}

/// How often a pattern was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precision {
    pub pattern: String,
    pub tally: Tally,
}

/// A service that opens incidents too easily.
#[derive(Debug, Clone, PartialEq)]
pub struct Restless {
    pub service: ServiceName,
    pub tally: Tally,
    /// A wish for false alarms per week that would make it open less: half of what it had.
    pub suggested_budget: f64,
}

/// Incidents, and how many of them somebody called a false alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub incidents: usize,
    pub false_alarms: usize,
}

impl Tally {
    fn add(&mut self, it: &KnownIncident) {
        self.incidents += 1;
        self.false_alarms += usize::from(it.false_alarm);
    }

    /// Share of incidents that nobody called a false alarm, 0 to 1.
    pub fn precision(self) -> f64 {
        1.0 - self.false_alarms as f64 / self.incidents.max(1) as f64
    }

    fn is_restless(self) -> bool {
        self.false_alarms >= FALSE_ALARMS_MIN && 2 * self.false_alarms >= self.incidents
    }
}

/// What people said, of what training wrote down and of what is kept since then.
pub fn verdicts(
    mut known: KnownIncidents,
    kept: &[IncidentSummary],
    rules: &Rules,
    at_s: i64,
) -> Verdicts {
    known.renew(kept.iter().filter_map(|it| left_out(it, rules)).collect(), i64::MIN);
    Verdicts { patterns: patterns(&known), restless: restless(&known, at_s) }
}

fn patterns(known: &KnownIncidents) -> Vec<Precision> {
    let mut tallies: BTreeMap<&String, Tally> = BTreeMap::new();
    for it in known.incidents.values() {
        if let Some(pattern) = &it.pattern {
            tallies.entry(pattern).or_default().add(it);
        }
    }
    let tallies = tallies.into_iter();
    let mut patterns: Vec<Precision> =
        tallies.map(|(pattern, tally)| Precision { pattern: pattern.clone(), tally }).collect();
    patterns.sort_by_key(|it| Reverse((it.tally.false_alarms, it.tally.incidents)));
    patterns
}

fn restless(known: &KnownIncidents, at_s: i64) -> Vec<Restless> {
    let mut tallies: BTreeMap<&ServiceName, Tally> = BTreeMap::new();
    for it in known.incidents.values() {
        tallies.entry(&it.service).or_default().add(it);
    }
    let oldest_s = known.incidents.values().map(|it| it.start_s).min().unwrap_or(at_s);
    let weeks = ((at_s - oldest_s) as f64 / WEEK_S).max(1.0);
    let tallies = tallies.into_iter().filter(|(_, tally)| tally.is_restless());
    let suggest = |(service, tally): (&ServiceName, Tally)| Restless {
        service: service.clone(),
        tally,
        suggested_budget: suggested(tally.false_alarms as f64 / weeks),
    };
    let mut restless: Vec<Restless> = tallies.map(suggest).collect();
    restless.sort_by_key(|it| Reverse(it.tally.false_alarms));
    restless
}

/// Half a rate, in whole steps.
fn suggested(per_week: f64) -> f64 {
    let steps = (per_week / 2.0 / BUDGET_STEP).floor().max(1.0);
    // 0.15 and not 0.15000000000000002.
    (steps * BUDGET_STEP * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: i64 = 86_400;

    /// One incident a day of each entry: service, pattern, whether it was called false.
    fn known(entries: &[(&str, &str, bool)]) -> KnownIncidents {
        let mut known = KnownIncidents::default();
        for (day, (service, pattern, false_alarm)) in (0..).zip(entries) {
            let it = KnownIncident {
                service: ServiceName::new(*service).unwrap(),
                start_s: day * DAY_S,
                end_s: day * DAY_S + 600,
                pattern: Some((*pattern).to_owned()),
                false_alarm: *false_alarm,
            };
            known.incidents.insert(format!("id{day}"), it);
        }
        known
    }

    #[test]
    fn each_pattern_has_its_precision_and_the_worst_comes_first() {
        let known = known(&[
            ("a", "latency_high", false),
            ("a", "latency_high", true),
            ("b", "latency_high", false),
            ("b", "latency_high", false),
            ("b", "outage", false),
        ]);
        let found = verdicts(known, &[], &Rules::default(), 5 * DAY_S);
        let shares: Vec<_> =
            found.patterns.iter().map(|it| (it.pattern.as_str(), it.tally.precision())).collect();
        assert_eq!(shares, [("latency_high", 0.75), ("outage", 1.0)]);
        assert_eq!(found.restless, []);
    }

    #[test]
    fn a_service_that_is_often_wrong_is_to_open_half_as_often() {
        let mut entries = vec![("a", "latency_high", true); 5];
        entries.extend([("a", "latency_high", false); 5]);
        entries.extend([("b", "latency_high", true); 2]);
        entries.extend([("c", "latency_high", true); 3]);
        entries.extend([("c", "latency_high", false); 4]);
        let found = verdicts(known(&entries), &[], &Rules::default(), 28 * DAY_S);
        let [only] = found.restless.as_slice() else { panic!("{found:?}") };
        // Five in four weeks are 1.25 a week.
        assert_eq!((only.service.as_str(), only.suggested_budget), ("a", 0.6));
    }

    #[test]
    fn nothing_known_says_nothing() {
        let found = verdicts(KnownIncidents::default(), &[], &Rules::default(), 0);
        assert_eq!(found, Verdicts::default());
    }

    #[test]
    fn suggestions_are_round_and_allowed() {
        let suggested = [0.0, 0.1, 0.31, 1.25, 7.0].map(suggested);
        assert_eq!(suggested, [0.05, 0.05, 0.15, 0.6, 3.5]);
    }
}
