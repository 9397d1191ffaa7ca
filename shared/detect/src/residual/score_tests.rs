use domain::{Calendar, MetricSet};
use proptest::prelude::*;

use super::super::residuals::window_s;
use super::super::testing::{month, multiplied, trained, trained_month, uniform};
use super::*;
use crate::rows::Rows;

fn residuals(model: &ResidualModel, rows: &Rows) -> Residuals {
    Residuals::of(model, &Calendar::utc(), &MetricSet::five(), rows)
}

/// The month with its last cycles multiplied, under the model of the month as it was.
fn hit(metric: usize, cycles: usize, factor: f64) -> ServiceEvidence {
    let (rows, model) = trained_month();
    let rows = multiplied(rows, metric, rows.len() - cycles..rows.len(), factor);
    score_window(model, &residuals(model, &rows)).unwrap()
}

#[test]
fn a_usual_cycle_is_nothing() {
    let evidence = hit(0, 0, 1.0);
    assert!(evidence.score < 0.3, "{evidence:?}");
    assert_eq!(evidence.series.len(), 6);
}

#[test]
fn two_cycles_of_errors_are_an_incident_and_one_is_not() {
    assert!(hit(4, 1, 20.0).score <= 0.0);
    let evidence = hit(4, 2, 20.0);
    let leading = evidence.leading().unwrap();
    assert!(evidence.score > 3.0 && leading.score == evidence.score, "{evidence:?}");
    assert_eq!((leading.metric.as_str(), leading.side), ("error_rate", Side::Up));
    assert_eq!(leading.symptom, Symptom::Errors);
    assert_eq!(leading.percentile, 100.0);
}

#[test]
fn a_fall_of_the_rate_counts_and_a_fall_of_latency_does_not() {
    let evidence = hit(0, 3, 0.3);
    assert_eq!(evidence.leading().map(|s| s.symptom), Some(Symptom::RateDown));
    assert!(evidence.score > 1.5);
    assert!(hit(1, 3, 0.3).score <= 0.3);
}

#[test]
fn what_is_far_out_and_small_is_held_back() {
    // A tenth more of 12 ms is two sigma for a long time, and less than three milliseconds.
    let evidence = hit(3, 30, 1.22);
    let database = evidence.series.iter().find(|s| s.metric == "database_latency").unwrap();
    assert!(database.z > 3.0 && database.score <= 0.0, "{database:?}");
}

#[test]
fn what_is_held_back_is_ranked_below_what_is_not() {
    // Of the metric itself: what is usual of another one may rank higher than a mild one of this.
    let ranking = |cycles: usize, factor: f64| {
        let evidence = hit(4, cycles, factor);
        let errors = evidence.series.iter().find(|it| it.metric == "error_rate").unwrap();
        assert!(evidence.ranking >= errors.ranking);
        errors.ranking
    };
    let (usual, one, more) = (ranking(0, 1.0), ranking(1, 3.0), ranking(1, 20.0));
    assert!(usual < one && one < more && more < HELD_MAX, "{usual} {one} {more}");
    let open = hit(4, 2, 20.0);
    assert_eq!(open.ranking, open.score);
}

#[test]
fn without_data_there_is_no_evidence() {
    let (rows, model) = trained_month();
    let nothing = residuals(model, &Rows { width_s: 120, ..Rows::default() });
    assert_eq!(score_window(model, &nothing), None);
    assert_eq!(replay(model, &nothing, i64::MIN), []);
    assert_eq!(recent_symptoms(model, &nothing, 0), None);
    let all = residuals(model, rows);
    assert_eq!(score_at(model, &all, rows.times_s[9] + 1), None);
    assert!(score_at(model, &all, rows.times_s[0]).unwrap().series.is_empty());
}

#[test]
fn symptoms_are_the_best_of_fourteen_minutes() {
    let (rows, model) = trained_month();
    let count = rows.len();
    let rows = multiplied(rows, 4, count - 9..count - 6, 20.0);
    let all = residuals(model, &rows);
    let recent = |row: usize| recent_symptoms(model, &all, rows.times_s[row]).unwrap();
    let at = |row: usize| recent(row).scores.has(Symptom::Errors);
    assert!(!at(count - 10) && at(count - 7) && at(count - 1));
    let all = replay(model, &all, rows.times_s[count - 1] - 840);
    assert_eq!(all.len(), 7);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// A window of the documented length, a longer one and the replay of a month say the same, to
    /// the last bit, whatever is missing.
    #[test]
    fn a_window_says_what_a_replay_says(
        seed in 0u64..1000,
        missing in 0.0f64..0.5,
        width_s in prop::sample::select(vec![120i64, 300]),
    ) {
        let mut rows = month(width_s).split_at(9 * 86_400 / width_s as usize).0;
        for (index, column) in rows.columns.iter_mut().enumerate() {
            let gone = |row: &usize| uniform(seed * 31 + (row / 40 * 5 + index) as u64) < missing;
            for row in (0..column.len()).filter(gone) {
                column[row] = f64::NAN;
            }
        }
        let rows = multiplied(&rows, 1, 2000..2030, 1.5);
        let model = trained(&rows);
        let all = replay(&model, &residuals(&model, &rows), i64::MIN);
        prop_assert_eq!(all.len(), rows.len());
        for evidence in all.iter().skip(700).step_by(331) {
            let from = evidence.at_s - window_s(width_s);
            let part = rows.filter(|time| time > from && time <= evidence.at_s);
            let cold = score_window(&model, &residuals(&model, &part));
            prop_assert_eq!(format!("{:?}", cold.as_ref()), format!("{:?}", Some(evidence)));
        }
    }
}
