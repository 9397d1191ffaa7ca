//! Laws that hold for any situation.

use domain::config::objectives::{Ladder, Thresholds};
use domain::{Period, Severity};
use proptest::prelude::*;

use super::{Case, settings_of};
use crate::{Anomaly, Baseline, Metrics, SloStatus, in_force, matrix_severity};

fn severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

fn reading(most: f64) -> impl Strategy<Value = Option<f64>> {
    prop_oneof![1 => Just(None), 1 => Just(Some(0.0)), 8 => (0.0..most).prop_map(Some)]
}

fn ladder(most: f64) -> impl Strategy<Value = Ladder> {
    (0.001_f64..1.0, 0.001_f64..1.0, 0.001_f64..1.0).prop_map(move |(a, b, c)| {
        let sum = a + b + c;
        let [acceptable, warning, critical] = [a, a + b, sum].map(|part| part / sum * most);
        Ladder { acceptable, warning, critical }
    })
}

fn anomaly() -> impl Strategy<Value = Anomaly> {
    let roots = ["application_latency", "database_latency", "error_rate", "request_rate", "cpu"];
    (prop::sample::select(roots.to_vec()), severity())
        .prop_map(|(root, severity)| Anomaly::new(root, Some(root), severity))
}

prop_compose! {
    fn any_case()(
        metrics in (reading(3000.0), reading(0.1), reading(300.0), reading(60.0)),
        usual in (reading(200.0), reading(30.0)),
        anomalies in prop::collection::vec(anomaly(), 0..5),
        period in prop::sample::select(Period::ALL.to_vec()),
        service in prop::sample::select(vec!["booking", "search", "vms", "other"]),
        switches in any::<[bool; 4]>(),
    ) -> Case {
        let mut case = Case::new(service).in_period(period);
        let (application_latency_ms, error_rate, request_rate_rps, database_latency_ms) = metrics;
        case.metrics =
            Metrics { application_latency_ms, error_rate, request_rate_rps, database_latency_ms };
        case.baselines.request_rate_rps = Baseline::of_period(usual.0);
        case.baselines.database_latency_ms = Baseline::of_period(usual.1);
        case.anomalies = anomalies;
        case.settings.allow_downgrade_to_informational = switches[0];
        case.settings.require_slo_breach_for_critical = switches[1];
        case.settings.request_rate_affects_severity = switches[2];
        if switches[3] { case.busy() } else { case }
    }
}

/// A copy in which everything that a busy period may change is back to what it was.
fn restored(busy: &Thresholds, plain: &Thresholds) -> Thresholds {
    Thresholds {
        latency_ms: plain.latency_ms,
        error_rate: plain.error_rate,
        error_rate_floor: plain.error_rate_floor,
        database_latency_floor_ms: plain.database_latency_floor_ms,
        ..busy.clone()
    }
}

fn is_in_order(ladder: &Ladder) -> bool {
    ladder.acceptable <= ladder.warning && ladder.warning <= ladder.critical
}

proptest! {
    /// The invariants of every verdict are checked where a case runs.
    #[test]
    fn every_situation_has_an_answer_and_always_the_same(case in any_case()) {
        prop_assert_eq!(case.run(), case.run());
    }

    #[test]
    fn slower_or_more_errors_is_never_better(
        case in any_case(), slower in 1.0_f64..3.0, more in 1.0_f64..3.0,
    ) {
        let mut case = case;
        // Without it a critical anomaly within limits stays critical, and is high near them.
        case.settings.require_slo_breach_for_critical = true;
        let mut worse = case.clone();
        worse.metrics.application_latency_ms =
            worse.metrics.application_latency_ms.map(|value| value * slower);
        worse.metrics.error_rate =
            worse.metrics.error_rate.map(|value| (value * more).min(1.0));
        worse.metrics.database_latency_ms =
            worse.metrics.database_latency_ms.map(|value| value * slower);
        let (before, after) = (case.run().evaluation, worse.run().evaluation);
        prop_assert!(after.slo_status >= before.slo_status);
        prop_assert!(after.slo_proximity >= before.slo_proximity);
        // The detector saw the same, so only the objectives can have made it worse; what is no
        // longer dropped counts as well.
        prop_assert!(after.adjusted_severity >= before.adjusted_severity, "{before:#?} {after:#?}");
        prop_assert!(after.suppressed.len() <= before.suppressed.len());
    }

    #[test]
    fn busy_periods_change_what_they_should_and_nothing_else(
        latency_ms in ladder(3000.0), error_rate in ladder(1.0), factor in 1.0_f64..10.0,
        floor in 0.0_f64..0.5,
    ) {
        let settings = settings_of(super::ESTATE);
        let plain = Thresholds {
            latency_ms,
            error_rate,
            busy_period_factor: factor,
            error_rate_floor: floor,
            ..settings.defaults
        };
        prop_assert_eq!(&in_force(&plain, false), &plain);
        let busy = in_force(&plain, true);
        prop_assert_eq!(&restored(&busy, &plain), &plain);
        prop_assert!(is_in_order(&busy.latency_ms) && is_in_order(&busy.error_rate), "{busy:?}");
        let pairs = [
            (plain.latency_ms.acceptable, busy.latency_ms.acceptable),
            (plain.latency_ms.warning, busy.latency_ms.warning),
            (plain.latency_ms.critical, busy.latency_ms.critical),
            (plain.error_rate.acceptable, busy.error_rate.acceptable),
            (plain.error_rate.warning, busy.error_rate.warning),
            (plain.error_rate.critical, busy.error_rate.critical),
            (plain.error_rate_floor, busy.error_rate_floor),
        ];
        prop_assert!(pairs.iter().all(|(plain, busy)| plain <= busy), "never stricter");
    }

    #[test]
    fn critical_needs_a_broken_objective_or_a_cliff_with_errors(case in any_case()) {
        let mut case = case;
        case.settings.require_slo_breach_for_critical = true;
        let evaluation = case.run().evaluation;
        if evaluation.adjusted_severity == Severity::Critical {
            let by_traffic = evaluation.traffic_floor == Some(Severity::Critical)
                && evaluation.request_rate.reading.is_some_and(|it| it.with_errors);
            prop_assert!(evaluation.slo_status == SloStatus::Breached || by_traffic);
        }
    }
}

/// The matrix never gives less for a worse anomaly or a worse status.
#[test]
fn the_matrix_is_monotone() {
    let mut settings = settings_of(super::ESTATE);
    for switches in 0..4 {
        settings.allow_downgrade_to_informational = switches & 1 == 1;
        settings.require_slo_breach_for_critical = switches & 2 == 2;
        let cell = |anomaly, status| matrix_severity(anomaly, status, (&settings).into()).0;
        for status in SloStatus::ALL {
            let row: Vec<_> = Severity::ALL.iter().map(|it| cell(Some(*it), status)).collect();
            assert!(row.is_sorted(), "{status:?} {row:?}");
            assert!(cell(None, status) <= row[0]);
        }
        if settings.allow_downgrade_to_informational {
            for anomaly in Severity::ALL.into_iter().map(Some).chain([None]) {
                assert!(SloStatus::ALL.map(|status| cell(anomaly, status)).is_sorted());
            }
        }
    }
}
