//! A small simulated fleet, its history in a fake source, and models learned from it once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use domain::config::valid::ExcludedPeriod;
use domain::config::{self, Config};
use domain::{Series, ServiceName};
use payload::run::Cycle;
use pipeline::infer::{CycleRequest, InferError, InferPorts, Warm, infer_cycle};
use pipeline::registry::Registry;
use pipeline::train::{Silent, TrainError, TrainPorts, TrainRequest, TrainingReport, train};
use simulate::{Estate, EstateParams, FaultPlan, simulate};
use testkit::{CountingStore, FakeSource, FixedClock, MemoryStore};

/// Monday.
const START_S: i64 = 1_772_409_600;
/// End of the history; a Wednesday.
pub(crate) const TRAINED_AT: &str = "2026-04-01T00:00:00Z";
/// In the afternoon after, away from the peak of the day.
pub(crate) const NOON: &str = "2026-04-01T14:00:00Z";

/// A source, a registry and a clock, ready to use.
pub(crate) struct Fleet {
    pub source: FakeSource,
    pub store: Arc<CountingStore>,
    pub registry: Registry,
    pub clock: FixedClock,
    pub config: Config,
    pub warm: Warm,
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

pub(crate) fn service(name: &str) -> ServiceName {
    ServiceName::new(name).expect("a name")
}

pub(crate) fn names() -> Vec<ServiceName> {
    simulate::service_names(3).iter().map(|name| service(name)).collect()
}

pub(crate) fn config(document: &str) -> Config {
    config::load(Some(document), &|_| None).expect("a valid document").config
}

/// Thirty-one quiet days of three services.
fn estate() -> &'static Estate {
    static ESTATE: OnceLock<Estate> = OnceLock::new();
    ESTATE.get_or_init(|| {
        let params = EstateParams {
            services: 3,
            start_s: START_S,
            train_days: 30,
            test_days: 1.0,
            step_s: 60,
            seed: 11,
            faults: FaultPlan::None,
        };
        simulate(&params, |_| 0).expect("valid parameters")
    })
}

/// What training on the quiet days leaves in a store.
fn models() -> &'static BTreeMap<String, Vec<u8>> {
    static MODELS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    // A thread of its own: the tests that ask are inside a runtime already.
    MODELS.get_or_init(|| std::thread::spawn(learn).join().expect("training works"))
}

