//! Trains the model of one service from its rows.
//!
//! First the season of each metric (and once more where a level moved and stayed), then the noise around it, then the recent level and the noise
//! once more around that, at last the tails of all statistics over the whole training part,
//! without gates. What later steps build on is the rounded model, as it will be in service.

use domain::{Calendar, MetricDefinition, MetricSet};
use stats::quantile_sorted;

use super::level::levels;
use super::model::{
    DAY_DAYS, ResidualModel, SeriesModel, Side, WEEK_DAYS, Z_PERCENTILES, watched_sides,
};
use super::noise::{Deviation, Noise};
use super::pooled::pooled;
use super::residuals::Residuals;
use super::season::{Moment, Season};
use super::shift::{LevelShift, find_shifts, moved};
use super::standard::Standardised;
use super::statistic::{Statistic, Z_CYCLES, statistics};
use super::tail::{OwnTail, TailPool};
use super::transform::Form;
use crate::budget::Threshold;
use crate::rows::Rows;

/// A service's model but for the help of other services in its tails.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceFit {
    model: ResidualModel,
    /// One list for each series of the model.
    tails: Vec<Vec<OwnTail>>,
    shifts: Vec<LevelShift>,
}

/// Why a service gets no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    #[error("there is no request_rate; without traffic the residual recipe cannot be used")]
    NoTraffic,
    #[error("request_rate has {cycles} cycles with a value; {CYCLES_MIN} are needed")]
    TooShort { cycles: usize },
}

/// Values of a metric that make a series; one with fewer is left out.
const CYCLES_MIN: usize = 30;

/// Fits a service on its rows, each as wide as a cycle, in the service's own calendar.
pub fn fit_service(
    rows: &Rows,
    metrics: &MetricSet,
    calendar: &Calendar,
) -> Result<ServiceFit, FitError> {
    let traffic = metrics.traffic_index().ok_or(FitError::NoTraffic)?;
    let cycles = rows.columns.get(traffic).map_or(0, |column| finite(column));
    if cycles < CYCLES_MIN {
        return Err(if cycles == 0 { FitError::NoTraffic } else { FitError::TooShort { cycles } });
    }
    let mut model = seasons(rows, metrics, calendar, traffic);
    let shifts = match model.history_days >= WEEK_DAYS {
        true => find_shifts(&model, &Residuals::of(&model, calendar, metrics, rows)),
        false => Vec::new(),
    };
    if shifts.is_empty() {
        let tails = fit_around(&mut model, rows, metrics, calendar);
        return Ok(ServiceFit { model, tails, shifts });
    }
    let rows = moved(rows, metrics, &shifts);
    let mut model = seasons(&rows, metrics, calendar, traffic);
    let tails = fit_around(&mut model, &rows, metrics, calendar);
    Ok(ServiceFit { model, tails, shifts })
}

/// What is usual at each time of the week; noise and tails are still missing.
fn seasons(rows: &Rows, metrics: &MetricSet, calendar: &Calendar, traffic: usize) -> ResidualModel {
    let mut model = ResidualModel {
        cycle_s: u32::try_from(rows.width_s).unwrap_or(u32::MAX).max(1),
        history_days: history_days(rows),
        series: Vec::new(),
        threshold: Threshold::default(),
    };
    let moment = |at: &i64| Moment::of_cycle(calendar, *at, rows.width_s);
    let moments: Vec<Moment> = rows.times_s.iter().map(moment).collect();
    let days = model.history_days;
    for (index, metric) in metrics.iter().enumerate() {
        let series = SeriesRows { rows, moments: &moments, index, traffic, days };
        model.series.extend(series.model(metric));
    }
    model
}

/// Noise around the season, tails, and room for days to come.
fn fit_around(
    model: &mut ResidualModel,
    rows: &Rows,
    metrics: &MetricSet,
    calendar: &Calendar,
) -> Vec<Vec<OwnTail>> {
    refit_noise(model, calendar, metrics, rows);
    let tails = fit_tails(model, calendar, metrics, rows);
    widen(model);
    tails
}

