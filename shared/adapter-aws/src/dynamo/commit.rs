//! One commit is one transaction: head, incidents, events and messages, or nothing.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use pipeline::ports::incidents::{COMMIT_WRITES_MAX, Commit, Committed, StateError};
use pipeline::ports::outbox::{OutboxMessage, ROW_BODY_BYTES_MAX};
use pipeline::ports::{Object, ObjectStore, StoreError};
use sha2::{Digest, Sha256};

use super::item::{Item, number};
use super::layout::{PK, VERSION};
use super::message_row::{Body, message_item};
use super::{DynamoIncidents, fault, row};
use crate::fault::Fault;

/// DynamoDB remembers a token of at most so many characters for ten minutes.
const TOKEN_CHARS: usize = 36;
const CONDITION_FAILED: &str = "ConditionalCheckFailed";
const NOT_THERE: &str = "attribute_not_exists(PK)";
const ACTION: &str = "write";

pub(super) async fn commit(
    it: &DynamoIncidents,
    client: &Client,
    commit: &Commit,
) -> Result<Committed, StateError> {
    check_size(it, commit)?;
    let mut writes = vec![head_write(it, commit)?];
    for incident in &commit.incidents {
        let item = row::incident_item(&incident.record).map_err(|why| too_odd(it, why))?;
        let condition = incident.is_new.then_some(NOT_THERE);
        writes.push(write(put(it, item, condition)));
    }
    for event in &commit.events {
        let item = row::event_item(event).map_err(|why| too_odd(it, why))?;
        writes.push(write(put(it, item, None)));
    }
    for message in &commit.messages {
        let body = body_of(it, message).await?;
        writes.push(write(put(it, message_item(message, &body), Some(NOT_THERE))));
    }
    let request = client.transact_write_items().client_request_token(token(&it.table, commit));
    match request.set_transact_items(Some(writes)).send().await {
        Ok(_) => Ok(Committed::Done),
        Err(error) => outcome_of(it, commit, &error),
    }
}

fn check_size(it: &DynamoIncidents, commit: &Commit) -> Result<(), StateError> {
    if commit.writes() <= COMMIT_WRITES_MAX {
        return Ok(());
    }
    Err(StateError::TooLarge {
        store: it.place_name(),
        what: format!("a cycle of {}", commit.head.service),
        reason: format!("{} writes, at most {COMMIT_WRITES_MAX}", commit.writes()),
    })
}

/// The condition that decides who wins.
fn head_write(it: &DynamoIncidents, commit: &Commit) -> Result<TransactWriteItem, StateError> {
    let item = row::head_item(commit).map_err(|why| too_odd(it, why))?;
    let condition = match (commit.replaced_version(), commit.is_cycle) {
        (0, _) => NOT_THERE,
        (_, false) => "#version = :replaced",
        (_, true) => "#version = :replaced AND last_cycle_at_ms < :at",
    };
    let mut put = put(it, item, Some(condition))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    if commit.replaced_version() > 0 {
        put = put
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":replaced", number(commit.replaced_version()));
        if commit.is_cycle {
            put = put.expression_attribute_values(":at", number(commit.head.last_cycle_at_ms));
        }
    }
    Ok(write(put))
}

fn put(
    it: &DynamoIncidents,
    item: Item,
    condition: Option<&str>,
) -> aws_sdk_dynamodb::types::builders::PutBuilder {
    let condition = condition.map(str::to_owned);
    Put::builder().table_name(&it.table).set_item(Some(item)).set_condition_expression(condition)
}

fn write(put: aws_sdk_dynamodb::types::builders::PutBuilder) -> TransactWriteItem {
    let put = put.build().expect("table and item are set");
    TransactWriteItem::builder().put(put).build()
}

fn too_odd(it: &DynamoIncidents, reason: String) -> StateError {
    StateError::TooLarge { store: it.place_name(), what: "an incident".to_owned(), reason }
}

/// Names this very commit, so that the SDK's own second attempt is the same request. Tokens are
/// those of an account and not of a table, and another plan must not bear the same one.
fn token(table: &str, commit: &Commit) -> String {
    let text = format!("{table}\n{commit:?}");
    hex(&Sha256::digest(text.as_bytes())).chars().take(TOKEN_CHARS).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A body that is too large for a row becomes an object before the row that names it is written.
async fn body_of(it: &DynamoIncidents, message: &OutboxMessage) -> Result<Body, StateError> {
    if message.message.body.len() <= ROW_BODY_BYTES_MAX {
        return Ok(Body::Here(message.message.body.clone()));
    }
    let too_large = |reason: String| StateError::TooLarge {
        store: it.place_name(),
        what: format!("message {} of {} bytes", message.message.id, message.message.body.len()),
        reason,
    };
    let Some(bodies) = &it.bodies else {
        let limit = format!("at most {ROW_BODY_BYTES_MAX} bytes without an object store beside it");
        return Err(too_large(limit));
    };
    // Named by its content: another plan of the same cycle has another body.
    let digest = hex(&Sha256::digest(message.message.body.as_bytes()));
    let key = format!("outbox/{}-{}.json", message.message.id, &digest[..16]);
    put_body(bodies, &key, &message.message.body)
        .await
        .map_err(|error| too_large(error.to_string()))?;
    Ok(Body::Object(key))
}

async fn put_body(bodies: &Arc<dyn ObjectStore>, key: &str, body: &str) -> Result<(), StoreError> {
    let object = Object { bytes: body.as_bytes(), content_type: "application/json" };
    match bodies.put_new(key, object).await {
        Ok(_) | Err(StoreError::AlreadyExists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn outcome_of(
    it: &DynamoIncidents,
    commit: &Commit,
    error: &SdkError<TransactWriteItemsError, HttpResponse>,
) -> Result<Committed, StateError> {
    let reason = Fault::of(error).reason;
    if fault::is_outcome_unknown(error) {
        return Ok(Committed::Unknown { reason });
    }
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    {
        return cancelled_for(it, commit, cancelled.cancellation_reasons(), reason);
    }
    match it.error_of(ACTION, error) {
        StateError::Throttled { reason, .. } => Ok(Committed::Throttled { reason }),
        error => Err(error),
    }
}

/// One reason per write, in their order; the head is the first.
fn cancelled_for(
    it: &DynamoIncidents,
    commit: &Commit,
    reasons: &[CancellationReason],
    reason: String,
) -> Result<Committed, StateError> {
    let codes = || reasons.iter().map(|reason| reason.code().unwrap_or_default());
    if codes().next() == Some(CONDITION_FAILED) {
        return Ok(reasons[0].item().map_or(Committed::Conflict, |old| lost_to(commit, old)));
    }
    if let Some(index) = codes().position(|code| code == CONDITION_FAILED) {
        let what = "a row that its head does not know";
        return Err(it.damaged(what, format!("write {index} of a commit found it there")));
    }
    if codes().any(fault::is_busy) {
        return Ok(Committed::Throttled { reason });
    }
    Err(StateError::TooLarge {
        store: it.place_name(),
        what: format!("a cycle of {}", commit.head.service),
        reason,
    })
}

/// What the head that is there says of a commit that was refused.
fn lost_to(commit: &Commit, old: &Item) -> Committed {
    if !old.contains_key(PK) {
        return Committed::Conflict;
    }
    match row::head_from(old) {
        Ok(old) if old.last_writer == commit.writer && old.head.version == commit.head.version => {
            Committed::Done
        }
        Ok(old) if commit.is_cycle && old.head.last_cycle_at_ms >= commit.head.last_cycle_at_ms => {
            Committed::AlreadyProcessed
        }
        _ => Committed::Conflict,
    }
}
