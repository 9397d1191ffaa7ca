//! May a freshly trained model be put in force? Judged on all held-out rows, with injected faults.
//!
//! A model passes if it is quiet on data that is presumed normal, sees faults that would matter,
//! is no worse than the model in force, and rests on sound data. A model that fails stays in the
//! registry, and the one before it stays in force; where there is none before it, a sound model is
//! put in force on probation, because a model of another period would be noisier still.

use domain::config::valid::Detection;
use domain::{Calendar, MetricSet, Severity};
use serde::{Deserialize, Serialize};

use crate::evidence::EvidenceModel;
use crate::fault::{FAULTS, inject};
use crate::features::Features;
use crate::model::PeriodModel;
use crate::quality::Grade;
use crate::rows::Rows;
use crate::score::{ScoreSettings, assess};
use crate::trial::{Material, Trial};

/// Share of held-out rows with any signal that is accepted, whatever the design.
const SIGNAL_SHARE_MAX: f64 = 0.10;
/// Share of held-out rows at the alert level (high or worse) that is accepted.
const ALERT_SHARE_MAX: f64 = 0.02;
/// Share of injected faults that must be seen.
const FAULTS_SEEN_MIN: f64 = 0.90;
/// How much worse than the model in force a challenger may be, relatively.
const WORSE_THAN_CHAMPION_MAX: f64 = 0.20;
/// Rows that faults are injected into, spread evenly.
const FAULT_ROWS_MAX: usize = 40;
/// Share of held-out cycles at which evidence may open an anomaly.
const OPEN_SHARE_MAX: f64 = 0.05;
/// Cycles before which faults are injected into evidence, spread evenly.
const FAULT_CYCLES_MAX: usize = 20;
/// Days of history below which evidence is on probation.
const HISTORY_DAYS_MIN: u32 = 7;
/// Held-out rows below which rates mean nothing.
const ROWS_MIN: usize = 20;

/// What a model does on held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    pub rows: u32,
    pub signal_share: f64,
    pub alert_share: f64,
    pub faults_injected: u32,
    pub faults_seen_share: f64,
}

/// One requirement and whether it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub passed: bool,
    /// Without it a model is worth nothing; the others say how well it does.
    pub is_essential: bool,
    pub detail: String,
}

/// The verdict on a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    pub passed: bool,
    pub rates: Rates,
    pub checks: Vec<Check>,
}

impl GateReport {
    /// The report of a model that has not been judged: it does not pass.
    pub fn pending() -> GateReport {
        let rates = Rates {
            rows: 0,
            signal_share: 0.0,
            alert_share: 0.0,
            faults_injected: 0,
            faults_seen_share: 0.0,
        };
        GateReport { passed: false, rates, checks: Vec::new() }
    }

    /// True if the model is usable, however well it does: better than none of its own.
    pub fn is_sound(&self) -> bool {
        let mut essential = self.checks.iter().filter(|check| check.is_essential).peekable();
        essential.peek().is_some() && essential.all(|check| check.passed)
    }

    /// The requirements that do not hold, for people.
    pub fn reasons(&self) -> Vec<String> {
        self.checks.iter().filter(|check| !check.passed).map(|check| check.detail.clone()).collect()
    }
}

/// Judges `model` on its held-out rows. What is in force plays no part, so the same history always
/// gives the same model.
pub fn judge(
    model: &PeriodModel,
    held_out: &Rows,
    metrics: &MetricSet,
    detection: &Detection,
) -> GateReport {
    let settings = ScoreSettings { metrics, detection, is_fallback: false };
    let rates = measure(model, held_out, &settings);
    let checks = vec![
        check_forests(model),
        check_rows(model, &rates),
        check_quiet(model, &rates),
        check_alerts(&rates),
        check_faults(&rates),
        check_quality(model),
        check_thresholds(model),
    ];
    GateReport { passed: checks.iter().all(|check| check.passed), rates, checks }
}

/// Compares a judged model with the one in force, on the rows that were held out from the former.
/// `None` where there is nothing to compare: other features, or the very same training.
pub fn compare(
    model: &PeriodModel,
    champion: &PeriodModel,
    held_out: &Rows,
    metrics: &MetricSet,
    detection: &Detection,
) -> Option<Check> {
    if champion.feature_set != model.feature_set || champion.training == model.training {
        return None;
    }
    let settings = ScoreSettings { metrics, detection, is_fallback: false };
    Some(check_champion(&model.gate.rates, &measure(champion, held_out, &settings)))
}

