//! A folder of models of two services, made once per test program and copied for each test.
//!
//! `booking` was trained twice, two days apart, with a database that is slower in the last days. `search`
//! has eleven days of data, too few for its weekend nights. One model of `booking` is stored without
//! being named by the catalog, and did not pass its gate.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use adapter_local::Folder;
use artifact::Catalog;
use domain::config::{self, Config};
use domain::{Period, Series, ServiceName, Slot, Variant};
use pipeline::registry::Registry;
use pipeline::train::{Silent, TrainPorts, TrainRequest, train};
use tempfile::TempDir;
use testkit::{FakeSource, FixedClock};

/// Monday 2026-03-02, 00:00 UTC.
const START_S: i64 = 1_772_409_600;
const DAY_S: i64 = 86_400;
const STEP_S: i64 = 300;
const FIRST_RUN_DAY: i64 = 30;
const SECOND_RUN_DAY: i64 = 32;

/// The folder's name for models inside a test's own folder.
pub(crate) const MODELS: &str = "models";

static TEMPLATE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(fill(&folder.path().join(MODELS)));
    folder
});

/// A copy of the registry, to be changed at will: `models` in a folder of its own.
pub(crate) fn registry() -> TempDir {
    let own = tempfile::tempdir().expect("a folder for a test");
    copy(TEMPLATE.path(), own.path());
    own
}

/// The key of the only stored model that failed its gate.
pub(crate) fn failed_key(folder: &Path) -> String {
    let known = fs::read_to_string(catalog_path(folder)).expect("a catalog");
    let keys = keys_of(folder, "booking", Period::BusinessHours);
    keys.into_iter().find(|key| !known.contains(key)).expect("one model is not in the catalog")
}

/// Keys of all stored models of a service's period, sorted.
pub(crate) fn keys_of(folder: &Path, service: &str, period: Period) -> Vec<String> {
    let prefix = format!("models/v1/{service}/{period}");
    let entries = fs::read_dir(folder.join(MODELS).join(&prefix)).expect("a folder of models");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut keys: Vec<String> = names
        .map(|name| format!("{prefix}/{}", name.to_str().expect("a plain name")))
        .filter(|key| key.ends_with(".bin"))
        .collect();
    keys.sort();
    keys
}

/// The key of the model in force.
pub(crate) fn current_key(folder: &Path, service: &str, period: &str) -> String {
    let text = fs::read_to_string(catalog_path(folder)).expect("a catalog");
    let catalog: serde_json::Value = serde_json::from_str(&text).expect("a catalog is JSON");
    let key = &catalog["services"][service][period]["current"]["key"];
    key.as_str().expect("a model is in force").to_owned()
}

/// Where an object of the registry lies.
pub(crate) fn object_path(folder: &Path, key: &str) -> PathBuf {
    folder.join(MODELS).join(key)
}

/// Where the catalog lies.
pub(crate) fn catalog_path(folder: &Path) -> PathBuf {
    object_path(folder, "models/v1/catalog.json")
}

/// Forests open anomalies, so that a period can have too little data.
const DOCUMENT: &str = r#"{
    "services": {"standard": ["booking", "search"]},
    "detection": {"opening": "forest"}
}"#;

async fn fill(models: &Path) {
    let config = config::load(Some(DOCUMENT), &|_| None);
    let config = config.expect("a valid configuration").config;
    let registry = Registry::new(Arc::new(Folder::new(models)));
    let source = source();
    for day in [FIRST_RUN_DAY, SECOND_RUN_DAY] {
        run(&registry, &source, &config, START_S + day * DAY_S).await;
    }
    store_failed(&registry).await;
}

async fn run(registry: &Registry, source: &FakeSource, config: &Config, at_s: i64) {
    let clock = FixedClock::at_epoch_s(at_s);
    let at = chrono::DateTime::from_timestamp(at_s, 0).expect("an instant");
    let request = TrainRequest {
        at,
        services: None,
        incidents: Vec::new(),
        config_digest: "0123".to_owned(),
    };
    let ports = TrainPorts { source, registry, clock: &clock, progress: &Silent };
    let report = train(&request, config, &ports).await.expect("training goes through");
    assert!(report.promoted > 0, "{report:?}");
}

