//! A real VictoriaMetrics with its data in a temporary folder.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use tempfile::TempDir;

use crate::http::{Request, free_port};
use crate::process::Running;
use crate::recording::{self, Recording};
use crate::stage::Stage;

const READY_LIMIT: Duration = Duration::from_secs(30);
const VISIBLE_LIMIT: Duration = Duration::from_secs(30);
/// `{__name__!=""}`, percent-encoded: every series.
const EVERY_SERIES: &str = "%7B__name__%21%3D%22%22%7D";

#[derive(Debug)]
pub(crate) struct VictoriaMetrics {
    pub(crate) port: u16,
    _running: Running,
    _data: TempDir,
}

impl VictoriaMetrics {
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        let program = stage.tool("victoria-metrics").context("victoria-metrics is missing")?;
        let (port, data) = (free_port()?, tempfile::tempdir()?);
        let mut command = Command::new(program);
        command
            .arg(format!("-storageDataPath={}", data.path().join("data").display()))
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            // Recordings have dates of their own: whatever the clock says, they must not expire.
            .arg("-retentionPeriod=100y")
            .args(["-search.latencyOffset=0s", "-search.disableCache"]);
        let log = data.path().join("log");
        let mut running = Running::start("victoria-metrics", command, &log)?;
        running.wait_until(READY_LIMIT, || {
            Request::get("/health").send(port).is_ok_and(|answer| answer.status == 200)
        })?;
        Ok(Self { port, _running: running, _data: data })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Imports a recording and reads it back, because an import answers 204 whatever it dropped.
    pub(crate) fn import(&self, recording: &Recording) -> Result<()> {
        let before = self.samples_by_series(recording)?;
        self.import_lines(&recording.json_lines())?;
        let deadline = Instant::now() + VISIBLE_LIMIT;
        loop {
            let after = self.samples_by_series(recording)?;
            let missing = recording.samples_by_series.iter().find_map(|(series, expected)| {
                let gained = after.get(series).unwrap_or(&0) - before.get(series).unwrap_or(&0);
                (gained != *expected).then_some((series, gained, expected))
            });
            let Some((series, gained, expected)) = missing else { return Ok(()) };
            if Instant::now() >= deadline {
                bail!("{gained} of {expected} samples of {series} arrived");
            }
            // On a busy machine a flush may answer before its samples can be read.
            thread::sleep(Duration::from_millis(200));
            self.flush()?;
        }
    }

    /// Imports JSON lines as they are, and makes them visible.
    pub(crate) fn import_lines(&self, lines: &str) -> Result<()> {
        Request::post("/api/v1/import", lines.as_bytes()).send(self.port)?.ok("importing")?;
        self.flush()
    }

    /// Makes visible what was imported.
    pub(crate) fn flush(&self) -> Result<()> {
        Request::get("/internal/force_flush").send(self.port)?.ok("flushing").map(drop)
    }

    /// The value of a query at an instant, of its first series; an error if there is none.
    pub(crate) fn value(&self, query: &str, at: DateTime<Utc>) -> Result<f64> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/query?query={encoded}&time={}", at.timestamp());
        let answer = Request::get(&path).send(self.port)?.ok(query)?.json()?;
        let value = &answer["data"]["result"][0]["value"][1];
        let value =
            value.as_str().with_context(|| format!("{query} at {at} is empty: {answer}"))?;
        value.parse().with_context(|| format!("{query} is {value}"))
    }

    fn samples_by_series(&self, span: &Recording) -> Result<BTreeMap<String, usize>> {
        let path = format!(
            "/api/v1/export?match%5B%5D={EVERY_SERIES}&start={}&end={}",
            span.first.timestamp(),
            span.last.timestamp() + 1
        );
        let answer = Request::get(&path).send(self.port)?.ok("exporting")?;
        recording::count_samples(&answer.text())
    }
}
