//! How good the training data of a service is, before it is cut into periods.

use domain::{MetricKind, MetricSet};
use serde::{Deserialize, Serialize};
use stats::quantile_sorted;

use crate::rows::Rows;
use crate::stationarity::Stationarity;

/// Clean values that make a metric usable.
const USABLE_ROWS_MIN: usize = 500;
/// One value more common than this makes a metric constant.
const CONSTANT_SHARE: f64 = 0.9;
/// A hole longer than this is a gap.
const GAP_S: i64 = 1800;
/// A move between the halves of the history that is worth a word.
const HALF_SHIFT_SIGMAS: f64 = 1.0;
/// Gaps that a report lists.
const GAPS_LISTED_MAX: usize = 10;

/// A grade, A best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    A,
    B,
    C,
    D,
    F,
}

/// Quality of one metric's training values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricQuality {
    pub name: String,
    pub values: u32,
    /// Of the rows in which the metric is defined.
    pub missing_share: f64,
    /// Beyond 1.5 interquartile ranges.
    pub outlier_share: f64,
    pub zero_share: f64,
    pub is_constant: bool,
    /// Mostly zero, and zero is normal for it: neither constant nor unusable in a bad sense.
    pub is_resting: bool,
    pub is_usable: bool,
    pub is_expected: bool,
    /// Independent values that the values are worth: neighbours resemble each other.
    #[serde(default)]
    pub effective_values: f64,
    /// Robust deviations by which the second half of the history lies above the first.
    #[serde(default)]
    pub half_shift_sigmas: Option<f64>,
}

/// A hole in the data, epoch seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub after_s: i64,
    pub before_s: i64,
}

/// Quality of a service's training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityReport {
    /// 0 to 100.
    pub score: f64,
    pub grade: Grade,
    /// Rows with data, of the rows that the span could hold.
    pub coverage: f64,
    pub gap_count: u32,
    /// The first ten.
    pub gaps: Vec<Gap>,
    pub metrics: Vec<MetricQuality>,
    /// What to do about it.
    pub recommendations: Vec<String>,
}

/// Judges the rows of a service. `expected` are the metrics that it ought to have.
pub fn judge(rows: &Rows, metrics: &MetricSet, expected: &[String]) -> QualityReport {
    let each: Vec<MetricQuality> = metrics
        .iter()
        .enumerate()
        .map(|(index, metric)| {
            let is_expected = expected.contains(&metric.name);
            judge_metric(rows, metrics, index, is_expected)
        })
        .filter(|quality| quality.values > 0 || quality.is_expected)
        .collect();
    let gaps = find_gaps(rows);
    let coverage = coverage(rows);
    let score = score(&each, coverage, gaps.len());
    QualityReport {
        score,
        grade: grade(score),
        coverage,
        gap_count: gaps.len() as u32,
        recommendations: recommend(&each, coverage, gaps.len()),
        gaps: gaps.into_iter().take(GAPS_LISTED_MAX).collect(),
        metrics: each,
    }
}

/// The metrics that a service has in at least 5 % of its rows: what to expect of it when nobody
/// says otherwise.
pub fn present_metrics(rows: &Rows, metrics: &MetricSet) -> Vec<String> {
    const PRESENT_SHARE: f64 = 0.05;
    let present = |column: &Vec<f64>| {
        let values = column.iter().filter(|value| value.is_finite()).count();
        !column.is_empty() && values as f64 >= PRESENT_SHARE * column.len() as f64
    };
    let pairs = metrics.iter().zip(&rows.columns);
    pairs.filter(|(_, column)| present(column)).map(|(metric, _)| metric.name.clone()).collect()
}

