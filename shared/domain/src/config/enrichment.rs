//! Settings of what is looked up beside an alert before it is sent.

use std::collections::BTreeMap;

use crate::service::ServiceName;

/// `inference.*_enrichment_enabled` and `envoy_enrichment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrichment {
    pub exceptions: bool,
    pub service_graph: bool,
    /// `None`: the proxy is not asked.
    pub envoy: Option<Envoy>,
}

/// The proxy in front of services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envoy {
    /// A server with the query API of Prometheus, without a trailing slash.
    pub endpoint: String,
    pub lookback_minutes: u32,
    pub timeout_s: u64,
    /// Its name for each service.
    pub clusters: BTreeMap<ServiceName, String>,
}

impl Default for Enrichment {
    fn default() -> Enrichment {
        Enrichment { exceptions: true, service_graph: true, envoy: None }
    }
}
