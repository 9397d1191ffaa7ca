//! A DynamoDB inside the process, on one file of SQLite: incident state without cloud or server.
//!
//! - [`EmbeddedDynamo`]: the engine behind the adapter of `adapter-aws`
//! - `lock`: one owner of the file at a time
//!
//! The code that keeps incidents is that of production; only who answers it differs. A crate of
//! its own, so that what runs on Lambda does not carry the engine.

mod engine;
mod lock;

pub use engine::{EmbeddedDynamo, OpenError};
pub use lock::{LockError, Owner};
