//! A real DynamoDB Local, in memory.

use std::process::Command;
use std::time::Duration;

use adapter_aws::{AccessKey, DynamoIncidents, DynamoOptions};
use anyhow::{Context, Result};
use serde_json::{Value, json};
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

    /// A table as another release might have left it: its version is ours, and it has no index.
    pub(crate) fn create_table_without_indexes(&self, table: &str) -> Result<()> {
        let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
        let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
        let create = json!({
            "TableName": table,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [key("PK", "HASH"), key("SK", "RANGE")],
            "AttributeDefinitions": [text("PK"), text("SK")],
        });
        self.ask("CreateTable", &create)?;
        let version =
            json!({ "PK": { "S": "TABLE" }, "SK": { "S": "META" }, "version": { "N": "1" } });
        self.ask("PutItem", &json!({ "TableName": table, "Item": version }))
    }

    fn ask(&self, operation: &str, body: &Value) -> Result<()> {
        let target = format!("DynamoDB_20120810.{operation}");
        let signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=0";
        let headers = [
            ("Authorization", signed),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("X-Amz-Target", target.as_str()),
        ];
        let body = body.to_string();
        let request = Request { headers: &headers, ..Request::post("/", body.as_bytes()) };
        request.send(self.port)?.ok(operation).map(drop)
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
