use super::*;
use crate::{ForestParams, SUBSAMPLE_MIN};
use proptest::prelude::*;

fn fit_with(trees: u32, subsample: u32, seed: u64, table: &Table) -> Forest {
    let params = ForestParams { trees, subsample, seed }.validate().unwrap();
    Forest::fit(&params, table).unwrap()
}

fn grid() -> Table {
    let column: Vec<f32> = (0..1000u16).map(f32::from).collect();
    Table::from_columns(&[column]).unwrap()
}

/// Standard normal numbers by Box and Muller, from the crate's own stream.
fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = crate::rng::SplitMix64::for_tree(seed, 0);
    (0..count)
        .map(|_| {
            let radius = (-2.0 * libm::log(1.0 - rng.unit())).sqrt();
            radius * libm::cos(std::f64::consts::TAU * rng.unit())
        })
        .collect()
}

fn lognormal(count: usize, seed: u64) -> Table {
    let column: Vec<f64> = normals(count, seed).iter().map(|z| libm::exp(4.7 + 0.25 * z)).collect();
    Table::from_columns(&[column]).unwrap()
}

fn ranks(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut ranks = vec![0; scores.len()];
    order.iter().enumerate().for_each(|(rank, &row)| ranks[row] = rank);
    ranks
}

/// Scores of a uniform grid, mean over seeds; the expectation is that of scikit-learn.
#[test]
fn grid_scores_are_those_of_the_reference() {
    let table = grid();
    for (value, expected) in
        [(499.5, 0.4885), (250.0, 0.5003), (0.0, 0.6598), (999.0, 0.6599), (5000.0, 0.6599)]
    {
        let scores: Vec<f64> =
            (0..20).map(|seed| fit_with(200, 256, seed, &table).anomaly_score(&[value])).collect();
        let mean = scores.iter().sum::<f64>() / 20.0;
        assert!((mean - expected).abs() < 0.006, "mean at {value}: {mean}");
        assert!(scores.iter().all(|score| (score - expected).abs() < 0.03), "{scores:?}");
    }
}

#[test]
fn lognormal_median_score_is_that_of_the_reference() {
    let table = lognormal(2000, 5);
    for seed in 0..10 {
        let mut scores = fit_with(200, 256, seed, &table).score_rows(&table);
        scores.sort_by(f64::total_cmp);
        let median = (scores[999] + scores[1000]) / 2.0;
        assert!((median - 0.454).abs() < 0.015, "seed {seed}: {median}");
    }
}

#[test]
fn seeds_agree_on_order_and_on_the_most_anomalous() {
    let table = lognormal(2000, 5);
    let first = fit_with(200, 256, 1, &table).score_rows(&table);
    let second = fit_with(200, 256, 2, &table).score_rows(&table);
    assert_ne!(first, second);
    let (a, b) = (ranks(&first), ranks(&second));
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (*a as f64 - *b as f64).powi(2)).sum();
    let rho = 1.0 - 6.0 * squares / (2000.0 * (2000.0f64.powi(2) - 1.0));
    assert!(rho >= 0.90, "spearman {rho}");
    let both = a.iter().zip(&b).filter(|(a, b)| **a < 40 && **b < 40).count();
    assert!(both >= 32, "{both} of 40 shared");
}

#[test]
fn same_seed_same_forest_on_any_number_of_threads() {
    let columns: Vec<Vec<f64>> = (0..5).map(|seed| normals(2000, seed)).collect();
    let table = Table::from_columns(&columns).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let forest = fit_with(100, 256, 9, &table);
            let scores = forest.score_rows(&table);
            (forest, scores)
        })
    };
    let (forest, scores) = run(1);
    for threads in [2, 3, 4] {
        let (other, others) = run(threads);
        assert_eq!(other, forest);
        assert_eq!(others, scores);
    }
}

