//! Tests of training and scoring together.

use domain::Series;
use proptest::prelude::*;

use super::super::grid::Clock;
use super::super::testing::{DAY, Service, at};
use super::super::{GenericModel, Reason, Samples, Silence, explain};
use super::*;

const TODAY: usize = 9 * DAY;
/// (14 / 9)^0.25: what the scores of nine days are divided by.
const HELD_BACK: f64 = 1.116_789_653;

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-5 * (1.0 + expected), "{found} is not {expected}");
}

/// Scores of the recipe's reference implementation, in double precision. It trusts nine days in
/// full; here two weeks are.
#[test]
fn reference_values() {
    let service = Service::ten_days();
    let model = GenericModel::fit(&service.rows(0, TODAY));
    let scores = score_series(&model, &service.rows(0, 10 * DAY), at(TODAY) - 1);
    assert_eq!(scores.len(), DAY);
    for (row, expected) in [
        (0, 0.114_548_983),
        (59, 0.205_174_315),
        (60, 1.606_565_218),
        (61, 1.678_659_206),
        (71, 0.725_613_899),
        (72, 1.201_292_987),
        (200, 3.953_667_514),
        (201, 0.301_553_197),
    ] {
        close(scores[row].score * HELD_BACK, expected);
        assert_eq!(scores[row].stamp_s, at(TODAY + row));
    }
}

#[test]
fn one_metric_is_judged_alone_and_a_short_history_holds_back() {
    let service = Service::ten_days();
    let only = |from, until| vec![service.rows(from, until)[1]];
    let model = GenericModel::fit(&only(0, TODAY));
    let score = |model: &GenericModel, window: &[Samples<'_>], row: usize| {
        score_window(model, window, at(TODAY + row) - 1).samples[0].score
    };
    close(score(&model, &only(0, 10 * DAY), 200) * HELD_BACK, 6.847_953_011);

    let model = GenericModel::fit(&service.rows(8 * DAY, TODAY));
    assert!(model.is_learning() && model.metrics.iter().all(|metric| metric.profile.len() == 1));
    assert_eq!(model.shrink(), 1.4);
    let window = service.rows(8 * DAY, 10 * DAY);
    close(score(&model, &window, 60), 1.102_674_966);
    close(score(&model, &window, 200), 4.123_930_494);
}

#[test]
fn the_published_score_lingers() {
    let service = Service::ten_days();
    let model = GenericModel::fit(&service.rows(0, TODAY));
    let scores = score_series(&model, &service.rows(0, 10 * DAY), at(TODAY) - 1);
    assert!(scores.iter().all(|sample| sample.published >= sample.score));
    assert_eq!(scores[200].published, scores[200].score);
    // Weights 1, 2/3, 4/9, 8/27, 16/81 of the sample itself and the four before it.
    let weights = [81.0, 54.0, 36.0, 24.0, 16.0];
    let sum: f64 = weights.iter().enumerate().map(|(age, w)| w * scores[202 - age].score).sum();
    close(scores[202].published, sum / 211.0);
    assert!(scores[210].published < 0.6);
}

