//! The form in which models are stored.
//!
//! - [`envelope`]: a 64-byte header with a checksum, verified before anything is decoded
//! - [`codec`]: period model to bytes and back
//! - [`key`]: which object holds which model
//! - [`card`]: the readable JSON beside each model
//! - [`catalog`]: the one document that says which models are in force
//! - [`run`]: the record of one training run
//!
//! Models are immutable and the catalog is the only pointer. Every defect of stored bytes is a
//! typed error that says what is wrong; none is a panic.

pub mod card;
pub mod catalog;
pub mod codec;
pub mod envelope;
pub mod key;
pub mod known;
pub mod run;

pub use card::Card;
pub use catalog::Catalog;
pub use codec::{ArtifactError, decode, encode};
