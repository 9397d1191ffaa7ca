//! Messages: found through the index of due ones, changed only under a condition.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValue;
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use pipeline::ports::Read;
use pipeline::ports::incidents::{LIST_MAX, StateError};
use pipeline::ports::outbox::{
    CLAIM_LEASE, Claim, DELIVERED_KEPT, DamagedMessage, MessageKey, MessageStatus,
    OUTBOX_PARTITIONS, Outbox, QueuedMessage,
};

use super::DynamoIncidents;
use super::item::{Item, instant, number, text};
use super::layout::{self, DUE, PK, SK, STATUS, TTL};
use super::message_row::{
    ATTEMPTS, Body, CLAIMED_BY, LAST_ERROR, MessageRow, item_key, key_from, message_from,
};
use super::read::Ask;

/// Bytes of a body that was put aside.
const OBJECT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Characters of a reason that are kept.
const ERROR_CHARS_MAX: usize = 400;
/// Nobody is sending it: whoever claimed it has let its lease run out.
const IS_IDLE: &str = "#status IN (:pending, :dead) OR (#status = :sending AND #next <= :now)";

#[async_trait]
impl Outbox for DynamoIncidents {
    async fn waiting(&self, partition: u8, limit: usize) -> Result<Vec<QueuedMessage>, StateError> {
        let ask = Ask {
            index: Some(DUE),
            partition: layout::due_partition(partition),
            newest_first: false,
            limit,
            keeps: &|_| true,
            action: "list due messages",
        };
        let found = self.query(ask).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let keys = found.iter().map(|item| {
            item.iter()
                .filter(|(name, _)| *name == PK || *name == SK)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Item>()
        });
        let items = self.batch(keys.collect(), "read due messages").await?;
        let (mut waiting, damaged) = self.messages(&items).await;
        for DamagedMessage { key, reason } in damaged {
            tracing::error!(message_id = %key.id, %reason, "a message cannot be read and is left");
        }
        waiting.retain(|it| matches!(it.status, MessageStatus::Pending | MessageStatus::Sending));
        waiting.sort_by(|a, b| {
            (a.next_attempt_at, a.message.key()).cmp(&(b.next_attempt_at, b.message.key()))
        });
        Ok(waiting)
    }

    async fn claim(
        &self,
        key: &MessageKey,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Claim>, StateError> {
        let update = self
            .update(key)
            .await?
            .update_expression(
                "SET #status = :sending, #claimed_by = :owner, #attempts = #attempts + :one, #next = :lease",
            )
            .condition_expression("#status IN (:pending, :sending) AND #next <= :now")
            .expression_attribute_names("#claimed_by", CLAIMED_BY)
            .expression_attribute_names("#attempts", ATTEMPTS)
            .expression_attribute_names("#next", DUE.sort)
            .expression_attribute_values(":sending", status(MessageStatus::Sending))
            .expression_attribute_values(":pending", status(MessageStatus::Pending))
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":lease", text(instant(now + CLAIM_LEASE)))
            .expression_attribute_values(":now", text(instant(now)))
            .return_values(ReturnValue::AllNew);
        let Some(changed) = self.apply(update, "claim a message").await? else { return Ok(None) };
        let item = changed.attributes.unwrap_or_default();
        let row = message_from(&item).map_err(|why| self.damaged("a message", why))?;
        Ok(Some(Claim { owner: owner.to_owned(), queued: self.with_body(row).await? }))
    }

    async fn delivered(&self, claim: &Claim, now: DateTime<Utc>) -> Result<bool, StateError> {
        let update = self
            .end(claim, MessageStatus::Delivered)
            .await?
            .update_expression(
                "SET #status = :status, delivered_at = :now, #ttl = :ttl REMOVE #due, #claimed_by",
            )
            .expression_attribute_names("#due", DUE.partition)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":now", text(instant(now)))
            .expression_attribute_values(":ttl", number((now + DELIVERED_KEPT).timestamp()));
        Ok(self.apply(update, "mark a message delivered").await?.is_some())
    }

    async fn reschedule(
        &self,
        claim: &Claim,
        at: DateTime<Utc>,
        reason: &str,
    ) -> Result<bool, StateError> {
        let update = self
            .end(claim, MessageStatus::Pending)
            .await?
            .update_expression(
                "SET #status = :status, #next = :at, #error = :error REMOVE #claimed_by",
            )
            .expression_attribute_names("#next", DUE.sort)
            .expression_attribute_names("#error", LAST_ERROR)
            .expression_attribute_values(":at", text(instant(at)))
            .expression_attribute_values(":error", text(shortened(reason)));
        Ok(self.apply(update, "reschedule a message").await?.is_some())
    }

    async fn bury(&self, claim: &Claim, reason: &str) -> Result<bool, StateError> {
        let update = self
            .end(claim, MessageStatus::Dead)
            .await?
            .update_expression("SET #status = :status, #error = :error REMOVE #due, #claimed_by")
            .expression_attribute_names("#due", DUE.partition)
            .expression_attribute_names("#error", LAST_ERROR)
            .expression_attribute_values(":error", text(shortened(reason)));
        Ok(self.apply(update, "give up a message").await?.is_some())
    }

    async fn list(
        &self,
        wanted: MessageStatus,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<QueuedMessage>, StateError> {
        let keeps = |item: &Item| {
            item.get(STATUS) == Some(&status(wanted)) && !layout::is_expired(item, now)
        };
        let items = self.of_all_partitions(limit, &keeps).await?;
        let (mut listed, _) = self.messages(&items).await;
        listed.sort_by_key(|queued| queued.message.key());
        listed.sort_by_key(|queued| queued.message.created_at);
        Ok(listed)
    }

    async fn unreadable(&self) -> Result<Vec<DamagedMessage>, StateError> {
        let items = self.of_all_partitions(LIST_MAX, &|_| true).await?;
        Ok(self.messages(&items).await.1)
    }

    async fn retry(&self, key: &MessageKey, now: DateTime<Utc>) -> Result<bool, StateError> {
        let update = self
            .update(key)
            .await?
            .update_expression("SET #status = :pending, #due = :due, #next = :now")
            .condition_expression(IS_IDLE)
            .expression_attribute_names("#due", DUE.partition)
            .expression_attribute_names("#next", DUE.sort)
            .expression_attribute_values(":pending", status(MessageStatus::Pending))
            .expression_attribute_values(":dead", status(MessageStatus::Dead))
            .expression_attribute_values(":sending", status(MessageStatus::Sending))
            .expression_attribute_values(":due", text(layout::due_partition(key.partition)))
            .expression_attribute_values(":now", text(instant(now)));
        Ok(self.apply(update, "retry a message").await?.is_some())
    }

    async fn forget(&self, key: &MessageKey, now: DateTime<Utc>) -> Result<bool, StateError> {
        let delete = self
            .ready()
            .await?
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(item_key(key)))
            .condition_expression(IS_IDLE)
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#next", DUE.sort)
            .expression_attribute_values(":pending", status(MessageStatus::Pending))
            .expression_attribute_values(":dead", status(MessageStatus::Dead))
            .expression_attribute_values(":sending", status(MessageStatus::Sending))
            .expression_attribute_values(":now", text(instant(now)));
        match delete.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(self.error_of("forget a message", &error)),
        }
    }
}

