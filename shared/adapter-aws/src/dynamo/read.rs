//! Reads: heads consistently and in batches, lists through the indexes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use chrono::{DateTime, Utc};
use domain::ServiceName;
use futures_util::future::try_join_all;
use incident::{FingerprintId, IncidentId};
use pipeline::ports::incidents::{
    Commit, Committed, IncidentHistory, IncidentStore, IncidentSummary, LIST_MAX, StateError,
    StoredHead,
};

use super::item::{Item, text};
use super::layout::{self, ACTIVES, Index, PATTERN, PK, TIMELINE};
use super::{DynamoIncidents, commit, row};

/// Keys of one request.
const BATCH_KEYS: usize = 100;
/// Times that what a request left out is asked for again.
const BATCH_ROUNDS_MAX: u32 = 8;
const BATCH_WAIT: Duration = Duration::from_millis(40);
/// Answers of one list. Each has up to 1 MB.
const PAGES_MAX: usize = 1_000;

/// One query, with all that differs between them.
pub(super) struct Ask<'a> {
    pub(super) index: Option<Index>,
    pub(super) partition: String,
    pub(super) newest_first: bool,
    /// Rows that are read at most, and that are kept.
    pub(super) limit: usize,
    pub(super) keeps: &'a (dyn Fn(&Item) -> bool + Sync),
    pub(super) action: &'static str,
}

