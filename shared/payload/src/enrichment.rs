//! What was looked up beside an alert: exceptions, calls, and what the proxy sees.
//!
//! Each context is made of labelled values, the answers of queries. Where a query failed the
//! context says so; the alert is sent all the same.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Slower than this, per second, is left out.
const RATE_MIN: f64 = 0.001;
/// Kinds of exceptions that are listed.
const EXCEPTIONS_MAX: usize = 5;
/// Routes that are listed.
const ROUTES_MAX: usize = 20;

/// One value of an answer, with its labels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Labelled {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Exceptions of a service, per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExceptionContext {
    pub service_name: String,
    pub timestamp: String,
    /// Events per second of the kinds that count.
    pub total_exception_rate: f64,
    /// Kinds that count.
    pub exception_count: u32,
    /// The most frequent first.
    pub top_exceptions: Vec<ExceptionShare>,
    pub query_successful: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// One kind of exception.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExceptionShare {
    #[serde(rename = "type")]
    pub kind: String,
    /// Without namespaces.
    pub short_name: String,
    /// Events per second.
    pub rate: f64,
    /// Of all, 0 to 100.
    pub percentage: f64,
}

/// The calls that a service makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceGraphContext {
    pub service_name: String,
    pub timestamp: String,
    /// Calls per second.
    pub total_request_rate: f64,
    pub route_count: u32,
    /// Sorted.
    pub unique_servers: Vec<String>,
    /// The busiest first.
    pub routes: Vec<Route>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_route: Option<Route>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowest_route: Option<Route>,
    pub summary: String,
    pub query_successful: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// Calls to one route of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    pub server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Calls per second.
    pub request_rate: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avg_latency_ms: Option<f64>,
    /// Of all calls, 0 to 100.
    pub percentage: f64,
}

/// What the proxy in front of a service sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvoyContext {
    pub service_name: String,
    pub envoy_cluster_name: String,
    pub timestamp: String,
    /// Per second, by class of status (`2xx` to `5xx`), and their `total`.
    pub request_rates: BTreeMap<String, f64>,
    /// Share of 4xx and 5xx.
    pub edge_error_rate: f64,
    /// Share of 5xx.
    pub edge_server_error_rate: f64,
    /// `p50_ms`, `p90_ms`, `p99_ms`; null where nothing was measured.
    pub latency_percentiles: BTreeMap<String, Option<f64>>,
    pub active_connections: u64,
    pub summary: String,
    pub query_successful: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// What the proxy's five queries answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EnvoyAnswers {
    pub rates: Vec<Labelled>,
    /// Of the quantiles 0.5, 0.9 and 0.99.
    pub quantiles_ms: [Vec<Labelled>; 3],
    pub connections: Vec<Labelled>,
}

impl ExceptionContext {
    /// From rates by `exception_type`; `None` without any.
    pub fn of(service: &str, timestamp: &str, rates: &[Labelled]) -> Option<ExceptionContext> {
        let mut kinds: Vec<(String, f64)> = counted(rates)
            .map(|it| (label(it, "exception_type").unwrap_or("unknown").to_owned(), it.value))
            .collect();
        kinds.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let total: f64 = kinds.iter().map(|(_, rate)| rate).sum();
        if kinds.is_empty() {
            return None;
        }
        let share = |(kind, rate): &(String, f64)| ExceptionShare {
            short_name: short_name(kind).to_owned(),
            kind: kind.clone(),
            rate: rounded(*rate, 4),
            percentage: rounded(100.0 * rate / total, 1),
        };
        Some(ExceptionContext {
            total_exception_rate: rounded(total, 4),
            exception_count: kinds.len() as u32,
            top_exceptions: kinds.iter().take(EXCEPTIONS_MAX).map(share).collect(),
            query_successful: true,
            ..ExceptionContext::failed(service, timestamp, None)
        })
    }

    /// That nothing is known, and why.
    pub fn failed(service: &str, timestamp: &str, reason: Option<String>) -> ExceptionContext {
        ExceptionContext {
            service_name: service.to_owned(),
            timestamp: timestamp.to_owned(),
            total_exception_rate: 0.0,
            exception_count: 0,
            top_exceptions: Vec::new(),
            query_successful: false,
            error_message: reason,
        }
    }
}

