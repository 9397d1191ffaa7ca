//! A pack: labelled metrics in a folder of tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use detect::rows::ServiceSamples;
use domain::{MetricSet, Series, ServiceName};
use flate2::read::MultiGzDecoder;
use pipeline::backtest::accuracy::{Label, Maintenance};
use pipeline::backtest::understood;
use pipeline::ports::{Health, MetricRead, MetricSource, RangeRequest, SourceError};

use crate::Anything;

/// What a pack holds.
pub(crate) struct Pack {
    pub(crate) name: String,
    pub(crate) timezone: Option<String>,
    pub(crate) metrics: MetricSet,
    /// The part `train`, and the part `test`.
    pub(crate) parts: [Samples; 2],
    pub(crate) labels: Vec<Label>,
    pub(crate) maintenance: Vec<Maintenance>,
    /// Caller and callee.
    pub(crate) graph: Vec<(ServiceName, ServiceName)>,
}

/// Series by metric and service, as a source.
#[derive(Default)]
pub(crate) struct Samples(BTreeMap<String, BTreeMap<ServiceName, Vec<(i64, f64)>>>);

type Row = BTreeMap<String, String>;

impl Pack {
    pub(crate) fn read(folder: &Path, known: &MetricSet) -> Result<Pack, Anything> {
        let about: serde_json::Value =
            serde_json::from_reader(File::open(folder.join("dataset.json"))?)?;
        let text = |key: &str| about[key].as_str().map(str::to_owned);
        let parts = read_parts(folder)?;
        let names: BTreeSet<&String> = parts.iter().flat_map(|part| part.0.keys()).collect();
        let named = |name: &&&String| known.index_of(name).is_some();
        let inside = names.iter().filter(named).filter_map(|it| known.get(known.index_of(it)?));
        let inside: BTreeSet<String> = inside.map(|metric| metric.name.clone()).collect();
        let others = names.iter().filter(|it| !named(it)).map(|it| (*it).clone()).collect();
        let metrics = understood(known, &inside, &others)?.unwrap_or_else(|| known.clone());
        Ok(Pack {
            name: text("name").ok_or("dataset.json has no name")?,
            timezone: text("timezone"),
            metrics,
            parts,
            labels: table(&folder.join("labels.csv"))?
                .iter()
                .map(label)
                .collect::<Result<_, _>>()?,
            maintenance: optional(&folder.join("events.csv"))?
                .iter()
                .filter(|row| row.get("kind").is_some_and(|kind| kind == "maintenance"))
                .map(maintenance)
                .collect::<Result<_, _>>()?,
            graph: optional(&folder.join("graph.csv"))?
                .iter()
                .map(|row| {
                    let name = |key| Ok::<_, Anything>(ServiceName::new(field(row, key)?)?);
                    Ok((name("caller")?, name("callee")?))
                })
                .collect::<Result<_, Anything>>()?,
        })
    }
}

impl Samples {
    /// Adds a series, ascending in time.
    pub(crate) fn add(&mut self, metric: &str, service: ServiceName, samples: Vec<(i64, f64)>) {
        self.0.entry(metric.to_owned()).or_default().insert(service, samples);
    }

    /// The samples of each service, in the order of a metric set.
    pub(crate) fn services(&self, metrics: &MetricSet) -> BTreeMap<ServiceName, ServiceSamples> {
        let mut services: BTreeMap<ServiceName, ServiceSamples> = BTreeMap::new();
        for (name, by_service) in &self.0 {
            let Some(index) = metrics.index_of(name) else { continue };
            for (service, samples) in by_service {
                let of = services.entry(service.clone()).or_default();
                of.series.resize(metrics.len(), None);
                of.series[index] = Some(Series::from_samples(samples.clone()));
            }
        }
        services
    }

    /// Epoch seconds of the oldest and the newest sample.
    pub(crate) fn span(&self) -> (i64, i64) {
        let times = || self.0.values().flat_map(BTreeMap::values).flatten().map(|(time, _)| *time);
        (times().min().unwrap_or(0), times().max().unwrap_or(0))
    }
}

#[async_trait]
impl MetricSource for Samples {
    async fn health(&self) -> Result<Health, SourceError> {
        Ok(Health { latency: Duration::ZERO })
    }

