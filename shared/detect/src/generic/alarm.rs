//! What an alarm of one sample means: how severe it is, and which alarms are one incident.

use domain::Severity;

/// Alarms closer than this are one incident, or than this many steps.
const APART_S: i64 = 900;
const APART_STEPS: i64 = 3;
/// Multiples of the threshold at which an alarm is high and critical.
const HIGH: f64 = 1.5;
const CRITICAL: f64 = 2.0;

/// The severity of a trigger score: medium, high, critical at 1, 1.5 and 2 times the threshold.
pub fn severity(score: f64, theta: f64) -> Severity {
    match score / theta {
        ratio if ratio >= CRITICAL => Severity::Critical,
        ratio if ratio >= HIGH => Severity::High,
        ratio if ratio >= 1.0 => Severity::Medium,
        _ => Severity::None,
    }
}

/// Seconds that part two incidents of a service whose samples come every `step_s` seconds.
pub fn apart_s(step_s: i64) -> i64 {
    APART_S.max(step_s.saturating_mul(APART_STEPS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_multiples_of_the_threshold() {
        use Severity::{Critical, High, Medium};
        let levels = [2.1, 2.2, 3.29, 3.31, 4.39, 4.4, f64::NAN].map(|s| severity(s, 2.2));
        assert_eq!(levels, [Severity::None, Medium, Medium, High, High, Critical, Severity::None]);
    }

    #[test]
    fn incidents_lie_a_quarter_of_an_hour_or_three_steps_apart() {
        assert_eq!([60, 300, 600, i64::MAX].map(apart_s), [900, 900, 1_800, i64::MAX]);
    }
}
