//! A real Alertmanager with the routes and rules of the documentation.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Request, free_port};
use crate::process::Running;
use crate::stage::Stage;

const READY_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Alertmanager {
    port: u16,
    _running: Running,
    _data: TempDir,
}

impl Alertmanager {
    /// Starts it with a configuration.
    pub(crate) fn start(stage: &Stage, configuration: &str) -> Result<Self> {
        let program = stage.tool("prometheus-alertmanager").context("it is missing")?;
        let (port, data) = (free_port()?, tempfile::tempdir()?);
        let file = data.path().join("alertmanager.yml");
        fs::write(&file, configuration)?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", data.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // No address: it looks for no other Alertmanager.
            .arg("--cluster.listen-address=");
        let log = data.path().join("log");
        let mut running = Running::start("prometheus-alertmanager", command, &log)?;
        running.wait_until(READY_LIMIT, || {
            Request::get("/-/ready").send(port).is_ok_and(|answer| answer.status == 200)
        })?;
        Ok(Self { port, _running: running, _data: data })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Alerts that are firing, inhibited ones too.
    pub(crate) fn alerts(&self) -> Result<Vec<Value>> {
        self.list("/api/v2/alerts")
    }

    /// The same, as they are grouped for a receiver.
    pub(crate) fn groups(&self) -> Result<Vec<Value>> {
        self.list("/api/v2/alerts/groups")
    }

    fn list(&self, path: &str) -> Result<Vec<Value>> {
        let answer = Request::get(path).send(self.port)?.ok(path)?.json()?;
        Ok(answer.as_array().cloned().unwrap_or_default())
    }
}
