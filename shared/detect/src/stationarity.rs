//! Is the history of a metric of one kind, and how much does it say? Two figures per metric, for
//! the quality report: how far its level moved between the halves of the history, and how many
//! independent values its values are worth.

/// Hours of the day, whose medians are taken off first: a daily wave is no move.
const HOURS: usize = 24;
const HOUR_S: i64 = 3600;
/// Values below which nothing is said.
const VALUES_MIN: usize = 200;
/// Span below which the halves do not have the same days of the week.
const SPAN_S_MIN: i64 = 14 * 86_400;

/// What the values of a metric say of its past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stationarity {
    /// Independent values that the values are worth, by their correlation with the one before.
    pub effective_values: f64,
    /// Robust standard deviations between the medians of the first and the second half; `None`
    /// with too few values or without any scatter.
    pub half_shift_sigmas: Option<f64>,
}

impl Stationarity {
    /// Of values in the order of time; NaN is missing.
    pub fn of(times_s: &[i64], values: &[f64]) -> Stationarity {
        let rest = without_hours(times_s, values);
        let rho = stats::autocorrelation_lag1(&rest).unwrap_or(0.0);
        Stationarity {
            effective_values: stats::effective_sample_size(rest.len(), rho),
            half_shift_sigmas: has_weeks(times_s).then(|| half_shift(&rest)).flatten(),
        }
    }
}

/// The finite values less the median of their hour of the day.
fn without_hours(times_s: &[i64], values: &[f64]) -> Vec<f64> {
    let hour_of = |time_s: i64| ((time_s - 1).div_euclid(HOUR_S)).rem_euclid(HOURS as i64) as usize;
    let finite = || times_s.iter().zip(values).filter(|(_, value)| value.is_finite());
    let mut hours: Vec<Vec<f64>> = vec![Vec::new(); HOURS];
    finite().for_each(|(time_s, value)| hours[hour_of(*time_s)].push(*value));
    let medians: Vec<f64> =
        hours.iter_mut().map(|hour| stats::median_in_place(hour).unwrap_or(0.0)).collect();
    finite().map(|(time_s, value)| value - medians[hour_of(*time_s)]).collect()
}

fn has_weeks(times_s: &[i64]) -> bool {
    matches!((times_s.first(), times_s.last()), (Some(first), Some(last)) if last - first >= SPAN_S_MIN)
}

fn half_shift(values: &[f64]) -> Option<f64> {
    if values.len() < VALUES_MIN {
        return None;
    }
    let (first, second) = values.split_at(values.len() / 2);
    let (before, after) = (stats::median(first)?, stats::median(second)?);
    // The scatter within the halves: a step does not widen what it is measured with.
    let sigma = stats::mad_sigma(first)?.max(stats::mad_sigma(second)?);
    (sigma > 0.0).then(|| (after - before) / sigma)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::residual::testing::normal;

    fn month(value: impl Fn(u64) -> f64) -> Stationarity {
        let times_s: Vec<i64> = (1..=8640).map(|i| i * 300).collect();
        let values: Vec<f64> = (0..8640).map(value).collect();
        Stationarity::of(&times_s, &values)
    }

    #[test]
    fn a_daily_wave_is_no_move_and_a_step_is() {
        let wave = |i: u64| 50.0 * libm::sin(i as f64 / 288.0 * std::f64::consts::TAU);
        let calm = month(|i| wave(i) + 5.0 * normal(i));
        assert!(calm.half_shift_sigmas.unwrap().abs() < 0.3, "{calm:?}");
        let moved = month(|i| wave(i) + 5.0 * normal(i) + if i > 4320 { 20.0 } else { 0.0 });
        assert!(moved.half_shift_sigmas.unwrap() > 2.0, "{moved:?}");
    }

    #[test]
    fn values_that_repeat_each_other_are_worth_less() {
        let independent = month(|i| 5.0 * normal(i));
        assert!(independent.effective_values > 8000.0, "{independent:?}");
        let repeated = month(|i| 5.0 * normal(i / 5));
        assert!((500.0..2000.0).contains(&repeated.effective_values), "{repeated:?}");
    }

    #[test]
    fn little_or_constant_data_says_nothing() {
        assert_eq!(Stationarity::of(&[], &[]).half_shift_sigmas, None);
        assert_eq!(month(|_| 3.0).half_shift_sigmas, None);
    }
}
