use domain::config::valid::Bounds;
use domain::{MetricDefinition, Series};

use super::*;
use crate::evidence::{self, WindowSpan};
use crate::residual::testing::{month, trained_month};

const BOUNDS: Bounds = Bounds { request_rate_max: 1e6, latency_ms_max: 3e5 };

fn samples_of(rows: &Rows) -> ServiceSamples {
    let series = |column: &Vec<f64>| {
        let pairs = rows.times_s.iter().copied().zip(column.iter().copied()).collect();
        Some(Series::from_samples(pairs))
    };
    ServiceSamples { series: rows.columns.iter().map(series).collect() }
}

fn last(samples: &ServiceSamples, after_s: i64, until_s: i64) -> ServiceSamples {
    let cut = |series: &Option<Series>| {
        Some(Series::from_samples(series.as_ref()?.between(after_s, until_s).collect()))
    };
    ServiceSamples { series: samples.series.iter().map(cut).collect() }
}

/// The features of a cycle in service, from the samples that service reads, are those of training.
#[track_caller]
fn check_parity(
    model: &EvidenceModel,
    table: &FeatureTable,
    samples: &ServiceSamples,
    metrics: &MetricSet,
) {
    let calendar = Calendar::utc();
    let count = table.len();
    for at in (count / 2..count).step_by(997).chain([count - 1]) {
        let at_s = table.times_s[at];
        let read = last(samples, at_s - model.window_s(), at_s);
        let mut window = model.empty_window();
        let span = WindowSpan { at_s, settled_s: at_s };
        window.extend(model, &read, metrics, &BOUNDS, &calendar, span);
        let served = Features::of(model, &window, &read, metrics, at_s);
        let trained: Vec<(&str, u32)> = table
            .names
            .iter()
            .zip(&table.columns)
            .filter(|(_, column)| column[at].is_finite())
            .map(|(name, column)| (name.as_str(), column[at].to_bits()))
            .collect();
        let served: Vec<(&str, u32)> =
            served.each.iter().map(|it| (it.name.as_str(), it.value.to_bits())).collect();
        assert!(!trained.is_empty());
        assert_eq!(served, trained, "cycle {at}");
    }
}

#[test]
fn deviations_in_service_are_those_of_training_bit_for_bit() {
    let (rows, model) = trained_month();
    let metrics = MetricSet::five();
    let table = FeatureTable::of_cycles(model, &Calendar::utc(), &metrics, rows);
    assert_eq!(table.names.len(), 5);
    check_parity(&EvidenceModel::Residual(model.clone()), &table, &samples_of(rows), &metrics);
}

#[test]
fn moves_in_service_are_those_of_training_bit_for_bit() {
    let rows = month(300);
    let names = ["a", "b", "c", "d", "e"];
    let metrics = MetricSet::new(names.map(MetricDefinition::guess).to_vec()).unwrap();
    let samples = samples_of(&rows);
    let span = (rows.times_s[0] - 300, *rows.times_s.last().unwrap());
    let fit = evidence::fit(&samples, &metrics, &BOUNDS, &Calendar::utc(), span, 300);
    let (fit, material) = fit.unwrap();
    let model = fit.finish(&evidence::pool(&[])).0;
    let table = FeatureTable::of(&model, &material, &metrics, &Calendar::utc());
    assert_eq!(table.names[..4], ["a@15m", "a@1h", "a@6h", "b@15m"]);
    check_parity(&model, &table, &samples, &metrics);
}

#[test]
fn a_deviation_says_what_is_usual_in_the_metric_s_unit() {
    let (rows, model) = trained_month();
    let metrics = MetricSet::five();
    let residuals = Residuals::of(model, &Calendar::utc(), &metrics, rows);
    let found = Features::of_newest(model, &residuals, *rows.times_s.last().unwrap());
    let last = rows.len() - 1;
    for (metric, column) in metrics.iter().zip(&rows.columns) {
        let feature = found.get(&metric.name).unwrap();
        let ratio = column[last] / feature.usual;
        assert!((0.5..2.0).contains(&ratio), "{}: {ratio}", metric.name);
        assert!(feature.value.abs() < 6.0, "{feature:?}");
    }
    assert_eq!(found.only("error_rate").each.len(), 1);
}

#[test]
fn a_window_without_a_recent_cycle_has_no_features() {
    let (rows, model) = trained_month();
    let residuals = Residuals::of(model, &Calendar::utc(), &MetricSet::five(), rows);
    let late = rows.times_s.last().unwrap() + 400;
    assert_eq!(Features::of_newest(model, &residuals, late), Features::default());
}
