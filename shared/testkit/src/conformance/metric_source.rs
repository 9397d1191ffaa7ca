//! What a metric source must do, given that it holds [`KnownMetrics`].

use std::collections::BTreeMap;
use std::fmt::Write;

use domain::{MetricDefinition, MetricSet, Series, ServiceName};
use pipeline::ports::{MetricRead, MetricSource, RangeRequest};

const STEP_S: i64 = 60;
const SAMPLES: i64 = 120;
const DAY_S: i64 = 86_400;
const METRICS: [&str; 2] = ["yaga_check_load", "yaga_check_latency"];
/// Names that need escaping in a query, and one that is a part of another.
const SERVICES: [&str; 4] = ["booking", "booking-api", "a.b|c(d)*", "quo\"te\\back'slash"];

/// A small data set, the same for every source: two metrics of four services, a sample a minute
/// for two hours, values that are exact in binary.
#[derive(Debug, Clone)]
pub struct KnownMetrics {
    start_s: i64,
    has_nan: bool,
    series: Vec<(String, ServiceName, Series)>,
}

impl KnownMetrics {
    /// The data set from `start_s` (rounded down to a whole minute) on.
    pub fn starting_at(start_s: i64) -> KnownMetrics {
        let start_s = start_s.div_euclid(STEP_S) * STEP_S;
        let mut series = Vec::new();
        for (m, metric) in METRICS.iter().enumerate() {
            for (s, service) in SERVICES.iter().enumerate() {
                let value = |i: i64| i as f64 * 0.25 + (m * 1_000 + s * 100) as f64;
                let samples = (0..SAMPLES).map(|i| (start_s + i * STEP_S, value(i))).collect();
                let name = ServiceName::new(*service).expect("a usable name");
                series.push(((*metric).to_owned(), name, Series::from_samples(samples)));
            }
        }
        KnownMetrics { start_s, has_nan: false, series }
    }

    /// The same with some values that are no finite numbers, for sources that keep them.
    pub fn with_nan(mut self) -> KnownMetrics {
        for (_, _, series) in &mut self.series {
            series.values[3] = f64::NAN;
            series.values[4] = f64::INFINITY;
            series.values[5] = f64::NEG_INFINITY;
        }
        self.has_nan = true;
        self
    }

    /// Metric, service and samples.
    pub fn series(&self) -> impl Iterator<Item = (&str, &ServiceName, &Series)> {
        self.series.iter().map(|(metric, service, series)| (metric.as_str(), service, series))
    }

    /// Definitions of the metrics in the data set.
    pub fn metrics(&self) -> MetricSet {
        let definitions = METRICS.iter().map(|name| MetricDefinition::guess(name)).collect();
        MetricSet::new(definitions).expect("usable definitions")
    }

    /// The data set as VictoriaMetrics exports and imports it: one JSON object a line.
    pub fn json_lines(&self) -> String {
        let mut text = String::new();
        for (metric, service, series) in self.series() {
            let join = |items: Vec<String>| items.join(",");
            let label = service.as_str().replace('\\', "\\\\").replace('"', "\\\"");
            let values = join(series.values.iter().map(|v| json_number(*v)).collect());
            let times = join(series.times_s.iter().map(|t| (t * 1_000).to_string()).collect());
            writeln!(
                text,
                "{{\"metric\":{{\"__name__\":\"{metric}\",\"service_name\":\"{label}\"}},\
                 \"values\":[{values}],\"timestamps\":[{times}]}}"
            )
            .expect("writing to a string cannot fail");
        }
        text
    }

    /// What a source must answer to a request.
    fn expected(&self, request: &RangeRequest<'_>) -> BTreeMap<ServiceName, Series> {
        let mut expected = BTreeMap::new();
        for (metric, service, series) in self.series() {
            let wanted = request.services.is_none_or(|services| services.contains(service));
            let samples: Vec<_> = series.between(request.after_s, request.until_s).collect();
            if metric == request.metric.name && wanted && !samples.is_empty() {
                expected.insert(service.clone(), Series::from_samples(samples));
            }
        }
        expected
    }
}

fn json_number(value: f64) -> String {
    match value {
        value if value.is_nan() => "null".to_owned(),
        f64::INFINITY => "\"Infinity\"".to_owned(),
        f64::NEG_INFINITY => "\"-Infinity\"".to_owned(),
        value => value.to_string(),
    }
}

/// Runs the whole suite against a source that holds `known` and nothing else under its names.
pub async fn metric_source(source: &dyn MetricSource, known: &KnownMetrics) {
    let suite = Suite { source, known, metric: MetricDefinition::guess(METRICS[0]) };
    source.health().await.unwrap_or_else(|error| panic!("the source is not healthy: {error}"));
    assert!(!source.describe().is_empty(), "a source says what it is");
    assert!(source.lag_s() >= 0, "a source cannot be ahead of the clock");
    suite.everything_is_read().await;
    suite.a_range_excludes_its_start_and_includes_its_end().await;
    suite.a_range_without_samples_is_empty().await;
    suite.services_are_filtered().await;
    suite.an_unknown_metric_is_empty().await;
    suite.reads_do_not_disturb_each_other().await;
}

