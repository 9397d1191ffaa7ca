//! What an alarm of one sample means.

use domain::Severity;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_multiples_of_the_threshold() {
        use Severity::{Critical, High, Medium};
        let levels = [2.1, 2.2, 3.29, 3.31, 4.39, 4.4, f64::NAN].map(|s| severity(s, 2.2));
        assert_eq!(levels, [Severity::None, Medium, Medium, High, High, Critical, Severity::None]);
    }
}
