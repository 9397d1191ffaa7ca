//! Keys of what is looked up beside an alert before it is sent.

use super::Key;
use crate::config::shape::{Form, Shape, integer};

pub(super) const KEYS: &[Key] = &[
    Key::live("inference.exception_enrichment_enabled", Shape::Boolean, "true")
        .about("Whether alerts about errors carry the exceptions behind them."),
    Key::live("inference.service_graph_enrichment_enabled", Shape::Boolean, "true")
        .about("Whether alerts about slow answers carry the calls that a service makes."),
    Key::live("envoy_enrichment.enabled", Shape::Boolean, "false")
        .about("Whether alerts carry what the proxy in front of a service sees."),
    Key::live("envoy_enrichment.mimir_endpoint", Shape::Text(Form::HttpUrl), "")
        .about("Where the proxy's metrics are: a server with the query API of Prometheus."),
    Key::live("envoy_enrichment.lookback_minutes", integer(1, 60), "5")
        .unit("min")
        .about("How far back they are read."),
    Key::live("envoy_enrichment.timeout_seconds", integer(1, 60), "10")
        .unit("s")
        .about("Patience for one request; all lookups of a cycle together take at most 8 s."),
    Key::live("envoy_enrichment.cluster_mapping.*", Shape::Text(Form::NotEmpty), "")
        .about("The proxy's name for a service; services without one are not looked up."),
];