struct Suite<'a> {
    source: &'a dyn MetricSource,
    known: &'a KnownMetrics,
    metric: MetricDefinition,
}

impl Suite<'_> {
    async fn check(&self, request: RangeRequest<'_>) -> MetricRead {
        let read = self.source.read(&request).await;
        let read = read.unwrap_or_else(|error| panic!("{request:?} failed: {error}"));
        let expected = self.known.expected(&request);
        let names = |series: &BTreeMap<ServiceName, Series>| -> Vec<String> {
            series.keys().map(ToString::to_string).collect()
        };
        assert_eq!(names(&read.series), names(&expected), "the services of {request:?}");
        for (service, series) in &expected {
            let got = &read.series[service];
            assert!(got.times_s.is_sorted_by(|a, b| a < b), "{service}: times must ascend");
            assert_eq!(got.times_s, series.times_s, "the times of {service} in {request:?}");
            let bits = |series: &Series| -> Vec<String> {
                series.values.iter().map(ToString::to_string).collect()
            };
            assert_eq!(bits(got), bits(series), "the values of {service} in {request:?}");
        }
        assert_eq!(read.warnings, [""; 0], "the warnings of {request:?}");
        read
    }

    fn range(&self, after_s: i64, until_s: i64) -> RangeRequest<'_> {
        let start_s = self.known.start_s;
        RangeRequest {
            metric: &self.metric,
            after_s: start_s + after_s,
            until_s: start_s + until_s,
            step_s: STEP_S,
            services: None,
        }
    }

    async fn everything_is_read(&self) {
        for name in METRICS {
            let metric = MetricDefinition::guess(name);
            let whole = self.range(-STEP_S, (SAMPLES - 1) * STEP_S);
            let read = self.check(RangeRequest { metric: &metric, ..whole }).await;
            assert_eq!(read.series.len(), SERVICES.len());
            let odd = read.series.values().flat_map(|s| &s.values).filter(|v| !v.is_finite());
            let expected = if self.known.has_nan { 3 * SERVICES.len() } else { 0 };
            assert_eq!(odd.count(), expected, "values that are no finite numbers are kept");
        }
    }

    async fn a_range_excludes_its_start_and_includes_its_end(&self) {
        for (after_s, until_s, samples) in [
            (0, STEP_S, 1),
            (0, 2 * STEP_S, 2),
            (-1, 0, 1),
            (1, STEP_S, 1),
            (0, STEP_S - 1, 0),
            (STEP_S / 2, 2 * STEP_S + STEP_S / 2, 2),
            (10 * STEP_S, 70 * STEP_S, 60),
        ] {
            let read = self.check(self.range(after_s, until_s)).await;
            let longest = read.series.values().map(Series::len).max().unwrap_or(0);
            assert_eq!(longest, samples, "samples in ({after_s}, {until_s}]");
        }
    }

    async fn a_range_without_samples_is_empty(&self) {
        for (after_s, until_s) in
            [(-2 * DAY_S, -DAY_S), (DAY_S, DAY_S + 600), (600, 600), (600, 0), (0, 30)]
        {
            let read = self.check(self.range(after_s, until_s)).await;
            assert!(read.series.is_empty(), "({after_s}, {until_s}] has no samples");
        }
    }

    async fn services_are_filtered(&self) {
        let name = |text: &str| ServiceName::new(text).expect("a usable name");
        let mut lists: Vec<Vec<ServiceName>> = SERVICES.iter().map(|s| vec![name(s)]).collect();
        lists.push(SERVICES.iter().map(|s| name(s)).collect());
        lists.push(vec![name("booking"), name("unheard-of")]);
        lists.push(vec![name("unheard-of"), name("book.*")]);
        lists.push(vec![]);
        for services in &lists {
            let range = self.range(0, 20 * STEP_S);
            self.check(RangeRequest { services: Some(services), ..range }).await;
        }
    }

    async fn an_unknown_metric_is_empty(&self) {
        let metric = MetricDefinition::guess("yaga_check_unheard_of");
        let whole = self.range(-STEP_S, SAMPLES * STEP_S);
        self.check(RangeRequest { metric: &metric, ..whole }).await;
    }

    async fn reads_do_not_disturb_each_other(&self) {
        let (one, two, three) = (self.range(0, 600), self.range(600, 1_200), self.range(-60, 0));
        tokio::join!(self.check(one), self.check(two), self.check(three));
    }
}
