//! A model as text: where it comes from, whether it passed, and what it expects.

use chrono::DateTime;
use detect::evidence::EvidenceModel;
use detect::gate::GateReport;
use detect::model::{
    Calibration, Contamination, ContaminationSource, MultivariateModel, PeriodModel,
};
use pipeline::ports::Clock;
use wiring::SystemClock;

use super::{Shown, Standing, metric};
use crate::commands::models::words::{pair, percent, wrap};
use crate::terminal::{Tone, ago, bytes, count, instant, paint};

/// Characters of a digest that are shown.
const DIGEST_CHARS_SHOWN: usize = 12;
/// Correlated pairs that are shown.
const PAIRS_SHOWN_MAX: usize = 6;

/// Everything about a model, line by line.
pub(super) fn lines(shown: &Shown) -> Vec<String> {
    let model = &shown.model;
    let mut lines = heading(shown);
    lines.extend(training(shown));
    lines.extend(gate(&model.gate));
    lines.extend(quality(model));
    for metric in &model.metrics {
        lines.push(String::new());
        lines.extend(metric::lines(metric));
    }
    lines.push(String::new());
    lines.extend(combination(model));
    lines.extend(correlated(model));
    lines
}

fn heading(shown: &Shown) -> Vec<String> {
    let (tone, standing) = match shown.standing {
        Standing::InForce => (Tone::Good, "in force"),
        Standing::Before => (Tone::Warning, "the one before, not in force"),
        Standing::Stored => (Tone::Warning, "stored, not in force"),
    };
    let name = format!("{} {}", shown.model.service, shown.slot);
    vec![
        format!("{}  {}", paint(Tone::Strong, &name), paint(tone, standing)),
        paint(Tone::Faint, &shown.reference.key),
    ]
}

/// The heading of a section, an empty line before it.
pub(super) fn section(title: &str, note: &str) -> [String; 2] {
    [String::new(), format!("{}  {note}", paint(Tone::Strong, title)).trim_end().to_owned()]
}

fn training(shown: &Shown) -> Vec<String> {
    let (model, record) = (&shown.model, &shown.model.training);
    let at = |epoch_s| DateTime::from_timestamp(epoch_s, 0).unwrap_or_default();
    let trained_at = at(record.trained_at_s);
    let age = ago(trained_at, SystemClock.now());
    let days = (record.until_s - record.from_s) as f64 / 86_400.0;
    let (from, until) = (instant(at(record.from_s)), instant(at(record.until_s)));
    let digest: String = shown.reference.digest.chars().take(DIGEST_CHARS_SHOWN).collect();
    let mut lines = section("Learned", "").to_vec();
    lines.extend([
        pair("when", &format!("{} ({age}), by yaga {}", instant(trained_at), record.yaga_version)),
        pair("from", &format!("{from} to {until}, {days:.1} days")),
        pair(
            "rows",
            &format!(
                "{} to learn, {} held out; averages of {} min in this period, clocks of {}",
                record.rows_training,
                record.rows_validation,
                record.row_width_s / 60,
                record.timezone
            ),
        ),
        pair(
            "stored",
            &format!(
                "{}, SHA-256 {digest}…, features {}",
                bytes(shown.reference.bytes),
                model.feature_set.as_str()
            ),
        ),
        pair("opened by", &opened_by(model)),
    ]);
    lines.extend(threshold(model));
    if let Some(before) = &shown.previous {
        lines.push(pair("before it", &format!("{}, {}", instant(before.trained_at), before.key)));
    }
    lines
}

/// What opens anomalies where this model serves.
fn opened_by(model: &PeriodModel) -> String {
    let Some(evidence) = &model.evidence else { return "its forests".to_owned() };
    let recipe = match evidence {
        EvidenceModel::Residual(model) => {
            format!("seasonal residuals of {:.0} days", model.history_days)
        }
        EvidenceModel::Generic(_) => "moves from the recent level".to_owned(),
    };
    format!("{recipe}, in cycles of {} s; forests corroborate", evidence.cycle_s())
}

/// `score 1.50 (no wish): 0.41 false incidents a week expected …`, and where that ends.
fn threshold(model: &PeriodModel) -> Vec<String> {
    let Some(EvidenceModel::Residual(residual)) = &model.evidence else { return Vec::new() };
    let it = &residual.threshold;
    let (low, high) = it.interval_per_week();
    let wished = match it.wish {
        Some(wish) => format!("{wish} a week wished for"),
        None => "no wish".to_owned(),
    };
    let rate = format!(
        "score {:.2} ({wished}): {:.2} false incidents a week expected (90 %: {low:.2} to \
         {high:.2}), {} in {:.1} weeks of training",
        it.theta,
        it.per_week(),
        it.incidents,
        it.weeks
    );
    let end = format!("the lowest threshold has {:.2} a week", it.per_week_max());
    vec![pair("opens at", &rate), pair("", &end)]
}