/// The forest of a seed is part of the contract: models are retrained and compared by it.
#[test]
fn a_forest_never_changes_under_its_seed() {
    let forest = fit_with(10, 64, 42, &grid());
    let paths: Vec<u32> =
        [0.0, 250.0, 999.0].map(|value| forest.path_length(&[value]).units()).to_vec();
    insta::assert_debug_snapshot!((forest.nodes(), paths), @r"
    (
        610,
        [
            2962712,
            5281255,
            3264824,
        ],
    )
    ");
}

#[test]
fn one_row_scores_one_half() {
    let forest = fit_with(10, 256, 1, &Table::from_rows(&[[3.0f32, 4.0]], 2).unwrap());
    assert_eq!((forest.subsample(), forest.nodes()), (1, 10));
    assert_eq!(forest.anomaly_score(&[3.0, 4.0]), 0.5);
    assert_eq!(forest.anomaly_score(&[f32::NAN, f32::INFINITY]), 0.5);
}

#[test]
fn two_rows_are_one_edge_apart() {
    let forest = fit_with(10, 256, 1, &Table::from_rows(&[[3.0f32], [4.0]], 1).unwrap());
    assert_eq!((forest.subsample(), forest.nodes()), (2, 30));
    // Path length 1 = c(2): score 2^-1.
    assert_eq!(forest.anomaly_score(&[3.0]), 0.5);
}

#[test]
fn constant_rows_score_as_the_average_path() {
    let forest = fit_with(10, 256, 1, &Table::from_rows(&[[3.0f32]; 500], 1).unwrap());
    assert_eq!(forest.nodes(), 10);
    assert!((forest.anomaly_score(&[99.0]) - 0.5).abs() < 1e-6);
}

#[test]
fn duplicates_share_a_leaf() {
    let rows: Vec<[f32; 1]> = (0..500).map(|i| [if i < 490 { 1.0 } else { 2.0 }]).collect();
    let forest = fit_with(100, 256, 1, &Table::from_rows(&rows, 1).unwrap());
    assert!(forest.anomaly_score(&[2.0]) > forest.anomaly_score(&[1.0]) + 0.1);
}

#[test]
fn no_rows_is_an_error() {
    let params = ForestParams::default().validate().unwrap();
    let empty = Table::from_values(vec![], 3).unwrap();
    assert_eq!(Forest::fit(&params, &empty), Err(FitError::NoRows));
}

#[test]
#[should_panic(expected = "one value a feature")]
fn a_row_of_another_width_is_a_bug_of_the_caller() {
    let _ = fit_with(1, SUBSAMPLE_MIN, 1, &grid()).path_length(&[1.0, 2.0]);
}

/// A walk as the paper describes it, tree by tree and with a test for leaves.
fn walk_plainly(forest: &Forest, row: &[f32]) -> u32 {
    let mut sum = 0;
    for tree in &forest.trees {
        let mut at = tree.start;
        while !forest.nodes[at].is_leaf() {
            let node = forest.nodes[at];
            let right = row[node.feature()] > node.threshold();
            at = node.left() + usize::from(right);
        }
        sum += forest.paths[at];
    }
    sum
}

fn any_float() -> impl Strategy<Value = f32> {
    prop_oneof![prop::num::f32::ANY, (-4i8..4).prop_map(f32::from)]
}

proptest! {
    #[test]
    fn every_way_to_score_gives_the_same_bits(
        columns in (1usize..12).prop_flat_map(|width| {
            prop::collection::vec(prop::collection::vec(-9.0f32..9.0, 1..70), width)
        }),
        trees in 1u32..20,
        seed in any::<u64>(),
    ) {
        let rows = columns.iter().map(Vec::len).min().unwrap();
        let columns: Vec<&[f32]> = columns.iter().map(|column| &column[..rows]).collect();
        let table = Table::from_columns(&columns).unwrap();
        let forest = fit_with(trees, 32, seed, &table);
        let batch = forest.path_lengths(&table);
        for (row, &path) in batch.iter().enumerate() {
            let plain = PathLength(walk_plainly(&forest, table.row(row)));
            prop_assert_eq!(forest.path_length(table.row(row)), plain);
            prop_assert_eq!(path, plain);
        }
    }

    #[test]
    fn scoring_is_total(row in prop::collection::vec(any_float(), 3)) {
        let rows: Vec<[f32; 3]> =
            (0..99u8).map(|i| [1u8, 3, 7].map(|k| f32::from(i.wrapping_mul(k)))).collect();
        let forest = fit_with(20, 64, 1, &Table::from_rows(&rows, 3).unwrap());
        let score = forest.anomaly_score(&row);
        prop_assert!(score > 0.0 && score <= 1.0);
        prop_assert_eq!(forest.path_length(&row).units(), walk_plainly(&forest, &row));
        let nan_as_low: Vec<f32> =
            row.iter().map(|v| if v.is_nan() { f32::NEG_INFINITY } else { *v }).collect();
        prop_assert_eq!(forest.path_length(&row), forest.path_length(&nan_as_low));
    }

    #[test]
    fn shorter_paths_score_higher(a in any::<u32>(), b in any::<u32>()) {
        let scale = ScoreScale::new(200, 256);
        let longest = scale.longest_path().units();
        let (a, b) = (PathLength(a % longest), PathLength(b % longest));
        prop_assert_eq!(a < b, a.anomaly_score(scale) > b.anomaly_score(scale));
    }
}
