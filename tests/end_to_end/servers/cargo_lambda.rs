//! The functions themselves under `cargo lambda watch`, invoked as AWS invokes them.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Answer, Request, free_port};
use crate::process::Running;
use crate::stage::Stage;

const READY_LIMIT: Duration = Duration::from_secs(30);
/// Training's own limit in the template.
const INVOCATION_LIMIT: Duration = Duration::from_secs(900);

#[derive(Debug)]
pub(crate) struct Functions {
    port: u16,
    running: Running,
    _folder: TempDir,
}

impl Functions {
    /// Starts the emulator. `environment` is what both functions will see.
    pub(crate) fn start(stage: &Stage, environment: &[(&str, String)]) -> Result<Self> {
        // Built beforehand with the same profile and folder, so `watch` finds nothing to compile.
        stage.programs()?;
        let (port, folder) = (free_port()?, tempfile::tempdir()?);
        let mut command: Command = stage.cargo();
        command
            .args(["lambda", "watch", "-A", "127.0.0.1", "-P", &port.to_string()])
            .args(["--profile", &stage.profile()?, "--ignore-changes", "--offline"])
            .envs(environment.iter().map(|(name, value)| (name, value)));
        let log = folder.path().join("log");
        let mut running = Running::start("cargo lambda watch", command, &log)?;
        // It has no health page; any answer, here a 404, means that it listens.
        running.wait_until(READY_LIMIT, || Request::get("/").send(port).is_ok())?;
        Ok(Self { port, running, _folder: folder })
    }

    /// Invokes a function and returns its response; an error of the function is an error here.
    pub(crate) fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let answer = self.answer(function, event)?;
        answer.ok(function).with_context(|| format!("event {event}"))?.json()
    }

    /// Invokes a function that must fail and returns the message of its error.
    pub(crate) fn invoke_to_fail(&self, function: &str, event: &Value) -> Result<String> {
        let answer = self.answer(function, event)?;
        if answer.status != 500 {
            bail!("{function} accepted {event}: {} {}", answer.status, answer.text());
        }
        let message = answer.json()?["errorMessage"].as_str().map(str::to_owned);
        message.with_context(|| format!("no errorMessage in {}", answer.text()))
    }

    fn answer(&self, function: &str, event: &Value) -> Result<Answer> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let body = event.to_string();
        let request = Request { limit: INVOCATION_LIMIT, ..Request::post(&path, body.as_bytes()) };
        request.send_while(self.port, || self.check_function_lives())
    }

    /// The emulator never answers when a function did not compile or ended while starting.
    fn check_function_lives(&self) -> Result<()> {
        let log = self.running.log();
        if log.contains("command exited") {
            bail!("a function ended instead of answering:\n{log}");
        }
        Ok(())
    }
}
