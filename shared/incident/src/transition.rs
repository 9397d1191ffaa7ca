//! The state machine: what one cycle does to one incident. Total and pure.
//!
//! It knows no names, times or severities: only where the incident is, and what the cycle says of
//! it. The lifecycle ([`crate::advance`]) tells it what it needs and does what it says.

use crate::rules::Rules;
use crate::state::{EndReason, IncidentState};

/// Where an incident is before a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// There is none, or none that may come back.
    Absent,
    Active(Progress),
    /// It ended a short time ago, may come back, and had this many re-openings.
    Reopenable,
}

/// The counters of an active incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Progress {
    pub state: IncidentState,
    pub consecutive: u32,
    pub missed: u32,
    /// Held open until it is quiet for the separation.
    pub is_flapping: bool,
}

/// What a cycle says of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    Detected {
        /// Strong enough to start an incident, not only to keep one.
        opens: bool,
        /// The last detection is so long ago that this is another occurrence.
        is_stale: bool,
        /// So many in a row confirm.
        needed: u32,
    },
    Missed {
        /// So many in a row close it.
        needed: u32,
        /// Nothing speaks against closing it now.
        may_close: bool,
        /// Quiet for the separation.
        is_long_quiet: bool,
    },
    NotEvaluated,
    /// Ended from outside, for one of the reasons that are not the state machine's own.
    Ended(EndReason),
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Nothing changes, not even a counter.
    Unchanged,
    Created(Progress),
    /// Counters change, maybe the state too.
    Moved(Progress),
    Reopened(Progress),
    Closed(EndReason),
    /// It ends, and another occurrence starts in the same cycle.
    Replaced {
        reason: EndReason,
        by: Progress,
    },
}

/// What a cycle does to an incident.
pub fn transition(from: Position, sighting: Sighting, rules: &Rules) -> Transition {
    match (from, sighting) {
        (Position::Active(at), Sighting::Detected { opens, is_stale: true, needed }) => {
            replaced(at, opens, needed)
        }
        (Position::Active(at), Sighting::Detected { needed, .. }) => {
            Transition::Moved(seen(at, needed))
        }
        (Position::Active(at), Sighting::Missed { needed, may_close, is_long_quiet }) => {
            missed(at, needed, may_close && (is_long_quiet || !at.is_flapping), rules)
        }
        (Position::Active(_), Sighting::Ended(reason)) => Transition::Closed(reason),
        (Position::Absent, Sighting::Detected { opens: true, needed, .. }) => {
            Transition::Created(first_seen(needed))
        }
        (Position::Reopenable, Sighting::Detected { opens: true, .. }) => {
            Transition::Reopened(progress(IncidentState::Open, 1))
        }
        (_, Sighting::NotEvaluated)
        | (
            Position::Absent | Position::Reopenable,
            Sighting::Detected { opens: false, .. } | Sighting::Missed { .. } | Sighting::Ended(_),
        ) => Transition::Unchanged,
    }
}

fn progress(state: IncidentState, consecutive: u32) -> Progress {
    Progress { state, consecutive, missed: 0, is_flapping: false }
}

fn first_seen(needed: u32) -> Progress {
    let is_confirmed = needed <= 1;
    progress(if is_confirmed { IncidentState::Open } else { IncidentState::Suspected }, 1)
}

fn seen(at: Progress, needed: u32) -> Progress {
    let consecutive = at.consecutive.saturating_add(1);
    let is_confirmed = at.state.is_confirmed() || consecutive >= needed;
    let state = if is_confirmed { IncidentState::Open } else { IncidentState::Suspected };
    Progress { state, consecutive, missed: 0, is_flapping: at.is_flapping }
}

fn missed(at: Progress, needed: u32, may_close: bool, rules: &Rules) -> Transition {
    let missed = at.missed.saturating_add(1);
    let is_over = missed >= needed;
    if at.state == IncidentState::Suspected {
        if is_over {
            return Transition::Closed(EndReason::SuspectedExpired);
        }
        let consecutive = if rules.strict_confirmation { 0 } else { at.consecutive };
        return Transition::Moved(Progress { consecutive, missed, ..at });
    }
    if is_over && may_close {
        return Transition::Closed(EndReason::Resolved);
    }
    let state = IncidentState::Recovering;
    Transition::Moved(Progress { state, consecutive: 0, missed, ..at })
}

