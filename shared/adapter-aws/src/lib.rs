//! AWS: the adapters between the ports and S3 and DynamoDB.
//!
//! - [`S3Store`]: a bucket as object store; conditional writes decide who wins
//! - [`DynamoIncidents`]: a table as store of incidents and outbox
//! - [`Engine`]: a DynamoDB inside the process, for the same adapter
//! - `fault`: what went wrong, by meaning
//!
//! This is the only crate that names `aws_sdk_*`.

mod dynamo;
mod fault;
mod key;
mod region;
mod s3_store;

pub use dynamo::{DynamoIncidents, DynamoOptions, Engine, Reply, table_properties};
pub use s3_store::{AccessKey, S3Options, S3Store};
