use domain::{Calendar, MetricSet};

use super::super::score::{ServiceEvidence, replay};
use super::super::statistic::Statistic;
use super::super::testing::{month, trained, uniform};
use super::*;
use crate::rows::Rows;

const PER_SECOND: f64 = 0.02;
const SHARE: f64 = 0.01;

/// A month of a service with hardly any requests: rate and share of failures from whole counts.
fn sparse_month(per_second: f64) -> Rows {
    let mut rows = month(120);
    for row in 0..rows.len() {
        let requests = poisson(per_second * 120.0, 2 * row as u64);
        let fails = |k: &u64| uniform(1_000_003 * (row as u64 + 1) + k) < SHARE;
        let failures = (0..requests).filter(fails).count();
        rows.columns[0][row] = requests as f64 / 120.0;
        for (metric, column) in rows.columns.iter_mut().enumerate().skip(1) {
            let value = if metric == 4 { failures as f64 / requests as f64 } else { column[row] };
            column[row] = if requests > 0 { value } else { f64::NAN };
        }
    }
    rows
}

fn poisson(mean: f64, salt: u64) -> u64 {
    let (mut left, mut count) = (uniform(salt * 977), 0);
    let mut term = libm::exp(-mean);
    while left > term && count < 1_000 {
        left -= term;
        count += 1;
        term *= mean / count as f64;
    }
    count
}

/// Evidence of the last `cycles` of the month, with so many failures for (cycle, requests).
fn last_cycles(
    per_second: f64,
    cycles: usize,
    failures: impl Fn(usize, f64) -> f64,
) -> Vec<ServiceEvidence> {
    let rows = sparse_month(per_second);
    let model = trained(&rows);
    let mut hit = rows.clone();
    let first = rows.len() - cycles;
    for row in first..rows.len() {
        let requests = 120.0 * rows.columns[0][row];
        if requests > 0.0 {
            hit.columns[4][row] = failures(row - first, requests).min(requests) / requests;
        }
    }
    let residuals = Residuals::of(&model, &Calendar::utc(), &MetricSet::five(), &hit);
    replay(&model, &residuals, rows.times_s[first - 1])
}

#[test]
fn an_hour_of_failures_is_found_among_few_requests() {
    for per_second in [PER_SECOND, 0.005] {
        let evidence = last_cycles(per_second, 30, |_, requests| requests);
        let opened = evidence.iter().position(|cycle| cycle.score >= 1.5);
        assert!(opened.is_some_and(|cycle| cycle < 25), "{per_second}: {opened:?}");
        let newest = evidence.last().unwrap();
        let leading = newest.leading().unwrap();
        assert_eq!((leading.metric.as_str(), leading.statistic), ("error_rate", Statistic::Pooled));
        assert!(leading.effect.cycles == 30 && leading.effect.value > 0.5, "{leading:?}");
    }
}

#[test]
fn one_failure_or_two_never_open() {
    for per_second in [PER_SECOND, 0.005] {
        // The first cycles with requests fail once each; none follows.
        let failed = std::cell::Cell::new(0.0);
        let evidence = last_cycles(per_second, 40, |_, _| {
            let next = if failed.get() < 2.0 { 1.0 } else { 0.0 };
            failed.set(failed.get() + next);
            next
        });
        assert_eq!(failed.get(), 2.0);
        let highest = evidence.iter().map(|cycle| cycle.score).fold(f64::MIN, f64::max);
        assert!(highest <= 0.3, "{per_second}: {highest}");
    }
}

#[test]
fn what_is_over_is_over() {
    let evidence =
        last_cycles(PER_SECOND, 40, |cycle, requests| if cycle < 30 { requests } else { 0.0 });
    assert!(evidence[29].score >= 1.5);
    assert!(evidence[36].score <= 0.0, "{:?}", evidence[36].leading());
}

#[test]
fn a_failure_after_the_end_does_not_open_it_again() {
    // Twice as many requests as usual, so that chance does not decide what the last ten minutes are.
    let evidence = last_cycles(0.04, 45, |cycle, requests| match cycle {
        0..20 => 0.6 * requests,
        40 => 1.0,
        _ => 0.0,
    });
    assert!(evidence[15].score >= 1.5);
    assert!(evidence[40].score <= 0.3, "{:?}", evidence[40].leading());
}

#[test]
fn a_quiet_month_of_few_requests_opens_nothing() {
    let rows = sparse_month(PER_SECOND);
    let model = trained(&rows);
    let residuals = Residuals::of(&model, &Calendar::utc(), &MetricSet::five(), &rows);
    let opened = replay(&model, &residuals, i64::MIN);
    let opened: Vec<_> = opened.iter().filter(|cycle| cycle.score >= 1.5).collect();
    assert!(opened.is_empty(), "{} {:?}", opened.len(), opened.first());
}

#[test]
fn many_requests_are_not_put_together() {
    let model = trained(&month(120));
    let residuals = Residuals::of(&model, &Calendar::utc(), &MetricSet::five(), &month(120));
    assert_eq!(pooled(&model, &residuals, 4, 500, 0.0), None);
    assert!(model.series[4].tails.iter().all(|tail| tail.statistic != Statistic::Pooled));
}
