//! The incident store on an engine inside the process: it does what the port asks, and a file of
//! state survives whatever happens to its owners.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod owners;
mod requests;

use std::path::Path;
use std::sync::Arc;

use adapter_aws::{DynamoIncidents, Engine};
use adapter_embedded::{EmbeddedDynamo, Owner};
use pipeline::ports::incidents::{IncidentStore, StateError};
use tempfile::TempDir;
use testkit::conformance::{self, IncidentsAndOutbox};
use testkit::plan::service;

fn owner() -> Owner {
    Owner { command: "test".to_owned(), since: "2026-03-02T02:00:00Z".to_owned() }
}

async fn open(path: &Path) -> DynamoIncidents {
    let engine = EmbeddedDynamo::open(path, &owner()).unwrap();
    let store = DynamoIncidents::inside(Arc::new(engine));
    store.ensure_table().await.unwrap();
    store
}

/// Opens files on a thread of their own: the suites make their stores without waiting.
fn open_new(folder: &TempDir) -> Arc<DynamoIncidents> {
    let name = std::fs::read_dir(folder.path()).unwrap().count();
    let path = folder.path().join(format!("{name}/state.db"));
    let opened = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(open(&path))
    });
    Arc::new(opened.join().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_an_incident_store() {
    let folder = tempfile::tempdir().unwrap();
    conformance::incident_store(|| open_new(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_an_outbox() {
    let folder = tempfile::tempdir().unwrap();
    conformance::outbox(|| -> Arc<dyn IncidentsAndOutbox> { open_new(&folder) }).await;
}

#[tokio::test]
async fn a_table_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine = EmbeddedDynamo::open(&folder.path().join("state.db"), &owner()).unwrap();
    let store = DynamoIncidents::inside(Arc::new(engine));
    let error = store.heads(&[service("a")]).await.unwrap_err().to_string();
    assert!(error.contains("there is no such table"), "{error}");
}

/// The engine makes a table in several steps: an owner that is killed in between leaves a part.
#[tokio::test]
async fn a_table_that_was_half_made_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let engine = EmbeddedDynamo::open(&path, &owner()).unwrap();
    asked(&engine, "CreateTable", BARE_TABLE).await;
    drop(engine);
    assert_eq!(open(&path).await.active().await, Ok(vec![]));
    assert_eq!(open(&path).await.active().await, Ok(vec![]), "what is whole stays");
}

/// Everything but the indexes.
const BARE_TABLE: &str = r#"{"TableName":"yaga-incidents","BillingMode":"PAY_PER_REQUEST",
    "KeySchema":[{"AttributeName":"PK","KeyType":"HASH"},
        {"AttributeName":"SK","KeyType":"RANGE"}],
    "AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"},
        {"AttributeName":"SK","AttributeType":"S"}]}"#;

async fn asked(engine: &EmbeddedDynamo, operation: &str, body: &str) {
    let reply = engine.answer(operation, body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn a_table_without_an_index_is_told_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let engine = EmbeddedDynamo::open(&path, &owner()).unwrap();
    asked(&engine, "CreateTable", BARE_TABLE).await;
    let version = r#"{"TableName":"yaga-incidents",
        "Item":{"PK":{"S":"TABLE"},"SK":{"S":"META"},"version":{"N":"1"}}}"#;
    asked(&engine, "PutItem", version).await;
    let store = DynamoIncidents::inside(Arc::new(engine));
    for _ in 0..2 {
        let error = store.ensure_table().await.unwrap_err();
        assert!(matches!(error, StateError::Unusable { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("has no index") && text.contains("start with a new one"), "{text}");
    }
    let error = store.active().await.unwrap_err();
    assert!(matches!(error, StateError::Unusable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_table_of_another_layout_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    drop(open(&path).await);
    let engine = EmbeddedDynamo::open(&path, &owner()).unwrap();
    let body = r#"{"TableName":"yaga-incidents",
        "Item":{"PK":{"S":"TABLE"},"SK":{"S":"META"},"version":{"N":"99"}}}"#;
    asked(&engine, "PutItem", body).await;
    let store = DynamoIncidents::inside(Arc::new(engine));
    let error = store.ensure_table().await.unwrap_err();
    assert!(matches!(error, StateError::Unusable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("version 99") && text.contains("start with a new one"), "{text}");
}

#[tokio::test]
async fn a_file_of_something_else_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    std::fs::write(&path, "not a database ".repeat(100)).unwrap();
    let error = EmbeddedDynamo::open(&path, &owner()).unwrap_err().to_string();
    assert!(error.contains("is it a file that yaga wrote?"), "{error}");
}