fn judge_metric(
    rows: &Rows,
    metrics: &MetricSet,
    index: usize,
    is_expected: bool,
) -> MetricQuality {
    let metric = metrics.get(index).expect("the index comes from the same set");
    let column = &rows.columns[index];
    let defined = defined_rows(rows, metrics, metric.kind);
    let mut values: Vec<f64> = column.iter().copied().filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    let zeros = values.iter().filter(|value| **value == 0.0).count();
    let is_constant = commonest(&values) as f64 > CONSTANT_SHARE * values.len() as f64;
    let all_equal = values.first() == values.last();
    let Stationarity { effective_values, half_shift_sigmas } =
        Stationarity::of(&rows.times_s, column);
    MetricQuality {
        effective_values,
        half_shift_sigmas,
        name: metric.name.clone(),
        values: values.len() as u32,
        missing_share: 1.0 - share(values.len().min(defined), defined),
        outlier_share: share(outliers(&values), values.len()),
        zero_share: share(zeros, values.len()),
        is_constant,
        is_resting: metric.zero_is_normal && share(zeros, values.len()) > 0.5,
        is_usable: values.len() >= USABLE_ROWS_MIN && !all_equal,
        is_expected,
    }
}

/// Rows in which a metric of this kind can have a value: latency and shares need traffic.
fn defined_rows(rows: &Rows, metrics: &MetricSet, kind: MetricKind) -> usize {
    match (kind, metrics.traffic_index()) {
        (MetricKind::Latency | MetricKind::Ratio, Some(traffic)) => {
            rows.columns[traffic].iter().filter(|rate| **rate > 0.0).count()
        }
        _ => rows.len(),
    }
}

/// How often the most common value occurs. `values` are sorted.
fn commonest(values: &[f64]) -> usize {
    values.chunk_by(|a, b| a == b).map(<[f64]>::len).max().unwrap_or(0)
}

fn outliers(sorted: &[f64]) -> usize {
    let (Some(q1), Some(q3)) = (quantile_sorted(sorted, 0.25), quantile_sorted(sorted, 0.75))
    else {
        return 0;
    };
    let reach = 1.5 * (q3 - q1);
    sorted.iter().filter(|value| **value < q1 - reach || **value > q3 + reach).count()
}

fn find_gaps(rows: &Rows) -> Vec<Gap> {
    let limit = GAP_S.max(2 * rows.width_s);
    let pairs = rows.times_s.windows(2).filter(|pair| pair[1] - pair[0] > limit);
    pairs.map(|pair| Gap { after_s: pair[0], before_s: pair[1] }).collect()
}

fn coverage(rows: &Rows) -> f64 {
    match (rows.times_s.first(), rows.times_s.last()) {
        (Some(first), Some(last)) => {
            rows.len() as f64 / ((last - first) / rows.width_s.max(1) + 1) as f64
        }
        _ => 0.0,
    }
}

fn score(each: &[MetricQuality], coverage: f64, gaps: usize) -> f64 {
    let missing = each.iter().filter(|m| m.is_expected && m.values == 0).count();
    let thin = if coverage < 0.8 { 0.3 * (80.0 - 100.0 * coverage) } else { 0.0 };
    let gaps = (3.0 * gaps as f64).min(15.0);
    let penalties: f64 = each.iter().filter(|m| m.values > 0).map(penalty).sum();
    (100.0 - 10.0 * missing as f64 - thin - gaps - penalties).clamp(0.0, 100.0)
}

fn penalty(metric: &MetricQuality) -> f64 {
    let rests = metric.is_resting;
    let mut points = 0.0;
    if !metric.is_usable && !rests {
        points += 15.0;
    }
    if metric.is_constant && !rests {
        points += 10.0;
    }
    if metric.missing_share > 0.05 {
        points += (50.0 * metric.missing_share).min(10.0);
    }
    if metric.outlier_share > 0.10 && !rests {
        points += (20.0 * metric.outlier_share).min(5.0);
    }
    points
}

fn grade(score: f64) -> Grade {
    match score {
        s if s >= 90.0 => Grade::A,
        s if s >= 80.0 => Grade::B,
        s if s >= 70.0 => Grade::C,
        s if s >= 50.0 => Grade::D,
        _ => Grade::F,
    }
}