fn gate(gate: &GateReport) -> Vec<String> {
    let verdict = match (gate.passed, gate.is_sound()) {
        (true, _) => paint(Tone::Good, "passed"),
        (false, true) => {
            paint(Tone::Warning, "not passed, but sound: fit for want of a better one")
        }
        (false, false) => paint(Tone::Bad, "not passed"),
    };
    let mut lines = section("Gate", &verdict).to_vec();
    for check in &gate.checks {
        let sign = match check.passed {
            true => paint(Tone::Good, "✓"),
            false => paint(Tone::Bad, "✗"),
        };
        lines.push(format!("  {sign} {:<31} {}", check.name, wrap(&check.detail, 36)));
    }
    if gate.checks.is_empty() {
        lines.push("  it was never judged".to_owned());
    }
    lines
}

fn quality(model: &PeriodModel) -> Vec<String> {
    let quality = &model.quality;
    let grade = format!("grade {:?}, {:.0} of 100", quality.grade, quality.score);
    let mut lines = section("Data", &grade).to_vec();
    let gaps = match quality.gap_count {
        0 => "no gap longer than 30 min".to_owned(),
        gaps => format!("{} longer than 30 min", count(gaps as usize, "gap")),
    };
    lines.push(pair("coverage", &format!("{} of the time, {gaps}", percent(quality.coverage))));
    for metric in quality.metrics.iter().filter(|metric| !metric.is_usable && !metric.is_resting) {
        let why = match (metric.values, metric.is_constant) {
            (0, _) => "no values",
            (_, true) => "constant",
            (_, false) => "too few values",
        };
        lines.push(pair("not usable", &format!("{}: {why}", metric.name)));
    }
    lines.extend(quality.recommendations.iter().map(|text| pair("look at", text)));
    lines
}

fn combination(model: &PeriodModel) -> Vec<String> {
    let title = paint(Tone::Strong, "All metrics together");
    let Some(combination) = &model.multivariate else {
        let reason = model.multivariate_absent.as_deref().unwrap_or("no reason is recorded");
        let text = paint(Tone::Warning, &format!("no forest: {reason}"));
        return vec![format!("{title}  {text}")];
    };
    let MultivariateModel { features, parameters, calibration, .. } = combination;
    vec![
        title,
        pair("features", &features.join(", ")),
        pair(
            "forest",
            &format!(
                "{} of {} of {} rows each",
                count(parameters.trees as usize, "tree"),
                parameters.subsample,
                parameters.rows
            ),
        ),
        pair("contamination", &contamination(&combination.contamination)),
        pair("severity", &severity(calibration)),
        pair("held out", &held_out(calibration)),
    ]
}

fn correlated(model: &PeriodModel) -> Vec<String> {
    if model.correlated.is_empty() {
        return Vec::new();
    }
    let mut lines = section("Move together", "").to_vec();
    for pair in model.correlated.iter().take(PAIRS_SHOWN_MAX) {
        lines.push(format!("  {:+.2}  {} and {}", pair.correlation, pair.first, pair.second));
    }
    lines
}

/// `4.1 %, estimated by knee (4.1 %); base 5.0 %, allowed 2.5 % to 15.0 %`.
pub(super) fn contamination(contamination: &Contamination) -> String {
    let value = percent(contamination.value);
    let base = percent(contamination.base);
    let bounds = || {
        format!("{} to {}", percent(contamination.lower_bound), percent(contamination.upper_bound))
    };
    match (contamination.source, contamination.estimate) {
        (ContaminationSource::Configured, _) => format!("{value}, as configured"),
        (ContaminationSource::Estimated(method), Some(estimate)) => format!(
            "{value}; the {} of the scores says {}; base {base}, allowed {}",
            format!("{method:?}").to_lowercase(),
            percent(estimate),
            bounds()
        ),
        (ContaminationSource::Estimated(_) | ContaminationSource::Fallback, _) => {
            format!("{value}, too few rows to estimate; base {base}, allowed {}", bounds())
        }
    }
}

/// Decision scores at or below which something is critical, high, medium, low.
pub(super) fn severity(calibration: &Calibration) -> String {
    let Some(cuts) = &calibration.thresholds else {
        return "not calibrated, fixed scores hold: too few rows were held out".to_owned();
    };
    let cut = |tone, word: &str, at: f64| format!("{} ≤ {at:.3}", paint(tone, word));
    [
        cut(Tone::Worst, "critical", cuts.critical),
        cut(Tone::Bad, "high", cuts.high),
        cut(Tone::Warning, "medium", cuts.medium),
        cut(Tone::Note, "low", cuts.low),
    ]
    .join("   ")
}

pub(super) fn held_out(calibration: &Calibration) -> String {
    format!(
        "{} of {} rows flagged, mean decision score {:+.3}",
        percent(calibration.flagged_share),
        calibration.rows_validation,
        calibration.mean_score
    )
}
