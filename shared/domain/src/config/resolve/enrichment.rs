//! `inference.*_enrichment_enabled` and `envoy_enrichment`.

use std::collections::BTreeMap;

use super::services::service_name;
use crate::config::enrichment::{Enrichment, Envoy};
use crate::config::problems::Problem;
use crate::config::values::Values;

const ENABLED: &str = "envoy_enrichment.enabled";
const ENDPOINT: &str = "envoy_enrichment.mimir_endpoint";

pub(super) fn enrichment(values: &Values, problems: &mut Vec<Problem>) -> Enrichment {
    Enrichment {
        exceptions: values.flag("inference.exception_enrichment_enabled"),
        service_graph: values.flag("inference.service_graph_enrichment_enabled"),
        envoy: envoy(values, problems),
    }
}

fn envoy(values: &Values, problems: &mut Vec<Problem>) -> Option<Envoy> {
    let mut clusters = BTreeMap::new();
    for leaf in values.each("envoy_enrichment.cluster_mapping.*") {
        let name = service_name(leaf.path.last_name(), &leaf.path, problems);
        clusters.extend(name.zip(leaf.value.as_str().map(str::to_owned)));
    }
    if !values.flag(ENABLED) {
        return None;
    }
    let Some(endpoint) = values.given(ENDPOINT).and_then(|leaf| leaf.value.as_str()) else {
        let message =
            format!("the proxy's metrics have no server; set {ENDPOINT}, or switch it off");
        problems.push(Problem::error("ENV001", ENABLED, message));
        return None;
    };
    Some(Envoy {
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        lookback_minutes: values.whole("envoy_enrichment.lookback_minutes"),
        timeout_s: values.whole("envoy_enrichment.timeout_seconds"),
        clusters,
    })
}
