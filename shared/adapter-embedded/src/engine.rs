//! The engine: opened under the lock, asked by operation, swept when it is opened and closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapter_aws::{Engine, Reply};
use async_trait::async_trait;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::lock::{FileLock, LockError, Owner};

/// Status of an answer that is no error.
const OK: u16 = 200;

/// An open file of incident state. While it lives, no other process opens the file.
#[derive(Clone)]
pub struct EmbeddedDynamo(Arc<Open>);

/// Shared with every operation under way, so that the lock outlives the last of them.
struct Open {
    database: Database,
    path: PathBuf,
    /// Released after the database is closed: fields are dropped in this order.
    _lock: FileLock,
}

/// Why the file could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("the incident state {path} cannot be opened: {reason}; is it a file that yaga wrote?")]
    Unusable { path: String, reason: String },
}

impl EmbeddedDynamo {
    /// Opens the file, which is made if there is none, and forgets what has expired. Waits a few
    /// seconds for another owner to end.
    pub fn open(path: &Path, owner: &Owner) -> Result<EmbeddedDynamo, OpenError> {
        let lock = FileLock::take(path, owner)?;
        let unusable = |error: DynoxideError| {
            let (path, reason) = (path.display().to_string(), error.to_string());
            OpenError::Unusable { path, reason }
        };
        let database = Database::new(&path.to_string_lossy()).map_err(unusable)?;
        database.sweep_ttl().map_err(unusable)?;
        Ok(EmbeddedDynamo(Arc::new(Open { database, path: path.to_owned(), _lock: lock })))
    }

    /// From now on, no write waits for the disk: many times faster, and still whole if the process
    /// is killed, but not if the machine is. For what can be made again, like a demo.
    pub fn without_waiting(self) -> Result<EmbeddedDynamo, OpenError> {
        let unusable = |error: DynoxideError| OpenError::Unusable {
            path: self.describe(),
            reason: error.to_string(),
        };
        self.0.database.enable_bulk_loading().map_err(unusable)?;
        Ok(self)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // What is left is swept when the file is opened next.
        drop(self.database.sweep_ttl());
    }
}

impl std::fmt::Debug for EmbeddedDynamo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EmbeddedDynamo({})", self.0.path.display())
    }
}

#[async_trait]
impl Engine for EmbeddedDynamo {
    async fn answer(&self, operation: &str, body: &str) -> Reply {
        let open = Arc::clone(&self.0);
        let (operation, body) = (operation.to_owned(), body.to_owned());
        // The engine blocks for the time of a write to the disk.
        let task = tokio::task::spawn_blocking(move || answer(&open.database, &operation, &body));
        task.await.unwrap_or_else(|error| {
            reply_to(&DynoxideError::InternalServerError(format!("the engine stopped: {error}")))
        })
    }

    fn describe(&self) -> String {
        self.0.path.display().to_string()
    }
}

fn answer(database: &Database, operation: &str, body: &str) -> Reply {
    let answered = match operation {
        "BatchGetItem" => ask(body, |request| database.batch_get_item(request)),
        "CreateTable" => ask(body, |request| database.create_table(request)),
        "DeleteItem" => ask(body, |request| database.delete_item(request)),
        "DeleteTable" => ask(body, |request| database.delete_table(request)),
        "DescribeTable" => ask(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => ask(body, |request| database.describe_time_to_live(request)),
        "GetItem" => ask(body, |request| database.get_item(request)),
        "PutItem" => ask(body, |request| database.put_item(request)),
        "Query" => ask(body, |request| database.query(request)),
        "Scan" => ask(body, |request| database.scan(request)),
        "TransactWriteItems" => ask(body, |request| database.transact_write_items(request)),
        "UpdateItem" => ask(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => ask(body, |request| database.update_time_to_live(request)),
        other => Err(DynoxideError::ValidationException(format!("no operation {other:?} here"))),
    };
    match answered {
        Ok(body) => Reply { status: OK, body },
        Err(error) => reply_to(&error),
    }
}

fn ask<Q: DeserializeOwned, A: Serialize>(
    body: &str,
    operate: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> dynoxide::Result<String> {
    let unreadable = |error: serde_json::Error| {
        DynoxideError::ValidationException(format!("the request cannot be read: {error}"))
    };
    let answer = operate(serde_json::from_str(body).map_err(unreadable)?)?;
    serde_json::to_string(&answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn reply_to(error: &DynoxideError) -> Reply {
    Reply { status: error.status_code(), body: error.to_json() }
}
