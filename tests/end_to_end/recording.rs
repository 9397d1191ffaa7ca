//! A recording as `yaga simulate` writes it: VictoriaMetrics' JSON lines, compressed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

/// What a recording holds, counted; the samples themselves stay in the file.
#[derive(Debug)]
pub(crate) struct Recording {
    /// JSON lines, without the values that an import would refuse.
    lines: Vec<Value>,
    pub(crate) services: BTreeSet<String>,
    pub(crate) samples_by_series: BTreeMap<String, usize>,
    pub(crate) first: DateTime<Utc>,
    pub(crate) last: DateTime<Utc>,
}

impl Recording {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        MultiGzDecoder::new(BufReader::new(file))
            .read_to_string(&mut text)
            .with_context(|| format!("decompressing {}", path.display()))?;
        let (mut services, mut first, mut last) = (BTreeSet::new(), i64::MAX, i64::MIN);
        let mut lines = Vec::new();
        for line in text.lines() {
            let series: Value = serde_json::from_str(line).context("a line that is not JSON")?;
            lines.push(importable(&series)?);
            services.extend(series["metric"]["service_name"].as_str().map(str::to_owned));
            for stamp in series["timestamps"].as_array().into_iter().flatten() {
                let stamp = stamp.as_i64().context("a stamp that is not whole milliseconds")?;
                (first, last) = (first.min(stamp), last.max(stamp));
            }
        }
        let samples_by_series = count_samples(&text)?;
        let instant = |stamp| DateTime::from_timestamp_millis(stamp).context("no samples");
        let (first, last) = (instant(first)?, instant(last)?);
        Ok(Self { lines, services, samples_by_series, first, last })
    }

    /// The same recording without what came at or before an instant.
    pub(crate) fn after(&self, instant: DateTime<Utc>) -> Result<Self> {
        let later = |line: &Value| keep(line, |stamp, _| stamp > instant.timestamp_millis());
        let lines = self.lines.iter().map(later).collect::<Result<Vec<Value>>>()?;
        let mut rest = Self {
            lines,
            services: self.services.clone(),
            samples_by_series: BTreeMap::new(),
            first: instant,
            last: self.last,
        };
        rest.samples_by_series = count_samples(&rest.json_lines())?;
        Ok(rest)
    }

    pub(crate) fn json_lines(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A series without its values that are no numbers: VictoriaMetrics drops a line that has one.
fn importable(series: &Value) -> Result<Value> {
    keep(series, |_, value| value.is_number())
}

fn keep(series: &Value, wanted: impl Fn(i64, &Value) -> bool) -> Result<Value> {
    let values = series["values"].as_array().context("a series without values")?;
    let stamps = series["timestamps"].as_array().context("a series without timestamps")?;
    let kept: Vec<(&Value, &Value)> = values
        .iter()
        .zip(stamps)
        .filter(|(value, stamp)| wanted(stamp.as_i64().unwrap_or_default(), value))
        .collect();
    let (values, stamps): (Vec<&Value>, Vec<&Value>) = kept.into_iter().unzip();
    Ok(json!({ "metric": series["metric"], "values": values, "timestamps": stamps }))
}

/// Finite samples per series. A series may be spread over several lines.
pub(crate) fn count_samples(lines: &str) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for line in lines.lines() {
        let series: Value = serde_json::from_str(line).context("a line that is not JSON")?;
        let values = series["values"].as_array().context("a series without values")?;
        let labels = series["metric"].as_object().context("a series without labels")?;
        let labels: BTreeMap<&String, &Value> = labels.iter().collect();
        let finite = values.iter().filter(|value| value.is_number()).count();
        *counts.entry(format!("{labels:?}")).or_default() += finite;
    }
    Ok(counts)
}
