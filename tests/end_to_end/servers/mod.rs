//! The real servers, each on a free loopback port, stopped when dropped.
//!
//! The trials here show that the servers do what the journeys rely on, so that a journey that
//! fails speaks of our programs.

mod alertmanager;
mod cargo_lambda;
mod dynamodb;
mod moto;
mod receiver;
mod s3;
mod sns;
mod victoria_metrics;

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

pub(crate) use alertmanager::Alertmanager;
pub(crate) use cargo_lambda::Functions;
pub(crate) use dynamodb::DynamoDb;
pub(crate) use receiver::{Mood, Received, Receiver};
pub(crate) use s3::S3;
pub(crate) use sns::Sns;
pub(crate) use victoria_metrics::VictoriaMetrics;

use crate::Case;
use crate::recording::Recording;
use crate::stage::Stage;

pub(crate) fn cases(stage: &Stage) -> Vec<Case> {
    vec![
        Case::new("servers::victoria_metrics_keeps_what_it_is_given", metrics_are_kept)
            .needs(stage, &["victoria-metrics"]),
        Case::new("servers::s3_honours_conditional_writes", writes_are_conditional)
            .needs(stage, &["moto_server"]),
    ]
}

fn metrics_are_kept(stage: &Stage) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("recording.jsonl.gz");
    let mut file = GzEncoder::new(File::create(&path)?, Compression::fast());
    for service in ["booking", "search"] {
        let series = json!({
            "metric": { "__name__": "errors", "service_name": service },
            "values": [0.5, 1.5, 2],
            "timestamps": [1_772_409_600_000_i64, 1_772_409_660_000_i64, 1_772_409_720_000_i64],
        });
        writeln!(file, "{series}")?;
    }
    file.finish()?;
    let mut recording = Recording::read(&path)?;
    let metrics = VictoriaMetrics::start(stage)?;
    metrics.import(&recording)?;
    let samples = recording.samples_by_series.values_mut().next().context("no series")?;
    ensure!(*samples == 3, "{samples} of 3 samples were read from the recording");
    *samples = 4;
    ensure!(metrics.import(&recording).is_err(), "a lost sample is not noticed");
    Ok(())
}

fn writes_are_conditional(stage: &Stage) -> Result<()> {
    let s3 = S3::start(stage)?;
    s3.create_bucket("bucket")?;
    let put = |condition| s3.put("bucket", "models/catalog.json", condition);
    let statuses = [
        put(("If-None-Match", "*"))?,
        put(("If-None-Match", "*"))?,
        put(("If-Match", "\"stale\""))?,
    ];
    ensure!(statuses == [200, 412, 412], "new, again and stale are answered {statuses:?}");
    let keys = s3.keys("bucket")?;
    ensure!(keys == ["models/catalog.json"], "the bucket lists {keys:?}");
    Ok(())
}
