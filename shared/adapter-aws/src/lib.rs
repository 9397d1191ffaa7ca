//! Models in S3: the adapter between the port `ObjectStore` and a bucket.
//!
//! - [`S3Store`]: the object store; conditional writes decide who wins
//! - `fault`: what went wrong, by meaning
//!
//! This is the only crate that names `aws_sdk_*`.

mod fault;
mod key;
mod s3_store;

pub use s3_store::{AccessKey, S3Options, S3Store};
