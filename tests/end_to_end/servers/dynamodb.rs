//! A real DynamoDB Local, in memory.

use std::process::Command;
use std::time::Duration;

use adapter_aws::{AccessKey, DynamoIncidents, DynamoOptions};
use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::http::{Request, free_port};
use crate::process::Running;
use crate::stage::Stage;

const READY_LIMIT: Duration = Duration::from_secs(90);

#[derive(Debug)]
pub(crate) struct DynamoDb {
    port: u16,
    _running: Running,
    _folder: TempDir,
}

impl DynamoDb {
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        let program = stage.tool("dynamodb-local").context("dynamodb-local is missing")?;
        let (port, folder) = (free_port()?, tempfile::tempdir()?);
        let mut command = Command::new(program);
        command.args(["-inMemory", "-sharedDb", "-disableTelemetry", "-port", &port.to_string()]);
        let mut running = Running::start("dynamodb-local", command, &folder.path().join("log"))?;
        // Whoever does not sign is answered 400: then it is there.
        running.wait_until(READY_LIMIT, || {
            Request::get("/").send(port).is_ok_and(|answer| answer.status == 400)
        })?;
        Ok(Self { port, _running: running, _folder: folder })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The adapter on a table of this server. Nothing is made yet.
    pub(crate) fn incidents(&self, table: &str) -> DynamoIncidents {
        let key = AccessKey { id: "test".to_owned(), secret: "test".to_owned() };
        let options = DynamoOptions {
            endpoint: Some(self.url()),
            region: Some("us-east-1".to_owned()),
            access_key: Some(key),
        };
        DynamoIncidents::new(table, options)
    }
}
