//! Histories: rules, and what happens to one service under them.

use std::collections::BTreeSet;

use domain::{ServiceName, Severity};
use incident::operate::Action;
use incident::rules::{Alerting, Flapping, Grouping, Rules, Window};
use incident::{Cycle, Detection, EndReason, Evaluated, Evaluation};

use crate::random::Random;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A cycle arrives: in time, twice, late, or out of order.
    Cycle(Cycle, Evaluation),
    /// An operator acts on the n-th active incident.
    Act(usize, Action, i64),
    /// All incidents of the service are ended from outside.
    EndAll(EndReason, i64),
}

#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) service: ServiceName,
    pub(crate) rules: Rules,
    pub(crate) happenings: Vec<Happening>,
}

/// Patterns with their root metrics; the last one is never told.
const PATTERNS: [(&str, Option<&str>); 5] = [
    ("latency_high", Some("application_latency")),
    ("latency_spike_recent", Some("application_latency")),
    ("error_rate_high", Some("error_rate")),
    ("odd_combination", None),
    ("request_rate_surge_healthy", Some("request_rate")),
];

/// Nights in which clocks of Paris and of New York change, and one in which none does.
const NIGHTS: [i64; 5] =
    [1_774_739_400, 1_792_881_000, 1_772_951_400, 1_793_505_600, 1_700_000_040];

pub(crate) fn history(seed: u64) -> History {
    let random = &mut Random::new(seed);
    let rules = rules(random);
    let length_s = random.pick(&[120, 120, 120, 300, 3_600]);
    let start_s = random.pick(&NIGHTS) / length_s * length_s;
    let mut happenings: Vec<Happening> = Vec::new();
    let mut at_s = start_s;
    // Long enough for openings, ends and re-openings; bursts make them likely.
    let mut is_burst = random.chance(50);
    for _ in 0..random.between(8, 60) {
        if random.chance(18) {
            is_burst = !is_burst;
        }
        at_s += if random.chance(4) { random.between(1, 90) * 60 } else { length_s };
        let cycle = cycle(random, at_s, length_s);
        happenings.push(Happening::Cycle(cycle, evaluation(random, is_burst)));
        disturb(random, &mut happenings, at_s * 1000);
    }
    History { service: ServiceName::new("booking").expect("a name"), rules, happenings }
}

fn rules(random: &mut Random) -> Rules {
    let grouping = random.pick(&[Grouping::Service, Grouping::Metric]);
    let from_ms = random.pick(&NIGHTS) * 1000 + random.between(0, 60) * 60_000;
    let window = Window {
        name: "maintenance".to_owned(),
        service: None,
        pattern: random.chance(30).then(|| "latency_high".to_owned()),
        from_ms: Some(from_ms),
        until_ms: Some(from_ms + random.between(1, 60) * 60_000),
    };
    Rules {
        confirmation_cycles: random.between(1, 4) as u32,
        confirmation_cycles_single: random.between(1, 4) as u32,
        grace_cycles: random.chance(70).then(|| random.between(1, 4) as u32),
        separation_minutes: random.between(5, 40),
        strict_confirmation: random.chance(50),
        max_unobserved_hours: random.between(1, 2),
        reopens_max: random.between(0, 5) as u32,
        active_max: random.pick(&[2, 40]),
        // Who waits where not all may end is another test.
        ends_max: 40,
        resolution_requires_slo_ok: random.chance(20),
        grouping,
        flapping: Flapping {
            reopens: random.between(1, 4) as u32,
            within_s: random.between(600, 7_200),
        },
        alerting: Alerting {
            severity_threshold: random.pick(&[Severity::Low, Severity::Low, Severity::High]),
            min_confidence: random.chance(20).then_some(0.5),
            windows: if random.chance(40) { vec![window] } else { vec![] },
            repeat_every_cycles: random.pick(&[1, 1, 3]),
            ..Alerting::default()
        },
    }
}

