//! The table itself: whether it is of this release's layout, and its creation on one machine.
//!
//! In the cloud the deployment template makes the table, with backups and a stream. Here it is
//! made only for a server of one's own or an engine inside the process.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
};
use pipeline::ports::incidents::StateError;

use crate::fault::Fault;

use super::item::{integer_at, number};
use super::layout::{INDEXES, Index, PK, SCHEMA_VERSION, SK, TTL, VERSION, version_key};
use super::{DynamoIncidents, Place};

const ACTIVE_WAIT: Duration = Duration::from_millis(250);
const ACTIVE_LOOKS_MAX: u32 = 120;
/// What the engine says of a table that it knows and that has no place for rows yet.
const NO_ROWS: &str = "no such table";

impl DynamoIncidents {
    /// Makes the table if there is none, and checks it if there is one. For one machine; functions
    /// work on a table that was deployed.
    pub async fn ensure_table(&self) -> Result<(), StateError> {
        let client = self.client().await;
        if matches!(self.place, Place::Inside(_)) {
            drop_half_made(self, client).await?;
        }
        match describe(self, client).await? {
            Some(table) => self.check_indexes(&table)?,
            None => {
                create(self, client).await?;
                set_expiry(self, client).await?;
            }
        }
        self.ready().await.map(drop)
    }

    fn check_indexes(&self, table: &TableDescription) -> Result<(), StateError> {
        let has = |index: &Index| {
            let name = Some(index.name);
            table.global_secondary_indexes().iter().any(|it| it.index_name() == name)
        };
        match INDEXES.iter().find(|index| !has(index)) {
            None => Ok(()),
            Some(index) => Err(StateError::Unusable {
                store: self.place_name(),
                reason: format!(
                    "it has no index {}; it was made by another release: start with a new one",
                    index.name
                ),
            }),
        }
    }
}

/// An engine inside the process makes a table in several steps, and may be killed between them.
/// The version is the first row, and it is written after the last step: without it there is
/// nothing to lose. On a server somebody else might be making the table right now.
async fn drop_half_made(it: &DynamoIncidents, client: &Client) -> Result<(), StateError> {
    let read = client.get_item().table_name(&it.table).set_key(Some(version_key()));
    let is_half_made = match read.send().await {
        Ok(answer) => answer.item.is_none(),
        Err(error) => Fault::of(&error).reason.contains(NO_ROWS),
    };
    if !is_half_made {
        return Ok(());
    }
    match client.delete_table().table_name(&it.table).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(it.error_of("make its table anew", &error)),
    }
}

/// Refuses a table of another layout. A table that says nothing is new: it is marked.
pub(super) async fn check_version(it: &DynamoIncidents, client: &Client) -> Result<(), StateError> {
    let read = client.get_item().table_name(&it.table).consistent_read(true);
    let read = read.set_key(Some(version_key())).send().await;
    let read = read.map_err(|error| it.error_of("read its version", &error))?;
    let Some(item) = read.item else { return mark_version(it, client).await };
    match integer_at(&item, VERSION) {
        Ok(SCHEMA_VERSION) => Ok(()),
        Ok(other) => Err(StateError::Unusable {
            store: it.place_name(),
            reason: format!(
                "its layout is version {other}, this release knows version {SCHEMA_VERSION}; run the release that wrote it, or start with a new one"
            ),
        }),
        Err(reason) => Err(it.damaged("a version", reason)),
    }
}

async fn mark_version(it: &DynamoIncidents, client: &Client) -> Result<(), StateError> {
    let put = client
        .put_item()
        .table_name(&it.table)
        .set_item(Some(version_key()))
        .item(VERSION, number(SCHEMA_VERSION))
        .condition_expression("attribute_not_exists(PK)");
    match put.send().await {
        Ok(_) => Ok(()),
        // Another process of this release, most likely; if not, the next start will tell.
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
        {
            Ok(())
        }
        Err(error) => Err(it.error_of("write its version", &error)),
    }
}

async fn describe(
    it: &DynamoIncidents,
    client: &Client,
) -> Result<Option<TableDescription>, StateError> {
    match client.describe_table().table_name(&it.table).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) =>
        {
            Ok(None)
        }
        Err(error) => Err(it.error_of("describe its table", &error)),
    }
}

async fn create(it: &DynamoIncidents, client: &Client) -> Result<(), StateError> {
    let create = with_keys(client.create_table().table_name(&it.table))
        .billing_mode(BillingMode::PayPerRequest);
    match create.send().await {
        Ok(_) => {}
        // Somebody else was quicker.
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => {}
        Err(error) => return Err(it.error_of("create its table", &error)),
    }
    for _ in 0..ACTIVE_LOOKS_MAX {
        let table = describe(it, client).await?;
        if table.is_some_and(|table| table.table_status == Some(TableStatus::Active)) {
            return Ok(());
        }
        tokio::time::sleep(ACTIVE_WAIT).await;
    }
    let (store, reason) = (it.place_name(), "its table does not become active".to_owned());
    Err(StateError::Unavailable { store, action: "create its table", reason })
}

async fn set_expiry(it: &DynamoIncidents, client: &Client) -> Result<(), StateError> {
    let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL).build();
    let expiry = expiry.map_err(|error| StateError::Unusable {
        store: it.place_name(),
        reason: error.to_string(),
    })?;
    let update = client.update_time_to_live().table_name(&it.table);
    match update.time_to_live_specification(expiry).send().await {
        Ok(_) => Ok(()),
        // Set by somebody else who made the same table.
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.meta().code() == Some("ValidationException")) =>
        {
            Ok(())
        }
        Err(error) => Err(it.error_of("set the expiry of its table", &error)),
    }
}

fn with_keys(create: CreateTableFluentBuilder) -> CreateTableFluentBuilder {
    let mut names = vec![PK, SK];
    for index in INDEXES {
        names.extend([index.partition, index.sort]);
    }
    names.sort_unstable();
    names.dedup();
    let create = create
        .set_attribute_definitions(Some(names.into_iter().map(definition).collect()))
        .key_schema(key(PK, KeyType::Hash))
        .key_schema(key(SK, KeyType::Range));
    create.set_global_secondary_indexes(Some(INDEXES.iter().map(index).collect()))
}

fn definition(name: &str) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .expect("name and type are set")
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
    key.build().expect("name and type are set")
}

fn index(it: &Index) -> GlobalSecondaryIndex {
    let projection = match it.holds {
        [] => Projection::builder().projection_type(ProjectionType::KeysOnly),
        names => Projection::builder()
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(names.iter().map(|it| (*it).to_owned()).collect())),
    };
    GlobalSecondaryIndex::builder()
        .index_name(it.name)
        .key_schema(key(it.partition, KeyType::Hash))
        .key_schema(key(it.sort, KeyType::Range))
        .projection(projection.build())
        .build()
        .expect("name and keys are set")
}
