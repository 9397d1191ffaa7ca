//! How sure a verdict is.

use domain::config::valid::Opening;

/// What speaks for an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voices {
    pub opened_by: Opening,
    /// It has a name.
    pub is_pattern: bool,
    /// Metrics with a signal, and those of them that are high or worse by themselves.
    pub signals: usize,
    pub strong: usize,
    /// The forest of all metrics flags them too.
    pub combination_agrees: bool,
}

const PATTERN_BASE: f64 = 0.5;
const PATTERN_PER_SIGNAL: f64 = 0.15;
const PATTERN_PER_STRONG: f64 = 0.10;
const PATTERN_MAX: f64 = 0.95;
const UNNAMED_BASE: f64 = 0.4;
const UNNAMED_PER_SIGNAL: f64 = 0.1;
const UNNAMED_MAX: f64 = 0.7;
const COMBINATION: f64 = 0.1;

/// Confidence of an anomaly, 0 to 0.95, two decimals.
///
/// What only forests flag and no pattern explains is trusted least; persistent evidence counts as
/// much as a pattern.
pub fn confidence(it: &Voices) -> f64 {
    let bonus = if it.combination_agrees { COMBINATION } else { 0.0 };
    let signals = it.signals as f64;
    let is_trusted = it.is_pattern || it.opened_by == Opening::Residual;
    let base = if is_trusted {
        let strong = PATTERN_PER_STRONG * it.strong as f64;
        (PATTERN_BASE + PATTERN_PER_SIGNAL * signals + strong).min(PATTERN_MAX)
    } else {
        (UNNAMED_BASE + UNNAMED_PER_SIGNAL * signals).min(UNNAMED_MAX)
    };
    round_2((base + bonus).min(PATTERN_MAX))
}

/// What a drift penalty leaves of a confidence; not rounded, so that it can be recomputed.
pub fn after_drift(confidence: f64, penalty: f64) -> f64 {
    confidence * (1.0 - penalty.clamp(0.0, 1.0))
}

fn round_2(value: f64) -> f64 {
    libm::round(value * 100.0) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(opened_by: Opening, is_pattern: bool, signals: usize, strong: usize) -> f64 {
        let combination_agrees = false;
        confidence(&Voices { opened_by, is_pattern, signals, strong, combination_agrees })
    }

    #[test]
    fn signals_and_names_raise_confidence() {
        let pattern = [1, 2, 3, 4].map(|n| of(Opening::Forest, true, n, 0));
        assert_eq!(pattern, [0.65, 0.80, 0.95, 0.95]);
        let unnamed = [1, 2, 3, 4].map(|n| of(Opening::Forest, false, n, 0));
        assert_eq!(unnamed, [0.5, 0.6, 0.7, 0.7]);
        assert_eq!(of(Opening::Residual, false, 1, 1), 0.75);
        assert_eq!(of(Opening::Forest, true, 1, 1), 0.75);
    }

    #[test]
    fn the_combination_has_a_say_and_nothing_is_certain() {
        let voices = |signals| Voices {
            opened_by: Opening::Forest,
            is_pattern: true,
            signals,
            strong: 0,
            combination_agrees: true,
        };
        assert_eq!([1, 2, 3].map(|n| confidence(&voices(n))), [0.75, 0.9, 0.95]);
    }

    #[test]
    fn drift_takes_its_share() {
        assert!((after_drift(0.8, 0.15) - 0.68).abs() < 1e-12);
        assert!((after_drift(0.9, 0.30) - 0.63).abs() < 1e-12);
        assert_eq!(after_drift(0.9, 0.0), 0.9);
    }
}
