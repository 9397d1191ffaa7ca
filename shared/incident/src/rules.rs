//! The numbers of the state machine, and what keeps alerts back.

use std::collections::BTreeSet;

use domain::config::incidents::{Silence, auto_grace_cycles};
use domain::config::valid::{Config, Opening};
use domain::{ServiceName, Severity};

use crate::name::canonical;

/// How incidents are confirmed, ended and told.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Detections before an incident is confirmed; 1 confirms at the first.
    pub confirmation_cycles: u32,
    /// The same where detections are judged from single cycles, with no persistence of their own.
    pub confirmation_cycles_single: u32,
    /// Misses that close an incident; `None` is [`auto_grace_cycles`].
    pub grace_cycles: Option<u32>,
    /// A longer observed gap between detections makes a new occurrence; also how long a closed
    /// incident may come back.
    pub separation_minutes: i64,
    /// A miss sets the count of detections back to none.
    pub strict_confirmation: bool,
    /// Closed after so long without an evaluation.
    pub max_unobserved_hours: i64,
    /// Re-openings of one incident; then a new one starts.
    pub reopens_max: u32,
    /// Active incidents of one service.
    pub active_max: usize,
    /// Incidents of one service that may end in one step, so that all that is written of it fits
    /// into one transaction; others wait for the next.
    pub ends_max: usize,
    /// A confirmed incident does not close while its metric breaks its objective.
    pub resolution_requires_slo_ok: bool,
    pub grouping: Grouping,
    pub flapping: Flapping,
    pub alerting: Alerting,
}

/// Which detections are one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// All of a service: residual evidence speaks for the service as a whole.
    Service,
    /// Those with the same name or the same root metric.
    Metric,
}

/// When an incident that comes and goes is held open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flapping {
    /// From so many re-openings on …
    pub reopens: u32,
    /// … within so many seconds.
    pub within_s: i64,
}

/// What is told, and what is held back.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerting {
    pub severity_threshold: Severity,
    /// Canonical names.
    pub non_alerting_patterns: BTreeSet<String>,
    pub min_confidence: Option<f64>,
    pub windows: Vec<Window>,
    /// An alert is repeated in each such cycle of an open incident; 1 is every cycle.
    pub repeat_every_cycles: u32,
}

/// A window of the configuration in which alerts are held back: maintenance, or a silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// How operators are told of it.
    pub name: String,
    /// `None` is every service.
    pub service: Option<ServiceName>,
    /// Canonical name; `None` is every pattern.
    pub pattern: Option<String>,
    /// Inclusive; `None` is since ever.
    pub from_ms: Option<i64>,
    /// Exclusive; `None` is until the window is taken out.
    pub until_ms: Option<i64>,
}

impl Default for Rules {
    /// The defaults of the configuration with residual evidence.
    fn default() -> Rules {
        Rules {
            confirmation_cycles: 1,
            confirmation_cycles_single: 2,
            grace_cycles: None,
            separation_minutes: 30,
            strict_confirmation: true,
            max_unobserved_hours: 24,
            reopens_max: 5,
            active_max: 40,
            ends_max: 40,
            resolution_requires_slo_ok: false,
            grouping: Grouping::Service,
            flapping: Flapping { reopens: 3, within_s: 2 * 3600 },
            alerting: Alerting::default(),
        }
    }
}

impl Default for Alerting {
    fn default() -> Alerting {
        Alerting {
            severity_threshold: Severity::Low,
            non_alerting_patterns: BTreeSet::from(["request_rate_surge_healthy".to_owned()]),
            min_confidence: None,
            windows: Vec::new(),
            repeat_every_cycles: 1,
        }
    }
}

impl Rules {
    /// The rules that a configuration asks for.
    pub fn of(config: &Config) -> Rules {
        let it = &config.fingerprinting;
        Rules {
            confirmation_cycles: it.confirmation_cycles,
            confirmation_cycles_single: it.confirmation_cycles_single,
            grace_cycles: it.resolution_grace_cycles,
            separation_minutes: it.separation_minutes,
            strict_confirmation: it.strict_confirmation,
            max_unobserved_hours: it.max_unobserved_hours,
            resolution_requires_slo_ok: it.resolution_requires_slo_ok,
            grouping: match config.detection.opening {
                Opening::Residual => Grouping::Service,
                Opening::Forest => Grouping::Metric,
            },
            alerting: Alerting::of(&config.alerting),
            ..Rules::default()
        }
    }