impl ServiceFit {
    /// Levels that moved and stayed: what was before them was learned as if at the new level.
    pub fn shifts(&self) -> &[LevelShift] {
        &self.shifts
    }

    /// Puts the tails of services together, metric by metric.
    pub fn pool<'a>(fits: impl IntoIterator<Item = &'a ServiceFit>) -> TailPool {
        TailPool::of(fits.into_iter().flat_map(|fit| {
            let named = fit.model.series.iter().zip(&fit.tails);
            named.flat_map(|(series, tails)| tails.iter().map(|t| (series.metric.as_str(), t)))
        }))
    }

    /// The cycles of rows, as the model sees them.
    pub fn residuals(&self, rows: &Rows, metrics: &MetricSet, calendar: &Calendar) -> Residuals {
        Residuals::of(&self.model, calendar, metrics, rows)
    }

    /// The model, with the pool's help; its threshold is not set.
    pub fn finish(&self, pool: &TailPool) -> ResidualModel {
        let mut model = self.model.clone();
        for (series, tails) in model.series.iter_mut().zip(&self.tails) {
            series.tails = tails.iter().map(|tail| tail.finish(&series.metric, pool)).collect();
        }
        model
    }
}

/// The past of one metric.
struct SeriesRows<'a> {
    rows: &'a Rows,
    moments: &'a [Moment],
    index: usize,
    traffic: usize,
    /// Days of history.
    days: f32,
}

impl SeriesRows<'_> {
    /// A model without tails, and with the noise around the season alone.
    fn model(&self, metric: &MetricDefinition) -> Option<SeriesModel> {
        if finite(self.rows.columns.get(self.index)?) < CYCLES_MIN {
            return None;
        }
        let form = Form::of(metric);
        let season = match form {
            Form::ErrorShare => self.share_season(),
            _ => self.season(form),
        };
        Some(SeriesModel {
            metric: metric.name.clone(),
            form,
            is_traffic: self.index == self.traffic,
            sides: watched_sides(metric),
            season,
            noise: Noise { own: 1.0, factor: 0.0 },
            z_quantiles: [0.0; Z_PERCENTILES.len()],
            tails: Vec::new(),
        })
    }

    fn season(&self, form: Form) -> Season {
        let points = (0..self.rows.len()).map(|row| {
            let (value, count) = self.value_and_count(form, row);
            (self.moments[row], form.transform(value, count))
        });
        let past: Vec<(Moment, f64)> = points.filter(|(_, y)| y.is_finite()).collect();
        match self.days {
            days if days < DAY_DAYS => Season::constant(&past),
            days if days < WEEK_DAYS => Season::day(&past),
            _ => Season::week(&past, self.rows.width_s),
        }
    }

    fn share_season(&self) -> Season {
        let points = (0..self.rows.len()).map(|row| {
            let (value, count) = self.value_and_count(Form::ErrorShare, row);
            (self.moments[row], value.clamp(0.0, 1.0) * count, count)
        });
        let is_known = |(_, failures, count): &(Moment, f64, f64)| {
            failures.is_finite() && count.is_finite() && *count > 0.0
        };
        let past: Vec<(Moment, f64, f64)> = points.filter(is_known).collect();
        Season::shares(&past, self.days >= WEEK_DAYS)
    }

    fn value_and_count(&self, form: Form, row: usize) -> (f64, f64) {
        let value = self.rows.columns[self.index][row];
        let rate = if form == Form::Rate { value } else { self.rows.columns[self.traffic][row] };
        (value, rate * self.rows.width_s as f64)
    }
}

