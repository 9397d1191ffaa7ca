//! A new service leans on its peers, and its models say so.
//!
//! In its first two days a service has seen too little to know how restless it is: an hour of calm
//! looks like a calm service. Until then the noise of each metric is at least what is usual among
//! services of its category (of all services where the category has none that is settled), the
//! less so the more it has seen itself.

use domain::Category;

use crate::evidence::EvidenceModel;
use crate::residual::ResidualModel;
use crate::residual::model::{DAY_DAYS, WEEK_DAYS};

/// Days of history with which a service has shown how restless it is.
const SETTLED_DAYS: f32 = 14.0;

/// Widens the noise of new services; for each service what a reader of its models ought to know.
/// As many categories as models.
pub fn lean_on_peers(
    models: &mut [Option<EvidenceModel>],
    categories: &[Category],
) -> Vec<Vec<String>> {
    let settled: Vec<(Category, ResidualModel)> = models
        .iter()
        .zip(categories)
        .filter_map(|(model, category)| match model {
            Some(EvidenceModel::Residual(model)) if model.history_days >= SETTLED_DAYS => {
                Some((category.clone(), model.clone()))
            }
            _ => None,
        })
        .collect();
    let each = models.iter_mut().zip(categories);
    each.map(|(model, category)| match model {
        Some(EvidenceModel::Residual(model)) => settle(model, category, &settled),
        Some(EvidenceModel::Generic(model)) if model.is_learning() => {
            vec![format!(
                "{:.1} days of history: there is no daily profile before two days",
                model.history_s() as f64 / 86_400.0
            )]
        }
        _ => Vec::new(),
    })
    .collect()
}

fn settle(
    model: &mut ResidualModel,
    category: &Category,
    settled: &[(Category, ResidualModel)],
) -> Vec<String> {
    let days = model.history_days;
    let mut notes: Vec<String> = Vec::new();
    if days < DAY_DAYS {
        notes.push(format!(
            "{days:.1} days of history: one value stands for all times of the day until there \
             are {DAY_DAYS:.0}"
        ));
    } else if days < WEEK_DAYS {
        notes.push(format!(
            "{days:.1} days of history: all days are alike until there are {WEEK_DAYS:.0}"
        ));
    }
    if days >= DAY_DAYS {
        return notes;
    }
    let of_category: Vec<&ResidualModel> =
        settled.iter().filter(|(other, _)| other == category).map(|(_, model)| model).collect();
    let is_own = !of_category.is_empty();
    let peers = if is_own { of_category } else { settled.iter().map(|(_, it)| it).collect() };
    if peers.is_empty() {
        return notes;
    }
    widen(model, &peers);
    let whose = if is_own { format!("of category {category}") } else { "of any category".into() };
    notes.push(format!(
        "{days:.1} days of history: the noise leans on that of {} services {whose}",
        peers.len()
    ));
    notes
}

/// On the logarithm of the variance, with the weight of the days that are missing.
fn widen(model: &mut ResidualModel, peers: &[&ResidualModel]) {
    let weight = f64::from(1.0 - model.history_days / DAY_DAYS).clamp(0.0, 1.0);
    for series in &mut model.series {
        let same = peers.iter().flat_map(|peer| &peer.series);
        let same = same.filter(|other| other.metric == series.metric && other.form == series.form);
        let usual: Vec<f64> = same.map(|other| f64::from(other.noise.own)).collect();
        let Some(usual) = stats::median(&usual) else { continue };
        let own = f64::from(series.noise.own);
        let wider = libm::log(usual.max(own));
        series.noise.own = libm::exp(weight * wider + (1.0 - weight) * libm::log(own)) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::residual::testing::trained_month;

    fn model(days: f32, own: f32) -> Option<EvidenceModel> {
        let mut model = trained_month().1.clone();
        model.history_days = days;
        model.series.iter_mut().for_each(|series| series.noise.own = own);
        Some(EvidenceModel::Residual(model))
    }

    fn own(model: &Option<EvidenceModel>) -> f32 {
        match model {
            Some(EvidenceModel::Residual(model)) => model.series[1].noise.own,
            _ => f32::NAN,
        }
    }

    #[test]
    fn a_new_service_leans_on_its_category_and_says_so() {
        let names = ["core", "core", "core", "admin", "core"];
        let categories = names.map(Category::new);
        let mut models =
            [model(30.0, 0.01), model(30.0, 0.04), model(30.0, 0.04), model(30.0, 0.25), None];
        models[4] = model(1.0, 0.01);
        let notes = lean_on_peers(&mut models, &categories);
        assert!((own(&models[4]) - 0.02).abs() < 1e-6, "{}", own(&models[4]));
        assert_eq!(own(&models[0]), 0.01, "settled services keep their own");
        assert!(notes[..4].iter().all(Vec::is_empty));
        insta::assert_snapshot!(notes[4].join("\n"), @r"
        1.0 days of history: one value stands for all times of the day until there are 2
        1.0 days of history: the noise leans on that of 3 services of category core
        ");
    }

    #[test]
    fn without_peers_or_in_need_of_none_nothing_is_widened() {
        let categories = ["core", "core"].map(Category::new);
        let mut alone = [model(1.0, 0.01), None];
        assert_eq!(lean_on_peers(&mut alone, &categories)[0].len(), 1);
        assert_eq!(own(&alone[0]), 0.01);
        let mut restless = [model(0.5, 0.5), model(30.0, 0.01)];
        lean_on_peers(&mut restless, &categories);
        assert_eq!(own(&restless[0]), 0.5, "it is never narrowed");
        let mut week = [model(8.0, 0.01), model(30.0, 0.5)];
        assert!(lean_on_peers(&mut week, &categories)[0].is_empty());
        assert_eq!(own(&week[0]), 0.01);
    }
}
