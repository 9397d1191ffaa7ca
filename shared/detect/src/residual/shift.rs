//! A level that moved and stayed is normal from the next training on, and the model says so.
//!
//! A median over a month learns a new level after two weeks, and the recent level takes in eight
//! sigma a day. Whoever released something slower yesterday would be told of it for a fortnight.
//! So a step that has lasted is looked for in the deseasonalised past, and what lies before it is
//! moved to the new level. Steps only: a slow trend is left to the recent level, an incident that
//! ended leaves no step, and a share of failures never becomes normal by lasting.

use super::model::ResidualModel;
use super::residuals::Residuals;
use super::transform::Form;
use crate::rows::Rows;

/// A metric that moved to another level and stayed there.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelShift {
    pub metric: String,
    /// First moment of the new level, epoch seconds.
    pub at_s: i64,
    /// New level over old.
    pub factor: f64,
}

const HOUR_S: i64 = 3600;
/// Hours that a new level must have lasted; of a rate more, since holidays end.
const LASTED_HOURS: usize = 12;
const LASTED_HOURS_RATE: usize = 72;
/// Hours of the level before it.
const BEFORE_HOURS: usize = 72;
/// Hours on either side of the step that must differ by most of it.
const EDGE_HOURS: usize = 24;
const EDGE_SHARE: f64 = 0.6;
/// Share of the hours on either side that must lie on their side of the middle.
const SIDE_SHARE: f64 = 0.85;
/// Least step on the logarithmic scale: 15 %, of a rate 25 %.
const SIZE_MIN: f64 = 0.14;
const SIZE_MIN_RATE: f64 = 0.223;
/// The same in deviations of an hour from the level.
const SIZE_SIGMAS: f64 = 5.0;
/// A fall of a rate to less than a twentieth is an outage, not a level.
const FALL_MAX: f64 = 3.0;

/// The step of each metric that lasts until the end, if there is one.
pub fn find_shifts(model: &ResidualModel, residuals: &Residuals) -> Vec<LevelShift> {
    let series = model.series.iter().enumerate();
    let shift = |(at, series): (usize, &super::model::SeriesModel)| {
        let hours = hourly(residuals, at);
        let (start, size) = match series.form {
            Form::ErrorShare => None,
            Form::Rate => {
                step(&hours, LASTED_HOURS_RATE, SIZE_MIN_RATE).filter(|(_, size)| *size > -FALL_MAX)
            }
            Form::Latency | Form::Gauge => step(&hours, LASTED_HOURS, SIZE_MIN),
        }?;
        let metric = series.metric.clone();
        Some(LevelShift { metric, at_s: hours[start].0, factor: libm::exp(size) })
    };
    series.filter_map(shift).collect()
}

/// The rows as they would have been at the new levels.
pub fn moved(rows: &Rows, metrics: &domain::MetricSet, shifts: &[LevelShift]) -> Rows {
    let mut rows = rows.clone();
    for shift in shifts {
        let Some(index) = metrics.index_of(&shift.metric) else { continue };
        let before = rows.times_s.partition_point(|time_s| *time_s <= shift.at_s);
        rows.columns[index][..before].iter_mut().for_each(|value| *value *= shift.factor);
    }
    rows
}

/// (beginning, median residual) of each hour that has enough values.
fn hourly(residuals: &Residuals, series: usize) -> Vec<(i64, f64)> {
    const VALUES_MIN: usize = 6;
    let values = &residuals.series()[series].residuals;
    let hour_of = |index: usize| (residuals.time_s(index) - 1).div_euclid(HOUR_S);
    let per_hour = (HOUR_S / residuals.cycle_s().max(1)).max(1) as usize;
    let mut hours = Vec::new();
    let indices: Vec<usize> = (0..residuals.len()).collect();
    for of_hour in indices.chunk_by(|a, b| hour_of(*a) == hour_of(*b)) {
        let finite = of_hour.iter().map(|index| f64::from(values[*index]));
        let mut within: Vec<f64> = finite.filter(|value| value.is_finite()).collect();
        if within.len() >= VALUES_MIN.min(per_hour) {
            let begins_s = hour_of(of_hour[0]) * HOUR_S;
            hours.extend(stats::median_in_place(&mut within).map(|u| (begins_s, u)));
        }
    }
    hours
}

/// (first hour, size) of the step that explains the most and lasts until the end.
fn step(hours: &[(i64, f64)], lasted: usize, size_min: f64) -> Option<(usize, f64)> {
    let start = likeliest(hours, lasted)?;
    let values = |range: std::ops::Range<usize>| -> Vec<f64> {
        hours[range].iter().map(|(_, value)| *value).collect()
    };
    let (before, after) = (values(0..start), values(start..hours.len()));
    let (old, new) = (stats::median(&before)?, stats::median(&after)?);
    let size = new - old;
    let scatter = |values: &[f64]| stats::mad_sigma(values).unwrap_or(0.0);
    if size.abs() < size_min.max(SIZE_SIGMAS * scatter(&before).max(scatter(&after))) {
        return None;
    }
    let middle = (old + new) / 2.0;
    let stays = |values: &[f64], sign: f64| {
        let on_side = values.iter().filter(|value| sign * (**value - middle) > 0.0).count();
        on_side as f64 >= SIDE_SHARE * values.len() as f64
    };
    let edge = |range| stats::median(&values(range));
    let (from, to) = (start.saturating_sub(EDGE_HOURS), (start + EDGE_HOURS).min(hours.len()));
    let is_sharp = (edge(start..to)? - edge(from..start)?) / size >= EDGE_SHARE;
    let is_step = is_sharp && stays(&before, -size.signum()) && stays(&after, size.signum());
    is_step.then_some((start, size))
}

