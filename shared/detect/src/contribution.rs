//! Which metrics a verdict rests on, as shares that sum to one.

use crate::model::PeriodModel;
use crate::score::{CombinationVerdict, Direction};

/// A metric's share of a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    pub feature: String,
    /// 0 to 1; all of them sum to 1.
    pub share: f64,
    pub shift: Shift,
    /// 0 to 100.
    pub percentile: Option<f64>,
}

/// Where a metric stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    Elevated,
    Reduced,
    /// Neither by itself.
    Unusual,
}

/// A metric with a signal, as far as shares need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed<'a> {
    pub metric: &'a str,
    pub direction: Direction,
    /// Sigmas from usual; NaN counts by its score.
    pub sigmas: f64,
    pub score: f64,
    pub percentile: f64,
}

/// Shares below this are left out.
const SHARE_MIN: f64 = 0.05;
/// Sigmas from the mean within which a metric is unusual only together with others.
const USUAL_SIGMAS: f64 = 1.0;

/// Shares by the forest of all metrics where it flags the row, else by how far each signal is out.
pub fn contributions<'a>(
    verdict: Option<&CombinationVerdict>,
    signals: &[Weighed<'a>],
    model: &PeriodModel,
    value_of: impl Fn(&str) -> Option<f64>,
) -> Vec<Contribution> {
    let attributed = verdict.filter(|it| it.is_flagged && !it.contributions.is_empty());
    let shares: Vec<(String, f64)> = match attributed {
        Some(verdict) => verdict.contributions.clone(),
        None => signals.iter().map(|it| (it.metric.to_owned(), weight(it))).collect(),
    };
    normalise(shares)
        .into_iter()
        .map(|(feature, share)| {
            let signal = signals.iter().find(|it| it.metric == feature);
            let known = model.metric(&feature).zip(value_of(&feature));
            let percentile = signal.map(|it| it.percentile).filter(|it| it.is_finite());
            let of_model = known.map(|(metric, value)| metric.statistics.percentile(value));
            let sigmas = known.map(|(metric, value)| metric.statistics.deviation_sigma(value));
            let shift = match (signal.map(|it| it.direction), sigmas) {
                (Some(Direction::High | Direction::Activated), _) => Shift::Elevated,
                (Some(Direction::Low), _) => Shift::Reduced,
                (None, Some(sigmas)) if sigmas > USUAL_SIGMAS => Shift::Elevated,
                (None, Some(sigmas)) if sigmas < -USUAL_SIGMAS => Shift::Reduced,
                (None, _) => Shift::Unusual,
            };
            Contribution { feature, share, shift, percentile: percentile.or(of_model) }
        })
        .collect()
}

fn weight(signal: &Weighed<'_>) -> f64 {
    if signal.sigmas.is_finite() { signal.sigmas.abs() } else { signal.score.abs() }
}

/// Largest first, small ones left out, the rest summing to one; nothing if there is no weight.
fn normalise(mut shares: Vec<(String, f64)>) -> Vec<(String, f64)> {
    shares.retain(|(_, weight)| weight.is_finite() && *weight > 0.0);
    let total: f64 = shares.iter().map(|(_, weight)| weight).sum();
    shares.retain(|(_, weight)| *weight >= SHARE_MIN * total);
    let total: f64 = shares.iter().map(|(_, weight)| weight).sum();
    shares.iter_mut().for_each(|(_, weight)| *weight /= total);
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    shares
}

impl Shift {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Shift::Elevated => "elevated",
            Shift::Reduced => "reduced",
            Shift::Unusual => "unusual",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_sum_to_one_whatever_the_weights(
            weights in prop::collection::vec(prop_oneof![0.0f64..1e6, Just(f64::NAN)], 0..12),
        ) {
            let named = weights.iter().enumerate().map(|(i, w)| (format!("m{i}"), *w)).collect();
            let shares = normalise(named);
            let sum: f64 = shares.iter().map(|(_, share)| share).sum();
            prop_assert!(shares.is_empty() || (sum - 1.0).abs() < 1e-9);
            prop_assert!(shares.iter().all(|(_, share)| *share >= SHARE_MIN));
            let has_weight = weights.iter().any(|w| *w > 0.0);
            prop_assert_eq!(shares.is_empty(), !has_weight);
        }
    }
}
