//! The ports' conformance suites, run on the adapters in front of real servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adapter_aws::{AccessKey, DynamoIncidents, S3Options, S3Store};
use adapter_http::VictoriaMetrics;
use anyhow::{Context, Result, ensure};
use chrono::Utc;
use domain::config;
use pipeline::ports::ObjectStore;
use pipeline::ports::incidents::{IncidentStore, StateError};
use pipeline::ports::outbox::Outbox;
use testkit::conformance::{self, IncidentsAndOutbox, KnownMetrics};

use crate::Case;
use crate::servers;
use crate::stage::Stage;

const TWO_DAYS_S: i64 = 2 * 86_400;

pub(crate) fn cases(stage: &Stage) -> Vec<Case> {
    vec![
        Case::new("conformance::victoria_metrics_is_a_metric_source", metric_source)
            .needs(stage, &["victoria-metrics"]),
        Case::new("conformance::s3_is_an_object_store", object_store)
            .needs(stage, &["moto_server"]),
        Case::new("conformance::dynamodb_is_an_incident_store", incident_store)
            .needs(stage, &["dynamodb-local"]),
        Case::new("conformance::dynamodb_is_an_outbox", outbox).needs(stage, &["dynamodb-local"]),
        Case::new("conformance::a_table_without_an_index_is_told", without_index)
            .needs(stage, &["dynamodb-local"]),
    ]
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    // Races between writers need more than one thread.
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn metric_source(stage: &Stage) -> Result<()> {
    let server = servers::VictoriaMetrics::start(stage)?;
    // Half an hour off: a search that ends at midnight does not find a series that begins there.
    let start_s = (Utc::now().timestamp() - TWO_DAYS_S).div_euclid(3600) * 3600 + 1800;
    let known = KnownMetrics::starting_at(start_s);
    server.import_lines(&known.json_lines())?;
    let config = config::load(None, &|_| None)?.config;
    let source = VictoriaMetrics::new(&server.url(), &config.victoria_metrics, None);
    runtime()?.block_on(conformance::metric_source(&source, &known));
    Ok(())
}

fn object_store(stage: &Stage) -> Result<()> {
    let server = servers::S3::start(stage)?;
    server.create_bucket("conformance")?;
    let count = AtomicUsize::new(0);
    let make = || -> Arc<dyn ObjectStore> {
        let prefix = format!("store-{}", count.fetch_add(1, Ordering::Relaxed));
        let key = AccessKey { id: "test".to_owned(), secret: "test".to_owned() };
        let options = S3Options {
            endpoint: Some(server.url()),
            region: Some("us-east-1".to_owned()),
            path_style: true,
            access_key: Some(key),
        };
        Arc::new(S3Store::new("conformance", &prefix, options))
    };
    runtime()?.block_on(conformance::object_store(make));
    ensure!(count.load(Ordering::Relaxed) > 0, "the suite asked for no store");
    Ok(())
}

fn incident_store(stage: &Stage) -> Result<()> {
    let server = servers::DynamoDb::start(stage)?;
    let count = AtomicUsize::new(0);
    let make = || -> Arc<dyn IncidentStore> { new_table(&server, &count) };
    runtime()?.block_on(conformance::incident_store(make));
    ensure!(count.load(Ordering::Relaxed) > 0, "the suite asked for no store");
    Ok(())
}

fn outbox(stage: &Stage) -> Result<()> {
    let server = servers::DynamoDb::start(stage)?;
    let count = AtomicUsize::new(0);
    let make = || -> Arc<dyn IncidentsAndOutbox> { new_table(&server, &count) };
    runtime()?.block_on(conformance::outbox(make));
    ensure!(count.load(Ordering::Relaxed) > 0, "the suite asked for no store");
    Ok(())
}

/// Nothing is read as empty that could not be read.
fn without_index(stage: &Stage) -> Result<()> {
    let server = servers::DynamoDb::start(stage)?;
    server.create_table_without_indexes("old-table")?;
    let store = server.incidents("old-table");
    let (active, waiting) =
        runtime()?.block_on(async { (store.active().await, Outbox::waiting(&store, 0, 10).await) });
    for error in [active.err(), waiting.err()] {
        let error = error.context("a table without indexes is read")?;
        ensure!(matches!(error, StateError::Unusable { .. }), "{error:?}");
        let text = error.to_string();
        ensure!(text.contains("lacks an index") && text.contains("infra/template.yaml"), "{text}");
    }
    Ok(())
}

/// A table of its own for each store. Made on a thread of its own: the suites make their stores
/// without waiting.
fn new_table(server: &servers::DynamoDb, count: &AtomicUsize) -> Arc<DynamoIncidents> {
    let store = server.incidents(&format!("table-{}", count.fetch_add(1, Ordering::Relaxed)));
    let made = std::thread::spawn(move || -> Result<DynamoIncidents> {
        runtime()?.block_on(store.ensure_table())?;
        // The client that made the table belongs to a runtime that ends here.
        Ok(store.reconnected())
    });
    Arc::new(made.join().expect("the thread does not panic").expect("a table is made"))
}
