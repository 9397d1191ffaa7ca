use super::*;
use crate::{ForestParams, Table};
use proptest::prelude::*;

fn forest(rows: u32, features: usize, trees: u32, seed: u64) -> Forest {
    let values: Vec<f32> =
        (0..rows * features as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 12) as f32).collect();
    let params = ForestParams { trees, subsample: 256, seed }.validate().unwrap();
    Forest::fit(&params, &Table::from_values(values, features).unwrap()).unwrap()
}

/// Bytes under a fixed-width encoding with 8-byte lengths, the artifact's.
fn fixed_width_bytes(stored: &StoredForest) -> usize {
    let arrays = stored.splits.len()
        + stored.shared_leaves.len()
        + stored.leaf_sizes.len()
        + stored.split_features.len()
        + 4 * stored.thresholds.len();
    1 + 4 + 4 + 5 * 8 + arrays
}

#[test]
fn three_hundred_trees_fit_the_artifact() {
    let bytes = fixed_width_bytes(&StoredForest::from(&forest(5000, 5, 300, 42)));
    assert!(bytes < 180 * 1024, "{bytes}");
}

/// Small enough to break in every place.
fn small() -> StoredForest {
    StoredForest::from(forest(40, 2, 3, 7))
}

#[track_caller]
fn check_refused(expected: StoredError, damage: impl Fn(&mut StoredForest)) {
    let mut stored = small();
    damage(&mut stored);
    assert_eq!(Forest::try_from(stored), Err(expected));
}

#[test]
fn each_kind_of_damage_has_its_error() {
    check_refused(StoredError::Dimensions, |s| s.trees = 0);
    check_refused(StoredError::Dimensions, |s| s.trees = u32::MAX);
    check_refused(StoredError::Dimensions, |s| s.subsample = 0);
    check_refused(StoredError::Dimensions, |s| s.subsample = u32::MAX);
    check_refused(StoredError::Dimensions, |s| s.features = 0);
    check_refused(StoredError::LeafSize, |s| s.trees = 4);
    check_refused(StoredError::Lengths, |s| s.trees = 2);
    check_refused(StoredError::Feature, |s| s.split_features[3] = 2);
    check_refused(StoredError::Threshold, |s| s.thresholds[3] = f32::NAN);
    check_refused(StoredError::Threshold, |s| s.thresholds[3] = f32::INFINITY);
    check_refused(StoredError::LeafSize, |s| s.leaf_sizes[0] += 1);
    check_refused(StoredError::LeafSize, |s| s.leaf_sizes[..3].fill(0xFF));
    check_refused(StoredError::Lengths, |s| s.thresholds.push(1.0));
    check_refused(StoredError::Lengths, |s| s.leaf_sizes.push(1));
    check_refused(StoredError::Lengths, |s| s.splits.push(0));
    check_refused(StoredError::Lengths, |s| s.shared_leaves.clear());
    check_refused(StoredError::Shape, |s| s.splits.fill(0xFF));
}

#[test]
fn each_kind_of_damage_to_steps_has_its_error() {
    let sound = StoredSteps { trees: 2, subsample: 4, cuts: vec![1.0, 2.0], sums: vec![9, 8, 7] };
    let check = |expected, damage: fn(&mut StoredSteps)| {
        let mut stored = sound.clone();
        damage(&mut stored);
        assert_eq!(StepFunction::try_from(stored), Err(expected));
    };
    assert!(StepFunction::try_from(sound.clone()).is_ok());
    check(StoredError::Dimensions, |s| s.trees = 0);
    check(StoredError::Dimensions, |s| s.subsample = 0);
    check(StoredError::Lengths, |s| s.sums.push(1));
    check(StoredError::Lengths, |s| s.sums.clear());
    check(StoredError::Threshold, |s| s.cuts[1] = f32::NAN);
    check(StoredError::Order, |s| s.cuts[1] = 1.0);
    check(StoredError::Order, |s| s.cuts.reverse());
    check(StoredError::PathLength, |s| s.sums[1] = u32::MAX);
}

#[cfg(feature = "serde")]
#[test]
fn serde_goes_through_the_checks() {
    let fitted = forest(40, 1, 3, 7);
    let text = serde_json::to_string(&fitted).unwrap();
    assert_eq!(serde_json::from_str::<Forest>(&text).unwrap(), fitted);
    let damaged = text.replace("\"trees\":3", "\"trees\":0");
    assert!(serde_json::from_str::<Forest>(&damaged).is_err());
    let steps = fitted.collapse().unwrap();
    let text = serde_json::to_string(&steps).unwrap();
    assert_eq!(serde_json::from_str::<StepFunction>(&text).unwrap(), steps);
    assert!(
        serde_json::from_str::<StepFunction>(&text.replace("\"trees\":3", "\"trees\":0")).is_err()
    );
}

proptest! {
    #[test]
    fn decode_of_encode_is_the_same_forest(
        rows in 1u32..600, features in 1usize..9, trees in 1u32..20, seed in any::<u64>(),
    ) {
        let fitted = forest(rows, features, trees, seed);
        prop_assert_eq!(&Forest::try_from(StoredForest::from(&fitted)).unwrap(), &fitted);
    }

    /// Damage in any place gives an error or a forest that scores every row.
    #[test]
    fn damage_is_an_error_or_a_total_forest(
        edits in prop::collection::vec((0usize..8, any::<usize>(), any::<u32>()), 1..4),
    ) {
        let mut stored = small();
        edits.iter().for_each(|&(field, at, value)| edit(&mut stored, field, at, value));
        check_total(stored)?;
    }

    #[test]
    fn any_content_is_an_error_or_a_total_forest(
        (features, trees, subsample) in (0u8..4, 0u32..4, 0u32..9),
        splits in prop::collection::vec(any::<u8>(), 0..5),
        shared_leaves in prop::collection::vec(any::<u8>(), 0..3),
        leaf_sizes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..5),
        split_features in prop::collection::vec(0u8..3, 0..9),
        thresholds in prop::collection::vec(prop::num::f32::ANY, 0..9),
    ) {
        check_total(StoredForest {
            features, trees, subsample, splits, shared_leaves, leaf_sizes, split_features,
            thresholds,
        })?;
    }
}

fn edit(stored: &mut StoredForest, field: usize, at: usize, value: u32) {
    fn put<T>(values: &mut [T], at: usize, value: T) {
        let at = at % values.len();
        values[at] = value;
    }
    match field {
        0 => stored.features = value as u8,
        1 => stored.trees = value % 8,
        2 => stored.subsample = value % 512,
        3 => put(&mut stored.splits, at, value as u8),
        4 => put(&mut stored.shared_leaves, at, value as u8),
        5 => put(&mut stored.leaf_sizes, at, value as u8),
        6 => put(&mut stored.split_features, at, value as u8),
        _ => put(&mut stored.thresholds, at, f32::from_bits(value)),
    }
}

fn check_total(stored: StoredForest) -> Result<(), TestCaseError> {
    let Ok(forest) = Forest::try_from(stored.clone()) else { return Ok(()) };
    for value in [f32::NAN, f32::MIN, -1.0, 0.0, 3e4, f32::INFINITY] {
        let row = vec![value; forest.features()];
        let score = forest.anomaly_score(&row);
        prop_assert!(score > 0.0 && score <= 1.0);
        prop_assert_eq!(forest.attribute(&row).len(), forest.features());
    }
    prop_assert_eq!(StoredForest::from(&forest), stored);
    Ok(())
}