impl ServiceGraphContext {
    /// From calls per second and mean latencies in seconds, both by `server` and
    /// `server_http_route`; `None` without calls.
    pub fn of(
        service: &str,
        timestamp: &str,
        rates: &[Labelled],
        latencies_s: &[Labelled],
    ) -> Option<ServiceGraphContext> {
        let total: f64 = counted(rates).map(|it| it.value).sum();
        let mut routes: Vec<Route> =
            counted(rates).map(|it| route(it, latencies_s, total)).collect();
        routes.sort_by(|a, b| {
            let place = |it: &Route| (it.server.clone(), it.route.clone());
            b.request_rate.total_cmp(&a.request_rate).then_with(|| place(a).cmp(&place(b)))
        });
        let top = routes.first()?.clone();
        let slow = |it: &Route| it.avg_latency_ms.unwrap_or(f64::MIN);
        let measured = routes.iter().filter(|it| it.avg_latency_ms.is_some());
        let slowest = measured.max_by(|a, b| slow(a).total_cmp(&slow(b))).cloned();
        let servers: BTreeSet<&str> = routes.iter().map(|it| it.server.as_str()).collect();
        let unique_servers = servers.into_iter().map(str::to_owned).collect();
        let route_count = routes.len() as u32;
        let summary = graph_summary(&top, slowest.as_ref(), route_count);
        routes.truncate(ROUTES_MAX);
        Some(ServiceGraphContext {
            total_request_rate: rounded(total, 3),
            route_count,
            unique_servers,
            routes,
            top_route: Some(top),
            slowest_route: slowest,
            summary,
            query_successful: true,
            ..ServiceGraphContext::failed(service, timestamp, None)
        })
    }

    /// That nothing is known, and why.
    pub fn failed(service: &str, timestamp: &str, reason: Option<String>) -> ServiceGraphContext {
        ServiceGraphContext {
            service_name: service.to_owned(),
            timestamp: timestamp.to_owned(),
            total_request_rate: 0.0,
            route_count: 0,
            unique_servers: Vec::new(),
            routes: Vec::new(),
            top_route: None,
            slowest_route: None,
            summary: "the calls of the service are not known".to_owned(),
            query_successful: false,
            error_message: reason,
        }
    }
}

impl EnvoyContext {
    /// From the proxy's answers; `None` without traffic.
    pub fn of(
        service: &str,
        cluster: &str,
        timestamp: &str,
        answers: &EnvoyAnswers,
    ) -> Option<EnvoyContext> {
        let rate = |class: &str| -> f64 {
            let digit = &class[..1];
            let of_class = answers.rates.iter().filter(|it| {
                label(it, "envoy_response_code_class").is_some_and(|it| it.starts_with(digit))
            });
            of_class.map(|it| it.value).filter(|value| value.is_finite()).sum()
        };
        let classes = ["2xx", "3xx", "4xx", "5xx"];
        let rates = classes.map(rate);
        let total: f64 = rates.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let named = classes.into_iter().zip(rates).chain([("total", total)]);
        let first = |answer: &Vec<Labelled>| {
            answer.iter().map(|it| it.value).find(|value| value.is_finite())
        };
        let latency = |answer| first(answer).map(|value| rounded(value, 2));
        let [p50, p90, p99] = answers.quantiles_ms.each_ref().map(latency);
        let server_errors = rates[3] / total;
        Some(EnvoyContext {
            request_rates: named.map(|(it, rate)| (it.to_owned(), rounded(rate, 3))).collect(),
            edge_error_rate: rounded((rates[2] + rates[3]) / total, 5),
            edge_server_error_rate: rounded(server_errors, 5),
            latency_percentiles: [("p50_ms", p50), ("p90_ms", p90), ("p99_ms", p99)]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            active_connections: first(&answers.connections).unwrap_or(0.0).max(0.0) as u64,
            summary: format!(
                "the proxy sees {total:.1} requests per second, {:.2} % of them answered with 5xx",
                100.0 * server_errors
            ),
            query_successful: true,
            ..EnvoyContext::failed(service, cluster, timestamp, None)
        })
    }

    /// That nothing is known, and why.
    pub fn failed(
        service: &str,
        cluster: &str,
        timestamp: &str,
        reason: Option<String>,
    ) -> EnvoyContext {
        EnvoyContext {
            service_name: service.to_owned(),
            envoy_cluster_name: cluster.to_owned(),
            timestamp: timestamp.to_owned(),
            request_rates: BTreeMap::new(),
            edge_error_rate: 0.0,
            edge_server_error_rate: 0.0,
            latency_percentiles: BTreeMap::new(),
            active_connections: 0,
            summary: "what the proxy sees is not known".to_owned(),
            query_successful: false,
            error_message: reason,
        }
    }
}

fn route(it: &Labelled, latencies_s: &[Labelled], total: f64) -> Route {
    let place = |it: &Labelled| {
        let text = |name| label(it, name).map(str::to_owned);
        (text("server"), text("server_http_route"))
    };
    let latency = latencies_s.iter().find(|other| place(other) == place(it));
    let latency = latency.map(|it| 1000.0 * it.value).filter(|value| value.is_finite());
    let (server, route) = place(it);
    Route {
        server: server.unwrap_or_else(|| "unknown".to_owned()),
        route: route.filter(|it| !it.is_empty()),
        request_rate: rounded(it.value, 3),
        avg_latency_ms: latency.map(|value| rounded(value, 2)),
        percentage: rounded(100.0 * it.value / total, 1),
    }
}

