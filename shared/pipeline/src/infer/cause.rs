//! The fleet's step of a decision: where the trouble of each service starts.
//!
//! A service's own cycle does not tell: trouble spreads within minutes. So the symptoms of the last
//! 14 minutes of all services are read off their evidence windows, and the call graph is followed.

use detect::evidence::Evidence;
use detect::residual::root::Symptoms;
use detect::residual::{CallGraph, Cause, find_cause};
use domain::config::valid::Config;

use crate::infer::gather::{CycleInput, ServiceInput};

/// The configured call graph; empty if causes are not to be looked for.
pub fn call_graph(config: &Config) -> CallGraph {
    let dependencies = &config.dependencies;
    let edges = dependencies.graph.iter().flat_map(|(caller, callees)| {
        callees.iter().map(|callee| (caller.clone(), callee.clone()))
    });
    let is_wanted = dependencies.cascades.enabled;
    let graph = CallGraph::of(edges.filter(|_| is_wanted));
    graph.with_depth_max(dependencies.cascades.max_depth)
}

/// The cause of each service that has evidence, in the order of the input; `None` for one that has
/// none, or whose evidence tells no symptoms. `evidence` is of the same order.
pub fn find_causes(
    input: &CycleInput,
    evidence: &[Option<Evidence>],
    graph: &CallGraph,
) -> Vec<Option<Cause>> {
    let is_in_trouble = |it: &Option<Evidence>| it.as_ref().is_some_and(Evidence::keeps);
    if graph.is_empty() || !evidence.iter().any(is_in_trouble) {
        return vec![None; input.services.len()];
    }
    let symptoms = symptoms(input);
    let cause = |(it, evidence): (&ServiceInput, &Option<Evidence>)| {
        let is_asked = is_in_trouble(evidence) && symptoms.contains_key(&it.service);
        is_asked.then(|| find_cause(&it.service, &symptoms, graph))
    };
    input.services.iter().zip(evidence).map(cause).collect()
}

fn symptoms(input: &CycleInput) -> Symptoms {
    let of = |it: &ServiceInput| {
        let model = it.model.as_ref().ok()?.model.evidence.as_ref()?;
        let recent = model.recent_symptoms(it.window.as_ref()?, input.at.timestamp())?;
        Some((it.service.clone(), recent))
    };
    input.services.iter().filter_map(of).collect()
}
