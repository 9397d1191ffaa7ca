//! Where alerts go, after all checks. Secrets are no part of it: they come from the environment.

/// All receivers and how hard to try. One without an address receives nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Seconds of one cycle that sending may take.
    pub budget_s: u64,
    /// After so many hours an undelivered message is given up.
    pub retry_hours: u32,
    /// A message a cycle to the receivers that take it.
    pub heartbeat: bool,
    /// Cycles in a row without usable metrics after which receivers are told.
    pub notify_after_cycles: u32,
    pub observability: ObservabilityApi,
    pub alertmanager: Alertmanager,
    pub webhook: Webhook,
    pub sns: Sns,
    /// Alerts and resolutions as objects beside the models.
    pub archive: bool,
    /// Messages as lines of JSON on standard output.
    pub stdout: bool,
    pub write_back: WriteBack,
}

/// `observability_api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservabilityApi {
    pub enabled: bool,
    /// Without a trailing slash.
    pub base_url: Option<String>,
    pub anomalies_path: String,
    pub resolutions_path: String,
    /// `None`: notifications and heartbeats are not sent there.
    pub notifications_path: Option<String>,
    pub timeout_s: u64,
    pub body_format: BodyFormat,
}

/// How a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    /// A bare array.
    Array,
    /// `{"alerts": […], "schema_version": …}`
    Envelope,
}

/// `alertmanager`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alertmanager {
    /// Without a trailing slash.
    pub url: Option<String>,
    pub timeout_s: u64,
    /// An alert ends by itself so long after its last message.
    pub expires_after_hours: u32,
}

/// `webhook`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub url: Option<String>,
    pub timeout_s: u64,
}

/// `sns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sns {
    /// `None`: nothing is published.
    pub topic: Option<Topic>,
}

/// A topic of SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub arn: String,
    /// The part of the ARN that says where it is.
    pub region: String,
}

/// `write_back`: scores and expected values as metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBack {
    pub enabled: bool,
    /// Without a trailing slash; `None`: the server that metrics are read from.
    pub url: Option<String>,
}

impl ObservabilityApi {
    /// The address, if anything is to be sent there.
    pub fn address(&self) -> Option<&str> {
        self.base_url.as_deref().filter(|_| self.enabled)
    }
}

impl Default for Delivery {
    /// The defaults of the configuration: nothing is sent.
    fn default() -> Delivery {
        Delivery {
            budget_s: 15,
            retry_hours: 24,
            heartbeat: false,
            notify_after_cycles: 3,
            observability: ObservabilityApi {
                enabled: true,
                base_url: None,
                anomalies_path: "/api/anomalies/batch".to_owned(),
                resolutions_path: "/api/incidents/resolve".to_owned(),
                notifications_path: None,
                timeout_s: 5,
                body_format: BodyFormat::Array,
            },
            alertmanager: Alertmanager { url: None, timeout_s: 5, expires_after_hours: 25 },
            webhook: Webhook { url: None, timeout_s: 5 },
            sns: Sns { topic: None },
            archive: false,
            stdout: false,
            write_back: WriteBack { enabled: false, url: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_that_of_the_keys() {
        let loaded = crate::config::load(None, &|_| None).unwrap();
        assert_eq!(loaded.config.delivery, Delivery::default());
    }

    #[test]
    fn an_interface_that_is_off_has_no_address() {
        let load = |enabled: &str| {
            let document = format!(
                r#"{{"observability_api":{{"base_url":"https://a:1/x/","enabled":{enabled}}}}}"#
            );
            crate::config::load(Some(&document), &|_| None).unwrap().config.delivery
        };
        assert_eq!(load("true").observability.address(), Some("https://a:1/x"));
        assert_eq!(load("false").observability.address(), None);
    }
}