    /// Detections in a row that are missing to confirm an incident that has had so many.
    pub fn cycles_to_confirm(&self, consecutive: u32) -> u32 {
        let needed = [self.confirmation_cycles, self.confirmation_cycles_single];
        let missing = needed.into_iter().map(|it| it.saturating_sub(consecutive));
        missing.filter(|it| *it > 0).min().unwrap_or_default()
    }

    /// Misses that close an incident in cycles of a length.
    pub fn grace_cycles(&self, length_s: i64) -> u32 {
        self.grace_cycles.unwrap_or_else(|| auto_grace_cycles(length_s))
    }

    /// The separation in whole minutes for cycles of a length: at least three cycles.
    pub fn separation_minutes(&self, length_s: i64) -> i64 {
        self.separation_minutes.max(3 * length_s / 60)
    }

    /// The same in milliseconds.
    pub fn separation_ms(&self, length_s: i64) -> i64 {
        self.separation_minutes(length_s) * 60_000
    }
}

impl Alerting {
    fn of(alerting: &domain::config::incidents::Alerting) -> Alerting {
        let patterns = alerting.non_alerting_patterns.iter();
        Alerting {
            severity_threshold: alerting.severity_threshold,
            non_alerting_patterns: patterns.map(|name| canonical(name)).collect(),
            min_confidence: alerting.min_confidence,
            windows: alerting.silences.iter().enumerate().map(window).collect(),
            repeat_every_cycles: alerting.repeat_every_cycles,
        }
    }
}

fn window((index, silence): (usize, &Silence)) -> Window {
    let reason = silence.reason.clone().filter(|reason| !reason.trim().is_empty());
    Window {
        name: reason.unwrap_or_else(|| format!("alerting.silences[{index}]")),
        service: silence.service.clone(),
        pattern: silence.pattern.as_deref().map(canonical),
        from_ms: Some(silence.from_s.saturating_mul(1000)),
        until_ms: Some((silence.until_s + 1).saturating_mul(1000)),
    }
}

impl Window {
    /// Whether it is in force for a pattern of a service at `at_ms`.
    pub fn holds(&self, service: &ServiceName, pattern: &str, at_ms: i64) -> bool {
        self.service.as_ref().is_none_or(|it| it == service)
            && self.pattern.as_ref().is_none_or(|it| it == pattern)
            && self.from_ms.is_none_or(|from_ms| from_ms <= at_ms)
            && self.until_ms.is_none_or(|until_ms| at_ms < until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(document: &str) -> Rules {
        Rules::of(&domain::config::load(Some(document), &|_| None).unwrap().config)
    }

    #[test]
    fn the_defaults_are_those_of_the_configuration() {
        assert_eq!(rules("{}"), Rules::default());
        let forest = rules(r#"{"detection": {"opening": "forest"}}"#);
        assert_eq!((forest.confirmation_cycles, forest.grouping), (2, Grouping::Metric));
    }

    #[test]
    fn six_minutes_of_calm_close_an_incident_and_never_more_than_three_cycles() {
        let rules = Rules::default();
        for length_s in 1..=7_200 {
            let least = (1..).find(|cycles| cycles * length_s >= 360).unwrap().min(3);
            assert_eq!(i64::from(rules.grace_cycles(length_s)), least, "{length_s}");
        }
        let own = self::rules(r#"{"fingerprinting": {"resolution_grace_cycles": 3}}"#);
        assert_eq!([120, 300, 3_600].map(|it| own.grace_cycles(it)), [3; 3]);
    }

    #[test]
    fn patterns_may_be_written_by_their_former_names() {
        let document = r#"{"alerting": {
            "non_alerting_patterns": ["traffic_surge_healthy", "fast_failure:db"],
            "silences": [{ "from": "2026-01-01", "until": "2026-01-01", "pattern": "traffic_cliff" }]
        }}"#;
        let alerting = rules(document).alerting;
        let expected = ["error_rate_fast_failure", "request_rate_surge_healthy"];
        assert!(alerting.non_alerting_patterns.iter().eq(expected));
        let window = &alerting.windows[0];
        assert_eq!(window.name, "alerting.silences[0]");
        let service = ServiceName::new("booking").unwrap();
        let start_ms = 1_767_225_600_000;
        let holds = |pattern, at_ms| window.holds(&service, pattern, at_ms);
        assert!(holds("request_rate_cliff", start_ms));
        assert!(holds("request_rate_cliff", start_ms + 86_399_999));
        assert!(!holds("request_rate_cliff", start_ms + 86_400_000));
        assert!(!holds("request_rate_cliff", start_ms - 1));
        assert!(!holds("latency_high", start_ms));
    }
}
