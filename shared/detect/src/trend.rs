//! How a metric came to where it is: suddenly, or has it been like this; and does it rise steadily.
//!
//! Words like "sudden" and "gradual" are said only where the last hours show it.

use domain::MetricSet;
use domain::config::valid::Bounds;

use crate::rows::{ServiceSamples, observe};

/// The recent past of all metrics of a service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trends {
    names: Vec<String>,
    trends: Vec<Trend>,
}

/// The recent past of one metric; `None` where the past is too short or has no value.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Trend {
    /// Relative change against a quarter of an hour ago, and an hour ago: 0.5 is half more.
    pub change_15m: Option<f64>,
    pub change_1h: Option<f64>,
    /// It has been rising for two hours.
    pub is_rising: Option<bool>,
}

/// How an anomaly began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onset {
    /// Within the last quarter of an hour.
    Sudden,
    /// Before that.
    Sustained,
}

/// Width of the windows that are compared.
const WIDTH_S: i64 = 300;
const QUARTER_S: i64 = 900;
const HOUR_S: i64 = 3600;
/// Points of two hours.
const POINTS: usize = 24;
/// Points that must be there to speak of a rise.
const POINTS_MIN: usize = 18;
/// Relative change within a quarter of an hour that is sudden.
const SUDDEN: f64 = 0.5;
/// Normal deviate of a two-sided test at 1 %.
const RISING_Z: f64 = 2.576;
/// A rise from the first half hour to the last that counts, relative.
const RISE_MIN: f64 = 0.1;
/// Share of the whole rise that each half hour must bring. A step brings all of it in one.
const STEADY_SHARE: f64 = 0.1;

impl Trends {
    /// The trends at `at_s`. Windows are those of an observation, five minutes or one sample wide.
    pub fn of(
        samples: &ServiceSamples,
        metrics: &MetricSet,
        bounds: &Bounds,
        at_s: i64,
        row_width_s: i64,
    ) -> Trends {
        let width_s = row_width_s.max(WIDTH_S);
        let at = |ago_s: i64| observe(samples, metrics, bounds, at_s - ago_s, width_s).0.values;
        let (now, quarter, hour) = (at(0), at(QUARTER_S), at(HOUR_S));
        let past: Vec<Vec<Option<f64>>> =
            (0..POINTS as i64).rev().map(|step| at(step * WIDTH_S)).collect();
        let trend = |index: usize| {
            let points: Vec<Option<f64>> = past.iter().map(|values| values[index]).collect();
            Trend {
                change_15m: change(quarter[index], now[index]),
                change_1h: change(hour[index], now[index]),
                is_rising: if width_s == WIDTH_S { is_rising(&points) } else { None },
            }
        };
        Trends {
            names: metrics.iter().map(|metric| metric.name.clone()).collect(),
            trends: (0..metrics.len()).map(trend).collect(),
        }
    }

    /// The trend of a metric; nothing known of one that is not there.
    pub fn metric(&self, name: &str) -> Trend {
        let index = self.names.iter().position(|known| known == name);
        index.map_or(Trend::default(), |index| self.trends[index])
    }
}

impl Trend {
    /// How a move to the high or low side began.
    pub fn onset(&self) -> Option<Onset> {
        let is_sudden = self.change_15m?.abs() >= SUDDEN;
        Some(if is_sudden { Onset::Sudden } else { Onset::Sustained })
    }
}

impl Onset {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Onset::Sudden => "sudden",
            Onset::Sustained => "sustained",
        }
    }
}

/// Relative change; from nothing to something it has no size, and counts as a doubling.
fn change(before: Option<f64>, now: Option<f64>) -> Option<f64> {
    let (before, now) = (before?, now?);
    match before {
        0.0 if now > 0.0 => Some(1.0),
        0.0 => Some(0.0),
        before => Some((now - before) / before.abs()),
    }
}

