//! A recording as metric source.
//!
//! A recording is what VictoriaMetrics exports at `/api/v1/export`: one JSON object a line with the
//! samples of one series. It is read once, when it is first asked, and kept in memory: 8 bytes a
//! value, and the times once for all series that share them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use domain::{MetricSet, Series, ServiceName};
use pipeline::ports::{Health, MetricRead, MetricSource, RangeRequest, SourceError};

use crate::line::{self, Labels, Line};
use crate::recording_file::each_line;

/// Samples of one recording: 1.6 GB of memory at most.
const SAMPLES_MAX: usize = 100_000_000;

/// Answers with the samples as they were recorded, whatever the step.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    metrics: MetricSet,
    loaded: OnceLock<Result<Loaded, SourceError>>,
}

/// What is in a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    pub services: BTreeSet<ServiceName>,
    /// Metrics of the set that have samples, in the order of the set and by its names.
    pub metrics: Vec<String>,
    /// Names in the recording that the set does not know. Their samples are not kept.
    pub other_metrics: BTreeSet<String>,
    pub samples: usize,
    /// Epoch seconds of the first and the last sample; `None` without any.
    pub oldest_s: Option<i64>,
    pub newest_s: Option<i64>,
    /// What was left out and why, for people.
    pub warnings: Vec<String>,
}

#[derive(Debug)]
struct Loaded {
    /// One map for each metric of the set.
    series: Vec<BTreeMap<ServiceName, Stored>>,
    contents: Contents,
}

/// The samples of one series; the times are strictly ascending and perhaps shared.
#[derive(Debug)]
struct Stored {
    times_s: Arc<[i64]>,
    values: Vec<f64>,
}

impl Recording {
    /// A recording at `path` of which the metrics in the set are of interest. A series belongs to
    /// a metric by its name or by an older name of it. Nothing is read yet.
    pub fn new(path: impl Into<PathBuf>, metrics: &MetricSet) -> Recording {
        Recording { path: path.into(), metrics: metrics.clone(), loaded: OnceLock::new() }
    }

    /// What is in the recording. Reads it, if that was not done before.
    pub fn contents(&self) -> Result<&Contents, SourceError> {
        self.loaded().map(|loaded| &loaded.contents)
    }

    fn loaded(&self) -> Result<&Loaded, SourceError> {
        self.loaded.get_or_init(|| load(&self.path, &self.metrics)).as_ref().map_err(Clone::clone)
    }
}

#[async_trait]
impl MetricSource for Recording {
    /// Reads the recording, if that was not done before. Asking it then costs nothing.
    async fn health(&self) -> Result<Health, SourceError> {
        self.loaded().map(|_| Health { latency: Duration::ZERO })
    }

    async fn read(&self, request: &RangeRequest<'_>) -> Result<MetricRead, SourceError> {
        let loaded = self.loaded()?;
        let metric = self.metrics.index_of(&request.metric.name);
        let mut read = MetricRead::default();
        for (service, stored) in metric.into_iter().flat_map(|index| &loaded.series[index]) {
            let wanted = request.services.is_none_or(|services| services.contains(service));
            let samples = stored.between(request.after_s, request.until_s);
            if wanted && !samples.is_empty() {
                read.series.insert(service.clone(), samples);
            }
        }
        Ok(read)
    }

    fn lag_s(&self) -> i64 {
        0
    }

    fn describe(&self) -> String {
        self.path.display().to_string()
    }
}

impl Stored {
    fn between(&self, after_s: i64, until_s: i64) -> Series {
        let start = self.times_s.partition_point(|time| *time <= after_s);
        let end = self.times_s.partition_point(|time| *time <= until_s).max(start);
        Series {
            times_s: self.times_s[start..end].to_vec(),
            values: self.values[start..end].to_vec(),
        }
    }
}

fn load(path: &Path, metrics: &MetricSet) -> Result<Loaded, SourceError> {
    let mut loader = Loader::new(metrics);
    each_line(path, |text| loader.take(line::decode(text)?))
        .map_err(|reason| SourceError::BadRecording { path: path.display().to_string(), reason })?;
    Ok(loader.finish())
}

/// A recording while it is read.
struct Loader<'a> {
    metrics: &'a MetricSet,
    series: Vec<BTreeMap<ServiceName, Gathered>>,
    contents: Contents,
    nameless: usize,
    ambiguous: BTreeSet<(usize, ServiceName)>,
    bad_names: BTreeSet<String>,
}

/// A series while its lines are read.
struct Gathered {
    labels: Labels,
    times_s: Vec<i64>,
    values: Vec<f64>,
}

