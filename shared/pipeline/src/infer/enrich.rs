//! What is looked up beside the alerts that are about to be sent: exceptions, calls, and what the
//! proxy sees.
//!
//! It happens before alerts are committed, since a message never changes. All lookups of a cycle
//! together take at most eight seconds, and none of them keeps an alert back: what could not be
//! looked up is named in its place.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::config::enrichment::{Enrichment, Envoy};
use domain::{ServiceName, Severity};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::pin_mut;
use payload::enrichment::{
    EnvoyAnswers, EnvoyContext, ExceptionContext, Labelled, ServiceGraphContext,
};
use payload::result::{Evaluation, ServiceResult};

use crate::infer::finding::Finding;
use crate::ports::{Clock, InstantQuery};

const BUDGET: TimeDelta = TimeDelta::seconds(8);
const LOOKUPS_AT_ONCE: usize = 8;
/// Without objectives, errors from this share on are worth a look.
const ERROR_RATE_MIN: f64 = 0.01;
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// Who is asked; `None` where nobody can be.
#[derive(Clone, Copy, Default)]
#[expect(missing_debug_implementations, reason = "ports are trait objects")]
pub struct ContextPorts<'a> {
    /// The metric source.
    pub metrics: Option<&'a dyn InstantQuery>,
    /// The server with the proxy's metrics.
    pub proxy: Option<&'a dyn InstantQuery>,
}

