//! A bucket of S3, or of a server that speaks its protocol, as object store.
//!
//! The tag of an object is its `ETag`. Who wins of concurrent writers is decided by S3 itself:
//! `If-None-Match: *` for what must be new, `If-Match` for what must not have changed.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use pipeline::ports::{ETag, Object, ObjectStore, Read, StoreError};
use tokio::sync::OnceCell;

use crate::fault::{Fault, innermost};
use crate::key;
use crate::region::region_of_a_server;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 3;
/// Keys of one listing.
const KEYS_MAX: usize = 1_000_000;

/// How to reach S3 where the surroundings do not say so.
#[derive(Debug, Clone, Default)]
pub struct S3Options {
    /// The address of a server that speaks the protocol of S3.
    pub endpoint: Option<String>,
    /// Without one: the SDK's own search, or `us-east-1` where the bucket is part of the path.
    pub region: Option<String>,
    /// The bucket is the first segment of the path and not a part of the host: what most servers
    /// other than S3 want.
    pub path_style: bool,
    /// Without one: the SDK's own search.
    pub access_key: Option<AccessKey>,
}

/// A key to an emulator. Its secret is never shown.
#[derive(Clone)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccessKey({})", self.id)
    }
}

/// Objects below a prefix of a bucket.
#[derive(Debug)]
pub struct S3Store {
    bucket: String,
    prefix: String,
    options: S3Options,
    attempts: u32,
    /// Built when it is first used, so that a start needs no network.
    client: OnceCell<Client>,
}

impl S3Store {
    /// A store in `bucket` below `prefix` (which may be empty; slashes around it do not count).
    /// Nothing is connected yet.
    pub fn new(bucket: &str, prefix: &str, options: S3Options) -> S3Store {
        S3Store {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            options,
            attempts: ATTEMPTS,
            client: OnceCell::new(),
        }
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(|| connect(&self.options, self.attempts)).await
    }

    async fn put(&self, whole: String, object: Object<'_>) -> PutObjectFluentBuilder {
        self.client()
            .await
            .put_object()
            .bucket(&self.bucket)
            .key(whole)
            .content_type(object.content_type)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(ByteStream::from(object.bytes.to_vec()))
    }

    async fn send(&self, put: PutObjectFluentBuilder) -> Result<ETag, Fault> {
        let output = put.send().await.map_err(|error| Fault::of(&error))?;
        Ok(ETag(output.e_tag.unwrap_or_default()))
    }

    async fn body_of(
        &self,
        output: GetObjectOutput,
        key: &str,
        bytes_max: usize,
    ) -> Result<Read, StoreError> {
        let too_large =
            || StoreError::TooLarge { store: self.describe(), key: key.to_owned(), bytes_max };
        let announced = output.content_length.and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > bytes_max) {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
        let mut body = output.body;
        while let Some(part) = body.try_next().await.map_err(|error| {
            self.unavailable("read", key, format!("its answer broke off ({})", innermost(&error)))
        })? {
            if bytes.len() + part.len() > bytes_max {
                return Err(too_large());
            }
            bytes.extend_from_slice(&part);
        }
        Ok(Read::Found { bytes, etag: ETag(output.e_tag.unwrap_or_default()) })
    }

    /// The error for what the caller has no meaning of its own for.
    fn error_of(&self, fault: Fault, action: &'static str, key: &str) -> StoreError {
        match fault.status {
            Some(401 | 403) => StoreError::Denied {
                store: self.describe(),
                action,
                key: key.to_owned(),
                reason: fault.reason,
            },
            _ => self.unavailable(action, key, fault.reason),
        }
    }

    fn unavailable(&self, action: &'static str, key: &str, reason: String) -> StoreError {
        StoreError::Unavailable { store: self.describe(), action, key: key.to_owned(), reason }
    }

    /// What every whole key begins with and no caller sees.
    fn hidden(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn get(
        &self,
        key: &str,
        unless: Option<&ETag>,
        bytes_max: usize,
    ) -> Result<Read, StoreError> {
        let whole = key::whole(&self.prefix, key)?;
        let request = self.client().await.get_object().bucket(&self.bucket).key(whole);
        let request = request.set_if_none_match(unless.map(|etag| etag.0.clone()));
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => {
                let fault = Fault::of(&error);
                let (store, key) = (self.describe(), key.to_owned());
                return match fault.status {
                    Some(304) => Ok(Read::NotModified),
                    _ if fault.is_missing_object() => Err(StoreError::NotFound { store, key }),
                    _ => Err(self.error_of(fault, "read", &key)),
                };
            }
        };
        self.body_of(output, key, bytes_max).await
    }

    async fn put_new(&self, key: &str, object: Object<'_>) -> Result<ETag, StoreError> {
        let whole = key::whole(&self.prefix, key)?;
        let put = self.put(whole, object).await.if_none_match("*");
        self.send(put).await.map_err(|fault| {
            let (store, key) = (self.describe(), key.to_owned());
            match fault.status {
                Some(412) => StoreError::AlreadyExists { store, key },
                _ if fault.is_conflict() => StoreError::Precondition { store, key },
                _ => self.error_of(fault, "write", &key),
            }
        })
    }

    async fn put_if(
        &self,
        key: &str,
        object: Object<'_>,
        expected: &ETag,
    ) -> Result<ETag, StoreError> {
        let whole = key::whole(&self.prefix, key)?;
        let put = self.put(whole, object).await.if_match(&expected.0);
        self.send(put).await.map_err(|fault| {
            let lost =
                fault.status == Some(412) || fault.is_conflict() || fault.is_missing_object();
            if lost {
                return StoreError::Precondition { store: self.describe(), key: key.to_owned() };
            }
            self.error_of(fault, "write", key)
        })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let hidden = self.hidden();
        let request = self.client().await.list_objects_v2().bucket(&self.bucket);
        let mut pages = request.prefix(format!("{hidden}{prefix}")).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.error_of(Fault::of(&error), "list", prefix))?;
            let names = page.contents.unwrap_or_default().into_iter().filter_map(|item| item.key);
            keys.extend(names.filter_map(|name| name.strip_prefix(&hidden).map(str::to_owned)));
            if keys.len() > KEYS_MAX {
                let reason = format!("there are more than {KEYS_MAX} keys");
                return Err(self.unavailable("list", prefix, reason));
            }
        }
        keys.sort();
        Ok(keys)
    }

    fn describe(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix).trim_end_matches('/').to_owned()
    }
}

async fn connect(options: &S3Options, attempts: u32) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .timeout_config(timeouts);
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    } else if options.path_style {
        loader = loader.region(region_of_a_server());
    }
    if let Some(endpoint) = &options.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(key) = &options.access_key {
        let credentials = Credentials::new(&key.id, &key.secret, None, None, "configuration");
        loader = loader.credentials_provider(credentials);
    }
    let config = loader.load().await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(options.path_style);
    Client::from_conf(config.build())
}

#[cfg(test)]
#[path = "s3_store_tests.rs"]
mod tests;