/// Puts the model of `booking` at night in force for the nights of holidays, too; its key.
pub(crate) fn add_holiday(folder: &Path) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let registry = Registry::new(Arc::new(Folder::new(folder.join(MODELS))));
        let catalog = registry.catalog().await.expect("a catalog").catalog;
        let booking = ServiceName::new("booking").expect("a name");
        let usual = catalog.route(&booking, Period::NightHours).expect("a model").model;
        let model = registry.model(usual).await.expect("sound");
        let holiday = Variant::new("holiday").expect("a name");
        let stored = registry.store(&model, Some(&holiday)).await.expect("it is stored");
        let slot = Slot::of(Some(holiday), Period::NightHours);
        let clock = FixedClock::at_epoch_s(START_S + SECOND_RUN_DAY * DAY_S);
        let change = |catalog: &mut Catalog| {
            catalog.promote(&booking, &slot, stored.clone());
            Ok(())
        };
        registry.swap(&clock, change).await.expect("the catalog is changed");
        stored.key
    })
}

async fn store_failed(registry: &Registry) {
    let catalog = registry.catalog().await.expect("a catalog").catalog;
    let booking = ServiceName::new("booking").expect("a name");
    let entry = catalog.entry(&booking, Period::BusinessHours).expect("an entry");
    let mut model = registry.model(entry.current.as_ref().expect("a model")).await.expect("sound");
    model.training.trained_at_s += 60;
    model.gate.passed = false;
    if let Some(check) = model.gate.checks.last_mut() {
        check.passed = false;
    }
    registry.store(&model, None).await.expect("it is stored");
}

fn source() -> FakeSource {
    let source = FakeSource::new();
    let booking = ServiceName::new("booking").expect("a name");
    let search = ServiceName::new("search").expect("a name");
    let days = SECOND_RUN_DAY;
    for (salt, (metric, level, noise)) in METRICS.into_iter().enumerate() {
        let salt = salt as i64;
        source.set(
            metric,
            &booking,
            series(0..days, |step| {
                // The database is slower in the last twelve days: ten of the first run, twelve of the second.
                let is_slow = metric == "database_latency" && step >= (days - 12) * DAY_S / STEP_S;
                let slower = if is_slow { 1.6 } else { 1.0 };
                slower * value(metric, level, noise, step, salt)
            }),
        );
        source.set(
            metric,
            &search,
            series(days - 11..days, |step| 0.5 * value(metric, level, noise, step, salt + 10)),
        );
    }
    source
}

/// Name, level, and how much it scatters.
const METRICS: [(&str, f64, f64); 5] = [
    ("request_rate", 50.0, 0.2),
    ("application_latency", 120.0, 0.15),
    ("dependency_latency", 40.0, 0.15),
    ("database_latency", 12.0, 0.2),
    ("error_rate", 0.002, 0.8),
];

fn series(days: std::ops::Range<i64>, value: impl Fn(i64) -> f64) -> Series {
    let steps = days.start * DAY_S / STEP_S + 1..=days.end * DAY_S / STEP_S;
    Series::from_samples(steps.map(|step| (START_S + step * STEP_S, value(step))).collect())
}

/// A daily wave of straight lines with scatter: the same bits on every processor.
fn value(metric: &str, level: f64, noise: f64, step: i64, salt: i64) -> f64 {
    const STEPS: i64 = DAY_S / STEP_S;
    let hour = (step % STEPS) as f64 / STEPS as f64;
    let wave = 1.0 - (2.0 * hour - 1.0).abs();
    let wave = if metric == "request_rate" { 0.5 + wave } else { 0.95 + 0.1 * wave };
    level * wave * (1.0 + noise * scatter(step * 8 + salt))
}

/// Between -0.5 and 0.5, the middle more often.
fn scatter(of: i64) -> f64 {
    let one = |of: u64| {
        // A step of SplitMix64.
        let mut z = of.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let of = of as u64;
    (one(3 * of + 1) + one(3 * of + 2) + one(3 * of + 3)) / 3.0 - 0.5
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
