//! One stretch of evidence: from the cycle that confirmed an incident to the last one that showed
//! it.

use domain::Severity;

use crate::backtest::judge::Finding;

/// One opening of an incident. Instants are stamps of cycles.
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
    /// Worst of all cycles, before objectives had their say.
    pub before_objectives: Severity,
    /// Highest of all cycles.
    pub score: f64,
    /// Cycles with evidence.
    pub cycles: u32,
    /// Position of its worst finding: the most severe, of those the highest score.
    pub worst_at: usize,
}

impl Episode {
    /// An episode that the last of these findings confirms; `seen` are the positions of those with
    /// evidence up to it, at least one.
    pub(super) fn confirmed(seen: &[usize], findings: &[Finding]) -> Option<Episode> {
        let (first, last) = (*seen.first()?, *seen.last()?);
        let mut episode = Episode {
            start_s: findings[last].began_s(),
            end_s: findings[last].stamp_s,
            first_evidence_s: findings[first].began_s(),
            severity: Severity::None,
            detected: Severity::None,
            before_objectives: Severity::None,
            score: f64::MIN,
            cycles: 0,
            worst_at: first,
        };
        for index in seen {
            episode.note(*index, findings);
        }
        Some(episode)
    }

    /// Takes one more finding with evidence into it.
    pub(super) fn note(&mut self, index: usize, findings: &[Finding]) {
        let finding = &findings[index];
        let rank = |finding: &Finding| (finding.severity, finding.score.unwrap_or(f64::MIN));
        let (worst, this) = (rank(&findings[self.worst_at]), rank(finding));
        if this.0 > worst.0 || (this.0 == worst.0 && this.1 > worst.1) {
            self.worst_at = index;
        }
        self.cycles += 1;
        self.end_s = finding.stamp_s;
        self.severity = self.severity.max(finding.severity);
        self.detected = self.detected.max(finding.detected);
        self.before_objectives = self.before_objectives.max(finding.before_objectives());
        self.score = self.score.max(finding.score.unwrap_or(f64::MIN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_knows_its_worst_cycle_and_the_sample_that_opened_it() {
        let finding = |stamp_s, severity, score, lead_s| Finding {
            stamp_s,
            severity,
            score: Some(score),
            lead_s,
            ..Finding::default()
        };
        let findings = [
            finding(60, Severity::Medium, 1.0, 0),
            finding(120, Severity::High, 1.5, 45),
            finding(180, Severity::High, 1.2, 0),
        ];
        let mut it = Episode::confirmed(&[0, 1], &findings).unwrap();
        it.note(2, &findings);
        assert_eq!((it.first_evidence_s, it.start_s, it.end_s), (60, 75, 180));
        assert_eq!((it.severity, it.score, it.cycles, it.worst_at), (Severity::High, 1.5, 3, 1));
        assert_eq!(Episode::confirmed(&[], &findings), None);
    }
}
