//! What the answers of DynamoDB mean. That its conditions hold is tested with a real one.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::ServiceName;
use incident::ServiceHead;
use pipeline::ports::incidents::{Commit, Committed, IncidentStore, StateError};

use super::DynamoIncidents;
use super::engine::{Engine, Reply};

/// Answers every operation the same, but the version of the table, and notes what was asked.
#[derive(Debug)]
struct Answering {
    status: u16,
    body: String,
    asked: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Engine for Answering {
    async fn answer(&self, operation: &str, body: &str) -> Reply {
        self.asked.lock().unwrap().push((operation.to_owned(), body.to_owned()));
        if operation == "GetItem" {
            let body = r#"{"Item":{"version":{"N":"1"}}}"#.to_owned();
            return Reply { status: 200, body };
        }
        Reply { status: self.status, body: self.body.clone() }
    }

    fn describe(&self) -> String {
        "state.db".to_owned()
    }
}

fn answering(status: u16, body: &str) -> (Arc<Answering>, DynamoIncidents) {
    let engine = Arc::new(Answering { status, body: body.to_owned(), asked: Mutex::default() });
    (Arc::clone(&engine), DynamoIncidents::inside(engine))
}

fn commit() -> Commit {
    let mut head = ServiceHead::new(ServiceName::new("booking").unwrap());
    head.version = 3;
    head.last_cycle = 14_500_000;
    head.last_cycle_at_ms = 1_740_000_000_000;
    let (incidents, events, messages) = (vec![], vec![], vec![]);
    Commit { head, writer: "w".to_owned(), is_cycle: true, incidents, events, messages }
}

async fn outcome(status: u16, body: &str) -> Result<Committed, StateError> {
    answering(status, body).1.commit(&commit()).await
}

fn cancelled(reasons: &str) -> String {
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    format!(r#"{{"__type":"{name}","Message":"why","CancellationReasons":[{reasons}]}}"#)
}

#[tokio::test]
async fn refusals_of_transactions_have_a_meaning() {
    let old = |cycle_ms: i64, version: u64, writer: &str| {
        cancelled(&format!(
            r#"{{"Code":"ConditionalCheckFailed","Item":{{"PK":{{"S":"SVC#booking"}},
            "service":{{"S":"booking"}},"version":{{"N":"{version}"}},
            "last_cycle":{{"N":"1"}},"last_cycle_at_ms":{{"N":"{cycle_ms}"}},
            "last_writer":{{"S":"{writer}"}}}}}}"#
        ))
    };
    let at = commit().head.last_cycle_at_ms;
    let check = async |body: String, expected: Committed| {
        assert_eq!(outcome(400, &body).await, Ok(expected), "{body}");
    };
    check(cancelled(r#"{"Code":"ConditionalCheckFailed"}"#), Committed::Conflict).await;
    check(old(at - 1, 3, "other"), Committed::Conflict).await;
    check(old(at, 3, "other"), Committed::AlreadyProcessed).await;
    check(old(at, 3, "w"), Committed::Done).await;
    for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let refused = outcome(400, &cancelled(&format!(r#"{{"Code":"{code}"}}"#))).await;
        assert!(matches!(refused, Ok(Committed::Throttled { .. })), "{code}: {refused:?}");
    }
    let stranger = cancelled(r#"{"Code":"None"},{"Code":"ConditionalCheckFailed"}"#);
    assert!(matches!(outcome(400, &stranger).await, Err(StateError::Damaged { .. })));
    let large = cancelled(r#"{"Code":"ValidationError"}"#);
    assert!(matches!(outcome(400, &large).await, Err(StateError::TooLarge { .. })));
}

#[tokio::test]
async fn other_answers_have_a_meaning() {
    let named = |name: &str| format!(r#"{{"__type":"x#{name}","message":"because"}}"#);
    let failing = outcome(500, &named("InternalServerError")).await;
    assert!(matches!(failing, Ok(Committed::Unknown { .. })), "{failing:?}");
    let garbled = outcome(200, "{").await;
    assert!(matches!(garbled, Ok(Committed::Unknown { .. })), "{garbled:?}");
    let busy = outcome(400, &named("ThrottlingException")).await;
    assert!(matches!(busy, Ok(Committed::Throttled { .. })), "{busy:?}");
    insta::assert_snapshot!(
        outcome(400, &named("AccessDeniedException")).await.unwrap_err(),
        @"state.db does not allow to write: HTTP 400 AccessDeniedException: because; check the permissions"
    );
    insta::assert_snapshot!(
        outcome(400, &named("ResourceNotFoundException")).await.unwrap_err(),
        @"state.db is not usable: there is no such table or index (HTTP 400 ResourceNotFoundException: because); deploy infra/template.yaml, or check the name and the region"
    );
    let no_index = r#"{"__type":"x#ValidationException",
        "message":"The table does not have the specified index: active"}"#;
    insta::assert_snapshot!(
        answering(400, no_index).1.active().await.unwrap_err(),
        @"state.db is not usable: it lacks an index (HTTP 400 ValidationException: The table does not have the specified index: active); it was made by another release: deploy infra/template.yaml again"
    );
}

#[tokio::test]
async fn a_commit_carries_its_condition_and_a_token() {
    let (engine, store) = answering(200, "{}");
    assert_eq!(store.commit(&commit()).await, Ok(Committed::Done));
    assert_eq!(store.commit(&commit()).await, Ok(Committed::Done));
    let mut other = commit();
    other.writer = "v".to_owned();
    assert_eq!(store.commit(&other).await, Ok(Committed::Done));
    let asked = engine.asked.lock().unwrap().clone();
    let bodies: Vec<serde_json::Value> = asked
        .iter()
        .filter(|(operation, _)| operation == "TransactWriteItems")
        .map(|(_, body)| serde_json::from_str(body).unwrap())
        .collect();
    let token = |index: usize| bodies[index]["ClientRequestToken"].as_str().unwrap();
    assert_eq!(token(0).len(), 36);
    assert_eq!(token(0), token(1), "the same commit again");
    assert_ne!(token(0), token(2), "another writer");
    let put = &bodies[0]["TransactItems"][0]["Put"];
    assert_eq!(put["ConditionExpression"], "#version = :replaced AND last_cycle_at_ms < :at");
    assert_eq!(put["ExpressionAttributeValues"][":replaced"]["N"], "2");
    assert_eq!(put["Item"]["PK"]["S"], "SVC#booking");
    assert_eq!(put["Item"]["SK"]["S"], "HEAD");
    let reads = asked.iter().filter(|(operation, _)| operation == "GetItem").count();
    assert_eq!(reads, 1, "the version of the table is read once");
}