/// What evidence is judged by: a trial on cycles that its model has not seen.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a closure has no words")]
pub struct Hearing<'a> {
    pub trial: &'a Trial,
    pub material: &'a Material,
    pub metrics: &'a MetricSet,
    pub calendar: &'a Calendar,
    /// True for cycles of the model's period.
    pub is_of_period: &'a dyn Fn(i64) -> bool,
}

/// Judges a model whose evidence opens anomalies. Without a trial there is nothing to judge it by.
pub fn judge_evidence(model: &PeriodModel, hearing: Option<&Hearing<'_>>) -> GateReport {
    let rates = hearing.map_or_else(|| GateReport::pending().rates, Hearing::rates);
    let checks = vec![
        check_forests(model),
        check_rows(model, &rates),
        check_history(model),
        check_openings(&rates),
        check_alerts(&rates),
        check_faults(&rates),
        check_quality(model),
        check_thresholds(model),
    ];
    GateReport { passed: checks.iter().all(|check| check.passed), rates, checks }
}

/// Compares a judged model with the one in force, whose evidence is heard on the same cycles.
pub fn compare_evidence(
    model: &PeriodModel,
    champion: &PeriodModel,
    hearing: &Hearing<'_>,
) -> Option<Check> {
    if champion.feature_set != model.feature_set || champion.training == model.training {
        return None;
    }
    Some(check_champion(&model.gate.rates, &hearing.rates()))
}

impl Hearing<'_> {
    fn rates(&self) -> Rates {
        let of_period = self.trial.verdicts.iter().filter(|it| (self.is_of_period)(it.at_s));
        let severities: Vec<(i64, Severity)> =
            of_period.map(|verdict| (verdict.at_s, verdict.severity)).collect();
        let reaching = |least: Severity| {
            let count = severities.iter().filter(|(_, severity)| *severity >= least).count();
            count as f64 / severities.len().max(1) as f64
        };
        let stride = severities.len().div_ceil(FAULT_CYCLES_MAX).max(1);
        let instants_s: Vec<i64> = severities.iter().step_by(stride).map(|it| it.0).collect();
        let (injected, seen) =
            self.trial.inject_faults(self.material, self.metrics, self.calendar, &instants_s);
        Rates {
            rows: severities.len() as u32,
            signal_share: reaching(Severity::Medium),
            alert_share: reaching(Severity::High),
            faults_injected: injected as u32,
            faults_seen_share: seen as f64 / injected.max(1) as f64,
        }
    }
}

fn check(name: &str, passed: bool, detail: String) -> Check {
    Check { name: name.to_owned(), passed, is_essential: false, detail }
}

fn essential(name: &str, passed: bool, detail: String) -> Check {
    Check { is_essential: true, ..check(name, passed, detail) }
}

fn check_forests(model: &PeriodModel) -> Check {
    let forests = model.metrics.iter().filter(|metric| metric.forest.is_some()).count();
    essential("forests", model.can_detect(), format!("{forests} metrics have a forest"))
}

/// Evidence does not rest on the rows of the period.
fn check_rows(model: &PeriodModel, rates: &Rates) -> Check {
    let detail = format!("{} held-out rows; {ROWS_MIN} are needed", rates.rows);
    let passed = rates.rows as usize >= ROWS_MIN;
    Check { is_essential: model.evidence.is_none(), ..check("held-out rows", passed, detail) }
}

/// The season of a week has to have been seen; until then one median, or one week, stands for it.
fn check_history(model: &PeriodModel) -> Check {
    let days = model.evidence.as_ref().map_or(0.0, EvidenceModel::history_days);
    let detail = format!("{days:.1} days of history; {HISTORY_DAYS_MIN} are needed");
    check("history", days >= f64::from(HISTORY_DAYS_MIN), detail)
}

/// Anomalies on data that is presumed normal. An incident that nobody named may be in it.
fn check_openings(rates: &Rates) -> Check {
    let detail = format!(
        "{:.1} % of normal cycles would open an anomaly; at most {:.0} %",
        100.0 * rates.signal_share,
        100.0 * OPEN_SHARE_MAX
    );
    check("quiet on normal data", rates.signal_share <= OPEN_SHARE_MAX, detail)
}

/// Twice the share that the forests were told to expect, over all of them.
fn check_quiet(model: &PeriodModel, rates: &Rates) -> Check {
    let expected: f64 = model
        .metrics
        .iter()
        .filter_map(|metric| Some(metric.forest.as_ref()?.contamination.value))
        .sum();
    // The sum of nothing is a negative zero.
    let limit = (2.0 * expected + 0.0).min(SIGNAL_SHARE_MAX);
    let detail = format!(
        "{:.1} % of normal rows raise a signal; at most {:.1} %",
        100.0 * rates.signal_share,
        100.0 * limit
    );
    check("quiet on normal data", rates.signal_share <= limit, detail)
}