/// Where two means explain the hours best.
fn likeliest(hours: &[(i64, f64)], lasted: usize) -> Option<usize> {
    let total: f64 = hours.iter().map(|(_, value)| value).sum();
    let count = hours.len();
    let (mut sum, mut best) = (0.0, None);
    for (at, (_, value)) in hours.iter().enumerate() {
        let (left, right) = (at as f64, (count - at) as f64);
        if at >= BEFORE_HOURS && count - at >= lasted {
            let gap = sum / left - (total - sum) / right;
            let gain = gap * gap * left * right;
            if best.is_none_or(|(_, most)| gain > most) {
                best = Some((at, gain));
            }
        }
        sum += value;
    }
    best.map(|(at, _)| at)
}

impl LevelShift {
    /// `application_latency moved by +98 % at 2026-03-29T10:00:00Z and stayed: ...`
    pub fn note(&self) -> String {
        let at = chrono::DateTime::from_timestamp(self.at_s, 0).unwrap_or_default();
        format!(
            "{} moved by {:+.0} % at {} and stayed there: the new level is taken for normal",
            self.metric,
            100.0 * (self.factor - 1.0),
            at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        )
    }
}

#[cfg(test)]
mod tests {
    use domain::{Calendar, MetricSet};

    use super::super::fit::fit_service;
    use super::super::testing::{month, multiplied, trained_month};
    use super::*;

    fn shifts(rows: &Rows) -> Vec<LevelShift> {
        fit_service(rows, &MetricSet::five(), &Calendar::utc()).unwrap().shifts().to_vec()
    }

    /// Rows from `hours` before the end on.
    fn last_hours(rows: &Rows, hours: usize) -> std::ops::Range<usize> {
        rows.len() - hours * 3600 / rows.width_s as usize..rows.len()
    }

    #[test]
    fn a_level_that_lasts_is_followed_and_named() {
        let rows = month(300);
        let slower = multiplied(&rows, 1, last_hours(&rows, 30), 1.6);
        let found = shifts(&slower);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((1.5..1.7).contains(&found[0].factor), "{found:?}");
        let start_s = rows.times_s[last_hours(&rows, 30).start];
        assert!((found[0].at_s - start_s).abs() <= HOUR_S, "{found:?}");
        let note = found[0].note();
        assert!(note.starts_with("application_latency moved by +") && note.contains("2026-03-30T"));
    }

    #[test]
    fn what_ended_or_has_just_begun_is_no_level() {
        let rows = month(300);
        assert_eq!(shifts(&rows), []);
        assert_eq!(shifts(&multiplied(&rows, 1, 7000..7300, 3.0)), []);
        assert_eq!(shifts(&multiplied(&rows, 1, last_hours(&rows, 6), 3.0)), []);
        // A day off is no new level of traffic, four are.
        assert_eq!(shifts(&multiplied(&rows, 0, last_hours(&rows, 30), 0.5)), []);
        assert_eq!(shifts(&multiplied(&rows, 0, last_hours(&rows, 96), 0.5)).len(), 1);
        assert_eq!(shifts(&multiplied(&rows, 0, last_hours(&rows, 96), 0.001)), []);
        // Failures do not become normal by lasting.
        assert_eq!(shifts(&multiplied(&rows, 4, last_hours(&rows, 96), 20.0)), []);
    }

    #[test]
    fn slow_growth_is_no_step() {
        let mut rows = month(300);
        let count = rows.len() as f64;
        for (row, value) in rows.columns[1].iter_mut().enumerate() {
            *value *= 1.0 + 0.6 * row as f64 / count;
        }
        assert_eq!(shifts(&rows), []);
    }

    #[test]
    fn the_model_expects_the_new_level() {
        let (rows, _) = trained_month();
        let slower = multiplied(rows, 1, last_hours(rows, 20), 2.0);
        let fit = fit_service(&slower, &MetricSet::five(), &Calendar::utc()).unwrap();
        let model = fit.finish(&super::super::ServiceFit::pool([&fit]));
        let residuals = Residuals::of(&model, &Calendar::utc(), &MetricSet::five(), &slower);
        let last = &residuals.series()[1].residuals[last_hours(rows, 10)];
        let mean = last.iter().map(|u| f64::from(*u)).sum::<f64>() / last.len() as f64;
        assert!(mean.abs() < 0.1, "{mean}");
        let noise = libm::sqrt(f64::from(model.series[1].noise.own));
        assert!((0.04..0.06).contains(&noise), "{noise}");
    }
}
