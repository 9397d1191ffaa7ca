//! How bad an anomaly is: what was found, what its name means, and the circumstances.

use domain::Severity;
use domain::config::valid::Opening;

use crate::pattern::Match;

/// What may raise or lower a severity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circumstances {
    pub opened_by: Opening,
    pub is_locked: bool,
    pub error_rate: Option<f64>,
    /// More requests than in 99 % of training.
    pub is_busiest: bool,
    /// Night or weekend, local time.
    pub is_off_hours: bool,
    /// Trust in the period's model, 0 to 1.
    pub time_confidence: f64,
    /// A metric of the anomaly is beyond its service level objective.
    pub breaches_slo: bool,
}

/// A severity, and why it differs from what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjusted {
    pub severity: Severity,
    /// In the order in which they were applied; empty if nothing was.
    pub reasons: Vec<String>,
}

/// Error rate above which every anomaly is one level worse.
const ERRORS_RAISE: f64 = 0.10;
/// Error rate above which the time of day excuses nothing.
const ERRORS_NO_EXCUSE: f64 = 0.05;
/// Trust in the model below which an anomaly is one level milder.
const TRUST_MIN: f64 = 0.7;
/// Local hours before and after which it is off-hours.
const DAY_FROM: u32 = 6;
const DAY_UNTIL: u32 = 22;

/// What was found and what the pattern means together.
///
/// Evidence has a severity by its rarity, and the worse of both counts. A forest's severity counts
/// up to one level above the pattern's. A locked pattern decides alone.
pub fn together(found: Severity, matched: Option<&Match>, opened_by: Opening) -> Severity {
    let Some(matched) = matched else { return found };
    if matched.pattern.is_locked {
        return matched.severity;
    }
    match opened_by {
        Opening::Residual => found.max(matched.severity),
        Opening::Forest => matched.severity.max(found.min(worse(matched.severity))),
    }
}

/// The severity under the circumstances: at most one level is taken off for the time of day and
/// for doubt together, and none of what is critical, fails for many, or breaches an objective.
pub fn in_context(base: Severity, it: &Circumstances) -> Adjusted {
    let mut adjusted = Adjusted { severity: base, reasons: Vec::new() };
    if it.is_locked || base == Severity::None {
        return adjusted;
    }
    if let Some(reason) = excuse(it).filter(|_| may_be_milder(base, it)) {
        adjusted.apply(milder(base), format!("{reason}: one level milder"));
    }
    if it.error_rate.is_some_and(|rate| rate > ERRORS_RAISE) {
        let worse = worse(adjusted.severity);
        adjusted.apply(worse, "error rate above 10 %: one level worse".to_owned());
    }
    if it.is_busiest {
        let worse = worse(adjusted.severity);
        adjusted.apply(worse, "more requests than in 99 % of training: one level worse".to_owned());
    }
    adjusted
}

/// True at night and on weekends.
pub fn is_off_hours(weekday: u32, hour: u32) -> bool {
    weekday >= 5 || !(DAY_FROM..=DAY_UNTIL).contains(&hour)
}

fn excuse(it: &Circumstances) -> Option<String> {
    let doubt = format!("little trust in the period's model ({:.2})", it.time_confidence);
    match (it.is_off_hours, it.time_confidence < TRUST_MIN) {
        (true, true) => Some(format!("off-hours and {doubt}")),
        (true, false) => Some("off-hours".to_owned()),
        (false, true) => Some(doubt),
        (false, false) => None,
    }
}

fn may_be_milder(base: Severity, it: &Circumstances) -> bool {
    let is_grave = base == Severity::Critical
        || it.breaches_slo
        || it.error_rate.is_some_and(|rate| rate > ERRORS_NO_EXCUSE);
    let least = match it.opened_by {
        Opening::Residual => Severity::Medium,
        Opening::Forest => Severity::Low,
    };
    !is_grave && base > least
}

impl Adjusted {
    fn apply(&mut self, severity: Severity, reason: String) {
        if severity != self.severity {
            self.severity = severity;
            self.reasons.push(reason);
        }
    }
}