#[async_trait]
impl IncidentStore for DynamoIncidents {
    async fn heads(
        &self,
        services: &[ServiceName],
    ) -> Result<BTreeMap<ServiceName, StoredHead>, StateError> {
        // The same key twice would be refused.
        let services: BTreeSet<&ServiceName> = services.iter().collect();
        let keys: Vec<Item> = services.into_iter().map(layout::head_key).collect();
        let items = self.batch(keys, "read heads").await?;
        let heads = items.iter().map(|item| {
            let stored = row::head_from(item).map_err(|why| self.damaged("a head", why))?;
            Ok((stored.head.service.clone(), stored))
        });
        heads.collect()
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StateError> {
        commit::commit(self, self.ready().await?, commit).await
    }

    async fn active(&self) -> Result<Vec<IncidentSummary>, StateError> {
        self.summaries(ACTIVES, layout::ACTIVE.to_owned(), None, LIST_MAX).await
    }

    async fn of_service(
        &self,
        service: &ServiceName,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError> {
        let partition = layout::timeline_partition(service);
        self.summaries(TIMELINE, partition, Some(now), limit).await
    }

    async fn of_fingerprint(
        &self,
        fingerprint: &FingerprintId,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError> {
        let partition = layout::pattern_partition(fingerprint);
        self.summaries(PATTERN, partition, Some(now), limit).await
    }

    async fn incident(
        &self,
        id: &IncidentId,
        now: DateTime<Utc>,
    ) -> Result<Option<IncidentHistory>, StateError> {
        let items = self
            .query(Ask {
                index: None,
                partition: layout::incident_partition(id),
                newest_first: false,
                limit: LIST_MAX,
                keeps: &|item| !layout::is_expired(item, now),
                action: "read an incident",
            })
            .await?;
        let Some(own) = items.iter().find(|item| row::is_incident(item)) else { return Ok(None) };
        let damaged = |why| self.damaged("an incident", why);
        let record = row::incident_from(own).map_err(damaged)?;
        let events = items.iter().filter(|item| !row::is_incident(item));
        let events = events.map(|item| row::event_from(item).map_err(damaged));
        let events = events.collect::<Result<_, _>>()?;
        Ok(Some(IncidentHistory { record, events }))
    }

    async fn everything(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError> {
        let client = self.ready().await?;
        let mut pages = client
            .scan()
            .table_name(&self.table)
            .filter_expression("begins_with(PK, :incident) AND SK = :meta")
            .expression_attribute_values(":incident", text(layout::INCIDENT_START))
            .expression_attribute_values(":meta", text(layout::META))
            .into_paginator()
            .send();
        let mut summaries = Vec::new();
        for _ in 0..PAGES_MAX {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|error| self.error_of("read all incidents", &error))?;
            let items = page.items.unwrap_or_default();
            let items = items.iter().filter(|item| !layout::is_expired(item, now));
            for item in items {
                summaries.push(self.summary(item)?);
            }
            if summaries.len() >= limit {
                break;
            }
        }
        summaries.truncate(limit);
        Ok(summaries)
    }

    fn describe(&self) -> String {
        self.place_name()
    }
}

impl DynamoIncidents {
    async fn summaries(
        &self,
        index: Index,
        partition: String,
        now: Option<DateTime<Utc>>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError> {
        let keeps = |item: &Item| !now.is_some_and(|now| layout::is_expired(item, now));
        let newest_first = now.is_some();
        let action = "list incidents";
        let ask = Ask { index: Some(index), partition, newest_first, limit, keeps: &keeps, action };
        let items = self.query(ask).await?;
        items.iter().map(|item| self.summary(item)).collect()
    }

    fn summary(&self, item: &Item) -> Result<IncidentSummary, StateError> {
        row::summary_from(item).map_err(|why| self.damaged("an incident", why))
    }

    /// The rows of one partition, page after page. The table itself is read consistently; an index
    /// cannot be.
    pub(super) async fn query(&self, ask: Ask<'_>) -> Result<Vec<Item>, StateError> {
        let client = self.ready().await?;
        let partition_name = ask.index.map_or(PK, |index| index.partition);
        let mut pages = client
            .query()
            .table_name(&self.table)
            .set_index_name(ask.index.map(|index| index.name.to_owned()))
            .consistent_read(ask.index.is_none())
            .key_condition_expression("#partition = :partition")
            .expression_attribute_names("#partition", partition_name)
            .expression_attribute_values(":partition", text(ask.partition))
            .scan_index_forward(!ask.newest_first)
            .into_paginator()
            .page_size(i32::try_from(ask.limit.clamp(1, 1_000)).unwrap_or(1_000))
            .send();
        let mut items = Vec::new();
        for _ in 0..PAGES_MAX {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|error| self.error_of(ask.action, &error))?;
            items.extend(
                page.items.unwrap_or_default().into_iter().filter(|item| (ask.keeps)(item)),
            );
            if items.len() >= ask.limit {
                break;
            }
        }
        items.truncate(ask.limit);
        Ok(items)
    }

    /// Rows by their keys, consistently, a hundred a request, all requests side by side.
    pub(super) async fn batch(
        &self,
        keys: Vec<Item>,
        action: &'static str,
    ) -> Result<Vec<Item>, StateError> {
        let client = self.ready().await?;
        let requests = keys.chunks(BATCH_KEYS).map(|keys| self.batch_of(client, keys, action));
        Ok(try_join_all(requests).await?.into_iter().flatten().collect())
    }

    async fn batch_of(
        &self,
        client: &Client,
        keys: &[Item],
        action: &'static str,
    ) -> Result<Vec<Item>, StateError> {
        let mut left = keys.to_vec();
        let mut items = Vec::new();
        for round in 0..BATCH_ROUNDS_MAX {
            if round > 0 {
                tokio::time::sleep(BATCH_WAIT * 2_u32.pow(round)).await;
            }
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(left))
                .consistent_read(true)
                .build()
                .expect("keys are set");
            let answer = client.batch_get_item().request_items(&self.table, wanted).send().await;
            let answer = answer.map_err(|error| self.error_of(action, &error))?;
            items.extend(answer.responses.into_iter().flat_map(HashMap::into_values).flatten());
            let unprocessed = answer.unprocessed_keys.unwrap_or_default();
            left = unprocessed.into_values().flat_map(|wanted| wanted.keys).collect();
            if left.is_empty() {
                return Ok(items);
            }
        }
        let reason = format!("{} rows were left out of {BATCH_ROUNDS_MAX} answers", left.len());
        Err(StateError::Throttled { store: self.place_name(), action, reason })
    }
}
