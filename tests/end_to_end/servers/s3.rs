//! A real S3 protocol server (moto) in memory, with what a test wants to know of a bucket.

use anyhow::{Result, ensure};

use super::moto::Moto;
use crate::http::{Answer, Request};
use crate::stage::Stage;

#[derive(Debug)]
pub(crate) struct S3(Moto);

impl S3 {
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        Ok(Self(Moto::start(stage)?))
    }

    pub(crate) fn url(&self) -> String {
        self.0.url()
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
        // Who does not sign may not read.
        let signed = Moto::signed("s3");
        let mut headers = vec![("Authorization", signed.as_str())];
        headers.extend(header);
        Request { method, headers: &headers, ..Request::get(path) }.send(self.0.port)
    }
}