fn replaced(at: Progress, opens: bool, needed: u32) -> Transition {
    let reason = match at.state {
        IncidentState::Suspected => EndReason::SuspectedExpired,
        _ => EndReason::AutoStale,
    };
    match opens {
        true => Transition::Replaced { reason, by: first_seen(needed) },
        false => Transition::Closed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn rules(n: u32, m: u32, strict: bool) -> Rules {
        Rules {
            confirmation_cycles: n,
            grace_cycles: Some(m),
            strict_confirmation: strict,
            ..Rules::default()
        }
    }

    fn active(state: IncidentState, consecutive: u32, missed: u32) -> Position {
        Position::Active(Progress { state, consecutive, missed, is_flapping: false })
    }

    fn positions() -> Vec<(&'static str, Position)> {
        use IncidentState::{Open, Recovering, Suspected};
        let flapping = Progress { state: Recovering, consecutive: 0, missed: 2, is_flapping: true };
        vec![
            ("none", Position::Absent),
            ("reopenable", Position::Reopenable),
            ("suspected 1/0", active(Suspected, 1, 0)),
            ("suspected 1/2", active(Suspected, 1, 2)),
            ("suspected 2/0", active(Suspected, 2, 0)),
            ("open 5/0", active(Open, 5, 0)),
            ("recovering 0/1", active(Recovering, 0, 1)),
            ("recovering 0/2", active(Recovering, 0, 2)),
            ("flapping 0/2", Position::Active(flapping)),
        ]
    }

    /// Cycles of two minutes.
    fn sightings(rules: &Rules) -> Vec<(&'static str, Sighting)> {
        let needed = rules.confirmation_cycles;
        let detected = |opens, is_stale| Sighting::Detected { opens, is_stale, needed };
        let needed = rules.grace_cycles(120);
        let missed =
            |may_close, is_long_quiet| Sighting::Missed { needed, may_close, is_long_quiet };
        vec![
            ("opens", detected(true, false)),
            ("keeps", detected(false, false)),
            ("opens, stale", detected(true, true)),
            ("keeps, stale", detected(false, true)),
            ("missed", missed(true, false)),
            ("missed, long quiet", missed(true, true)),
            ("missed, objective broken", missed(false, true)),
            ("not evaluated", Sighting::NotEvaluated),
            ("operator", Sighting::Ended(EndReason::OperatorClosed)),
        ]
    }

    fn words(transition: Transition) -> String {
        let progress = |it: Progress| {
            let flapping = if it.is_flapping { " flapping" } else { "" };
            format!("{} {}/{}{flapping}", it.state, it.consecutive, it.missed)
        };
        match transition {
            Transition::Unchanged => "-".to_owned(),
            Transition::Created(it) => format!("new {}", progress(it)),
            Transition::Moved(it) => progress(it),
            Transition::Reopened(it) => format!("again {}", progress(it)),
            Transition::Closed(reason) => format!("CLOSED {reason}"),
            Transition::Replaced { reason, by } => {
                format!("CLOSED {reason}, new {}", progress(by))
            }
        }
    }

    fn table(rules: &Rules) -> String {
        let mut text = String::new();
        for (from, position) in positions() {
            writeln!(text, "{from}").unwrap();
            for (word, sighting) in sightings(rules) {
                let to = words(transition(position, sighting, rules));
                writeln!(text, "  {word:<25}{to}").unwrap();
            }
        }
        text
    }

    #[test]
    fn every_state_and_event_with_three_detections_and_three_misses() {
        insta::assert_snapshot!(table(&rules(3, 3, true)), @r"
        none
          opens                    new SUSPECTED 1/0
          keeps                    -
          opens, stale             new SUSPECTED 1/0
          keeps, stale             -
          missed                   -
          missed, long quiet       -
          missed, objective broken -
          not evaluated            -
          operator                 -
        reopenable
          opens                    again OPEN 1/0
          keeps                    -
          opens, stale             again OPEN 1/0
          keeps, stale             -
          missed                   -
          missed, long quiet       -
          missed, objective broken -
          not evaluated            -
          operator                 -
        suspected 1/0
          opens                    SUSPECTED 2/0
          keeps                    SUSPECTED 2/0
          opens, stale             CLOSED suspected_expired, new SUSPECTED 1/0
          keeps, stale             CLOSED suspected_expired
          missed                   SUSPECTED 0/1
          missed, long quiet       SUSPECTED 0/1
          missed, objective broken SUSPECTED 0/1
          not evaluated            -
          operator                 CLOSED operator_closed
        suspected 1/2
          opens                    SUSPECTED 2/0
          keeps                    SUSPECTED 2/0
          opens, stale             CLOSED suspected_expired, new SUSPECTED 1/0
          keeps, stale             CLOSED suspected_expired
          missed                   CLOSED suspected_expired
          missed, long quiet       CLOSED suspected_expired
          missed, objective broken CLOSED suspected_expired
          not evaluated            -
          operator                 CLOSED operator_closed
        suspected 2/0
          opens                    OPEN 3/0
          keeps                    OPEN 3/0
          opens, stale             CLOSED suspected_expired, new SUSPECTED 1/0
          keeps, stale             CLOSED suspected_expired
          missed                   SUSPECTED 0/1
          missed, long quiet       SUSPECTED 0/1
          missed, objective broken SUSPECTED 0/1
          not evaluated            -
          operator                 CLOSED operator_closed
        open 5/0
          opens                    OPEN 6/0
          keeps                    OPEN 6/0
          opens, stale             CLOSED auto_stale, new SUSPECTED 1/0
          keeps, stale             CLOSED auto_stale
          missed                   RECOVERING 0/1
          missed, long quiet       RECOVERING 0/1
          missed, objective broken RECOVERING 0/1
          not evaluated            -
          operator                 CLOSED operator_closed
        recovering 0/1
          opens                    OPEN 1/0
          keeps                    OPEN 1/0
          opens, stale             CLOSED auto_stale, new SUSPECTED 1/0
          keeps, stale             CLOSED auto_stale
          missed                   RECOVERING 0/2
          missed, long quiet       RECOVERING 0/2
          missed, objective broken RECOVERING 0/2
          not evaluated            -
          operator                 CLOSED operator_closed
        recovering 0/2
          opens                    OPEN 1/0
          keeps                    OPEN 1/0
          opens, stale             CLOSED auto_stale, new SUSPECTED 1/0
          keeps, stale             CLOSED auto_stale
          missed                   CLOSED resolved
          missed, long quiet       CLOSED resolved
          missed, objective broken RECOVERING 0/3
          not evaluated            -
          operator                 CLOSED operator_closed
        flapping 0/2
          opens                    OPEN 1/0 flapping
          keeps                    OPEN 1/0 flapping
          opens, stale             CLOSED auto_stale, new SUSPECTED 1/0
          keeps, stale             CLOSED auto_stale
          missed                   RECOVERING 0/3 flapping
          missed, long quiet       CLOSED resolved
          missed, objective broken RECOVERING 0/3 flapping
          not evaluated            -
          operator                 CLOSED operator_closed
        ");
    }

    #[test]
    fn every_difference_with_one_detection_one_miss_and_without_strictness() {
        let base = table(&rules(3, 3, true));
        let differing = |rules: Rules| {
            let other = table(&rules);
            let pairs = base.lines().zip(other.lines()).enumerate();
            let place = |row: usize| {
                let from = base.lines().take(row + 1).filter(|line| !line.starts_with(' '));
                from.last().unwrap_or_default().to_owned()
            };
            let differing = pairs.filter(|(_, (a, b))| a != b);
            let lines = differing.map(|(row, (_, b))| format!("{}:{b}", place(row)));
            lines.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(differing(rules(1, 3, true)), @r"
        none:  opens                    new OPEN 1/0
        none:  opens, stale             new OPEN 1/0
        suspected 1/0:  opens                    OPEN 2/0
        suspected 1/0:  keeps                    OPEN 2/0
        suspected 1/0:  opens, stale             CLOSED suspected_expired, new OPEN 1/0
        suspected 1/2:  opens                    OPEN 2/0
        suspected 1/2:  keeps                    OPEN 2/0
        suspected 1/2:  opens, stale             CLOSED suspected_expired, new OPEN 1/0
        suspected 2/0:  opens, stale             CLOSED suspected_expired, new OPEN 1/0
        open 5/0:  opens, stale             CLOSED auto_stale, new OPEN 1/0
        recovering 0/1:  opens, stale             CLOSED auto_stale, new OPEN 1/0
        recovering 0/2:  opens, stale             CLOSED auto_stale, new OPEN 1/0
        flapping 0/2:  opens, stale             CLOSED auto_stale, new OPEN 1/0
        ");
        insta::assert_snapshot!(differing(rules(3, 1, true)), @r"
        suspected 1/0:  missed                   CLOSED suspected_expired
        suspected 1/0:  missed, long quiet       CLOSED suspected_expired
        suspected 1/0:  missed, objective broken CLOSED suspected_expired
        suspected 2/0:  missed                   CLOSED suspected_expired
        suspected 2/0:  missed, long quiet       CLOSED suspected_expired
        suspected 2/0:  missed, objective broken CLOSED suspected_expired
        open 5/0:  missed                   CLOSED resolved
        open 5/0:  missed, long quiet       CLOSED resolved
        recovering 0/1:  missed                   CLOSED resolved
        recovering 0/1:  missed, long quiet       CLOSED resolved
        ");
        insta::assert_snapshot!(differing(rules(3, 3, false)), @r"
        suspected 1/0:  missed                   SUSPECTED 1/1
        suspected 1/0:  missed, long quiet       SUSPECTED 1/1
        suspected 1/0:  missed, objective broken SUSPECTED 1/1
        suspected 2/0:  missed                   SUSPECTED 2/1
        suspected 2/0:  missed, long quiet       SUSPECTED 2/1
        suspected 2/0:  missed, objective broken SUSPECTED 2/1
        ");
    }

    #[test]
    fn it_is_total_and_counts_stay_within_the_rules() {
        for n in 1..=4 {
            for m in 1..=4 {
                for strict in [false, true] {
                    let rules = rules(n, m, strict);
                    for state in &IncidentState::ALL[..3] {
                        for (consecutive, missed) in [(0, 0), (1, 0), (3, 0), (0, 1), (0, 3)] {
                            let from = active(*state, consecutive, missed);
                            for (_, sighting) in sightings(&rules) {
                                check_laws(from, sighting, &rules);
                            }
                        }
                    }
                }
            }
        }
    }

    #[track_caller]
    fn check_laws(from: Position, sighting: Sighting, rules: &Rules) {
        let to = transition(from, sighting, rules);
        let Position::Active(at) = from else { return };
        match (sighting, to) {
            (Sighting::NotEvaluated, to) => assert_eq!(to, Transition::Unchanged),
            (Sighting::Detected { is_stale: false, .. }, Transition::Moved(it)) => {
                assert_eq!((it.missed, it.consecutive), (0, at.consecutive + 1));
                assert!(it.state != IncidentState::Recovering);
                assert!(!at.state.is_confirmed() || it.state == IncidentState::Open);
            }
            (Sighting::Missed { .. }, Transition::Moved(it)) => {
                assert_eq!(it.missed, at.missed + 1);
                assert_eq!(it.state.is_confirmed(), at.state.is_confirmed());
                assert!(it.state != IncidentState::Open);
            }
            (Sighting::Missed { .. }, to) => assert!(matches!(to, Transition::Closed(_))),
            (Sighting::Ended(reason), to) => assert_eq!(to, Transition::Closed(reason)),
            (Sighting::Detected { opens, .. }, Transition::Replaced { by, .. }) => {
                assert!(opens && by.consecutive == 1 && by.missed == 0);
            }
            (Sighting::Detected { opens, is_stale, .. }, to) => {
                assert!(!opens && is_stale && matches!(to, Transition::Closed(_)));
            }
        }
    }
}
