//! A situation as people and scripts write it.

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::{Context, Result, anyhow, bail, ensure};
use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use domain::config::Config;
use domain::period::Resolved;
use domain::{Calendar, Period, ServiceName, Severity};
use serde::Deserialize;
use slo::{Anomaly, Baseline, Baselines, BurnWindow, Metrics, Situation};

/// Bytes of a situation that are read.
const INPUT_BYTES_MAX: u64 = 1024 * 1024;
/// Seconds that rates are averages over, unless the situation says otherwise.
const WINDOW_S: u32 = 300;

/// The document on standard input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    service: ServiceName,
    /// By name, among them the means; null is a metric that was not collected.
    metrics: BTreeMap<String, Option<f64>>,
    #[serde(default)]
    anomalies: BTreeMap<String, AnomalyEntry>,
    overall_severity: Option<String>,
    time_period: Option<String>,
    timestamp: Option<String>,
    window_seconds: Option<u32>,
    #[serde(default)]
    burn: Vec<BurnEntry>,
}

/// A severity, or more about the anomaly.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum AnomalyEntry {
    Severity(String),
    Full(FullAnomaly),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FullAnomaly {
    severity: String,
    root_metric: Option<String>,
    value: Option<f64>,
    #[serde(default)]
    locked: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BurnEntry {
    window_minutes: u32,
    error_share: f64,
    requests: f64,
}

/// A situation that owns its parts.
#[derive(Debug)]
pub struct Input {
    pub service: ServiceName,
    pub at: DateTime<Utc>,
    pub period: Period,
    metrics: Metrics,
    window_s: u32,
    baselines: Baselines,
    pub anomalies: Vec<Anomaly>,
    overall_severity: Option<Severity>,
    burn: Vec<BurnWindow>,
}

impl Input {
    /// Reads a situation; what it does not say, the configuration and the clock do.
    pub fn read(source: impl Read, config: &Config) -> Result<Input> {
        let mut text = String::new();
        source
            .take(INPUT_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .context("standard input cannot be read as UTF-8")?;
        ensure!(
            text.len() as u64 <= INPUT_BYTES_MAX,
            "the situation is larger than {INPUT_BYTES_MAX} bytes"
        );
        ensure!(
            !text.trim().is_empty(),
            "standard input is empty; write a situation like {{\"service\": \"booking\", \
             \"metrics\": {{\"application_latency\": 450}}}}"
        );
        let document: Document =
            serde_json::from_str(&text).context("the situation on standard input is not usable")?;
        document.input(config)
    }

    /// The same, borrowed.
    pub fn situation(&self) -> Situation<'_> {
        Situation {
            service: &self.service,
            at: self.at,
            period: self.period,
            metrics: self.metrics,
            window_s: self.window_s,
            baselines: self.baselines,
            anomalies: &self.anomalies,
            overall_severity: self.overall_severity,
            burn: &self.burn,
        }
    }
}

impl Document {
    fn input(self, config: &Config) -> Result<Input> {
        let calendar = config.calendar_of(&self.service);
        let at = self.timestamp.as_deref().map(|text| instant(text, &calendar)).transpose()?;
        let period = match &self.time_period {
            Some(word) => Period::parse(word).ok_or_else(|| unknown_period(word))?,
            None => at.map_or(Period::BusinessHours, |at| calendar.period_at(at)),
        };
        let overall = self.overall_severity.as_deref().map(overall_severity).transpose()?;
        check_metrics(&self.metrics)?;
        let value = |name: &str| self.metrics.get(name).copied().flatten();
        let metrics = Metrics::named(value);
        let baseline = |names: &[&str]| Baseline::of_period(slo::first_of(names, value));
        let baselines = Baselines {
            request_rate_rps: baseline(&["request_rate_mean", "traffic_mean"]),
            database_latency_ms: baseline(&["database_latency_mean", "db_latency_mean"]),
        };
        let anomalies = self.anomalies.iter().map(|(name, it)| anomaly(name, it, &self.metrics));
        Ok(Input {
            at: at.unwrap_or_else(|| Utc::now().trunc_subsecs(0)),
            period,
            metrics,
            window_s: self.window_seconds.unwrap_or(WINDOW_S),
            baselines,
            anomalies: anomalies.collect::<Result<_>>()?,
            overall_severity: overall,
            burn: self.burn.iter().map(burn_window).collect::<Result<_>>()?,
            service: self.service,
        })
    }
}

fn check_metrics(metrics: &BTreeMap<String, Option<f64>>) -> Result<()> {
    for (name, value) in metrics {
        let Some(value) = value else { continue };
        ensure!(*value >= 0.0, "the metric {name} is {value}; it must not be negative");
        ensure!(
            name != "error_rate" || *value <= 1.0,
            "error_rate is {value}; write a share from 0 to 1 (2 % is 0.02)"
        );
    }
    Ok(())
}

fn anomaly(
    name: &str,
    entry: &AnomalyEntry,
    metrics: &BTreeMap<String, Option<f64>>,
) -> Result<Anomaly> {
    let (word, root_metric, value, is_locked) = match entry {
        AnomalyEntry::Severity(word) => (word, None, None, false),
        AnomalyEntry::Full(it) => (&it.severity, it.root_metric.clone(), it.value, it.locked),
    };
    let severity = severity(word).with_context(|| format!("the anomaly {name:?}"))?;
    let of_root = root_metric.as_deref().and_then(|root| metrics.get(root).copied().flatten());
    Ok(Anomaly {
        name: name.to_owned(),
        root_metric,
        value: value.or(of_root),
        severity,
        is_locked,
    })
}

fn burn_window(entry: &BurnEntry) -> Result<BurnWindow> {
    let BurnEntry { window_minutes, error_share, requests } = *entry;
    let length_s = window_minutes.checked_mul(60).filter(|length| *length > 0);
    let length_s = length_s
        .ok_or_else(|| anyhow!("window_minutes is {window_minutes}; write a length of time"))?;
    ensure!((0.0..=1.0).contains(&error_share), "error_share is {error_share}; write 0 to 1");
    ensure!(requests >= 0.0, "requests is {requests}; it must not be negative");
    Ok(BurnWindow { length_s, error_share, requests })
}

/// `informational` is a word of older detectors for: nothing to speak of.
fn overall_severity(word: &str) -> Result<Severity> {
    if word == "informational" {
        return Ok(Severity::None);
    }
    severity(word).context("overall_severity")
}

fn severity(word: &str) -> Result<Severity> {
    Severity::parse(word).ok_or_else(|| {
        anyhow!("{word:?} is no severity; write none, low, medium, high or critical")
    })
}

fn unknown_period(word: &str) -> anyhow::Error {
    let words: Vec<&str> = Period::ALL.iter().map(|period| period.as_str()).collect();
    anyhow!("{word:?} is no period; write one of {}", words.join(", "))
}

/// With an offset, or as clocks in the service's zone show it.
fn instant(text: &str, calendar: &Calendar) -> Result<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let local = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let Some(local) = local else {
        bail!("the timestamp {text:?} is no instant; write one like 2026-03-04T10:00:00Z")
    };
    match calendar.resolve_local(local) {
        Resolved::Once(at) | Resolved::Twice { earlier: at, .. } => Ok(at),
        Resolved::Never => {
            bail!("the timestamp {text} does not exist in {}; give an offset", calendar.zone_name())
        }
    }
}
