//! A real S3 protocol server (moto) in memory, with what a test wants to know of a bucket.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::http::{Answer, Request, free_port};
use crate::process::Running;
use crate::stage::Stage;

const READY_LIMIT: Duration = Duration::from_secs(60);
/// The server looks at who signs, not at the signature; who does not sign may not read.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
     SignedHeaders=host, Signature=0";

#[derive(Debug)]
pub(crate) struct S3 {
    port: u16,
    _running: Running,
    _folder: TempDir,
}

impl S3 {
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
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

    /// By address, not by name: the SDK then puts the bucket into the path, not the host.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn create_bucket(&self, bucket: &str) -> Result<()> {
        self.send("PUT", &format!("/{bucket}"), None)?.ok("creating a bucket").map(drop)
    }

    /// Writes an empty object under a condition and returns the status.
    pub(crate) fn put(&self, bucket: &str, key: &str, condition: (&str, &str)) -> Result<u16> {
        Ok(self.send("PUT", &format!("/{bucket}/{key}"), Some(condition))?.status)
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> Result<Answer> {
        self.send("GET", &format!("/{bucket}/{key}"), None)?.ok(key)
    }

    /// All keys of a bucket, sorted as S3 sorts them.
    pub(crate) fn keys(&self, bucket: &str) -> Result<Vec<String>> {
        let path = format!("/{bucket}?list-type=2&max-keys=1000");
        let listing = self.send("GET", &path, None)?.ok("listing")?.text();
        ensure!(
            !listing.contains("<IsTruncated>true"),
            "over a thousand keys: this listing reads one page only"
        );
        let keys = listing.split("<Key>").skip(1);
        Ok(keys.filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect())
    }

    fn send(&self, method: &str, path: &str, header: Option<(&str, &str)>) -> Result<Answer> {
        let mut headers = vec![("Authorization", SIGNED)];
        headers.extend(header);
        Request { method, headers: &headers, ..Request::get(path) }.send(self.port)
    }
}
