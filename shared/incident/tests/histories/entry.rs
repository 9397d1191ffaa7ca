//! What happened to an incident, and what can be read off it.

use domain::Severity;
use incident::operate::Action;
use incident::rules::Rules;
use incident::{AnnouncementKind, EndReason, IncidentState};

/// One line of an incident's list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// `needed` sightings like this one in a row confirm.
    Seen {
        at_ms: i64,
        severity: Severity,
        needed: u32,
    },
    Missed,
    Frozen {
        ms: i64,
    },
    Reopened {
        at_ms: i64,
    },
    Ended {
        at_ms: i64,
        reason: EndReason,
    },
    Told {
        kind: AnnouncementKind,
        cycle: i64,
    },
    Edited(Action),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) metric: Option<String>,
    pub(crate) created_in: i64,
    pub(crate) lines: Vec<Line>,
}

/// What a test may compare.
#[derive(Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) created_in: i64,
    pub(crate) state: IncidentState,
    pub(crate) occurrences: u32,
    pub(crate) consecutive: u32,
    pub(crate) missed: u32,
    pub(crate) severity: Severity,
    pub(crate) peak: Severity,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) unobserved_ms: i64,
    pub(crate) alerted: bool,
    pub(crate) reopens: u32,
}

/// What confirmation and misses amount to, read from the first line to the last.
struct Reading {
    is_confirmed: bool,
    consecutive: u32,
    missed: u32,
}

impl Entry {
    pub(crate) fn view(&self, rules: &Rules) -> View {
        let Reading { is_confirmed, consecutive, missed } = self.read(rules);
        let seen: Vec<(i64, Severity)> = self
            .lines
            .iter()
            .filter_map(|line| match line {
                Line::Seen { at_ms, severity, .. } => Some((*at_ms, *severity)),
                _ => None,
            })
            .collect();
        let (first_ms, _) = seen[0];
        let (last_ms, severity) = seen[seen.len() - 1];
        View {
            name: self.name.clone(),
            created_in: self.created_in,
            state: match (self.end(), is_confirmed, missed) {
                (Some(_), ..) => IncidentState::Closed,
                (None, false, _) => IncidentState::Suspected,
                (None, true, 0) => IncidentState::Open,
                (None, true, _) => IncidentState::Recovering,
            },
            occurrences: seen.len() as u32,
            consecutive,
            missed,
            severity,
            peak: seen.iter().map(|(_, severity)| *severity).max().unwrap_or_default(),
            first_ms,
            last_ms,
            unobserved_ms: self.unobserved_ms(),
            alerted: self.is_told(),
            reopens: self.reopens(),
        }
    }

    fn read(&self, rules: &Rules) -> Reading {
        let mut it = Reading { is_confirmed: false, consecutive: 0, missed: 0 };
        for line in &self.lines {
            match line {
                Line::Seen { needed, .. } => {
                    it.consecutive += 1;
                    it.missed = 0;
                    it.is_confirmed |= it.consecutive >= *needed;
                }
                Line::Missed => {
                    it.missed += 1;
                    if it.is_confirmed || rules.strict_confirmation {
                        it.consecutive = 0;
                    }
                }
                Line::Reopened { .. } => {
                    it = Reading { is_confirmed: true, consecutive: 0, missed: 0 };
                }
                Line::Frozen { .. } | Line::Ended { .. } | Line::Told { .. } | Line::Edited(_) => {}
            }
        }
        it
    }

    pub(crate) fn is_confirmed(&self, rules: &Rules) -> bool {
        self.read(rules).is_confirmed
    }

    /// Its end, unless it was opened again since.
    pub(crate) fn end(&self) -> Option<(i64, EndReason)> {
        self.since_opening().iter().find_map(|line| match line {
            Line::Ended { at_ms, reason } => Some((*at_ms, *reason)),
            _ => None,
        })
    }

    /// Orders ends by when they were written.
    pub(crate) fn ended_line(&self) -> i64 {
        self.end().map_or(i64::MIN, |(at_ms, _)| at_ms)
    }

    fn since_opening(&self) -> &[Line] {
        let is_opening = |line: &Line| matches!(line, Line::Reopened { .. });
        let start = self.lines.iter().rposition(is_opening).unwrap_or(0);
        &self.lines[start..]
    }

    pub(crate) fn unobserved_ms(&self) -> i64 {
        let lines = self.lines.iter().rev();
        let since_seen = lines.take_while(|line| !matches!(line, Line::Seen { .. }));
        let frozen = since_seen.map(|line| match line {
            Line::Frozen { ms } => *ms,
            _ => 0,
        });
        frozen.sum()
    }

    pub(crate) fn reopens(&self) -> u32 {
        self.reopenings().len() as u32
    }

    fn reopenings(&self) -> Vec<i64> {
        let at = |line: &Line| match line {
            Line::Reopened { at_ms } => Some(*at_ms),
            _ => None,
        };
        self.lines.iter().filter_map(at).collect()
    }

    /// Whether it came back so often, at its last re-opening, that it is held open.
    pub(crate) fn flaps(&self, rules: &Rules) -> bool {
        let reopenings = self.reopenings();
        let Some(last) = reopenings.last() else { return false };
        let since_ms = last - rules.flapping.within_s * 1000;
        let lately = reopenings.iter().filter(|at_ms| **at_ms >= since_ms).count();
        lately >= rules.flapping.reopens as usize
    }

    /// An alert was told since its last opening.
    pub(crate) fn is_told(&self) -> bool {
        let told = |line: &Line| matches!(line, Line::Told { kind, .. } if kind.is_alert());
        self.since_opening().iter().any(told)
    }

    pub(crate) fn messages(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line, Line::Told { .. })).count()
    }

    pub(crate) fn last_alert(&self) -> Option<i64> {
        self.since_opening().iter().rev().find_map(|line| match line {
            Line::Told { kind, cycle } if kind.is_alert() => Some(*cycle),
            _ => None,
        })
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        let lines = self.since_opening().iter().rev();
        let mut edits = lines.filter_map(|line| match line {
            Line::Edited(Action::Acknowledge { .. }) => Some(true),
            Line::Edited(Action::Unacknowledge) => Some(false),
            _ => None,
        });
        edits.next() == Some(true)
    }

    pub(crate) fn silenced_until(&self) -> Option<i64> {
        let mut edits = self.lines.iter().rev().filter_map(|line| match line {
            Line::Edited(Action::Silence { until_ms, .. }) => Some(Some(*until_ms)),
            Line::Edited(Action::Unsilence) => Some(None),
            _ => None,
        });
        edits.next().flatten()
    }
}