fn learn() -> BTreeMap<String, Vec<u8>> {
    let (fleet, memory) = Fleet::on(MemoryStore::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let report = runtime.block_on(fleet.train()).expect("a run");
    assert!(report.promoted >= 9 && report.without_model == 0, "{report:#?}");
    memory.snapshot()
}

impl Fleet {
    /// History, and nothing in the registry.
    pub(crate) fn untrained() -> Fleet {
        Fleet::on(MemoryStore::new()).0
    }

    /// History, and the models learned from it.
    pub(crate) fn trained() -> Fleet {
        Fleet::trained_on_memory().0
    }

    /// The same, with the memory behind the store.
    pub(crate) fn trained_on_memory() -> (Fleet, Arc<MemoryStore>) {
        let memory = MemoryStore::new();
        for (key, bytes) in models() {
            memory.set(key, bytes.clone());
        }
        Fleet::on(memory)
    }

    fn on(memory: MemoryStore) -> (Fleet, Arc<MemoryStore>) {
        let source = FakeSource::new();
        for series in &estate().series {
            let samples =
                Series { times_s: series.timestamps_s.clone(), values: series.values.clone() };
            source.set(series.metric.as_str(), &service(&series.service), samples);
        }
        let memory = Arc::new(memory);
        let store = Arc::new(CountingStore::new(memory.clone()));
        let fleet = Fleet {
            source,
            registry: Registry::new(store.clone()),
            store,
            clock: FixedClock::at(at(TRAINED_AT)),
            config: config("{}"),
            warm: Warm::default(),
        };
        (fleet, memory)
    }

    pub(crate) async fn train(&self) -> Result<TrainingReport, TrainError> {
        self.train_at(TRAINED_AT).await
    }

    pub(crate) async fn train_at(&self, instant: &str) -> Result<TrainingReport, TrainError> {
        self.run(at(instant), Vec::new()).await
    }

    /// Learns without the incidents.
    pub(crate) async fn train_without(
        &self,
        incidents: Vec<ExcludedPeriod>,
    ) -> Result<TrainingReport, TrainError> {
        self.run(at(TRAINED_AT), incidents).await
    }

    async fn run(
        &self,
        at: DateTime<Utc>,
        incidents: Vec<ExcludedPeriod>,
    ) -> Result<TrainingReport, TrainError> {
        let config_digest = "test".to_owned();
        let request = TrainRequest { at, services: None, incidents, config_digest };
        let ports = TrainPorts {
            source: &self.source,
            registry: &self.registry,
            clock: &self.clock,
            progress: &Silent,
        };
        train(&request, &self.config, &ports).await
    }

    pub(crate) async fn infer(&mut self, instant: &str) -> Result<Cycle, InferError> {
        let request = CycleRequest { at: at(instant), services: None };
        let ports = InferPorts {
            source: &self.source,
            registry: &self.registry,
            incidents: None,
            deadline: None,
        };
        infer_cycle(&request, &self.config, &ports, &mut self.warm).await
    }

    /// Values of a metric of a service, as simulated.
    pub(crate) fn values(
        &self,
        metric: &str,
        service: &ServiceName,
        span: std::ops::Range<i64>,
    ) -> Vec<f64> {
        let found = estate()
            .series
            .iter()
            .find(|it| it.metric.as_str() == metric && it.service == service.as_str())
            .expect("the estate has it");
        let samples = found.timestamps_s.iter().zip(&found.values);
        samples.filter(|(time_s, _)| span.contains(time_s)).map(|(_, value)| *value).collect()
    }

    /// Multiplies a metric of a service in the quarter of an hour before an instant.
    pub(crate) fn break_metric(&self, metric: &str, service: &ServiceName, until: &str, by: f64) {
        self.alter(metric, service, until, |value| value * by);
    }

    /// Changes a metric of a service in the quarter of an hour before an instant.
    pub(crate) fn alter(
        &self,
        metric: &str,
        service: &ServiceName,
        until: &str,
        change: impl Fn(f64) -> f64,
    ) {
        self.alter_for(metric, service, until, 900, change);
    }

    /// Changes a metric of a service in the seconds before an instant.
    pub(crate) fn alter_for(
        &self,
        metric: &str,
        service: &ServiceName,
        until: &str,
        seconds: i64,
        change: impl Fn(f64) -> f64,
    ) {
        let until_s = at(until).timestamp();
        let is_then = |time_s: i64| (until_s - seconds..=until_s).contains(&time_s);
        self.rewrite(
            metric,
            service,
            |time_s, value| {
                if is_then(time_s) { change(value) } else { value }
            },
        );
    }

    /// Takes away the samples of a metric of a service after an instant.
    pub(crate) fn cut(&self, metric: &str, service: &ServiceName, after: &str) {
        let after_s = at(after).timestamp();
        self.source.retain(metric, service, |time_s| time_s <= after_s);
    }

    /// Keeps the samples at multiples of `step_s`.
    pub(crate) fn thin(&self, step_s: i64) {
        for series in &estate().series {
            let name = service(&series.service);
            self.rewrite_thinned(series.metric.as_str(), &name, step_s, |_, value| value);
        }
    }

    /// Changes a metric of a service, of which the samples at multiples of `step_s` are kept.
    pub(crate) fn rewrite_thinned(
        &self,
        metric: &str,
        service: &ServiceName,
        step_s: i64,
        change: impl Fn(i64, f64) -> f64,
    ) {
        let series = estate()
            .series
            .iter()
            .find(|s| s.metric.as_str() == metric && s.service == service.as_str())
            .expect("the estate has it");
        let pairs = series.timestamps_s.iter().zip(&series.values);
        let kept = pairs.filter(|(time_s, _)| *time_s % step_s == 0);
        let samples = kept.map(|(time_s, value)| (*time_s, change(*time_s, *value))).collect();
        self.source.set(metric, service, Series::from_samples(samples));
    }

    /// Gives a service the samples of a metric of another one, under any names.
    pub(crate) fn borrow(
        &self,
        (metric, service): (&str, &ServiceName),
        as_metric: &str,
        to: &ServiceName,
        change: impl Fn(i64, f64) -> f64,
    ) {
        let is_it =
            |it: &&simulate::Series| it.metric.as_str() == metric && it.service == service.as_str();
        let series = estate().series.iter().find(is_it).expect("the estate has it");
        let pairs = series.timestamps_s.iter().zip(&series.values);
        let samples = pairs.map(|(time_s, value)| (*time_s, change(*time_s, *value))).collect();
        self.source.set(as_metric, to, Series::from_samples(samples));
    }

    /// Changes a metric of a service at all times.
    pub(crate) fn rewrite(
        &self,
        metric: &str,
        service: &ServiceName,
        change: impl Fn(i64, f64) -> f64,
    ) {
        self.rewrite_thinned(metric, service, 1, change);
    }
}