/// One level up, at most critical.
pub fn worse(severity: Severity) -> Severity {
    match severity {
        Severity::None => Severity::Low,
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}

fn milder(severity: Severity) -> Severity {
    match severity {
        Severity::Critical => Severity::High,
        Severity::High => Severity::Medium,
        Severity::Medium | Severity::Low => Severity::Low,
        Severity::None => Severity::None,
    }
}

#[cfg(test)]
mod tests {
    use Severity::{Critical, High, Low, Medium};

    use super::*;
    use crate::pattern::by_name;

    fn matched(name: &str) -> Match {
        let pattern = by_name(name).unwrap();
        Match { pattern, severity: pattern.severity, secondary: None }
    }

    const CALM: Circumstances = Circumstances {
        opened_by: Opening::Residual,
        is_locked: false,
        error_rate: Some(0.001),
        is_busiest: false,
        is_off_hours: false,
        time_confidence: 0.9,
        breaches_slo: false,
    };

    #[test]
    fn evidence_and_pattern_give_the_worse_of_both() {
        let spike = matched("latency_spike_recent");
        let of = |found| together(found, Some(&spike), Opening::Residual);
        assert_eq!([of(Medium), of(High), of(Critical)], [High, High, Critical]);
        let database = matched("database_latency_degraded");
        let of = |found| together(found, Some(&database), Opening::Forest);
        assert_eq!([of(Low), of(High), of(Critical)], [Medium, High, High], "one level above");
        assert_eq!(together(Critical, None, Opening::Forest), Critical);
    }

    #[test]
    fn what_is_locked_stays() {
        let surge = matched("request_rate_surge_healthy");
        for opening in [Opening::Residual, Opening::Forest] {
            assert_eq!(together(Critical, Some(&surge), opening), Low);
        }
        let worst = Circumstances {
            is_locked: true,
            error_rate: Some(0.5),
            is_busiest: true,
            is_off_hours: true,
            ..CALM
        };
        assert_eq!(in_context(Low, &worst), Adjusted { severity: Low, reasons: vec![] });
    }

    #[test]
    fn at_most_one_level_is_taken_off() {
        let weekend_night = Circumstances { is_off_hours: true, time_confidence: 0.6, ..CALM };
        assert_eq!(in_context(High, &weekend_night).severity, Medium);
        assert_eq!(
            in_context(High, &weekend_night).reasons,
            ["off-hours and little trust in the period's model (0.60): one level milder"]
        );
        let forest = Circumstances { opened_by: Opening::Forest, ..weekend_night };
        assert_eq!(in_context(Medium, &forest).severity, Low);
    }

    #[test]
    fn what_residuals_opened_is_at_least_medium() {
        let night = Circumstances { is_off_hours: true, time_confidence: 0.6, ..CALM };
        assert_eq!(in_context(Medium, &night), Adjusted { severity: Medium, reasons: vec![] });
    }

    #[test]
    fn nothing_grave_is_excused_by_the_hour() {
        let night = Circumstances { is_off_hours: true, time_confidence: 0.6, ..CALM };
        assert_eq!(in_context(Critical, &night).severity, Critical);
        let failing = Circumstances { error_rate: Some(0.06), ..night };
        assert_eq!(in_context(High, &failing).severity, High);
        let breaching = Circumstances { breaches_slo: true, ..night };
        assert_eq!(in_context(High, &breaching).severity, High);
        let unknown = Circumstances { error_rate: None, ..night };
        assert_eq!(in_context(High, &unknown).severity, Medium, "missing is not a reason");
    }

    #[test]
    fn many_errors_and_the_busiest_hour_raise() {
        let failing = Circumstances { error_rate: Some(0.11), ..CALM };
        assert_eq!(in_context(Medium, &failing).severity, High);
        let busy = Circumstances { is_busiest: true, ..failing };
        assert_eq!(in_context(Medium, &busy).severity, Critical);
        assert_eq!(in_context(Medium, &busy).reasons.len(), 2);
        assert_eq!(in_context(Critical, &busy).reasons, Vec::<String>::new());
    }

    /// All levels, openings and circumstances: never more than one level down.
    #[test]
    fn over_all_circumstances_the_rules_hold() {
        let flags = [false, true];
        for base in [Low, Medium, High, Critical] {
            for code in 0..64_usize {
                let bit = |n: usize| flags[code >> n & 1];
                let it = Circumstances {
                    opened_by: if bit(0) { Opening::Residual } else { Opening::Forest },
                    is_locked: bit(1),
                    error_rate: [None, Some(0.06)][usize::from(bit(2))],
                    is_busiest: bit(3),
                    is_off_hours: bit(4),
                    time_confidence: if bit(5) { 0.5 } else { 0.9 },
                    breaches_slo: false,
                };
                let now = in_context(base, &it).severity;
                assert!(now >= milder(base), "{base} {it:?}");
                assert!(!(it.opened_by == Opening::Residual && base >= Medium) || now >= Medium);
                assert!(!it.is_locked || now == base);
                assert!(base != Critical || now == Critical);
            }
        }
    }

    #[test]
    fn nights_and_weekends_are_off_hours() {
        assert!(is_off_hours(2, 5) && is_off_hours(2, 23) && is_off_hours(5, 12));
        assert!(!is_off_hours(4, 6) && !is_off_hours(0, 22));
    }
}