fn check_alerts(rates: &Rates) -> Check {
    let detail = format!(
        "{:.1} % of normal data reaches the alert level; at most {:.0} %",
        100.0 * rates.alert_share,
        100.0 * ALERT_SHARE_MAX
    );
    check("few alerts on normal data", rates.alert_share <= ALERT_SHARE_MAX, detail)
}

fn check_faults(rates: &Rates) -> Check {
    let detail = if rates.faults_injected == 0 {
        "no row has enough traffic to inject a fault that would matter".to_owned()
    } else {
        format!(
            "{:.0} % of {} injected faults seen; at least {:.0} %",
            100.0 * rates.faults_seen_share,
            rates.faults_injected,
            100.0 * FAULTS_SEEN_MIN
        )
    };
    let passed = rates.faults_injected == 0 || rates.faults_seen_share >= FAULTS_SEEN_MIN;
    check("sees injected faults", passed, detail)
}

/// A new service has little data, and evidence that makes do with it.
fn check_quality(model: &PeriodModel) -> Check {
    let grade = model.quality.grade;
    let checked = check("data quality", grade <= Grade::D, format!("grade {grade:?}; at least D"));
    Check { is_essential: model.evidence.is_none(), ..checked }
}

fn check_thresholds(model: &PeriodModel) -> Check {
    let calibrations = model
        .metrics
        .iter()
        .filter_map(|metric| Some(&metric.forest.as_ref()?.calibration))
        .chain(model.multivariate.iter().map(|combination| &combination.calibration));
    let sound = calibrations.into_iter().all(|calibration| {
        calibration.offset.is_finite()
            && calibration.thresholds.as_ref().is_none_or(|thresholds| thresholds.is_monotone())
    });
    essential("thresholds", sound, "severity thresholds are finite and in order".to_owned())
}

fn check_champion(rates: &Rates, champion: &Rates) -> Check {
    // A share of a few rows is noise: half a percent of slack keeps it from deciding.
    const SLACK: f64 = 0.005;
    let noisier = rates.signal_share
        > champion.signal_share * (1.0 + WORSE_THAN_CHAMPION_MAX) + SLACK
        && rates.signal_share > ALERT_SHARE_MAX;
    let blinder =
        rates.faults_seen_share < champion.faults_seen_share * (1.0 - WORSE_THAN_CHAMPION_MAX);
    let detail = format!(
        "signals {:.1} % against {:.1} %, faults seen {:.0} % against {:.0} % of the model in force",
        100.0 * rates.signal_share,
        100.0 * champion.signal_share,
        100.0 * rates.faults_seen_share,
        100.0 * champion.faults_seen_share
    );
    check("no worse than the model in force", !noisier && !blinder, detail)
}

fn measure(model: &PeriodModel, rows: &Rows, settings: &ScoreSettings<'_>) -> Rates {
    let (mut signals, mut alerts) = (0usize, 0usize);
    for row in 0..rows.len() {
        let found =
            assess(model, &rows.observation(row, settings.metrics), &Features::default(), settings);
        if let Some(worst) = found.signals.first() {
            signals += 1;
            alerts += usize::from(worst.severity >= Severity::High);
        }
    }
    let (injected, seen) = inject_faults(model, rows, settings);
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    Rates {
        rows: rows.len() as u32,
        signal_share: share(signals, rows.len()),
        alert_share: share(alerts, rows.len()),
        faults_injected: injected as u32,
        faults_seen_share: share(seen, injected),
    }
}

/// (faults that would matter, faults seen).
fn inject_faults(model: &PeriodModel, rows: &Rows, settings: &ScoreSettings<'_>) -> (usize, usize) {
    let stride = rows.len().div_ceil(FAULT_ROWS_MAX).max(1);
    let (mut injected, mut seen) = (0, 0);
    for row in (0..rows.len()).step_by(stride) {
        let normal = rows.observation(row, settings.metrics);
        for fault in FAULTS {
            let gates = &settings.detection.gates;
            let Some(broken) = inject(fault, model, &normal, settings.metrics, gates) else {
                continue;
            };
            injected += 1;
            seen += usize::from(
                !assess(model, &broken, &Features::default(), settings).signals.is_empty(),
            );
        }
    }
    (injected, seen)
}
