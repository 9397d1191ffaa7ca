//! From the findings of single cycles to episodes: when something began, and when it was over.
//!
//! This is the life of an incident as far as a report needs it: confirmation by consecutive cycles,
//! a few misses until it is over. Identities, re-opening and the state that survives restarts are
//! not part of it.

use domain::Severity;
use domain::limits::CYCLE_S;
use serde::Serialize;

use crate::backtest::judge::Finding;

/// A longer silence ends an episode: 30 minutes, or three cycles where those are longer.
const STALE_S: i64 = 1_800;
const STALE_CYCLES: i64 = 3;

/// The rules of opening, keeping and ending.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Episodes {
    /// What counts as evidence while nothing is open.
    pub opening: Level,
    /// What counts as evidence while an episode is open.
    pub keeping: Level,
    /// Consecutive cycles with evidence that open an episode. A miss begins the count anew.
    pub confirmation: u32,
    /// Consecutive cycles without evidence that end it.
    pub misses: u32,
    /// Nor does it end before so many seconds without evidence have passed.
    pub apart_s: i64,
}

/// When a finding is evidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// At least this severe.
    Severity(Severity),
    /// A score at least as high as this.
    Score(f64),
}

/// One stretch of evidence. Instants are stamps of cycles.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The cycle that confirmed it, or the first sample in it that opens by itself.
    pub start_s: i64,
    /// The last cycle with evidence so far.
    pub end_s: i64,
    /// The first cycle with evidence, perhaps before the start.
    pub first_evidence_s: i64,
    /// Worst of all cycles.
    pub severity: Severity,
    /// Worst of all cycles, before patterns and circumstances had their say.
    pub detected: Severity,
    /// Highest of all cycles.
    pub score: f64,
    /// Cycles with evidence.
    pub cycles: u32,
    /// Position of the finding that opened it.
    pub opened_at: usize,
    /// Position of its worst finding: the most severe, of those the highest score.
    pub worst_at: usize,
}

impl Episodes {
    /// Rules for anomalies that forests open: two cycles in a row confirm, three misses end.
    pub fn of_severity(severity: Severity) -> Episodes {
        let level = Level::Severity(severity);
        Episodes { opening: level, keeping: level, confirmation: 2, misses: 3, apart_s: 0 }
    }

    /// Rules for scores with a persistence of their own: the first one opens, three tenths of the
    /// threshold keep, and two cycles below are bridged.
    pub fn of_score(threshold: f64) -> Episodes {
        Episodes {
            opening: Level::Score(threshold),
            keeping: Level::Score(0.3 * threshold),
            confirmation: 1,
            misses: 3,
            apart_s: 0,
        }
    }

    /// Rules for scores of single samples: what reaches the threshold opens and keeps, and what
    /// lies less than a quarter of an hour apart, or three cycles, is one episode.
    pub fn of_alarms(threshold: f64) -> Episodes {
        let level = Level::Score(threshold);
        Episodes { opening: level, keeping: level, confirmation: 1, misses: 3, apart_s: 900 }
    }

    /// The episodes of one service, in order. Cycles that could not be judged change nothing.
    pub fn fold(&self, findings: &[Finding], cycle_s: i64) -> Vec<Episode> {
        let stale_s = STALE_S.max(STALE_CYCLES * cycle_s.max(CYCLE_S));
        let mut fold = Fold { rules: self, over: Vec::new(), open: None, streak: Vec::new() };
        let mut before_s = None;
        for (index, finding) in findings.iter().enumerate() {
            if before_s.is_some_and(|before_s| finding.stamp_s - before_s > stale_s) {
                fold.end();
            }
            before_s = Some(finding.stamp_s);
            if finding.is_judged() {
                fold.take(index, findings);
            }
        }
        fold.end();
        fold.over
    }
}

impl Level {
    /// True if the finding is evidence.
    pub fn is_reached(self, finding: &Finding) -> bool {
        match self {
            Level::Severity(level) => finding.severity >= level.max(Severity::Low),
            Level::Score(level) => finding.score.is_some_and(|score| score >= level),
        }
    }
}

struct Fold<'a> {
    rules: &'a Episodes,
    over: Vec<Episode>,
    /// The open episode and its misses in a row.
    open: Option<(Episode, u32)>,
    /// Positions of the last consecutive cycles with evidence while nothing is open.
    streak: Vec<usize>,
}

impl Fold<'_> {
    fn take(&mut self, index: usize, findings: &[Finding]) {
        let finding = &findings[index];
        let Some((episode, missed)) = &mut self.open else {
            return self.take_closed(index, findings);
        };
        if self.rules.keeping.is_reached(finding) {
            *missed = 0;
            episode.end_s = finding.stamp_s;
            episode.note(index, findings);
            return;
        }
        *missed += 1;
        let silence_s = finding.stamp_s - episode.end_s;
        if *missed >= self.rules.misses && silence_s >= self.rules.apart_s {
            self.end();
        }
    }

    fn take_closed(&mut self, index: usize, findings: &[Finding]) {
        if !self.rules.opening.is_reached(&findings[index]) {
            self.streak.clear();
            return;
        }
        self.streak.push(index);
        if self.streak.len() < self.rules.confirmation as usize {
            return;
        }
        let mut episode = Episode {
            start_s: findings[index].began_s(),
            end_s: findings[index].stamp_s,
            first_evidence_s: findings[self.streak[0]].began_s(),
            severity: Severity::None,
            detected: Severity::None,
            score: f64::MIN,
            cycles: 0,
            opened_at: index,
            worst_at: self.streak[0],
        };
        for index in self.streak.drain(..) {
            episode.note(index, findings);
        }
        self.open = Some((episode, 0));
    }

    fn end(&mut self) {
        self.streak.clear();
        self.over.extend(self.open.take().map(|(episode, _)| episode));
    }
}