#[test]
fn evidence_tells_what_moved_and_how_far() {
    let service = Service::ten_days();
    let model = GenericModel::fit(&service.rows(0, TODAY));
    let told = |row: usize| {
        let window = service.rows(TODAY + row - 150, TODAY + row + 1);
        let evidence = score_window(&model, &window, at(TODAY + row - 1));
        assert_eq!((evidence.samples.len(), evidence.peak_s), (1, Some(at(TODAY + row))));
        for metric in &evidence.metrics {
            let outside = metric.value < metric.band.0 || metric.value > metric.band.1;
            assert_eq!(outside, metric.quiet_days > crate::generic::THETA, "{metric:?}");
        }
        explain(&evidence)
    };
    insta::assert_snapshot!([told(61), told(200), told(30)].join("\n"), @r"
    share is 0.6121, above 0.3885 expected from the last 6 h (band 0.2132 to 0.5638), 3.1 times the largest move of a quiet day; load is 104, below 126 expected from the last 1 h (band 98.5 to 154), 2.0 times the largest move of a quiet day.
    delay is 44.3, above 5.00 expected from the last 15 min (band -8.70 to 18.7), 7.0 times the largest move of a quiet day.
    load is 116, above 112 expected from the last 6 h (band 84.9 to 139), 0.4 times the largest move of a quiet day.
    ");
}

#[test]
fn a_cycle_is_as_bad_as_its_worst_sample() {
    let service = Service::ten_days();
    let model = GenericModel::fit(&service.rows(0, TODAY));
    let window = service.rows(TODAY, TODAY + 204);
    let evidence = score_window(&model, &window, at(TODAY + 195));
    assert_eq!((evidence.samples.len(), evidence.peak_s), (8, Some(at(TODAY + 200))));
    assert_eq!(evidence.alarm(2.2), Some((at(TODAY + 200), at(TODAY + 200))));
    assert_eq!(evidence.alarm(4.0), None);
    assert!(evidence.score == evidence.samples[4].score && evidence.published >= evidence.score);
    let calm = score_window(&model, &window, at(TODAY + 203));
    assert_eq!((calm.score, calm.samples.len(), calm.metrics.len()), (0.0, 0, 0));
}

#[test]
fn a_constant_metric_is_left_out_and_noted_when_it_moves() {
    let service = Service::ten_days();
    let times: Vec<i64> = (0..TODAY).map(at).collect();
    let mut history = service.rows(0, TODAY);
    let still = vec![7.5; TODAY];
    history.push(Samples { name: "still", times_s: &times, values: &still });
    let few = [1.0, 2.0];
    history.push(Samples { name: "few", times_s: &times[..2], values: &few });
    let model = GenericModel::fit(&history);
    let reasons: Vec<Reason> = model.left_out.iter().map(|left| left.reason).collect();
    assert_eq!(reasons, [Reason::Constant { value: 7.5 }, Reason::TooFewSamples { found: 2 }]);

    let mut window = service.rows(TODAY, TODAY + 20);
    let (times, moved) = ([at(TODAY), at(TODAY + 19)], [7.5, 8.5]);
    window.push(Samples { name: "still", times_s: &times, values: &moved });
    let evidence = score_window(&model, &window, at(TODAY + 18));
    let notes: Vec<String> = evidence.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["still is no longer constant: 8.5 instead of 7.5"]);
    assert!(evidence.score < 1.0);
    window.pop();
    assert!(score_window(&model, &window, at(TODAY + 18)).notes.is_empty());
}

#[test]
fn a_model_that_cannot_judge_says_why() {
    let service = Service::ten_days();
    let check = |history: &[Samples<'_>], expected: Silence| {
        let model = GenericModel::fit(history);
        let evidence = score_window(&model, &service.rows(TODAY, 10 * DAY), at(TODAY));
        assert_eq!(evidence.silence, Some(expected));
        assert_eq!((evidence.score, evidence.samples.len()), (0.0, 0));
        assert_eq!(explain(&evidence), format!("{expected}."));
    };
    check(&[], Silence::TooFewSamples { found: 0 });
    check(&service.rows(0, 29), Silence::TooFewSamples { found: 29 });
    let days: Vec<i64> = (0..40).map(|day| day * 86_400).collect();
    let values: Vec<f64> = days.iter().map(|day| *day as f64).collect();
    let daily = Samples { name: "load", times_s: &days, values: &values };
    check(&[daily], Silence::TooCoarse { step_s: 86_400 });
    let hours: Vec<i64> = (0..40).map(|hour| hour * 3_600).collect();
    check(&[Samples { name: "load", times_s: &hours, values: &[1.0; 40] }], Silence::NothingMoves);
}

