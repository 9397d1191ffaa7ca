//! What else there is to know of a cycle: where trouble starts, which models are not the usual
//! ones, and which ones are out of date.

use std::collections::BTreeMap;

use payload::cascade::Cascade;
use payload::drift::DriftAnalysis;
use payload::run::Cycle;

use crate::shell::Shell;
use crate::terminal::{Tone, columns, paint, wrap};

/// What a judged service says of its model.
struct OfModel<'a> {
    service: &'a str,
    variant: Option<&'a str>,
    drift: Option<&'a DriftAnalysis>,
}

/// Says it, if there is anything.
pub(super) fn tell(shell: &Shell, cycle: &Cycle) {
    let judged = cycle.results.iter().filter_map(|result| result.evaluation());
    let models: Vec<OfModel<'_>> = judged
        .map(|it| OfModel {
            service: &it.service_name,
            variant: it.metadata.model_variant.as_deref(),
            drift: it.drift_analysis.as_ref(),
        })
        .collect();
    for line in lines(&cycle.cascades, &models) {
        let (title, text) = line.split_once(": ").unwrap_or(("", &line));
        let mut wrapped = wrap(text, columns().saturating_sub(title.len() + 2)).into_iter();
        let first = wrapped.next().unwrap_or_default();
        shell.say(&format!("{}: {first}", paint(Tone::Strong, title)));
        wrapped.for_each(|rest| shell.say(&format!("  {rest}")));
    }
}

/// `Topic: what is so`, one line each.
fn lines(cascades: &[Cascade], models: &[OfModel<'_>]) -> Vec<String> {
    let cascades = cascades.iter().map(cascade);
    cascades.chain(variants(models)).chain(models.iter().filter_map(drift)).collect()
}

fn cascade(it: &Cascade) -> String {
    let affected = it.affected_services.join(", ");
    let sure = 100.0 * it.confidence;
    format!(
        "Cascade: it probably starts in {} ({sure:.0} %) and reaches {affected}",
        it.root_service
    )
}

fn variants(models: &[OfModel<'_>]) -> Vec<String> {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for it in models {
        if let Some(variant) = it.variant {
            by_name.entry(variant).or_default().push(it.service);
        }
    }
    let line = |(variant, services): (&str, Vec<&str>)| {
        format!("Models of {variant}: they judge {}", services.join(", "))
    };
    by_name.into_iter().map(line).collect()
}

fn drift(it: &OfModel<'_>) -> Option<String> {
    let found = it.drift.filter(|found| found.has_drift)?;
    let metric = |(name, drifted): (&String, &payload::drift::DriftedMetric)| {
        format!("{name} is {:.1} sigmas from training", drifted.z_score)
    };
    let mut what: Vec<String> = found.drift_metrics.iter().map(metric).collect();
    if found.multivariate_drift {
        what.push("the relation of its metrics has changed".to_owned());
    }
    let advice = if found.training_due {
        "for a day now: train again"
    } else {
        "watch it: a day of it asks for training"
    };
    Some(format!("Drift of {}: {}; {advice}", it.service, what.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drifted(training_due: bool, relation: bool) -> DriftAnalysis {
        let metric = |z_score: f64| {
            serde_json::json!({
                "z_score": z_score, "training_mean": 1.0, "training_std": 1.0,
                "current_value": 7.0, "severity": "high", "standard_errors": 20.0,
                "stability": "severe"
            })
        };
        serde_json::from_value(serde_json::json!({
            "has_drift": true,
            "overall_drift_score": 6.2,
            "recommendation": "",
            "training_due": training_due,
            "drift_metrics": { "application_latency": metric(6.2), "error_rate": metric(3.4) },
            "multivariate_drift": relation,
            "basis": "window",
            "population_stability": {}
        }))
        .expect("it is one")
    }

    #[test]
    fn cascades_variants_and_drift_are_told() {
        let cascades = [Cascade {
            root_service: "database-proxy".to_owned(),
            affected_services: vec!["cart".to_owned(), "shop".to_owned()],
            blast_radius: 2,
            confidence: 0.85,
        }];
        let (due, young) = (drifted(true, true), drifted(false, false));
        let quiet = DriftAnalysis { has_drift: false, ..young.clone() };
        let models = [
            OfModel { service: "cart", variant: Some("holiday"), drift: Some(&due) },
            OfModel { service: "mail", variant: None, drift: Some(&young) },
            OfModel { service: "shop", variant: Some("holiday"), drift: Some(&quiet) },
            OfModel { service: "till", variant: Some("sale"), drift: None },
        ];
        insta::assert_snapshot!(lines(&cascades, &models).join("\n"), @r"
        Cascade: it probably starts in database-proxy (85 %) and reaches cart, shop
        Models of holiday: they judge cart, shop
        Models of sale: they judge till
        Drift of cart: application_latency is 6.2 sigmas from training, error_rate is 3.4 sigmas from training, the relation of its metrics has changed; for a day now: train again
        Drift of mail: application_latency is 6.2 sigmas from training, error_rate is 3.4 sigmas from training; watch it: a day of it asks for training
        ");
        assert_eq!(lines(&[], &[]), [""; 0]);
    }
}
