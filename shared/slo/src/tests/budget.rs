//! Error budgets: which burn counts, and how long the budget lasts.

use domain::Severity::{Critical, Low, Medium, None};

use super::Case;
use crate::{BURN_RULES, BurnWindow, SloStatus};

const HOUR_S: u32 = 3_600;

/// Budget of one failure in a thousand; each window burns at a rate of its own.
fn case(burn_rates: &[(u32, f64)]) -> Case {
    let mut case = Case::new("catalog");
    case.settings.defaults.error_budget_objective = Some(0.999);
    let window = |(length_s, burn): &(u32, f64)| BurnWindow {
        length_s: *length_s,
        error_share: burn * 0.001,
        requests: f64::from(*length_s) * 10.0,
    };
    case.burn = burn_rates.iter().map(window).collect();
    case
}

#[test]
fn both_windows_of_a_pair_must_burn() {
    for rule in BURN_RULES {
        let (long_s, short_s, least) = (rule.long_s, rule.short_s, rule.burn_rate_min);
        let status = |long: f64, short: f64| {
            case(&[(long_s, long), (short_s, short)]).run().evaluation.slo_status
        };
        let (below, above) = (least * 0.9, least * 1.1);
        assert_eq!(status(above, above), rule.status);
        assert_eq!(status(above, below), SloStatus::Ok, "it is over");
        assert_eq!(status(below, above), SloStatus::Ok, "it is too short to matter");
        let alone = case(&[(long_s, above)]).run().evaluation;
        assert_eq!(alone.slo_status, SloStatus::Ok, "one window alone says nothing");
        assert!(alone.error_budget.is_some());
    }
}

#[test]
fn the_worst_pair_decides_the_severity() {
    let severity = |burn: f64| {
        let all = BURN_RULES.iter().flat_map(|rule| [(rule.long_s, burn), (rule.short_s, burn)]);
        let all: Vec<_> = all.collect();
        case(&all).run().evaluation.adjusted_severity
    };
    assert_eq!([0.5, 2.0, 8.0, 20.0].map(severity), [None, Low, Medium, Critical]);
    let verdict = case(&[(HOUR_S, 20.0), (300, 20.0)]).run();
    assert_eq!(verdict.synthetic[0].name, "slo_error_budget");
    assert_eq!(verdict.evaluation.driver, Some(crate::Driver::ErrorBudget));
    insta::assert_snapshot!(verdict.evaluation.explanation, @"Severity changed from none to critical. Error budget of 0.10 % burns 20.0 times as fast as it lasts: used up in 2160 min.");
}

#[test]
fn the_budget_lasts_as_long_as_the_rate_allows() {
    let minutes = |rates: &[(u32, f64)]| {
        let budget = case(rates).run().evaluation.error_budget.unwrap();
        (
            budget.remaining.map(|it| (it * 100.0).round() / 100.0),
            budget.minutes_to_exhaustion.map(f64::round),
        )
    };
    let month_s = 30 * 24 * HOUR_S;
    assert_eq!(minutes(&[(HOUR_S, 1.0)]), (Option::None, Some(43_200.0)));
    assert_eq!(minutes(&[(HOUR_S, 14.4), (300, 100.0)]), (Option::None, Some(3_000.0)));
    assert_eq!(minutes(&[(300, 10.0)]), (Option::None, Some(4_320.0)), "the shortest window");
    assert_eq!(minutes(&[(HOUR_S, 2.0), (month_s, 0.75)]), (Some(0.25), Some(5_400.0)));
    assert_eq!(minutes(&[(HOUR_S, 2.0), (month_s, 1.5)]), (Some(-0.5), Some(0.0)));
    assert_eq!(minutes(&[(HOUR_S, 0.0)]), (Option::None, Option::None));
}

#[test]
fn a_handful_of_failures_burns_nothing() {
    let mut quiet = case(&[(HOUR_S, 20.0), (300, 20.0)]);
    for window in &mut quiet.burn {
        window.requests = 50.0;
    }
    assert_eq!(quiet.run().evaluation.slo_status, SloStatus::Ok, "one of fifty");
}

#[test]
fn without_an_objective_or_a_past_there_is_no_budget() {
    let mut off = case(&[(HOUR_S, 20.0), (300, 20.0)]);
    off.settings.defaults.error_budget_objective = Option::None;
    assert_eq!(off.run().evaluation.error_budget, Option::None);
    assert_eq!(case(&[]).run().evaluation.error_budget, Option::None);
    let mut unusable = case(&[(HOUR_S, 20.0)]);
    unusable.burn[0].error_share = f64::NAN;
    assert_eq!(unusable.run().evaluation.error_budget, Option::None);
}
