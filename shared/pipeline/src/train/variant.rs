//! Variants: models of days that are excluded from the usual ones, like holidays.
//!
//! A variant is learned as usual models are, from its own days alone. The days of all its excluded
//! periods within the look-back count together. Below the configured number nothing is learned,
//! and the variant's models of an earlier run stay in force.

use domain::config::valid::Config;
use domain::{ServiceName, Variant};

use crate::train::read::{History, Past};

const DAY_S: f64 = 86_400.0;
/// Rows that a service must have in a variant: it is known to be short.
const VARIANT_ROWS_MIN: usize = 300;
/// A day without its last seconds is a day.
const ROUNDING_DAYS: f64 = 0.01;

/// A variant that some services of a batch have days of.
pub(super) struct Plan {
    pub past: Past,
    pub history: History,
    /// Of the services that have days of it, but too few.
    pub short: Vec<(ServiceName, String)>,
}

/// The variants to learn from a history.
pub(super) fn plans(history: &History, past: &Past, config: &Config) -> Vec<Plan> {
    if !config.training.variants.train_holiday {
        return Vec::new();
    }
    let of = |variant| plan(history, past, config, &variant);
    let plans = past.variants().into_iter().map(of);
    plans.filter(|plan| !plan.history.is_empty() || !plan.short.is_empty()).collect()
}

/// What a variant's models are learned with: the minimum of rows is meant for usual ones.
pub(super) fn settings(config: &Config) -> Config {
    let mut config = config.clone();
    let needed = config.training.min_data_points;
    config.training.min_data_points = needed.min(VARIANT_ROWS_MIN);
    config
}

/// What a reader of a variant's model ought to know.
pub(super) fn note(variant: &Variant, past: &Past, service: &ServiceName) -> String {
    let days = days(past, service, variant);
    format!("learned from {days:.1} days that are excluded as {variant}, and serves in such days")
}

fn plan(history: &History, past: &Past, config: &Config, variant: &Variant) -> Plan {
    let needed = config.training.variants.days_min;
    let past = past.of_variant(variant);
    let mut plan = Plan { past, history: History::new(), short: Vec::new() };
    for (service, samples) in history {
        let days = days(&plan.past, service, variant);
        if days + ROUNDING_DAYS >= f64::from(needed) {
            plan.history.insert(service.clone(), samples.clone());
        } else if days > 0.0 {
            let text = format!(
                "no models of {variant}: {days:.1} of its days are in the history; {needed} are needed"
            );
            plan.short.push((service.clone(), text));
        }
    }
    plan
}

fn days(past: &Past, service: &ServiceName, variant: &Variant) -> f64 {
    past.variant_s(service, variant) as f64 / DAY_S
}
