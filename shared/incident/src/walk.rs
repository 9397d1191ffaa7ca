//! A sequence of cycles in a few letters, and what the state machine makes of it.
//!
//! `D` is a detection that is strong enough to open an incident, `d` one that only keeps it, `m` a
//! miss, `x` a cycle without evaluation. A duration like `45m` or `2h` in between is time in which
//! nothing ran at all.

use domain::{ServiceName, Severity};
use serde::Serialize;

use crate::advance::advance;
use crate::change::{AnnouncementKind, Change, Hold};
use crate::head::ServiceHead;
use crate::id::IncidentId;
use crate::rules::Rules;
use crate::state::{EndReason, IncidentState};
use crate::step::{Cycle, Detection, Evaluated, Evaluation, Step};

/// Cycles of one walk.
pub const CYCLES_MAX: usize = 1_000;
/// Longest time without a run, hours.
pub const SILENCE_HOURS_MAX: i64 = 24 * 30;

/// One cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// `D`
    Opens,
    /// `d`
    Keeps,
    /// `m`
    Missed,
    /// `x`
    NotEvaluated,
}

/// A cycle, and how long after the one before it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    pub sight: Sight,
    /// `None` is one step.
    pub after_s: Option<i64>,
}

/// Why a text is not a walk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    #[error("{0:?} is none of D, d, m, x and a duration like 45m or 2h")]
    Letter(String),
    #[error("a walk needs at least one of D, d, m, x")]
    Empty,
    #[error("a walk has at most {CYCLES_MAX} cycles")]
    TooLong,
    #[error("{0:?} is no duration between 1s and {SILENCE_HOURS_MAX}h")]
    Duration(String),
}

/// What one cycle did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub cycle: i64,
    /// Seconds since the first cycle.
    pub at_s: i64,
    pub sight: Sight,
    /// Incidents that the cycle touched, in order: an old one that ends before the new one.
    pub incidents: Vec<RowIncident>,
}

/// What one cycle did to one incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowIncident {
    pub incident_id: IncidentId,
    pub state: IncidentState,
    pub state_before: Option<IncidentState>,
    pub occurrence_count: u32,
    pub consecutive_detections: u32,
    pub missed_cycles: u32,
    pub end: Option<EndReason>,
    pub message: Option<AnnouncementKind>,
    pub hold: Option<Hold>,
    pub duration_minutes: i64,
    pub unobserved_minutes: i64,
    pub is_flapping: bool,
}

/// Reads a walk.
pub fn parse(text: &str) -> Result<Vec<Tick>, WalkError> {
    let mut ticks = Vec::new();
    let mut after_s = None;
    let mut rest = text.trim_start();
    while let Some(letter) = rest.chars().next() {
        let taken;
        if letter.is_ascii_digit() {
            let digits = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
            let unit = rest[digits..].chars().next().map_or(0, char::len_utf8);
            taken = digits + unit;
            after_s = Some(duration_s(&rest[..taken])?);
        } else {
            taken = letter.len_utf8();
            let sight = sight(letter).ok_or_else(|| WalkError::Letter(letter.to_string()))?;
            ticks.push(Tick { sight, after_s: after_s.take() });
        }
        rest = rest[taken..].trim_start_matches(|it: char| it.is_whitespace() || it == ',');
    }
    match ticks.len() {
        0 => Err(WalkError::Empty),
        1..=CYCLES_MAX => Ok(ticks),
        _ => Err(WalkError::TooLong),
    }
}

fn sight(letter: char) -> Option<Sight> {
    match letter {
        'D' => Some(Sight::Opens),
        'd' => Some(Sight::Keeps),
        'm' => Some(Sight::Missed),
        'x' => Some(Sight::NotEvaluated),
        _ => None,
    }
}

/// Seconds of a text like `90s`, `45m` or `2h`.
pub fn duration_s(text: &str) -> Result<i64, WalkError> {
    let error = || WalkError::Duration(text.to_owned());
    let digits = text.trim_end_matches(|it: char| !it.is_ascii_digit());
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(error()),
    };
    let amount: i64 = digits.parse().map_err(|_| error())?;
    let total = amount.checked_mul(seconds).ok_or_else(error)?;
    if (1..=SILENCE_HOURS_MAX * 3_600).contains(&total) { Ok(total) } else { Err(error()) }
}

