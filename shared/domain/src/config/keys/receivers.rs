//! Keys of the receivers of alerts, and of sending.

use super::Key;
use crate::config::shape::{Form, Shape, integer};

const URL: Shape = Shape::Text(Form::HttpUrl);
const URL_PATH: Shape = Shape::Text(Form::UrlPath);

const fn patience(path: &'static str) -> Key {
    Key::live(path, integer(1, 60), "5").unit("s").about("Patience for one request.")
}

pub(super) const KEYS: &[Key] = &[
    Key::live("observability_api.base_url", URL, "")
        .variable("OBSERVABILITY_URL")
        .about("Server that alerts are sent to. Not set: none."),
    Key::live("observability_api.enabled", Shape::Boolean, "true")
        .variable("OBSERVABILITY_ENABLED")
        .about("Whether anything is sent to it."),
    Key::live("observability_api.anomalies_endpoint", URL_PATH, "\"/api/anomalies/batch\"")
        .about("Path for anomalies."),
    Key::live("observability_api.resolutions_endpoint", URL_PATH, "\"/api/incidents/resolve\"")
        .about("Path for resolutions."),
    Key::live("observability_api.notifications_endpoint", URL_PATH, "")
        .about("Path for notifications and heartbeats. Not set: they are not sent there."),
    patience("observability_api.request_timeout_seconds"),
    Key::live("observability_api.body_format", Shape::Word(&["array", "envelope"]), "\"array\"")
        .about("A bare array, or an object with `alerts` (or `resolutions`) and `schema_version`."),
    Key::live("alertmanager.url", URL, "")
        .variable("ALERTMANAGER_URL")
        .about("Prometheus Alertmanager that alerts are sent to. Not set: none."),
    patience("alertmanager.request_timeout_seconds"),
    Key::live("alertmanager.expires_after_hours", integer(1, 168), "25").unit("h").about(
        "An alert that is neither repeated nor resolved ends after this. Keep it above \
         `fingerprinting.max_unobserved_hours`.",
    ),
    Key::live("webhook.url", URL, "")
        .variable("WEBHOOK_URL")
        .about("Address that gets each message as a signed POST. Not set: none."),
    patience("webhook.request_timeout_seconds"),
    Key::live("sns.topic_arn", Shape::Text(Form::TopicArn), "")
        .variable("SNS_TOPIC_ARN")
        .about("Topic of Amazon SNS that each message is published to. Not set: none."),
    Key::live("archive.enabled", Shape::Boolean, "false")
        .variable("ARCHIVE_ENABLED")
        .about("Whether alerts and resolutions are also kept under `alerts/` beside the models."),
    Key::live("stdout.enabled", Shape::Boolean, "false")
        .about("Whether messages are also printed, one line of JSON each."),
    Key::live("write_back.enabled", Shape::Boolean, "false")
        .about("Whether scores, expected values and incident states are written as metrics."),
    Key::live("write_back.url", URL, "")
        .about("Server with `/api/v1/import`. Default: the one metrics are read from."),
    Key::live("delivery.budget_seconds", integer(1, 60), "15")
        .unit("s")
        .about("Time of one cycle that sending may take; the rest waits for the next."),
    Key::live("delivery.retry_hours", integer(1, 168), "24")
        .unit("h")
        .about("A message that cannot be delivered for so long is given up."),
    Key::live("delivery.heartbeat", Shape::Boolean, "false")
        .about("Whether each cycle sends a heartbeat to the receivers that take it."),
    Key::live("delivery.notify_after_cycles", integer(1, 100), "3")
        .about("Cycles in a row without usable metrics after which receivers are told."),
];
