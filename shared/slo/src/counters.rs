//! What the layer did, as numbers that add up.

use crate::evaluation::Verdict;

/// Counts of one verdict, or of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    pub evaluations: u64,
    /// Evaluations that changed the severity.
    pub adjustments: u64,
    pub suppressions: u64,
    /// Metrics that were not collected and so not judged.
    pub unavailable: u64,
    pub synthetic: u64,
}

impl Counters {
    /// The counts of one verdict.
    pub fn of(verdict: &Verdict) -> Counters {
        Counters {
            evaluations: 1,
            adjustments: u64::from(verdict.evaluation.severity_changed()),
            suppressions: verdict.evaluation.suppressed.len() as u64,
            unavailable: verdict.evaluation.unavailable(),
            synthetic: verdict.synthetic.len() as u64,
        }
    }

    /// Share of evaluations that changed the severity, 0 without any.
    pub fn adjustment_rate(&self) -> f64 {
        self.adjustments as f64 / self.evaluations.max(1) as f64
    }
}

impl std::ops::Add for Counters {
    type Output = Counters;
    fn add(self, other: Counters) -> Counters {
        Counters {
            evaluations: self.evaluations + other.evaluations,
            adjustments: self.adjustments + other.adjustments,
            suppressions: self.suppressions + other.suppressions,
            unavailable: self.unavailable + other.unavailable,
            synthetic: self.synthetic + other.synthetic,
        }
    }
}

impl std::iter::Sum for Counters {
    fn sum<I: Iterator<Item = Counters>>(all: I) -> Counters {
        all.fold(Counters::default(), |sum, each| sum + each)
    }
}
