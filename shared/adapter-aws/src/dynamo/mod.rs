//! Incident state in one table of DynamoDB.
//!
//! - [`DynamoIncidents`]: the adapter of the ports `IncidentStore` and `Outbox`
//! - [`Engine`]: a DynamoDB inside the process that it can work on instead
//! - `layout`: keys and indexes; `row`, `message_row`: what is in a row; `item`: values
//! - `commit`: one transaction; `read`: heads and lists; `outbox`: claims; `table`: its creation
//!
//! Invariant: transitions are decided by the version of a head and by nothing else; no row is read
//! and written back without a condition.

mod client;
mod commit;
mod engine;
mod fault;
mod item;
mod layout;
mod message_row;
mod outbox;
mod read;
mod row;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use pipeline::ports::ObjectStore;
use pipeline::ports::incidents::StateError;
use tokio::sync::OnceCell;

pub use client::DynamoOptions;
pub use engine::{Engine, Reply};
pub use layout::table_properties;

/// Incident state in a table.
pub struct DynamoIncidents {
    table: String,
    place: Place,
    /// Where large bodies of messages go.
    bodies: Option<Arc<dyn ObjectStore>>,
    /// Built, and the table's version checked, when it is first used.
    client: OnceCell<Client>,
    checked: OnceCell<()>,
}

/// Who answers.
enum Place {
    Server(DynamoOptions),
    Inside(Arc<dyn Engine>),
}

/// The table of an engine inside the process: there is only one.
const TABLE_INSIDE: &str = "yaga-incidents";

impl DynamoIncidents {
    /// The state in a table. Nothing is connected yet.
    pub fn new(table: &str, options: DynamoOptions) -> DynamoIncidents {
        DynamoIncidents::at(table, Place::Server(options))
    }

    /// The state in an engine inside the process.
    pub fn inside(engine: Arc<dyn Engine>) -> DynamoIncidents {
        DynamoIncidents::at(TABLE_INSIDE, Place::Inside(engine))
    }

    /// The same, with a place for bodies of messages that are too large for a row.
    pub fn with_bodies(self, bodies: Arc<dyn ObjectStore>) -> DynamoIncidents {
        DynamoIncidents { bodies: Some(bodies), ..self }
    }

    /// The same, with connections of its own: those of a runtime end with it.
    pub fn reconnected(self) -> DynamoIncidents {
        DynamoIncidents { client: OnceCell::new(), ..self }
    }

    fn at(table: &str, place: Place) -> DynamoIncidents {
        let (client, checked) = (OnceCell::new(), OnceCell::new());
        DynamoIncidents { table: table.to_owned(), place, bodies: None, client, checked }
    }

    async fn client(&self) -> &Client {
        let make = async || match &self.place {
            Place::Server(options) => client::connect(options).await,
            Place::Inside(engine) => client::inside(Arc::clone(engine)),
        };
        self.client.get_or_init(make).await
    }

    /// The client, once it is known that the table is of this release's layout.
    async fn ready(&self) -> Result<&Client, StateError> {
        let client = self.client().await;
        self.checked.get_or_try_init(|| table::check_version(self, client)).await?;
        Ok(client)
    }

    /// What the store is, for messages.
    fn place_name(&self) -> String {
        match &self.place {
            Place::Server(_) => format!("dynamodb://{}", self.table),
            Place::Inside(engine) => engine.describe(),
        }
    }

    /// The meaning of an error for which the caller has none of its own.
    fn error_of<E>(&self, action: &'static str, error: &SdkError<E, HttpResponse>) -> StateError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        fault::meaning(&self.place_name(), action, error)
    }

    fn damaged(&self, what: &str, reason: String) -> StateError {
        StateError::Damaged { store: self.place_name(), what: what.to_owned(), reason }
    }
}

impl fmt::Debug for DynamoIncidents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamoIncidents({})", self.place_name())
    }
}
