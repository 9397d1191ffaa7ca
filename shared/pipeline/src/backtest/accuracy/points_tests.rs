use proptest::prelude::*;

use super::*;

/// Numbers in [0, 1) without order.
fn noise(count: usize) -> Vec<f64> {
    (0..count).map(|i| ((i * 7919) % 1009) as f64 / 1009.0).collect()
}

fn labels(count: usize, segments: &[(usize, usize)]) -> Vec<bool> {
    (0..count)
        .map(|at| segments.iter().any(|(from, until)| (*from..*until).contains(&at)))
        .collect()
}

/// Expected values are those of an independent program in another language.
#[track_caller]
fn check(labels: &[bool], scores: &[f64], expected: f64) {
    let volume = volume_of(labels, scores).unwrap();
    assert!((volume - expected).abs() < 1e-9, "{volume}");
}

#[test]
fn scores_that_follow_the_labels_rank_high() {
    let labels = labels(1000, &[(400, 450)]);
    let good: Vec<f64> = noise(1000)
        .iter()
        .zip(&labels)
        .map(|(noise, label)| f64::from(u8::from(*label)) + 0.1 * noise)
        .collect();
    let mut late = good.clone();
    late.rotate_right(10);
    check(&labels, &good, 0.897_707_304_830_134_4);
    check(&labels, &late, 0.762_862_246_396_356_9);
    check(&labels, &noise(1000), 0.066_500_242_793_272_23);
}

#[test]
fn borders_ties_and_short_labels_count_as_elsewhere() {
    let several = labels(1000, &[(0, 3), (100, 160), (500, 509), (990, 1000)]);
    let mut scores = noise(1000);
    for (range, height) in [(98..140, 0.7), (503..520, 0.4), (700..705, 0.9)] {
        scores[range].iter_mut().for_each(|score| *score += height);
    }
    check(&several, &scores, 0.333_473_211_313_956_26);
    let tied: Vec<f64> = scores.iter().map(|score| (score * 10.0).round() / 10.0).collect();
    check(&several, &tied, 0.304_958_972_263_606_8);
    check(&several, &[1.0; 1000], 0.090_307_334_564_859_91);
    check(&labels(5, &[(2, 3)]), &[0.0, 1.0, 5.0, 2.0, 0.0], 0.987_867_965_644_035_8);
}

#[test]
fn only_services_with_both_kinds_of_samples_count() {
    let label = |service: &str, start_s, end_s| Label {
        incident: "1".to_owned(),
        service: service.to_owned(),
        start_s,
        end_s,
        kind: String::new(),
        root_cause: service.to_owned(),
    };
    let labelled = vec![label("a", 120, 180), label("b", 0, 600), label("*", 0, 600)];
    let truth =
        Truth { labels: vec![], labelled, maintenance: vec![], step_s: 60, service_days: 1.0 };
    let points = |service: &str, scores: [f64; 5]| Points {
        service: service.to_owned(),
        scores: (0i64..5).map(|at| at * 60).zip(scores).collect(),
    };
    let all = [points("a", [0.0, 1.0, 5.0, 2.0, f64::NAN]), points("b", [1.0; 5])];
    let volume = vus_pr(&truth, &all).unwrap();
    assert!((volume - 0.987_867_965_644_035_8).abs() < 1e-9, "{volume}");
    assert_eq!(vus_pr(&truth, &[points("c", [1.0; 5])]), None);
}

proptest! {
    #[test]
    fn a_volume_is_a_share_and_only_order_matters(
        samples in prop::collection::vec((any::<bool>(), -50i32..50), 2..200),
    ) {
        let labels: Vec<bool> = samples.iter().map(|(label, _)| *label).collect();
        let scores: Vec<f64> = samples.iter().map(|(_, score)| f64::from(*score)).collect();
        let volume = volume_of(&labels, &scores);
        prop_assert_eq!(volume.is_some(), labels.contains(&true) && labels.contains(&false));
        if let Some(volume) = volume {
            prop_assert!((0.0..=1.0 + 1e-9).contains(&volume), "{}", volume);
            let shifted: Vec<f64> = scores.iter().map(|score| score + 64.0).collect();
            prop_assert!((volume_of(&labels, &shifted).unwrap() - volume).abs() < 1e-9);
        }
    }

    #[test]
    fn perfect_scores_beat_any_others(
        labels in prop::collection::vec(any::<bool>(), 2..100),
        seed in 0usize..500,
    ) {
        prop_assume!(labels.contains(&true) && labels.contains(&false));
        let perfect: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
        let others: Vec<f64> = noise(labels.len() + seed).split_off(seed);
        let (best, other) = (volume_of(&labels, &perfect), volume_of(&labels, &others));
        prop_assert!(best.unwrap() + 1e-9 >= 0.8 * other.unwrap());
    }
}
