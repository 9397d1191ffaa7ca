use super::*;
use crate::{ForestParams, StoredForest, Table};
use proptest::prelude::*;

fn fit(values: &[f32], trees: u32, seed: u64) -> Forest {
    let params = ForestParams { trees, subsample: 256, seed }.validate().unwrap();
    Forest::fit(&params, &Table::from_columns(&[values]).unwrap()).unwrap()
}

fn latencies() -> Vec<f32> {
    (0..3000u32).map(|i| 50.0 + (i * i % 7919) as f32 / 100.0 + (i % 17) as f32).collect()
}

/// All cuts, their float neighbours, and the special values.
fn probes(steps: &StepFunction) -> Vec<f32> {
    let around = |cut: &f32| [cut.next_down(), *cut, cut.next_up()];
    let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0];
    steps.cuts().iter().flat_map(around).chain(special).collect()
}

#[track_caller]
fn check_exact(forest: &Forest) {
    let steps = forest.collapse().unwrap();
    assert!(steps.cuts().is_sorted_by(|a, b| a < b));
    for value in probes(&steps) {
        assert_eq!(steps.path_length(value), forest.path_length(&[value]), "at {value}");
    }
}

#[track_caller]
fn check_simplified(steps: &StepFunction, max_error: f64) -> StepFunction {
    let simple = steps.simplify(max_error);
    assert!(simple.cuts().len() <= steps.cuts().len());
    for value in probes(steps) {
        let error = (simple.score(value) - steps.score(value)).abs();
        assert!(error <= max_error, "{error} at {value}");
    }
    for end in [f32::MIN, f32::MAX] {
        assert_eq!(simple.path_length(end), steps.path_length(end));
    }
    simple
}

#[test]
fn collapse_equals_the_walk_at_every_cut() {
    check_exact(&fit(&latencies(), 200, 42));
    check_exact(&fit(&[1.0; 10], 5, 1));
    check_exact(&fit(&[1.0], 5, 1));
    check_exact(&fit(&[f32::MIN, -0.0, 0.0, f32::MIN_POSITIVE / 2.0, f32::MAX], 50, 1));
}

#[test]
fn more_than_one_feature_does_not_collapse() {
    let params = ForestParams::default().validate().unwrap();
    let table = Table::from_rows(&[[1.0f32, 2.0], [3.0, 4.0]], 2).unwrap();
    assert_eq!(Forest::fit(&params, &table).unwrap().collapse(), None);
}

/// A stored forest may hold a split that no value reaches; the collapse still equals the walk.
#[test]
fn unreachable_branches_are_left_out() {
    let stored = StoredForest {
        features: 1,
        trees: 1,
        subsample: 5,
        splits: vec![0b0000_0111],
        shared_leaves: vec![0b0000_0001],
        leaf_sizes: vec![0],
        split_features: vec![0; 3],
        thresholds: vec![5.0, 7.0, 3.0],
    };
    let forest = Forest::try_from(stored).unwrap();
    check_exact(&forest);
    assert_eq!(forest.collapse().unwrap().cuts(), [5.0]);
}

#[test]
fn a_fifth_of_a_percent_leaves_a_few_hundred_steps() {
    let steps = fit(&latencies(), 200, 42).collapse().unwrap();
    let simple = check_simplified(&steps, 0.002);
    assert!(steps.cuts().len() > 5_000, "{}", steps.cuts().len());
    assert!((20..600).contains(&simple.cuts().len()), "{}", simple.cuts().len());
}

#[test]
fn simplify_is_total() {
    let steps = fit(&latencies(), 50, 42).collapse().unwrap();
    assert_eq!(steps.simplify(1.0).cuts().len(), usize::from(steps.sums()[0] != last(&steps)));
    for exact in [0.0, -1.0, f64::NAN] {
        let same = steps.simplify(exact);
        assert!(probes(&steps).iter().all(|&v| same.path_length(v) == steps.path_length(v)));
    }
    let single = fit(&[1.0], 5, 1).collapse().unwrap();
    assert_eq!(single.simplify(0.002), single);
}

fn last(steps: &StepFunction) -> PathLength {
    steps.sums()[steps.sums().len() - 1]
}

#[test]
fn steps_cover_the_line_without_gaps() {
    let steps = fit(&[1.0, 2.0, 4.0, 8.0], 3, 1).collapse().unwrap();
    let curve: Vec<Step> = steps.steps().collect();
    assert_eq!(curve.len(), steps.cuts().len() + 1);
    assert_eq!((curve[0].from, curve[curve.len() - 1].to), (f32::NEG_INFINITY, f32::INFINITY));
    assert!(curve.windows(2).all(|pair| pair[0].to == pair[1].from));
    assert!(curve.iter().all(|step| step.score == steps.score(step.to)));
}

proptest! {
    #[test]
    fn collapse_is_exact_for_any_column(
        values in prop::collection::vec(
            prop_oneof![-1e3f32..1e3, (-3i8..3).prop_map(f32::from), Just(f32::MAX)], 1..60),
        seed in any::<u64>(),
        max_error in 0.0f64..0.05,
    ) {
        let forest = fit(&values, 12, seed);
        check_exact(&forest);
        check_simplified(&forest.collapse().unwrap(), max_error);
    }

    /// No partition into fewer steps serves all scores: checked by dynamic programming.
    #[test]
    fn simplify_needs_no_more_steps_than_the_best(seed in any::<u64>()) {
        let steps = fit(&latencies()[..40], 2, seed).collapse().unwrap();
        let max_error = 0.01;
        let scores: Vec<f64> = steps.steps().map(|step| step.score).collect();
        let simple = steps.simplify(max_error);
        prop_assert!(simple.sums().len() <= fewest(&scores, max_error - 1e-7));
    }
}

/// Fewest intervals whose scores one value can serve; the ends only by their own score.
fn fewest(scores: &[f64], max_error: f64) -> usize {
    let count = scores.len();
    let serves = |from: usize, to: usize| {
        let part = &scores[from..to];
        let within = |value: f64| part.iter().all(|score| (score - value).abs() <= max_error);
        let low = part.iter().copied().fold(f64::INFINITY, f64::min);
        let high = part.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match (from == 0, to == count) {
            (true, true) => within(scores[0]) && scores[0] == scores[count - 1],
            (true, false) => within(scores[0]),
            (false, true) => within(scores[count - 1]),
            (false, false) => within((low + high) / 2.0),
        }
    };
    let mut best = vec![0; count + 1];
    for to in 1..=count {
        best[to] =
            (0..to).filter(|&from| serves(from, to)).map(|from| best[from] + 1).min().unwrap();
    }
    best[count]
}
