//! `services`, `services_meta` and the settings that name services or categories.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::MetricSet;
use crate::config::nearest::nearest;
use crate::config::path::Path;
use crate::config::problems::Problem;
use crate::config::tree::shown_text;
use crate::config::valid::{ServiceMeta, Services};
use crate::config::values::{Leaf, Values};
use crate::limits::SERVICES_MAX;
use crate::service::{Category, ServiceName};

/// Problems after which unlisted services are reported without the nearest listed one.
const PROBLEMS_WITH_HINT_MAX: usize = 100;

/// Who is listed, in which category, and what is known of each.
pub(super) fn services(
    values: &Values,
    metrics: &MetricSet,
    problems: &mut Vec<Problem>,
) -> Services {
    let listed = listed(values, problems);
    let known = listed.iter().map(|(name, _)| name.clone()).collect();
    let meta = meta(values, metrics, &known, problems);
    Services { listed, meta }
}

/// `model.contamination_by_category`: built-in categories and one's own.
pub(super) fn contamination_by_category(
    values: &Values,
    services: &Services,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Category, f64> {
    const AT: &str = "model.contamination_by_category";
    let mut shares = BTreeMap::new();
    for name in Category::BUILT_IN_ORDER {
        shares.insert(Category::new(name), values.number(&format!("{AT}.{name}")));
    }
    for leaf in values.each("model.contamination_by_category.*") {
        let category = Category::new(leaf.path.last_name());
        warn_of_unused_category(&category, services, &leaf.path, problems);
        shares.insert(category, leaf.value.as_f64().unwrap_or_default());
    }
    shares
}

/// `model.contamination_by_service`.
pub(super) fn contamination_by_service(
    values: &Values,
    services: &Services,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ServiceName, f64> {
    let known = services.listed.iter().map(|(name, _)| name.clone()).collect();
    let mut shares = BTreeMap::new();
    for leaf in values.each("model.contamination_by_service.*") {
        if let Some(name) = service_name(leaf.path.last_name(), &leaf.path, problems) {
            warn_of_unlisted(&name, &known, &leaf.path, problems);
            shares.insert(name, leaf.value.as_f64().unwrap_or_default());
        }
    }
    shares
}

/// Warns of settings for a category that no service can have.
pub(super) fn warn_of_unused_category(
    category: &Category,
    services: &Services,
    path: &Path,
    problems: &mut Vec<Problem>,
) {
    let is_built_in = Category::BUILT_IN_ORDER.contains(&category.as_str());
    if is_built_in || services.listed.iter().any(|(_, listed)| listed == category) {
        return;
    }
    let message = format!(
        "no service is in the category {}; list some under services, or remove the key",
        shown_text(category.as_str())
    );
    problems.push(Problem::warning("CAT002", path, message));
}

fn listed(values: &Values, problems: &mut Vec<Problem>) -> Vec<(ServiceName, Category)> {
    let mut listed = Vec::new();
    let mut places: HashMap<ServiceName, Path> = HashMap::new();
    for leaf in values.each("services.*") {
        let category = leaf.path.last_name();
        check_category(category, leaf, problems);
        for (index, item) in leaf.value.as_array().into_iter().flatten().enumerate() {
            let Some(name) = item.as_str().and_then(|name| ServiceName::new(name).ok()) else {
                continue;
            };
            let path = leaf.path.index(index);
            match places.get(&name) {
                Some(first) => problems.push(twice(&name, first, &path)),
                None => {
                    listed.push((name.clone(), Category::new(category)));
                    places.insert(name, path);
                }
            }
        }
    }
    if listed.len() > SERVICES_MAX {
        let message =
            format!("{} services are listed; at most {SERVICES_MAX} are allowed", listed.len());
        problems.push(Problem::error("GEN007", Path::of("services"), message));
    }
    listed
}

fn twice(name: &ServiceName, first: &Path, second: &Path) -> Problem {
    let message = format!("{:?} is listed at {first} already; keep one of them", name.as_str());
    Problem::error("SVC002", second, message)
}

fn check_category(name: &str, leaf: &Leaf, problems: &mut Vec<Problem>) {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if starts && name.chars().all(is_allowed) {
        return;
    }
    let message = format!(
        "{} is not usable as a category; write lower-case letters, digits, _ and -, a letter first",
        shown_text(name)
    );
    problems.push(Problem::error("CAT001", &leaf.path, message));
}

fn meta(
    values: &Values,
    metrics: &MetricSet,
    known: &BTreeSet<ServiceName>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ServiceName, ServiceMeta> {
    let mut all: BTreeMap<ServiceName, ServiceMeta> = BTreeMap::new();
    for leaf in values.leaves.iter().filter(|leaf| leaf.key.path.starts_with("services_meta.")) {
        let Some(name) = service_name(leaf.path.name_at(1), &leaf.path, problems) else { continue };
        if !all.contains_key(&name) {
            warn_of_unlisted(&name, known, &leaf.path, problems);
        }
        let meta = all.entry(name).or_default();
        match &leaf.value {
            serde_json::Value::String(zone) => meta.timezone = Some(zone.clone()),
            _ => meta.expected_metrics = Some(expected_metrics(leaf, metrics, problems)),
        }
    }
    all
}

fn expected_metrics(leaf: &Leaf, metrics: &MetricSet, problems: &mut Vec<Problem>) -> Vec<String> {
    let items = leaf.value.as_array().into_iter().flatten().enumerate();
    let mut expected = Vec::new();
    for (index, name) in items.filter_map(|(index, item)| Some((index, item.as_str()?))) {
        if metrics.index_of(name).is_none() {
            let near = nearest(name, metrics.iter().map(|metric| metric.name.as_str()));
            let hint = near.map_or("declare it under metrics".to_owned(), |near| {
                format!("did you mean {near}?")
            });
            let message = format!("the metric {} is not read; {hint}", shown_text(name));
            problems.push(Problem::error("MET002", leaf.path.index(index), message));
        }
        expected.push(name.to_owned());
    }
    expected
}

pub(super) fn service_name(
    name: &str,
    path: &Path,
    problems: &mut Vec<Problem>,
) -> Option<ServiceName> {
    match ServiceName::new(name) {
        Ok(name) => Some(name),
        Err(error) => {
            problems.push(Problem::error("SVC001", path, error.to_string()));
            None
        }
    }
}

fn warn_of_unlisted(
    name: &ServiceName,
    known: &BTreeSet<ServiceName>,
    path: &Path,
    problems: &mut Vec<Problem>,
) {
    warn_of_unlisted_as("SVC004", name, known, path, problems);
}

/// Warns, under a code, of settings for a service that nobody lists.
pub(super) fn warn_of_unlisted_as(
    code: &'static str,
    name: &ServiceName,
    known: &BTreeSet<ServiceName>,
    path: &Path,
    problems: &mut Vec<Problem>,
) {
    // Without a list every service of the metrics is watched.
    if known.is_empty() || known.contains(name) {
        return;
    }
    // Looking for the nearest of thousands, thousands of times, would take minutes.
    let candidates = if problems.len() < PROBLEMS_WITH_HINT_MAX { Some(known) } else { None };
    let candidates = candidates.into_iter().flatten().map(ServiceName::as_str);
    let hint = nearest(name.as_str(), candidates);
    let hint = hint.map_or(String::new(), |near| format!("; did you mean {near:?}?"));
    let message = format!("{:?} is not listed under services{hint}", name.as_str());
    problems.push(Problem::warning(code, path, message));
}
