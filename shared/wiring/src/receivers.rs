//! Receivers of alerts, each built if its address is set.
//!
//! Secrets come from the environment only: `OBSERVABILITY_AUTH_TOKEN`, `ALERTMANAGER_AUTH_TOKEN`,
//! `WEBHOOK_SECRET`, and for scores `WRITE_BACK_AUTH_TOKEN` or else `VM_AUTH_TOKEN`.

use std::sync::Arc;

use adapter_aws::{SnsOptions, SnsTopic};
use adapter_http::{Alertmanager, ObservabilityApi, Webhook, WriteBack};
use adapter_local::JsonLines;
use domain::config::valid::{Config, MetricsLocation};
use pipeline::deliver::Receiver;
use pipeline::deliver::archive::Archive;
use pipeline::ports::{Publisher, ScoreSink};

use crate::adapters::object_store;
use crate::{Environment, SystemClock};

/// The receivers that the settings ask for, in a fixed order. Nothing is connected before it is
/// used.
pub fn receivers(config: &Config, env: Environment<'_>) -> Vec<Receiver> {
    let delivery = &config.delivery;
    let secret = |name: &str| env(name).filter(|text| !text.is_empty());
    let mut receivers = Vec::new();
    let mut add = |name: &'static str, publisher: Arc<dyn Publisher>| {
        receivers.push(Receiver { name, publisher });
    };
    if let Some(address) = delivery.observability.address() {
        let token = secret("OBSERVABILITY_AUTH_TOKEN");
        let api = ObservabilityApi::new(address, &delivery.observability, token.as_deref());
        add("observability", Arc::new(api));
    }
    if let Some(url) = &delivery.alertmanager.url {
        let token = secret("ALERTMANAGER_AUTH_TOKEN");
        add(
            "alertmanager",
            Arc::new(Alertmanager::new(url, &delivery.alertmanager, token.as_deref())),
        );
    }
    if let Some(url) = &delivery.webhook.url {
        let key = secret("WEBHOOK_SECRET");
        let clock = Arc::new(SystemClock);
        add("webhook", Arc::new(Webhook::new(url, &delivery.webhook, key.as_deref(), clock)));
    }
    if let Some(topic) = &delivery.sns.topic {
        // A server of one's own is asked instead of AWS.
        let endpoint = env("AWS_ENDPOINT_URL_SNS").or_else(|| env("AWS_ENDPOINT_URL"));
        let options = SnsOptions { endpoint, ..SnsOptions::default() };
        add("sns", Arc::new(SnsTopic::new(topic, options)));
    }
    if delivery.archive {
        add("archive", Arc::new(Archive::new(object_store(config, env))));
    }
    if delivery.stdout {
        let lines = JsonLines::new(Box::new(std::io::stdout()), "standard output");
        add("stdout", Arc::new(lines));
    }
    receivers
}

/// Where scores are written, if that is asked for and there is a server.
pub fn score_sink(config: &Config, env: Environment<'_>) -> Option<Arc<dyn ScoreSink>> {
    let settings = &config.delivery.write_back;
    let source = match &config.victoria_metrics.endpoint {
        Some(MetricsLocation::Http(endpoint)) => Some(endpoint),
        _ => None,
    };
    let url = settings.url.as_ref().or(source).filter(|_| settings.enabled)?;
    let token = env("WRITE_BACK_AUTH_TOKEN").or_else(|| env("VM_AUTH_TOKEN"));
    let token = token.filter(|text| !text.is_empty());
    Some(Arc::new(WriteBack::new(url, token.as_deref())))
}

#[cfg(test)]
mod tests {
    use domain::config;

    use super::*;

    fn names(document: &str) -> Vec<&'static str> {
        let config = config::load(Some(document), &|_| None).unwrap().config;
        receivers(&config, &|_| None).iter().map(|receiver| receiver.name).collect()
    }

    #[test]
    fn a_receiver_needs_an_address() {
        assert_eq!(names("{}"), [""; 0]);
        let all = r#"{
            "observability_api": { "base_url": "http://a:1" },
            "alertmanager": { "url": "http://b:1" },
            "webhook": { "url": "http://c:1/hook" },
            "sns": { "topic_arn": "arn:aws:sns:eu-west-1:123456789012:alerts" },
            "archive": { "enabled": true },
            "stdout": { "enabled": true }
        }"#;
        let expected = ["observability", "alertmanager", "webhook", "sns", "archive", "stdout"];
        assert_eq!(names(all), expected);
        let off = r#"{"observability_api": { "base_url": "http://a:1", "enabled": false }}"#;
        assert_eq!(names(off), [""; 0]);
    }

    #[test]
    fn scores_go_to_the_metric_server_unless_told_otherwise() {
        let sink = |document: &str| {
            let config = config::load(Some(document), &|_| None).unwrap().config;
            score_sink(&config, &|_| None).map(|sink| sink.describe())
        };
        assert_eq!(sink(r#"{"victoria_metrics": { "endpoint": "http://vm:8428" }}"#), None);
        let on = r#"{"victoria_metrics": { "endpoint": "http://vm:8428" },
            "write_back": { "enabled": true }}"#;
        assert_eq!(sink(on).as_deref(), Some("the metric server http://vm:8428"));
        let file = r#"{"victoria_metrics": { "endpoint": "file://a.gz" },
            "write_back": { "enabled": true }}"#;
        assert_eq!(sink(file), None);
    }
}
