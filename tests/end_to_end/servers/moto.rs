//! A server of AWS' protocols in memory.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::http::{Request, free_port};
use crate::process::Running;
use crate::stage::Stage;

const READY_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Moto {
    pub(super) port: u16,
    _running: Running,
    _folder: TempDir,
}

impl Moto {
    pub(super) fn start(stage: &Stage) -> Result<Self> {
        let program = stage.tool("moto_server").context("moto_server is missing")?;
        let (port, folder) = (free_port()?, tempfile::tempdir()?);
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let mut running = Running::start("moto_server", command, &folder.path().join("log"))?;
        running.wait_until(READY_LIMIT, || {
            Request::get("/moto-api/data.json").send(port).is_ok_and(|answer| answer.status == 200)
        })?;
        Ok(Self { port, _running: running, _folder: folder })
    }

    /// By address, not by name: the SDK then puts a bucket into the path, not the host.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a request of a service is signed with: the server looks at who signs, not at the
    /// signature.
    pub(super) fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        )
    }
}