/// One thing to look up.
enum Lookup<'a> {
    Exceptions(&'a dyn InstantQuery),
    Graph(&'a dyn InstantQuery),
    Proxy(&'a dyn InstantQuery, &'a Envoy, &'a str),
}

/// What was looked up.
enum Looked {
    Exceptions(Option<ExceptionContext>),
    Graph(Option<ServiceGraphContext>),
    Proxy(Option<EnvoyContext>),
}

/// Looks up the contexts of the findings at these positions.
pub(super) async fn enrich(
    found: &mut [Finding],
    told: &[usize],
    at: DateTime<Utc>,
    settings: &Enrichment,
    (ports, clock): (ContextPorts<'_>, &dyn Clock),
) {
    let until = clock.now() + BUDGET;
    let mut lookups = Vec::new();
    for index in told {
        let Some(evaluation) = found[*index].result.evaluation() else { continue };
        let service = &found[*index].service;
        let wanted = wanted(service, evaluation, settings, ports).into_iter();
        let subject = Subject { service: service.clone(), at };
        lookups.extend(wanted.map(|lookup| (*index, subject.clone(), lookup)));
    }
    let looking = lookups.into_iter().map(|(index, subject, lookup)| async move {
        (index, subject.look_up(lookup, until, clock).await)
    });
    let looked: Vec<(usize, Looked)> =
        futures_util::stream::iter(looking).buffered(LOOKUPS_AT_ONCE).collect().await;
    for (index, looked) in looked {
        if let ServiceResult::AnomalyDetected(evaluation) = &mut found[index].result {
            looked.put(evaluation);
        }
    }
}

fn wanted<'a>(
    service: &ServiceName,
    evaluation: &Evaluation,
    settings: &'a Enrichment,
    ports: ContextPorts<'a>,
) -> Vec<Lookup<'a>> {
    let mut wanted = Vec::new();
    if settings.exceptions && has_errors(evaluation) {
        wanted.extend(ports.metrics.map(Lookup::Exceptions));
    }
    if settings.service_graph && waits(evaluation) {
        wanted.extend(ports.metrics.map(Lookup::Graph));
    }
    if let (Some(envoy), Some(proxy)) = (&settings.envoy, ports.proxy)
        && let Some(cluster) = envoy.clusters.get(service)
    {
        wanted.push(Lookup::Proxy(proxy, envoy, cluster));
    }
    wanted
}

fn is_bad(status: &str) -> bool {
    matches!(status, "warning" | "breached")
}

/// Errors break their objective; without objectives, they are severe and not a few.
fn has_errors(evaluation: &Evaluation) -> bool {
    if let Some(said) = &evaluation.slo_evaluation {
        return is_bad(&said.error_rate_evaluation.ladder.status);
    }
    let rate = evaluation.current_metrics.get("error_rate").copied().flatten();
    let is_severe = evaluation.anomalies.values().any(|anomaly| {
        anomaly.severity >= Severity::High && anomaly.root_metric.as_deref() == Some("error_rate")
    });
    is_severe && rate.is_some_and(|rate| rate > ERROR_RATE_MIN)
}

/// Latency breaks its objective, or what the service waits for is slow.
fn waits(evaluation: &Evaluation) -> bool {
    let latency = evaluation.slo_evaluation.as_ref().map(|it| &it.latency_evaluation.status);
    let is_dependency = |metric: &String| metric == "dependency_latency";
    latency.is_some_and(|status| is_bad(status))
        || evaluation
            .anomalies
            .values()
            .any(|anomaly| anomaly.root_metric.as_ref().is_some_and(is_dependency))
}

/// Whose context, and of when.
#[derive(Clone)]
struct Subject {
    service: ServiceName,
    at: DateTime<Utc>,
}

impl Subject {
    async fn look_up(&self, lookup: Lookup<'_>, until: DateTime<Utc>, clock: &dyn Clock) -> Looked {
        let left = (until - clock.now()).to_std().unwrap_or(Duration::ZERO);
        let (service, timestamp) = (self.service.as_str(), payload::instant(self.at));
        match lookup {
            Lookup::Exceptions(source) => {
                let answer = within(self.exceptions(source), left, clock).await;
                Looked::Exceptions(match answer {
                    Ok(rates) => ExceptionContext::of(service, &timestamp, &rates),
                    Err(why) => Some(ExceptionContext::failed(service, &timestamp, Some(why))),
                })
            }
            Lookup::Graph(source) => {
                let answer = within(self.calls(source), left, clock).await;
                Looked::Graph(match answer {
                    Ok((rates, latencies)) => {
                        ServiceGraphContext::of(service, &timestamp, &rates, &latencies)
                    }
                    Err(why) => Some(ServiceGraphContext::failed(service, &timestamp, Some(why))),
                })
            }
            Lookup::Proxy(source, envoy, cluster) => {
                let answer = within(self.proxy(source, envoy, cluster), left, clock).await;
                Looked::Proxy(match answer {
                    Ok(answers) => EnvoyContext::of(service, cluster, &timestamp, &answers),
                    Err(why) => Some(EnvoyContext::failed(service, cluster, &timestamp, Some(why))),
                })
            }
        }
    }

    async fn exceptions(&self, source: &dyn InstantQuery) -> Result<Vec<Labelled>, String> {
        let service = quoted(self.service.as_str());
        let expression = format!(
            "sum(rate(events_total{{service_name={service},\
             deployment_environment_name=~\"production\"}}[5m])) by (exception_type)"
        );
        source.query(&expression, self.at).await
    }

    /// Calls per second and mean seconds, by route.
    async fn calls(
        &self,
        source: &dyn InstantQuery,
    ) -> Result<(Vec<Labelled>, Vec<Labelled>), String> {
        let client = quoted(self.service.as_str());
        let sum = |metric: &str| {
            format!(
                "sum(rate(traces_service_graph_request_{metric}{{client={client}}}[5m])) \
                 by (client, server, server_http_route)"
            )
        };
        let rates = source.query(&sum("total"), self.at).await?;
        if rates.is_empty() {
            return Ok((rates, Vec::new()));
        }
        let mean = format!("{} / {}", sum("server_seconds_sum"), sum("server_seconds_count"));
        Ok((rates, source.query(&mean, self.at).await?))
    }

    async fn proxy(
        &self,
        source: &dyn InstantQuery,
        envoy: &Envoy,
        cluster: &str,
    ) -> Result<EnvoyAnswers, String> {
        let (cluster, window) = (quoted(cluster), envoy.lookback_minutes);
        let of = |metric: &str| format!("{metric}{{envoy_cluster_name={cluster}}}");
        let rate = |metric: &str| format!("rate({}[{window}m])", of(metric));
        let by_class = "by (envoy_response_code_class)";
        let rates = format!("sum({}) {by_class}", rate("envoy_cluster_upstream_rq_xx"));
        let mut answers =
            EnvoyAnswers { rates: source.query(&rates, self.at).await?, ..Default::default() };
        let buckets = format!("sum({}) by (le)", rate("envoy_cluster_upstream_rq_time_bucket"));
        for (quantile, answer) in QUANTILES.into_iter().zip(&mut answers.quantiles_ms) {
            let expression = format!("histogram_quantile({quantile}, {buckets})");
            *answer = source.query(&expression, self.at).await?;
        }
        let connections = format!("sum({})", of("envoy_cluster_upstream_cx_active"));
        answers.connections = source.query(&connections, self.at).await?;
        Ok(answers)
    }
}

impl Looked {
    fn put(self, evaluation: &mut Evaluation) {
        match self {
            Looked::Exceptions(context) => evaluation.exception_context = context,
            Looked::Graph(context) => evaluation.service_graph_context = context,
            Looked::Proxy(context) => evaluation.envoy_context = context,
        }
    }
}

/// The answer, if it comes in time.
async fn within<T>(
    answer: impl Future<Output = Result<T, String>>,
    left: Duration,
    clock: &dyn Clock,
) -> Result<T, String> {
    let over = clock.pause(left);
    pin_mut!(answer);
    match select(answer, over).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err("the time for lookups was over".to_owned()),
    }
}

/// A text as a label's value in an expression.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_leave_their_quotes() {
        assert_eq!(quoted("a\"} or up{x=\"\\\n"), r#""a\"} or up{x=\"\\\n""#);
    }
}