impl Episode {
    fn note(&mut self, index: usize, findings: &[Finding]) {
        let finding = &findings[index];
        let rank = |finding: &Finding| (finding.severity, finding.score.unwrap_or(f64::MIN));
        let (worst, this) = (rank(&findings[self.worst_at]), rank(finding));
        if this.0 > worst.0 || (this.0 == worst.0 && this.1 > worst.1) {
            self.worst_at = index;
        }
        self.cycles += 1;
        self.severity = self.severity.max(finding.severity);
        self.detected = self.detected.max(finding.detected);
        self.score = self.score.max(finding.score.unwrap_or(f64::MIN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a cycle: `.` none, `l` low, `m` medium, `h` high, `?` not judged, `_` no cycle.
    fn findings(cycles: &str) -> Vec<Finding> {
        let finding = |(index, letter): (usize, char)| {
            let severity = match letter {
                'l' => Severity::Low,
                'm' => Severity::Medium,
                'h' => Severity::High,
                _ => Severity::None,
            };
            let score = (letter != '?').then_some(f64::from(severity as u8) / 2.0);
            let stamp_s = 60 * index as i64;
            (letter != '_').then_some(Finding { stamp_s, severity, score, ..Finding::default() })
        };
        cycles.chars().enumerate().filter_map(finding).collect()
    }

    #[track_caller]
    fn check(rules: Episodes, cycles: &str, expected: &[(i64, i64)]) {
        let folded = rules.fold(&findings(cycles), 60);
        let spans: Vec<(i64, i64)> = folded.iter().map(|it| (it.start_s, it.end_s)).collect();
        let minutes: Vec<(i64, i64)> = expected.iter().map(|(a, b)| (60 * a, 60 * b)).collect();
        assert_eq!(spans, minutes, "of {cycles:?}");
    }

    #[test]
    fn two_in_a_row_confirm_and_three_misses_end() {
        let rules = Episodes::of_severity(Severity::Medium);
        check(rules, "m...", &[]);
        check(rules, "m.m.m.m", &[]);
        check(rules, "mm...", &[(1, 1)]);
        check(rules, "mm.m.", &[(1, 3)]);
        check(rules, "mm..m...mm", &[(1, 4), (9, 9)]);
        check(rules, "lllll", &[]);
        check(rules, "mmlllmm", &[(1, 1), (6, 6)]);
        check(Episodes::of_severity(Severity::Low), "lm.l", &[(1, 3)]);
    }

    #[test]
    fn what_was_not_judged_changes_nothing() {
        let rules = Episodes::of_severity(Severity::Medium);
        check(rules, "m?m", &[(2, 2)]);
        check(rules, "mm..????m...", &[(1, 8)]);
    }

    #[test]
    fn a_long_silence_ends_and_begins_anew() {
        let rules = Episodes::of_severity(Severity::Medium);
        let minutes = |count: usize| "_".repeat(count);
        check(rules, &format!("mm{}m", minutes(29)), &[(1, 31)]);
        check(rules, &format!("mm{}m", minutes(30)), &[(1, 1)]);
        check(rules, &format!("m{}m", minutes(30)), &[]);
    }

    #[test]
    fn scores_open_at_once_and_hold_on_longer() {
        let rules = Episodes::of_score(1.0);
        check(rules, "lm..l..l...", &[(1, 7)]);
        check(rules, "l.l.l", &[]);
    }

    #[test]
    fn alarms_close_together_are_one_episode() {
        let rules = Episodes::of_alarms(1.0);
        let minutes = |count: usize| ".".repeat(count);
        check(rules, &format!("m{}m", minutes(14)), &[(0, 15)]);
        check(rules, &format!("m{}m", minutes(15)), &[(0, 0), (16, 16)]);
        check(rules, "mlllm", &[(0, 4)]);
    }

    #[test]
    fn an_episode_begins_with_the_sample_that_opens_it() {
        let mut cycles = findings("..mm...");
        cycles[2].lead_s = 45;
        cycles[3].lead_s = 30;
        let folded = Episodes::of_alarms(1.0).fold(&cycles, 60);
        assert_eq!((folded[0].start_s, folded[0].end_s), (75, 180));
        assert_eq!(folded[0].first_evidence_s, 75);
    }

    #[test]
    fn an_episode_knows_its_worst_cycle() {
        let folded = Episodes::of_severity(Severity::Medium).fold(&findings(".mhmh."), 60);
        let it = &folded[0];
        assert_eq!((it.first_evidence_s, it.start_s, it.opened_at), (60, 120, 2));
        assert_eq!((it.severity, it.score, it.cycles, it.worst_at), (Severity::High, 1.5, 4, 2));
    }
}