/// Neither the unit of a metric nor a constant added to it changes much of its score.
#[test]
fn units_do_not_matter() {
    let service = Service::ten_days();
    let change = |factor: f64| {
        let changed = service.0.clone().map(|series| Series {
            values: series.values.iter().map(|value| factor * value).collect(),
            ..series
        });
        let changed = Service(changed);
        let model = GenericModel::fit(&changed.rows(0, TODAY));
        score_series(&model, &changed.rows(0, 10 * DAY), at(TODAY))
    };
    let plain = change(1.0);
    for factor in [-1.0, 1e6, 1e-3] {
        for (a, b) in plain.iter().zip(change(factor)) {
            assert!((a.score - b.score).abs() < 1e-4 * (1.0 + a.score), "{factor} {a:?} {b:?}");
        }
    }
}

fn bits(scores: &[SampleScore]) -> Vec<(i64, u64, u64)> {
    let bits = |s: &SampleScore| (s.stamp_s, s.score.to_bits(), s.published.to_bits());
    scores.iter().map(bits).collect()
}

/// Samples of two metrics with jitter, gaps of all lengths and values that are no numbers.
fn ragged() -> impl Strategy<Value = Vec<Series>> {
    let value = prop_oneof![
        8 => -5.0f64..5.0,
        1 => Just(0.0),
        1 => Just(60.0),
        1 => Just(f64::NAN),
    ];
    let gap = prop_oneof![20 => Just(1i64), 2 => 2i64..5, 1 => 5i64..40];
    let samples = prop::collection::vec((gap, -250i64..250, value), 60..250);
    let series = samples.prop_map(|samples| {
        let mut cell = 0;
        let place = |(gap, jitter, value): (i64, i64, f64)| {
            cell += gap;
            (cell * 600 + jitter, value)
        };
        Series::from_samples(samples.into_iter().map(place).collect())
    });
    prop::collection::vec(series, 1..3)
}

fn named(series: &[Series]) -> Vec<Samples<'_>> {
    ["a", "b"].into_iter().zip(series).map(|(name, series)| Samples::of(name, series)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_window_and_a_replay_give_the_same_bits(series in ragged(), cycle in 1i64..8) {
        let all = named(&series);
        let mut model = GenericModel::fit(&all);
        model.clock = Clock { step_s: 600, phase_s: 0 };
        let replay = score_series(&model, &all, i64::MIN);
        let mut windowed = Vec::new();
        // Cycles end between cells, so that no cell is seen half.
        let mut until_s = -300;
        while until_s < 250 * 40 * 600 && windowed.len() < replay.len() {
            let after_s = until_s;
            until_s += cycle * 600;
            let from_s = after_s - model.lookback_s();
            let window: Vec<_> = all.iter().map(|s| s.between(from_s, until_s)).collect();
            windowed.extend(score_window(&model, &window, after_s).samples);
        }
        prop_assert_eq!(bits(&windowed), bits(&replay));
    }

    #[test]
    fn whatever_comes_is_answered(
        times in prop::collection::vec(any::<i64>(), 0..50),
        values in prop::collection::vec(any::<f64>(), 0..50),
        after_s in any::<i64>(),
    ) {
        let odd = Samples { name: "load", times_s: &times, values: &values };
        GenericModel::fit(&[odd]);
        let service = Service::ten_days();
        let model = GenericModel::fit(&service.rows(0, 40));
        let evidence = score_window(&model, &[odd], after_s);
        prop_assert!(evidence.samples.iter().all(|s| s.score.is_finite() && s.published.is_finite()));
        explain(&evidence);
    }

    #[test]
    fn scores_are_bounded_and_finite(series in ragged()) {
        let all = named(&series);
        let model = GenericModel::fit(&all);
        for sample in score_series(&model, &all, i64::MIN) {
            prop_assert!((0.0..=10.0).contains(&sample.score), "{sample:?}");
            prop_assert!((sample.score..=10.0).contains(&sample.published), "{sample:?}");
        }
    }
}
