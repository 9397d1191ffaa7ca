//! `training`: history, held-out rows, thresholds, days that are left out.

use chrono_tz::Tz;

use super::require_ascending;
use crate::config::moment::{self, Moment, Side};
use crate::config::problems::Problem;
use crate::config::valid::{
    ContaminationMethod, DriftLimits, ExcludedPeriod, ModelVariants, SeverityPercentiles, Training,
};
use crate::config::values::{Leaf, Values};
use crate::limits::CYCLE_S;
use crate::service::ServiceName;
use crate::slot::Variant;

/// The variant of an excluded period that names none.
const VARIANT_USUAL: &str = "holiday";
/// The word for an excluded period that nobody learns from.
const NO_VARIANT: &str = "none";

pub(super) fn training(values: &Values, problems: &mut Vec<Problem>) -> Training {
    let method = values.text("training.contamination_estimation.method");
    Training {
        lookback_days: values.whole("training.lookback_days"),
        cycle_s: CYCLE_S,
        min_data_points: values.whole("training.min_data_points"),
        validation_fraction: values.number("training.validation_fraction"),
        contamination_method: match method.as_str() {
            "gap" => ContaminationMethod::Gap,
            _ => ContaminationMethod::Knee,
        },
        contamination_min_samples: values.whole("training.contamination_estimation.min_samples"),
        contamination_fallback: values.number("training.contamination_estimation.fallback"),
        calibration_enabled: values.flag("training.threshold_calibration.enabled"),
        percentiles: percentiles(values, problems),
        excluded_periods: excluded_periods(values, problems),
        variants: variants(values),
    }
}

/// How far a metric may be from training.
pub(super) fn drift_limits(values: &Values, problems: &mut Vec<Problem>) -> DriftLimits {
    const AT: &str = "training.drift_detection";
    let names = ["z_score_warning", "z_score_critical"];
    let numbers = names.map(|name| values.number(&format!("{AT}.{name}")));
    require_ascending(AT, "TRN001", &names, &numbers, problems);
    let [warning, critical] = numbers;
    DriftLimits { warning, critical }
}

fn variants(values: &Values) -> ModelVariants {
    ModelVariants {
        train_baseline: values.flag("training.model_variants.train_baseline"),
        train_holiday: values.flag("training.model_variants.train_holiday"),
        days_min: values.whole("training.model_variants.min_excluded_days_for_variant"),
    }
}

fn percentiles(values: &Values, problems: &mut Vec<Problem>) -> SeverityPercentiles {
    const AT: &str = "training.threshold_calibration.percentiles";
    let levels = ["critical", "high", "medium", "low"];
    let numbers = levels.map(|level| values.number(&format!("{AT}.{level}")));
    require_ascending(AT, "TRN001", &levels, &numbers, problems);
    let [critical, high, medium, low] = numbers;
    SeverityPercentiles { critical, high, medium, low }
}

fn excluded_periods(values: &Values, problems: &mut Vec<Problem>) -> Vec<ExcludedPeriod> {
    let zone = values.text("time_periods.timezone").parse().unwrap_or(Tz::UTC);
    let starts = values.each("training.excluded_periods[].start");
    starts.filter_map(|start| excluded_period(values, start, zone, problems)).collect()
}

/// The period that begins with `start`, if its end is there and after it.
fn excluded_period(
    values: &Values,
    start: &Leaf,
    zone: Tz,
    problems: &mut Vec<Problem>,
) -> Option<ExcludedPeriod> {
    let index = start.path.first_index();
    let of_same_item = |leaf: &&Leaf| leaf.path.first_index() == index;
    let end = values.each("training.excluded_periods[].end").find(of_same_item);
    let reason = values.each("training.excluded_periods[].reason").find(of_same_item);
    let service = values.each("training.excluded_periods[].service").find(of_same_item);
    let service = service.and_then(|leaf| ServiceName::new(leaf.value.as_str()?).ok());
    let start_s = epoch_s(start, Side::Start, zone, problems);
    let end_s = end.and_then(|end| epoch_s(end, Side::End, zone, problems));
    let (start_s, end_s) = (start_s?, end_s?);
    if end_s < start_s {
        let text = |leaf: &Leaf| leaf.value.to_string();
        let message = format!(
            "{} is before the start, {}; write an end at or after it",
            end.map(text).unwrap_or_default(),
            text(start)
        );
        let path = end.map_or(&start.path, |end| &end.path);
        problems.push(Problem::error("TRN002", path, message));
        return None;
    }
    let reason = reason.and_then(|leaf| leaf.value.as_str()).unwrap_or_default().to_owned();
    let variant = values.each("training.excluded_periods[].model_variant").find(of_same_item);
    let variant = variant.and_then(|leaf| leaf.value.as_str()).unwrap_or(VARIANT_USUAL);
    let variant = Some(variant).filter(|it| *it != NO_VARIANT);
    let variant = variant.and_then(|it| Variant::new(it).ok());
    Some(ExcludedPeriod { service, start_s, end_s, reason, variant })
}

fn epoch_s(leaf: &Leaf, side: Side, zone: Tz, problems: &mut Vec<Problem>) -> Option<i64> {
    let moment: Moment = leaf.value.as_str().and_then(moment::parse)?;
    match moment.epoch_s(side, zone) {
        Ok(seconds) => Some(seconds),
        Err(never_was) => {
            problems.push(Problem::error("TRN002", &leaf.path, never_was.to_string()));
            None
        }
    }
}