/// Fits the noise around the season, and with the levels that follow from it once more around
/// season and level.
fn refit_noise(model: &mut ResidualModel, calendar: &Calendar, metrics: &MetricSet, rows: &Rows) {
    for is_first in [true, false] {
        let residuals = Residuals::of(model, calendar, metrics, rows);
        for at in 0..model.series.len() {
            let levels = match is_first {
                true => vec![0.0; residuals.len()],
                false => levels(&residuals, at, 0..residuals.len()),
            };
            let form = model.series[at].form;
            let points = &residuals.series()[at];
            let deviations = (0..residuals.len()).map(|index| {
                let usual = f64::from(points.usual[index]);
                let unit = form.unit_variance(usual, residuals.count(at, form, index));
                (f64::from(points.residuals[index]) - levels[index], unit)
            });
            let is_known = |(u, unit): &Deviation| u.is_finite() && unit.is_finite();
            let deviations: Vec<Deviation> = deviations.filter(is_known).collect();
            model.series[at].noise = Noise::fit(form, &deviations);
        }
    }
}

/// Makes room for a day that was not seen: it lies wider around the mean of `d` days than these
/// do, with `1 + 1/d` times the variance (the prediction interval of a mean).
fn widen(model: &mut ResidualModel) {
    let days = model.history_days.max(1.0);
    for series in model.series.iter_mut().filter(|it| matches!(it.season, Season::Week(_))) {
        series.noise.own *= 1.0 + 1.0 / days;
    }
}

/// The tails of each series, and its quantiles of z.
fn fit_tails(
    model: &mut ResidualModel,
    calendar: &Calendar,
    metrics: &MetricSet,
    rows: &Rows,
) -> Vec<Vec<OwnTail>> {
    let residuals = Residuals::of(model, calendar, metrics, rows);
    let standardised = Standardised::of(model, &residuals, 0..residuals.len());
    let mut tails = Vec::with_capacity(model.series.len());
    for at in 0..model.series.len() {
        let z = standardised.z(at, 0..residuals.len());
        model.series[at].z_quantiles = z_quantiles(z);
        let sides = model.series[at].sides;
        let sides = Side::BOTH.into_iter().filter(|side| side.is_in(sides));
        let of_z = sides.flat_map(|side| side_tails(model, &residuals, z, side));
        tails.push(of_z.chain(pooled_tail(model, &residuals, &standardised, at)).collect());
    }
    tails
}

fn side_tails(model: &ResidualModel, residuals: &Residuals, z: &[f64], side: Side) -> Vec<OwnTail> {
    let mut columns: [Vec<f64>; 3] = std::array::from_fn(|_| Vec::with_capacity(z.len()));
    for index in 0..z.len() {
        let recent = &z[residuals.recent(index, Z_CYCLES)];
        let values = statistics(recent, side.sign(), model.is_coarse());
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
    }
    let fit = |(statistic, column): (Statistic, &Vec<f64>)| {
        OwnTail::fit(side, statistic, column, model.cycle())
    };
    Statistic::ALL.into_iter().zip(&columns).filter_map(fit).collect()
}

/// The tail of failures that are put together; `None` where there are requests enough.
fn pooled_tail(
    model: &ResidualModel,
    residuals: &Residuals,
    standardised: &Standardised,
    at: usize,
) -> Option<OwnTail> {
    let value = |index: usize| {
        pooled(model, residuals, at, index, standardised.level(at, index))
            .map_or(f64::NAN, |it| it.z)
    };
    let values: Vec<f64> = (0..residuals.len()).map(value).collect();
    OwnTail::fit(Side::Up, Statistic::Pooled, &values, model.cycle())
}

fn z_quantiles(z: &[f64]) -> [f32; Z_PERCENTILES.len()] {
    let mut sorted: Vec<f64> = z.iter().copied().filter(|z| z.is_finite()).collect();
    stats::sort(&mut sorted);
    Z_PERCENTILES.map(|percent| quantile_sorted(&sorted, percent / 100.0).unwrap_or(0.0) as f32)
}

fn finite(column: &[f64]) -> usize {
    column.iter().filter(|value| value.is_finite()).count()
}

/// Hours with at least one row, in days.
fn history_days(rows: &Rows) -> f32 {
    let mut hours: Vec<i64> = rows.times_s.iter().map(|at| (at - 1).div_euclid(3600)).collect();
    hours.dedup();
    let per_row = (rows.width_s as f64 / 3600.0).max(1.0);
    (hours.len() as f64 * per_row / 24.0) as f32
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