fn graph_summary(top: &Route, slowest: Option<&Route>, count: u32) -> String {
    let name = |it: &Route| match &it.route {
        Some(route) => format!("{} {route}", it.server),
        None => it.server.clone(),
    };
    let mut text = format!(
        "{count} routes are called, most often {} ({:.1} per second)",
        name(top),
        top.request_rate
    );
    if let Some((slowest, latency)) = slowest.and_then(|it| Some((it, it.avg_latency_ms?))) {
        text.push_str(&format!("; the slowest is {} ({latency:.0} ms)", name(slowest)));
    }
    text
}

fn counted(rates: &[Labelled]) -> impl Iterator<Item = &Labelled> {
    rates.iter().filter(|it| it.value.is_finite() && it.value >= RATE_MIN)
}

fn label<'a>(it: &'a Labelled, name: &str) -> Option<&'a str> {
    it.labels.get(name).map(String::as_str)
}

/// What stands behind the last namespace.
fn short_name(kind: &str) -> &str {
    let start = kind.rfind(['\\', '/', '.', ':']).map_or(0, |index| index + 1);
    let short = &kind[start..];
    if short.is_empty() { kind } else { short }
}

fn rounded(value: f64, places: i32) -> f64 {
    let unit = 10_f64.powi(places);
    (value * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-04-01T12:00:00.000Z";

    fn labelled(value: f64, labels: &[(&str, &str)]) -> Labelled {
        let labels = labels.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Labelled { labels: labels.collect(), value }
    }

    #[test]
    fn exceptions_are_ranked_and_rare_ones_left_out() {
        let rates = [
            labelled(0.5, &[("exception_type", "app\\db\\TimeoutException")]),
            labelled(1.5, &[("exception_type", "java.net.ConnectException")]),
            labelled(0.0009, &[("exception_type", "Rare")]),
            labelled(f64::NAN, &[("exception_type", "Odd")]),
        ];
        let it = ExceptionContext::of("booking", AT, &rates).unwrap();
        assert_eq!((it.total_exception_rate, it.exception_count), (2.0, 2));
        let top: Vec<_> =
            it.top_exceptions.iter().map(|it| (it.short_name.as_str(), it.percentage)).collect();
        assert_eq!(top, [("ConnectException", 75.0), ("TimeoutException", 25.0)]);
        assert_eq!(ExceptionContext::of("booking", AT, &rates[2..]), None);
        assert_eq!(["a::B", "x/", "plain"].map(short_name), ["B", "x/", "plain"]);
    }

    #[test]
    fn calls_are_ranked_with_their_latency() {
        let call = |value, server, route| {
            labelled(value, &[("server", server), ("server_http_route", route)])
        };
        let rates = [call(1.0, "vms", "/a"), call(3.0, "search", "/q"), call(0.0001, "x", "")];
        let latencies = [call(0.25, "vms", "/a"), call(0.1, "search", "/q")];
        let it = ServiceGraphContext::of("booking", AT, &rates, &latencies).unwrap();
        assert_eq!((it.route_count, it.unique_servers), (2, vec!["search".into(), "vms".into()]));
        assert_eq!(it.top_route.as_ref().unwrap().server, "search");
        assert_eq!(it.slowest_route.as_ref().unwrap().avg_latency_ms, Some(250.0));
        insta::assert_snapshot!(it.summary, @"2 routes are called, most often search /q (3.0 per second); the slowest is vms /a (250 ms)");
        assert_eq!(ServiceGraphContext::of("booking", AT, &[], &latencies), None);
    }

    #[test]
    fn the_proxy_tells_errors_at_the_edge() {
        let class = |value, class| labelled(value, &[("envoy_response_code_class", class)]);
        let quantile = |value| vec![labelled(value, &[])];
        let answers = EnvoyAnswers {
            rates: vec![class(90.0, "2"), class(6.0, "4xx"), class(4.0, "5")],
            quantiles_ms: [quantile(12.345), quantile(80.0), vec![labelled(f64::NAN, &[])]],
            connections: quantile(41.9),
        };
        let it = EnvoyContext::of("booking", "edge", AT, &answers).unwrap();
        assert_eq!((it.edge_error_rate, it.edge_server_error_rate), (0.1, 0.04));
        assert_eq!(it.request_rates["total"], 100.0);
        assert_eq!(it.latency_percentiles["p50_ms"], Some(12.35));
        assert_eq!((it.latency_percentiles["p99_ms"], it.active_connections), (None, 41));
        assert_eq!(EnvoyContext::of("booking", "edge", AT, &EnvoyAnswers::default()), None);
    }
}
