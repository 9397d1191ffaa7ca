//! `observability_api`, `alertmanager`, `webhook`, `sns`, `archive`, `stdout`, `write_back` and `delivery`.

use crate::config::forms::topic_region;
use crate::config::receivers::{
    Alertmanager, BodyFormat, Delivery, ObservabilityApi, Sns, Topic, Webhook, WriteBack,
};
use crate::config::values::Values;

pub(super) fn delivery(values: &Values) -> Delivery {
    Delivery {
        budget_s: values.whole("delivery.budget_seconds"),
        retry_hours: values.whole("delivery.retry_hours"),
        heartbeat: values.flag("delivery.heartbeat"),
        notify_after_cycles: values.whole("delivery.notify_after_cycles"),
        observability: observability(values),
        alertmanager: Alertmanager {
            url: address(values, "alertmanager.url"),
            timeout_s: values.whole("alertmanager.request_timeout_seconds"),
            expires_after_hours: values.whole("alertmanager.expires_after_hours"),
        },
        webhook: Webhook {
            url: given(values, "webhook.url"),
            timeout_s: values.whole("webhook.request_timeout_seconds"),
        },
        sns: Sns { topic: topic(values) },
        archive: values.flag("archive.enabled"),
        stdout: values.flag("stdout.enabled"),
        write_back: WriteBack {
            enabled: values.flag("write_back.enabled"),
            url: address(values, "write_back.url"),
        },
    }
}

fn observability(values: &Values) -> ObservabilityApi {
    let is_envelope = values.text("observability_api.body_format") == "envelope";
    ObservabilityApi {
        enabled: values.flag("observability_api.enabled"),
        base_url: address(values, "observability_api.base_url"),
        anomalies_path: values.text("observability_api.anomalies_endpoint"),
        resolutions_path: values.text("observability_api.resolutions_endpoint"),
        notifications_path: given(values, "observability_api.notifications_endpoint"),
        timeout_s: values.whole("observability_api.request_timeout_seconds"),
        body_format: if is_envelope { BodyFormat::Envelope } else { BodyFormat::Array },
    }
}

fn topic(values: &Values) -> Option<Topic> {
    let arn = given(values, "sns.topic_arn")?;
    let region = topic_region(&arn)?.to_owned();
    Some(Topic { arn, region })
}

/// A base that paths are put behind.
fn address(values: &Values, path: &str) -> Option<String> {
    Some(given(values, path)?.trim_end_matches('/').to_owned())
}

fn given(values: &Values, path: &str) -> Option<String> {
    Some(values.text(path)).filter(|text| !text.is_empty())
}