/// Walks a service without history through cycles of `step_s` seconds.
pub fn walk(service: &ServiceName, ticks: &[Tick], rules: &Rules, step_s: i64) -> Vec<Row> {
    let length_s = Cycle::at(0, step_s).length_s;
    let mut head = ServiceHead::new(service.clone());
    let mut rows = Vec::new();
    let mut at_s = 0;
    for (index, tick) in ticks.iter().enumerate() {
        if index > 0 {
            at_s += tick.after_s.unwrap_or(length_s).max(length_s);
        }
        // Cycle 1 starts at an instant that is a whole number of any length.
        let cycle = Cycle { id: 1 + at_s / length_s, at_ms: (START_S + at_s) * 1000, length_s };
        let advance = advance(&head, &Step::new(cycle, evaluation(tick.sight)), rules);
        let at_ms = cycle.at_ms;
        let incidents = advance.changes.iter().map(|it| row_incident(it, at_ms)).collect();
        rows.push(Row { cycle: cycle.id, at_s, sight: tick.sight, incidents });
        head = advance.head;
    }
    rows
}

const START_S: i64 = 1_700_000_000;

fn evaluation(sight: Sight) -> Evaluation {
    let detection = |opens: bool| Detection {
        anomaly: "latency_high".to_owned(),
        root_metric: None,
        severity: Severity::High,
        ml_severity: Severity::High,
        confidence: 0.8,
        score: 1.0,
        value: None,
        threshold: None,
        method: None,
        description: None,
        opens,
        is_single: false,
        lingering: Severity::None,
    };
    let detections = match sight {
        Sight::NotEvaluated => return Evaluation::NotEvaluated { reason: "walk".to_owned() },
        Sight::Missed => vec![],
        Sight::Opens => vec![detection(true)],
        Sight::Keeps => vec![detection(false)],
    };
    Evaluation::Evaluated(Evaluated { detections, ..Evaluated::default() })
}