fn status(status: MessageStatus) -> aws_sdk_dynamodb::types::AttributeValue {
    text(status.as_str())
}

fn shortened(reason: &str) -> String {
    reason.chars().take(ERROR_CHARS_MAX).collect()
}

impl DynamoIncidents {
    async fn update(&self, key: &MessageKey) -> Result<UpdateItemFluentBuilder, StateError> {
        let update = self.ready().await?.update_item().table_name(&self.table);
        Ok(update.set_key(Some(item_key(key))).expression_attribute_names("#status", STATUS))
    }

    /// An update that holds only for the newest claim.
    async fn end(
        &self,
        claim: &Claim,
        next: MessageStatus,
    ) -> Result<UpdateItemFluentBuilder, StateError> {
        let update = self.update(&claim.key()).await?;
        Ok(update
            .condition_expression(
                "#status = :sending AND #claimed_by = :owner AND #attempts = :attempts",
            )
            .expression_attribute_names("#claimed_by", CLAIMED_BY)
            .expression_attribute_names("#attempts", ATTEMPTS)
            .expression_attribute_values(":sending", status(MessageStatus::Sending))
            .expression_attribute_values(":owner", text(&claim.owner))
            .expression_attribute_values(":attempts", number(claim.queued.attempts))
            .expression_attribute_values(":status", status(next)))
    }

    /// `None` if the condition did not hold.
    async fn apply(
        &self,
        update: UpdateItemFluentBuilder,
        action: &'static str,
    ) -> Result<Option<UpdateItemOutput>, StateError> {
        match update.send().await {
            Ok(changed) => Ok(Some(changed)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.error_of(action, &error)),
        }
    }

    async fn of_all_partitions(
        &self,
        limit: usize,
        keeps: &(dyn Fn(&Item) -> bool + Sync),
    ) -> Result<Vec<Item>, StateError> {
        let partitions = (0..OUTBOX_PARTITIONS).map(|partition| {
            self.query(Ask {
                index: None,
                partition: layout::message_partition(partition),
                newest_first: false,
                limit,
                keeps,
                action: "list messages",
            })
        });
        Ok(try_join_all(partitions).await?.into_iter().flatten().collect())
    }

    /// Messages with their bodies, and those that cannot be read.
    async fn messages(&self, items: &[Item]) -> (Vec<QueuedMessage>, Vec<DamagedMessage>) {
        let (mut messages, mut damaged) = (Vec::new(), Vec::new());
        for item in items {
            let read = match message_from(item) {
                Ok(row) => self.with_body(row).await.map_err(|error| error.to_string()),
                Err(why) => Err(why),
            };
            match (read, key_from(item)) {
                (Ok(message), _) => messages.push(message),
                (Err(reason), Some(key)) => damaged.push(DamagedMessage { key, reason }),
                (Err(reason), None) => {
                    tracing::error!(%reason, "a row of the outbox has no key of a message");
                }
            }
        }
        (messages, damaged)
    }

    async fn with_body(&self, row: MessageRow) -> Result<QueuedMessage, StateError> {
        let mut queued = row.queued;
        queued.message.message.body = match row.body {
            Body::Here(body) => body,
            Body::Object(key) => self.fetch_body(&key).await?,
        };
        Ok(queued)
    }

    async fn fetch_body(&self, key: &str) -> Result<String, StateError> {
        let what = "a message";
        let Some(bodies) = &self.bodies else {
            let reason = format!("its body is the object {key}, and no object store is set");
            return Err(self.damaged(what, reason));
        };
        match bodies.get(key, None, OBJECT_BYTES_MAX).await {
            Ok(Read::Found { bytes, .. }) => String::from_utf8(bytes)
                .map_err(|_| self.damaged(what, format!("its body {key} is no text"))),
            Ok(Read::NotModified) => Err(self.damaged(what, format!("its body {key} is empty"))),
            Err(error) => Err(self.damaged(what, error.to_string())),
        }
    }
}