    async fn read(&self, request: &RangeRequest<'_>) -> Result<MetricRead, SourceError> {
        let mut read = MetricRead::default();
        let metric = MetricSet::new(vec![request.metric.clone()]).ok();
        let is_asked = |name: &str| metric.as_ref().is_some_and(|it| it.index_of(name).is_some());
        let named = self.0.iter().filter(|(name, _)| is_asked(name));
        for (service, samples) in named.flat_map(|(_, services)| services) {
            let wanted = request.services.is_none_or(|services| services.contains(service));
            let is_within = |time: i64| request.after_s < time && time <= request.until_s;
            let within: Vec<(i64, f64)> =
                samples.iter().copied().filter(|(time, _)| is_within(*time)).collect();
            if wanted && !within.is_empty() {
                read.series.insert(service.clone(), Series::from_samples(within));
            }
        }
        Ok(read)
    }

    fn lag_s(&self) -> i64 {
        0
    }

    fn describe(&self) -> String {
        "the pack".to_owned()
    }
}

/// The stretches of each part: service (or `*`), from and until (exclusive).
struct Split(BTreeMap<String, Vec<(String, i64, i64)>>);

impl Split {
    fn read(folder: &Path) -> Result<Split, Anything> {
        let mut split = Split(BTreeMap::new());
        for row in table(&folder.join("split.csv"))? {
            let stretch = (field(&row, "service")?, instant(&row, "start")?, instant(&row, "end")?);
            split.0.entry(field(&row, "part")?).or_default().push(stretch);
        }
        Ok(split)
    }

    /// Stretches that name a service hold for it; those of `*` for services that none names.
    fn holds(&self, part: &str, service: &str, time: i64) -> bool {
        let Some(stretches) = self.0.get(part) else { return false };
        let is_named = stretches.iter().any(|(name, ..)| name == service);
        stretches.iter().any(|(name, from, until)| {
            let is_own = if is_named { name == service } else { name == "*" };
            is_own && *from <= time && time < *until
        })
    }
}

fn read_parts(folder: &Path) -> Result<[Samples; 2], Anything> {
    let split = Split::read(folder)?;
    let mut parts = [Samples::default(), Samples::default()];
    let mut files: Vec<_> = std::fs::read_dir(folder.join("metrics"))?
        .map(|it| Ok(it?.path()))
        .collect::<Result<_, Anything>>()?;
    files.sort();
    for file in files {
        let opened = File::open(&file)?;
        let is_packed = file.extension().is_some_and(|it| it == "gz");
        let text: Box<dyn Read> =
            if is_packed { Box::new(MultiGzDecoder::new(opened)) } else { Box::new(opened) };
        let mut reader = csv::Reader::from_reader(text);
        let mut row = csv::StringRecord::new();
        while reader.read_record(&mut row)? {
            let cell = |at: usize| row.get(at).ok_or("a row of metrics is too short");
            let time = cell(0)?.parse::<f64>()?.floor() as i64;
            let (service, metric, value) = (cell(1)?, cell(2)?, cell(3)?.parse::<f64>()?);
            for (part, samples) in ["train", "test"].into_iter().zip(&mut parts) {
                if split.holds(part, service, time) {
                    let services = samples.0.entry(metric.to_owned()).or_default();
                    let series = services.entry(ServiceName::new(service)?).or_default();
                    series.push((time, value));
                }
            }
        }
    }
    Ok(parts)
}

fn label(row: &Row) -> Result<Label, Anything> {
    Ok(Label {
        incident: field(row, "incident_id")?,
        service: field(row, "service")?,
        start_s: instant(row, "start")?,
        end_s: instant(row, "end")?,
        kind: field(row, "kind")?,
        root_cause: field(row, "root_cause_service")?,
    })
}

fn maintenance(row: &Row) -> Result<Maintenance, Anything> {
    let (start_s, end_s) = (instant(row, "start")?, instant(row, "end")?);
    Ok(Maintenance { service: field(row, "service")?, start_s, end_s })
}

fn optional(path: &Path) -> Result<Vec<Row>, Anything> {
    if path.exists() { table(path) } else { Ok(Vec::new()) }
}

fn table(path: &Path) -> Result<Vec<Row>, Anything> {
    let mut reader = csv::Reader::from_path(path)?;
    reader.deserialize().map(|row| Ok(row?)).collect()
}

fn field(row: &Row, key: &str) -> Result<String, Anything> {
    row.get(key).cloned().ok_or_else(|| format!("a table has no column {key}").into())
}

/// An instant with its offset, or epoch seconds.
fn instant(row: &Row, key: &str) -> Result<i64, Anything> {
    let text = field(row, key)?;
    match text.parse::<f64>() {
        Ok(seconds) => Ok(seconds.floor() as i64),
        Err(_) => Ok(DateTime::parse_from_rfc3339(&text)?.timestamp()),
    }
}