impl<'a> Loader<'a> {
    fn new(metrics: &'a MetricSet) -> Loader<'a> {
        Loader {
            metrics,
            series: metrics.iter().map(|_| BTreeMap::new()).collect(),
            contents: Contents::default(),
            nameless: 0,
            ambiguous: BTreeSet::new(),
            bad_names: BTreeSet::new(),
        }
    }

    /// Several lines of one series are put together; of several series of one service the first is
    /// kept, because a recording holds what a query yields: one series a service.
    fn take(&mut self, line: Line) -> Result<(), String> {
        let Some(index) = self.metrics.index_of(&line.labels.metric) else {
            self.contents.other_metrics.insert(line.labels.metric);
            return Ok(());
        };
        let Some(service) = self.service_of(&line.labels) else { return Ok(()) };
        self.contents.samples += line.values.len();
        if self.contents.samples > SAMPLES_MAX {
            return Err(format!("there are more than {SAMPLES_MAX} samples up to here"));
        }
        let times_s = line.times_ms.into_iter().map(|time| time.div_euclid(1_000));
        match self.series[index].get_mut(&service) {
            None => {
                let (labels, values) = (line.labels, line.values);
                let gathered = Gathered { labels, times_s: times_s.collect(), values };
                self.series[index].insert(service, gathered);
            }
            Some(known) if known.labels == line.labels => {
                known.times_s.extend(times_s);
                known.values.extend(line.values);
            }
            Some(_) => {
                self.contents.samples -= line.values.len();
                self.ambiguous.insert((index, service));
            }
        }
        Ok(())
    }

    fn service_of(&mut self, labels: &Labels) -> Option<ServiceName> {
        let Some(label) = &labels.service else {
            self.nameless += 1;
            return None;
        };
        match ServiceName::new(label.as_str()) {
            Ok(service) => Some(service),
            Err(error) => {
                self.bad_names.insert(error.to_string());
                None
            }
        }
    }

    fn finish(mut self) -> Loaded {
        let warnings = self.warnings();
        let mut contents = Contents { samples: 0, warnings, ..self.contents };
        let mut clocks = Vec::new();
        let mut series = Vec::new();
        for (metric, gathered) in self.metrics.iter().zip(self.series) {
            let stored: BTreeMap<_, _> = gathered
                .into_iter()
                .map(|(service, gathered)| (service, gathered.finish(&mut clocks)))
                .filter(|(_, stored)| !stored.values.is_empty())
                .collect();
            if !stored.is_empty() {
                contents.metrics.push(metric.name.clone());
            }
            for (service, stored) in &stored {
                contents.note(service, stored);
            }
            series.push(stored);
        }
        Loaded { series, contents }
    }

    fn warnings(&mut self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.nameless > 0 {
            let lines = self.nameless;
            warnings.push(format!("{lines} lines without the label service_name were left out"));
        }
        warnings.extend(self.bad_names.iter().map(|error| format!("a line was left out: {error}")));
        for (index, service) in &self.ambiguous {
            let metric = self.metrics.get(*index).map_or("", |metric| &metric.name);
            warnings.push(format!(
                "{metric}: there are several series of {service}, the first is used; \
                 record the result of a query that aggregates by (service_name)"
            ));
        }
        warnings
    }
}

impl Gathered {
    /// Sorts the samples, of equal times the last one is kept, and shares the times with another
    /// series that has the same.
    fn finish(self, clocks: &mut Vec<Arc<[i64]>>) -> Stored {
        let Gathered { mut times_s, mut values, .. } = self;
        if !times_s.is_sorted_by(|a, b| a < b) {
            let series = Series::from_samples(times_s.into_iter().zip(values).collect());
            (times_s, values) = (series.times_s, series.values);
        }
        values.shrink_to_fit();
        let shared = clocks.iter().find(|clock| clock[..] == times_s[..]).cloned();
        let times_s = shared.unwrap_or_else(|| {
            let clock: Arc<[i64]> = times_s.into();
            clocks.push(clock.clone());
            clock
        });
        Stored { times_s, values }
    }
}

impl Contents {
    fn note(&mut self, service: &ServiceName, stored: &Stored) {
        self.services.insert(service.clone());
        self.samples += stored.values.len();
        let (first, last) = (stored.times_s.first().copied(), stored.times_s.last().copied());
        self.oldest_s = self.oldest_s.into_iter().chain(first).min();
        self.newest_s = self.newest_s.into_iter().chain(last).max();
    }
}

#[cfg(test)]
#[path = "recording_tests.rs"]
mod tests;
