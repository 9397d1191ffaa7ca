//! `dependencies.graph`: who calls whom.

use std::collections::{BTreeMap, BTreeSet};

use super::services::{service_name, warn_of_unlisted_as};
use crate::config::path::Path;
use crate::config::problems::Problem;
use crate::config::valid::Services;
use crate::config::values::{Leaf, Values};
use crate::service::ServiceName;

/// Callees by caller.
type Graph = BTreeMap<ServiceName, BTreeSet<ServiceName>>;

const AT: &str = "dependencies.graph";
/// Services of a circle that a message names.
const NAMED_MAX: usize = 8;

pub(super) fn graph(values: &Values, services: &Services, problems: &mut Vec<Problem>) -> Graph {
    let known: BTreeSet<ServiceName> =
        services.listed.iter().map(|(name, _)| name.clone()).collect();
    let (mut graph, mut named) = (Graph::new(), BTreeSet::new());
    let mut name = |name: &ServiceName, path: &Path, problems: &mut Vec<Problem>| {
        if named.insert(name.clone()) {
            warn_of_unlisted_as("DEP001", name, &known, path, problems);
        }
    };
    for leaf in values.each("dependencies.graph.*") {
        let Some(caller) = service_name(leaf.path.last_name(), &leaf.path, problems) else {
            continue;
        };
        name(&caller, &leaf.path, problems);
        let callees = graph.entry(caller.clone()).or_default();
        for (index, callee) in callees_of(leaf) {
            let path = leaf.path.index(index);
            if callee == caller {
                let message = format!("{caller} calls itself; remove it from the list");
                problems.push(Problem::error("DEP002", path, message));
            } else {
                name(&callee, &path, problems);
            }
            callees.insert(callee);
        }
    }
    if let Some(circle) = circle(&graph) {
        let message = format!(
            "{circle} call each other in a circle; where trouble starts among them cannot be told"
        );
        problems.push(Problem::warning("DEP003", AT, message));
    }
    graph
}

/// Names and their places; what is no name is refused by its shape.
fn callees_of(leaf: &Leaf) -> impl Iterator<Item = (usize, ServiceName)> {
    let items = leaf.value.as_array().into_iter().flatten().enumerate();
    items.filter_map(|(index, item)| Some((index, ServiceName::new(item.as_str()?).ok()?)))
}

/// Services that call each other in a circle, if any do: `a, b and c`. One that calls itself is
/// another mistake.
fn circle(graph: &Graph) -> Option<String> {
    // Who calls nobody, or only services that were taken out, is in no circle.
    let mut left: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> = graph
        .iter()
        .map(|(caller, callees)| (caller, callees.iter().filter(|it| *it != caller).collect()))
        .collect();
    loop {
        let names: BTreeSet<&ServiceName> = left.keys().copied().collect();
        for callees in left.values_mut() {
            callees.retain(|callee| names.contains(callee));
        }
        let before = left.len();
        left.retain(|_, callees| !callees.is_empty());
        if left.len() == before {
            break;
        }
    }
    // From anywhere in what is left, calls lead into a circle.
    let mut path = vec![*left.keys().next()?];
    loop {
        let next = *left.get(path.last()?)?.iter().next()?;
        if let Some(start) = path.iter().position(|it| *it == next) {
            return Some(listed(&path[start..]));
        }
        path.push(next);
    }
}

fn listed(names: &[&ServiceName]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED_MAX).map(|it| it.as_str()).collect();
    match names.len() - shown.len() {
        0 => {
            let (last, first) = shown.split_last().unwrap_or((&"", &[]));
            format!("{} and {last}", first.join(", "))
        }
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