/// Mann-Kendall's test at 1 %, and every half hour above the one before by its part.
fn is_rising(points: &[Option<f64>]) -> Option<bool> {
    let present: Vec<f64> = points.iter().flatten().copied().collect();
    if present.len() < POINTS_MIN {
        return None;
    }
    let blocks: Vec<f64> = points
        .chunks(POINTS / 4)
        .filter_map(|block| {
            let values: Vec<f64> = block.iter().flatten().copied().collect();
            stats::median(&values)
        })
        .collect();
    let (first, last) = (*blocks.first()?, *blocks.last()?);
    let rise = last - first;
    let is_steady =
        blocks.len() == 4 && blocks.windows(2).all(|pair| pair[1] - pair[0] >= STEADY_SHARE * rise);
    let is_large = rise > 0.0 && rise >= RISE_MIN * first.abs();
    Some(is_large && is_steady && mann_kendall(&present) >= RISING_Z)
}

/// Mann's statistic against trend, standardised; positive is rising. Ties count as no move.
fn mann_kendall(values: &[f64]) -> f64 {
    let mut rises = 0.0;
    for (index, early) in values.iter().enumerate() {
        for late in &values[index + 1..] {
            rises += f64::from(i8::from(late > early) - i8::from(late < early));
        }
    }
    let n = values.len() as f64;
    let variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
    rises / libm::sqrt(variance)
}

#[cfg(test)]
mod tests {
    use domain::Series;

    use super::*;

    const AT_S: i64 = 1_775_000_000 / 300 * 300;

    /// The trend of a latency whose value is a function of the minutes before now.
    fn trend(value: impl Fn(i64) -> f64) -> Trend {
        let metrics = MetricSet::new(vec![domain::MetricDefinition::guess("application_latency")]);
        let metrics = metrics.unwrap();
        let minutes = (0..180).rev();
        let series = Series {
            times_s: minutes.clone().map(|ago| AT_S - ago * 60).collect(),
            values: minutes.map(value).collect(),
        };
        let samples = ServiceSamples { series: vec![Some(series)] };
        let bounds = crate::testing::detection().bounds;
        Trends::of(&samples, &metrics, &bounds, AT_S, 300).metric("application_latency")
    }

    fn noise(ago: i64) -> f64 {
        ((ago * 7919) % 1009) as f64 / 1009.0
    }

    #[test]
    fn a_step_is_sudden_first_and_sustained_later() {
        let step = |since: i64| move |ago: i64| if ago < since { 300.0 } else { 100.0 };
        assert_eq!(trend(step(8)).onset(), Some(Onset::Sudden));
        assert_eq!(trend(step(30)).onset(), Some(Onset::Sustained));
        assert!((trend(step(30)).change_1h.unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(trend(|_| 100.0).onset(), Some(Onset::Sustained));
    }

    #[test]
    fn only_a_steady_rise_over_two_hours_is_one() {
        let rising = |value: &dyn Fn(i64) -> f64| trend(value).is_rising;
        assert_eq!(rising(&|ago| 300.0 - ago as f64 + 8.0 * noise(ago)), Some(true));
        for since in [10, 30, 45, 60, 75, 90, 105] {
            let step = |ago: i64| if ago < since { 300.0 } else { 100.0 + 5.0 * noise(ago) };
            assert_eq!(rising(&step), Some(false), "a step {since} minutes ago");
        }
        assert_eq!(rising(&|ago| 100.0 + ago as f64), Some(false));
        assert_eq!(rising(&|ago| 100.0 + 30.0 * noise(ago)), Some(false));
        assert_eq!(rising(&|_| 100.0), Some(false));
    }

    #[test]
    fn a_short_past_says_nothing() {
        let short = |ago: i64| if ago < 20 { 100.0 + (20 - ago) as f64 } else { f64::NAN };
        let found = trend(short);
        assert_eq!((found.is_rising, found.change_1h), (None, None));
        assert!(found.change_15m.is_some());
        assert_eq!(Trends::default().metric("application_latency").onset(), None);
    }
}