/// A tick; some clocks are wrong.
fn cycle(random: &mut Random, at_s: i64, length_s: i64) -> Cycle {
    let mut cycle = Cycle::at(at_s * 1000, length_s);
    if random.chance(3) {
        cycle.at_ms += random.between(-600, 600) * 1000;
    }
    cycle
}

fn evaluation(random: &mut Random, is_burst: bool) -> Evaluation {
    if random.chance(8) {
        return Evaluation::NotEvaluated { reason: "unavailable".to_owned() };
    }
    let share = if is_burst { 80 } else { 8 };
    let mut detections = Vec::new();
    if random.chance(share) {
        let favourite = random.pick(&[0, 0, 0, 1, 2, 3, 4]);
        detections.push(detection(random, favourite));
        while random.chance(20) {
            let pattern = random.between(0, 4) as usize;
            detections.push(detection(random, pattern));
        }
    }
    let metrics = |random: &mut Random| {
        let named = PATTERNS.iter().filter_map(|(_, metric)| *metric);
        let chosen = named.filter(|_| random.chance(50)).map(str::to_owned);
        chosen.collect::<BTreeSet<String>>()
    };
    let unavailable_metrics = if random.chance(6) { metrics(random) } else { BTreeSet::new() };
    let slo_breaches = if random.chance(10) { metrics(random) } else { BTreeSet::new() };
    Evaluation::Evaluated(Evaluated { detections, unavailable_metrics, slo_breaches, model: None })
}

fn detection(random: &mut Random, pattern: usize) -> Detection {
    let (name, metric) = PATTERNS[pattern];
    let suffix = if random.chance(10) { ":vms" } else { "" };
    Detection {
        anomaly: format!("{name}{suffix}"),
        root_metric: metric.map(str::to_owned),
        severity: random.pick(&Severity::ALL[1..]),
        ml_severity: random.pick(&Severity::ALL[1..]),
        confidence: random.between(0, 10) as f64 / 10.0,
        score: random.pick(&[0.5, 2.0, f64::NAN]),
        value: Some(random.between(0, 100) as f64),
        threshold: None,
        method: None,
        description: None,
        opens: random.chance(70),
        is_single: random.chance(20),
        lingering: random.pick(&[Severity::None, Severity::None, Severity::Medium, Severity::High]),
    }
}

/// What goes wrong around a cycle, and what people do.
fn disturb(random: &mut Random, happenings: &mut Vec<Happening>, at_ms: i64) {
    let last = happenings.len() - 1;
    if random.chance(5) {
        happenings.push(happenings[last].clone());
    }
    if last > 0 && random.chance(4) {
        let earlier = random.between(0, last as i64 - 1) as usize;
        if let Happening::Cycle(cycle, _) = happenings[earlier] {
            let late = Happening::Cycle(cycle, evaluation(random, true));
            happenings.push(late);
        }
    }
    if last > 0 && random.chance(3) {
        happenings.swap(last - 1, last);
    }
    if random.chance(4) {
        let action = action(random, at_ms);
        happenings.push(Happening::Act(random.between(0, 2) as usize, action, at_ms));
    }
    if random.chance(1) {
        let reasons = [EndReason::SystemReset, EndReason::ServiceRemoved, EndReason::Unobserved];
        happenings.push(Happening::EndAll(random.pick(&reasons), at_ms));
    }
}

fn action(random: &mut Random, at_ms: i64) -> Action {
    let by = || "ann".to_owned();
    match random.between(0, 5) {
        0 => Action::Acknowledge { by: by(), note: None },
        1 => Action::Unacknowledge,
        2 => {
            let until_ms = at_ms + random.between(1, 30) * 60_000;
            Action::Silence { by: by(), until_ms, reason: None }
        }
        3 => Action::Unsilence,
        4 => Action::Assign { owner: Some(by()) },
        _ => Action::Close { by: "ann".to_owned() },
    }
}
