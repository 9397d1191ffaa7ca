//! How far a metric is from usual, in the words that patterns are written in.

use crate::score::Direction;

/// What one metric does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    VeryLow,
    Low,
    Normal,
    Moderate,
    Elevated,
    High,
    VeryHigh,
    /// It is usually measured and is not now. Nothing may be concluded from it.
    Unknown,
}

/// What a pattern asks of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Want {
    VeryHigh,
    High,
    Elevated,
    Moderate,
    Normal,
    /// Normal or low: no surge.
    NotHigh,
    Low,
    VeryLow,
}

/// Percentiles above which, and below the rest to 100 of which, a level begins.
const VERY_HIGH: f64 = 95.0;
const HIGH: f64 = 90.0;
const ELEVATED: f64 = 80.0;
const MODERATE: f64 = 70.0;
const LOW: f64 = 10.0;
const VERY_LOW: f64 = 5.0;

impl Level {
    /// All levels, lowest first, then unknown.
    pub const ALL: [Level; 8] = [
        Level::VeryLow,
        Level::Low,
        Level::Normal,
        Level::Moderate,
        Level::Elevated,
        Level::High,
        Level::VeryHigh,
        Level::Unknown,
    ];

    /// The level of a signal's percentile (0 to 100); in the middle, and of NaN, the side that the
    /// signal says.
    pub fn of_signal(percentile: f64, direction: Direction) -> Level {
        match percentile {
            _ if direction == Direction::Activated => Level::High,
            p if p > VERY_HIGH => Level::VeryHigh,
            p if p > HIGH => Level::High,
            p if p > ELEVATED => Level::Elevated,
            p if p > MODERATE => Level::Moderate,
            p if p < VERY_LOW => Level::VeryLow,
            p if p < LOW => Level::Low,
            _ => Level::of_direction(direction),
        }
    }

    /// The level of evidence that persists over cycles. The newest cycle may be milder than the
    /// ones that made it; then the side counts.
    pub fn of_evidence(percentile: f64, direction: Direction) -> Level {
        match (Level::of_signal(percentile, direction), direction) {
            (level @ (Level::VeryHigh | Level::High), Direction::High) => level,
            (level @ (Level::VeryLow | Level::Low), Direction::Low) => level,
            (_, direction) => Level::of_direction(direction),
        }
    }

    fn of_direction(direction: Direction) -> Level {
        match direction {
            Direction::High | Direction::Activated => Level::High,
            Direction::Low => Level::Low,
        }
    }

    /// True if this side of usual is the high one.
    pub fn is_high(self) -> bool {
        Want::Moderate.accepts(self)
    }
}

impl Want {
    /// True if the level is what is asked for. Unknown never is.
    pub fn accepts(self, level: Level) -> bool {
        use Level::*;
        match self {
            Want::VeryHigh => level == VeryHigh,
            Want::High => matches!(level, High | VeryHigh),
            Want::Elevated => matches!(level, Elevated | High | VeryHigh),
            Want::Moderate => matches!(level, Moderate | Elevated | High | VeryHigh),
            Want::Normal => level == Normal,
            Want::NotHigh => matches!(level, Normal | Low | VeryLow),
            Want::Low => matches!(level, Low | VeryLow),
            Want::VeryLow => level == VeryLow,
        }
    }

    /// The word in the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Want::VeryHigh => "very high",
            Want::High => "high",
            Want::Elevated => "elevated",
            Want::Moderate => "moderate",
            Want::Normal => "normal",
            Want::NotHigh => "normal or low",
            Want::Low => "low",
            Want::VeryLow => "very low",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_levels() {
        let level = |percentile| Level::of_signal(percentile, Direction::High);
        let found = [97.0, 92.0, 85.0, 75.0, 8.0, 3.0, 40.0].map(level);
        use Level::*;
        assert_eq!(found, [VeryHigh, High, Elevated, Moderate, Low, VeryLow, High]);
        // The bounds belong to the milder level.
        assert_eq!(
            [95.0, 90.0, 80.0, 70.0, 10.0, 5.0].map(level),
            [High, Elevated, Moderate, High, High, Low]
        );
        assert_eq!(Level::of_signal(f64::NAN, Direction::Low), Low);
        assert_eq!(Level::of_signal(50.0, Direction::Activated), High);
    }

    #[test]
    fn a_mild_newest_cycle_does_not_undo_evidence() {
        let of = Level::of_evidence;
        assert_eq!(of(99.9, Direction::High), Level::VeryHigh);
        assert_eq!(of(60.0, Direction::High), Level::High);
        assert_eq!(of(2.0, Direction::High), Level::High);
        assert_eq!(of(0.1, Direction::Low), Level::VeryLow);
        assert_eq!(of(f64::NAN, Direction::Low), Level::Low);
    }

    #[test]
    fn moderate_includes_all_that_is_higher_and_unknown_is_nothing() {
        assert!(Level::ALL.iter().filter(|it| Want::Moderate.accepts(**it)).count() == 4);
        use Want::*;
        for want in [VeryHigh, High, Elevated, Moderate, Normal, NotHigh, Low, VeryLow] {
            assert!(!want.accepts(Level::Unknown), "{want:?}");
            assert!(Level::ALL.iter().any(|level| want.accepts(*level)), "{want:?}");
        }
    }
}