fn recommend(each: &[MetricQuality], coverage: f64, gaps: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut names = |keep: &dyn Fn(&MetricQuality) -> bool, text: &str| {
        let found: Vec<&str> = each.iter().filter(|m| keep(m)).map(|m| m.name.as_str()).collect();
        if !found.is_empty() {
            out.push(format!("{text}: {}", found.join(", ")));
        }
    };
    names(&|m| m.is_expected && m.values == 0, "expected metrics without data");
    names(&|m| m.values > 0 && !m.is_usable && !m.is_resting, "too few or constant values");
    names(&|m| m.values > 0 && m.missing_share > 0.10, "more than 10 % of the values missing");
    let has_moved = |m: &MetricQuality| {
        m.half_shift_sigmas.is_some_and(|sigmas| sigmas.abs() > HALF_SHIFT_SIGMAS)
    };
    names(&|m| !m.is_resting && has_moved(m), "another level in the second half of the history");
    if coverage < 0.8 {
        out.push(format!("only {:.0} % of the time has data", 100.0 * coverage));
    }
    if gaps > 3 {
        out.push(format!("{gaps} gaps longer than 30 minutes"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: i64, missing_latency: impl Fn(i64) -> bool) -> Rows {
        let times_s: Vec<i64> = (1..=count).map(|i| i * 300).collect();
        let wave = |i: i64| 10.0 + (i % 97) as f64;
        let mut columns = vec![vec![f64::NAN; count as usize]; 5];
        columns[0] = (1..=count).map(wave).collect();
        columns[1] =
            (1..=count).map(|i| if missing_latency(i) { f64::NAN } else { wave(i * 7) }).collect();
        columns[4] = vec![0.0; count as usize];
        Rows { times_s, columns, width_s: 300 }
    }

    #[test]
    fn full_data_is_an_a_and_resting_errors_cost_nothing() {
        let rows = rows(8640, |_| false);
        let metrics = MetricSet::five();
        let expected = present_metrics(&rows, &metrics);
        assert_eq!(expected, ["request_rate", "application_latency", "error_rate"]);
        let report = judge(&rows, &metrics, &expected);
        assert_eq!((report.score, report.grade), (100.0, Grade::A), "{report:?}");
        assert!(report.recommendations.is_empty());
    }

    #[test]
    fn holes_cost_points_and_are_named() {
        let mut rows = rows(2000, |i| i % 5 == 0);
        rows = rows.filter(|t| t / 300 % 400 >= 60);
        let report = judge(&rows, &MetricSet::five(), &["database_latency".to_owned()]);
        assert_eq!(report.gap_count, 4);
        assert_eq!(report.metrics.iter().filter(|m| m.is_expected).count(), 1);
        insta::assert_snapshot!(
            format!("{:.1} {:?}\n{}", report.score, report.grade, report.recommendations.join("\n")),
            @r"
        68.0 D
        expected metrics without data: database_latency
        more than 10 % of the values missing: application_latency
        4 gaps longer than 30 minutes
        "
        );
    }

    #[test]
    fn a_level_that_moved_is_named_and_nights_are_no_gaps() {
        let mut rows = rows(8640, |_| false);
        let half = rows.len() / 2;
        rows.columns[1][half..].iter_mut().for_each(|value| *value += 200.0);
        let report = judge(&rows, &MetricSet::five(), &[]);
        assert_eq!(
            report.recommendations,
            ["another level in the second half of the history: application_latency"]
        );
        assert_eq!((report.gap_count, report.coverage), (0, 1.0));
        assert!(report.metrics.iter().all(|metric| metric.effective_values > 100.0));
    }

    #[test]
    fn nothing_at_all_is_an_f() {
        let empty = Rows { columns: vec![vec![]; 5], width_s: 300, ..Rows::default() };
        let expected: Vec<String> = MetricSet::five().iter().map(|m| m.name.clone()).collect();
        assert_eq!(judge(&empty, &MetricSet::five(), &expected).grade, Grade::F);
    }
}