fn row_incident(change: &Change, at_ms: i64) -> RowIncident {
    let it = &change.incident;
    RowIncident {
        incident_id: it.incident_id.clone(),
        state: it.state,
        state_before: change.state_before,
        occurrence_count: it.occurrence_count,
        consecutive_detections: it.consecutive_detections,
        missed_cycles: it.missed_cycles,
        end: change.end(),
        message: change.announcement.map(|it| it.kind),
        hold: change.hold.clone(),
        duration_minutes: it.duration_minutes(at_ms),
        unobserved_minutes: it.unobserved_minutes(),
        is_flapping: it.is_flapping,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn two() -> Rules {
        Rules { confirmation_cycles: 2, ..Rules::default() }
    }

    /// One line a cycle; incidents are numbered in order of appearance.
    fn lines(text: &str, rules: &Rules) -> String {
        let rows = walk(&ServiceName::new("booking").unwrap(), &parse(text).unwrap(), rules, 120);
        let mut ids: Vec<IncidentId> = Vec::new();
        let mut out = String::new();
        for row in rows {
            write!(out, "{:>3}m {:?}", row.at_s / 60, row.sight).unwrap();
            for it in row.incidents {
                let number = ids.iter().position(|id| *id == it.incident_id);
                let number = number.unwrap_or_else(|| {
                    ids.push(it.incident_id.clone());
                    ids.len() - 1
                });
                let end = it.end.map(|end| format!(" {end} {} min", it.duration_minutes));
                let message = it.message.map(|kind| format!(" => {}", kind.as_str()));
                let counts = format!("{}/{}", it.consecutive_detections, it.missed_cycles);
                let flapping = if it.is_flapping { " flapping" } else { "" };
                write!(
                    out,
                    " | #{} {} occ {} {counts}{}{flapping}{}",
                    number + 1,
                    it.state,
                    it.occurrence_count,
                    end.unwrap_or_default(),
                    message.unwrap_or_default()
                )
                .unwrap();
            }
            out.push('\n');
        }
        out
    }

    #[test]
    fn one_detection_is_silent_with_two_to_confirm() {
        insta::assert_snapshot!(lines("D m m m", &two()), @r"
        0m Opens | #1 SUSPECTED occ 1 1/0
        2m Missed | #1 SUSPECTED occ 1 0/1
        4m Missed | #1 SUSPECTED occ 1 0/2
        6m Missed | #1 CLOSED occ 1 0/3 suspected_expired 6 min
        ");
    }

    #[test]
    fn two_detections_open_three_misses_close() {
        insta::assert_snapshot!(lines("D D m m m", &two()), @r"
        0m Opens | #1 SUSPECTED occ 1 1/0
        2m Opens | #1 OPEN occ 2 2/0 => first_alert
        4m Missed | #1 RECOVERING occ 2 0/1
        6m Missed | #1 RECOVERING occ 2 0/2
        8m Missed | #1 CLOSED occ 2 0/3 resolved 8 min => resolution
        ");
    }

    #[test]
    fn a_detection_in_the_grace_goes_on() {
        insta::assert_snapshot!(lines("D D m D", &two()), @r"
        0m Opens | #1 SUSPECTED occ 1 1/0
        2m Opens | #1 OPEN occ 2 2/0 => first_alert
        4m Missed | #1 RECOVERING occ 2 0/1
        6m Opens | #1 OPEN occ 3 1/0 => repeated_alert
        ");
    }

    #[test]
    fn cycles_without_evaluation_count_nothing() {
        insta::assert_snapshot!(lines("D D x x m m m", &two()), @r"
         0m Opens | #1 SUSPECTED occ 1 1/0
         2m Opens | #1 OPEN occ 2 2/0 => first_alert
         4m NotEvaluated
         6m NotEvaluated
         8m Missed | #1 RECOVERING occ 2 0/1
        10m Missed | #1 RECOVERING occ 2 0/2
        12m Missed | #1 CLOSED occ 2 0/3 resolved 12 min => resolution
        ");
    }

    #[test]
    fn a_miss_starts_confirmation_anew_if_strict() {
        insta::assert_snapshot!(lines("D m D", &two()), @r"
        0m Opens | #1 SUSPECTED occ 1 1/0
        2m Missed | #1 SUSPECTED occ 1 0/1
        4m Opens | #1 SUSPECTED occ 2 1/0
        ");
        let loose = Rules { strict_confirmation: false, ..two() };
        insta::assert_snapshot!(lines("D m D", &loose), @r"
        0m Opens | #1 SUSPECTED occ 1 1/0
        2m Missed | #1 SUSPECTED occ 1 1/1
        4m Opens | #1 OPEN occ 2 2/0 => first_alert
        ");
    }

    #[test]
    fn within_the_separation_it_is_opened_again() {
        insta::assert_snapshot!(lines("D D m m m D", &two()), @r"
         0m Opens | #1 SUSPECTED occ 1 1/0
         2m Opens | #1 OPEN occ 2 2/0 => first_alert
         4m Missed | #1 RECOVERING occ 2 0/1
         6m Missed | #1 RECOVERING occ 2 0/2
         8m Missed | #1 CLOSED occ 2 0/3 resolved 8 min => resolution
        10m Opens | #1 OPEN occ 3 1/0 => reopened_alert
        ");
        insta::assert_snapshot!(lines("D D m m m 30m D", &two()), @r"
         0m Opens | #1 SUSPECTED occ 1 1/0
         2m Opens | #1 OPEN occ 2 2/0 => first_alert
         4m Missed | #1 RECOVERING occ 2 0/1
         6m Missed | #1 RECOVERING occ 2 0/2
         8m Missed | #1 CLOSED occ 2 0/3 resolved 8 min => resolution
        38m Opens | #1 OPEN occ 3 1/0 => reopened_alert
        ");
        insta::assert_snapshot!(lines("D D m m m 31m D", &two()), @r"
         0m Opens | #1 SUSPECTED occ 1 1/0
         2m Opens | #1 OPEN occ 2 2/0 => first_alert
         4m Missed | #1 RECOVERING occ 2 0/1
         6m Missed | #1 RECOVERING occ 2 0/2
         8m Missed | #1 CLOSED occ 2 0/3 resolved 8 min => resolution
        39m Opens | #2 SUSPECTED occ 1 1/0
        ");
    }

    #[test]
    fn a_silent_scheduler_makes_another_occurrence_and_an_unavailable_source_does_not() {
        insta::assert_snapshot!(lines("D D 45m D", &two()), @r"
         0m Opens | #1 SUSPECTED occ 1 1/0
         2m Opens | #1 OPEN occ 2 2/0 => first_alert
        47m Opens | #1 CLOSED occ 2 2/0 auto_stale 47 min => resolution | #2 SUSPECTED occ 1 1/0
        ");
        insta::assert_snapshot!(lines("D D 30m D 31m D", &two()), @r"
         0m Opens | #1 SUSPECTED occ 1 1/0
         2m Opens | #1 OPEN occ 2 2/0 => first_alert
        32m Opens | #1 OPEN occ 3 3/0 => repeated_alert
        63m Opens | #1 CLOSED occ 3 3/0 auto_stale 63 min => resolution | #2 SUSPECTED occ 1 1/0
        ");
        let long = format!("D D {} D", "x ".repeat(60));
        let last = lines(&long, &two()).lines().last().unwrap().to_owned();
        insta::assert_snapshot!(last, @"124m Opens | #1 OPEN occ 3 3/0 => repeated_alert");
    }

    #[test]
    fn residual_evidence_opens_at_once_and_needs_more_to_open_than_to_go_on() {
        insta::assert_snapshot!(lines("d D d d m m d m m m d D", &Rules::default()), @r"
         0m Keeps
         2m Opens | #1 OPEN occ 1 1/0 => first_alert
         4m Keeps | #1 OPEN occ 2 2/0 => repeated_alert
         6m Keeps | #1 OPEN occ 3 3/0 => repeated_alert
         8m Missed | #1 RECOVERING occ 3 0/1
        10m Missed | #1 RECOVERING occ 3 0/2
        12m Keeps | #1 OPEN occ 4 1/0 => repeated_alert
        14m Missed | #1 RECOVERING occ 4 0/1
        16m Missed | #1 RECOVERING occ 4 0/2
        18m Missed | #1 CLOSED occ 4 0/3 resolved 16 min => resolution
        20m Keeps
        22m Opens | #1 OPEN occ 5 1/0 => reopened_alert
        ");
    }

    #[test]
    fn nothing_known_for_a_day_ends_it() {
        let rules = Rules { max_unobserved_hours: 1, ..Rules::default() };
        let text = lines(&format!("D {}", "x".repeat(31)), &rules);
        let touched: Vec<&str> = text.lines().filter(|line| line.contains('|')).collect();
        insta::assert_snapshot!(touched.join("\n"), @r"
         0m Opens | #1 OPEN occ 1 1/0 => first_alert
        60m NotEvaluated | #1 CLOSED occ 1 1/0 unobserved 60 min => resolution
        ");
    }

    #[test]
    fn what_comes_and_goes_is_held_open() {
        let text = lines(&format!("{} {}", "Dmmm".repeat(6), "m".repeat(16)), &Rules::default());
        let told: Vec<&str> =
            text.lines().filter(|line| line.contains("=>") || line.contains("CLOSED")).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
         0m Opens | #1 OPEN occ 1 1/0 => first_alert
         6m Missed | #1 CLOSED occ 1 0/3 resolved 6 min => resolution
         8m Opens | #1 OPEN occ 2 1/0 => reopened_alert
        14m Missed | #1 CLOSED occ 2 0/3 resolved 14 min => resolution
        16m Opens | #1 OPEN occ 3 1/0 => reopened_alert
        22m Missed | #1 CLOSED occ 3 0/3 resolved 22 min => resolution
        24m Opens | #1 OPEN occ 4 1/0 flapping => reopened_alert
        32m Opens | #1 OPEN occ 5 1/0 flapping => repeated_alert
        40m Opens | #1 OPEN occ 6 1/0 flapping => repeated_alert
        70m Missed | #1 CLOSED occ 6 0/15 resolved 70 min flapping => resolution
        ");
    }

    #[test]
    fn an_incident_comes_back_a_limited_number_of_times() {
        let mut rules = Rules { reopens_max: 2, ..Rules::default() };
        rules.flapping.reopens = 99;
        let text = lines(&"Dmmm".repeat(5), &rules);
        let opened: Vec<&str> = text.lines().filter(|line| line.contains("_alert")).collect();
        insta::assert_snapshot!(opened.join("\n"), @r"
         0m Opens | #1 OPEN occ 1 1/0 => first_alert
         8m Opens | #1 OPEN occ 2 1/0 => reopened_alert
        16m Opens | #1 OPEN occ 3 1/0 => reopened_alert
        24m Opens | #2 OPEN occ 1 1/0 => first_alert
        32m Opens | #2 OPEN occ 2 1/0 => reopened_alert
        ");
    }

    #[test]
    fn with_coarse_steps_the_separation_is_three_cycles() {
        let service = ServiceName::new("booking").unwrap();
        let states = |text: &str| {
            let rows = walk(&service, &parse(text).unwrap(), &Rules::default(), 3_600);
            let ids: Vec<IncidentId> = rows
                .iter()
                .flat_map(|row| &row.incidents)
                .map(|it| it.incident_id.clone())
                .collect();
            (ids.first() == ids.last(), rows.last().unwrap().at_s)
        };
        assert_eq!(states("D 3h D"), (true, 3 * 3_600));
        assert_eq!(states("D 181m D"), (false, 181 * 60));
    }

    #[test]
    fn mistakes_in_a_walk_are_named() {
        assert_eq!(parse("DDmx").unwrap().len(), 4);
        assert_eq!(parse("D q"), Err(WalkError::Letter("q".to_owned())));
        assert_eq!(parse(" 5m "), Err(WalkError::Empty));
        for text in ["D 5 D", "D 5é", "D 0m D", "D 99999999999999999999m D", "D 721h D"] {
            assert!(matches!(parse(text), Err(WalkError::Duration(_))), "{text}");
        }
        assert_eq!(parse(&"D".repeat(1_001)), Err(WalkError::TooLong));
    }
}
