//! Where the context of alerts is looked up: the metric source, and the server with the proxy's
//! metrics.
//!
//! `VM_AUTH_TOKEN` and `ENVOY_AUTH_TOKEN` are sent as bearer tokens, if they are set.

use std::sync::Arc;
use std::time::Duration;

use adapter_http::Prometheus;
use domain::config::valid::{Config, MetricsLocation};
use pipeline::infer::ContextPorts;
use pipeline::ports::InstantQuery;

use crate::Environment;

/// Who is asked; nobody where the metric source is a recording.
#[derive(Clone, Default)]
pub(crate) struct Contexts {
    metrics: Option<Arc<dyn InstantQuery>>,
    proxy: Option<Arc<dyn InstantQuery>>,
}

impl Contexts {
    pub(crate) fn ports(&self) -> ContextPorts<'_> {
        ContextPorts { metrics: self.metrics.as_deref(), proxy: self.proxy.as_deref() }
    }
}

/// What the settings ask for. Nothing is connected before it is used.
pub(crate) fn contexts(config: &Config, env: Environment<'_>) -> Contexts {
    let secret = |name: &str| env(name).filter(|text| !text.is_empty());
    let server = |endpoint: &str, timeout_s: u64, token: Option<String>| {
        let timeout = Duration::from_secs(timeout_s);
        Arc::new(Prometheus::new(endpoint, timeout, token)) as Arc<dyn InstantQuery>
    };
    let (settings, source) = (&config.enrichment, &config.victoria_metrics);
    let is_wanted = settings.exceptions || settings.service_graph;
    let metrics = match &source.endpoint {
        Some(MetricsLocation::Http(endpoint)) if is_wanted => {
            Some(server(endpoint, source.timeout_s, secret("VM_AUTH_TOKEN")))
        }
        _ => None,
    };
    let proxy = settings.envoy.as_ref();
    let proxy = proxy.map(|it| server(&it.endpoint, it.timeout_s, secret("ENVOY_AUTH_TOKEN")));
    Contexts { metrics, proxy }
}
