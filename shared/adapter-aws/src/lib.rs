//! AWS: the adapters between the ports and S3, DynamoDB and SNS.
//!
//! - [`S3Store`]: a bucket as object store; conditional writes decide who wins
//! - [`DynamoIncidents`]: a table as store of incidents and outbox
//! - [`SnsTopic`]: a topic as receiver of alerts
//! - [`Engine`]: a DynamoDB inside the process, for the same adapter
//! - `fault`: what went wrong, by meaning
//!
//! This is the only crate that names `aws_sdk_*`.

mod dynamo;
mod fault;
mod key;
mod region;
mod s3_store;
mod sns;
#[cfg(test)]
mod sns_tests;

pub use dynamo::{DynamoIncidents, DynamoOptions, Engine, Reply, table_properties};
pub use s3_store::{AccessKey, S3Options, S3Store};
pub use sns::{SnsOptions, SnsTopic};
