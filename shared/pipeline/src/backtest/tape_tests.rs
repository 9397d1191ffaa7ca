use super::*;

fn samples(times_s: &[i64]) -> ServiceSamples {
    let series = Series::from_samples(times_s.iter().map(|time| (*time, 1.0)).collect());
    ServiceSamples { series: vec![Some(series)] }
}

fn tape(history: &[i64], metrics: &[i64]) -> Tape {
    let service = ServiceName::new("order").unwrap();
    Tape::new(service, samples(history), samples(metrics)).unwrap()
}

fn every(step_s: i64, from_s: i64, count: i64) -> Vec<i64> {
    (0..count).map(|index| from_s + index * step_s).collect()
}

#[test]
fn a_cycle_judges_what_came_since_the_last_one() {
    let tape = tape(&every(60, 0, 10), &every(60, 600, 5));
    let ticks: Vec<(i64, i64)> = tape.ticks(120).iter().map(|it| (it.at_s, it.stamp_s)).collect();
    assert_eq!(ticks, [(600, 600), (720, 720), (840, 840)]);
    let odd: Vec<(i64, i64)> = tape.ticks(180).iter().map(|it| (it.at_s, it.stamp_s)).collect();
    assert_eq!(odd, [(720, 720), (900, 840)]);
}

#[test]
fn coarse_data_is_judged_at_its_own_step() {
    let tape = tape(&every(3_600, 0, 10), &every(3_600, 36_000, 3));
    assert_eq!(tape.step_s, 3_600);
    let ticks: Vec<i64> = tape.ticks(120).iter().map(|it| it.at_s).collect();
    assert_eq!(ticks, [36_000, 39_600, 43_200]);
}

#[test]
fn what_the_history_holds_is_not_replayed() {
    let tape = tape(&every(60, 0, 20), &every(60, 600, 20));
    assert_eq!(tape.stamps_s, every(60, 1_200, 10));
    assert_eq!(tape.samples.series[0].as_ref().unwrap().len(), 30);
    assert_eq!(tape.spans, [Span { first_s: 1_200, last_s: 1_740, visible_after_s: i64::MIN }]);
}

#[test]
fn a_test_may_lie_on_both_sides_of_its_history() {
    let mut stamps = every(60, 0, 3);
    stamps.extend(every(60, 600, 3));
    let tape = tape(&every(60, 180, 7), &stamps);
    let spans: Vec<(i64, i64)> = tape.spans.iter().map(|it| (it.first_s, it.last_s)).collect();
    assert_eq!(spans, [(0, 120), (600, 720)]);
    assert_eq!(tape.window(&tape.ticks(60)[3], 300).series[0].as_ref().unwrap().len(), 5);
}

#[test]
fn what_lies_before_a_long_gap_is_no_warm_up() {
    let mut stamps = every(60, 100_020, 2);
    stamps.extend(every(60, 200_040, 2));
    let tape = tape(&every(60, 0, 10), &stamps);
    let visible: Vec<i64> = tape.spans.iter().map(|it| it.visible_after_s).collect();
    assert_eq!(visible, [540, 100_080]);
    let ticks = tape.ticks(60);
    assert_eq!(tape.window(&ticks[2], 1_000_000).series[0].as_ref().unwrap().times_s, [200_040]);
    assert!((tape.days() - 240.0 / 86_400.0).abs() < 1e-12);
}

#[test]
fn a_service_without_anything_new_has_no_tape() {
    let service = ServiceName::new("order").unwrap();
    assert_eq!(Tape::new(service, samples(&[60, 120]), samples(&[60])), None);
}
